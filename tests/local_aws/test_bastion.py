"""Looking after the bastion: `lab status`, `start` and `stop`, with what operators may not do told as it is."""

import json
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import boto3
import pytest
from botocore.stub import Stubber
from typer.testing import CliRunner

from lab.bastion.machine import BastionInstance, find_bastion, find_last_booted, start, stop
from lab.cli import app
from lab.rehearsal.instance import deployed_bastion
from lab.template.deployed import Deployed
from lab.template.values import resolved
from lab.terminal.problem import ProblemError

DEVICE = "arn:aws:iam::123456789012:mfa/alice"


def lab(*words: str) -> str:
    """Run a command of the lab and return what it prints."""
    result = CliRunner().invoke(app, words, catch_exceptions=False)
    assert result.exit_code == 0
    return result.stdout


@pytest.fixture
def bastion(learning_stack: Deployed) -> BastionInstance:
    return find_bastion(learning_stack.ec2)


@contextmanager
def refusing(monkeypatch: pytest.MonkeyPatch, *, token: str | None, devices: list[str] | None) -> Iterator[Any]:
    """Give a session, and EC2 as it answers somebody who may not start or stop; IAM tells the devices, or nothing."""
    session = boto3.Session("AKIAEXAMPLE", "secret", token, region_name="us-east-1")
    ec2, iam = session.client("ec2"), session.client("iam")
    with Stubber(ec2) as ec2_stub, Stubber(iam) as iam_stub:
        for action in ("start_instances", "stop_instances"):
            ec2_stub.add_client_error(action, "UnauthorizedOperation")
        for _ in range(2):
            if devices is None:
                iam_stub.add_client_error("list_mfa_devices", "AccessDenied")
            else:
                shown = [{"UserName": "alice", "SerialNumber": each, "EnableDate": "2026-11-24"} for each in devices]
                iam_stub.add_response("list_mfa_devices", {"MFADevices": shown})
        monkeypatch.setattr(session, "client", lambda *_, **__: iam)
        yield session, ec2


def test_status_stop_and_start(learning_stack: Deployed) -> None:
    instance_id = learning_stack.outputs["InstanceId"]
    address = learning_stack.outputs["BastionAddress"]
    assert f"learning-bastion {instance_id} (t3.micro) is running at {address} since 20" in lab("status")
    assert f"{instance_id} (t3.micro) is stopped.\n" in lab("stop")
    assert json.loads(lab("status", "--json"))["state"] == "stopped"
    assert json.loads(lab("start", "--json")) == {**json.loads(lab("status", "--json")), "state": "running"}


def test_no_bastion(learning_stack: Deployed, monkeypatch: pytest.MonkeyPatch) -> None:
    assert learning_stack.region != "eu-west-3"
    monkeypatch.setenv("AWS_REGION", "eu-west-3")
    with pytest.raises(
        ProblemError, match=r"^LearningStack has no bastion in eu-west-3 \(http://127.*\)\. Deploy it: "
    ):
        lab("status")


def test_only_the_tagged_instance_is_the_bastion(learning_stack: Deployed, bastion: BastionInstance) -> None:
    """Its neighbour, the private host, is never stopped in its place; with two bastions none is."""
    host = learning_stack.outputs["PrivateHostId"]
    assert bastion.id != host
    tags: Any = [{"Key": "Role", "Value": "bastion"}, {"Key": "Project", "Value": "LearningStack"}]
    learning_stack.ec2.create_tags(Resources=[host], Tags=tags)
    try:
        with pytest.raises(
            ProblemError, match=rf"LearningStack has 2 bastions .*{host}.* Wait until the deploy has ended"
        ):
            lab("stop")
    finally:
        learning_stack.ec2.delete_tags(Resources=[host], Tags=tags)


@pytest.mark.parametrize("action", [start, stop])
def test_an_operator_without_mfa_is_told_so_and_how_to_get_it(
    action: Any, bastion: BastionInstance, monkeypatch: pytest.MonkeyPatch
) -> None:
    with refusing(monkeypatch, token=None, devices=[DEVICE]) as (session, ec2):
        if action is stop:  # the stubs come in their order
            with pytest.raises(ProblemError):
                start(session, ec2, bastion)
        with pytest.raises(ProblemError) as told:
            action(session, ec2, bastion)
    said = str(told.value)
    assert said.startswith(f"You may not {action.__name__} {bastion.id}: operators may, in a session that began with")
    assert f"aws sts get-session-token --serial-number {DEVICE} --token-code 123456" in said
    assert "AWS_SESSION_TOKEN" in said
    assert "\n" not in said


@pytest.mark.parametrize(
    ("token", "devices", "said"),
    [
        (None, [], "You have no MFA device: set one up in the console"),
        (None, None, "--serial-number arn:aws:iam::ACCOUNT:mfa/USER"),
        ("token", None, "Set up an MFA device in the console if you have none, and sign in with it again: aws login"),
    ],
)
def test_other_refusals(
    token: str | None, devices: list[str] | None, said: str, bastion: BastionInstance, monkeypatch: pytest.MonkeyPatch
) -> None:
    with (
        refusing(monkeypatch, token=token, devices=devices) as (session, ec2),
        pytest.raises(ProblemError) as told,
    ):
        start(session, ec2, bastion)
    assert said in str(told.value)


def test_the_newest_bastion_is_found_also_when_it_is_terminated(learning_stack: Deployed) -> None:
    session = boto3.Session()
    assert find_last_booted(session, learning_stack.ec2) == find_bastion(learning_stack.ec2).id


def test_a_bastion_that_has_lost_its_tags_is_found_by_the_stacks_events(
    learning_stack: Deployed, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A terminated instance does, soon."""
    its_id = find_bastion(learning_stack.ec2).id
    monkeypatch.setattr("lab.bastion.machine._instances", lambda *_: [])
    assert find_last_booted(boto3.Session(), learning_stack.ec2) == its_id


def test_a_stack_that_never_was_had_no_bastion(learning_stack: Deployed) -> None:
    with pytest.raises(ProblemError, match="Nothing has had no bastion in"):
        find_last_booted(boto3.Session(), learning_stack.ec2, "Nothing")


def test_a_rehearsal_boots_what_ec2_has(learning_stack: Deployed) -> None:
    found = deployed_bastion(learning_stack)
    names = {each.logical_id: each.id for each in learning_stack.resources} | {
        "AWS::Region": learning_stack.region,
        "AWS::StackName": learning_stack.stack_name,
        "AWS::URLSuffix": "amazonaws.com",
    }
    assert found.user_data == resolved(learning_stack.bastion.properties["UserData"]["Fn::Base64"], names)
    assert (found.instance_id, found.role) == (learning_stack.outputs["InstanceId"], "access-s3-role")
    assert (found.bucket, found.mount_point) == (learning_stack.outputs["BucketName"], "/mnt/s3")
    assert (found.zone, found.hop_limit, found.signal_seconds) == ("us-east-1a", 1, 900)
