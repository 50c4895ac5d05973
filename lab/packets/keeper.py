"""The process that holds a built VPC, and all that runs in it: when it ends, however it does, all of that is gone.

It is the first process of a PID namespace, so the kernel ends with it what was started there, such as the shells of
other terminals. It ends by itself when whoever started it is gone. Nothing of it has a name on this machine but the
door where other terminals knock, a socket without a file.
"""

import hashlib
import os
import shutil
import signal
import socket
import subprocess
import sys
from collections.abc import Callable, Sequence
from contextlib import suppress
from ipaddress import IPv4Address
from multiprocessing.connection import Connection
from pathlib import Path
from selectors import EVENT_READ, DefaultSelector
from types import TracebackType
from typing import Any, Self

import psutil

from lab.packets import changes, probes
from lab.packets.vpc import ELSEWHERE, NAT_PORTS, Vpc
from lab.reach.network import Network
from lab.terminal.language import _
from lab.terminal.problem import ProblemError

PORTS = (22, 80, 443, 3306, 8080)  # each host answers on these, by TCP and UDP: what stops a packet is the network
ISOLATE = ("unshare", "--net", "--pid", "--fork", "--kill-child", "--mount", "--mount-proc", "--propagation=private")
AS_USER = ("--user", "--map-current-user", "--keep-caps")  # for who is not root
# What to install for each command that we run, on Debian and Ubuntu.
PACKAGES = {"ip": "iproute2", "nft": "nftables", "unshare": "util-linux"}
PATH = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"


def why_not() -> str:
    """Return why no VPC can be built on this machine, in one line, or empty text."""
    if sys.platform != "linux":
        return _(
            "This needs Linux, whose kernel is the network: try it in a virtual machine, or read lab reach instead"
        )
    missing = sorted({package for command, package in PACKAGES.items() if not shutil.which(command, path=PATH)})
    if missing:
        return _("This needs packages that are not installed: sudo apt-get install {packages}").format(
            packages=" ".join(missing)
        )
    tried = subprocess.run([*_isolate(), "ip", "link"], capture_output=True, text=True, check=False)  # noqa: S603
    if tried.returncode:
        said = tried.stderr.strip().splitlines()
        return _(
            "The kernel of this machine lets you make no network of your own ({said}). On Ubuntu: "
            "sudo sysctl kernel.apparmor_restrict_unprivileged_userns=0; or run this with sudo"
        ).format(said=said[-1] if said else "unshare")
    return ""


def _isolate() -> tuple[str, ...]:
    return (*ISOLATE, *(AS_USER if os.geteuid() else ()), "--")


class Keeper:
    """The keeper, as whoever started it sees it: a context manager. ``door`` lets other terminals in.

    Raises ProblemError where the kernel forbids it.
    """

    def __init__(self, door: socket.socket | None = None) -> None:
        if reason := why_not():
            raise ProblemError(reason)
        ours, theirs = socket.socketpair()
        passed = [theirs.fileno(), *([door.fileno()] if door else [])]
        with theirs:
            self._process = subprocess.Popen(  # noqa: S603  # our own command
                [*_isolate(), sys.executable, "-m", "lab.packets.keeper", *map(str, passed)],
                stdin=subprocess.DEVNULL,
                pass_fds=passed,
                env={**os.environ, "PATH": PATH, "LC_ALL": "C"},
                start_new_session=True,  # Ctrl-C is not for it
            )
        self._channel = Connection(ours.detach())

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._channel.close()
        self._process.wait()

    def build(
        self,
        network: Network,
        *,
        outside: Sequence[IPv4Address] = (ELSEWHERE,),
        nat_ports: tuple[int, int] = NAT_PORTS,
        answers: bool = False,
    ) -> None:
        """Build a VPC in the place of the last one. With ``answers`` its hosts listen on PORTS."""
        ask(self._channel, "build", network, outside, nat_ports, PORTS if answers else ())

    def send(self, sent: Sequence[probes.Probe], expected: Sequence[probes.Outcome] = ()) -> list[probes.Outcome]:
        found: list[probes.Outcome] = ask(self._channel, "send", sent, expected)
        return found

    def enter(self, name: str) -> list[str]:
        """Return the command that runs what follows it in a namespace. Raises ProblemError where there is none."""
        (child,) = psutil.Process(self._process.pid).children()
        return enter(child.pid, ask(self._channel, "descriptor", name))


def ask(channel: Connection, *request: Any) -> Any:
    """Ask a keeper. Raises ProblemError with what it says, or when it is gone."""
    try:
        channel.send(request)
        answer = channel.recv()
    except (EOFError, OSError):
        raise ProblemError(_("The network is gone")) from None
    if isinstance(answer, ProblemError):
        raise answer
    return answer


def enter(keeper: int, descriptor: int) -> list[str]:
    """Return the command that runs what follows it in a namespace that a keeper, a process id, holds."""
    return [sys.executable, "-m", "lab.packets.enter", str(keeper), str(descriptor)]


def knock() -> tuple[Connection, int] | None:
    """Return a channel to the keeper of the network that runs, and its process id; None where there is none."""
    if sys.platform != "linux":
        return None
    knocking = socket.socket(socket.AF_UNIX)
    try:
        knocking.connect(_door())
    except OSError:
        knocking.close()
        return None
    # The kernel says who listens: somebody else could have taken the name.
    pid, user, _group = _peer(knocking)
    if user != os.getuid():
        knocking.close()
        return None
    return Connection(knocking.detach()), pid


