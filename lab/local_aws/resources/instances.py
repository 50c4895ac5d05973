"""Instances: everything that a launch asks for is kept, shown, and can be changed as on EC2."""

import base64
import binascii
from typing import Any, ClassVar
from xml.etree import ElementTree as ET

from ministack.core.responses import get_account_id
from ministack.services import ec2

from lab.local_aws import signals, wire
from lab.local_aws.provider import TAG, Made, Properties, Provider, Schema, aws, retag, tags_for, unless
from lab.local_aws.resources import addresses, images, interfaces

USER_DATA_LIMIT = 16384
LAUNCH_MEMBERS = {
    *("Action", "Version", "ClientToken", "MinCount", "MaxCount", "ImageId", "InstanceType", "KeyName", "SubnetId"),
    *("SecurityGroupId", "PrivateIpAddress", "NetworkInterface", "Placement", "IamInstanceProfile", "UserData"),
    *("MetadataOptions", "CreditSpecification", "BlockDeviceMapping", "TagSpecification", "DisableApiTermination"),
    *("InstanceInitiatedShutdownBehavior", "Monitoring"),
}
VOLUME_MEMBERS = {"VolumeSize", "VolumeType", "Encrypted", "DeleteOnTermination", "Iops"}
MONITORING = {True: "enabled", False: "disabled"}
METADATA_DEFAULTS = {
    "State": "applied",
    "HttpTokens": "optional",
    "HttpPutResponseHopLimit": "1",
    "HttpEndpoint": "enabled",
    "HttpProtocolIpv6": "disabled",
    "InstanceMetadataTags": "disabled",
}


def _instance(instance_id: str) -> dict[str, Any]:
    return wire.known(ec2._instances, instance_id, "InvalidInstanceID.NotFound", "instance ID")


def _checked_user_data(encoded: str) -> str:
    try:
        size = len(base64.b64decode(encoded, validate=False))
    except binascii.Error:
        raise wire.Ec2Error("InvalidParameterValue", "Invalid BASE64 encoding of user data.") from None
    if size > USER_DATA_LIMIT:
        raise wire.Ec2Error("InvalidParameterValue", f"User data is limited to {USER_DATA_LIMIT} bytes")
    return encoded


def _wire_name(name: str) -> str:
    return name[0].lower() + name[1:]


# --- launch


@wire.replaces("RunInstances")
def _run_instances(params: wire.Params) -> wire.Answer:
    request = wire.tree(params)
    unknown = sorted(request.keys() - LAUNCH_MEMBERS)
    if unknown:
        raise wire.Ec2Error(
            "InvalidParameterValue", f"RunInstances: the local AWS does not support {', '.join(unknown)}"
        )
    count = min(int(request.get("MinCount", 1)), int(request.get("MaxCount", 1)))
    launched = [_launch(request, params) for _ in range(count)]
    items = "".join(ec2._instance_xml(record) for record in launched)
    root = wire.parse(f"<RunInstancesResponse><instancesSet>{items}</instancesSet></RunInstancesResponse>")
    for item in root.findall("instancesSet/item"):
        complete(item)
    wire.put(root, {"reservationId": wire.new_id("r"), "ownerId": get_account_id()})
    return 200, {"Content-Type": "application/xml"}, ET.tostring(root)


