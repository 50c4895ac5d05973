"""A deployed network, as EC2 describes it."""

from collections.abc import Iterable, Iterator, Mapping
from ipaddress import IPv4Address, IPv4Network
from typing import TYPE_CHECKING, Any

from botocore.exceptions import ClientError

from lab.reach.network import (
    ALL_PORTS,
    AclEntry,
    GatewayEndpoint,
    GroupRule,
    Interface,
    NatGateway,
    Network,
    NetworkAcl,
    Route,
    RouteTable,
    SecurityGroup,
    Subnet,
)
from lab.reach.userdata import forwarded
from lab.terminal.printed import printable

if TYPE_CHECKING:
    from mypy_boto3_ec2 import EC2Client

# The last rule of each network ACL, which denies what no other matched, has this number.
DEFAULT_RULE = 32767
PROTOCOLS = {"6": "tcp", "17": "udp", "1": "icmp"}
# What a route leads to, by the member of EC2's answer that names it.
TARGETS = (
    "GatewayId",
    "NatGatewayId",
    "NetworkInterfaceId",
    "TransitGatewayId",
    "VpcPeeringConnectionId",
    "EgressOnlyInternetGatewayId",
    "CarrierGatewayId",
    "LocalGatewayId",
    "CoreNetworkArn",
    "InstanceId",
)
GONE = ("terminated", "shutting-down")


def described(ec2: "EC2Client", vpc: str) -> Network:
    """Return the network of a VPC. IPv6, and interfaces of what is no instance, are left out.

    An instance that is stopped counts as if it ran: rules and routes are what is asked for.

    Raises ClientError where there is no such VPC.
    """
    own: Any = ec2.describe_vpcs(VpcIds=[vpc])["Vpcs"][0]
    subnets, tables, acls, groups, nat_gateways, endpoints, reservations = (
        _all(ec2, operation, vpc)
        for operation in (
            "describe_subnets",
            "describe_route_tables",
            "describe_network_acls",
            "describe_security_groups",
            "describe_nat_gateways",
            "describe_vpc_endpoints",
            "describe_instances",
        )
    )
    gateways = [
        gateway
        for gateway in _all(ec2, "describe_internet_gateways", vpc, "attachment.vpc-id")
        if any(each["State"] in ("available", "attached") for each in gateway["Attachments"])
    ]
    instances = [each for one in reservations for each in one["Instances"] if each["State"]["Name"] not in GONE]
    lists: dict[str, Any] = {
        each["PrefixListId"]: each for each in ec2.describe_prefix_lists()["PrefixLists"] if _ipv4(each["Cidrs"])
    }
    table_of, acl_of = _in_force(subnets, tables, "RouteTableId"), _in_force(subnets, acls, "NetworkAclId")
    return Network(
        region=ec2.meta.region_name,
        cidrs=tuple(
            IPv4Network(each["CidrBlock"])
            for each in own["CidrBlockAssociationSet"]
            if each["CidrBlockState"]["State"] == "associated"
        ),
        subnets={
            each["SubnetId"]: Subnet(
                id=each["SubnetId"],
                name=_name(each, "SubnetId"),
                cidr=IPv4Network(each["CidrBlock"]),
                zone=each["AvailabilityZone"],
                route_table=table_of[each["SubnetId"]],
                acl=acl_of[each["SubnetId"]],
            )
            for each in subnets
        },
        route_tables={
            each["RouteTableId"]: RouteTable(
                id=each["RouteTableId"], name=_name(each, "RouteTableId"), routes=tuple(_routes(each["Routes"]))
            )
            for each in tables
        },
        acls={
            each["NetworkAclId"]: NetworkAcl(
                id=each["NetworkAclId"], name=_name(each, "NetworkAclId"), entries=tuple(_entries(each["Entries"]))
            )
            for each in acls
        },
        groups={
            each["GroupId"]: SecurityGroup(
                id=each["GroupId"],
                name=_name(each, "GroupName"),
                inbound=tuple(_rules(each["IpPermissions"])),
                outbound=tuple(_rules(each["IpPermissionsEgress"])),
            )
            for each in groups
        },
        interfaces={each.id: each for instance in instances for each in _interfaces(ec2, instance, own["CidrBlock"])},
        internet_gateways=frozenset(each["InternetGatewayId"] for each in gateways),
        nat_gateways={
            each["NatGatewayId"]: _nat_gateway(each)
            for each in nat_gateways
            if each["State"] not in ("deleting", "deleted")
        },
        endpoints={
            each["VpcEndpointId"]: GatewayEndpoint(
                id=each["VpcEndpointId"],
                name=_name(each, "VpcEndpointId"),
                service=each["ServiceName"].rpartition(".")[2],
                prefix_list=next(
                    (number for number, one in lists.items() if one["PrefixListName"] == each["ServiceName"]), ""
                ),
            )
            for each in endpoints
            if each["VpcEndpointType"] == "Gateway" and each["State"].lower() == "available"
        },
        prefix_lists=dict(_prefix_lists(ec2, lists, tables, groups)),
    )


def _all(ec2: Any, operation: str, vpc: str, member: str = "vpc-id") -> list[Any]:
    """Return what an operation lists of a VPC: all pages of it."""
    # One operation says Filter where the others say Filters.
    name = "Filter" if operation == "describe_nat_gateways" else "Filters"
    pages = ec2.get_paginator(operation).paginate(**{name: [{"Name": member, "Values": [vpc]}]})
    return list(pages.build_full_result()[pages.result_keys[0].expression])


def _name(described: Mapping[str, Any], otherwise: str) -> str:
    name: str = next((tag["Value"] for tag in described.get("Tags", []) if tag["Key"] == "Name"), "")
    return printable(name or str(described[otherwise]))


