"""A local AWS for tests, and deploys into it: what tests/local_aws, tests/cli and tests/boot need beside templates."""

import json
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import boto3
import pytest

from lab.local_aws import lifecycle
from lab.template.deployed import Deployed, new_session

QUOTAS = ("elastic-ips=50", "vcpu=200", "vpcs=50", "internet-gateways=50", "nat-gateways=50")


@contextmanager
def local_aws_in(folder: Path, *, quotas: Sequence[str] = QUOTAS) -> Iterator[lifecycle.Server]:
    """Start a local AWS with its state in a folder, and point this process at it.

    It grants more than a new account has: many tests share it.
    """
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(lifecycle, "HOME", folder)
        patch.setattr(boto3, "DEFAULT_SESSION", None)  # it remembers the credentials of another server
        server = lifecycle.start(quotas=quotas)
        for name, value in lifecycle.environment(server).items():
            patch.setenv(name, value)
        yield server
        lifecycle.stop()


def deployer(assembly: Callable[..., Path], there: dict[str, dict[str, Any]] | None = None) -> Callable[..., Deployed]:
    """Return a function that deploys a stack, by the API alone: the CDK CLI has tests of its own.

    ``there`` has the templates of the stacks that are deployed. Default: none are.
    """
    there = {} if there is None else there

    def create_or_update(stack: str, **settings: object) -> Deployed:
        folder = assembly(**settings)
        wanted = json.loads((folder / f"{stack}.template.json").read_text())
        if there.get(stack) != wanted:
            cloudformation = boto3.client("cloudformation")
            change = cloudformation.update_stack if stack in there else cloudformation.create_stack
            manifest = json.loads((folder / "manifest.json").read_text())
            tags = manifest["artifacts"][stack]["properties"]["tags"].items()
            change(
                StackName=stack,
                TemplateBody=json.dumps(wanted),
                Capabilities=["CAPABILITY_NAMED_IAM"],
                Tags=[{"Key": key, "Value": value} for key, value in tags],
            )
            if stack in there:
                cloudformation.get_waiter("stack_update_complete").wait(StackName=stack)
            else:
                cloudformation.get_waiter("stack_create_complete").wait(StackName=stack)
            there[stack] = wanted
        return Deployed(stack)

    return create_or_update


def deployed_in(account: str, template: dict[str, Any]) -> Deployed:
    """Deploy another LearningStack, in an account of its own: names are unique in one."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("AWS_ACCESS_KEY_ID", account)
        cloudformation = new_session().client("cloudformation")
        body = json.dumps(template)
        cloudformation.create_stack(StackName="LearningStack", TemplateBody=body, Capabilities=["CAPABILITY_NAMED_IAM"])
        waiter = cloudformation.get_waiter("stack_create_complete")
        waiter.wait(StackName="LearningStack", WaiterConfig={"Delay": 1})
        return Deployed("LearningStack")


@pytest.fixture(scope="session")
def local_aws(tmp_path_factory: pytest.TempPathFactory) -> Iterator[lifecycle.Server]:
    """Start the local AWS that most tests share."""
    with local_aws_in(tmp_path_factory.mktemp("local-aws")) as server:
        yield server


@pytest.fixture(scope="session")
def deploy(local_aws: lifecycle.Server, assembly: Callable[..., Path]) -> Callable[..., Deployed]:  # noqa: ARG001
    """Give a function that deploys a stack into the shared local AWS."""
    return deployer(assembly)