def _launch(request: dict[str, Any], params: wire.Params) -> dict[str, Any]:
    wanted = (request.get("NetworkInterface") or [{}])[0]
    subnet_id = wanted.get("SubnetId") or request.get("SubnetId") or ec2._DEFAULT_SUBNET_ID
    subnet = wire.known(ec2._subnets, subnet_id, "InvalidSubnetID.NotFound", "subnet ID")
    groups = wanted.get("SecurityGroupId") or request.get("SecurityGroupId") or [_default_group(subnet["VpcId"])]
    instance_type = request.get("InstanceType", "m1.small")
    _check_launch(request, subnet, instance_type)
    address = wanted.get("PrivateIpAddress") or request.get("PrivateIpAddress") or interfaces.free_address(subnet)
    interfaces.check_address(subnet, address)
    public = wire.is_true(wanted.get("AssociatePublicIpAddress", subnet["MapPublicIpOnLaunch"]))
    extras = {
        "VpcId": subnet["VpcId"],
        "Architecture": images.architecture_of_type(instance_type),
        "PrivateDnsName": interfaces.private_name(address),
        "UserData": _checked_user_data(request.get("UserData", "")),
        "MetadataOptions": {**METADATA_DEFAULTS, **request.get("MetadataOptions", {})},
        "CpuCredits": _credits(request, instance_type),
        "DisableApiTermination": wire.is_true(request.get("DisableApiTermination", False)),
        "ShutdownBehavior": request.get("InstanceInitiatedShutdownBehavior", "stop"),
        "GetsPublicAddress": public,
        "Monitoring": {"State": MONITORING[wire.is_true(request.get("Monitoring", {}).get("Enabled", False))]},
    }
    profile = _profile(request.get("IamInstanceProfile"))
    # Everything is checked: from here on nothing is refused, so nothing is left half made.
    interface = interfaces.create(subnet, address=address, groups=groups, description=wanted.get("Description", ""))
    record: dict[str, Any]
    [record] = ec2._launch_instances_internal(
        image_id=request["ImageId"],
        instance_type=instance_type,
        subnet_id=subnet_id,
        count=1,
        key_name=request.get("KeyName", ""),
        sg_ids=groups,
        requested_private_ip=address,
        iam_profile=profile,
    )
    instance_id = record["InstanceId"]
    record.update(extras)
    record["Placement"]["AvailabilityZone"] = subnet["AvailabilityZone"]
    interfaces.attach(interface, instance_id, index=int(wanted.get("DeviceIndex", 0)))
    addresses.show_public_address(instance_id, ec2._random_ip("54.") if public else "")
    _set_up_root_volume(record, request.get("BlockDeviceMapping", []))
    for kind, resource_ids in {
        "instance": [instance_id],
        "network-interface": [interface["NetworkInterfaceId"]],
        "volume": [mapping["Ebs"]["VolumeId"] for mapping in record["BlockDeviceMappings"]],
    }.items():
        for resource_id in resource_ids:
            ec2._parse_tag_specs(params, kind, resource_id)
    return record


def _default_group(vpc_id: str) -> str:
    return str(ec2._vpcs.get(vpc_id, {}).get("DefaultSecurityGroupId", ec2._DEFAULT_SG_ID))


def _check_launch(request: dict[str, Any], subnet: dict[str, Any], instance_type: str) -> None:
    if "KeyName" in request:
        wire.known(ec2._key_pairs, request["KeyName"], "InvalidKeyPair.NotFound", "key pair")
    zone = request.get("Placement", {}).get("AvailabilityZone", subnet["AvailabilityZone"])
    if zone != subnet["AvailabilityZone"]:
        raise wire.Ec2Error("InvalidParameterValue", f"The subnet {subnet['SubnetId']} is not in the zone {zone}")
    for mapping in request.get("BlockDeviceMapping", []):
        unknown = mapping.get("Ebs", {}).keys() - VOLUME_MEMBERS
        if mapping["DeviceName"] != _root_device(request["ImageId"]) or unknown:
            raise wire.Ec2Error("InvalidParameterValue", f"The local AWS does not support the block device {mapping}")
    image, machine = images.architecture_of_image(request["ImageId"]), images.architecture_of_type(instance_type)
    if image not in (None, machine):
        raise wire.Ec2Error(
            "InvalidParameterValue",
            f"The architecture '{machine}' of the specified instance type does not match the architecture '{image}' "
            "of the specified AMI. Specify an instance type and an AMI that have matching architectures.",
        )


