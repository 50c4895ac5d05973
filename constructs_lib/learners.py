"""A class: a sign-in for each learner, who may change what is in one stack alone."""

from collections.abc import Sequence

from aws_cdk import Aws, Tags
from aws_cdk import aws_iam as iam
from constructs import Construct

from constructs_lib.acknowledge import acknowledge
from constructs_lib.sign_in import SEEN_TO_SIGN_IN, own_sign_in

# What the guide's exercises change: rules and routes, and the bastion itself.
CHANGED = (
    "AuthorizeSecurityGroupEgress",
    "AuthorizeSecurityGroupIngress",
    "CreateNetworkAclEntry",
    "CreateRoute",
    "CreateTags",
    "DeleteNetworkAclEntry",
    "DeleteRoute",
    "GetConsoleOutput",
    "ModifyInstanceAttribute",
    "RebootInstances",
    "ReplaceNetworkAclEntry",
    "ReplaceRoute",
    "RevokeSecurityGroupEgress",
    "RevokeSecurityGroupIngress",
    "StartInstances",
    "StopInstances",
)
# No * stands for these: the type of a resource is no place for one.
TOUCHED = ("instance", "network-acl", "route-table", "security-group", "vpc")


class Learners(Construct):
    """A group whose members each may change what carries their own ``Learner`` tag, and its users (primer, chapter 4).

    One policy serves all: it names the tag ``Learner`` of whoever asks (``aws:PrincipalTag``), which must be that of
    the EC2 resource, and stands in the names of their stack, their bucket and their role.

    - EC2 can be viewed by all. Rules, routes and instances can be changed where the tag is one's own; that tag itself
      by nobody.
    - Of stacks, buckets and roles one sees the own alone; the objects of the own bucket can be written and deleted.
    - Nothing is deployed or destroyed: that takes permission to make roles, which is the teacher's.

    Users get no access key and no password here: an administrator gives a first console password.

    The users are ``learner-NAME``. ``stack_name``, ``bucket_name`` and ``role_name`` are those
    of a learner's own, with ``{learner}`` where the name stands, and * for what CloudFormation adds.

    Limits: no learner's name may be another's with a hyphen and more behind it.

    Sources: https://docs.aws.amazon.com/IAM/latest/UserGuide/tutorial_attribute-based-access-control.html,
    https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_policies_examples_ec2_securitygroups-vpc.html
    """

    def __init__(
        self,
        scope: Construct,
        construct_id: str,
        *,
        learners: Sequence[str],
        stack_name: str,
        bucket_name: str,
        role_name: str,
    ) -> None:
        super().__init__(scope, construct_id)
        own = "${aws:PrincipalTag/Learner}"
        stack, bucket, role = (each.format(learner=own) for each in (stack_name, bucket_name, role_name))
        ec2 = f"arn:{Aws.PARTITION}:ec2:*:{Aws.ACCOUNT_ID}"
        account = f"arn:{Aws.PARTITION}:iam::{Aws.ACCOUNT_ID}"
        stacks = f"arn:{Aws.PARTITION}:cloudformation:*:{Aws.ACCOUNT_ID}:stack/{stack}/*"
        bucket_arn = f"arn:{Aws.PARTITION}:s3:::{bucket}"
        self.policy = iam.ManagedPolicy(
            self,
            "Policy",
            description="View EC2; change what carries one's own Learner tag; set up one's own password and MFA device",
            statements=[
                iam.PolicyStatement(
                    sid="ViewEc2AndWhatIamAsks",
                    actions=["ec2:Describe*", "s3:ListAllMyBuckets", *SEEN_TO_SIGN_IN],
                    resources=["*"],
                ),
                iam.PolicyStatement(
                    sid="ChangeOnesOwn",
                    actions=[f"ec2:{action}" for action in CHANGED],
                    resources=[f"{ec2}:{kind}/*" for kind in TOUCHED],
                    conditions={"StringEquals": {"aws:ResourceTag/Learner": own}},
                ),
                iam.PolicyStatement(
                    sid="NobodyBecomesAnother",
                    effect=iam.Effect.DENY,
                    actions=["ec2:CreateTags", "ec2:DeleteTags"],
                    resources=["*"],
                    conditions={"ForAnyValue:StringEquals": {"aws:TagKeys": ["Learner", "Project", "Role"]}},
                ),
                iam.PolicyStatement(
                    sid="ViewOnesOwnStack",
                    actions=["cloudformation:Describe*", "cloudformation:GetTemplate", "cloudformation:List*"],
                    resources=[stacks],
                ),
                iam.PolicyStatement(
                    sid="ViewOnesOwnRole",
                    actions=[
                        "iam:GetInstanceProfile",
                        "iam:GetPolicy",
                        "iam:GetPolicyVersion",
                        "iam:GetRole",
                        "iam:GetRolePolicy",
                        "iam:ListAttachedRolePolicies",
                        "iam:ListRolePolicies",
                    ],
                    resources=[
                        f"{account}:role/{role}",
                        f"{account}:instance-profile/{stack}-*",
                        f"{account}:policy/{stack}-*",
                    ],
                ),
                iam.PolicyStatement(
                    sid="UseOnesOwnBucket", actions=["s3:Get*", "s3:List*"], resources=[bucket_arn, f"{bucket_arn}/*"]
                ),
                iam.PolicyStatement(
                    sid="WriteIntoOnesOwnBucket",
                    actions=["s3:AbortMultipartUpload", "s3:DeleteObject", "s3:PutObject"],
                    resources=[f"{bucket_arn}/*"],
                ),
                *own_sign_in(),
            ],
        )
        shown = "<aws:PrincipalTag/Learner>"
        bucket, stack = (each.format(learner=shown) for each in (bucket_name, stack_name))
        acknowledge(
            self.policy,
            {
                "EC2, the password policy and the lists of buckets and devices know no narrower form of viewing.": [
                    "AwsSolutions-IAM5[Action::ec2:Describe*]",
                    "AwsSolutions-IAM5[Resource::*]",
                ],
                "All that can be read of one's own stack and bucket may be read.": [
                    "AwsSolutions-IAM5[Action::cloudformation:Describe*]",
                    "AwsSolutions-IAM5[Action::cloudformation:List*]",
                    "AwsSolutions-IAM5[Action::s3:Get*]",
                    "AwsSolutions-IAM5[Action::s3:List*]",
                ],
                "Narrowed to what carries the tag of whoever asks, in whatever region it is.": [
                    f"AwsSolutions-IAM5[Resource::arn:<AWS::Partition>:ec2:*:<AWS::AccountId>:{kind}/*]"
                    for kind in TOUCHED
                ],
                "CloudFormation adds letters of its own to the learner's names.": [
                    f"AwsSolutions-IAM5[Resource::arn:<AWS::Partition>:{rest}]"
                    for rest in (
                        f"cloudformation:*:<AWS::AccountId>:stack/{stack}/*",
                        f"iam::<AWS::AccountId>:instance-profile/{stack}-*",
                        f"iam::<AWS::AccountId>:policy/{stack}-*",
                        f"s3:::{bucket}",
                        f"s3:::{bucket}/*",
                    )
                    if "*" in rest
                ],
                "The AWS CLI itself, as AWS's own policy for it names it.": [
                    "AwsSolutions-IAM5[Resource::arn:<AWS::Partition>:signin:*:*:oauth2/public-client/*]"
                ],
            },
        )
        self.group = iam.Group(self, "Group", managed_policies=[self.policy])
        self.users = {
            name: iam.User(self, f"User-{name}", user_name=f"learner-{name}", groups=[self.group]) for name in learners
        }
        for name, user in self.users.items():
            Tags.of(user).add("Learner", name)
