"""What a deploy needs, one look after the other. Each look says what it found, and what to do when that will not do."""

import re
import shutil
import subprocess
import sys
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING, Any, Literal

import boto3
from botocore.exceptions import BotoCoreError, ClientError

from lab.deployed import CONFIG, STACK, explain, is_local
from lab.problem import ProblemError
from lab.synthesised import read_template, read_templates

if TYPE_CHECKING:
    from mypy_boto3_cloudformation import CloudFormationClient
    from mypy_boto3_ec2 import EC2Client

Verdict = Literal["fine", "not known", "fails"]
# What counts against a quota, and the quota: its service and its code there.
QUOTAS = {
    "AWS::EC2::EIP": ("Elastic IPs", "ec2", "L-0263D0A3"),
    "AWS::EC2::VPC": ("VPCs", "vpc", "L-F678F1CE"),
}


@dataclass(frozen=True)
class Finding:
    """What one look found: ``text`` says it, and what to do about it where it is not fine."""

    about: str
    verdict: Verdict
    text: str


def look(session: boto3.Session | None) -> Iterator[Finding]:
    """Yield a finding for each thing that a deploy needs. ``session`` is None when no region is set."""
    # Nothing here starts on a Python that is too old: make setup says so.
    yield Finding("Python", "fine", ".".join(str(part) for part in sys.version_info[:3]))
    yield _tool("Node.js", "node", r"v(2\d|[3-9]\d)\.")
    # 3.0.0 was published by accident: it was npm's `latest` for some days, and may still be on somebody's PATH.
    yield _tool("CDK CLI", "cdk", r"2\.\d{4}\.")
    if session is None:
        yield Finding("Region", "fails", "none is set. Set AWS_REGION, or for the local AWS: source .local-aws/env")
        return
    credentials = _credentials(session)
    yield credentials
    yield Finding("Region", "fine", session.region_name)
    if credentials.verdict == "fails":  # the rest would say the same
        return
    yield from _account(session)


def _tool(about: str, program: str, pattern: str) -> Finding:
    path = shutil.which(program)
    if not path:
        return Finding(about, "fails", f"{program} is not on PATH. Try: make setup && source .venv/bin/activate")
    run = subprocess.run([path, "--version"], capture_output=True, text=True, check=False)  # noqa: S603
    if not re.match(pattern, run.stdout):
        said = run.stdout.strip() or "nothing"
        return Finding(about, "fails", f"{path} is {said}, too old or a wrong one. Try: source .venv/bin/activate")
    return Finding(about, "fine", run.stdout.split()[0])


def _credentials(session: boto3.Session) -> Finding:
    try:
        arn = session.client("sts", config=CONFIG).get_caller_identity()["Arn"]
    except (BotoCoreError, ClientError) as error:
        return Finding("Credentials", "fails", explain(error))
    if arn.endswith(":root") and not is_local():
        return Finding("Credentials", "fails", "those of the root user. Make an administrator and sign in as that")
    return Finding("Credentials", "fine", arn)


def _account(session: boto3.Session) -> Iterator[Finding]:
    ec2: EC2Client = session.client("ec2", config=CONFIG)
    try:
        templates = {stack: template["Resources"] for stack, template in read_templates().items()}
        resources = read_template(STACK)["Resources"]  # learners have the same
    except ProblemError as problem:
        yield Finding("Template", "not known", f"so neither are zones and quotas. {problem}")
        return
    yield Finding("Template", "fine", f"cdk.out, {len(resources)} resources")
    yield _known("Zones", lambda: _zones(ec2, resources))
    yield Finding("NAT gateways", *_nat(resources))
    for kind, (about, _, _) in QUOTAS.items():
        yield _known(about, partial(_quota, session, ec2, kind, templates))


def _known(about: str, find: Callable[[], Finding]) -> Finding:
    """Return what is found, or that AWS does not tell: the local AWS does not know everything."""
    try:
        return find()
    except (BotoCoreError, ClientError) as error:
        text = "the local AWS does not know" if is_local() else explain(error)
        return Finding(about, "not known", text)


