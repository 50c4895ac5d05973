"""A VPC out of network namespaces, with the internet around it."""

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from ipaddress import IPv4Address, IPv4Network

from lab.packets import rules
from lab.packets.namespaces import Namespace, tie
from lab.reach.network import LOCAL, GatewayEndpoint, Interface, NatGateway, Network
from lab.reach.parties import groups_without_hosts, member, short

LINKS = IPv4Network("169.254.0.0/16")  # each part has an address of these on its cables; nobody routes to them
ELSEWHERE = IPv4Address("192.0.2.7")  # an address on the internet that no rule names
NAT_PORTS = (1024, 65535)
LONGEST = 15  # characters of a device's name
PRESENT = 10  # the routing table of the addresses that are there; a subnet's route table has a number from 100 on


@dataclass
class Part:
    """A namespace and what is to be said in it to ip(8) and nft(8)."""

    space: Namespace
    link: IPv4Address
    ip: list[str] = field(default_factory=lambda: ["link set lo up"])
    nft: str = ""
    settings: dict[str, int] = field(default_factory=dict)

    def device(self, name: str, *addresses: object) -> None:
        """Switch a device on, with addresses."""
        self.ip += [f"link set dev {name} up", *(f"address add {each} dev {name}" for each in addresses)]

    def route(self, destination: object, device: str, via: object, table: object = "main") -> None:
        """Add a route to the other end of a cable."""
        self.ip.append(f"route add {destination} via {via} dev {device} onlink table {table}")