def open_door() -> socket.socket:
    """Return the socket where other terminals knock, of this user and in this folder.

    Raises ProblemError where somebody has it.
    """
    door = socket.socket(socket.AF_UNIX)
    try:
        door.bind(_door())
    except OSError as error:
        raise ProblemError(
            _("Another network is starting, or somebody else's is in the way: {strerror}").format(
                strerror=error.strerror
            )
        ) from None
    return door


def _door() -> str:
    """Return a name that is no file's."""
    return "\0learning-stack-packets-" + hashlib.sha256(f"{os.getuid()} {Path.cwd()}".encode()).hexdigest()[:32]


def _peer(connected: socket.socket) -> tuple[int, int, int]:
    said = connected.getsockopt(socket.SOL_SOCKET, socket.SO_PEERCRED, 12)
    return tuple(int.from_bytes(said[at : at + 4], sys.byteorder) for at in (0, 4, 8))  # type: ignore[return-value]


class _Server:
    """The keeper itself."""

    def __init__(self, channel: int, door: int | None) -> None:
        self._vpc: Vpc | None = None
        self._selector = DefaultSelector()
        self._listening: list[socket.socket] = []
        self._serve(Connection(channel), last=True)
        if door is not None:
            self._door = socket.socket(fileno=door)
            self._door.listen()
            self._when_ready(self._door, self._let_in)

    def run(self) -> None:
        while True:
            for key, _event in self._selector.select():
                if key.fileobj in self._selector.get_map():  # else one before it has closed it
                    key.data()

    def _when_ready(self, what: Any, call: Callable[[], None]) -> None:
        self._selector.register(what, EVENT_READ, call)

    def _let_in(self) -> None:
        knocked, _address = self._door.accept()
        if _peer(knocked)[1] == os.getuid():
            self._serve(Connection(knocked.detach()), last=False)
        else:
            knocked.close()

    def _serve(self, channel: Connection, *, last: bool) -> None:
        """Answer what is asked; when ``last`` and the other end is gone, end."""

        def answer() -> None:
            try:
                name, *given = channel.recv()
            except (EOFError, OSError):
                if last:
                    os._exit(0)
                self._selector.unregister(channel)
                channel.close()
                return
            try:
                said = getattr(self, f"do_{name}")(*given)
            except (ProblemError, RuntimeError, OSError) as error:
                said = ProblemError(str(error))
            channel.send(said)

        self._when_ready(channel, answer)

    def do_build(
        self, network: Network, outside: Sequence[IPv4Address], nat_ports: tuple[int, int], ports: Sequence[int]
    ) -> None:
        for each in self._listening:
            self._selector.unregister(each)
            each.close()
        self._listening = []
        if self._vpc:
            self._vpc.close()
        self._vpc = Vpc(network, outside=outside, nat_ports=nat_ports)
        for name, space in self._vpc.hosts.items():
            space.enter()
            for port in ports:
                for address in self._vpc.addresses[name]:
                    self._listen(name, str(address), port)

    @property
    def _built(self) -> Vpc:
        if not self._vpc:
            raise ProblemError(_("Nothing is built yet"))
        return self._vpc

    def do_send(self, sent: Sequence[probes.Probe], expected: Sequence[probes.Outcome]) -> list[probes.Outcome]:
        return probes.send(self._built, sent, expected)

    def do_rules(self) -> list[str]:
        return changes.written(self._built.network)

    def do_delete(self, rule: str) -> list[str]:
        network, deleted = changes.without(self._built.network, rule)
        self._built.change(network)
        return deleted

    def do_add(self, rule: str) -> None:
        self._built.change(changes.with_rule(self._built.network, rule))

    def do_descriptor(self, name: str) -> int:
        spaces = self._built.spaces
        if name not in spaces:
            raise ProblemError(
                _("There is no {name} here; there is {names}").format(name=name, names=", ".join(spaces))
            )
        return spaces[name].descriptor

    def _listen(self, name: str, address: str, port: int) -> None:
        stream, datagrams = socket.socket(socket.AF_INET), socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        for each in (stream, datagrams):
            each.settimeout(0)
            each.bind((address, port))
            self._listening.append(each)
        stream.listen(64)

        def line(peer: tuple[str, int]) -> bytes:
            return (
                _("This is {name}, port {port}. You come from {address}, port {its_port}.\n")
                .format(name=name, port=port, address=peer[0], its_port=peer[1])
                .encode()
            )

        def accept() -> None:
            with suppress(OSError):
                accepted, peer = stream.accept()
                # At once, so that all of a browser, curl and nc show it; then whatever they say is read to its end.
                accepted.sendall(b"HTTP/1.0 200 OK\r\nContent-Type: text/plain\r\n\r\n" + line(peer))
                accepted.shutdown(socket.SHUT_WR)
                accepted.settimeout(0)
                self._when_ready(accepted, lambda: self._read_to_end(accepted))

        def reply() -> None:
            with suppress(OSError):
                _said, peer = datagrams.recvfrom(2048)
                datagrams.sendto(line(peer), peer)

        self._when_ready(stream, accept)
        self._when_ready(datagrams, reply)

    def _read_to_end(self, accepted: socket.socket) -> None:
        with suppress(OSError):
            if accepted.recv(65536):
                return
        self._selector.unregister(accepted)
        accepted.close()


if __name__ == "__main__":
    # It is the first process of its PID namespace: what is orphaned there is its child.
    signal.signal(signal.SIGCHLD, signal.SIG_DFL)
    _Server(int(sys.argv[1]), int(sys.argv[2]) if sys.argv[2:] else None).run()
