"""Elastic IPs: an association is seen at the address, at the instance and at the interface."""

from typing import Any, ClassVar
from xml.etree import ElementTree as ET

from ministack.core.responses import get_account_id, get_region
from ministack.services import ec2

from lab.local_aws import wire
from lab.local_aws.provider import TAG, Made, Properties, Provider, Schema, aws, retag, tags_for, unless
from lab.local_aws.resources import interfaces


def require_internet_gateway(vpc_id: str) -> None:
    """Refuse, as EC2 does, a public address in a VPC that the internet cannot reach."""
    attached = [link["VpcId"] for gateway in ec2._internet_gateways.values() for link in gateway["Attachments"]]
    if vpc_id not in attached:
        raise wire.Ec2Error("Gateway.NotAttached", f"Network {vpc_id} is not attached to any internet gateway")


def bind(address: dict[str, Any], interface: dict[str, Any], instance_id: str | None = None) -> None:
    """Associate an address with an interface; whatever it was associated with before loses it."""
    require_internet_gateway(interface["VpcId"])
    release(address)
    address.update(
        AssociationId=wire.new_id("eipassoc"),
        InstanceId=instance_id,
        NetworkInterfaceId=interface["NetworkInterfaceId"],
        PrivateIpAddress=interface["PrivateIpAddress"],
    )
    if instance_id:
        show_public_address(instance_id, address["PublicIp"])


def release(address: dict[str, Any]) -> None:
    """Undo the association of an address, if it has one."""
    instance_id = address["InstanceId"]
    address.update(AssociationId=None, InstanceId=None, NetworkInterfaceId=None, PrivateIpAddress=None)
    if instance_id:
        show_public_address(instance_id, "")


def show_public_address(instance_id: str, public_ip: str) -> None:
    instance = ec2._instances.get(instance_id)
    if instance:
        instance["PublicIpAddress"] = public_ip
        instance["PublicDnsName"] = interfaces.public_name(public_ip, instance["VpcId"])


def of_instance(instance_id: str) -> list[dict[str, Any]]:
    return [address for address in ec2._addresses.values() if address["InstanceId"] == instance_id]


def _named_in(request: dict[str, Any]) -> dict[str, Any]:
    by_ip = {address["PublicIp"]: address for address in ec2._addresses.values()}
    if "PublicIp" in request:
        return wire.known(by_ip, request["PublicIp"], "InvalidAddress.NotFound", "address")
    return wire.known(ec2._addresses, request.get("AllocationId", ""), "InvalidAllocationID.NotFound", "allocation ID")


@wire.replaces("AssociateAddress")
def _associate(params: wire.Params) -> wire.Answer:
    request = wire.tree(params)
    address = _named_in(request)
    instance_id = request.get("InstanceId")
    if instance_id:
        wire.known(ec2._instances, instance_id, "InvalidInstanceID.NotFound", "instance ID")
        interface = next(iter(interfaces.of_instance(instance_id)), None)
        if interface is None:
            raise wire.Ec2Error("IncorrectInstanceState", f"The instance '{instance_id}' has no network interface")
    else:
        name = request.get("NetworkInterfaceId", "")
        interface = wire.known(
            ec2._network_interfaces, name, "InvalidNetworkInterfaceID.NotFound", "networkInterface ID"
        )
        instance_id = (interface["Attachment"] or {}).get("InstanceId")
    bind(address, interface, instance_id)
    return wire.answer("AssociateAddress", {"return": True, "associationId": address["AssociationId"]})


@wire.replaces("DisassociateAddress")
def _disassociate(params: wire.Params) -> wire.Answer:
    request = wire.tree(params)
    for address in ec2._addresses.values():
        if request.get("AssociationId", request.get("PublicIp")) in (address["AssociationId"], address["PublicIp"]):
            release(address)
            return wire.answer("DisassociateAddress")
    raise wire.Ec2Error(
        "InvalidAssociationID.NotFound", f"The association ID '{request.get('AssociationId')}' does not exist"
    )


