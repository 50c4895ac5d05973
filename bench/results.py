"""RESULTS.md: a section for each bench, written by its last full run."""

import datetime as dt
import math
import os
import platform
from collections.abc import Iterable, Sequence
from pathlib import Path
from statistics import median

RESULTS = Path(__file__).parent / "RESULTS.md"
HEAD = """\
# Measured

Written by `make bench` (and `make bench-synth` and the like); run it for figures of your own machine.
Contestants take turns in one run, figures are medians of seconds, and only their ratios mean something anywhere else.
"""


def write(title: str, text: str) -> None:
    """Put a section into RESULTS.md, in place of the one that was there."""
    parts = (RESULTS.read_text() if RESULTS.exists() else HEAD).split("\n## ")
    sections = {part.split("\n", 1)[0]: part for part in parts[1:]}
    sections[title] = f"{title}\n\n{text.strip()}\n"
    RESULTS.write_text("\n## ".join([parts[0], *(sections[name] for name in sorted(sections))]))


def machine() -> str:
    """Say in words what this ran on."""
    model = next(
        (line.partition(":")[2].strip() for line in _lines("/proc/cpuinfo") if line.startswith("model name")),
        platform.machine(),
    )
    memory = next(int(line.split()[1]) for line in _lines("/proc/meminfo") if line.startswith("MemTotal"))
    today = dt.datetime.now(dt.UTC).date()
    load = os.getloadavg()[1]
    return f"{today}, {os.cpu_count()} x {model}, {memory >> 20} GiB, Linux {platform.release()}, load {load:.1f}"


def table(header: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    lines = [header, ["---", *["--:"] * (len(header) - 1)], *rows]
    return "\n".join(f"| {' | '.join(line)} |" for line in lines)


def seconds(values: Sequence[float]) -> str:
    return f"{median(values):.2f}" if values else "-"


def geometric_mean(ratios: Sequence[float]) -> float:
    return math.exp(sum(map(math.log, ratios)) / len(ratios))


def _lines(path: str) -> list[str]:
    return Path(path).read_text().splitlines()
