"""Stacks and templates for the tests: made in this process, each one once, with no credentials and no network."""

import json
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import cache
from pathlib import Path
from typing import Any

import aws_cdk as cdk
import boto3
import pytest

from lab.deployed import Deployed
from lab.local_aws import lifecycle
from stacks.build import build
from stacks.settings import Settings

ROOT = Path(__file__).parent.parent
BIN = Path(sys.executable).parent
# With its feature flags: they change templates.
CONTEXT = json.loads((ROOT / "cdk.json").read_text())["context"]

QUOTAS = ("elastic-ips=50", "vcpu=200", "vpcs=50", "internet-gateways=50", "nat-gateways=50")

# What a setting needs beside it, to be allowed or to have an effect.
COMPANIONS: dict[str, dict[str, Any]] = {
    "time_zone": {"stop_at": "19:00"},
    "monthly_budget_usd": {"alert_email": "you@example.com"},
    "alert_email": {"monthly_budget_usd": 20},
}


@pytest.fixture(scope="session", autouse=True)
def no_aws_account() -> Iterator[None]:
    """Hide the credentials and the configuration of whoever runs the tests."""
    with pytest.MonkeyPatch.context() as patch:
        for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY", "AWS_SESSION_TOKEN", "AWS_PROFILE"):
            patch.delenv(name, raising=False)
        for name in ("AWS_CONFIG_FILE", "AWS_SHARED_CREDENTIALS_FILE"):
            patch.setenv(name, "/dev/null")
        patch.setenv("AWS_EC2_METADATA_DISABLED", "true")
        yield


@pytest.fixture(scope="session")
def new_app(tmp_path_factory: pytest.TempPathFactory) -> Callable[[], cdk.App]:
    """Give a function that makes an app as app.py does, but without the CDK's own slow validation of templates."""

    def make() -> cdk.App:
        folder = tmp_path_factory.mktemp("cdk.out")
        return cdk.App(context=CONTEXT, outdir=str(folder), builtin_cloud_formation_validation=False)

    return make


@pytest.fixture(scope="session")
def plain_stack(new_app: Callable[[], cdk.App]) -> Callable[[], cdk.Stack]:
    """Give a function that makes somebody else's stack: each construct of ours must work in it alone."""
    return lambda: cdk.Stack(new_app(), "SomebodyElses")


@pytest.fixture(scope="session")
def assembly(new_app: Callable[[], cdk.App]) -> Callable[..., Path]:
    """Give a function from settings to the folder with all templates, as app.py makes it."""

    @cache
    def synthesise(settings: Settings) -> Path:
        assert settings.mistakes() == []
        app = new_app()
        build(app, settings)
        return Path(app.synth().directory)

    return lambda **settings: synthesise(Settings(**settings))


@pytest.fixture(scope="session")
def template(assembly: Callable[..., Path]) -> Callable[..., dict[str, Any]]:
    """Give a function from settings to a template."""

    def read(stack: str = "LearningStack", **settings: object) -> dict[str, Any]:
        content: dict[str, Any] = json.loads((assembly(**settings) / f"{stack}.template.json").read_text())
        return content

    return read


@contextmanager
def local_aws_in(folder: Path) -> Iterator[lifecycle.Server]:
    """Start a local AWS with its state in a folder, and point this process at it.

    It grants more than a new account has: many tests share it.
    """
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(lifecycle, "HOME", folder)
        patch.setattr(boto3, "DEFAULT_SESSION", None)  # it remembers the credentials of another server
        server = lifecycle.start(quotas=QUOTAS)
        for name, value in lifecycle.environment(server).items():
            patch.setenv(name, value)
        yield server
        lifecycle.stop()


def deployer(assembly: Callable[..., Path]) -> Callable[..., Deployed]:
    """Return a function that deploys a stack, by the API alone: the CDK CLI has tests of its own."""
    there: dict[str, dict[str, Any]] = {}

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
                cloudformation.get_waiter("stack_update_complete").wait(StackName=stack, WaiterConfig={"Delay": 1})
            else:
                cloudformation.get_waiter("stack_create_complete").wait(StackName=stack, WaiterConfig={"Delay": 1})
            there[stack] = wanted
        return Deployed(stack)

    return create_or_update


@pytest.fixture(scope="session")
def local_aws(tmp_path_factory: pytest.TempPathFactory) -> Iterator[lifecycle.Server]:
    """Start the local AWS that most tests share."""
    with local_aws_in(tmp_path_factory.mktemp("local-aws")) as server:
        yield server


@pytest.fixture(scope="session")
def deploy(local_aws: lifecycle.Server, assembly: Callable[..., Path]) -> Callable[..., Deployed]:  # noqa: ARG001
    """Give a function that deploys a stack into the shared local AWS."""
    return deployer(assembly)
