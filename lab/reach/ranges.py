"""Whole ranges of ports in one answer: rules tell few ports apart, and one of each kind is tried."""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from fractions import Fraction
from typing import Literal

from lab.reach.engine import ECHO, Conversation, Engine
from lab.reach.network import ALL_PORTS, AclEntry, GroupRule, Network
from lab.reach.parties import Party

Ports = tuple[int, int]
Verdict = Literal["always", "sometimes", "never"]
# Where clients' ports come from, and replies go to: Linux's own range; that of all clients together; NAT gateways'.
# https://docs.kernel.org/networking/ip-sysctl.html (ip_local_port_range),
# https://docs.aws.amazon.com/vpc/latest/userguide/custom-network-acl.html#nacl-ephemeral-ports
LINUX, ANY_CLIENT, NAT_GATEWAY = (32768, 60999), (1024, 65535), (1024, 65535)


@dataclass(frozen=True)
class Answer:
    """Whether one reaches another on some ports, which no rule tells apart."""

    source: Party
    destination: Party
    protocol: str
    ports: Ports
    """First and last port of the server; for ICMP its type and code."""
    conversation: Conversation
    """One for all: one that succeeds, where any does."""
    failing: Conversation | None = None
    """Where the client's port, or the NAT gateway's, makes a difference: one that does not succeed."""
    lost: tuple[Ports, ...] = ()
    """The client's ports that no reply comes to."""
    lost_at_nat: tuple[Ports, ...] = ()
    """The NAT gateway's ports that no reply comes to."""
    share: Fraction = Fraction(0)
    """The part of conversations that fails, when all ports are equally likely. 0 where none does."""

    @property
    def verdict(self) -> Verdict:
        if not self.conversation.succeeds:
            return "never"
        return "sometimes" if self.failing else "always"

    @property
    def reaches(self) -> bool:
        return self.conversation.succeeds


class Ranges:
    """Answers about a network, for whole ranges of ports."""

    def __init__(self, network: Network) -> None:
        self._engine = Engine(network)
        self._borders = {protocol: sorted(set(_borders(network, protocol))) for protocol in ("tcp", "udp")}

    def ask(self, source: Party, destination: Party, protocol: str, ports: Ports = ALL_PORTS) -> list[Answer]:
        """Return an answer for each part of a range of ports, in their order; neighbours that are alike are one.

        For ICMP ``ports`` are a type and a code.
        """
        if protocol == "icmp":
            return [self._about(source, destination, protocol, ECHO if ports == ALL_PORTS else ports)]
        merged: list[Answer] = []
        for part in self._parts(protocol, ports):
            answer = self._about(source, destination, protocol, part)
            if merged and _alike(merged[-1], answer):
                last = merged.pop()
                answer = replace(last, ports=(last.ports[0], part[1]))
            merged.append(answer)
        return merged

    def _parts(self, protocol: str, ports: Ports) -> Iterator[Ports]:
        """Cut a range of ports where a rule begins or ends."""
        first, last = ports
        starts = [first, *(each for each in self._borders.get(protocol, ()) if first < each <= last)]
        yield from zip(starts, [*(each - 1 for each in starts[1:]), last], strict=True)

    def _about(self, source: Party, destination: Party, protocol: str, ports: Ports) -> Answer:
        def converse(client: int, nat: int) -> Conversation:
            asked = ports if protocol == "icmp" else (client, ports[0])
            return self._engine.converse(source.end, destination.end, protocol=protocol, ports=asked, nat_port=nat)

        clients = list(self._parts(protocol, ANY_CLIENT if source.is_outside else LINUX))
        first = converse(clients[0][0], NAT_GATEWAY[0])
        # No rule looks at the port that a request comes from: if it stops, it stops from all of them.
        if protocol == "icmp" or not first.request.arrives:
            return Answer(source, destination, protocol, ports, first)
        through_nat = any(hop.kind == "nat-gateway" for hop in first.request.hops)
        nats = list(self._parts(protocol, NAT_GATEWAY)) if through_nat else [NAT_GATEWAY]
        # Each part of the way sees one of the two ports, so each is tried by itself.
        good = next(
            ((client[0], nat[0]) for nat in nats for client in clients if converse(client[0], nat[0]).succeeds), None
        )
        if good is None:
            return Answer(source, destination, protocol, ports, first)
        tried = {client: converse(client[0], good[1]) for client in clients}
        tried_at_nat = {nat: converse(good[0], nat[0]) for nat in nats}
        lost, lost_at_nat = (
            [part for part, each in which.items() if not each.succeeds] for which in (tried, tried_at_nat)
        )
        share = 1 - (1 - _part(lost, clients)) * (1 - _part(lost_at_nat, nats))
        failing = [tried[part] for part in lost] + [tried_at_nat[part] for part in lost_at_nat]
        return Answer(
            source,
            destination,
            protocol,
            ports,
            converse(*good),
            failing[0] if failing else None,
            joined(lost),
            joined(lost_at_nat),
            share,
        )


