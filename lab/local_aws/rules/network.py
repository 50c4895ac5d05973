"""VPCs, subnets, routes, gateways, addresses, security groups and network ACLs."""

import ipaddress
import re
from collections.abc import Iterable
from typing import Any

from ministack.services import ec2

from lab.local_aws.resources.zones import zones
from lab.local_aws.rules.quotas import quota
from lab.local_aws.rules.rule import Asked, rule
from lab.local_aws.wire import canonical

CODES = "https://docs.aws.amazon.com/AWSEC2/latest/APIReference/errors-overview.html"
LIMITS = "https://docs.aws.amazon.com/vpc/latest/userguide/amazon-vpc-limits.html"
LARGEST, SMALLEST = 16, 28  # prefixes of a VPC and of a subnet
GROUP_TEXT = 255  # characters of a security group's name and description
GROUP_CHARACTERS = re.compile(r"[a-zA-Z0-9 ._\-:/()#,@\[\]+=&;{}!$*]*")
LAST_ACL_RULE = 32766
PORTS = range(65536)


def _network(cidr: Any) -> ipaddress.IPv4Network | None:
    """Return an IPv4 block, None where it is none. Its host bits may be set: AWS takes 10.0.0.5/24 for 10.0.0.0/24."""
    try:
        return ipaddress.IPv4Network(str(cidr), strict=False) if "/" in str(cidr) else None
    except ValueError:
        return None


def _block(cidr: Any) -> ipaddress.IPv4Network | ipaddress.IPv6Network | None:
    try:
        return ipaddress.ip_network(str(cidr), strict=False)
    except ValueError:
        return None


def _in_vpc(store: Any, vpc_id: Any) -> list[dict[str, Any]]:
    return [each for each in store.values() if each.get("VpcId") == vpc_id]


# --- ids that do not exist


@rule(
    "ec2.vpc-exists",
    *("CreateSubnet", "CreateSecurityGroup", "CreateRouteTable", "CreateNetworkAcl", "CreateVpcEndpoint"),
    *("AttachInternetGateway", "DetachInternetGateway"),
    code="InvalidVpcID.NotFound",
    source=CODES,
)
def _vpc_exists(asked: Asked) -> str | None:
    vpc_id = asked.get("VpcId")
    return f"The vpc ID '{vpc_id}' does not exist" if vpc_id and vpc_id not in ec2._vpcs else None


@rule(
    "ec2.subnet-exists",
    "AssociateRouteTable",
    "CreateNatGateway",
    "ModifySubnetAttribute",
    code="InvalidSubnetID.NotFound",
    source=CODES,
)
def _subnet_exists(asked: Asked) -> str | None:
    subnet_id = asked.get("SubnetId")
    missing = subnet_id and subnet_id not in ec2._subnets
    return f"The subnet ID '{subnet_id}' does not exist" if missing else None


@rule("ec2.endpoint-route-table-exists", "CreateVpcEndpoint", code="InvalidRouteTableID.NotFound", source=CODES)
def _endpoint_route_table_exists(asked: Asked) -> str | None:
    missing = [each for each in asked.get("RouteTableId", []) if each not in ec2._route_tables]
    return f"The routeTable ID '{missing[0]}' does not exist" if missing else None


@rule("ec2.route-gateway-exists", "CreateRoute", "ReplaceRoute", code="InvalidGatewayID.NotFound", source=CODES)
def _route_gateway_exists(asked: Asked) -> str | None:
    gateway = asked.get("GatewayId", "local")
    known = gateway == "local" or gateway in ec2._internet_gateways or gateway in ec2._vpc_endpoints
    return None if known else f"The gateway ID '{gateway}' does not exist"


@rule("ec2.route-nat-exists", "CreateRoute", "ReplaceRoute", code="NatGatewayNotFound", source=CODES)
def _route_nat_exists(asked: Asked) -> str | None:
    nat_id = asked.get("NatGatewayId")
    gone = nat_id and ec2._nat_gateways.get(nat_id, {"State": "deleted"})["State"] == "deleted"
    return f"The nat gateway ID '{nat_id}' does not exist" if gone else None


@rule("ec2.route-instance-exists", "CreateRoute", "ReplaceRoute", code="InvalidInstanceID.NotFound", source=CODES)
def _route_instance_exists(asked: Asked) -> str | None:
    instance_id = asked.get("InstanceId")
    missing = instance_id and instance_id not in ec2._instances
    return f"The instance ID '{instance_id}' does not exist" if missing else None


