"""The fast machine ends, well or badly: after its boot the mount works, and no closed file is lost."""

import time
from collections.abc import Callable

import pytest

from lab.rehearsal import processes
from lab.rehearsal.rehearsal import Rehearsal
from tests.boot.file_writer import FileWriter
from tests.pace import slowness

pytestmark = pytest.mark.boot
# The promise is 30 s; what a slow machine needs to boot comes on top.
MEND_SECONDS, BOOT_SECONDS = 30, 30
# Run on the machine: stops each s3fs of this boot as soon as it is there, until it has got one.
FREEZE = """[Service]
ExecStart=/bin/sh -c "until pkill -STOP -x s3fs; do sleep 0.05; done"
[Install]
WantedBy=multi-user.target
"""


def reboot(bastion: Rehearsal) -> None:
    bastion.machine.reboot()


def cut_the_power(bastion: Rehearsal) -> None:
    bastion.machine.power_off()
    bastion.machine.start()
    bastion.machine.wait_for_boot()


@pytest.mark.parametrize("end", [reboot, cut_the_power])
def test_ends_while_writing(writer: FileWriter, end: Callable[[Rehearsal], None]) -> None:
    """In the middle of a big file, which nobody closed."""
    bastion = writer.bastion
    big = bastion.machine.ssh(f"head -c 1G /dev/zero | dd bs=1M of={bastion.bastion.mount_point}/big")
    writing = processes.spawn(big, log=bastion.folder / "big.log")
    time.sleep(3)
    began = time.monotonic()
    end(bastion)
    processes.end(writing)
    what = f"{end.__name__.replace('_', ' ')} while writing (boot included)"
    writer.require_no_loss(what, since=began, within=MEND_SECONDS + BOOT_SECONDS)


def test_power_cut_while_idle(writer: FileWriter) -> None:
    writer.stop()
    began = time.monotonic()
    cut_the_power(writer.bastion)
    what = "cut the power while idle (boot included)"
    writer.require_no_loss(what, since=began, within=MEND_SECONDS + BOOT_SECONDS)


def test_s3fs_hangs(writer: FileWriter) -> None:
    machine = writer.bastion.machine
    unit = "/etc/systemd/system/freeze.service"
    machine.output(f"echo '{FREEZE}' | sudo tee {unit} && sudo systemctl enable freeze")
    reboot(writer.bastion)
    try:
        stopped = "ps -o stat= -C s3fs"
        machine.wait_for(
            lambda: machine.run(stopped).text.startswith("T"), "s3fs does not hang", seconds=BOOT_SECONDS * slowness()
        )
    finally:
        machine.output(f"sudo systemctl disable freeze && sudo rm {unit}")
    began = time.monotonic()
    writer.require_no_loss("at boot: s3fs gets SIGSTOP at once", since=began, within=MEND_SECONDS)
