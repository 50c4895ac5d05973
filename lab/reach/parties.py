"""Who may be asked for: hosts that are there, hosts that one could start, S3, and all that is outside.

- an instance by its Name tag, with or without ``learning-``, by its id or its address: ``bastion``, ``private-host``
- ``web@private-1``: a member that somebody could start there; ``web`` alone: one in each subnet
- ``private-1``: any host in that subnet, which no security group restricts: what the subnet itself lets through
- ``internet``, an address or a CIDR block outside; ``s3``

What is started in a subnet whose default route leads to the internet gateway is taken to get a public address, as the
bastion does; elsewhere it has none.
"""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace
from ipaddress import IPv4Address, IPv4Network
from itertools import islice

from lab.reach.engine import RFC1918, RFC6598, End, as_network
from lab.reach.network import ALL_PORTS, GroupRule, Interface, Network, SecurityGroup, Subnet
from lab.terminal.language import _
from lab.terminal.problem import ProblemError

PREFIX = "learning-"
INTERNET, S3 = "internet", "s3"
ANYWHERE = IPv4Network("0.0.0.0/0")
# Addresses of documentation (RFC 5737), to speak of somebody on the internet.
EXAMPLES = tuple(map(IPv4Address, ("198.51.100.1", "192.0.2.1", "203.0.113.1")))
# What is nobody's on the internet.
NOBODYS = (*RFC1918, *RFC6598, *map(IPv4Network, ("0.0.0.0/8", "127.0.0.0/8", "169.254.0.0/16", "224.0.0.0/3")))
S3_SOMEWHERE = IPv4Address("3.5.0.1")  # one of S3's, for a VPC that has no endpoint to tell
PUBLIC = IPv4Network("198.18.128.0/17")  # of RFC 2544's, which are nobody's: for hosts that are not started
ANY_GROUP = "any"
RESERVED = 4  # AWS keeps the first addresses of each subnet, and the last
DEFAULT_GROUP = "default"


@dataclass(frozen=True)
class Party:
    """One end of a question."""

    name: str
    end: End
    block: IPv4Network | None = None
    """For who is outside: the block of addresses that this one stands for, less the smaller blocks that others do."""

    @property
    def is_outside(self) -> bool:
        return isinstance(self.end, IPv4Address)

    def is_within(self, other: "Party") -> bool:
        """Tell whether this block is a part of another one."""
        return bool(self.block and other.block and self.block != other.block and self.block.subnet_of(other.block))


def with_any_group(network: Network) -> Network:
    """Return the network with a group that lets everything pass, for hosts of which only the subnet is known."""
    everything = (GroupRule(protocol="-1", ports=ALL_PORTS, peer=str(ANYWHERE)),)
    group = SecurityGroup(id=ANY_GROUP, name=ANY_GROUP, inbound=everything, outbound=everything)
    return replace(network, groups={**network.groups, ANY_GROUP: group})


def with_parties(network: Network, parties: Iterable[Party]) -> Network:
    """Return the network in which all of these are started."""
    return with_any_group(network).with_interfaces(*(each.end for each in parties if isinstance(each.end, Interface)))


def find(network: Network, text: str, *, second: bool = False) -> list[Party]:
    """Return who is meant by a text: one or more; ``second`` gives other members than without it.

    Raises ProblemError when nobody is.
    """
    if text == INTERNET:
        return outside(network, ANYWHERE, INTERNET)
    if text == S3:
        return [s3(network)]
    if there := [each for each in instances(network) if text in _names(each)]:
        return there
    group, _at, place = text.partition("@")
    groups = [each for each in network.groups.values() if _is(group, each.id, each.name)]
    subnets = [each for each in network.subnets.values() if _is(place or text, each.id, each.name)]
    if groups and (subnets or not place):
        return [member(network, groups[0].id, each, second=second) for each in subnets or _in_order(network)]
    if subnets and not place:
        return [member(network, ANY_GROUP, subnets[0], second=second)]
    try:
        block = IPv4Network(text)
    except ValueError:
        raise ProblemError(
            _("{text} is nobody here. There are: {names}").format(text=text, names=", ".join(known(network)))
        ) from None
    return _by_address(network, block, second=second)


