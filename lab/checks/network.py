"""Chapter 3: the VPC, its subnets and the ways in and out."""

from typing import TYPE_CHECKING, Any

from lab.checks.check import Facts, check
from lab.template.deployed import Deployed
from lab.template.reader import Resource

if TYPE_CHECKING:
    from collections.abc import Sequence

    from mypy_boto3_ec2.type_defs import FilterTypeDef, FlowLogTypeDef

DESTINATIONS = ("DestinationCidrBlock", "DestinationIpv6CidrBlock", "DestinationPrefixListId")
TARGETS = {
    "NatGatewayId": "NAT gateway",
    "GatewayId": "gateway",
    "EgressOnlyInternetGatewayId": "egress-only gateway",
    "TransitGatewayId": "transit gateway",
    "VpcPeeringConnectionId": "peering connection",
    "InstanceId": "instance",
    "NetworkInterfaceId": "interface",
    "VpcEndpointId": "endpoint",
    "CarrierGatewayId": "carrier gateway",
    "LocalGatewayId": "local gateway",
    "CoreNetworkArn": "core network",
}
VPC = "learning-vpc"
PUBLIC = ("learning-public-1", "learning-public-2")
PRIVATE = ("learning-private-1", "learning-private-2")


def subnet(aws: Deployed, name: str) -> Resource:
    return aws.one("AWS::EC2::Subnet", name)


def vpc_id(aws: Deployed) -> str:
    return aws.one("AWS::EC2::VPC", VPC).id


def in_vpc(aws: Deployed) -> "Sequence[FilterTypeDef]":
    return [{"Name": "vpc-id", "Values": [vpc_id(aws)]}]


def public(aws: Deployed) -> list[str]:
    """Return the names of all public subnets of the stack, and of the design's two even where they are missing."""
    return sorted({*PUBLIC, *(name for name in _subnets(aws) if name.startswith("learning-public-"))})


def private(aws: Deployed) -> list[str]:
    """Return the names of all other subnets of the stack, and of the design's two even where they are missing."""
    return sorted({*PRIVATE, *_subnets(aws)} - {*public(aws)})


def _subnets(aws: Deployed) -> list[str]:
    return [aws.name_of(each.id) for each in aws.all("AWS::EC2::Subnet")]


def routes(aws: Deployed, subnet_name: str) -> Facts:
    """Return where a subnet sends what is neither for the VPC nor for a gateway endpoint, in words."""
    tables = aws.ec2_list(
        "describe_route_tables",
        Filters=[{"Name": "association.subnet-id", "Values": [subnet(aws, subnet_name).id]}],
    )
    return [
        _route(aws, subnet_name, route)
        for table in tables
        for route in table["Routes"]
        if route.get("GatewayId") != "local"
        if not ("DestinationPrefixListId" in route and route.get("GatewayId", "").startswith("vpce-"))
    ]


def promised_routes(aws: Deployed, subnet_name: str) -> Facts:
    """Return where a subnet shall send what is neither for the VPC nor for a gateway endpoint, in words."""
    if subnet_name in public(aws):
        target = f"internet gateway {VPC}"
    else:
        target = {
            "per-az": f"NAT gateway learning-public-{subnet_name[-1]}",
            "single": f"NAT gateway {PUBLIC[0]}",
            "regional": f"NAT gateway {VPC}",
            "instance": "instance learning-nat",
            "none": "",
        }[aws.settings["nat"]]
    return [f"{subnet_name}: 0.0.0.0/0 to {target}"] if target else []


def _route(aws: Deployed, subnet_name: str, route: Any) -> str:
    """Return a route in words, with its state unless it works."""
    destination = next(each for part in DESTINATIONS if (each := route.get(part)))
    kind, target = next(((part, each) for part in TARGETS if (each := route.get(part))), ("nothing", ""))
    word = "internet gateway" if target.startswith("igw-") else TARGETS.get(kind, kind)
    state = route.get("State", "active")
    said = f"{subnet_name}: {destination} to {word} {aws.name_of(target) if target else ''}".rstrip()
    return said if state == "active" else f"{said} ({state})"