@rule(
    "ec2.rule-group-exists",
    "AuthorizeSecurityGroupIngress",
    "AuthorizeSecurityGroupEgress",
    code="InvalidGroup.NotFound",
    source=CODES,
)
def _rule_group_exists(asked: Asked) -> str | None:
    named = [pair.get("GroupId") for each in asked.get("IpPermissions", []) for pair in each.get("Groups", [])]
    missing = [each for each in named if each and each not in ec2._security_groups]
    return f"The security group '{missing[0]}' does not exist" if missing else None


@rule("ec2.flow-log-subject-exists", "CreateFlowLogs", code="InvalidVpcID.NotFound", source=CODES)
def _flow_log_subject_exists(asked: Asked) -> str | None:
    if asked.get("ResourceType") != "VPC":
        return None
    missing = [each for each in asked.get("ResourceId", []) if each not in ec2._vpcs]
    return f"The vpc ID '{missing[0]}' does not exist" if missing else None


# --- VPCs and subnets


@rule("ec2.vpc-cidr-is-one", "CreateVpc", code="InvalidParameterValue", source=CODES)
def _vpc_cidr_is_one(asked: Asked) -> str | None:
    cidr = asked.get("CidrBlock")
    if cidr is None or _network(cidr):
        return None
    return f"Value ({cidr}) for parameter cidrBlock is invalid. This is not a valid CIDR block."


# The list of codes has InvalidVpcRange; what the API answers was seen in https://github.com/grycap/im/issues/1011
@rule("ec2.vpc-size", "CreateVpc", code="InvalidVpc.Range", source=CODES)
def _vpc_size(asked: Asked) -> str | None:
    network = _network(asked.get("CidrBlock"))
    if network is None or LARGEST <= network.prefixlen <= SMALLEST:
        return None
    return f"The CIDR '{asked['CidrBlock']}' is invalid."


@rule("ec2.vpcs", "CreateVpc", code="VpcLimitExceeded", source=LIMITS)
def _vpcs(_asked: Asked) -> str | None:
    return "The maximum number of VPCs has been reached." if len(ec2._vpcs) >= quota("vpcs") else None


@rule(
    "ec2.vpc-tenancy",
    "CreateVpc",
    code="InvalidParameterValue",
    source="https://docs.aws.amazon.com/AWSEC2/latest/APIReference/API_CreateVpc.html",
)
def _vpc_tenancy(asked: Asked) -> str | None:
    tenancy = asked.get("InstanceTenancy", "default")
    # The page says that `host`, though listed, cannot be used here.
    return (
        None if tenancy in ("default", "dedicated") else f"Value ({tenancy}) for parameter instanceTenancy is invalid."
    )


@rule("ec2.subnet-cidr-is-one", "CreateSubnet", code="InvalidParameterValue", source=CODES)
def _subnet_cidr_is_one(asked: Asked) -> str | None:
    cidr = asked.get("CidrBlock")
    if cidr is None or _network(cidr):
        return None
    return f"Value ({cidr}) for parameter cidrBlock is invalid. This is not a valid CIDR block."


@rule("ec2.subnet-size", "CreateSubnet", code="InvalidSubnet.Range", source=CODES)
def _subnet_size(asked: Asked) -> str | None:
    network = _network(asked.get("CidrBlock"))
    if network is None or LARGEST <= network.prefixlen <= SMALLEST:
        return None
    return f"The CIDR '{asked['CidrBlock']}' is invalid."


# https://github.com/pulumi/pulumi-awsx/issues/111 has code and message.
@rule("ec2.subnet-in-vpc", "CreateSubnet", code="InvalidSubnet.Range", source=CODES)
def _subnet_in_vpc(asked: Asked) -> str | None:
    network, vpc = _network(asked.get("CidrBlock")), ec2._vpcs.get(asked.get("VpcId"))
    if network is None or vpc is None:
        return None
    blocks = [vpc["CidrBlock"], *(each["CidrBlock"] for each in vpc.get("CidrBlockAssociationSet", []))]
    if any(network.subnet_of(ipaddress.IPv4Network(block, strict=False)) for block in blocks):
        return None
    return f"The CIDR '{asked['CidrBlock']}' is invalid."


