"""A bastion to boot: of templates made in this process, deployed into a local AWS of the tests' own."""

import contextlib
import os
import re
import tempfile
from collections.abc import Callable, Generator, Iterator
from contextlib import AbstractContextManager
from pathlib import Path
from typing import Any

import boto3
import pytest

from lab.rehearsal import isolation, processes, proofs
from lab.rehearsal.rehearsal import Changes, MachineName, Rehearsal
from lab.template.deployed import Deployed
from lab.terminal.problem import ProblemError
from tests.boot.file_writer import FileWriter, Recoveries

# The file that names the tests which missed a time: they are run once more, alone, by `make test-boot`, which sets it.
AGAIN = "BOOT_TESTS_AGAIN"
MISSED = re.compile(r" after [\d.e+]+ s\b|no answer for [\d.e+]+ s")
RECOVERIES = pytest.StashKey[Recoveries]()
Stage = Callable[..., AbstractContextManager[Rehearsal]]
COMMANDS = ("apt-ftparchive", "ip", "mke2fs", "mmdebstrap", "qemu-system-x86_64", "ssh", "systemd-nspawn", "unshare")


def pytest_configure(config: pytest.Config) -> None:
    config.addinivalue_line("markers", "boot: really boots a machine; needs root, several packages and minutes")


@pytest.hookimpl(hookwrapper=True)
def pytest_runtest_makereport(item: pytest.Item, call: pytest.CallInfo[None]) -> Generator[None, Any, None]:
    """Put a test that missed a time off until it is alone, where somebody runs it again. All else is a failure."""
    report = (yield).get_result()
    names = os.environ.get(AGAIN)
    error = call.excinfo.value if call.excinfo else None
    if names and isinstance(error, ProblemError) and MISSED.search(str(error)):
        with Path(names).open("a") as file:
            file.write(f"{item.nodeid}\n")
        path, line, _ = item.location
        report.outcome = "skipped"
        report.longrepr = (path, line or 0, f"missed a time, is run once more, alone: {error}")


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter, config: pytest.Config) -> None:
    """Print how long the machine took to mend what the tests broke."""
    if measured := config.stash.get(RECOVERIES, []):
        terminalreporter.section("measured")
        for what, seconds, lost in measured:
            bytes_lost = "" if lost is None else f"{lost:6} bytes lost"
            terminalreporter.write_line(f"{seconds:7.1f} s {bytes_lost:17}  {what}")


@pytest.fixture(scope="session")
def recoveries(pytestconfig: pytest.Config) -> Recoveries:
    """Give the list of what is printed at the end."""
    return pytestconfig.stash.setdefault(RECOVERIES, [])


def why_not() -> str:
    """Return what this machine lacks for booting another one."""
    if os.geteuid():
        return "booting needs root"
    if not Path("/dev/fuse").exists():
        return "s3fs needs /dev/fuse"
    try:
        processes.require_commands(*COMMANDS)
        with tempfile.TemporaryDirectory() as folder:
            isolation.Isolation(Path(folder)).close()  # root in a container may not be allowed this
    except ProblemError as error:
        return str(error)
    return ""


@pytest.fixture(scope="session")
def bootable() -> None:
    """Skip where no machine can be booted."""
    if reason := why_not():
        pytest.skip(reason)


@pytest.fixture(scope="session")
def stage(
    bootable: None,  # noqa: ARG001
    deploy: Callable[..., Deployed],
    tmp_path_factory: pytest.TempPathFactory,
) -> Stage:
    """Give a function that sets up a rehearsal of the bastion, as deployed with these settings."""
    # The logs stay where pytest keeps such things for a while.
    runs = tmp_path_factory.mktemp("rehearsals")

    @contextlib.contextmanager
    def set_up(machine: MachineName, changes: Changes | None = None, **settings: object) -> Iterator[Rehearsal]:
        deployed = deploy("LearningStack", **settings)
        with Rehearsal(machine, changes=changes, runs=runs, keep=True) as rehearsal:
            yield rehearsal
            _empty(deployed.outputs["BucketName"])

    return set_up


@pytest.fixture(params=proofs.PROOFS, ids=lambda proof: proof.look.__name__.strip("_"))
def proof(request: pytest.FixtureRequest) -> proofs.Proof:
    found: proofs.Proof = request.param
    return found


@pytest.fixture(scope="module")
def fast_bastion(stage: Stage) -> Iterator[Rehearsal]:
    """Boot the fast machine once; each test leaves it mounted."""
    with stage("nspawn") as rehearsal:
        rehearsal.boot()
        rehearsal.wait_for_first_boot()
        yield rehearsal


@pytest.fixture
def writer(fast_bastion: Rehearsal, recoveries: Recoveries) -> Iterator[FileWriter]:
    """Have somebody write. What an earlier test could not mend is mended by a reboot."""
    if not fast_bastion.is_mounted():
        fast_bastion.reboot()
    writer = FileWriter(fast_bastion, recoveries)
    yield writer
    writer.stop()


def _empty(bucket: str) -> None:
    """Leave nothing to the next machine."""
    client = boto3.client("s3")
    for page in client.get_paginator("list_objects_v2").paginate(Bucket=bucket):
        for found in page.get("Contents", []):
            client.delete_object(Bucket=bucket, Key=found["Key"])
