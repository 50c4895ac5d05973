"""The way of a packet through a figure: where each hop is, and what is said of it."""

from dataclasses import dataclass

from lab.page.place import Point, Rect, Scene
from lab.reach.engine import Hop, Way
from lab.reach.explain import Words
from lab.reach.network import Interface, Network
from lab.reach.parties import ANY_GROUP, S3, Party

LARGE = ("instance", "nat-gateway", "internet-gateway", "endpoint", "internet")
BESIDE = 9  # how far a reply's line is from that of its request
AFTER_WALL = 20  # how far behind a subnet's edge its route table is asked


@dataclass(frozen=True)
class Step:
    """A hop: where it is in the figure, what it is, and the rule that decided there."""

    number: int
    at: Point
    what: str
    rule: str
    stops: bool


@dataclass(frozen=True)
class Drawn:
    """A way: its steps, and the lines from each to the next."""

    kind: str
    """request or reply."""
    steps: list[Step]
    arrives: bool
    why: str = ""
    """Why it stops; empty when it arrives."""

    @property
    def lines(self) -> list[tuple[int, Point, Point]]:
        """Number, beginning and end of each line."""
        pairs = zip(self.steps, self.steps[1:], strict=False)
        return [(after.number, before.at, after.at) for before, after in pairs if before.at != after.at]


class Tracer:
    """Draws ways into the scene of a network."""

    def __init__(self, scene: Scene, network: Network, words: Words) -> None:
        self._scene = scene
        self._network = network
        self._words = words
        self._goal: Point = (0, 0)

    def draw(self, way: Way, kind: str, towards: Party) -> Drawn:
        """Return a way; ``towards`` is whom the packet is for."""
        end = towards.end
        goal = S3 if towards.name == S3 else end.instance or end.id if isinstance(end, Interface) else "internet"
        self._goal = self._scene.spots.get(goal, self._scene.spots["internet"])
        hops = [hop for hop in way.hops if not (hop.kind == "interface" and not hop.code) and hop.id != ANY_GROUP]
        beside = BESIDE if kind == "reply" else 0
        steps = []
        for number, (hop, (what, rule)) in enumerate(zip(hops, self._words.hops(way), strict=True)):
            x, y = self._at(hops, number)
            steps.append(Step(number + 1, (x + beside, y + beside), what, rule, bool(hop.code)))
        return Drawn(kind, steps, way.arrives, self._words.why(way.hops[-1]) if way.code else "")

    def _at(self, hops: list[Hop], number: int) -> Point:
        """Return where a hop is: large ones have a place, small ones are where the way crosses a wall."""
        hop = hops[number]
        if hop.kind in LARGE or hop.kind == "interface":
            return self._spot(hop)
        here = next((self._spot(each) for each in reversed(hops[:number]) if each.kind in LARGE), self._goal)
        there = next((self._spot(each) for each in hops[number:] if each.kind in LARGE), self._goal)
        if hop.kind == "security-group":
            wall = self._wall_of_host(hop)
        else:
            wall = self._wall_of_subnet(there if hop.inbound else here)
        if wall is None or here == there:
            return there if hop.inbound else here
        crossing = wall.border(there, here) if hop.inbound else wall.border(here, there)
        if hop.kind != "route-table":
            return crossing
        (x, y), (to_x, to_y) = crossing, there
        length = max(1.0, ((to_x - x) ** 2 + (to_y - y) ** 2) ** 0.5)
        share = min(AFTER_WALL, length / 3) / length
        return x + (to_x - x) * share, y + (to_y - y) * share

    def _spot(self, hop: Hop) -> Point:
        spots = self._scene.spots
        if hop.kind == "internet":
            return spots["internet"]
        return spots.get(hop.id, self._goal)

    def _wall_of_host(self, hop: Hop) -> Rect | None:
        address = hop.packet.destination if hop.inbound else hop.packet.source
        return next(
            (self._scene.walls.get(each.id) for each in self._network.interfaces.values() if each.private == address),
            None,
        )

    def _wall_of_subnet(self, at: Point) -> Rect | None:
        """Return the edge of the subnet that a place is in."""
        walls = (self._scene.walls.get(each) for each in self._network.subnets)
        return next((wall for wall in walls if wall and wall.has(at)), None)
