"""Chapters 8 and 10: the bastion and what its first boot does."""

import base64
import shlex
from typing import TYPE_CHECKING, Any

from lab.checks.access import role
from lab.checks.check import Facts, check
from lab.deployed import Deployed, Resource

if TYPE_CHECKING:
    from mypy_boto3_ec2.type_defs import InstanceTypeDef


def bastion(aws: Deployed) -> Resource:
    return aws.one("AWS::EC2::Instance", "learning-bastion")


def look(aws: Deployed, instance: Resource) -> "InstanceTypeDef":
    return aws.ec2.describe_instances(InstanceIds=[instance.id])["Reservations"][0]["Instances"][0]


@check(
    "8 (Step 3-1, 3-2)",
    "The bastion runs, on the Ubuntu image and the instance type that were chosen",
    "踏み台は選んだ Ubuntu イメージとインスタンスタイプで動いている",
    "aws ec2 describe-instances --instance-ids {InstanceId}",
)
def bastion_runs(aws: Deployed) -> tuple[Facts, Facts]:
    promised = bastion(aws).properties
    image = promised["ImageId"]
    if isinstance(image, dict):
        image = next(
            parameter["ResolvedValue"]
            for parameter in aws.description["Parameters"]
            if parameter["ParameterKey"] == image["Ref"]
        )
    found = look(aws, bastion(aws))
    facts = [found["State"]["Name"], found["ImageId"], found["InstanceType"]]
    return ["running", image, promised["InstanceType"]], facts


@check(
    "8 (Step 3-3)",
    "The bastion is in public subnet 1 and has one public address, its Elastic IP",
    "踏み台はパブリックサブネット 1 にあり、パブリック IP は Elastic IP だけ",
    "aws ec2 describe-addresses --public-ips {BastionAddress}",
)
def bastion_has_an_elastic_ip(aws: Deployed) -> tuple[Facts, Facts]:
    found = look(aws, bastion(aws))
    addresses = aws.ec2.describe_addresses(Filters=[{"Name": "instance-id", "Values": [bastion(aws).id]}])["Addresses"]
    address = aws.outputs["BastionAddress"]
    return (
        ["in learning-public-1", f"address {address}", f"Elastic IP {address}"],
        [f"in {aws.name_of(found.get('SubnetId'))}", f"address {found.get('PublicIpAddress', 'none')}"]
        + [f"Elastic IP {each['PublicIp']}" for each in addresses if each.get("InstanceId") == bastion(aws).id],
    )


@check(
    "8 (Step 3-4)",
    "The root volume is an encrypted gp3 of the chosen size",
    "ルートボリュームは指定サイズの暗号化された gp3",
    "aws ec2 describe-volumes --filters Name=attachment.instance-id,Values={InstanceId}",
)
def root_volume_is_encrypted(aws: Deployed) -> tuple[Facts, Facts]:
    promised = bastion(aws).properties["BlockDeviceMappings"]
    volumes = [
        aws.ec2.describe_volumes(VolumeIds=[device["Ebs"]["VolumeId"]])["Volumes"][0]
        for device in look(aws, bastion(aws))["BlockDeviceMappings"]
    ]
    return (
        [f"{device['DeviceName']}: gp3, {device['Ebs']['VolumeSize']} GiB, encrypted True" for device in promised],
        [
            f"{volume['Attachments'][0]['Device']}: {volume['VolumeType']}, {volume['Size']} GiB, "
            f"encrypted {volume['Encrypted']}"
            for volume in volumes
        ],
    )


@check(
    "8 (Step 3-5, 3-9)",
    "The bastion is tagged: its name, its role, the project",
    "踏み台には名前・役割・プロジェクトのタグが付いている",
    "aws ec2 describe-tags --filters Name=resource-id,Values={InstanceId}",
)
def bastion_is_tagged(aws: Deployed) -> tuple[Facts, Facts]:
    return (
        [f"{tag['Key']}={tag['Value']}" for tag in bastion(aws).properties["Tags"]],
        [
            f"{tag['Key']}={tag['Value']}"
            for tag in look(aws, bastion(aws))["Tags"]
            if not tag["Key"].startswith("aws:")
        ],
    )


@check(
    "8 (Step 3-6)",
    "The bastion is behind the security group `bastion` and no other",
    "踏み台に付いているセキュリティグループは bastion だけ",
    "aws ec2 describe-instance-attribute --instance-id {InstanceId} --attribute groupSet",
)
def bastion_is_behind_its_group(aws: Deployed) -> tuple[Facts, Facts]:
    groups = look(aws, bastion(aws))["SecurityGroups"]
    return ["learning-bastion"], [aws.name_of(group["GroupId"]) for group in groups]


