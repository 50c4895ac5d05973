"""Imports go downwards and in no circle: as the files say, so those inside functions and for types count too."""

import ast
import re
from graphlib import TopologicalSorter

import pytest

from tests.conftest import ROOT

# The floors of the house from the top down: a part may import those below it, and none of its own floor.
FLOORS = """
bench
app
stacks
constructs_lib
lab.__main__
lab.cli
lab.guide.command lab.local_aws.command
lab.page
lab.classroom
lab.cleanup lab.doctor lab.guide lab.rehearsal lab.verify lab.bastion
lab.packets
lab.checks lab.cost lab.picture lab.local_aws
lab.reach
lab.cdk lab.template.deployed
lab.template
lab.terminal
""".strip().split("\n")
FLOOR = {part: number for number, floor in enumerate(FLOORS) for part in floor.split()}
# What is below a part, and not for it.
NOT_FOR = {
    "app": r"lab\.(?!cost\b|terminal\b)",
    "constructs_lib": r"(lab|stacks)\b",
    "lab": r"(aws_cdk|constructs|constructs_lib|stacks|bench|app)\b",
    "stacks": r"lab\b",
}
FILES = {
    ".".join(path.relative_to(ROOT).with_suffix("").parts).removesuffix(".__init__"): ast.parse(path.read_text())
    for top in ("app", "bench", "stacks", "constructs_lib", "lab")
    for path in [*ROOT.glob(f"{top}.py"), *(ROOT / top).rglob("*.py")]
    if "node_modules" not in path.parts  # what bench-synth installs
}


def imported(module: str) -> set[str]:
    """Return all that a module imports: modules, or names in them."""
    nodes = list(ast.walk(FILES[module]))
    plain = {each.name for node in nodes if isinstance(node, ast.Import) for each in node.names}
    return plain | {f"{n.module}.{each.name}" for n in nodes if isinstance(n, ast.ImportFrom) for each in n.names}


def within(name: str, known: object) -> str:
    """Return the longest beginning of a dotted name that is known, or empty text."""
    while name and name not in known:  # type: ignore[operator]
        name = name.rpartition(".")[0]
    return name


@pytest.mark.parametrize("module", FILES)
def test_imports_go_downwards(module: str) -> None:
    here = within(module, FLOOR)
    targets = {name: within(name, FLOOR) for name in imported(module)}
    upwards = {name for name, there in targets.items() if there not in ("", here) and FLOOR[there] <= FLOOR[here]}
    assert not upwards
    forbidden = NOT_FOR.get(module.partition(".")[0])
    assert not {name for name in imported(module) if forbidden and re.match(forbidden, name)}


def test_no_imports_go_in_a_circle() -> None:
    graph = {module: {within(name, FILES) for name in imported(module)} - {"", module, "lab"} for module in FILES}
    assert len(list(TopologicalSorter(graph).static_order())) == len(FILES)