def _profile(wanted: dict[str, str] | None) -> dict[str, str] | None:
    if not wanted:
        return None
    found, refused = ec2._resolve_iam_instance_profile(iam_arn=wanted.get("Arn", ""), iam_name=wanted.get("Name", ""))
    if refused:
        name = wanted.get("Name") or wanted.get("Arn")
        raise wire.Ec2Error("InvalidParameterValue", f"Invalid IAM Instance Profile name: {name}")
    return dict(found)


def _credits(request: dict[str, Any], instance_type: str) -> str | None:
    """Return how a burstable instance pays for bursts; other instances have no such setting."""
    wanted = request.get("CreditSpecification", {}).get("CpuCredits")
    if not instance_type.startswith("t"):
        if wanted:
            raise wire.Ec2Error("InvalidParameterCombination", f"{instance_type} takes no credit specification")
        return None
    return str(wanted or ("standard" if instance_type.startswith("t2.") else "unlimited"))


def _root_device(image: str) -> str:
    return "/dev/sda1" if images.architecture_of_image(image) else "/dev/xvda"


def _set_up_root_volume(record: dict[str, Any], mappings: list[dict[str, Any]]) -> None:
    [root] = record["BlockDeviceMappings"]
    volume = ec2._volumes[root["Ebs"]["VolumeId"]]
    [attachment] = volume["Attachments"]
    record["RootDeviceName"] = root["DeviceName"] = attachment["Device"] = _root_device(record["ImageId"])
    volume["AvailabilityZone"] = record["Placement"]["AvailabilityZone"]
    for mapping in mappings:
        wanted = mapping.get("Ebs", {})
        volume["Size"] = int(wanted.get("VolumeSize", volume["Size"]))
        volume["VolumeType"] = wanted.get("VolumeType", volume["VolumeType"])
        volume["Iops"] = int(wanted.get("Iops", volume["Iops"]))
        volume["Encrypted"] = wire.is_true(wanted.get("Encrypted", False))
        kept = wire.is_true(wanted.get("DeleteOnTermination", True))
        root["Ebs"]["DeleteOnTermination"] = attachment["DeleteOnTermination"] = kept


# --- what describe shows


@wire.completes(
    "DescribeInstances",
    items="reservationSet/item",
    inside="instancesSet/item",
    filters={
        "architecture": "architecture",
        "availability-zone": "placement/availabilityZone",
        "iam-instance-profile.arn": "iamInstanceProfile/arn",
        "image-id": "imageId",
        "instance-id": "instanceId",
        "instance-state-name": "instanceState/name",
        "instance-type": "instanceType",
        "instance.group-id": "groupSet/item/groupId",
        "ip-address": "ipAddress",
        "key-name": "keyName",
        "network-interface.network-interface-id": "networkInterfaceSet/item/networkInterfaceId",
        "private-ip-address": "privateIpAddress",
        "subnet-id": "subnetId",
        "vpc-id": "vpcId",
    },
)
def complete(item: ET.Element) -> None:
    """Add what ministack keeps but does not say about an instance."""
    record = ec2._instances[item.findtext("instanceId")]
    options = {_wire_name(name): value for name, value in record.get("MetadataOptions", METADATA_DEFAULTS).items()}
    shown = [_interface_fields(interface) for interface in interfaces.of_instance(record["InstanceId"])]
    wire.put(
        item,
        {
            "metadataOptions": options,
            "networkInterfaceSet": shown,
            "keyName": record["KeyName"],
            "subnetId": record["SubnetId"],
            "vpcId": record["VpcId"],
            "privateIpAddress": record["PrivateIpAddress"],
            "privateDnsName": record["PrivateDnsName"],
            "ipAddress": record["PublicIpAddress"],
            "dnsName": record["PublicDnsName"],
        },
    )