@rule("ec2.subnets-apart", "CreateSubnet", code="InvalidSubnet.Conflict", source=CODES)
def _subnets_apart(asked: Asked) -> str | None:
    network = _network(asked.get("CidrBlock"))
    others = [_network(each["CidrBlock"]) for each in _in_vpc(ec2._subnets, asked.get("VpcId"))]
    if network is None or not any(other and network.overlaps(other) for other in others):
        return None
    return f"The CIDR '{asked['CidrBlock']}' conflicts with another subnet"


@rule("ec2.subnets", "CreateSubnet", code="SubnetLimitExceeded", source=LIMITS)
def _subnets(asked: Asked) -> str | None:
    full = len(_in_vpc(ec2._subnets, asked.get("VpcId"))) >= quota("subnets")
    return "The maximum number of subnets has been reached." if full else None


# https://github.com/kz8s/tack/issues/67 has code and message.
@rule("ec2.subnet-zone", "CreateSubnet", code="InvalidParameterValue", source=CODES)
def _subnet_zone(asked: Asked) -> str | None:
    zone, there = asked.get("AvailabilityZone"), zones(ec2.get_region())
    if zone is None or zone in there:
        return None
    return (
        f"Value ({zone}) for parameter availabilityZone is invalid. "
        f"Subnets can currently only be created in the following availability zones: {', '.join(there)}."
    )


@rule(
    "ec2.dns-hostnames-need-dns",
    "ModifyVpcAttribute",
    code="InvalidParameterCombination",
    source="https://docs.aws.amazon.com/AWSEC2/latest/APIReference/API_ModifyVpcAttribute.html",
)
def _dns_hostnames_need_dns(asked: Asked) -> str | None:
    # The page says that both cannot be set in one request; its code is the generic one of the list.
    both = {"EnableDnsHostnames", "EnableDnsSupport"} <= asked.keys()
    return "Only one attribute can be modified at a time" if both else None


# --- routes and gateways


@rule("ec2.route-tables", "CreateRouteTable", code="RouteTableLimitExceeded", source=LIMITS)
def _route_tables(asked: Asked) -> str | None:
    full = len(_in_vpc(ec2._route_tables, asked.get("VpcId"))) >= quota("route-tables")
    return "The maximum number of route tables has been reached." if full else None


@rule("ec2.route-cidr-is-one", "CreateRoute", "ReplaceRoute", code="InvalidParameterValue", source=CODES)
def _route_cidr_is_one(asked: Asked) -> str | None:
    cidr = asked.get("DestinationCidrBlock")
    if cidr is None or _network(cidr):
        return None
    return f"Value ({cidr}) for parameter destinationCidrBlock is invalid. This is not a valid CIDR block."


@rule(
    "ec2.route-one-target",
    "CreateRoute",
    code="InvalidParameterCombination",
    source="https://docs.aws.amazon.com/AWSEC2/latest/APIReference/API_CreateRoute.html",
)
def _route_one_target(asked: Asked) -> str | None:
    given = [name for name in ("GatewayId", "NatGatewayId", "InstanceId", "NetworkInterfaceId") if name in asked]
    return f"Only one of {', '.join(given)} may be given" if len(given) > 1 else None


@rule(
    "ec2.route-needs-target",
    "CreateRoute",
    code="MissingParameter",
    source="https://docs.aws.amazon.com/AWSEC2/latest/APIReference/API_CreateRoute.html",
)
def _route_needs_target(asked: Asked) -> str | None:
    given = [name for name in asked if name.endswith(("Id", "Arn")) and name != "RouteTableId"]
    return None if given else "The request must contain a target of the route"


@rule("ec2.routes", "CreateRoute", code="RouteLimitExceeded", source=LIMITS)
def _routes(asked: Asked) -> str | None:
    routes = ec2._route_tables.get(asked.get("RouteTableId"), {}).get("Routes", [])
    own = [each for each in routes if each.get("Origin") == "CreateRoute" and each.get("DestinationCidrBlock")]
    return "The maximum number of routes has been reached." if len(own) >= quota("routes") else None


@rule(
    "ec2.route-gateway-in-vpc",
    "CreateRoute",
    code="InvalidParameterValue",
    source="https://github.com/smoketurner/serverless-vpc-plugin/issues/147",
)
def _route_gateway_in_vpc(asked: Asked) -> str | None:
    gateway = ec2._internet_gateways.get(asked.get("GatewayId"))
    table = ec2._route_tables.get(asked.get("RouteTableId"))
    if gateway is None or table is None:
        return None
    if table["VpcId"] in [each["VpcId"] for each in gateway.get("Attachments", [])]:
        return None
    return f"route table {table['RouteTableId']} and network gateway {asked['GatewayId']} belong to different networks"


