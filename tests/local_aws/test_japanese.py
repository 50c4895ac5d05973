"""What the commands say of a deployed stack is Japanese in Japanese, also where claims do not hold."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner

from lab import verify
from lab.checks import all_checks
from lab.checks.check import Verdict
from lab.checks.facts import in_words
from lab.cli import app
from lab.guide.exercises import EXERCISES
from lab.template.deployed import Deployed
from lab.terminal.language import speaking
from lab.terminal.options import console
from tests.english import english_in

CHAPTERS = sorted({str(each.chapters[0]) for each in EXERCISES}, key=int)
COMMANDS = [
    ["status"],
    ["stop"],
    ["status", "--stack", "LearningStack-nobody"],
    ["start"],
    ["verify"],
    ["exercise"],
    *(["exercise", chapter] for chapter in CHAPTERS),
    ["doctor"],
    ["doctor", "--destroy"],
    ["cleanup", "--list"],
    ["reach"],
    ["reach", "--diff"],
    ["reach", "internet", "bastion", "22", "--analyzer"],
    ["boot-log"],
    ["connect"],
    ["verify", "--stack", "Nobodys"],
    ["verify", "--stack", "LearningStack-nobody"],
]


@pytest.mark.parametrize("words", COMMANDS, ids=" ".join)
@pytest.mark.usefixtures("learning_stack", "operators_stack", "budget_stack")
def test_nothing_is_english_but_names_and_commands(
    words: list[str], template: Callable[..., dict[str, Any]], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "cdk.out").mkdir()
    (tmp_path / "cdk.out" / "LearningStack.template.json").write_text(json.dumps(template()))
    artifacts = {"LearningStack": {"type": "aws:cloudformation:stack"}}
    (tmp_path / "cdk.out" / "manifest.json").write_text(json.dumps({"artifacts": artifacts}))
    monkeypatch.chdir(tmp_path)
    run = CliRunner().invoke(app, [*words, "--lang", "ja"])
    printed = run.output + (str(run.exception) if run.exception else "")
    assert any("\u3041" <= character <= "\u9fff" for character in printed), printed
    assert english_in(printed) == []


def test_facts_that_do_not_hold_are_japanese_too(
    learning_stack: Deployed, operators_stack: Deployed, budget_stack: Deployed
) -> None:
    """As if AWS had nothing of what is expected: each fact that a claim wants is told."""
    for stack in (learning_stack, operators_stack, budget_stack):
        for check in all_checks(stack.stack_name):
            if not check.when(stack):
                continue
            with speaking("ja"):
                expected, found = check.prove(stack)
                told = [in_words(fact) for fact in {*expected, *found}]
            assert english_in("\n".join(told)) == [], check.id
    with speaking("ja"), console.capture() as capture:
        assert not verify.report([Verdict(check, ["an answer"], ["nothing"], "aws help")])
    assert "期待する状態: 応答があること" in capture.get()
