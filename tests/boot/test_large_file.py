"""A large file on the fast machine: hundreds of megabytes, which a computer in software copies for minutes."""

import pytest

from lab.rehearsal.rehearsal import Rehearsal

pytestmark = pytest.mark.boot
MEGABYTES = 200


def goes_up_in_parts(bastion: Rehearsal, megabytes: int) -> None:
    """Copy a file that goes up in parts and comes back the same, through an s3fs that no longer has them."""
    point, machine = bastion.bastion.mount_point, bastion.machine
    machine.output(f"head -c {megabytes}M /dev/urandom > large && sha256sum < large > large.sum", seconds=300)
    machine.output(f"cp large {point}/large", seconds=600)
    parts = [
        request for request in bastion.s3.requests if "/large?" in request["path"] and "partNumber=" in request["path"]
    ]
    assert len(parts) > 1
    assert sum(part["bytes"] for part in parts) == megabytes << 20
    assert {part["status"] for part in parts} == {200}
    machine.output(f"rm large; cp {point}/large back", seconds=600)
    assert machine.output("sha256sum < back", seconds=300) == machine.output("cat large.sum")
    machine.output(f"rm back {point}/large")


def test_large_file(fast_bastion: Rehearsal) -> None:
    goes_up_in_parts(fast_bastion, MEGABYTES)
