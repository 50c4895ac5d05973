"""What goes wrong is told in one line that says what to do, with status 1 and no stack trace."""

import json
import re
from pathlib import Path
from typing import Any

import boto3
import pytest
from botocore.exceptions import ClientError, WaiterError

from lab.local_aws import lifecycle
from lab.template.deployed import explain
from tests.cli.running import BARE, Ended, lab, lab_here

NOWHERE = "http://127.0.0.1:9"


def fails(*words: str, **environment: str) -> str:
    """Run a command of the lab in a bare environment and return what it says on its way to status 1."""
    ended = lab_here(*words, environment=BARE | environment)
    assert (ended.status, ended.out) == (1, "")
    assert len(ended.err.splitlines()) == 1, ended.err
    return ended.err


KEYS = {"AWS_ACCESS_KEY_ID": "test", "AWS_SECRET_ACCESS_KEY": "test"}


@pytest.mark.parametrize(
    ("environment", "said"),
    [
        ({}, "No region is set. Set AWS_REGION, or for the local AWS: source .local-aws/env"),
        ({"AWS_REGION": "us-east-1"}, "Unable to locate credentials: sign in with aws login or aws configure"),
        (
            {"AWS_REGION": "us-east-1", "AWS_PROFILE": "nobody"},
            "The config profile (nobody) could not be found: sign in",
        ),
        ({"AWS_REGION": "us-east-1", "AWS_ENDPOINT_URL": NOWHERE, **KEYS}, "Is the local AWS running (make local)"),
    ],
)
def test_without_an_aws_to_look_at(environment: dict[str, str], said: str) -> None:
    assert said in fails("verify", **environment)


def test_a_process_of_its_own_says_the_same() -> None:
    assert lab("verify") == Ended(1, "", fails("verify"))


@pytest.mark.parametrize("command", ["status", "start", "stop", "boot-log", "connect", "cleanup", "exercise"])
def test_every_command_that_asks_aws_says_that_there_are_no_credentials(command: str) -> None:
    assert "Unable to locate credentials: sign in with aws login" in fails(command, AWS_REGION="us-east-1")


def test_without_a_stack(local_aws: lifecycle.Server) -> None:
    """Another region of the local AWS, where nothing is deployed."""
    said = fails("verify", **{**lifecycle.environment(local_aws), "AWS_REGION": "eu-west-3"})
    assert said.startswith("There is no stack LearningStack in eu-west-3 (http://127.0.0.1:")
    assert "Deploy it first: make local, or cdk deploy LearningStack" in said


def test_a_half_deleted_stack(local_aws: lifecycle.Server) -> None:
    """In a region of its own, with a bucket that holds a file, which no delete removes."""
    environment = {**lifecycle.environment(local_aws), "AWS_REGION": "eu-west-2"}
    session = boto3.Session(region_name="eu-west-2")
    cloudformation: Any = session.client("cloudformation", endpoint_url=local_aws.endpoint)
    s3: Any = session.client("s3", endpoint_url=local_aws.endpoint)
    template = {"Resources": {"Bucket": {"Type": "AWS::S3::Bucket", "Properties": {"BucketName": "half-deleted"}}}}
    stack = cloudformation.create_stack(StackName="LearningStack", TemplateBody=json.dumps(template))["StackId"]
    cloudformation.get_waiter("stack_create_complete").wait(StackName=stack)
    s3.put_object(Bucket="half-deleted", Key="note.txt")
    cloudformation.delete_stack(StackName=stack)
    with pytest.raises(WaiterError, match="DELETE_FAILED"):
        cloudformation.get_waiter("stack_delete_complete").wait(StackName=stack)
    for command in ("verify", "exercise"):
        said = fails(command, **environment)
        assert said.startswith(
            "LearningStack in eu-west-2 is DELETE_FAILED, so there is nothing to prove. Run cdk destroy"
        )
    assert fails("status", **environment).startswith("LearningStack has no bastion in eu-west-2")


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["Nothing"], "There is no cdk.out/Nothing.template.json"),
        (["--gets", "-1"], "--gets: '-1' is not a number from 0 to 1000000000000. Example: --gets 8"),
        (["--live"], "--live asks AWS, free of charge, and finds no credentials: sign in with aws login"),
    ],
)
def test_cost_fails_in_one_line(words: list[str], said: str) -> None:
    assert said in fails("cost", *words)


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["guide", "13"], "There is no chapter 13; there are 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12. Example:"),
        (["exercise", "1"], "Chapter 1 has no exercise; 3, 4, 5, 6, 7, 8, 9, 10, 11, 12 have. Example:"),
    ],
)
def test_an_unknown_chapter_is_told_in_one_line(words: list[str], said: str) -> None:
    assert said in fails(*words)


def test_a_refusal_is_one_line_without_what_only_machines_read() -> None:
    message = "You are not authorized to perform this operation. Encoded authorization failure message: 4Fwx"
    error = ClientError({"Error": {"Code": "UnauthorizedOperation", "Message": message}}, "DescribeInstances")
    assert explain(error) == (
        "You are not allowed to do this: An error occurred (UnauthorizedOperation) when calling the DescribeInstances "
        "operation: You are not authorized to perform this operation."
    )
    error = ClientError({"Error": {"Code": "403", "Message": "Forbidden"}}, "HeadObject")
    assert explain(error).startswith("You are not allowed to do this: An error occurred (403)")


def test_a_locale_without_the_characters_gets_their_codes() -> None:
    ended = lab("guide", "--lang", "ja", "--json", environment=BARE | {"PYTHONIOENCODING": "latin-1"})
    assert json.loads(ended.out)[1]["title"] == "VPC: 自分のネットワーク"


def test_ctrl_c_while_it_is_loading_is_no_stack_trace(tmp_path: Path) -> None:
    (tmp_path / "typer.py").write_text("import signal; signal.raise_signal(signal.SIGINT)")
    ended = lab("guide", environment=BARE | {"PYTHONPATH": str(tmp_path)})
    assert (ended.status, ended.err) == (130, "")


COMMANDS = [
    *(
        [],
        ["local"],
        ["verify"],
        ["rehearse"],
        ["cost"],
        ["picture"],
        ["local", "up"],
        ["local", "down"],
        ["local", "status"],
        ["local", "as"],
    ),
    *(
        [command]
        for command in (
            "status",
            "start",
            "stop",
            "boot-log",
            "connect",
            "cleanup",
            "doctor",
            "zones",
            "guide",
            "exercise",
            "reach",
        )
    ),
]


def test_every_command_has_an_example() -> None:
    for command in COMMANDS:
        printed = lab_here(*command, "--help").out
        assert re.search(rf"Example: .*python -m lab {' '.join(command)}", printed), printed
