"""Chapter 3: the VPC, its subnets and the ways in and out."""

from typing import TYPE_CHECKING, Any

from lab.checks.check import Facts, check
from lab.deployed import Deployed
from lab.template.reader import Resource

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

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
PUBLIC = ("learning-public-1", "learning-public-2")
PRIVATE = ("learning-private-1", "learning-private-2")


def subnet(aws: Deployed, name: str) -> Resource:
    return aws.one("AWS::EC2::Subnet", name)


def in_vpc(aws: Deployed) -> "Sequence[FilterTypeDef]":
    return [{"Name": "vpc-id", "Values": [aws.one("AWS::EC2::VPC").id]}]


def routes(aws: Deployed, subnet_name: str) -> Facts:
    """Return where a subnet sends what is neither for the VPC nor for the stack's endpoint, in words."""
    tables: Any = aws.ec2.describe_route_tables(
        Filters=[{"Name": "association.subnet-id", "Values": [subnet(aws, subnet_name).id]}]
    )["RouteTables"]
    own = ("local", aws.one("AWS::EC2::VPCEndpoint").id)
    return [
        f"{_route(subnet_name, route, aws.name_of)}{'' if state == 'active' else f' ({state})'}"
        for table in tables
        for route in table["Routes"]
        if route.get("GatewayId") not in own
        for state in [route.get("State", "active")]
    ]


def promised_routes(aws: Deployed, subnet_name: str) -> Facts:
    table = next(
        association.properties["RouteTableId"]["Ref"]
        for association in aws.all("AWS::EC2::SubnetRouteTableAssociation")
        if aws.named(association.properties["SubnetId"]) == subnet_name
    )
    return [
        _route(subnet_name, route.properties, aws.named)
        for route in aws.all("AWS::EC2::Route")
        if route.properties["RouteTableId"]["Ref"] == table
    ]


def _route(subnet_name: str, route: "Mapping[str, Any]", name: "Callable[[Any], str]") -> str:
    """Return a route in words. CloudFormation and EC2 call its parts by the same names."""
    destination = next(each for part in DESTINATIONS if (each := route.get(part)))
    kind, target = next(((part, each) for part in TARGETS if (each := route.get(part))), ("nothing", None))
    return f"{subnet_name}: {destination} to {TARGETS.get(kind, kind)} {name(target) if target else ''}".rstrip()


@check(
    "3-1",
    "The VPC has its range of addresses, and its hosts get DNS names",
    "VPC は指定したアドレス範囲を持ち、ホストには DNS 名が付く",
    "aws ec2 describe-vpcs --vpc-ids {VpcId}",
)
def vpc(aws: Deployed) -> tuple[Facts, Facts]:
    resource = aws.one("AWS::EC2::VPC")
    found = aws.ec2.describe_vpcs(VpcIds=[resource.id])["Vpcs"][0]
    support = aws.ec2.describe_vpc_attribute(VpcId=resource.id, Attribute="enableDnsSupport")["EnableDnsSupport"]
    names = aws.ec2.describe_vpc_attribute(VpcId=resource.id, Attribute="enableDnsHostnames")["EnableDnsHostnames"]
    return (
        [f"range {resource.properties['CidrBlock']}", "DNS: True", "host names: True"],
        [f"range {found['CidrBlock']}", f"DNS: {support.get('Value')}", f"host names: {names.get('Value')}"],
    )


@check(
    "3-3",
    "Each of two zones, those that were chosen, has one public and one private subnet",
    "選んだ 2 つのゾーンそれぞれに、パブリックとプライベートのサブネットが 1 つずつある",
    "aws ec2 describe-subnets --filters Name=vpc-id,Values={VpcId}",
)
def subnets(aws: Deployed) -> tuple[Facts, Facts]:
    found = aws.ec2.describe_subnets(Filters=in_vpc(aws))["Subnets"]
    zone_of = {aws.name_of(each["SubnetId"]): each["AvailabilityZone"] for each in found}
    zones = [zone_of.get(name) for name in PUBLIC]
    chosen = {name: subnet(aws, name).properties.get("AvailabilityZone") for name in (*PUBLIC, *PRIVATE)}
    by_name = [name for name, zone in chosen.items() if isinstance(zone, str)]  # else the region's first two
    return (
        [f"{name} {subnet(aws, name).properties['CidrBlock']} in zone {name[-1]}" for name in (*PUBLIC, *PRIVATE)]
        + [f"{name} in {chosen[name]}" for name in by_name],
        [
            f"{aws.name_of(each['SubnetId'])} {each['CidrBlock']} in zone "
            + str(zones.index(each["AvailabilityZone"]) + 1 if each["AvailabilityZone"] in zones else "?")
            for each in found
        ]
        + [f"{name} in {zone_of.get(name)}" for name in by_name],
    )


@check(
    "3-4",
    "No subnet hands out public addresses by itself: what is to be reached gets an Elastic IP",
    "どのサブネットもパブリック IP を自動で割り当てない。公開するものにだけ Elastic IP を付ける",
    "aws ec2 describe-subnets --filters Name=vpc-id,Values={VpcId} --query 'Subnets[].MapPublicIpOnLaunch'",
)
def no_automatic_addresses(aws: Deployed) -> tuple[Facts, Facts]:
    found = aws.ec2.describe_subnets(SubnetIds=[subnet(aws, name).id for name in (*PUBLIC, *PRIVATE)])["Subnets"]
    return (
        [f"{name}: False" for name in (*PUBLIC, *PRIVATE)],
        [f"{aws.name_of(each['SubnetId'])}: {each['MapPublicIpOnLaunch']}" for each in found],
    )


