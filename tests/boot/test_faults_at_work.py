"""What breaks a mount at any later time, on the fast machine: each ends with it working again, no closed file lost.

The machine must mend by itself what a fault broke within ``MEND_SECONDS`` after the fault, or after its end.
"""

import time
from collections.abc import Iterator

import pytest

from lab.rehearsal.rehearsal import Rehearsal
from tests.boot.conftest import Recoveries
from tests.boot.witness import Witness

pytestmark = pytest.mark.boot
MEND_SECONDS = 30
NOTICE_SECONDS = 60
LOOK_SECONDS = 12  # until the machine itself has looked once at a mount that is new


@pytest.fixture
def witness(fast_bastion: Rehearsal, recoveries: Recoveries) -> Iterator[Witness]:
    """Have somebody write. What an earlier test could not mend is mended by a reboot."""
    if not fast_bastion.is_mounted():
        fast_bastion.reboot()
    witness = Witness(fast_bastion, recoveries)
    yield witness
    witness.stop()


def noticed(bastion: Rehearsal) -> None:
    """Wait until a fault is felt."""
    bastion.machine.wait_for(
        lambda: not bastion.is_mounted(), "The mount is as if nothing had happened", seconds=NOTICE_SECONDS
    )


@pytest.mark.parametrize(
    ("services", "fault"),
    [
        ("s3", "refuse"),
        ("s3", "drop"),
        ("s3", "error"),
        ("metadata", "refuse"),
        ("metadata and s3", "drop"),
        ("packages", "no names"),
    ],
)
def test_service_is_away(witness: Witness, services: str, fault: str) -> None:
    seconds = 30
    over = time.monotonic() + seconds
    for service in services.split(" and "):
        getattr(witness.bastion, service).panel.set(fault=fault, seconds=seconds)
    time.sleep(seconds)
    witness.testify(f"at work: {services}: {fault} for {seconds} s", since=over, within=MEND_SECONDS)


@pytest.mark.parametrize("signal", ["KILL", "STOP", "TERM"])
def test_s3fs_ends_or_hangs(witness: Witness, signal: str) -> None:
    time.sleep(LOOK_SECONDS)
    began = time.monotonic()
    witness.bastion.machine.output(f"sudo pkill -{signal} -x s3fs")
    noticed(witness.bastion)
    witness.testify(f"at work: s3fs gets SIG{signal}", since=began, within=MEND_SECONDS)


def test_s3fs_hangs_as_soon_as_it_runs(witness: Witness) -> None:
    witness.bastion.machine.output(
        "sudo sh -c 'pkill -KILL -x s3fs; sleep 1; until pkill -STOP -x s3fs; do sleep 0.05; done'"
    )
    witness.testify("at work: s3fs gets SIGSTOP at once", since=time.monotonic(), within=MEND_SECONDS)


def test_s3fs_ends_again_and_again(witness: Witness) -> None:
    witness.bastion.machine.output(
        "sudo sh -c 'for i in 1 2 3 4 5; do until pkill -KILL -x s3fs; do sleep 0.1; done; sleep 1; done'"
    )
    witness.testify("at work: s3fs gets SIGKILL five times", since=time.monotonic(), within=MEND_SECONDS)


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
def test_the_keeper_ends(witness: Witness, command: str) -> None:
    """Who mends the mount is mended too: afterwards, s3fs is again mounted again."""
    machine = witness.bastion.machine
    time.sleep(LOOK_SECONDS)
    began = time.monotonic()
    machine.output(f"sudo sh -c '{command}'")
    machine.wait_for(
        lambda: machine.run("pgrep -x keep-s3-mounted").ok, "Nobody keeps the bucket mounted", seconds=MEND_SECONDS
    )
    witness.testify(f"at work: {command}", since=began, within=MEND_SECONDS)
    machine.output("sudo pkill -KILL -x s3fs")
    machine.wait_for(witness.works, "The mount does not work", seconds=MEND_SECONDS)


