"""A class: learners' stacks side by side in one account and region, and commands that keep to one of them."""

import json
from collections.abc import Callable

import pytest
from typer.testing import CliRunner

from lab.checks import all_checks
from lab.cli import app
from lab.template.deployed import Deployed
from lab.terminal.problem import ProblemError

LEARNERS = ("alice", "bob")


@pytest.fixture(scope="module")
def stacks(learning_stack: Deployed, deploy: Callable[..., Deployed]) -> list[Deployed]:
    return [learning_stack, *(deploy(f"LearningStack-{name}", learners=LEARNERS, nat="none") for name in LEARNERS)]


def lab(*words: str) -> str:
    """Run a command of the lab and return what it prints."""
    result = CliRunner().invoke(app, words, catch_exceptions=False)
    assert result.exit_code == 0, result.output
    return result.stdout


def test_every_claim_holds_for_a_learners_stack_beside_others(stacks: list[Deployed]) -> None:
    verdicts = json.loads(lab("verify", "--stack", "LearningStack-bob", "--json"))
    assert len(verdicts) > 30
    assert [verdict["id"] for verdict in verdicts if not verdict["holds"]] == []
    own = stacks[2].outputs
    assert any(own["InstanceId"] in verdict["command"] for verdict in verdicts)


def test_of_somebody_elses_stack_nothing_is_claimed() -> None:
    with pytest.raises(ProblemError, match="TheirStack is none of ours"):
        all_checks("TheirStack")


def test_each_has_what_is_its_own(stacks: list[Deployed]) -> None:
    for name in ("InstanceId", "BucketName", "RoleName", "VpcId", "BastionAddress"):
        assert len({stack.outputs[name] for stack in stacks}) == 3, name


def test_a_bastion_is_found_by_its_stack_and_switched_alone(stacks: list[Deployed]) -> None:
    def state(stack: Deployed) -> tuple[str, str]:
        found = json.loads(lab("status", "--stack", stack.stack_name, "--json"))
        return found["id"], found["state"]

    teachers, alices, bobs = stacks
    lab("stop", "--stack", "LearningStack-alice")
    assert [state(stack) for stack in stacks] == [
        (teachers.outputs["InstanceId"], "running"),
        (alices.outputs["InstanceId"], "stopped"),
        (bobs.outputs["InstanceId"], "running"),
    ]
    lab("start", "--stack", "LearningStack-alice")
    assert state(alices)[1] == "running"
    assert json.loads(lab("status", "--json"))["id"] == teachers.outputs["InstanceId"]


def test_the_bastion_carries_the_name_of_its_learner(stacks: list[Deployed]) -> None:
    instance = stacks[1].ec2.describe_instances(InstanceIds=[stacks[1].outputs["InstanceId"]])
    tags = {tag["Key"]: tag["Value"] for tag in instance["Reservations"][0]["Instances"][0]["Tags"]}
    assert (tags["Learner"], tags["Project"]) == ("alice", "LearningStack")
