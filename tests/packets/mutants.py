"""What a wrong engine would be like: a change of its source for each rule of AWS's that it keeps.

Not here: what the readers of AWS and of templates decide before the engine is asked (the main route table, the default
network ACL, AWS's outbound rule of a group for which none is written), and the words of an answer: their own tests hold
these. Nor what no packet can show: that an ACL does not judge what goes to a NAT gateway in the same subnet, for that
one's own packets would come back to it.
"""

import sys
from functools import cache
from importlib.util import find_spec
from types import ModuleType

from lab.reach.engine import Engine

ENGINE = "lab.reach.engine"
# By the rule that is broken: what stands in the source, and what is put in its place.
MUTANTS: dict[str, list[tuple[str, str]]] = {
    # --- routes
    "the longest prefix decides": [("max(fitting)[2]", "min(fitting)[2]")],
    "a static route before a list's": [
        ("route.destination not in self.network.prefix_lists, n", "route.destination in self.network.prefix_lists, n")
    ],
    "a black hole is a route": [
        ("            if destination in block\n", "            if destination in block and route.active\n")
    ],
    "a black hole leads nowhere": [("elif not route.active:", "elif False:")],
    "no route leads nowhere": [
        (
            'if route is None:\n            self._stop("route-table", subnet.route_table, packet, NO_ROUTE)',
            "if route is None:\n            self._go_out('', packet)",
        )
    ],
    "a route to what is not attached leads nowhere": [
        ("elif target in network.internet_gateways:", "elif target not in network.endpoints:")
    ],
    "a route's prefix list has its addresses": [
        (
            "        if listed is not None:\n            return listed",
            "        if listed is not None:\n            return ()",
        )
    ],
    "a reply takes its own subnet's route": [
        ("                self._leave(responder, reply)", "                return Way(tuple(self.hops))")
    ],
    "a reply that comes from elsewhere is none": [("if arrived.after != request.reply():", "if False:")],
    "a route to a host is one for that host too": [
        (
            "        if packet.destination == host.private:",
            "        if False:",
        )
    ],
    # --- the internet gateway
    "a private address is translated on its way out": [("after = replace(packet, source=public)", "after = packet")],
    "a public address is translated on its way in": [
        ("after = replace(packet, destination=owner.private)", "after = packet")
    ],
    "without a public address nothing goes out": [
        ("        if public is None:\n", "        public = public or packet.source\n        if public is None:\n")
    ],
    "a private address is not one of the internet's": [
        (
            "owner = self.engine.by_public.get(packet.destination)",
            "owner = self.engine.by_public.get(packet.destination) or self.engine.by_private.get(packet.destination)",
        )
    ],
    "without a gateway nothing comes in": [("        if not gateway:\n", "        if False:\n")],
    "a public address is reached from inside": [("if after.destination in self.engine.by_public:", "if False:")],
    "nothing goes out to private ranges": [("(RFC1918, DESTINATION", "((), DESTINATION")],
    "nothing goes out to shared ranges": [("(RFC6598, DESTINATION", "((), DESTINATION")],
    "nothing comes in from private ranges": [("(RFC1918, SOURCE", "((), SOURCE")],
    "nothing comes in from shared ranges": [("(RFC6598, SOURCE", "((), SOURCE")],
    # --- NAT gateways
    "a NAT gateway chooses the port": [("(self.nat_port, packet.ports[1])", "packet.ports")],
    "a NAT gateway has its own address": [("replace(packet, source=own, ports=ports)", "replace(packet, ports=ports)")],
    "what nobody asked for passes no NAT gateway": [
        ("if not self._translated_back(gateway.id, inner):", "if False:"),
        (
            "        if back is None:\n            inside",
            (
                "        back = back or replace(packet, destination=min(self.engine.by_private))\n"
                "        if back is None:\n            inside"
            ),
        ),
    ],
    "the ACL of its subnet judges what comes to a NAT gateway": [
        ("if gateway.subnet and gateway.subnet != coming_from:", "if False:")
    ],
    "the ACL of its subnet judges what a NAT gateway sends": [
        (
            "            self._leave_subnet(gateway.subnet, self.hops[-1].after)",
            "            self._go_out('', self.hops[-1].after)",
        )
    ],
    "the ACL of its subnet judges what comes back": [
        ("            self._judge_by_acl(gateway.subnet, inner, inbound=True)", "            pass")
    ],
    "the ACL of its subnet judges what it brings back": [
        ("            self._leave_subnet(gateway.subnet, back)", "            self._deliver(back, gateway.subnet)")
    ],
    "a regional one stands in no subnet": [
        (
            "        elif self.network.internet_gateways:\n            self._go_out",
            (
                "        elif self.network.internet_gateways:\n"
                "            self._judge_by_acl('public', self.hops[-1].after, inbound=False)\n"
                "            self._go_out"
            ),
        )
    ],
    "a NAT gateway has to be available": [("if not gateway.available:", "if False:")],
    # --- instances that pass on what is not theirs
    "an interface takes what is its own": [("        if host.checks_addresses:", "        if False:")],
    "a NAT instance keeps the port": [
        (
            "after = replace(packet, source=host.private)",
            "after = replace(packet, source=host.private, ports=(self.nat_port, packet.ports[1]))",
        )
    ],
    "a NAT instance has its own address": [("after = replace(packet, source=host.private)", "after = packet")],
    "a NAT instance passes on what its software says": [
        (
            "if not any(matches_ports(each, packet) and self._is_peer",
            "if not any(self._is_peer",
        )
    ],
    "the groups of a NAT instance judge what comes": [
        (
            "        self._judge_by_groups(host, packet, inbound=True)\n",
            "",
        )
    ],
    "the groups of a NAT instance judge what goes": [
        ("        self._leave(host, after)", "        self._leave_subnet(host.subnet, after)")
    ],
    "the ACL of its subnet judges what comes to a NAT instance": [
        ("        if host.subnet != coming_from:", "        if False:")
    ],
    # --- the gateway endpoint
    "an endpoint takes TCP and echo requests alone": [
        (
            '        if packet.protocol != "tcp" and (packet.protocol, packet.ports) != ("icmp", ECHO):',
            "        if False:",
        )
    ],
    "the ACL judges what an endpoint brings back": [
        (
            "                self._deliver(reply, None)\n",
            "                self._deliver(reply, self.engine.by_private[reply.destination].subnet)\n",
        )
    ],
    # --- security groups
    "security groups are stateful": [("if self.is_reply and interface.id in self.tracked:", "if False:")],
    "groups allow what a rule says, inbound": [
        (
            "        self._judge_by_groups(interface, packet, inbound=True)\n",
            "",
        )
    ],
    "groups allow what a rule says, outbound": [
        ("        self._judge_by_groups(interface, packet, inbound=False)\n", "")
    ],
    "a group has rules for each direction": [
        ("for rule in group.inbound if inbound else group.outbound:", "for rule in group.inbound:")
    ],
    "without rules a group is closed": [
        (
            "        rules = [rule for group in groups",
            "        if not groups[0].inbound:\n            return\n        rules = [rule for group in groups",
        )
    ],
    "a rule's peer counts": [
        ("if matches_ports(rule, packet) and self._is_peer(rule.peer, peer):", "if matches_ports(rule, packet):")
    ],
    "one rule of one group is enough": [
        ("in self.network.groups]\n        if self.is_reply", "in self.network.groups][:1]\n        if self.is_reply")
    ],
    "a group stands for its members": [
        (
            "return address in self.engine.members[peer]",
            "return any(address == each.private for each in self.network.interfaces.values())",
        )
    ],
    "and not for their public addresses": [
        (
            "return address in self.engine.members[peer]",
            (
                "members = [each for each in self.network.interfaces.values() if peer in each.groups]\n"
                "            return any(address in (each.private, each.public) for each in members)"
            ),
        )
    ],
    # --- network ACLs
    "the lowest number decides": [("key=lambda each: each.number\n", "key=lambda each: -each.number\n")],
    "the order of writing does not": [
        ("(acl.id, egress): sorted(", "(acl.id, egress): (lambda entries, key: [*entries])(")
    ],
    "a rule's addresses count": [
        ("if matches_ports(entry, packet) and peer in entry.cidr:", "if matches_ports(entry, packet):")
    ],
    "a deny denies": [("                if not entry.allow:", "                if False:")],
    "what no rule matches is denied": [
        ('        self._stop("network-acl", acl, packet, NETWORK_ACL, inbound=inbound)\n', "")
    ],
    "ACLs judge replies, as they are stateless": [
        (
            "        acl = self.network.subnets[subnet].acl\n",
            "        if self.is_reply:\n            return\n        acl = self.network.subnets[subnet].acl\n",
        )
    ],
    "a reply is judged on its own ports": [("(self.ports[1], self.ports[0])", "self.ports")],
    "a reply to an echo is of another type": [("ports = ECHO_REPLY if", "ports = ECHO if")],
    "inbound rules look at who sends": [
        (
            "peer = packet.source if inbound else packet.destination\n        for entry",
            "peer = packet.destination\n        for entry",
        )
    ],
    "outbound rules look at whom it is for": [
        (
            "peer = packet.source if inbound else packet.destination\n        for entry",
            "peer = packet.source\n        for entry",
        )
    ],
    "an ACL has rules for each direction": [("if each.egress is egress", "if True")],
    "nothing is judged within a subnet": [("        if packet.destination in subnet.cidr:", "        if False:")],
    "the ACL judges what enters a subnet": [("        if subnet and subnet != coming_from:", "        if False:")],
    "the ACL judges what leaves a subnet": [("        self._judge_by_acl(subnet_id, packet, inbound=False)\n", "")],
    # --- what a rule matches
    "the first port counts": [("return rule.ports[0] <= packet.ports[1]", "return rule.ports[0] < packet.ports[1]")],
    "the last port counts": [("packet.ports[1] <= rule.ports[1]", "packet.ports[1] < rule.ports[1]")],
    "the port that it comes from does not": [
        ("return rule.ports[0] <= packet.ports[1] <=", "return rule.ports[0] <= packet.ports[0] <=")
    ],
    "all traffic is all": [
        (
            '    if rule.protocol == "-1":\n        return True\n',
            '    if rule.protocol == "-1":\n        return packet.protocol == "tcp"\n',
        )
    ],
    "a rule is for its protocol": [("    if rule.protocol != packet.protocol:\n        return False\n", "")],
    "ICMP has types and codes": [
        ("        return all(wanted in (ANY, has)", "        return True or all(wanted in (ANY, has)")
    ],
    "the code of ICMP counts too": [("return all(wanted in (ANY, has)", "return any(wanted in (ANY, has)")],
    "any type of ICMP is any": [("wanted in (ANY, has)", "wanted == has")],
}


@cache
def mutant(name: str) -> type[Engine]:
    """Return an engine that breaks a rule. Raises ValueError when what it changes is not in the source, or twice."""
    spec = find_spec(ENGINE)
    assert spec
    assert spec.origin
    with open(spec.origin, encoding="utf-8") as file:  # noqa: PTH123
        source = file.read()
    for old, new in MUTANTS[name]:
        if source.count(old) != 1:
            raise ValueError(f"{name}: {source.count(old)} times in the engine: {old}")
        source = source.replace(old, new)
    module = ModuleType(f"{ENGINE}_mutant")
    # Dataclasses look for the module of their annotations.
    sys.modules[module.__name__] = module
    exec(compile(source, spec.origin, "exec"), module.__dict__)  # noqa: S102
    engine: type[Engine] = module.Engine
    return engine
