"""The picture of a template: what is on it, and that nothing lies on something else."""

import json
import re
from collections.abc import Callable, Iterable
from itertools import combinations
from pathlib import Path
from typing import Any
from xml.etree import ElementTree as ET

import pytest
from PIL import Image
from typer.testing import CliRunner

from lab.cli import app
from lab.picture.architecture import Architecture
from lab.picture.drawing import ICON, Drawing, png, svg
from lab.picture.layout import PRIVATE, lay_out
from lab.terminal.language import LANGUAGES, Language, speaking
from lab.terminal.problem import ProblemError
from tests.conftest import ROOT
from tests.english import english_in
from tests.unit.test_templates import CASES, LONGEST, LONGEST_WITH_NAT_INSTANCE

SETTINGS = [settings for stack, settings in CASES.values() if stack == "LearningStack"]
SETTINGS += [{**longest, "role_name": "M" * 64} for longest in (LONGEST, LONGEST_WITH_NAT_INSTANCE)]  # a wide letter
NAMES = [name for name, (stack, _) in CASES.items() if stack == "LearningStack"] + ["longest", "longest-nat-instance"]
EACH_LANGUAGE = pytest.mark.parametrize("language", LANGUAGES)
EACH = pytest.mark.parametrize("settings", SETTINGS, ids=NAMES)

Template = Callable[..., dict[str, Any]]
Box = tuple[float, float, float, float]


def drawing(template: dict[str, Any]) -> Drawing:
    return lay_out(Architecture(template), "LearningStack")


def texts(template: dict[str, Any]) -> list[str]:
    return [text.text for text in drawing(template).texts]


def overlap(one: Box, other: Box) -> bool:
    return one[0] < other[2] and other[0] < one[2] and one[1] < other[3] and other[1] < one[3]


# --- where things are


@EACH
@EACH_LANGUAGE
def test_nothing_lies_on_something_else(language: Language, settings: dict[str, Any], template: Template) -> None:
    with speaking(language):
        drawn = drawing(template(**settings))
    things: list[tuple[str, Box]] = [(icon.name, icon.box) for icon in drawn.icons]
    things += [(text.text, text.box) for text in [*drawn.texts, *(frame.text for frame in drawn.frames)]]
    assert [(a, b) for (a, one), (b, other) in combinations(things, 2) if overlap(one, other)] == []


@EACH
@EACH_LANGUAGE
def test_no_wire_runs_through_a_text_or_an_icon(
    language: Language, settings: dict[str, Any], template: Template
) -> None:
    with speaking(language):
        drawn = drawing(template(**settings))
    boxes = [(text.text, text.box) for text in [*drawn.texts, *(frame.text for frame in drawn.frames)]]
    boxes += [(icon.name, icon.box) for icon in drawn.icons]
    for wire in drawn.wires:
        for (x, y), (to_x, to_y) in zip(wire.points, wire.points[1:], strict=False):
            assert x == to_x or y == to_y  # level or upright
            line = (min(x, to_x), min(y, to_y), max(x, to_x), max(y, to_y))
            assert [name for name, box in boxes if overlap(line, box)] == []


@EACH
@EACH_LANGUAGE
def test_everything_is_on_the_picture(language: Language, settings: dict[str, Any], template: Template) -> None:
    with speaking(language):
        drawn = drawing(template(**settings))
    boxes = [icon.box for icon in drawn.icons] + [text.box for text in drawn.texts]
    boxes += [(frame.x, frame.y, frame.x + frame.width, frame.y + frame.height) for frame in drawn.frames]
    for left, top, right, bottom in boxes:
        assert left >= 0
        assert top >= 0
        assert right <= drawn.width
        assert bottom <= drawn.height


# --- what there is


def count(template: dict[str, Any], icon: str) -> int:
    return sum(icon in drawn.name for drawn in drawing(template).icons)


@pytest.mark.parametrize(("nat", "gateways"), [("per-az", 2), ("single", 1), ("regional", 1), ("none", 0)])
def test_draws_the_gateways_of_each_choice(nat: str, gateways: int, template: Template) -> None:
    assert count(template(nat=nat), "nat-gateway") == gateways
    # Two public subnets to the internet gateway, and the private ones to NAT, if there is any.
    solid = [
        wire
        for wire in drawing(template(nat=nat)).wires
        if len(wire.points) > 1 and not wire.dashed and not wire.two_way
    ]
    assert len(solid) == 2 + (2 if gateways else 0) + (nat == "regional")


def test_draws_the_nat_instance_beside_the_bastion_and_both_routes_to_it(template: Template) -> None:
    found = template(nat="instance")
    assert (count(found, "ec2"), count(found, "nat-gateway")) == (2, 0)
    assert {"learning-nat", "t4g.micro, NAT instance", "learning-nat: 80 from 10.0.2.0/24"} <= {
        text.split(", 80")[0] for text in texts(found)
    }
    (place,) = [text for text in drawing(found).texts if text.text == "learning-nat"]
    ends = [wire.points[-1] for wire in drawing(found).wires if wire.colour == PRIVATE]
    assert len(ends) == 2
    assert {x for x, _ in ends} == {place.x}
    assert all(0 < y - place.y < ICON for _, y in ends)


