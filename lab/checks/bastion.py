"""Chapters 8 and 10: the bastion and what its first boot does."""

import base64
import re
import shlex
from typing import TYPE_CHECKING, Any

from lab.checks.check import Facts, check
from lab.checks.firewall import ANYWHERE, rules_of
from lab.checks.network import vpc_id
from lab.template.deployed import Deployed
from lab.template.reader import Resource

if TYPE_CHECKING:
    from mypy_boto3_ec2.type_defs import InstanceTypeDef

PRIVATE_HOST = "learning-private-host"
NAT_TYPE = "t4g.micro"
GRAVITON = re.compile(r"a1|[a-z]+\d+g")  # such as t4g and c7gd: AWS's own processors, which are arm64


def bastion(aws: Deployed) -> Resource:
    return aws.one("AWS::EC2::Instance", "learning-bastion")


def described(aws: Deployed, instance: Resource) -> "InstanceTypeDef":
    return aws.ec2.describe_instances(InstanceIds=[instance.id])["Reservations"][0]["Instances"][0]


@check(
    "8 (Step 3-1, 3-2)",
    "The bastion runs on the Ubuntu image that was chosen; every instance has its type, CPU credits that add no cost, "
    "shared hardware",
    "aws ec2 describe-instances --instance-ids {InstanceId}",
    field="ImageId, InstanceType",
)
def bastion_runs(aws: Deployed) -> tuple[Facts, Facts]:
    chosen = aws.settings
    instance = described(aws, bastion(aws))
    expected, found = ["running"], [str(instance["State"]["Name"])]
    if chosen["ami_id"]:
        expected.append(f"image {chosen['ami_id']}")
        found.append(f"image {instance['ImageId']}")
    else:
        cpu = "arm64" if GRAVITON.match(chosen["instance_type"]) else "amd64"
        release, serial = chosen["ubuntu_release"], chosen["ami_serial"] or "current"
        expected.append(
            f"image of /aws/service/canonical/ubuntu/server/{release}/stable/{serial}/{cpu}/hvm/ebs-gp3/ami-id"
        )
        # A parameter keeps its value when a new template has another default: the image that was chosen is not used.
        names = [
            each["ParameterValue"]
            for each in aws.description.get("Parameters", [])
            if each.get("ResolvedValue") == instance["ImageId"]
        ]
        found.append(f"image of {' and '.join(names) or instance['ImageId']}")
    tenancy = aws.ec2.describe_vpcs(VpcIds=[vpc_id(aws)])["Vpcs"][0]["InstanceTenancy"]
    types = {
        "learning-bastion": chosen["instance_type"],
        PRIVATE_HOST: chosen["instance_type"],
        "learning-nat": NAT_TYPE,
    }
    for host in aws.all("AWS::EC2::Instance"):
        its = described(aws, host)
        kind = its["InstanceType"]
        expected.append(f"{host.name}: {types.get(host.name, kind)}, tenancy default in a VPC of default")
        found.append(f"{host.name}: {kind}, tenancy {its['Placement']['Tenancy']} in a VPC of {tenancy}")
        if kind.startswith("t"):  # the burstable families
            credit = aws.ec2.describe_instance_credit_specifications(InstanceIds=[host.id])
            expected.append(f"{host.name}: CPU credits standard")
            each_credit = credit["InstanceCreditSpecifications"]
            found += [f"{host.name}: CPU credits {each.get('CpuCredits')}" for each in each_credit]
    return expected, found


@check(
    "8 (Step 3-3)",
    "The bastion is in public subnet 1 and has one public address, its Elastic IP",
    "aws ec2 describe-addresses --public-ips {BastionAddress}",
    field="PublicIp, InstanceId",
)
def bastion_has_an_elastic_ip(aws: Deployed) -> tuple[Facts, Facts]:
    found = described(aws, bastion(aws))
    addresses = aws.ec2.describe_addresses(Filters=[{"Name": "instance-id", "Values": [bastion(aws).id]}])["Addresses"]
    return (
        ["in learning-public-1", f"address {aws.outputs['BastionAddress']}", "Elastic IP learning-bastion"],
        [f"in {aws.name_of(found.get('SubnetId'))}", f"address {found.get('PublicIpAddress', 'none')}"]
        + [f"Elastic IP {aws.name_of(each['PublicIp'])}" for each in addresses],
    )


@check(
    "8 (Step 3-4)",
    "The root volume of every instance is an encrypted gp3 of the chosen size",
    "aws ec2 describe-volumes --filters Name=attachment.instance-id,Values={InstanceId}",
    field="Encrypted, VolumeType",
)
def root_volume_is_encrypted(aws: Deployed) -> tuple[Facts, Facts]:
    # Of the others, those that the stack has by a setting keep to the smallest that Ubuntu's image takes.
    sizes = {"learning-bastion": aws.settings["volume_gib"], PRIVATE_HOST: "8", "learning-nat": "8"}
    expected, found = [], []
    for host in aws.all("AWS::EC2::Instance"):
        expected += [f"{host.name}: gp3, encrypted True"]
        expected += [f"{host.name}: {sizes[host.name]} GiB"] if host.name in sizes else []
        instance = described(aws, host)
        for held in instance["BlockDeviceMappings"]:
            if held["DeviceName"] != instance["RootDeviceName"]:
                continue
            volume = aws.ec2.describe_volumes(VolumeIds=[held["Ebs"]["VolumeId"]])["Volumes"][0]
            found += [f"{host.name}: {volume['VolumeType']}, encrypted {volume['Encrypted']}"]
            found += [f"{host.name}: {volume['Size']} GiB"] if host.name in sizes else []
    return expected, found


