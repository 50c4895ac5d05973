"""Chapter 10-1 of the primer: the role that opens the bucket to the instance, with no key anywhere."""

from typing import cast

from aws_cdk import Stack
from aws_cdk import aws_iam as iam
from aws_cdk import aws_s3 as s3
from constructs import Construct

from constructs_lib.acknowledge import acknowledge


class Access(Construct):
    """The instance role (``access-s3-role`` in the primer, chapter 10-1): it opens the bucket to whoever carries it.

    A customer-managed policy, no ``*FullAccess``: reading, writing and deleting objects of ``bucket`` and nothing else
    in S3. It is attached when the role is created, before any instance can use it. What else an instance needs, it adds
    itself, as ``Bastion`` does.

    ``role_name`` has no default. Limits: it is unique in the account, across all regions.

    Source: https://docs.aws.amazon.com/AmazonS3/latest/userguide/using-with-s3-policy-actions.html
    """

    def __init__(self, scope: Construct, construct_id: str, *, bucket: s3.Bucket, role_name: str) -> None:
        super().__init__(scope, construct_id)
        self.bucket_policy = iam.ManagedPolicy(
            self,
            "BucketPolicy",
            statements=[
                iam.PolicyStatement(
                    sid="ListTheBucket",
                    actions=["s3:GetBucketLocation", "s3:ListBucket", "s3:ListBucketMultipartUploads"],
                    resources=[bucket.bucket_arn],
                ),
                iam.PolicyStatement(
                    sid="UseItsObjects",
                    actions=[
                        "s3:AbortMultipartUpload",
                        "s3:DeleteObject",
                        "s3:GetObject",
                        "s3:ListMultipartUploadParts",
                        "s3:PutObject",
                    ],
                    resources=[bucket.arn_for_objects("*")],
                ),
            ],
        )
        bucket_id = Stack.of(bucket).get_logical_id(cast("s3.CfnBucket", bucket.node.default_child))
        acknowledge(
            self.bucket_policy,
            {
                "The role is for every object of this one bucket: a mount has no narrower set of them.": [
                    f"AwsSolutions-IAM5[Resource::<{bucket_id}.Arn>/*]"
                ]
            },
        )
        self.role = iam.Role(
            self,
            "Role",
            role_name=role_name,
            assumed_by=iam.ServicePrincipal("ec2.amazonaws.com"),
            managed_policies=[self.bucket_policy],
        )
