"""Network namespaces without names: they are gone when the process that made them is, however it ended."""

import ctypes
import os
import subprocess
from collections.abc import Sequence
from pathlib import Path

CLONE_NEWNET = 0x40000000
libc = ctypes.CDLL(None, use_errno=True)  # os.unshare and os.setns came with Python 3.12
# A new namespace takes some of these from this machine's own. A filter on the way back would drop what NAT changed, and
# a router that tells of a shorter way would show itself.
SETTINGS = {
    "net/ipv4/ip_forward": 0,
    "net/ipv4/conf/all/rp_filter": 0,
    "net/ipv4/conf/default/rp_filter": 0,
    "net/ipv4/conf/all/send_redirects": 0,
    "net/ipv4/conf/default/send_redirects": 0,
    "net/ipv6/conf/all/disable_ipv6": 1,
    "net/ipv6/conf/default/disable_ipv6": 1,
}


class Namespace:
    """A network namespace. Its descriptor alone holds it, and the processes that are in it."""

    def __init__(self, label: str, *, forwards: bool = False, is_new: bool = True) -> None:
        self.label = label
        if is_new:
            call("unshare", CLONE_NEWNET)
        self.descriptor = os.open("/proc/thread-self/ns/net", os.O_RDONLY)
        for setting, value in (SETTINGS | {"net/ipv4/ip_forward": int(forwards)}).items():
            self.set(setting, value)

    def enter(self) -> None:
        """Let this thread be in it: what it opens and starts from now on is too."""
        call("setns", self.descriptor, CLONE_NEWNET)

    def set(self, setting: str, value: int) -> None:
        """Set a setting of the kernel. Those of IPv6 are not there on each machine."""
        self.enter()
        file = Path("/proc/sys", setting)
        if file.exists():
            file.write_text(str(value))

    def ip(self, lines: Sequence[str], *, descriptors: Sequence[int] = ()) -> None:
        """Let iproute2 run lines."""
        self._run(["ip", "-batch", "-"], "\n".join(lines), descriptors)

    def nft(self, ruleset: str) -> None:
        """Put a ruleset of nftables in the place of the one that is there: all of it at once, or nothing."""
        self._run(["nft", "-f", "-"], f"flush ruleset\n{ruleset}")

    def close(self) -> None:
        os.close(self.descriptor)

    def _run(self, command: Sequence[str], text: str, descriptors: Sequence[int] = ()) -> None:
        self.enter()
        done = subprocess.run(  # noqa: S603  # our own command
            command, input=text, text=True, pass_fds=descriptors, capture_output=True, check=False
        )
        if done.returncode:
            raise RuntimeError(f"{' '.join(command)} in {self.label}: {done.stderr}")


def tie(pairs: Sequence[tuple[Namespace, str, Namespace, str]]) -> None:
    """Lay virtual cables, each from a device in a namespace to a device in another."""
    ends = {space.descriptor for one, _, other, _ in pairs for space in (one, other)}
    lines = [
        f"link add name {device} netns /proc/self/fd/{one.descriptor} type veth "
        f"peer name {peer} netns /proc/self/fd/{other.descriptor}"
        for one, device, other, peer in pairs
    ]
    pairs[0][0].ip(lines, descriptors=sorted(ends))


def call(name: str, *given: object) -> None:
    """Call a function of the C library. Raises OSError when it fails."""
    if getattr(libc, name)(*given):
        number = ctypes.get_errno()
        raise OSError(number, os.strerror(number))
