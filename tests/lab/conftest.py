"""A local AWS for the tests, with both stacks deployed in it."""

import json
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import boto3
import pytest

from lab import local
from lab.deployed import Deployed


@pytest.fixture(scope="session")
def local_aws(tmp_path_factory: pytest.TempPathFactory) -> Iterator[local.Server]:
    """Start a local AWS and point this process at it."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(local, "HOME", tmp_path_factory.mktemp("local-aws"))
        server = local.start()
        for name, value in local.environment(server).items():
            patch.setenv(name, value)
        yield server
        local.stop()


@pytest.fixture(scope="session")
def deploy(local_aws: local.Server, assembly: Callable[..., Path]) -> Callable[..., Deployed]:  # noqa: ARG001
    """Give a function that deploys a stack, by the API alone: the CDK CLI has tests of its own."""

    def create(stack: str, **settings: object) -> Deployed:
        template: dict[str, Any] = json.loads((assembly(**settings) / f"{stack}.template.json").read_text())
        cloudformation = boto3.client("cloudformation")
        cloudformation.create_stack(
            StackName=stack, TemplateBody=json.dumps(template), Capabilities=["CAPABILITY_NAMED_IAM"]
        )
        cloudformation.get_waiter("stack_create_complete").wait(StackName=stack, WaiterConfig={"Delay": 1})
        return Deployed(stack)

    return create


@pytest.fixture(scope="session")
def learning_stack(deploy: Callable[..., Deployed]) -> Deployed:
    return deploy("LearningStack", private_host=True, admin_cidr="203.0.113.7/32")


@pytest.fixture(scope="session")
def operators_stack(deploy: Callable[..., Deployed]) -> Deployed:
    return deploy("OperatorsStack", operators=("alice", "bob"))
