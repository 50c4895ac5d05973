"""`lab boot-log`: what the console of a bastion says, read for people."""

import re

import boto3
import pytest
from botocore.stub import Stubber

from lab.bastion.boot_log import ADVICE, BEGINS, COMPLETE, FAILED, REASONS, bucket_is_away, console_output, read_console
from lab.terminal.language import rephrased, speaking
from tests.conftest import ROOT
from tests.english import english_in

FIRST_BOOT = ROOT / "constructs_lib" / "boot" / "first-boot.sh"
BEGUN = "[   21.4] cloud-init[812]: learning-stack 2026-11-24T01:00:00Z: first boot begins\r\n"
APT = "[   25.1] cloud-init[812]: E: Failed to fetch http://archive.ubuntu.com/\x1b[0m connection timed out\n"
FAILED_AT = (
    "cloud-init[812]: learning-stack 2026-11-24T01:12:03Z: failed: no file can be written to b:   AccessDenied \n"
)
MOUNTED = "cloud-init[812]: learning-stack 2026-11-24T01:01:00Z: files is mounted at /mnt/s3\n"
COMPLETED = "cloud-init[812]: learning-stack 2026-11-24T01:02:00Z: first boot is complete\n"


def test_it_reads_the_words_that_the_script_writes() -> None:
    script = FIRST_BOOT.read_text()
    for words in (BEGINS, FAILED, COMPLETE):
        assert f'log "{words}' in script
    reasons = re.findall(r'(?:\bfail "|log "failed: )([^"$]+)', script)
    assert len(reasons) == len(ADVICE)
    assert all(any(reason.startswith(start) for start in ADVICE) for reason in reasons)
    keeper = FIRST_BOOT.with_name("keep-s3-mounted.sh").read_text()
    assert 'echo "learning-stack $(date -u +%FT%TZ): $BUCKET is $*"' in keeper
    assert 'say "away: $1"' in keeper
    assert "say back\n" in keeper


def test_what_has_no_end_is_told_by_its_last_step() -> None:
    step = "cloud-init[812]: learning-stack 2026-11-24T01:00:05Z: s3fs is to be installed\n"
    log = read_console(
        BEGUN + step + APT + FAILED_AT.replace("no file can be written to b:   AccessDenied ", "no end after 720 s")
    )
    assert log.reason == "no end after 720 s; the last step: s3fs is to be installed"
    assert "route to the internet gateway" in log.advice


AWAY = "rc.local[428]: learning-stack 2026-11-24T05:00:00Z: files is away:   AccessDenied  no  403 \n"
BACK = "rc.local[428]: learning-stack 2026-11-24T05:09:00Z: files is back\n"
POWER_ON = "[    0.000000] Linux version 7.0.0-1001-aws\n"


@pytest.mark.parametrize("before", ["", "...\n", BEGUN + COMPLETED, BEGUN, AWAY + BACK, AWAY + POWER_ON])
def test_a_bucket_that_is_away_is_said_with_its_reason(before: str) -> None:
    log = read_console(before + AWAY + "login: \n")
    assert (log.state, log.at, log.reason) == ("away", "2026-11-24T05:00:00Z", "AccessDenied no 403")
    assert "comes back by itself" in log.advice


@pytest.mark.parametrize("after", [BACK, POWER_ON, AWAY + BACK])
def test_a_bucket_that_is_back_is_not_away(after: str) -> None:
    assert read_console(BEGUN + COMPLETED + AWAY + after).state == "complete"


def test_a_failed_first_boot_is_told_before_the_bucket_that_is_away() -> None:
    assert read_console(BEGUN + AWAY + FAILED_AT).state == "failed"


def test_who_may_not_read_the_console_is_told_nothing_of_the_bucket() -> None:
    ec2 = boto3.client("ec2", region_name="us-east-1", aws_access_key_id="a", aws_secret_access_key="s")  # noqa: S106
    with Stubber(ec2) as stub:
        stub.add_client_error("get_console_output", "UnauthorizedOperation")
        assert bucket_is_away(ec2, "i-0123") is None
        stub.add_response("get_console_output", {"Output": AWAY}, {"InstanceId": "i-0123", "Latest": True})
        away = bucket_is_away(ec2, "i-0123")
        assert away
        assert away.reason == "AccessDenied no 403"


