"""AWS::EC2 resource types that ministack's CloudFormation lacks: the instance and the key to it."""

import base64
from typing import Any, ClassVar

from lab.local_aws import signals
from lab.local_aws.provider import TAG, Made, Properties, Provider, Schema, aws, is_true, retag, tags_for, unless


class KeyPair(Provider):
    """A key pair. CloudFormation keeps the private half in Parameter Store. ``Ref`` is the name."""

    type_name = "AWS::EC2::KeyPair"
    create_only = ("KeyFormat", "KeyName", "KeyType", "PublicKeyMaterial", "Tags")
    schema: ClassVar[Schema] = {**{name: {} for name in create_only}, "Tags": TAG}

    def create(self, properties: Properties) -> Made:
        tags = tags_for("key-pair", properties)
        asked = {name: value for name, value in properties.items() if name not in ("PublicKeyMaterial", "Tags")}
        if "PublicKeyMaterial" in properties:
            line = properties["PublicKeyMaterial"].encode()
            made = aws("ec2").import_key_pair(
                KeyName=properties["KeyName"], PublicKeyMaterial=line, TagSpecifications=tags
            )
        else:
            made = aws("ec2").create_key_pair(**asked, TagSpecifications=tags)
            aws("ssm").put_parameter(
                Name=self._parameter(made["KeyPairId"]), Value=made["KeyMaterial"], Type="SecureString"
            )
        return made["KeyName"], {"KeyPairId": made["KeyPairId"], "KeyFingerprint": made["KeyFingerprint"]}

    def delete(self, physical_id: str, _properties: Properties) -> None:
        with unless("InvalidKeyPair.NotFound"):
            [pair] = aws("ec2").describe_key_pairs(KeyNames=[physical_id])["KeyPairs"]
            aws("ec2").delete_key_pair(KeyName=physical_id)
            with unless("ParameterNotFound"):
                aws("ssm").delete_parameter(Name=self._parameter(pair["KeyPairId"]))

    def _parameter(self, key_pair_id: str) -> str:
        return f"/ec2/keypair/{key_pair_id}"


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
        asked["Monitoring"] = {"Enabled": is_true(properties.get("Monitoring", False))}
        asked["TagSpecifications"] = tags_for("instance", properties)
        if is_true(properties.get("PropagateTagsToVolumeOnCreation", False)):
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
            monitor = ec2.monitor_instances if is_true(new.get("Monitoring", False)) else ec2.unmonitor_instances
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
    checked = is_true(properties.get("SourceDestCheck", True))
    aws("ec2").modify_instance_attribute(InstanceId=instance_id, SourceDestCheck={"Value": checked})


def _metadata_options(properties: Properties) -> Properties:
    defaults = {"HttpEndpoint": "enabled", "HttpTokens": "optional", "HttpPutResponseHopLimit": 1}
    options = defaults | properties.get("MetadataOptions", {})
    return {**options, "HttpPutResponseHopLimit": int(options["HttpPutResponseHopLimit"])}


def _interface(wanted: Properties) -> Properties:
    asked = {name: value for name, value in wanted.items() if name != "GroupSet"}
    asked["DeviceIndex"] = int(wanted.get("DeviceIndex", 0))
    if "AssociatePublicIpAddress" in wanted:
        asked["AssociatePublicIpAddress"] = is_true(wanted["AssociatePublicIpAddress"])
    if "GroupSet" in wanted:
        asked["Groups"] = wanted["GroupSet"]
    return asked


def _block_device(wanted: Properties) -> Properties:
    ebs = dict(wanted.get("Ebs", {}))
    ebs |= {name: int(ebs[name]) for name in ("Iops", "VolumeSize") if name in ebs}
    ebs |= {name: is_true(ebs[name]) for name in ("DeleteOnTermination", "Encrypted") if name in ebs}
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


PROVIDERS = (Instance(), KeyPair())