def _nat(resources: dict[str, Any]) -> tuple[Verdict, str]:
    if any(resource["Type"] == "AWS::EC2::NatGateway" for resource in resources.values()):
        return "not known", "AWS tells only at the deploy which zones have none: then set availability_zones"
    return "fine", "none are wanted"


def _zones(ec2: "EC2Client", resources: dict[str, Any]) -> Finding:
    """Look whether the zone of each instance has its type."""
    zones = sorted(
        zone["ZoneName"]
        for zone in ec2.describe_availability_zones(
            Filters=[{"Name": "zone-type", "Values": ["availability-zone"]}, {"Name": "state", "Values": ["available"]}]
        )["AvailabilityZones"]
    )
    wanted = {
        (properties["InstanceType"], _zone(resource, resources, zones), _chosen_by(properties))
        for resource in resources.values()
        if resource["Type"] == "AWS::EC2::Instance"
        for properties in [resource["Properties"]]
    }
    for instance_type, zone, setting in sorted(wanted):
        if zone not in zones:
            return Finding("Zones", "fails", f"there is no zone {zone} here, only {', '.join(zones)}")
        offered = ec2.describe_instance_type_offerings(
            LocationType="availability-zone", Filters=[{"Name": "instance-type", "Values": [instance_type]}]
        )["InstanceTypeOfferings"]
        having = sorted(offer["Location"] for offer in offered)
        if zone not in having:
            text = f"{zone} has no {instance_type}. Set availability_zones to two of {', '.join(having) or 'no zone'}"
            return Finding("Zones", "fails", f"{text}, or another {setting}")
    return Finding("Zones", "fine", ", ".join(f"{kind} in {zone}" for kind, zone, _ in sorted(wanted)))


def _chosen_by(instance: dict[str, Any]) -> str:
    """Return the setting that an instance's type comes from."""
    return "nat" if instance.get("SourceDestCheck") is False else "instance_type"


def _zone(instance: dict[str, Any], resources: dict[str, Any], zones: list[str]) -> str:
    """Return the zone of an instance's subnet: by name, or as Fn::Select picks it from the region's."""
    properties = instance["Properties"]
    subnet = properties.get("SubnetId") or properties["NetworkInterfaces"][0]["SubnetId"]
    zone = resources[subnet["Ref"]]["Properties"]["AvailabilityZone"]
    return str(zones[zone["Fn::Select"][0]] if isinstance(zone, dict) else zone)


def _quota(session: boto3.Session, ec2: "EC2Client", kind: str, templates: dict[str, Any]) -> Finding:
    about, service, code = QUOTAS[kind]
    quotas: Any = session.client("service-quotas", config=CONFIG)
    allowed = int(quotas.get_service_quota(ServiceCode=service, QuotaCode=code)["Quota"]["Value"])
    used = len(ec2.describe_addresses()["Addresses"] if kind == "AWS::EC2::EIP" else ec2.describe_vpcs()["Vpcs"])
    more = 0
    for stack, resources in templates.items():
        if wanted := sum(resource["Type"] == kind for resource in resources.values()):
            more += max(0, wanted - _held(session, stack, kind))
    text = f"{used} of {allowed} used, {more} more wanted"
    if used + more <= allowed:
        return Finding(about, "fine", text)
    return Finding(
        about,
        "fails",
        f"{text}. Release what you do not need, or ask for more: aws service-quotas request-service-quota-increase "
        f"--service-code {service} --quota-code {code} --desired-value {used + more}",
    )


def _held(session: boto3.Session, stack: str, kind: str) -> int:
    """Return how many of a type a deployed stack has already: it need not get those again."""
    cloudformation: CloudFormationClient = session.client("cloudformation", config=CONFIG)
    try:
        pages = list(cloudformation.get_paginator("list_stack_resources").paginate(StackName=stack))
    except ClientError as error:
        if "does not exist" not in str(error):
            raise
        return 0
    return sum(
        summary["ResourceType"] == kind and summary["ResourceStatus"] != "DELETE_COMPLETE"
        for page in pages
        for summary in page["StackResourceSummaries"]
    )