def test_draws_every_instance_subnet_bucket_and_role(template: Template) -> None:
    everything = template(private_host=True, admin_cidr="203.0.113.7/32")
    assert count(everything, "ec2") == 2
    assert count(everything, "s3-bucket") == 2
    assert count(everything, "endpoint") == 1
    assert count(everything, "iam-role") == 1
    titles = [frame.title for frame in drawing(everything).frames]
    assert [
        f"learning-{kind}-{zone} 10.0.{third}.0/24" in titles
        for kind, zone, third in (("public", 1, 1), ("private", 1, 2), ("public", 2, 3), ("private", 2, 4))
    ] == [True] * 4
    assert {"VPC 10.0.0.0/16", "Zone 1", "Zone 2"} <= set(titles)
    written = texts(everything)
    assert "learning-bastion: 22 from 203.0.113.7/32" in written
    assert "learning-private-host: 22 from learning-bastion" in written
    assert {"Role access-s3-role", "of learning-bastion", "archive/ moves to GLACIER", "SSH", "flow logs"} <= set(
        written
    )


def test_says_that_nothing_may_come_in(template: Template) -> None:
    assert "learning-bastion: nothing" in texts(template())
    assert "SSH" not in texts(template())


def test_names_the_zones_where_they_are_chosen(template: Template) -> None:
    chosen = template(availability_zones=("ap-northeast-1a", "ap-northeast-1c"))
    assert {"ap-northeast-1a", "ap-northeast-1c"} <= {frame.title for frame in drawing(chosen).frames}


# --- files


@pytest.mark.parametrize(
    ("language", "name", "title"),
    [
        ("en", "architecture.svg", "The architecture of LearningStack"),
        ("ja", "architecture.ja.svg", "LearningStack の構成図"),
    ],
)
def test_the_picture_in_docs_is_what_the_command_draws(
    language: Language, name: str, title: str, template: Template
) -> None:
    """Draw it anew with `cdk synth --quiet && python -m lab picture -o docs/NAME --lang LANGUAGE`."""
    with speaking(language):
        drawn = svg(drawing(template()), title)
    assert (ROOT / "docs" / name).read_text() == drawn
    assert language == "en" or english_in(re.sub(r"<[^>]*>|#\w+", "\n", drawn)) == []


def test_the_svg_needs_no_other_file(template: Template) -> None:
    root = ET.fromstring(svg(drawing(template()), "A <title>"))  # noqa: S314  # our own
    hrefs = [element.get("href", "") for element in root.iter() if "href" in element.attrib]
    assert hrefs
    assert all(href.startswith(("#", "data:image/png;base64,")) for href in hrefs)


def colours(image: Image.Image) -> Iterable[Any]:
    return {colour for _, colour in image.getcolors(1_000_000) or []}


def test_the_png_shows_the_same_at_twice_the_size(template: Template) -> None:
    drawn = drawing(template())
    image = png(drawn)
    assert image.size == (drawn.width * 2, drawn.height * 2)
    for colour in ((0x8C, 0x4F, 0xFF), (0x3F, 0x86, 0x24), (0xF2, 0xF6, 0xE8), (0xE6, 0xF2, 0xF8)):
        assert colour in colours(image)


# --- the command


@pytest.fixture
def folder(tmp_path: Path, template: Template, monkeypatch: pytest.MonkeyPatch) -> Path:
    (tmp_path / "cdk.out").mkdir()
    for stack in ("LearningStack", "OperatorsStack"):
        (tmp_path / "cdk.out" / f"{stack}.template.json").write_text(json.dumps(template(stack, operators=("alice",))))
    monkeypatch.chdir(tmp_path)
    return tmp_path


def test_draws_into_the_file_that_is_asked_for(folder: Path) -> None:
    for name in ("architecture.svg", "other.svg", "other.png"):
        words = [] if name == "architecture.svg" else ["-o", name]
        said = CliRunner().invoke(app, ["picture", *words]).stdout
        assert said == f"Drawn: {name}\n"
        assert (folder / name).stat().st_size > 10_000


@pytest.mark.usefixtures("folder")
def test_json_has_what_is_drawn() -> None:
    data = json.loads(CliRunner().invoke(app, ["picture", "--json"]).stdout)
    assert [subnet["public"] for subnet in data["subnets"]] == [False, False, True, True]
    assert data["vpc"] == "10.0.0.0/16"
    assert [group["name"] for group in data["security_groups"]] == [
        "learning-bastion",
        "learning-database",
        "learning-web",
    ]


@pytest.mark.usefixtures("folder")
@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["Nothing"], "There is no cdk.out/Nothing.template.json; there is LearningStack, OperatorsStack"),
        (["OperatorsStack"], "This template has no VPC, so there is nothing to draw. Try: python -m lab picture"),
        (["-o", "picture.gif"], "picture.gif: a picture is a .svg or a .png in a folder that is there."),
        (
            ["-o", "nowhere/picture.svg"],
            "nowhere/picture.svg: a picture is a .svg or a .png in a folder that is there.",
        ),
    ],
)
def test_says_what_is_wrong(words: list[str], said: str) -> None:
    problem = CliRunner().invoke(app, ["picture", *words]).exception
    assert isinstance(problem, ProblemError)
    assert str(problem).startswith(said)
