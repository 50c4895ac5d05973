"""Network interfaces: what an instance or a NAT gateway has an address on."""

import ipaddress
import secrets
from collections.abc import Iterable
from typing import Any
from xml.etree import ElementTree as ET

from ministack.core.responses import get_account_id, get_region
from ministack.services import ec2

from lab.local_aws import wire

RESERVED_AT_START = 4  # AWS keeps the first four addresses of a subnet, and the last


def free_address(subnet: dict[str, Any]) -> str:
    used = {interface["PrivateIpAddress"] for interface in ec2._network_interfaces.values()}
    for address in list(ipaddress.ip_network(subnet["CidrBlock"]))[RESERVED_AT_START:-1]:
        if str(address) not in used:
            return str(address)
    raise wire.Ec2Error("InsufficientFreeAddressesInSubnet", f"{subnet['SubnetId']} has no free address left")


def check_address(subnet: dict[str, Any], address: str) -> None:
    if ipaddress.ip_address(address) not in ipaddress.ip_network(subnet["CidrBlock"]):
        raise wire.Ec2Error(
            "InvalidParameterValue", f"Address {address} does not fall within the subnet's address range"
        )


def create(
    subnet: dict[str, Any], *, address: str, groups: Iterable[str], description: str, kind: str = "interface"
) -> dict[str, Any]:
    """Create an interface in ministack's own store, so that every call about interfaces sees it."""
    interface_id = wire.new_id("eni")
    interface = {
        "NetworkInterfaceId": interface_id,
        "SubnetId": subnet["SubnetId"],
        "VpcId": subnet["VpcId"],
        "AvailabilityZone": subnet["AvailabilityZone"],
        "Description": description,
        "OwnerId": get_account_id(),
        "Status": "in-use",
        "PrivateIpAddress": address,
        "InterfaceType": kind,
        "SourceDestCheck": kind == "interface",
        "MacAddress": ":".join(["02", *(secrets.token_hex(1) for _ in range(5))]),
        "Groups": named(groups),
        "Attachment": None,
    }
    ec2._network_interfaces[interface_id] = interface
    return interface


def attach(interface: dict[str, Any], instance_id: str, *, index: int) -> None:
    interface["Attachment"] = {
        "AttachmentId": wire.new_id("eni-attach"),
        "InstanceId": instance_id,
        "DeviceIndex": index,
        "Status": "attached",
        "AttachTime": ec2._now_ts(),
    }


def of_instance(instance_id: str) -> list[dict[str, Any]]:
    return [
        interface
        for interface in ec2._network_interfaces.values()
        if (interface["Attachment"] or {}).get("InstanceId") == instance_id
    ]


def named(groups: Iterable[str]) -> list[dict[str, str]]:
    """Return security groups as EC2 shows them on an instance or interface."""
    found = []
    for group_id in groups:
        group = ec2._security_groups.get(group_id)
        if group is None:
            raise wire.Ec2Error("InvalidGroup.NotFound", f"The security group '{group_id}' does not exist")
        found.append({"GroupId": group_id, "GroupName": group["GroupName"]})
    return found


def private_name(address: str) -> str:
    domain = "ec2.internal" if get_region() == "us-east-1" else f"{get_region()}.compute.internal"
    return f"ip-{address.replace('.', '-')}.{domain}" if address else ""


def public_name(address: str, vpc_id: str) -> str:
    """Return the DNS name of a public address: a VPC gives names only with DNS hostnames switched on."""
    if not address or not ec2._vpcs.get(vpc_id, {}).get("EnableDnsHostnames"):
        return ""
    domain = "compute-1" if get_region() == "us-east-1" else f"{get_region()}.compute"
    return f"ec2-{address.replace('.', '-')}.{domain}.amazonaws.com"


@wire.completes(
    "DescribeNetworkInterfaces",
    items="networkInterfaceSet/item",
    ids={"NetworkInterfaceId": ("networkInterfaceId", "InvalidNetworkInterfaceID.NotFound")},
    filters={
        "attachment.instance-id": "attachment/instanceId",
        "description": "description",
        "group-id": "groupSet/item/groupId",
        "network-interface-id": "networkInterfaceId",
        "private-ip-address": "privateIpAddress",
        "status": "status",
        "subnet-id": "subnetId",
        "vpc-id": "vpcId",
    },
)
def _complete_interface(item: ET.Element) -> None:
    interface_id = item.findtext("networkInterfaceId")
    for address in ec2._addresses.values():
        if address["NetworkInterfaceId"] == interface_id:
            wire.put(
                item,
                {
                    "association": {
                        "publicIp": address["PublicIp"],
                        "allocationId": address["AllocationId"],
                        "associationId": address["AssociationId"],
                        "ipOwnerId": get_account_id(),
                    }
                },
            )
