"""Where things of a network stand in a figure: zones side by side, public above private, S3 and roles at the right.

Units are those of the figure's view box, WIDTH wide.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field

from lab.picture.architecture import Architecture
from lab.reach.explain import span
from lab.reach.network import ALL_PORTS, Interface, Network, Subnet
from lab.reach.parties import ANY_GROUP, ANYWHERE, INTERNET, S3, groups_without_hosts, is_public, member, short
from lab.terminal.language import _

WIDTH = 1000
ICON = 44
WALL = 70  # the side of a security group around a host
ZONE_TOP, PUBLIC_TOP, SUBNET_HEIGHT, GAP = 214, 254, 178, 78
PRIVATE_TOP = PUBLIC_TOP + SUBNET_HEIGHT + GAP
BOTTOM = PRIVATE_TOP + SUBNET_HEIGHT
VPC_TOP, VPC_LEFT = 150, 30
SUBNET_WIDTH = 296
ZONE_WIDTH = SUBNET_WIDTH + 24
SIDE = 884  # where S3 and roles stand
HOST_Y = 84  # of a host in its subnet
LAST = 62  # from the right edge of a subnet to its NAT gateway, and to its default route
ICONS = {
    "bucket": "storage/simple-storage-service-s3-bucket",
    "endpoint": "network/endpoint",
    "host": "compute/ec2",
    "internet": "general/internet-alt1",
    "internet-gateway": "network/internet-gateway",
    "nat": "network/nat-gateway",
    "policy": "security/identity-and-access-management-iam-permissions",
    "role": "security/identity-and-access-management-iam-role",
    "users": "general/users",
}
# Which parts of the figure a chapter is about; its first number stands for it. All else is grey.
LIT: dict[int, frozenset[str]] = {
    1: frozenset(("internet", "vpc", "zones", "subnets", "hosts", "buckets", "roles", "nat", "endpoint", "gateway")),
    3: frozenset(("internet", "vpc", "zones", "subnets", "routes", "nat", "endpoint", "gateway", "logs")),
    4: frozenset(("people", "roles", "hosts", "use")),
    5: frozenset(("internet", "hosts", "gateway", "roles", "zones")),
    6: frozenset(("prices", "nat", "hosts", "buckets", "endpoint", "logs")),
    9: frozenset(("hosts", "roles", "buckets", "endpoint", "use", "s3-routes", "logs")),
    11: frozenset(("hosts", "roles", "buckets", "people", "use")),
    12: frozenset(("internet", "hosts", "groups", "acls", "subnets", "rules")),
}

Point = tuple[float, float]


@dataclass(frozen=True)
class Rect:
    """A box."""

    x: float
    y: float
    width: float
    height: float

    def has(self, point: Point) -> bool:
        return self.x <= point[0] <= self.x + self.width and self.y <= point[1] <= self.y + self.height

    def border(self, inner: Point, outer: Point) -> Point:
        """Return where the line from a point within to one outside crosses the edge."""
        (x, y), (to_x, to_y) = inner, outer
        shares = [
            (edge - at) / (to - at)
            for at, to, edges in (
                (x, to_x, (self.x, self.x + self.width)),
                (y, to_y, (self.y, self.y + self.height)),
            )
            for edge in edges
            if to != at and (edge - at) / (to - at) > 0
        ]
        share = min(shares, default=1.0)
        return x + (to_x - x) * share, y + (to_y - y) * share


@dataclass(frozen=True, kw_only=True)
class Frame:
    """A box with a title: a VPC, a zone, a subnet; or a wall around one: a network ACL, a security group."""

    kind: str
    part: str
    rect: Rect
    title: str = ""
    party: str = ""


@dataclass(frozen=True, kw_only=True)
class Node:
    """An icon with lines of text below it, or at its right. ``party`` is how `lab reach` asks for it."""

    kind: str
    part: str
    at: Point
    lines: tuple[str, ...] = ()
    party: str = ""
    beside: bool = False
    is_ghost: bool = False
    """A host that somebody could start: it is not there."""


@dataclass(frozen=True, kw_only=True)
class Arrow:
    """A line with a head at its end."""

    part: str
    points: tuple[Point, ...]
    label: str = ""
    label_at: Point | None = None
    kind: str = ""
    """broken, for a route whose target is gone; use, for what is no route."""
    two_way: bool = False

    @property
    def text_at(self) -> Point:
        (x, y), (to_x, to_y) = self.points[-2:]
        return self.label_at or ((x + to_x) / 2, (y + to_y) / 2)


@dataclass
class Scene:
    """All that a figure shows. ``spots`` are the places of hops, ``walls`` the edges of subnets and hosts' groups."""

    height: float = BOTTOM + 58
    frames: list[Frame] = field(default_factory=list)
    arrows: list[Arrow] = field(default_factory=list)
    nodes: list[Node] = field(default_factory=list)
    spots: dict[str, Point] = field(default_factory=dict)
    walls: dict[str, Rect] = field(default_factory=dict)
    lit: frozenset[str] = frozenset()

    def is_lit(self, part: str) -> bool:
        return part in self.lit


