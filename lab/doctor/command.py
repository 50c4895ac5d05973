"""``python -m lab doctor`` and ``zones``."""

import json
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from lab.template.reader import STACK, SUBNET
from lab.terminal.options import AsJson, StackName, console
from lab.terminal.printed import print_json
from lab.terminal.problem import ProblemError

if TYPE_CHECKING:
    from lab.template.deployed import Deployed

MARKS = {"fine": "[green]✓[/]", "not known": "[yellow]?[/]", "fails": "[red]✗[/]"}


def doctor(
    *,
    destroy: Annotated[bool, typer.Option("--destroy", help="Look whether a destroy would work instead.")] = False,
    stack: StackName = STACK,
    as_json: AsJson = False,
) -> None:
    """Look whether a deploy would work from here, before it fails half-way. Changes nothing.

    Zones and quotas are held against the templates of the last cdk synth: all stacks of a class together. With
    --destroy: what of your own is in the stack's network, and would make a destroy fail.
    Ends with status 1 when a deploy, or a destroy, would fail.

    Example: python -m lab doctor
    """
    from lab.doctor.findings import look_before_deploy
    from lab.doctor.removal import look_before_destroy
    from lab.template.deployed import Deployed, new_session

    if destroy:
        findings = list(look_before_destroy(Deployed(stack)))
    else:
        try:
            session = new_session()
        except ProblemError:
            session = None
        findings = list(look_before_deploy(session))
    if as_json:
        print_json([asdict(finding) for finding in findings])
    else:
        for finding in findings:
            console.print(f"{MARKS[finding.verdict]} {finding.about}: ", end="")
            console.print(finding.text, markup=False, soft_wrap=True)
    raise typer.Exit(any(finding.verdict == "fails" for finding in findings))


def zones(*, stack: StackName = STACK) -> None:
    """Print the setting that keeps a deployed stack in its zones; nothing where there is no stack, or cdk.json has it.

    A template that names no zones takes the region's first two, and which those are may change: AWS does not promise
    their order. make deploy asks this each time; by hand: cdk deploy LearningStack $(python -m lab zones)

    Example: python -m lab zones
    """
    from lab.template.deployed import Deployed

    try:
        context: Any = json.loads(Path("cdk.json").read_text())["context"]
    except (OSError, ValueError, KeyError, TypeError):
        context = {}
    if context.get("availability_zones"):
        return
    try:
        found = deployed_zones(Deployed(stack))
    except ProblemError as problem:
        if not str(problem).startswith("There is no stack"):
            raise
        return
    if len(found) == 2:
        typer.echo(f"-c availability_zones={','.join(found)}")


def deployed_zones(aws: "Deployed") -> list[str]:
    """Return the zones of a stack's public subnets, in the order of their names."""
    ids = [each.id for each in aws.all(SUBNET) if each.name.startswith("learning-public-")]
    if not all(ids) or not ids:  # a create that failed
        return []
    subnets = {each["SubnetId"]: each for each in aws.ec2.describe_subnets(SubnetIds=ids)["Subnets"]}
    return [subnets[each]["AvailabilityZone"] for each in ids]
