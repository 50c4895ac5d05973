"""What is data in READMEs and docs is what commands write there today, and what they say besides is so."""

import json
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from rich.console import Console

from lab import verify
from lab.checks import all_checks
from lab.checks.check import Check, Verdict
from lab.cost.bill import Usage, reckon
from lab.cost.chart import svg
from lab.cost.compare import HOURS, NAT_CHOICES
from lab.guide.blocks import PART, Facts, fill, pages
from lab.terminal.language import Language, _, speaking
from stacks.settings import NAT_CHOICES as CHOICES
from stacks.settings import Settings, documentation
from tests.conftest import ROOT
from tests.english import english_in

Template = Callable[..., dict[str, Any]]
EACH_PAGE = pytest.mark.parametrize("page", pages(), ids=lambda page: str(page.name))
EACH_LANGUAGE = pytest.mark.parametrize("language", ["en", "ja"])


@pytest.fixture(scope="module")
def facts(template: Template) -> Facts:
    def of(stack: str, *settings: str) -> dict[str, Any]:
        context: dict[str, object] = {name: value for name, _, value in (each.partition("=") for each in settings)}
        chosen = Settings.from_context(context)
        return template(stack, **{name: getattr(chosen, name) for name in context})

    return Facts(of, documentation())


@EACH_PAGE
def test_no_part_is_stale(page: Path, facts: Facts) -> None:
    text = page.read_text()
    assert text == fill(page, text, facts), "write it anew with: python -m lab guide --write"


@EACH_PAGE
def test_what_is_data_on_a_japanese_page_is_japanese(page: Path) -> None:
    for part in PART.finditer(page.read_text()) if ".ja." in page.name else ():
        if part["name"] != "resources":  # names
            assert english_in(part[0].partition("\n")[2]) == []


@EACH_PAGE
def test_no_table_of_data_is_written_by_hand(page: Path) -> None:
    assert not re.search(r"^\|.*\bUSD\b|^\| `nat`", PART.sub("", page.read_text()), re.MULTILINE)


@EACH_PAGE
def test_links_lead_to_what_is_there(page: Path) -> None:
    for path in re.findall(r"\]\((?!https?:)([^)#]+)", page.read_text()):
        assert (page.parent / path).exists(), path


@EACH_PAGE
def test_every_page_has_its_twin_in_the_other_language(page: Path) -> None:
    english = page.name.endswith(".en.md") or page.name == "README.md"
    twin = page.name.replace(".en.", ".ja.") if ".en." in page.name else page.name.replace(".ja.", ".en.")
    twin = {"README.md": "README.ja.md", "README.en.md": "README.md"}.get(twin, twin)
    other = (page.parent / twin).read_text()
    shape = re.compile(r"^(?:#+ |```\w+|\|---)", re.MULTILINE)
    assert shape.findall(page.read_text()) == shape.findall(other)
    assert f"({twin})" in page.read_text().split("\n")[2], "the link to the other language"
    assert ("[日本語]" if english else "[English]") in page.read_text().split("\n")[2]


@EACH_PAGE
def test_what_one_copies_has_no_prompt_and_no_comment(page: Path) -> None:
    text = page.read_text()
    assert "```console" not in text
    boxes = re.findall(r"^ *```sh[ \w]*\n(.*?)^ *```$", text, re.DOTALL | re.MULTILINE)
    assert [line for box in boxes for line in box.splitlines() if re.match(r" *\$ |.*\s#", line)] == []


@pytest.mark.parametrize("page", [page for page in pages() if page.name.endswith(".ja.md")], ids=lambda page: page.name)
def test_a_japanese_paragraph_is_one_line(page: Path) -> None:
    """Markdown makes a space of a line break, and Japanese has none; nor has it italics."""
    prose = re.sub(r"^( *)```.*?^ *```$", "", PART.sub("", page.read_text()), flags=re.DOTALL | re.MULTILINE)
    assert re.findall(r"^(?![-|#\d ]).+\n(?![-|#\d ]).+$", prose, re.MULTILINE) == []
    assert re.findall(r"(?<!\*)\*[^*\n]+\*(?!\*)", re.sub(r"`[^`]*`", "", prose)) == []


def test_the_readmes_are_for_the_first_day() -> None:
    assert all(len(path.read_text().splitlines()) <= 150 for path in ROOT.glob("README*.md"))


@EACH_LANGUAGE
def test_what_ten_hours_a_day_save_is_what_the_bill_says(language: str, template: Template) -> None:
    text = (ROOT / "docs" / f"costs.{language}.md").read_text()
    assert "-c stop_at=19:00 -c start_at=09:00 -c time_zone=Asia/Tokyo" in text
    ten_hours = template(nat="none", stop_at="19:00", start_at="09:00", time_zone="Asia/Tokyo")
    for region in ("us-east-1", "ap-northeast-1"):
        saved = reckon(template(nat="none"), region).usd - reckon(ten_hours, region).usd
        assert re.search(rf"{region}[^.]{{0,4}} {saved:.2f} USD", text), f"{region} {saved:.2f}"


@pytest.mark.parametrize(
    ("language", "page", "sample"),
    [("en", "README.md", r"^Chapter .* claims hold\.$"), ("ja", "README.ja.md", r"^章 .*項目を満たしています。$")],
)
def test_the_claims_in_the_readme_are_what_verify_prints(
    language: Language, page: str, sample: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(verify, "console", Console(width=97, highlight=False))
    checks = [check for check in all_checks("LearningStack") if check.when is Check.when]
    with speaking(language):
        verify.report([Verdict(check, [], [], "") for check in checks])
    printed = [line.rstrip() for line in capsys.readouterr().out.splitlines()]
    shown = re.search(sample, (ROOT / page).read_text(), re.DOTALL | re.MULTILINE)
    assert shown
    assert [line for line in shown[0].splitlines() if line != "..." and line not in printed] == []


@pytest.mark.parametrize(
    ("language", "name", "region", "title"),
    [
        ("en", "cost.svg", "us-east-1", "LearningStack in us-east-1, USD a month"),
        ("ja", "cost.ja.svg", "ap-northeast-1", "ap-northeast-1 での LearningStack の費用 (USD/月)"),
    ],
)
def test_the_chart_is_what_the_command_draws(
    language: Language, name: str, region: str, title: str, template: Template
) -> None:
    """Draw it anew with `python -m lab cost --chart docs/NAME --region REGION --lang LANGUAGE`."""
    comparison = {
        nat: {hours: reckon(template(nat=nat), region, Usage(hours_a_day=hours)) for hours in HOURS}
        for nat in NAT_CHOICES
    }
    with speaking(language):
        assert (ROOT / "docs" / name).read_text() == svg(comparison, title)


def test_the_choices_of_nat_are_those_of_the_setting() -> None:
    assert NAT_CHOICES == CHOICES


def test_every_setting_is_explained_in_both_languages() -> None:
    assert json.loads((ROOT / "cdk.json").read_text())["context"].keys() >= {each["name"] for each in documentation()}
    with speaking("ja"):
        assert all(_(each["meaning"]) != each["meaning"] and each["example"] for each in documentation())
