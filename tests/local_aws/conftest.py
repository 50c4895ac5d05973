"""A local AWS for each worker, and the stacks in it that most tests share."""

from collections.abc import Callable

import pytest

from lab.template.deployed import Deployed


@pytest.fixture(scope="session")
def learning_stack(deploy: Callable[..., Deployed]) -> Deployed:
    return deploy(
        "LearningStack",
        private_host=True,
        admin_cidr="203.0.113.7/32",
        stop_at="19:00",
        start_at="09:00",
        time_zone="Asia/Tokyo",
    )


@pytest.fixture(scope="session")
def operators_stack(deploy: Callable[..., Deployed]) -> Deployed:
    return deploy("OperatorsStack", operators=("alice", "bob"))


@pytest.fixture(scope="session")
def budget_stack(deploy: Callable[..., Deployed]) -> Deployed:
    return deploy("BudgetStack", monthly_budget_usd=20, alert_email="you@example.com")
