"""The bill of a template, and the line about money after a synth."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from lab.cost.bill import FREE, NAT, PRICED, Bill, Usage, idle_cost_line, reckon, scheduled_hours
from lab.cost.prices import REGIONS
from lab.terminal.problem import ProblemError

Template = Callable[..., dict[str, Any]]
SNAPSHOTS = sorted((Path(__file__).parents[2] / "__snapshots__").rglob("*.json"))
NOTHING = Usage(storage_gb=0, gets=0, puts=0, nat_gb=0, transfer_out_gb=0, flow_log_gb=0)


def used(bill: Bill, resource: str) -> float:
    """Return the USD of the one line of a bill that is about ``resource``."""
    (line,) = (line for line in bill.used if line.resource.startswith(resource))
    return line.usd


# --- what has a price


def types(snapshot: Path) -> set[str]:
    return {resource["Type"] for resource in json.loads(snapshot.read_text())["Resources"].values()}


@pytest.mark.parametrize("snapshot", SNAPSHOTS, ids=lambda path: str(path.name))
def test_every_resource_of_every_template_has_a_price_or_is_free(snapshot: Path) -> None:
    """A new type belongs into PRICED with its prices, or into FREE when AWS does not charge for it."""
    assert types(snapshot) - set(PRICED) - FREE == set()
    assert reckon(json.loads(snapshot.read_text()), "us-east-1").unpriced == []


def test_no_type_is_listed_that_no_template_has() -> None:
    assert len(SNAPSHOTS) >= 6
    assert set(PRICED) | FREE == set().union(*map(types, SNAPSHOTS))
    assert not FREE & set(PRICED)


@pytest.mark.parametrize(
    ("resource", "said"),
    [
        ({"Type": "AWS::EC2::TransitGateway"}, "AWS::EC2::TransitGateway"),
        ({"Type": "AWS::EC2::Instance", "Properties": {"InstanceType": "m7i.large"}}, "instance type m7i.large"),
        (
            {
                "Type": "AWS::EC2::Instance",
                "Properties": {"InstanceType": "t3.micro", "BlockDeviceMappings": [{"Ebs": {"VolumeSize": 8}}]},
            },
            "a disk of type gp2",
        ),
        (
            {"Type": "AWS::EC2::VPCEndpoint", "Properties": {"VpcEndpointType": "Interface"}},
            "Interface endpoint Thing",
        ),
        (
            {"Type": "AWS::EC2::FlowLog", "Properties": {"LogDestinationType": "cloud-watch-logs"}},
            "flow logs that do not go to S3",
        ),
        (
            {
                "Type": "AWS::S3::Bucket",
                "Properties": {
                    "LifecycleConfiguration": {"Rules": [{"Transitions": [{"StorageClass": "ONEZONE_IA"}]}]}
                },
            },
            "storage class ONEZONE_IA",
        ),
    ],
)
def test_says_what_it_cannot_price(resource: dict[str, Any], said: str) -> None:
    assert reckon({"Resources": {"Thing": resource}}, "us-east-1").unpriced == [said]


# --- sums


def test_adds_up_gateways_addresses_instance_and_disk(template: Template) -> None:
    bill = reckon(template(), "us-east-1")
    gateways, addresses, instance, disk = 2 * 0.045 * 730, 3 * 0.005 * 730, 0.0104 * 730, 8 * 0.08
    assert bill.idle_usd == pytest.approx(gateways + addresses + instance + disk)
    assert bill.parts()[NAT] == pytest.approx(gateways + 2 * 0.005 * 730)
    assert sum(bill.parts().values()) == pytest.approx(bill.usd) == pytest.approx(bill.idle_usd + bill.used_usd)


@pytest.mark.parametrize("nat", ["single", "regional"])
def test_one_gateway_costs_one_gateway_and_its_address(template: Template, nat: str) -> None:
    assert reckon(template(nat=nat), "us-east-1").parts()[NAT] == pytest.approx(0.05 * 730)


def test_a_nat_instance_costs_itself_its_address_and_its_disk(template: Template) -> None:
    """An address that is no Elastic IP is given back when the instance stops; the disk stays."""
    always, never = (reckon(template(nat="instance"), "us-east-1", Usage(hours_a_day=hours)) for hours in (24, 0))
    assert always.parts()[NAT] == pytest.approx((0.0084 + 0.005) * 730 + 8 * 0.08)
    assert never.parts()[NAT] == pytest.approx(8 * 0.08)
    without = reckon(template(nat="none"), "us-east-1")
    assert always.usd - without.usd == pytest.approx(always.parts()[NAT])


def test_an_elastic_ip_takes_the_place_of_the_address_that_an_instance_starts_with(template: Template) -> None:
    addresses = [line.resource for line in reckon(template(nat="none"), "us-east-1").idle if "Address" in line.resource]
    assert addresses == ["Address of learning-bastion"]


def test_two_idle_nat_gateways_cost_what_people_are_surprised_by(template: Template) -> None:
    """About 73 USD a month in us-east-1 and 98 in Tokyo, with their addresses."""
    for region, expected in (("us-east-1", 73), ("ap-northeast-1", 98)):
        costs = [reckon(template(nat=nat), region).idle_usd for nat in ("per-az", "none")]
        assert costs[0] - costs[1] == pytest.approx(expected, abs=0.5)


def test_a_million_gets_a_day_cost_what_the_primer_says(template: Template) -> None:
    """Chapter 7-3: 30 million GETs a month at 0.0037 USD for 10,000 (Tokyo's price then and now) are 11.1 USD."""
    assert used(reckon(template(), "ap-northeast-1", Usage(gets=30_000_000)), "Bucket: GET") == pytest.approx(11.1)


def test_a_put_costs_12_7_times_a_get_as_the_primer_says(template: Template) -> None:
    bill = reckon(template(), "ap-northeast-1", Usage(gets=1_000_000, puts=1_000_000))
    assert used(bill, "Bucket: PUT") / used(bill, "Bucket: GET") == pytest.approx(12.7, abs=0.01)


def test_an_unused_stack_costs_nothing_by_use(template: Template) -> None:
    assert reckon(template(), "us-east-1", NOTHING).used_usd == 0


def test_hours_stop_the_instance_and_nothing_else(template: Template) -> None:
    always, never = (reckon(template(), "us-east-1", Usage(hours_a_day=hours)).idle_usd for hours in (24, 0))
    assert always - never == pytest.approx(0.0104 * 730)


@pytest.mark.parametrize(
    ("usage", "resource", "usd"),
    [
        (Usage(storage_gb=100), "Bucket: storage", 2.5),
        (Usage(archive_gb=100), "Bucket: archive", 0.45),
        (Usage(archived_objects=10_000), "Bucket: moved", 0.3426),
        (Usage(puts=10_000), "Bucket: PUT", 0.047),
        (Usage(flow_log_gb=10), "Flow logs", 3.8),
        (Usage(flow_log_gb=10), "Logs, kept", 3 * 10 * 0.025),
        (Usage(transfer_out_gb=100), "Out to", 0),
        (Usage(transfer_out_gb=150), "Out to", 50 * 0.114),
        (Usage(nat_gb=10), "Through", 0.62),
    ],
)
def test_use_costs_its_quantity_times_its_price_in_tokyo(
    usage: Usage, resource: str, usd: float, template: Template
) -> None:
    assert used(reckon(template(nat="single"), "ap-northeast-1", usage), resource) == pytest.approx(usd)


def test_gateways_share_the_traffic(template: Template) -> None:
    bills = [reckon(template(nat=nat), "us-east-1", Usage(nat_gb=10)) for nat in ("per-az", "single", "none")]
    through = [sum(line.usd for line in bill.used if line.resource.startswith("Through")) for bill in bills]
    assert through == pytest.approx([0.45, 0.45, 0])


def test_counts_the_private_host(template: Template) -> None:
    without, with_host = (
        reckon(template(nat="none", private_host=host), "us-east-1").idle_usd for host in (False, True)
    )
    assert with_host - without == pytest.approx(0.0104 * 730 + 8 * 0.08)


def test_metrics_each_minute_cost_what_the_acknowledgement_of_their_absence_says(template: Template) -> None:
    """2.10 USD a month and instance, for as long as it runs."""
    for hours in (24, 12):
        usage = Usage(hours_a_day=hours)
        plain, hardened = (reckon(template(private_host=True, hardened=h), "us-east-1", usage) for h in (False, True))
        assert hardened.idle_usd - plain.idle_usd == pytest.approx(2 * 2.10 * hours / 24)
        assert used(hardened, "Logs, kept for 365 days") > used(plain, "Logs, kept for 90 days")


def test_operators_cost_nothing(template: Template) -> None:
    bill = reckon(template("OperatorsStack", operators=("alice", "bob")), "us-east-1")
    assert (bill.usd, bill.idle, bill.used) == (0, [], [])
    assert bill.free["AWS::IAM::User"] == 2


# --- regions


@pytest.mark.parametrize(
    ("region", "nearest"),
    [
        *((region, region) for region in REGIONS),
        ("us-west-2", "us-east-1"),
        ("sa-east-1", "us-east-1"),
        ("eu-central-1", "eu-west-1"),
        ("me-south-1", "eu-west-1"),
        ("ap-northeast-3", "ap-northeast-1"),
        ("ap-southeast-2", "ap-northeast-1"),
    ],
)
def test_a_region_without_prices_takes_the_nearest_one_and_says_so(
    region: str, nearest: str, template: Template
) -> None:
    bill = reckon(template(), region)
    assert bill.idle_usd == reckon(template(), nearest).idle_usd
    assert bill.where() == (region if region == nearest else f"{region} (at {nearest} prices)")


@pytest.mark.parametrize("region", ["", "tokyo", "us-east", "us-east-1a", "mars-north-1", "cn-north-1", "US-EAST-1"])
def test_what_is_no_region_is_refused_in_one_line(region: str, template: Template) -> None:
    with pytest.raises(ProblemError, match=f"^There are no prices for '{region}'. Try one of us-east-1, us-east-2, "):
        reckon(template(), region)


# --- the line after a synth


def test_the_line_after_a_synth_names_the_cheapest_choice(template: Template) -> None:
    assert idle_cost_line(template(), "us-east-1") == (
        "LearningStack costs about 85 USD a month when idle in us-east-1; with nat=none, the cheapest, about 12 USD."
    )


def test_says_when_nat_none_is_chosen_already(template: Template) -> None:
    line = idle_cost_line(template(nat="none"), "us-east-1")
    assert line == "LearningStack costs about 12 USD a month when idle in us-east-1; nat=none is the cheapest choice."


@pytest.mark.parametrize(
    ("settings", "region", "said"),
    [
        ({}, "sa-east-1", "in sa-east-1 (at us-east-1 prices);"),
        ({"instance_type": "m7i.large"}, "eu-west-1", ", without instance type m7i.large, which our table lacks;"),
        ({}, "cn-north-1", "There are no prices for 'cn-north-1'."),
    ],
)
def test_says_what_the_table_lacks(template: Template, settings: dict[str, str], region: str, said: str) -> None:
    assert said in idle_cost_line(template(**settings), region)


# --- the hours that the schedules leave


@pytest.mark.parametrize(
    ("settings", "hours"),
    [
        ({}, 24),
        ({"stop_at": "19:00", "start_at": "09:00"}, 10),
        ({"stop_at": "19:30", "start_at": "09:00"}, 10.5),
        ({"stop_at": "02:00", "start_at": "20:00"}, 6),
        ({"stop_at": "19:00"}, 24),  # when somebody starts them by hand is not known
        ({"start_at": "09:00"}, 24),
    ],
)
def test_instances_run_for_as_long_as_the_schedules_let_them(
    template: Template, settings: dict[str, str], hours: float
) -> None:
    scheduled = template(**settings)
    assert scheduled_hours(scheduled) == hours
    assert reckon(scheduled, "us-east-1").usd == reckon(template(), "us-east-1", Usage(hours_a_day=hours)).usd


def test_a_schedule_of_another_kind_is_no_stop(template: Template) -> None:
    scheduled = json.loads(json.dumps(template(stop_at="19:00", start_at="09:00")))
    for resource in scheduled["Resources"].values():
        if resource["Type"] == "AWS::Scheduler::Schedule":
            resource["Properties"]["ScheduleExpression"] = "cron(0 19 ? * MON-FRI *)"
    assert scheduled_hours(scheduled) == 24
