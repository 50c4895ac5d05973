"""Who keeps the bucket mounted is ended, or doubled, on the fast machine: the machine mends that by itself as well."""

import time

import pytest

from tests.boot.file_writer import FileWriter, noticed
from tests.pace import slowness

pytestmark = pytest.mark.boot
MEND_SECONDS = 30
LOOK_SECONDS = 12  # until the machine itself has looked once at a mount that is new


@pytest.mark.parametrize(
    "command",
    [
        "pkill -KILL -x keep-s3-mounted",
        "pkill -TERM -x keep-s3-mounted",
        "pkill -KILL -x s3fs; pkill -KILL -x keep-s3-mounted",
        "pkill -STOP -x s3fs; pkill -KILL -x keep-s3-mounted",
        "systemctl kill --signal=KILL rc-local",
        "systemctl restart rc-local",
    ],
)
def test_the_keeper_ends(writer: FileWriter, command: str) -> None:
    """Who mends the mount is mended too: afterwards, s3fs is again mounted again."""
    machine = writer.bastion.machine
    began = time.monotonic()
    machine.output(f"sudo sh -c '{command}'")
    machine.wait_for(
        lambda: machine.run("pgrep -x keep-s3-mounted").ok,
        "Nobody keeps the bucket mounted",
        seconds=MEND_SECONDS * slowness(),
    )
    writer.require_no_loss(f"at work: {command}", since=began, within=MEND_SECONDS)
    machine.output("sudo pkill -KILL -x s3fs")
    writer.wait_until_it_works(MEND_SECONDS)


def test_rc_local_is_run_by_hand(writer: FileWriter) -> None:
    """As a learner may: the second keeper does not take the mount away from the first."""
    machine = writer.bastion.machine
    before = machine.output("pgrep -x s3fs")
    machine.output("sudo systemd-run --quiet --property=Type=forking --unit=by-hand /etc/rc.local")
    time.sleep(LOOK_SECONDS)
    assert machine.output("pgrep -x s3fs") == before
    machine.output("sudo pkill -KILL -x s3fs")
    began = time.monotonic()
    noticed(writer)
    writer.require_no_loss("at work: s3fs gets SIGKILL, with two to mend it", since=began, within=MEND_SECONDS)
    machine.output("sudo systemctl stop by-hand")
    writer.wait_until_it_works(MEND_SECONDS)
