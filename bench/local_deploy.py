"""How long `make local` takes when all is set up, against the same deploy by the CDK CLI's defaults.

`make local` is all of it: the local AWS starts, the CDK CLI deploys, every claim is proven. The other is only
`cdk deploy`, with no flag of ours, into a local AWS that runs already.
"""

import argparse
import os
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path
from statistics import median

from bench import results

ROOT = Path(__file__).parent.parent
BIN = Path(sys.executable).parent
LAB = [sys.executable, "-m", "lab"]


def run(folder: Path, command: Sequence[str]) -> float:
    environment = {name: value for name, value in os.environ.items() if not name.startswith(("AWS_", "CDK_"))}
    environment |= {"PATH": f"{BIN}:{os.environ['PATH']}", "CDK_DISABLE_CLI_TELEMETRY": "1"}
    begun = time.perf_counter()
    done = subprocess.run(  # noqa: S603
        command, cwd=folder, env=environment, stdin=subprocess.DEVNULL, capture_output=True, text=True, check=False
    )
    if done.returncode:
        sys.exit(f"Failed: {' '.join(command)}\n{done.stdout}{done.stderr}")
    return time.perf_counter() - begun


def main() -> None:
    parser = argparse.ArgumentParser(prog="make bench-local", description=__doc__)
    parser.add_argument("--repetitions", type=int, default=5)
    repetitions = parser.parse_args().repetitions
    ours, defaults = [], []
    deploy = "source .local-aws/env && cdk deploy LearningStack --require-approval never"
    with tempfile.TemporaryDirectory() as temporary:
        folder = Path(temporary)  # nobody's own local AWS is touched
        for name in ("stacks", "constructs_lib", "lab"):
            shutil.copytree(ROOT / name, folder / name)
        for name in ("app.py", "cdk.json"):
            shutil.copy(ROOT / name, folder)
        for _ in range(repetitions):
            ours.append(run(folder, [*LAB, "local", "up"]))
            run(folder, ["bash", "-c", "source .local-aws/env && cdk destroy LearningStack --force"])
            defaults.append(run(folder, ["bash", "-c", deploy]))
            run(folder, [*LAB, "local", "down", "--clean"])
    ratio = median(ours) / median(defaults)
    rows = [["`make local`: start, deploy, proof", results.seconds(ours), f"**{ratio:.2f}x**"]]
    rows.append(["`cdk deploy`, the CLI's defaults, no start, no proof", results.seconds(defaults), "1"])
    text = f"{results.machine()}; medians of {repetitions}.\n\n{results.table(['', 's', 'ratio'], rows)}"
    results.write("The local deploy", text)
    print(text)


if __name__ == "__main__":
    main()