def _in_force(subnets: Iterable[Any], described: Iterable[Any], member: str) -> dict[str, str]:
    """Return the route table, or the network ACL, of each subnet: its own, or else the VPC's."""
    own: dict[str, str] = {}
    default = ""
    for each in described:
        own |= {one["SubnetId"]: each[member] for one in each["Associations"] if "SubnetId" in one}
        if each.get("IsDefault") or any(one.get("Main") for one in each["Associations"]):
            default = each[member]
    return {each["SubnetId"]: own.get(each["SubnetId"], default) for each in subnets}


def _routes(described: Iterable[Any]) -> Iterator[Route]:
    for each in described:
        if destination := each.get("DestinationCidrBlock") or each.get("DestinationPrefixListId"):
            yield Route(
                destination=destination,
                target=next((each[member] for member in TARGETS if each.get(member)), ""),
                active=each.get("State", "active") == "active",
            )


def _entries(described: Iterable[Any]) -> Iterator[AclEntry]:
    for each in sorted(described, key=lambda one: (one["Egress"], one["RuleNumber"])):
        if "CidrBlock" not in each or each["RuleNumber"] >= DEFAULT_RULE:
            continue
        kind, ports = each.get("IcmpTypeCode"), each.get("PortRange")
        yield AclEntry(
            number=each["RuleNumber"],
            egress=each["Egress"],
            protocol=PROTOCOLS.get(each["Protocol"], each["Protocol"]),
            cidr=IPv4Network(each["CidrBlock"]),
            ports=(kind["Type"], kind["Code"]) if kind else (ports["From"], ports["To"]) if ports else ALL_PORTS,
            allow=each["RuleAction"] == "allow",
        )


def _rules(described: Iterable[Any]) -> Iterator[GroupRule]:
    for each in described:
        peers = (
            [one["CidrIp"] for one in each.get("IpRanges", [])]
            + [one["GroupId"] for one in each.get("UserIdGroupPairs", [])]
            + [one["PrefixListId"] for one in each.get("PrefixListIds", [])]
        )
        for peer in peers:
            yield group_rule(each["IpProtocol"], each.get("FromPort"), each.get("ToPort"), peer)


def group_rule(protocol: str, first: int | None, last: int | None, peer: str) -> GroupRule:
    """Return a rule of a security group from what EC2, or a template, says of it."""
    known = PROTOCOLS.get(protocol, protocol)
    if known == "icmp":
        ports = (-1 if first is None else first, -1 if last is None else last)
    else:
        ports = ALL_PORTS if known == "-1" or first in (None, -1) or last is None else (first or 0, last)
    return GroupRule(protocol=known, ports=ports, peer=peer)


def _interfaces(ec2: "EC2Client", instance: Any, vpc_cidr: str) -> Iterator[Interface]:
    for each in instance["NetworkInterfaces"]:
        public = each.get("Association", {}).get("PublicIp")
        checks = each.get("SourceDestCheck", True)
        forwards: tuple[GroupRule, ...] = ()
        if not checks:
            said = ec2.describe_instance_attribute(InstanceId=instance["InstanceId"], Attribute="userData")
            forwards = forwarded(said["UserData"].get("Value", ""), vpc_cidr)
        yield Interface(
            id=each["NetworkInterfaceId"],
            name=_name(instance, "InstanceId"),
            subnet=each["SubnetId"],
            private=IPv4Address(each["PrivateIpAddress"]),
            public=IPv4Address(public) if public else None,
            groups=tuple(group["GroupId"] for group in each["Groups"]),
            checks_addresses=checks,
            instance=instance["InstanceId"],
            forwards=forwards,
        )


def _nat_gateway(described: Any) -> NatGateway:
    regional = described.get("AvailabilityMode") == "regional"
    addresses = described.get("NatGatewayAddresses", [])
    return NatGateway(
        id=described["NatGatewayId"],
        name=_name(described, "NatGatewayId"),
        subnet=None if regional else described["SubnetId"],
        private=next((IPv4Address(each["PrivateIp"]) for each in addresses if each.get("PrivateIp")), None),
        public=tuple(IPv4Address(each["PublicIp"]) for each in addresses if each.get("PublicIp")),
        available=described["State"] == "available",
    )


def _prefix_lists(
    ec2: "EC2Client", aws_own: Mapping[str, Any], tables: Iterable[Any], groups: Iterable[Any]
) -> Iterator[tuple[str, tuple[IPv4Network, ...]]]:
    """Yield the prefix lists that routes and rules name."""
    named = {each.get("DestinationPrefixListId") for table in tables for each in table["Routes"]} | {
        each["PrefixListId"]
        for group in groups
        for rule in (*group["IpPermissions"], *group["IpPermissionsEgress"])
        for each in rule.get("PrefixListIds", [])
    }
    for each in sorted(filter(None, named)):
        if each in aws_own:
            yield each, _ipv4(aws_own[each]["Cidrs"])
        else:
            yield each, _entries_of_list(ec2, each)


def _entries_of_list(ec2: "EC2Client", number: str) -> tuple[IPv4Network, ...]:
    """Return the blocks of a prefix list; one that is gone, or not shared any more, stands for nobody."""
    try:
        entries = ec2.get_managed_prefix_list_entries(PrefixListId=number)["Entries"]
    except ClientError as error:
        if error.response["Error"].get("Code", "").lower() != "invalidprefixlistid.notfound":
            raise
        return ()
    return _ipv4(entry["Cidr"] for entry in entries)


def _ipv4(cidrs: Iterable[str]) -> tuple[IPv4Network, ...]:
    return tuple(IPv4Network(cidr) for cidr in cidrs if ":" not in cidr)
