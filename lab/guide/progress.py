"""Which exercises were solved: that stays, also when a later one undoes what was done."""

import json
from contextlib import suppress
from datetime import UTC, datetime

from lab.guide.exercises import Exercise
from lab.local_aws import lifecycle

FILE = "progress.json"  # in the folder of the local AWS: `make local-clean` forgets it


def name(exercise: Exercise) -> str:
    """Return what an exercise is kept under."""
    return exercise.missing.__name__


def solved() -> dict[str, str]:
    """Return the exercises that were solved, each with its day (UTC), by their names. Nothing where none are kept."""
    try:
        kept = json.loads((lifecycle.HOME / FILE).read_text())
        return {str(exercise): str(day) for exercise, day in kept["solved"].items()}
    except (OSError, ValueError, KeyError, TypeError, AttributeError):
        return {}


def solve(exercise: Exercise) -> None:
    """Keep that an exercise is solved, with the day when it first was; in a folder that is not writable nothing is."""
    before = solved()
    if name(exercise) in before:
        return
    kept = {"solved": before | {name(exercise): datetime.now(UTC).date().isoformat()}}
    with suppress(OSError):
        lifecycle.HOME.mkdir(mode=0o700, exist_ok=True)
        lifecycle.write(FILE, json.dumps(kept, indent=1))
