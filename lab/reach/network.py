"""A network in the facts that decide who reaches whom, whether AWS describes it or a template promises it.

All ids are AWS's own (``subnet-...``), or logical ids where a template was read: what bears one of these is in the
dictionaries of `Network`. Names are the Name tags, or the ids where there is none. Nothing here asks AWS.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from ipaddress import IPv4Address, IPv4Network

LOCAL = "local"  # the target of the route that each route table has for its VPC's own addresses
ALL_PORTS = (0, 65535)


@dataclass(frozen=True, kw_only=True)
class GroupRule:
    """A rule of a security group."""

    protocol: str
    """tcp, udp, icmp, or -1 for all traffic."""
    ports: tuple[int, int]
    """First and last destination port; for ICMP its type and code, where -1 is any."""
    peer: str
    """A CIDR block, the id of a security group, or of a prefix list."""
    id: str = ""


@dataclass(frozen=True, kw_only=True)
class SecurityGroup:
    """A security group: stateful, allows alone, judges each interface that has it."""

    id: str
    name: str
    inbound: tuple[GroupRule, ...]
    outbound: tuple[GroupRule, ...]


@dataclass(frozen=True, kw_only=True)
class AclEntry:
    """A numbered rule of a network ACL."""

    number: int
    egress: bool
    protocol: str
    """tcp, udp, icmp, or -1 for all traffic."""
    cidr: IPv4Network
    ports: tuple[int, int] = ALL_PORTS
    """First and last destination port; for ICMP its type and code, where -1 is any."""
    allow: bool


@dataclass(frozen=True, kw_only=True)
class NetworkAcl:
    """A network ACL: stateless, judges what crosses the edge of its subnets. What no entry matches is denied."""

    id: str
    name: str
    entries: tuple[AclEntry, ...]


@dataclass(frozen=True, kw_only=True)
class Route:
    """A route of a route table."""

    destination: str
    """A CIDR block, or the id of a prefix list."""
    target: str
    """LOCAL, or the id of a gateway, a NAT gateway, an endpoint or a network interface."""
    active: bool = True
    """False where AWS says that the route is a black hole: its target is gone, or an instance that is stopped."""


@dataclass(frozen=True, kw_only=True)
class RouteTable:
    """A route table. The longest prefix decides."""

    id: str
    name: str
    routes: tuple[Route, ...]


@dataclass(frozen=True, kw_only=True)
class Subnet:
    """A subnet with the route table and the network ACL in force there, be they its own or the VPC's."""

    id: str
    name: str
    cidr: IPv4Network
    zone: str
    route_table: str
    acl: str


@dataclass(frozen=True, kw_only=True)
class Interface:
    """A network interface of an instance."""

    id: str
    name: str
    """The Name tag of its instance."""
    subnet: str
    private: IPv4Address
    public: IPv4Address | None
    groups: tuple[str, ...]
    checks_addresses: bool = True
    """The source/destination check: it takes and sends only what bears its own address. A NAT instance has none."""
    instance: str = ""
    forwards: tuple[GroupRule, ...] = ()
    """What a NAT instance lets through for others, with its own address as the sender: known of ours alone."""


@dataclass(frozen=True, kw_only=True)
class NatGateway:
    """A NAT gateway sends on what the VPC's hosts send to the internet, under its own address and a port it chooses."""

    id: str
    name: str
    subnet: str | None
    """None for a regional one, which stands in no subnet."""
    private: IPv4Address | None
    public: tuple[IPv4Address, ...]
    available: bool = True


@dataclass(frozen=True, kw_only=True)
class GatewayEndpoint:
    """A gateway endpoint, which a route with its service's prefix list leads to."""

    id: str
    name: str
    prefix_list: str
    service: str = "s3"


@dataclass(frozen=True, kw_only=True)
class Network:
    """A VPC. Each dictionary is by id."""

    region: str
    cidrs: tuple[IPv4Network, ...]
    subnets: Mapping[str, Subnet]
    route_tables: Mapping[str, RouteTable]
    acls: Mapping[str, NetworkAcl]
    groups: Mapping[str, SecurityGroup]
    interfaces: Mapping[str, Interface]
    internet_gateways: frozenset[str] = frozenset()
    """Those that are attached."""
    nat_gateways: Mapping[str, NatGateway] = field(default_factory=dict)
    endpoints: Mapping[str, GatewayEndpoint] = field(default_factory=dict)
    prefix_lists: Mapping[str, tuple[IPv4Network, ...]] = field(default_factory=dict)

    def with_interfaces(self, *interfaces: Interface) -> "Network":
        """Return this network with more interfaces, such as of a web server that somebody could start."""
        return replace(self, interfaces={**self.interfaces, **{each.id: each for each in interfaces}})

    def without_zone(self, zone: str) -> "Network":
        """Return this network after the failure of a zone: NAT gateways and instances in it are no more."""
        failed = {each.id for each in self.subnets.values() if each.zone == zone}
        return replace(
            self,
            nat_gateways={
                key: replace(each, available=each.available and each.subnet not in failed)
                for key, each in self.nat_gateways.items()
            },
            interfaces={key: each for key, each in self.interfaces.items() if each.subnet not in failed},
        )
