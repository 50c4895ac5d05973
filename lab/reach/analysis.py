"""An answer in the shape of boto3's NetworkInsightsAnalysis, as VPC Reachability Analyzer gives it.

https://docs.aws.amazon.com/vpc/latest/reachability/getting-started-cli.html
"""

from ipaddress import IPv4Address
from typing import Any

from lab.reach.engine import Hop, Packet, Way
from lab.reach.network import ALL_PORTS, AclEntry, GroupRule, Network, Route
from lab.reach.ranges import ANY_CLIENT, LINUX, Answer, Ports

Shape = dict[str, Any]
NUMBERS = {"tcp": "6", "udp": "17", "icmp": "1"}
# The member of an explanation that names the component where a packet stops.
WHERE = {
    "security-group": "SecurityGroup",
    "network-acl": "Acl",
    "route-table": "RouteTable",
    "nat-gateway": "NatGateway",
    "endpoint": "VpcEndpoint",
    "internet-gateway": "InternetGateway",
    "interface": "NetworkInterface",
}
ARNS = {
    "acl": "network-acl",
    "eni": "network-interface",
    "i": "instance",
    "igw": "internet-gateway",
    "nat": "natgateway",
    "rtb": "route-table",
    "sg": "security-group",
    "subnet": "subnet",
    "vpc": "vpc",
    "vpce": "vpc-endpoint",
}


