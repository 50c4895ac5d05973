"""Chapter 10-1: the role that opens the bucket to the bastion, and no more."""

from lab.checks.check import Facts, check
from lab.checks.policy import account, document, partition, permissions, policy_document
from lab.template.deployed import Deployed


def role(aws: Deployed) -> str:
    return aws.settings["role_name"]


@check(
    "10-1",
    "EC2 alone may take the role, and the bastion carries it in its instance profile",
    "aws ec2 describe-instances --instance-ids {InstanceId} --query 'Reservations[].Instances[].IamInstanceProfile'",
    field="Arn",
)
def role_is_for_the_bastion(aws: Deployed) -> tuple[Facts, Facts]:
    found = permissions(document(aws.iam.get_role(RoleName=role(aws))["Role"]["AssumeRolePolicyDocument"]))
    instance = aws.ec2.describe_instances(InstanceIds=[aws.outputs["InstanceId"]])["Reservations"][0]["Instances"][0]
    profile = instance.get("IamInstanceProfile", {}).get("Arn", "none").split("/")[-1]
    if profile != "none":
        roles = aws.iam.get_instance_profile(InstanceProfileName=profile)["InstanceProfile"]["Roles"]
        found += [f"bastion carries {each['RoleName']}" for each in roles]
    return ["Allow sts:assumerole by Service ec2.amazonaws.com", f"bastion carries {role(aws)}"], found


@check(
    "10-1",
    "The role may use the objects of its one bucket, open Session Manager's sessions, report the first boot: no more",
    "aws iam list-attached-role-policies --role-name {RoleName}",
    field="PolicyName",
)
def role_has_least_privilege(aws: Deployed) -> tuple[Facts, Facts]:
    arn = f"arn:{partition(aws)}:s3:::{aws.outputs['BucketName']}"
    on_bucket = ("GetBucketLocation", "ListBucket", "ListBucketMultipartUploads")
    on_objects = ("AbortMultipartUpload", "DeleteObject", "GetObject", "ListMultipartUploadParts", "PutObject")
    sessions = ("CreateControlChannel", "CreateDataChannel", "OpenControlChannel", "OpenDataChannel")
    found = [f"inline policy {name}" for name in aws.iam.list_role_policies(RoleName=role(aws))["PolicyNames"]]
    for attached in aws.iam.list_attached_role_policies(RoleName=role(aws))["AttachedPolicies"]:
        found += permissions(policy_document(aws, attached["PolicyArn"]))
    return (
        [f"Allow s3:{action.lower()} on {arn}" for action in on_bucket]
        + [f"Allow s3:{action.lower()} on {arn}/*" for action in on_objects]
        + [f"Allow ssmmessages:{action.lower()} on *" for action in sessions]
        + [f"Allow ssm:updateinstanceinformation on arn:{partition(aws)}:ec2:{aws.region}:{account(aws)}:instance/*"]
        + [f"Allow cloudformation:signalresource on {aws.description['StackId']}"],
        found,
    )
