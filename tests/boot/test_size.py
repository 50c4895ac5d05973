"""What a learner's machine is really given: the baseline of a burstable type with no credits, from its first second."""

import time
from collections.abc import Callable
from typing import Any

import pytest

from lab.rehearsal import image
from lab.rehearsal.machines import Size
from lab.rehearsal.rehearsal import Changes, Rehearsal
from lab.template.reader import INSTANCE, Template
from lab.terminal.problem import ProblemError
from tests.boot.conftest import Stage
from tests.boot.file_writer import Recoveries
from tests.pace import slowness

pytestmark = pytest.mark.boot
# Standard credits, of which T3 and T4g get none at launch: 2 vCPUs at 10 % (5 % for nano).
MICRO, NANO = Size(cpus=0.2, memory_mib=1024), Size(cpus=0.1, memory_mib=512)
REPORT_SECONDS = 240


def report(rehearsal: Rehearsal, recoveries: Recoveries, what: str) -> float:
    """Boot, and return the seconds to the report."""
    began = time.monotonic()
    rehearsal.machine.start()
    rehearsal.machine.wait_for_boot()
    signal = rehearsal.wait_for_report(seconds=rehearsal.bastion.signal_seconds)
    seconds = time.monotonic() - began
    recoveries.append((f"{what}: power on to the report", seconds, None))
    assert signal["Status"] == "SUCCESS"
    assert "status: done" in rehearsal.wait_for_first_boot(seconds=1800)
    recoveries.append((f"{what}: power on to the AWS CLI", time.monotonic() - began, None))
    return seconds


@pytest.mark.parametrize(("name", "size"), [("t3.micro", MICRO), ("t3.nano", NANO)])
def test_the_report_comes_within_four_minutes(stage: Stage, recoveries: Recoveries, name: str, size: Size) -> None:
    with stage("nspawn", Changes(size=size)) as rehearsal:
        seconds, allowed = report(rehearsal, recoveries, name), REPORT_SECONDS * slowness()
        if seconds > allowed:
            raise ProblemError(f"The report came after {seconds:.0f} s and not within {allowed:.0f} s")


def test_the_nat_instance_forwards_within_a_minute_and_a_half(
    stage: Stage, template: Callable[..., dict[str, Any]], recoveries: Recoveries
) -> None:
    """A t4g.micro, by its share of a processor; and nft is fetched, which Ubuntu's images have."""
    (nat,) = (each for each in Template(template(nat="instance")).all(INSTANCE) if each.is_nat_instance)
    user_data = nat.properties["UserData"]["Fn::Base64"]
    with stage("nspawn", Changes(user_data=lambda _: user_data, size=MICRO)) as rehearsal:
        image.publish(rehearsal.machine.image, ["nftables"])
        began = time.monotonic()
        rehearsal.machine.start()
        rehearsal.machine.wait_for_boot()
        forwards = "sudo nft list chain ip nat postrouting && [ $(cat /proc/sys/net/ipv4/ip_forward) = 1 ]"
        rehearsal.machine.wait_for(
            lambda: rehearsal.machine.run(forwards).ok, "It does not forward", seconds=90 * slowness()
        )
        recoveries.append(("t4g.micro as NAT: power on to forwarding", time.monotonic() - began, None))
