"""Whatever ends a rehearsal, nothing of it is left."""

import contextlib
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from lab.rehearsal.rehearsal import MachineName
from lab.template.deployed import Deployed
from tests.pace import slowness

pytestmark = pytest.mark.boot
# Whatever runs the tests in the background may have them ignore Ctrl-C, and so their children.
PROGRAM = """
import signal, sys, time
from pathlib import Path
from lab.rehearsal.rehearsal import Rehearsal
signal.signal(signal.SIGINT, signal.default_int_handler)
with Rehearsal(sys.argv[1], runs=Path(sys.argv[2])) as rehearsal:
    rehearsal.machine.start()
    time.sleep(3)
    print("running", flush=True)
    sys.stdin.readline()
    raise RuntimeError
"""
SIGNALS = {"Ctrl-C": signal.SIGINT, "terminated": signal.SIGTERM, "killed": signal.SIGKILL}


def belonging_to(runs: Path) -> set[int]:
    """Return the processes that name the folder, or are in a control group that is named after one in it."""
    groups = [f"rehearsal-{run.name}" for run in runs.iterdir()]
    found = set()
    for process in Path("/proc").glob("[0-9]*"):
        with contextlib.suppress(OSError):
            said = (process / "cmdline").read_bytes().decode(errors="replace") + (process / "cgroup").read_text()
            if any(word in said for word in [str(runs), *groups]):
                found.add(int(process.name))
    return found


@pytest.mark.parametrize("machine", ["qemu", "nspawn"])
@pytest.mark.parametrize("end", [*SIGNALS, "exception"])
@pytest.mark.usefixtures("bootable")
def test_nothing_is_left(deploy: Callable[..., Deployed], tmp_path: Path, machine: MachineName, end: str) -> None:
    deploy("LearningStack")
    runs = tmp_path / "runs"
    command = [sys.executable, "-c", PROGRAM, machine, str(runs)]
    with subprocess.Popen(
        command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True
    ) as process:
        assert process.stdout
        try:
            while (line := process.stdout.readline().strip()) != "running":
                assert line, "it ended before it ran"
            assert len(belonging_to(runs)) > 5
            if end in SIGNALS:
                os.kill(process.pid, SIGNALS[end])
            else:
                process.communicate("\n")
            process.wait(30 * slowness())
        finally:
            process.kill()
    deadline = time.monotonic() + 10 * slowness()
    while belonging_to(runs) - {process.pid}:
        assert time.monotonic() < deadline, belonging_to(runs)
        time.sleep(0.1)
