"""Budget: a mail before the bill."""

from collections.abc import Callable
from typing import Any

import aws_cdk as cdk
import pytest
from aws_cdk.assertions import Template

from constructs_lib.budget import Budget
from tests.unit.constructs_lib.reading import properties


@pytest.fixture(scope="module")
def budget(plain_stack: Callable[[], cdk.Stack]) -> dict[str, Any]:
    stack = plain_stack()
    Budget(stack, "Budget", monthly_usd=20, email="you@example.com")
    (made,) = properties(Template.from_stack(stack), "AWS::Budgets::Budget").values()
    return made


def test_it_counts_what_the_whole_account_costs_in_a_month(budget: dict[str, Any]) -> None:
    assert budget["Budget"] == {
        "BudgetLimit": {"Amount": 20, "Unit": "USD"},
        "BudgetType": "COST",
        "TimeUnit": "MONTHLY",
    }


def test_it_mails_at_half_and_at_all_of_the_sum(budget: dict[str, Any]) -> None:
    assert budget["NotificationsWithSubscribers"] == [
        {
            "Notification": {"NotificationType": "ACTUAL", "ComparisonOperator": "GREATER_THAN", "Threshold": percent},
            "Subscribers": [{"SubscriptionType": "EMAIL", "Address": "you@example.com"}],
        }
        for percent in (50, 100)
    ]