@check(
    "8 (Step 3-7)",
    "The bastion has a key pair, and Parameter Store keeps the private key, encrypted",
    "踏み台にはキーペアがあり、秘密鍵は暗号化されて Parameter Store にある",
    "aws ec2 describe-key-pairs --filters Name=tag:Project,Values=LearningStack",
)
def key_is_in_parameter_store(aws: Deployed) -> tuple[Facts, Facts]:
    name = look(aws, bastion(aws)).get("KeyName", "")
    key = aws.ec2.describe_key_pairs(KeyNames=[aws.one("AWS::EC2::KeyPair").id])["KeyPairs"][0]
    parameters = aws.ssm.get_parameters(Names=[f"/ec2/keypair/{key['KeyPairId']}"])["Parameters"]
    return (
        [f"key {aws.one('AWS::EC2::KeyPair').id}", "ed25519", "kept as SecureString"],
        [f"key {name}", key["KeyType"], *(f"kept as {parameter['Type']}" for parameter in parameters)],
    )


@check(
    "8",
    "The metadata service answers IMDSv2 only, and on the instance itself only (newer than the primer)",
    "メタデータサービスは IMDSv2 だけに、インスタンス自身にだけ応答する (入門記事より新しい仕組み)",
    "aws ec2 describe-instances --instance-ids {InstanceId} --query Reservations[].Instances[].MetadataOptions",
)
def imdsv2_only(aws: Deployed) -> tuple[Facts, Facts]:
    found: Any = look(aws, bastion(aws)).get("MetadataOptions", {})
    return (
        ["tokens required", "1 hop"],
        [f"tokens {found.get('HttpTokens')}", f"{found.get('HttpPutResponseHopLimit')} hop"],
    )


@check(
    "10-3, 10-4",
    "The first boot mounts this bucket through the role for uid/gid, and again at every boot",
    "初回起動でロールを使ってこのバケットをマウントし、起動のたびに再マウントする",
    "aws ec2 describe-instance-attribute --instance-id {InstanceId} --attribute userData",
)
def first_boot_mounts_the_bucket(aws: Deployed) -> tuple[Facts, Facts]:
    attribute = aws.ec2.describe_instance_attribute(InstanceId=bastion(aws).id, Attribute="userData")["UserData"]
    text = base64.b64decode(attribute.get("Value", "")).decode()
    promised = bastion(aws).properties["UserData"]["Fn::Base64"]["Fn::Join"][1]
    literal = "".join(part for part in promised if isinstance(part, str))

    def variable(name: str, where: str) -> str:
        line = next((line for line in where.splitlines() if line.strip().startswith(f"{name}=")), f"{name}=?")
        return "".join(shlex.split(line.strip()))

    paths = ("/etc/rc.local", "/etc/systemd/system/rc-local.service")
    return (
        [f"BUCKET={aws.outputs['BucketName']}", f"ROLE={role(aws)}"]
        + [variable(name, literal) for name in ("MOUNT_POINT", "MOUNT_UID", "MOUNT_GID")]
        + [f"writes {path}" for path in paths],
        [variable(name, text) for name in ("BUCKET", "ROLE", "MOUNT_POINT", "MOUNT_UID", "MOUNT_GID")]
        + [f"writes {path}" for path in paths if f"- path: {path}\n" in text],
    )


@check(
    "3-4, 12",
    "The private host, if there is one, has no public address and takes SSH from the bastion alone",
    "プライベートホストがあれば、パブリック IP はなく、踏み台からの SSH だけを受ける",
    "aws ec2 describe-instances --filters Name=tag:Name,Values=learning-private-host",
)
def private_host_is_private(aws: Deployed) -> tuple[Facts, Facts]:
    hosts = [each for each in aws.all("AWS::EC2::Instance") if each.name == "learning-private-host"]
    found = []
    for host in hosts:
        instance = look(aws, host)
        found.append(f"in {aws.name_of(instance.get('SubnetId'))}, address {instance.get('PublicIpAddress', 'none')}")
        groups = aws.ec2.describe_security_groups(GroupIds=[each["GroupId"] for each in instance["SecurityGroups"]])
        for group in groups["SecurityGroups"]:
            for rule in group["IpPermissions"]:
                sources = [aws.name_of(pair.get("GroupId")) for pair in rule["UserIdGroupPairs"]]
                sources += [block["CidrIp"] for block in rule["IpRanges"]]
                found += [f"{rule.get('FromPort')} from {source}" for source in sources]
    return [fact for _ in hosts for fact in ("in learning-private-1, address none", "22 from learning-bastion")], found
