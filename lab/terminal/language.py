"""The language of whoever sits at the shell or reads the page, and what the lab says in it.

Texts stand in the code in English, as ``_("...")``, or as ``N_("...")`` where they are only kept and ``_(kept)`` is
said later; ``lab/locale/ja/LC_MESSAGES/lab.po`` has each of them in Japanese. CONTRIBUTING says how to add one.
"""

import gettext
import os
import re
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from contextvars import ContextVar
from functools import cache
from io import BytesIO
from itertools import pairwise
from pathlib import Path
from typing import Literal, get_args

from lab.terminal.problem import ProblemError

Language = Literal["en", "ja"]
LANGUAGES: tuple[Language, ...] = get_args(Language)
LOCALE = Path(__file__).parents[1] / "locale"
CATALOGUE = LOCALE / "ja" / "LC_MESSAGES" / "lab.po"
_LANGUAGE: ContextVar[Language | None] = ContextVar("language", default=None)


def settle(words: Sequence[str] = ()) -> None:
    """Have this process, and those that it starts, speak the language of ``--lang`` in a command, else the shell's.

    This comes before anything is imported that has texts. Those of typer and of ``stacks``, which call gettext
    themselves, are in the same catalogue. Raises ProblemError when LAB_LANG names no language of ours.
    """
    named = _named(words)
    given = os.environ.get("LAB_LANG", "")
    if not named and given not in ("", *LANGUAGES):
        known = " / ".join(LANGUAGES)
        raise ProblemError(
            _("LAB_LANG: {given!r} is no language of ours: {known}. Example: LAB_LANG=ja").format(
                given=given, known=known
            )
        )
    os.environ["LAB_LANG"] = os.environ["LANGUAGE"] = named or shell_language()
    gettext.bindtextdomain(CATALOGUE.stem, LOCALE)
    gettext.textdomain(CATALOGUE.stem)
    if spoken() == "ja":
        _japanese()  # compiles what gettext reads


def _named(words: Sequence[str]) -> str:
    """Return what the last ``--lang`` before any ``--`` says, or empty text; typer tells what is wrong with it."""
    ours = [*words[: words.index("--")]] if "--" in words else [*words]
    spaced = [after for word, after in pairwise(ours) if word == "--lang"]
    named = [word.removeprefix("--lang=") for word in ours if word.startswith("--lang=")] + spaced
    return named[-1] if named and named[-1] in LANGUAGES else ""


def shell_language() -> Language:
    """Return the language that LAB_LANG names; without it Japanese where the shell's messages are, else English."""
    for language in LANGUAGES:
        if os.environ.get("LAB_LANG") == language:
            return language
    locale = next(filter(None, map(os.environ.get, ("LC_ALL", "LC_MESSAGES", "LANG"))), "")
    return "ja" if locale.startswith("ja") else "en"


def default_region() -> str:
    """Return the region that is meant where none is known: Tokyo in Japanese, else Virginia."""
    return "ap-northeast-1" if spoken() == "ja" else "us-east-1"


def spoken() -> Language:
    """Return the language that is spoken here and now: that of ``speaking``, else of the shell."""
    return _LANGUAGE.get() or shell_language()


@contextmanager
def speaking(language: Language) -> Iterator[None]:
    """Have the lab speak a language, such as that of one request to the page."""
    before = _LANGUAGE.set(language)
    try:
        yield
    finally:
        _LANGUAGE.reset(before)


def _(text: str) -> str:
    """Return a text of the catalogue in the language that is spoken."""
    return text if spoken() == "en" else _japanese().gettext(text)


def ngettext(one: str, many: str, number: int) -> str:
    """Return one text or the other, by number, in the language that is spoken."""
    if spoken() == "en":
        return one if number == 1 else many
    return _japanese().ngettext(one, many, number)


def N_(text: str) -> str:  # noqa: N802  # the name that gettext's tools know
    """Mark a text for the catalogue, and return it as it is."""
    return text


def rephrased(text: str, shapes: Sequence[str]) -> str:
    """Return a text that was put together in English in the language that is spoken.

    ``shapes`` are texts of the catalogue, such as ``Missing {what}.``: the first that fits is said. What stands for
    words in braces may be any text, also one with another of these shapes. A text that fits none stays as it is.
    """
    if spoken() != "en":
        for shape in shapes:
            if found := _pattern(shape).fullmatch(text):
                return _(shape).format(**{name: rephrased(said, shapes) for name, said in found.groupdict().items()})
    return text


@cache
def _pattern(shape: str) -> re.Pattern[str]:
    parts = re.split(r"\{(\w+)\}", shape)
    return re.compile(
        "".join(f"(?P<{part}>.+?)" if at % 2 else re.escape(part) for at, part in enumerate(parts)), re.DOTALL
    )


@cache
def _japanese() -> gettext.NullTranslations:
    """Read the catalogue, and compile it first where it is newer than what was compiled."""
    compiled = CATALOGUE.with_suffix(".mo")
    if not compiled.exists() or compiled.stat().st_mtime < CATALOGUE.stat().st_mtime:
        try:
            from babel.messages.mofile import write_mo  # noqa: PLC0415  # slow, and only after a change
            from babel.messages.pofile import read_po  # noqa: PLC0415
        except ModuleNotFoundError:  # where only what `cdk synth` needs is installed
            if not compiled.exists():
                return gettext.NullTranslations()
        else:
            made = BytesIO()
            with CATALOGUE.open("rb") as file:
                write_mo(made, read_po(file, locale="ja"))
            with suppress(OSError):  # a folder that is not writable
                beside = compiled.with_suffix(f".{os.getpid()}")
                beside.write_bytes(made.getvalue())
                beside.replace(compiled)
            return gettext.GNUTranslations(BytesIO(made.getvalue()))
    with compiled.open("rb") as file:
        return gettext.GNUTranslations(file)
