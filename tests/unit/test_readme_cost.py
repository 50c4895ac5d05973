"""The bill and the chart that the READMEs show are what `lab cost` prints and draws."""

import json
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner

from lab.cli import app
from lab.cost.bill import Usage, reckon
from lab.cost.chart import svg
from lab.cost.compare import HOURS, NAT_CHOICES
from tests.conftest import ROOT

READMES = [ROOT / "README.md", ROOT / "README.ja.md"]
EXAMPLE = re.compile(r"```console\n\$ python -m lab (cost [^\n]*)\n```\n\n```text\n(.*?)\n```", re.DOTALL)

Template = Callable[..., dict[str, Any]]


@pytest.mark.parametrize("readme", READMES, ids=lambda path: str(path.name))
def test_the_bill_in_the_readme_is_what_the_command_prints(
    readme: Path, tmp_path: Path, template: Template, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "cdk.out").mkdir()
    (tmp_path / "cdk.out" / "LearningStack.template.json").write_text(json.dumps(template()))
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("COLUMNS", "80")
    ((words, shown),) = EXAMPLE.findall(readme.read_text())
    printed = CliRunner().invoke(app, words.split()).stdout
    assert [line.rstrip() for line in printed.splitlines()] == shown.splitlines()


def test_the_chart_in_the_readme_is_what_the_command_draws(template: Template) -> None:
    """Draw it anew with `python -m lab cost --chart docs/cost.svg --region us-east-1`."""
    comparison = {
        nat: {hours: reckon(template(nat=nat), "us-east-1", Usage(hours_a_day=hours)) for hours in HOURS}
        for nat in NAT_CHOICES
    }
    drawn = svg(comparison, "LearningStack in us-east-1, USD a month")
    assert (ROOT / "docs" / "cost.svg").read_text() == drawn