class Analysis:
    """Writes answers about a network. Without an account, as of a template, components have no ARN."""

    def __init__(self, network: Network, *, vpc: str = "", account: str = "") -> None:
        self._network = network
        self._vpc = vpc
        self._account = account

    def of(self, answer: Answer) -> Shape:
        """Return what the analyzer would say of a path: whether it was found, its components, and why not.

        A path is found when a conversation on it can succeed, as AWS has it; a warning says with which ports it fails.
        """
        conversation = answer.conversation
        shape: Shape = {
            "Status": "succeeded",
            "NetworkPathFound": conversation.succeeds,
            "ForwardPathComponents": self._components(answer, conversation.request),
            "ReturnPathComponents": self._components(answer, conversation.reply) if conversation.reply else [],
            "Explanations": [self._explanation(conversation.stop)] if conversation.stop else [],
        }
        if answer.failing:
            ports = [
                f"{whose} port {first}-{last}"
                for whose, some in (("client's", answer.lost), ("NAT gateway's", answer.lost_at_nat))
                for first, last in some
            ]
            shape["WarningMessage"] = f"No reply comes to the {', the '.join(ports)}"
        return shape

    def _components(self, answer: Answer, way: Way) -> list[Shape]:
        hops = [hop for hop in way.hops if hop.id]  # the internet is none of AWS's components
        return [self._component(answer, number, hop) for number, hop in enumerate(hops, start=1)]

    def _component(self, answer: Answer, number: int, hop: Hop) -> Shape:
        shape: Shape = {"SequenceNumber": number, "Component": self._named(hop.id)}
        if hop.kind in ("instance", "internet-gateway", "nat-gateway", "endpoint"):
            shape["InboundHeader"] = self._header(answer, hop.packet)
            if hop.packet != hop.after:
                shape["OutboundHeader"] = self._header(answer, hop.after)
        if hop.kind == "interface" and hop.id in self._network.interfaces:
            interface = self._network.interfaces[hop.id]
            shape["Subnet"] = self._named(interface.subnet)
            if interface.instance:
                shape["AttachedTo"] = self._named(interface.instance)
        if self._vpc and hop.kind in ("interface", "internet-gateway", "route-table"):
            shape["Vpc"] = self._named(self._vpc)
        shape |= self._rule(hop)
        if hop.code:
            shape["Explanations"] = [self._explanation(hop)]
        return shape

    def _rule(self, hop: Hop) -> Shape:
        match hop.rule:
            case AclEntry() as entry:
                rule: Shape = {
                    "Cidr": str(entry.cidr),
                    "Egress": entry.egress,
                    "Protocol": "all" if entry.protocol == "-1" else NUMBERS.get(entry.protocol, entry.protocol),
                    "RuleAction": "allow" if entry.allow else "deny",
                    "RuleNumber": entry.number,
                }
                return {"AclRule": rule | _ports_of(entry)}
            case GroupRule() as group_rule:
                rule = {
                    "Direction": "ingress" if hop.inbound else "egress",
                    "Protocol": "all" if group_rule.protocol == "-1" else group_rule.protocol,
                    self._peer_member(group_rule.peer): group_rule.peer,
                }
                return {"SecurityGroupRule": rule | _ports_of(group_rule)}
            case Route() as route:
                return {"RouteTableRoute": self._route(route)}
        return {}

    def _peer_member(self, peer: str) -> str:
        if peer in self._network.groups:
            return "SecurityGroupId"
        return "PrefixListId" if peer.startswith("pl-") else "Cidr"

    def _route(self, route: Route) -> Shape:
        network = self._network
        member = next(
            (
                name
                for name, some in (
                    ("NatGatewayId", network.nat_gateways),
                    ("NetworkInterfaceId", network.interfaces),
                )
                if route.target in some
            ),
            "GatewayId",
        )
        is_list = route.destination in network.prefix_lists
        return {
            "DestinationPrefixListId" if is_list else "DestinationCidr": route.destination,
            member: route.target,
            "Origin": "createroutetable" if route.target == "local" else "createroute",
            "State": "active" if route.active else "blackhole",
        }

    def _explanation(self, hop: Hop) -> Shape:
        shape: Shape = {
            "ExplanationCode": hop.code,
            "Direction": "ingress" if hop.inbound else "egress",
            "Protocols": [hop.packet.protocol],
            **self._rule(hop),
        }
        if hop.id:
            shape["Component"] = self._named(hop.id)
            if member := WHERE.get(hop.kind):
                shape[member] = self._named(hop.id)
        if hop.packet.protocol != "icmp":
            shape["PortRanges"] = [_range((hop.packet.ports[1],) * 2)]
        peer = hop.packet.source if hop.inbound else hop.packet.destination
        shape["Addresses"] = [f"{peer}/32"]
        if hop.kind == "security-group":
            address = hop.packet.destination if hop.inbound else hop.packet.source
            interfaces = [each for each in self._network.interfaces.values() if each.private == address]
            for interface in interfaces:
                shape["NetworkInterface"] = self._named(interface.id)
                shape["SecurityGroups"] = [self._named(each) for each in interface.groups]
        if hop.kind == "network-acl":
            address = hop.packet.destination if hop.inbound else hop.packet.source
            for subnet in self._network.subnets.values():
                if address in subnet.cidr:
                    shape["Subnet"] = self._named(subnet.id)
        if self._vpc:
            shape["Vpc"] = self._named(self._vpc)
        return shape

    def _named(self, id_: str) -> Shape:
        network = self._network
        shape: Shape = {"Id": id_}
        kind = ARNS.get(id_.partition("-")[0])
        if self._account and kind:
            shape["Arn"] = f"arn:aws:ec2:{network.region}:{self._account}:{kind}/{id_}"
        things: tuple[Any, ...] = (
            network.subnets,
            network.route_tables,
            network.acls,
            network.groups,
            network.nat_gateways,
            network.endpoints,
            network.interfaces,
            {each.instance: each for each in network.interfaces.values()},
        )
        name = next((some[id_].name for some in things if id_ in some), "")
        return shape | ({"Name": name} if name and name != id_ else {})

    def _header(self, answer: Answer, packet: Packet) -> Shape:
        shape: Shape = {
            "Protocol": NUMBERS.get(packet.protocol, packet.protocol),
            "SourceAddresses": [_block(answer, packet.source)],
            "DestinationAddresses": [_block(answer, packet.destination)],
        }
        if packet.protocol == "icmp":
            return shape
        source, destination = packet.ports
        shape["SourcePortRanges"] = [_range(_known_range(answer, source))]
        shape["DestinationPortRanges"] = [_range(_known_range(answer, destination))]
        return shape


def _known_range(answer: Answer, port: int) -> Ports:
    """Return the range of ports that a port of an answer stands for: the server's, or those that clients choose."""
    first, last = answer.ports
    if first <= port <= last:
        return answer.ports
    return ANY_CLIENT if answer.source.is_outside or port < LINUX[0] else LINUX


def _block(answer: Answer, address: IPv4Address) -> str:
    for party in (answer.source, answer.destination):
        if party.end == address and party.block:
            return str(party.block)
    return f"{address}/32"


def _range(ports: Ports) -> Shape:
    return {"From": ports[0], "To": ports[1]}


def _ports_of(rule: AclEntry | GroupRule) -> Shape:
    if rule.protocol not in ("tcp", "udp") or rule.ports == ALL_PORTS:
        return {}
    return {"PortRange": _range(rule.ports)}
