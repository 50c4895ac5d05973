"""Where the code that makes a resource stands, and what it says of itself. Read, never imported."""

import ast
import re
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

ROOT = Path(__file__).parents[2]


@dataclass(frozen=True)
class Construct:
    """A class of constructs_lib. A stack gives it its own name as construct id, so logical ids begin with that."""

    file: str
    node: ast.ClassDef

    @property
    def summary(self) -> str:
        """The first paragraph of its docstring, as Markdown."""
        return " ".join((ast.get_docstring(self.node) or "").split("\n\n")[0].split()).replace("``", "`")

    @cached_property
    def _lines(self) -> dict[str, int]:
        """Where the calls of the class stand, by the construct id among their first two arguments."""
        return {
            re.sub(r"\W", "", str(text.value)): call.lineno
            for call in ast.walk(self.node)
            if isinstance(call, ast.Call)
            for argument in call.args[:2]
            for text in (argument.values[0] if isinstance(argument, ast.JoinedStr) else argument,)
            if isinstance(text, ast.Constant) and isinstance(text.value, str)
        }

    def line_of(self, logical_id: str) -> int:
        """Return the line of the innermost call whose construct id is in the logical id, else that of the class."""
        line, rest = self.node.lineno, logical_id.removeprefix(self.node.name)
        while found := max((name for name in self._lines if name and rest.startswith(name)), key=len, default=""):
            line, rest = self._lines[found], rest.removeprefix(found)
        return line

    def link(self, logical_id: str = "") -> str:
        """Return a link, from a page in docs/, to the line that makes a resource, or to the class."""
        line = self.line_of(logical_id or self.node.name)
        return f"[{self.file}:{line}](../{self.file}#L{line})"


def constructs() -> dict[str, Construct]:
    """Return the constructs of constructs_lib by name."""
    return {
        node.name: Construct(str(file.relative_to(ROOT)), node)
        for file in sorted(ROOT.glob("constructs_lib/*.py"))
        for node in ast.parse(file.read_text()).body
        if isinstance(node, ast.ClassDef)
    }
