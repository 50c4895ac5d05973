"""Who has done which exercise, by looking at every learner's stack, or at what was handed in."""

import json
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from lab.cost.bill import HOURS_A_MONTH, reckon
from lab.guide import progress
from lab.guide.exercises import EXERCISES, look
from lab.template.deployed import Deployed, new_session
from lab.template.reader import STACK
from lab.terminal.language import _
from lab.terminal.problem import ProblemError

PREFIX = f"{STACK}-"


@dataclass(frozen=True)
class Mark:
    """What one exercise lacks in a learner's stack: nothing when it is done."""

    chapters: tuple[int, ...]
    task: str
    missing: str


@dataclass(frozen=True)
class Work:
    """A learner's marks, one for each exercise; when they were given, and what the stack has cost until then, idle.

    ``usd`` is none where the stack's region has no prices.
    """

    learner: str
    marks: tuple[Mark, ...]
    at: str
    usd: float | None = None

    @property
    def done(self) -> int:
        return sum(not mark.missing for mark in self.marks)


def work_of(stack: str) -> Work:
    """Return the marks of a stack; what was solved on this machine stays so.

    Raises ProblemError when it is not deployed, or not whole.
    """
    aws = Deployed(stack)
    aws.require_complete()
    now, solved = datetime.now(UTC), progress.solved(stack)
    marks = tuple(
        Mark(each.chapters, each.task, "" if progress.name(each) in solved else look(each, aws)) for each in EXERCISES
    )
    return Work(stack.removeprefix(PREFIX), marks, now.isoformat(timespec="seconds"), _usd_until(aws, now))


def works_of_class() -> Iterator[Work]:
    """Yield the marks of each learner's stack in the region, in the order of their names.

    Raises ProblemError when there is none. A stack that is not whole has no marks.
    """
    pages = new_session().client("cloudformation").get_paginator("describe_stacks").paginate()
    stacks = sorted(each["StackName"] for page in pages for each in page["Stacks"])
    theirs = [each for each in stacks if each.startswith(PREFIX)]
    if not theirs:
        raise ProblemError(
            _(
                "There is no {prefix}NAME here. Deploy a class first: make class ROSTER=class.csv, or read what was "
                "handed in: python -m lab class alice.json bob.json"
            ).format(prefix=PREFIX)
        )
    for stack in theirs:
        try:
            yield work_of(stack)
        except ProblemError as error:
            yield Work(stack.removeprefix(PREFIX), (Mark((), "", str(error)),), "")


def as_file(work: Work) -> bytes:
    """Return a learner's work as the content of a file."""
    return (json.dumps(asdict(work), ensure_ascii=False, indent=2) + "\n").encode()


def handed_in(file: Path) -> Work:
    """Read a file that ``lab hand-in`` wrote. Raises ProblemError when it is another."""
    try:
        given: Any = json.loads(file.read_text(encoding="utf-8"))
        marks = tuple(Mark(tuple(each["chapters"]), str(each["task"]), str(each["missing"])) for each in given["marks"])
        return Work(str(given["learner"]), marks, str(given["at"]))
    except OSError as error:
        raise ProblemError(_("{file} cannot be read: {strerror}").format(file=file, strerror=error.strerror)) from None
    except (ValueError, TypeError, KeyError):
        raise ProblemError(
            _("{file} is no work that was handed in. Learners write one with: python -m lab hand-in alice.json").format(
                file=file
            )
        ) from None


def common_mistakes(works: Iterable[Work]) -> list[tuple[int, Mark]]:
    """Return what more than one learner lacks, and how many do, the most frequent first."""
    found = Counter(mark for work in works for mark in work.marks if mark.missing)
    return [(count, mark) for mark, count in found.most_common() if count > 1]


def usd_of(works: Sequence[Work]) -> float:
    return sum(work.usd or 0 for work in works)


def _usd_until(aws: Deployed, now: datetime) -> float | None:
    try:
        idle = reckon(aws.template, aws.region).idle_usd
    except ProblemError:
        return None
    hours = (now - aws.description["CreationTime"]).total_seconds() / 3600
    return idle * hours / HOURS_A_MONTH
