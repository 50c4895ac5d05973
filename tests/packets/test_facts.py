"""What AWS says of a VPC: so do packets, where the kernel decides and no code of ours, and so does the engine.

Pages: https://docs.aws.amazon.com/vpc/latest/userguide/ and the name that stands at each fact.
"""

import re
import subprocess
import sys
from dataclasses import replace
from ipaddress import IPv4Address, IPv4Network
from typing import Any

import pytest

from lab.packets.changes import with_rule, without
from lab.packets.keeper import Keeper
from lab.packets.probes import Outcome, Probe
from lab.packets.vpc import ELSEWHERE, outside_addresses
from lab.reach.engine import Engine
from lab.reach.network import (
    ALL_PORTS,
    LOCAL,
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
from tests.packets.cells import Cell, judged
from tests.packets.mutants import MUTANTS, mutant

NAT_PORTS = (33000, 33063)
ANYWHERE = "0.0.0.0/0"
EVERYTHING = GroupRule(protocol="-1", ports=ALL_PORTS, peer=ANYWHERE)
HTTP = GroupRule(protocol="tcp", ports=(80, 80), peer=ANYWHERE)
REACHED, UNANSWERED, LOST = "reached", "unanswered", "lost"
PUBLIC = {"a": "198.51.100.1", "e": "198.51.100.2", "nat": "198.51.100.9"}
S3 = IPv4Network("198.19.0.0/24")
CLIENT = """
import socket, sys
with socket.create_connection((sys.argv[1], 80), timeout=5, source_address=("", 40001)) as to:
    print(to.makefile().read())
"""


def host(name: str, subnet: str, private: str, group: str) -> Interface:
    address = IPv4Address(PUBLIC[name]) if name in PUBLIC else None
    return Interface(id=name, name=name, subnet=subnet, private=IPv4Address(private), public=address, groups=(group,))


def network() -> Network:
    """Return two subnets in which everything is open: a and e (with public addresses) and b, and behind NAT c and d."""
    acls = {name: NetworkAcl(id=name, name=name, entries=()) for name in ("public", "private")}
    groups = {
        f"of-{name}": SecurityGroup(id=f"of-{name}", name=f"of-{name}", inbound=(EVERYTHING,), outbound=(EVERYTHING,))
        for name in "abcde"
    }
    local = Route(destination="10.0.0.0/16", target=LOCAL)
    out = {"public": [("igw-1", ANYWHERE)], "private": [("nat-1", ANYWHERE), ("vpce-1", "pl-1")]}
    made = Network(
        region="us-east-1",
        cidrs=(IPv4Network("10.0.0.0/16"),),
        subnets={
            name: Subnet(
                id=name, name=name, cidr=IPv4Network(f"10.0.{number}.0/24"), zone="a", route_table=name, acl=name
            )
            for number, name in enumerate(("public", "private"))
        },
        route_tables={
            name: RouteTable(
                id=name, name=name, routes=(local, *(Route(destination=to, target=target) for target, to in routes))
            )
            for name, routes in out.items()
        },
        acls=acls,
        groups=groups,
        interfaces={
            each.id: each
            for each in (
                host("a", "public", "10.0.0.10", "of-a"),
                host("b", "public", "10.0.0.11", "of-b"),
                host("e", "public", "10.0.0.12", "of-e"),
                host("c", "private", "10.0.1.10", "of-c"),
                host("d", "private", "10.0.1.11", "of-d"),
            )
        },
        internet_gateways=frozenset(["igw-1"]),
        nat_gateways={
            "nat-1": NatGateway(
                id="nat-1",
                name="nat-1",
                subnet="public",
                private=IPv4Address("10.0.0.9"),
                public=(IPv4Address(PUBLIC["nat"]),),
            )
        },
        endpoints={"vpce-1": GatewayEndpoint(id="vpce-1", name="s3", prefix_list="pl-1")},
        prefix_lists={"pl-1": (S3,)},
    )
    for acl in acls:
        for way in ("inbound", "outbound"):
            made = with_rule(made, f"{acl} {way} 100 allow all {ANYWHERE}")
    return made


def ruled(*rules: str) -> Network:
    """Return the network with rules; one that begins with a minus is taken away."""
    made = network()
    for rule in rules:
        made = without(made, rule[1:])[0] if rule.startswith("-") else with_rule(made, rule)
    return made


def backwards(made: Network) -> Network:
    return replace(made, acls={id_: replace(acl, entries=acl.entries[::-1]) for id_, acl in made.acls.items()})


def routed(table: str, destination: str, target: str, *, active: bool = True) -> Network:
    made = network()
    routes = (*made.route_tables[table].routes, Route(destination=destination, target=target, active=active))
    return replace(made, route_tables={**made.route_tables, table: replace(made.route_tables[table], routes=routes)})


def unrouted(table: str, destination: str) -> Network:
    made = network()
    routes = tuple(each for each in made.route_tables[table].routes if each.destination != destination)
    return replace(made, route_tables={**made.route_tables, table: replace(made.route_tables[table], routes=routes)})


def with_groups(name: str, *groups: str) -> Network:
    made = ruled("-of-d inbound")
    return made.with_interfaces(replace(made.interfaces[name], groups=groups))


def with_nat_instance(*rules: str, checks: bool = False, passes: GroupRule = EVERYTHING) -> Network:
    made = replace(ruled(*rules), route_tables=routed("private", "192.0.2.0/24", "a").route_tables)
    forwards = (replace(passes, peer="10.0.0.0/16"),)
    return made.with_interfaces(replace(made.interfaces["a"], checks_addresses=checks, forwards=forwards))


def with_nat(**changes: object) -> Network:
    made = network()
    changed: NatGateway = replace(made.nat_gateways["nat-1"], **changes)  # type: ignore[arg-type]
    return replace(made, nat_gateways={"nat-1": changed})


NO_GATEWAY: dict[str, Any] = {"internet_gateways": frozenset()}
IN_PRIVATE = {"subnet": "private", "private": IPv4Address("10.0.1.9")}
# An address of the range is among those on the internet, as a rule names it.
FROM_PRIVATE, FROM_SHARED = (ruled(f"of-a inbound tcp 22 {cidr}") for cidr in ("172.16.5.0/24", "100.64.5.0/24"))
REGIONAL = {"subnet": None, "private": None}
FACTS: dict[str, tuple[Network, str, str, str, str]] = {
    # vpc-network-acls.html, vpc-security-groups.html: nothing is judged but by rules
    "all is open": (network(), "c", "a", "tcp 22", REACHED),
    "ping": (network(), "c", "a", "icmp 0", REACHED),
    "datagrams": (network(), "a", "d", "udp 53", REACHED),
    # VPC_Internet_Gateway.html: one public address for one private address
    "out by a public address": (network(), "a", "internet", "tcp 443", REACHED),
    "not out without one": (network(), "b", "internet", "tcp 443", LOST),
    "in by a public address": (network(), "internet", PUBLIC["a"], "tcp 22", REACHED),
    "not in by a private one": (network(), "internet", "10.0.0.10", "tcp 22", LOST),
    "to a public address from inside": (network(), "c", PUBLIC["a"], "tcp 22", REACHED),
    "no gateway": (replace(network(), **NO_GATEWAY), "a", "internet", "tcp 443", LOST),
    "nothing comes in": (replace(network(), **NO_GATEWAY), "internet", PUBLIC["a"], "tcp 22", LOST),
    "nothing from a private range": (FROM_PRIVATE, "172.16.5.1", PUBLIC["a"], "tcp 22", LOST),
    "nothing from a shared range": (FROM_SHARED, "100.64.5.1", PUBLIC["a"], "tcp 22", LOST),
    "nothing to a private range": (FROM_PRIVATE, "a", "172.16.5.1", "tcp 443", LOST),
    "nothing to a shared range": (FROM_SHARED, "a", "100.64.5.1", "tcp 443", LOST),
    # vpc-nat-gateway.html
    "out by NAT": (network(), "c", "internet", "tcp 443", REACHED),
    "out by NAT, ping": (network(), "c", "internet", "icmp 0", REACHED),
    "not in by NAT": (network(), "internet", PUBLIC["nat"], "tcp 22", LOST),
    "no NAT gateway in that state": (with_nat(available=False), "c", "internet", "tcp 443", LOST),
    "NAT in a private subnet": (with_nat(**IN_PRIVATE), "c", "internet", "tcp 1", LOST),
    # route-tables-priority.html: the longest prefix, and black holes
    "a longer prefix": (routed("private", "192.0.2.0/25", "igw-1"), "c", "internet", "tcp 443", LOST),
    "a black hole": (routed("private", "192.0.2.0/25", "nat-1", active=False), "c", "internet", "tcp 443", LOST),
    "of another": (routed("private", "192.0.3.0/24", "nat-1", active=False), "c", "internet", "tcp 1", REACHED),
    "static before listed": (routed("private", str(S3), "nat-1"), "c", "s3", "udp 443", REACHED),
    "a reply takes its own way": (unrouted("public", ANYWHERE), "internet", PUBLIC["a"], "tcp 22", UNANSWERED),
    "a route to the host itself": (routed("private", "10.0.0.0/24", "a"), "c", "a", "tcp 22", REACHED),
    "and to nobody else there": (routed("private", "10.0.0.0/24", "a"), "c", "b", "tcp 22", LOST),
    # vpc-network-acls.html: by number, stateless, at the edge of a subnet
    "the lower number denies": (ruled(f"private inbound 99 deny tcp 22 {ANYWHERE}"), "a", "c", "tcp 22", LOST),
    "in any order": (backwards(ruled("private inbound 99 deny tcp 22 10.0.0.0/16")), "a", "c", "tcp 22", LOST),
    "the higher number does not": (ruled(f"private inbound 101 deny tcp 22 {ANYWHERE}"), "a", "c", "tcp 22", REACHED),
    "not within a subnet": (ruled("-private inbound", "-private outbound"), "c", "d", "tcp 22", REACHED),
    "what no rule matches": (ruled("-private inbound"), "a", "c", "tcp 22", LOST),
    "a reply is judged by its own port": (
        ruled(f"private outbound 99 deny tcp 1024-65535 {ANYWHERE}"), "a", "c", "tcp 22", UNANSWERED
    ),
    "and by nothing else": (ruled(f"private outbound 99 deny tcp 22 {ANYWHERE}"), "a", "c", "tcp 22", REACHED),
    "a reply is judged where it comes in": (ruled("-public inbound"), "a", "internet", "tcp 443", UNANSWERED),
    "ICMP has types": (ruled(f"private inbound 99 deny icmp 8:0 {ANYWHERE}"), "a", "c", "icmp 0", LOST),
    "of which the reply has another": (
        ruled(f"private outbound 99 deny icmp 0:0 {ANYWHERE}"), "a", "c", "icmp 0", UNANSWERED
    ),
    "a group's rule has codes": (ruled("-of-c inbound", "of-c inbound icmp 8:1 10.0.0.0/16"), "a", "c", "icmp 0", LOST),
    "a group's rule has types": (ruled("-of-c inbound", "of-c inbound icmp 3:4 10.0.0.0/16"), "a", "c", "icmp 0", LOST),
    "any type of ICMP": (ruled("-of-c inbound", "of-c inbound icmp 10.0.0.0/16"), "a", "c", "icmp 0", REACHED),
    # nat-gateway-basics.html: the ACL of its subnet judges what it carries, twice each way
    "NAT's subnet, coming in": (ruled("public inbound 99 deny all 10.0.1.0/24"), "c", "internet", "tcp 443", LOST),
    "NAT's subnet, going out": (ruled("public outbound 99 deny tcp 1 192.0.2.0/24"), "c", "internet", "tcp 1", LOST),
    "NAT's subnet, coming back": (
        ruled("public inbound 99 deny all 192.0.2.0/24"), "c", "internet", "tcp 443", UNANSWERED
    ),
    "NAT's subnet, back inside": (
        ruled("public outbound 99 deny all 10.0.1.0/24"), "c", "internet", "tcp 443", UNANSWERED
    ),
    # nat-gateway-basics.html: it chooses the port
    "a reply to NAT's port": (
        ruled("public inbound 99 deny tcp 33000-33063 192.0.2.0/24"),
        "c",
        "internet",
        "tcp 443",
        UNANSWERED,
    ),
    "and not to the host's": (
        ruled("public inbound 99 deny tcp 40001 192.0.2.0/24"),
        "c",
        "internet",
        "tcp 443",
        REACHED,
    ),
    # nat-gateways-regional.html: in no subnet
    "a regional one asks no public ACL": (
        replace(ruled("-public inbound", "-public outbound"), nat_gateways=with_nat(**REGIONAL).nat_gateways),
        "c", "internet", "tcp 443", REACHED,
    ),
    "nor anything without a gateway": (
        replace(unrouted("private", "pl-1"), **NO_GATEWAY, nat_gateways=with_nat(**REGIONAL).nat_gateways),
        "c",
        "s3",
        "tcp 443",
        LOST,
    ),
    # vpc-security-groups.html: stateful
    "no inbound rule": (ruled("-of-c inbound"), "a", "c", "tcp 22", LOST),
    "no outbound rule": (ruled("-of-c outbound"), "c", "a", "tcp 22", LOST),
    "answers need none": (ruled("-of-c outbound", "-of-a inbound"), "a", "c", "tcp 22", REACHED),
    "one rule is enough": (ruled("-of-c inbound", "of-c inbound tcp 20-30 10.0.0.0/24"), "a", "c", "tcp 22", REACHED),
    "and only for its ports": (ruled("-of-c inbound", "of-c inbound tcp 23-30 10.0.0.0/24"), "a", "c", "tcp 22", LOST),
    "and its protocol": (ruled("-of-c inbound", "of-c inbound udp 22 10.0.0.0/24"), "a", "c", "tcp 22", LOST),
    "within a subnet too": (ruled("-of-d inbound"), "c", "d", "tcp 22", LOST),
    "one group is enough": (with_groups("a", "of-d", "of-a"), "c", "a", "tcp 22", REACHED),
    # security-group-rules.html: a group stands for its members' private addresses
    "members by private address": (ruled("-of-a inbound", "of-a inbound tcp 22 of-c"), "c", "a", "tcp 22", REACHED),
    "nobody else": (ruled("-of-a inbound", "of-a inbound tcp 22 of-c"), "d", "a", "tcp 22", LOST),
    "not by public address": (ruled("-of-a inbound", "of-a inbound tcp 22 of-e"), "e", PUBLIC["a"], "tcp 22", LOST),
    # work-with-nat-instances.html: the source/destination check
    "through a NAT instance": (with_nat_instance(), "c", "internet", "tcp 443", REACHED),
    "that keeps the port": (
        with_nat_instance("public inbound 99 deny tcp 40000-40020 192.0.2.0/24"),
        "c",
        "internet",
        "tcp 443",
        UNANSWERED,
    ),
    "what it does not pass on": (with_nat_instance(passes=HTTP), "c", "internet", "tcp 443", LOST),
    "its groups, inbound": (with_nat_instance("-of-a inbound"), "c", "internet", "tcp 443", LOST),
    "its groups, outbound": (with_nat_instance("-of-a outbound"), "c", "internet", "tcp 443", LOST),
    "its subnet's ACL": (with_nat_instance("public inbound 99 deny all 10.0.1.0/24"), "c", "internet", "tcp 443", LOST),
    "which checks addresses": (with_nat_instance(checks=True), "c", "internet", "tcp 443", LOST),
    # gateway-endpoints.html, and the code VPCE_GATEWAY_PROTOCOL_RESTRICTION of the analyzer
    "S3 by its endpoint": (network(), "c", "s3", "tcp 443", REACHED),
    "S3's reply is judged": (ruled(f"private inbound 99 deny all {S3}"), "c", "s3", "tcp 443", UNANSWERED),
    "S3 takes no datagrams": (network(), "c", "s3", "udp 443", LOST),
    "S3 is answered by the endpoint": (routed("public", "pl-1", "vpce-1"), "s3", PUBLIC["a"], "tcp 22", UNANSWERED),
    "S3 begins nothing": (network(), "s3", "10.0.1.10", "tcp 443", LOST),
}  # fmt: skip
HOSTS = {"internet": str(ELSEWHERE), "s3": str(S3[1])} | {
    each.id: str(each.private) for each in network().interfaces.values()
}


def asked(fact: str) -> Probe:
    _, source, to, traffic, _ = FACTS[fact]
    protocol, port = traffic.split()
    host = source if source in HOSTS else "internet"
    sender, receiver = (IPv4Address(HOSTS.get(each, each)) for each in (source, to))
    return Probe(host, sender, receiver, protocol, int(port), 40001)


def said(found: Outcome) -> str:
    return REACHED if found.answered else UNANSWERED if found.arrived else LOST


@pytest.mark.packets
@pytest.mark.parametrize("fact", FACTS)
def test_packets_do_what_aws_says(keeper: Keeper, fact: str) -> None:
    built, *_, expected = FACTS[fact]
    keeper.build(built, outside=outside_addresses(built), nat_ports=NAT_PORTS)
    patient = Outcome("somebody" if expected != LOST else "", answered=expected == REACHED)
    (found,) = keeper.send([asked(fact)], [patient])
    assert said(found) == expected


def wrong(engine_type: type[Engine]) -> list[str]:
    """Return the facts that an engine does not know."""
    found = []
    for fact, (built, *_, expected) in FACTS.items():
        probe = asked(fact)
        cell = Cell(built.interfaces.get(probe.source) or probe.sender, probe)
        (outcome,) = judged(built, [cell], NAT_PORTS[0], engine_type=engine_type)
        found += [fact] if said(outcome) != expected else []
    return found


def test_the_engine_says_what_aws_says() -> None:
    assert wrong(Engine) == []


@pytest.mark.parametrize("name", MUTANTS)
def test_a_wrong_engine_is_seen(name: str) -> None:
    assert wrong(mutant(name))


@pytest.mark.packets
@pytest.mark.parametrize(
    ("built", "to", "seen"),
    [
        (network(), "192.0.2.7", r"198\.51\.100\.9, port (?!40001)\d+"),
        (with_nat_instance(), "192.0.2.7", r"198\.51\.100\.1, port 40001"),
        (with_nat(**REGIONAL), "192.0.2.7", r"198\.51\.100\.9, port (?!40001)\d+"),
        (network(), "198.19.0.1", r"10\.0\.1\.10, port 40001"),
        (network(), "10.0.0.10", r"10\.0\.1\.10, port 40001"),
    ],
    ids=["NAT gateway", "NAT instance", "regional", "endpoint", "inside"],
)
def test_as_whom_a_host_is_seen(keeper: Keeper, built: Network, to: str, seen: str) -> None:
    """A NAT gateway chooses the port anew, a NAT instance keeps it, and an endpoint changes nothing."""
    keeper.build(built, answers=True)
    command = [*keeper.enter("c"), sys.executable, "-c", CLIENT, to]
    answer = subprocess.run(command, capture_output=True, text=True, check=True).stdout
    assert re.search(rf"You come from {seen}\.", answer), answer
