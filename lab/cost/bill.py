"""What a template costs a month, line by line. Only the standard library: ``cdk synth`` runs this too."""

import math
import re
from collections import Counter
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

from lab.cost.prices import FREE_TRANSFER_OUT_GB, INSTANCES, PRICES, Price, priced_region
from lab.template.reader import NAT_GATEWAY, Resource, Template
from lab.template.values import Shape, fitted, target, text
from lab.terminal.language import N_, _
from lab.terminal.problem import ProblemError

HOURS_A_MONTH = 730
DAYS_A_MONTH = 30
INSTANCE_TYPE = N_("instance type {type}")  # how Bill.unpriced says one that the table lacks
METRICS = 7  # of an instance, each minute: https://aws.amazon.com/cloudwatch/pricing/

# Resources that AWS does not charge for. A type that is neither here nor in PRICED leaves a bill incomplete.
FREE = frozenset(
    f"AWS::{name}"
    for name in (
        "Budgets::Budget",  # without actions: https://aws.amazon.com/aws-cost-management/aws-budgets/pricing/
        "EC2::EIPAssociation",
        "EC2::InternetGateway",
        "EC2::KeyPair",  # kept as a standard parameter
        "EC2::NetworkAcl",
        "EC2::NetworkAclEntry",
        "EC2::Route",
        "EC2::RouteTable",
        "EC2::SecurityGroup",
        "EC2::SecurityGroupEgress",
        "EC2::SecurityGroupIngress",
        "EC2::Subnet",
        "EC2::SubnetNetworkAclAssociation",
        "EC2::SubnetRouteTableAssociation",
        "EC2::VPC",
        "EC2::VPCGatewayAttachment",
        "IAM::Group",
        "IAM::InstanceProfile",
        "IAM::ManagedPolicy",
        "IAM::Role",
        "IAM::User",
        "S3::BucketPolicy",
        "Scheduler::Schedule",  # 14 million calls a month: https://aws.amazon.com/eventbridge/pricing/
    )
)


@dataclass(frozen=True, kw_only=True)
class Usage:
    """How much is used in a month; the defaults are those of somebody who follows the primer."""

    hours_a_day: float = 24
    storage_gb: float = 10
    archive_gb: float = 0
    archived_objects: float = 0
    gets: float = 10_000
    puts: float = 1_000
    nat_gb: float = 1
    transfer_out_gb: float = 1
    flow_log_gb: float = 0.1


@dataclass(frozen=True)
class Line:
    """A line of the bill.

    ``part`` is what it is summed up under in a comparison. ``quantity`` is in units of ``price``, for a month.
    """

    part: str
    resource: str
    logical_id: str
    quantity: float
    price: Price
    unit_price: float

    @property
    def usd(self) -> float:
        return self.quantity * self.unit_price


@dataclass(frozen=True)
class Bill:
    """What a template costs a month in USD.

    ``idle`` is charged while nobody uses anything, ``used`` by use. ``unpriced`` names what the table lacks: the sums
    are without it. ``free`` counts the resources without a charge.
    """

    region: str
    priced_as: str
    idle: list[Line] = field(default_factory=list)
    used: list[Line] = field(default_factory=list)
    unpriced: list[str] = field(default_factory=list)
    free: Counter[str] = field(default_factory=Counter)

    @property
    def idle_usd(self) -> float:
        return math.fsum(line.usd for line in self.idle)

    @property
    def used_usd(self) -> float:
        return math.fsum(line.usd for line in self.used)

    @property
    def usd(self) -> float:
        return self.idle_usd + self.used_usd

    def parts(self) -> dict[str, float]:
        """Return the sum of each part, in the order of PARTS."""
        lines = self.idle + self.used
        return {part: math.fsum(line.usd for line in lines if line.part == part) for part in PARTS}

    def where(self) -> str:
        """Return the region, and whose prices stand for it where the table has none."""
        return (
            self.region
            if self.region == self.priced_as
            else _("{region} (at {priced_as} prices)").format(region=self.region, priced_as=self.priced_as)
        )


# What says of one resource what another is for.
REFERENCES: dict[str, Shape] = {
    "AllocationId": target,
    "InstanceId": target,
    "LoggingConfiguration": {"DestinationBucketName": target},
}
NAT, INSTANCE, ADDRESS, DISK, USE = PARTS = ("NAT", N_("instances"), N_("public addresses"), N_("disks"), N_("use"))


def scheduled_hours(template: Mapping[str, Any]) -> float:
    """Return how long a day the schedules of a template let instances run: 24 unless they both stop and start them."""
    minutes = {}
    for resource in Template(template).all("AWS::Scheduler::Schedule"):
        schedule = fitted(resource.properties, {"ScheduleExpression": text, "Target": {"Arn": text}})
        daily = re.fullmatch(r"cron\((\d{1,2}) (\d{1,2}) \* \* \? \*\)", schedule.get("ScheduleExpression", ""))
        action = re.search(r":ec2:(stop|start)Instances", schedule.get("Target", {}).get("Arn", ""))
        if daily and action:
            minutes[action[1]] = int(daily[2]) * 60 + int(daily[1])
    return (minutes["stop"] - minutes["start"]) % (24 * 60) / 60 if len(minutes) == 2 else 24


