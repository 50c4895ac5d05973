"""Stacks and templates for the tests: made in this process, each one once, with no credentials and no network."""

import json
import os
import re
import sys
from collections.abc import Callable, Iterator
from functools import cache
from pathlib import Path
from typing import Any

import aws_cdk as cdk
import botocore.session
import pytest
from botocore.loaders import Loader, create_loader
from botocore.waiter import Waiter
from xdist.scheduler import LoadFileScheduling

from stacks.build import build
from stacks.settings import Settings
from tests.local_aws.server import deploy, local_aws

# One for all tests of a process: two would each point it elsewhere, for as long as it lives.
__all__ = ["deploy", "local_aws"]

ROOT = Path(__file__).parent.parent
BIN = Path(sys.executable).parent
# With its feature flags: they change templates.
CONTEXT = json.loads((ROOT / "cdk.json").read_text())["context"]

# What a setting needs beside it, to be allowed or to have an effect.
COMPANIONS: dict[str, dict[str, Any]] = {
    "time_zone": {"stop_at": "19:00"},
    "monthly_budget_usd": {"alert_email": "you@example.com"},
    "alert_email": {"monthly_budget_usd": 20},
}


class ByFile(LoadFileScheduling):  # type: ignore[misc]  # xdist is untyped
    """Lets the tests of a file run in one process, as they share what they deploy; each ``part`` of one by itself."""

    def _split_scope(self, nodeid: str) -> str:
        part = re.search(r"part\d", nodeid)
        return part[0] if part else str(super()._split_scope(nodeid))


def pytest_configure() -> None:
    """Have all that tests read in English, whatever the language of the shell."""
    os.environ["LAB_LANG"] = "en"


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Begin with the parts: they take longest."""
    items.sort(key=lambda item: "[part" not in item.nodeid)


def pytest_xdist_make_scheduler(config: pytest.Config, log: object) -> ByFile:
    """Give xdist its scheduler; loadgroup, which could do the same, finds no marks in pytest 9.2 (xdist 3.8)."""
    return ByFile(config, log)


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


@pytest.fixture(scope="session", autouse=True)
def quick_boto3() -> Iterator[None]:
    """Have all sessions of this process read botocore's descriptions of services once, and waiters look often."""
    loaders = cache(create_loader)

    def shared(data_path: str | None = None) -> Loader:
        loader = loaders(data_path)
        del loader.search_paths[len(create_loader(data_path).search_paths) :]  # each session adds to them
        return loader

    wait = Waiter.wait

    def often(waiter: Waiter, **given: Any) -> None:
        given["WaiterConfig"] = {"Delay": 0.05, "MaxAttempts": 2400}
        wait(waiter, **given)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(botocore.session, "create_loader", shared)
        patch.setattr(Waiter, "wait", often)
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
