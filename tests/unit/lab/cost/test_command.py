"""What the command prints, for people and for programs, and what it says when something is wrong."""

import json
from collections.abc import Callable, Iterator
from dataclasses import fields
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner, Result

from lab.cli import app
from lab.cost import live
from lab.cost.bill import PARTS, Usage, reckon
from lab.cost.compare import Comparison
from lab.cost.live import Checked
from lab.terminal.problem import ProblemError

Template = Callable[..., dict[str, Any]]
AMOUNTS = [f"--{field.name.replace('_', '-')}" for field in fields(Usage)]


@pytest.fixture(autouse=True)
def folder(tmp_path: Path, template: Template, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Stand in a folder with the cdk.out of a synth, in a terminal of 80 columns, with no region set."""
    (tmp_path / "cdk.out").mkdir()
    (tmp_path / "cdk.out" / "LearningStack.template.json").write_text(json.dumps(template()))
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("COLUMNS", "80")
    for name in ("AWS_REGION", "AWS_DEFAULT_REGION"):
        monkeypatch.delenv(name, raising=False)
    return tmp_path


def run(*words: str) -> Result:
    return CliRunner().invoke(app, ["cost", *words])


def says(*words: str) -> str:
    """Run the command and return the one line that it fails with."""
    problem = run(*words).exception
    assert isinstance(problem, ProblemError), problem
    assert len(str(problem).splitlines()) == 1
    return str(problem)


# --- one bill


def test_prints_a_table_that_fits_a_terminal(folder: Path) -> None:
    result = run()
    assert result.exit_code == 0
    lines = result.stdout.splitlines()
    assert max(map(len, lines)) <= 80
    assert lines[0] == "LearningStack in us-east-1, USD a month at AWS's list prices of 2026-11-23"
    rows = [" ".join(line.split()) for line in lines]
    assert "NAT gateway learning-public-1 730 0.045 hour 32.85" in rows
    assert "Idle: while nobody uses it 84.88" in rows
    assert "Total 85.20" in rows
    assert "--hours-a-day 24 --storage-gb 10" in result.stdout.replace("\n", " ")
    assert sorted(path.name for path in folder.iterdir()) == ["cdk.out"]  # it writes nothing


def test_a_narrow_terminal_gets_the_whole_table_too(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("COLUMNS", "40")
    assert "  NAT gateway learning-public-1            730" in run().stdout


def test_every_default_is_printed() -> None:
    printed = run().stdout.replace("\n", " ")
    for amount in AMOUNTS:
        assert f"{amount} " in printed


def test_the_amounts_and_the_region_reach_the_bill(template: Template) -> None:
    given = Usage(
        hours_a_day=6,
        storage_gb=100,
        archive_gb=50,
        archived_objects=2_000,
        gets=30_000_000,
        puts=5_000,
        nat_gb=7,
        transfer_out_gb=150,
        flow_log_gb=3,
    )
    words = [f"{amount}={getattr(given, field.name)}" for amount, field in zip(AMOUNTS, fields(Usage), strict=True)]
    data = json.loads(run("--json", "--region", "ap-northeast-1", *words).stdout)
    assert data["usd"] == pytest.approx(reckon(template(), "ap-northeast-1", given).usd)
    assert {row["resource"]: row["usd"] for row in data["by_use"]}["Bucket: GET"] == pytest.approx(11.1)


def test_reckons_with_the_hours_of_the_schedules_unless_told_otherwise(folder: Path, template: Template) -> None:
    scheduled = template(stop_at="19:00", start_at="09:00")
    (folder / "cdk.out" / "LearningStack.template.json").write_text(json.dumps(scheduled))
    assert "--hours-a-day 10 " in run().stdout.replace("\n", " ")
    assert "--hours-a-day 24 " in run("--hours-a-day", "24").stdout.replace("\n", " ")


def test_json_has_all_that_the_table_has_and_the_sources() -> None:
    data = json.loads(run("--json").stdout)
    assert (data["stack"], data["region"], data["prices_of_region"]) == ("LearningStack", "us-east-1", "us-east-1")
    assert data["usd"] == pytest.approx(sum(row["usd"] for row in data["idle"] + data["by_use"]), abs=1e-4)
    assert data["usage"]["storage_gb"] == 10
    assert all(row["source"].startswith("https://aws.amazon.com/") for row in data["idle"] + data["by_use"])
    assert data["not_priced"] == []
    assert sum(data["free"].values()) > 50


def test_marks_a_total_that_lacks_something(folder: Path, template: Template) -> None:
    (folder / "cdk.out" / "LearningStack.template.json").write_text(json.dumps(template(instance_type="m7i.large")))
    printed = " ".join(run().stdout.split())
    assert "Total, incomplete 77.61" in printed
    assert (
        "Not priced: instance type m7i.large; of instances, t2, t3, t3a, t4g are. The sums are without it." in printed
    )


@pytest.mark.parametrize(
    ("environment", "region"),
    [
        ({}, "us-east-1"),
        ({"AWS_DEFAULT_REGION": "eu-west-1"}, "eu-west-1"),
        ({"AWS_DEFAULT_REGION": "eu-west-1", "AWS_REGION": "ap-northeast-1"}, "ap-northeast-1"),
        ({"AWS_REGION": "us-west-2"}, "us-west-2 (at us-east-1 prices)"),
    ],
)
def test_takes_the_region_of_the_environment(
    environment: dict[str, str], region: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name, value in environment.items():
        monkeypatch.setenv(name, value)
    assert run().stdout.startswith(f"LearningStack in {region}, USD")


# --- what is wrong


@pytest.mark.parametrize("amount", AMOUNTS)
@pytest.mark.parametrize("text", ["-1", "many", "nan", "inf", "1e13", "", "1,5"])
def test_says_which_number_is_wrong(amount: str, text: str) -> None:
    assert says(amount, text).startswith(f"{amount}: '{text}' is not a number from 0 ")


def test_a_day_has_24_hours() -> None:
    assert says("--hours-a-day", "25") == "--hours-a-day: '25' is not a number from 0 to 24. Example: --hours-a-day 8"


def test_says_how_to_make_a_missing_template(folder: Path) -> None:
    assert says("Other") == "There is no cdk.out/Other.template.json; there is LearningStack"
    (folder / "cdk.out" / "LearningStack.template.json").unlink()
    assert says() == "There is no cdk.out/LearningStack.template.json. Make it with: cdk synth --quiet"


@pytest.mark.parametrize("text", ["", "{", "[]", "{}", '{"Resources": []}', '{"Resources": {"A": {}}}'])
def test_says_when_it_is_no_template(text: str, folder: Path) -> None:
    (folder / "cdk.out" / "LearningStack.template.json").write_text(text)
    told = says()
    assert told.startswith("cdk.out/LearningStack.template.json is not a template: ")
    assert told.endswith(". Make it anew with: cdk synth --quiet")


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["--region", "tokyo"], "There are no prices for 'tokyo'. Try one of us-east-1"),
        (["-c", "nat=none"], "-c goes with --compare."),
        (["--chart", "cost.png"], "cost.png: the chart is an SVG in a folder that is there."),
        (["--chart", "nowhere/cost.svg"], "nowhere/cost.svg: the chart is an SVG in a folder that is there."),
    ],
)
def test_says_what_else_is_wrong(words: list[str], said: str) -> None:
    assert says(*words).startswith(said)


# --- the comparison


@pytest.fixture
def comparison(template: Template, monkeypatch: pytest.MonkeyPatch) -> Comparison:
    """Give the command a comparison that needs no CDK CLI."""
    bills: Comparison = {
        nat: {hours: reckon(template(nat=nat), "us-east-1", Usage(hours_a_day=hours)) for hours in (24, 8)}
        for nat in ("per-az", "none")
    }
    monkeypatch.setattr("lab.cost.compare.compare", lambda *_: bills)
    return bills


@pytest.mark.usefixtures("comparison")
def test_prints_the_choices_side_by_side() -> None:
    result = run("--compare")
    lines = result.stdout.splitlines()
    assert max(map(len, lines)) <= 80
    assert [line.split() for line in lines[2:5]] == [
        "nat 24 h a day 8 h a day".split(),  # noqa: SIM905  # as it is printed
        ["per-az", "85.20", "80.14"],
        ["none", "12.15", "7.09"],
    ]
    assert "--hours-a-day" not in result.stdout


@pytest.mark.usefixtures("comparison")
def test_draws_the_choices(folder: Path) -> None:
    assert "Drawn: cost.svg" in run("--chart", "cost.svg").stdout
    drawing = (folder / "cost.svg").read_text()
    assert drawing.startswith("<svg ")
    assert all(part in drawing for part in PARTS)


def test_json_has_a_bill_for_each_choice(comparison: Comparison) -> None:
    data = json.loads(run("--compare", "--json").stdout)
    assert [(bill["nat"], bill["usage"]["hours_a_day"]) for bill in data] == [
        (nat, hours) for nat, bills in comparison.items() for hours in bills
    ]


# --- the price table


def listed(*rows: Checked) -> Callable[[str], Iterator[Checked]]:
    return lambda _region: iter(rows)


SAME = Checked("nat", "hour", 0.062, (0.062,))
MOVED = Checked("put", "1,000 requests", 0.0047, (0.0094,))
GONE = Checked("GLACIER", "GB", 0.0045, ())


def test_says_that_all_prices_are_those_of_aws(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(live, "check_prices", listed(SAME))
    result = run("--live", "--region", "ap-northeast-3")
    assert (result.exit_code, result.stdout) == (0, "1 of 1 prices in ap-northeast-1 are those of AWS's Price List.\n")


def test_a_moved_price_is_named_and_ends_with_status_1(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(live, "check_prices", listed(SAME, MOVED, GONE))
    result = run("--live")
    assert result.exit_code == 1
    assert result.stdout.splitlines() == [
        "put: moved. Ours 0.0047 for a unit of 1,000 requests, AWS lists 0.0094",
        "GLACIER: not found. Ours 0.0045 for a unit of GB, AWS lists nothing",
        "1 of 3 prices in us-east-1 are those of AWS's Price List.",
    ]
    rows = json.loads(run("--live", "--json").stdout)
    assert [(row["row"], row["verdict"]) for row in rows] == [
        ("nat", "same"),
        ("put", "moved"),
        ("GLACIER", "not found"),
    ]