def test_rc_local_is_run_by_hand(witness: Witness) -> None:
    """As a learner may: the second keeper does not take the mount away from the first."""
    machine = witness.bastion.machine
    before = machine.output("pgrep -x s3fs")
    machine.output("sudo systemd-run --quiet --property=Type=forking --unit=by-hand /etc/rc.local")
    time.sleep(LOOK_SECONDS)
    assert machine.output("pgrep -x s3fs") == before
    machine.output("sudo pkill -KILL -x s3fs")
    began = time.monotonic()
    noticed(witness.bastion)
    witness.testify("at work: s3fs gets SIGKILL, with two to mend it", since=began, within=MEND_SECONDS)
    machine.output("sudo systemctl stop by-hand")
    machine.wait_for(witness.works, "The mount does not work", seconds=MEND_SECONDS)


def test_unmounted_by_hand(witness: Witness) -> None:
    """While a file is open: its s3fs lives on, where nobody sees it."""
    point = witness.bastion.bastion.mount_point
    began = time.monotonic()
    witness.bastion.machine.output(
        f"sudo systemd-run --quiet sh -c 'exec 3> {point}/open; sleep 60'; sleep 1; sudo umount --lazy {point}"
    )
    noticed(witness.bastion)
    witness.testify("at work: unmounted by hand, with an open file", since=began, within=MEND_SECONDS)


def test_somebody_is_in_it(witness: Witness) -> None:
    """A shell whose folder is in the mount does not keep it from being mounted again."""
    point = witness.bastion.bastion.mount_point
    witness.bastion.machine.output(f"sudo systemd-run --quiet --working-directory={point} sleep 120")
    began = time.monotonic()
    witness.bastion.machine.output("sudo pkill -KILL -x s3fs")
    noticed(witness.bastion)
    witness.testify("at work: s3fs gets SIGKILL with a shell in the mount", since=began, within=MEND_SECONDS)


def test_nothing_is_written_where_nothing_is_mounted(witness: Witness) -> None:
    """Not even by root: the next mount would hide it."""
    machine, point = witness.bastion.machine, witness.bastion.bastion.mount_point
    said = machine.output(f"sudo sh -c 'umount --lazy {point}; touch {point}/lost 2>&1 && ls {point} || true'")
    assert "not permitted" in said, said
    witness.testify("at work: unmounted by hand", since=time.monotonic(), within=MEND_SECONDS)


def test_disk_is_full(witness: Witness) -> None:
    """Of the files that s3fs has no room for, none is closed as if all were well; with room again, all is well.

    s3fs 1.95 writes nothing where less than 200 MB would be left, and says that no space is left.
    """
    machine, point = witness.bastion.machine, witness.bastion.bastion.mount_point
    # s3fs keeps what is written in an unnamed file until it is closed: where, its open files tell.
    room = machine.output(
        f"exec 3> {point}/open; echo >&3;"
        " sudo find /proc/$(pgrep -x s3fs)/fd -lname '*(deleted)' -printf '%l\\n' | head -n 1 | xargs -d '\\n' dirname"
    )
    assert room.startswith("/"), room
    machine.output(f"sudo mount -t tmpfs -o size=600m,mode=1777 tmpfs {room}; ! head -c 601M /dev/zero > {room}/full")
    try:
        machine.output("head -c 100M /dev/urandom > /dev/shm/big")
        big = machine.run(f"cp /dev/shm/big {point}/big", seconds=120)
        time.sleep(10)
        assert witness.failures, "there was room enough"
        began = time.monotonic()
        machine.output(f"rm {room}/full")
        witness.testify("at work: no room for s3fs's temporary files", since=began, within=MEND_SECONDS)
    finally:
        machine.output(f"sudo umount --lazy {room}")
    assert "No space left" in big.errors or machine.run(f"cmp /dev/shm/big {point}/big").ok, big