@check(
    "3-1",
    "The VPC has its range of addresses, and its hosts get DNS names",
    "aws ec2 describe-vpcs --vpc-ids {VpcId}",
    field="CidrBlock",
)
def vpc(aws: Deployed) -> tuple[Facts, Facts]:
    own = vpc_id(aws)
    found: Any = aws.ec2.describe_vpcs(VpcIds=[own])["Vpcs"][0]
    support = aws.ec2.describe_vpc_attribute(VpcId=own, Attribute="enableDnsSupport")["EnableDnsSupport"]
    names = aws.ec2.describe_vpc_attribute(VpcId=own, Attribute="enableDnsHostnames")["EnableDnsHostnames"]
    return (
        [f"range {aws.settings['vpc_cidr']}", "DNS: True", "host names: True"],
        [f"range {each['CidrBlock']}" for each in found["CidrBlockAssociationSet"]]
        + [
            f"DNS: {support.get('Value')}",
            f"host names: {names.get('Value')}",
        ],
    )


@check(
    "3-3",
    "Each of two zones, those that were chosen, has one public and one private subnet",
    "aws ec2 describe-subnets --filters Name=vpc-id,Values={VpcId}",
    field="AvailabilityZone, CidrBlock",
)
def subnets(aws: Deployed) -> tuple[Facts, Facts]:
    found = aws.ec2_list("describe_subnets", Filters=in_vpc(aws))
    zone_of = {aws.name_of(each["SubnetId"]): each["AvailabilityZone"] for each in found}
    zones = aws.chosen("availability_zones") or [zone_of.get(name, "") for name in PUBLIC]  # the region's first two
    ranges = zip((*PUBLIC, *PRIVATE), aws.chosen("public_cidrs") + aws.chosen("private_cidrs"), strict=True)
    return (
        [f"{name} {cidr} in zone {name[-1]}" for name, cidr in ranges],
        [
            f"{aws.name_of(each['SubnetId'])} {each['CidrBlock']} in zone "
            + str(zones.index(each["AvailabilityZone"]) + 1 if each["AvailabilityZone"] in zones else "?")
            for each in found
        ],
    )


@check(
    "3-4",
    "No subnet hands out public addresses by itself: what is to be reached gets an Elastic IP",
    "aws ec2 describe-subnets --filters Name=vpc-id,Values={VpcId} --query 'Subnets[].MapPublicIpOnLaunch'",
)
def no_automatic_addresses(aws: Deployed) -> tuple[Facts, Facts]:
    names = (*public(aws), *private(aws))
    found = aws.ec2.describe_subnets(SubnetIds=[subnet(aws, name).id for name in names])["Subnets"]
    return (
        [f"{name}: False" for name in names],
        [f"{aws.name_of(each['SubnetId'])}: {each['MapPublicIpOnLaunch']}" for each in found],
    )


@check(
    "3-4",
    "Every subnet has a route table of its own",
    "aws ec2 describe-route-tables --filters Name=vpc-id,Values={VpcId}",
    field="Associations",
)
def route_tables(aws: Deployed) -> tuple[Facts, Facts]:
    found = aws.ec2_list("describe_route_tables", Filters=in_vpc(aws))
    return (
        [f"{name}: {name}" for name in (*public(aws), *private(aws))],
        [
            f"{aws.name_of(association['SubnetId'])}: {aws.name_of(table['RouteTableId'])}"
            for table in found
            for association in table["Associations"]
            if "SubnetId" in association
        ],
    )


@check(
    "3-4",
    "Public subnets reach the internet through the internet gateway, and have no other way out",
    "aws ec2 describe-route-tables --filters Name=association.subnet-id,Values={PublicSubnetIds}",
    field="Routes",
)
def public_routes(aws: Deployed) -> tuple[Facts, Facts]:
    attached: Any = [{"Name": "attachment.vpc-id", "Values": [vpc_id(aws)]}]
    gateways = aws.ec2_list("describe_internet_gateways", Filters=attached)
    return (
        [route for name in public(aws) for route in promised_routes(aws, name)] + [f"attached: {VPC}"],
        [route for name in public(aws) for route in routes(aws, name)]
        + [f"attached: {aws.name_of(each['InternetGatewayId'])}" for each in gateways],
    )


