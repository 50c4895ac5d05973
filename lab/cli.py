"""The learner's command line, ``python -m lab``: the list of its commands."""

import typer

from lab.bastion.command import boot_log, connect, start, status, stop
from lab.classroom.command import classroom, hand_in
from lab.cleanup.command import cleanup
from lab.cost.command import cost
from lab.doctor.command import doctor, zones
from lab.guide.command import exercise, guide
from lab.local_aws.command import local
from lab.packets.command import packets
from lab.page.command import page
from lab.picture.command import picture
from lab.reach.command import reach
from lab.rehearsal.command import rehearse
from lab.terminal.language import _
from lab.terminal.problem import ProblemError
from lab.terminal.typers_words import Command, Group, for_all, with_lang
from lab.verify import verify

app = typer.Typer(
    cls=Group,
    help=_("What a learner does before, during and after a deploy.\n\nExample: python -m lab guide"),
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
)
app.callback()(for_all)
for command in (
    cost,
    picture,
    status,
    start,
    stop,
    boot_log,
    connect,
    cleanup,
    doctor,
    zones,
    guide,
    page,
    exercise,
    reach,
    verify,
    rehearse,
    packets,
    hand_in,
):
    app.command(cls=Command)(with_lang(command))
app.command("class", cls=Command)(with_lang(classroom))
app.add_typer(local, name="local")


def main() -> None:
    """Run the command line; an expected failure prints its one line and ends with status 1."""
    try:
        app()
    except ProblemError as error:
        raise SystemExit(str(error)) from None
    except Exception as error:
        from botocore.exceptions import BotoCoreError, ClientError

        from lab.template.deployed import explain

        if isinstance(error, BotoCoreError | ClientError):
            raise SystemExit(explain(error)) from None
        raise
