"""Operators, chapter 4 of the primer."""

from collections.abc import Callable
from typing import Any

import aws_cdk as cdk
import pytest
from aws_cdk.assertions import Template

from constructs_lib.operators import Operators
from lab.template.values import resolved, target
from tests.unit.constructs_lib.reading import properties

NAMES = {"AWS::Partition": "aws", "AWS::AccountId": "111122223333"}


def operators(plain_stack: Callable[[], cdk.Stack], *user_names: str) -> Template:
    stack = plain_stack()
    Operators(stack, "Operators", user_names=user_names, instance_tags={"Project": "LearningStack", "Role": "bastion"})
    return Template.from_stack(stack)


@pytest.fixture(scope="module")
def template(plain_stack: Callable[[], cdk.Stack]) -> Template:
    return operators(plain_stack, "alice", "bob.b@example.com")


@pytest.fixture(scope="module")
def statements(template: Template) -> dict[str, dict[str, Any]]:
    (policy,) = properties(template, "AWS::IAM::ManagedPolicy").values()
    return {statement["Sid"]: statement for statement in policy["PolicyDocument"]["Statement"]}


def test_viewing_is_allowed_on_all_of_ec2(statements: dict[str, dict[str, Any]]) -> None:
    assert statements["ViewEc2AndWhatIamAsks"] == {
        "Sid": "ViewEc2AndWhatIamAsks",
        "Effect": "Allow",
        "Action": ["ec2:Describe*", "iam:GetAccountPasswordPolicy", "iam:ListVirtualMFADevices"],
        "Resource": "*",
    }


def test_start_and_stop_want_mfa_and_the_bastions_tags(statements: dict[str, dict[str, Any]]) -> None:
    statement = statements["StartAndStopTheBastionWithMfa"]
    assert statement["Effect"] == "Allow"
    assert statement["Action"] == ["ec2:StartInstances", "ec2:StopInstances"]
    assert resolved(statement["Resource"], NAMES) == "arn:aws:ec2:*:111122223333:instance/*"
    assert statement["Condition"] == {
        "Bool": {"aws:MultiFactorAuthPresent": "true"},
        "StringEquals": {"aws:ResourceTag/Project": "LearningStack", "aws:ResourceTag/Role": "bastion"},
    }


def test_people_set_up_mfa_for_nobody_but_themselves(statements: dict[str, dict[str, Any]]) -> None:
    statement = statements["SetUpOwnPasswordAndMfa"]
    assert all(action.startswith("iam:") and "*" not in action for action in statement["Action"])
    assert sorted(resolved(resource, NAMES) for resource in statement["Resource"]) == [
        "arn:aws:iam::111122223333:mfa/${aws:username}",
        "arn:aws:iam::111122223333:user/${aws:username}",
    ]


def test_people_sign_in_to_the_cli_with_no_key(statements: dict[str, dict[str, Any]]) -> None:
    statement = statements["SignInToTheCli"]
    assert statement["Action"] == ["signin:AuthorizeOAuth2Access", "signin:CreateOAuth2Token"]
    assert resolved(statement["Resource"], NAMES) == "arn:aws:signin:*:*:oauth2/public-client/*"


def test_these_are_all_the_statements(statements: dict[str, dict[str, Any]]) -> None:
    assert set(statements) == {
        "ViewEc2AndWhatIamAsks",
        "StartAndStopTheBastionWithMfa",
        "SetUpOwnPasswordAndMfa",
        "SignInToTheCli",
    }


def test_without_mfa_nobody_starts_anything(statements: dict[str, dict[str, Any]]) -> None:
    for statement in statements.values():
        actions = statement["Action"] if isinstance(statement["Action"], list) else [statement["Action"]]
        if {"ec2:StartInstances", "ec2:StopInstances", "ec2:*", "*"}.intersection(actions):
            assert statement["Condition"]["Bool"] == {"aws:MultiFactorAuthPresent": "true"}


def test_the_policy_is_the_groups(template: Template) -> None:
    (policy_id,) = properties(template, "AWS::IAM::ManagedPolicy")
    (group,) = properties(template, "AWS::IAM::Group").values()
    assert group["ManagedPolicyArns"] == [{"Ref": policy_id}]


def test_each_named_user_is_in_the_group_and_has_nothing_else(template: Template) -> None:
    (group_id,) = properties(template, "AWS::IAM::Group")
    users = {user["UserName"]: user for user in properties(template, "AWS::IAM::User").values()}
    assert set(users) == {"alice", "bob.b@example.com"}
    for user in users.values():
        assert [target(group) for group in user["Groups"]] == [group_id]
        assert {"LoginProfile", "Policies", "ManagedPolicyArns"}.isdisjoint(user)


def test_no_access_key_is_made(template: Template) -> None:
    template.resource_count_is("AWS::IAM::AccessKey", 0)


def test_with_no_names_there_is_a_group_and_nobody_in_it(plain_stack: Callable[[], cdk.Stack]) -> None:
    template = operators(plain_stack)
    template.resource_count_is("AWS::IAM::Group", 1)
    template.resource_count_is("AWS::IAM::User", 0)
