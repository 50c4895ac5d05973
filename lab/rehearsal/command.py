"""``python -m lab rehearse``."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal

import typer
from rich.markup import escape

from lab.template.reader import STACK
from lab.terminal.language import N_, _
from lab.terminal.options import StackName, console

if TYPE_CHECKING:
    from lab.rehearsal.rehearsal import Rehearsal

TRY_THERE = N_("""
This is the bastion, as user ubuntu. Try:
  df -h {point}
  echo hello > {point}/hello.txt && aws s3 ls s3://{bucket}
  aws sts get-caller-identity    # the role, and no key anywhere
  cat /var/log/learning-stack.log
  sudo reboot                    # this shell comes back by itself
  exit
""")


def rehearse(
    *,
    stack: StackName = STACK,
    machine: Annotated[
        Literal["qemu", "nspawn"],
        typer.Option(help=_("qemu: a whole computer in software; nspawn: a container, quick, needs root.")),
    ] = "qemu",
    check: Annotated[bool, typer.Option("--check", help=_("Prove it all, reboot, prove it again; no shell."))] = False,
    image: Annotated[
        Path | None, typer.Option(help=_("Boot this Ubuntu cloud image (amd64), not a built system."), dir_okay=False)
    ] = None,
    packages: Annotated[
        Path | None,
        typer.Option(help=_("With --image: a folder with the .deb files that it installs."), file_okay=False),
    ] = None,
) -> None:
    """Really boot the deployed bastion on this machine, with no account: its user data, its mount, its role.

    A shell on it opens; leave it with exit, and everything is gone. Files in the bucket stay, in the local AWS.

    Example: python -m lab rehearse
    """
    from lab.local_aws import lifecycle
    from lab.rehearsal.rehearsal import Rehearsal

    lifecycle.point_at_running()
    with Rehearsal(machine, stack=stack, progress=_say, image_file=image, packages=packages) as rehearsal:
        seconds = rehearsal.boot()
        _say(
            _("Mounted {seconds:.0f} s after power-on. Waiting for the AWS CLI and the end of the first boot").format(
                seconds=seconds
            )
        )
        rehearsal.wait_for_first_boot()
        if check:
            holds = _prove(rehearsal)
            rehearsal.reboot()
            holds = _prove(rehearsal) and holds
        else:
            holds = True
            instance = rehearsal.bastion
            console.print(_(TRY_THERE).format(point=instance.mount_point, bucket=instance.bucket), markup=False)
            rehearsal.shell()
    console.print(_("The bastion is gone; what it wrote is in the bucket."))
    raise typer.Exit(not holds)


def _say(what: str) -> None:
    console.print(f"{what} ...", markup=False, soft_wrap=True)


def _prove(rehearsal: "Rehearsal") -> bool:
    """Print a line for each proof; return whether all hold."""
    from lab.rehearsal.proofs import PROOFS

    found = [(proof.claim, proof.look(rehearsal)) for proof in PROOFS]
    for claim, instead in found:
        console.print(f"  [green]✓[/] {_(claim)}" if not instead else f"  [red]✗[/] {_(claim)}: {escape(instead)}")
    return not any(instead for _claim, instead in found)
