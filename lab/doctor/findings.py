"""What a deploy needs, one look after the other. Each look says what it found, and what to do when that will not do."""

import re
import shutil
import subprocess
import sys
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING, Any, Literal

import boto3
from botocore.exceptions import ClientError

from lab.doctor.needs import Needs, chosen_by
from lab.template.deployed import CONFIG, DENIED, explain, is_local, permission
from lab.template.reader import INSTANCE, NAT_GATEWAY, STACK, SUBNET, VPC, Resource, Template, settings_of
from lab.template.synthesised import read_template, read_templates
from lab.terminal.language import _
from lab.terminal.problem import ProblemError

if TYPE_CHECKING:
    from mypy_boto3_ec2 import EC2Client

Outcome = Literal["fine", "not known", "fails"]
BUDGET_STACK = "BudgetStack"
# The s3fs of each release of Ubuntu that we know: https://packages.ubuntu.com/search?keywords=s3fs&exact=1
UBUNTUS_S3FS = {"24.04": "1.93", "26.04": "1.95"}
# What counts against a quota, and the quota: its service and its code there.
STANDARD = re.compile(r"[acdhimrtz]\d")  # the families of the quota for standard instances
QUOTAS = {
    INSTANCE: ("vCPUs", "ec2", "L-1216C47A"),
    "AWS::EC2::EIP": ("Elastic IPs", "ec2", "L-0263D0A3"),
    VPC: ("VPCs", "vpc", "L-F678F1CE"),
}


@dataclass(frozen=True)
class Finding:
    """What one look found: ``text`` says it, and what to do about it where it is not fine."""

    about: str
    verdict: Outcome
    text: str


def look_before_deploy(session: boto3.Session | None) -> Iterator[Finding]:
    """Yield a finding for each thing that a deploy needs. ``session`` is None when no region is set."""
    # Nothing here starts on a Python that is too old: make setup says so.
    yield Finding("Python", "fine", ".".join(str(part) for part in sys.version_info[:3]))
    yield _tool("Node.js", "node", r"v(2\d|[3-9]\d)\.")
    # 3.0.0 was published by accident: it was npm's `latest` for some days, and may still be on somebody's PATH.
    yield _tool("CDK CLI", "cdk", r"2\.\d{4}\.")
    if session is None:
        yield Finding("Region", "fails", _("none is set. Set AWS_REGION, or for the local AWS: source .local-aws/env"))
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
        return Finding(
            about,
            "fails",
            _("{program} is not on PATH. Try: make setup && source .venv/bin/activate").format(program=program),
        )
    run = subprocess.run([path, "--version"], capture_output=True, text=True, check=False)  # noqa: S603
    if not re.match(pattern, run.stdout):
        said = run.stdout.strip() or _("nothing")
        return Finding(
            about,
            "fails",
            _("{path} is {said}, too old or a wrong one. Try: source .venv/bin/activate").format(path=path, said=said),
        )
    return Finding(about, "fine", run.stdout.split()[0])


def _credentials(session: boto3.Session) -> Finding:
    try:
        arn = session.client("sts", config=CONFIG).get_caller_identity()["Arn"]
    except Exception as error:  # noqa: BLE001  # what answers may not be AWS
        return Finding("Credentials", "fails", explain(error))
    if arn.endswith(":root") and not is_local():
        return Finding("Credentials", "fails", _("those of the root user. Make an administrator and sign in as that"))
    return Finding("Credentials", "fine", arn)


def _account(session: boto3.Session) -> Iterator[Finding]:
    ec2: EC2Client = session.client("ec2", config=CONFIG)
    try:
        templates = {stack: Template(content) for stack, content in read_templates().items()}
        template = Template(read_template(STACK))  # learners have the same
    except ProblemError as problem:
        yield Finding("Template", "not known", _("so neither are zones and quotas. {problem}").format(problem=problem))
        return
    yield Finding("Template", "fine", _("cdk.out, {resources} resources").format(resources=len(template.resources)))
    yield _known("Zones", lambda: _zones(ec2, template))
    yield Finding("NAT gateways", *_nat(template))
    needs = Needs(session, templates)
    for stack, theirs in templates.items():
        if theirs.all(SUBNET):
            yield _known(f"Zones of {stack}", partial(_stay, ec2, needs, stack, theirs))
    yield _s3fs(settings_of(read_template(STACK)))
    yield _known("Free plan", lambda: _free_plan(session, needs))
    for kind, (about, *_rest) in QUOTAS.items():
        yield _known(about, partial(_quota, session, ec2, kind, needs))
    if BUDGET_STACK in templates:
        yield _budget(session)


