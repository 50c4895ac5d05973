"""Chapters 7 and 9 of the primer: a bucket, and cold data that moves to Glacier."""

from typing import Any

from aws_cdk import Duration, RemovalPolicy
from aws_cdk import aws_s3 as s3
from constructs import Construct

from constructs_lib.acknowledge import acknowledge, control_tower, in_each_pack


class Storage(Construct):
    """The bucket that the bastion mounts, and a second one for logs (primer, chapters 7 and 9).

    Both block all public access, have ACLs disabled, encrypt, keep versions and refuse any request without TLS.
    ``bucket`` encrypts with the account's own KMS key for S3 (``aws/s3``, free; a bucket key keeps the calls to KMS
    within the free 20,000 a month), ``log_bucket`` with SSE-S3: S3 delivers access logs to no other. ``bucket`` keeps
    old versions for 90 days and writes its access log to ``log_bucket`` below ``access-logs/``; logs are deleted after
    ``keep_logs``; uploads left unfinished are aborted after a day.

    Objects below ``archive/`` move to S3 Glacier Flexible Retrieval after 30 days. Only those: an archived object
    cannot be read through a mount until it is restored. S3 leaves objects smaller than 128 KB where they are.

    The primer makes objects readable by everyone (``default_acl=public-read``). New buckets have ACLs disabled, so
    that option only makes writes fail, and nothing here needs to be public.

    Both buckets stay when the stack is destroyed, with what is in them. When a *create* fails, ``bucket`` goes as long
    as it is empty, or its name would block the next try; S3 deletes no bucket that holds anything, so one that does
    stays, and the stack is ROLLBACK_FAILED (the next ``cdk deploy`` begins anew from there as well). ``log_bucket``
    stays then too: flow logs come after some minutes, and each failed boot would end in ROLLBACK_FAILED for their sake.
    Nobody chose its name, so it blocks nothing.

    What may be left out, and what stands for it:

    - ``bucket_name``: the name of ``bucket``. Default: CloudFormation makes one up
    - ``keep_logs``: how long logs are kept, in whole days. Default: 90 days

    Limits: ``bucket_name`` is unique in all of AWS, and a kept bucket blocks a new stack that asks for the same name.

    Sources: https://docs.aws.amazon.com/AmazonS3/latest/userguide/security-best-practices.html,
    https://docs.aws.amazon.com/AWSCloudFormation/latest/TemplateReference/aws-attribute-deletionpolicy.html
    """

    ARCHIVE_PREFIX = "archive/"
    ARCHIVE_AFTER = Duration.days(30)
    KEEP_OLD_VERSIONS = Duration.days(90)
    KEEP_LOGS = Duration.days(90)
    KEEP_EXPIRED_LOGS = Duration.days(1)
    ABORT_UPLOADS_AFTER = Duration.days(1)

    def __init__(
        self, scope: Construct, construct_id: str, *, bucket_name: str | None = None, keep_logs: Duration = KEEP_LOGS
    ) -> None:
        super().__init__(scope, construct_id)
        # Without this flag the CDK would let S3 deliver access logs by an ACL, and the buckets have none.
        self.node.set_context("@aws-cdk/aws-s3:serverAccessLogsUseBucketPolicy", value=True)
        abort_uploads = s3.LifecycleRule(
            id="abort-unfinished-uploads", abort_incomplete_multipart_upload_after=self.ABORT_UPLOADS_AFTER
        )
        self.log_bucket = self._bucket(
            "Logs",
            removal_policy=RemovalPolicy.RETAIN,
            encryption=s3.BucketEncryption.S3_MANAGED,
            lifecycle_rules=[
                s3.LifecycleRule(
                    id="expire-logs", expiration=keep_logs, noncurrent_version_expiration=self.KEEP_EXPIRED_LOGS
                ),
                abort_uploads,
            ],
        )
        acknowledge(
            self.log_bucket,
            {
                "S3 delivers access logs only to a bucket with SSE-S3.": [
                    *in_each_pack("S3DefaultEncryptionKMS"),
                    control_tower("s3_bucket_default_encryption_kms_check"),
                ],
                "A log of the log bucket would log itself without end, or take a third bucket without one.": [
                    control_tower("s3_bucket_logging_enabled_check"),
                    "CKV_AWS_18",
                ],
            },
        )
        self.bucket = self._bucket(
            "Bucket",
            bucket_name=bucket_name,
            removal_policy=RemovalPolicy.RETAIN_ON_UPDATE_OR_DELETE,
            encryption=s3.BucketEncryption.KMS_MANAGED,
            bucket_key_enabled=True,
            server_access_logs_bucket=self.log_bucket,
            server_access_logs_prefix="access-logs/",
            lifecycle_rules=[
                s3.LifecycleRule(
                    id="archive-to-glacier",
                    prefix=self.ARCHIVE_PREFIX,
                    transitions=[
                        s3.Transition(storage_class=s3.StorageClass.GLACIER, transition_after=self.ARCHIVE_AFTER)
                    ],
                ),
                s3.LifecycleRule(
                    id="expire-old-versions",
                    noncurrent_version_expiration=self.KEEP_OLD_VERSIONS,
                    expired_object_delete_marker=True,
                ),
                abort_uploads,
            ],
        )

    def _bucket(self, construct_id: str, **properties: Any) -> s3.Bucket:
        bucket = s3.Bucket(
            self,
            construct_id,
            block_public_access=s3.BlockPublicAccess.BLOCK_ALL,
            object_ownership=s3.ObjectOwnership.BUCKET_OWNER_ENFORCED,
            enforce_ssl=True,
            versioned=True,
            **properties,
        )
        # A kept bucket keeps the policy that demands TLS.
        if policy := bucket.policy:
            policy.apply_removal_policy(RemovalPolicy.RETAIN)
        acknowledge(
            bucket,
            {
                "A copy in a second bucket is stored twice: 0.23 USD a month more for 10 GB. S3 keeps each object in "
                "three zones or more.": in_each_pack("S3BucketReplicationEnabled"),
                "Nobody waits for such events: each would be sent, and billed, for nothing.": [
                    control_tower("s3_event_notifications_enabled_check")
                ],
                "A learner must be able to remove everything, and Object Lock can never be switched off again.": [
                    control_tower("s3_bucket_object_lock_enabled_check")
                ],
            },
        )
        return bucket