@rule("ec2.table-and-subnet-in-one-vpc", "AssociateRouteTable", code="InvalidParameterValue", source=CODES)
def _table_and_subnet_in_one_vpc(asked: Asked) -> str | None:
    table, subnet = ec2._route_tables.get(asked.get("RouteTableId")), ec2._subnets.get(asked.get("SubnetId"))
    if not table or not subnet or table["VpcId"] == subnet["VpcId"]:
        return None
    return f"Route table {table['RouteTableId']} and subnet {subnet['SubnetId']} belong to different networks"


@rule(
    "ec2.one-table-a-subnet",
    "AssociateRouteTable",
    code="Resource.AlreadyAssociated",
    source=CODES,
)
def _one_table_a_subnet(asked: Asked) -> str | None:
    links = [link for table in ec2._route_tables.values() for link in table.get("Associations", [])]
    taken = asked.get("SubnetId") and asked["SubnetId"] in [link.get("SubnetId") for link in links]
    return "the specified association for route table conflicts with an existing association" if taken else None


@rule("ec2.internet-gateways", "CreateInternetGateway", code="InternetGatewayLimitExceeded", source=LIMITS)
def _internet_gateways(_asked: Asked) -> str | None:
    full = len(ec2._internet_gateways) >= quota("internet-gateways")
    return "The maximum number of internet gateways has been reached." if full else None


@rule("ec2.one-gateway-a-vpc", "AttachInternetGateway", code="InvalidParameterValue", source=LIMITS)
def _one_gateway_a_vpc(asked: Asked) -> str | None:
    # The limits page says so; the code is that of https://github.com/binlab/terraform-aws-vault-ha-raft/issues/54 .
    attached = [each["VpcId"] for gateway in ec2._internet_gateways.values() for each in gateway.get("Attachments", [])]
    if asked.get("VpcId") not in attached:
        return None
    return f"Network {asked['VpcId']} already has an internet gateway attached"


@rule("ec2.gateway-is-attached", "DetachInternetGateway", code="Gateway.NotAttached", source=CODES)
def _gateway_is_attached(asked: Asked) -> str | None:
    gateway = ec2._internet_gateways.get(asked.get("InternetGatewayId"))
    if gateway is None or asked.get("VpcId") in [each["VpcId"] for each in gateway.get("Attachments", [])]:
        return None
    return f"resource {asked['InternetGatewayId']} is not attached to network {asked.get('VpcId')}"


@rule("ec2.gateway-known", "DetachInternetGateway", code="InvalidInternetGatewayID.NotFound", source=CODES)
def _gateway_known(asked: Asked) -> str | None:
    gateway_id = asked.get("InternetGatewayId")
    known = gateway_id in ec2._internet_gateways
    return None if known else f"The internetGateway ID '{gateway_id}' does not exist"


@rule(
    "ec2.gateway-has-no-mapped-address",
    "DetachInternetGateway",
    code="DependencyViolation",
    source="https://docs.aws.amazon.com/AWSEC2/latest/APIReference/API_DetachInternetGateway.html",
)
def _gateway_has_no_mapped_address(asked: Asked) -> str | None:
    vpc_id = asked.get("VpcId")
    mapped = {each["NetworkInterfaceId"] for each in ec2._addresses.values() if each["NetworkInterfaceId"]}
    elastic = any(each["NetworkInterfaceId"] in mapped for each in _in_vpc(ec2._network_interfaces, vpc_id))
    automatic = any(
        each.get("PublicIpAddress") and each["State"]["Name"] == "running" for each in _in_vpc(ec2._instances, vpc_id)
    )
    if not elastic and not automatic:
        return None
    return f"Network {vpc_id} has some mapped public address(es). Please unmap those before detaching the gateway."


@rule("ec2.elastic-ips", "AllocateAddress", code="AddressLimitExceeded", source=LIMITS)
def _elastic_ips(_asked: Asked) -> str | None:
    full = len(ec2._addresses) >= quota("elastic-ips")
    return "The maximum number of addresses has been reached." if full else None


