"""NAT gateways with their addresses, in one subnet or for a whole VPC ("regional")."""

from typing import Any, ClassVar
from xml.etree import ElementTree as ET

from ministack.services import ec2

from lab.local_aws import wire
from lab.local_aws.provider import TAG, Made, Properties, Provider, Schema, aws, tags_for, unless
from lab.local_aws.resources import addresses, interfaces, vpcs


def _subnet(subnet_id: str) -> dict[str, Any]:
    return wire.known(ec2._subnets, subnet_id, "InvalidSubnetID.NotFound", "subnet ID")


@wire.replaces("CreateNatGateway")
def _create_nat_gateway(params: wire.Params) -> wire.Answer:
    request = wire.tree(params)
    regional = request.get("AvailabilityMode") == "regional"
    private = request.get("ConnectivityType") == "private"
    if regional:
        if "SubnetId" in request:
            raise wire.Ec2Error("InvalidParameterCombination", "A regional NAT gateway takes VpcId, not SubnetId")
        vpc_id = vpcs.known_vpc(request.get("VpcId", ""))["VpcId"]
    else:
        vpc_id = _subnet(request.get("SubnetId", ""))["VpcId"]
    if not private:
        addresses.require_internet_gateway(vpc_id)
    nat_id = wire.new_id("nat")
    record = {
        "NatGatewayId": nat_id,
        "SubnetId": request.get("SubnetId", ""),
        "VpcId": vpc_id,
        "AllocationId": request.get("AllocationId", ""),
        "ConnectivityType": request.get("ConnectivityType", "public"),
        "AvailabilityMode": request.get("AvailabilityMode", "zonal"),
        "State": "available",
        "CreateTime": ec2._now_ts(),
        "Tags": [],
    }
    record["Addresses"] = _regional_addresses(vpc_id) if regional else [_zonal_address(nat_id, request)]
    ec2._nat_gateways[nat_id] = record
    ec2._parse_tag_specs(params, "natgateway", nat_id)
    return wire.answer("CreateNatGateway", {"natGateway": _nat_gateway_fields(record)})


def _zonal_address(nat_id: str, request: dict[str, Any]) -> dict[str, Any]:
    subnet = _subnet(request["SubnetId"])
    private_ip = interfaces.free_address(subnet)
    address = None
    if request.get("ConnectivityType") != "private":
        allocation_id = request.get("AllocationId", "")
        address = wire.known(ec2._addresses, allocation_id, "InvalidAllocationID.NotFound", "allocation ID")
        if address["AssociationId"]:
            raise wire.Ec2Error("Resource.AlreadyAssociated", f"{allocation_id} is already associated")
    interface = interfaces.create(
        subnet, address=private_ip, groups=[], description=f"Interface for NAT Gateway {nat_id}", kind="nat_gateway"
    )
    fields = {
        "networkInterfaceId": interface["NetworkInterfaceId"],
        "privateIp": private_ip,
        "isPrimary": True,
        "status": "succeeded",
        "availabilityZone": subnet["AvailabilityZone"],
    }
    if address:
        addresses.bind(address, interface)
        fields["allocationId"] = address["AllocationId"]
        fields["associationId"] = address["AssociationId"]
        fields["publicIp"] = address["PublicIp"]
    return fields


def _regional_addresses(vpc_id: str) -> list[dict[str, Any]]:
    """Return one address for each zone that the VPC uses: AWS allocates them itself."""
    zones = sorted({subnet["AvailabilityZone"] for subnet in ec2._subnets.values() if subnet["VpcId"] == vpc_id})
    return [
        {
            "allocationId": wire.new_id("eipalloc"),
            "associationId": wire.new_id("eipassoc"),
            "publicIp": ec2._random_ip("52."),
            "status": "succeeded",
            "availabilityZone": zone,
        }
        for zone in zones
    ]


def _nat_gateway_fields(record: dict[str, Any]) -> dict[str, Any]:
    regional = record["AvailabilityMode"] == "regional"
    return {
        "natGatewayId": record["NatGatewayId"],
        "subnetId": record["SubnetId"],
        "vpcId": record["VpcId"],
        "state": record["State"],
        "connectivityType": record["ConnectivityType"],
        "availabilityMode": record["AvailabilityMode"],
        "autoScalingIps": "enabled" if regional else None,
        "autoProvisionZones": "enabled" if regional else None,
        "createTime": record["CreateTime"],
        "deleteTime": record.get("DeleteTime"),
        "natGatewayAddressSet": [] if record["State"] == "deleted" else record["Addresses"],
        "tagSet": wire.tag_items(record["NatGatewayId"]),
    }


@wire.replaces("DeleteNatGateway")
def _delete_nat_gateway(params: wire.Params) -> wire.Answer:
    nat_id = wire.tree(params).get("NatGatewayId", "")
    record = wire.known(ec2._nat_gateways, nat_id, "NatGatewayNotFound", "NAT gateway")
    if record["State"] != "deleted":
        record.update(State="deleted", DeleteTime=ec2._now_ts())
        for fields in record["Addresses"]:
            address = ec2._addresses.get(fields.get("allocationId"))
            if address:
                addresses.release(address)
            ec2._network_interfaces.pop(fields.get("networkInterfaceId"), None)
    return wire.answer("DeleteNatGateway", {"natGatewayId": nat_id})


@wire.completes(
    "DescribeNatGateways",
    items="natGatewaySet/item",
    ids={"NatGatewayId": ("natGatewayId", "NatGatewayNotFound")},
    filters={
        "nat-gateway-id": "natGatewayId",
        "state": "state",
        "subnet-id": "subnetId",
        "vpc-id": "vpcId",
    },
)
def _complete_nat_gateway(item: ET.Element) -> None:
    wire.put(item, _nat_gateway_fields(ec2._nat_gateways[item.findtext("natGatewayId")]))


# --- in CloudFormation


class NatGateway(Provider):
    """A NAT gateway of one subnet, or of a VPC (AvailabilityMode regional)."""

    type_name = "AWS::EC2::NatGateway"
    id_attribute = "NatGatewayId"
    create_only = ("AllocationId", "AvailabilityMode", "ConnectivityType", "SubnetId", "VpcId")
    schema: ClassVar[Schema] = {**{name: {} for name in create_only}, "Tags": TAG}

    def create(self, properties: Properties) -> Made:
        asked = {name: value for name, value in properties.items() if name != "Tags"}
        made = aws("ec2").create_nat_gateway(**asked, TagSpecifications=tags_for("natgateway", properties))
        return self.made(made["NatGateway"]["NatGatewayId"])

    def delete(self, physical_id: str, _properties: Properties) -> None:
        with unless("NatGatewayNotFound"):
            aws("ec2").delete_nat_gateway(NatGatewayId=physical_id)
