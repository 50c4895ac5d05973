"""How long `cdk synth` takes, against JavaScript with the CDK's own Vpc, BastionHostLinux and Bucket and its defaults.

Whole processes, in turns: the app alone, as the CLI starts it, and through the CLI; as a whole, and by the resource, as
ours makes more of them. Both check their templates: the rival with the CDK's own WebAssembly engine, ours with the
native build of the same engine.
"""

import argparse
import json
import os
import subprocess
import sys
import tempfile
import time
from collections import defaultdict
from pathlib import Path
from statistics import median

from bench import results

ROOT = Path(__file__).parent.parent
RIVAL = ROOT / "bench" / "rival"
BIN = Path(sys.executable).parent
CONFIG = json.loads((ROOT / "cdk.json").read_text())
APPS = {"JavaScript": f"node {RIVAL / 'app.js'}", "ours": CONFIG["app"]}
CLASSES = (1, 10, 50)


def run(command: list[str], environment: dict[str, str] | None = None) -> tuple[float, int]:
    """Run a command; return its seconds, and the MiB of the largest process in it."""
    begun = time.perf_counter()
    process = subprocess.Popen(  # noqa: S603
        command,
        cwd=ROOT,
        env={
            **os.environ,
            "PATH": f"{BIN}:{os.environ['PATH']}",
            "CDK_DISABLE_CLI_TELEMETRY": "1",
            "PYTHONDONTWRITEBYTECODE": "",  # where it is set, each run compiles anew what is not of a package
            **(environment or {}),
        },
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    _, status, usage = os.wait4(process.pid, 0)
    process.returncode = os.waitstatus_to_exitcode(status)
    if process.returncode:
        sys.exit(f"Failed: {' '.join(command)}")
    return time.perf_counter() - begun, usage.ru_maxrss >> 10


def alone(app: str, folder: str, **context: object) -> tuple[float, int]:
    """Run an app as the CLI does."""
    environment = {"CDK_OUTDIR": folder, "CDK_CONTEXT_JSON": json.dumps({**CONFIG["context"], **context})}
    return run(app.split(), environment)


def through_the_cli(app: str, folder: str) -> tuple[float, int]:
    return run(["cdk", "synth", "--quiet", "--app", app, "--output", folder])


def count_resources(folder: Path) -> dict[str, int]:
    """Return how many resources each app makes, in all of its stacks."""
    counts = {}
    for name, app in APPS.items():
        alone(app, str(folder / name))
        templates = (json.loads(file.read_text()) for file in (folder / name).glob("*.template.json"))
        counts[name] = sum(len(template["Resources"]) for template in templates)
    return counts


def race(folder: Path, repetitions: int) -> str:
    resources = count_resources(folder)
    ways = {"app alone": alone, "cdk synth --quiet": through_the_cli}
    times: dict[tuple[str, str], list[float]] = defaultdict(list)
    for repetition in range(repetitions + 1):
        for way, measure in ways.items():
            for name, app in APPS.items():
                seconds, _ = measure(app, str(folder / "race"))
                if repetition:  # the first one fills caches
                    times[way, name].append(seconds)
    rows = []
    for way in ways:
        theirs, ours = (times[way, name] for name in APPS)
        ratio = median(ours) / median(theirs)
        by_the_resource = ratio * resources["JavaScript"] / resources["ours"]
        medians = [results.seconds(theirs), results.seconds(ours)]
        rows.append([way, *medians, f"**{ratio:.2f}x**", f"**{by_the_resource:.2f}x**"])
    heads = [f"{name}, {resources[name]} resources" for name in APPS]
    return results.table(["", *heads, "ratio", "ratio by the resource"], rows)


def growth(folder: Path, repetitions: int) -> str:
    times: dict[int, list[float]] = defaultdict(list)
    memory: dict[int, list[float]] = defaultdict(list)
    for _ in range(repetitions):
        for stacks in CLASSES:
            learners = [f"learner{number}" for number in range(1, stacks)]
            seconds, mib = alone(APPS["ours"], str(folder / "growth"), learners=learners)
            times[stacks].append(seconds)
            memory[stacks].append(mib)
    rows = [[str(n), results.seconds(times[n]), f"{median(memory[n]):.0f}"] for n in CLASSES]
    first, last = CLASSES[0], CLASSES[-1]
    each = (median(times[last]) - median(times[first])) / (last - first)
    points = ", ".join(f"{median(times[n]):.2f}" for n in CLASSES)
    plot = f'xychart-beta\n    x-axis "LearningStacks" {list(CLASSES)}\n    y-axis "seconds"\n    line [{points}]'
    return (
        f"{results.table(['LearningStacks in one app', 's, app alone', 'MiB, largest process'], rows)}\n\n"
        f"Each more: **{1000 * each:.0f} ms**.\n\n```mermaid\n{plot}\n```"
    )


def main() -> None:
    parser = argparse.ArgumentParser(prog="make bench-synth", description=__doc__)
    parser.add_argument("--repetitions", type=int, default=9)
    repetitions = parser.parse_args().repetitions
    with tempfile.TemporaryDirectory() as temporary:
        folder = Path(temporary)
        raced, grown = race(folder, repetitions), growth(folder, max(3, repetitions // 3))
    versions = json.loads((RIVAL / "package.json").read_text())["dependencies"]
    node = subprocess.run([BIN / "node", "--version"], capture_output=True, text=True, check=True).stdout.strip()  # noqa: S603
    text = (
        f"{results.machine()}; aws-cdk-lib {versions['aws-cdk-lib']}, Node.js {node}, Python {sys.version.split()[0]}; "
        f"medians of {repetitions} runs in turns, of whole processes.\n\n{raced}\n\n{grown}"
    )
    results.write("Synth", text)
    print(text)


if __name__ == "__main__":
    main()
