"""Instances and their volumes."""

import re
from datetime import UTC, datetime
from functools import lru_cache
from typing import Any

import botocore.session
from ministack.services import ec2, iam

from lab.local_aws.resources.zones import zones
from lab.local_aws.rules.network import CODES
from lab.local_aws.rules.quotas import quota
from lab.local_aws.rules.rule import Asked, rule

RUN = "https://docs.aws.amazon.com/AWSEC2/latest/APIReference/API_RunInstances.html"
EBS = "https://docs.aws.amazon.com/AWSEC2/latest/APIReference/API_EbsBlockDevice.html"
IMAGE_TYPE = "gp3"  # of the root volume of Canonical's images
ROOT = 8  # GiB of the root volume of Canonical's images, and of what ministack takes for an image
SIZES = {  # GiB of a volume
    "gp2": (1, 16384),
    "gp3": (1, 65536),
    "io1": (4, 16384),
    "io2": (4, 65536),
    "sc1": (125, 16384),
    "st1": (125, 16384),
    "standard": (1, 1024),
}
IOPS = {"gp3": (3000, 80000), "io1": (100, 64000), "io2": (100, 256000)}
NO_BOOT = ("sc1", "st1")
# On-demand standard instances share one quota. In a family, a size has as many vCPUs whatever its generation, but for
# the first two generations of T.
STANDARD = re.compile(r"[acdhimrtz]\d.*|im.*|is.*")
VCPUS = {"nano": 2, "micro": 2, "small": 2, "medium": 2, "large": 2, "xlarge": 4}
SMALL_T2 = ("nano", "micro", "small")
GROUPS_OF_INTERFACE = 5


@lru_cache
def _types() -> frozenset[str]:
    """Return the instance types that EC2's own published model lists, the one that botocore carries."""
    model: Any = botocore.session.get_session().get_service_model("ec2")
    return frozenset(model.shape_for("InstanceType").enum)


def vcpus(instance_type: str) -> int:
    """Return the vCPUs that an instance counts in the quota, 0 for one of another quota.

    Source: https://docs.aws.amazon.com/ec2/latest/instancetypes/gp.html
    """
    family, _, size = instance_type.partition(".")
    if not STANDARD.fullmatch(family):
        return 0
    if family == "t2" and size in SMALL_T2:
        return 1
    if size == "medium" and not family.startswith("t"):
        return 1
    many = re.fullmatch(r"(\d+)xlarge", size)
    return int(many[1]) * 4 if many else VCPUS.get(size, 4)


def _running() -> int:
    alive = [each for each in ec2._instances.values() if each["State"]["Name"] in ("pending", "running")]
    return sum(vcpus(each["InstanceType"]) for each in alive)


@rule(
    "ec2.instance-type",
    "RunInstances",
    code="InvalidParameterValue",
    source="https://github.com/getmoto/moto/issues/1695",
)
def _instance_type(asked: Asked) -> str | None:
    wanted = asked.get("InstanceType", "m1.small")
    return None if wanted in _types() else f"Invalid value '{wanted}' for InstanceType."


@rule("ec2.changed-instance-type", "ModifyInstanceAttribute", code="InvalidInstanceAttributeValue", source=CODES)
def _changed_instance_type(asked: Asked) -> str | None:
    wanted = asked.get("InstanceType")
    wanted = wanted.get("Value") if isinstance(wanted, dict) else wanted
    wrong = wanted is not None and wanted not in _types()
    return f"Invalid value '{wanted}' for InstanceType." if wrong else None


@rule("ec2.instance-counts", "RunInstances", code="InvalidParameterValue", source=RUN)
def _counts(asked: Asked) -> str | None:
    least, most = int(asked.get("MinCount", 1)), int(asked.get("MaxCount", 1))
    return None if 1 <= least <= most else f"Invalid value '{least}' for instanceCount. Must be from 1 to {most}."


@rule("ec2.vcpu", "RunInstances", code="VcpuLimitExceeded", source=CODES)
def _vcpu(asked: Asked) -> str | None:
    wanted = vcpus(asked.get("InstanceType", "m1.small")) * int(asked.get("MinCount", 1))
    return _too_many_vcpus(wanted)


@rule("ec2.vcpu-at-start", "StartInstances", code="VcpuLimitExceeded", source=CODES)
def _vcpu_at_start(asked: Asked) -> str | None:
    found = [ec2._instances.get(each) for each in asked.get("InstanceId", [])]
    stopped = [each for each in found if each and each["State"]["Name"] == "stopped"]
    return _too_many_vcpus(sum(vcpus(each["InstanceType"]) for each in stopped))


