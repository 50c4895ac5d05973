"""``python -m lab picture``: the architecture, drawn from a template."""

from dataclasses import asdict
from io import BytesIO
from pathlib import Path
from typing import Annotated

import typer

from lab.picture.architecture import Architecture, cidr_of
from lab.template.reader import INSTANCE, STACK
from lab.template.synthesised import read_template
from lab.terminal.language import _, speaking
from lab.terminal.printed import print_json
from lab.terminal.problem import ProblemError
from lab.terminal.written import write_whole


def picture(
    stack: Annotated[str, typer.Argument(help=_("The stack whose template in cdk.out is read."))] = STACK,
    *,
    output: Annotated[
        Path, typer.Option("--output", "-o", metavar="FILE", help=_("Where to draw: a .svg, or a .png twice as large."))
    ] = Path("architecture.svg"),
    as_json: Annotated[bool, typer.Option("--json", help=_("For programs: what would be drawn; nothing is."))] = False,
) -> None:
    """Draw what a stack consists of, from its template alone: zones side by side, public above private.

    Run cdk synth first.

    Example: python -m lab picture -o architecture.png
    """
    architecture = Architecture(read_template(stack))
    if as_json:
        data = {
            "vpc": cidr_of(architecture.vpc),
            "subnets": [
                asdict(subnet)
                | {
                    "public": architecture.is_public(subnet),
                    "instances": [each.logical_id for each in architecture.all_in(subnet, INSTANCE)],
                }
                for subnet in architecture.subnets
            ],
            "security_groups": [asdict(group) for group in architecture.groups],
        }
        print_json(data)
        return
    if output.suffix not in (".svg", ".png") or not output.parent.is_dir():
        raise ProblemError(
            _("{output}: a picture is a .svg or a .png in a folder that is there. Example: -o picture.png").format(
                output=output
            )
        )
    # Here, because Pillow is slow to import and no other command needs it.
    from lab.picture.drawing import png, svg
    from lab.picture.layout import lay_out

    if output.suffix == ".png":
        picture_file = BytesIO()
        with speaking("en"):  # Pillow's own font has no Japanese
            png(lay_out(architecture, stack)).save(picture_file, "PNG")
        write_whole(output, picture_file.getvalue())
    else:
        drawing = lay_out(architecture, stack)
        write_whole(output, svg(drawing, _("The architecture of {stack}").format(stack=stack)).encode())
    typer.echo(_("Drawn: {output}").format(output=output))
