"""``python -m lab doctor`` and ``zones``."""

import json
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from lab.template.reader import STACK, SUBNET
from lab.terminal.language import N_, _
from lab.terminal.options import AsJson, StackName, console
from lab.terminal.printed import print_json
from lab.terminal.problem import ProblemError

if TYPE_CHECKING:
    from lab.doctor.findings import Finding
    from lab.template.deployed import Deployed

ZONES_OF = N_("Zones of {stack}")
ABOUT = (
    N_("Region"),
    N_("Credentials"),
    N_("Template"),
    N_("Zones"),
    N_("NAT gateways"),
    N_("Free plan"),
    N_("Elastic IPs"),
    N_("Budget"),
    N_("Destroy"),
)
MARKS = {"fine": "[green]✓[/]", "not known": "[yellow]?[/]", "fails": "[red]✗[/]"}


def doctor(
    *,
    destroy: Annotated[bool, typer.Option("--destroy", help=_("Look whether a destroy would work instead."))] = False,
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
            console.print(f"{MARKS[finding.verdict]} {_about(finding)}: ", end="")
            console.print(finding.text, markup=False, soft_wrap=True)
    raise typer.Exit(any(finding.verdict == "fails" for finding in findings))


def _about(finding: "Finding") -> str:
    """Return what a finding is about in the language that is spoken; for programs it stays in English."""
    zones = ZONES_OF.partition("{")[0]
    if finding.about.startswith(zones):
        return _(ZONES_OF).format(stack=finding.about.removeprefix(zones))
    return _(finding.about)


def zones(*, stack: StackName = STACK) -> None:
    """Print the setting that keeps a deployed stack in its zones; nothing where there is no stack, or cdk.json has it.

    A template that names no zones takes the region's first two, and which those are may change: AWS does not promise
    their order. make deploy asks this each time; by hand: cdk deploy LearningStack $(python -m lab zones)

    Example: python -m lab zones
    """
    from lab.template.deployed import Deployed, NoStackError

    try:
        context: Any = json.loads(Path("cdk.json").read_text())["context"]
    except (OSError, ValueError, KeyError, TypeError):
        context = {}
    if context.get("availability_zones"):
        return
    try:
        found = deployed_zones(Deployed(stack))
    except NoStackError:
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
