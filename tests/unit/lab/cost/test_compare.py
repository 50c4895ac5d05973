"""The choices side by side. The CDK CLI, which makes the templates, is left out: tests/cli/test_cdk.py runs it."""

from collections.abc import Sequence
from pathlib import Path
from threading import Lock
from xml.etree import ElementTree as ET

import aws_cdk
import pytest

from lab import cdk
from lab.cost.bill import NAT, PARTS, Usage
from lab.cost.chart import COLOURS, svg
from lab.cost.compare import HOURS, NAT_CHOICES, Comparison, compare
from lab.terminal.problem import ProblemError
from stacks import settings as of_stacks
from stacks.build import build
from tests.conftest import CONTEXT

SVG = "{http://www.w3.org/2000/svg}"
ONE_AT_A_TIME = Lock()  # jsii is for one thread


def synth_here(stack: str, *, settings: Sequence[str], output: Path) -> None:  # noqa: ARG001
    """Make the templates as the CDK CLI would, in this process."""
    context = CONTEXT | dict(setting.split("=") for setting in settings)
    with ONE_AT_A_TIME:
        app = aws_cdk.App(context=context, outdir=str(output), builtin_cloud_formation_validation=False)
        build(app, of_stacks.Settings.from_context(app.node.get_all_context()))
        app.synth()


@pytest.fixture(scope="module")
def comparison() -> Comparison:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(cdk, "synth", synth_here)
        return compare("LearningStack", "us-east-1", Usage(hours_a_day=12), ["private_host=true"])


def test_the_choices_are_those_of_the_setting() -> None:
    assert NAT_CHOICES == of_stacks.NAT_CHOICES


def test_has_every_choice_and_the_hours_asked_for(comparison: Comparison) -> None:
    assert list(comparison) == list(NAT_CHOICES)
    assert {tuple(bills) for bills in comparison.values()} == {(24, 12, 8, 2)}
    assert set(HOURS) <= {24, 12, 8, 2}


def test_reckons_each_choice_with_its_own_template_and_the_settings(comparison: Comparison) -> None:
    gateways = {nat: bills[24].parts()[NAT] for nat, bills in comparison.items()}
    assert gateways == pytest.approx({"per-az": 73, "single": 36.5, "regional": 36.5, "instance": 10.422, "none": 0})
    always, half = (comparison["none"][hours].idle_usd for hours in (24, 12))
    assert always - half == pytest.approx(2 * 0.0104 * 730 / 2)  # the bastion's and the private host's


@pytest.mark.parametrize(
    ("given", "said"),
    [
        ("nat=none", "^--compare goes through the choices of nat itself"),
        ("nat", "^-c: 'nat' is not KEY=VALUE"),
    ],
)
def test_says_in_one_line_what_is_wrong_with_a_setting(given: str, said: str) -> None:
    with pytest.raises(ProblemError, match=said) as problem:
        compare("LearningStack", "us-east-1", Usage(), [given])
    assert len(str(problem.value).splitlines()) == 1


def test_the_chart_draws_each_part_to_scale(comparison: Comparison) -> None:
    drawing = ET.fromstring(svg(comparison, "A <title> & more"))  # noqa: S314  # our own
    title = drawing.find(f"{SVG}title")
    assert title is not None
    assert title.text == "A <title> & more"
    bars = [rect for rect in drawing.iter(f"{SVG}rect") if rect.get("height") == "15.0"]
    bills = [bill for hours in comparison.values() for bill in hours.values()]
    assert len(bars) == len(bills) * len(PARTS)
    widest = max(bill.usd for bill in bills)
    for number, bill in enumerate(bills):
        for rect, (part, usd) in zip(bars[number * len(PARTS) :], bill.parts().items(), strict=False):
            assert rect.get("fill") == COLOURS[part]
            assert float(rect.attrib["width"]) == pytest.approx(usd / widest * 490, abs=0.1)


def test_the_chart_labels_each_bar_inside_the_picture(comparison: Comparison) -> None:
    drawing = ET.fromstring(svg(comparison, "Title"))  # noqa: S314  # our own
    texts = [text.text for text in drawing.iter(f"{SVG}text")]
    assert [text for text in texts if text and text.startswith("nat=")] == [f"nat={nat}" for nat in NAT_CHOICES]
    assert texts.count("12 h a day") == len(NAT_CHOICES)
    assert f"{comparison['per-az'][24].usd:.0f}" in texts
    _, _, width, height = map(float, drawing.attrib["viewBox"].split())
    for shape in drawing.iter(f"{SVG}rect"):
        assert float(shape.attrib["x"]) + float(shape.attrib["width"]) <= width
        assert float(shape.attrib["y"]) + float(shape.attrib["height"]) <= height
