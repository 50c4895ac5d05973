"""The guide has all that is made and claimed, in both languages, and reads well in a terminal."""

import json
import pydoc
import re
import shlex
import sys
from collections.abc import Callable, Mapping
from typing import Any

import botocore.session
import pytest
import typer
from botocore import xform_name
from rich.console import Console
from typer.testing import CliRunner

from lab.checks import all_checks
from lab.cli import app
from lab.guide import command
from lab.guide.blocks import shell
from lab.guide.book import chapters, file_of, find_chapter
from lab.guide.exercises import EXERCISES
from lab.guide.sources import constructs
from lab.terminal.language import LANGUAGES, Language, _, speaking

Template = Callable[..., dict[str, Any]]
BLOCK = re.compile(r"^ *```sh[\w ]*\n(.*?)^ *```$", re.DOTALL | re.MULTILINE)
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
def test_every_resource_and_every_claim_is_in_the_guide(
    language: Language, templates: Mapping[str, dict[str, Any]]
) -> None:
    text = file_of(language).read_text()
    for template in templates.values():
        assert [name for name in template["Resources"] if f"`{name}`" not in text] == []
    for stack in templates:
        with speaking(language):
            claims = [_(check.claim) for check in all_checks(stack)]
        assert [claim for claim in claims if f"- {claim} (" not in text] == []


def test_both_languages_have_the_same_chapters_and_commands() -> None:
    english, japanese = (list(chapters(file_of(language).read_text())) for language in LANGUAGES)
    assert [chapter.numbers for chapter in english] == [chapter.numbers for chapter in japanese]
    for one, other in zip(english, japanese, strict=True):
        assert BLOCK.findall(one.text) == BLOCK.findall(other.text)
        assert one.text.count("\n### ") == other.text.count("\n### ")
        assert one.title != other.title


@pytest.mark.parametrize(
    ("logical_id", "symbol"),
    [
        ("NetworkVpc7FB7348F", "Network.vpc"),
        ("NetworkVpcPublicSubnet1Subnet36933139", "Network.vpc"),
        ("NetworkVpcS3Endpoint87783328", "Network.s3_endpoint"),
        ("BastionInstanceProfile01234567", "Bastion.instance"),
        ("FirewallPrivateAclInbound110D062B52A", "Firewall.private_acl"),
        ("FirewallPublicAclInbound20061612367", "Firewall._acl"),
        ("OperatorsUseraliceCC21F83A", "Operators.users"),
        ("StorageNobodyMakesThis01234567", "Storage"),
    ],
)
def test_a_resource_leads_to_what_makes_it(logical_id: str, symbol: str) -> None:
    construct = next(each for name, each in constructs().items() if re.match(rf"{name}[A-Z]", logical_id))
    assert construct.symbol_of(logical_id) == symbol
    assert f"](../{construct.file})" in construct.link(logical_id)


def test_the_commands_of_the_claims_are_those_of_the_checks() -> None:
    text = file_of("en").read_text()
    for stack in ("LearningStack", "OperatorsStack", "BudgetStack"):
        for check in all_checks(stack):
            command = shell(check.command)
            assert f"  {command}\n" in text
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
    assert japanese in lab("guide", LAB_LANG="", LC_ALL="ja_JP.UTF-8")
    assert japanese in lab("guide", LAB_LANG="", LC_ALL="", LANG="ja_JP.UTF-8")
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


def test_what_is_longer_than_the_screen_goes_through_a_pager(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    paged: list[str] = []
    monkeypatch.setattr(pydoc, "pager", paged.append)
    monkeypatch.setattr(command, "console", Console(width=80, height=3))
    monkeypatch.setenv("LESS", "")
    for is_terminal in (False, True):
        monkeypatch.setattr(sys.stdout, "isatty", lambda is_terminal=is_terminal: is_terminal)
        command._show("two\nlines")
        command._show("four\nof\nthese\nlines")
    assert paged == ["four\nof\nthese\nlines"]
    assert capsys.readouterr().out == "two\nlines\nfour\nof\nthese\nlines\ntwo\nlines\n"


# What the AWS CLI has beside the operations of AWS's services; the last two in version 2 alone.
ONLY_OF_THE_CLI = {"--version", "ec2 wait", "s3 cp", "s3 sync", "s3", "s3api", "configure sso", "sso login", "login"}


def spoken_of(program: str, language: Language) -> list[list[str]]:
    """Return the words of each command of a program that stands in a sentence of the guide."""
    prose = re.sub(r"^( *)```.*?^ *```$", "", file_of(language).read_text(), flags=re.DOTALL | re.MULTILINE)
    return [shlex.split(words) for words in re.findall(rf"`(?:python -m )?{program} ([^`]*)`", prose)]


@EACH_LANGUAGE
def test_what_sentences_say_of_the_lab_it_understands(language: Language) -> None:
    found = spoken_of("lab", language)
    assert len(found) > 20
    for name, *words in found:
        one: Any = typer.main.get_command(app).commands[name]  # type: ignore[attr-defined]  # a group it is
        one.make_context(name, words)  # raises where it does not understand


@EACH_LANGUAGE
def test_what_sentences_say_of_the_aws_cli_is_there(language: Language) -> None:
    found = [words for words in spoken_of("aws", language) if words[0].isascii() and words[0].islower()]
    assert len(found) > 15
    for words in found:
        if not {" ".join(words[:2]), words[0]} & ONLY_OF_THE_CLI:
            operations = botocore.session.Session().get_service_model(words[0]).operation_names
            assert any(xform_name(each, "-").startswith(words[1]) for each in operations), words
