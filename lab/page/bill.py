"""The bill of a template with another choice of ``nat``, for the page's sliders: no template is made anew for it."""

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from lab.cost.bill import NAT, Bill, Usage, reckon
from lab.cost.compare import NAT_CHOICES
from lab.cost.prices import PRICES
from lab.template.reader import INSTANCE, NAT_GATEWAY, SUBNET, Template
from lab.template.values import fitted, target

# As constructs_lib.nat_instance has it.
NAT_INSTANCE = {
    "InstanceType": "t4g.micro",
    "SourceDestCheck": False,
    "NetworkInterfaces": [{"AssociatePublicIpAddress": True}],
    "BlockDeviceMappings": [{"Ebs": {"VolumeType": "gp3", "VolumeSize": 8}}],
    "Tags": [{"Key": "Name", "Value": "learning-nat"}],
}


def chosen(template: Mapping[str, Any]) -> str:
    """Return the choice of ``nat`` that a template was made with, as its resources show."""
    read = Template(template)
    gateways = read.all(NAT_GATEWAY)
    if any(each.is_nat_instance for each in read.all(INSTANCE)):
        return "instance"
    if not gateways:
        return "none"
    if not gateways[0].subnet:
        return "regional"
    return "single" if len(gateways) == 1 else "per-az"


def with_nat(template: Mapping[str, Any], nat: str) -> dict[str, Any]:
    """Return a template that costs what this one would cost with another choice of ``nat``: for the bill alone."""
    read = Template(template)
    addresses = {
        fitted(each.properties, {"AllocationId": target}).get("AllocationId") for each in read.all(NAT_GATEWAY)
    }
    kept = {
        logical_id: each
        for logical_id, each in template["Resources"].items()
        if each["Type"] != NAT_GATEWAY
        and logical_id not in addresses
        and not read.resources[logical_id].is_nat_instance
    }
    monitoring = next((each.properties.get("Monitoring") for each in read.all(INSTANCE)), None)
    zones = len([each for each in read.all(SUBNET) if "public" in each.name])
    for number in range(1, {"per-az": zones, "single": 1}.get(nat, 0) + 1):
        tags = [{"Key": "Name", "Value": f"learning-public-{number}"}]
        kept[f"NatAddress{number}"] = {"Type": "AWS::EC2::EIP", "Properties": {"Tags": tags}}
        properties = {"AllocationId": {"Fn::GetAtt": [f"NatAddress{number}", "AllocationId"]}, "Tags": tags}
        kept[f"NatGateway{number}"] = {"Type": NAT_GATEWAY, "Properties": properties}
    if nat == "regional":
        kept["NatGateway"] = {"Type": NAT_GATEWAY, "Properties": {"Tags": [{"Key": "Name", "Value": "learning-nat"}]}}
    if nat == "instance":
        monitored = {} if monitoring is None else {"Monitoring": monitoring}
        kept["NatInstance"] = {"Type": INSTANCE, "Properties": NAT_INSTANCE | monitored}
    return {**template, "Resources": kept}


def bills(template: Mapping[str, Any], region: str, usage: Usage) -> dict[str, Bill]:
    """Return the bill for each choice of ``nat``.

    The NAT instance runs as long as the others. Raises ProblemError when ``region`` is no region.
    """
    return {nat: reckon(with_nat(template, nat), region, usage) for nat in NAT_CHOICES}


def for_nat(bill: Bill) -> float:
    """Return what of a bill is for NAT: by the hour, and by the GB."""
    return bill.parts()[NAT] + sum(line.usd for line in bill.used if line.price is PRICES["nat-gb"])


def usage(hours: float, nat_gb: float, storage_gb: float) -> Usage:
    return replace(Usage(), hours_a_day=hours, nat_gb=nat_gb, storage_gb=storage_gb)