def _interface_fields(interface: dict[str, Any]) -> dict[str, Any]:
    attachment = interface["Attachment"]
    public_ip = ec2._instances[attachment["InstanceId"]]["PublicIpAddress"]
    association = {
        "publicIp": public_ip,
        "publicDnsName": interfaces.public_name(public_ip, interface["VpcId"]),
        "ipOwnerId": get_account_id() if interface["NetworkInterfaceId"] in _with_elastic_ip() else "amazon",
    }
    return {
        "networkInterfaceId": interface["NetworkInterfaceId"],
        "subnetId": interface["SubnetId"],
        "vpcId": interface["VpcId"],
        "description": interface["Description"],
        "ownerId": interface["OwnerId"],
        "status": interface["Status"],
        "interfaceType": interface["InterfaceType"],
        "macAddress": interface["MacAddress"],
        "privateIpAddress": interface["PrivateIpAddress"],
        "privateDnsName": interfaces.private_name(interface["PrivateIpAddress"]),
        "sourceDestCheck": interface["SourceDestCheck"],
        "groupSet": [{_wire_name(name): value for name, value in group.items()} for group in interface["Groups"]],
        "attachment": {
            "attachmentId": attachment["AttachmentId"],
            "deviceIndex": attachment["DeviceIndex"],
            "status": attachment["Status"],
            "attachTime": attachment["AttachTime"],
            "deleteOnTermination": True,
        },
        "association": association if public_ip else None,
        "privateIpAddressesSet": [{"privateIpAddress": interface["PrivateIpAddress"], "primary": True}],
    }


def _with_elastic_ip() -> set[str]:
    return {address["NetworkInterfaceId"] for address in ec2._addresses.values()}


@wire.replaces("DescribeInstanceAttribute")
def _describe_attribute(params: wire.Params) -> wire.Answer:
    request = wire.tree(params)
    record, name = _instance(request.get("InstanceId", "")), request.get("Attribute", "")
    values = {
        "userData": record["UserData"],
        "disableApiTermination": record["DisableApiTermination"],
        "instanceInitiatedShutdownBehavior": record["ShutdownBehavior"],
        "sourceDestCheck": record["SourceDestCheck"],
    }
    if name not in values:
        unchanged: wire.Answer = ec2._describe_instance_attribute(params)
        return unchanged
    value = values[name]
    return wire.answer(
        "DescribeInstanceAttribute", {"instanceId": record["InstanceId"], name: {} if value == "" else {"value": value}}
    )


@wire.replaces("DescribeInstanceCreditSpecifications")
def _describe_credits(params: wire.Params) -> wire.Answer:
    wanted = wire.tree(params).get("InstanceId") or [
        record["InstanceId"] for record in ec2._instances.values() if record["CpuCredits"]
    ]
    shown = []
    for instance_id in wanted:
        cpu_credits = _instance(instance_id)["CpuCredits"]
        if not cpu_credits:
            raise wire.Ec2Error("InvalidParameterCombination", f"{instance_id} is not a burstable performance instance")
        shown.append({"instanceId": instance_id, "cpuCredits": cpu_credits})
    return wire.answer("DescribeInstanceCreditSpecifications", {"instanceCreditSpecificationSet": shown})


wire.completes(
    "DescribeVolumes",
    items="volumeSet/item",
    filters={
        "attachment.delete-on-termination": "attachmentSet/item/deleteOnTermination",
        "attachment.device": "attachmentSet/item/device",
        "attachment.instance-id": "attachmentSet/item/instanceId",
        "attachment.status": "attachmentSet/item/status",
        "availability-zone": "availabilityZone",
        "encrypted": "encrypted",
        "size": "size",
        "status": "status",
        "volume-id": "volumeId",
        "volume-type": "volumeType",
    },
)(wire.filters_alone)


# --- changes


