"""Budgets. Names, words and thresholds: ministack refuses them itself."""

import re
from typing import Any

from lab.local_aws.rules.rule import Asked, rule

CREATE = "https://docs.aws.amazon.com/aws-cost-management/latest/APIReference/API_budgets_CreateBudget.html"


def _subscribers(asked: Asked) -> list[Any]:
    listed = asked.get("NotificationsWithSubscribers") or []
    return [each for one in listed if isinstance(one, dict) for each in one.get("Subscribers") or []]


@rule("budgets.email", "CreateBudget", code="InvalidParameterException", source=CREATE)
def _email(asked: Asked) -> str | None:
    for each in _subscribers(asked):
        if each.get("SubscriptionType") == "EMAIL" and not re.fullmatch(r"[^@\s]+@[^@\s]+\.[^@\s]+", each["Address"]):
            return f"{each['Address']} is not a valid email address"
    return None


@rule("budgets.limit", "CreateBudget", "UpdateBudget", code="InvalidParameterException", source=CREATE)
def _limit(asked: Asked) -> str | None:
    budget: Any = asked.get("Budget") or asked.get("NewBudget") or {}
    amount = (budget.get("BudgetLimit") or {}).get("Amount")
    right = amount is None or (re.fullmatch(r"\d*\.?\d+", str(amount)) and float(amount) > 0)
    return None if right else "Budget limit must be a number greater than 0"
