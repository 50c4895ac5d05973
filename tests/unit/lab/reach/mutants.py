"""What the engine would be with one rule of AWS left out, or put wrong. Whatever tests it has to see each of them."""

import sys
from pathlib import Path
from types import ModuleType

from lab.reach import engine

SOURCE = Path(str(engine.__file__))
# Name -> what stands in lab/reach/engine.py, and what stands there in the mutant.
MUTANTS: dict[str, tuple[str, str]] = {
    # routes
    "the shortest prefix decides": ("routes[max(fitting)[2]]", "routes[min(fitting)[2]]"),
    "black holes are skipped": (
        "for number, route in enumerate(self.network.route_tables[table].routes)\n",
        "for number, route in enumerate(self.network.route_tables[table].routes) if route.active\n",
    ),
    "black holes lead somewhere": ("elif not route.active:", "elif False:"),
    "the reply goes back the way of the request": (
        "                self._begin(responder, reply)\n                self._leave(responder, reply)\n",
        "                self._begin(responder, reply)\n",
    ),
    "prefix lists match nothing": (
        "        if listed is not None:\n            return listed\n",
        "        if listed is not None:\n            return ()\n",
    ),
    # the internet gateway
    "the internet reaches private addresses": (
        "owner = self.engine.by_public.get(packet.destination)",
        "owner = self.engine.by_public.get(packet.destination) or self.engine.by_private.get(packet.destination)",
    ),
    "hosts without a public address reach the internet": (
        "            return interface.public\n",
        "            return interface.public or private\n",
    ),
    "ACLs see public addresses": (
        "            after = replace(packet, destination=owner.private)\n",
        "            after = packet\n",
    ),
    "no gateway is needed": ("        if not gateway:\n", "        if False:\n"),
    "private addresses come in": ("(RFC1918, SOURCE_IN_RFC1918), ", ""),
    "shared addresses come in": (", (RFC6598, SOURCE_IN_RFC6598)", ","),
    "private addresses are reached": ("(RFC1918, DESTINATION_IN_RFC1918), ", ""),
    "shared addresses are reached": (", (RFC6598, DESTINATION_IN_RFC6598)", ","),
    "public addresses of the VPC are not reached from inside": (
        "if after.destination in self.engine.by_public:",
        "if False:",
    ),
    # NAT
    "NAT gateways take everybody in": (
        "        if (gateway.id, inner) not in self.translations:\n            self._stop(",
        "        if False:\n            self._stop(",
    ),
    "NAT gateways are always available": ("if not gateway.available:", "if False:"),
    "NAT gateways keep the port": ("(self.nat_port, packet.ports[1])", "packet.ports"),
    "no ACL judges what comes to a NAT gateway": (
        (
            "        if gateway.subnet and gateway.subnet != coming_from:\n"
            "            self._judge_by_acl(gateway.subnet, packet, inbound=True)\n"
        ),
        "",
    ),
    "no ACL judges the reply to a NAT gateway": (
        "            self._judge_by_acl(gateway.subnet, inner, inbound=True)\n",
        "            pass\n",
    ),
    "no ACL judges what a NAT gateway brings back": (
        "            self._leave_subnet(gateway.subnet, back)\n",
        "            self._deliver(back, None)\n",
    ),
    "no ACL judges what a NAT gateway sends": (
        "            self._leave_subnet(gateway.subnet, self.hops[-1].after)\n",
        "            self._go_out(min(self.network.internet_gateways), self.hops[-1].after)\n",
    ),
    "regional NAT gateways stand in a subnet": (
        "        elif self.network.internet_gateways:\n            self._go_out(",
        (
            "        elif self.network.internet_gateways:\n"
            "            self._judge_by_acl('public', packet, inbound=True)\n"
            "            self._go_out("
        ),
    ),
    "replies leave by NAT": ("        if self.is_reply:  # to the gateway", "        if False:  # to the gateway"),
    "NAT instances change the port": (
        "after = replace(packet, source=host.private)",
        "after = replace(packet, source=host.private, ports=(self.nat_port, packet.ports[1]))",
    ),
    "NAT instances pass on everything": (
        (
            "        if not any(matches_ports(each, packet) and self._is_peer(each.peer, packet.source) for "
            "each in host.forwards):"
        ),
        "        if False:",
    ),
    "a NAT instance's group judges nothing inbound": (
        "        self._judge_by_groups(host, packet, inbound=True)\n",
        "",
    ),
    "there is no source/destination check": ("        if host.checks_addresses:", "        if False:"),
    # the endpoint
    "the endpoint takes any protocol": ('if packet.protocol != "tcp" and', "if False and"),
    "the endpoint's replies pass no ACL": (
        "                self._deliver(reply, None)\n",
        (
            "                self._deliver(reply, next(s.id for s in self.network.subnets.values() if "
            "reply.destination in s.cidr))\n"
        ),
    ),
    # security groups
    "groups are stateless": ("if self.is_reply and interface.id in self.tracked:", "if False:"),
    "groups judge nothing outbound": ("        self._judge_by_groups(interface, packet, inbound=False)\n", ""),
    "groups judge nothing inbound": ("        self._judge_by_groups(interface, packet, inbound=True)\n", ""),
    "inbound rules are asked for what leaves": (
        "for rule in group.inbound if inbound else group.outbound:",
        "for rule in group.inbound:",
    ),
    "rules of groups look at no address": (
        "if matches_ports(rule, packet) and self._is_peer(rule.peer, peer):",
        "if matches_ports(rule, packet):",
    ),
    "references hold for public addresses": (
        "            return address in self.engine.members[peer]\n",
        "            return address in self.engine.members[peer] or self._was_peer(peer, address)\n",
    ),
    "all groups have to agree": (
        "        for group in groups:\n            for rule in",
        "        for group in groups[:1]:\n            for rule in",
    ),
    "groups without rules are open": (
        "        rules = [rule for group in groups",
        (
            "        if not any(g.inbound if inbound else g.outbound for g in groups):\n"
            "            return\n"
            "        rules = [rule for group in groups"
        ),
    ),
    # ACLs
    "ACLs are stateful": (
        "        acl = self.network.subnets[subnet].acl\n",
        "        if self.is_reply:\n            return\n        acl = self.network.subnets[subnet].acl\n",
    ),
    "the highest number decides": ("key=lambda each: each.number\n", "key=lambda each: -each.number\n"),
    "the order of writing decides": (
        (
            "sorted(\n"
            "                (each for each in acl.entries if each.egress is egress), key=lambda each: each.number\n"
            "            )"
        ),
        "[each for each in acl.entries if each.egress is egress]",
    ),
    "denials are passed over": (
        "                if not entry.allow:\n",
        "                if not entry.allow:\n                    continue\n                if False:\n",
    ),
    "what no rule matches is allowed": (
        '        self._stop("network-acl", acl, packet, NETWORK_ACL, inbound=inbound)\n',
        "        return\n",
    ),
    "ACLs look at no address": (
        "if matches_ports(entry, packet) and peer in entry.cidr:",
        "if matches_ports(entry, packet):",
    ),
    "ACLs judge within a subnet": (
        (
            "        if packet.destination in subnet.cidr:\n"
            "            self._deliver(packet, subnet_id)\n"
            "            return\n"
            "        self._judge_by_acl(subnet_id, packet, inbound=False)\n"
        ),
        (
            "        self._judge_by_acl(subnet_id, packet, inbound=False)\n"
            "        if packet.destination in subnet.cidr:\n"
            "            self._deliver(packet, subnet_id)\n"
            "            return\n"
        ),
    ),
    "ACLs judge nothing that leaves": ("        self._judge_by_acl(subnet_id, packet, inbound=False)\n", ""),
    "ACLs judge nothing that enters": (
        "        if subnet and subnet != coming_from:\n            self._judge_by_acl(subnet, packet, inbound=True)\n",
        "",
    ),
    "inbound rules of ACLs are asked for what leaves": (
        "self.engine.entries[acl, not inbound]",
        "self.engine.entries[acl, False]",
    ),
    # ports
    "rules look at the port that a packet comes from": (
        "rule.ports[0] <= packet.ports[1] <= rule.ports[1]",
        "rule.ports[0] <= packet.ports[0] <= rule.ports[1]",
    ),
    "rules look at no protocol": ("    if rule.protocol != packet.protocol:\n        return False\n", ""),
    "any type of ICMP is the same": ("all(wanted in (ANY, has)", "any(wanted in (ANY, has)"),
    "an echo is answered by an echo": ("ECHO_REPLY if self.protocol", "ECHO if self.protocol"),
    "-1 is no wildcard of ICMP": ("wanted in (ANY, has)", "wanted == has"),
}


def mutant(name: str) -> ModuleType:
    """Return the engine with one change. Raises AssertionError where what it changes is not there, once."""
    old, new = MUTANTS[name]
    source = SOURCE.read_text()
    assert source.count(old) == 1, f"{name}: {source.count(old)} times"
    module = ModuleType("lab.reach.mutant")
    sys.modules[module.__name__] = module  # where dataclasses look for it
    exec(compile(source.replace(old, new), f"{SOURCE} ({name})", "exec"), module.__dict__)  # noqa: S102  # our own
    return module
