"""Chapters 7 and 9: the bucket, who can use it, and when it gets cheaper."""

from typing import Any

from botocore.exceptions import ClientError

from lab.checks.check import Facts, check
from lab.checks.policy import account, document, partition, permissions
from lab.template.deployed import Deployed

NO_TLS = "aws:securetransport"
OWNERS_ACL = "s3:x-amz-acl StringEquals bucket-owner-full-control"


def bucket(aws: Deployed) -> str:
    return aws.outputs["BucketName"]


def log_bucket(aws: Deployed) -> str:
    return aws.outputs["LogBucketName"]


def every(aws: Deployed) -> list[str]:
    """Return the names of all buckets of the stack, and of the design's two in any case."""
    return sorted({bucket(aws), log_bucket(aws), *(each.id for each in aws.all("AWS::S3::Bucket"))})


def bucket_policy(aws: Deployed, name: str) -> Facts:
    try:
        return permissions(document(aws.s3.get_bucket_policy(Bucket=name)["Policy"]))
    except ClientError as error:
        if error.response["Error"].get("Code") != "NoSuchBucketPolicy":
            raise
        return []


def lifecycle(aws: Deployed, name: str) -> list[Any]:
    """Return the rules that S3 follows; a bucket without any has no configuration of them."""
    try:
        rules: Any = aws.s3.get_bucket_lifecycle_configuration(Bucket=name)["Rules"]
    except ClientError as error:
        if error.response["Error"].get("Code") != "NoSuchLifecycleConfiguration":
            raise
        return []
    return [rule for rule in rules if rule["Status"] == "Enabled"]


def scope(rule: Any) -> str:
    """Return what a lifecycle rule is for, such as ``archive/``."""
    conditions = rule.get("Filter") or {"Prefix": rule.get("Prefix")}
    conditions = conditions.get("And", conditions)
    words = [value if name == "Prefix" else f"{name} {value}" for name, value in conditions.items() if value]
    return " and ".join(words) or "everything"


def moves(rule: Any) -> Facts:
    """Return what a lifecycle rule moves to another storage class."""
    return [
        f"{kind}{scope(rule)} to {step.get('StorageClass')} {_when(step)}"
        for kind, steps in (("", "Transitions"), ("old versions of ", "NoncurrentVersionTransitions"))
        for step in rule.get(steps, [])
    ]


def deletions(rule: Any) -> Facts:
    """Return what a lifecycle rule deletes."""
    expiration = rule.get("Expiration", {})
    dated = {name: value for name, value in expiration.items() if name != "ExpiredObjectDeleteMarker"}
    facts = [f"{scope(rule)}: deleted {_when(dated)}"] if dated else []
    if expiration.get("ExpiredObjectDeleteMarker"):
        facts.append(f"delete markers of {scope(rule)}: deleted when nothing is behind them")
    if "NoncurrentVersionExpiration" in rule:
        facts.append(f"old versions of {scope(rule)}: deleted {_when(rule['NoncurrentVersionExpiration'])}")
    if "AbortIncompleteMultipartUpload" in rule:
        days = rule["AbortIncompleteMultipartUpload"].get("DaysAfterInitiation")
        facts.append(f"unfinished uploads of {scope(rule)}: deleted after {days} days")
    return facts


def _when(step: Any) -> str:
    date = f"on {step['Date']}" if "Date" in step else f"after {step.get('Days', step.get('NoncurrentDays'))} days"
    return f"{date}, {step['NewerNoncurrentVersions']} kept" if step.get("NewerNoncurrentVersions") else date


@check(
    "7-1",
    "Objects below archive/, and only those, move to Glacier after 30 days",
    "aws s3api get-bucket-lifecycle-configuration --bucket {BucketName}",
    field="Transitions",
)
def archive_moves_to_glacier(aws: Deployed) -> tuple[Facts, Facts]:
    found = [fact for rule in lifecycle(aws, bucket(aws)) for fact in moves(rule)]
    return ["archive/ to GLACIER after 30 days"], found


@check(
    "7-1",
    "Old versions are deleted after 90 days, unfinished uploads after one; no file is ever deleted by itself",
    "aws s3api get-bucket-lifecycle-configuration --bucket {BucketName}",
    field="NoncurrentVersionExpiration, AbortIncompleteMultipartUpload",
)
def leftovers_are_deleted(aws: Deployed) -> tuple[Facts, Facts]:
    return (
        [
            "old versions of everything: deleted after 90 days",
            "delete markers of everything: deleted when nothing is behind them",
            "unfinished uploads of everything: deleted after 1 days",
        ],
        [fact for rule in lifecycle(aws, bucket(aws)) for fact in deletions(rule)],
    )


@check(
    "7-1",
    "Logs are deleted after 90 days (hardened: 365), unfinished uploads of them after one",
    "aws s3api get-bucket-lifecycle-configuration --bucket {LogBucketName}",
    field="Expiration",
)
def logs_are_deleted(aws: Deployed) -> tuple[Facts, Facts]:
    rules = lifecycle(aws, log_bucket(aws))
    days = 365 if aws.settings["hardened"] == "true" else 90
    return (
        [
            f"everything: deleted after {days} days",
            "old versions of everything: deleted after 1 days",
            "unfinished uploads of everything: deleted after 1 days",
        ],
        [fact for rule in rules for fact in (*moves(rule), *deletions(rule))],
    )


