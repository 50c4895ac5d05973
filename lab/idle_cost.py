"""Chapters 6 and 7 of the primer: what a template costs a month while nobody uses what it builds."""

from collections.abc import Mapping
from typing import Any

HOURS_A_MONTH = 730
# USD, on demand, as published by AWS on 2026-11-23: https://aws.amazon.com/ec2/pricing/on-demand/,
# https://aws.amazon.com/vpc/pricing/, https://aws.amazon.com/ebs/pricing/. NAT gateways, public IPv4 addresses and
# instances by the hour, gp3 by the GB and month. Other sizes of a family cost twice the next smaller one.
PRICES: dict[str, dict[str, float]] = {
    "us-east-1": {"nat": 0.045, "ipv4": 0.005, "gp3": 0.08, "t2": 0.0116, "t3": 0.0104, "t3a": 0.0094, "t4g": 0.0084},
    "us-east-2": {"nat": 0.045, "ipv4": 0.005, "gp3": 0.08, "t2": 0.0116, "t3": 0.0104, "t3a": 0.0094, "t4g": 0.0084},
    "eu-west-1": {"nat": 0.048, "ipv4": 0.005, "gp3": 0.088, "t2": 0.0126, "t3": 0.0114, "t3a": 0.0102, "t4g": 0.0092},
    "ap-northeast-1": {
        "nat": 0.062,
        "ipv4": 0.005,
        "gp3": 0.096,
        "t2": 0.0152,
        "t3": 0.0136,
        "t3a": 0.0122,
        "t4g": 0.0108,
    },
}
SIZES = ("nano", "micro", "small", "medium", "large", "xlarge", "2xlarge")


def idle_cost_line(template: Mapping[str, Any], region: str) -> str:
    """Return one line: what ``template`` costs idle in ``region``, and with the cheapest choice of ``nat``.

    A region that the table lacks is reckoned at the prices of us-east-1; an instance type that it lacks is left out.
    The line says so.
    """
    prices = PRICES.get(region, PRICES["us-east-1"])
    resources = [(entry["Type"], entry.get("Properties", {})) for entry in template["Resources"].values()]
    instances = [properties for kind, properties in resources if kind == "AWS::EC2::Instance"]
    # A regional one counts once: AWS bills it for each zone that has machines, and ours are all in one.
    gateways = sum(kind == "AWS::EC2::NatGateway" for kind, _ in resources)
    bastion_addresses = sum(kind == "AWS::EC2::EIP" and "InstanceId" in properties for kind, properties in resources)
    nat = gateways * (prices["nat"] + prices["ipv4"]) * HOURS_A_MONTH
    rest = bastion_addresses * prices["ipv4"] * HOURS_A_MONTH
    unpriced = set()
    for properties in instances:
        family, size = properties["InstanceType"].split(".")
        if family in prices and size in SIZES:
            rest += prices[family] * 2.0 ** (SIZES.index(size) - 1) * HOURS_A_MONTH
        else:
            unpriced.add(properties["InstanceType"])
        rest += sum(device["Ebs"]["VolumeSize"] for device in properties["BlockDeviceMappings"]) * prices["gp3"]
    where = region if region in PRICES else f"{region} (at us-east-1 prices)"
    without = f", without {' and '.join(sorted(unpriced))}, whose price is not in our table" if unpriced else ""
    advice = f"with nat=none, the cheapest, about {rest:.0f} USD" if gateways else "nat=none is the cheapest choice"
    return f"LearningStack costs about {nat + rest:.0f} USD a month when idle in {where}{without}; {advice}."