def reckon(template: Mapping[str, Any], region: str, usage: Usage | None = None) -> Bill:
    """Return the monthly bill of a template in ``region``.

    Without ``usage``, instances run for as long as the template's schedules let them. A region that the table lacks
    is reckoned at the prices of the nearest one. Left out: tax, volume discounts, credits, free tiers that end, burst
    credits, and traffic between zones and regions.
    Raises ProblemError when ``region`` is no region.
    """
    bill = Bill(region, priced_region(region))
    read = Template(template)
    reckoner = _Reckoner(read, usage or Usage(hours_a_day=scheduled_hours(template)), bill)
    for resource in read.resources.values():
        kind = resource.type
        if kind in FREE:
            bill.free[kind] += 1
        elif kind in PRICED:
            before = len(bill.idle), len(bill.used)
            try:
                PRICED[kind](reckoner, resource)
            except Exception:  # noqa: BLE001  # a template of others: whatever its shape, the rest has its price
                del bill.idle[before[0] :], bill.used[before[1] :]
                bill.unpriced.append(
                    _("{kind} {logical_id}, whose properties are not plain values").format(
                        kind=kind, logical_id=resource.logical_id
                    )
                )
        else:
            bill.unpriced.append(kind)
    if bill.idle:
        reckoner.transfer_out()
    for lines in (bill.idle, bill.used):
        lines.sort(key=lambda line: -line.usd)
    bill.unpriced[:] = sorted(set(bill.unpriced))
    return bill


class _Reckoner:
    """Adds the lines of one resource after the other to a bill."""

    def __init__(self, template: Template, usage: Usage, bill: Bill) -> None:
        self.usage = usage
        self.bill = bill

        def references(kind: str) -> list[Any]:
            return [fitted(each.properties, REFERENCES) for each in template.all(kind)]

        gateways = references(NAT_GATEWAY)
        self.gateway_addresses = {each.get("AllocationId", "") for each in gateways}
        self.with_elastic_ip = {each.get("InstanceId", "") for each in references("AWS::EC2::EIPAssociation")}
        logging = [each.get("LoggingConfiguration", {}) for each in references("AWS::S3::Bucket")]
        self.log_buckets = {each.get("DestinationBucketName") for each in logging}
        # Traffic through NAT is shared by the gateways.
        self.gateways = len(gateways)

    def idle(self, part: str, title: str, resource: Resource, quantity: float, price: Price) -> None:
        self.bill.idle.append(self._line(part, title, resource, quantity, price))

    def used(self, title: str, resource: Resource | None, quantity: float, price: Price) -> None:
        self.bill.used.append(self._line(USE, title, resource, quantity, price))

    def _line(self, part: str, title: str, resource: Resource | None, quantity: float, price: Price) -> Line:
        logical_id = resource.logical_id if resource else ""
        return Line(part, title, logical_id, _plain(quantity), price, price.in_region(self.bill.priced_as))

    def instance(self, resource: Resource) -> None:
        kind, name = resource.properties["InstanceType"], resource.label
        is_nat = resource.is_nat_instance
        hours = HOURS_A_MONTH * self.usage.hours_a_day / 24
        if kind in INSTANCES:
            self.idle(NAT if is_nat else INSTANCE, f"{kind} {name}", resource, hours, INSTANCES[kind])
        else:
            self.bill.unpriced.append(_(INSTANCE_TYPE).format(type=text(kind)))
        if str(resource.properties.get("Monitoring")).lower() == "true":
            quantity = METRICS * hours / HOURS_A_MONTH
            self.idle(
                NAT if is_nat else INSTANCE,
                _("Metrics of {name}").format(name=name),
                resource,
                quantity,
                PRICES["metric"],
            )
        given = any(each.get("AssociatePublicIpAddress") for each in resource.properties.get("NetworkInterfaces", []))
        if given and resource.logical_id not in self.with_elastic_ip:  # an Elastic IP takes the address's place
            self.idle(
                NAT if is_nat else ADDRESS, _("Address of {name}").format(name=name), resource, hours, PRICES["ipv4"]
            )
        for device in resource.properties.get("BlockDeviceMappings", []):
            volume = device["Ebs"]
            if volume.get("VolumeType") == "gp3":
                self.idle(
                    NAT if is_nat else DISK,
                    _("Disk of {name}").format(name=name),
                    resource,
                    volume["VolumeSize"],
                    PRICES["gp3"],
                )
            else:
                self.bill.unpriced.append(_("a disk of type {type}").format(type=text(volume.get("VolumeType", "gp2"))))

    def address(self, resource: Resource) -> None:
        part = NAT if resource.logical_id in self.gateway_addresses else ADDRESS
        self.idle(part, _("Address of {label}").format(label=resource.label), resource, HOURS_A_MONTH, PRICES["ipv4"])

    def nat_gateway(self, resource: Resource) -> None:
        # A regional gateway counts once: AWS bills it for each zone with instances, and LearningStack has them in one.
        name = resource.label
        self.idle(NAT, _("NAT gateway {name}").format(name=name), resource, HOURS_A_MONTH, PRICES["nat"])
        if "AllocationId" not in resource.properties:  # AWS gives it an address, and bills that too
            self.idle(NAT, _("Address of {name}").format(name=name), resource, HOURS_A_MONTH, PRICES["ipv4"])
        self.used(_("Through {name}").format(name=name), resource, self.usage.nat_gb / self.gateways, PRICES["nat-gb"])

    def vpc_endpoint(self, resource: Resource) -> None:
        if resource.properties.get("VpcEndpointType", "Gateway") == "Gateway":
            self.bill.free["AWS::EC2::VPCEndpoint"] += 1
        else:
            self.bill.unpriced.append(
                _("{type} endpoint {label}").format(
                    type=text(resource.properties["VpcEndpointType"]), label=resource.label
                )
            )

    def flow_log(self, resource: Resource) -> None:
        if resource.properties.get("LogDestinationType") == "s3":
            self.used(_("Flow logs, delivered"), resource, self.usage.flow_log_gb, PRICES["logs-to-s3"])
        else:
            self.bill.unpriced.append(_("flow logs that do not go to S3"))

    def bucket(self, resource: Resource) -> None:
        usage = self.usage
        rules = resource.properties.get("LifecycleConfiguration", {}).get("Rules", [])
        if resource.logical_id in self.log_buckets:
            days = next((rule["ExpirationInDays"] for rule in rules if "ExpirationInDays" in rule), DAYS_A_MONTH)
            kept = usage.flow_log_gb * days / DAYS_A_MONTH
            self.used(_("Logs, kept for {days} days").format(days=days), resource, kept, PRICES["s3"])
            return
        self.used(_("Bucket: storage"), resource, usage.storage_gb, PRICES["s3"])
        for archive in (move["StorageClass"] for rule in rules for move in rule.get("Transitions", [])):
            if archive in PRICES:
                self.used(_("Bucket: archive"), resource, usage.archive_gb, PRICES[archive])
                moved = usage.archived_objects / 1_000
                self.used(_("Bucket: moved to the archive"), resource, moved, PRICES[f"to-{archive}"])
            else:
                self.bill.unpriced.append(_("storage class {archive}").format(archive=text(archive)))
        self.used(_("Bucket: PUT, LIST, COPY"), resource, usage.puts / 1_000, PRICES["put"])
        self.used(_("Bucket: GET"), resource, usage.gets / 10_000, PRICES["get"])

    def transfer_out(self) -> None:
        beyond = max(0, self.usage.transfer_out_gb - FREE_TRANSFER_OUT_GB)
        self.used(_("Out to the internet, beyond 100 GB"), None, beyond, PRICES["out"])


