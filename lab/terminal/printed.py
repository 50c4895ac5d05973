"""Text for a terminal and for programs."""

import json
import sys
from unicodedata import category

LONGEST = 300


def print_json(data: object) -> None:
    sys.stdout.write(json.dumps(data, ensure_ascii=False, indent=2) + "\n")


def printable(text: str) -> str:
    """Return a text without what steers a terminal or cannot be encoded: in its place stands U+FFFD."""
    return "".join("\N{REPLACEMENT CHARACTER}" if category(each) in ("Cc", "Cf", "Cs") else each for each in text)


def one_line(text: str) -> str:
    """Return a text as one line of at most LONGEST characters."""
    line = printable(" ".join(text.split()))
    return line if len(line) <= LONGEST else f"{line[: LONGEST - 3]}..."
