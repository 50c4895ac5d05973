"""What the firewalls and the gateways of a VPC do, in the words of nftables."""

import string
from collections.abc import Collection, Iterable, Mapping, Sequence
from ipaddress import IPv4Address, IPv4Network, collapse_addresses

from lab.reach.network import ALL_PORTS, GroupRule, Interface, Network

# AWS's own hops answer nothing, but that a packet is too big for the way.
HOP = """
table ip hop {
  chain output {
    type filter hook output priority filter
    icmp type destination-unreachable icmp code frag-needed accept
    ip protocol icmp drop
  }
}
"""

NOBODY = IPv4Address(0)
PRINTABLE = frozenset(string.printable) - frozenset(string.whitespace) - {'"', "\\"} | {" "}
LONGEST = 100  # characters of a name: what AWS and nftables allow is more
# An internet gateway carries nothing to or from these (RFC 1918, RFC 6598).
NOT_ROUTED = "{ 10.0.0.0/8, 172.16.0.0/12, 192.168.0.0/16, 100.64.0.0/10 }"


def interface(network: Network, its: Interface) -> str:
    """Return the source/destination check and the security groups of an interface."""
    groups = [network.groups[group] for group in its.groups if group in network.groups]
    check = f"""
    iifname "vpc" ip daddr != {its.private} counter drop comment "destination check"
    iifname "host" ip saddr != {its.private} counter drop comment "source check"
    """
    inbound = [line for group in groups for line in _group_rules(network, group.name, group.inbound, "saddr")]
    outbound = [line for group in groups for line in _group_rules(network, group.name, group.outbound, "daddr")]
    return f"""{HOP}
table ip groups {{
  chain forward {{
    type filter hook forward priority filter; policy drop
    {check if its.checks_addresses else ""}
    ct state established,related accept
    iifname "vpc" jump inbound
    iifname "host" jump outbound
  }}
  chain inbound {{
    {_lines(inbound)}
  }}
  chain outbound {{
    {_lines(outbound)}
  }}
}}
"""


def acls(network: Network, cables: Mapping[str, Sequence[str]]) -> str:
    """Return the network ACLs, with the router's cables that lead into each subnet."""
    used = {subnet: _set(map('"{}"'.format, devices)) for subnet, devices in cables.items() if devices}
    # What stays within a subnet is not judged; what leaves one is judged there before it is where it enters another.
    judged = [f"iifname {devices} oifname {devices} accept" for devices in used.values()]
    for way, side in (("out", "iifname"), ("in", "oifname")):
        judged += [f"{side} {used[each]} jump {_chain(network.subnets[each].acl, way)}" for each in used]
    chains = [
        f"chain {_chain(acl.id, way)} {{\n    {_lines(_acl_entries(network, acl.id, egress=way == 'out'))}\n  }}\n"
        for acl in network.acls.values()
        for way in ("in", "out")
    ]
    return f"""{HOP}
table ip acls {{
  {"  ".join(chains)}
  chain forward {{
    type filter hook forward priority filter
    {_lines(judged)}
  }}
}}
"""


def internet_gateway(public: Mapping[IPv4Address, IPv4Address], regional: Iterable[IPv4Address]) -> str:
    """Return the translation of private addresses (the keys) to public ones, and back.

    ``regional`` are the public addresses of regional NAT gateways, which translate by themselves.
    """
    own = [*public.values(), *regional]
    return f"""{HOP}
table ip gateway {{
  chain known {{
    type filter hook prerouting priority raw; policy drop
    iifname != "internet" ip daddr {NOT_ROUTED} counter drop
    iifname "internet" ip saddr {NOT_ROUTED} counter drop
    iifname "vpc" {_among("saddr", public)} counter accept
    iifname != "vpc" {_among("daddr", own)} counter accept
    iifname "nat-*" {_among("saddr", own)} counter accept
  }}
  chain to_private {{
    type nat hook prerouting priority dstnat
    {_map("dnat", "daddr", {there: here for here, there in public.items()})}
  }}
  chain to_public {{
    type nat hook postrouting priority srcnat
    {_map("snat", "saddr", public)}
  }}
}}
"""


def nat_gateway(cidrs: Collection[IPv4Network], address: IPv4Address, ports: tuple[int, int]) -> str:
    """Return what a NAT gateway does under an address: send on what this VPC's hosts begin, from ports it chooses."""
    inside = _among("saddr", cidrs)
    return f"""{HOP}
table ip nat {{
  chain input {{
    type filter hook input priority filter; policy drop
  }}
  chain forward {{
    type filter hook forward priority filter; policy drop
    ct state established,related accept
    ct state new {inside} counter accept
  }}
  chain out {{
    type nat hook postrouting priority srcnat
    {inside} ip protocol {{ tcp, udp }} snat to {address}:{_span(ports)} fully-random
    {inside} snat to {address}
  }}
}}
"""