@check(
    "3-4",
    "Every subnet has a route table of its own",
    "サブネットごとに専用のルートテーブルがある",
    "aws ec2 describe-route-tables --filters Name=vpc-id,Values={VpcId}",
)
def route_tables(aws: Deployed) -> tuple[Facts, Facts]:
    found = aws.ec2.describe_route_tables(Filters=in_vpc(aws))["RouteTables"]
    return (
        [f"{name}: {name}" for name in (*PUBLIC, *PRIVATE)],
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
    "パブリックサブネットの出口はインターネットゲートウェイだけ",
    "aws ec2 describe-route-tables --filters Name=association.subnet-id,Values={PublicSubnetIds}",
)
def public_routes(aws: Deployed) -> tuple[Facts, Facts]:
    vpc_id = aws.one("AWS::EC2::VPC").id
    gateways = aws.ec2.describe_internet_gateways(Filters=[{"Name": "attachment.vpc-id", "Values": [vpc_id]}])
    return (
        [route for name in PUBLIC for route in promised_routes(aws, name)]
        + [f"attached: {aws.one('AWS::EC2::InternetGateway').id}"],
        [route for name in PUBLIC for route in routes(aws, name)]
        + [f"attached: {each['InternetGatewayId']}" for each in gateways["InternetGateways"]],
    )


@check(
    "3-4",
    "Private subnets reach the internet through the NAT gateway or instance that `nat` gives them, or not at all",
    "プライベートサブネットは設定 `nat` で決まる NAT ゲートウェイかインスタンスから外に出る (`none` なら出られない)",
    "aws ec2 describe-route-tables --filters Name=association.subnet-id,Values={PrivateSubnetIds}",
)
def private_routes(aws: Deployed) -> tuple[Facts, Facts]:
    return (
        [route for name in PRIVATE for route in promised_routes(aws, name)],
        [route for name in PRIVATE for route in routes(aws, name)],
    )


@check(
    "3-4",
    "Every NAT gateway is available, in its public subnet and with an Elastic IP unless it is a regional one",
    "NAT ゲートウェイはすべて利用可能で、リージョナルのものを除き、パブリックサブネットにあり Elastic IP を持つ",
    "aws ec2 describe-nat-gateways --filter Name=vpc-id,Values={VpcId}",
)
def nat_gateways(aws: Deployed) -> tuple[Facts, Facts]:
    def promised(gateway: Resource) -> str:
        if gateway.properties.get("AvailabilityMode") == "regional":
            return f"{gateway.name}: available, regional"
        address = aws.named(gateway.properties["AllocationId"])
        return f"{gateway.name}: available, in {aws.named(gateway.properties['SubnetId'])}, address {address}"

    addresses = {each["AllocationId"]: each["PublicIp"] for each in aws.ec2.describe_addresses()["Addresses"]}
    found = []
    for gateway in aws.ec2.describe_nat_gateways(Filters=in_vpc(aws))["NatGateways"]:
        if gateway["State"] in ("deleting", "deleted"):
            continue
        fact = f"{aws.name_of(gateway['NatGatewayId'])}: {gateway['State']}"
        if gateway.get("AvailabilityMode") == "regional":
            fact += ", regional"
        else:
            held = [addresses.get(each.get("AllocationId", "")) for each in gateway.get("NatGatewayAddresses", [])]
            fact += f", in {aws.name_of(gateway['SubnetId'])}, address {', '.join(map(aws.name_of, held)) or 'none'}"
        found.append(fact)
    return [promised(gateway) for gateway in aws.all("AWS::EC2::NatGateway")], found


@check(
    "3-4",
    "Every route table leads to S3 through the free gateway endpoint",
    "すべてのルートテーブルが無料のゲートウェイエンドポイントで S3 につながる",
    "aws ec2 describe-vpc-endpoints --filters Name=vpc-id,Values={VpcId}",
)
def s3_endpoint(aws: Deployed) -> tuple[Facts, Facts]:
    found = aws.ec2.describe_vpc_endpoints(VpcEndpointIds=[aws.one("AWS::EC2::VPCEndpoint").id])["VpcEndpoints"][0]
    kind = f"{found['VpcEndpointType']} com.amazonaws.REGION.{found['ServiceName'].split('.')[-1]}"
    return (
        [
            "Gateway com.amazonaws.REGION.s3, available",
            *(f"on {table.name}" for table in aws.all("AWS::EC2::RouteTable")),
        ],
        [f"{kind}, {found['State'].lower()}", *(f"on {aws.name_of(table)}" for table in found["RouteTableIds"])],
    )


def _delivery(flow_log: "FlowLogTypeDef") -> str:
    if flow_log.get("DeliverLogsStatus", "SUCCESS") == "SUCCESS":
        return ""
    return f", delivery {flow_log['DeliverLogsStatus']} {flow_log.get('DeliverLogsErrorMessage', '')}".rstrip()


@check(
    "3-4",
    "All traffic of the VPC is logged to the log bucket",
    "VPC のすべての通信はログ用バケットに記録される",
    "aws ec2 describe-flow-logs --filter Name=resource-id,Values={VpcId}",
)
def flow_logs(aws: Deployed) -> tuple[Facts, Facts]:
    vpc_id = aws.one("AWS::EC2::VPC").id
    found = aws.ec2.describe_flow_logs(Filters=[{"Name": "resource-id", "Values": [vpc_id]}])["FlowLogs"]
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
