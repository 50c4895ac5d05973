"""Networks that somebody could have made of ours: with other rules, routes and gateways, one to four changes each."""

from collections.abc import Callable
from dataclasses import replace
from ipaddress import IPv4Address, IPv4Network
from typing import Any

from hypothesis import strategies as st

from lab.reach.network import ALL_PORTS, LOCAL, AclEntry, GroupRule, Network, Route

ANYWHERE = "0.0.0.0/0"
PORTS = [22, 53, 80, 443, 1024, 3306, 8080, 33000, 40000, 41000, 65535]
# A public address that is not one of ours yet.
FREE = IPv4Address("198.18.0.200")


def mutated(draw: st.DrawFn, network: Network) -> Network:
    """Change a network once, or up to four times."""
    for change in draw(st.lists(st.sampled_from(CHANGES), min_size=1, max_size=4)):
        network = change(draw, network)
    return network


def one_of(draw: st.DrawFn, among: Any) -> Any:
    return draw(st.sampled_from(sorted(among, key=str)))


def cidrs(network: Network) -> list[str]:
    """Return blocks that tell hosts of a network apart."""
    own = [str(cidr) for cidr in network.cidrs] + [str(each.cidr) for each in network.subnets.values()]
    hosts = [f"{each.private}/32" for each in network.interfaces.values()]
    public = [f"{each.public}/32" for each in network.interfaces.values() if each.public]
    public += [f"{address}/32" for each in network.nat_gateways.values() for address in each.public]
    return [ANYWHERE, "192.0.2.0/24", "203.0.113.7/32", *own, *hosts, *public]


def ports(draw: st.DrawFn) -> tuple[int, int]:
    first, last = sorted(draw(st.tuples(*[st.sampled_from(PORTS)] * 2)))
    return (first, last) if draw(st.booleans()) else (first, first)


def traffic(draw: st.DrawFn) -> dict[str, Any]:
    protocol = draw(st.sampled_from(["tcp", "tcp", "udp", "icmp", "-1"]))
    if protocol == "icmp":
        return {"protocol": protocol, "ports": draw(st.sampled_from([(-1, -1), (8, 0), (8, -1), (0, 0), (3, 4)]))}
    return {"protocol": protocol, "ports": ALL_PORTS if protocol == "-1" else ports(draw)}


# --- network ACLs


def change_acl(draw: st.DrawFn, network: Network) -> Network:
    acl = network.acls[one_of(draw, network.acls)]
    entries = list(acl.entries)
    kind = draw(st.sampled_from(["add", "add", "delete", "turn", "cidr", "traffic", "number"]))
    if kind == "add" or not entries:
        entries.append(
            AclEntry(
                number=draw(st.integers(1, 250)),
                egress=draw(st.booleans()),
                cidr=IPv4Network(one_of(draw, cidrs(network))),
                allow=draw(st.booleans()),
                **traffic(draw),
            )
        )
    else:
        at = draw(st.integers(0, len(entries) - 1))
        entry = entries.pop(at)
        if kind == "turn":
            entries.append(replace(entry, allow=not entry.allow))
        elif kind == "cidr":
            entries.append(replace(entry, cidr=IPv4Network(one_of(draw, cidrs(network)))))
        elif kind == "traffic":
            entries.append(replace(entry, **traffic(draw)))
        elif kind == "number":
            entries.append(replace(entry, number=draw(st.integers(1, 250))))
    # Two rules of a direction never have the same number.
    numbered = {(each.egress, each.number): each for each in entries}
    return replace(network, acls={**network.acls, acl.id: replace(acl, entries=tuple(numbered.values()))})


def open_acl(draw: st.DrawFn, network: Network) -> Network:
    acl = network.acls[one_of(draw, network.acls)]
    entries = tuple(
        AclEntry(number=100, egress=egress, protocol="-1", cidr=IPv4Network(ANYWHERE), allow=True)
        for egress in (False, True)
    )
    return replace(network, acls={**network.acls, acl.id: replace(acl, entries=entries)})


# --- security groups


def change_group(draw: st.DrawFn, network: Network) -> Network:
    group = network.groups[one_of(draw, network.groups)]
    way = draw(st.sampled_from(["inbound", "outbound"]))
    rules = list(getattr(group, way))
    kind = draw(st.sampled_from(["add", "add", "add", "delete", "empty"]))
    if kind == "add":
        peers = [*cidrs(network), *network.groups, *network.prefix_lists, "sg-elsewhere", "pl-elsewhere"]
        rules.append(GroupRule(peer=one_of(draw, peers), **traffic(draw)))
    elif kind == "empty":
        rules = []
    elif rules:
        rules.pop(draw(st.integers(0, len(rules) - 1)))
    changed: Any = {way: tuple(rules)}
    return replace(network, groups={**network.groups, group.id: replace(group, **changed)})