@wire.replaces("ReleaseAddress")
def _release(params: wire.Params) -> wire.Answer:
    address = _named_in(wire.tree(params))
    if address["AssociationId"]:
        raise wire.Ec2Error("InvalidIPAddress.InUse", f"Address {address['PublicIp']} is in use.")
    del ec2._addresses[address["AllocationId"]]
    ec2._tags.pop(address["AllocationId"], None)
    return wire.answer("ReleaseAddress")


@wire.completes(
    "DescribeAddresses",
    items="addressesSet/item",
    ids={
        "AllocationId": ("allocationId", "InvalidAllocationID.NotFound"),
        "PublicIp": ("publicIp", "InvalidAddress.NotFound"),
    },
    filters={
        "allocation-id": "allocationId",
        "association-id": "associationId",
        "domain": "domain",
        "instance-id": "instanceId",
        "network-interface-id": "networkInterfaceId",
        "private-ip-address": "privateIpAddress",
        "public-ip": "publicIp",
    },
)
def _complete_address(item: ET.Element) -> None:
    address = ec2._addresses[item.findtext("allocationId")]
    wire.put(
        item,
        {
            "networkInterfaceId": address["NetworkInterfaceId"],
            "networkInterfaceOwnerId": get_account_id() if address["NetworkInterfaceId"] else None,
            "privateIpAddress": address["PrivateIpAddress"],
            "networkBorderGroup": get_region(),
            "publicIpv4Pool": "amazon",
        },
    )


# --- in CloudFormation


class Eip(Provider):
    """An Elastic IP. ``Ref`` is its address."""

    type_name = "AWS::EC2::EIP"
    schema: ClassVar[Schema] = {"Domain": {}, "InstanceId": {}, "Tags": TAG}
    create_only = ("Domain",)

    def create(self, properties: Properties) -> Made:
        made = aws("ec2").allocate_address(
            Domain=properties.get("Domain", "vpc"), TagSpecifications=tags_for("elastic-ip", properties)
        )
        try:
            self._associate(made["AllocationId"], properties)
        except Exception:
            aws("ec2").release_address(AllocationId=made["AllocationId"])
            raise
        return made["PublicIp"], {"PublicIp": made["PublicIp"], "AllocationId": made["AllocationId"]}

    def update(self, physical_id: str, old: Properties, new: Properties) -> Made:
        address = self._find(physical_id)
        if old.get("InstanceId") != new.get("InstanceId"):
            if "AssociationId" in address:
                aws("ec2").disassociate_address(AssociationId=address["AssociationId"])
            self._associate(address["AllocationId"], new)
        retag(address["AllocationId"], old, new)
        return physical_id, {"PublicIp": physical_id, "AllocationId": address["AllocationId"]}

    def delete(self, physical_id: str, _properties: Properties) -> None:
        address = self._find(physical_id)
        if not address:
            return
        if "AssociationId" in address:
            aws("ec2").disassociate_address(AssociationId=address["AssociationId"])
        aws("ec2").release_address(AllocationId=address["AllocationId"])

    def _find(self, public_ip: str) -> dict[str, Any]:
        found = aws("ec2").describe_addresses(Filters=[{"Name": "public-ip", "Values": [public_ip]}])
        return next(iter(found["Addresses"]), {})

    def _associate(self, allocation_id: str, properties: Properties) -> None:
        if properties.get("InstanceId"):
            aws("ec2").associate_address(AllocationId=allocation_id, InstanceId=properties["InstanceId"])


class EipAssociation(Provider):
    """An Elastic IP's place at an instance; a new one takes the address away from the old."""

    type_name = "AWS::EC2::EIPAssociation"
    id_attribute = "Id"
    create_only = ("AllocationId", "InstanceId")
    schema: ClassVar[Schema] = {name: {} for name in create_only}

    def create(self, properties: Properties) -> Made:
        made = aws("ec2").associate_address(**properties)
        return self.made(made["AssociationId"])

    def delete(self, physical_id: str, _properties: Properties) -> None:
        with unless("InvalidAssociationID.NotFound"):
            aws("ec2").disassociate_address(AssociationId=physical_id)