def known(network: Network) -> list[str]:
    """Return the names that one may ask for."""
    members = [short(group.name) for group in groups_without_hosts(network)]
    subnets = [short(each.name) for each in _in_order(network)]
    example = [f"{name}@{subnets[0]}" for name in members[:1] if subnets]
    return [
        INTERNET,
        S3,
        *dict.fromkeys(short(each.name) for each in instances(network)),
        *members,
        *example,
        *subnets,
        _("an address"),
    ]


def short(name: str) -> str:
    """Return a name without the prefix that all of ours have."""
    return name.removeprefix(PREFIX)


def everybody(network: Network, *, second: bool = False, told_apart: Iterable[IPv4Network] = ()) -> list[Party]:
    """Return all whom a matrix is about: who is there, a member of each group that has none, the internet and S3.

    ``told_apart`` are blocks of the internet to ask for beside those that this network's rules name.
    """
    return [
        *outside(network, ANYWHERE, INTERNET, told_apart),
        *instances(network),
        *(
            member(network, group.id, subnet, second=second)
            for group in groups_without_hosts(network)
            for subnet in _in_order(network)
        ),
        *([s3(network)] if s3_blocks(network) else []),
    ]


def instances(network: Network) -> list[Party]:
    """Return the instances that are there, in the order of their names."""
    return [
        Party(short(each.name), each)
        for each in sorted(network.interfaces.values(), key=lambda each: (each.name, each.id))
    ]


def groups_without_hosts(network: Network) -> list[SecurityGroup]:
    """Return the groups that no instance has yet, but for the VPC's default one."""
    used = {group for each in network.interfaces.values() for group in each.groups}
    free = (each for each in network.groups.values() if each.id not in used)
    return sorted((each for each in free if each.name not in (DEFAULT_GROUP, ANY_GROUP)), key=lambda each: each.name)


def member(network: Network, group: str, subnet: Subnet, *, second: bool = False) -> Party:
    """Return a host that one could start in a subnet, in a security group."""
    # Those that are asked for most come first: a small subnet has few addresses.
    order = dict.fromkeys([*(each.id for each in groups_without_hosts(network)), ANY_GROUP, *network.groups])
    number = 1 + 2 * [*order].index(group) + second
    taken = {each.private for some in (network.interfaces, network.nat_gateways) for each in some.values()}
    last_first = (subnet.cidr[-2 - place] for place in range(subnet.cidr.num_addresses - RESERVED - 1))
    free = (each for each in last_first if each not in taken)
    private = next(islice(free, number - 1, None), None)
    if private is None:
        raise ProblemError(
            _("{subnet} ({cidr}) has no address left for a host that one could start").format(
                subnet=short(subnet.name), cidr=subnet.cidr
            )
        )
    place = [*network.subnets].index(subnet.id) * 256 + number
    name = short(subnet.name)
    if group != ANY_GROUP:
        name = f"{short(network.groups[group].name)}@{name}"
    return Party(
        name,
        Interface(
            id=f"{name}{' (2)' if second else ''}",
            name=name,
            subnet=subnet.id,
            private=private,
            public=PUBLIC[place] if is_public(network, subnet) else None,
            groups=(group,),
        ),
    )


def is_public(network: Network, subnet: Subnet) -> bool:
    """Tell whether a subnet's default route leads to the internet gateway."""
    routes = network.route_tables[subnet.route_table].routes
    return any(each.destination == str(ANYWHERE) and each.target in network.internet_gateways for each in routes)


