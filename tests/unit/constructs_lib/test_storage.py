"""Storage, chapters 7 and 9 of the primer."""

from collections.abc import Callable
from typing import Any

import aws_cdk as cdk
import pytest
from aws_cdk.assertions import Template

from constructs_lib.storage import Storage
from lab.template.values import target
from tests.unit.constructs_lib.reading import properties


def storage(plain_stack: Callable[[], cdk.Stack], **settings: Any) -> Template:
    stack = plain_stack()
    Storage(stack, "Storage", **settings)
    return Template.from_stack(stack)


@pytest.fixture(scope="module")
def template(plain_stack: Callable[[], cdk.Stack]) -> Template:
    return storage(plain_stack)


@pytest.fixture(scope="module")
def buckets(template: Template) -> dict[str, dict[str, Any]]:
    """Give both buckets: the one whose access is logged is the learner's, the other is for logs."""
    found = properties(template, "AWS::S3::Bucket").values()
    return {"files" if "LoggingConfiguration" in bucket else "logs": bucket for bucket in found}


EACH = pytest.mark.parametrize("which", ["files", "logs"])


@EACH
def test_nothing_is_public(buckets: dict[str, dict[str, Any]], which: str) -> None:
    assert buckets[which]["PublicAccessBlockConfiguration"] == {
        "BlockPublicAcls": True,
        "BlockPublicPolicy": True,
        "IgnorePublicAcls": True,
        "RestrictPublicBuckets": True,
    }


@EACH
def test_acls_are_disabled(buckets: dict[str, dict[str, Any]], which: str) -> None:
    assert buckets[which]["OwnershipControls"] == {"Rules": [{"ObjectOwnership": "BucketOwnerEnforced"}]}
    assert "AccessControl" not in buckets[which]


def test_an_app_needs_no_feature_flags_for_it() -> None:
    Storage(cdk.Stack(cdk.App(builtin_cloud_formation_validation=False), "SomebodyElses"), "Storage")


def test_files_are_encrypted_with_the_accounts_free_kms_key_and_few_calls_to_it(
    buckets: dict[str, dict[str, Any]],
) -> None:
    assert buckets["files"]["BucketEncryption"]["ServerSideEncryptionConfiguration"] == [
        {"BucketKeyEnabled": True, "ServerSideEncryptionByDefault": {"SSEAlgorithm": "aws:kms"}}
    ]


def test_logs_are_encrypted_as_their_delivery_demands(buckets: dict[str, dict[str, Any]]) -> None:
    assert buckets["logs"]["BucketEncryption"]["ServerSideEncryptionConfiguration"] == [
        {"ServerSideEncryptionByDefault": {"SSEAlgorithm": "AES256"}}
    ]


@EACH
def test_old_versions_are_kept(buckets: dict[str, dict[str, Any]], which: str) -> None:
    assert buckets[which]["VersioningConfiguration"] == {"Status": "Enabled"}


def test_access_is_logged_to_the_other_bucket(template: Template, buckets: dict[str, dict[str, Any]]) -> None:
    logging = buckets["files"]["LoggingConfiguration"]
    assert logging["LogFilePrefix"] == "access-logs/"
    log_bucket = properties(template, "AWS::S3::Bucket")[target(logging["DestinationBucketName"])]
    assert log_bucket == buckets["logs"]


def test_only_the_logging_service_of_this_bucket_may_write_access_logs(template: Template) -> None:
    (bucket_id,) = [
        name for name, bucket in properties(template, "AWS::S3::Bucket").items() if "LoggingConfiguration" in bucket
    ]
    (statement,) = [
        statement
        for policy in properties(template, "AWS::S3::BucketPolicy").values()
        for statement in policy["PolicyDocument"]["Statement"]
        if statement["Effect"] == "Allow"
    ]
    assert statement["Principal"] == {"Service": "logging.s3.amazonaws.com"}
    assert statement["Action"] == "s3:PutObject"
    assert statement["Condition"] == {
        "ArnLike": {"aws:SourceArn": {"Fn::GetAtt": [bucket_id, "Arn"]}},
        "StringEquals": {"aws:SourceAccount": {"Ref": "AWS::AccountId"}},
    }


