"""Chapter 10-1: the role that opens the bucket to the bastion, and no more."""

import json
from typing import Any
from urllib.parse import unquote

from lab.checks.check import Facts, check
from lab.deployed import Deployed


def role(aws: Deployed) -> str:
    """Return the name of the bastion's role; an instance that needs none gets an empty one, without such a name."""
    return next(role.id for role in aws.all("AWS::IAM::Role") if "RoleName" in role.properties)


def document(raw: Any) -> dict[str, Any]:
    """Return a policy document, which boto3 gives as a dict and some emulators as URL-encoded text."""
    return dict(json.loads(unquote(raw)) if isinstance(raw, str) else raw)


def listed(value: Any) -> list[str]:
    """Return what IAM lets be written as one text or as a list."""
    return [value] if isinstance(value, str) else list(value)


def policy_document(aws: Deployed, arn: str) -> dict[str, Any]:
    version = aws.iam.get_policy(PolicyArn=arn)["Policy"]["DefaultVersionId"]
    return document(aws.iam.get_policy_version(PolicyArn=arn, VersionId=version)["PolicyVersion"]["Document"])


def permissions(statements: list[dict[str, Any]]) -> Facts:
    return [
        f"{statement['Effect']} {action} on {resource}"
        for statement in statements
        for action in listed(statement["Action"])
        for resource in listed(statement["Resource"])
    ]


@check(
    "10-1",
    "EC2 alone may take the role, and the bastion carries it in its instance profile",
    "ロールを引き受けられるのは EC2 だけで、踏み台はインスタンスプロファイルでそれを持つ",
    "aws ec2 describe-instances --instance-ids {InstanceId} --query Reservations[].Instances[].IamInstanceProfile",
)
def role_is_for_the_bastion(aws: Deployed) -> tuple[Facts, Facts]:
    trust = document(aws.iam.get_role(RoleName=role(aws))["Role"]["AssumeRolePolicyDocument"])
    found = [f"{each['Effect']} {each['Action']} by {json.dumps(each['Principal'])}" for each in trust["Statement"]]
    instance = aws.ec2.describe_instances(InstanceIds=[aws.outputs["InstanceId"]])["Reservations"][0]["Instances"][0]
    profile = instance.get("IamInstanceProfile", {}).get("Arn", "none").split("/")[-1]
    if profile != "none":
        roles = aws.iam.get_instance_profile(InstanceProfileName=profile)["InstanceProfile"]["Roles"]
        found += [f"bastion carries {each['RoleName']}" for each in roles]
    return ['Allow sts:AssumeRole by {"Service": "ec2.amazonaws.com"}', f"bastion carries {role(aws)}"], found


@check(
    "10-1",
    "The role may use the objects of its one bucket, and open Session Manager's sessions: nothing else",
    "ロールにできるのは、この 1 つのバケットのオブジェクトの利用と Session Manager のセッションだけ",
    "aws iam list-attached-role-policies --role-name {RoleName}",
)
def role_has_least_privilege(aws: Deployed) -> tuple[Facts, Facts]:
    arn = f"arn:aws:s3:::{aws.outputs['BucketName']}"
    on_bucket = ("GetBucketLocation", "ListBucket", "ListBucketMultipartUploads")
    on_objects = ("AbortMultipartUpload", "DeleteObject", "GetObject", "ListMultipartUploadParts", "PutObject")
    sessions = ("CreateControlChannel", "CreateDataChannel", "OpenControlChannel", "OpenDataChannel")
    found = [f"inline policy {name}" for name in aws.iam.list_role_policies(RoleName=role(aws))["PolicyNames"]]
    for attached in aws.iam.list_attached_role_policies(RoleName=role(aws))["AttachedPolicies"]:
        found += permissions(policy_document(aws, attached["PolicyArn"])["Statement"])
    return (
        [f"Allow s3:{action} on {arn}" for action in on_bucket]
        + [f"Allow s3:{action} on {arn}/*" for action in on_objects]
        + [f"Allow ssmmessages:{action} on *" for action in sessions]
        + ["Allow ssm:UpdateInstanceInformation on *"],
        [fact.replace("arn:aws-cn:", "arn:aws:") for fact in found],
    )
