"""Drift: what somebody has changed by hand, which CloudFormation overlooks, as it compares one template with another.

AWS's own detection (DetectStackDrift) is no help here: it takes each rule that stands apart from its security group for
drift, https://github.com/aws-cloudformation/cloudformation-coverage-roadmap/issues/1198, and a minute for an answer.
"""

import re
from collections.abc import Iterator, Mapping
from typing import Any

from lab.checks.check import Facts, check
from lab.checks.policy import account, partition
from lab.template.deployed import Deployed

# How EC2 describes the resources of a type: operation, list in the answer, id in the list.
DESCRIBED = {
    "AWS::EC2::VPC": ("describe_vpcs", "Vpcs", "VpcId"),
    "AWS::EC2::Subnet": ("describe_subnets", "Subnets", "SubnetId"),
    "AWS::EC2::RouteTable": ("describe_route_tables", "RouteTables", "RouteTableId"),
    "AWS::EC2::InternetGateway": ("describe_internet_gateways", "InternetGateways", "InternetGatewayId"),
    "AWS::EC2::NatGateway": ("describe_nat_gateways", "NatGateways", "NatGatewayId"),
    "AWS::EC2::VPCEndpoint": ("describe_vpc_endpoints", "VpcEndpoints", "VpcEndpointId"),
    "AWS::EC2::SecurityGroup": ("describe_security_groups", "SecurityGroups", "GroupId"),
    "AWS::EC2::NetworkAcl": ("describe_network_acls", "NetworkAcls", "NetworkAclId"),
    "AWS::EC2::EIP": ("describe_addresses", "Addresses", "PublicIp"),
    "AWS::EC2::KeyPair": ("describe_key_pairs", "KeyPairs", "KeyName"),
    "AWS::EC2::Instance": ("describe_instances", "Instances", "InstanceId"),
}
# Of resources that are parts of another: the property that names it, the list in it, what tells its parts apart.
PARTS = {
    "AWS::EC2::Route": ("RouteTableId", "Routes", ("DestinationCidrBlock",)),
    "AWS::EC2::SubnetRouteTableAssociation": ("RouteTableId", "Associations", ("SubnetId",)),
    "AWS::EC2::VPCGatewayAttachment": ("InternetGatewayId", "Attachments", ("VpcId",)),
    "AWS::EC2::NetworkAclEntry": ("NetworkAclId", "Entries", ("Egress", "RuleNumber")),
    "AWS::EC2::SubnetNetworkAclAssociation": ("NetworkAclId", "Associations", ("SubnetId",)),
}
UNKNOWN = object()  # what only CloudFormation knows


@check(
    "3",
    "Nobody has changed the network or the instances by hand: AWS has them as the template says (no drift)",
    "aws cloudformation get-template --stack-name LearningStack",
    field="Resources",
)
def no_drift(aws: Deployed) -> tuple[Facts, Facts]:
    there = {own: each for kind in DESCRIBED for own, each in _described(aws, kind)}
    known = _known(aws)
    expected, found = [], []
    for resource in aws.resources:
        wanted = _resolved(known, resource.properties)
        if resource.type in PARTS:
            whole, parts, keys = PARTS[resource.type]
            beside = there.get(wanted[whole], {}).get(parts, [])
            actual = next((each for each in beside if all(_same(wanted.get(key), each.get(key)) for key in keys)), None)
        elif resource.type in DESCRIBED:
            actual = there.get(resource.id)
        else:
            continue
        said = f"{resource.logical_id} ({resource.type})"
        expected.append(said)
        if actual is not None:
            found.append(said)
            for name, promised, instead in _different(wanted, actual):
                expected.append(f"{said}: {name} {promised}")
                found.append(f"{said}: {name} {instead}")
    return expected, found


def _described(aws: Deployed, kind: str) -> Iterator[tuple[str, Any]]:
    """Yield what EC2 tells of the stack's resources of a type: the id of each, and it."""
    operation, answers, key = DESCRIBED[kind]
    ec2: Any = aws.ec2
    if not (ids := [each.id for each in aws.all(kind)]):
        return
    # Not by their ids: where one of them is gone, EC2 would say nothing of the others.
    pages = ec2.get_paginator(operation).paginate() if ec2.can_paginate(operation) else [getattr(ec2, operation)()]
    for page in pages:
        for answer in page.get("Reservations", [page]):
            yield from ((each[key], each) for each in answer[answers] if each.get(key) in ids)


def _different(wanted: Any, actual: Any, path: str = "") -> Iterator[tuple[str, Any, Any]]:
    """Yield where the template and AWS give different values to what both call by the same name.

    A list may hold more in AWS. Where one has a list or a mapping, and the other none, they speak of two things.
    """
    match wanted, actual:
        case dict(), dict():
            for name in sorted(wanted.keys() & actual.keys()):
                yield from _different(wanted[name], actual[name], f"{path}.{name}".lstrip("."))
        case list(), list():
            for each in wanted:
                if all(any(_different(each, one)) for one in actual):
                    yield path, each, actual
        case (dict() | list(), _) | (_, dict() | list()):
            pass
        case _ if wanted is not UNKNOWN and not _same(wanted, actual):
            yield path, wanted, actual


def _same(one: Any, other: Any) -> bool:
    """Say whether two values are the same, be they numbers or text."""
    return str(one).lower() == str(other).lower()


def _known(aws: Deployed) -> dict[str, str]:
    """Return what the names in Ref, Fn::GetAtt and Fn::Sub stand for, as far as EC2's resources have them."""
    known = {"AWS::Region": aws.region, "AWS::AccountId": account(aws), "AWS::Partition": partition(aws)}
    known |= {each["ParameterKey"]: each.get("ResolvedValue", "") for each in aws.description.get("Parameters", [])}
    for each in aws.resources:
        own = each.logical_id
        known |= {own: each.id, f"{own}.GroupId": each.id, f"{own}.NatGatewayId": each.id}
        if each.type == "AWS::S3::Bucket":
            known[f"{own}.Arn"] = f"arn:{partition(aws)}:s3:::{each.id}"
    return known


def _resolved(known: Mapping[str, str], value: Any) -> Any:
    """Return a part of the template with its references followed; UNKNOWN stands for what that takes more for."""
    match value:
        case {"Ref": name} | {"Fn::GetAtt": name}:
            return known.get(".".join(name) if isinstance(name, list) else name, UNKNOWN)
        case {"Fn::Sub": str(text)} if all(name in known for name in re.findall(r"\$\{(.*?)\}", text)):
            return re.sub(r"\$\{(.*?)\}", lambda name: known[name[1]], text)
        case dict():
            parts = {name: _resolved(known, part) for name, part in value.items()}
            return UNKNOWN if any(name.startswith("Fn::") for name in parts) else parts
        case list():
            return [_resolved(known, part) for part in value]
    return value
