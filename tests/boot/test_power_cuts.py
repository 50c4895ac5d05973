"""The power goes in the middle of the first boot of the fast machine: the next one goes on, and ends complete.

``POWER_CUTS=20`` cuts so often, each time another machine. Without, one machine loses its power three times.
"""

import os
import random
import time

import pytest

from lab.rehearsal import proofs
from lab.rehearsal.rehearsal import Rehearsal
from tests.boot.conftest import Stage
from tests.boot.file_writer import Recoveries
from tests.pace import slowness

pytestmark = pytest.mark.boot
SEED = int(os.environ.get("POWER_CUTS_SEED", "1"))
EACH = int(os.environ.get("POWER_CUTS", "0"))
# Of a first boot, as long as it takes on a machine that has nothing else to do.
FIRST, LAST = 1.5, 24.0
COMPLETE_SECONDS = 120


def moments(count: int) -> list[float]:
    """Return moments that are spread over the first boot, each by chance within its part."""
    chance, part = random.Random(SEED), (LAST - FIRST) / count  # noqa: S311  # no secret
    return [round(FIRST + part * (number + chance.random()), 2) for number in range(count)]


def cut(bastion: Rehearsal, after: float) -> str:
    """Switch the machine on, and the power off after so many seconds; return its last words."""
    bastion.machine.start()
    time.sleep(after * slowness())
    bastion.machine.power_off()
    words = [line for line in bastion.machine.console.read_text(errors="replace").splitlines() if line.strip()]
    return words[-1][:80] if words else "nothing"


def ends_complete(bastion: Rehearsal, recoveries: Recoveries, what: str) -> None:
    began = time.monotonic()
    bastion.machine.start()
    bastion.machine.wait_for(
        lambda: bastion.machine.run("test -e /var/lib/learning-stack.done").ok,
        f"The first boot is not complete ({what})",
        seconds=COMPLETE_SECONDS * slowness(),
    )
    recoveries.append((what, time.monotonic() - began, None))
    bastion.wait_for_mount(seconds=30 * slowness())
    bastion.wait_for_first_boot()
    wrong = {proof.claim: found for proof in proofs.PROOFS if (found := proof.look(bastion))}
    # A report may have gone out before the cut as well: the deploy takes the first.
    assert {claim: found for claim, found in wrong.items() if "SUCCESS" not in found} == {}


def test_power_is_cut_again_and_again(stage: Stage, recoveries: Recoveries) -> None:
    with stage("nspawn") as bastion:
        for after in moments(3):
            cut(bastion, after)
        ends_complete(bastion, recoveries, "the power is cut thrice in the first boot: on to complete")


@pytest.mark.skipif(not EACH, reason="POWER_CUTS=20 says how often")
@pytest.mark.parametrize("after", moments(EACH or 1))
def test_power_is_cut_at(stage: Stage, recoveries: Recoveries, after: float) -> None:
    with stage("nspawn") as bastion:
        words = cut(bastion, after)
        ends_complete(bastion, recoveries, f"cut after {after} s ({words})")
