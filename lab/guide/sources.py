"""Where the code that makes a resource stands, and what it says of itself. Read, never imported."""

import ast
import re
from collections.abc import Iterator
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
    def _symbols(self) -> dict[str, str]:
        """What the calls of the class belong to, by the construct id among their first two arguments.

        That is the attribute that keeps what is made, or the method that makes it.
        """
        found = {}
        for method in self.node.body:
            if not isinstance(method, ast.FunctionDef):
                continue
            for statement in ast.walk(method):
                if not isinstance(statement, ast.stmt) or isinstance(statement, ast.FunctionDef):
                    continue
                target = (
                    statement.targets[0] if isinstance(statement, ast.Assign) else getattr(statement, "target", None)
                )
                kept = target.attr if isinstance(target, ast.Attribute) else ""
                made_by = "" if method.name == "__init__" else f".{method.name}"
                for name in _names_given(statement):
                    if kept or name not in found:
                        found[name] = self.node.name + (f".{kept}" if kept else made_by)
        return found

    def symbol_of(self, logical_id: str) -> str:
        """Return what makes a resource: the innermost whose construct id is in the logical id, else the class."""
        symbol, rest = self.node.name, logical_id.removeprefix(self.node.name)
        while found := max((name for name in self._symbols if name and rest.startswith(name)), key=len, default=""):
            symbol, rest = self._symbols[found], rest.removeprefix(found)
        return symbol

    def link(self, logical_id: str = "") -> str:
        """Return a link, from a page in docs/, to the file that makes a resource; it names the attribute or method."""
        return f"[{self.file}: {self.symbol_of(logical_id or self.node.name)}](../{self.file})"


def _names_given(statement: ast.stmt) -> Iterator[str]:
    """Yield the construct ids among the first two arguments of the calls in a statement."""
    for call in ast.walk(statement):
        for argument in call.args[:2] if isinstance(call, ast.Call) else ():
            text = argument.values[0] if isinstance(argument, ast.JoinedStr) else argument
            if isinstance(text, ast.Constant) and isinstance(text.value, str):
                yield re.sub(r"\W", "", text.value)


def constructs() -> dict[str, Construct]:
    """Return the constructs of constructs_lib by name."""
    return {
        node.name: Construct(str(file.relative_to(ROOT)), node)
        for file in sorted(ROOT.glob("constructs_lib/*.py"))
        for node in ast.parse(file.read_text()).body
        if isinstance(node, ast.ClassDef)
    }