class Vpc:
    """A network, built. ``hosts`` are the namespaces of what sends and answers by itself, by name; ``spaces`` are all.

    ``outside`` are the addresses of the host ``internet``; ``nat_ports`` are those that NAT gateways choose from;
    ``here`` is the host that this process's own network becomes, and that passes on what comes to it.
    """

    def __init__(
        self,
        network: Network,
        *,
        outside: Sequence[IPv4Address] = (ELSEWHERE,),
        nat_ports: tuple[int, int] = NAT_PORTS,
        here: str = "",
    ) -> None:
        self.network = network
        self.names = names(network)
        self.addresses: dict[str, list[IPv4Address]] = {}
        self.cables: dict[str, list[str]] = {subnet: [] for subnet in network.subnets}
        self._parts: dict[str, Part] = {}
        self._ties: list[tuple[Namespace, str, Namespace, str]] = []
        self._leads_to: dict[str, tuple[str, IPv4Address]] = {}  # the cable and its end, by the id of a route's target
        self._devices = {"igw"}
        self._public: dict[IPv4Address, IPv4Address] = {}  # by private address
        self._regional: list[IPv4Address] = []  # of NAT gateways that stand in no subnet
        # First, as each new namespace is where this process then is.
        self._parts |= {here: Part(Namespace(here, forwards=True, is_new=False), LINKS[1])} if here else {}
        self._router = self._part("vpc", forwards=True)
        self._gateway = self._part("igw", forwards=bool(network.internet_gateways))
        self._add_internet(outside)
        for each in network.interfaces.values():
            self._add_interface(each)
        for gateway in network.nat_gateways.values():
            if gateway.available:
                self._add_nat_gateway(gateway, nat_ports)
        for endpoint in network.endpoints.values():
            self._add_endpoint(endpoint)
        self._gateway.nft = rules.internet_gateway(self._public, self._regional)
        self._router.nft = rules.acls(network, self.cables)
        self._router.ip += self._routes()
        tie(self._ties)
        for part in self._parts.values():
            part.space.ip(part.ip)
            for setting, value in part.settings.items():
                part.space.set(setting, value)
            if part.nft:
                part.space.nft(part.nft)
        if here:
            self._parts[here].space.enter()

    @property
    def spaces(self) -> Mapping[str, Namespace]:
        return {name: part.space for name, part in self._parts.items()}

    @property
    def hosts(self) -> Mapping[str, Namespace]:
        return {name: self._parts[name].space for name in self.addresses}

    def change(self, network: Network) -> None:
        """Put other security groups and network ACLs into force. Connections that are tracked go on, as in AWS."""
        self.network = network
        self._router.space.nft(rules.acls(network, self.cables))
        for each in network.interfaces.values():
            self._parts[f"{self.names[each.id]}.eni"].space.nft(rules.interface(network, each))

    def close(self) -> None:
        for part in self._parts.values():
            part.space.close()

    def _part(self, name: str, *, forwards: bool = False) -> Part:
        self._parts[name] = Part(Namespace(name, forwards=forwards), LINKS[len(self._parts) + 1])
        return self._parts[name]

    def _lay(self, one: Part, device: str, other: Part, peer: str) -> None:
        self._ties.append((one.space, device, other.space, peer))
        one.device(device, one.link)
        other.device(peer, other.link)

    def _add_internet(self, outside: Sequence[IPv4Address]) -> None:
        """Put the internet gateway between the router and the internet; one that is not attached forwards nothing."""
        internet = self._part("internet")
        self.addresses["internet"] = list(outside)
        self._lay(self._router, "igw", self._gateway, "vpc")
        self._lay(self._gateway, "internet", internet, "eth0")
        internet.ip += [f"address add {address} dev eth0" for address in outside]
        internet.ip.append(f"route add default via {self._gateway.link} dev eth0 onlink src {outside[0]}")
        for cidr in self.network.cidrs:
            self._gateway.route(cidr, "vpc", self._router.link)
        self._gateway.route("default", "internet", internet.link)
        self._leads_to |= dict.fromkeys(self.network.internet_gateways, ("igw", self._gateway.link))

    def _add_interface(self, its: Interface) -> None:
        """Put a host behind its interface, which answers for all addresses when the host asks by ARP, as AWS does."""
        name = self.names[its.id]
        host = self._parts.get(name) or self._part(name, forwards=bool(its.forwards))
        eni = self._part(f"{name}.eni", forwards=True)
        self.addresses[name] = [its.private]
        device = self._add_cable(its.id, name, its.subnet, eni)
        self._router.route(its.private, device, eni.link, PRESENT)
        self._ties.append((eni.space, "host", host.space, "eth0"))
        eni.device("host")
        eni.settings = {"net/ipv4/conf/host/proxy_arp": 1, "net/ipv4/neigh/host/proxy_delay": 0}
        eni.route("default", "vpc", self._router.link)
        eni.ip.append("rule add pref 100 iif vpc lookup 100")
        eni.route("default", "host", its.private, 100)
        eni.nft = rules.interface(self.network, its)
        subnet = self.network.subnets[its.subnet].cidr
        host.device("eth0", f"{its.private}/{subnet.prefixlen}")
        host.ip.append(f"route add default via {subnet[1]} dev eth0")
        if its.forwards:
            host.nft = rules.nat_instance(its)
        if its.public:
            self._public[its.private] = its.public

    def _add_nat_gateway(self, gateway: NatGateway, ports: tuple[int, int]) -> None:
        """Put a NAT gateway into its subnet; or a regional one, which sends on what it gets past the router."""
        name = f"nat@{_plain(self.network.subnets[gateway.subnet].name) if gateway.subnet else 'regional'}"
        name = name if name not in self._parts else f"{name}-{len(self._parts)}"
        part = self._part(name, forwards=True)
        device = self._add_cable(gateway.id, name, gateway.subnet, part)
        cidrs = self.network.cidrs
        if gateway.subnet and gateway.private:
            part.nft = rules.nat_gateway(cidrs, gateway.private, ports)
            part.route("default", "vpc", self._router.link)
            part.ip.append(f"address add {gateway.private} dev vpc")
            self._router.route(gateway.private, device, part.link, PRESENT)
            if gateway.public:
                self._public[gateway.private] = gateway.public[0]
        elif gateway.public:
            part.nft = rules.nat_gateway(cidrs, gateway.public[0], ports)
            outlet = f"nat-{len(self._parts)}"
            self._lay(self._gateway, outlet, part, "igw")
            for cidr in cidrs:
                part.route(cidr, "vpc", self._router.link)
            part.route("default", "igw", self._gateway.link)
            self._gateway.route(gateway.public[0], outlet, part.link)
            self._regional.append(gateway.public[0])

    def _add_endpoint(self, endpoint: GatewayEndpoint) -> None:
        """Put a service, such as S3, behind its endpoint, and on the internet."""
        cidrs = self.network.prefix_lists.get(endpoint.prefix_list, ())
        name = _plain(endpoint.service)
        name = name if name not in self._parts else f"{name}-{len(self._parts)}"
        part, there = self._part(f"{name}.endpoint", forwards=True), self._part(name)
        self.addresses[name] = list(map(_first, cidrs))
        self._add_cable(endpoint.id, name, None, part)
        self._lay(part, "service", there, "endpoint")
        self._lay(self._gateway, name, there, "igw")
        part.nft = rules.ENDPOINT
        part.route("default", "service", there.link)
        for cidr in self.network.cidrs:
            part.route(cidr, "vpc", self._router.link)
            there.route(cidr, "endpoint", part.link)
        for address in self.addresses[name]:
            there.ip.append(f"address add {address} dev igw")
        if cidrs:
            there.ip.append(f"route add default via {self._gateway.link} dev igw onlink src {self.addresses[name][0]}")
        for cidr in cidrs:
            self._gateway.route(cidr, name, there.link)

    def _add_cable(self, target: str, name: str, subnet: str | None, part: Part) -> str:
        """Lay a cable from the router to what may be the target of a route; return the router's device."""
        device = name.replace("@", "-")
        if len(device) > LONGEST or device in self._devices:
            device = f"{device[: LONGEST - 4]}-{len(self._parts)}"
        self._devices.add(device)
        self._lay(self._router, device, part, "vpc")
        self._leads_to[target] = device, part.link
        if subnet:
            self.cables[subnet].append(device)
        return device

    def _routes(self) -> Iterator[str]:
        """Yield the router's routing: a table for each route table, and which one a cable's packets take.

        A packet that stays within its subnet takes none. ``throw`` sends a packet on to the next rule, which knows the
        addresses that are there.
        """
        tables = {table: 100 + number for number, table in enumerate(self.network.route_tables)}
        for id_, number in tables.items():
            # Of two for the same addresses, a static route counts: it comes last, and replaces the one of a list.
            listed = self.network.prefix_lists
            for route in sorted(self.network.route_tables[id_].routes, key=lambda each: each.destination not in listed):
                for destination in rules.blocks(self.network, route.destination):
                    way = self._way(route.target, active=route.active)
                    yield f"route replace {way.format(destination)} table {number}"
            yield f"route add blackhole default metric 9999 table {number}"
        for subnet, devices in self.cables.items():
            its = self.network.subnets[subnet]
            for device in devices:
                yield f"rule add pref 100 iif {device} to {its.cidr} lookup {PRESENT}"
                yield f"rule add pref 200 iif {device} lookup {tables[its.route_table]}"
        yield f"rule add pref 300 lookup {PRESENT}"
        yield f"route add blackhole default table {PRESENT}"

    def _way(self, target: str, *, active: bool) -> str:
        if target == LOCAL:
            return "throw {}"
        if active and target in self._leads_to:
            device, end = self._leads_to[target]
            return f"{{}} via {end} dev {device} onlink"
        return "blackhole {}"


