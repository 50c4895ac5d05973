"""A class: learners' stacks side by side in one account and region, and commands that keep to one of them."""

import json
import os
import re
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any
from unittest.mock import patch

import boto3
import pytest
from botocore.exceptions import ClientError
from typer.testing import CliRunner

from lab.checks import all_checks
from lab.cli import app
from lab.guide.exercises import EXERCISES, about, larger, stop_and_start
from lab.local_aws.sign_in import environment_of
from lab.page.pieces import Pages
from lab.page.seen import see
from lab.template.deployed import CONFIG, Deployed
from lab.terminal.language import speaking
from lab.terminal.problem import ProblemError

LEARNERS = ("alice", "bob")


@pytest.fixture(scope="module")
def stacks(learning_stack: Deployed, deploy: Callable[..., Deployed]) -> list[Deployed]:
    return [learning_stack, *(deploy(f"LearningStack-{name}", learners=LEARNERS, nat="none") for name in LEARNERS)]


@pytest.fixture(scope="module")
def alice(stacks: list[Deployed], deploy: Callable[..., Deployed]) -> Iterator[Callable[[str], Any]]:
    """Give clients of services with alice's sign-in."""
    assert stacks
    deploy("ClassStack", learners=LEARNERS, nat="none")
    with patch.dict(os.environ):  # this points the process at the local AWS, as its administrator
        own = environment_of("learner-alice", mfa=False)
        session = boto3.Session(own["AWS_ACCESS_KEY_ID"], own["AWS_SECRET_ACCESS_KEY"], own["AWS_SESSION_TOKEN"])
        yield lambda service: session.client(service, config=CONFIG)  # type: ignore[call-overload]


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


def of(stack: Deployed) -> dict[str, Any]:
    """Return the ids that calls need."""
    own = stack.outputs
    tables = stack.ec2_list("describe_route_tables", Filters=[{"Name": "vpc-id", "Values": [own["VpcId"]]}])
    return {
        "instance": own["InstanceId"],
        "group": own["WebGroupId"],
        "vpc": own["VpcId"],
        "bucket": own["BucketName"],
        "role": own["RoleName"],
        "acl": stack.one("AWS::EC2::NetworkAcl", "learning-public").id,
        "table": next(each["RouteTableId"] for each in tables if each["Tags"]),
    }


HTTP_ALT = {"IpProtocol": "tcp", "FromPort": 8080, "ToPort": 8080, "IpRanges": [{"CidrIp": "203.0.113.9/32"}]}
ENTRY: dict[str, Any] = {"RuleNumber": 90, "Protocol": "-1", "RuleAction": "deny", "Egress": False}
CHANGES: dict[str, Callable[[Any, dict[str, Any]], Any]] = {
    "stop": lambda aws, ids: aws("ec2").stop_instances(InstanceIds=[ids["instance"]]),
    "start": lambda aws, ids: aws("ec2").start_instances(InstanceIds=[ids["instance"]]),
    "open": lambda aws, ids: aws("ec2").authorize_security_group_ingress(
        GroupId=ids["group"], IpPermissions=[HTTP_ALT]
    ),
    "close": lambda aws, ids: aws("ec2").revoke_security_group_ingress(GroupId=ids["group"], IpPermissions=[HTTP_ALT]),
    "deny": lambda aws, ids: aws("ec2").create_network_acl_entry(
        NetworkAclId=ids["acl"], CidrBlock="203.0.113.9/32", **ENTRY
    ),
    "allow": lambda aws, ids: aws("ec2").delete_network_acl_entry(NetworkAclId=ids["acl"], RuleNumber=90, Egress=False),
    "route": lambda aws, ids: aws("ec2").create_route(
        RouteTableId=ids["table"], DestinationCidrBlock="198.51.100.0/24", InstanceId=ids["instance"]
    ),
    "no route": lambda aws, ids: aws("ec2").delete_route(
        RouteTableId=ids["table"], DestinationCidrBlock="198.51.100.0/24"
    ),
    "tag": lambda aws, ids: aws("ec2").create_tags(Resources=[ids["vpc"]], Tags=[{"Key": "Exercise", "Value": "3"}]),
    "write": lambda aws, ids: aws("s3").put_object(Bucket=ids["bucket"], Key="archive/x", Body=b"x"),
    "read": lambda aws, ids: aws("s3").get_object(Bucket=ids["bucket"], Key="archive/x"),
    "list": lambda aws, ids: aws("s3").list_objects_v2(Bucket=ids["bucket"]),
    "delete": lambda aws, ids: aws("s3").delete_object(Bucket=ids["bucket"], Key="archive/x"),
    "role": lambda aws, ids: aws("iam").get_role(RoleName=ids["role"]),
    "stack": lambda aws, ids: aws("cloudformation").describe_stack_resources(StackName=ids["stack"]),
}
REFUSED = "UnauthorizedOperation|AccessDenied"


@pytest.mark.parametrize("change", CHANGES)
def test_a_learner_works_in_the_own_stack_alone(
    stacks: list[Deployed], alice: Callable[[str], Any], change: str
) -> None:
    """AWS's evaluation is what the local AWS is held to (test_simulation.py); a wrong policy is seen here."""
    for stack in (stacks[0], stacks[2]):
        with pytest.raises(ClientError, match=REFUSED):
            CHANGES[change](alice, of(stack) | {"stack": stack.stack_name})
    CHANGES[change](alice, of(stacks[1]) | {"stack": stacks[1].stack_name})