@wire.replaces("ModifyInstanceMetadataOptions")
def _modify_metadata_options(params: wire.Params) -> wire.Answer:
    request = wire.tree(params)
    options = _instance(request.get("InstanceId", ""))["MetadataOptions"]
    options.update({name: value for name, value in request.items() if name in METADATA_DEFAULTS})
    shown = {_wire_name(name): value for name, value in options.items()}
    fields = {"instanceId": request["InstanceId"], "instanceMetadataOptions": shown}
    return wire.answer("ModifyInstanceMetadataOptions", fields)


@wire.replaces("MonitorInstances")
def _monitor(params: wire.Params) -> wire.Answer:
    return _set_monitoring("MonitorInstances", params, on=True)


@wire.replaces("UnmonitorInstances")
def _unmonitor(params: wire.Params) -> wire.Answer:
    return _set_monitoring("UnmonitorInstances", params, on=False)


def _set_monitoring(action: str, params: wire.Params, *, on: bool) -> wire.Answer:
    records = [_instance(each) for each in wire.tree(params).get("InstanceId", [])]
    for record in records:
        record["Monitoring"] = {"State": MONITORING[on]}
    shown = [{"instanceId": each["InstanceId"], "monitoring": {"state": MONITORING[on]}} for each in records]
    return wire.answer(action, {"instancesSet": shown})


@wire.replaces("ModifyInstanceCreditSpecification")
def _modify_credits(params: wire.Params) -> wire.Answer:
    changed = []
    for wanted in wire.tree(params).get("InstanceCreditSpecification", []):
        record = _instance(wanted["InstanceId"])
        record["CpuCredits"] = _credits({"CreditSpecification": wanted}, record["InstanceType"])
        changed.append({"instanceId": wanted["InstanceId"]})
    fields = {"successfulInstanceCreditSpecificationSet": changed, "unsuccessfulInstanceCreditSpecificationSet": []}
    return wire.answer("ModifyInstanceCreditSpecification", fields)


@wire.replaces("ModifyInstanceAttribute")
def _modify_attribute(params: wire.Params) -> wire.Answer:
    request = {name: value for name, value in wire.tree(params).items() if name not in ("Action", "Version")}
    record = _instance(request.pop("InstanceId", ""))
    if request.keys() & {"InstanceType", "UserData"} and record["State"]["Name"] != "stopped":
        raise wire.Ec2Error(
            "IncorrectInstanceState", f"The instance '{record['InstanceId']}' is not in the 'stopped' state."
        )
    for name, value in request.items():
        if name == "GroupId":
            record["SecurityGroups"] = interfaces.named(value)
            _change_interfaces(record, Groups=interfaces.named(value))
        elif name == "InstanceType":
            _change_type(record, value["Value"])
        elif name == "UserData":
            record["UserData"] = _checked_user_data(value.get("Value", ""))
        elif name == "SourceDestCheck":
            record["SourceDestCheck"] = wire.is_true(value["Value"])
            _change_interfaces(record, SourceDestCheck=record["SourceDestCheck"])
        elif name == "DisableApiTermination":
            record["DisableApiTermination"] = wire.is_true(value["Value"])
        elif name == "InstanceInitiatedShutdownBehavior":
            record["ShutdownBehavior"] = value["Value"]
        else:
            raise wire.Ec2Error(
                "InvalidParameterValue", f"ModifyInstanceAttribute: the local AWS does not support {name}"
            )
    return wire.answer("ModifyInstanceAttribute")


def _change_interfaces(record: dict[str, Any], **fields: Any) -> None:
    for interface in interfaces.of_instance(record["InstanceId"]):
        interface.update(fields)


def _change_type(record: dict[str, Any], instance_type: str) -> None:
    if images.architecture_of_type(instance_type) != record["Architecture"]:
        raise wire.Ec2Error(
            "InvalidParameterValue", f"{instance_type} does not have the architecture {record['Architecture']}"
        )
    record["InstanceType"] = instance_type
    record["CpuCredits"] = _credits({}, instance_type) if not record["CpuCredits"] else record["CpuCredits"]
    if not instance_type.startswith("t"):
        record["CpuCredits"] = None


