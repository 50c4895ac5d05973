"""A link on the way that takes less than the usual 1,500 bytes, and the message that says so.

ACLs have to let it through, as type 3, code 4 of ICMP, or else what sends more than fits into a packet hangs:
https://docs.aws.amazon.com/vpc/latest/userguide/path_mtu_discovery.html.
"""

import subprocess
import sys
from collections.abc import Callable
from typing import Any

import pytest

from lab.packets.changes import without, written
from lab.packets.keeper import Keeper
from lab.packets.vpc import outside_addresses, with_members
from lab.reach.network import Network
from lab.reach.templated import templated

pytestmark = pytest.mark.packets
BYTES = 200_000
# One of both sends all at once, and the other one counts what comes, until nothing more does.
PROGRAM = f"""
import socket, sys
role, seconds, address = sys.argv[1:]
if address:
    to = socket.create_connection((address, 443), timeout=float(seconds))
else:
    server = socket.create_server(("", 443))
    print("ready", flush=True)
    to, _ = server.accept()
    to.settimeout(float(seconds))
got = 0
try:
    if role == "send":
        to.sendall(b"x" * {BYTES})
        to.shutdown(socket.SHUT_WR)
    while came := to.recv(65536):
        got += len(came)
except TimeoutError:
    pass
print(got)
"""
TOO_BIG = "icmp 3:4"


@pytest.fixture(scope="module")
def network(template: Callable[..., dict[str, Any]]) -> Network:
    return with_members(templated(template(private_host=True), "us-east-1"))


def without_message(network: Network, *acls: str) -> Network:
    for line in written(network):
        if any(line.startswith(f"{acl} inbound") for acl in acls) and TOO_BIG in line:
            network, _ = without(network, line)
    return network


def inside(keeper: Keeper, host: str, *command: str) -> str:
    return subprocess.run([*keeper.enter(host), *command], capture_output=True, text=True, check=True).stdout


def build_behind_a_smaller_link(keeper: Keeper, built: Network) -> None:
    """Build a network with room for 1,300 bytes in a packet between the internet gateway and the internet."""
    keeper.build(built, outside=outside_addresses(built))
    route = inside(keeper, "igw", "ip", "route", "show", "default").split()
    inside(keeper, "igw", "ip", "route", "change", *route, "mtu", "1300")


def carried(keeper: Keeper, server: str, client: str, address: object, *, came: int, client_sends: bool = False) -> int:
    """Return how many bytes came to the one of two hosts that counts them."""
    roles = ("count", "send") if client_sends else ("send", "count")
    seconds = "30" if came else "2"  # to wait for the next packet
    command = [*keeper.enter(server), sys.executable, "-c", PROGRAM, roles[0], seconds, ""]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as listening:
        assert listening.stdout
        listening.stdout.readline()
        counted = inside(keeper, client, sys.executable, "-c", PROGRAM, roles[1], seconds, str(address))
        return int(listening.stdout.read() if client_sends else counted)


@pytest.mark.parametrize(("acls", "came"), [((), BYTES), (("learning-public",), 0)], ids=["heard", "lost"])
def test_a_web_server_that_sends(keeper: Keeper, network: Network, acls: tuple[str, ...], came: int) -> None:
    build_behind_a_smaller_link(keeper, without_message(network, *acls))
    (web,) = [each for each in network.interfaces.values() if each.name == "web@public-1"]
    assert carried(keeper, "web@public-1", "internet", web.public, came=came) == came


@pytest.mark.parametrize(
    ("acls", "came"),
    [((), BYTES), (("learning-public",), 0), (("learning-private",), 0)],
    ids=["heard", "lost at NAT", "lost at home"],
)
def test_a_private_host_that_sends(keeper: Keeper, network: Network, acls: tuple[str, ...], came: int) -> None:
    """What NAT carries needs it twice: the message is for the NAT gateway, which sends it on."""
    build_behind_a_smaller_link(keeper, without_message(network, *acls))
    (internet, *_) = outside_addresses(network)
    assert carried(keeper, "internet", "private-host", internet, came=came, client_sends=True) == came
