"""``make texts``: the catalogue brought up to the texts that stand in code and templates.

Taken are what stands in ``_``, ``N_`` and ``ngettext``, also in the templates of pages, the docstrings of commands,
which are their help, the claims of checks and the meanings of settings. The order is that of the files, and there is no
date: the same texts always make the same file.
"""

import ast
from collections.abc import Iterator
from io import BytesIO
from pathlib import Path

from babel.messages.catalog import Catalog
from babel.messages.extract import extract
from babel.messages.pofile import read_po, write_po

from lab.terminal.language import CATALOGUE
from lab.terminal.typers_words import unwrapped
from lab.terminal.written import write_whole

ROOT = Path(__file__).parents[2]
# The functions that texts are given to, and as which of their arguments, where it is not the first.
KEYWORDS = {
    "_": None,
    "gettext": None,
    "N_": None,
    "ngettext": (1, 2),
    "check": (2,),
    "_setting": (2,),
    "_matches": (2,),
}
HEADER = """\
msgid ""
msgstr ""
"Content-Type: text/plain; charset=utf-8\\n"
"Language: ja\\n"
"Plural-Forms: nplurals=1; plural=0;\\n"

"""


def gathered() -> Catalog:
    """Return the texts of all files, without any translation."""
    catalogue = Catalog(locale="ja")
    for file in [ROOT / "app.py", *sorted((ROOT / "lab").rglob("*")), *sorted((ROOT / "stacks").rglob("*.py"))]:
        if file.suffix in (".py", ".html"):
            where = file.relative_to(ROOT).as_posix()
            for line, text in sorted(_texts(file), key=lambda each: each[0]):
                catalogue.add(text, locations=[(where, line)], flags=())
    return catalogue


def updated() -> str:
    """Return the catalogue with all texts, those of new ones empty, and with no other."""
    with CATALOGUE.open("rb") as file:
        catalogue = read_po(file, locale="ja")
    catalogue.update(gathered(), no_fuzzy_matching=True)
    catalogue.obsolete.clear()
    made = BytesIO()
    write_po(made, catalogue, width=0, omit_header=True, include_lineno=False, ignore_obsolete=True)
    return HEADER + made.getvalue().decode()


def _texts(file: Path) -> Iterator[tuple[int, str | tuple[str, ...]]]:
    if file.suffix == ".html":
        with file.open("rb") as opened:
            for line, text, *_more in extract("jinja2", opened, KEYWORDS, options={"encoding": "utf-8"}):
                yield line, text
        return
    for node in ast.walk(ast.parse(file.read_text(), str(file))):
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id in KEYWORDS:
            numbers = KEYWORDS[node.func.id] or (1,)
            given = [node.args[number - 1] for number in numbers if number <= len(node.args)]
            if any(isinstance(each, ast.JoinedStr) for each in given):
                raise ValueError(f"{file}:{node.lineno}: a text is no f-string, but is given its words by format")
            texts = [each.value for each in given if isinstance(each, ast.Constant) and isinstance(each.value, str)]
            if texts:
                yield node.lineno, texts[0] if len(texts) == 1 else tuple(texts)
        if isinstance(node, ast.FunctionDef) and "\n\nExample: " in (words := ast.get_docstring(node) or ""):
            yield node.lineno, unwrapped(words)  # a command


if __name__ == "__main__":
    write_whole(CATALOGUE, updated().encode())
