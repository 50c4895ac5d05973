"""What goes wrong at the first boot of the fast machine, a new one for each test."""

import contextlib
import time
from collections.abc import Iterator

import pytest

from lab.rehearsal import machines, processes
from lab.rehearsal.nspawn import BRIDGE
from lab.rehearsal.rehearsal import Rehearsal
from lab.terminal.problem import ProblemError
from tests.boot.conftest import Stage
from tests.boot.file_writer import Recoveries
from tests.pace import slowness

pytestmark = pytest.mark.boot
# The promise is 30 s; what a slow machine needs to boot and to install s3fs comes on top.
MEND_SECONDS, BOOT_SECONDS = 30, 60
NETWORK = "[Match]\nName=host0\n[Network]\nDHCP=ipv4\nLinkLocalAddressing=no\n"


def boots_well(rehearsal: Rehearsal, recoveries: Recoveries, what: str, *, over: float) -> None:
    """Wait for the mount after a fault that is over at a certain moment, and for the end of the first boot."""
    rehearsal.machine.wait_for_boot()
    allowed = (MEND_SECONDS + BOOT_SECONDS) * slowness()
    taken = rehearsal.wait_for_mount(seconds=max(over - time.monotonic(), 0) + allowed)
    assert taken > 0
    recoveries.append((f"at first boot: {what}", time.monotonic() - over, None))
    assert "status: done" in rehearsal.wait_for_first_boot()


def test_packages_come_late(stage: Stage, recoveries: Recoveries) -> None:
    with stage("nspawn") as rehearsal:
        rehearsal.packages.faults.set(fault="refuse", seconds=60)
        over = time.monotonic() + 60
        rehearsal.machine.start()
        boots_well(rehearsal, recoveries, "packages refused for 60 s", over=over)


def test_internet_comes_late(stage: Stage, recoveries: Recoveries) -> None:
    """The Elastic IP comes only once the bastion runs: until then only metadata and S3 are there."""
    with stage("nspawn") as rehearsal:
        rehearsal.packages.faults.set(fault="drop", seconds=60)
        rehearsal.s3.faults.set(fault="no internet", seconds=60)
        over = time.monotonic() + 60
        rehearsal.machine.start()
        boots_well(rehearsal, recoveries, "no internet for 60 s", over=over)


@contextlib.contextmanager
def address_server(rehearsal: Rehearsal) -> Iterator[None]:
    process = processes.spawn(
        [
            *("dnsmasq", "--conf-file=/dev/null", "--keep-in-foreground", "--user=root", "--port=0", "--leasefile-ro"),
            *(f"--interface={BRIDGE}", "--bind-interfaces", "--log-facility=-", "--pid-file="),
            f"--dhcp-range={machines.ADDRESS},{machines.ADDRESS},255.255.0.0",
            f"--dhcp-option=option:dns-server,{machines.AWS_ADDRESS}",
        ],
        enter=rehearsal.machine.isolation.enter,
        log=rehearsal.folder / "dhcp.log",
    )
    try:
        yield
    finally:
        processes.end(process)


def test_address_comes_late(stage: Stage, recoveries: Recoveries) -> None:
    """The fast machine has a fixed address; here it asks for one, as on EC2, and for 20 s nobody answers."""
    try:
        processes.require_commands("dnsmasq")
    except ProblemError as error:
        pytest.skip(str(error))
    with stage("nspawn") as rehearsal:
        (rehearsal.folder / "upper/etc/systemd/network/10-host0.network").write_text(NETWORK)
        rehearsal.machine.start()
        time.sleep(20)
        assert not rehearsal.machine.boot_id(), "it has an address already"
        with address_server(rehearsal):
            boots_well(rehearsal, recoveries, "no answer to DHCP for 20 s", over=time.monotonic())
