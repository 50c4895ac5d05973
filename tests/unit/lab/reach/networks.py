"""A small VPC for one question at a time: 10.0.0.0/16 with a public and a private subnet, where nothing is denied."""

from collections.abc import Iterable, Mapping
from dataclasses import replace
from ipaddress import IPv4Address, IPv4Network
from typing import Any

from lab.reach.network import (
    ALL_PORTS,
    LOCAL,
    AclEntry,
    GatewayEndpoint,
    GroupRule,
    Interface,
    NatGateway,
    Network,
    NetworkAcl,
    Route,
    RouteTable,
    SecurityGroup,
    Subnet,
)

ANYWHERE = "0.0.0.0/0"
STRANGER, HOME = IPv4Address("198.51.100.1"), IPv4Address("203.0.113.7")
S3 = IPv4Address("3.5.0.1")


def group_rule(protocol: str, ports: int | tuple[int, int], peer: str = ANYWHERE) -> GroupRule:
    return GroupRule(protocol=protocol, ports=(ports, ports) if isinstance(ports, int) else ports, peer=peer)


ALL_TRAFFIC = group_rule("-1", ALL_PORTS)


def entry(number: int, ports: int | tuple[int, int] = ALL_PORTS, cidr: str = ANYWHERE, **more: Any) -> AclEntry:
    """Return an inbound rule of an ACL that allows TCP, unless it is said otherwise."""
    both = (ports, ports) if isinstance(ports, int) else ports
    about: dict[str, Any] = {"protocol": "tcp", "egress": False, "allow": True, **more}
    return AclEntry(number=number, ports=both, cidr=IPv4Network(cidr), **about)


def open_acl(id_: str) -> NetworkAcl:
    return acl(id_, [entry(100, protocol="-1")], [entry(100, protocol="-1")])


def acl(id_: str, inbound: Iterable[AclEntry], outbound: Iterable[AclEntry]) -> NetworkAcl:
    entries = (*(replace(each, egress=False) for each in inbound), *(replace(each, egress=True) for each in outbound))
    return NetworkAcl(id=id_, name=id_, entries=entries)


def group(
    id_: str, inbound: Iterable[GroupRule] = (ALL_TRAFFIC,), outbound: Iterable[GroupRule] = (ALL_TRAFFIC,)
) -> SecurityGroup:
    return SecurityGroup(id=id_, name=id_, inbound=tuple(inbound), outbound=tuple(outbound))


def host(name: str, private: str, group: str | None = None, public: str | None = None, **more: Any) -> Interface:
    """Return a host; its third number of address says its subnet: 0 is public, 1 is private."""
    return Interface(
        id=f"eni-{name}",
        instance=f"i-{name}",
        name=name,
        subnet={"0": "public", "1": "private"}[private.split(".")[2]],
        private=IPv4Address(private),
        public=IPv4Address(public) if public else None,
        groups=(group or name,),
        **more,
    )


WEB = host("web", "10.0.0.10", public="52.0.0.10")
APP = host("app", "10.0.0.11")
DB = host("db", "10.0.1.10")
BATCH = host("batch", "10.0.1.11")
NAT = NatGateway(
    id="nat", name="nat", subnet="public", private=IPv4Address("10.0.0.5"), public=(IPv4Address("52.0.0.5"),)
)
NAT_INSTANCE = host(
    "natter",
    "10.0.0.6",
    public="52.0.0.6",
    checks_addresses=False,
    forwards=(group_rule("tcp", 443, "10.0.1.0/24"), group_rule("tcp", 80, "10.0.1.0/24")),
)
LOCAL_ROUTE = Route(destination="10.0.0.0/16", target=LOCAL)


def routes(**by_table: Iterable[Route]) -> dict[str, RouteTable]:
    return {name: RouteTable(id=name, name=name, routes=(LOCAL_ROUTE, *more)) for name, more in by_table.items()}


def default_to(target: str, *, active: bool = True) -> Route:
    return Route(destination=ANYWHERE, target=target, active=active)


TO_S3 = Route(destination="pl-s3", target="vpce")
NETWORK = Network(
    region="us-east-1",
    cidrs=(IPv4Network("10.0.0.0/16"),),
    subnets={
        name: Subnet(id=name, name=name, cidr=IPv4Network(f"10.0.{number}.0/24"), zone="a", route_table=name, acl=name)
        for number, name in enumerate(("public", "private"))
    },
    route_tables=routes(public=[default_to("igw"), TO_S3], private=[default_to("nat"), TO_S3]),
    acls={name: open_acl(name) for name in ("public", "private")},
    groups={name: group(name) for name in ("web", "app", "db", "batch", "natter")},
    interfaces={each.id: each for each in (WEB, APP, DB, BATCH)},
    internet_gateways=frozenset({"igw"}),
    nat_gateways={"nat": NAT},
    endpoints={"vpce": GatewayEndpoint(id="vpce", name="vpce", prefix_list="pl-s3")},
    prefix_lists={"pl-s3": (IPv4Network("3.5.0.0/19"),)},
)


def changed(**parts: Mapping[str, Any]) -> Network:
    """Return the network with some of its parts replaced or added, by id."""
    fields: dict[str, Any] = {name: {**getattr(NETWORK, name), **part} for name, part in parts.items()}
    return replace(NETWORK, **fields)
