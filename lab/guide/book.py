"""The chapters of the guide, docs/guide.*.md."""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from lab.guide.sources import ROOT
from lab.terminal.language import Language, _
from lab.terminal.problem import ProblemError

HEADING = re.compile(r"^## (?P<numbers>\d[\d, ]*)\. (?P<title>.+)$", re.MULTILINE)


@dataclass(frozen=True)
class Chapter:
    """A chapter of the guide, for one or more of the primer's."""

    numbers: tuple[int, ...]
    title: str
    text: str


def file_of(language: Language) -> Path:
    return ROOT / "docs" / f"guide.{language}.md"


def read(language: Language) -> list[Chapter]:
    """Return the chapters of the guide. Raises ProblemError when its file is not there."""
    try:
        return list(chapters(file_of(language).read_text()))
    except OSError:
        raise ProblemError(
            _("There is no {file_of}. Get it back with: git checkout docs").format(file_of=file_of(language))
        ) from None


def chapters(text: str) -> Iterator[Chapter]:
    """Yield the chapters of a guide."""
    headings = list(HEADING.finditer(text))
    ends = [heading.start() for heading in headings[1:]] + [len(text)]
    for heading, end in zip(headings, ends, strict=True):
        yield Chapter(numbers_in(heading["numbers"]), heading["title"], text[heading.start() : end].rstrip() + "\n")


def numbers_in(words: str) -> tuple[int, ...]:
    return tuple(int(number) for number in re.findall(r"\d+", words))


def find_chapter(number: str, language: Language) -> Chapter:
    """Return the chapter of the guide that has a number of the primer's.

    Raises ProblemError, with the numbers that there are.
    """
    found = read(language)
    for chapter in found:
        if number in map(str, chapter.numbers):
            return chapter
    known = ", ".join(str(number) for number in sorted(number for chapter in found for number in chapter.numbers))
    raise ProblemError(
        _("There is no chapter {number}; there are {known}. Example: python -m lab guide 3").format(
            number=number, known=known
        )
    )
