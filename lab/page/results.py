"""What a command of the AWS CLI prints, run, and as a table where it is one."""

import json
import os
import shutil
import subprocess
import sys
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from lab.terminal.language import _
from lab.terminal.printed import one_line

SECONDS = 30
LONGEST = 200_000  # characters that are shown
COLUMNS, ROWS = 8, 100
Row = list[str]


@dataclass(frozen=True)
class Result:
    """What came: a table where it has the shape of one, and the text itself."""

    text: str
    failed: bool = False
    heads: Row = field(default_factory=list)
    rows: list[Row] = field(default_factory=list)


def run(words: list[str]) -> Result:
    """Run the AWS CLI, whichever there is, with words that no shell reads, and return what it prints."""
    program = [found] if (found := shutil.which("aws")) else [sys.executable, "-m", "awscli"]
    environment = os.environ | {"AWS_PAGER": "", "AWS_DEFAULT_OUTPUT": "json", "AWS_CLI_AUTO_PROMPT": "off"}
    try:
        done = subprocess.run(  # noqa: S603  # a command of the guide
            [*program, *words],
            env=environment,
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            errors="replace",
            timeout=SECONDS,
            check=False,
        )
    except subprocess.TimeoutExpired:
        return Result(_("No answer within {seconds} seconds").format(seconds=SECONDS), failed=True)
    if done.returncode:
        return Result(one_line(done.stderr or done.stdout), failed=True)
    return of(done.stdout)


def of(printed: str) -> Result:
    """Return what was printed, with a table where it is a list of things."""
    try:
        data = json.loads(printed)
    except ValueError:
        return Result(printed[:LONGEST])
    heads, rows = _table(_things(data))
    return Result(json.dumps(data, indent=2, ensure_ascii=False)[:LONGEST], heads=heads, rows=rows)


def _things(data: Any) -> list[Any]:
    """Return the list that an answer is about: instances, where they come in reservations."""
    if isinstance(data, Mapping):
        lists = [each for key, each in data.items() if isinstance(each, list) and key != "ResponseMetadata"]
        if len(lists) != 1:
            return []
        data = lists[0]
    if not isinstance(data, list):
        return []
    if data and all(isinstance(each, Mapping) and "Instances" in each for each in data):
        return [inner for each in data for inner in each["Instances"]]
    return data


def _table(things: list[Any]) -> tuple[Row, list[Row]]:
    """Return heads and rows: what is plain of each thing, its Name tag first. None where nothing is plain."""
    if not things or not all(isinstance(each, Mapping) for each in things):
        return [], []
    plain = [{key: value for key, each in thing.items() if (value := _plain(each)) is not None} for thing in things]
    heads = list(dict.fromkeys(key for thing in plain for key in thing))
    told = [name for name in heads if name in plain[0] and name not in ("OwnerId", "VpcOwnerId")][:COLUMNS]
    names = [_name_tag(thing) for thing in things]
    rows = [[thing.get(head, "") for head in told] for thing in plain[:ROWS]]
    if any(names):
        return ["Name", *told], [[name, *row] for name, row in zip(names, rows, strict=False)]
    return told, rows


def _plain(value: Any) -> str | None:
    """Return a value as text where it is a plain one, or a list of such; else None."""
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, str | int | float):
        return str(value)
    if isinstance(value, list) and value and all(isinstance(each, str) for each in value):
        return ", ".join(value)
    if isinstance(value, Mapping) and "Name" in value and len(value) <= 2:  # a state
        return str(value["Name"])
    return None


def _name_tag(thing: Mapping[str, Any]) -> str:
    tags = thing.get("Tags")
    if not isinstance(tags, list):
        return ""
    return next((str(each.get("Value")) for each in tags if isinstance(each, dict) and each.get("Key") == "Name"), "")