@rule("ec2.nat-gateways", "CreateNatGateway", code="NatGatewayLimitExceeded", source=LIMITS)
def _nat_gateways(asked: Asked) -> str | None:
    zone = ec2._subnets.get(asked.get("SubnetId"), {}).get("AvailabilityZone")
    alive = [each for each in ec2._nat_gateways.values() if each["State"] in ("pending", "available", "deleting")]
    there = [each for each in alive if zone and ec2._subnets.get(each["SubnetId"], {}).get("AvailabilityZone") == zone]
    full = len(there) >= quota("nat-gateways")
    return f"Performing this operation would exceed the limit of {quota('nat-gateways')} NAT gateways" if full else None


NAT = "https://docs.aws.amazon.com/AWSEC2/latest/APIReference/API_CreateNatGateway.html"


@rule("ec2.private-nat-without-address", "CreateNatGateway", code="InvalidParameterCombination", source=NAT)
def _private_nat_without_address(asked: Asked) -> str | None:
    wrong = asked.get("ConnectivityType") == "private" and "AllocationId" in asked
    return "AllocationId is not allowed with a private NAT gateway" if wrong else None


@rule("ec2.public-nat-with-address", "CreateNatGateway", code="MissingParameter", source=NAT)
def _public_nat_with_address(asked: Asked) -> str | None:
    zonal = asked.get("AvailabilityMode", "zonal") == "zonal"
    wrong = zonal and asked.get("ConnectivityType", "public") == "public" and "AllocationId" not in asked
    return "The request must contain the parameter AllocationId" if wrong else None


@rule("ec2.regional-nat-is-public", "CreateNatGateway", code="InvalidParameterCombination", source=NAT)
def _regional_nat_is_public(asked: Asked) -> str | None:
    wrong = asked.get("AvailabilityMode") == "regional" and asked.get("ConnectivityType") == "private"
    return "A regional NAT gateway is public" if wrong else None


@rule("ec2.nat-words", "CreateNatGateway", code="InvalidParameterValue", source=NAT)
def _nat_words(asked: Asked) -> str | None:
    words = {"ConnectivityType": ("public", "private"), "AvailabilityMode": ("zonal", "regional")}
    wrong = [name for name, known in words.items() if asked.get(name, known[0]) not in known]
    return f"Value ({asked[wrong[0]]}) for parameter {wrong[0]} is invalid." if wrong else None


@rule("ec2.gateway-endpoints", "CreateVpcEndpoint", code="VpcEndpointLimitExceeded", source=LIMITS)
def _gateway_endpoints(asked: Asked) -> str | None:
    there = [each for each in ec2._vpc_endpoints.values() if each["VpcEndpointType"] == "Gateway"]
    full = asked.get("VpcEndpointType", "Gateway") == "Gateway" and len(there) >= quota("gateway-endpoints")
    return "The maximum number of VPC endpoints has been reached." if full else None


@rule(
    "ec2.endpoint-service",
    "CreateVpcEndpoint",
    code="InvalidServiceName",
    source=CODES,
)
def _endpoint_service(asked: Asked) -> str | None:
    name = str(asked.get("ServiceName", ""))
    region = ec2.get_region()
    if name.startswith((f"com.amazonaws.{region}.", f"aws.api.{region}.", "com.amazonaws.vpce.", "aws.sagemaker.")):
        return None
    return f"The Vpc Endpoint Service '{name}' does not exist"


# --- security groups

GROUPS = "https://docs.aws.amazon.com/AWSEC2/latest/APIReference/API_CreateSecurityGroup.html"


@rule("ec2.group-name", "CreateSecurityGroup", code="InvalidParameterValue", source=GROUPS)
def _group_name(asked: Asked) -> str | None:
    name = str(asked.get("GroupName", ""))
    if len(name) > GROUP_TEXT or not GROUP_CHARACTERS.fullmatch(name):
        return f"Value ({name}) for parameter GroupName is invalid. Character sets beyond ASCII are not supported."
    return None


@rule("ec2.group-name-prefix", "CreateSecurityGroup", code="InvalidParameterValue", source=GROUPS)
def _group_name_prefix(asked: Asked) -> str | None:
    name = str(asked.get("GroupName", ""))
    wrong = name.startswith("sg-")
    return (
        f"Value ({name}) for parameter GroupName is invalid. Group names may not be in the format sg-*."
        if wrong
        else None
    )