@check(
    "8 (Step 3-5, 3-9)",
    "The bastion is tagged: its name, its role, the project",
    "aws ec2 describe-tags --filters Name=resource-id,Values={InstanceId}",
    field="Key, Value",
)
def bastion_is_tagged(aws: Deployed) -> tuple[Facts, Facts]:
    promised = {tag["Key"]: tag["Value"] for tag in aws.description.get("Tags", [])}  # CloudFormation hands them on
    promised |= {"Name": "learning-bastion", "Role": "bastion", "Project": "LearningStack"}
    return (
        [f"{key}={value}" for key, value in promised.items()],
        [
            f"{tag['Key']}={tag['Value']}"
            for tag in described(aws, bastion(aws)).get("Tags", [])
            if not tag["Key"].startswith("aws:")
        ],
    )


@check(
    "8 (Step 3-6)",
    "The bastion is behind the security group `bastion` and no other",
    "aws ec2 describe-instance-attribute --instance-id {InstanceId} --attribute groupSet",
    field="Groups",
)
def bastion_is_behind_its_group(aws: Deployed) -> tuple[Facts, Facts]:
    groups = described(aws, bastion(aws))["SecurityGroups"]
    return ["learning-bastion"], [aws.name_of(group["GroupId"]) for group in groups]


@check(
    "8 (Step 3-7)",
    "The bastion has a key pair, and Parameter Store keeps the private key, encrypted",
    "aws ec2 describe-key-pairs --filters Name=tag:Project,Values=LearningStack",
    field="KeyName, KeyPairId",
)
def key_is_in_parameter_store(aws: Deployed) -> tuple[Facts, Facts]:
    name = described(aws, bastion(aws)).get("KeyName", "none")
    found = [f"key {name}" if name not in [key.id for key in aws.all("AWS::EC2::KeyPair")] else "a key of this stack"]
    for key in aws.ec2.describe_key_pairs(Filters=[{"Name": "key-name", "Values": [name]}])["KeyPairs"]:
        parameters = aws.ssm.get_parameters(Names=[f"/ec2/keypair/{key['KeyPairId']}"])["Parameters"]
        found += [key["KeyType"], *(f"kept as {parameter['Type']}" for parameter in parameters)]
    return ["a key of this stack", "ed25519", "kept as SecureString"], found


@check(
    "8",
    "The metadata service answers IMDSv2 only, and on the instance itself only (newer than the primer)",
    "aws ec2 describe-instances --instance-ids {InstanceId} --query 'Reservations[].Instances[].MetadataOptions'",
    field="HttpTokens, HttpPutResponseHopLimit",
)
def imdsv2_only(aws: Deployed) -> tuple[Facts, Facts]:
    expected, found = [], []
    for host in aws.all("AWS::EC2::Instance"):
        options: Any = described(aws, host).get("MetadataOptions", {})
        expected.append(f"{host.name}: tokens required, 1 hop")
        found.append(f"{host.name}: tokens {options.get('HttpTokens')}, {options.get('HttpPutResponseHopLimit')} hop")
    return expected, found


@check(
    "10-3, 10-4",
    "The first boot mounts this bucket through the role for uid/gid, and again at every boot",
    "aws ec2 describe-instance-attribute --instance-id {InstanceId} --attribute userData",
    field="Value",
)
def first_boot_mounts_the_bucket(aws: Deployed) -> tuple[Facts, Facts]:
    attribute = aws.ec2.describe_instance_attribute(InstanceId=bastion(aws).id, Attribute="userData")["UserData"]
    text = base64.b64decode(attribute.get("Value", "")).decode()
    chosen = aws.settings

    def variable(name: str) -> str:
        line = next((line for line in text.splitlines() if line.strip().startswith(f"{name}=")), f"{name}=?")
        return "".join(shlex.split(line.strip()))

    paths = ("/etc/rc.local", "/etc/systemd/system/rc-local.service")
    return (
        [f"BUCKET={aws.outputs['BucketName']}", f"ROLE={chosen['role_name']}"]
        + [f"{name.upper()}={chosen[name]}" for name in ("mount_point", "mount_uid", "mount_gid")]
        + [f"writes {path}" for path in paths],
        [variable(name) for name in ("BUCKET", "ROLE", "MOUNT_POINT", "MOUNT_UID", "MOUNT_GID")]
        + [f"writes {path}" for path in paths if re.search(rf"^unfold \d+ {path} ", text, re.MULTILINE)],
    )


@check(
    "3-4, 12",
    "The private host, if there is one, has no public address, takes SSH from the bastion alone and nothing else",
    "aws ec2 describe-instances --filters Name=tag:Name,Values=learning-private-host",
    field="PrivateIpAddress, SecurityGroups",
)
def private_host_is_private(aws: Deployed) -> tuple[Facts, Facts]:
    expected, found = [], []
    if aws.settings["private_host"] == "true":
        expected = [
            "in learning-private-1, address none",
            f"{PRIVATE_HOST} in: tcp 22 from learning-bastion",
            f"{PRIVATE_HOST} out: tcp 80 to {ANYWHERE}",
            f"{PRIVATE_HOST} out: tcp 443 to {ANYWHERE}",
        ]
    for host in aws.all("AWS::EC2::Instance"):
        if host.name != PRIVATE_HOST:
            continue
        instance = described(aws, host)
        found.append(f"in {aws.name_of(instance.get('SubnetId'))}, address {instance.get('PublicIpAddress', 'none')}")
        for group in instance["SecurityGroups"]:
            found += [rule for way in ("in", "out") for rule in rules_of(aws, group["GroupId"], way)]
    return expected, found
