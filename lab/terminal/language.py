"""The language of whoever sits at the shell or reads the page, and what the lab says in it.

Texts stand in the code in English, as ``_("...")``, or as ``N_("...")`` where they are only kept and ``_(kept)`` is
said later; ``lab/locale/ja/LC_MESSAGES/lab.po`` has each of them in Japanese. CONTRIBUTING says how to add one.
"""

import gettext
import os
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from contextvars import ContextVar
from functools import cache
from io import BytesIO
from pathlib import Path
from typing import Literal

Language = Literal["en", "ja"]
CATALOGUE = Path(__file__).parents[1] / "locale" / "ja" / "LC_MESSAGES" / "lab.po"
_LANGUAGE: ContextVar[Language | None] = ContextVar("language", default=None)


def shell_language() -> Language:
    """Return the language that LAB_LANG names; without it Japanese where the shell's messages are, else English."""
    locale = next(filter(None, map(os.environ.get, ("LAB_LANG", "LC_ALL", "LC_MESSAGES", "LANG"))), "")
    return "ja" if locale.startswith("ja") else "en"


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


@cache
def _japanese() -> gettext.NullTranslations:
    """Read the catalogue, and compile it first where it is newer than what was compiled."""
    compiled = CATALOGUE.with_suffix(".mo")
    if not compiled.exists() or compiled.stat().st_mtime < CATALOGUE.stat().st_mtime:
        from babel.messages.mofile import write_mo  # noqa: PLC0415  # slow, and only after a change
        from babel.messages.pofile import read_po  # noqa: PLC0415

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
