"""Security groups: ministack keeps a permission as it came; EC2 makes a rule of each source.

It gives each rule an id, and shows rules of the same ports together.
"""

from typing import Any
from xml.etree import ElementTree as ET

from ministack.services import ec2

from lab.local_aws.wire import (
    Answer,
    Params,
    RefusalError,
    canonical,
    completes,
    replaces,
    tree,
)

_ministacks_parse = ec2._parse_ip_permissions
_ministacks_strip = ec2._strip_descriptions
SOURCES = {
    "IpRanges": "ipRanges",
    "Ipv6Ranges": "ipv6Ranges",
    "PrefixListIds": "prefixListIds",
    "UserIdGroupPairs": "groups",
}


def _one_source_each(params: Params, prefix: str) -> list[dict[str, Any]]:
    """Split permissions into rules, so that each gets its own id and description and is revoked alone."""
    return [
        {**permission, **{kind: [] for kind in SOURCES}, kind: [_canonical(source)]}
        for permission in _ministacks_parse(params, prefix)
        for kind in SOURCES
        for source in permission[kind]
    ]


def _canonical(source: dict[str, Any]) -> dict[str, Any]:
    blocks: dict[str, Any] = {name: canonical(source[name]) for name in ("CidrIp", "CidrIpv6") if name in source}
    return {**source, **blocks}


def _without_descriptions(permission: dict[str, Any]) -> dict[str, Any]:
    """Leave out what does not make a rule another rule; ministack forgets this for rules between groups."""
    bare: dict[str, Any] = _ministacks_strip(permission)
    bare["UserIdGroupPairs"] = [{"GroupId": pair.get("GroupId")} for pair in permission.get("UserIdGroupPairs", [])]
    return bare


ec2._parse_ip_permissions = _one_source_each
ec2._strip_descriptions = _without_descriptions


def _revoking(action: str, direction: str) -> None:
    ministacks = ec2._ACTION_MAP[action]

    def revoke(params: Params) -> Answer:
        group = ec2._security_groups.get(tree(params).get("GroupId", ""), {})
        before = len(group.get(direction, []))
        result: Answer = ministacks(params)
        if result[0] < 400 and len(group[direction]) == before:
            raise RefusalError(
                "InvalidPermission.NotFound", "The specified rule does not exist in this security group."
            )
        return result

    replaces(action)(revoke)


_revoking("RevokeSecurityGroupIngress", "IpPermissions")
_revoking("RevokeSecurityGroupEgress", "IpPermissionsEgress")


@completes(
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
