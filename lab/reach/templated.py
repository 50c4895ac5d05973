"""A network as a template promises it, for what is not deployed yet.

What AWS would choose is made up: private addresses are each subnet's first free ones, public addresses are of the range
that RFC 2544 keeps for tests, and S3 has a range of its own.
"""

import re
from collections.abc import Iterator, Mapping
from ipaddress import IPv4Address, IPv4Network
from typing import Any

from lab.reach.described import PROTOCOLS, group_rule
from lab.reach.network import (
    ALL_PORTS,
    LOCAL,
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
from lab.template.reader import INSTANCE, NAT_GATEWAY, SUBNET, VPC, Resource, Template
from lab.template.values import fitted, target
from lab.terminal.language import _
from lab.terminal.printed import one_line
from lab.terminal.problem import ProblemError

ANYWHERE = "0.0.0.0/0"
MAIN, DEFAULT = "main", "default"  # the VPC's own route table, network ACL and security group: no template has them
PUBLIC = IPv4Network("198.18.0.0/24")
S3 = IPv4Network("198.19.0.0/16")
SERVICE = re.compile(r"\.(\w+)\W*$")  # of com.amazonaws.REGION.SERVICE, however it is put together
RESERVED = 4  # AWS keeps the first addresses of each subnet
TARGETS = (
    "GatewayId",
    "NatGatewayId",
    "InstanceId",
    "NetworkInterfaceId",
    "VpcEndpointId",
    "TransitGatewayId",
    "VpcPeeringConnectionId",
)
OPEN = GroupRule(protocol="-1", ports=ALL_PORTS, peer=ANYWHERE)


def templated(content: Mapping[str, Any], region: str) -> Network:
    """Return the network of a template's VPC: the ids are logical ids. IPv6 is left out.

    Raises ProblemError where there is another number of VPCs than one, or a resource that only a deploy can make sense
    of.
    """
    reader = _Reader(Template(content))
    try:
        return reader.network(region)
    except (AttributeError, IndexError, KeyError, TypeError, ValueError) as error:
        at, said = reader.at, one_line(f"{type(error).__name__}, {error}")
        raise ProblemError(
            _("{logical_id} ({type}) is not plain enough to be read here: {said}").format(
                logical_id=at.logical_id, type=at.type, said=said
            )
        ) from None


class _Reader:
    """A template, read for its network."""

    def __init__(self, template: Template) -> None:
        self._template = template
        vpcs = template.all(VPC)
        if len(vpcs) != 1:
            raise ProblemError(
                _("This template has {number} VPCs, not one: who reaches whom is asked of one VPC").format(
                    number=len(vpcs)
                )
            )
        self._vpc = vpcs[0]
        self.at = self._vpc  # what is being read
        self._public = iter(PUBLIC.hosts())
        self._free: dict[str, Iterator[IPv4Address]] = {}

    def network(self, region: str) -> Network:
        vpc_cidr = IPv4Network(self._cidr(self._vpc.properties.get("CidrBlock")))
        subnets = {each.logical_id: self._subnet(each) for each in self._all(SUBNET)}
        self._free = {name: _addresses(each.cidr) for name, each in subnets.items()}
        gateways = self._pairs("AWS::EC2::VPCGatewayAttachment", "InternetGatewayId", "VpcId")
        endpoints = [each for each in self._all("AWS::EC2::VPCEndpoint") if _is_gateway(each)]
        return Network(
            region=region,
            cidrs=(vpc_cidr,),
            subnets=subnets,
            route_tables=self._route_tables(vpc_cidr, endpoints),
            acls=self._acls(),
            groups=self._groups(),
            # NAT gateways come first, as they get their addresses first.
            nat_gateways={each.logical_id: self._nat_gateway(each) for each in self._all(NAT_GATEWAY)},
            interfaces={
                each.logical_id: self._interface(each, str(vpc_cidr))
                for each in self._all(INSTANCE)
                if each.subnet in subnets
            },
            internet_gateways=frozenset(gateways),
            endpoints={
                each.logical_id: GatewayEndpoint(
                    id=each.logical_id,
                    name=each.label,
                    prefix_list=f"pl-{each.logical_id}",
                    service=_service(each),
                )
                for each in endpoints
            },
            prefix_lists={f"pl-{each.logical_id}": (S3,) for each in endpoints if _service(each) == "s3"},
        )

    def _all(self, resource_type: str) -> Iterator[Resource]:
        for resource in self._template.all(resource_type):
            self.at = resource
            yield resource

    def _cidr(self, value: Any) -> str:
        """Return a CIDR block as it is written, or that of the VPC or subnet that a Fn::GetAtt names."""
        if isinstance(value, str):
            return value
        named = self._template.resources.get(target(value))
        if not named or not isinstance(cidr := named.properties.get("CidrBlock"), str):
            raise ProblemError(_("{value} is no CIDR block, such as 10.0.0.0/16").format(value=value))
        return cidr

    def _pairs(self, resource_type: str, key: str, value: str) -> dict[str, str]:
        """Return what resources of a type tie together, by logical ids."""
        ties = [fitted(each.properties, {key: target, value: target}) for each in self._all(resource_type)]
        return {each[key]: each[value] for each in ties if each.get(key) and each.get(value)}

    def _subnet(self, subnet: Resource) -> Subnet:
        tables = self._pairs("AWS::EC2::SubnetRouteTableAssociation", "SubnetId", "RouteTableId")
        acls = self._pairs("AWS::EC2::SubnetNetworkAclAssociation", "SubnetId", "NetworkAclId")
        zone = subnet.properties.get("AvailabilityZone", "")
        if isinstance(zone, dict):
            zone = _("zone {number}").format(number=zone["Fn::Select"][0] + 1) if "Fn::Select" in zone else str(zone)
        return Subnet(
            id=subnet.logical_id,
            name=subnet.label,
            cidr=IPv4Network(self._cidr(subnet.properties.get("CidrBlock"))),
            zone=zone,
            route_table=tables.get(subnet.logical_id, MAIN),
            acl=acls.get(subnet.logical_id, DEFAULT),
        )

    def _route_tables(self, vpc_cidr: IPv4Network, endpoints: list[Resource]) -> dict[str, RouteTable]:
        names = {MAIN: MAIN} | {each.logical_id: each.label for each in self._all("AWS::EC2::RouteTable")}
        routes = {name: [Route(destination=str(vpc_cidr), target=LOCAL)] for name in names}
        for each in self._all("AWS::EC2::Route"):
            leads_to = next((target(each.properties[one]) for one in TARGETS if one in each.properties), "")
            destination = each.properties.get("DestinationCidrBlock")
            table = target(each.properties.get("RouteTableId"))
            if destination and table in routes:
                routes[table].append(Route(destination=self._cidr(destination), target=leads_to))
        for each in endpoints:
            for table in fitted(each.properties, {"RouteTableIds": [target]}).get("RouteTableIds", []):
                if table in routes:
                    routes[table].append(Route(destination=f"pl-{each.logical_id}", target=each.logical_id))
        return {table: RouteTable(id=table, name=name, routes=tuple(routes[table])) for table, name in names.items()}

    def _acls(self) -> dict[str, NetworkAcl]:
        everything = (
            AclEntry(number=100, egress=egress, protocol="-1", cidr=IPv4Network(ANYWHERE), allow=True)
            for egress in (False, True)
        )
        acls = {DEFAULT: NetworkAcl(id=DEFAULT, name=DEFAULT, entries=tuple(everything))}
        for acl in self._all("AWS::EC2::NetworkAcl"):
            entries = [
                self._entry(each.properties)
                for each in self._all("AWS::EC2::NetworkAclEntry")
                if target(each.properties.get("NetworkAclId")) == acl.logical_id and "CidrBlock" in each.properties
            ]
            entries.sort(key=lambda each: (each.egress, each.number))
            acls[acl.logical_id] = NetworkAcl(id=acl.logical_id, name=acl.label, entries=tuple(entries))
        return acls

    def _entry(self, entry: Mapping[str, Any]) -> AclEntry:
        protocol = PROTOCOLS.get(str(entry["Protocol"]), str(entry["Protocol"]))
        ports, kind = entry.get("PortRange"), entry.get("Icmp")
        return AclEntry(
            number=int(entry["RuleNumber"]),
            egress=str(entry.get("Egress", False)).lower() == "true",
            protocol=protocol,
            cidr=IPv4Network(self._cidr(entry["CidrBlock"])),
            ports=(
                (int(kind["Type"]), int(kind["Code"]))
                if kind
                else (int(ports["From"]), int(ports["To"]))
                if ports
                else ALL_PORTS
            ),
            allow=entry["RuleAction"] == "allow",
        )

    def _groups(self) -> dict[str, SecurityGroup]:
        itself = GroupRule(protocol="-1", ports=ALL_PORTS, peer=DEFAULT)
        groups = {DEFAULT: SecurityGroup(id=DEFAULT, name=DEFAULT, inbound=(itself,), outbound=(OPEN,))}
        for group in self._all("AWS::EC2::SecurityGroup"):
            inbound, outbound = (
                [*group.properties.get(f"SecurityGroup{way}", [])]
                + [
                    each.properties
                    for each in self._all(f"AWS::EC2::SecurityGroup{way}")
                    if target(each.properties.get("GroupId")) == group.logical_id
                ]
                for way in ("Ingress", "Egress")
            )
            groups[group.logical_id] = SecurityGroup(
                id=group.logical_id,
                name=group.label,
                inbound=tuple(self._rules(inbound)),
                # EC2 gives each new group a rule that lets everything out; CloudFormation takes it away from a group
                # that has rules of its own written in it.
                # https://docs.aws.amazon.com/AWSCloudFormation/latest/UserGuide/aws-resource-ec2-securitygroup.html
                outbound=(
                    *(() if group.properties.get("SecurityGroupEgress") else (OPEN,)),
                    *self._rules(outbound),
                ),
            )
        return groups

    def _rules(self, written: list[Mapping[str, Any]]) -> Iterator[GroupRule]:
        for each in written:
            if "CidrIp" in each:
                peer = self._cidr(each["CidrIp"])
            else:
                peer = target(each.get("SourceSecurityGroupId") or each.get("DestinationSecurityGroupId"))
            peer = peer or str(each.get("SourcePrefixListId") or each.get("DestinationPrefixListId") or "")
            if peer:  # else it is one for IPv6
                first, last = (None if one is None else int(one) for one in (each.get("FromPort"), each.get("ToPort")))
                yield group_rule(str(each["IpProtocol"]), first, last, peer)

    def _nat_gateway(self, gateway: Resource) -> NatGateway:
        subnet = gateway.subnet or None
        is_public = gateway.properties.get("ConnectivityType", "public") == "public"
        return NatGateway(
            id=gateway.logical_id,
            name=gateway.label,
            subnet=subnet,
            private=next(self._free[subnet]) if subnet else None,
            public=(next(self._public),) if is_public else (),
        )

    def _interface(self, instance: Resource, vpc_cidr: str) -> Interface:
        read = fitted(
            instance.properties,
            {
                "NetworkInterfaces": [
                    {"GroupSet": [target], "AssociatePublicIpAddress": bool, "PrivateIpAddress": str}
                ],
                "SecurityGroupIds": [target],
                "PrivateIpAddress": str,
            },
        )
        first: dict[str, Any] = next(iter(read.get("NetworkInterfaces", [])), {})
        groups = first.get("GroupSet") or read.get("SecurityGroupIds") or [DEFAULT]
        subnet = self._template.resources[instance.subnet]
        by_itself = first.get("AssociatePublicIpAddress", subnet.properties.get("MapPublicIpOnLaunch") is True)
        elastic = instance.logical_id in self._pairs("AWS::EC2::EIPAssociation", "InstanceId", "AllocationId")
        private = first.get("PrivateIpAddress") or read.get("PrivateIpAddress")
        user_data = instance.properties.get("UserData", {})
        said = user_data.get("Fn::Base64", "") if isinstance(user_data, dict) else user_data
        return Interface(
            id=instance.logical_id,
            name=instance.label,
            subnet=instance.subnet,
            private=IPv4Address(private) if private else next(self._free[instance.subnet]),
            public=next(self._public) if elastic or by_itself else None,
            groups=tuple(groups),
            checks_addresses=not instance.is_nat_instance,
            instance=instance.logical_id,
            forwards=forwarded(str(said), vpc_cidr) if instance.is_nat_instance else (),
        )


def _addresses(subnet: IPv4Network) -> Iterator[IPv4Address]:
    """Yield the addresses of a subnet that are for hosts."""
    yield from (subnet[number] for number in range(RESERVED, subnet.num_addresses - 1))
    raise ValueError(_("{subnet} has no more addresses").format(subnet=subnet))


def _service(endpoint: Resource) -> str:
    found = SERVICE.search(str(endpoint.properties.get("ServiceName", "")))
    return found[1] if found else ""


def _is_gateway(endpoint: Resource) -> bool:
    return bool(endpoint.properties.get("VpcEndpointType", "Gateway") == "Gateway")