def _has_elastic_ip(record: dict[str, Any]) -> bool:
    return bool(addresses.of_instance(record["InstanceId"]))


@wire.around("StopInstances")
def _stop(params: wire.Params, ministacks: wire.Handler) -> wire.Answer:
    """Stop, and give an automatic public address back; an Elastic IP stays."""
    result = ministacks(params)
    for instance_id in wire.tree(params).get("InstanceId", []):
        if result[0] < 400 and not _has_elastic_ip(_instance(instance_id)):
            addresses.show_public_address(instance_id, "")
    return result


@wire.around("StartInstances")
def _start(params: wire.Params, ministacks: wire.Handler) -> wire.Answer:
    """Start, with a new launch time, and an automatic public address where the instance gets one."""
    instance_ids = wire.tree(params).get("InstanceId", [])
    for instance_id in instance_ids:
        if _instance(instance_id)["State"]["Name"] == "terminated":
            raise wire.Ec2Error("IncorrectInstanceState", f"The instance '{instance_id}' is terminated")
    stopped = [each for each in instance_ids if _instance(each)["State"]["Name"] == "stopped"]
    result = ministacks(params)
    for instance_id in stopped:
        _instance(instance_id)["LaunchTime"] = ec2._now_ts()
    for instance_id in instance_ids:
        record = _instance(instance_id)
        if record["GetsPublicAddress"] and not record["PublicIpAddress"]:
            addresses.show_public_address(instance_id, ec2._random_ip("54."))
    return result


@wire.around("TerminateInstances")
def _terminate(params: wire.Params, ministacks: wire.Handler) -> wire.Answer:
    """Terminate, and take along what belongs to the instance: interfaces, volumes and associations."""
    instance_ids = wire.tree(params).get("InstanceId", [])
    for instance_id in instance_ids:
        if _instance(instance_id)["DisableApiTermination"]:
            raise wire.Ec2Error("OperationNotPermitted", f"The instance '{instance_id}' may not be terminated.")
    result = ministacks(params)
    for instance_id in instance_ids:
        record = _instance(instance_id)
        for address in addresses.of_instance(instance_id):
            addresses.release(address)
        for interface in interfaces.of_instance(instance_id):
            del ec2._network_interfaces[interface["NetworkInterfaceId"]]
        for mapping in record["BlockDeviceMappings"]:
            _leave_volume(mapping["Ebs"])
        record.update(
            BlockDeviceMappings=[], SecurityGroups=[], SubnetId="", VpcId="", PrivateIpAddress="", PrivateDnsName=""
        )
        record.update(PublicIpAddress="", PublicDnsName="")
    return result


def _leave_volume(mapping: dict[str, Any]) -> None:
    volume = ec2._volumes.get(mapping["VolumeId"])
    if volume and mapping["DeleteOnTermination"]:
        del ec2._volumes[mapping["VolumeId"]]
        ec2._tags.pop(mapping["VolumeId"], None)
    elif volume:
        volume.update(Attachments=[], State="available")


# --- in CloudFormation


