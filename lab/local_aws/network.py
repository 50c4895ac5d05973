"""Routes, endpoints, flow logs, and what cannot be deleted while it is in use."""

import json
from collections.abc import Callable
from typing import Any
from xml.etree import ElementTree as ET

from ministack.core.responses import get_account_id
from ministack.services import ec2

from lab.local_aws import interfaces
from lab.local_aws.wire import (
    Answer,
    Params,
    RefusalError,
    canonical,
    completes,
    known,
    parse,
    put,
    replaces,
    tree,
)

OPEN_POLICY = {
    "Version": "2008-10-17",
    "Statement": [{"Effect": "Allow", "Principal": "*", "Action": "*", "Resource": "*"}],
}


def _vpc(vpc_id: str) -> dict[str, Any]:
    return known(ec2._vpcs, vpc_id, "InvalidVpcID.NotFound", "vpc ID")


# --- blocks of addresses


def _with_canonical_block(action: str) -> None:
    ministacks = ec2._ACTION_MAP[action]

    def create(params: Params) -> Answer:
        given = tree(params).get("CidrBlock")
        block = {} if given is None else {"CidrBlock": [canonical(given)]}
        result: Answer = ministacks({**params, **block})
        return result

    replaces(action)(create)


for _action in ("CreateVpc", "CreateSubnet"):
    _with_canonical_block(_action)


# --- routes


_ministacks_create_route = ec2._ACTION_MAP["CreateRoute"]


@replaces("CreateRoute")
def _create_route(params: Params) -> Answer:
    """Create a route; a table has one for each destination."""
    request = tree(params)
    destination, table = request.get("DestinationCidrBlock"), ec2._route_tables.get(request.get("RouteTableId"))
    if table and destination in [route.get("DestinationCidrBlock") for route in table["Routes"]]:
        raise RefusalError("RouteAlreadyExists", f"The route identified by {destination} already exists.")
    result: Answer = _ministacks_create_route(params)
    return result


@completes(
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
            put(route, {"instanceOwnerId": get_account_id(), "networkInterfaceId": interface.get("NetworkInterfaceId")})
        if not _leads_somewhere(route, vpc_id):
            put(route, {"state": "blackhole"})
    for endpoint in ec2._vpc_endpoints.values():
        if endpoint["VpcEndpointType"] == "Gateway" and item.findtext("routeTableId") in endpoint["RouteTableIds"]:
            fields = {
                "destinationPrefixListId": ec2._aws_pl_id_from_name(endpoint["ServiceName"]),
                "gatewayId": endpoint["VpcEndpointId"],
                "state": "active",
                "origin": "CreateRoute",
            }
            put(ET.SubElement(routes, "item"), fields)


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


# --- endpoints and flow logs


@completes(
    "DescribeVpcEndpoints",
    items="vpcEndpointSet/item",
    ids={"VpcEndpointId": ("vpcEndpointId", "InvalidVpcEndpointId.NotFound")},
    filters={
        "service-name": "serviceName",
        "vpc-endpoint-id": "vpcEndpointId",
        "vpc-endpoint-state": "state",
        "vpc-endpoint-type": "vpcEndpointType",
        "vpc-id": "vpcId",
    },
)
def _complete_endpoint(item: ET.Element) -> None:
    policy = ec2._vpc_endpoints[item.findtext("vpcEndpointId")].get("PolicyDocument") or OPEN_POLICY
    put(item, {"policyDocument": policy if isinstance(policy, str) else json.dumps(policy)})


_ministacks_create_flow_logs = ec2._ACTION_MAP["CreateFlowLogs"]


@replaces("CreateFlowLogs")
def _create_flow_logs(params: Params) -> Answer:
    request = tree(params)
    for resource_id in request.get("ResourceId", []):
        if request.get("ResourceType") == "VPC":
            _vpc(resource_id)
    result: Answer = _ministacks_create_flow_logs(params)
    for created in parse(result[2]).findall("flowLogIdSet/item"):
        record = ec2._flow_logs[created.text]
        record["MaxAggregationInterval"] = int(request.get("MaxAggregationInterval", 600))
        record["LogFormat"] = request.get("LogFormat", "")
    return result


@completes(
    "DescribeFlowLogs",
    items="flowLogSet/item",
    ids={"FlowLogId": ("flowLogId", "InvalidFlowLogId.NotFound")},
    filters={
        "flow-log-id": "flowLogId",
        "log-destination-type": "logDestinationType",
        "resource-id": "resourceId",
        "traffic-type": "trafficType",
    },
)
def _complete_flow_log(item: ET.Element) -> None:
    record = ec2._flow_logs[item.findtext("flowLogId")]
    fields = {
        "deliverLogsStatus": "SUCCESS",
        "logFormat": record["LogFormat"],
        "maxAggregationInterval": record["MaxAggregationInterval"],
    }
    put(item, fields)


# --- what is in use cannot be deleted


def _refuses(action: str, member: str, users: Callable[[str], bool], what: str) -> None:
    ministacks = ec2._ACTION_MAP[action]

    def refuse_in_use(params: Params) -> Answer:
        resource_id = tree(params).get(member, "")
        if users(resource_id):
            raise RefusalError("DependencyViolation", f"{what} '{resource_id}' has dependencies and cannot be deleted.")
        result: Answer = ministacks(params)
        return result

    replaces(action)(refuse_in_use)


def _subnet_in_use(subnet_id: str) -> bool:
    return any(interface["SubnetId"] == subnet_id for interface in ec2._network_interfaces.values())


def _group_in_use(group_id: str) -> bool:
    on_interfaces = (group["GroupId"] for each in ec2._network_interfaces.values() for group in each["Groups"])
    others = (group for group in ec2._security_groups.values() if group["GroupId"] != group_id)
    rules = (rule for group in others for rule in (*group["IpPermissions"], *group["IpPermissionsEgress"]))
    in_rules = (pair.get("GroupId") for rule in rules for pair in rule["UserIdGroupPairs"])
    return group_id in (*on_interfaces, *in_rules)


def _gateway_in_use(gateway_id: str) -> bool:
    return bool(ec2._internet_gateways.get(gateway_id, {}).get("Attachments"))


_refuses("DeleteSubnet", "SubnetId", _subnet_in_use, "The subnet")
_refuses("DeleteSecurityGroup", "GroupId", _group_in_use, "resource")
_refuses("DeleteInternetGateway", "InternetGatewayId", _gateway_in_use, "The internetGateway")


# --- no silently ignored filter for the rest


def _nothing(_item: ET.Element) -> None:
    """Complete nothing: only the filters matter."""


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
)(_nothing)
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
)(_nothing)
completes(
    "DescribeInternetGateways",
    items="internetGatewaySet/item",
    filters={
        "attachment.state": "attachmentSet/item/state",
        "attachment.vpc-id": "attachmentSet/item/vpcId",
        "internet-gateway-id": "internetGatewayId",
        "owner-id": "ownerId",
    },
)(_nothing)
