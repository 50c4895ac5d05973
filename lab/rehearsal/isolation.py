"""A network of our own: a network namespace that leads nowhere but into a VPC like it, and a process that keeps it.

Where the VPC can be built (`lab.packets`), what is in here is the bastion to it: what that asks of AWS or the internet
passes its security group, its subnet's network ACL and its routes, both ways. All of these have one address for the
machine; as a packet leaves, that of S3, or of a host on the internet, takes its place.

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
from contextlib import suppress
from multiprocessing.connection import Connection
from pathlib import Path

from lab.packets.vpc import Vpc, outside_addresses
from lab.reach.network import Network
from lab.rehearsal import processes
from lab.rehearsal.image import REPOSITORY_PORT
from lab.terminal.language import _
from lab.terminal.problem import ProblemError

SIOCGIFFLAGS, SIOCSIFFLAGS = 0x8913, 0x8914
IFF_UP = 1
KINDS = {"tcp": socket.SOCK_STREAM, "udp": socket.SOCK_DGRAM}
# Who is meant by these ports of the one address, and the port that the firewall sees.
ELSEWHERE = {443: ("s3", 443), REPOSITORY_PORT: ("internet", 80)}
# The machine's packets come from a bridge. QEMU's are those of a process in here, and at first for the loopback.
LEAD_ON = """
table ip aws {{
  chain coming {{
    type nat hook prerouting priority dstnat
    iifname != "eth0" jump elsewhere
  }}
  chain own {{
    type nat hook output priority -100
    jump elsewhere
  }}
  chain elsewhere {{
    {}
  }}
  chain leaving {{
    type nat hook postrouting priority srcnat
    oifname "eth0" masquerade
  }}
}}
"""
LEADS = "ip daddr {{ 127.0.0.1, 169.254.169.254 }} tcp dport {} dnat to {}:{}"


class Isolation:
    """A network, and a view of the file system, of our own. With a VPC's ``network`` it is that of a ``host`` of it."""

    def __init__(self, folder: Path, network: Network | None = None, host: str = "") -> None:
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
        try:
            with suppress(OSError):  # it has ended: there is nothing to read then
                Connection(os.dup(self._channel.fileno())).send((network, host))
            self._channel.settimeout(processes.STOP_SECONDS)
            ready = self._channel.recv(16)
        except BaseException:
            self.close()
            raise
        if ready != b"ready":
            self.close()
            raise ProblemError(
                _("No network namespace of our own can be made here ({why}): run this with sudo").format(
                    why=processes.last_line(log)
                )
            )

    @property
    def enter(self) -> tuple[str, ...]:
        """The command that runs what follows it inside."""
        as_user = ("--user", "--preserve-credentials") if os.geteuid() else ()
        return ("nsenter", f"--target={self._keeper.pid}", *as_user, "--net", "--mount", "--")

    def listen(self, kind: str, port: int) -> socket.socket:
        """Return a socket that is bound to all addresses inside; ``kind`` is ``tcp`` or ``udp``.

        In a VPC, what is ELSEWHERE is bound there.

        Raises ProblemError when the port cannot be bound.
        """
        self._channel.sendall(f"{kind} {port}".encode())
        message, descriptors, *_more = socket.recv_fds(self._channel, 200, 1)
        if not descriptors:
            raise ProblemError(
                _("Port {port} inside the rehearsal's network: {message}").format(port=port, message=message.decode())
            )
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
    network, host = Connection(os.dup(channel.fileno())).recv()
    vpc = Vpc(network, outside=outside_addresses(network), here=host) if network else None
    if vpc:
        own = vpc.spaces[host]
        own.set("net/ipv4/conf/all/route_localnet", 1)
        leads = [LEADS.format(port, vpc.addresses[name][0], its) for port, (name, its) in ELSEWHERE.items()]
        own.nft(LEAD_ON.format("\n    ".join(leads)))
    mount = ["mount", "--bind", resolver, str(Path("/etc/resolv.conf").resolve())]
    subprocess.run(mount, check=True)  # noqa: S603  # our own command
    channel.sendall(b"ready")
    while request := channel.recv(200):
        kind, port = request.decode().split()
        name, port = ELSEWHERE.get(int(port), (host, int(port))) if vpc else (host, int(port))
        if vpc:
            vpc.spaces[name].enter()
        with socket.socket(socket.AF_INET, KINDS[kind]) as opened:
            try:
                opened.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
                opened.bind(("0.0.0.0", port))  # noqa: S104  # every address of a network that nobody else is in
            except OSError as error:
                channel.sendall(str(error).encode())
            else:
                socket.send_fds(channel, [b"opened"], [opened.fileno()])
        if vpc:
            vpc.spaces[host].enter()


if __name__ == "__main__":
    keep(socket.socket(fileno=int(sys.argv[1])), sys.argv[2])
