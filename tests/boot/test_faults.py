"""What breaks a mount, on the fast machine: each fault ends with the mount working again and no closed file lost.

What a fault broke must be mended by the machine itself within ``MEND_SECONDS`` after the fault is over. How long each
took is printed at the end.
"""

import secrets
import time
from collections.abc import Iterator

import pytest

from lab.rehearsal.rehearsal import Rehearsal
from tests.boot.conftest import Recoveries, Stage

pytestmark = pytest.mark.boot
# The promise is 30 s; what a slow machine needs to boot comes on top where the fault is at boot.
MEND_SECONDS, BOOT_SECONDS = 30, 30
NOTICE_SECONDS = 60
LOOK_SECONDS = 12  # until the machine itself has looked once at a mount that is new


@pytest.fixture(scope="module")
def bastion(stage: Stage) -> Iterator[Rehearsal]:
    """Boot it once; each test leaves it mounted."""
    with stage("nspawn") as rehearsal:
        rehearsal.boot()
        rehearsal.wait_for_first_boot()
        yield rehearsal


@pytest.fixture(autouse=True)
def closed_file(request: pytest.FixtureRequest) -> Iterator[None]:
    """Leave a file before the fault, and find it after. What an earlier test could not mend is mended by a reboot."""
    if "bastion" not in request.fixturenames:
        yield
        return
    bastion: Rehearsal = request.getfixturevalue("bastion")
    if not bastion.is_mounted():
        bastion.reboot()
    text = secrets.token_hex(8)
    path = f"{bastion.bastion.mount_point}/closed-{text}"
    bastion.machine.output(f"echo {text} | dd status=none of={path}")
    yield
    assert bastion.machine.output(f"cat {path}") == text
    bastion.machine.output(f"echo {text} | dd status=none of={path}-after && rm {path} {path}-after")


def mended(bastion: Rehearsal, since: float, within: float) -> float:
    """Wait for the mount; return the seconds since a moment."""
    bastion.wait_for_mount(seconds=max(since - time.monotonic(), 0) + within)
    return time.monotonic() - since


def noticed(bastion: Rehearsal) -> None:
    """Wait until a fault is felt."""
    bastion.machine.wait_for(
        lambda: not bastion.is_mounted(), "The mount is as if nothing had happened", seconds=NOTICE_SECONDS
    )


@pytest.mark.parametrize(
    ("service", "fault", "seconds"),
    [
        ("metadata", "refuse", 60),
        ("metadata", "drop", 20),
        ("s3", "refuse", 30),
        ("s3", "drop", 30),
        ("s3", "error", 30),
    ],
)
def test_fault_at_boot(bastion: Rehearsal, recoveries: Recoveries, service: str, fault: str, seconds: int) -> None:
    before = bastion.machine.boot_id()
    over = time.monotonic() + seconds
    getattr(bastion, service).panel.set(fault=fault, seconds=seconds)
    bastion.machine.run("sudo systemctl reboot", seconds=20)
    bastion.machine.wait_for_boot(before=before)
    taken = mended(bastion, over, MEND_SECONDS + BOOT_SECONDS)
    recoveries.append((f"at boot: {service} {fault} for {seconds} s", taken))
    bastion.wait_for_first_boot()


@pytest.mark.parametrize(
    ("service", "fault", "seconds"), [("s3", "refuse", 30), ("s3", "drop", 30), ("metadata", "refuse", 30)]
)
def test_fault_at_work(bastion: Rehearsal, recoveries: Recoveries, service: str, fault: str, seconds: int) -> None:
    over = time.monotonic() + seconds
    getattr(bastion, service).panel.set(fault=fault, seconds=seconds)
    time.sleep(seconds)
    taken = mended(bastion, over, MEND_SECONDS)
    recoveries.append((f"at work: {service} {fault} for {seconds} s", taken))


@pytest.mark.parametrize("signal", ["KILL", "STOP", "TERM"])
def test_s3fs_ends_or_hangs(bastion: Rehearsal, recoveries: Recoveries, signal: str) -> None:
    time.sleep(LOOK_SECONDS)
    began = time.monotonic()
    bastion.machine.output(f"sudo pkill -{signal} -x s3fs")
    noticed(bastion)
    taken = mended(bastion, began, MEND_SECONDS)
    recoveries.append((f"at work: s3fs gets SIG{signal}", taken))


def test_unmounted_by_hand(bastion: Rehearsal, recoveries: Recoveries) -> None:
    began = time.monotonic()
    bastion.machine.output(f"sudo umount -l {bastion.bastion.mount_point}")
    noticed(bastion)
    recoveries.append(("at work: unmounted by hand", mended(bastion, began, MEND_SECONDS)))


def test_power_cut(bastion: Rehearsal, recoveries: Recoveries) -> None:
    bastion.machine.power_off()
    began = time.monotonic()
    bastion.machine.start()
    bastion.machine.wait_for_boot()
    recoveries.append(("power cut while idle (boot included)", mended(bastion, began, MEND_SECONDS + BOOT_SECONDS)))


def test_right_comes_late(bastion: Rehearsal, recoveries: Recoveries) -> None:
    """The role has no ListBucket at boot, and is granted it later."""
    bastion.s3.panel.set(deny=["s3:ListBucket"])
    bastion.machine.reboot()
    time.sleep(20)
    bastion.s3.panel.set()
    recoveries.append(("at boot: no ListBucket for a while", mended(bastion, time.monotonic(), MEND_SECONDS)))


def test_packages_come_late(stage: Stage, recoveries: Recoveries) -> None:
    """At its first boot the bastion has no internet for a while: its Elastic IP comes only once it runs."""
    with stage("nspawn") as rehearsal:
        rehearsal.packages.panel.set(fault="refuse", seconds=60)
        over = time.monotonic() + 60
        rehearsal.machine.start()
        rehearsal.machine.wait_for_boot()
        taken = mended(rehearsal, over, MEND_SECONDS + BOOT_SECONDS)
        recoveries.append(("at first boot: no packages for 60 s", taken))
        assert "status: done" in rehearsal.wait_for_first_boot()
