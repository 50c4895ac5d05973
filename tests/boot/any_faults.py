"""Faults of all kinds, one after the other and on top of each other, by chance: ``make test-faults``.

Its one invariant: what was closed with success is in S3, whole; and within half a minute of the last fault the mount
works, or the machine says that it does not. ``FAULTS_SEED`` and ``FAULTS_MINUTES`` say which chance, and for how long;
each step is printed as it is taken.
"""

import functools
import os
import subprocess
import sys
import time
from collections.abc import Callable
from typing import Any, ClassVar

import pytest
from hypothesis import HealthCheck, Phase, seed, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, precondition, rule, run_state_machine_as_test

from lab.rehearsal.nspawn import BRIDGE
from lab.rehearsal.rehearsal import CREDENTIAL_SECONDS, Rehearsal
from lab.terminal.problem import ProblemError
from tests.boot.conftest import Stage
from tests.boot.file_writer import FileWriter, Recoveries
from tests.pace import slowness

pytestmark = pytest.mark.boot
SEED, MINUTES = int(os.environ.get("FAULTS_SEED", "1")), float(os.environ.get("FAULTS_MINUTES", "20"))
MEND_SECONDS, SAY_SECONDS = 30, 35
STEPS = 6
SECONDS = st.sampled_from([0.5, 2, 5, 9, 16, 25])
PAUSE = st.sampled_from([0, 0.5, 1, 3, 7])
SIGNALS = st.sampled_from(
    [
        "pkill -KILL -x s3fs",
        "pkill -TERM -x s3fs",
        "pkill -STOP -x s3fs",
        "pkill -KILL -x keep-s3-mounted",
        "pkill -KILL -x flock",
        "systemctl restart --no-block rc-local",
        "systemctl kill --signal=KILL rc-local",
        "sh -c 'for i in 1 2 3 4 5 6 7; do systemctl restart --no-block rc-local; sleep 0.3; done'",
        "sh -c 'chmod -x /etc/rc.local; systemctl restart rc-local; sleep 2; chmod +x /etc/rc.local'",
        "umount --lazy {point}",
        "sh -c 'umount --lazy {point}; umount --lazy {point}'",
        "systemctl stop s3-away",
        "sh -c 'for i in $(seq 100); do umount -l /run/s3fs; sleep 0.05; done'",
        "systemctl daemon-reload",
        "/etc/rc.local",
    ]
)
WRITES = st.sampled_from(
    [
        "head -c 30M /dev/urandom > {point}/big-$RANDOM",
        "timeout 20 sh -c 'exec 3>> {point}/open; echo 1 >&3; sleep 9; echo 2 >&3'",
        "mkdir -p {point}/a/b && touch {point}/a/b/c && rm -r {point}/a",
        "echo 1 > {point}/x && mv {point}/x {point}/y",
        "ls -R {point} > /dev/null; find {point} -newer /etc/hostname > /dev/null",
    ]
)
# Room for nothing, where s3fs puts what is not yet uploaded.
FULL_DISK = (
    "mount -t tmpfs -o size=1m,mode=1777 full /tmp && head -c 2M /dev/zero > /tmp/full; sleep {seconds}; umount -l /tmp"
)


def say(what: str) -> None:
    sys.stdout.write(f"{what}\n")
    sys.stdout.flush()


def fault(**drawn: Any) -> Callable[[Callable[..., None]], Any]:
    """Make a method a rule that never comes twice in a row; when the time is up, nothing happens any more.

    What is drawn must not depend on the time, or hypothesis would not have it.
    """

    def decorate(method: Callable[..., None]) -> Any:
        @precondition(lambda self: self.last != method.__name__)
        @rule(**drawn)
        @functools.wraps(method)
        def step(self: "Life", **values: Any) -> None:
            self.last = method.__name__
            if self.goes_on:
                method(self, **values)

        return step

    return decorate


