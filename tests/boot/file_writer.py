"""Somebody who writes files into the bucket while it breaks, and knows which of them were closed."""

import hashlib
import secrets
import shlex
import time

import boto3
from botocore.exceptions import ClientError

from lab.rehearsal import processes
from lab.rehearsal.rehearsal import Rehearsal
from tests.pace import slowness

Recoveries = list[tuple[str, float, int | None]]  # what happened, the seconds until all was well, lost bytes
# Mostly small files, now and then one that goes up in parts. Written by root, who may write into the bare folder where
# nothing is mounted: such a file would be lost. cp fails when closing fails. What was closed is told to us at once, so
# no fault of the machine can take that back. A loop whose ssh has ended goes on until it next says something, beside
# the loop of the next writer: each has a file of its own to copy from.
WRITES = """
trap 'rm /dev/shm/{name}' EXIT
for number in $(seq 100000); do
  size=$((number % 16 ? 50 : 24000))
  head -c ${{size}}K /dev/urandom > /dev/shm/{name}
  sum=$(sha256sum < /dev/shm/{name})
  if cp /dev/shm/{name} {point}/{name}-$number 2> /dev/null; then
    echo "{name}-$number $((size * 1024)) ${{sum%% *}}"
  else
    echo failed
    sleep 0.5
  fi
  sleep 0.3
done
"""
PROCESS = "pgrep -n -x s3fs"
BEGIN_SECONDS, NOTICE_SECONDS = 30, 60


class FileWriter:
    """Writes all the time to one machine, until the machine goes away or ``stop``."""

    def __init__(self, bastion: Rehearsal, recoveries: Recoveries, *, begin: bool = True) -> None:
        self.bastion = bastion
        self.s3fs = bastion.machine.run(PROCESS).text
        self._recoveries = recoveries
        self._name = f"closed-{secrets.token_hex(3)}"
        self._told = bastion.folder / f"{self._name}.log"
        script = WRITES.format(point=bastion.bastion.mount_point, name=self._name)
        command = bastion.machine.ssh(f"sudo bash -c {shlex.quote(script)}")
        self._process = processes.spawn(command, log=self._told)
        if begin:
            bastion.machine.wait_for(
                lambda: bool(self.closed), "No file was closed", seconds=BEGIN_SECONDS * slowness()
            )

    @property
    def closed(self) -> dict[str, tuple[int, str]]:
        """The files that were closed without an error: the size and the sum of each."""
        lines = [line.split() for line in self._told.read_text(errors="replace").split("\n")[:-1]]
        return {words[0]: (int(words[1]), words[2]) for words in lines if len(words) == 3 and "closed-" in words[0]}

    @property
    def failures(self) -> int:
        return self._told.read_text(errors="replace").count("failed\n")

    def stop(self) -> None:
        processes.end(self._process)

    def lost(self) -> dict[str, str]:
        """Return all closed files that are not in the bucket as they were written, with what is there instead."""
        client, lost = boto3.client("s3"), {}
        for key, (size, sha256) in self.closed.items():
            try:
                found = client.get_object(Bucket=self.bastion.bastion.bucket, Key=key)["Body"].read()
            except ClientError:
                lost[key] = f"nothing of {size} bytes"
                continue
            if hashlib.sha256(found).hexdigest() != sha256:
                lost[key] = f"{len(found)} other bytes than its {size}"
        return lost

    def works(self) -> bool:
        """Whether a new file can be written through the mount and read again."""
        point, text = self.bastion.bastion.mount_point, secrets.token_hex(8)
        command = f"echo {text} | dd status=none of={point}/{text} && cat {point}/{text} && rm {point}/{text}"
        said = self.bastion.machine.run(f"mountpoint -q {point} && timeout 10 sh -c {shlex.quote(command)}", seconds=20)
        return said.ok and said.text == text

    def require_no_loss(self, what: str, *, since: float, within: float) -> None:
        """Wait until the mount works, at the latest ``within`` seconds after a moment; no closed file is lost.

        The seconds are those of a machine that has nothing else to do. A lost file is the worse of two failures.
        """
        try:
            self.wait_until_it_works(max(since - time.monotonic(), 0) + within)
        finally:
            taken = time.monotonic() - since
            self.stop()
            lost = self.lost()
            self._recoveries.append((what, taken, sum(self.closed[key][0] for key in lost)))
            assert not lost, f"{len(lost)} of {len(self.closed)} closed files are lost: {lost}"

    def wait_until_it_works(self, seconds: float) -> None:
        """Wait for so many seconds at most, or longer on a slow machine. Raises ProblemError when that is too short."""
        self.bastion.machine.wait_for(self.works, "The mount does not work", seconds=seconds * slowness())


def noticed(writer: FileWriter) -> None:
    """Wait until a fault is felt: nothing is mounted, or already by another s3fs, which comes within seconds."""
    bastion = writer.bastion
    bastion.machine.wait_for(
        lambda: bastion.machine.run(PROCESS).text not in ("", writer.s3fs) or not bastion.is_mounted(),
        "The mount is as if nothing had happened",
        seconds=NOTICE_SECONDS * slowness(),
    )
