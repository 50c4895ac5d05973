"""A rehearsal that cannot fail proves nothing: what would not work in AWS does not work here, and is named."""

from collections.abc import Callable

import pytest

from lab.bastion import boot_log
from lab.rehearsal.proofs import PROOFS
from lab.rehearsal.rehearsal import Changes
from lab.terminal.problem import ProblemError
from tests.boot.conftest import Stage
from tests.pace import slowness

pytestmark = pytest.mark.boot
REFUSAL_SECONDS = 90  # a minute, in which a new role may not be known everywhere, and the way there
OPTIONS = "rw,allow_other"  # how the line of options begins


def with_option(option: str) -> Callable[[str], str]:
    def change(user_data: str) -> str:
        assert OPTIONS in user_data
        return user_data.replace(OPTIONS, f"{option},{OPTIONS}")

    return change


def test_the_deploy_fails_when_nothing_can_be_written(stage: Stage) -> None:
    """As an instance would: by its report, as soon as S3's refusal is sure, and with no time shortened."""
    with stage("nspawn") as rehearsal:
        rehearsal.s3.faults.set(deny=["s3:PutObject"])
        rehearsal.machine.start()
        rehearsal.machine.wait_for_boot()
        signal = rehearsal.wait_for_report(seconds=REFUSAL_SECONDS * slowness())
        assert (signal["Status"], signal["UniqueId"]) == ("FAILURE", rehearsal.bastion.instance_id)
        assert "Result=exit-code" in rehearsal.wait_for_first_boot()
        assert rehearsal.machine.run("systemctl is-system-running --wait").text == "degraded"
        assert not rehearsal.machine.run("command -v aws").ok, "time was spent on the AWS CLI"
        # The reason is where `lab boot-log` reads it.
        log = boot_log.read_console(rehearsal.machine.console.read_text(errors="replace"))
        assert log.state == "failed"
        assert log.reason.startswith(f"no file can be written to {rehearsal.bastion.bucket}: AccessDenied")
        assert "s3:PutObject" in log.reason


def test_the_primers_acl(stage: Stage) -> None:
    """The mount looks fine, and the first write fails."""
    with stage("nspawn", Changes(user_data=with_option("default_acl=public-read"))) as rehearsal:
        rehearsal.boot()
        writing = next(proof for proof in PROOFS if "user 1000 writes" in proof.claim)
        assert "Input/output error" in writing.look(rehearsal)
        assert "AccessControlListNotSupported for PUT" in rehearsal.refusals()


@pytest.mark.parametrize(
    ("changes", "reason"),
    [
        (Changes(role="another-role"), "404 for GET /latest/meta-data/iam/security-credentials/access-s3-role"),
        (
            Changes(user_data=with_option("imdsv1only")),
            "401 for GET /latest/meta-data/iam/security-credentials/access-s3-role",
        ),
    ],
    ids=["another role", "IMDSv1"],
)
def test_no_credentials(stage: Stage, changes: Changes, reason: str) -> None:
    with stage("nspawn", changes) as rehearsal:
        rehearsal.machine.start()
        rehearsal.machine.wait_for_boot()
        seconds = 60 * slowness()
        rehearsal.machine.wait_for(lambda: reason in rehearsal.refusals(), "Nothing is refused", seconds=seconds)
        with pytest.raises(ProblemError) as raised:
            rehearsal.wait_for_mount(seconds=5)
        assert reason in str(raised.value)
        assert "\n" not in str(raised.value)
