"""The catalogue has the texts that stand in code and templates, and each of them in Japanese."""

import ast
import re
from collections.abc import Iterator
from pathlib import Path
from string import Formatter

import pytest
from babel.messages.catalog import Catalog, Message
from babel.messages.pofile import read_po

from lab.terminal.language import CATALOGUE, rephrased, speaking
from lab.terminal.texts import _texts, gathered, updated
from tests.conftest import ROOT

# What is so in both languages.
NAMES = {
    "{pair}, {traffic}: {why} ({code})",
    "Elastic IP",
    "Elastic IPs",
    ", Elastic IP",
    "{name}: {problem}. {advice}",
    "{traffic} {fromto} {peer}",
}
MAY_BE_NAMES = {"lab/guide/glossary.py", "lab/guide/quiz.py"}
LETTER = "[\u3041-\u30ff\u4e00-\u9fff]"


@pytest.fixture(scope="module")
def catalogue() -> Catalog:
    with CATALOGUE.open("rb") as file:
        return read_po(file, locale="ja")


def translations(catalogue: Catalog) -> Iterator[tuple[str, str]]:
    for message in catalogue:
        if isinstance(message, Message) and message.id:
            english, japanese = (
                each if isinstance(each, str) else (each or [""])[-1] for each in (message.id, message.string)
            )
            yield english, japanese


def placeholders(text: str) -> set[tuple[str, str | None, str | None]]:
    return {(name, spec, conversion) for _, name, spec, conversion in Formatter().parse(text) if name is not None}


def test_it_has_each_text_and_no_other(catalogue: Catalog) -> None:
    assert CATALOGUE.read_text() == updated(), "bring it up to date with: make texts"
    assert {each.id for each in catalogue} == {each.id for each in gathered()}
    assert not catalogue.obsolete
    assert not [each.id for each in catalogue if each.id and each.fuzzy]


def test_each_text_is_there_in_japanese(catalogue: Catalog) -> None:
    assert [english for english, japanese in translations(catalogue) if not japanese] == []
    # What one chooses from in the quiz, and the words of the glossary, are often names.
    named = {each.id for each in catalogue if {file for file, _ in each.locations} <= MAY_BE_NAMES}
    assert [
        english
        for english, japanese in translations(catalogue)
        if english not in NAMES | named and not re.search(LETTER, japanese)
    ] == []


def test_each_text_says_the_same_things(catalogue: Catalog) -> None:
    told = {english: (placeholders(english), placeholders(japanese)) for english, japanese in translations(catalogue)}
    assert [english for english, (one, other) in told.items() if one != other] == []


def test_japanese_is_set_as_elsewhere(catalogue: Catalog) -> None:
    """A space stands between Japanese and letters, and the words are AWS's own."""
    for _english, japanese in translations(catalogue):
        assert not re.search(f"{LETTER}[A-Za-z0-9]|[A-Za-z0-9]{LETTER}|{LETTER} +{LETTER}|[。、] ", japanese), japanese
        assert not re.search("要求|秘密鍵|運用者|暗黙の拒否|パラメータストア", japanese), japanese


def test_what_was_put_together_is_put_together_anew() -> None:
    shapes = ("expected: {fact}", "found: {fact}", "{message}. Did you mean {names}?")
    with speaking("ja"):
        assert rephrased("found: expected: x", shapes) == "実際の状態: 期待する状態: x"
        assert rephrased("something else", shapes) == "something else"
    assert rephrased("found: x", shapes) == "found: x"


def test_texts_are_found_wherever_they_stand(tmp_path: Path) -> None:
    page, code = tmp_path / "page.html", tmp_path / "code.py"
    page.write_text("<h1>{{ _('A page') }}</h1>\n{{ ngettext('{n} file', '{n} files', n) }}")
    code.write_text(
        "x = f\"{_('kept')} {y}\"\n@check('3', 'A claim', 'aws')\n"
        "def lab():\n    '''Do it,\n    as one line.\n\n    Example: lab\n    '''\n"
    )
    assert list(_texts(page)) == [(1, "A page"), (2, ("{n} file", "{n} files"))]
    assert {text for _line, text in _texts(code)} == {"kept", "A claim", "Do it, as one line.\n\nExample: lab"}
    code.write_text('_(f"{x} is wrong")')
    with pytest.raises(ValueError, match=r"code\.py:1: a text is no f-string"):
        list(_texts(code))


def test_no_function_that_says_something_has_a_variable_of_the_same_name() -> None:
    """``name, _, rest = ...`` makes ``_`` a text, and the next ``_("...")`` an error."""
    hidden = []
    for file in [*ROOT.glob("lab/**/*.py"), *ROOT.glob("stacks/*.py")]:
        for function in ast.walk(ast.parse(file.read_text())):
            if isinstance(function, ast.FunctionDef | ast.AsyncFunctionDef | ast.Lambda):
                inner = list(ast.walk(function))
                within = {
                    name for each in inner if isinstance(each, ast.comprehension) for name in ast.walk(each.target)
                }
                named = [
                    each
                    for each in inner
                    if (isinstance(each, ast.arg) and each.arg == "_")
                    or (isinstance(each, ast.Name) and each.id == "_" and isinstance(each.ctx, ast.Store))
                ]
                says = any(isinstance(each, ast.Call) and getattr(each.func, "id", "") == "_" for each in inner)
                hidden += [f"{file}:{each.lineno}" for each in named if says and each not in within]
    assert hidden == []