def _too_many_vcpus(wanted: int) -> str | None:
    limit = quota("vcpu")
    if not wanted or _running() + wanted <= limit:
        return None
    return (
        f"You have requested more vCPU capacity than your current vCPU limit of {limit} allows for the instance bucket "
        "that the specified instance type belongs to. Please visit http://aws.amazon.com/contact-us/ec2-request to "
        "request an adjustment to this limit."
    )


@rule("ec2.image-id", "RunInstances", code="InvalidAMIID.Malformed", source=CODES)
def _image_id(asked: Asked) -> str | None:
    image = str(asked.get("ImageId", ""))
    right = re.fullmatch(r"ami-([0-9a-f]{8}|[0-9a-f]{17})", image)
    return None if right else f'Invalid id: "{image}" (expecting "ami-...")'


@rule("ec2.instance-zone", "RunInstances", code="InvalidParameterValue", source=CODES)
def _zone(asked: Asked) -> str | None:
    zone = asked.get("Placement", {}).get("AvailabilityZone")
    return f"Invalid availability zone: [{zone}]" if zone and zone not in zones(ec2.get_region()) else None


@rule("ec2.groups-of-interface", "RunInstances", code="SecurityGroupsPerInterfaceLimitExceeded", source=CODES)
def _groups_of_interface(asked: Asked) -> str | None:
    lists = [
        asked.get("SecurityGroupId", []),
        *(i.get("SecurityGroupId", []) for i in asked.get("NetworkInterface", [])),
    ]
    full = any(len(groups) > GROUPS_OF_INTERFACE for groups in lists)
    return "The maximum number of security groups per interface has been reached." if full else None


@rule("ec2.interface-or-subnet", "RunInstances", code="InvalidParameterCombination", source=RUN)
def _interface_or_subnet(asked: Asked) -> str | None:
    wrong = "NetworkInterface" in asked and ("SubnetId" in asked or "SecurityGroupId" in asked)
    return (
        "Network interfaces and an instance-level subnet or groups may not be given in one request" if wrong else None
    )


@rule("ec2.groups-in-vpc", "RunInstances", code="InvalidParameter", source=CODES)
def _groups_in_vpc(asked: Asked) -> str | None:
    first = (asked.get("NetworkInterface") or [{}])[0]
    subnet = ec2._subnets.get(first.get("SubnetId") or asked.get("SubnetId"))
    groups = first.get("SecurityGroupId") or asked.get("SecurityGroupId") or []
    found = [ec2._security_groups.get(each) for each in groups]
    if not subnet or all(each is None or each["VpcId"] == subnet["VpcId"] for each in found):
        return None
    return f"Security group {groups[0]} and subnet {subnet['SubnetId']} belong to different networks."


def _volumes(asked: Asked) -> list[dict[str, str]]:
    return [mapping.get("Ebs", {}) for mapping in asked.get("BlockDeviceMapping", [])]


@rule("ec2.volume-type", "RunInstances", code="UnknownVolumeType", source=CODES)
def _volume_type(asked: Asked) -> str | None:
    wrong = [each["VolumeType"] for each in _volumes(asked) if each.get("VolumeType", IMAGE_TYPE) not in SIZES]
    return f"Unsupported volume type '{wrong[0]}' for volume creation." if wrong else None


@rule("ec2.volume-boots", "RunInstances", code="BootForVolumeTypeUnsupported", source=CODES)
def _volume_boots(asked: Asked) -> str | None:
    wrong = [each["VolumeType"] for each in _volumes(asked) if each.get("VolumeType") in NO_BOOT]
    return f"The volume type '{wrong[0]}' cannot be a boot volume." if wrong else None


@rule("ec2.volume-size", "RunInstances", code="InvalidParameterValue", source=EBS)
def _volume_size(asked: Asked) -> str | None:
    for each in _volumes(asked):
        kind = each.get("VolumeType", IMAGE_TYPE)
        least, most = SIZES.get(kind, (1, 65536))
        if not least <= int(each.get("VolumeSize", ROOT)) <= most:
            return f"Volume of {each['VolumeSize']}GiB is invalid for the type {kind}: must be {least} to {most}GiB."
    return None


# https://github.com/scylladb/scylladb/issues/6999 has code and message.
@rule("ec2.volume-holds-image", "RunInstances", code="InvalidBlockDeviceMapping", source=EBS)
def _volume_holds_image(asked: Asked) -> str | None:
    small = [each["VolumeSize"] for each in _volumes(asked) if int(each.get("VolumeSize", ROOT)) < ROOT]
    snapshot = f"snap-{str(asked.get('ImageId', '')).removeprefix('ami-')}"
    return (
        f"Volume of size {small[0]}GB is smaller than snapshot '{snapshot}', expect size >= {ROOT}GB" if small else None
    )


