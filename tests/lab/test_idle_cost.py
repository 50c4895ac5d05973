"""The line about money after a synth."""

from collections.abc import Callable
from typing import Any

import pytest

from lab.idle_cost import idle_cost_line

Template = Callable[..., dict[str, Any]]


def test_adds_up_gateways_addresses_instance_and_disk(template: Template) -> None:
    gateways, addresses, instance, disk = 2 * 0.045 * 730, 3 * 0.005 * 730, 0.0104 * 730, 8 * 0.08
    assert idle_cost_line(template(), "us-east-1") == (
        f"LearningStack costs about {gateways + addresses + instance + disk:.0f} USD a month when idle in us-east-1; "
        f"with nat=none, the cheapest, about {0.005 * 730 + instance + disk:.0f} USD."
    )


def test_two_idle_nat_gateways_cost_what_people_are_surprised_by(template: Template) -> None:
    """About 73 USD a month in us-east-1 and 98 in Tokyo, with their addresses."""
    for region, expected in (("us-east-1", 73), ("ap-northeast-1", 98)):
        costs = [float(idle_cost_line(template(nat=nat), region).split()[3]) for nat in ("per-az", "none")]
        assert costs[0] - costs[1] == pytest.approx(expected, abs=1)


def test_says_when_nat_none_is_chosen_already(template: Template) -> None:
    line = idle_cost_line(template(nat="none"), "us-east-1")
    assert line == "LearningStack costs about 12 USD a month when idle in us-east-1; nat=none is the cheapest choice."


def test_sizes_double_in_price(template: Template) -> None:
    micro, large = (
        float(idle_cost_line(template(nat="none", instance_type=f"t3.{size}"), "us-east-1").split()[3])
        for size in ("micro", "large")
    )
    assert large - micro == pytest.approx(0.0104 * 7 * 730, abs=1)


def test_counts_the_private_host(template: Template) -> None:
    without, with_host = (
        float(idle_cost_line(template(nat="none", private_host=host), "us-east-1").split()[3]) for host in (False, True)
    )
    assert with_host - without == pytest.approx(0.0104 * 730 + 8 * 0.08, abs=1)


@pytest.mark.parametrize(
    ("settings", "region", "said"),
    [
        ({}, "sa-east-1", "in sa-east-1 (at us-east-1 prices);"),
        ({"instance_type": "m7i.large"}, "eu-west-1", ", without m7i.large, whose price is not in our table;"),
    ],
)
def test_says_what_the_table_lacks(template: Template, settings: dict[str, str], region: str, said: str) -> None:
    assert said in idle_cost_line(template(**settings), region)