@check(
    "3-4",
    "Private subnets reach the internet through the NAT gateway or instance that `nat` gives them, or not at all",
    "aws ec2 describe-route-tables --filters Name=association.subnet-id,Values={PrivateSubnetIds}",
    field="Routes",
)
def private_routes(aws: Deployed) -> tuple[Facts, Facts]:
    return (
        [route for name in private(aws) for route in promised_routes(aws, name)],
        [route for name in private(aws) for route in routes(aws, name)],
    )


@check(
    "3-4",
    "Every NAT gateway is available, in its public subnet and with an Elastic IP unless it is a regional one",
    "aws ec2 describe-nat-gateways --filter Name=vpc-id,Values={VpcId}",
    field="State, NatGatewayAddresses",
)
def nat_gateways(aws: Deployed) -> tuple[Facts, Facts]:
    nat = aws.settings["nat"]
    places = {"per-az": public(aws), "single": list(PUBLIC[:1])}.get(nat, [])
    promised = [f"{name}: available, in {name}, address {name}" for name in places]
    if nat == "regional":
        promised.append(f"{VPC}: available, regional")
    addresses = {each["AllocationId"]: each["PublicIp"] for each in aws.ec2.describe_addresses()["Addresses"]}
    found = []
    for gateway in aws.ec2_list("describe_nat_gateways", Filters=in_vpc(aws)):
        if gateway["State"] in ("deleting", "deleted"):
            continue
        fact = f"{aws.name_of(gateway['NatGatewayId'])}: {gateway['State']}"
        if gateway.get("AvailabilityMode") == "regional":
            fact += ", regional"
        else:
            held = [addresses.get(each.get("AllocationId", "")) for each in gateway.get("NatGatewayAddresses", [])]
            fact += f", in {aws.name_of(gateway['SubnetId'])}, address {', '.join(map(aws.name_of, held)) or 'none'}"
        found.append(fact)
    return promised, found


@check(
    "3-4",
    "Every route table leads to S3 through the free gateway endpoint",
    "aws ec2 describe-vpc-endpoints --filters Name=vpc-id,Values={VpcId}",
    field="RouteTableIds",
)
def s3_endpoint(aws: Deployed) -> tuple[Facts, Facts]:
    endpoints = aws.ec2_list("describe_vpc_endpoints", Filters=in_vpc(aws))
    found = []
    for each in endpoints:
        if each["VpcEndpointType"] == "Gateway" and each["ServiceName"].endswith(".s3"):
            found.append(f"endpoint of S3: {each['State'].lower()}")
            found += [f"on {aws.name_of(table)}" for table in each["RouteTableIds"]]
    return ["endpoint of S3: available", *(f"on {table.name}" for table in aws.all("AWS::EC2::RouteTable"))], found


def _delivery(flow_log: "FlowLogTypeDef") -> str:
    if flow_log.get("DeliverLogsStatus", "SUCCESS") == "SUCCESS":
        return ""
    return f", delivery {flow_log['DeliverLogsStatus']} {flow_log.get('DeliverLogsErrorMessage', '')}".rstrip()


@check(
    "3-4",
    "All traffic of the VPC is logged to the log bucket",
    "aws ec2 describe-flow-logs --filter Name=resource-id,Values={VpcId}",
    field="TrafficType, LogDestination",
)
def flow_logs(aws: Deployed) -> tuple[Facts, Facts]:
    found = aws.ec2_list("describe_flow_logs", Filters=[{"Name": "resource-id", "Values": [vpc_id(aws)]}])
    bucket = aws.outputs["LogBucketName"]
    return (
        [f"ACTIVE, ALL traffic to {bucket}/vpc-flow-logs"],
        [
            f"{each['FlowLogStatus']}, {each['TrafficType']} traffic to "
            + each.get("LogDestination", "nowhere").split(":")[-1].rstrip("/")
            + _delivery(each)
            for each in found
        ],
    )
