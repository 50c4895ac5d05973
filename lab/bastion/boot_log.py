"""The console output of the bastion, read: how its first boot went, and whether it has its bucket, and why not."""

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

from botocore.exceptions import ClientError

from lab.template.deployed import DENIED
from lab.terminal.language import N_, _

if TYPE_CHECKING:
    from mypy_boto3_ec2 import EC2Client

# What first-boot.sh and keep-s3-mounted.sh write to the console, whatever stands before it in the line.
FIRST_BOOT_LINE = re.compile(r"learning-stack (?P<at>\d{4}-\d\d-\d\dT[\d:]+Z): (?P<what>.*)")
AWAY_OR_BACK = re.compile(r"\S+ is (?:away: (?P<why>.*)|back)")
POWER_ON = re.compile(r"\bLinux version \d")  # the kernel's first line
BEGINS, FAILED, COMPLETE = "first boot begins", "failed: ", "first boot is complete"
TROUBLE = re.compile(r"\b(?:error|errors|err|failed|failure|fatal|traceback|denied|timed out)\b|^E: ", re.IGNORECASE)
COLOURS = re.compile(r"\x1b\[[0-9;]*[A-Za-z]")
NO_NEWEST = ("UnsupportedOperation", "IncorrectInstanceState")  # not this type; not while it is off
SHOWN = 12  # lines: more is not read
LOOK_AROUND = N_("To look around on it: cdk deploy --no-rollback, then python -m lab connect")
# What each reason of first-boot.sh comes from most often.
ADVICE = {
    "no file can be written": N_(
        "S3 refused a file in the role's name: has the role the bucket's rights, and does the "
        "bucket's policy or the S3 endpoint's deny it?"
    ),
    "no end after": N_(
        "It could not get on: is there a route to the internet gateway, and do the network ACL and the security group "
        "let HTTP and HTTPS out? To look around on it: cdk deploy --no-rollback, then python -m lab connect"
    ),
    "the mount point is not empty": N_(
        "s3fs would hide what is in it. Deploy with another one: -c mount_point=/mnt/..."
    ),
    "Ubuntu lacks": N_(
        "This release of Ubuntu has none: take another with -c ubuntu_release=... or -c s3fs_install=source"
    ),
    "the AWS CLI was not installed": N_(
        "The mount works, but the AWS CLI could not be fetched: is the internet there? To try "
        "again, on the machine: sudo learning-stack-first-boot"
    ),
}

BUCKET_AWAY = N_(
    "The mount comes back by itself as soon as S3 answers. Was the role, the bucket's "
    "policy, the S3 endpoint or a network ACL changed? On the machine: systemctl status "
    "rc-local; journalctl -b -t s3fs"
)

# What the machine says as its reason, and as the last step before it.
REASONS = (
    N_("{reason}; the last step: {step}"),
    N_("no end after {seconds} s"),
    N_("no file can be written to {bucket}: {answer}"),
    N_("the mount point is not empty: {path}"),
    N_("Ubuntu lacks {packages}"),
    N_("the AWS CLI was not installed"),
    N_("s3fs was not built"),
    N_("no source of s3fs"),
    N_("the metadata service has no role {role}"),
    N_("the metadata service does not answer"),
    N_("s3fs is to be installed"),
    N_("{bucket} is to be mounted"),
    N_("not yet: {answer}"),
)

State = Literal["no output", "not begun", "begun", "failed", "complete", "away"]


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


def bucket_is_away(ec2: "EC2Client", instance_id: str) -> BootLog | None:
    """Return what the console says when the bastion has no bucket; None when it has one, or one may not know."""
    try:
        log = read_console(console_output(ec2, instance_id))
    except ClientError as error:
        if error.response["Error"]["Code"] not in DENIED:
            raise
        return None
    return log if log.state == "away" else None


def read_console(output: str) -> BootLog:
    """Return what the console says of the last run of the first boot."""
    lines = [COLOURS.sub("", line).strip() for line in output.splitlines()]
    lines = [line for line in lines if line]
    if not lines:
        return BootLog("no output", advice=_("EC2 has none in the first minutes. Try again in two minutes"))
    marks = [(number, mark) for number, line in enumerate(lines) if (mark := FIRST_BOOT_LINE.search(line))]
    begins = [number for number, mark in marks if mark["what"] == BEGINS]
    if not marks:
        return BootLog(
            "not begun",
            lines=_troubles(lines) or tuple(lines[-SHOWN:]),
            advice=_(
                "It still starts, or cloud-init failed before our part, or it has been on for long: only "
                "the last 64 KB are kept. On the machine: cat /var/log/cloud-init-output.log"
            ),
        )
    last_run = [(number, mark) for number, mark in marks if not begins or number >= begins[-1]]
    found = _away(lines)
    if found and not any(mark["what"].startswith(FAILED) for _at, mark in last_run):
        why, at = found
        told = tuple(f"{each['at']} {each['what']}" for _at, each in last_run)[-SHOWN:]
        return BootLog("away", at=at, reason=why, lines=told, advice=_(BUCKET_AWAY))
    for number, mark in reversed(last_run):
        if mark["what"] == COMPLETE:
            told = tuple(f"{each['at']} {each['what']}" for _at, each in last_run)
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
                advice=_(next((text for start, text in ADVICE.items() if reason.startswith(start)), LOOK_AROUND)),
            )
    return BootLog(
        "begun",
        at=last_run[-1][1]["at"],
        lines=tuple(lines[last_run[0][0] :][-SHOWN:]),
        advice=_("It goes on: for some minutes with packages, for a quarter of an hour with s3fs_install=source"),
    )


def _away(lines: list[str]) -> tuple[str, str] | None:
    """Return why and since when the bucket is away, as this boot has last said; None when it is not."""
    for line in reversed(lines):
        if POWER_ON.search(line):
            return None
        mark = FIRST_BOOT_LINE.search(line)
        if mark and (said := AWAY_OR_BACK.fullmatch(mark["what"])):
            return (" ".join(said["why"].split()), mark["at"]) if said["why"] is not None else None
    return None


def _step_before(number: int, marks: list[tuple[int, re.Match[str]]]) -> str:
    return next((mark["what"] for at, mark in reversed(marks) if at < number), "unknown")


def _troubles(lines: list[str]) -> tuple[str, ...]:
    return tuple(line for line in lines if TROUBLE.search(line))[-SHOWN:]
