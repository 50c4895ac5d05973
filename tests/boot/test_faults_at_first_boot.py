"""What goes wrong at the first boot, or needs a machine of its own: the fast one, a new one for each test."""

import contextlib
import time
from collections.abc import Iterator

import pytest

from lab.problem import ProblemError
from lab.rehearsal import machines, processes
from lab.rehearsal.nspawn import BRIDGE
from lab.rehearsal.rehearsal import Changes, Rehearsal
from tests.boot.conftest import Recoveries, Stage
from tests.boot.witness import Witness

pytestmark = pytest.mark.boot
# The promise is 30 s; what a slow machine needs to boot and to install s3fs comes on top.
MEND_SECONDS, BOOT_SECONDS = 30, 60
NETWORK = "[Match]\nName=host0\n[Network]\nDHCP=ipv4\nLinkLocalAddressing=no\n"
CREDENTIAL_SECONDS, COPY_SECONDS = 20, 100
CONTAINER = """
ip netns add c
ip link add outside type veth peer name inside netns c
ip address add 10.9.0.1/24 dev outside
ip link set outside up
ip -n c address add 10.9.0.2/24 dev inside
ip -n c link set inside up
ip -n c route add default via 10.9.0.1
sysctl -qw net.ipv4.ip_forward=1
"""


def boots_well(rehearsal: Rehearsal, recoveries: Recoveries, what: str, *, over: float) -> None:
    """Wait for the mount after a fault that is over at a certain moment, and for the end of the first boot."""
    rehearsal.machine.wait_for_boot()
    taken = rehearsal.wait_for_mount(seconds=max(over - time.monotonic(), 0) + MEND_SECONDS + BOOT_SECONDS)
    assert taken > 0
    recoveries.append((f"at first boot: {what}", time.monotonic() - over, None))
    assert "status: done" in rehearsal.wait_for_first_boot()


def test_packages_come_late(stage: Stage, recoveries: Recoveries) -> None:
    with stage("nspawn") as rehearsal:
        rehearsal.packages.panel.set(fault="refuse", seconds=60)
        over = time.monotonic() + 60
        rehearsal.machine.start()
        boots_well(rehearsal, recoveries, "packages refused for 60 s", over=over)


def test_internet_comes_late(stage: Stage, recoveries: Recoveries) -> None:
    """The Elastic IP comes only once the bastion runs: until then only metadata and S3 are there."""
    with stage("nspawn") as rehearsal:
        rehearsal.packages.panel.set(fault="drop", seconds=60)
        rehearsal.s3.panel.set(fault="no internet", seconds=60)
        over = time.monotonic() + 60
        rehearsal.machine.start()
        boots_well(rehearsal, recoveries, "no internet for 60 s", over=over)


@contextlib.contextmanager
def address_server(rehearsal: Rehearsal) -> Iterator[None]:
    process = processes.spawn(
        [
            *("dnsmasq", "--conf-file=/dev/null", "--keep-in-foreground", "--user=root", "--port=0", "--leasefile-ro"),
            *(f"--interface={BRIDGE}", "--bind-interfaces", "--log-facility=-", "--pid-file="),
            f"--dhcp-range={machines.ADDRESS},{machines.ADDRESS},255.255.0.0",
            f"--dhcp-option=option:dns-server,{machines.AWS_ADDRESS}",
        ],
        enter=rehearsal.machine.isolation.enter,
        log=rehearsal.folder / "dhcp.log",
    )
    try:
        yield
    finally:
        processes.end(process)


def test_address_comes_late(stage: Stage, recoveries: Recoveries) -> None:
    """The fast machine has a fixed address; here it asks for one, as on EC2, and for 20 s nobody answers."""
    try:
        processes.need("dnsmasq")
    except ProblemError as error:
        pytest.skip(str(error))
    with stage("nspawn") as rehearsal:
        (rehearsal.folder / "upper/etc/systemd/network/10-host0.network").write_text(NETWORK)
        rehearsal.machine.start()
        time.sleep(20)
        assert not rehearsal.machine.boot_id(), "it has an address already"
        with address_server(rehearsal):
            boots_well(rehearsal, recoveries, "no answer to DHCP for 20 s", over=time.monotonic())


def test_credentials_expire(stage: Stage, recoveries: Recoveries) -> None:
    """During a long copy they expire again and again: nobody notices.

    Both are shortened: EC2's are good for six hours. s3fs asks for new ones when those that it has end within 20
    minutes, so with these it asks before every single request.
    """
    with stage("nspawn", Changes(credential_seconds=CREDENTIAL_SECONDS)) as rehearsal:
        rehearsal.boot()
        rehearsal.wait_for_first_boot()
        rehearsal.s3.panel.set(delay=0.2)  # so that some requests begin with the last of a key's seconds
        witness = Witness(rehearsal, recoveries)
        time.sleep(COPY_SECONDS)
        assert witness.failures == 0
        what = f"credentials of {CREDENTIAL_SECONDS} s, a copy of {COPY_SECONDS} s"
        witness.testify(what, since=time.monotonic(), within=MEND_SECONDS)
        keys = {request["access_key"] for request in rehearsal.s3.requests if "closed-" in request["path"]}
        assert len(keys) >= COPY_SECONDS / CREDENTIAL_SECONDS
        assert {request["refused"] for request in rehearsal.s3.requests if "refused" in request} == set()


@pytest.mark.parametrize(("hop_limit", "expected"), [(None, False), (2, True)], ids=["ours", "2"])
def test_token_goes_no_further_than_the_hop_limit(stage: Stage, hop_limit: int | None, expected: bool) -> None:  # noqa: FBT001
    """In a container on the bastion, one router further, nobody gets a token, and with it the role's keys."""
    with stage("nspawn", Changes(hop_limit=hop_limit)) as rehearsal:
        machine = rehearsal.machine
        machine.start()
        machine.wait_for_boot()
        machine.output(f"sudo sh -ec '{CONTAINER}'")
        back = [*machine.isolation.enter, "ip", "route", "add", "10.9.0.0/24", "via", machines.ADDRESS]
        processes.run(back, log=rehearsal.folder / "network.log", what="Adding a route")
        ask = f"curl -sS -m 5 http://{machines.AWS_ADDRESS}/latest/api/token"
        token = f"{ask} -X PUT -H 'X-aws-ec2-metadata-token-ttl-seconds: 60'"
        assert len(machine.output(token)) > 40
        status = machine.output(f"sudo ip netns exec c {ask} -o /dev/null -w '%{{http_code}}'")
        assert status == "401", "it is answered, but gets nothing without a token"
        from_inside = machine.run(f"sudo ip netns exec c {token}")
        assert (len(from_inside.text) > 40) == expected, from_inside
