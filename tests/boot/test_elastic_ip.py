"""The deploy brings the Elastic IP after the report: Session Manager's agent then connects anew, however late it is."""

import pytest

from lab.rehearsal import rehearsal as stages
from lab.rehearsal.rehearsal import Rehearsal
from tests.boot.conftest import Stage
from tests.pace import slowness

pytestmark = pytest.mark.boot
# As Ubuntu's image has it: a snap's service, which holds what it has connected.
AGENT = "snap.amazon-ssm-agent.amazon-ssm-agent.service"
UNIT = "[Service]\nExecStart=/bin/sleep infinity\n[Install]\nWantedBy=multi-user.target\n"
NEVER = 86_400.0


def invocation(rehearsal: Rehearsal) -> str:
    return rehearsal.machine.output(f"systemctl show --value -p InvocationID {AGENT}")


def test_the_agent_connects_anew_once_the_elastic_ip_is_there(stage: Stage, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(stages, "ASSOCIATES_SECONDS", NEVER)
    with stage("nspawn") as rehearsal:
        units = rehearsal.folder / "upper/etc/systemd/system"
        (units / "multi-user.target.wants").mkdir(parents=True)
        (units / AGENT).write_text(UNIT)
        (units / "multi-user.target.wants" / AGENT).symlink_to(f"../{AGENT}")
        rehearsal.boot()
        first = invocation(rehearsal)
        assert rehearsal.wait_for_report()["Status"] == "SUCCESS"
        assert "status: done" in rehearsal.wait_for_first_boot()
        assert invocation(rehearsal) == first, "the address is still the old one"
        (rehearsal.folder / "public-ipv4").write_text(stages.ELASTIC_IP)
        rehearsal.machine.wait_for(
            lambda: invocation(rehearsal) != first, "the agent was not restarted", seconds=90 * slowness()
        )
        again = invocation(rehearsal)
        rehearsal.machine.run("sleep 12")
        assert invocation(rehearsal) == again, "once is enough"
        assert rehearsal.machine.output("systemctl is-system-running --wait") == "running", (
            "and it leaves nothing behind"
        )
