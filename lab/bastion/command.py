"""``python -m lab status | start | stop | boot-log | connect``."""

import os
from dataclasses import asdict
from typing import TYPE_CHECKING, Annotated

import typer

from lab.template.reader import STACK
from lab.terminal.language import N_, _, rephrased
from lab.terminal.options import AsJson, StackName, console
from lab.terminal.printed import print_json
from lab.terminal.problem import ProblemError

if TYPE_CHECKING:
    from collections.abc import Callable

    import boto3
    from mypy_boto3_ec2 import EC2Client

    from lab.bastion.boot_log import BootLog
    from lab.bastion.machine import BastionInstance

NOTHING_BOOTS = N_("Nothing boots in the local AWS. Really boot the bastion with: python -m lab rehearse")
SAID = {
    "no output": N_("The console of {id} has said nothing yet."),
    "not begun": N_("The console of {id} says nothing of the first boot."),
    "begun": N_("The first boot of {id} has begun, and neither ended nor failed by {at}."),
    "failed": N_("The first boot of {id} failed at {at}: {reason}"),
    "complete": N_("The first boot of {id} was complete at {at}."),
    "away": N_("{id} has not had its bucket since {at}: {reason}"),
}


def status(*, stack: StackName = STACK, as_json: AsJson = False) -> None:
    """Say whether the bastion runs, and whether it has its bucket. Asks EC2 alone, so it works for operators too.

    What it says of the bucket is on its console, which operators may not read.

    Example: python -m lab status
    """
    from lab.bastion.boot_log import bucket_is_away
    from lab.bastion.machine import find_bastion
    from lab.template.deployed import is_local

    ec2 = _ec2()[1]
    bastion = find_bastion(ec2, stack)
    _tell(bastion, as_json=as_json)
    if not as_json and not is_local() and bastion.state == "running" and (away := bucket_is_away(ec2, bastion.id)):
        _say("away", bastion.id, away)
        console.print(away.advice, soft_wrap=True, markup=False)


def start(*, stack: StackName = STACK, as_json: AsJson = False) -> None:
    """Start the bastion and wait until it runs. Operators need a session that began with MFA.

    Example: python -m lab start
    """
    from lab.bastion import machine

    _switch(machine.start, stack, as_json=as_json)


def stop(*, stack: StackName = STACK, as_json: AsJson = False) -> None:
    """Stop the bastion and wait until it stands still. Operators need a session that began with MFA.

    What is on its disk and in the bucket stays; disk and address go on costing.

    Example: python -m lab stop
    """
    from lab.bastion import machine

    _switch(machine.stop, stack, as_json=as_json)


def boot_log(*, stack: StackName = STACK, as_json: AsJson = False) -> None:
    """Say how far the bastion's first boot came, and why it failed or has no bucket: its console output, read for you.

    Also for an hour after a failed deploy has taken the bastion away again. Ends with status 1 when there is a reason.

    Example: python -m lab boot-log
    """
    from lab.bastion.boot_log import console_output, read_console
    from lab.bastion.machine import find_last_booted
    from lab.template.deployed import is_local

    if is_local():
        raise ProblemError(_(NOTHING_BOOTS))
    session, ec2 = _ec2()
    instance_id = find_last_booted(session, ec2, stack)
    log = read_console(console_output(ec2, instance_id))
    if as_json:
        print_json({"id": instance_id, **asdict(log)})
    else:
        _say(log.state, instance_id, log)
        for line in log.lines:
            console.print(f"  {line}", soft_wrap=True, markup=False)
        if log.advice:
            console.print(log.advice, soft_wrap=True, markup=False)
    raise typer.Exit(log.state in ("failed", "away"))


def connect(
    *,
    stack: StackName = STACK,
    ssh: Annotated[bool, typer.Option("--ssh", help=_("Through port 22, with the key from Parameter Store."))] = False,
    as_json: Annotated[bool, typer.Option("--json", help=_("Only print the command, for programs."))] = False,
) -> None:
    """Open a shell on the bastion: through Session Manager, with no key and no open port, or through SSH.

    Waits two minutes at most until Session Manager's agent is online.

    Example: python -m lab connect
    """
    from lab.bastion import connection
    from lab.bastion.machine import find_bastion
    from lab.template.deployed import CONFIG, is_local

    if is_local():
        raise ProblemError(_(NOTHING_BOOTS))
    session, ec2 = _ec2()
    bastion = find_bastion(ec2, stack)
    connection.require_running(bastion)
    if ssh:
        command = connection.ssh_command(bastion, ec2, session.client("ssm", config=CONFIG))
    else:
        command = connection.session_command(bastion, session.region_name)
        if not as_json:
            connection.wait_for_agent(bastion, session.client("ssm", config=CONFIG))
    if as_json:
        print_json({"id": bastion.id, "command": command})
        return
    os.execv(command[0], command)  # noqa: S606  # the shell takes this process's place, and Ctrl-C is its own


def _say(what: str, instance_id: str, log: "BootLog") -> None:
    from lab.bastion.boot_log import REASONS

    said = _(SAID[what]).format(id=instance_id, at=log.at, reason=rephrased(log.reason, REASONS))
    console.print(said, soft_wrap=True, markup=False)


def _ec2() -> "tuple[boto3.Session, EC2Client]":
    from lab.template.deployed import CONFIG, new_session

    session = new_session()
    return session, session.client("ec2", config=CONFIG)


def _switch(
    change: "Callable[[boto3.Session, EC2Client, BastionInstance], None]", stack: str, *, as_json: bool
) -> None:
    from lab.bastion.machine import find_bastion

    session, ec2 = _ec2()
    change(session, ec2, find_bastion(ec2, stack))
    _tell(find_bastion(ec2, stack), as_json=as_json)


def _tell(bastion: "BastionInstance", *, as_json: bool) -> None:
    from lab.template.deployed import is_local

    if as_json:
        print_json(
            {
                "id": bastion.id,
                "state": bastion.state,
                "address": bastion.address,
                "instance_type": bastion.instance_type,
                "launched": bastion.launched.isoformat(),
            }
        )
        return
    since, address = f"{bastion.launched:%Y-%m-%d %H:%M} UTC", bastion.address
    if bastion.state != "running":  # where a stopped one was, nothing answers
        said = _("{name} {id} ({type}) is {state}.")
    elif address:
        said = _("{name} {id} ({type}) is {state} at {address} since {since}.")
    else:
        said = _("{name} {id} ({type}) is {state} since {since}.")
    words = {"name": bastion.name, "id": bastion.id, "type": bastion.instance_type, "state": bastion.state}
    console.print(said.format(**words, address=address, since=since), soft_wrap=True)
    if is_local():
        console.print(_("(In the local AWS nothing boots: this is what it would say.)"))
