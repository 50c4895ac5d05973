"""The CDK CLI as the lab runs it."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from lab import cdk
from lab.cost import compare
from lab.cost.bill import Usage, reckon
from lab.terminal.problem import ProblemError


@pytest.mark.parametrize("setting", ["nat", "=none", ""])
def test_a_setting_without_a_key_or_a_value_is_a_mistake(setting: str, tmp_path: Path) -> None:
    """The CLI itself only warns, and the default would be deployed."""
    with pytest.raises(ProblemError, match="a setting is a key, = and a value"):
        cdk.synth("LearningStack", settings=["vpc_cidr=10.0.0.0/16", setting], output=tmp_path)


def test_two_choices_are_made_at_once(template: Callable[..., dict[str, Any]], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(compare, "NAT_CHOICES", ("instance", "none"))
    found = compare.compare("LearningStack", "us-east-1", Usage(), ["private_host=true"])
    for nat, bills in found.items():
        assert bills[24] == reckon(template(nat=nat, private_host=True), "us-east-1", Usage())
    assert list(found) == ["instance", "none"]


@pytest.mark.parametrize(
    ("stack", "given", "said"),
    [
        ("LearningStack", "volume_gib=1", "^volume_gib: 1 must be from 8 to 16384.*[.]$"),
        ("Nothing", "volume_gib=9", "^No stacks match the name.s. Nothing$"),
    ],
)
def test_what_it_refuses_is_one_line(stack: str, given: str, said: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(compare, "NAT_CHOICES", ("none",))
    with pytest.raises(ProblemError, match=said) as problem:
        compare.compare(stack, "us-east-1", Usage(), [given])
    assert len(str(problem.value).splitlines()) == 1
