"""``python -m lab doctor``."""

from dataclasses import asdict
from typing import Annotated

import typer
from rich.console import Console

from lab.deployed import new_session
from lab.doctor.findings import look
from lab.printed import print_json
from lab.problem import ProblemError

MARKS = {"fine": "[green]✓[/]", "not known": "[yellow]?[/]", "fails": "[red]✗[/]"}
console = Console(highlight=False)


def doctor(*, as_json: Annotated[bool, typer.Option("--json", help="For programs.")] = False) -> None:
    """Look whether a deploy would work from here, before it fails half-way. Changes nothing.

    Zones and quotas are held against the templates of the last cdk synth: all stacks of a class together.
    Ends with status 1 when a deploy would fail.

    Example: python -m lab doctor
    """
    try:
        session = new_session()
    except ProblemError:
        session = None
    findings = list(look(session))
    if as_json:
        print_json([asdict(finding) for finding in findings])
    else:
        for finding in findings:
            console.print(f"{MARKS[finding.verdict]} {finding.about}: ", end="")
            console.print(finding.text, markup=False, soft_wrap=True)
    raise typer.Exit(any(finding.verdict == "fails" for finding in findings))