def names(network: Network) -> dict[str, str]:
    """Return a name for each interface, by its id: that of its instance, without what all of ours begin with."""
    found: dict[str, str] = {}
    for each in network.interfaces.values():
        name = _plain(each.name) or each.id
        is_free = name not in found.values() and not re.fullmatch(r"vpc|igw|internet|(s3|dynamodb)(-\d+)?|nat@.*", name)
        found[each.id] = name if is_free else f"{name}-{len(found)}"
    return found


def _plain(name: str) -> str:
    """Return a name as a device may have it, without what all of ours begin with."""
    return re.sub(r"[^A-Za-z0-9.@-]", "-", short(name))


def with_members(network: Network) -> Network:
    """Return a network with a member of each security group that has none, in each subnet."""
    members = [
        member(network, group.id, subnet).end
        for group in groups_without_hosts(network)
        for subnet in network.subnets.values()
    ]
    return network.with_interfaces(*(each for each in members if isinstance(each, Interface)))


def outside_addresses(network: Network) -> list[IPv4Address]:
    """Return addresses on the internet: one that no rule names, and one in each range that a rule does."""
    ranges = {
        IPv4Network(rule.peer, strict=False)
        for group in network.groups.values()
        for rule in (*group.inbound, *group.outbound)
        if "/" in rule.peer
    } | {entry.cidr for acl in network.acls.values() for entry in acl.entries}
    named = [_first(each) for each in sorted(ranges) if not any(each.overlaps(own) for own in network.cidrs)]
    own = {each.public for each in network.interfaces.values()}
    own |= {address for each in network.nat_gateways.values() for address in each.public}
    nobodys = {each for each in named if each.is_loopback or each.is_multicast or each.is_reserved}
    return [ELSEWHERE, *(each for each in dict.fromkeys(named) if each not in {ELSEWHERE, *own, *nobodys})]


def _first(cidr: IPv4Network) -> IPv4Address:
    return cidr[min(1, cidr.num_addresses - 1)]