PRICED: Mapping[str, Callable[[_Reckoner, Resource], None]] = {
    "AWS::EC2::EIP": _Reckoner.address,
    "AWS::EC2::FlowLog": _Reckoner.flow_log,
    "AWS::EC2::Instance": _Reckoner.instance,
    "AWS::EC2::NatGateway": _Reckoner.nat_gateway,
    "AWS::EC2::VPCEndpoint": _Reckoner.vpc_endpoint,
    "AWS::S3::Bucket": _Reckoner.bucket,
}


def idle_cost_line(template: Mapping[str, Any], region: str, *, learners: int = 0) -> str:
    """Return one line: what LearningStack costs idle in ``region``, and with the cheapest choice of ``nat``.

    With ``learners``, the sum for it and for as many more: a learner's costs the same.
    The line says when prices are those of another region, which instance types it leaves out, and when there are no
    prices for the region: a synth never fails for that.
    """
    try:
        bill = reckon(template, region)
    except ProblemError as error:
        return str(error)
    stacks = 1 + learners
    usd, gateways = bill.idle_usd * stacks, bill.parts()[NAT] * stacks
    if learners:
        line = _("LearningStack and {learners} of learners cost about {usd:.0f} USD a month when idle in {where}")
    else:
        line = _("LearningStack costs about {usd:.0f} USD a month when idle in {where}")
    line = line.format(learners=learners, usd=usd, where=bill.where())
    if bill.unpriced:
        line += _(", without {types}, which our table lacks").format(types=_(" and ").join(bill.unpriced))
    if gateways:
        line += _("; with nat=none, the cheapest, about {usd:.0f} USD.").format(usd=usd - gateways)
    else:
        line += _("; nat=none is the cheapest choice.")
    return line


def _plain(quantity: Any) -> float:
    """Return a quantity as a number. Raises ValueError or TypeError when it is none that can be multiplied."""
    number = float(quantity)
    if not 0 <= number <= 10**15:
        raise ValueError(f"{number} of something")
    return number
