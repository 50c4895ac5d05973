"""An answer in words: each hop, where it stops and why, in English and Japanese."""

import re
from fractions import Fraction

from lab.reach import engine
from lab.reach.engine import Hop, Packet, Way
from lab.reach.network import ALL_PORTS, LOCAL, AclEntry, GroupRule, Network, Route
from lab.reach.parties import ANY_GROUP, ANYWHERE, S3, short
from lab.reach.ranges import Answer, Ports
from lab.terminal.language import Language

# What kinds of things are called.
KINDS: dict[engine.Kind, tuple[str, str]] = {
    "instance": ("", ""),
    "interface": ("network interface of", "ネットワークインターフェイス:"),
    "security-group": ("security group", "セキュリティグループ"),
    "network-acl": ("network ACL", "ネットワーク ACL"),
    "route-table": ("route table", "ルートテーブル"),
    "nat-gateway": ("NAT gateway", "NAT ゲートウェイ"),
    "endpoint": ("gateway endpoint", "ゲートウェイエンドポイント"),
    "internet-gateway": ("internet gateway", "インターネットゲートウェイ"),
    "internet": ("internet", "インターネット"),
}
# Why a packet stops, in one sentence. ``what`` is where it stops, ``traffic`` its protocol and port, ``from`` and
# ``to`` its addresses, ``peer`` the address that a group or an ACL looks at, ``rule`` the rule that decided.
SENTENCES: dict[str, tuple[str, str]] = {
    engine.BAD_STATE: ("The {what} is not available.", "{what}が利用可能な状態ではありません。"),
    engine.BAD_STATE_ATTACHMENT: (
        "The {what} has the route {rule}, whose target is not attached to this VPC.",
        "{what}のルート {rule} のターゲットは、この VPC にアタッチされていません。",
    ),
    engine.BAD_STATE_ROUTE: (
        "The {what} has the route {rule}, but it is a black hole: its target is gone or stopped.",
        "{what}のルート {rule} はブラックホールです (ターゲットが削除されたか停止しています)。",
    ),
    engine.CHECK: (
        "The {what} has the source/destination check: it takes and sends only what bears its own address.",
        "{what}では送信元/送信先チェックが有効なため、自分のアドレス宛てか自分のアドレスからの通信しか扱いません。",
    ),
    engine.DESTINATION_IN_RFC1918: (
        "The {what} carries nothing to {to}, which is a private address.",
        "{to} はプライベートアドレスなので、{what}は転送しません。",
    ),
    engine.DESTINATION_IN_RFC6598: (
        "The {what} carries nothing to {to}, which is a shared address (RFC 6598).",
        "{to} は共有アドレス (RFC 6598) なので、{what}は転送しません。",
    ),
    engine.ENDPOINT_PROTOCOL: (
        "The {what} takes TCP and ICMP echo alone, and this is {traffic}.",
        "{what}が受け付けるのは TCP と ICMP エコーだけで、{traffic} は通りません。",
    ),
    engine.GROUP: (
        "The {what} has no {way} rule for {traffic} {fromto} {peer}.",
        "{what}に、{peer} {fromto} {traffic} を許可する{way}ルールがありません。",
    ),
    engine.GROUP_EMPTY: ("The {what} has no {way} rules at all.", "{what}に{way}ルールがひとつもありません。"),
    engine.GROUP_REFERENCE: (
        "A rule of the {what} names a group, and that holds for private addresses only: this has the address {peer}.",
        "{what}のグループ参照ルールが効くのはプライベートアドレスだけで、この通信のアドレスは {peer} です。",
    ),
    engine.NAT_SOURCE: (
        "The {what} takes in nothing that no host of this VPC has asked for.",
        "{what}は、VPC 内のホストから始まっていない通信を受け付けません。",
    ),
    engine.NETWORK_ACL: (
        "The {what} denies {traffic} {fromto} {peer}: {rule}.",
        "{what}が {peer} {fromto} {traffic} を拒否します: {rule}。",
    ),
    engine.NOBODY: ("Nobody has the address {to} here.", "{to} を持つホストはありません。"),
    engine.NO_PATH: (
        "No internet gateway is attached to this VPC.",
        "この VPC にはインターネットゲートウェイがありません。",
    ),
    engine.NO_PUBLIC_TARGET: (
        "The {what} takes in only what is for a public address of this VPC, and {to} is none.",
        "{what}が受け付けるのは VPC 内のパブリックアドレス宛ての通信だけで、{to} は該当しません。",
    ),
    engine.NO_PUBLIC_SOURCE: (
        "The {what} carries nothing from {from}, which has no public address.",
        "{from} にはパブリックアドレスがないため、{what}は転送しません。",
    ),
    engine.NO_ROUTE: ("The {what} has no route to {to}.", "{what}に {to} へのルートがありません。"),
    engine.SOURCE_IN_RFC1918: (
        "The {what} takes in nothing from {from}, which is a private address.",
        "{from} はプライベートアドレスなので、{what}は受け付けません。",
    ),
    engine.SOURCE_IN_RFC6598: (
        "The {what} takes in nothing from {from}, which is a shared address (RFC 6598).",
        "{from} は共有アドレス (RFC 6598) なので、{what}は受け付けません。",
    ),
    engine.GUEST: (
        "nftables on {what} passes on no {traffic} from {from}.",
        "{what} の nftables は {from} からの {traffic} を中継しません。",
    ),
    engine.LOOP: ("The routes lead in a circle, back to the {what}.", "ルートが循環し、{what}に戻ってしまいます。"),
    engine.OTHER_WAY: (
        "The reply goes another way than the request came, so the {what} does not know it.",
        "応答がリクエストとは別の経路を通るため、{what}は応答として扱えません。",
    ),
}


