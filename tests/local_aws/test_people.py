"""Chapter 4 on the local AWS: what an operator may, as in AWS, with and without MFA."""

import os
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Any
from unittest.mock import patch

import boto3
import pyotp
import pytest
from botocore.exceptions import ClientError

from lab.local_aws.sign_in import environment_of
from lab.template.deployed import Deployed
from lab.terminal.problem import ProblemError


def client(service: str, environment: dict[str, str]) -> Any:
    return boto3.Session(
        environment["AWS_ACCESS_KEY_ID"], environment["AWS_SECRET_ACCESS_KEY"], environment.get("AWS_SESSION_TOKEN")
    ).client(service)  # type: ignore[call-overload]


@pytest.fixture(autouse=True)
def nothing_is_left(operators_stack: Deployed) -> Iterator[None]:
    with patch.dict(os.environ):  # each of these points this process at the local AWS
        yield
    iam = operators_stack.iam
    for device in iam.list_virtual_mfa_devices()["VirtualMFADevices"]:
        if "User" in device:
            iam.deactivate_mfa_device(UserName=device["User"]["UserName"], SerialNumber=device["SerialNumber"])
        iam.delete_virtual_mfa_device(SerialNumber=device["SerialNumber"])


@pytest.fixture
def bastion(learning_stack: Deployed) -> str:
    return learning_stack.outputs["InstanceId"]


def test_nobody_works_as_the_root_user(learning_stack: Deployed) -> None:
    assert learning_stack.client("sts").get_caller_identity()["Arn"].endswith(":user/administrator")


@pytest.mark.parametrize("mfa", [False, True])
def test_an_operator_starts_and_stops_the_bastion_with_mfa_alone(
    bastion: str,
    learning_stack: Deployed,
    operators_stack: Deployed,  # noqa: ARG001
    mfa: bool,  # noqa: FBT001
) -> None:
    ec2 = client("ec2", environment_of("alice", mfa=mfa))
    assert ec2.describe_instances(InstanceIds=[bastion])["Reservations"]
    if not mfa:
        with pytest.raises(ClientError, match="UnauthorizedOperation"):
            ec2.stop_instances(InstanceIds=[bastion])
        with pytest.raises(ClientError, match="UnauthorizedOperation"):
            ec2.stop_instances(InstanceIds=[bastion], DryRun=True)
        return
    with pytest.raises(ClientError, match="DryRunOperation"):
        ec2.stop_instances(InstanceIds=[bastion], DryRun=True)
    ec2.stop_instances(InstanceIds=[bastion])
    ec2.start_instances(InstanceIds=[bastion])
    host = next(each.id for each in learning_stack.all("AWS::EC2::Instance") if each.id != bastion)
    for call, given in (
        (ec2.stop_instances, {"InstanceIds": [host]}),  # it has not the tag
        (ec2.stop_instances, {"InstanceIds": [bastion, host]}),
        (ec2.terminate_instances, {"InstanceIds": [bastion]}),
        (ec2.delete_security_group, {"GroupId": learning_stack.outputs["WebGroupId"]}),
        (ec2.create_tags, {"Resources": [host], "Tags": [{"Key": "Role", "Value": "bastion"}]}),
    ):
        with pytest.raises(ClientError, match="UnauthorizedOperation"):
            call(**given)


def test_an_operator_cares_for_nobody_elses_mfa(operators_stack: Deployed) -> None:  # noqa: ARG001
    iam = client("iam", environment_of("bob", mfa=False))
    assert iam.list_mfa_devices(UserName="bob")["MFADevices"] == []
    assert iam.get_user()["User"]["UserName"] == "bob"
    for call, given in (
        (iam.list_mfa_devices, {"UserName": "alice"}),
        (iam.create_virtual_mfa_device, {"VirtualMFADeviceName": "alice"}),
        (iam.create_access_key, {"UserName": "bob"}),
    ):
        with pytest.raises(ClientError, match="AccessDenied"):
            call(**given)


def test_only_the_codes_of_ones_own_device_count(operators_stack: Deployed) -> None:
    key = operators_stack.iam.create_access_key(UserName="bob")["AccessKey"]
    bobs = {"AWS_ACCESS_KEY_ID": key["AccessKeyId"], "AWS_SECRET_ACCESS_KEY": key["SecretAccessKey"]}
    iam, sts = client("iam", bobs), client("sts", bobs)
    made = iam.create_virtual_mfa_device(VirtualMFADeviceName="bob")["VirtualMFADevice"]
    serial, codes = made["SerialNumber"], pyotp.TOTP(made["Base32StringSeed"].decode())
    now = datetime.now(UTC)
    with pytest.raises(ClientError, match="InvalidAuthenticationCode"):
        iam.enable_mfa_device(
            UserName="bob", SerialNumber=serial, AuthenticationCode1="000000", AuthenticationCode2="111111"
        )
    iam.enable_mfa_device(
        UserName="bob",
        SerialNumber=serial,
        AuthenticationCode1=codes.at(now - timedelta(seconds=30)),
        AuthenticationCode2=codes.at(now),
    )
    assert sts.get_session_token(SerialNumber=serial, TokenCode=codes.now())["Credentials"]
    old = codes.at(now - timedelta(minutes=10))
    for number, code in ((serial, old), (serial, "123456"), (serial.replace("/bob", "/alice"), codes.now())):
        with pytest.raises(ClientError, match="AccessDenied"):
            sts.get_session_token(SerialNumber=number, TokenCode=code)
    operators_stack.iam.delete_access_key(UserName="bob", AccessKeyId=key["AccessKeyId"])
    with pytest.raises(ProblemError, match="whose seed is not known here"):
        environment_of("bob", mfa=True)


def test_a_user_that_is_not_there_is_one_line(operators_stack: Deployed) -> None:  # noqa: ARG001
    with pytest.raises(
        ProblemError, match=r"^There is no user dave in the local AWS, only: administrator, .*alice, bob\."
    ):
        environment_of("dave", mfa=False)
