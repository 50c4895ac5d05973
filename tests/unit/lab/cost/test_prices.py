"""The price table itself."""

from collections.abc import Callable
from datetime import date
from itertools import pairwise
from typing import Any

import pytest

from lab.cost.bill import reckon
from lab.cost.prices import AS_OF, INSTANCES, PRICES, REGIONS, Price

ROWS = PRICES | INSTANCES


def test_the_table_has_a_date() -> None:
    assert date.fromisoformat(AS_OF) <= date.today()  # noqa: DTZ011  # a day more or less does not matter


@pytest.mark.parametrize("row", ROWS.values(), ids=ROWS)
def test_each_row_has_a_price_for_each_region_and_a_source(row: Price) -> None:
    assert len(row.usd) == len(REGIONS)
    assert min(row.usd) > 0
    assert row.source.startswith("https://aws.amazon.com/")
    assert "/pricing/" in row.source


@pytest.mark.parametrize("family", ["t2", "t3", "t3a", "t4g"])
@pytest.mark.parametrize("region", REGIONS)
def test_each_size_costs_about_twice_the_next_smaller_one(family: str, region: str) -> None:
    """A slip of a finger in the table would break this: AWS rounds to four digits, and no further."""
    sizes = ("nano", "micro", "small", "medium", "large", "xlarge", "2xlarge")
    prices = [INSTANCES[f"{family}.{size}"].in_region(region) for size in sizes]
    assert [bigger / smaller for smaller, bigger in pairwise(prices)] == pytest.approx([2] * 6, rel=0.02)


def test_each_row_is_reached_by_a_template(template: Callable[..., dict[str, Any]]) -> None:
    bills = [reckon(template(hardened=True), "us-east-1"), reckon(template(private_host=True), "us-east-1")]
    used = {line.price for bill in bills for line in (*bill.idle, *bill.used)}
    assert [name for name, price in PRICES.items() if price not in used] == []
