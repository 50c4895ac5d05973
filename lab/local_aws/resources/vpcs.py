"""VPCs, subnets and internet gateways: one in use cannot be deleted, and no filter is silently ignored."""

from typing import Any

from ministack.services import ec2

from lab.local_aws.wire import (
    Answer,
    Handler,
    Params,
    around,
    canonical,
    completes,
    dependency_violation,
    filters_alone,
    known,
    tree,
)


def known_vpc(vpc_id: str) -> dict[str, Any]:
    return known(ec2._vpcs, vpc_id, "InvalidVpcID.NotFound", "vpc ID")


@around("CreateVpc", "CreateSubnet")
def _create(params: Params, ministacks: Handler) -> Answer:
    given = tree(params).get("CidrBlock")
    return ministacks(params if given is None else {**params, "CidrBlock": [canonical(given)]})


@around("DeleteSubnet")
def _delete_subnet(params: Params, ministacks: Handler) -> Answer:
    subnet_id = tree(params).get("SubnetId", "")
    if any(interface["SubnetId"] == subnet_id for interface in ec2._network_interfaces.values()):
        raise dependency_violation(f"The subnet '{subnet_id}'")
    return ministacks(params)


@around("DeleteInternetGateway")
def _delete_internet_gateway(params: Params, ministacks: Handler) -> Answer:
    gateway_id = tree(params).get("InternetGatewayId", "")
    if ec2._internet_gateways.get(gateway_id, {}).get("Attachments"):
        raise dependency_violation(f"The internetGateway '{gateway_id}'")
    return ministacks(params)


completes(
    "DescribeVpcs",
    items="vpcSet/item",
    filters={
        "cidr": "cidrBlock",
        "cidr-block-association.cidr-block": "cidrBlockAssociationSet/item/cidrBlock",
        "is-default": "isDefault",
        "owner-id": "ownerId",
        "state": "state",
        "vpc-id": "vpcId",
    },
)(filters_alone)
completes(
    "DescribeSubnets",
    items="subnetSet/item",
    filters={
        "availability-zone": "availabilityZone",
        "availability-zone-id": "availabilityZoneId",
        "cidr-block": "cidrBlock",
        "default-for-az": "defaultForAz",
        "map-public-ip-on-launch": "mapPublicIpOnLaunch",
        "state": "state",
        "subnet-id": "subnetId",
        "vpc-id": "vpcId",
    },
)(filters_alone)
completes(
    "DescribeInternetGateways",
    items="internetGatewaySet/item",
    filters={
        "attachment.state": "attachmentSet/item/state",
        "attachment.vpc-id": "attachmentSet/item/vpcId",
        "internet-gateway-id": "internetGatewayId",
        "owner-id": "ownerId",
    },
)(filters_alone)
