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


def solved(stack: str) -> dict[str, str]:
    """Return the exercises solved in a stack, each with its day (UTC), by their names. Nothing where none are kept."""
    return _kept().get(stack, {})


def solve(exercise: Exercise, stack: str) -> None:
    """Keep that an exercise is solved, with the day when it first was; in a folder that is not writable nothing is."""
    kept = _kept()
    if name(exercise) in kept.get(stack, {}):
        return
    kept.setdefault(stack, {})[name(exercise)] = datetime.now(UTC).date().isoformat()
    with suppress(OSError):
        lifecycle.HOME.mkdir(mode=0o700, exist_ok=True)
        lifecycle.write(FILE, json.dumps(kept, indent=1))


def _kept() -> dict[str, dict[str, str]]:
    try:
        kept = json.loads((lifecycle.HOME / FILE).read_text())
        return {str(stack): {str(each): str(day) for each, day in of.items()} for stack, of in kept.items()}
    except (OSError, ValueError, AttributeError):
        return {}
