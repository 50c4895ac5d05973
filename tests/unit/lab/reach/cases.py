"""Questions that one rule of AWS decides, with the answer that its documentation gives.

Each rule's page stands at the function of lab/reach/engine.py that keeps it. An answer is ``arrives``, or which packet
stops, why and where: ``reply: SUBNET_ACL_RESTRICTION at public``.
"""

from dataclasses import dataclass, replace
from ipaddress import IPv4Address

from lab.reach.engine import End, Engine
from lab.reach.network import ALL_PORTS, NatGateway, Network, Route
from tests.unit.lab.reach.networks import (
    ALL_TRAFFIC,
    APP,
    BATCH,
    DB,
    HOME,
    NAT,
    NAT_INSTANCE,
    NETWORK,
    S3,
    STRANGER,
    TO_S3,
    WEB,
    acl,
    changed,
    default_to,
    entry,
    group,
    group_rule,
    host,
    routes,
)

CLIENT = 40000  # a port of Linux's own range


@dataclass(frozen=True)
class Case:
    """One question, and its answer."""

    rule: str
    network: Network
    source: End
    destination: End
    port: int
    answer: str
    protocol: str = "tcp"
    client: int = CLIENT
    nat_port: int = 2000


def answer_to(case: Case, engine: type[Engine] = Engine) -> str:
    """Return what an engine says: ours, or a mutant of it."""
    ports = (case.client, case.port)
    if case.protocol == "icmp":
        ports = divmod(case.port, 256)  # type and code
    said = engine(case.network).converse(
        case.source, case.destination, protocol=case.protocol, ports=ports, nat_port=case.nat_port
    )
    if said.succeeds:
        return "arrives"
    if said.stop is None:
        return "arrives, and has no reply"
    return f"{'reply' if said.reply else 'request'}: {said.stop.code} at {said.stop.id}"


ECHO = 8 * 256
TOO_BIG = 3 * 256 + 4
WITH_NAT_INSTANCE = replace(
    changed(
        interfaces={NAT_INSTANCE.id: NAT_INSTANCE},
        route_tables=routes(private=[default_to(NAT_INSTANCE.id)]),
        groups={
            "natter": group(
                "natter",
                [group_rule("tcp", 443, "10.0.1.0/24"), group_rule("tcp", 22, "10.0.1.0/24")],
                [group_rule("tcp", 443), group_rule("tcp", 22), group_rule("tcp", 80)],
            )
        },
    ),
    nat_gateways={},
)
REGIONAL = NatGateway(id="nat", name="nat", subnet=None, private=None, public=(IPv4Address("52.0.0.5"),))
# A private subnet's host with a public address: what comes in may, and what answers leaves by NAT.
EXPOSED = replace(DB, public=IPv4Address("52.0.0.77"))
WITH_ADDRESS = replace(APP, public=IPv4Address("52.0.0.11"))
NO_REPLIES = acl("public", [entry(100, protocol="-1")], [entry(100, 443)])
WEB_ALONE = changed(
    groups={"db": group("db", [group_rule("tcp", 3306, "web")]), "web": group("web", [group_rule("tcp", 80, "web")])}
)