def nat_instance(its: Interface) -> str:
    """Return what the software on a NAT instance does: it keeps the port where that is free."""
    passed = [f"{_match(rule.protocol, rule.ports)} ip saddr {rule.peer} accept" for rule in its.forwards]
    return f"""
table ip nat {{
  chain forward {{
    type filter hook forward priority filter; policy drop
    ct state established,related accept
    {_lines(passed)}
  }}
  chain out {{
    type nat hook postrouting priority srcnat
    {_lines(f"ip saddr {peer} masquerade" for peer in dict.fromkeys(rule.peer for rule in its.forwards))}
  }}
}}
"""


# A gateway endpoint carries TCP and echo requests of ICMP, and what answers them; S3 begins nothing through it.
ENDPOINT = f"""{HOP}
table ip endpoint {{
  chain forward {{
    type filter hook forward priority filter; policy drop
    ct state established,related accept
    iifname "vpc" ip protocol tcp counter accept
    iifname "vpc" icmp type echo-request counter accept
  }}
}}
"""


def _group_rules(network: Network, group: str, rules: Iterable[GroupRule], side: str) -> list[str]:
    """Return a group's rules. One that names a group means the private addresses of its members."""
    lines = []
    for rule in rules:
        members = [each.private for each in network.interfaces.values() if rule.peer in each.groups]
        if peers := members if rule.peer in network.groups else blocks(network, rule.peer):
            lines.append(f"{_match(rule.protocol, rule.ports)} {_among(side, peers)} counter accept {_comment(group)}")
    return lines


def blocks(network: Network, peer: str) -> list[IPv4Network]:
    """Return the addresses of a block, or of a prefix list; none of what this VPC does not have."""
    listed = [IPv4Network(peer, strict=False)] if "/" in peer else network.prefix_lists.get(peer, ())
    return list(collapse_addresses(listed))


def _acl_entries(network: Network, acl: str, *, egress: bool) -> list[str]:
    """Return an ACL's rules of one direction by their numbers. Where one allows, the next judge goes on."""
    its = network.acls[acl]
    entries = sorted((each for each in its.entries if each.egress == egress), key=lambda each: each.number)
    side = "daddr" if egress else "saddr"
    lines = [
        f"{_match(each.protocol, each.ports)} ip {side} {each.cidr} counter {'return' if each.allow else 'drop'} "
        f"{_comment(f'{its.name} {each.number}')}"
        for each in entries
    ]
    return [*lines, f"counter drop {_comment(f'{its.name} *')}"]


def _chain(acl: str, way: str) -> str:
    return f"{acl[:LONGEST]}-{way}"


def _comment(text: str) -> str:
    """Return a text as nftables takes it, which knows no escapes."""
    plain = "".join(each if each in PRINTABLE else "?" for each in text[:LONGEST])
    return f'comment "{plain}"'


def _match(protocol: str, ports: tuple[int, int]) -> str:
    """Return what a packet of a protocol and of destination ports, or of an ICMP type and code, is."""
    if protocol == "-1":
        return ""
    if protocol == "icmp":
        kind, code = ports if ports != ALL_PORTS else (-1, -1)
        types = "ip protocol icmp" if kind == -1 else f"icmp type {kind}"
        return types if code == -1 else f"{types} icmp code {code}"
    if protocol in ("tcp", "udp"):
        return f"{protocol} dport {_span(ports)}"
    return f"ip protocol {protocol}"


def _span(ports: tuple[int, int]) -> str:
    return f"{ports[0]}-{ports[1]}" if ports[0] < ports[1] else str(ports[0])


def _among(side: str, addresses: Collection[object]) -> str:
    """Return that the address of a side is among these; of none, the one that no packet has."""
    return f"ip {side} {_set(map(str, addresses or [NOBODY]))}"


def _map(verb: str, side: str, pairs: Mapping[IPv4Address, IPv4Address]) -> str:
    elements = ", ".join(f"{one} : {other}" for one, other in pairs.items())
    return f"{verb} to ip {side} map {{ {elements} }}" if pairs else ""


def _set(elements: Iterable[str]) -> str:
    return f"{{ {', '.join(elements)} }}"


def _lines(lines: Iterable[str]) -> str:
    return "\n    ".join(lines)
