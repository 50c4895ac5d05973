"""An answer in words: each hop, where it stops and why."""

import re
from fractions import Fraction

from lab.reach import engine
from lab.reach.engine import Hop, Packet, Way
from lab.reach.network import ALL_PORTS, LOCAL, AclEntry, GroupRule, Network, Route
from lab.reach.parties import ANY_GROUP, ANYWHERE, S3, short
from lab.reach.ranges import Answer, Ports
from lab.terminal.language import N_, _, spoken

# What kinds of things are called.
KINDS: dict[engine.Kind, str] = {
    "instance": "",
    "interface": N_("network interface of"),
    "security-group": N_("security group"),
    "network-acl": N_("network ACL"),
    "route-table": N_("route table"),
    "nat-gateway": N_("NAT gateway"),
    "endpoint": N_("gateway endpoint"),
    "internet-gateway": N_("internet gateway"),
    "internet": N_("internet"),
}
# Why a packet stops, in one sentence. ``what`` is where it stops, ``traffic`` its protocol and port, ``from`` and
# ``to`` its addresses, ``peer`` the address that a group or an ACL looks at, ``rule`` the rule that decided.
SENTENCES: dict[str, str] = {
    engine.BAD_STATE: N_("The {what} is not available."),
    engine.BAD_STATE_ATTACHMENT: N_("The {what} has the route {rule}, whose target is not attached to this VPC."),
    engine.BAD_STATE_ROUTE: N_(
        "The {what} has the route {rule}, but it is a black hole: its target is gone or stopped."
    ),
    engine.CHECK: N_(
        "The {what} has the source/destination check: it takes and sends only what bears its own address."
    ),
    engine.DESTINATION_IN_RFC1918: N_("The {what} carries nothing to {to}, which is a private address."),
    engine.DESTINATION_IN_RFC6598: N_("The {what} carries nothing to {to}, which is a shared address (RFC 6598)."),
    engine.ENDPOINT_PROTOCOL: N_("The {what} takes TCP and ICMP echo alone, and this is {traffic}."),
    engine.GROUP: N_("The {what} has no {way} rule for {traffic} {fromto} {peer}."),
    engine.GROUP_EMPTY: N_("The {what} has no {way} rules at all."),
    engine.GROUP_REFERENCE: N_(
        "A rule of the {what} names a group, and that holds for private addresses only: this has the address {peer}."
    ),
    engine.NAT_SOURCE: N_("The {what} takes in nothing that no host of this VPC has asked for."),
    engine.NETWORK_ACL: N_("The {what} denies {traffic} {fromto} {peer}: {rule}."),
    engine.NOBODY: N_("Nobody has the address {to} here."),
    engine.NO_PATH: N_("No internet gateway is attached to this VPC."),
    engine.NO_PUBLIC_TARGET: N_("The {what} takes in only what is for a public address of this VPC, and {to} is none."),
    engine.NO_PUBLIC_SOURCE: N_("The {what} carries nothing from {from}, which has no public address."),
    engine.NO_ROUTE: N_("The {what} has no route to {to}."),
    engine.SOURCE_IN_RFC1918: N_("The {what} takes in nothing from {from}, which is a private address."),
    engine.SOURCE_IN_RFC6598: N_("The {what} takes in nothing from {from}, which is a shared address (RFC 6598)."),
    engine.GUEST: N_("nftables on {what} passes on no {traffic} from {from}."),
    engine.LOOP: N_("The routes lead in a circle, back to the {what}."),
    engine.OTHER_WAY: N_("The reply goes another way than the request came, so the {what} does not know it."),
}