@rule("ec2.group-description", "CreateSecurityGroup", code="InvalidParameterValue", source=GROUPS)
def _group_description(asked: Asked) -> str | None:
    text = str(asked.get("GroupDescription", ""))
    if len(text) > GROUP_TEXT or not GROUP_CHARACTERS.fullmatch(text):
        return (
            f"Value ({text}) for parameter GroupDescription is invalid. Character sets beyond ASCII are not supported."
        )
    return None


@rule("ec2.group-has-description", "CreateSecurityGroup", code="MissingParameter", source=GROUPS)
def _group_has_description(asked: Asked) -> str | None:
    return None if asked.get("GroupDescription") else "The request must contain the parameter GroupDescription"


@rule("ec2.group-reserved", "CreateSecurityGroup", code="InvalidGroup.Reserved", source=CODES)
def _group_reserved(asked: Asked) -> str | None:
    wrong = str(asked.get("GroupName", "")).lower() == "default"
    return "The security group 'default' is reserved" if wrong else None


@rule("ec2.group-name-once", "CreateSecurityGroup", code="InvalidGroup.Duplicate", source=CODES)
def _group_name_once(asked: Asked) -> str | None:
    name, vpc = asked.get("GroupName"), asked.get("VpcId")
    same = [each for each in ec2._security_groups.values() if (each["GroupName"], each["VpcId"]) == (name, vpc)]
    return f"The security group '{name}' already exists for VPC '{vpc}'" if same else None


@rule("ec2.groups", "CreateSecurityGroup", code="SecurityGroupLimitExceeded", source=LIMITS)
def _groups(_asked: Asked) -> str | None:
    full = len(ec2._security_groups) >= quota("groups")
    return "The maximum number of security groups has been reached." if full else None


AUTHORIZE = ("AuthorizeSecurityGroupIngress", "AuthorizeSecurityGroupEgress")
PERMISSION = "https://docs.aws.amazon.com/AWSEC2/latest/APIReference/API_IpPermission.html"


def permissions(asked: Asked) -> list[Any]:
    """Return the permissions of a request; one may be written without a list."""
    flat = {name: asked[name] for name in ("IpProtocol", "FromPort", "ToPort") if name in asked}
    if "CidrIp" in asked:
        flat["IpRanges"] = [{"CidrIp": asked["CidrIp"]}]
    return [*asked.get("IpPermissions", []), *([flat] if flat else [])]


def _sources(permission: Any, kind: str) -> list[dict[str, Any]]:
    return list(permission.get(kind) or [])


@rule("ec2.rule-cidr", *AUTHORIZE, code="InvalidParameterValue", source=CODES)
def _rule_cidr(asked: Asked) -> str | None:
    for permission in permissions(asked):
        for source in _sources(permission, "IpRanges"):
            if _network(source.get("CidrIp")) is None:
                return f"CIDR block {source.get('CidrIp')} is malformed"
        for source in _sources(permission, "Ipv6Ranges"):
            if not isinstance(_block(source.get("CidrIpv6")), ipaddress.IPv6Network):
                return f"CIDR block {source.get('CidrIpv6')} is malformed"
    return None


@rule("ec2.rule-ports", *AUTHORIZE, code="InvalidParameterValue", source=PERMISSION)
def _rule_ports(asked: Asked) -> str | None:
    for permission in permissions(asked):
        if str(permission.get("IpProtocol")) in ("tcp", "udp", "6", "17"):
            start, end = int(permission.get("FromPort", -1)), int(permission.get("ToPort", -1))
            if start not in PORTS or end not in PORTS:
                return f"Invalid value for portRange. Must specify both from and to ports with TCP/UDP: {start}-{end}"
            if start > end:
                return f"Invalid TCP/UDP port range ({start}:{end})"
    return None


@rule("ec2.rule-protocol", *AUTHORIZE, code="InvalidParameterValue", source=PERMISSION)
def _rule_protocol(asked: Asked) -> str | None:
    for permission in permissions(asked):
        protocol = str(permission.get("IpProtocol", ""))
        number = int(protocol) if re.fullmatch(r"-?\d{1,3}", protocol) else None
        if protocol not in ("tcp", "udp", "icmp", "icmpv6") and (number is None or not -1 <= number <= 255):
            return f"Invalid value '{protocol}' for IP protocol. Unknown protocol."
    return None


