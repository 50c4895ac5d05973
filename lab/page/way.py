"""The way of a packet through a figure: where each hop is, and what is said of it."""

from collections.abc import Iterable
from dataclasses import dataclass

from lab.page.place import Point, Rect, Scene
from lab.reach.engine import Hop, Way
from lab.reach.explain import Words
from lab.reach.network import Interface, Network
from lab.reach.parties import ANY_GROUP, S3, Party

LARGE = ("instance", "nat-gateway", "internet-gateway", "endpoint", "internet")
BESIDE = 9  # how far a way's line is from the middle: a request on one side, its reply on the other
AFTER_WALL = 20  # how far behind a subnet's edge its route table is asked
CORNER = 22  # where the number of a hop stands that has an icon
BEFORE_ICON = 26  # where a way ends that arrives at one


@dataclass(frozen=True)
class Step:
    """A hop: where it is in the figure, what it is, and the rule that decided there."""

    number: int
    at: Point
    mark: Point
    """Where its number stands."""
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
        found = [
            (after.number, before.at, after.at)
            for before, after in zip(self.steps, self.steps[1:], strict=False)
            if before.at != after.at
        ]
        if found and self.arrives:
            number, start, end = found.pop()
            found.append((number, start, _towards(end, start, BEFORE_ICON)))
        return found


def _towards(start: Point, end: Point, far: float) -> Point:
    """Return the point that is so far from the start on the line to the end, and never beyond a third of it."""
    (x, y), (to_x, to_y) = start, end
    length = max(1.0, ((to_x - x) ** 2 + (to_y - y) ** 2) ** 0.5)
    share = min(far, length / 3) / length
    return x + (to_x - x) * share, y + (to_y - y) * share


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
        places = [self._at(hops, number) for number in range(len(hops))]
        side = 1 if kind == "reply" else -1
        upright = abs(places[0][1] - places[-1][1]) > abs(places[0][0] - places[-1][0])
        dx, dy = (BESIDE * side, 0) if upright else (0, BESIDE * side)
        steps = []
        for number, (hop, (x, y), (what, rule)) in enumerate(zip(hops, places, self._words.hops(way), strict=True)):
            at = x + dx, y + dy
            mark = (x + CORNER * side, y - CORNER) if hop.kind in LARGE and not hop.code else at
            steps.append(Step(number + 1, at, mark, what, rule, bool(hop.code)))
        return Drawn(kind, steps, way.arrives, self._words.why(way.hops[-1]) if way.code else "")

    def _at(self, hops: list[Hop], number: int) -> Point:
        """Return where a hop is: large ones have a place, small ones are where the way crosses a wall."""
        hop = hops[number]
        if hop.kind in LARGE or hop.kind == "interface":
            return self._spot(hop)
        here = next((self._spot(each) for each in reversed(hops[:number]) if each.kind in LARGE), self._goal)
        there = next((self._spot(each) for each in hops[number:] if each.kind in LARGE), self._goal)
        guarded = self._network.interfaces if hop.kind == "security-group" else self._network.subnets
        wall = self._wall_around(there if hop.inbound else here, guarded)
        if wall is None or here == there:
            return there if hop.inbound else here
        crossing = wall.border(there, here) if hop.inbound else wall.border(here, there)
        if hop.kind != "route-table":
            return crossing
        return _towards(crossing, there, AFTER_WALL)

    def _spot(self, hop: Hop) -> Point:
        spots = self._scene.spots
        if hop.kind == "internet":
            return spots["internet"]
        return spots.get(hop.id, self._goal)

    def _wall_around(self, at: Point, guarded: Iterable[str]) -> Rect | None:
        """Return the edge of the one of these subnets, or hosts, that a place is in."""
        walls = (self._scene.walls.get(each) for each in guarded)
        return next((wall for wall in walls if wall and wall.has(at)), None)
