"""The primer, chapter by chapter: the guide and its exercises."""

from typing import Literal

Language = Literal["en", "ja"]
