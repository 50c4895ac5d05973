"""The language of whoever sits at the shell."""

import os
from typing import Literal

Language = Literal["en", "ja"]


def shell_language() -> Language:
    """Return Japanese where the shell's messages are in Japanese, else English."""
    locale = next(filter(None, map(os.environ.get, ("LC_ALL", "LC_MESSAGES", "LANG"))), "")
    return "ja" if locale.startswith("ja") else "en"
