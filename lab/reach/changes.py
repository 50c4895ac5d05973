"""What would have to change so that one reaches another: found by changing the network, and asking again."""

from collections.abc import Callable, Iterable
from dataclasses import dataclass, replace
from ipaddress import IPv4Address, IPv4Network
from typing import Any

from lab.reach import engine
from lab.reach.engine import Conversation, Engine, Hop
from lab.reach.explain import Words, spaced
from lab.reach.network import LOCAL, AclEntry, GroupRule, Network, Route
from lab.reach.parties import ANY_GROUP, ANYWHERE, PUBLIC, S3, short
from lab.reach.ranges import ANY_CLIENT, LINUX, Answer
from lab.terminal.language import _

MOST = 10
LAST_RULE = 32766


@dataclass(frozen=True)
class Change:
    """One change of a network in words, and what makes it."""

    text: str
    make: Callable[[Network], Network]


def least_changes(network: Network, answer: Answer) -> list[Change]:
    """Return the fewest changes after which a conversation that never succeeds does; none where no rule helps.

    Each is the narrowest one for where it stops. What turns out to be needless in the end is left out.
    """
    changes: list[Change] = []
    for _try in range(MOST):
        changed = _changed(network, changes)
        conversation = _asked_again(changed, answer)
        if conversation.succeeds:
            for each in tuple(changes):
                rest = [other for other in changes if other is not each]
                if _asked_again(_changed(network, rest), answer).succeeds:
                    changes = rest
            return changes
        found = _change_for(_Stop(changed, answer, conversation, conversation.stop)) if conversation.stop else None
        if found is None:
            return []
        changes.append(found)
    return []


def _changed(network: Network, changes: Iterable[Change]) -> Network:
    for each in changes:
        network = each.make(network)
    return network


def _asked_again(network: Network, answer: Answer) -> Conversation:
    # An interface may have got a public address meanwhile.
    source, destination = (
        each.end if isinstance(each.end, IPv4Address) else network.interfaces[each.end.id]
        for each in (answer.source, answer.destination)
    )
    asked = answer.conversation.request.hops[0].packet
    ports = asked.ports
    if asked.protocol != "icmp":
        ports = (LINUX[0] if answer.destination.is_outside else asked.ports[0], asked.ports[1])
    return Engine(network).converse(source, destination, protocol=asked.protocol, ports=ports)


@dataclass(frozen=True)
class _Stop:
    """Where a conversation stops, in a network that may be changed already."""

    network: Network
    answer: Answer
    conversation: Conversation
    hop: Hop

    @property
    def peer(self) -> IPv4Address:
        """The address that the rules at this hop look at."""
        return self.hop.packet.source if self.hop.inbound else self.hop.packet.destination


def _change_for(stop: _Stop) -> Change | None:
    make = {
        engine.GROUP: _group_rule,
        engine.GROUP_EMPTY: _group_rule,
        engine.GROUP_REFERENCE: _group_rule,
        engine.NETWORK_ACL: _acl_entry,
        engine.NO_ROUTE: _new_route,
        engine.BAD_STATE_ROUTE: _new_route,
        engine.BAD_STATE: _new_route,
        engine.OTHER_WAY: _route_of_the_reply,
        engine.NO_PUBLIC_SOURCE: _public_address,
        engine.NO_PUBLIC_TARGET: _public_address,
        engine.CHECK: _no_check,
    }.get(stop.hop.code)
    return make(stop) if make else None


def _group_rule(stop: _Stop) -> Change | None:
    network, hop, address = stop.network, stop.hop, stop.peer
    group = network.groups.get(hop.id)
    if group is None:
        return None
    other = Engine(network).by_private.get(address)
    named = other is not None and other.groups and ANY_GROUP not in other.groups
    peer = other.groups[0] if other and named else _peer(stop, address)
    ports = hop.packet.ports if hop.packet.protocol == "icmp" else stop.answer.ports
    rule = GroupRule(protocol=hop.packet.protocol, ports=ports, peer=peer)

    words = Words(network)
    said = _("an {way} rule for {traffic} {fromto} {peer} in the security group {name}").format(
        way=words.way(inbound=hop.inbound),
        traffic=words.ports(rule.protocol, rule.ports),
        fromto=words.fromto(inbound=hop.inbound),
        peer=words.peer(peer),
        name=short(group.name),
    )
    side = "inbound" if hop.inbound else "outbound"

    def make(network: Network) -> Network:
        old = network.groups[hop.id]
        more: Any = {side: (*getattr(old, side), rule)}
        return replace(network, groups={**network.groups, hop.id: replace(old, **more)})

    return Change(spaced(said), make)


def _acl_entry(stop: _Stop) -> Change | None:
    network, hop, address = stop.network, stop.hop, stop.peer
    acl = network.acls[hop.id]
    if hop.packet.protocol == "icmp":
        ports = hop.packet.ports
    elif stop.conversation.reply is None:
        ports = stop.answer.ports
    else:  # a reply goes to the port that the client chose, or to one that a NAT gateway did
        client = stop.conversation.request.hops[0].packet.source
        ports = LINUX if hop.packet.destination == client and not stop.answer.source.is_outside else ANY_CLIENT
    subnet = next((each.cidr for each in network.subnets.values() if address in each.cidr), None)
    cidr = subnet or _block(stop.answer, address)
    number = _free_number(acl.entries, hop)
    if number is None:
        return None
    entry = AclEntry(
        number=number, egress=not hop.inbound, protocol=hop.packet.protocol, cidr=cidr, ports=ports, allow=True
    )

    words = Words(network)
    said = _("an {way} rule {number} that allows {traffic} {fromto} {peer} in the network ACL {name}").format(
        way=words.way(inbound=hop.inbound),
        number=number,
        traffic=words.ports(entry.protocol, entry.ports),
        fromto=words.fromto(inbound=hop.inbound),
        peer=words.peer(str(cidr)),
        name=short(acl.name),
    )

    def make(network: Network) -> Network:
        old = network.acls[hop.id]
        return replace(network, acls={**network.acls, hop.id: replace(old, entries=(*old.entries, entry))})

    return Change(spaced(said), make)