@rule(
    "ec2.rule-description",
    *AUTHORIZE,
    code="InvalidParameterValue",
    source="https://docs.aws.amazon.com/AWSEC2/latest/APIReference/API_IpRange.html",
)
def _rule_description(asked: Asked) -> str | None:
    for permission in permissions(asked):
        for kind in ("IpRanges", "Ipv6Ranges", "Groups", "PrefixListIds"):
            for source in _sources(permission, kind):
                text = str(source.get("Description", ""))
                if len(text) > GROUP_TEXT or not GROUP_CHARACTERS.fullmatch(text):
                    return f"Invalid rule description. Valid descriptions are strings less than 256 characters: {text}"
    return None


def _versions(permission: Any) -> list[int]:
    """Return the IP version of each source; a group and a prefix list count in both."""
    both = [4, 6] * (len(_sources(permission, "Groups")) + len(_sources(permission, "UserIdGroupPairs")))
    both += [4, 6] * len(_sources(permission, "PrefixListIds"))
    return both + [4] * len(_sources(permission, "IpRanges")) + [6] * len(_sources(permission, "Ipv6Ranges"))


def _too_many_rules(asked: Asked, direction: str) -> str | None:
    there = ec2._security_groups.get(asked.get("GroupId"), {}).get(direction, [])
    versions = [version for each in (*there, *permissions(asked)) for version in _versions(each)]
    if max(versions.count(4), versions.count(6)) <= quota("group-rules"):
        return None
    return "The maximum number of rules per security group has been reached."


@rule("ec2.group-rules-in", AUTHORIZE[0], code="RulesPerSecurityGroupLimitExceeded", source=LIMITS)
def _group_rules_in(asked: Asked) -> str | None:
    return _too_many_rules(asked, "IpPermissions")


@rule("ec2.group-rules-out", AUTHORIZE[1], code="RulesPerSecurityGroupLimitExceeded", source=LIMITS)
def _group_rules_out(asked: Asked) -> str | None:
    return _too_many_rules(asked, "IpPermissionsEgress")


def _kind(permission: Any) -> tuple[str, ...]:
    return tuple(str(permission.get(name)) for name in ("IpProtocol", "FromPort", "ToPort"))


def _sources_of(permission: Any) -> Iterable[tuple[str, str]]:
    for kind, member in (("IpRanges", "CidrIp"), ("Ipv6Ranges", "CidrIpv6"), ("UserIdGroupPairs", "GroupId")):
        for source in _sources(permission, kind) + (_sources(permission, "Groups") if member == "GroupId" else []):
            yield member, canonical(str(source.get(member)))


def _again(asked: Asked, direction: str) -> str | None:
    there = ec2._security_groups.get(asked.get("GroupId"), {}).get(direction, [])
    known = {(*_kind(each), *source) for each in there for source in _sources_of(each)}
    for permission in permissions(asked):
        for source in _sources_of(permission):
            rule_ = (*_kind(permission), *source)
            if rule_ in known:
                return f'the specified rule "peer: {source[1]}, {rule_[0]}, ports {rule_[1]}-{rule_[2]}" already exists'
            known.add(rule_)
    return None


@rule("ec2.rule-once-in", AUTHORIZE[0], code="InvalidPermission.Duplicate", source=CODES)
def _rule_once_in(asked: Asked) -> str | None:
    return _again(asked, "IpPermissions")


@rule("ec2.rule-once-out", AUTHORIZE[1], code="InvalidPermission.Duplicate", source=CODES)
def _rule_once_out(asked: Asked) -> str | None:
    return _again(asked, "IpPermissionsEgress")


# --- network ACLs

ACL_ENTRY = ("CreateNetworkAclEntry", "ReplaceNetworkAclEntry")
ACLS = "https://docs.aws.amazon.com/AWSEC2/latest/APIReference/API_CreateNetworkAclEntry.html"


@rule("ec2.acls", "CreateNetworkAcl", code="NetworkAclLimitExceeded", source=LIMITS)
def _acls(asked: Asked) -> str | None:
    full = len(_in_vpc(ec2._network_acls, asked.get("VpcId"))) >= quota("acls")
    return "The maximum number of network ACLs has been reached." if full else None


@rule("ec2.acl-rule-number", *ACL_ENTRY, code="InvalidParameterValue", source=ACLS)
def _acl_rule_number(asked: Asked) -> str | None:
    number = asked.get("RuleNumber", "0")
    right = str(number).lstrip("-").isdecimal() and 1 <= int(number) <= LAST_ACL_RULE
    return None if right else f"Value ({number}) for parameter ruleNumber is invalid. Must be 1 to {LAST_ACL_RULE}."


