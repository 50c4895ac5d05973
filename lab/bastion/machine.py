"""The bastion as EC2 knows it. Found by its tags: an operator may look at EC2, and not at CloudFormation."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import TYPE_CHECKING

import boto3
from botocore.exceptions import BotoCoreError, ClientError

from lab.template.deployed import CONFIG, DENIED
from lab.template.reader import BASTION, ROLE, STACK
from lab.terminal.language import N_, _
from lab.terminal.problem import ProblemError

if TYPE_CHECKING:
    from mypy_boto3_ec2 import EC2Client
    from mypy_boto3_ec2.type_defs import FilterTypeDef, InstanceTypeDef, WaiterConfigTypeDef
    from mypy_boto3_iam import IAMClient

TAGS = {"Project": "LearningStack", ROLE: BASTION}
EXISTING = ["pending", "running", "stopping", "stopped"]
EVERY_FIVE_SECONDS: "WaiterConfigTypeDef" = {"Delay": 5, "MaxAttempts": 60}
AN_OPERATOR_WITHOUT_MFA = {
    "start": N_(
        "You may not start {id}: operators may, in a session that began with MFA, and yours did not. {get_one}"
    ),
    "stop": N_("You may not stop {id}: operators may, in a session that began with MFA, and yours did not. {get_one}"),
}
A_SESSION_THAT_MAY_NOT = {
    "start": N_("Your session may not start {id}: that takes an operator, in a session that began with MFA. {sign_in}"),
    "stop": N_("Your session may not stop {id}: that takes an operator, in a session that began with MFA. {sign_in}"),
}
SIGN_IN = N_("Set up an MFA device in the console if you have none, and sign in with it again: aws login")


@dataclass(frozen=True)
class BastionInstance:
    """The one bastion of a stack, as it was when it was looked up."""

    stack: str
    id: str
    name: str
    state: str
    address: str
    instance_type: str
    key_name: str
    groups: tuple[str, ...]
    launched: datetime


def find_bastion(ec2: "EC2Client", stack: str = STACK) -> BastionInstance:
    """Return the bastion of a stack.

    Raises ProblemError when there is none, or more than one, as while a deploy replaces it.
    """
    found = _instances(ec2, stack, {"Name": "instance-state-name", "Values": EXISTING})
    where = f"{ec2.meta.region_name} ({ec2.meta.endpoint_url})"
    if not found:
        raise ProblemError(
            _("{stack} has no bastion in {where}. Deploy it: make local, or cdk deploy {stack}").format(
                stack=stack, where=where
            )
        )
    if len(found) > 1:
        ids = ", ".join(sorted(each["InstanceId"] for each in found))
        raise ProblemError(
            _("{stack} has {found} bastions in {where}: {ids}. Wait until the deploy has ended").format(
                stack=stack, found=len(found), where=where, ids=ids
            )
        )
    [instance] = found
    return BastionInstance(
        stack=stack,
        id=instance["InstanceId"],
        name=next((tag["Value"] for tag in instance["Tags"] if tag["Key"] == "Name"), _("The bastion")),
        state=instance["State"]["Name"],
        address=instance.get("PublicIpAddress", ""),
        instance_type=instance["InstanceType"],
        key_name=instance.get("KeyName", ""),
        groups=tuple(group["GroupId"] for group in instance.get("SecurityGroups", [])),
        launched=instance["LaunchTime"].astimezone(UTC),
    )


def find_last_booted(session: boto3.Session, ec2: "EC2Client", stack: str = STACK) -> str:
    """Return the id of the stack's newest bastion: also of one that a failed deploy has terminated.

    A terminated instance soon loses its tags, but the stack's events still name it.
    Raises ProblemError when there is none.
    """
    found = _instances(ec2, stack)
    if found:
        return max(found, key=lambda each: each["LaunchTime"])["InstanceId"]
    cloudformation = session.client("cloudformation", config=CONFIG)
    try:
        for page in cloudformation.get_paginator("describe_stack_events").paginate(StackName=stack):
            for event in page["StackEvents"]:
                instance_id = event.get("PhysicalResourceId", "")
                if event["LogicalResourceId"].startswith("BastionInstance") and instance_id.startswith("i-"):
                    return instance_id
    except ClientError as error:
        if error.response["Error"]["Code"] != "ValidationError":
            raise
    raise ProblemError(
        _("{stack} has had no bastion in {region_name} ({endpoint_url}). Deploy it: cdk deploy {stack}").format(
            stack=stack, region_name=ec2.meta.region_name, endpoint_url=ec2.meta.endpoint_url
        )
    )


def _instances(ec2: "EC2Client", stack: str, *filters: "FilterTypeDef") -> "list[InstanceTypeDef]":
    tags = {**TAGS, "aws:cloudformation:stack-name": stack}
    ours: list[FilterTypeDef] = [{"Name": f"tag:{key}", "Values": [value]} for key, value in tags.items()]
    pages = ec2.get_paginator("describe_instances").paginate(Filters=[*ours, *filters])
    return [each for page in pages for reservation in page["Reservations"] for each in reservation["Instances"]]


def start(session: boto3.Session, ec2: "EC2Client", bastion: BastionInstance) -> None:
    """Start the bastion and wait until it runs.

    Raises ProblemError when whoever asks may not, or it is just stopping.
    """
    if bastion.state == "stopping":
        raise ProblemError(_("{bastion} is still stopping. Start it in a minute").format(bastion=bastion.id))
    with _telling_of_mfa(session, "start", bastion):
        ec2.start_instances(InstanceIds=[bastion.id])
    ec2.get_waiter("instance_running").wait(InstanceIds=[bastion.id], WaiterConfig=EVERY_FIVE_SECONDS)


def stop(session: boto3.Session, ec2: "EC2Client", bastion: BastionInstance) -> None:
    """Stop the bastion and wait until it stands still.

    Raises ProblemError when whoever asks may not, or it is just starting.
    """
    if bastion.state == "pending":
        raise ProblemError(_("{bastion} is still starting. Stop it in a minute").format(bastion=bastion.id))
    with _telling_of_mfa(session, "stop", bastion):
        ec2.stop_instances(InstanceIds=[bastion.id])
    ec2.get_waiter("instance_stopped").wait(InstanceIds=[bastion.id], WaiterConfig=EVERY_FIVE_SECONDS)


@contextmanager
def _telling_of_mfa(session: boto3.Session, verb: str, bastion: BastionInstance) -> Iterator[None]:
    """Raise ProblemError with how to get a session with MFA, in place of a refusal."""
    try:
        yield
    except ClientError as error:
        if error.response["Error"]["Code"] not in DENIED:
            raise
    else:
        return
    credentials = session.get_credentials()
    # A key of a user, which has no token, never carries MFA; a session may or may not, and STS gives it no other one.
    if credentials and credentials.token:
        raise ProblemError(_(A_SESSION_THAT_MAY_NOT[verb]).format(id=bastion.id, sign_in=_(SIGN_IN))) from None
    get_one = how_to_get_mfa(session.client("iam", config=CONFIG))
    raise ProblemError(_(AN_OPERATOR_WITHOUT_MFA[verb]).format(id=bastion.id, get_one=get_one)) from None


def how_to_get_mfa(iam: "IAMClient") -> str:
    """Return what to do for a session with MFA, with the user's own device where IAM tells it."""
    serial = "arn:aws:iam::ACCOUNT:mfa/USER"
    try:
        devices = iam.list_mfa_devices()["MFADevices"]
    except (BotoCoreError, ClientError):
        pass  # a role has none, and not everybody may ask
    else:
        if not devices:
            return _("You have no MFA device: set one up in the console (Security credentials), named like your user")
        serial = devices[0]["SerialNumber"]
    return _(
        "Get one with: aws sts get-session-token --serial-number {serial} --token-code 123456 "
        "(your device's code), and export its values as AWS_ACCESS_KEY_ID, AWS_SECRET_ACCESS_KEY "
        "and AWS_SESSION_TOKEN"
    ).format(serial=serial)
