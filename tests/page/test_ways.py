"""Where the hops of a way are in the figure: on the walls that they are about."""

from collections.abc import Callable
from typing import Any

import pytest

from lab.page import asking
from lab.page.place import Point, Rect
from lab.page.seen import Seen
from lab.page.way import BESIDE
from lab.reach.templated import templated
from lab.terminal.language import speaking

QUESTIONS = [
    ("bastion", "private-host", "22"),
    ("internet", "bastion", "22"),
    ("private-1", "internet", "443"),
    ("private-2", "internet", "443"),
    ("bastion", "s3", "443"),
    ("web@public-2", "database@private-1", "3306"),
    ("internet", "web@public-1", "443"),
    ("internet", "private-host", "22"),
]


def distance(point: Point, wall: Rect) -> float:
    """Return how far a point is from the edge of a box."""
    (x, y), right, bottom = point, wall.x + wall.width, wall.y + wall.height
    if wall.has(point):
        return min(x - wall.x, right - x, y - wall.y, bottom - y)
    return float(max(wall.x - x, x - right, wall.y - y, y - bottom))


@pytest.mark.parametrize("nat", ["per-az", "single", "regional", "instance", "none"])
@pytest.mark.parametrize("question", QUESTIONS, ids="-".join)
def test_a_hop_is_on_its_wall(
    template: Callable[..., dict[str, Any]], nat: str, question: tuple[str, str, str]
) -> None:
    content = template(nat=nat, private_host=True)
    network = templated(content, "")
    source, destination, port = question
    asked = {"source": source, "destination": destination, "protocol": "tcp", "port": port}
    with speaking("en"):
        answers = asking.ask(Seen(None, content, network), asked)
    for answer in answers:
        subnets = [answer.scene.walls[each] for each in network.subnets]
        hosts = [wall for key, wall in answer.scene.walls.items() if key not in network.subnets]
        for way in answer.ways:
            for step in way.steps:
                if step.what.startswith("security group"):
                    assert min(distance(step.at, wall) for wall in hosts) <= BESIDE
                elif step.what.startswith("network ACL"):
                    assert min(distance(step.at, wall) for wall in subnets) <= BESIDE
                elif step.what.startswith("route table"):
                    near = min(distance(step.at, wall) for wall in subnets)
                    assert 0 < near < 3 * BESIDE
            assert way.arrives == (not any(step.stops for step in way.steps))
            assert [step.number for step in way.steps] == list(range(1, len(way.steps) + 1))


def test_everything_is_within_the_figure(template: Callable[..., dict[str, Any]]) -> None:
    for nat in ("per-az", "regional", "instance"):
        content = template(nat=nat, private_host=True)
        with speaking("en"):
            [answer] = asking.ask(Seen(None, content, templated(content, "")), asking.EXAMPLE)
        for node in answer.scene.nodes:
            assert 0 < node.at[0] < 1000
            assert 0 < node.at[1] < answer.scene.height
