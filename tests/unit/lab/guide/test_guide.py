"""The guide is what code and prose make it today, in both languages, and reads well in a terminal."""

import json
import re
import shlex
from collections.abc import Callable, Mapping
from typing import Any

import pytest
from typer.testing import CliRunner

from lab.checks import all_checks
from lab.cli import app
from lab.guide import Language
from lab.guide.book import LANGUAGES, chapters, file_of, find_chapter, render, shell
from lab.guide.exercises import EXERCISES
from lab.guide.sources import ROOT, constructs

Template = Callable[..., dict[str, Any]]
BLOCK = re.compile(r"^ *```(?:console|sh)\n(.*?)^ *```$", re.DOTALL | re.MULTILINE)
EACH_LANGUAGE = pytest.mark.parametrize("language", LANGUAGES)


@pytest.fixture(scope="module")
def templates(template: Template) -> Mapping[str, dict[str, Any]]:
    budget = {"monthly_budget_usd": 20, "alert_email": "you@example.com"}
    return {
        "LearningStack": template(),
        "OperatorsStack": template("OperatorsStack", operators=("alice", "bob")),
        "BudgetStack": template("BudgetStack", **budget),
    }


def lab(*words: str, **environment: str) -> str:
    result = CliRunner().invoke(app, words, env={"COLUMNS": "80", **environment}, catch_exceptions=False)
    assert result.exit_code == 0, result.output
    return result.stdout


@EACH_LANGUAGE
def test_the_guide_is_not_stale(language: Language, templates: Mapping[str, dict[str, Any]]) -> None:
    written = file_of(language).read_text()
    assert written == render(language, templates), "renew it with: python -m lab guide --write"


@EACH_LANGUAGE
def test_every_resource_and_every_claim_is_in_the_guide(
    language: Language, templates: Mapping[str, dict[str, Any]]
) -> None:
    text = file_of(language).read_text()
    for template in templates.values():
        assert [name for name in template["Resources"] if f"`{name}`" not in text] == []
    for stack in templates:
        claims = [check.claim if language == "en" else check.claim_ja for check in all_checks(stack)]
        assert [claim for claim in claims if f"- {claim} (" not in text] == []


def test_both_languages_have_the_same_chapters_and_commands() -> None:
    english, japanese = (list(chapters(file_of(language).read_text())) for language in LANGUAGES)
    assert [chapter.numbers for chapter in english] == [chapter.numbers for chapter in japanese]
    for one, other in zip(english, japanese, strict=True):
        assert BLOCK.findall(one.text) == BLOCK.findall(other.text)
        assert one.text.count("\n### ") == other.text.count("\n### ")
        assert one.title != other.title


@EACH_LANGUAGE
def test_links_lead_to_lines_that_are_there(language: Language) -> None:
    for path, line in re.findall(r"\]\(\.\./([^)#]+)(?:#L(\d+))?\)", file_of(language).read_text()):
        assert (ROOT / path).exists(), path
        assert int(line or 0) <= len((ROOT / path).read_text().splitlines() if line else [])


@pytest.mark.parametrize(
    ("logical_id", "code"),
    [
        ("NetworkVpc7FB7348F", "self.vpc = ec2.Vpc("),
        ("NetworkVpcPublicSubnet1Subnet36933139", "self.vpc = ec2.Vpc("),
        ("NetworkVpcS3Endpoint87783328", 'self.s3_endpoint = self.vpc.add_gateway_endpoint("S3Endpoint"'),
        ("BastionInstanceProfile01234567", 'iam.InstanceProfile(self, "InstanceProfile"'),
        ("FirewallPrivateAclInbound110D062B52A", "self.private_acl = self._acl("),
        ("OperatorsUseraliceCC21F83A", 'iam.User(self, f"User-{name}"'),
        ("StorageNobodyMakesThis01234567", "class Storage(Construct):"),
    ],
)
def test_a_resource_leads_to_the_statement_that_makes_it(logical_id: str, code: str) -> None:
    construct = next(each for name, each in constructs().items() if re.match(rf"{name}[A-Z]", logical_id))
    assert code in (ROOT / construct.file).read_text().splitlines()[construct.line_of(logical_id) - 1]


def test_the_commands_of_the_claims_are_those_of_the_checks() -> None:
    text = file_of("en").read_text()
    for stack in ("LearningStack", "OperatorsStack", "BudgetStack"):
        for check in all_checks(stack):
            command = shell(check.command)
            assert f"  $ {command}\n" in text
            # A shell hands on the words of the check's command, and takes none for a pattern of file names.
            assert shlex.split(re.sub(r"\$(\w+)", r"{\1}", command)) == shlex.split(check.command)
            assert "[" not in re.sub(r"'[^']*'|\"[^\"]*\"", "", command)


def test_the_terminal_shows_a_chapter_by_any_of_its_numbers() -> None:
    assert lab("guide", "5") == lab("guide", "8")
    assert "Exercise: a larger machine" in lab("guide", "8")
    assert "](" not in lab("guide", "8")
    assert all(f"python -m lab exercise {each.chapters[0]}" in file_of("en").read_text() for each in EXERCISES)


def test_the_language_is_that_of_the_shell_unless_one_is_asked_for() -> None:
    japanese = find_chapter("3", "ja").title
    assert japanese in lab("guide", LC_ALL="ja_JP.UTF-8")
    assert japanese in lab("guide", LC_ALL="", LANG="ja_JP.UTF-8")
    assert japanese in lab("guide", "--lang", "ja", LC_ALL="C")
    assert japanese not in lab("guide", "--lang", "en", LC_ALL="ja_JP.UTF-8")


def test_chapters_as_data() -> None:
    data = json.loads(lab("guide", "--json", "--lang", "en"))
    assert [number for chapter in data for number in chapter["numbers"]] == [1, 2, 3, 4, 5, 8, 6, 7, 9, 10, 11, 12]
    assert json.loads(lab("guide", "12", "--json", "--lang", "en")) == data[-1:]


def test_no_command_is_broken_over_lines() -> None:
    commands = [line.strip() for block in BLOCK.findall(find_chapter("3", "en").text) for line in block.splitlines()]
    printed = [
        line.strip()
        for line in lab("guide", "3", "--lang", "en", AWS_REGION="", AWS_DEFAULT_REGION="", LC_ALL="C").splitlines()
    ]
    assert set(commands) <= set(printed)


@pytest.mark.parametrize(("readme", "language"), [("README.md", "en"), ("README.ja.md", "ja")])
def test_the_chapters_and_exercises_in_the_readme_are_those_of_the_commands(readme: str, language: Language) -> None:
    shown = (ROOT / readme).read_text()
    for line in lab("guide", "--lang", language).split("\n\n")[0].splitlines():
        assert f"\n{line.rstrip()}\n" in shown
    for each in EXERCISES:
        assert re.search(rf"\n{', '.join(map(str, each.chapters))} +{re.escape(each.task)} +(open|done)\n", shown)