class Words:
    """What things of a network are called, in the language that is spoken."""

    def __init__(self, network: Network) -> None:
        self._network = network
        things = (
            network.subnets,
            network.route_tables,
            network.acls,
            network.groups,
            network.nat_gateways,
            network.endpoints,
        )
        self._names = {id_: short(each.name) for some in things for id_, each in some.items()}
        for each in network.interfaces.values():
            self._names[each.id] = self._names[each.instance or each.id] = short(each.name)

    def name(self, id_: str) -> str:
        """Return a name, or an id that has none."""
        return self._names.get(id_, id_)

    def thing(self, kind: engine.Kind, id_: str) -> str:
        """Return what a hop is: its kind and its name. A gateway of which a VPC has one alone goes without a name."""
        words = KINDS[kind] and _(KINDS[kind])
        if kind == "endpoint":
            service = self._network.endpoints[id_].service
            return f"{service.upper() if service == S3 else service} {words}"
        if kind in ("internet-gateway", "internet"):
            return words
        return spaced(f"{words} {self.name(id_)}".strip())

    def ports(self, protocol: str, ports: Ports) -> str:
        """Return a protocol with its ports, such as ``tcp 22``."""
        if protocol == "-1":
            return _("all traffic")
        if protocol == "icmp":
            kind, code = (_("any") if each == engine.ANY else str(each) for each in ports)
            return {engine.ECHO: "icmp echo", engine.ECHO_REPLY: "icmp echo reply"}.get(
                ports, f"icmp {kind}/{code}" if ports != (engine.ANY, engine.ANY) else "icmp"
            )
        if ports == ALL_PORTS:
            return _("all of {protocol}").format(protocol=protocol)
        return f"{protocol} {span(ports)}"

    def traffic(self, packet: Packet) -> str:
        """Return what a packet is to a rule: its protocol and the port that it goes to."""
        return self.ports(packet.protocol, packet.ports if packet.protocol == "icmp" else (packet.ports[1],) * 2)

    def peer(self, peer: str) -> str:
        """Return whom a rule names."""
        if peer in self._network.prefix_lists:
            return next(
                (each.service.upper() for each in self._network.endpoints.values() if each.prefix_list == peer), peer
            )
        return _("anywhere") if peer == str(ANYWHERE) else self.name(peer)

    def fromto(self, *, inbound: bool) -> str:
        return _("from") if inbound else _("to")

    def way(self, *, inbound: bool) -> str:
        return _("inbound") if inbound else _("outbound")

    def rule(self, hop: Hop) -> str:
        """Return the rule that decided at a hop, or what the hop does to the packet; empty where nothing is to say."""
        match hop.rule:
            case AclEntry() as entry:
                said = self._directed(self.ports(entry.protocol, entry.ports), str(entry.cidr), hop)
                verdict = spaced((_("allow {what}") if entry.allow else _("deny {what}")).format(what=said))
                return f"{self.way(inbound=hop.inbound)} {entry.number}: {verdict}"
            case GroupRule() as rule:
                said = self._directed(self.ports(rule.protocol, rule.ports), rule.peer, hop)
                allowed = spaced(_("allow {what}").format(what=said)) if spoken() == "ja" else said
                return f"{self.way(inbound=hop.inbound)}: {allowed}"
            case Route() as route:
                return self.route(route)
        way = self.way(inbound=hop.inbound)
        if hop.kind == "network-acl":
            return _("no {way} rule matches").format(way=way)
        if hop.kind == "security-group" and not hop.code:
            return _("a reply: groups are stateful")
        return self._translation(hop.packet, hop.after)

    def route(self, route: Route) -> str:
        kinds: dict[str, engine.Kind] = dict.fromkeys(self._network.internet_gateways, "internet-gateway")
        kinds |= dict.fromkeys(self._network.nat_gateways, "nat-gateway")
        kinds |= dict.fromkeys(self._network.endpoints, "endpoint")
        target = route.target
        if target == LOCAL:
            words = "local"
        else:
            words = self.thing(kinds[target], target) if target in kinds else self.name(target)
        return f"{self.peer(route.destination) if 'pl-' in route.destination else route.destination} → {words}"

    def _directed(self, traffic: str, peer: str, hop: Hop) -> str:
        fromto = self.fromto(inbound=hop.inbound)
        return spaced(_("{traffic} {fromto} {peer}").format(traffic=traffic, fromto=fromto, peer=self.peer(peer)))

    def _translation(self, before: Packet, after: Packet) -> str:
        changed = [
            (old, new)
            for old, new in ((before.source, after.source), (before.destination, after.destination))
            if old != new
        ]
        return ", ".join(_("{old} becomes {new}").format(old=old, new=new) for old, new in changed)

    def why(self, hop: Hop, traffic: str = "") -> str:
        """Return the sentence that says why a packet stops at a hop; ``traffic``, where it is about more ports."""
        peer = hop.packet.source if hop.inbound else hop.packet.destination
        said = _(SENTENCES[hop.code]).format_map(
            {
                "what": self.thing(hop.kind, hop.id),
                "traffic": traffic or self.traffic(hop.packet),
                "from": self.host(hop.packet.source),
                "to": self.host(hop.packet.destination),
                "peer": self.host(peer),
                "fromto": self.fromto(inbound=hop.inbound),
                "way": self.way(inbound=hop.inbound),
                "rule": self.rule(hop),
            }
        )
        return spaced(said)

    def host(self, address: object) -> str:
        """Return an address, with the name of the host in the VPC that has it."""
        for each in self._network.interfaces.values():
            if address in (each.private, each.public):
                return f"{short(each.name)} ({address})" if short(each.name) != str(address) else str(address)
        return str(address)

    def hops(self, way: Way) -> list[tuple[str, str]]:
        """Return what stands for each hop of a way, and the rule that decided there. Interfaces go without saying."""
        lines = []
        for hop in way.hops:
            if (hop.kind == "interface" and not hop.code) or hop.id == ANY_GROUP:
                continue
            what = self.thing(hop.kind, hop.id)
            if hop.kind == "internet" and not hop.code:
                what = self.host(hop.packet.source if hop is way.hops[0] else hop.packet.destination)
            lines.append((what, self.rule(hop)))
        return lines

    def lost(self, answer: Answer) -> str:
        """Return with which ports of the client, or of the NAT gateway, no reply comes; empty where it always does."""
        said = [
            text.format(ports=_some(ports))
            for text, ports in (
                (_("the client's port is {ports}"), answer.lost),
                (_("the NAT gateway's port is {ports}"), answer.lost_at_nat),
            )
            if ports
        ]
        if not said:
            return ""
        when = _(" or ").join(said)
        return _("no reply comes when {when}: {odds}").format(when=when, odds=self.odds(answer))

    def odds(self, answer: Answer) -> str:
        """Return how often a conversation fails: ``1 in 64512``, or in percent where that is often."""
        often = Fraction(1, 20)
        if answer.share > often:
            return f"{float(answer.share):.0%}"
        number = round(1 / answer.share)
        return _("1 in {number}").format(number=number)


def spaced(text: str) -> str:
    """Return a text with a space where Japanese meets letters and digits of ASCII, and not within Japanese."""
    cjk, ascii_ = "[\u3041-\u30ff\u4e00-\u9fff]", "[A-Za-z0-9]"
    text = re.sub(f"(?<={cjk}) +(?={cjk})", "", text)
    return re.sub(f"(?<={cjk})(?={ascii_}|\\()|(?<={ascii_}|[)*])(?={cjk})", " ", text)


def span(ports: Ports) -> str:
    """Return a range of ports as people write it: ``22`` or ``1024-65535``."""
    return str(ports[0]) if ports[0] == ports[1] else f"{ports[0]}-{ports[1]}"


def _some(ranges: tuple[Ports, ...]) -> str:
    *most, end = map(span, ranges)
    return _("{ports} or {port}").format(ports=", ".join(most), port=end) if most else end
