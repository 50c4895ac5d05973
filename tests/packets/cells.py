"""All that one may ask of a network: who, whom, by which protocol, on which port."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING

from lab.packets.keeper import Keeper
from lab.packets.probes import Outcome, Probe
from lab.packets.vpc import names, outside_addresses
from lab.reach.engine import ECHO, End, Engine
from lab.reach.network import Interface, Network

if TYPE_CHECKING:
    from ipaddress import IPv4Address

NAT_WIDTH = 63  # ports that a NAT gateway has to choose from, so that no rule tells them apart
LINUX = 40000  # a port of Linux's own range, for the first who asks


@dataclass(frozen=True)
class Cell:
    """A question: the same one for the engine and for the kernel."""

    end: End
    probe: Probe


@dataclass(frozen=True)
class Disagreement:
    """What the engine says, and what packets do."""

    probe: Probe
    engine: Outcome
    packets: Outcome


def borders(network: Network, protocol: str) -> set[int]:
    """Return the ports that rules of a protocol begin with, or that follow on one."""
    rules = [entry for acl in network.acls.values() for entry in acl.entries]
    found = {port for rule in rules for port in (rule.ports[0], rule.ports[1] + 1) if rule.protocol == protocol}
    for group in network.groups.values():
        for rule in (*group.inbound, *group.outbound):
            if rule.protocol == protocol:
                found |= {rule.ports[0], rule.ports[1] + 1}
    return {port for port in found if 0 < port <= 65535}


def nat_starts(network: Network) -> list[int]:
    """Return ports from which on a NAT gateway may choose one of NAT_WIDTH that no rule tells apart."""
    known = sorted(borders(network, "tcp") | borders(network, "udp"))
    starts = [each for each in (1024, 3306, 8080, 33000, *known) if 1024 <= each <= 65535 - NAT_WIDTH]
    return [each for each in dict.fromkeys(starts) if not any(each < port <= each + NAT_WIDTH for port in known)]


def cells(network: Network, *, client: int, nat_start: int) -> Iterator[Cell]:
    """Yield every question; who asks does so from ports of its own, from ``client`` on.

    One is not asked, for AWS does not say, and the kernel then takes a request for its own reply: for a NAT gateway's
    own address on the port that it has just chosen for that request.
    """
    chosen = range(nat_start, nat_start + NAT_WIDTH + 1)
    named = names(network)
    senders: list[tuple[str, End, IPv4Address]] = [
        ("internet", address, address) for address in outside_addresses(network)
    ]
    senders += [(named[each.id], each, each.private) for each in network.interfaces.values()]
    for endpoint in network.endpoints.values():
        s3 = [block[1] for block in network.prefix_lists.get(endpoint.prefix_list, ())]
        senders += [("s3", address, address) for address in s3]
    addresses = dict.fromkeys(address for _, _, address in senders)
    addresses |= dict.fromkeys(each.public for each in network.interfaces.values() if each.public)
    nat = {address for each in network.nat_gateways.values() for address in (*each.public, each.private) if address}
    addresses |= dict.fromkeys(sorted(nat))
    for number, (host, end, sender) in enumerate(senders):
        own = {sender, *([end.public] if isinstance(end, Interface) else outside_addresses(network))}
        for to in addresses:
            if to not in own:
                for protocol, port in questions(network):
                    if to in nat and port in chosen:
                        continue
                    yield Cell(end, Probe(host, sender, to, protocol, port, client + number))


def questions(network: Network) -> Iterator[tuple[str, int]]:
    for port in sorted(borders(network, "tcp") | {22, 80, 443, 3306, 8080}):
        yield "tcp", port
    for port in sorted(borders(network, "udp") | {53}):
        yield "udp", port
    yield "icmp", 0


def judged(
    network: Network, asked: Iterable[Cell], nat_port: int, *, engine_type: type[Engine] = Engine
) -> Iterator[Outcome]:
    """Yield what an engine says."""
    engine = engine_type(network)
    named = names(network)
    hosts = {each.private: named[each.id] for each in network.interfaces.values()}
    s3 = {block for lists in network.prefix_lists.values() for block in lists}
    for cell in asked:
        its = cell.probe
        ports = ECHO if its.protocol == "icmp" else (its.from_port, its.port)
        said = engine.converse(cell.end, its.to, protocol=its.protocol, ports=ports, nat_port=nat_port)
        arrived = ""
        if said.request.arrives:
            to = said.request.hops[-1].after.destination
            arrived = hosts.get(to) or ("s3" if any(to in block for block in s3) else "internet")
        yield Outcome(arrived, answered=said.succeeds)


def compare(keeper: Keeper, network: Network, *, client: int = LINUX, nat_start: int = 33000) -> list[Disagreement]:
    """Build a network, ask every question of the engine and of the kernel, and return where they disagree."""
    asked = list(cells(network, client=client, nat_start=nat_start))
    said = list(judged(network, asked, nat_start))
    keeper.build(network, outside=outside_addresses(network), nat_ports=(nat_start, nat_start + NAT_WIDTH))
    seen = keeper.send([cell.probe for cell in asked], said)
    return [
        Disagreement(cell.probe, engine, packets)
        for cell, engine, packets in zip(asked, said, seen, strict=True)
        if engine != packets
    ]
