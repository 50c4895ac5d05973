"""What breaks a mount at any later time, on the fast machine: each ends with it working again, no closed file lost.

The machine must mend by itself what a fault broke within ``MEND_SECONDS`` after the fault, or after its end.
"""

import time

import pytest

from tests.boot.file_writer import NOTICE_SECONDS, FileWriter, noticed
from tests.pace import slowness

pytestmark = pytest.mark.boot
MEND_SECONDS = 30
LOOK_SECONDS = 12  # until the machine itself has looked once at a mount that is new


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
def test_service_is_away(writer: FileWriter, services: str, fault: str) -> None:
    seconds = 30
    over = time.monotonic() + seconds
    for service in services.split(" and "):
        getattr(writer.bastion, service).faults.set(fault=fault, seconds=seconds)
    time.sleep(seconds)
    writer.require_no_loss(f"at work: {services}: {fault} for {seconds} s", since=over, within=MEND_SECONDS)


@pytest.mark.parametrize("signal", ["KILL", "STOP", "TERM"])
def test_s3fs_ends_or_hangs(writer: FileWriter, signal: str) -> None:
    time.sleep(LOOK_SECONDS)
    began = time.monotonic()
    writer.bastion.machine.output(f"sudo pkill -{signal} -x s3fs")
    noticed(writer)
    writer.require_no_loss(f"at work: s3fs gets SIG{signal}", since=began, within=MEND_SECONDS)


def test_s3fs_hangs_as_soon_as_it_runs(writer: FileWriter) -> None:
    writer.bastion.machine.output(
        "sudo sh -c 'pkill -KILL -x s3fs; sleep 1; until pkill -STOP -x s3fs; do sleep 0.05; done'"
    )
    writer.require_no_loss("at work: s3fs gets SIGSTOP at once", since=time.monotonic(), within=MEND_SECONDS)


def test_s3fs_ends_again_and_again(writer: FileWriter) -> None:
    writer.bastion.machine.output(
        "sudo sh -c 'for i in 1 2 3 4 5; do until pkill -KILL -x s3fs; do sleep 0.1; done; sleep 1; done'"
    )
    writer.require_no_loss("at work: s3fs gets SIGKILL five times", since=time.monotonic(), within=MEND_SECONDS)


def test_unmounted_by_hand(writer: FileWriter) -> None:
    """While a file is open: its s3fs lives on, where nobody sees it."""
    point = writer.bastion.bastion.mount_point
    began = time.monotonic()
    writer.bastion.machine.output(
        f"sudo systemd-run --quiet sh -c 'exec 3> {point}/open; sleep 60'; sleep 1; sudo umount --lazy {point}"
    )
    noticed(writer)
    writer.require_no_loss("at work: unmounted by hand, with an open file", since=began, within=MEND_SECONDS)


def test_somebody_is_in_it(writer: FileWriter) -> None:
    """A shell whose folder is in the mount does not keep it from being mounted again."""
    point = writer.bastion.bastion.mount_point
    writer.bastion.machine.output(f"sudo systemd-run --quiet --working-directory={point} sleep 120")
    began = time.monotonic()
    writer.bastion.machine.output("sudo pkill -KILL -x s3fs")
    noticed(writer)
    writer.require_no_loss("at work: s3fs gets SIGKILL with a shell in the mount", since=began, within=MEND_SECONDS)


def test_nothing_is_written_where_nothing_is_mounted(writer: FileWriter) -> None:
    """Not even by root: the next mount would hide it. Nor does it look empty; and below all that is the bare folder."""
    machine, point = writer.bastion.machine, writer.bastion.bastion.mount_point
    said = machine.output(f"sudo sh -c 'umount --lazy {point}; touch {point}/lost 2>&1; ls {point} 2>&1 || true'")
    assert said.count("not connected") == 2, said
    said = machine.output(f"sudo sh -c 'until umount {point} 2>&1; do :; done; touch {point}/lost 2>&1; ls {point}'")
    assert "not permitted" in said, said
    writer.require_no_loss("at work: unmounted by hand", since=time.monotonic(), within=MEND_SECONDS)


def test_something_else_is_mounted_over_it(writer: FileWriter) -> None:
    """What is bound there is no bucket, however well it answers."""
    point = writer.bastion.bastion.mount_point
    writer.bastion.machine.output(f"sudo mkdir -p /run/other; sudo mount --bind /run/other {point}")
    writer.wait_until_it_works(MEND_SECONDS)


def test_what_the_next_one_is_mounted_at_goes_again_and_again(writer: FileWriter) -> None:
    """Never is the bare folder bound in its place: there writes succeed, and are lost."""
    again = "for i in $(seq 200); do umount -l /run/s3fs; sleep 0.05; done"
    writer.bastion.machine.output(f"sudo sh -c 'pkill -KILL -x s3fs; {again}; true' 2> /dev/null", seconds=60)
    writer.require_no_loss("at work: the next s3fs is unmounted", since=time.monotonic(), within=MEND_SECONDS)


def test_disk_is_full(writer: FileWriter) -> None:
    """Of the files that s3fs has no room for, none is closed as if all were well; with room again, all is well.

    s3fs 1.95 writes nothing where less than 200 MB would be left, and says that no space is left.
    """
    machine, point = writer.bastion.machine, writer.bastion.bastion.mount_point
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
        machine.wait_for(lambda: writer.failures > 0, "There is room enough", seconds=NOTICE_SECONDS * slowness())
        began = time.monotonic()
        machine.output(f"rm {room}/full")
        writer.require_no_loss("at work: no room for s3fs's temporary files", since=began, within=MEND_SECONDS)
    finally:
        machine.output(f"sudo umount --lazy {room}")
    assert "No space left" in big.errors or machine.run(f"cmp /dev/shm/big {point}/big").ok, big