def s3_blocks(network: Network) -> tuple[IPv4Network, ...]:
    """Return the addresses of S3, as the VPC's gateway endpoints for it know them."""
    own = (each.prefix_list for each in network.endpoints.values() if each.service == S3)
    return tuple(block for number in own for block in network.prefix_lists.get(number, ()))


def s3(network: Network) -> Party:
    """Return S3, by one of its addresses."""
    first = next(iter(s3_blocks(network)), None)
    return Party(S3, first[1] if first else S3_SOMEWHERE)


def outside(network: Network, asked: IPv4Network, name: str, told_apart: Iterable[IPv4Network] = ()) -> list[Party]:
    """Return who speaks for the addresses of a block: one for each part that the rules, or ``told_apart``, name."""
    nobodys = (*network.cidrs, *(NOBODYS if asked == ANYWHERE else ()))
    if asked == ANYWHERE:
        lists = (network.prefix_lists.get(each.prefix_list, ()) for each in network.endpoints.values())
        nobodys += tuple(block for blocks in lists for block in blocks)
    own = {each.public for each in network.interfaces.values()}
    parts = {asked} | {block for block in (*blocks_named(network), *told_apart) if block.subnet_of(asked)}
    found = []
    for part in sorted(parts, key=lambda each: (-each.prefixlen, each)):
        smaller = [each for each in parts if each != part and each.subnet_of(part)]
        others = [*smaller, *(each for each in nobodys if each.subnet_of(part) or part.subnet_of(each))]
        candidates = [*EXAMPLES, part[0], part[-1], *(each[-1] + 1 for each in others if each[-1] < part[-1])]
        free = (each for each in candidates if each in part and each not in own)
        example = next((each for each in free if not any(each in other for other in others)), None)
        if example:
            found.append(Party(name if part == asked else str(part), example, part))
    return found


def _by_address(network: Network, block: IPv4Network, *, second: bool) -> list[Party]:
    if not any(block.overlaps(each) for each in network.cidrs):
        return outside(network, block, str(block).removesuffix("/32"))
    address = block[0]
    subnet = next((each for each in network.subnets.values() if block.subnet_of(each.cidr)), None)
    if subnet and block == subnet.cidr:
        return [member(network, ANY_GROUP, subnet, second=second)]
    if block.prefixlen < 32 or subnet is None:  # a single address
        ranges = ", ".join(f"{each.cidr} ({short(each.name)})" for each in _in_order(network))
        raise ProblemError(
            _("{block} is in this VPC, but no subnet and no host of it. Its subnets: {ranges}").format(
                block=block, ranges=ranges
            )
        )
    party = member(network, ANY_GROUP, subnet)
    return [Party(str(address), replace(party.end, id=str(address), name=str(address), private=address))]  # type: ignore[type-var]


def blocks_named(network: Network) -> Iterator[IPv4Network]:
    """Yield all blocks of addresses that any rule or route names."""
    for acl in network.acls.values():
        yield from (entry.cidr for entry in acl.entries)
    for group in network.groups.values():
        for rule in (*group.inbound, *group.outbound):
            if "/" in rule.peer:
                yield as_network(rule.peer)
    for table in network.route_tables.values():
        yield from (as_network(route.destination) for route in table.routes if "/" in route.destination)
    s3_lists = {each.prefix_list for each in network.endpoints.values()}
    for number, blocks in network.prefix_lists.items():
        if number not in s3_lists:
            yield from blocks


def _in_order(network: Network) -> list[Subnet]:
    """Return the subnets by their names, the public ones first."""
    return sorted(network.subnets.values(), key=lambda each: (not is_public(network, each), each.name))


def _is(text: str, id_: str, name: str) -> bool:
    return text in (id_, name, short(name))


def _names(party: Party) -> tuple[str, ...]:
    end = party.end
    if isinstance(end, IPv4Address):
        return ()
    return (end.id, end.instance, end.name, short(end.name), str(end.private), str(end.public))