def test_only_the_archive_moves_to_glacier_and_old_versions_expire(buckets: dict[str, dict[str, Any]]) -> None:
    assert buckets["files"]["LifecycleConfiguration"]["Rules"] == [
        {
            "Id": "archive-to-glacier",
            "Status": "Enabled",
            "Prefix": "archive/",
            "Transitions": [{"StorageClass": "GLACIER", "TransitionInDays": 30}],
        },
        {
            "Id": "expire-old-versions",
            "Status": "Enabled",
            "NoncurrentVersionExpiration": {"NoncurrentDays": 90},
            "ExpiredObjectDeleteMarker": True,
        },
        {
            "Id": "abort-unfinished-uploads",
            "Status": "Enabled",
            "AbortIncompleteMultipartUpload": {"DaysAfterInitiation": 1},
        },
    ]


def test_no_rule_deletes_a_current_file(buckets: dict[str, dict[str, Any]]) -> None:
    for rule in buckets["files"]["LifecycleConfiguration"]["Rules"]:
        assert {"ExpirationInDays", "ExpirationDate"}.isdisjoint(rule)


def test_logs_expire_and_are_gone_a_day_later(buckets: dict[str, dict[str, Any]]) -> None:
    assert buckets["logs"]["LifecycleConfiguration"]["Rules"] == [
        {
            "Id": "expire-logs",
            "Status": "Enabled",
            "ExpirationInDays": 90,
            "NoncurrentVersionExpiration": {"NoncurrentDays": 1},
        },
        {
            "Id": "abort-unfinished-uploads",
            "Status": "Enabled",
            "AbortIncompleteMultipartUpload": {"DaysAfterInitiation": 1},
        },
    ]


def test_buckets_and_their_policies_outlive_the_stack(template: Template) -> None:
    kept = {**template.find_resources("AWS::S3::Bucket"), **template.find_resources("AWS::S3::BucketPolicy")}
    for name, resource in kept.items():
        # The one with a name that may have been chosen goes with a failed create, where it is empty.
        expected = "RetainExceptOnCreate" if name.startswith("StorageBucket") and "Policy" not in name else "Retain"
        assert (resource.get("DeletionPolicy"), resource.get("UpdateReplacePolicy")) == (expected, "Retain"), name


def test_each_bucket_refuses_everyone_who_comes_without_tls(template: Template) -> None:
    refused = set()
    for policy in properties(template, "AWS::S3::BucketPolicy").values():
        bucket = {"Fn::GetAtt": [target(policy["Bucket"]), "Arn"]}
        expected = {
            "Effect": "Deny",
            "Principal": {"AWS": "*"},
            "Action": "s3:*",
            "Resource": [bucket, {"Fn::Join": ["", [bucket, "/*"]]}],
            "Condition": {"Bool": {"aws:SecureTransport": "false"}},
        }
        assert expected in policy["PolicyDocument"]["Statement"]
        refused.add(target(policy["Bucket"]))
    assert refused == set(properties(template, "AWS::S3::Bucket"))


def test_a_name_is_given_to_the_learners_bucket_alone(plain_stack: Callable[[], cdk.Stack]) -> None:
    template = storage(plain_stack, bucket_name="my-learning-bucket-2026")
    names = {
        "LoggingConfiguration" in bucket: bucket.get("BucketName")
        for bucket in properties(template, "AWS::S3::Bucket").values()
    }
    assert names == {True: "my-learning-bucket-2026", False: None}


def test_without_a_name_cloudformation_makes_one(buckets: dict[str, dict[str, Any]]) -> None:
    assert "BucketName" not in buckets["files"]
