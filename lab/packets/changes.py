"""Rules in one line each, as a person writes them, and networks with such rules added or deleted.

Of a network ACL, with number and verdict: ``learning-public inbound 110 allow tcp 22 203.0.113.7/32``; of a security
group: ``learning-database inbound tcp 3306 learning-web``. ICMP has type and code: ``icmp 3:4``. Everything: ``all``.
"""

from collections.abc import Callable, Iterable, Iterator
from dataclasses import replace
from ipaddress import IPv4Network

from lab.reach.network import ALL_PORTS, AclEntry, GroupRule, Network, NetworkAcl, SecurityGroup
from lab.terminal.language import _
from lab.terminal.problem import ProblemError

WAYS = {"inbound": False, "outbound": True}
EXAMPLES = '"learning-public inbound 110 allow tcp 22 203.0.113.7/32" or "learning-web inbound tcp 80 0.0.0.0/0"'


def written(network: Network) -> list[str]:
    """Return each rule of each network ACL and security group as a line."""
    lines: list[str] = []
    _kept(network, lines.append)
    return lines


def without(network: Network, beginning: str) -> tuple[Network, list[str]]:
    """Return a network without the rules whose lines begin with these words, and those lines.

    Raises ProblemError where there is none.
    """
    words = beginning.split()
    deleted: list[str] = []

    def keep(line: str) -> bool:
        if line.split()[: len(words)] != words:
            return True
        deleted.append(line)
        return False

    left = _kept(network, keep)
    if not deleted:
        raise ProblemError(
            _("No rule begins with {beginning!r}. All rules: lab packets --rules").format(beginning=beginning)
        )
    return left, deleted


def with_rule(network: Network, line: str) -> Network:
    """Return a network with one more rule. A network ACL's number that is taken gets the new one.

    Raises ProblemError, with an example, for what is no rule.
    """
    try:
        name, way, *words = line.split()
        outbound = WAYS[way]
        for acl in network.acls.values():
            if name in (acl.name, acl.id) and words[0].isdecimal():
                return replace(network, acls={**network.acls, acl.id: _with_entry(acl, words, egress=outbound)})
        for group in network.groups.values():
            if name in (group.name, group.id):
                rule = _group_rule(network, words)
                more: tuple[tuple[GroupRule, ...], ...] = ((), (rule,)) if outbound else ((rule,), ())
                changed = replace(group, inbound=group.inbound + more[0], outbound=group.outbound + more[1])
                return replace(network, groups={**network.groups, group.id: changed})
    except (ValueError, KeyError, IndexError) as error:
        raise ProblemError(
            _("{line!r} is no rule ({error}). Examples: {examples}").format(line=line, error=error, examples=EXAMPLES)
        ) from None
    names = [acl.name for acl in network.acls.values()] + [group.name for group in network.groups.values()]
    owners = ", ".join(dict.fromkeys(names))
    raise ProblemError(
        _("{line!r}: there is no {name} here; there is {names}. Examples: {examples}").format(
            line=line, name=name, names=owners, examples=EXAMPLES
        )
    )


def _kept(network: Network, keep: Callable[[str], object]) -> Network:
    """Return a network with the rules that are kept, as asked by the line of each."""

    def entries(acl: NetworkAcl) -> Iterator[AclEntry]:
        for each in acl.entries:
            words = (each.number, "allow" if each.allow else "deny", *_traffic(each.protocol, each.ports), each.cidr)
            if keep(_line(acl.name, "outbound" if each.egress else "inbound", *words)):
                yield each

    def rules(group: SecurityGroup, way: str, its: Iterable[GroupRule]) -> Iterator[GroupRule]:
        for each in its:
            peer = network.groups[each.peer].name if each.peer in network.groups else each.peer
            if keep(_line(group.name, way, *_traffic(each.protocol, each.ports), peer)):
                yield each

    acls = {acl.id: replace(acl, entries=tuple(entries(acl))) for acl in network.acls.values()}
    groups = {
        group.id: replace(
            group,
            inbound=tuple(rules(group, "inbound", group.inbound)),
            outbound=tuple(rules(group, "outbound", group.outbound)),
        )
        for group in network.groups.values()
    }
    return replace(network, acls=acls, groups=groups)


def _with_entry(acl: NetworkAcl, words: list[str], *, egress: bool) -> NetworkAcl:
    number, verdict, *traffic, cidr = words
    protocol, ports = _read_traffic(traffic)
    if verdict not in ("allow", "deny"):
        raise ValueError(_("{verdict} is neither allow nor deny").format(verdict=verdict))
    entry = AclEntry(
        number=int(number),
        egress=egress,
        protocol=protocol,
        cidr=IPv4Network(cidr),
        ports=ports,
        allow=verdict == "allow",
    )
    others = (each for each in acl.entries if (each.egress, each.number) != (egress, entry.number))
    return replace(acl, entries=tuple(sorted((*others, entry), key=lambda each: (each.egress, each.number))))


def _group_rule(network: Network, words: list[str]) -> GroupRule:
    *traffic, peer = words
    protocol, ports = _read_traffic(traffic)
    named = next((each.id for each in network.groups.values() if peer in (each.name, each.id)), None)
    return GroupRule(protocol=protocol, ports=ports, peer=named or str(IPv4Network(peer)))


def _traffic(protocol: str, ports: tuple[int, int]) -> tuple[str, ...]:
    if protocol == "-1":
        return ("all",)
    if protocol == "icmp":
        kind = ports if ports != ALL_PORTS else (-1, -1)
        return ("icmp",) if kind[0] == -1 else ("icmp", f"{kind[0]}:{kind[1]}")
    if protocol not in ("tcp", "udp"):
        return (protocol,)
    return (protocol, str(ports[0]) if ports[0] == ports[1] else f"{ports[0]}-{ports[1]}")


def _read_traffic(words: list[str]) -> tuple[str, tuple[int, int]]:
    protocol, *said = words
    if protocol == "all" and not said:
        return "-1", ALL_PORTS
    if protocol == "icmp" and not said:
        return "icmp", (-1, -1)
    (text,) = said
    first, mark, last = text.partition(":" if protocol == "icmp" else "-")
    ports = int(first), int(last if mark else first)
    if protocol == "icmp" and mark:
        return protocol, ports
    if protocol not in ("tcp", "udp") or not 0 <= ports[0] <= ports[1] <= ALL_PORTS[1]:
        raise ValueError(
            _("{words} is no traffic such as tcp 22, udp 1024-65535, icmp 8:0 or all").format(words=" ".join(words))
        )
    return protocol, ports


def _line(*words: object) -> str:
    return " ".join(map(str, words))