@rule("ec2.volume-iops", "RunInstances", code="InvalidParameterCombination", source=EBS)
def _volume_iops(asked: Asked) -> str | None:
    # The page says which types take IOPS and how many; its code is the generic one of the list.
    for each in _volumes(asked):
        kind = each.get("VolumeType", IMAGE_TYPE)
        if "Iops" not in each and kind in ("io1", "io2"):
            return f"The parameter iops must be specified for {kind} volumes."
        if "Iops" in each and kind not in IOPS:
            return f"The parameter iops is not supported for {kind} volumes."
        if "Iops" in each and not IOPS[kind][0] <= int(each["Iops"]) <= IOPS[kind][1]:
            return f"Volume iops of {each['Iops']} is not within {IOPS[kind][0]} and {IOPS[kind][1]}"
    return None


@rule(
    "ec2.metadata-hops",
    "RunInstances",
    "ModifyInstanceMetadataOptions",
    code="InvalidParameterValue",
    source="https://docs.aws.amazon.com/AWSEC2/latest/APIReference/API_InstanceMetadataOptionsRequest.html",
)
def _metadata_hops(asked: Asked) -> str | None:
    hops = asked.get("MetadataOptions", asked).get("HttpPutResponseHopLimit", "1")
    right = str(hops).isdecimal() and 1 <= int(hops) <= 64
    return None if right else f"Value ({hops}) for parameter HttpPutResponseHopLimit is invalid. Must be 1 to 64."


@rule(
    "ec2.metadata-words",
    "RunInstances",
    "ModifyInstanceMetadataOptions",
    code="InvalidParameterValue",
    source="https://docs.aws.amazon.com/AWSEC2/latest/APIReference/API_InstanceMetadataOptionsRequest.html",
)
def _metadata_words(asked: Asked) -> str | None:
    given = asked.get("MetadataOptions", asked)
    words = {"HttpTokens": ("optional", "required"), "HttpEndpoint": ("enabled", "disabled")}
    for name, known in words.items():
        if given.get(name, known[0]) not in known:
            return f"Value ({given[name]}) for parameter {name} is invalid. Valid values: {', '.join(known)}"
    return None


@rule("ec2.cpu-credits", "RunInstances", "ModifyInstanceCreditSpecification", code="InvalidCpuCredits", source=CODES)
def _cpu_credits(asked: Asked) -> str | None:
    given = [asked.get("CreditSpecification", {}), *asked.get("InstanceCreditSpecification", [])]
    wrong = [
        each["CpuCredits"] for each in given if each.get("CpuCredits", "standard") not in ("standard", "unlimited")
    ]
    return (
        f"The specified CpuCredits value {wrong[0]} is invalid. Valid values are standard and unlimited."
        if wrong
        else None
    )


@rule("ec2.shutdown-words", "RunInstances", code="InvalidParameterValue", source=RUN)
def _shutdown_words(asked: Asked) -> str | None:
    word = asked.get("InstanceInitiatedShutdownBehavior", "stop")
    right = word in ("stop", "terminate")
    return None if right else f"Value ({word}) for parameter InstanceInitiatedShutdownBehavior is invalid."


@rule(
    "ec2.instance-id",
    "StopInstances",
    "StartInstances",
    "TerminateInstances",
    "RebootInstances",
    code="InvalidInstanceID.Malformed",
    source=CODES,
)
def _instance_id(asked: Asked) -> str | None:
    wrong = [each for each in asked.get("InstanceId", []) if not re.fullmatch(r"i-([0-9a-f]{8}|[0-9a-f]{17})", each)]
    return f'Invalid id: "{wrong[0]}"' if wrong else None


@rule(
    "ec2.instance-exists",
    "StopInstances",
    "StartInstances",
    "TerminateInstances",
    "RebootInstances",
    code="InvalidInstanceID.NotFound",
    source=CODES,
)
def _instance_exists(asked: Asked) -> str | None:
    missing = [each for each in asked.get("InstanceId", []) if each not in ec2._instances]
    return f"The instance ID '{missing[0]}' does not exist" if missing else None


@rule(
    "ec2.profile-is-known",
    "RunInstances",
    code="InvalidParameterValue",
    source="https://docs.aws.amazon.com/IAM/latest/UserGuide/troubleshoot.html#troubleshoot_general_eventual-consistency",
)
def _profile_is_known(asked: Asked) -> str | None:
    given = asked.get("IamInstanceProfile") or {}
    name = given.get("Name") or str(given.get("Arn", "")).rpartition("/")[2]
    profile = iam._instance_profiles.get(name)
    if not profile or asked.get("FromCloudFormation"):  # it waits itself, until IAM knows what it made
        return None
    age = (datetime.now(UTC) - datetime.fromisoformat(profile["CreateDate"])).total_seconds()
    if age >= quota("role-seconds"):
        return None
    return f"Value ({name}) for parameter iamInstanceProfile.name is invalid. Invalid IAM Instance Profile name"
