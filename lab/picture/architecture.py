"""What a picture shows of a template: who stands in which subnet, and where its routes lead."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any

from lab.template.reader import INSTANCE, NAT_GATEWAY, SUBNET, VPC, Resource, Template
from lab.template.values import Shape, fitted, target, text
from lab.terminal.language import _
from lab.terminal.printed import printable
from lab.terminal.problem import ProblemError

Properties = Mapping[str, Any]
ANYWHERE = "0.0.0.0/0"
INGRESS: dict[str, Shape] = {"CidrIp": text, "FromPort": text, "GroupId": target, "SourceSecurityGroupId": target}
# All that is read of properties; references become logical ids.
READ: dict[str, Shape] = {
    **INGRESS,
    "AvailabilityZone": lambda zone: zone,
    "CidrBlock": text,
    "DestinationCidrBlock": text,
    "GatewayId": target,
    "IamInstanceProfile": target,
    "InstanceId": target,
    "InstanceType": text,
    "LifecycleConfiguration": {"Rules": [{"Prefix": text, "Transitions": [{"StorageClass": text}]}]},
    "LoggingConfiguration": {"DestinationBucketName": target},
    "NatGatewayId": target,
    "RoleName": text,
    "Roles": [target],
    "RouteTableId": target,
    "SecurityGroupIngress": [INGRESS],
    "SubnetId": target,
}


@dataclass(frozen=True)
class Subnet:
    """A subnet; ``gateway`` is the logical id of what its default route leads to, or empty."""

    logical_id: str
    name: str
    cidr: str
    zone: int
    gateway: str


@dataclass(frozen=True)
class Group:
    """A security group; ``inbound`` says in words what may come in."""

    name: str
    inbound: list[str] = field(default_factory=list)


class Architecture:
    """A template, read for a picture.

    Raises ProblemError when it has no VPC: then there is nothing to draw.
    """

    def __init__(self, template: Mapping[str, Any]) -> None:
        self._template = Template(template)
        if not self.all(VPC):
            raise ProblemError(_("This template has no VPC, so there is nothing to draw. Try: python -m lab picture"))

    def all(self, kind: str) -> dict[str, Properties]:
        """Return the properties of all resources of a type, by logical id."""
        return {each.logical_id: fitted(each.properties, READ) for each in self._template.all(kind)}

    def name(self, logical_id: str) -> str:
        """Return the Name tag, or the logical id where there is none."""
        return self._template.label({"Ref": logical_id})

    @cached_property
    def vpc(self) -> Properties:
        return next(iter(self.all(VPC).values()))

    @cached_property
    def subnets(self) -> list[Subnet]:
        """All subnets in the order of their Name tags; zones are numbered from 0."""
        tables = {
            p.get("SubnetId", ""): p.get("RouteTableId", "")
            for p in self.all("AWS::EC2::SubnetRouteTableAssociation").values()
        }
        routes = {
            p.get("RouteTableId", ""): p.get("GatewayId") or p.get("NatGatewayId") or p.get("InstanceId", "")
            for p in self.all("AWS::EC2::Route").values()
            if p.get("DestinationCidrBlock") == ANYWHERE
        }
        found = self.all(SUBNET)
        zones: list[Any] = []
        subnets = []
        for logical_id in sorted(found, key=self.name):
            zone = found[logical_id].get("AvailabilityZone")
            if zone not in zones:
                zones.append(zone)
            route = routes.get(tables.get(logical_id, ""), "")
            subnets.append(
                Subnet(logical_id, self.name(logical_id), cidr_of(found[logical_id]), zones.index(zone), route)
            )
        return subnets

    def zone_name(self, number: int) -> str:
        """Return the zone's own name where the template has one, or else its number."""
        subnet = next(subnet for subnet in self.subnets if subnet.zone == number)
        zone = self.all(SUBNET)[subnet.logical_id].get("AvailabilityZone")
        return printable(zone) if isinstance(zone, str) else _("Zone {number}").format(number=number + 1)

    def is_public(self, subnet: Subnet) -> bool:
        """Tell whether the default route of a subnet leads to the internet gateway."""
        return subnet.gateway in self.all("AWS::EC2::InternetGateway")

    def all_in(self, subnet: Subnet, kind: str) -> list[Resource]:
        """Return the instances, or the NAT gateways, in a subnet."""
        return [each for each in self._template.all(kind) if each.subnet == subnet.logical_id]

    @cached_property
    def regional_gateway(self) -> str:
        """The logical id of the NAT gateway that stands in no subnet, or empty."""
        return next((logical_id for logical_id, p in self.all(NAT_GATEWAY).items() if "SubnetId" not in p), "")

    def has_address(self, instance: str) -> bool:
        """Tell whether an instance has an Elastic IP address."""
        return instance in {p.get("InstanceId") for p in self.all("AWS::EC2::EIPAssociation").values()}

    def roles(self) -> Iterator[tuple[str, str]]:
        """Yield each named role that an instance has, and the instance's name."""
        profiles, roles = self.all("AWS::IAM::InstanceProfile"), self.all("AWS::IAM::Role")
        for logical_id, properties in self.all(INSTANCE).items():
            for role in profiles.get(properties.get("IamInstanceProfile", ""), {}).get("Roles", []):
                if role_name := roles.get(role, {}).get("RoleName"):
                    yield role_name, self.name(logical_id)

    def archives(self, bucket: str) -> Iterator[str]:
        """Yield in words what the bucket's lifecycle moves where."""
        for rule in self.all("AWS::S3::Bucket")[bucket].get("LifecycleConfiguration", {}).get("Rules", []):
            for move in rule.get("Transitions", []):
                yield _("{prefix} moves to {storage_class}").format(
                    prefix=rule.get("Prefix") or _("all"), storage_class=move.get("StorageClass", "?")
                )

    @cached_property
    def groups(self) -> list[Group]:
        """The security groups in the order of their names, with what may come in."""
        found = []
        for logical_id, properties in self.all("AWS::EC2::SecurityGroup").items():
            rules = [*properties.get("SecurityGroupIngress", [])]
            rules += [p for p in self.all("AWS::EC2::SecurityGroupIngress").values() if p.get("GroupId") == logical_id]
            found.append(Group(self.name(logical_id), [self._rule(rule) for rule in rules]))
        return sorted(found, key=lambda group: group.name)

    def _rule(self, rule: Properties) -> str:
        sender = rule.get("CidrIp") or self.name(rule.get("SourceSecurityGroupId", "")) or "?"
        return _("{port} from {sender}").format(
            port=rule.get("FromPort", _("all")), sender=_("anywhere") if sender == ANYWHERE else sender
        )


def cidr_of(properties: Properties) -> str:
    """Return the address range of a VPC or a subnet."""
    cidr: str = properties.get("CidrBlock", "?")
    return cidr
