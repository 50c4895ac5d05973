"""The keys of the instance's role, on the fast machine: they expire unnoticed, and stay on the bastion."""

import time

import pytest

from lab.rehearsal import machines, processes
from lab.rehearsal.rehearsal import Changes
from tests.boot.conftest import Stage
from tests.boot.file_writer import FileWriter, Recoveries

pytestmark = pytest.mark.boot
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


def test_credentials_expire(stage: Stage, recoveries: Recoveries) -> None:
    """During a long copy they expire again and again: nobody notices.

    Both are shortened: EC2's are good for six hours. s3fs asks for new ones when those that it has end within 20
    minutes, so with these it asks before every single request.
    """
    with stage("nspawn", Changes(credential_seconds=CREDENTIAL_SECONDS)) as rehearsal:
        rehearsal.boot()
        rehearsal.wait_for_first_boot()
        rehearsal.s3.faults.set(delay=0.2)  # so that some requests begin with the last of a key's seconds
        writer = FileWriter(rehearsal, recoveries)
        time.sleep(COPY_SECONDS)
        assert writer.failures == 0
        what = f"credentials of {CREDENTIAL_SECONDS} s, a copy of {COPY_SECONDS} s"
        writer.require_no_loss(what, since=time.monotonic(), within=30)
        keys = {request["access_key"] for request in rehearsal.s3.requests if "closed-" in request["path"]}
        assert len(keys) >= COPY_SECONDS / CREDENTIAL_SECONDS
        refused = {request["refused"] for request in rehearsal.s3.requests if "refused" in request}
        assert refused <= {"NoSuchKey"}, "s3fs looks for a key that is not there, and finds all its own to be good"


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
