"""Where a line of text may end: at blanks, and in Japanese between phrases, as BudouX finds them.

No line begins with what closes (kinsoku), such as 、 and 」, and none ends with what opens. A phrase that is
longer than a line breaks between its characters. https://www.w3.org/TR/jlreq/#line-breaking
"""

import re
from functools import cache
from itertools import pairwise
from typing import Any

import rich.text
from rich.cells import cell_len

NEVER_FIRST = "、。，．・：；？！）」』】］〉》〕｝”’…‥ー々〜ぁぃぅぇぉっゃゅょゎァィゥェォッャュョヮヵヶ)]},.:;!?%°"
NEVER_LAST = "（「『【［〈《〔｛“‘([{"
_rich_breaks = rich.text.divide_line  # type: ignore[attr-defined]


def breaks(text: str, width: int, fold: bool = True) -> list[int]:  # noqa: FBT001, FBT002  # as rich has it
    """Return where the second and each later line of a text begin; ``width`` is in columns of the terminal."""
    if text.isascii():
        return _rich_breaks(text, width, fold)
    found: list[int] = []
    column = 0

    def place(start: int, end: int, ways: tuple[Any, ...]) -> None:
        nonlocal column
        borders = [start, *(at for at in ways[0](text) if start < at < end), end]
        for first, last in pairwise(borders):
            piece = text[first:last]
            size = cell_len(piece)  # with the blank behind it: rich counts that in Japanese
            if column + size > width:
                if size > width and ways[1:]:
                    place(first, last, ways[1:])
                    continue
                if column:
                    found.append(first)
                    column = 0
            column += cell_len(piece)

    place(0, len(text), (_between_phrases, _between_characters, lambda text: range(len(text))))
    return found


def wrapped(text: str, width: int) -> list[str]:
    """Return the lines of a text."""
    borders = [0, *breaks(text, width), len(text)]
    return [text[first:last].rstrip() for first, last in pairwise(borders)]


def break_as_japanese_does() -> None:
    """Have rich break lines so, wherever it does: rich itself has no way to say how."""
    rich.text.divide_line = breaks  # type: ignore[attr-defined]


@cache
def _between_phrases(text: str) -> list[int]:
    """Return the borders of phrases: those of words that are ASCII by their blanks."""
    places = [at for at, character in enumerate(text) if character != " "]
    ends, at = set(), 0
    for phrase in _parser().parse("".join(text[place] for place in places)):
        at += len(phrase)
        ends.add(at)
    found = []
    for number, (before, after) in enumerate(pairwise(places), start=1):
        apart = after - before > 1  # a blank is between
        ascii_ = text[before].isascii() and text[after].isascii()
        if (apart if ascii_ else number in ends) and _may_break(text[before], text[after]):
            found.append(after)
    return found


@cache
def _between_characters(text: str) -> list[int]:
    """Return all places where a phrase may break that is longer than a line: none of them in a word that is ASCII."""
    return [
        each.start(3)
        for each in re.finditer(r"(?=(\S)( *)(\S))", text)
        if _may_break(each[1], each[3]) and (each[2] or not (each[1] + each[3]).isascii())
    ]


def _may_break(before: str, after: str) -> bool:
    return before not in NEVER_LAST and after not in NEVER_FIRST


@cache
def _parser() -> Any:
    import budoux  # noqa: PLC0415  # English does without

    return budoux.load_default_japanese_parser()
