"""Chapters 8 and 10: the bastion and what its first boot does."""

import base64
import re
import shlex
from typing import TYPE_CHECKING, Any

from lab.checks.access import role
from lab.checks.check import Facts, check
from lab.checks.firewall import promised_rules, rules_of
from lab.deployed import Deployed
from lab.template.reader import Resource

if TYPE_CHECKING:
    from mypy_boto3_ec2.type_defs import InstanceTypeDef


def bastion(aws: Deployed) -> Resource:
    return aws.one("AWS::EC2::Instance", "learning-bastion")


def look(aws: Deployed, instance: Resource) -> "InstanceTypeDef":
    return aws.ec2.describe_instances(InstanceIds=[instance.id])["Reservations"][0]["Instances"][0]


@check(
    "8 (Step 3-1, 3-2)",
    "The bastion runs, on the Ubuntu image, the instance type and the CPU credits that were chosen",
    "踏み台は選んだ Ubuntu イメージ・インスタンスタイプ・CPU クレジットで動いている",
    "aws ec2 describe-instances --instance-ids {InstanceId}",
)
def bastion_runs(aws: Deployed) -> tuple[Facts, Facts]:
    promised = bastion(aws).properties
    instance = look(aws, bastion(aws))
    expected = ["running", promised["InstanceType"]]
    found = [instance["State"]["Name"], instance["InstanceType"], instance["ImageId"]]
    if isinstance(promised["ImageId"], dict):
        name = promised["ImageId"]["Ref"]
        parameters: Any = {each["ParameterKey"]: each for each in aws.description.get("Parameters", [])}
        # A parameter keeps its value when a new template has another default: the image that was chosen is not used.
        expected.append(f"image setting {aws.template['Parameters'][name]['Default']}")
        found.append(f"image setting {parameters[name]['ParameterValue']}")
        expected.append(parameters[name].get("ResolvedValue") or parameters[name]["ParameterValue"])
    else:
        expected.append(promised["ImageId"])
    if "CreditSpecification" in promised:
        credit = aws.ec2.describe_instance_credit_specifications(InstanceIds=[bastion(aws).id])
        expected.append(f"CPU credits {promised['CreditSpecification']['CPUCredits']}")
        found += [f"CPU credits {each.get('CpuCredits')}" for each in credit["InstanceCreditSpecifications"]]
    return expected, found


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
    "The root volume of every instance is an encrypted gp3 of the chosen size",
    "どのインスタンスのルートボリュームも、指定サイズの暗号化された gp3",
    "aws ec2 describe-volumes --filters Name=attachment.instance-id,Values={InstanceId}",
)
def root_volume_is_encrypted(aws: Deployed) -> tuple[Facts, Facts]:
    expected, found = [], []
    for host in aws.all("AWS::EC2::Instance"):
        for device in host.properties["BlockDeviceMappings"]:
            size = device["Ebs"]["VolumeSize"]
            expected.append(f"{host.name} {device['DeviceName']}: gp3, {size} GiB, encrypted True")
        for held in look(aws, host)["BlockDeviceMappings"]:
            volume = aws.ec2.describe_volumes(VolumeIds=[held["Ebs"]["VolumeId"]])["Volumes"][0]
            kind = f"{volume['VolumeType']}, {volume['Size']} GiB, encrypted {volume['Encrypted']}"
            found.append(f"{host.name} {held['DeviceName']}: {kind}")
    return expected, found


@check(
    "8 (Step 3-5, 3-9)",
    "The bastion is tagged: its name, its role, the project",
    "踏み台には名前・役割・プロジェクトのタグが付いている",
    "aws ec2 describe-tags --filters Name=resource-id,Values={InstanceId}",
)
def bastion_is_tagged(aws: Deployed) -> tuple[Facts, Facts]:
    promised = {tag["Key"]: tag["Value"] for tag in aws.description.get("Tags", [])}  # CloudFormation hands them on
    promised |= {tag["Key"]: tag["Value"] for tag in bastion(aws).properties["Tags"]}
    return (
        [f"{key}={value}" for key, value in promised.items()],
        [
            f"{tag['Key']}={tag['Value']}"
            for tag in look(aws, bastion(aws)).get("Tags", [])
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
    "aws ec2 describe-instances --instance-ids {InstanceId} --query 'Reservations[].Instances[].MetadataOptions'",
)
def imdsv2_only(aws: Deployed) -> tuple[Facts, Facts]:
    expected, found = [], []
    for host in aws.all("AWS::EC2::Instance"):
        options: Any = look(aws, host).get("MetadataOptions", {})
        expected.append(f"{host.name}: tokens required, 1 hop")
        found.append(f"{host.name}: tokens {options.get('HttpTokens')}, {options.get('HttpPutResponseHopLimit')} hop")
    return expected, found


@check(
    "10-3, 10-4",
    "The first boot mounts this bucket through the role for uid/gid, and again at every boot",
    "初回起動でロールを使ってこのバケットをマウントし、起動のたびに再マウントする",
    "aws ec2 describe-instance-attribute --instance-id {InstanceId} --attribute userData",
)
def first_boot_mounts_the_bucket(aws: Deployed) -> tuple[Facts, Facts]:
    attribute = aws.ec2.describe_instance_attribute(InstanceId=bastion(aws).id, Attribute="userData")["UserData"]
    text = base64.b64decode(attribute.get("Value", "")).decode()
    literal = bastion(aws).properties["UserData"]["Fn::Base64"]["Fn::Sub"]

    def variable(name: str, where: str) -> str:
        line = next((line for line in where.splitlines() if line.strip().startswith(f"{name}=")), f"{name}=?")
        return "".join(shlex.split(line.strip()))

    paths = ("/etc/rc.local", "/etc/systemd/system/rc-local.service")
    return (
        [f"BUCKET={aws.outputs['BucketName']}", f"ROLE={role(aws)}"]
        + [variable(name, literal) for name in ("MOUNT_POINT", "MOUNT_UID", "MOUNT_GID")]
        + [f"writes {path}" for path in paths],
        [variable(name, text) for name in ("BUCKET", "ROLE", "MOUNT_POINT", "MOUNT_UID", "MOUNT_GID")]
        + [f"writes {path}" for path in paths if re.search(rf"^put \d+ {path} ", text, re.MULTILINE)],
    )


@check(
    "3-4, 12",
    "The private host, if there is one, has no public address, takes SSH from the bastion alone and nothing else",
    "プライベートホストがあれば、パブリック IP はなく、受けるのは踏み台からの SSH だけ",
    "aws ec2 describe-instances --filters Name=tag:Name,Values=learning-private-host",
)
def private_host_is_private(aws: Deployed) -> tuple[Facts, Facts]:
    expected, found = [], []
    for host in aws.all("AWS::EC2::Instance"):
        if host.name != "learning-private-host":
            continue
        expected.append("in learning-private-1, address none")
        expected += [rule for way in ("in", "out") for rule in promised_rules(aws, "learning-private-host", way)]
        instance = look(aws, host)
        found.append(f"in {aws.name_of(instance.get('SubnetId'))}, address {instance.get('PublicIpAddress', 'none')}")
        for group in instance["SecurityGroups"]:
            found += [rule for way in ("in", "out") for rule in rules_of(aws, group["GroupId"], way)]
    return expected, found
