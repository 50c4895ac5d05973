"""What the READMEs say of settings and prices is what the code says."""

import re
from collections.abc import Callable
from dataclasses import fields
from pathlib import Path
from typing import Any

import pytest
from rich.console import Console

from lab import verify
from lab.checks import all_checks
from lab.checks.check import Check, Verdict
from lab.cost.bill import idle_cost_line, reckon
from stacks.settings import NAT_CHOICES, Settings
from tests.conftest import ROOT

READMES = [ROOT / "README.md", ROOT / "README.ja.md"]


def setting_row(setting: Any) -> tuple[str, str]:
    """Return the beginning of a setting's row, which is the same in all languages, and its meaning in English."""
    default = setting.default
    if isinstance(default, bool):
        shown = str(default).lower()
    else:
        shown = ",".join(default) if isinstance(default, tuple) else str(default)
    return (
        f"| `{setting.name}` | {f'`{shown}`' if shown else ''} | ",
        f"{setting.metadata['meaning']} | `{setting.metadata['example']}` |",
    )


@pytest.mark.parametrize("setting", fields(Settings), ids=lambda setting: str(setting.name))
def test_every_setting_stands_in_the_readmes(setting: Any) -> None:
    start, end = setting_row(setting)
    assert start + end in READMES[0].read_text()
    assert start in READMES[1].read_text()
    assert f"| `{setting.metadata['example']}` |" in READMES[1].read_text()


@pytest.mark.parametrize("readme", READMES, ids=lambda path: str(path.name))
@pytest.mark.parametrize("nat", NAT_CHOICES)
def test_the_costs_in_the_readmes_are_those_of_the_templates(
    nat: str, readme: Path, template: Callable[..., dict[str, Any]]
) -> None:
    costs = []
    for region in ("us-east-1", "ap-northeast-1"):
        amount = re.search(r"about (\d+) USD a month", idle_cost_line(template(nat=nat), region))
        assert amount
        costs.append(amount[1])
    row = next(line for line in readme.read_text().splitlines() if line.startswith(f"| `{nat}`"))
    assert [cell.strip() for cell in row.split("|")[2:4]] == costs


@pytest.mark.parametrize("readme", READMES, ids=lambda path: str(path.name))
def test_what_ten_hours_a_day_save_is_what_the_bill_says(readme: Path, template: Callable[..., dict[str, Any]]) -> None:
    text = readme.read_text()
    assert "-c stop_at=19:00 -c start_at=09:00 -c time_zone=Asia/Tokyo" in text
    ten_hours = template(nat="none", stop_at="19:00", start_at="09:00", time_zone="Asia/Tokyo")
    for region in ("us-east-1", "ap-northeast-1"):
        saved = reckon(template(nat="none"), region).usd - reckon(ten_hours, region).usd
        assert re.search(rf"{region}[^.]{{0,4}} {saved:.2f} USD", text), f"{region} {saved:.2f}"


@pytest.mark.parametrize("readme", READMES, ids=lambda path: str(path.name))
def test_the_claims_in_the_readmes_are_what_verify_prints(
    readme: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(verify, "console", Console(width=97, highlight=False))
    checks = [check for check in all_checks("LearningStack") if check.when is Check.when]
    verify.report([Verdict(check, [], [], "") for check in checks])
    printed = "\n".join(line.rstrip() for line in capsys.readouterr().out.splitlines())
    shown = re.search(r"^Chapter .* claims hold\.$", readme.read_text(), re.DOTALL | re.MULTILINE)
    assert shown
    for row in re.split(r"\n(?=\S)", shown[0]):
        assert row.strip() in f"...\n{printed}"