def _known(about: str, find: Callable[[], Finding]) -> Finding:
    """Return what is found, or that AWS does not tell: the local AWS does not know everything."""
    try:
        return find()
    except Exception as error:  # noqa: BLE001  # the other looks go on
        text = _("the local AWS does not know") if is_local() else explain(error)
        return Finding(about, "not known", text)


def _nat(template: Template) -> tuple[Outcome, str]:
    if template.all(NAT_GATEWAY):
        return "not known", _("AWS tells only at the deploy which zones have none: then set availability_zones")
    return "fine", _("none are wanted")


def _s3fs(settings: Mapping[str, str]) -> Finding:
    """Look whether the s3fs that the bastion will get opens a TLS connection for each request: half as fast.

    Source: https://github.com/s3fs-fuse/s3fs-fuse/pull/2601
    """
    release = settings.get("ubuntu_release", "")
    if settings.get("s3fs_install") == "source":
        return Finding("s3fs", "fine", _("built from source, at the release that is pinned"))
    if settings.get("ami_id") or release not in UBUNTUS_S3FS:
        image = settings.get("ami_id") or f"Ubuntu {release}"
        text = _(
            "{image} may have 1.96 or later, which is half as fast; the boot log tells. -c s3fs_install=source has not"
        ).format(image=image)
        return Finding("s3fs", "not known", text)
    return Finding(
        "s3fs", "fine", _("{version}, of Ubuntu {release}").format(version=UBUNTUS_S3FS[release], release=release)
    )


def _zones(ec2: "EC2Client", template: Template) -> Finding:
    """Look whether the zone of each instance has its type."""
    zones = _available(ec2)
    firsts = _firsts(ec2, zones)
    wanted = {
        (each.properties["InstanceType"], _zone(template.resources[each.subnet], firsts), chosen_by(each))
        for each in template.all(INSTANCE)
    }
    for instance_type, zone, setting in sorted(wanted):
        if zone not in zones:
            return Finding(
                "Zones",
                "fails",
                _("there is no zone {zone} here, only {zones}").format(zone=zone, zones=", ".join(zones)),
            )
        offered = ec2.get_paginator("describe_instance_type_offerings").paginate(
            LocationType="availability-zone", Filters=[{"Name": "instance-type", "Values": [instance_type]}]
        )
        having = sorted(offer["Location"] for page in offered for offer in page["InstanceTypeOfferings"])
        if zone not in having:
            text = _(
                "{zone} has no {instance_type}. Set availability_zones to two of {having}, or another {setting}"
            ).format(zone=zone, instance_type=instance_type, setting=setting, having=", ".join(having) or _("no zone"))
            return Finding("Zones", "fails", text)
    return Finding(
        "Zones",
        "fine",
        ", ".join(_("{kind} in {zone}").format(kind=kind, zone=zone) for kind, zone, _setting in sorted(wanted)),
    )


def _stay(ec2: "EC2Client", needs: Needs, stack: str, template: Template) -> Finding:
    """Look whether a deployed stack would stay in its zones: a subnet that moves is made anew, and its range is taken.

    Source: https://docs.aws.amazon.com/AWSCloudFormation/latest/TemplateReference/intrinsic-function-reference-getavailabilityzones.html
    """
    about = f"Zones of {stack}"
    held = needs.held(stack)
    ids = {held[each.logical_id]: each for each in template.all(SUBNET) if held.get(each.logical_id)}
    if not ids:
        return Finding(about, "fine", _("it is not deployed yet"))
    firsts = _firsts(ec2, _available(ec2))
    subnets: Any = ec2.describe_subnets(SubnetIds=list(ids))["Subnets"]
    zones = {each["SubnetId"]: each["AvailabilityZone"] for each in subnets}
    its = sorted(set(zones.values()))
    if all(_zone(ids[each], firsts) == zone for each, zone in zones.items()):
        return Finding(about, "fine", _("it stays in {its}").format(its=_(" and ").join(its)))
    pin = ",".join(dict.fromkeys(zones[each] for each in ids if each in zones))
    return Finding(
        about,
        "fails",
        _("it is in {its}, and would move. Set -c availability_zones={pin}").format(its=_(" and ").join(its), pin=pin),
    )


def _available(ec2: "EC2Client") -> list[str]:
    return sorted(
        zone["ZoneName"]
        for zone in ec2.describe_availability_zones(
            Filters=[{"Name": "zone-type", "Values": ["availability-zone"]}, {"Name": "state", "Values": ["available"]}]
        )["AvailabilityZones"]
    )


def _firsts(ec2: "EC2Client", zones: list[str]) -> list[str]:
    """Return what Fn::GetAZs answers, most likely: the zones with a default subnet, or all where none has one."""
    subnets = ec2.describe_subnets(Filters=[{"Name": "default-for-az", "Values": ["true"]}])["Subnets"]
    having = {subnet["AvailabilityZone"] for subnet in subnets}
    return [zone for zone in zones if zone in having] or zones


