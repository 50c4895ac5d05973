"""Child processes that never outlive us, however we end."""

import shutil
import signal
import subprocess
import time
from collections.abc import Mapping, Sequence
from pathlib import Path

from lab.terminal.language import _
from lab.terminal.problem import ProblemError

STOP_SECONDS = 10
# What to install for each command that we run, on Debian and Ubuntu.
PACKAGES = {
    "apt-ftparchive": "apt-utils",
    "debugfs": "e2fsprogs",
    "dnsmasq": "dnsmasq-base",
    "git": "git",
    "ip": "iproute2",
    "mke2fs": "e2fsprogs",
    "mmdebstrap": "mmdebstrap",
    "nsenter": "util-linux",
    "qemu-img": "qemu-utils",
    "qemu-system-x86_64": "qemu-system-x86",
    "setpriv": "util-linux",
    "ssh": "openssh-client",
    "systemd-nspawn": "systemd-container",
    "unshare": "util-linux",
}
# The kernel kills what runs behind this as soon as the thread that started it is gone.
DIES_WITH_US = ("setpriv", "--pdeathsig", "KILL", "--")


def require_commands(*commands: str) -> None:
    """Raise ProblemError, with what to install, unless all commands are there."""
    path = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"
    missing = sorted({PACKAGES.get(command, command) for command in commands if not shutil.which(command, path=path)})
    if missing:
        raise ProblemError(
            _("A rehearsal needs packages that are not installed: sudo apt-get install {packages}").format(
                packages=" ".join(missing)
            )
        )


def spawn(
    command: Sequence[str | Path],
    *,
    log: Path,
    enter: Sequence[str] = (),
    pass_fds: Sequence[int] = (),
    env: Mapping[str, str] | None = None,
) -> subprocess.Popen[bytes]:
    """Start a process that ends with us; ``enter`` is the command that leads into another namespace, if any.

    It gets no terminal, and a session of its own, so that Ctrl-C is for us alone. Call this in a thread that lives as
    long as the process shall.
    """
    with log.open("ab") as output:
        # The order matters: entering a user namespace makes the kernel forget whom to die with.
        return subprocess.Popen(  # noqa: S603  # our own commands
            [*enter, *DIES_WITH_US, *map(str, command)],
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=output,
            start_new_session=True,
            pass_fds=pass_fds,
            env=env,
        )


def end(process: subprocess.Popen[bytes], *, seconds: float = STOP_SECONDS) -> None:
    """Ask a process to end, and make it when it does not."""
    if process.poll() is None:
        process.terminate()
        try:
            process.wait(seconds)
        except subprocess.TimeoutExpired:
            process.send_signal(signal.SIGKILL)
    process.wait()


def run(command: Sequence[str | Path], *, log: Path, what: str) -> None:
    """Run a command to its end, its output into ``log``. Raises ProblemError with its last line when it fails."""
    process = spawn(command, log=log)
    try:
        while process.poll() is None:
            time.sleep(0.05)
    finally:
        end(process)
    if process.returncode:
        raise ProblemError(
            _("{what} failed: {said} (all of it is in {log})").format(what=what, said=last_line(log), log=log)
        )


def last_line(log: Path) -> str:
    lines = log.read_text(errors="replace").strip().splitlines() if log.exists() else []
    return lines[-1] if lines else _("it said nothing")
