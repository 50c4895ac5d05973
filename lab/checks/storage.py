"""Chapters 7 and 9: the bucket, who can use it, and when it gets cheaper."""

import json
from typing import Any

from lab.checks.check import Facts, check
from lab.deployed import Deployed


def bucket(aws: Deployed) -> str:
    return aws.outputs["BucketName"]


def both(aws: Deployed) -> tuple[str, str]:
    return bucket(aws), aws.outputs["LogBucketName"]


def lifecycle(aws: Deployed) -> dict[str, Any]:
    return {rule["ID"]: rule for rule in aws.s3.get_bucket_lifecycle_configuration(Bucket=bucket(aws))["Rules"]}


@check(
    "7-1",
    "Objects below archive/, and only those, move to Glacier after 30 days",
    "archive/ 以下のオブジェクトだけが 30 日後に Glacier に移る",
    "aws s3api get-bucket-lifecycle-configuration --bucket {BucketName}",
)
def archive_moves_to_glacier(aws: Deployed) -> tuple[Facts, Facts]:
    return (
        ["archive/ to GLACIER after 30 days"],
        [
            f"{rule.get('Filter', rule).get('Prefix') or 'everything'} to {step.get('StorageClass')} "
            f"after {step.get('Days')} days"
            for rule in lifecycle(aws).values()
            if rule["Status"] == "Enabled"
            for step in rule.get("Transitions", [])
        ],
    )


@check(
    "7-1",
    "Old versions are deleted after 90 days, unfinished uploads after 7",
    "古いバージョンは 90 日後、途中で止まったアップロードは 7 日後に削除される",
    "aws s3api get-bucket-lifecycle-configuration --bucket {BucketName}",
)
def leftovers_are_deleted(aws: Deployed) -> tuple[Facts, Facts]:
    found = []
    for rule in lifecycle(aws).values():
        if rule["Status"] == "Enabled" and "NoncurrentVersionExpiration" in rule:
            found.append(f"old versions: {rule['NoncurrentVersionExpiration'].get('NoncurrentDays')} days")
        if rule["Status"] == "Enabled" and "AbortIncompleteMultipartUpload" in rule:
            found.append(
                f"unfinished uploads: {rule['AbortIncompleteMultipartUpload'].get('DaysAfterInitiation')} days"
            )
    return ["old versions: 90 days", "unfinished uploads: 7 days"], found


@check(
    "9",
    "Nothing in the buckets can be made public",
    "バケットの中身は公開できない",
    "aws s3api get-public-access-block --bucket {BucketName}",
)
def nothing_is_public(aws: Deployed) -> tuple[Facts, Facts]:
    switches = ("BlockPublicAcls", "BlockPublicPolicy", "IgnorePublicAcls", "RestrictPublicBuckets")
    found = []
    for name in both(aws):
        block: Any = aws.s3.get_public_access_block(Bucket=name)["PublicAccessBlockConfiguration"]
        found += [f"{name}: {switch} {block.get(switch)}" for switch in switches]
    return [f"{name}: {switch} True" for name in both(aws) for switch in switches], found


@check(
    "9",
    "ACLs are disabled: policies alone decide who reads (the primer's default_acl=public-read cannot work)",
    "ACL は無効で、ポリシーだけがアクセスを決める (入門記事の default_acl=public-read は使えない)",
    "aws s3api get-bucket-ownership-controls --bucket {BucketName}",
)
def acls_are_disabled(aws: Deployed) -> tuple[Facts, Facts]:
    return (
        [f"{name}: BucketOwnerEnforced" for name in both(aws)],
        [
            f"{name}: {rule['ObjectOwnership']}"
            for name in both(aws)
            for rule in aws.s3.get_bucket_ownership_controls(Bucket=name)["OwnershipControls"]["Rules"]
        ],
    )


@check(
    "9",
    "Everything is encrypted at rest with SSE-S3",
    "保存データはすべて SSE-S3 で暗号化される",
    "aws s3api get-bucket-encryption --bucket {BucketName}",
)
def encrypted_at_rest(aws: Deployed) -> tuple[Facts, Facts]:
    found = []
    for name in both(aws):
        rules = aws.s3.get_bucket_encryption(Bucket=name)["ServerSideEncryptionConfiguration"]["Rules"]
        found += [f"{name}: {rule['ApplyServerSideEncryptionByDefault']['SSEAlgorithm']}" for rule in rules]
    return [f"{name}: AES256" for name in both(aws)], found


@check(
    "9",
    "Requests without TLS are denied to everyone",
    "TLS を使わない要求は誰からでも拒否される",
    "aws s3api get-bucket-policy --bucket {BucketName}",
)
def tls_only(aws: Deployed) -> tuple[Facts, Facts]:
    found = []
    for name in both(aws):
        policy = json.loads(aws.s3.get_bucket_policy(Bucket=name)["Policy"])
        for statement in policy["Statement"]:
            conditions = statement.get("Condition")
            if statement["Effect"] == "Deny" and statement["Principal"] in ("*", {"AWS": "*"}):
                found += [f"{name}: no TLS"] * (conditions == {"Bool": {"aws:SecureTransport": "false"}})
    return [f"{name}: no TLS" for name in both(aws)], found


@check(
    "9",
    "The bucket keeps old versions of changed and deleted objects",
    "変更・削除したオブジェクトの古いバージョンが残る",
    "aws s3api get-bucket-versioning --bucket {BucketName}",
)
def versioning(aws: Deployed) -> tuple[Facts, Facts]:
    return ["Enabled"], [aws.s3.get_bucket_versioning(Bucket=bucket(aws)).get("Status", "never enabled")]


@check(
    "9",
    "Every request to the bucket is logged to the log bucket",
    "バケットへの要求はすべてログ用バケットに記録される",
    "aws s3api get-bucket-logging --bucket {BucketName}",
)
def access_logs(aws: Deployed) -> tuple[Facts, Facts]:
    logging: Any = aws.s3.get_bucket_logging(Bucket=bucket(aws)).get("LoggingEnabled", {})
    target = f"{logging.get('TargetBucket')}/{logging.get('TargetPrefix')}" if logging else "nowhere"
    return [f"{aws.outputs['LogBucketName']}/access-logs/"], [target]