def _zone(subnet: Resource, firsts: list[str]) -> str:
    """Return the zone that a subnet names, or the one of the region's first zones that it takes."""
    zone = subnet.properties["AvailabilityZone"]
    return firsts[int(zone["Fn::Select"][0])] if isinstance(zone, dict) else str(zone)


def _free_plan(session: boto3.Session, needs: Needs) -> Finding:
    """Look whether each instance type starts on AWS's free plan, where the account is on that.

    Sources: https://docs.aws.amazon.com/aws-cost-management/latest/APIReference/API_freetier_GetAccountPlanState.html,
    https://docs.aws.amazon.com/AWSEC2/latest/APIReference/API_InstanceTypeInfo.html
    """
    costly = sorted(name for name, each in needs.types.items() if not each.get("FreeTierEligible"))
    if not costly:
        return Finding("Free plan", "fine", _("it starts {types}").format(types=", ".join(sorted(needs.types))))
    starts = _(" and ").join(
        _("no {name} (set another {setting})").format(name=name, setting=needs.setting(name)) for name in costly
    )
    try:
        plans: Any = session.client("freetier", region_name="us-east-1", config=CONFIG)  # it is there alone
        plan = plans.get_account_plan_state()["accountPlanType"]
    except ClientError as error:
        if is_local():
            raise
        why = permission(error) if error.response["Error"]["Code"] in DENIED else explain(error)
        return Finding(
            "Free plan",
            "not known",
            _("it starts {starts}. Whether yours is a free one: {why}").format(starts=starts, why=why),
        )
    if plan == "FREE":
        return Finding(
            "Free plan",
            "fails",
            _("your account is on it, and it starts {starts}, or go over to a paid plan").format(starts=starts),
        )
    return Finding("Free plan", "fine", _("your account is on a plan that is {plan}").format(plan=plan.lower()))


def _quota(session: boto3.Session, ec2: "EC2Client", kind: str, needs: Needs) -> Finding:
    about, service, code = QUOTAS[kind]
    if kind == INSTANCE:
        used, more = _vcpus(ec2), needs.vcpus(STANDARD)
    else:
        used = len(ec2.describe_addresses()["Addresses"] if kind == "AWS::EC2::EIP" else ec2.describe_vpcs()["Vpcs"])
        more = len(needs.new(kind))
    quotas: Any = session.client("service-quotas", config=CONFIG)
    allowed = int(quotas.get_service_quota(ServiceCode=service, QuotaCode=code)["Quota"]["Value"])
    text = _("{used} of {allowed} used, {more} more wanted").format(used=used, allowed=allowed, more=more)
    if used + more <= allowed:
        return Finding(about, "fine", text)
    return Finding(
        about,
        "fails",
        _(
            "{text}. Release what you do not need, or ask for more: aws service-quotas request-service-quota-increase "
            "--service-code {service} --quota-code {code} --desired-value {number}"
        ).format(text=text, service=service, code=code, number=used + more),
    )


def _vcpus(ec2: "EC2Client") -> int:
    """Count the vCPUs of the standard instances that run: AWS limits them all together.

    Source: https://docs.aws.amazon.com/AWSEC2/latest/UserGuide/ec2-on-demand-instances.html
    """
    pages = ec2.get_paginator("describe_instances").paginate(
        Filters=[{"Name": "instance-state-name", "Values": ["pending", "running"]}]
    )
    return sum(
        each["CpuOptions"]["CoreCount"] * each["CpuOptions"]["ThreadsPerCore"]
        for page in pages
        for reservation in page["Reservations"]
        for each in reservation["Instances"]
        if STANDARD.match(each["InstanceType"]) and "InstanceLifecycle" not in each  # spot has a quota of its own
    )


def _budget(session: boto3.Session) -> Finding:
    """Look whether budgets may be seen: whoever may not will hardly be let make one, and nothing else needs one.

    Source: https://docs.aws.amazon.com/awsaccountbilling/latest/aboutv2/control-access-billing.html
    """
    try:
        account = session.client("sts", config=CONFIG).get_caller_identity()["Account"]
        session.client("budgets", config=CONFIG).describe_budgets(AccountId=account)
    except Exception as error:  # noqa: BLE001  # whatever it is, only BudgetStack depends on it
        text = _("AWS will hardly make {budget_stack}, which nothing else needs: {why}").format(
            budget_stack=BUDGET_STACK, why=explain(error)
        )
        if isinstance(error, ClientError) and error.response["Error"]["Code"] in DENIED:
            text += _(
                " The root user gives IAM the right to see the bill: Account, IAM user and role access to Billing"
            )
        return Finding("Budget", "not known", text)
    return Finding("Budget", "fine", _("you may see the account's budgets"))