class Words:
    """What things of a network are called, in one language."""

    def __init__(self, network: Network, language: Language) -> None:
        self._network = network
        self._ja = language == "ja"
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

    def say(self, english: str, japanese: str) -> str:
        return spaced(japanese) if self._ja else english

    def name(self, id_: str) -> str:
        """Return a name, or an id that has none."""
        return self._names.get(id_, id_)

    def thing(self, kind: engine.Kind, id_: str) -> str:
        """Return what a hop is: its kind and its name. A gateway of which a VPC has one alone goes without a name."""
        words = self.say(*KINDS[kind])
        if kind == "endpoint":
            service = self._network.endpoints[id_].service
            return f"{service.upper() if service == S3 else service} {words}"
        if kind in ("internet-gateway", "internet"):
            return words
        return f"{words} {self.name(id_)}".strip()

    def ports(self, protocol: str, ports: Ports) -> str:
        """Return a protocol with its ports, such as ``tcp 22``."""
        if protocol == "-1":
            return self.say("all traffic", "すべてのトラフィック")
        if protocol == "icmp":
            kind, code = (self.say("any", "すべて") if each == engine.ANY else str(each) for each in ports)
            return {engine.ECHO: "icmp echo", engine.ECHO_REPLY: "icmp echo reply"}.get(
                ports, f"icmp {kind}/{code}" if ports != (engine.ANY, engine.ANY) else "icmp"
            )
        if ports == ALL_PORTS:
            return self.say(f"all of {protocol}", f"{protocol} すべて")
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
        return self.say("anywhere", "任意の場所") if peer == str(ANYWHERE) else self.name(peer)

    def fromto(self, *, inbound: bool) -> str:
        return self.say("from", "からの") if inbound else self.say("to", "への")

    def way(self, *, inbound: bool) -> str:
        return self.say("inbound", "インバウンド") if inbound else self.say("outbound", "アウトバウンド")

    def rule(self, hop: Hop) -> str:
        """Return the rule that decided at a hop, or what the hop does to the packet; empty where nothing is to say."""
        match hop.rule:
            case AclEntry() as entry:
                said = self._directed(self.ports(entry.protocol, entry.ports), str(entry.cidr), hop)
                verdict = self.say(
                    f"{'allow' if entry.allow else 'deny'} {said}", f"{said} を{'許可' if entry.allow else '拒否'}"
                )
                return f"{self.way(inbound=hop.inbound)} {entry.number}: {verdict}"
            case GroupRule() as rule:
                said = self._directed(self.ports(rule.protocol, rule.ports), rule.peer, hop)
                return f"{self.way(inbound=hop.inbound)}: {self.say(said, f'{said} を許可')}"
            case Route() as route:
                return self.route(route)
        way = self.way(inbound=hop.inbound)
        if hop.kind == "network-acl":
            return self.say(f"no {way} rule matches", f"一致する{way}ルールなし")
        if hop.kind == "security-group" and not hop.code:
            return self.say("a reply: groups are stateful", "応答なので許可 (ステートフル)")
        return self._translation(hop.packet, hop.after)

    def route(self, route: Route) -> str:
        kinds: dict[str, engine.Kind] = dict.fromkeys(self._network.internet_gateways, "internet-gateway")
        kinds |= dict.fromkeys(self._network.nat_gateways, "nat-gateway")
        kinds |= dict.fromkeys(self._network.endpoints, "endpoint")
        target = route.target
        if target == LOCAL:
            words = self.say("local", "local")
        else:
            words = self.thing(kinds[target], target) if target in kinds else self.name(target)
        return f"{self.peer(route.destination) if 'pl-' in route.destination else route.destination} → {words}"

    def _directed(self, traffic: str, peer: str, hop: Hop) -> str:
        fromto = self.fromto(inbound=hop.inbound)
        return self.say(f"{traffic} {fromto} {self.peer(peer)}", f"{self.peer(peer)} {fromto} {traffic}")

    def _translation(self, before: Packet, after: Packet) -> str:
        changed = [
            (old, new)
            for old, new in ((before.source, after.source), (before.destination, after.destination))
            if old != new
        ]
        return ", ".join(self.say(f"{old} becomes {new}", f"{old} を {new} に変換") for old, new in changed)

    def why(self, hop: Hop, traffic: str = "") -> str:
        """Return the sentence that says why a packet stops at a hop; ``traffic``, where it is about more ports."""
        peer = hop.packet.source if hop.inbound else hop.packet.destination
        said = self.say(*SENTENCES[hop.code]).format_map(
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
        return self.say(said, said)

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
            self.say(f"the {whose} port is {_some(ports, 'or')}", f"{whose_ja}のポートが {_some(ports, 'か')} の場合")
            for whose, whose_ja, ports in (
                ("client's", "クライアント", answer.lost),
                ("NAT gateway's", "NAT ゲートウェイ", answer.lost_at_nat),
            )
            if ports
        ]
        if not said:
            return ""
        odds = self.odds(answer)
        return self.say(
            f"no reply comes when {' or '.join(said)}: {odds}", f"{'、または'.join(said)}は応答が届きません ({odds})"
        )

    def odds(self, answer: Answer) -> str:
        """Return how often a conversation fails: ``1 in 64512``, or in percent where that is often."""
        often = Fraction(1, 20)
        if answer.share > often:
            return f"{float(answer.share):.0%}"
        number = round(1 / answer.share)
        return self.say(f"1 in {number}", f"{number} 回に 1 回")


def spaced(japanese: str) -> str:
    """Return a Japanese text with a space where it meets letters and digits of ASCII, and nowhere else."""
    cjk, ascii_ = "[\u3041-\u30ff\u4e00-\u9fff]", "[A-Za-z0-9]"
    text = re.sub(f"(?<={cjk}) +(?={cjk})", "", japanese)
    return re.sub(f"(?<={cjk})(?={ascii_}|\\()|(?<={ascii_}|[)*])(?={cjk})", " ", text)


def span(ports: Ports) -> str:
    """Return a range of ports as people write it: ``22`` or ``1024-65535``."""
    return str(ports[0]) if ports[0] == ports[1] else f"{ports[0]}-{ports[1]}"


def _some(ranges: tuple[Ports, ...], last: str) -> str:
    *most, end = map(span, ranges)
    return f"{', '.join(most)} {last} {end}" if most else end
