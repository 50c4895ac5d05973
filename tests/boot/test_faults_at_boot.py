"""What is away while the fast machine boots: each fault ends with the mount working and no closed file lost.

The machine must mend by itself what a fault broke within ``MEND_SECONDS`` after the fault is over. Files are written
until each reboot.
"""

import time

import pytest

from tests.boot.file_writer import FileWriter

pytestmark = pytest.mark.boot
# The promise is 30 s; what a slow machine needs to boot comes on top.
MEND_SECONDS, BOOT_SECONDS = 30, 30


@pytest.mark.parametrize(
    ("services", "fault", "seconds"),
    [
        ("metadata", "refuse", 60),
        ("metadata", "drop", 20),
        ("s3", "refuse", 30),
        ("s3", "drop", 30),
        ("s3", "error", 30),
        ("metadata and s3", "drop", 30),
        ("packages", "no names", 30),
    ],
)
def test_service_is_away(writer: FileWriter, services: str, fault: str, seconds: int) -> None:
    over = time.monotonic() + seconds
    for service in services.split(" and "):
        getattr(writer.bastion, service).faults.set(fault=fault, seconds=seconds)
    writer.bastion.machine.reboot()
    what = f"at boot: {services}: {fault} for {seconds} s"
    writer.require_no_loss(what, since=over, within=MEND_SECONDS + BOOT_SECONDS)


def test_right_comes_late(writer: FileWriter) -> None:
    """The role has no ListBucket at boot, and is granted it later."""
    bastion = writer.bastion
    bastion.s3.faults.set(deny=["s3:ListBucket"])
    bastion.machine.reboot()
    time.sleep(20)
    assert not bastion.is_mounted()
    bastion.s3.faults.set()
    writer.require_no_loss("at boot: no ListBucket for a while", since=time.monotonic(), within=MEND_SECONDS)