class Life(RuleBasedStateMachine):
    """A while in the life of the machine, which goes on from one to the next."""

    bastion: ClassVar[Rehearsal]
    recoveries: ClassVar[Recoveries]
    began: ClassVar[float]
    closed_files: ClassVar[int] = 0

    def __init__(self) -> None:
        super().__init__()
        self.over = 0.0  # when the last fault is
        self.last = ""
        self.slow = False
        self.writers = [FileWriter(self.bastion, [])] if self.goes_on else []

    @property
    def goes_on(self) -> bool:
        return time.monotonic() - self.began < 60 * MINUTES

    @fault(
        service=st.sampled_from(["s3", "metadata", "packages"]),
        fault=st.sampled_from(["refuse", "drop", "error"]),
        seconds=SECONDS,
        share=st.sampled_from([1, 0.5, 0.1]),
        pause=PAUSE,
    )
    def service_is_away(self, service: str, fault: str, seconds: float, share: float, pause: float) -> None:
        if service == "packages":
            fault = "no names"
        self._set(service, fault=fault, seconds=seconds, share=share)
        self._step(f"{service}: {fault}, {share:.0%}, for {seconds} s", seconds, pause)

    @fault(pause=PAUSE, delay=st.sampled_from([0.3, 1.5]), seconds=SECONDS)
    def s3_is_slow(self, delay: float, seconds: float, pause: float) -> None:
        self._set("s3", delay=delay)
        self.slow = True
        self._step(f"S3 answers {delay} s late, for {seconds} s", seconds, pause)

    @fault(deny=st.sampled_from([["*"], ["s3:ListBucket"], ["s3:GetObject"]]), pause=PAUSE)
    def right_is_taken(self, deny: list[str], pause: float) -> None:
        self._set("s3", deny=deny)
        self._step(f"denied from now on: {deny}", 0, pause)

    @fault(pause=PAUSE)
    def keys_are_revoked(self, pause: float) -> None:
        revoked = time.time() + CREDENTIAL_SECONDS + 1
        self._set("s3", revoked=revoked)
        self.bastion.metadata.faults.set(revoked=revoked)
        self._step("all keys until now are revoked", 1, pause)

    @fault(seconds=SECONDS, pause=PAUSE)
    def clock_is_wrong(self, seconds: float, pause: float) -> None:
        self._set("s3", fault="clock", seconds=seconds)
        self._step(f"the clock is wrong for {seconds} s", seconds, pause)

    @fault(seconds=st.sampled_from([1, 4, 8, 12]), pause=PAUSE)
    def network_is_cut(self, seconds: float, pause: float) -> None:
        for way in ("down", "up"):
            subprocess.run([*self.bastion.machine.isolation.enter, "ip", "link", "set", BRIDGE, way], check=True)
            time.sleep(seconds if way == "down" else 0)
        self._step(f"the network was cut for {seconds} s", 0, pause)

    @fault(seconds=SECONDS, pause=PAUSE)
    def disk_is_full(self, seconds: float, pause: float) -> None:
        self._run(f"systemd-run -q sh -c '{FULL_DISK.format(seconds=seconds)}'")
        self._step(f"no room for {seconds} s where s3fs keeps what it has yet to send", seconds, pause)

    @fault(command=SIGNALS, pause=PAUSE)
    def somebody_meddles(self, command: str, pause: float) -> None:
        self._run(command)
        self._step(command, 0, pause)

    @fault(command=WRITES, pause=PAUSE)
    def user_writes(self, command: str, pause: float) -> None:
        self.bastion.machine.run(f"({command.format(point=self._point)}) > /dev/null 2>&1 &", seconds=20)
        self._step(command, 0, pause)

    @fault(cut=st.booleans(), pause=PAUSE)
    def machine_boots(self, cut: bool, pause: float) -> None:  # noqa: FBT001  # hypothesis gives it
        machine = self.bastion.machine
        if cut:
            machine.power_off()
            machine.start()
            machine.wait_for_boot()
        else:
            machine.reboot()
        self.writers.append(FileWriter(self.bastion, [], begin=False))
        self._step("the power was cut" if cut else "it was rebooted", 0, pause)

    def teardown(self) -> None:
        if not self.writers:
            return
        time.sleep(max(0, self.over - time.monotonic()))
        if self.slow:  # which is no reason to be away, but nobody waits here for so long
            self._set("s3")
        since = time.monotonic()
        try:
            self._wait("it neither works nor says that it does not", self._works_or_says, SAY_SECONDS)
            for service in (self.bastion.s3, self.bastion.metadata, self.bastion.packages):
                service.faults.set()
            self._wait("it does not work", self._works, MEND_SECONDS)
        finally:
            taken = time.monotonic() - since
            lost: dict[str, str] = {}
            for writer in self.writers:
                writer.stop()
                Life.closed_files += len(writer.closed)
                lost |= writer.lost()
            self.recoveries.append(("faults: until it works, or says that it does not", taken, len(lost)))
            say(f"  all well after {taken:.1f} s; {self.closed_files} files, lost: {lost}")
            assert not lost, lost

    @property
    def _point(self) -> str:
        return self.bastion.bastion.mount_point

    def _set(self, service: str, **switches: object) -> None:
        """Set the switches of a service; what was set before is over."""
        getattr(self.bastion, service).faults.set(**switches)
        if service == "s3":
            self.slow = False

    def _run(self, command: str) -> None:
        self.bastion.machine.run(f"sudo {command.format(point=self._point)} > /dev/null 2>&1", seconds=30)

    def _step(self, what: str, seconds: float, pause: float) -> None:
        say(f"{time.strftime('%T')} {what}")
        self.over = max(self.over, time.monotonic() + seconds)
        time.sleep(pause)

    def _works(self) -> bool:
        return FileWriter.works(self.writers[-1])

    def _works_or_says(self) -> bool:
        return self._works() or self.bastion.machine.run("systemctl is-failed s3-away").ok

    def _wait(self, problem: str, condition: Callable[[], bool], seconds: float) -> None:
        try:
            self.bastion.machine.wait_for(condition, problem, seconds=seconds * slowness())
        except ProblemError:
            self.bastion._keep_journal()
            raise


def test_any_faults(stage: Stage, recoveries: Recoveries) -> None:
    with stage("nspawn") as bastion:
        bastion.boot()
        bastion.wait_for_first_boot()
        Life.bastion, Life.recoveries, Life.began = bastion, recoveries, time.monotonic()
        often = settings(
            max_examples=200,
            stateful_step_count=STEPS,
            deadline=None,
            database=None,
            phases=[Phase.generate],
            suppress_health_check=list(HealthCheck),
        )
        run_state_machine_as_test(seed(SEED)(Life), settings=often)
        assert Life.closed_files > 100