@rule("ec2.acl-cidr", *ACL_ENTRY, code="InvalidParameterValue", source=CODES)
def _acl_cidr(asked: Asked) -> str | None:
    cidr = asked.get("CidrBlock")
    if cidr is None or _network(cidr):
        return None
    return f"Value ({cidr}) for parameter cidrBlock is invalid. This is not a valid CIDR block."


@rule("ec2.acl-action", *ACL_ENTRY, code="InvalidParameterValue", source=ACLS)
def _acl_action(asked: Asked) -> str | None:
    action = asked.get("RuleAction")
    return None if action in ("allow", "deny") else f"Value ({action}) for parameter ruleAction is invalid."


@rule("ec2.acl-protocol", *ACL_ENTRY, code="InvalidParameterValue", source=ACLS)
def _acl_protocol(asked: Asked) -> str | None:
    protocol = str(asked.get("Protocol", ""))
    right = protocol in ("tcp", "udp", "icmp") or (re.fullmatch(r"-?\d{1,3}", protocol) and -1 <= int(protocol) <= 255)
    return None if right else f"Value ({protocol}) for parameter protocol is invalid. Unknown protocol."


@rule("ec2.acl-ports", *ACL_ENTRY, code="InvalidParameterValue", source=ACLS)
def _acl_ports(asked: Asked) -> str | None:
    given = asked.get("PortRange")
    if not given:
        return None
    start, end = int(given.get("From", -1)), int(given.get("To", -1))
    return None if start in PORTS and end in PORTS and start <= end else f"Invalid port range ({start}:{end})"


@rule("ec2.acl-rules", "CreateNetworkAclEntry", code="NetworkAclEntryLimitExceeded", source=LIMITS)
def _acl_rules(asked: Asked) -> str | None:
    egress = str(asked.get("Egress", "")).lower() == "true"
    version = "CidrBlock" if "CidrBlock" in asked else "Ipv6CidrBlock"
    entries = ec2._network_acls.get(asked.get("NetworkAclId"), {}).get("Entries", [])
    there = [each for each in entries if each["Egress"] == egress and version in each]
    return "The maximum number of network acl entries has been reached." if len(there) >= quota("acl-rules") else None


# --- what is in use cannot be deleted (subnets, groups and gateways: see lab.local_aws.network)


@rule(
    "ec2.vpc-in-use",
    "DeleteVpc",
    code="DependencyViolation",
    source="https://docs.aws.amazon.com/AWSEC2/latest/APIReference/API_DeleteVpc.html",
)
def _vpc_in_use(asked: Asked) -> str | None:
    vpc_id = asked.get("VpcId")
    if vpc_id not in ec2._vpcs:
        return None
    used = (
        [
            each
            for each in _in_vpc(ec2._route_tables, vpc_id)
            if not any(link.get("Main") for link in each["Associations"])
        ],
        [each for each in _in_vpc(ec2._network_acls, vpc_id) if not each["IsDefault"]],
        [each for each in _in_vpc(ec2._vpc_endpoints, vpc_id) if each["VpcEndpointType"] == "Gateway"],
        _in_vpc(ec2._network_interfaces, vpc_id),
    )
    return f"The vpc '{vpc_id}' has dependencies and cannot be deleted." if any(used) else None


@rule(
    "ec2.route-table-in-use",
    "DeleteRouteTable",
    code="DependencyViolation",
    source="https://docs.aws.amazon.com/AWSEC2/latest/APIReference/API_DeleteRouteTable.html",
)
def _route_table_in_use(asked: Asked) -> str | None:
    table = ec2._route_tables.get(asked.get("RouteTableId"), {})
    if not table.get("Associations"):
        return None
    return f"The routeTable '{asked['RouteTableId']}' has dependencies and cannot be deleted."


@rule(
    "ec2.key-name",
    "CreateKeyPair",
    "ImportKeyPair",
    code="InvalidParameterValue",
    source="https://docs.aws.amazon.com/AWSEC2/latest/APIReference/API_CreateKeyPair.html",
)
def _key_name(asked: Asked) -> str | None:
    name = str(asked.get("KeyName", ""))
    right = 0 < len(name) <= GROUP_TEXT and name.isascii()
    return None if right else "Value for parameter KeyName is invalid. Up to 255 ASCII characters are allowed."