@check(
    "9",
    "Nothing in the buckets can be made public",
    "aws s3api get-public-access-block --bucket {BucketName}",
    field="BlockPublicAcls, BlockPublicPolicy",
)
def nothing_is_public(aws: Deployed) -> tuple[Facts, Facts]:
    switches = ("BlockPublicAcls", "BlockPublicPolicy", "IgnorePublicAcls", "RestrictPublicBuckets")
    found = []
    for name in every(aws):
        block: Any = aws.s3.get_public_access_block(Bucket=name)["PublicAccessBlockConfiguration"]
        found += [f"{name}: {switch} {block.get(switch)}" for switch in switches]
    return [f"{name}: {switch} True" for name in every(aws) for switch in switches], found


@check(
    "9",
    "ACLs are disabled: policies alone decide who reads (the primer's default_acl=public-read cannot work)",
    "aws s3api get-bucket-ownership-controls --bucket {BucketName}",
    field="ObjectOwnership",
)
def acls_are_disabled(aws: Deployed) -> tuple[Facts, Facts]:
    return (
        [f"{name}: BucketOwnerEnforced" for name in every(aws)],
        [
            f"{name}: {rule['ObjectOwnership']}"
            for name in every(aws)
            for rule in aws.s3.get_bucket_ownership_controls(Bucket=name)["OwnershipControls"]["Rules"]
        ],
    )


@check(
    "9",
    "Everything is encrypted at rest: files with the account's own KMS key for S3, logs with SSE-S3",
    "aws s3api get-bucket-encryption --bucket {BucketName}",
    field="SSEAlgorithm",
)
def encrypted_at_rest(aws: Deployed) -> tuple[Facts, Facts]:
    found = []
    for name in every(aws):
        for rule in aws.s3.get_bucket_encryption(Bucket=name)["ServerSideEncryptionConfiguration"]["Rules"]:
            default = rule["ApplyServerSideEncryptionByDefault"]
            bucket_key = ", bucket key" if rule.get("BucketKeyEnabled") else ""
            found.append(f"{name}: {default['SSEAlgorithm']} {default.get('KMSMasterKeyID', '')}{bucket_key}")
    return [f"{name}: {'AES256 ' if name == log_bucket(aws) else 'aws:kms , bucket key'}" for name in every(aws)], found


@check(
    "9",
    "Requests without TLS are denied to everyone",
    "aws s3api get-bucket-policy --bucket {BucketName}",
    field="aws:SecureTransport",
)
def tls_only(aws: Deployed) -> tuple[Facts, Facts]:
    arns = [f"arn:{partition(aws)}:s3:::{name}" for name in every(aws)]
    return (
        [f"Deny s3:* on {arn}{part} by everyone if {NO_TLS} Bool false" for arn in arns for part in ("", "/*")],
        [fact for name in every(aws) for fact in bucket_policy(aws, name) if NO_TLS in fact],
    )


@check(
    "9",
    "Beside demanding TLS, the buckets' policies let nobody in but AWS's own delivery of logs, into the log bucket",
    "aws s3api get-bucket-policy --bucket {LogBucketName}",
    field="Principal",
)
def bucket_policy_opens_nothing(aws: Deployed) -> tuple[Facts, Facts]:
    log_arn = f"arn:{partition(aws)}:s3:::{log_bucket(aws)}"
    own = f"aws:sourceaccount StringEquals {account(aws)}"
    access_logs, flow_logs = (f"by Service {name}.amazonaws.com if {own}" for name in ("logging.s3", "delivery.logs"))
    of_bucket = f"aws:sourcearn ArnLike arn:{partition(aws)}:s3:::{bucket(aws)}"
    of_flow_logs = f"aws:sourcearn ArnLike arn:{partition(aws)}:logs:{aws.region}:{account(aws)}:*"
    in_folder = f"{log_arn}/vpc-flow-logs/AWSLogs/{account(aws)}/*"
    return (
        [
            f"Allow s3:putobject on {log_arn}/access-logs/* {access_logs} and {of_bucket}",
            f"Allow s3:putobject on {in_folder} {flow_logs} and {of_flow_logs} and {OWNERS_ACL}",
            f"Allow s3:getbucketacl on {log_arn} {flow_logs} and {of_flow_logs}",
            f"Allow s3:listbucket on {log_arn} {flow_logs} and {of_flow_logs}",
        ],
        [fact for name in every(aws) for fact in bucket_policy(aws, name) if NO_TLS not in fact],
    )


@check(
    "9",
    "The bucket keeps old versions of changed and deleted objects",
    "aws s3api get-bucket-versioning --bucket {BucketName}",
    field="Status",
)
def versioning(aws: Deployed) -> tuple[Facts, Facts]:
    return ["Enabled"], [aws.s3.get_bucket_versioning(Bucket=bucket(aws)).get("Status", "never enabled")]


@check(
    "9",
    "Every request to the bucket is logged to the log bucket",
    "aws s3api get-bucket-logging --bucket {BucketName}",
    field="TargetBucket, TargetPrefix",
)
def access_logs(aws: Deployed) -> tuple[Facts, Facts]:
    logging: Any = aws.s3.get_bucket_logging(Bucket=bucket(aws)).get("LoggingEnabled", {})
    target = f"{logging.get('TargetBucket')}/{logging.get('TargetPrefix')}" if logging else "nowhere"
    return [f"{log_bucket(aws)}/access-logs/"], [target]
