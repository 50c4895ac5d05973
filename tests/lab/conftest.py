"""Both stacks, deployed in a local AWS."""

from collections.abc import Callable

import pytest

from lab.deployed import Deployed


@pytest.fixture(scope="session")
def learning_stack(deploy: Callable[..., Deployed]) -> Deployed:
    return deploy("LearningStack", private_host=True, admin_cidr="203.0.113.7/32")


@pytest.fixture(scope="session")
def operators_stack(deploy: Callable[..., Deployed]) -> Deployed:
    return deploy("OperatorsStack", operators=("alice", "bob"))
