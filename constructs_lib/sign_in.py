"""What every IAM user may do for a sign-in of one's own (primer, chapter 4)."""

from aws_cdk import Aws
from aws_cdk import aws_iam as iam

# The console's page for one's own password shows nothing without these, which know no narrower resource than all.
SEEN_TO_SIGN_IN = ("iam:GetAccountPasswordPolicy", "iam:ListVirtualMFADevices")


def own_sign_in() -> list[iam.PolicyStatement]:
    """Return statements that let a user change nobody's password but the own, and set up the own MFA device.

    With them ``aws login`` gives the AWS CLI the console's session for some hours: no key lies on a disk.

    Sources: https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_policies_examples_aws_my-sec-creds-self-manage.html,
    https://docs.aws.amazon.com/aws-managed-policy/latest/reference/SignInLocalDevelopmentAccess.html
    """
    account = f"arn:{Aws.PARTITION}:iam::{Aws.ACCOUNT_ID}"
    return [
        iam.PolicyStatement(
            sid="SetUpOwnPasswordAndMfa",
            actions=[
                "iam:ChangePassword",
                "iam:CreateVirtualMFADevice",
                "iam:DeleteVirtualMFADevice",
                "iam:EnableMFADevice",
                "iam:GetUser",
                "iam:ListMFADevices",
                "iam:ResyncMFADevice",
            ],
            resources=[f"{account}:user/${{aws:username}}", f"{account}:mfa/${{aws:username}}"],
        ),
        iam.PolicyStatement(
            sid="SignInToTheCli",
            actions=["signin:AuthorizeOAuth2Access", "signin:CreateOAuth2Token"],
            resources=[f"arn:{Aws.PARTITION}:signin:*:*:oauth2/public-client/*"],
        ),
    ]
