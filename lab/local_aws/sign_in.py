"""Work with the local AWS as somebody else: an IAM user's access key, or a session that began with MFA."""

import json
from datetime import UTC, datetime

import boto3
import pyotp
from botocore.exceptions import ClientError

from lab.local_aws import lifecycle
from lab.terminal.language import _
from lab.terminal.problem import ProblemError


def environment_of(user: str, *, mfa: bool) -> dict[str, str]:
    """Return the environment variables that point a shell at the local AWS as this IAM user.

    They are a session's, of twelve hours, as ``aws login`` gives one. With ``mfa``, the user gets a virtual MFA device,
    if there is none, and the session begins with a code of it. Points this process at the local AWS, as its
    administrator. Raises ProblemError when there is no such user.

    Source: https://docs.aws.amazon.com/STS/latest/APIReference/API_GetSessionToken.html
    """
    lifecycle.point_at_running()
    iam = boto3.client("iam")
    names = [found["UserName"] for page in iam.get_paginator("list_users").paginate() for found in page["Users"]]
    if user not in names:
        raise ProblemError(
            _(
                "There is no user {user} in the local AWS, only: {names}. Make one with: cdk deploy "
                "OperatorsStack -c operators={user}"
            ).format(user=user, names=", ".join(names))
        )
    key = iam.create_access_key(UserName=user)["AccessKey"]
    try:
        sts = boto3.client("sts", aws_access_key_id=key["AccessKeyId"], aws_secret_access_key=key["SecretAccessKey"])
        if mfa:
            serial, codes = _device(user)
            session = sts.get_session_token(SerialNumber=serial, TokenCode=codes.now())["Credentials"]
        else:
            session = sts.get_session_token()["Credentials"]
    finally:  # as with aws login, no key is left
        iam.delete_access_key(UserName=user, AccessKeyId=key["AccessKeyId"])
    given = {
        "AWS_ACCESS_KEY_ID": session["AccessKeyId"],
        "AWS_SECRET_ACCESS_KEY": session["SecretAccessKey"],
        "AWS_SESSION_TOKEN": session["SessionToken"],
    }
    server = lifecycle.running()
    assert server  # noqa: S101  # this process was pointed at it
    return lifecycle.environment(server) | given


def _device(user: str) -> tuple[str, pyotp.TOTP]:
    """Return the user's device and its codes. The seed lies where an authenticator app would have it."""
    iam = boto3.client("iam")
    kept = lifecycle.HOME / "mfa.json"
    seeds: dict[str, str] = json.loads(kept.read_text()) if kept.exists() else {}
    enabled = {device["SerialNumber"] for device in iam.list_mfa_devices(UserName=user)["MFADevices"]}
    for serial in enabled & seeds.keys():
        return serial, pyotp.TOTP(seeds[serial])
    try:
        made = iam.create_virtual_mfa_device(VirtualMFADeviceName=user)["VirtualMFADevice"]
    except ClientError as error:
        if error.response["Error"]["Code"] != "EntityAlreadyExists":
            raise
        raise ProblemError(
            _(
                "{user} has an MFA device whose seed is not known here. Begin a session with a code of "
                "it: aws sts get-session-token --serial-number ... --token-code ..."
            ).format(user=user)
        ) from None
    serial, seed = made["SerialNumber"], made["Base32StringSeed"].decode()
    codes = pyotp.TOTP(seed)
    step = codes.timecode(datetime.now(UTC))
    iam.enable_mfa_device(
        UserName=user,
        SerialNumber=serial,
        AuthenticationCode1=codes.generate_otp(step - 1),
        AuthenticationCode2=codes.generate_otp(step),
    )
    lifecycle.write("mfa.json", json.dumps(seeds | {serial: seed}))
    return serial, codes