def open_group(draw: st.DrawFn, network: Network) -> Network:
    group = network.groups[one_of(draw, network.groups)]
    everything = (GroupRule(protocol="-1", ports=ALL_PORTS, peer=ANYWHERE),)
    changed = replace(group, inbound=everything, outbound=draw(st.sampled_from([everything, group.outbound])))
    return replace(network, groups={**network.groups, group.id: changed})


# --- routes


def change_routes(draw: st.DrawFn, network: Network) -> Network:
    table = network.route_tables[one_of(draw, network.route_tables)]
    routes = list(table.routes)
    kind = draw(st.sampled_from(["add", "add", "delete", "dead", "target"]))
    # A route for a whole subnet may lead to an interface or a NAT gateway, and to nothing else. AWS does not say what a
    # regional one does with that.
    middle = [*network.interfaces, *(each.id for each in network.nat_gateways.values() if each.subnet)]
    targets = [*network.interfaces, *network.nat_gateways, *network.internet_gateways, "igw-elsewhere"]
    ours = [at for at, route in enumerate(routes) if route.target != LOCAL]
    if kind == "add" or not ours:
        inside = draw(st.sampled_from([False, False, True])) and middle
        destinations = [str(each.cidr) for each in network.subnets.values()] if inside else outside(network)
        destination = one_of(draw, destinations)
        routes = [each for each in routes if each.destination != destination or each.target == LOCAL]
        routes.append(Route(destination=destination, target=one_of(draw, middle if inside else targets)))
    else:
        at = draw(st.sampled_from(ours))
        route = routes.pop(at)
        if kind == "dead":
            routes.append(replace(route, active=False))
        elif kind == "target" and route.destination not in network.prefix_lists:
            routes.append(replace(route, target=one_of(draw, targets)))
    return replace(network, route_tables={**network.route_tables, table.id: replace(table, routes=tuple(routes))})


def outside(network: Network) -> list[str]:
    public = [f"{each.public}/32" for each in network.interfaces.values() if each.public]
    return [ANYWHERE, "192.0.2.0/24", "203.0.113.0/24", "198.19.0.0/24", "pl-elsewhere", *public]


def change_subnet(draw: st.DrawFn, network: Network) -> Network:
    subnet = network.subnets[one_of(draw, network.subnets)]
    changed = (
        replace(subnet, acl=one_of(draw, network.acls))
        if draw(st.booleans())
        else replace(subnet, route_table=one_of(draw, network.route_tables))
    )
    return replace(network, subnets={**network.subnets, subnet.id: changed})


# --- hosts and gateways


def change_interface(draw: st.DrawFn, network: Network) -> Network:
    its = network.interfaces[one_of(draw, network.interfaces)]
    kind = draw(st.sampled_from(["public", "groups", "check", "forwards"]))
    if kind == "public":
        free = None if any(each.public == FREE for each in network.interfaces.values()) else FREE
        its = replace(its, public=None if its.public else free)
    elif kind == "groups":
        groups = draw(st.lists(st.sampled_from(sorted(network.groups)), min_size=1, max_size=2, unique=True))
        its = replace(its, groups=tuple(groups))
    elif kind == "check":
        its = replace(its, checks_addresses=not its.checks_addresses)
    else:
        rule = GroupRule(peer=str(network.cidrs[0]), **traffic(draw))
        its = replace(its, checks_addresses=False, forwards=(rule,))
    return replace(network, interfaces={**network.interfaces, its.id: its})


def change_gateway(draw: st.DrawFn, network: Network) -> Network:
    kind = draw(st.sampled_from(["internet", "nat", "nat", "endpoint"]))
    if kind == "internet":
        return replace(network, internet_gateways=frozenset())
    if kind == "endpoint":
        return replace(network, endpoints={})
    if not network.nat_gateways:
        return network
    gateway = network.nat_gateways[one_of(draw, network.nat_gateways)]
    if draw(st.booleans()):
        gateway = replace(gateway, available=not gateway.available)
    elif gateway.subnet:
        gateway = replace(gateway, subnet=one_of(draw, network.subnets))
    return replace(network, nat_gateways={**network.nat_gateways, gateway.id: gateway})


Change = Callable[[st.DrawFn, Network], Network]
CHANGES: list[Change] = [
    change_acl,
    change_acl,
    open_acl,
    change_group,
    change_group,
    open_group,
    change_routes,
    change_routes,
    change_subnet,
    change_interface,
    change_gateway,
]
