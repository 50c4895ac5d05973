"""Run a command where a keeper is, in one of its network namespaces, with the rights that one has there.

As a program: the keeper's process id, the descriptor of the namespace, and the command. (nsenter gives the rights to
root alone, and for a root that may not change its groups, tcpdump refuses to work.)
"""

import ctypes
import os
import subprocess
import sys

from lab.packets.namespaces import call, libc

CAPABILITIES = ctypes.c_uint32 * 6  # effective, permitted and inheritable: the first 32, and then the others
VERSION = 0x20080522
PR_CAP_AMBIENT, PR_CAP_AMBIENT_RAISE = 47, 2
LAST = 40


def enter(keeper: int, descriptor: int) -> None:
    """Let this process, and what it starts, be in the namespaces of a keeper, and in the network of a descriptor."""
    kinds = [*(["user"] if os.geteuid() else []), "mnt", "pid"]
    files = [f"/proc/{keeper}/ns/{kind}" for kind in kinds] + [f"/proc/{keeper}/fd/{descriptor}"]
    for opened in [os.open(file, os.O_RDONLY) for file in files]:
        call("setns", opened, 0)
    if os.geteuid():
        keep_rights()


def keep_rights() -> None:
    """Let the rights that a process has in its user namespace pass on to what it executes."""
    header, sets = (ctypes.c_uint32 * 2)(VERSION, 0), CAPABILITIES()
    call("capget", header, sets)
    sets[2], sets[5] = sets[1], sets[4]
    call("capset", header, sets)
    for number in range(LAST + 1):
        libc.prctl(PR_CAP_AMBIENT, PR_CAP_AMBIENT_RAISE, number, 0, 0)  # it refuses those that are not permitted


if __name__ == "__main__":
    enter(int(sys.argv[1]), int(sys.argv[2]))
    # The process namespace is for children.
    sys.exit(subprocess.run(sys.argv[3:], check=False).returncode)  # noqa: S603  # what the person wants
