"""Chapters 7 and 9 of the primer: a bucket, and cold data that moves to Glacier."""

from typing import Any

from aws_cdk import Duration, RemovalPolicy
from aws_cdk import aws_s3 as s3
from constructs import Construct


class Storage(Construct):
    """The bucket that the bastion mounts, and a second one for logs (primer, chapters 7 and 9).

    Both block all public access, have ACLs disabled, encrypt with SSE-S3 and refuse any request without TLS.
    ``bucket`` keeps old versions for 90 days and writes its access log to ``log_bucket`` below ``access-logs/``; logs
    are deleted after 90 days; uploads left unfinished are aborted after 7.

    Objects below ``archive/`` move to S3 Glacier Flexible Retrieval after 30 days. Only those: an archived object
    cannot be read through a mount until it is restored. S3 leaves objects smaller than 128 KB where they are.

    The primer makes objects readable by everyone (``default_acl=public-read``). New buckets have ACLs disabled, so
    that option only makes writes fail, and nothing here needs to be public.

    Both buckets stay when the stack is destroyed, with what is in them.

    Limits: ``bucket_name`` is unique in all of AWS, and a kept bucket blocks a new stack that asks for the same name.

    Source: https://docs.aws.amazon.com/AmazonS3/latest/userguide/security-best-practices.html
    """

    ARCHIVE_PREFIX = "archive/"
    ARCHIVE_AFTER = Duration.days(30)
    KEEP_OLD_VERSIONS = Duration.days(90)
    KEEP_LOGS = Duration.days(90)
    ABORT_UPLOADS_AFTER = Duration.days(7)

    def __init__(self, scope: Construct, construct_id: str, *, bucket_name: str | None = None) -> None:
        super().__init__(scope, construct_id)
        abort_uploads = s3.LifecycleRule(
            id="abort-unfinished-uploads", abort_incomplete_multipart_upload_after=self.ABORT_UPLOADS_AFTER
        )
        self.log_bucket = self._bucket(
            "Logs", lifecycle_rules=[s3.LifecycleRule(id="expire-logs", expiration=self.KEEP_LOGS), abort_uploads]
        )
        self.bucket = self._bucket(
            "Bucket",
            bucket_name=bucket_name,
            versioned=True,
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
            encryption=s3.BucketEncryption.S3_MANAGED,
            enforce_ssl=True,
            removal_policy=RemovalPolicy.RETAIN,
            **properties,
        )
        # A kept bucket keeps the policy that demands TLS.
        if bucket.policy:
            bucket.policy.apply_removal_policy(RemovalPolicy.RETAIN)
        return bucket