@pytest.fixture
def as_alice(alice: Callable[[str], Any]) -> Iterator[None]:  # noqa: ARG001
    """Point the shell at the local AWS as alice, as her hand-out says."""
    with patch.dict(os.environ):
        own = environment_of("learner-alice", mfa=False)
    with patch.dict(os.environ, {**own, "LAB_STACK": "LearningStack-alice"}):
        yield


def test_a_learner_proves_the_own_stack_but_for_the_private_key(as_alice: None) -> None:  # noqa: ARG001
    result = CliRunner().invoke(app, ["verify", "--json"])
    verdicts = json.loads(result.stdout)
    assert len(verdicts) > 30
    assert [each["id"] for each in verdicts if not each["holds"]] == ["key-is-in-parameter-store"]


def test_exercises_are_solved_handed_in_and_marked(
    stacks: list[Deployed],
    alice: Callable[[str], Any],
    as_alice: None,  # noqa: ARG001
    tmp_path: Path,
) -> None:
    own = stacks[1].outputs
    ec2, s3 = alice("ec2"), alice("s3")
    ec2.stop_instances(InstanceIds=[own["InstanceId"]])
    ec2.modify_instance_attribute(InstanceId=own["InstanceId"], InstanceType={"Value": "t3.small"})
    ec2.start_instances(InstanceIds=[own["InstanceId"]])
    s3.put_object(Bucket=own["BucketName"], Key="about.txt", Body=own["InstanceId"].encode())
    file = tmp_path / "alice.json"
    lab("hand-in", str(file))
    assert "Cannot be looked at" not in file.read_text()
    os.environ["LAB_STACK"] = "LearningStack-bob"
    with pytest.raises(ClientError, match="not authorized"):
        lab("hand-in", str(file))
    (handed_in,) = json.loads(lab("class", str(file), "--json"))
    solved = {mark["task"] for mark in handed_in["marks"] if not mark["missing"]}
    assert solved == {each.task for each in EXERCISES if each.missing in (stop_and_start, larger, about)}
    assert (handed_in["learner"], handed_in["done"]) == ("alice", 3)


def test_the_teacher_sees_who_has_done_what(stacks: list[Deployed], tmp_path: Path) -> None:
    assert stacks
    done = {each["learner"]: each["done"] for each in json.loads(lab("class", "--json"))}
    assert done == {"alice": 3, "bob": 0}
    shown = lab("class")
    assert re.search(r"alice .* 3/\d+ ", shown)
    assert re.search(r"2 learners, 12: 8080 is open to the example's", shown)
    assert "2 learners, 11:" not in shown
    roster = tmp_path / "class.csv"
    roster.write_bytes("learner,name\nalice,山田 アリス\nbob,\n".encode("cp932"))
    lab("class", "--roster", str(roster), "--hand-outs", str(tmp_path / "out"))
    assert sorted(each.name for each in (tmp_path / "out").iterdir()) == [
        *("alice.en.md", "alice.ja.md", "bob.en.md", "bob.ja.md")
    ]
    page = (tmp_path / "out" / "alice.ja.md").read_text()
    assert "山田 アリス" in page
    assert 'eval "$(python -m lab local as learner-alice)"' in page


@pytest.mark.parametrize("content", ["", "[]", '{"learner": "a"}', "{"])
def test_a_file_that_was_not_handed_in_is_one_line(tmp_path: Path, content: str) -> None:
    file = tmp_path / "x.json"
    file.write_text(content)
    with pytest.raises(ProblemError, match=f"^{file} is no work that was handed in"):
        lab("class", str(file))


@pytest.mark.parametrize("key", ["Learner", "Project", "Role"])
def test_nobody_becomes_another(stacks: list[Deployed], alice: Callable[[str], Any], key: str) -> None:
    for stack in stacks:
        ids = [stack.outputs["InstanceId"]]
        with pytest.raises(ClientError, match=REFUSED):
            alice("ec2").create_tags(Resources=ids, Tags=[{"Key": key, "Value": "alice"}])
        with pytest.raises(ClientError, match=REFUSED):
            alice("ec2").delete_tags(Resources=ids, Tags=[{"Key": key}])
    mixed = [stacks[1].outputs["InstanceId"], stacks[2].outputs["InstanceId"]]
    with pytest.raises(ClientError, match=REFUSED):
        alice("ec2").stop_instances(InstanceIds=mixed)
    with pytest.raises(ClientError, match=REFUSED):
        alice("iam").tag_user(UserName="learner-alice", Tags=[{"Key": "Learner", "Value": "bob"}])


def test_the_teachers_page_shows_the_same(stacks: list[Deployed]) -> None:
    with speaking("ja"):
        shown = Pages(lambda: see("LearningStack")).classroom()
    assert len(stacks) == 3
    assert re.findall(r'<th scope="row">(\w+)</th>', shown) == ["alice", "bob"]
    assert re.findall(r"<td>(\d+)/\d+</td>", shown) == ["3", "0"]
    assert "2 人, 12: " in shown
