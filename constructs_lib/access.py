"""Chapter 10-1 of the primer: the role that opens the bucket to the instance, with no key anywhere."""

from typing import cast

from aws_cdk import Aws, Fn, Stack
from aws_cdk import aws_iam as iam
from aws_cdk import aws_s3 as s3
from constructs import Construct

from constructs_lib.acknowledge import acknowledge


class Access(Construct):
    """The instance role (``access-s3-role`` in the primer, chapter 10-1) and the instance profile that carries it.

    Two customer-managed policies, no ``*FullAccess``: reading, writing and deleting objects of ``bucket`` and nothing
    else in S3; and what the instance itself needs: Session Manager's agent to open a session, the first boot to tell
    this stack how it went. The policies are attached when the role is created, before any instance can use it.

    Limits: ``role_name`` is unique in the account, across all regions.

    Sources: https://docs.aws.amazon.com/AmazonS3/latest/userguide/using-with-s3-policy-actions.html,
    https://docs.aws.amazon.com/systems-manager/latest/userguide/getting-started-create-iam-instance-profile.html
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
        self.instance_policy = iam.ManagedPolicy(
            self,
            "InstancePolicy",
            statements=[
                iam.PolicyStatement(
                    sid="OpenSessions",
                    actions=[
                        "ssmmessages:CreateControlChannel",
                        "ssmmessages:CreateDataChannel",
                        "ssmmessages:OpenControlChannel",
                        "ssmmessages:OpenDataChannel",
                    ],
                    resources=["*"],
                ),
                iam.PolicyStatement(
                    sid="RegisterForThem",
                    actions=["ssm:UpdateInstanceInformation"],
                    resources=[Fn.sub("arn:${AWS::Partition}:ec2:${AWS::Region}:${AWS::AccountId}:instance/*")],
                ),
                iam.PolicyStatement(
                    sid="ReportTheFirstBoot", actions=["cloudformation:SignalResource"], resources=[Aws.STACK_ID]
                ),
            ],
        )
        acknowledge(
            self.instance_policy,
            {
                "The ssmmessages actions know no resource: AWS documents * for them, and its own policy for Session "
                "Manager's agent has it.": ["AwsSolutions-IAM5[Resource::*]"],
                "The role is there before the instance that it is for, so no policy of it can name that one.": [
                    "AwsSolutions-IAM5[Resource::arn:<AWS::Partition>:ec2:<AWS::Region>:<AWS::AccountId>:instance/*]"
                ],
            },
        )
        self.role = iam.Role(
            self,
            "Role",
            role_name=role_name,
            assumed_by=iam.ServicePrincipal("ec2.amazonaws.com"),
            managed_policies=[self.bucket_policy, self.instance_policy],
        )
        self.instance_profile = iam.InstanceProfile(self, "InstanceProfile", role=self.role)