@pytest.mark.parametrize("output", ["", "\r\n  \n"])
def test_no_output_yet(output: str) -> None:
    log = read_console(output)
    assert (log.state, log.lines) == ("no output", ())
    assert "Try again in two minutes" in log.advice


def test_begun() -> None:
    log = read_console("Linux version 7\n" + BEGUN + "Get:1 s3fs\n")
    assert (log.state, log.at) == ("begun", "2026-11-24T01:00:00Z")
    assert log.lines[-1] == "Get:1 s3fs"
    assert "Linux version 7" not in log.lines


def test_failed_with_its_reason_and_what_went_before() -> None:
    log = read_console(BEGUN + APT + FAILED_AT + "keep-s3-mounted: nothing\n")
    assert (log.state, log.at, log.reason) == (
        "failed",
        "2026-11-24T01:12:03Z",
        "no file can be written to b: AccessDenied",
    )
    assert any("Failed to fetch http://archive.ubuntu.com/ connection" in line for line in log.lines)  # no colours
    assert log.lines[-1] == "keep-s3-mounted: nothing"
    assert "has the role the bucket's rights" in log.advice


def test_complete() -> None:
    log = read_console(BEGUN + APT + MOUNTED + COMPLETED + "login: \n")
    assert (log.state, log.at) == ("complete", "2026-11-24T01:02:00Z")
    assert log.lines[1] == "2026-11-24T01:01:00Z files is mounted at /mnt/s3"
    assert log.advice == ""


def test_the_last_run_counts() -> None:
    assert read_console(BEGUN + FAILED_AT + BEGUN + COMPLETED).state == "complete"
    assert read_console(BEGUN + COMPLETED + BEGUN + FAILED_AT).state == "failed"
    assert read_console(BEGUN + FAILED_AT + BEGUN).state == "begun"


def test_the_beginning_may_have_been_pushed_out_of_the_64_kb() -> None:
    assert read_console("...\n" + MOUNTED + COMPLETED).state == "complete"


def test_trouble_before_our_part_is_shown() -> None:
    log = read_console("fine\ncloud-init[700]: ERROR: cannot parse user data\n" + "fine\n" * 50)
    assert (log.state, log.lines) == ("not begun", ("cloud-init[700]: ERROR: cannot parse user data",))


@pytest.mark.parametrize("code", ["UnsupportedOperation", "IncorrectInstanceState"])
def test_an_instance_without_the_newest_output(code: str) -> None:
    ec2 = boto3.client("ec2", region_name="us-east-1", aws_access_key_id="test", aws_secret_access_key="test")  # noqa: S106
    with Stubber(ec2) as stub:
        stub.add_client_error("get_console_output", code)
        stub.add_response("get_console_output", {"Output": "b2xkCg=="}, {"InstanceId": "i-0123"})
        assert console_output(ec2, "i-0123") == "old\n"


def test_a_terminated_instance_has_the_output_that_was_stored_at_its_end() -> None:
    ec2 = boto3.client("ec2", region_name="us-east-1", aws_access_key_id="test", aws_secret_access_key="test")  # noqa: S106
    with Stubber(ec2) as stub:
        stub.add_response("get_console_output", {}, {"InstanceId": "i-0123", "Latest": True})
        stub.add_response("get_console_output", {"Output": "b2xkCg=="}, {"InstanceId": "i-0123"})
        assert console_output(ec2, "i-0123") == "old\n"


def test_each_reason_of_the_script_is_told_in_japanese() -> None:
    reasons = re.findall(r'(?:\bfail "|log "failed: |answer=")([^"$]+(?:\$[^"]+)?)"', FIRST_BOOT.read_text())
    assert len(reasons) == len(ADVICE) + 2
    with speaking("ja"):
        for reason in reasons:
            told = rephrased(
                f"{re.sub(r'[$][*]|[$][A-Za-z_]+', 'x', reason)}; the last step: x is to be mounted", REASONS
            )
            assert english_in(told) == []
            assert told.endswith("。最後の手順: x のマウント")
