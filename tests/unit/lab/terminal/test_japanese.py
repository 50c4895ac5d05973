"""What is printed in Japanese is Japanese: the help of each command, errors, and all that works on a template."""

import json
import os
import subprocess
import sys
from collections.abc import Callable, Iterator
from functools import cache
from pathlib import Path
from typing import Any

import pytest

from lab.cli import app
from tests.conftest import ROOT
from tests.english import english_in

# In one process of its own: what is said at import is said in one language alone.
PROGRAM = """
import json, sys
from lab.terminal.language import settle
settle(["--lang", "ja"])
from typer.testing import CliRunner
from lab.cli import app
for words in json.loads(sys.argv[1]):
    run = CliRunner().invoke(app, words, prog_name="python -m lab")
    print(json.dumps(run.output + (str(run.exception) if run.exception else "")))
"""
COMMANDS = [each.callback.__name__.replace("_", "-") for each in app.registered_commands if each.callback]
GROUPS = [[], ["local"], *(["local", name] for name in ("up", "down", "status", "as"))]
HELP = [[*words, "--help"] for words in [*([name] for name in COMMANDS), *GROUPS]]
WRONG = [
    ["nonsense"],
    ["guide", "--wrong"],
    ["guide", "3", "4"],
    ["guide", "--lang"],
    ["guide", "--lang", "fr"],
    ["guide", "99"],
    ["exercise", "1"],
    ["local", "as"],
    ["rehearse", "--machine", "none"],
    ["cleanup", "--list", "--yes"],
    ["cleanup", "--yes"],
    ["cost", "--gets", "many"],
    ["cost", "Nothing"],
    ["cost", "-c", "nat=none"],
    ["cost", "--compare", "-c", "nat=none"],
    ["cost", "--chart", "nowhere/cost.svg"],
    ["cost", "--region", "moon"],
    ["picture", "-o", "picture.gif"],
    ["reach", "internet"],
    ["reach", "nobody", "bastion", "22", "--template"],
    ["reach", "internet", "bastion", "many", "--template"],
    ["reach", "bastion", "internet", "--icmp", "--udp"],
    ["reach", "--diff", "--template"],
    ["reach", "internet", "bastion", "--template", "--without-zone", "9"],
    ["packets", "--rules"],
    ["verify"],
    ["status"],
    ["doctor"],
]
TEMPLATE = [
    ["cost"],
    ["cost", "--region", "eu-central-1"],
    ["picture"],
    ["guide"],
    ["reach", "--template"],
    ["reach", "internet", "bastion", "22", "--template", "--reply"],
    ["reach", "internet", "private-host", "22", "--template"],
    ["reach", "bastion", "web", "--template", "--icmp"],
    ["reach", "private-1", "internet", "443", "--template", "--without-zone", "1"],
]


@pytest.fixture(scope="module")
def said(
    template: Callable[..., dict[str, Any]], tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Callable[..., str]]:
    """Give a function that returns what a command prints, in a folder with a template, with no region set."""
    folder = tmp_path_factory.mktemp("japanese")
    (folder / "cdk.out").mkdir()
    (folder / "cdk.out" / "LearningStack.template.json").write_text(json.dumps(template(private_host=True)))
    bare = {name: value for name, value in os.environ.items() if not name.startswith(("AWS_", "LAB_", "LANG"))}
    environment = bare | {"PYTHONPATH": str(ROOT), "COLUMNS": "100", "AWS_EC2_METADATA_DISABLED": "true"}
    environment |= {"AWS_CONFIG_FILE": os.devnull, "AWS_SHARED_CREDENTIALS_FILE": os.devnull}

    @cache
    def all_said() -> dict[str, str]:
        commands = [*HELP, *WRONG, *TEMPLATE]
        run = subprocess.run(
            [sys.executable, "-c", PROGRAM, json.dumps(commands)],
            cwd=folder,
            env=environment,
            check=True,
            capture_output=True,
            encoding="utf-8",
        )
        return {
            " ".join(words): json.loads(line) for words, line in zip(commands, run.stdout.splitlines(), strict=True)
        }

    yield lambda words: all_said()[" ".join(words)]
    all_said.cache_clear()


@pytest.mark.parametrize("words", [*HELP, *WRONG, *TEMPLATE], ids=" ".join)
def test_nothing_is_english_but_names_and_commands(words: list[str], said: Callable[..., str]) -> None:
    printed = said(words)
    assert any("\u3041" <= character <= "\u9fff" for character in printed), printed
    assert english_in(printed) == []


def test_prices_are_those_of_tokyo_where_no_region_is_known(said: Callable[..., str]) -> None:
    assert said(["cost"]).startswith("ap-northeast-1 での LearningStack の費用")


def test_wrong_settings_are_told_in_japanese(tmp_path: Path) -> None:
    wrong = {"natt": "one", "office_cidr": "10.0.0.0", "nat": "one", "learners": "Alice", "time_zone": "tokyo"}
    context = json.loads((ROOT / "cdk.json").read_text())["context"] | wrong
    run = subprocess.run(
        [sys.executable, ROOT / "app.py"],
        cwd=tmp_path,
        env={**os.environ, "LAB_LANG": "ja", "CDK_CONTEXT_JSON": json.dumps(context)},
        check=False,
        capture_output=True,
        encoding="utf-8",
    )
    assert [line.partition("。")[0].partition(" (")[0] for line in run.stderr.splitlines()] == [
        "natt: という設定はありません",
        "nat: 'one' は次のどれかにしてください: per-az, single, regional, instance, none",
        "office_cidr: '10.0.0.0' にプレフィックス長がありません",
        "time_zone: 'tokyo' は UTC かタイムゾーンの名前にしてください",
        "learners: 'Alice' は次の形にしてください: 英小文字、数字、ハイフンで 1 から 20 文字",
    ]
    assert english_in(run.stderr) == []


def test_the_lines_about_english_find_some() -> None:
    assert english_in("この行は does not work です") == ["'does not work' in 'この行は does not work です'"]
    assert english_in("例: python -m lab guide 3") == english_in("Session Manager を使う") == []