def _free_number(entries: Iterable[AclEntry], hop: Hop) -> int | None:
    """Return a number for a rule that decides before the one that denied: after all others where none did."""
    used = {each.number for each in entries if each.egress is not hop.inbound}
    if isinstance(hop.rule, AclEntry):
        return next((each for each in range(hop.rule.number - 1, 0, -1) if each not in used), None)
    return next((each for each in range((max(used, default=0) // 10 + 1) * 10, LAST_RULE) if each not in used), None)


def _new_route(stop: _Stop) -> Change | None:
    """Lead a subnet to S3's endpoint, or to the internet: by the gateway, or by NAT where the host has no address."""
    network, hop = stop.network, stop.hop
    if hop.code == engine.BAD_STATE:  # another NAT gateway may do
        hop = next(each for each in reversed(stop.conversation.request.hops) if each.kind == "route-table")
    if hop.kind != "route-table":
        return None  # a regional NAT gateway's own
    address = hop.packet.destination
    for endpoint in network.endpoints.values():
        if any(address in block for block in network.prefix_lists.get(endpoint.prefix_list, ())):
            return _route(network, hop.id, Route(destination=endpoint.prefix_list, target=endpoint.id))
    if any(address in block for block in network.cidrs):
        return _route(network, hop.id, Route(destination=str(network.cidrs[0]), target=LOCAL))
    sender = Engine(network).by_private.get(hop.packet.source)
    has_address = sender is None or sender.public is not None
    subnet = next(each for each in network.subnets.values() if each.route_table == hop.id)
    gateways = sorted(
        (each for each in network.nat_gateways.values() if each.available and each.public),
        key=lambda each: (bool(each.subnet) and network.subnets[str(each.subnet)].zone != subnet.zone, each.name),
    )
    hosts = [each for each in network.interfaces.values() if each.forwards and not each.checks_addresses]
    targets = [] if has_address else [*(each.id for each in gateways), *(each.id for each in hosts)]
    target = next(iter([*targets, *sorted(network.internet_gateways)]), None)
    destination = hop.rule.destination if isinstance(hop.rule, Route) else str(ANYWHERE)  # a black hole is led on
    return _route(network, hop.id, Route(destination=destination, target=target)) if target else None


def _route_of_the_reply(stop: _Stop) -> Change | None:
    """Lead the subnet of who answers to the internet gateway, by which the request came."""
    way = stop.conversation.reply or stop.conversation.request
    table = next((each for each in way.hops if each.kind == "route-table"), None)
    gateway = min(stop.network.internet_gateways, default=None)
    if table is None or gateway is None or (isinstance(table.rule, Route) and table.rule.target == gateway):
        return None
    return _route(stop.network, table.id, Route(destination=str(ANYWHERE), target=gateway))


def _route(network: Network, table: str, route: Route) -> Change:
    said = _("the route {route} in the route table {name}").format(
        route=Words(network).route(route), name=short(network.route_tables[table].name)
    )

    def make(network: Network) -> Network:
        old = network.route_tables[table]
        rest = [each for each in old.routes if each.destination != route.destination]
        return replace(network, route_tables={**network.route_tables, table: replace(old, routes=(*rest, route))})

    return Change(spaced(said), make)


def _public_address(stop: _Stop) -> Change | None:
    hop = stop.hop
    private = hop.packet.destination if hop.code == engine.NO_PUBLIC_TARGET else hop.packet.source
    interface = Engine(stop.network).by_private.get(private)
    if interface is None or interface.public:
        return None
    name = short(interface.name)

    def make(network: Network) -> Network:
        return network.with_interfaces(replace(network.interfaces[interface.id], public=PUBLIC[-1]))

    return Change(_("a public address for {name}").format(name=name), make)


def _no_check(stop: _Stop) -> Change | None:
    interface = stop.network.interfaces[stop.hop.id]
    name = short(interface.name)

    def make(network: Network) -> Network:
        return network.with_interfaces(replace(network.interfaces[interface.id], checks_addresses=False))

    return Change(_("no source/destination check for {name}").format(name=name), make)


def _peer(stop: _Stop, address: IPv4Address) -> str:
    """Return whom a group's rule would name: S3 by its prefix list."""
    for number, blocks in stop.network.prefix_lists.items():
        if any(address in block for block in blocks):
            return number
    return str(_block(stop.answer, address))


def _block(answer: Answer, address: IPv4Address) -> IPv4Network:
    """Return the block that an address of an answer stands for, or the address alone."""
    for party in (answer.source, answer.destination):
        if party.end == address and (party.block or party.name == S3):
            return party.block or ANYWHERE  # no ACL names S3's prefix list
    return IPv4Network(address)