def matrix(network: Network, sources: Sequence[Party], destinations: Sequence[Party], protocol: str) -> list[Answer]:
    """Return the answers about all ports for each pair of parties that are not the same host."""
    ranges = Ranges(network)
    return [
        answer
        for source in sources
        for destination in destinations
        if source.end != destination.end and not (source.is_outside and destination.is_outside)
        for answer in ranges.ask(source, destination, protocol)
    ]


def condensed(answers: Iterable[Answer], *, by_reach: bool = False) -> list[Answer]:
    """Return answers without those about a block outside that are the same as for what is around it.

    ``by_reach``: the same ports that are reached are enough, however and however often.
    """
    by_pair: dict[tuple[Party, Party], list[Answer]] = {}
    for answer in answers:
        by_pair.setdefault((answer.source, answer.destination), []).append(answer)

    def is_like_around(source: Party, destination: Party) -> bool:
        inner = source if source.is_outside else destination
        around = [
            pair
            for pair in by_pair
            if (pair[1] == destination if source.is_outside else pair[0] == source)
            and inner.is_within(pair[0] if source.is_outside else pair[1])
        ]
        if not around:
            return False
        nearest = max(around, key=lambda pair: (pair[0].block or pair[1].block).prefixlen)  # type: ignore[union-attr]
        mine, theirs = by_pair[source, destination], by_pair[nearest]
        if by_reach:
            return reached(mine) == reached(theirs)
        return len(mine) == len(theirs) and all(
            one.ports == other.ports and _alike(one, other) for one, other in zip(mine, theirs, strict=True)
        )

    return [answer for pair, some in by_pair.items() if not is_like_around(*pair) for answer in some]


def reached(answers: Iterable[Answer]) -> tuple[Ports, ...]:
    """Return the ports on which one reaches another."""
    return joined(answer.ports for answer in answers if answer.reaches)


def without(some: Iterable[Ports], others: Iterable[Ports]) -> tuple[Ports, ...]:
    """Return the ports that are in the one and not in the other."""
    left = list(some)
    for first, last in others:
        left = [
            part
            for start, end in left
            for part in ((start, min(end, first - 1)), (max(start, last + 1), end))
            if part[0] <= part[1]
        ]
    return joined(left)


def joined(parts: Iterable[Ports]) -> tuple[Ports, ...]:
    """Return ranges in order, and neighbours as one."""
    found: list[Ports] = []
    for first, last in sorted(parts):
        if found and found[-1][1] + 1 >= first:
            found[-1] = (found[-1][0], max(last, found[-1][1]))
        else:
            found.append((first, last))
    return tuple(found)


def _part(some: Iterable[Ports], of: Iterable[Ports]) -> Fraction:
    return Fraction(*(sum(last - first + 1 for first, last in parts) for parts in (some, of)))


def _alike(one: Answer, other: Answer) -> bool:
    def kind(answer: Answer) -> tuple[object, ...]:
        stop = answer.conversation.stop
        return (
            answer.verdict,
            answer.lost,
            answer.lost_at_nat,
            stop and (stop.kind, stop.id, stop.rule, stop.inbound, stop.code, answer.conversation.reply is None),
        )

    return kind(one) == kind(other)


def _borders(network: Network, protocol: str) -> Iterator[int]:
    """Yield each port that a rule begins with, or that follows on one."""
    rules: list[AclEntry | GroupRule] = [entry for acl in network.acls.values() for entry in acl.entries]
    for group in network.groups.values():
        rules += (*group.inbound, *group.outbound)
    for interface in network.interfaces.values():
        rules += interface.forwards
    for rule in rules:
        if rule.protocol == protocol:
            yield rule.ports[0]
            yield rule.ports[1] + 1
