"""``python -m lab page``: the guide in a browser."""

import typer

from lab.template.reader import STACK
from lab.terminal.language import _
from lab.terminal.options import StackName, console


def page(*, stack: StackName = STACK) -> None:
    """Serve the guide as a page on 127.0.0.1, with your own stack in it, until Ctrl-C.

    It shows the AWS that the shell points at; where it points at none, the local AWS of this folder. It runs only the
    guide's own commands that change nothing.

    Example: python -m lab page
    """
    from lab.page.seen import look_at_local_aws
    from lab.page.server import run

    def ready(address: str) -> None:
        console.print(_("Open this in a browser (Ctrl-C ends it):"))
        typer.echo(f"  {address}")

    look_at_local_aws()
    run(ready, stack=stack)
