"""Chapter 4: a group, its policy, and the people in it."""

import json

from lab.checks.access import listed, policy_document
from lab.checks.check import Facts, check
from lab.deployed import Deployed


def group(aws: Deployed) -> str:
    return aws.one("AWS::IAM::Group").id


def users(aws: Deployed) -> list[str]:
    return [user.id for user in aws.all("AWS::IAM::User")]


@check(
    "4-3",
    "The policy lets operators view EC2, and start and stop the tagged bastion with MFA",
    "ポリシーは EC2 の閲覧と、MFA を使ったタグ付き踏み台の開始・停止を許可する",
    "aws iam list-attached-group-policies --group-name {GroupName}",
    stack="OperatorsStack",
)
def operators_policy(aws: Deployed) -> tuple[Facts, Facts]:
    arn = aws.one("AWS::IAM::ManagedPolicy").id
    found = [
        f"{each['Effect']} {action} if {json.dumps(each.get('Condition', {}), sort_keys=True)}"
        for each in policy_document(aws, arn)["Statement"]
        for action in listed(each["Action"])
        if action.startswith("ec2:") or "*" in action
    ]
    condition = {
        "Bool": {"aws:MultiFactorAuthPresent": "true"},
        "StringEquals": {"aws:ResourceTag/Project": "LearningStack", "aws:ResourceTag/Role": "bastion"},
    }
    return (
        ["Allow ec2:Describe* if {}"]
        + [f"Allow ec2:{verb}Instances if {json.dumps(condition, sort_keys=True)}" for verb in ("Start", "Stop")],
        found,
    )


@check(
    "4-4",
    "The policy is on the group, and the operators are its members",
    "ポリシーはグループに付いていて、運用者はそのメンバー",
    "aws iam get-group --group-name {GroupName}",
    stack="OperatorsStack",
)
def operators_group(aws: Deployed) -> tuple[Facts, Facts]:
    attached = aws.iam.list_attached_group_policies(GroupName=group(aws))["AttachedPolicies"]
    members = aws.iam.get_group(GroupName=group(aws))["Users"]
    return (
        [f"policy {aws.one('AWS::IAM::ManagedPolicy').id}", *(f"member {user}" for user in users(aws))],
        [f"policy {each['PolicyArn']}" for each in attached] + [f"member {each['UserName']}" for each in members],
    )


@check(
    "4-4, 4-5",
    "Operators have no access keys, and no permission but their group's",
    "運用者にアクセスキーはなく、権限はグループのものだけ",
    "aws iam list-users",
    stack="OperatorsStack",
)
def operators_have_no_keys(aws: Deployed) -> tuple[Facts, Facts]:
    found = []
    for user in users(aws):
        keys = aws.iam.list_access_keys(UserName=user)["AccessKeyMetadata"]
        attached = aws.iam.list_attached_user_policies(UserName=user)["AttachedPolicies"]
        found += [f"{user} has access key {key['AccessKeyId']}" for key in keys]
        found += [f"{user} has policy {policy['PolicyName']}" for policy in attached]
        found += [f"{user} has policy {name}" for name in aws.iam.list_user_policies(UserName=user)["PolicyNames"]]
    return [], found
