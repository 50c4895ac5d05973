"""What becomes of a packet in a network, and of the reply to it: a pure function, hop by hop.

Each rule of AWS stands at the function that keeps it, with the page that says so. Not known here: IPv6, peering,
transit and virtual private gateways, gateway route tables, load balancers, secondary addresses.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field, replace
from functools import cache
from ipaddress import IPv4Address, IPv4Network
from typing import Literal

from lab.reach.network import LOCAL, AclEntry, GroupRule, Interface, NatGateway, Network, Route

Kind = Literal[
    "instance",
    "interface",
    "security-group",
    "network-acl",
    "route-table",
    "nat-gateway",
    "endpoint",
    "internet-gateway",
    "internet",
]
# One end of a conversation: an interface in the VPC, or an address outside of it.
End = Interface | IPv4Address

ANY = -1  # any type, or any code, of ICMP
ECHO, ECHO_REPLY = (8, 0), (0, 0)
# Internet gateways carry nothing from or to these.
# https://docs.aws.amazon.com/vpc/latest/reachability/explanation-codes.html (IGW_...RFC1918..., IGW_...RFC6598...)
RFC1918 = tuple(map(IPv4Network, ("10.0.0.0/8", "172.16.0.0/12", "192.168.0.0/16")))
RFC6598 = (IPv4Network("100.64.0.0/10"),)

# AWS's explanation codes, and where AWS has none for what happens, ours: they begin with LAB.
# https://docs.aws.amazon.com/vpc/latest/reachability/explanation-codes.html
BAD_STATE = "BAD_STATE"
BAD_STATE_ATTACHMENT = "BAD_STATE_ATTACHMENT"
BAD_STATE_ROUTE = "BAD_STATE_ROUTE"
CHECK = "ENI_SOURCE_DEST_CHECK_RESTRICTION"
DESTINATION_IN_RFC1918 = "IGW_DESTINATION_ADDRESS_NOT_IN_RFC1918_EGRESS"
DESTINATION_IN_RFC6598 = "IGW_DESTINATION_ADDRESS_NOT_IN_RFC6598_EGRESS"
ENDPOINT_PROTOCOL = "VPCE_GATEWAY_PROTOCOL_RESTRICTION"
GROUP = "ENI_SG_RULES_MISMATCH"
GROUP_EMPTY = "SG_HAS_NO_RULES"
GROUP_REFERENCE = "SG_REFERENCES_NOT_PRESERVED"
NAT_SOURCE = "NGW_REQUIRES_SOURCE_IN_VPC"
NETWORK_ACL = "SUBNET_ACL_RESTRICTION"
NOBODY = "NO_POSSIBLE_DESTINATION"
NO_PATH = "NO_PATH"
NO_PUBLIC_TARGET = "IGW_PRIVATE_IP_ASSOCIATION_FOR_INGRESS"
NO_PUBLIC_SOURCE = "IGW_PUBLIC_IP_ASSOCIATION_FOR_EGRESS"
NO_ROUTE = "NO_ROUTE_TO_DESTINATION"
SOURCE_IN_RFC1918 = "IGW_SOURCE_ADDRESS_NOT_IN_RFC1918_INGRESS"
SOURCE_IN_RFC6598 = "IGW_SOURCE_ADDRESS_NOT_IN_RFC6598_INGRESS"
GUEST = "LAB_NAT_INSTANCE_FIREWALL"
LOOP = "LAB_ROUTES_IN_A_CIRCLE"
OTHER_WAY = "LAB_REPLY_LEAVES_BY_ANOTHER_WAY"


@dataclass(frozen=True)
class Packet:
    """A packet, in what rules look at. ``ports`` are those of source and destination; for ICMP its type and code."""

    protocol: str
    source: IPv4Address
    destination: IPv4Address
    ports: tuple[int, int]

    def reply(self) -> "Packet":
        """Return what whoever gets this packet answers."""
        ports = ECHO_REPLY if self.protocol == "icmp" else (self.ports[1], self.ports[0])
        return Packet(self.protocol, self.destination, self.source, ports)


@dataclass(frozen=True, kw_only=True)
class Hop:
    """What a packet passes, or stops at."""

    kind: Kind
    id: str
    packet: Packet
    """The packet as it comes there."""
    after: Packet
    """The packet as it goes on: gateways and NAT instances translate addresses."""
    inbound: bool = False
    """For groups and ACLs: which of its rules were asked."""
    rule: GroupRule | AclEntry | Route | None = None
    """The rule that decided. None where no rule matched, and where none is asked: replies pass security groups."""
    code: str = ""
    """Where the packet stops: why, as an explanation code. Else empty."""


@dataclass(frozen=True)
class Way:
    """The way of one packet."""

    hops: tuple[Hop, ...]

    @property
    def code(self) -> str:
        """The explanation code of where it stops; empty when it arrives."""
        return self.hops[-1].code

    @property
    def arrives(self) -> bool:
        return not self.code


@dataclass(frozen=True)
class Conversation:
    """A request's way and its reply's, where there is one."""

    request: Way
    reply: Way | None

    @property
    def succeeds(self) -> bool:
        return self.reply is not None and self.reply.arrives

    @property
    def stop(self) -> Hop | None:
        """Where it stops: the request, or else the reply."""
        last = (self.reply or self.request).hops[-1]
        return last if last.code else None


class Engine:
    """A network, ready for questions."""

    def __init__(self, network: Network) -> None:
        self.network = network
        self.by_private = {each.private: each for each in network.interfaces.values()}
        self.by_public: dict[IPv4Address, Interface | NatGateway] = {
            address: each for each in network.nat_gateways.values() for address in each.public
        } | {each.public: each for each in network.interfaces.values() if each.public}
        self.gateway_by_private = {each.private: each for each in network.nat_gateways.values() if each.private}
        self.entries = {
            (acl.id, egress): sorted(
                (each for each in acl.entries if each.egress is egress), key=lambda each: each.number
            )
            for acl in network.acls.values()
            for egress in (False, True)
        }
        self.members = {
            group: {each.private for each in network.interfaces.values() if group in each.groups}
            for group in network.groups
        }

    def converse(
        self, source: End, destination: End, *, protocol: str, ports: tuple[int, int], nat_port: int = 1024
    ) -> Conversation:
        """Return what becomes of a request, and of the reply to it.

        ``ports`` are the client's and the server's; for ICMP the type and code, and echo requests alone have a reply.
        ``nat_port`` is the port that a NAT gateway chooses, should the request pass one. A host in the VPC is asked
        for by its private address from inside, and by its public one from outside.
        """
        outside = isinstance(source, IPv4Address)
        if isinstance(destination, Interface):
            target = (destination.public if outside else None) or destination.private
        else:
            target = destination
        packet = Packet(protocol, source if isinstance(source, IPv4Address) else source.private, target, ports)
        walk = _Walk(self, source, nat_port)
        request = walk.send(packet)
        if not request.arrives or (protocol == "icmp" and ports != ECHO):
            return Conversation(request, None)
        return Conversation(request, walk.answer(packet))

    def blocks(self, cidr_or_list: str) -> Sequence[IPv4Network]:
        """Return the addresses that a route or a rule names."""
        listed = self.network.prefix_lists.get(cidr_or_list)
        if listed is not None:
            return listed
        return (as_network(cidr_or_list),) if "/" in cidr_or_list else ()


class _Stopped(Exception):  # noqa: N818  # how a walk ends, and no error
    """The packet goes no further."""


@dataclass
class _Walk:
    """A request under way, and then its reply, with what is remembered of the one for the other."""

    engine: Engine
    source: End
    nat_port: int
    hops: list[Hop] = field(default_factory=list)
    is_reply: bool = False
    # Interfaces whose groups let the request pass, so that the reply passes them.
    tracked: set[str] = field(default_factory=set)
    # By the reply that a NAT device waits for: what it makes of that.
    translations: dict[tuple[str, Packet], Packet] = field(default_factory=dict)

    @property
    def network(self) -> Network:
        return self.engine.network

    def send(self, packet: Packet) -> Way:
        """Return the request's way."""
        try:
            if isinstance(self.source, Interface):
                self._begin(self.source, packet)
                self._leave(self.source, packet)
            else:
                self._pass("internet", "", packet)
                self._come_in(packet)
        except _Stopped:
            pass
        return Way(tuple(self.hops))

    def answer(self, request: Packet) -> Way:
        """Return the way of the reply to a request that arrived.

        Who answers sends to the address that the request came from, by its own subnet's route table, whatever way the
        request took: https://docs.aws.amazon.com/vpc/latest/userguide/VPC_Route_Tables.html
        """
        last, self.hops, self.is_reply = self.hops[-1], [], True
        reply = last.after.reply()
        try:
            if last.kind == "instance":
                responder = self.engine.by_private[last.after.destination]
                self._begin(responder, reply)
                self._leave(responder, reply)
            elif last.kind == "endpoint":
                self._pass("endpoint", last.id, reply)
                self._deliver(reply, None)
            else:
                self._pass("internet", "", reply)
                self._come_in(reply)
            arrived = self.hops[-1]
            if arrived.after != request.reply():
                self._stop(arrived.kind, arrived.id, arrived.after, OTHER_WAY)
        except _Stopped:
            pass
        return Way(tuple(self.hops))

    # --- hops

    def _pass(
        self,
        kind: Kind,
        id_: str,
        packet: Packet,
        *,
        after: Packet | None = None,
        inbound: bool = False,
        rule: GroupRule | AclEntry | Route | None = None,
    ) -> None:
        self.hops.append(Hop(kind=kind, id=id_, packet=packet, after=after or packet, inbound=inbound, rule=rule))

    def _stop(
        self,
        kind: Kind,
        id_: str,
        packet: Packet,
        code: str,
        *,
        inbound: bool = False,
        rule: AclEntry | Route | None = None,
    ) -> None:
        self.hops.append(Hop(kind=kind, id=id_, packet=packet, after=packet, inbound=inbound, rule=rule, code=code))
        raise _Stopped

    # --- interfaces and their security groups

    def _begin(self, interface: Interface, packet: Packet) -> None:
        self._pass("instance", interface.instance or interface.id, packet)

    def _leave(self, interface: Interface, packet: Packet) -> None:
        """Send from an interface.

        With the source/destination check, it sends only what bears its own address:
        https://docs.aws.amazon.com/vpc/latest/userguide/work-with-nat-instances.html#EIP_Disable_SrcDestCheck
        """
        if interface.checks_addresses and packet.source != interface.private:
            self._stop("interface", interface.id, packet, CHECK)
        self._pass("interface", interface.id, packet)
        self._judge_by_groups(interface, packet, inbound=False)
        self._leave_subnet(interface.subnet, packet)

    def _judge_by_groups(self, interface: Interface, packet: Packet, *, inbound: bool) -> None:
        """Ask the security groups of an interface: one rule of one group that matches is enough.

        They are stateful: what belongs to a conversation that they let pass is not judged again.
        https://docs.aws.amazon.com/vpc/latest/userguide/vpc-security-groups.html
        """
        groups = [self.network.groups[each] for each in interface.groups if each in self.network.groups]
        if self.is_reply and interface.id in self.tracked:
            self._pass("security-group", groups[0].id, packet, inbound=inbound)
            return
        peer = packet.source if inbound else packet.destination
        for group in groups:
            for rule in group.inbound if inbound else group.outbound:
                if matches_ports(rule, packet) and self._is_peer(rule.peer, peer):
                    self.tracked.add(interface.id)
                    self._pass("security-group", group.id, packet, inbound=inbound, rule=rule)
                    return
        rules = [rule for group in groups for rule in (group.inbound if inbound else group.outbound)]
        code = GROUP if rules else GROUP_EMPTY
        if any(matches_ports(rule, packet) and self._was_peer(rule.peer, peer) for rule in rules):
            code = GROUP_REFERENCE
        self._stop("security-group", groups[0].id if groups else interface.id, packet, code, inbound=inbound)

    def _is_peer(self, peer: str, address: IPv4Address) -> bool:
        """Tell whether a rule's peer has this address.

        A group stands for the private addresses of its members, and not for their public ones:
        https://docs.aws.amazon.com/vpc/latest/userguide/security-group-rules.html#security-group-referencing
        """
        if peer in self.network.groups:
            return address in self.engine.members[peer]
        return any(address in block for block in self.engine.blocks(peer))

    def _was_peer(self, group: str, address: IPv4Address) -> bool:
        """Tell whether a member of a group has this public address, or is who sent this under another address."""
        if group not in self.network.groups:
            return False
        members = [each for each in self.network.interfaces.values() if group in each.groups]
        sent_it = isinstance(self.source, Interface) and self.source in members and not self.is_reply
        return any(each.public == address for each in members) or (sent_it and address in self._nat_addresses())

    def _nat_addresses(self) -> Iterator[IPv4Address]:
        for each in self.network.nat_gateways.values():
            yield from each.public
        for interface in self.network.interfaces.values():
            if not interface.checks_addresses:
                yield interface.private
                if interface.public:
                    yield interface.public

    # --- subnets: their network ACL and their route table

    def _judge_by_acl(self, subnet: str, packet: Packet, *, inbound: bool) -> None:
        """Ask the network ACL of a subnet: the lowest number that matches decides, and none is a no.

        It is stateless: a reply is judged on its own addresses and ports, as any packet.
        https://docs.aws.amazon.com/vpc/latest/userguide/vpc-network-acls.html
        """
        acl = self.network.subnets[subnet].acl
        peer = packet.source if inbound else packet.destination
        for entry in self.engine.entries[acl, not inbound]:
            if matches_ports(entry, packet) and peer in entry.cidr:
                if not entry.allow:
                    self._stop("network-acl", acl, packet, NETWORK_ACL, inbound=inbound, rule=entry)
                self._pass("network-acl", acl, packet, inbound=inbound, rule=entry)
                return
        self._stop("network-acl", acl, packet, NETWORK_ACL, inbound=inbound)

    def _leave_subnet(self, subnet_id: str, packet: Packet) -> None:
        """Send from a subnet, unless the packet stays in it: then neither ACL nor route table has a say.

        https://docs.aws.amazon.com/vpc/latest/userguide/vpc-network-acls.html#nacl-basics
        """
        subnet = self.network.subnets[subnet_id]
        if packet.destination in subnet.cidr:
            self._deliver(packet, subnet_id)
            return
        self._judge_by_acl(subnet_id, packet, inbound=False)
        route = self._route(subnet.route_table, packet.destination)
        if route is None:
            self._stop("route-table", subnet.route_table, packet, NO_ROUTE)
        elif not route.active:
            self._stop("route-table", subnet.route_table, packet, BAD_STATE_ROUTE, rule=route)
        else:
            self._pass("route-table", subnet.route_table, packet, rule=route)
            self._follow(route, packet, subnet_id)

    def _route(self, table: str, destination: IPv4Address) -> Route | None:
        """Return the route with the longest prefix, whether or not it is a black hole; a static one before a list's.

        https://docs.aws.amazon.com/vpc/latest/userguide/route-tables-priority.html
        """
        fitting = [
            (block.prefixlen, route.destination not in self.network.prefix_lists, number)
            for number, route in enumerate(self.network.route_tables[table].routes)
            for block in self.engine.blocks(route.destination)
            if destination in block
        ]
        return self.network.route_tables[table].routes[max(fitting)[2]] if fitting else None

    def _follow(self, route: Route, packet: Packet, subnet: str) -> None:
        network, target = self.network, route.target
        if target == LOCAL:
            self._deliver(packet, subnet)
        elif target in network.nat_gateways:
            self._pass_nat_gateway(network.nat_gateways[target], packet, subnet)
        elif target in network.interfaces:
            self._pass_host(network.interfaces[target], packet, subnet)
        elif target in network.endpoints:
            self._pass_endpoint(target, packet)
        elif target in network.internet_gateways:
            self._go_out(target, packet)
        else:
            self._stop("route-table", network.subnets[subnet].route_table, packet, BAD_STATE_ATTACHMENT, rule=route)

    def _deliver(self, packet: Packet, coming_from: str | None) -> None:
        """Bring a packet to the host in the VPC that has its destination address.

        ``coming_from`` is the subnet that it is in already. None: it comes from outside of all subnets.
        """
        address = packet.destination
        subnet = next((each.id for each in self.network.subnets.values() if address in each.cidr), None)
        if subnet and subnet != coming_from:
            self._judge_by_acl(subnet, packet, inbound=True)
        if gateway := self.engine.gateway_by_private.get(address):
            self._return_through(gateway, packet)
            return
        interface = self.engine.by_private.get(address)
        if interface is None:
            last = self.hops[-1]
            self._stop(last.kind, last.id, packet, NOBODY)
            return
        self._judge_by_groups(interface, packet, inbound=True)
        self._pass("interface", interface.id, packet)
        back = self._translated_back(interface.id, packet)
        self._pass("instance", interface.instance or interface.id, packet, after=back)
        if back:  # a NAT instance, which the reply is not for
            self._leave(interface, back)

    # --- NAT

    def _pass_nat_gateway(self, gateway: NatGateway, packet: Packet, coming_from: str) -> None:
        """Send what a host asks through a NAT gateway: under its address, and from a port that it chooses.

        The ACL of its own subnet judges what comes to it from other subnets and what it sends; it has no group.
        https://docs.aws.amazon.com/vpc/latest/userguide/nat-gateway-basics.html
        A regional one stands in no subnet, and has a route of its own to the internet gateway.
        https://docs.aws.amazon.com/vpc/latest/userguide/nat-gateways-regional.html
        """
        if gateway.subnet and gateway.subnet != coming_from:
            self._judge_by_acl(gateway.subnet, packet, inbound=True)
        if not gateway.available:
            self._stop("nat-gateway", gateway.id, packet, BAD_STATE)
        if self.is_reply:  # to the gateway this is no conversation that it knows
            self._stop("nat-gateway", gateway.id, packet, OTHER_WAY)
        if not any(packet.source in block for block in self.network.cidrs):
            self._stop("nat-gateway", gateway.id, packet, NAT_SOURCE)
        own = gateway.private if gateway.subnet else next(iter(gateway.public), None)
        if own is None:
            self._stop("nat-gateway", gateway.id, packet, NO_PUBLIC_SOURCE)
            return
        ports = packet.ports if packet.protocol == "icmp" else (self.nat_port, packet.ports[1])
        self._translate("nat-gateway", gateway.id, packet, replace(packet, source=own, ports=ports))
        if gateway.subnet:
            self._leave_subnet(gateway.subnet, self.hops[-1].after)
        elif self.network.internet_gateways:
            self._go_out(min(self.network.internet_gateways), self.hops[-1].after, is_public=True)
        else:
            self._stop("nat-gateway", gateway.id, packet, NO_ROUTE)

    def _translate(self, kind: Kind, id_: str, packet: Packet, after: Packet) -> None:
        if self._has_been_at(id_):
            self._stop(kind, id_, packet, LOOP)
        self.translations[id_, after.reply()] = packet.reply()
        self._pass(kind, id_, packet, after=after)

    def _translated_back(self, id_: str, packet: Packet) -> Packet | None:
        """Return what a NAT device makes of a reply that it waits for. No request is the reply to itself."""
        return self.translations.get((id_, packet)) if self.is_reply else None

    def _has_been_at(self, id_: str) -> bool:
        return any(known == id_ for known, _ in self.translations)

    def _return_through(self, gateway: NatGateway, packet: Packet) -> None:
        """Send what comes to a NAT gateway on to who asked for it; what nobody asked for goes nowhere.

        https://docs.aws.amazon.com/vpc/latest/userguide/vpc-nat-gateway.html
        """
        back = self._translated_back(gateway.id, packet)
        if back is None:
            inside = any(packet.source in block for block in self.network.cidrs)
            self._stop("nat-gateway", gateway.id, packet, NOBODY if inside else NAT_SOURCE)
            return
        self._pass("nat-gateway", gateway.id, packet, after=back)
        if gateway.subnet:
            self._leave_subnet(gateway.subnet, back)
        else:
            self._deliver(back, None)

    def _pass_host(self, host: Interface, packet: Packet, coming_from: str) -> None:
        """Send a packet through an instance that a route leads to, such as a NAT instance: it keeps the port.

        Where the packet is for that instance itself, there is nothing to check and nothing to send on.
        With the source/destination check, its interface takes only what is for its own address. Its groups judge what
        comes, and what goes under its own address.
        https://docs.aws.amazon.com/vpc/latest/userguide/work-with-nat-instances.html
        """
        if packet.destination == host.private:
            self._deliver(packet, coming_from)
            return
        if host.subnet != coming_from:
            self._judge_by_acl(host.subnet, packet, inbound=True)
        if host.checks_addresses:
            self._stop("interface", host.id, packet, CHECK, inbound=True)
        if self.is_reply:
            self._stop("interface", host.id, packet, OTHER_WAY, inbound=True)
        self._judge_by_groups(host, packet, inbound=True)
        self._pass("interface", host.id, packet)
        if not any(matches_ports(each, packet) and self._is_peer(each.peer, packet.source) for each in host.forwards):
            self._stop("instance", host.instance or host.id, packet, GUEST)
        after = replace(packet, source=host.private)
        if self._has_been_at(host.id):
            self._stop("instance", host.instance or host.id, packet, LOOP)
        self.translations[host.id, after.reply()] = packet.reply()
        self._pass("instance", host.instance or host.id, packet, after=after)
        self._leave(host, after)

    # --- out of the VPC, and into it

    def _pass_endpoint(self, endpoint: str, packet: Packet) -> None:
        """Reach S3 by its gateway endpoint, which a route with its prefix list leads to; only TCP and ICMP echo do.

        https://docs.aws.amazon.com/vpc/latest/privatelink/gateway-endpoints.html
        """
        if packet.protocol != "tcp" and (packet.protocol, packet.ports) != ("icmp", ECHO):
            self._stop("endpoint", endpoint, packet, ENDPOINT_PROTOCOL)
        self._pass("endpoint", endpoint, packet)

    def _go_out(self, gateway: str, packet: Packet, *, is_public: bool = False) -> None:
        """Send a packet to the internet: the gateway puts the sender's public address in place of its private one.

        https://docs.aws.amazon.com/vpc/latest/userguide/VPC_Internet_Gateway.html
        """
        for blocks, code in ((RFC1918, DESTINATION_IN_RFC1918), (RFC6598, DESTINATION_IN_RFC6598)):
            if any(packet.destination in block for block in blocks):
                self._stop("internet-gateway", gateway, packet, code)
        public = packet.source if is_public else self._public_of(packet.source)
        if public is None:
            self._stop("internet-gateway", gateway, packet, NO_PUBLIC_SOURCE)
            return
        after = replace(packet, source=public)
        self._pass("internet-gateway", gateway, packet, after=after)
        if after.destination in self.engine.by_public:
            self._come_in(after)
        else:
            self._pass("internet", "", after)

    def _come_in(self, packet: Packet) -> None:
        """Take a packet from the internet: only what is for a public address of this VPC comes in.

        https://docs.aws.amazon.com/vpc/latest/userguide/VPC_Internet_Gateway.html
        """
        gateway = min(self.network.internet_gateways, default="")
        if not gateway:
            self._stop("internet", "", packet, NO_PATH)
        for blocks, code in ((RFC1918, SOURCE_IN_RFC1918), (RFC6598, SOURCE_IN_RFC6598)):
            if any(packet.source in block for block in blocks):
                self._stop("internet-gateway", gateway, packet, code, inbound=True)
        owner = self.engine.by_public.get(packet.destination)
        if owner is None:
            self._stop("internet-gateway", gateway, packet, NO_PUBLIC_TARGET, inbound=True)
        elif isinstance(owner, NatGateway):
            self._pass("internet-gateway", gateway, packet, inbound=True)
            self._come_to_nat_gateway(owner, packet)
        else:
            after = replace(packet, destination=owner.private)
            self._pass("internet-gateway", gateway, packet, after=after, inbound=True)
            self._deliver(after, None)

    def _come_to_nat_gateway(self, gateway: NatGateway, packet: Packet) -> None:
        inner = replace(packet, destination=gateway.private) if gateway.subnet and gateway.private else packet
        if not self._translated_back(gateway.id, inner):
            self._stop("nat-gateway", gateway.id, packet, NAT_SOURCE)
        if gateway.subnet:
            self._judge_by_acl(gateway.subnet, inner, inbound=True)
        self._return_through(gateway, inner)

    def _public_of(self, private: IPv4Address) -> IPv4Address | None:
        if interface := self.engine.by_private.get(private):
            return interface.public
        gateway = self.engine.gateway_by_private.get(private)
        return next(iter(gateway.public), None) if gateway else None


def matches_ports(rule: GroupRule | AclEntry, packet: Packet) -> bool:
    """Tell whether a rule is for a packet's protocol and destination port, or for its type and code of ICMP."""
    if rule.protocol == "-1":
        return True
    if rule.protocol != packet.protocol:
        return False
    if packet.protocol == "icmp":
        return all(wanted in (ANY, has) for wanted, has in zip(rule.ports, packet.ports, strict=True))
    return rule.ports[0] <= packet.ports[1] <= rule.ports[1]


@cache
def as_network(cidr: str) -> IPv4Network:
    """Return a CIDR block; each is read once."""
    return IPv4Network(cidr, strict=False)
