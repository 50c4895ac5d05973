"""Chapter 4: a group, its policy, and the people in it."""

from lab.checks.check import Facts, check
from lab.checks.policy import permissions, policy_document, resolved
from lab.deployed import Deployed


def group(aws: Deployed) -> str:
    return aws.one("AWS::IAM::Group").id


def users(aws: Deployed) -> list[str]:
    return [user.id for user in aws.all("AWS::IAM::User")]


@check(
    "4-3",
    "Operators may only view EC2, start and stop the tagged bastion with MFA, set up their own password and MFA, "
    "sign in to the CLI",
    "ポリシーが許すのは EC2 の閲覧、MFA を使ったタグ付き踏み台の開始・停止、自分のパスワードと MFA の設定、"
    "CLI へのサインインだけ",
    "aws iam list-attached-group-policies --group-name {GroupName}",
    stack="OperatorsStack",
)
def operators_policy(aws: Deployed) -> tuple[Facts, Facts]:
    policy = aws.one("AWS::IAM::ManagedPolicy")
    return (
        permissions(resolved(aws, policy.properties["PolicyDocument"])),
        permissions(policy_document(aws, policy.id)),
    )


@check(
    "4-4",
    "The policy, and no other, is on the group, and the operators are its members",
    "グループに付いているのはこのポリシーだけで、運用者はそのメンバー",
    "aws iam get-group --group-name {GroupName}",
    stack="OperatorsStack",
)
def operators_group(aws: Deployed) -> tuple[Facts, Facts]:
    attached = aws.iam.list_attached_group_policies(GroupName=group(aws))["AttachedPolicies"]
    inline = aws.iam.list_group_policies(GroupName=group(aws))["PolicyNames"]
    pages = aws.iam.get_paginator("get_group").paginate(GroupName=group(aws))
    return (
        [f"policy {aws.one('AWS::IAM::ManagedPolicy').id}", *(f"member {user}" for user in users(aws))],
        [f"policy {each['PolicyArn']}" for each in attached]
        + [f"inline policy {name}" for name in inline]
        + [f"member {each['UserName']}" for page in pages for each in page["Users"]],
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
        groups = aws.iam.list_groups_for_user(UserName=user)["Groups"]
        found += [f"{user} has access key {key['AccessKeyId']}" for key in keys]
        found += [f"{user} has policy {policy['PolicyName']}" for policy in attached]
        found += [f"{user} has policy {name}" for name in aws.iam.list_user_policies(UserName=user)["PolicyNames"]]
        found += [f"{user} is in {each['GroupName']}" for each in groups if each["GroupName"] != group(aws)]
    return [], found
