"""Chapter 4 of the primer: users in a group, a policy on the group, and MFA."""

from collections.abc import Mapping, Sequence

from aws_cdk import Aws
from aws_cdk import aws_iam as iam
from constructs import Construct

from constructs_lib.acknowledge import acknowledge
from constructs_lib.sign_in import SEEN_TO_SIGN_IN, own_sign_in


class Operators(Construct):
    """A group that may view EC2, and start and stop tagged instances, and its users (primer, chapter 4).

    - Viewing (``ec2:Describe*``) is for all resources: EC2 knows no narrower form of it.
    - Starting and stopping is for instances that carry all of ``instance_tags``, and only in a session that began with
      MFA. (The primer allows it on everything; its second policy names two instances.)
    - Each user may change the password of, and set up an MFA device for, nobody but themselves, and see what the
      account asks of a password: the console's page for it shows nothing without that.
    - ``aws login`` gives the AWS CLI the console's session for some hours: no key lies on a disk.

    Users get no access key and no password here: an administrator gives a first console password, and nobody works as
    the root user.

    Limits: user names are unique in the account.

    Sources: https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_policies_examples_aws_my-sec-creds-self-manage.html,
    https://docs.aws.amazon.com/aws-managed-policy/latest/reference/SignInLocalDevelopmentAccess.html
    """

    def __init__(
        self, scope: Construct, construct_id: str, *, user_names: Sequence[str], instance_tags: Mapping[str, str]
    ) -> None:
        super().__init__(scope, construct_id)
        with_mfa = {"Bool": {"aws:MultiFactorAuthPresent": "true"}}
        tags = {f"aws:ResourceTag/{key}": value for key, value in instance_tags.items()}
        on_the_tagged = {"StringEquals": tags}
        self.policy = iam.ManagedPolicy(
            self,
            "Policy",
            description="View EC2; start and stop the bastion with MFA; set up one's own password and MFA device",
            statements=[
                iam.PolicyStatement(
                    sid="ViewEc2AndWhatIamAsks",
                    actions=["ec2:Describe*", *SEEN_TO_SIGN_IN],
                    resources=["*"],
                ),
                iam.PolicyStatement(
                    sid="StartAndStopTheBastionWithMfa",
                    actions=["ec2:StartInstances", "ec2:StopInstances"],
                    resources=[f"arn:{Aws.PARTITION}:ec2:*:{Aws.ACCOUNT_ID}:instance/*"],
                    conditions={**with_mfa, **on_the_tagged},
                ),
                *own_sign_in(),
            ],
        )
        acknowledge(
            self.policy,
            {
                "Viewing all of EC2 is what operators do (chapter 4-3).": ["AwsSolutions-IAM5[Action::ec2:Describe*]"],
                "The password policy, the list of MFA devices and `ec2:Describe*` know no less.": [
                    "AwsSolutions-IAM5[Resource::*]"
                ],
                "Narrowed to the bastion by its tags, in whatever region it is.": [
                    "AwsSolutions-IAM5[Resource::arn:<AWS::Partition>:ec2:*:<AWS::AccountId>:instance/*]"
                ],
                "The AWS CLI itself, as AWS's own policy for it names it.": [
                    "AwsSolutions-IAM5[Resource::arn:<AWS::Partition>:signin:*:*:oauth2/public-client/*]"
                ],
            },
        )
        self.group = iam.Group(self, "Group", managed_policies=[self.policy])
        self.users = [iam.User(self, f"User-{name}", user_name=name, groups=[self.group]) for name in user_names]
        if not user_names:
            acknowledge(
                self.group,
                {
                    "Users are a setting, and nobody is one until somebody is named.": [
                        "HIPAA.Security-IAMGroupHasUsers",
                        "PCI.DSS.321-IAMGroupHasUsers",
                    ]
                },
            )
