"""The engine answers as AWS's documentation does, and each of its rules is there for a question that needs it.

tests/packets holds it to what packets do in a network of this machine, where that can be built; this needs nothing.
"""

import re
import sys
from pathlib import Path

import pytest

from lab.reach import engine
from lab.reach.engine import Engine
from tests.packets.mutants import MUTANTS, mutant
from tests.unit.lab.reach.cases import CASES, Case, answer_to


@pytest.mark.parametrize("case", CASES, ids=[case.rule for case in CASES])
def test_a_rule_of_aws(case: Case) -> None:
    assert answer_to(case) == case.answer


def killed_by(other: type[Engine]) -> list[str]:
    """Return the cases that a mutant of the engine answers otherwise, or not at all."""
    killers = []
    for case in CASES:
        try:
            same = answer_to(case, other) == case.answer
        except Exception:  # noqa: BLE001  # a mutant may do anything
            same = False
        if not same:
            killers.append(case.rule)
    return killers


@pytest.mark.parametrize("name", MUTANTS)
def test_each_mutant_of_the_engine_is_killed(name: str) -> None:
    assert killed_by(mutant(name))


def test_the_engine_itself_is_not() -> None:
    assert killed_by(Engine) == []


def test_each_code_is_met_in_a_case() -> None:
    source = Path(str(sys.modules[engine.__name__].__file__)).read_text()
    codes = set(re.findall(r'^[A-Z_0-9]+ = "([A-Z_0-9]+)"$', source, re.MULTILINE))
    assert codes - {code for case in CASES for code in re.findall(r"[A-Z_0-9]{4,}", case.answer)} == set()
