"""The language is that of --lang, else of LAB_LANG, else of the shell."""

import os
from unittest.mock import patch

import pytest

from lab.guide.book import find_chapter
from lab.terminal.language import default_region, ngettext, settle, shell_language, speaking, spoken
from lab.terminal.problem import ProblemError
from tests.cli.running import BARE, lab_here

JAPANESE, ENGLISH = (find_chapter("3", language).title for language in ("ja", "en"))


@pytest.mark.parametrize("words", [["--lang", "ja", "guide"], ["guide", "--lang", "ja"], ["guide", "--lang=ja"]])
def test_a_command_speaks_the_language_that_is_asked_for_wherever_that_stands(words: list[str]) -> None:
    run = lab_here(*words)
    assert run.status == 0
    assert JAPANESE in run.out
    assert "章を読むには" in run.out


@pytest.mark.parametrize(
    ("variables", "title"),
    [
        ({"LANG": "ja_JP.UTF-8"}, JAPANESE),
        ({"LANG": "ja_JP.UTF-8", "LC_ALL": "C.UTF-8"}, ENGLISH),
        ({"LANG": "ja_JP.UTF-8", "LAB_LANG": "en"}, ENGLISH),
        ({"LANG": "de_DE.UTF-8", "LAB_LANG": "ja"}, JAPANESE),
        ({"LAB_LANG": "", "LANG": "ja_JP.UTF-8"}, JAPANESE),
    ],
)
def test_without_it_the_shell_decides(variables: dict[str, str], title: str) -> None:
    assert title in lab_here("guide", environment=BARE | variables).out


def test_a_language_that_is_none_of_ours_is_one_line() -> None:
    run = lab_here("guide", environment=BARE | {"LAB_LANG": "fr"})
    assert run == (1, "", "LAB_LANG: 'fr' is no language of ours: en / ja. Example: LAB_LANG=ja\n")
    run = lab_here("guide", environment=BARE | {"LAB_LANG": "fr", "LANG": "ja_JP.UTF-8"})
    assert run.err == "LAB_LANG: 'fr' は使えません。指定できる言語: en / ja。例: LAB_LANG=ja\n"
    assert JAPANESE in lab_here("guide", "--lang", "ja", environment=BARE | {"LAB_LANG": "fr"}).out
    run = lab_here("guide", "--lang", "fr")
    assert run.status == 2
    assert "'fr' is not one of 'en', 'ja'" in run.err


def test_what_is_started_speaks_the_same_language() -> None:
    with patch.dict(os.environ, {"LANG": "C"}, clear=True):
        settle(["reach", "--lang", "en", "--lang", "ja", "--", "--lang", "en"])
        assert (os.environ["LAB_LANG"], os.environ["LANGUAGE"], spoken(), shell_language()) == ("ja",) * 4
        settle([])
        assert spoken() == "ja"
        with pytest.raises(ProblemError, match=r"^LAB_LANG: "), patch.dict(os.environ, {"LAB_LANG": "japanese"}):
            settle([])


def test_where_no_region_is_known_the_language_decides() -> None:
    with speaking("ja"):
        assert default_region() == "ap-northeast-1"
        assert ngettext("{n} file", "{n} files", 1) == "{n} file"
    with speaking("en"):
        assert default_region() == "us-east-1"
        assert [ngettext("one", "many", number) for number in (1, 2)] == ["one", "many"]
