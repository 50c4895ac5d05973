"""The local AWS: a server on this machine that the real CDK CLI and boto3 talk to instead of AWS."""

import json
import os
import shlex
import shutil
import signal
import socket
import subprocess
import sys
import time
import urllib.request
from dataclasses import dataclass
from pathlib import Path

from lab.problem import ProblemError

HOME = Path(".local-aws")
START_SECONDS = 30
STOP_SECONDS = 15
# What would lead back to a real account.
HIDDEN = ("AWS_PROFILE", "AWS_DEFAULT_PROFILE", "AWS_SESSION_TOKEN")

# The servers that this process started, by process id.
_started: dict[int, subprocess.Popen[bytes]] = {}


@dataclass(frozen=True)
class Server:
    """A running local AWS."""

    port: int
    pid: int

    @property
    def endpoint(self) -> str:
        return f"http://127.0.0.1:{self.port}"


def running() -> Server | None:
    """Return the local AWS of this folder, if it answers."""
    try:
        server = Server(**json.loads((HOME / "server.json").read_text()))
        with urllib.request.urlopen(f"{server.endpoint}/_ministack/health", timeout=5):  # noqa: S310  # http, to ourselves
            return server
    except (OSError, ValueError, TypeError):
        return None


def start() -> Server:
    """Start the local AWS on a free port of 127.0.0.1 and wait until it answers.

    The port of the last time is taken again where it is free, so that a shell that knows it goes on working.
    """
    HOME.mkdir(exist_ok=True)
    port = _free_port()
    with (HOME / "server.log").open("wb") as log:
        process = subprocess.Popen(  # noqa: S603  # our own module
            [sys.executable, "-m", "lab.emulator", "--port", str(port), "--state", str(HOME / "state")],
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=log,
            start_new_session=True,  # Ctrl-C in the terminal is for the command, which stops the server itself
        )
    _started[process.pid] = process
    server = Server(port, process.pid)
    (HOME / "server.json").write_text(json.dumps({"port": server.port, "pid": server.pid}))
    (HOME / "env").write_text(
        "# source this file to point a shell at the local AWS\n"
        f"unset {' '.join(HIDDEN)}\n"
        + "".join(f"export {name}={shlex.quote(value)}\n" for name, value in environment(server).items())
    )
    deadline = time.monotonic() + START_SECONDS
    try:
        while process.poll() is None and time.monotonic() < deadline:
            if running():
                return server
            time.sleep(0.05)
    except BaseException:
        process.kill()
        raise
    process.kill()
    raise ProblemError(f"The local AWS did not start: {_last_line(HOME / 'server.log')}")


def stop() -> bool:
    """Stop the local AWS; it keeps its state for the next start. Return whether one was running."""
    server = running()
    if not server:
        return False
    os.kill(server.pid, signal.SIGTERM)
    deadline = time.monotonic() + STOP_SECONDS
    while _alive(server.pid):
        if time.monotonic() > deadline:
            os.kill(server.pid, signal.SIGKILL)
        time.sleep(0.05)
    return True


def forget() -> None:
    """Delete all state of the local AWS."""
    shutil.rmtree(HOME, ignore_errors=True)


def point_at_running() -> None:
    """Point at the local AWS of this folder. Raises ProblemError when it does not run."""
    server = running()
    if not server:
        raise ProblemError("The local AWS is not running. Start it with: make local")
    point_at(server)


def point_at(server: Server) -> None:
    """Point this process and what it starts at the local AWS."""
    for name in HIDDEN:
        os.environ.pop(name, None)
    os.environ.update(environment(server))


def environment(server: Server) -> dict[str, str]:
    """Return the environment variables that point the CDK CLI, the AWS CLI and boto3 at the local AWS."""
    return {
        "AWS_ENDPOINT_URL": server.endpoint,
        "AWS_ACCESS_KEY_ID": "test",
        "AWS_SECRET_ACCESS_KEY": "test",
        "AWS_REGION": "us-east-1",
        "AWS_DEFAULT_REGION": "us-east-1",
        "AWS_EC2_METADATA_DISABLED": "true",
        # Nothing of the real account can leak in, and the CLI's cache of account ids cannot leak out.
        "AWS_CONFIG_FILE": os.devnull,
        "AWS_SHARED_CREDENTIALS_FILE": os.devnull,
        "CDK_HOME": str((HOME / "cdk").absolute()),
        "CDK_DISABLE_CLI_TELEMETRY": "true",
    }


def _free_port() -> int:
    try:
        last = int(json.loads((HOME / "server.json").read_text())["port"])
    except (OSError, ValueError, TypeError, KeyError):
        last = 0
    for port in (last, 0):
        with socket.socket() as probe:
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            try:
                probe.bind(("127.0.0.1", port))
            except OSError:
                continue
            return int(probe.getsockname()[1])
    raise ProblemError("No port of 127.0.0.1 is free for the local AWS")


def _alive(pid: int) -> bool:
    if pid in _started:
        return _started[pid].poll() is None
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    return True


def _last_line(log: Path) -> str:
    lines = log.read_text(errors="replace").strip().splitlines()
    return lines[-1] if lines else f"see {log}"
