"""``python -m lab local up | down | status | as``."""

import os
import shlex
import signal
import sys
from collections.abc import Sequence
from contextlib import suppress
from typing import TYPE_CHECKING, Annotated

import typer

from lab.template.reader import STACK
from lab.terminal.language import N_, _, rephrased
from lab.terminal.options import console
from lab.terminal.problem import ProblemError
from lab.terminal.typers_words import Command, Group, with_lang
from lab.verify import OPTIONAL_STACKS, report, run_checks

if TYPE_CHECKING:
    from lab.local_aws.lifecycle import Server

TRY_NEXT = N_("""
Try next:
  Talk to the local AWS       source .venv/bin/activate && source .local-aws/env
  Learn it in a browser       python -m lab page
  Or here, from chapter 3     python -m lab guide 3
  See what a setting changes  cdk diff LearningStack -c nat=single
  And change it               cdk deploy LearningStack -c nat=single
  Chapter 4: users, MFA       cdk deploy OperatorsStack -c operators=alice,bob
  Prove it all again          python -m lab verify
  Really boot the bastion     python -m lab rehearse
  Stop (local-clean: forget)  make local-down
""")

# What the stack's output SshCommand says where port 22 is closed.
CLOSED = N_("closed; open it to your own address with: {command}")

local = typer.Typer(
    cls=Group,
    help=_("The local AWS: no account, no cost.\n\nExample: python -m lab local status"),
    no_args_is_help=True,
)


@local.command(cls=Command)
@with_lang
def up(
    context: Annotated[
        list[str] | None, typer.Option("--context", "-c", metavar="KEY=VALUE", help=_("A setting, as for cdk deploy."))
    ] = None,
    quota: Annotated[
        list[str] | None,
        typer.Option(metavar="NAME=NUMBER", help=_("More than a new account may have: vcpu=32, vpcs=10.")),
    ] = None,
) -> None:
    """Start the local AWS, deploy LearningStack into it with the real CDK CLI, and prove what was built.

    It has the quotas of a new account, such as 5 vCPUs and 5 Elastic IPs, until it stops; --quota changes one.

    Example: python -m lab local up -c nat=single
    """
    from lab.local_aws import lifecycle

    for which in (signal.SIGTERM, signal.SIGHUP):  # as Ctrl-C: what was begun is ended first
        signal.signal(which, lambda number, _frame: sys.exit(128 + number))
    with lifecycle.only_one():
        was_running = lifecycle.running()
        if was_running and was_running.is_outdated:
            lifecycle.stop()
            was_running = None
        if was_running and quota:
            raise ProblemError(_("The local AWS runs already, with its quotas. Stop it first: make local-down"))
        region = _own_region()
        server = was_running or lifecycle.start(quotas=quota or (), region=region)
        try:
            lifecycle.settle_in(server, region)
            holds = _deploy_and_prove(server, context or ())
        except BaseException:
            if not was_running:
                lifecycle.stop()
            raise
        server.keep()
    console.print(_(TRY_NEXT), end="", markup=False, soft_wrap=True)
    raise typer.Exit(not holds)


def _own_region() -> str:
    """Return the region of the environment or of the profile in use; nothing where there is none."""
    import botocore.session
    from botocore.exceptions import BotoCoreError

    with suppress(BotoCoreError):  # whatever is wrong with a profile, it is for a real account
        return os.environ.get("AWS_REGION") or botocore.session.get_session().get_config_variable("region") or ""
    return ""


def _deploy_and_prove(server: "Server", settings: Sequence[str]) -> bool:
    from lab import cdk
    from lab.local_aws import lifecycle
    from lab.template.deployed import Deployed

    lifecycle.point_at(server)
    console.print(
        _("Local AWS at {endpoint}, in {region}: no account, no cost.").format(
            endpoint=server.endpoint, region=os.environ["AWS_REGION"]
        )
    )
    console.print(_("Deploying {stack} with the CDK CLI ...").format(stack=STACK))
    cdk.deploy(STACK, settings=settings, console=console)
    deployed = Deployed(STACK)
    console.print(_("{stack} is deployed.").format(stack=STACK))
    console.print(_("(Nothing boots here: the bastion's report of its first boot is made up.)") + "\n")
    for name, value in deployed.outputs.items():
        console.print(f"  {name} = {rephrased(value, [CLOSED])}", markup=False, soft_wrap=True)
    console.print()
    return report(run_checks(STACK))


@local.command(cls=Command)
@with_lang
def down(
    *, clean: Annotated[bool, typer.Option("--clean", help=_("Forget all that was deployed and stored."))] = False
) -> None:
    """Stop the local AWS. What was deployed is there again after the next start.

    Example: python -m lab local down
    """
    from lab.local_aws import lifecycle

    with lifecycle.only_one():
        console.print(_("The local AWS is stopped.") if lifecycle.stop() else _("The local AWS was not running."))
        if clean:
            lifecycle.forget()
            console.print(_("Its state is deleted."))


@local.command(cls=Command)
@with_lang
def status() -> None:
    """Say where the local AWS is and what is deployed in it.

    Example: python -m lab local status
    """
    from lab.local_aws import lifecycle
    from lab.template.deployed import Deployed

    server = lifecycle.running()
    if not server:
        console.print(_("The local AWS is not running. Start it with: make local"))
        return
    lifecycle.point_at(server)
    console.print(
        _("Local AWS at {endpoint}, in {region} (process {pid})").format(
            endpoint=server.endpoint, region=os.environ["AWS_REGION"], pid=server.process.pid
        )
    )
    for name in (STACK, *OPTIONAL_STACKS):
        try:
            console.print(f"  {name}: {Deployed(name).description['StackStatus']}")
        except ProblemError:
            console.print(f"  {name}: {_('not deployed')}")


@local.command("as", cls=Command)
@with_lang
def as_user(
    user: Annotated[str, typer.Argument(help=_("An IAM user of the local AWS, such as an operator."))],
    *,
    mfa: Annotated[bool, typer.Option("--mfa", help=_("In a session that began with MFA."))] = False,
) -> None:
    """Print the environment of a user, for a shell: what it may do there, IAM decides, as in AWS (chapter 4).

    Example: eval "$(python -m lab local as alice --mfa)"
    """
    from lab.local_aws.sign_in import environment_of

    for name, value in environment_of(user, mfa=mfa).items():
        typer.echo(f"export {name}={shlex.quote(value)}")
