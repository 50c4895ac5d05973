"""Access, chapter 10-1 of the primer."""

import json
from collections.abc import Callable
from typing import Any

import aws_cdk as cdk
import pytest
from aws_cdk import aws_s3 as s3
from aws_cdk.assertions import Template

from constructs_lib.access import Access
from lab.template.values import target
from tests.unit.constructs_lib.reading import properties


@pytest.fixture(scope="module")
def template(plain_stack: Callable[[], cdk.Stack]) -> Template:
    stack = plain_stack()
    Access(stack, "Access", bucket=s3.Bucket(stack, "Bucket"), role_name="access-s3-role")
    return Template.from_stack(stack)


@pytest.fixture(scope="module")
def statements(template: Template) -> dict[str, dict[str, Any]]:
    """Give all statements of all policies, by their Sid."""
    return {
        statement["Sid"]: statement
        for policy in properties(template, "AWS::IAM::ManagedPolicy").values()
        for statement in policy["PolicyDocument"]["Statement"]
    }


def test_the_role_may_do_exactly_this(template: Template, statements: dict[str, dict[str, Any]]) -> None:
    (bucket_id,) = properties(template, "AWS::S3::Bucket")
    bucket = {"Fn::GetAtt": [bucket_id, "Arn"]}
    assert statements == {
        "ListTheBucket": {
            "Sid": "ListTheBucket",
            "Effect": "Allow",
            "Action": ["s3:GetBucketLocation", "s3:ListBucket", "s3:ListBucketMultipartUploads"],
            "Resource": bucket,
        },
        "UseItsObjects": {
            "Sid": "UseItsObjects",
            "Effect": "Allow",
            "Action": [
                "s3:AbortMultipartUpload",
                "s3:DeleteObject",
                "s3:GetObject",
                "s3:ListMultipartUploadParts",
                "s3:PutObject",
            ],
            "Resource": {"Fn::Join": ["", [bucket, "/*"]]},
        },
    }


def test_no_action_has_a_wildcard_or_touches_acls(statements: dict[str, dict[str, Any]]) -> None:
    actions = [action for statement in statements.values() for action in statement["Action"]]
    assert [action for action in actions if "*" in action or "Acl" in action] == []


def test_the_role_has_this_policy_and_no_other(template: Template) -> None:
    (role,) = properties(template, "AWS::IAM::Role").values()
    attached = [target(policy) for policy in role["ManagedPolicyArns"]]
    assert sorted(attached) == sorted(properties(template, "AWS::IAM::ManagedPolicy"))
    assert "Policies" not in role
    template.resource_count_is("AWS::IAM::Policy", 0)


def test_no_policy_is_one_of_awss_full_access_ones(template: Template) -> None:
    assert "FullAccess" not in json.dumps(template.to_json())
    assert ":iam::aws:policy/" not in json.dumps(template.to_json())


def test_only_ec2_can_take_the_role(template: Template) -> None:
    (role,) = properties(template, "AWS::IAM::Role").values()
    assert role["RoleName"] == "access-s3-role"
    assert role["AssumeRolePolicyDocument"]["Statement"] == [
        {"Effect": "Allow", "Action": "sts:AssumeRole", "Principal": {"Service": "ec2.amazonaws.com"}}
    ]


def test_no_key_is_made(template: Template) -> None:
    template.resource_count_is("AWS::IAM::AccessKey", 0)
    template.resource_count_is("AWS::IAM::User", 0)
