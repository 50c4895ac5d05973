"""The learner's command line: ``python -m lab``."""

import shlex
import signal
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Annotated

import typer
from botocore.exceptions import BotoCoreError, ClientError
from rich.console import Console
from rich.markup import escape
from rich.table import Column, Table
from rich.text import Text

from lab import cdk
from lab.bastion import command as bastion
from lab.checks import run
from lab.checks.check import Verdict
from lab.cleanup.command import cleanup
from lab.cost.command import cost
from lab.deployed import STACK, Deployed, explain
from lab.doctor.command import doctor, zones
from lab.guide.command import exercise, guide
from lab.local_aws import lifecycle
from lab.local_aws.users import environment_of
from lab.picture.command import picture
from lab.printed import print_json
from lab.problem import ProblemError
from lab.rehearsal.proofs import PROOFS
from lab.rehearsal.rehearsal import MachineName, Rehearsal

OPERATORS = "OperatorsStack"
BESIDE = (OPERATORS, "BudgetStack")  # deployed only by those who ask for them
NEXT = """
Try next:
  source .venv/bin/activate && source .local-aws/env  # talk to the local AWS
  python -m lab guide 3                               # learn it, from chapter 3
  cdk diff LearningStack -c nat=single                # what a setting changes
  cdk deploy LearningStack -c nat=single              # and change it
  cdk deploy OperatorsStack -c operators=alice,bob    # chapter 4: users, MFA
  python -m lab verify                                # prove it all again
  python -m lab rehearse                              # really boot the bastion
  make local-down                                     # stop (local-clean: forget)
"""

TRY_THERE = """
This is the bastion, as user ubuntu. Try:
  df -h {point}
  echo hello > {point}/hello.txt && aws s3 ls s3://{bucket}
  aws sts get-caller-identity    # the role, and no key anywhere
  cat /var/log/learning-stack.log
  sudo reboot                    # this shell comes back by itself
  exit
"""

app = typer.Typer(
    help="What a learner does before, during and after a deploy.\n\nExample: python -m lab guide",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
)
app.command()(cost)
app.command()(picture)
app.command()(bastion.status)
app.command()(bastion.start)
app.command()(bastion.stop)
app.command()(bastion.boot_log)
app.command()(bastion.connect)
app.command()(cleanup)
app.command()(doctor)
app.command()(zones)
app.command()(guide)
app.command()(exercise)
local_app = typer.Typer(
    help="The local AWS: no account, no cost.\n\nExample: python -m lab local status", no_args_is_help=True
)
app.add_typer(local_app, name="local")
console = Console(highlight=False)


def main() -> None:
    """Run the command line; an expected failure prints its one line and ends with status 1."""
    try:
        app()
    except ProblemError as error:
        raise SystemExit(str(error)) from None
    except (BotoCoreError, ClientError) as error:
        raise SystemExit(explain(error)) from None


@local_app.command()
def up(
    context: Annotated[
        list[str] | None, typer.Option("--context", "-c", metavar="KEY=VALUE", help="A setting, as for cdk deploy.")
    ] = None,
    quota: Annotated[
        list[str] | None,
        typer.Option(metavar="NAME=NUMBER", help="More than a new account may have: vcpu=32, vpcs=10."),
    ] = None,
) -> None:
    """Start the local AWS, deploy LearningStack into it with the real CDK CLI, and prove what was built.

    It has the quotas of a new account, such as 5 vCPUs and 5 Elastic IPs, until it stops; --quota changes one.

    Example: python -m lab local up -c nat=single
    """
    for which in (signal.SIGTERM, signal.SIGHUP):  # as Ctrl-C: what was begun is ended first
        signal.signal(which, lambda number, _frame: sys.exit(128 + number))
    with lifecycle.only_one():
        was_running = lifecycle.running()
        if was_running and was_running.is_outdated:
            lifecycle.stop()
            was_running = None
        if was_running and quota:
            raise ProblemError("The local AWS runs already, with its quotas. Stop it first: make local-down")
        server = was_running or lifecycle.start(quotas=quota or ())
        try:
            holds = _deploy_and_prove(server, context or ())
        except BaseException:
            if not was_running:
                lifecycle.stop()
            raise
        server.keep()
    console.print(NEXT, end="", markup=False, soft_wrap=True)
    raise typer.Exit(not holds)


def _deploy_and_prove(server: lifecycle.Server, settings: Sequence[str]) -> bool:
    lifecycle.point_at(server)
    console.print(f"Local AWS at {server.endpoint}: no account, no cost.")
    console.print(f"Deploying {STACK} with the CDK CLI ...")
    cdk.deploy(STACK, settings=settings, console=console)
    deployed = Deployed(STACK)
    console.print(f"{STACK} is deployed.")
    console.print("(Nothing boots here: the bastion's report of its first boot is made up.)\n")
    for name, value in deployed.outputs.items():
        console.print(f"  {name} = {value}", markup=False, soft_wrap=True)
    console.print()
    return _report(_verdicts(STACK))


@local_app.command()
def down(
    *, clean: Annotated[bool, typer.Option("--clean", help="Forget all that was deployed and stored.")] = False
) -> None:
    """Stop the local AWS. What was deployed is there again after the next start.

    Example: python -m lab local down
    """
    with lifecycle.only_one():
        console.print("The local AWS is stopped." if lifecycle.stop() else "The local AWS was not running.")
        if clean:
            lifecycle.forget()
            console.print("Its state is deleted.")


