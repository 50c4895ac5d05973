"""The local AWS: a server on this machine that the real CDK CLI and boto3 talk to instead of AWS.

It belongs to the folder that it was started in. ``.local-aws`` there keeps its state and the secret key that every
request must be signed with; only this user may read it. Which process is the folder's own is seen in the table of
processes, and that it answers for this folder is proven by the secret: no number in a file is believed.
"""

import errno
import fcntl
import hmac
import http.client
import json
import os
import secrets
import shlex
import shutil
import socket
import string
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, MutableMapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path

import psutil

from lab.local_aws.challenge import response_to
from lab.terminal.language import _, default_region
from lab.terminal.problem import ProblemError

HOME = Path(".local-aws")
MODULE = "lab.local_aws"
CODE = Path(__file__).parent
START_SECONDS = 30
STOP_SECONDS = 15
ANSWER_SECONDS = 5
ROOM = 1 << 20  # bytes that must be free at the start
NEVER_BY_PROXY = "127.0.0.1,localhost"

# The servers that this process started, by process id. They end when their standard input does.
_started: dict[int, "subprocess.Popen[bytes]"] = {}


@dataclass(frozen=True)
class Server:
    """A local AWS that runs: ``process`` is ours for certain."""

    port: int
    process: psutil.Process

    @property
    def endpoint(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    @property
    def is_outdated(self) -> bool:
        """Whether it runs code that has changed since, as after a git pull."""
        return any(path.stat().st_mtime > self.process.create_time() for path in CODE.rglob("*.py"))

    def keep(self) -> None:
        """Let the server stay when this process ends."""
        if (started := _started.get(self.process.pid)) and started.stdin:
            started.stdin.write(b"stay")
            started.stdin.flush()


def running() -> Server | None:
    """Return the local AWS of this folder, if it runs and answers."""
    server = _find()
    return server if server and _answers(server) else None


def start(*, quotas: Sequence[str] = (), region: str = "") -> Server:
    """Start the local AWS on a free port of 127.0.0.1 and wait until it answers.

    It ends with this process, unless told to ``keep``. The port of the last time is taken again where it is free, so
    that a shell that knows it goes on working. ``quotas`` such as ``vcpu=32`` are granted until it stops; the others
    are a new account's. ``region``: see ``settle_in``. Raises ProblemError when it does not start.
    """
    stop()  # one that does not answer
    with _told_in_one_line(), _listener() as listener:
        port = listener.getsockname()[1]
        folder = _prepare(port, region)
        write("server.log", "")
        with (folder / "server.log").open("ab") as log:
            process = subprocess.Popen(  # noqa: S603  # our own module
                [
                    *(sys.executable, "-m", MODULE, "--port", str(port)),
                    *("--socket", str(listener.fileno()), "--folder", str(folder)),
                    *(word for quota in quotas for word in ("--quota", quota)),
                ],
                stdin=subprocess.PIPE,
                stdout=log,
                stderr=log,
                pass_fds=[listener.fileno()],
                umask=0o077,
                start_new_session=True,  # Ctrl-C in the terminal is for the command, which stops the server itself
            )
    _started[process.pid] = process
    server = Server(port, psutil.Process(process.pid))
    deadline = time.monotonic() + START_SECONDS
    try:
        while process.poll() is None and time.monotonic() < deadline:
            if _answers(server):
                return server
            time.sleep(0.05)
    except BaseException:
        _end(server, psutil.Process.kill)
        raise
    _end(server, psutil.Process.kill)
    raise ProblemError(_last_line(folder / "server.log") or _("The local AWS did not start, and does not say why."))


def stop() -> bool:
    """Stop the local AWS; it keeps its state for the next start. Return whether one was running."""
    server = _find()
    if not server:
        return False
    _end(server, psutil.Process.terminate)
    return True


def _end(server: Server, how: Callable[[psutil.Process], None]) -> None:
    """End the server; one that does not hear is killed."""
    with suppress(psutil.NoSuchProcess):  # psutil sends no signal to another process that has got the same number
        how(server.process)
        try:
            server.process.wait(STOP_SECONDS)
        except psutil.TimeoutExpired:
            server.process.kill()
            server.process.wait(STOP_SECONDS)
    if started := _started.pop(server.process.pid, None):
        started.communicate()


def forget() -> None:
    """Delete all state of the local AWS. Raises ProblemError where something of it cannot be deleted."""
    with _told_in_one_line():
        shutil.rmtree(HOME)


@contextmanager
def only_one() -> Iterator[None]:
    """Keep other commands that start, change or stop the local AWS of this folder out meanwhile.

    Raises ProblemError when one of them is at work.
    """
    with _told_in_one_line():
        _make_folder()
        (HOME / "lock").touch(mode=0o600)
        (HOME / "lock").chmod(0o600)
        lock = (HOME / "lock").open("r+")
    with lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            lock.seek(0)
            raise ProblemError(
                _("Another make local runs here, process {number}. Try again when it has ended.").format(
                    number=lock.read() or _("unknown")
                )
            ) from None
        lock.truncate()
        lock.write(str(os.getpid()))
        lock.flush()
        yield


def point_at_running() -> None:
    """Point at the local AWS of this folder. Raises ProblemError when it does not run."""
    server = running()
    if not server:
        raise ProblemError(_("The local AWS is not running. Start it with: make local"))
    point_at(server)


def point_at(server: Server, variables: MutableMapping[str, str] = os.environ) -> None:
    """Point this process, or the given environment, at the local AWS: nothing of a real account is left in it."""
    for name in [name for name in variables if name.startswith("AWS_")]:
        del variables[name]
    variables.update(environment(server))
    for name in ("NO_PROXY", "no_proxy"):
        variables[name] = ",".join(filter(None, (NEVER_BY_PROXY, variables.get(name))))


def environment(server: Server) -> dict[str, str]:
    """Return the environment variables that point the CDK CLI, the AWS CLI and boto3 at the local AWS."""
    access_key, secret_key = _credentials()
    region = _region()
    return {
        "AWS_ENDPOINT_URL": server.endpoint,
        "AWS_ACCESS_KEY_ID": access_key,
        "AWS_SECRET_ACCESS_KEY": secret_key,
        "AWS_REGION": region,
        "AWS_DEFAULT_REGION": region,
        "AWS_EC2_METADATA_DISABLED": "true",
        # Nothing of the real account can leak in, and the CLI's cache of account ids cannot leak out.
        "AWS_CONFIG_FILE": os.devnull,
        "AWS_SHARED_CREDENTIALS_FILE": os.devnull,
        "CDK_HOME": str((HOME / "cdk").resolve()),
        "CDK_DISABLE_CLI_TELEMETRY": "true",
    }


def _find() -> Server | None:
    """Return the local AWS of this folder as the table of processes has it, whether or not it answers."""
    folder = str(HOME.resolve())
    for process in psutil.process_iter(["cmdline", "uids"]):
        words = process.info["cmdline"] or []
        uids = process.info["uids"]
        if MODULE not in words[:4] or not uids or uids.real != os.getuid():
            continue
        given = dict(pairwise(words))
        if given.get("--folder") == folder and given.get("--port", "").isdigit():
            return Server(int(given["--port"]), process)
    return None


def _answers(server: Server) -> bool:
    """Ask the server for what only one of this folder can answer."""
    question = secrets.token_hex(16)
    connection = http.client.HTTPConnection("127.0.0.1", server.port, timeout=ANSWER_SECONDS)  # never by a proxy
    try:
        connection.request("GET", f"/_ministack/health?{question}")
        answer = str(json.loads(connection.getresponse().read())["proof"])
        return hmac.compare_digest(answer, response_to(_credentials()[1], str(HOME.resolve()), question))
    except (OSError, http.client.HTTPException, ValueError, TypeError, KeyError):
        return False
    finally:
        connection.close()


def _credentials() -> tuple[str, str]:
    """Return the access key and the secret key of this folder's local AWS."""
    found = json.loads((HOME / "credentials.json").read_text())
    return str(found["access_key"]), str(found["secret_key"])


def settle_in(server: Server, region: str) -> None:
    """Let shells and commands look at a region of the local AWS from now on; it has all of AWS's.

    Without one it stays where it was: at first the language of the shell decides, Japanese for Tokyo, any other for
    Virginia. Raises ProblemError when ``region`` is none of the regions of an ordinary account.
    """
    with _told_in_one_line():
        _write_environment(server.port, region)


def _region() -> str:
    """Return the region that shells and commands look at."""
    try:
        return (HOME / "region").read_text()
    except OSError:
        return default_region()


def _prepare(port: int, region: str) -> Path:
    """Write the credentials and the file to source; return the folder."""
    _make_folder()
    if shutil.disk_usage(HOME).free < ROOM:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
    try:
        _credentials()
    except (OSError, ValueError, TypeError, KeyError):
        letters = string.ascii_uppercase + string.digits
        access_key = "LOCAL" + "".join(secrets.choice(letters) for _letter in range(15))
        write("credentials.json", json.dumps({"access_key": access_key, "secret_key": secrets.token_urlsafe(30)}))
    write("port", str(port))
    _write_environment(port, region)
    (HOME / "cdk").mkdir(exist_ok=True)
    (HOME / "cdk").chmod(0o700)
    return HOME.resolve()


def _write_environment(port: int, region: str) -> None:
    from botocore.loaders import create_loader  # noqa: PLC0415  # only wanted where the local AWS starts

    if region and region not in create_loader().load_data("endpoints")["partitions"][0]["regions"]:
        raise ProblemError(
            _(
                "AWS_REGION: {region!r} is no region of an ordinary account. Example: "
                "AWS_REGION=ap-northeast-1 make local"
            ).format(region=region)
        )
    write("region", region or _region())
    exports = environment(Server(port, psutil.Process()))
    write(
        "env",
        "# source this file to point a shell at the local AWS\n"
        "for AWS in $(env | sed -n 's/^\\(AWS_[A-Za-z0-9_]*\\)=.*/\\1/p'); do unset \"$AWS\"; done; unset AWS\n"
        + "".join(f"export {name}={shlex.quote(value)}\n" for name, value in exports.items())
        + "".join(f'export {name}="{NEVER_BY_PROXY}${{{name}:+,${name}}}"\n' for name in ("NO_PROXY", "no_proxy")),
    )


def _make_folder() -> None:
    HOME.mkdir(mode=0o700, exist_ok=True)
    HOME.chmod(0o700)  # whatever the umask is


def write(name: str, text: str) -> None:
    """Write a file of the local AWS that only this user may read, whole or not at all."""
    new = HOME / f"{name}.new"
    new.unlink(missing_ok=True)
    new.touch(mode=0o600)
    new.chmod(0o600)  # whatever the umask is
    new.write_text(text)
    new.replace(HOME / name)


@contextmanager
def _listener() -> Iterator[socket.socket]:
    """Open a socket that listens on 127.0.0.1; the server gets it as it is, so that nobody can take its port."""
    try:
        last = int((HOME / "port").read_text())
    except (OSError, ValueError):
        last = 0
    for port in (last, 0):
        with socket.socket() as listener:
            listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            try:
                listener.bind(("127.0.0.1", port))
                listener.listen()
            except (OSError, OverflowError):
                continue
            yield listener
            return
    raise ProblemError(_("No port of 127.0.0.1 is free for the local AWS"))


@contextmanager
def _told_in_one_line() -> Iterator[None]:
    try:
        yield
    except OSError as error:
        about = f" ({error.filename})" if error.filename else ""
        raise ProblemError(
            _("The local AWS cannot use {home}: {strerror}{about}").format(
                home=HOME, strerror=error.strerror, about=about
            )
        ) from None


def _last_line(log: Path) -> str:
    lines = log.read_text(errors="replace").strip().splitlines()
    return lines[-1] if lines else ""
