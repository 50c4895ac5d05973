"""The CDK CLI as the lab runs it."""

from pathlib import Path

import pytest

from lab import cdk
from lab.problem import ProblemError


@pytest.mark.parametrize("setting", ["nat", "=none", ""])
def test_a_setting_without_a_key_or_a_value_is_a_mistake(setting: str, tmp_path: Path) -> None:
    """The CLI itself only warns, and the default would be deployed."""
    with pytest.raises(ProblemError, match="a setting is a key, = and a value"):
        cdk.synth("LearningStack", settings=["vpc_cidr=10.0.0.0/16", setting], output=tmp_path)
