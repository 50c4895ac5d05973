"""The local AWS waits for the signal of an instance with a creation policy, as CloudFormation does."""

import json
import secrets
import time
from collections.abc import Callable, Iterator
from math import ceil
from typing import Any

import boto3
import pytest
from botocore.exceptions import ClientError

from lab.local_aws import lifecycle
from tests.pace import slowness

IMAGE = "/aws/service/canonical/ubuntu/server/26.04/stable/current/amd64/hvm/ebs-gp3/ami-id"
STACK_TAG = "tag:aws:cloudformation:stack-name"
Stack = Callable[..., str]


@pytest.fixture
def cloudformation(local_aws: lifecycle.Server) -> Any:
    return boto3.client("cloudformation", endpoint_url=local_aws.endpoint, region_name="us-east-1")


@pytest.fixture
def stack(cloudformation: Any) -> Iterator[Stack]:
    """Give a function that begins to create a stack with one instance, and returns its name."""
    made: list[str] = []

    def create(timeout: str, **properties: object) -> str:
        parameter = {"Type": "AWS::SSM::Parameter::Value<AWS::EC2::Image::Id>", "Default": IMAGE}
        instance = {
            "Type": "AWS::EC2::Instance",
            "Properties": {"ImageId": {"Ref": "Image"}, "InstanceType": "t3.micro", **properties},
            "CreationPolicy": {"ResourceSignal": {"Timeout": timeout}},
        }
        body = json.dumps({"Parameters": {"Image": parameter}, "Resources": {"Host": instance}})
        name = f"Signals{secrets.token_hex(4)}"  # what is terminated keeps its tags for a while
        cloudformation.create_stack(StackName=name, TemplateBody=body)
        made.append(name)
        return name

    yield create
    for name in made:
        cloudformation.delete_stack(StackName=name)


def events(cloudformation: Any, stack: str) -> list[str]:
    found = cloudformation.describe_stack_events(StackName=stack)["StackEvents"]
    return [f"{each['ResourceStatus']} {each.get('ResourceStatusReason', '')}" for each in reversed(found)]


def wait_for(cloudformation: Any, stack: str, words: str) -> str:
    """Return the event that has these words."""
    until = time.monotonic() + 20 * slowness()
    while time.monotonic() < until:
        if found := next((event for event in events(cloudformation, stack) if words in event), ""):
            return found
        time.sleep(0.1)
    pytest.fail(f"{words}: {events(cloudformation, stack)}")


def instance_of(stack: str, local_aws: lifecycle.Server) -> str:
    """Return the id of the stack's instance, which is there before the stack knows it."""
    ec2 = boto3.client("ec2", endpoint_url=local_aws.endpoint, region_name="us-east-1")
    until = time.monotonic() + 10 * slowness()
    while time.monotonic() < until:
        if found := ec2.describe_instances(Filters=[{"Name": STACK_TAG, "Values": [stack]}])["Reservations"]:
            return str(found[0]["Instances"][0]["InstanceId"])
        time.sleep(0.1)
    pytest.fail("no instance")


def signal(cloudformation: Any, stack: str, unique_id: str, status: str = "SUCCESS") -> None:
    """Send a signal, as soon as the stack waits for one."""
    while True:
        try:
            cloudformation.signal_resource(StackName=stack, LogicalResourceId="Host", UniqueId=unique_id, Status=status)
        except ClientError as error:
            if "is not waiting for signals" not in str(error):
                raise
            time.sleep(0.1)
        else:
            return


def test_an_instance_with_user_data_is_signalled_for_by_its_own_id(
    cloudformation: Any, stack: Stack, local_aws: lifecycle.Server
) -> None:
    name = stack("PT1M", UserData={"Fn::Base64": "#!/bin/sh\n"})
    wait_for(cloudformation, name, "CREATE_COMPLETE")
    instance_id = instance_of(name, local_aws)
    assert f"CREATE_IN_PROGRESS Received SUCCESS signal with UniqueId {instance_id}" in events(cloudformation, name)


def test_only_the_instances_own_id_counts_and_only_once(
    cloudformation: Any, stack: Stack, local_aws: lifecycle.Server
) -> None:
    name = stack("PT1M")
    instance_id = instance_of(name, local_aws)
    signal(cloudformation, name, "files is mounted")  # no error, as in AWS
    assert not [event for event in events(cloudformation, name) if "Received" in event]
    signal(cloudformation, name, instance_id)
    wait_for(cloudformation, name, "CREATE_COMPLETE")
    with pytest.raises(ClientError, match="CREATE_COMPLETE state and cannot be signaled"):
        signal(cloudformation, name, instance_id)


def test_another_id_does_not_end_the_wait(cloudformation: Any, stack: Stack, local_aws: lifecycle.Server) -> None:
    """What most deploys of the like end with: https://github.com/aws/aws-cli/issues/7133."""
    name = stack(f"PT{ceil(2 * slowness())}S")
    instance_of(name, local_aws)
    signal(cloudformation, name, "1234")
    wait_for(cloudformation, name, "Failed to receive 1 resource signal(s) within the specified duration")


def test_a_failure_fails_the_stack_at_once_and_leaves_no_instance(
    cloudformation: Any, stack: Stack, local_aws: lifecycle.Server
) -> None:
    name = stack("PT1M")
    instance_id = instance_of(name, local_aws)
    signal(cloudformation, name, instance_id, "FAILURE")
    wait_for(cloudformation, name, "Received 1 FAILURE signal(s) out of 1")
    ec2 = boto3.client("ec2", endpoint_url=local_aws.endpoint, region_name="us-east-1")
    [reservation] = ec2.describe_instances(InstanceIds=[instance_id])["Reservations"]
    assert reservation["Instances"][0]["State"]["Name"] in ("shutting-down", "terminated")


def test_a_time_out_that_is_no_duration_is_refused(cloudformation: Any, stack: Stack) -> None:
    wait_for(cloudformation, stack("15M"), "must be an ISO 8601 duration")