CASES = [
    # --- routes
    Case("the local route leads anywhere in the VPC", NETWORK, WEB, DB, 3306, "arrives"),
    Case(
        "the longest prefix decides, whatever the order",
        changed(route_tables=routes(private=[default_to("nat"), Route(destination="198.51.0.0/16", target="gone")])),
        DB,
        STRANGER,
        443,
        "request: BAD_STATE_ATTACHMENT at private",
    ),
    Case(
        "without a route, nothing leaves",
        changed(route_tables=routes(private=[])),
        DB,
        STRANGER,
        443,
        "request: NO_ROUTE_TO_DESTINATION at private",
    ),
    Case(
        "a black hole is a route, and takes what it matches",
        changed(
            route_tables=routes(
                private=[default_to("nat"), Route(destination="198.51.100.0/24", target="", active=False)]
            )
        ),
        DB,
        STRANGER,
        443,
        "request: BAD_STATE_ROUTE at private",
    ),
    Case(
        "nobody answers for an address that no host has",
        NETWORK,
        WEB,
        IPv4Address("10.0.1.99"),
        22,
        "request: NO_POSSIBLE_DESTINATION at private",
    ),
    Case(
        "what answers takes its own subnet's route: it needs one",
        changed(route_tables=routes(public=[])),
        STRANGER,
        WEB,
        443,
        "reply: NO_ROUTE_TO_DESTINATION at public",
    ),
    Case(
        "what answers takes its own subnet's route: that of NAT loses it",
        changed(interfaces={DB.id: EXPOSED}),
        STRANGER,
        EXPOSED,
        443,
        "reply: LAB_REPLY_LEAVES_BY_ANOTHER_WAY at nat",
    ),
    Case(
        "where a prefix list and a route name the same block, the route decides",
        changed(route_tables=routes(private=[TO_S3, Route(destination="3.5.0.0/19", target="gone")])),
        DB,
        S3,
        443,
        "request: BAD_STATE_ATTACHMENT at private",
    ),
    Case(
        "a reply that comes from another address is none: to S3 it leaves by the endpoint",
        NETWORK,
        S3,
        WEB,
        443,
        "reply: LAB_REPLY_LEAVES_BY_ANOTHER_WAY at vpce",
    ),
    # --- the internet gateway
    Case("the internet reaches a public address", NETWORK, STRANGER, WEB, 443, "arrives"),
    Case(
        "the internet reaches no private address",
        NETWORK,
        STRANGER,
        APP,
        443,
        "request: IGW_PRIVATE_IP_ASSOCIATION_FOR_INGRESS at igw",
    ),
    Case("a host with a public address reaches the internet", NETWORK, WEB, STRANGER, 443, "arrives"),
    Case(
        "a host without one does not",
        NETWORK,
        APP,
        STRANGER,
        443,
        "request: IGW_PUBLIC_IP_ASSOCIATION_FOR_EGRESS at igw",
    ),
    Case(
        "nobody comes in where no gateway is attached",
        replace(NETWORK, internet_gateways=frozenset()),
        STRANGER,
        WEB,
        443,
        "request: NO_PATH at ",
    ),
    Case(
        "the gateway carries nothing to private addresses",
        NETWORK,
        WEB,
        IPv4Address("192.168.1.1"),
        443,
        "request: IGW_DESTINATION_ADDRESS_NOT_IN_RFC1918_EGRESS at igw",
    ),
    Case(
        "nor to shared ones",
        NETWORK,
        WEB,
        IPv4Address("100.64.1.1"),
        443,
        "request: IGW_DESTINATION_ADDRESS_NOT_IN_RFC6598_EGRESS at igw",
    ),
    Case(
        "and nothing from private addresses",
        NETWORK,
        IPv4Address("192.168.1.1"),
        WEB,
        443,
        "request: IGW_SOURCE_ADDRESS_NOT_IN_RFC1918_INGRESS at igw",
    ),
    Case(
        "nor from shared ones",
        NETWORK,
        IPv4Address("100.64.1.1"),
        WEB,
        443,
        "request: IGW_SOURCE_ADDRESS_NOT_IN_RFC6598_INGRESS at igw",
    ),
    Case(
        "a public address of the VPC is reached from inside, too", NETWORK, DB, IPv4Address("52.0.0.10"), 443, "arrives"
    ),
    Case(
        "and then ACLs see what comes in after the gateway has put the private address there",
        changed(
            acls={
                "public": acl(
                    "public",
                    [entry(90, 443, "52.0.0.10/32", allow=False), entry(100, protocol="-1")],
                    [entry(100, protocol="-1")],
                )
            }
        ),
        STRANGER,
        WEB,
        443,
        "arrives",
    ),
    # --- NAT gateways
    Case("a NAT gateway takes private hosts to the internet", NETWORK, DB, STRANGER, 443, "arrives"),
    Case("and UDP", NETWORK, DB, STRANGER, 53, "arrives", protocol="udp"),
    Case("and ping", NETWORK, DB, STRANGER, ECHO, "arrives", protocol="icmp"),
    Case(
        "it takes nobody in",
        NETWORK,
        STRANGER,
        IPv4Address("52.0.0.5"),
        443,
        "request: NGW_REQUIRES_SOURCE_IN_VPC at nat",
    ),
    Case(
        "whatever its subnet's ACL says",
        changed(acls={"public": acl("public", [], [])}),
        STRANGER,
        IPv4Address("52.0.0.5"),
        443,
        "request: NGW_REQUIRES_SOURCE_IN_VPC at nat",
    ),
    Case("not even from inside", NETWORK, WEB, IPv4Address("10.0.0.5"), 443, "request: NO_POSSIBLE_DESTINATION at nat"),
    Case(
        "one that is not available carries nothing",
        changed(nat_gateways={"nat": replace(NAT, available=False)}),
        DB,
        STRANGER,
        443,
        "request: BAD_STATE at nat",
    ),
    Case(
        "a private one has no address for the internet",
        changed(nat_gateways={"nat": replace(NAT, public=())}),
        DB,
        STRANGER,
        443,
        "request: IGW_PUBLIC_IP_ASSOCIATION_FOR_EGRESS at igw",
    ),
    Case(
        "its own subnet's ACL judges what comes to it",
        changed(acls={"public": acl("public", [entry(100, cidr="198.51.100.0/24")], [entry(100, protocol="-1")])}),
        DB,
        STRANGER,
        443,
        "request: SUBNET_ACL_RESTRICTION at public",
    ),
    Case(
        "and what it sends to the internet",
        changed(acls={"public": acl("public", [entry(100, protocol="-1")], [entry(100, cidr="10.0.0.0/16")])}),
        DB,
        STRANGER,
        443,
        "request: SUBNET_ACL_RESTRICTION at public",
    ),
    Case(
        "and the reply on the port that the gateway chose",
        changed(
            acls={
                "public": acl(
                    "public", [entry(100, cidr="10.0.0.0/16"), entry(110, (32768, 65535))], [entry(100, protocol="-1")]
                )
            }
        ),
        DB,
        STRANGER,
        443,
        "reply: SUBNET_ACL_RESTRICTION at public",
    ),
    Case(
        "which is not the client's",
        changed(
            acls={
                "public": acl(
                    "public", [entry(100, cidr="10.0.0.0/16"), entry(110, (1024, 32767))], [entry(100, protocol="-1")]
                )
            }
        ),
        DB,
        STRANGER,
        443,
        "arrives",
    ),
    Case(
        "and what it sends back to the host, on the client's own",
        changed(
            acls={"public": acl("public", [entry(100, protocol="-1")], [entry(100, 443), entry(110, (1024, 32767))])}
        ),
        DB,
        STRANGER,
        443,
        "reply: SUBNET_ACL_RESTRICTION at public",
    ),
    Case(
        "which the host's subnet judges once more",
        changed(acls={"private": acl("private", [entry(100, (1024, 32767))], [entry(100, protocol="-1")])}),
        DB,
        STRANGER,
        443,
        "reply: SUBNET_ACL_RESTRICTION at private",
    ),
    Case(
        "a regional one passes no ACL but the host's",
        changed(
            nat_gateways={"nat": REGIONAL},
            acls={"public": acl("public", [], [])},
        ),
        DB,
        STRANGER,
        443,
        "arrives",
    ),
    Case(
        "and wants an internet gateway",
        replace(changed(nat_gateways={"nat": REGIONAL}), internet_gateways=frozenset()),
        DB,
        STRANGER,
        443,
        "request: NO_ROUTE_TO_DESTINATION at nat",
    ),
    Case(
        "routes that lead to NAT from its own subnet lead in a circle",
        changed(route_tables=routes(public=[default_to("nat")])),
        DB,
        STRANGER,
        443,
        "request: LAB_ROUTES_IN_A_CIRCLE at nat",
    ),
    # --- NAT instances, and the source/destination check
    Case("a NAT instance takes private hosts to the internet", WITH_NAT_INSTANCE, DB, STRANGER, 443, "arrives"),
    Case(
        "and passes on what its nftables let through",
        WITH_NAT_INSTANCE,
        DB,
        STRANGER,
        22,
        "request: LAB_NAT_INSTANCE_FIREWALL at i-natter",
    ),
    Case(
        "its group judges what comes to it",
        WITH_NAT_INSTANCE,
        DB,
        STRANGER,
        80,
        "request: ENI_SG_RULES_MISMATCH at natter",
    ),
    Case(
        "and what it sends on",
        replace(
            WITH_NAT_INSTANCE,
            groups={**WITH_NAT_INSTANCE.groups, "natter": group("natter", [ALL_TRAFFIC], [group_rule("tcp", 22)])},
        ),
        DB,
        STRANGER,
        443,
        "request: ENI_SG_RULES_MISMATCH at natter",
    ),
    Case(
        "with its source/destination check it takes only what is for itself",
        replace(
            WITH_NAT_INSTANCE,
            interfaces={**WITH_NAT_INSTANCE.interfaces, NAT_INSTANCE.id: replace(NAT_INSTANCE, checks_addresses=True)},
        ),
        DB,
        STRANGER,
        443,
        "request: ENI_SOURCE_DEST_CHECK_RESTRICTION at eni-natter",
    ),
    Case(
        "it keeps the client's port, so its subnet's ACL judges the reply on that",
        replace(
            WITH_NAT_INSTANCE,
            acls={
                **NETWORK.acls,
                "public": acl(
                    "public", [entry(100, cidr="10.0.0.0/16"), entry(110, (32768, 65535))], [entry(100, protocol="-1")]
                ),
            },
        ),
        DB,
        STRANGER,
        443,
        "arrives",
    ),
    Case(
        "it takes nobody in",
        replace(
            WITH_NAT_INSTANCE,
            groups={**WITH_NAT_INSTANCE.groups, "natter": group("natter", [group_rule("tcp", 443, "10.0.1.0/24")])},
        ),
        STRANGER,
        NAT_INSTANCE,
        443,
        "request: ENI_SG_RULES_MISMATCH at natter",
    ),
    Case(
        "the ACL of its subnet judges what comes to it",
        replace(
            WITH_NAT_INSTANCE,
            acls={
                **NETWORK.acls,
                "public": acl(
                    "public",
                    [entry(90, cidr="10.0.1.0/24", allow=False), entry(100, protocol="-1")],
                    [entry(100, protocol="-1")],
                ),
            },
        ),
        DB,
        STRANGER,
        443,
        "request: SUBNET_ACL_RESTRICTION at public",
    ),
    Case(
        "what a route leads to it for itself is for itself",
        changed(
            interfaces={NAT_INSTANCE.id: NAT_INSTANCE},
            route_tables=routes(private=[Route(destination="10.0.0.0/24", target=NAT_INSTANCE.id)]),
        ),
        DB,
        NAT_INSTANCE,
        22,
        "arrives",
    ),
    # --- the S3 gateway endpoint
    Case(
        "a route with its prefix list leads to S3, by no address of the host's",
        changed(route_tables=routes(private=[TO_S3])),
        DB,
        S3,
        443,
        "arrives",
    ),
    Case(
        "and to nothing else",
        changed(route_tables=routes(private=[TO_S3])),
        DB,
        STRANGER,
        443,
        "request: NO_ROUTE_TO_DESTINATION at private",
    ),
    Case(
        "it takes no UDP",
        NETWORK,
        DB,
        S3,
        443,
        "request: VPCE_GATEWAY_PROTOCOL_RESTRICTION at vpce",
        protocol="udp",
    ),
    Case("but ping", NETWORK, DB, S3, ECHO, "arrives", protocol="icmp"),
    Case(
        "its replies pass the subnet's ACL",
        changed(acls={"private": acl("private", [entry(100, cidr="10.0.0.0/16")], [entry(100, protocol="-1")])}),
        DB,
        S3,
        443,
        "reply: SUBNET_ACL_RESTRICTION at private",
    ),
    # --- security groups
    Case(
        "a group lets in what a rule allows",
        changed(groups={"db": group("db", [group_rule("tcp", 3306, "10.0.0.0/24")])}),
        WEB,
        DB,
        3306,
        "arrives",
    ),
    Case(
        "on these ports alone",
        changed(groups={"db": group("db", [group_rule("tcp", 3306, "10.0.0.0/24")])}),
        WEB,
        DB,
        3307,
        "request: ENI_SG_RULES_MISMATCH at db",
    ),
    Case(
        "from these addresses alone",
        changed(groups={"db": group("db", [group_rule("tcp", 3306, "10.0.0.11/32")])}),
        WEB,
        DB,
        3306,
        "request: ENI_SG_RULES_MISMATCH at db",
    ),
    Case(
        "and of this protocol alone",
        changed(groups={"db": group("db", [group_rule("tcp", 3306)])}),
        WEB,
        DB,
        3306,
        "request: ENI_SG_RULES_MISMATCH at db",
        protocol="udp",
    ),
    Case(
        "a group lets out what a rule allows",
        changed(groups={"web": group("web", outbound=[group_rule("tcp", 443)])}),
        WEB,
        DB,
        3306,
        "request: ENI_SG_RULES_MISMATCH at web",
    ),
    Case(
        "a group without rules lets nothing in",
        changed(groups={"db": group("db", [])}),
        WEB,
        DB,
        3306,
        "request: SG_HAS_NO_RULES at db",
    ),
    Case(
        "groups are stateful: the reply needs no outbound rule",
        changed(groups={"db": group("db", outbound=[group_rule("icmp", (252, 86), "255.255.255.255/32")])}),
        WEB,
        DB,
        3306,
        "arrives",
    ),
    Case(
        "nor an inbound one where it comes back",
        changed(groups={"web": group("web", [group_rule("tcp", 22)])}),
        WEB,
        DB,
        3306,
        "arrives",
    ),
    Case("a reference lets members in", WEB_ALONE, WEB, DB, 3306, "arrives"),
    Case("and nobody else", WEB_ALONE, APP, DB, 3306, "request: ENI_SG_RULES_MISMATCH at db"),
    Case(
        "a reference holds for private addresses only",
        changed(groups={"web": group("web", [group_rule("tcp", 443, "batch")])}),
        BATCH,
        IPv4Address("52.0.0.10"),
        443,
        "request: SG_REFERENCES_NOT_PRESERVED at web",
    ),
    Case(
        "and not for the public addresses of members",
        changed(interfaces={APP.id: WITH_ADDRESS}, groups={"web": group("web", [group_rule("tcp", 443, "app")])}),
        WITH_ADDRESS,
        IPv4Address("52.0.0.10"),
        443,
        "request: SG_REFERENCES_NOT_PRESERVED at web",
    ),
    Case(
        "a reference lets out to members",
        changed(groups={"web": group("web", outbound=[group_rule("tcp", 3306, "db")])}),
        WEB,
        DB,
        3306,
        "arrives",
    ),
    Case(
        "and to nobody else",
        changed(groups={"web": group("web", outbound=[group_rule("tcp", 3306, "db")])}),
        WEB,
        BATCH,
        3306,
        "request: ENI_SG_RULES_MISMATCH at web",
    ),
    Case(
        "one rule of any group of a host is enough",
        changed(
            interfaces={DB.id: replace(DB, groups=("app", "db"))},
            groups={"app": group("app", []), "db": group("db", [group_rule("tcp", 3306)])},
        ),
        WEB,
        replace(DB, groups=("app", "db")),
        3306,
        "arrives",
    ),
    Case(
        "groups judge hosts of one subnet, too",
        changed(groups={"app": group("app", [group_rule("tcp", 80)])}),
        WEB,
        APP,
        443,
        "request: ENI_SG_RULES_MISMATCH at app",
    ),
    Case(
        "a prefix list names S3",
        changed(groups={"db": group("db", outbound=[group_rule("tcp", 443, "pl-s3")])}),
        DB,
        S3,
        443,
        "arrives",
    ),
    Case(
        "and nobody else",
        changed(groups={"db": group("db", outbound=[group_rule("tcp", 443, "pl-s3")])}),
        DB,
        STRANGER,
        443,
        "request: ENI_SG_RULES_MISMATCH at db",
    ),
    # --- network ACLs
    Case(
        "the lowest number decides, whatever the order: it denies",
        changed(
            acls={
                "public": acl(
                    "public", [entry(200, protocol="-1"), entry(100, 443, allow=False)], [entry(100, protocol="-1")]
                )
            }
        ),
        STRANGER,
        WEB,
        443,
        "request: SUBNET_ACL_RESTRICTION at public",
    ),
    Case(
        "the lowest number decides, whatever the order: it allows",
        changed(
            acls={
                "public": acl(
                    "public", [entry(200, protocol="-1", allow=False), entry(100, 443)], [entry(100, protocol="-1")]
                )
            }
        ),
        STRANGER,
        WEB,
        443,
        "arrives",
    ),
    Case(
        "what no rule matches is denied",
        changed(acls={"public": acl("public", [entry(100, 80)], [entry(100, protocol="-1")])}),
        STRANGER,
        WEB,
        443,
        "request: SUBNET_ACL_RESTRICTION at public",
    ),
    Case(
        "rules look at addresses",
        changed(acls={"public": acl("public", [entry(100, 22, "203.0.113.0/24")], [entry(100, protocol="-1")])}),
        HOME,
        WEB,
        22,
        "arrives",
    ),
    Case(
        "and deny all others",
        changed(acls={"public": acl("public", [entry(100, 22, "203.0.113.0/24")], [entry(100, protocol="-1")])}),
        STRANGER,
        WEB,
        22,
        "request: SUBNET_ACL_RESTRICTION at public",
    ),
    Case(
        "ACLs are stateless: the reply needs a rule of its own",
        changed(acls={"public": NO_REPLIES}),
        STRANGER,
        WEB,
        443,
        "reply: SUBNET_ACL_RESTRICTION at public",
    ),
    Case(
        "for the port that it goes to", changed(acls={"public": NO_REPLIES}), STRANGER, WEB, 22, "arrives", client=443
    ),
    Case("they say nothing within a subnet", changed(acls={"public": acl("public", [], [])}), WEB, APP, 443, "arrives"),
    Case(
        "they judge what leaves",
        changed(acls={"public": acl("public", [entry(100, protocol="-1")], [entry(100, 80)])}),
        WEB,
        DB,
        443,
        "request: SUBNET_ACL_RESTRICTION at public",
    ),
    Case(
        "and what enters",
        changed(acls={"private": acl("private", [entry(100, 80)], [entry(100, protocol="-1")])}),
        WEB,
        DB,
        443,
        "request: SUBNET_ACL_RESTRICTION at private",
    ),
    # --- ICMP and UDP
    Case("ping", NETWORK, WEB, DB, ECHO, "arrives", protocol="icmp"),
    Case(
        "a rule for TCP is none for ping",
        changed(groups={"db": group("db", [group_rule("tcp", ALL_PORTS)])}),
        WEB,
        DB,
        ECHO,
        "request: ENI_SG_RULES_MISMATCH at db",
        protocol="icmp",
    ),
    Case(
        "rules for ICMP have a type and a code",
        changed(groups={"db": group("db", [group_rule("icmp", (8, 0))])}),
        WEB,
        DB,
        ECHO,
        "arrives",
        protocol="icmp",
    ),
    Case(
        "of which -1 is any",
        changed(groups={"db": group("db", [group_rule("icmp", (8, -1))])}),
        WEB,
        DB,
        ECHO,
        "arrives",
        protocol="icmp",
    ),
    Case(
        "another type is another rule",
        changed(groups={"db": group("db", [group_rule("icmp", (3, -1))])}),
        WEB,
        DB,
        ECHO,
        "request: ENI_SG_RULES_MISMATCH at db",
        protocol="icmp",
    ),
    Case(
        "and so is another code",
        changed(groups={"db": group("db", [group_rule("icmp", (8, 1))])}),
        WEB,
        DB,
        ECHO,
        "request: ENI_SG_RULES_MISMATCH at db",
        protocol="icmp",
    ),
    Case(
        "an ACL judges the echo's reply on its own type",
        changed(acls={"private": acl("private", [entry(100, protocol="-1")], [entry(100, (8, 0), protocol="icmp")])}),
        WEB,
        DB,
        ECHO,
        "reply: SUBNET_ACL_RESTRICTION at private",
        protocol="icmp",
    ),
    Case(
        "what says that a packet is too big has no reply",
        NETWORK,
        WEB,
        DB,
        TOO_BIG,
        "arrives, and has no reply",
        protocol="icmp",
    ),
    Case(
        "UDP has replies, too",
        changed(acls={"public": NO_REPLIES}),
        STRANGER,
        WEB,
        53,
        "reply: SUBNET_ACL_RESTRICTION at public",
        protocol="udp",
    ),
    # --- what leads nowhere
    Case(
        "a host that takes what is for others, and is no NAT instance of ours",
        changed(
            interfaces={"eni-box": host("box", "10.0.0.20", "web", checks_addresses=False)},
            route_tables=routes(private=[default_to("eni-box")]),
        ),
        DB,
        STRANGER,
        443,
        "request: LAB_NAT_INSTANCE_FIREWALL at i-box",
    ),
    Case(
        "a subnet's route, more specific than the local one, leads to a host between",
        changed(
            interfaces={NAT_INSTANCE.id: NAT_INSTANCE},
            route_tables=routes(private=[Route(destination="10.0.0.0/24", target="eni-natter")]),
        ),
        DB,
        WEB,
        22,
        "request: LAB_NAT_INSTANCE_FIREWALL at i-natter",
    ),
]
