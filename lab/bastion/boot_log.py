"""The console output of the bastion, read: did its first boot begin, end well, or fail, and why."""

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

from botocore.exceptions import ClientError

if TYPE_CHECKING:
    from mypy_boto3_ec2 import EC2Client

# What first-boot.sh writes to the console through cloud-init, whatever stands before it in the line.
FIRST_BOOT_LINE = re.compile(r"learning-stack (?P<at>\d{4}-\d\d-\d\dT[\d:]+Z): (?P<what>.*)")
BEGINS, FAILED, COMPLETE = "first boot begins", "failed: ", "first boot is complete"
TROUBLE = re.compile(r"\b(?:error|errors|err|failed|failure|fatal|traceback|denied|timed out)\b|^E: ", re.IGNORECASE)
COLOURS = re.compile(r"\x1b\[[0-9;]*[A-Za-z]")
NO_NEWEST = ("UnsupportedOperation", "IncorrectInstanceState")  # not this type; not while it is off
SHOWN = 12  # lines: more is not read
LOOK_AROUND = "To look around on it: cdk deploy --no-rollback, then python -m lab connect"
# What each reason of first-boot.sh comes from most often.
ADVICE = {
    "no file can be written": "S3 refused a file in the role's name: has the role the bucket's rights, and does the "
    "bucket's policy or the S3 endpoint's deny it?",
    "no end after": "It could not get on: is there a route to the internet gateway, and do the network ACL and the "
    f"security group let HTTP and HTTPS out? {LOOK_AROUND}",
    "Ubuntu lacks": "This release of Ubuntu has none: take another with -c ubuntu_release=... or "
    "-c s3fs_install=source",
    "the AWS CLI was not installed": "The mount works, but the AWS CLI could not be fetched: is the internet there? To "
    "try again, on the machine: sudo learning-stack-first-boot",
}

State = Literal["no output", "not begun", "begun", "failed", "complete"]


@dataclass(frozen=True)
class BootLog:
    """What the console says of the first boot: its state, when that was, the lines to read, and what to do."""

    state: State
    at: str = ""
    reason: str = ""
    lines: tuple[str, ...] = ()
    advice: str = ""


def console_output(ec2: "EC2Client", instance_id: str) -> str:
    """Return the console's last 64 KB: the newest where the instance type can, else as EC2 last stored it.

    EC2 stores it once more when the instance is terminated, for at least an hour:
    https://docs.aws.amazon.com/AWSEC2/latest/APIReference/API_GetConsoleOutput.html
    """
    try:
        newest = ec2.get_console_output(InstanceId=instance_id, Latest=True).get("Output", "")
    except ClientError as error:
        if error.response["Error"]["Code"] not in NO_NEWEST:
            raise
        newest = ""
    return newest or ec2.get_console_output(InstanceId=instance_id).get("Output", "")


def read_console(output: str) -> BootLog:
    """Return what the console says of the last run of the first boot."""
    lines = [COLOURS.sub("", line).strip() for line in output.splitlines()]
    lines = [line for line in lines if line]
    if not lines:
        return BootLog("no output", advice="EC2 has none in the first minutes. Try again in two minutes")
    marks = [(number, mark) for number, line in enumerate(lines) if (mark := FIRST_BOOT_LINE.search(line))]
    begins = [number for number, mark in marks if mark["what"] == BEGINS]
    if not marks:
        return BootLog(
            "not begun",
            lines=_troubles(lines) or tuple(lines[-SHOWN:]),
            advice="It still starts, or cloud-init failed before our part, or it has been on for long: only the "
            "last 64 KB are kept. On the machine: cat /var/log/cloud-init-output.log",
        )
    last_run = [(number, mark) for number, mark in marks if not begins or number >= begins[-1]]
    for number, mark in reversed(last_run):
        if mark["what"] == COMPLETE:
            told = tuple(f"{each['at']} {each['what']}" for _, each in last_run)
            return BootLog("complete", at=mark["at"], lines=told)
        if mark["what"].startswith(FAILED):
            reason = " ".join(mark["what"].removeprefix(FAILED).split())
            if reason.startswith("no end after"):
                reason += f"; the last step: {_step_before(number, last_run)}"
            return BootLog(
                "failed",
                at=mark["at"],
                reason=reason,
                # What went before says why; the keeper's own log, which fail() prints, comes after.
                lines=tuple(lines[max(0, number - SHOWN + 5) : number + 6]),
                advice=next((text for start, text in ADVICE.items() if reason.startswith(start)), LOOK_AROUND),
            )
    return BootLog(
        "begun",
        at=last_run[-1][1]["at"],
        lines=tuple(lines[last_run[0][0] :][-SHOWN:]),
        advice="It goes on: for some minutes with packages, for a quarter of an hour with s3fs_install=source",
    )


def _step_before(number: int, marks: list[tuple[int, re.Match[str]]]) -> str:
    return next((mark["what"] for at, mark in reversed(marks) if at < number), "unknown")


def _troubles(lines: list[str]) -> tuple[str, ...]:
    return tuple(line for line in lines if TROUBLE.search(line))[-SHOWN:]
