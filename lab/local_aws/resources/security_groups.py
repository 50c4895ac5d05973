"""Security groups: ministack keeps a permission as it came; EC2 makes a rule of each source.

It gives each rule an id, and shows rules of the same ports together.
"""

from typing import Any, ClassVar
from xml.etree import ElementTree as ET

from ministack.services import ec2

from lab.local_aws import wire
from lab.local_aws.provider import Made, Properties, Provider, Schema, aws, unless

_ministacks_parse = ec2._parse_ip_permissions
_ministacks_strip = ec2._strip_descriptions
SOURCES = {
    "IpRanges": "ipRanges",
    "Ipv6Ranges": "ipv6Ranges",
    "PrefixListIds": "prefixListIds",
    "UserIdGroupPairs": "groups",
}


def _one_source_each(params: wire.Params, prefix: str) -> list[dict[str, Any]]:
    """Split permissions into rules, so that each gets its own id and description and is revoked alone."""
    return [
        {**permission, **{kind: [] for kind in SOURCES}, kind: [_canonical(source)]}
        for permission in _ministacks_parse(params, prefix)
        for kind in SOURCES
        for source in permission[kind]
    ]


def _canonical(source: dict[str, Any]) -> dict[str, Any]:
    blocks: dict[str, Any] = {name: wire.canonical(source[name]) for name in ("CidrIp", "CidrIpv6") if name in source}
    return {**source, **blocks}


def _without_descriptions(permission: dict[str, Any]) -> dict[str, Any]:
    """Leave out what does not make a rule another rule; ministack forgets this for rules between groups."""
    bare: dict[str, Any] = _ministacks_strip(permission)
    bare["UserIdGroupPairs"] = [{"GroupId": pair.get("GroupId")} for pair in permission.get("UserIdGroupPairs", [])]
    return bare


ec2._parse_ip_permissions = _one_source_each
ec2._strip_descriptions = _without_descriptions


@wire.around("RevokeSecurityGroupIngress", "RevokeSecurityGroupEgress")
def _revoke(params: wire.Params, ministacks: wire.Handler) -> wire.Answer:
    group = ec2._security_groups.get(wire.tree(params).get("GroupId", ""), {})
    before = _rules_in(group)
    result = ministacks(params)
    if result[0] < 400 and _rules_in(group) == before:
        raise wire.Ec2Error("InvalidPermission.NotFound", "The specified rule does not exist in this security group.")
    return result


def _rules_in(group: dict[str, Any]) -> int:
    return len(group.get("IpPermissions", [])) + len(group.get("IpPermissionsEgress", []))


@wire.around("DeleteSecurityGroup")
def _delete(params: wire.Params, ministacks: wire.Handler) -> wire.Answer:
    group_id = wire.tree(params).get("GroupId", "")
    on_interfaces = (group["GroupId"] for each in ec2._network_interfaces.values() for group in each["Groups"])
    others = (group for group in ec2._security_groups.values() if group["GroupId"] != group_id)
    rules = (rule for group in others for rule in (*group["IpPermissions"], *group["IpPermissionsEgress"]))
    in_rules = (pair.get("GroupId") for rule in rules for pair in rule["UserIdGroupPairs"])
    if group_id in (*on_interfaces, *in_rules):
        raise wire.dependency_violation(f"resource '{group_id}'")
    return ministacks(params)


@wire.completes(
    "DescribeSecurityGroups",
    items="securityGroupInfo/item",
    filters={
        "description": "groupDescription",
        "egress.ip-permission.cidr": "ipPermissionsEgress/item/ipRanges/item/cidrIp",
        "group-id": "groupId",
        "group-name": "groupName",
        "ip-permission.cidr": "ipPermissions/item/ipRanges/item/cidrIp",
        "ip-permission.from-port": "ipPermissions/item/fromPort",
        "ip-permission.group-id": "ipPermissions/item/groups/item/groupId",
        "ip-permission.to-port": "ipPermissions/item/toPort",
        "vpc-id": "vpcId",
    },
)
def _complete_security_group(item: ET.Element) -> None:
    for direction in ("ipPermissions", "ipPermissionsEgress"):
        permissions = item.find(direction)
        if permissions is not None:
            _merge_by_ports(permissions)


def _merge_by_ports(permissions: ET.Element) -> None:
    seen: dict[tuple[str | None, ...], ET.Element] = {}
    for permission in list(permissions):
        key = tuple(permission.findtext(name) for name in ("ipProtocol", "fromPort", "toPort"))
        first = seen.setdefault(key, permission)
        if first is permission:
            continue
        for kind in SOURCES.values():
            target = first.find(kind)
            if target is not None:
                target.extend(permission.findall(f"{kind}/item"))
        permissions.remove(permission)


# --- in CloudFormation


class _Rule(Provider):
    """A rule of a security group as a resource of its own. ``Ref`` is the id of the rule."""

    direction: ClassVar[str]
    peer: ClassVar[str]
    id_attribute = "Id"

    def create(self, properties: Properties) -> Made:
        source = {"Description": properties["Description"]} if "Description" in properties else {}
        permission: Properties = {"IpProtocol": str(properties["IpProtocol"])}
        permission |= {name: int(properties[name]) for name in ("FromPort", "ToPort") if name in properties}
        if self.peer in properties:
            permission["UserIdGroupPairs"] = [{"GroupId": properties[self.peer], **source}]
        elif "CidrIpv6" in properties:
            permission["Ipv6Ranges"] = [{"CidrIpv6": properties["CidrIpv6"], **source}]
        else:
            permission["IpRanges"] = [{"CidrIp": properties["CidrIp"], **source}]
        made = self._call("authorize")(GroupId=properties["GroupId"], IpPermissions=[permission])
        [rule] = made["SecurityGroupRules"]
        return self.made(rule["SecurityGroupRuleId"])

    def update(self, physical_id: str, _old: Properties, new: Properties) -> Made:
        change = {"IpProtocol": str(new["IpProtocol"]), "Description": new.get("Description", "")}
        aws("ec2").modify_security_group_rules(
            GroupId=new["GroupId"],
            SecurityGroupRules=[{"SecurityGroupRuleId": physical_id, "SecurityGroupRule": change}],
        )
        return self.made(physical_id)

    def delete(self, physical_id: str, properties: Properties) -> None:
        with unless("InvalidGroup.NotFound", "InvalidSecurityGroupRuleId.NotFound"):
            self._call("revoke")(GroupId=properties["GroupId"], SecurityGroupRuleIds=[physical_id])

    def _call(self, verb: str) -> Any:
        return getattr(aws("ec2"), f"{verb}_security_group_{self.direction}")


class SecurityGroupIngress(_Rule):
    type_name = "AWS::EC2::SecurityGroupIngress"
    direction = "ingress"
    peer = "SourceSecurityGroupId"
    create_only = ("CidrIp", "CidrIpv6", "FromPort", "GroupId", "IpProtocol", "SourceSecurityGroupId", "ToPort")
    schema: ClassVar[Schema] = {**{name: {} for name in create_only}, "Description": {}}


class SecurityGroupEgress(_Rule):
    type_name = "AWS::EC2::SecurityGroupEgress"
    direction = "egress"
    peer = "DestinationSecurityGroupId"
    create_only = ("CidrIp", "CidrIpv6", "DestinationSecurityGroupId", "FromPort", "GroupId", "IpProtocol", "ToPort")
    schema: ClassVar[Schema] = {**{name: {} for name in create_only}, "Description": {}}