class Instance(Provider):
    """An instance. What EC2 can change in a running or stopped instance is changed, the rest replaces it."""

    type_name = "AWS::EC2::Instance"
    create_only = (
        "AvailabilityZone",
        "BlockDeviceMappings",
        "ImageId",
        "KeyName",
        "NetworkInterfaces",
        "PrivateIpAddress",
        "PropagateTagsToVolumeOnCreation",
        "SubnetId",
    )
    schema: ClassVar[Schema] = {
        **{name: {} for name in create_only},
        "BlockDeviceMappings": {
            "DeviceName": {},
            "Ebs": {name: {} for name in ("DeleteOnTermination", "Encrypted", "Iops", "VolumeSize", "VolumeType")},
        },
        "CreditSpecification": {"CPUCredits": {}},
        "IamInstanceProfile": {},
        "InstanceType": {},
        "MetadataOptions": {
            name: {}
            for name in (
                "HttpEndpoint",
                "HttpProtocolIpv6",
                "HttpPutResponseHopLimit",
                "HttpTokens",
                "InstanceMetadataTags",
            )
        },
        "Monitoring": {},
        "NetworkInterfaces": {
            name: {}
            for name in (
                "AssociatePublicIpAddress",
                "Description",
                "DeviceIndex",
                "GroupSet",
                "PrivateIpAddress",
                "SubnetId",
            )
        },
        "SecurityGroupIds": {},
        "SourceDestCheck": {},
        "Tags": TAG,
        "UserData": {},
    }

    def _checked_create(self, logical_id: str, properties: Properties, stack: str) -> Made:
        made = super()._checked_create(logical_id, properties, stack)
        try:
            signals.wait(self.type_name, logical_id, properties, stack, made[0])
        except RuntimeError:
            self.delete(made[0], properties)  # the engine does not know of it yet
            raise
        return made

    def create(self, properties: Properties) -> Made:
        same = ("ImageId", "InstanceType", "KeyName", "PrivateIpAddress", "SecurityGroupIds", "SubnetId")
        asked: Properties = {name: properties[name] for name in same if name in properties}
        if "AvailabilityZone" in properties:
            asked["Placement"] = {"AvailabilityZone": properties["AvailabilityZone"]}
        if "IamInstanceProfile" in properties:
            asked["IamInstanceProfile"] = {"Name": properties["IamInstanceProfile"]}
        if "UserData" in properties:
            asked["UserData"] = base64.b64decode(properties["UserData"])  # boto3 encodes it again
        if "CreditSpecification" in properties:
            asked["CreditSpecification"] = {"CpuCredits": properties["CreditSpecification"]["CPUCredits"]}
        if "MetadataOptions" in properties:
            asked["MetadataOptions"] = _metadata_options(properties)
        asked["NetworkInterfaces"] = [_interface(each) for each in properties.get("NetworkInterfaces", [])]
        asked["BlockDeviceMappings"] = [_block_device(each) for each in properties.get("BlockDeviceMappings", [])]
        asked["Monitoring"] = {"Enabled": wire.is_true(properties.get("Monitoring", False))}
        asked["TagSpecifications"] = tags_for("instance", properties)
        if wire.is_true(properties.get("PropagateTagsToVolumeOnCreation", False)):
            # CloudFormation's own tags are not handed on.
            own = [tag for tag in properties.get("Tags", []) if not tag["Key"].startswith("aws:")]
            asked["TagSpecifications"] += tags_for("volume", {"Tags": own})
        [made] = aws("ec2").run_instances(**asked, MinCount=1, MaxCount=1)["Instances"]
        if "SourceDestCheck" in properties:
            _set_source_dest_check(made["InstanceId"], properties)
        return made["InstanceId"], _attributes(made)

    def update(self, physical_id: str, old: Properties, new: Properties) -> Made:
        ec2 = aws("ec2")
        if _changed("InstanceType", old, new) or _changed("UserData", old, new):
            ec2.stop_instances(InstanceIds=[physical_id])
            if _changed("InstanceType", old, new):
                ec2.modify_instance_attribute(InstanceId=physical_id, InstanceType={"Value": new["InstanceType"]})
            if _changed("UserData", old, new):
                user_data = base64.b64decode(new.get("UserData", ""))
                ec2.modify_instance_attribute(InstanceId=physical_id, UserData={"Value": user_data})
            ec2.start_instances(InstanceIds=[physical_id])
        if _changed("CreditSpecification", old, new):
            wanted = {"InstanceId": physical_id, "CpuCredits": new["CreditSpecification"]["CPUCredits"]}
            ec2.modify_instance_credit_specification(InstanceCreditSpecifications=[wanted])
        if _changed("SecurityGroupIds", old, new):
            ec2.modify_instance_attribute(InstanceId=physical_id, Groups=new["SecurityGroupIds"])
        if _changed("Monitoring", old, new):
            monitor = ec2.monitor_instances if wire.is_true(new.get("Monitoring", False)) else ec2.unmonitor_instances
            monitor(InstanceIds=[physical_id])
        if _changed("SourceDestCheck", old, new):
            _set_source_dest_check(physical_id, new)
        if _changed("MetadataOptions", old, new):
            ec2.modify_instance_metadata_options(InstanceId=physical_id, **_metadata_options(new))
        if _changed("IamInstanceProfile", old, new):
            _change_profile(physical_id, new.get("IamInstanceProfile"))
        retag(physical_id, old, new)
        [reservation] = ec2.describe_instances(InstanceIds=[physical_id])["Reservations"]
        return physical_id, _attributes(reservation["Instances"][0])

    def delete(self, physical_id: str, _properties: Properties) -> None:
        with unless("InvalidInstanceID.NotFound"):
            aws("ec2").terminate_instances(InstanceIds=[physical_id])


