"""VPCs, subnets and internet gateways: one in use cannot be deleted, and no filter is silently ignored."""

from typing import Any

from ministack.services import ec2

from lab.local_aws import wire


def known_vpc(vpc_id: str) -> dict[str, Any]:
    return wire.known(ec2._vpcs, vpc_id, "InvalidVpcID.NotFound", "vpc ID")


@wire.around("CreateVpc", "CreateSubnet")
def _create(params: wire.Params, ministacks: wire.Handler) -> wire.Answer:
    given = wire.tree(params).get("CidrBlock")
    return ministacks(params if given is None else {**params, "CidrBlock": [wire.canonical(given)]})


@wire.around("DeleteSubnet")
def _delete_subnet(params: wire.Params, ministacks: wire.Handler) -> wire.Answer:
    subnet_id = wire.tree(params).get("SubnetId", "")
    if any(interface["SubnetId"] == subnet_id for interface in ec2._network_interfaces.values()):
        raise wire.dependency_violation(f"The subnet '{subnet_id}'")
    return ministacks(params)


@wire.around("DeleteInternetGateway")
def _delete_internet_gateway(params: wire.Params, ministacks: wire.Handler) -> wire.Answer:
    gateway_id = wire.tree(params).get("InternetGatewayId", "")
    if ec2._internet_gateways.get(gateway_id, {}).get("Attachments"):
        raise wire.dependency_violation(f"The internetGateway '{gateway_id}'")
    return ministacks(params)


wire.completes(
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
)(wire.filters_alone)
wire.completes(
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
)(wire.filters_alone)
wire.completes(
    "DescribeInternetGateways",
    items="internetGatewaySet/item",
    filters={
        "attachment.state": "attachmentSet/item/state",
        "attachment.vpc-id": "attachmentSet/item/vpcId",
        "internet-gateway-id": "internetGatewayId",
        "owner-id": "ownerId",
    },
)(wire.filters_alone)
