"""Chapter 4: a group, its policy, and the people in it."""

from lab.checks.check import Facts, check
from lab.checks.policy import account, partition, permissions, policy_document
from lab.template.deployed import Deployed


def group(aws: Deployed) -> str:
    return aws.outputs["GroupName"]


def attached(aws: Deployed) -> list[str]:
    return [
        each["PolicyArn"] for each in aws.iam.list_attached_group_policies(GroupName=group(aws))["AttachedPolicies"]
    ]


@check(
    "4-3",
    "Operators may only view EC2, start and stop the tagged bastion with MFA, set up their own password and MFA, "
    "sign in to the CLI",
    "aws iam list-attached-group-policies --group-name {GroupName}",
    stack="OperatorsStack",
    field="PolicyName",
)
def operators_policy(aws: Deployed) -> tuple[Facts, Facts]:
    documents = [policy_document(aws, policy) for policy in attached(aws)]
    here = f"arn:{partition(aws)}"
    with_mfa = "aws:multifactorauthpresent Bool true"
    tagged = "aws:resourcetag/project StringEquals LearningStack and aws:resourcetag/role StringEquals bastion"
    own = [f"{here}:iam::{account(aws)}:{kind}/${{aws:username}}" for kind in ("user", "mfa")]
    on_own = "ChangePassword CreateVirtualMFADevice DeleteVirtualMFADevice EnableMFADevice GetUser ListMFADevices"
    return (
        [
            f"Allow {view} on *"
            for view in ("ec2:describe*", "iam:getaccountpasswordpolicy", "iam:listvirtualmfadevices")
        ]
        + [
            f"Allow ec2:{action}instances on {here}:ec2:*:{account(aws)}:instance/* if {with_mfa} and {tagged}"
            for action in ("start", "stop")
        ]
        + [f"Allow iam:{action.lower()} on {each}" for action in [*on_own.split(), "ResyncMFADevice"] for each in own]
        + [
            f"Allow signin:{action} on {here}:signin:*:*:oauth2/public-client/*"
            for action in ("authorizeoauth2access", "createoauth2token")
        ]
        + ["language of 2012-10-17"],  # in that of 2008, ${aws:username} would be the name of a user
        [fact for policy in documents for fact in permissions(policy)]
        + [f"language of {policy.get('Version')}" for policy in documents],
    )


@check(
    "4-4",
    "The policy, and no other, is on the group, and the operators are its members",
    "aws iam get-group --group-name {GroupName}",
    stack="OperatorsStack",
    field="UserName",
)
def operators_group(aws: Deployed) -> tuple[Facts, Facts]:
    own = [policy.id for policy in aws.all("AWS::IAM::ManagedPolicy")]
    inline = aws.iam.list_group_policies(GroupName=group(aws))["PolicyNames"]
    pages = aws.iam.get_paginator("get_group").paginate(GroupName=group(aws))
    return (
        ["policy of this stack", *(f"member {user}" for user in aws.chosen("operators"))],
        ["policy of this stack" if arn in own else f"policy {arn}" for arn in attached(aws)]
        + [f"inline policy {name}" for name in inline]
        + [f"member {each['UserName']}" for page in pages for each in page["Users"]],
    )


@check(
    "4-4, 4-5",
    "Operators have no access keys, and no permission but their group's",
    "aws iam list-users",
    stack="OperatorsStack",
    field="UserName",
)
def operators_have_no_keys(aws: Deployed) -> tuple[Facts, Facts]:
    found = []
    for user in aws.chosen("operators"):
        keys = aws.iam.list_access_keys(UserName=user)["AccessKeyMetadata"]
        policies = aws.iam.list_attached_user_policies(UserName=user)["AttachedPolicies"]
        groups = aws.iam.list_groups_for_user(UserName=user)["Groups"]
        found += [f"{user} has access key {key['AccessKeyId']}" for key in keys]
        found += [f"{user} has policy {policy['PolicyName']}" for policy in policies]
        found += [f"{user} has policy {name}" for name in aws.iam.list_user_policies(UserName=user)["PolicyNames"]]
        found += [f"{user} is in {each['GroupName']}" for each in groups if each["GroupName"] != group(aws)]
    return [], found
