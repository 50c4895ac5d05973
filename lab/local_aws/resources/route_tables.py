"""Routes: one for each destination, those of gateway endpoints, and those that lead nowhere."""

from typing import Any
from xml.etree import ElementTree as ET

from ministack.core.responses import get_account_id
from ministack.services import ec2

from lab.local_aws import wire
from lab.local_aws.resources import interfaces


@wire.around("CreateRoute")
def _create_route(params: wire.Params, ministacks: wire.Handler) -> wire.Answer:
    """Create a route; a table has one for each destination."""
    request = wire.tree(params)
    destination, table = request.get("DestinationCidrBlock"), ec2._route_tables.get(request.get("RouteTableId"))
    if table and destination in [route.get("DestinationCidrBlock") for route in table["Routes"]]:
        raise wire.Ec2Error("RouteAlreadyExists", f"The route identified by {destination} already exists.")
    return ministacks(params)


@wire.completes(
    "DescribeRouteTables",
    items="routeTableSet/item",
    ids={"RouteTableId": ("routeTableId", "InvalidRouteTableID.NotFound")},
    filters={
        "association.main": "associationSet/item/main",
        "association.route-table-association-id": "associationSet/item/routeTableAssociationId",
        "association.subnet-id": "associationSet/item/subnetId",
        "route-table-id": "routeTableId",
        "route.destination-cidr-block": "routeSet/item/destinationCidrBlock",
        "route.gateway-id": "routeSet/item/gatewayId",
        "route.instance-id": "routeSet/item/instanceId",
        "route.nat-gateway-id": "routeSet/item/natGatewayId",
        "route.state": "routeSet/item/state",
        "vpc-id": "vpcId",
    },
)
def _complete_route_table(item: ET.Element) -> None:
    """Show the routes of gateway endpoints, and which routes lead nowhere."""
    routes = item.find("routeSet")
    if routes is None:
        return
    vpc_id = item.findtext("vpcId", "")
    for route in routes:
        if instance_id := route.findtext("instanceId"):
            interface = next(iter(interfaces.of_instance(instance_id)), {})
            wire.put(
                route, {"instanceOwnerId": get_account_id(), "networkInterfaceId": interface.get("NetworkInterfaceId")}
            )
        if not _leads_somewhere(route, vpc_id):
            wire.put(route, {"state": "blackhole"})
    for endpoint in ec2._vpc_endpoints.values():
        if endpoint["VpcEndpointType"] == "Gateway" and item.findtext("routeTableId") in endpoint["RouteTableIds"]:
            fields = {
                "destinationPrefixListId": ec2._aws_pl_id_from_name(endpoint["ServiceName"]),
                "gatewayId": endpoint["VpcEndpointId"],
                "state": "active",
                "origin": "CreateRoute",
            }
            wire.put(ET.SubElement(routes, "item"), fields)


def _leads_somewhere(route: ET.Element, vpc_id: str) -> bool:
    nat_id, gateway_id = route.findtext("natGatewayId", ""), route.findtext("gatewayId", "")
    if instance_id := route.findtext("instanceId"):
        instance: dict[str, Any] = ec2._instances.get(instance_id, {"State": {}})
        return bool(instance["State"].get("Name") == "running")
    if nat_id:
        state: str = ec2._nat_gateways.get(nat_id, {}).get("State", "deleted")
        return state == "available"
    if gateway_id.startswith("igw-"):
        links: list[dict[str, str]] = ec2._internet_gateways.get(gateway_id, {}).get("Attachments", [])
        return vpc_id in [link["VpcId"] for link in links]
    return True
