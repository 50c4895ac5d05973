"""The faithful machine: the bastion's first boot and a reboot, from power-on to what a person does there."""

from collections.abc import Iterator

import pytest

from lab.rehearsal import proofs
from lab.rehearsal.rehearsal import Rehearsal
from tests.boot.conftest import Stage
from tests.boot.file_writer import Recoveries
from tests.boot.test_large_file import goes_up_in_parts

pytestmark = pytest.mark.boot
MEGABYTES = 24  # three parts; test_large_file.py copies more, where that is quick


@pytest.fixture(scope="module")
def bastion(stage: Stage, recoveries: Recoveries) -> Iterator[Rehearsal]:
    """Boot it for the first time, and wait until all that its user data asks for is done."""
    with stage("qemu") as rehearsal:
        seconds = rehearsal.boot()
        rehearsal.wait_for_first_boot()
        recoveries.append(("QEMU: first boot to mount", seconds, None))
        yield rehearsal


@pytest.fixture(scope="module")
def rebooted(bastion: Rehearsal, recoveries: Recoveries) -> Rehearsal:
    """Leave a file, and reboot."""
    point = bastion.bastion.mount_point
    bastion.machine.output(f"echo before > {point}/before.txt && chmod 600 {point}/before.txt")
    before = bastion.machine.boot_id()
    seconds = bastion.reboot()
    recoveries.append(("QEMU: reboot to mount", seconds, None))
    assert bastion.machine.boot_id() not in ("", before)
    return bastion


def test_first_boot(bastion: Rehearsal, proof: proofs.Proof) -> None:
    assert proof.look(bastion) == ""


def test_large_file(bastion: Rehearsal) -> None:
    goes_up_in_parts(bastion, MEGABYTES)


def test_after_reboot(rebooted: Rehearsal, proof: proofs.Proof) -> None:
    assert proof.look(rebooted) == ""


def test_file_outlives_the_reboot(rebooted: Rehearsal) -> None:
    path = f"{rebooted.bastion.mount_point}/before.txt"
    assert rebooted.machine.output(f"cat {path} && stat -c '%a %u' {path}") == "before\n600 1000"


def test_cloud_init_knows_ec2_by_itself(bastion: Rehearsal) -> None:
    assert bastion.machine.output("cloud-id") == "aws"
    assert "DataSourceEc2Local" in bastion.machine.output("cloud-init status --long")


def test_clock_is_wrong_for_a_while(rebooted: Rehearsal) -> None:
    """S3 refuses what is signed an hour ahead. When the clock is right again, all is as before."""
    machine, path = rebooted.machine, f"{rebooted.bastion.mount_point}/time.txt"
    write = f"date | dd status=none of={path}"
    machine.output("sudo date --set='1 hour'")
    assert not machine.run(write).ok
    assert "RequestTimeTooSkewed" in {request.get("refused") for request in rebooted.s3.requests}
    machine.output("sudo date --set='1 hour ago'")
    rebooted.wait_for_mount()
    machine.output(write)
