"""Schedules of EventBridge Scheduler."""

import re
import zoneinfo
from datetime import datetime
from functools import lru_cache
from typing import Any

from ministack.services import iam

from lab.local_aws.rules.rule import Asked, rule

TYPES = "https://docs.aws.amazon.com/scheduler/latest/UserGuide/schedule-types.html"
CREATE = "https://docs.aws.amazon.com/scheduler/latest/APIReference/API_CreateSchedule.html"
BOTH = ("CreateSchedule", "UpdateSchedule")
MONTHS = ("JAN", "FEB", "MAR", "APR", "MAY", "JUN", "JUL", "AUG", "SEP", "OCT", "NOV", "DEC")
DAYS = ("SUN", "MON", "TUE", "WED", "THU", "FRI", "SAT")
# Of each field: its least and largest number, its names from the least number on, and its wildcards.
FIELDS = (
    (0, 59, (), ",-*/"),
    (0, 23, (), ",-*/"),
    (1, 31, (), ",-*?/LW"),
    (1, 12, MONTHS, ",-*/"),
    (1, 7, DAYS, ",-*?L#"),
    (1970, 2199, (), ",-*/"),
)


@rule("scheduler.expression", *BOTH, code="ValidationException", source=TYPES)
def _expression(asked: Asked) -> str | None:
    # The message is that of localstack/localstack#9284, seen on AWS.
    text = str(asked.get("ScheduleExpression", ""))
    kind = re.fullmatch(r"(at|rate|cron)\((.*)\)", text)
    right = kind is not None and {"at": _is_time, "rate": _is_rate, "cron": _is_cron}[kind[1]](kind[2])
    return None if right or not text else f"Invalid Schedule Expression {text}."


def _is_time(text: str) -> bool:
    try:
        datetime.strptime(text, "%Y-%m-%dT%H:%M:%S")  # noqa: DTZ007  # its zone is another member
    except ValueError:
        return False
    return True


def _is_rate(text: str) -> bool:
    return bool(re.fullmatch(r"[1-9]\d* (minutes?|hours?|days?)", text))


def _is_cron(text: str) -> bool:
    fields = text.split()
    if len(fields) != len(FIELDS) or (fields[2] == "?") == (fields[4] == "?"):
        return False
    return all(_is_field(field, *about) for field, about in zip(fields, FIELDS, strict=True))


def _is_field(text: str, least: int, most: int, names: tuple[str, ...], wildcards: str) -> bool:
    if text == "?":
        return "?" in wildcards
    return all(_is_part(part, least, most, names, wildcards) for part in text.split(","))


def _is_part(part: str, least: int, most: int, names: tuple[str, ...], wildcards: str) -> bool:
    start, slash, step = part.partition("/")
    if slash and not (step.isdecimal() and int(step)):
        return False
    if start == "*":
        return True
    if "L" in wildcards and re.fullmatch(r"L|\d+L|LW|L-\d+", start):
        return True
    if "W" in wildcards and re.fullmatch(r"\d+W", start):
        start = start[:-1]
    if "#" in wildcards:
        start, sharp, nth = start.partition("#")
        if sharp and nth not in ("1", "2", "3", "4", "5"):
            return False
    ends = [_number(end, least, names) for end in start.split("-")]
    return len(ends) <= 2 and all(end is not None and least <= end <= most for end in ends)


def _number(text: str, least: int, names: tuple[str, ...]) -> int | None:
    if text.upper() in names:
        return names.index(text.upper()) + least
    return int(text) if text.isdecimal() else None


@lru_cache
def _zones() -> frozenset[str]:
    return frozenset(zoneinfo.available_timezones())


@rule("scheduler.time-zone", *BOTH, code="ValidationException", source=TYPES)
def _time_zone(asked: Asked) -> str | None:
    # The page says that zones are those of the IANA's data base.
    zone = asked.get("ScheduleExpressionTimezone", "UTC")
    return None if zone in _zones() else f"The time zone {zone} you provided isn't valid."


@rule("scheduler.window", *BOTH, code="ValidationException", source=CREATE)
def _window(asked: Asked) -> str | None:
    window: Any = asked.get("FlexibleTimeWindow") or {}
    if window.get("Mode") == "FLEXIBLE" and "MaximumWindowInMinutes" not in window:
        return "A flexible time window must have a maximum window."
    if window.get("Mode") == "OFF" and "MaximumWindowInMinutes" in window:
        return "The maximum window is not allowed when the flexible time window is off."
    return None


@rule(
    "scheduler.role-exists",
    *BOTH,
    code="ValidationException",
    source="https://github.com/aws/aws-sdk-js-v3/issues/6494",
)
def _role(asked: Asked) -> str | None:
    # A role that Scheduler may not assume is refused in these words.
    arn = str((asked.get("Target") or {}).get("RoleArn", ""))
    role = iam._roles.get(arn.rpartition("/")[2])
    document = str(role.get("AssumeRolePolicyDocument", "")) if role else ""
    if "scheduler.amazonaws.com" in document:
        return None
    return "The execution role you provide must allow AWS EventBridge Scheduler to assume the role."


@rule("scheduler.dates", *BOTH, code="ValidationException", source=CREATE)
def _dates(asked: Asked) -> str | None:
    start, end = asked.get("StartDate"), asked.get("EndDate")
    wrong = isinstance(start, int | float) and isinstance(end, int | float) and start >= end
    return "The StartDate you specify must be earlier than the EndDate." if wrong else None