def _changed(name: str, old: Properties, new: Properties) -> bool:
    return old.get(name) != new.get(name)


def _set_source_dest_check(instance_id: str, properties: Properties) -> None:
    checked = wire.is_true(properties.get("SourceDestCheck", True))
    aws("ec2").modify_instance_attribute(InstanceId=instance_id, SourceDestCheck={"Value": checked})


def _metadata_options(properties: Properties) -> Properties:
    defaults = {"HttpEndpoint": "enabled", "HttpTokens": "optional", "HttpPutResponseHopLimit": 1}
    options = defaults | properties.get("MetadataOptions", {})
    return {**options, "HttpPutResponseHopLimit": int(options["HttpPutResponseHopLimit"])}


def _interface(wanted: Properties) -> Properties:
    asked = {name: value for name, value in wanted.items() if name != "GroupSet"}
    asked["DeviceIndex"] = int(wanted.get("DeviceIndex", 0))
    if "AssociatePublicIpAddress" in wanted:
        asked["AssociatePublicIpAddress"] = wire.is_true(wanted["AssociatePublicIpAddress"])
    if "GroupSet" in wanted:
        asked["Groups"] = wanted["GroupSet"]
    return asked


def _block_device(wanted: Properties) -> Properties:
    ebs = dict(wanted.get("Ebs", {}))
    ebs |= {name: int(ebs[name]) for name in ("Iops", "VolumeSize") if name in ebs}
    ebs |= {name: wire.is_true(ebs[name]) for name in ("DeleteOnTermination", "Encrypted") if name in ebs}
    return {**wanted, "Ebs": ebs}


def _change_profile(instance_id: str, name: str | None) -> None:
    ec2 = aws("ec2")
    found = ec2.describe_iam_instance_profile_associations(Filters=[{"Name": "instance-id", "Values": [instance_id]}])
    current = [one for one in found["IamInstanceProfileAssociations"] if one["State"] == "associated"]
    for association in current:
        ec2.disassociate_iam_instance_profile(AssociationId=association["AssociationId"])
    if name:
        ec2.associate_iam_instance_profile(InstanceId=instance_id, IamInstanceProfile={"Name": name})


def _attributes(instance: dict[str, Any]) -> dict[str, Any]:
    return {
        "AvailabilityZone": instance["Placement"]["AvailabilityZone"],
        "InstanceId": instance["InstanceId"],
        "PrivateDnsName": instance.get("PrivateDnsName", ""),
        "PrivateIp": instance.get("PrivateIpAddress", ""),
        "PublicDnsName": instance.get("PublicDnsName", ""),
        "PublicIp": instance.get("PublicIpAddress", ""),
        "State.Code": str(instance["State"]["Code"]),
        "State.Name": instance["State"]["Name"],
        "VpcId": instance.get("VpcId", ""),
    }
