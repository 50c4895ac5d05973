"""Run a command that ends with us: ``python -m lab.cdk.leash COMMAND ...``; its standard input is a pipe that we hold.

When that pipe ends, because we closed it or because we are gone, however that came about, the command and all that it
started are ended. Signals from the terminal reach neither.
"""

import os
import signal
import subprocess
import sys
import threading
from contextlib import suppress

GRACE_SECONDS = 2


def _end_with_input(group: int) -> None:
    while os.read(0, 1):
        pass
    _signal(group, signal.SIGTERM)
    threading.Event().wait(GRACE_SECONDS)
    _signal(group, signal.SIGKILL)


def _signal(group: int, which: signal.Signals) -> None:
    with suppress(ProcessLookupError, PermissionError):  # the group is empty: macOS raises PermissionError then
        os.killpg(group, which)


def main() -> None:
    with subprocess.Popen(sys.argv[1:], stdin=subprocess.DEVNULL, start_new_session=True) as command:  # noqa: S603
        threading.Thread(target=_end_with_input, args=(command.pid,), daemon=True).start()
        command.wait()
        _signal(command.pid, signal.SIGKILL)  # what it left behind
    sys.exit(command.returncode if command.returncode >= 0 else 128 - command.returncode)


if __name__ == "__main__":
    main()