@local_app.command()
def status() -> None:
    """Say where the local AWS is and what is deployed in it.

    Example: python -m lab local status
    """
    server = lifecycle.running()
    if not server:
        console.print("The local AWS is not running. Start it with: make local")
        return
    lifecycle.point_at(server)
    console.print(f"Local AWS at {server.endpoint} (process {server.process.pid})")
    for name in (STACK, *BESIDE):
        try:
            console.print(f"  {name}: {Deployed(name).description['StackStatus']}")
        except ProblemError:
            console.print(f"  {name}: not deployed")


@local_app.command("as")
def as_user(
    user: Annotated[str, typer.Argument(help="An IAM user of the local AWS, such as an operator.")],
    *,
    mfa: Annotated[bool, typer.Option("--mfa", help="In a session that began with MFA.")] = False,
) -> None:
    """Print the environment of a user, for a shell: what it may do there, IAM decides, as in AWS (chapter 4).

    Example: eval "$(python -m lab local as alice --mfa)"
    """
    for name, value in environment_of(user, mfa=mfa).items():
        typer.echo(f"export {name}={shlex.quote(value)}")


@app.command()
def verify(
    *, stack: bastion.StackName = STACK, as_json: Annotated[bool, typer.Option("--json", help="For programs.")] = False
) -> None:
    """Prove what the primer claims, chapter by chapter, on the AWS that the environment points at.

    Ends with status 1 when a claim does not hold. Changes nothing.

    Example: python -m lab verify
    """
    verdicts = _verdicts(stack)
    if as_json:
        print_json([_as_data(verdict) for verdict in verdicts])
        raise typer.Exit(not all(verdict.holds for verdict in verdicts))
    raise typer.Exit(not _report(verdicts))


@app.command()
def rehearse(
    *,
    stack: bastion.StackName = STACK,
    machine: Annotated[
        MachineName, typer.Option(help="qemu: a whole computer in software; nspawn: a container, quick, needs root.")
    ] = "qemu",
    check: Annotated[bool, typer.Option("--check", help="Prove it all, reboot, prove it again; no shell.")] = False,
    image: Annotated[
        Path | None, typer.Option(help="Boot this Ubuntu cloud image (amd64), not a built system.", dir_okay=False)
    ] = None,
    packages: Annotated[
        Path | None, typer.Option(help="With --image: a folder with the .deb files that it installs.", file_okay=False)
    ] = None,
) -> None:
    """Really boot the deployed bastion on this machine, with no account: its user data, its mount, its role.

    A shell on it opens; leave it with exit, and everything is gone. Files in the bucket stay, in the local AWS.

    Example: python -m lab rehearse
    """
    lifecycle.point_at_running()
    with Rehearsal(machine, stack=stack, progress=_say, image_file=image, packages=packages) as rehearsal:
        seconds = rehearsal.boot()
        _say(f"Mounted {seconds:.0f} s after power-on. Waiting for the AWS CLI and the end of the first boot")
        rehearsal.wait_for_first_boot()
        if check:
            holds = _prove(rehearsal)
            rehearsal.reboot()
            holds = _prove(rehearsal) and holds
        else:
            holds = True
            there = rehearsal.bastion
            console.print(TRY_THERE.format(point=there.mount_point, bucket=there.bucket), markup=False)
            rehearsal.shell()
    console.print("The bastion is gone; what it wrote is in the bucket.")
    raise typer.Exit(not holds)


def _say(what: str) -> None:
    console.print(f"{what} ...", markup=False, soft_wrap=True)


def _prove(rehearsal: Rehearsal) -> bool:
    """Print a line for each proof; return whether all hold."""
    found = [(proof.claim, proof.look(rehearsal)) for proof in PROOFS]
    for claim, instead in found:
        console.print(f"  [green]✓[/] {claim}" if not instead else f"  [red]✗[/] {claim}: {escape(instead)}")
    return not any(instead for _, instead in found)


def _verdicts(name: str) -> list[Verdict]:
    stacks = [Deployed(name)]
    for beside in BESIDE if name == STACK else ():
        try:
            stacks.append(Deployed(beside))
        except ProblemError:
            pass  # it is not there
        except ClientError as error:
            typer.echo(f"{beside} is not looked at: {explain(error)}", err=True)
    for stack in stacks:
        stack.require_complete()
    return [verdict for stack in stacks for verdict in run(stack)]


def _report(verdicts: list[Verdict]) -> bool:
    """Print a table by chapter, and how to see what does not hold; return whether every claim holds."""
    table = Table("Chapter", Column("Claim", overflow="fold"), "", box=None, padding=(0, 2, 0, 0))
    for verdict in verdicts:
        table.add_row(verdict.check.chapter, verdict.check.claim, "[green]✓[/]" if verdict.holds else "[red]✗[/]")
        if not verdict.holds:
            lines = [f"expected: {fact}" for fact in verdict.missing] + [f"found: {fact}" for fact in verdict.surplus]
            table.add_row("", Text("\n".join(lines), "red"))
    console.print(table)
    if commands := dict.fromkeys(verdict.command for verdict in verdicts if not verdict.holds):
        console.print("\nSee for yourself:")
        for command in commands:  # not in the table: no line of them may be broken
            console.print(f"  {command}", markup=False, soft_wrap=True)
    holding = sum(verdict.holds for verdict in verdicts)
    console.print(f"\n{holding} of {len(verdicts)} claims hold.")
    return holding == len(verdicts)


def _as_data(verdict: Verdict) -> dict[str, object]:
    check = verdict.check
    return {
        "id": check.id,
        "chapter": check.chapter,
        "claim": check.claim,
        "claim_ja": check.claim_ja,
        "command": verdict.command,
        "holds": verdict.holds,
        "missing": verdict.missing,
        "surplus": verdict.surplus,
    }
