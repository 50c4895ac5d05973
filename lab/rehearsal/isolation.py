"""A network of our own: a network namespace that has nothing but a loopback, and a process that keeps it.

What listens in it can be reached from nowhere else, so the usual ports and the metadata service's address are free
there, whatever this machine uses them for. The keeper opens the listening sockets in there and hands them to us, so a
service answers inside while its own calls, to the local AWS, go out as usual.

Run as a program, this module is the keeper: it ends, and with it the network, when we do.
"""

import fcntl
import os
import socket
import struct
import subprocess
import sys
from pathlib import Path

from lab.rehearsal import processes
from lab.terminal.problem import ProblemError

SIOCGIFFLAGS, SIOCSIFFLAGS = 0x8913, 0x8914
IFF_UP = 1
KINDS = {"tcp": socket.SOCK_STREAM, "udp": socket.SOCK_DGRAM}


class Isolation:
    """A network, and a view of the file system, of our own."""

    def __init__(self, folder: Path) -> None:
        processes.require_commands("unshare", "nsenter", "setpriv", "mount")
        # QEMU passes the machine's questions for names on to the server that it finds in /etc/resolv.conf.
        resolver = folder / "resolv.conf"
        resolver.write_text("nameserver 127.0.0.1\n")
        log = folder / "isolation.log"
        as_user = ["--user", "--map-root-user"] if os.geteuid() else []
        self._channel, theirs = socket.socketpair()
        with theirs:
            self._keeper = processes.spawn(
                [sys.executable, "-m", "lab.rehearsal.isolation", str(theirs.fileno()), resolver],
                enter=["unshare", *as_user, "--net", "--mount", "--propagation=private"],
                log=log,
                pass_fds=[theirs.fileno()],
            )
        self._channel.settimeout(processes.STOP_SECONDS)
        try:
            ready = self._channel.recv(16)
        except BaseException:
            self.close()
            raise
        if ready != b"ready":
            self.close()
            raise ProblemError(
                f"No network namespace of our own can be made here ({processes.last_line(log)}): run this with sudo"
            )

    @property
    def enter(self) -> tuple[str, ...]:
        """The command that runs what follows it inside."""
        as_user = ("--user", "--preserve-credentials") if os.geteuid() else ()
        return ("nsenter", f"--target={self._keeper.pid}", *as_user, "--net", "--mount", "--")

    def listen(self, kind: str, port: int) -> socket.socket:
        """Return a socket that is bound to all addresses inside; ``kind`` is ``tcp`` or ``udp``.

        Raises ProblemError when the port cannot be bound.
        """
        self._channel.sendall(f"{kind} {port}".encode())
        message, descriptors, _, _ = socket.recv_fds(self._channel, 200, 1)
        if not descriptors:
            raise ProblemError(f"Port {port} inside the rehearsal's network: {message.decode()}")
        return socket.socket(fileno=descriptors[0])

    def close(self) -> None:
        self._channel.close()
        processes.end(self._keeper)


def keep(channel: socket.socket, resolver: str) -> None:
    """Bring the loopback up, then open sockets for whoever holds the other end of the channel, until they are gone."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as any_socket:
        request = struct.pack("16sh", b"lo", 0)
        flags = struct.unpack("16sh", fcntl.ioctl(any_socket, SIOCGIFFLAGS, request)[:18])[1]
        fcntl.ioctl(any_socket, SIOCSIFFLAGS, struct.pack("16sh", b"lo", flags | IFF_UP))
    mount = ["mount", "--bind", resolver, str(Path("/etc/resolv.conf").resolve())]
    subprocess.run(mount, check=True)  # noqa: S603  # our own command
    channel.sendall(b"ready")
    while request := channel.recv(200):
        kind, port = request.decode().split()
        with socket.socket(socket.AF_INET, KINDS[kind]) as opened:
            try:
                opened.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
                opened.bind(("0.0.0.0", int(port)))  # noqa: S104  # every address of a network that nobody else is in
            except OSError as error:
                channel.sendall(str(error).encode())
            else:
                socket.send_fds(channel, [b"opened"], [opened.fileno()])


if __name__ == "__main__":
    keep(socket.socket(fileno=int(sys.argv[1])), sys.argv[2])