def place(
    network: Network,
    architecture: Architecture,
    *,
    lit: frozenset[str],
    is_real: bool,
    operators: Sequence[str] = (),
    prices: Mapping[str, float] | None = None,
) -> Scene:
    """Return the scene of a network.

    ``is_real`` says that addresses are AWS's and not made up. ``operators`` are the users who may start and stop,
    ``prices`` what things cost a month, by their names.
    """
    placer = _Placer(network, architecture, lit, is_real=is_real, prices=prices or {})
    placer.everything(operators)
    return placer.scene


class _Placer:
    def __init__(
        self,
        network: Network,
        architecture: Architecture,
        lit: frozenset[str],
        *,
        is_real: bool,
        prices: Mapping[str, float],
    ) -> None:
        if "rules" in lit:  # groups that no host has get one, so that there is something to guard
            ghosts = [
                member(network, group.id, subnet).end
                for group in groups_without_hosts(network)
                for subnet in self.for_group(network, group.name)[:1]
            ]
            network = network.with_interfaces(*(each for each in ghosts if isinstance(each, Interface)))
        self.network = network
        self.architecture = architecture
        self.is_real = is_real
        self.prices = prices
        self.scene = Scene(lit=lit)
        self.zones = sorted({each.zone for each in network.subnets.values()})
        self.regional = next((each for each in network.nat_gateways.values() if each.subnet is None), None)
        self.zone_gap = ICON + 24 if self.regional else 24
        self.vpc_right = VPC_LEFT + 36 + len(self.zones) * (ZONE_WIDTH + self.zone_gap) - self.zone_gap
        self.middle = (VPC_LEFT + self.vpc_right) / 2
        self.side = max(SIDE, self.vpc_right + 130)
        self.endpoint_y = PRIVATE_TOP - GAP / 2

    @staticmethod
    def for_group(network: Network, name: str) -> list[Subnet]:
        """Return the subnets that are likely for a member of a group: databases are private."""
        private = "database" in name
        return sorted(
            (each for each in network.subnets.values() if _is_upper(network, each) is not private),
            key=lambda each: each.name,
        )

    def everything(self, operators: Sequence[str]) -> None:
        self.outside()
        for subnet in sorted(self.network.subnets.values(), key=lambda each: each.name):
            self.subnet(subnet)
        self.regional_gateway()
        self.routes()
        self.s3_and_roles()
        self.people(operators)
        if self.scene.is_lit("rules"):
            self.rules()

    # --- small things

    def node(
        self,
        id_: str,
        kind: str,
        part: str,
        at: Point,
        *lines: str,
        party: str = "",
        beside: bool = False,
        is_ghost: bool = False,
    ) -> None:
        self.scene.spots[id_] = at
        self.scene.nodes.append(
            Node(kind=kind, part=part, at=at, lines=lines, party=party, beside=beside, is_ghost=is_ghost)
        )

    def frame(self, kind: str, part: str, rect: Rect, title: str = "", party: str = "") -> None:
        self.scene.frames.append(Frame(kind=kind, part=part, rect=rect, title=title, party=party))

    def arrow(
        self,
        part: str,
        *points: Point,
        label: str = "",
        label_at: Point | None = None,
        kind: str = "",
        two_way: bool = False,
    ) -> None:
        self.scene.arrows.append(
            Arrow(part=part, points=points, label=label, label_at=label_at, kind=kind, two_way=two_way)
        )

    def price(self, *names: str) -> list[str]:
        """Return what things of these names cost a month, where that is what the figure is about."""
        usd = sum(self.prices.get(name, 0) for name in set(names))
        return [f"{usd:.2f} USD"] if usd and self.scene.is_lit("prices") else []

    # --- from the outside to the inside

    def outside(self) -> None:
        width = self.vpc_right - VPC_LEFT
        cidr = str(self.network.cidrs[0])
        height = BOTTOM + 32 - VPC_TOP
        self.frame(
            "region", "vpc", Rect(10, 100, max(WIDTH, self.side + 116) - 20, BOTTOM + 46 - 100), self.network.region
        )
        self.frame("vpc", "vpc", Rect(VPC_LEFT, VPC_TOP, width, height), f"VPC {cidr}")
        self.node("internet", "internet", "internet", (self.middle, 44), _("Internet"), party=INTERNET, beside=True)
        if self.network.internet_gateways:
            gateway = min(self.network.internet_gateways)
            self.node(
                gateway, "internet-gateway", "gateway", (self.middle, VPC_TOP), _("Internet gateway"), beside=True
            )
            self.arrow("gateway", (self.middle, 68), (self.middle, VPC_TOP - ICON / 2), two_way=True)
        for number, zone in enumerate(self.zones):
            x = self.zone_left(number)
            self.frame("zone", "zones", Rect(x, ZONE_TOP, ZONE_WIDTH, BOTTOM + 14 - ZONE_TOP), _zone(zone))

    def zone_left(self, number: int) -> float:
        return VPC_LEFT + 18 + number * (ZONE_WIDTH + self.zone_gap)

    def box(self, subnet: Subnet) -> Rect:
        x = self.zone_left(self.zones.index(subnet.zone)) + 12
        return Rect(x, PUBLIC_TOP if _is_upper(self.network, subnet) else PRIVATE_TOP, SUBNET_WIDTH, SUBNET_HEIGHT)

    def subnet(self, subnet: Subnet) -> None:
        box = self.box(subnet)
        kind = "public" if _is_upper(self.network, subnet) else "private"
        self.frame(f"subnet {kind}", "subnets", box, f"{short(subnet.name)} {subnet.cidr}", short(subnet.name))
        self.frame("acl", "acls", box, f"ACL {short(self.network.acls[subnet.acl].name)}")
        self.scene.walls[subnet.id] = box
        hosts = [each for each in self.network.interfaces.values() if each.subnet == subnet.id]
        gateways = [each for each in self.network.nat_gateways.values() if each.subnet == subnet.id]
        ordinary = [each for each in hosts if each.checks_addresses]
        forwarding = [each for each in hosts if not each.checks_addresses]
        slots = max(3, len(hosts) + len(gateways))

        def slot(number: int) -> Point:
            return box.x + 52 + number * (box.width - 52 - LAST) / (slots - 1), box.y + HOST_Y

        for number, host in enumerate(ordinary):
            self.host(host, slot(number))
        for number, each in enumerate(forwarding):
            self.host(each, slot(slots - 1 - number))
        for number, gateway in enumerate(gateways):
            lines = [_("NAT gateway"), *self.price(gateway.name)]
            if self.is_real and gateway.public and len(lines) < 2:
                lines.append(str(gateway.public[0]))
            self.node(gateway.id, "nat", "nat", slot(slots - 1 - len(forwarding) - number), *lines)

    def host(self, host: Interface, at: Point) -> None:
        is_ghost = not host.instance
        lines = [short(host.name).partition("@")[0], *self.price(host.name)]
        if self.is_real and len(lines) < 2:
            lines.append(str(host.private))
        if self.is_real and host.public and not is_ghost and not self.scene.is_lit("prices"):
            lines.append(str(host.public))
        part = "hosts"
        self.node(host.instance or host.id, "host", part, at, *lines, party=short(host.name), is_ghost=is_ghost)
        self.scene.spots[host.id] = at
        if ANY_GROUP not in host.groups:
            wall = Rect(at[0] - WALL / 2, at[1] - WALL / 2, WALL, WALL)
            self.scene.walls[host.id] = self.scene.walls[host.instance or host.id] = wall
            self.frame("group", "groups", wall)

    def regional_gateway(self) -> None:
        if self.regional:
            at = (self.middle, self.endpoint_y)
            self.node(
                self.regional.id, "nat", "nat", at, _("NAT gateway"), *self.price(self.regional.name), beside=True
            )
            self.arrow("routes", (self.middle, self.endpoint_y - ICON / 2), (self.middle, VPC_TOP + ICON / 2))

    # --- what leads where

    def routes(self) -> None:
        """Draw each route but the VPC's own."""
        network, spots = self.network, self.scene.spots
        for subnet in network.subnets.values():
            box = self.box(subnet)
            upper = _is_upper(network, subnet)
            x = box.x + box.width - LAST
            for route in network.route_tables[subnet.route_table].routes:
                if route.target in network.endpoints:
                    self.to_s3(box, route.target, upper=upper)
                elif route.target in network.internet_gateways:
                    turn = VPC_TOP + 50.0
                    points = [(x, box.y), (x, turn), (self.middle, turn), (self.middle, VPC_TOP + ICON / 2)]
                    self.default(route.destination, points, is_active=route.active)
                elif route.target in spots:
                    to_x, to_y = spots[route.target]
                    turn, end = PRIVATE_TOP - 16.0, to_y + ICON / 2 + (34 if route.target != self._regional_id else 0)
                    between = [] if to_x == x else [(x, turn), (to_x, turn)]
                    self.default(route.destination, [(x, box.y), *between, (to_x, end)], is_active=route.active)
                elif route.target != "local":  # its target is gone
                    self.default(route.destination, [(x, box.y), (x, box.y - 22)], is_active=False)

    @property
    def _regional_id(self) -> str:
        return self.regional.id if self.regional else ""

    def default(self, destination: str, points: Iterable[Point], *, is_active: bool) -> None:
        points = tuple(points)
        x, y = points[0]
        kind = "" if is_active else "broken"
        self.arrow("routes", *points, label=destination, label_at=(x - 34, y - 7), kind=kind)

    def to_s3(self, box: Rect, endpoint: str, *, upper: bool) -> None:
        y = self.endpoint_y + (-9 if upper else 9)
        x = box.x + 26
        start = box.y + box.height if upper else box.y
        part = "s3-routes" if self.scene.is_lit("s3-routes") else "routes"
        self.arrow(part, (x, start), (x, y), (self.vpc_right - ICON / 2, y), kind="s3")
        if endpoint not in self.scene.spots:
            self.node(endpoint, "endpoint", "endpoint", (self.vpc_right, self.endpoint_y))

    # --- what is no part of the network

    def s3_and_roles(self) -> None:
        x, y = self.side, self.endpoint_y
        buckets = self.architecture.all("AWS::S3::Bucket")
        logs = {each.get("LoggingConfiguration", {}).get("DestinationBucketName") for each in buckets.values()}
        if buckets.keys() - logs:
            self.node(S3, "bucket", "buckets", (x, y), _("Bucket"), *self.price("S3"), party=S3)
        for endpoint in self.network.endpoints:
            if endpoint not in self.scene.spots:  # no route leads there
                self.node(endpoint, "endpoint", "endpoint", (self.vpc_right, y))
            self.arrow(
                "endpoint",
                (self.vpc_right + ICON / 2, y),
                (x - ICON / 2, y),
                two_way=True,
                label=_("S3 endpoint"),
                label_at=(self.vpc_right + 62, y - 30),
            )
        if buckets.keys() & logs:
            self.node("logs", "bucket", "logs", (x, BOTTOM - 40), _("Log bucket"))
            self.arrow(
                "logs",
                (x, y + 44),
                (x, BOTTOM - 40 - ICON / 2),
                kind="use",
                label=_("access logs"),
                label_at=(x, y + 88),
            )
        if self.architecture.all("AWS::EC2::FlowLog"):
            self.arrow(
                "logs",
                (self.vpc_right, BOTTOM - 40),
                (x - ICON / 2, BOTTOM - 40),
                kind="use",
                label=_("flow logs"),
                label_at=(self.vpc_right + 62, BOTTOM - 50),
            )
        for role, host in list(self.architecture.roles())[:1]:
            self.role(role, host, x)

    def role(self, role: str, host: str, x: float) -> None:
        y = PUBLIC_TOP + 46
        self.node("role", "role", "roles", (x, y), _("Role"), role)
        self.arrow(
            "use",
            (x, y + 60),
            (x, self.endpoint_y - ICON / 2),
            kind="use",
            label=_("may use it"),
            label_at=(x, y + 92),
        )
        bearer = next((each for each in self.network.interfaces.values() if each.name == host), None)
        if bearer and (self.scene.is_lit("use") or self.scene.is_lit("roles")):
            to_x, to_y = self.scene.spots[bearer.id]
            lane = VPC_TOP + 36
            self.arrow(
                "roles",
                (x, y - ICON / 2),
                (x, lane),
                (to_x - 12, lane),
                (to_x - 12, to_y - WALL / 2),
                kind="use",
                label=_("the instance has it"),
                label_at=(x - 190, lane - 7),
            )

    def people(self, operators: Sequence[str]) -> None:
        if not operators or not self.scene.is_lit("people"):
            return
        bastion = next((each for each in self.network.interfaces.values() if short(each.name) == "bastion"), None)
        self.node("users", "users", "people", (self.side + 60, 44), ", ".join(operators))
        self.node("policy", "policy", "people", (self.side - 60, 44), _("Policy"))
        self.arrow("people", (self.side + 36, 44), (self.side - 36, 44))
        if bastion:
            to_x, to_y = self.scene.spots[bastion.id]
            self.arrow(
                "people",
                (self.side - 84, 44),
                (self.side - 110, 44),
                (self.side - 110, 84),
                (to_x + 12, 84),
                (to_x + 12, to_y - WALL / 2),
                label=_("may start and stop it, with MFA"),
                label_at=(self.side - 250, 77),
            )

    # --- groups' rules as arrows

    def rules(self) -> None:
        """Draw who may come in to the hosts of each group: from whom, and on which ports."""
        hosts = [each for each in self.network.interfaces.values() if each.checks_addresses]
        of_group = {group: host for host in hosts for group in host.groups}
        ports: dict[tuple[str, str], list[str]] = {}
        for group, host in of_group.items():
            for rule in self.network.groups[group].inbound if group in self.network.groups else ():
                peer = of_group[rule.peer].id if rule.peer in of_group else rule.peer
                said = rule.protocol if rule.ports == ALL_PORTS or rule.protocol in ("-1", "icmp") else span(rule.ports)
                ports.setdefault((peer, host.id), []).append(said.replace("-1", "*"))
        others = [peer for peer, _host in ports if peer not in self.scene.spots and peer != str(ANYWHERE)]
        for number, peer in enumerate(dict.fromkeys(others)):
            self.node(peer, "internet", "rules", (self.middle - 190 - 120 * number, 44), peer, party=peer)
        for number, ((peer, to), numbers) in enumerate(ports.items()):
            start = self.scene.spots["internet" if peer == str(ANYWHERE) else peer]
            end = self.scene.spots[to]
            wall = self.scene.walls.get(to, Rect(end[0] - 30, end[1] - 30, 60, 60))
            begin = self.scene.walls.get(peer) or Rect(start[0] - 24, start[1] - 24, 48, 48)
            tail, head = begin.border(start, end), wall.border(end, start)
            label = ", ".join(dict.fromkeys(numbers))
            self.arrow("rules", tail, head, label=label, label_at=_beside(tail, head, number))


def _zone(name: str) -> str:
    """Return the name of a zone: a template has a number alone."""
    word, _blank, number = name.partition(" ")
    return _("Zone {number}").format(number=number) if word == "zone" else name


def _beside(tail: Point, head: Point, number: int) -> Point:
    """Return where the label of an arrow is read: neighbours have theirs at different heights, a short one above."""
    (x, y), (to_x, to_y) = tail, head
    if abs(to_x - x) + abs(to_y - y) < WALL:
        return (x + to_x) / 2, y - WALL / 2 - 8
    share = (0.45, 0.58, 0.32)[number % 3]
    return x + (to_x - x) * share, y + (to_y - y) * share


def _is_upper(network: Network, subnet: Subnet) -> bool:
    """Tell whether a subnet stands in the upper row: it is called public, also while its route is missing."""
    return "public" in subnet.name or ("private" not in subnet.name and is_public(network, subnet))
