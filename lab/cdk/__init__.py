"""The real CDK CLI, with its progress as a bar and its noise kept for when it is needed."""

import os
import re
import shutil
import subprocess
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, SpinnerColumn, TextColumn, TimeElapsedColumn

from lab.terminal.language import _
from lab.terminal.problem import ProblemError

# LearningStack |  4/66 | 21:01:22 | CREATE_COMPLETE | AWS::EC2::VPC | Network/Vpc (NetworkVpc7FB7348F)
EVENT = re.compile(r"^\S+ \|\s*(\d+)/(\d+)\s*\|[^|]*\|\s*(\w+)\s*\|\s*(\S+)")


def deploy(stack: str, *, settings: Sequence[str], console: Console) -> None:
    """Run ``cdk deploy STACK`` and show how far it is.

    Raises ProblemError with what the CLI printed when it fails.
    """
    command, environment = _cli(
        "deploy", stack, "--require-approval=never", "--progress=events", "--ci", settings=settings
    )
    printed: list[str] = []
    with (
        Progress(
            SpinnerColumn(),
            TextColumn("{task.description}"),
            BarColumn(),
            MofNCompleteColumn(),
            TimeElapsedColumn(),
            console=console,
            transient=True,
            disable=not console.is_terminal,
        ) as progress,
        _started(command, environment) as process,
    ):
        task = progress.add_task("cdk synth", total=None)
        try:
            for line in process.stdout or ():
                printed.append(line)
                if event := EVENT.match(line):
                    done, total, status, kind = event.groups()
                    progress.update(
                        task, completed=int(done), total=max(int(done), int(total)), description=f"{status} {kind}"
                    )
        except BaseException:
            process.stdin.close()  # type: ignore[union-attr]  # a pipe: it ends the CLI with all that it started
            raise
    if process.returncode:
        raise ProblemError(_what_failed("".join(printed)))


def synth(stack: str, *, settings: Sequence[str], output: Path) -> None:
    """Run ``cdk synth STACK`` into the folder ``output``.

    Raises ProblemError with what the CLI printed when it fails.
    """
    command, environment = _cli("synth", stack, "--quiet", "--output", str(output), settings=settings)
    with _started(command, environment) as process:
        printed = "".join(process.stdout or ())
    if process.returncode:
        raise ProblemError(_what_failed(printed))


def _started(command: Sequence[str], environment: Mapping[str, str]) -> subprocess.Popen[str]:
    """Start the CLI so that neither it nor what it starts outlives us; Ctrl-C is for us alone."""
    return subprocess.Popen(  # noqa: S603  # the CDK CLI of this project
        [sys.executable, "-m", "lab.cdk.leash", *command],
        env=environment,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        start_new_session=True,
        umask=0o077,  # what it writes into .local-aws is for this user alone
    )


def _cli(*words: str, settings: Sequence[str]) -> tuple[list[str], dict[str, str]]:
    """Return a command line of this project's CDK CLI, and the environment to run it in."""
    path = os.pathsep.join([str(Path(sys.executable).parent), os.environ["PATH"]])
    cdk = shutil.which("cdk", path=path)
    if not cdk:
        raise ProblemError(_("The CDK CLI is not installed here. Set it up with: make setup"))
    for setting in settings:
        if not re.match(r"[^=]+=", setting):  # the CLI only warns, and takes the default
            raise ProblemError(
                _("-c {setting}: a setting is a key, = and a value. Example: -c nat=single").format(setting=setting)
            )
    contexts = [word for setting in settings for word in ("--context", setting)]
    return [cdk, *words, *contexts], os.environ | {"PATH": path, "NO_COLOR": "1"}


def _what_failed(printed: str) -> str:
    """Return what a failed run of the CLI printed, without the lines that only say how far it came."""
    noise = r"_(COMPLETE|PROGRESS) |^LearningStack .* \d+ USD\b|Subprocess exited with error"
    lines = [line for line in printed.splitlines() if line.strip() and not re.search(noise, line)]
    return "\n".join(lines)
