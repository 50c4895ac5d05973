"""``python -m lab picture``: the architecture, drawn from a template."""

from dataclasses import asdict
from pathlib import Path
from typing import Annotated

import typer

from lab.picture.architecture import Architecture, cidr_of
from lab.printed import print_json
from lab.problem import ProblemError
from lab.synthesised import read_template


def picture(
    stack: Annotated[str, typer.Argument(help="The stack whose template in cdk.out is read.")] = "LearningStack",
    *,
    output: Annotated[
        Path, typer.Option("--output", "-o", metavar="FILE", help="Where to draw: a .svg, or a .png twice as large.")
    ] = Path("architecture.svg"),
    as_json: Annotated[bool, typer.Option("--json", help="For programs: what would be drawn; nothing is.")] = False,
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
                    "instances": [name for name, _ in architecture.instances_in(subnet)],
                }
                for subnet in architecture.subnets
            ],
            "security_groups": [asdict(group) for group in architecture.groups],
        }
        print_json(data)
        return
    if output.suffix not in (".svg", ".png") or not output.parent.is_dir():
        raise ProblemError(
            f"{output}: a picture is a .svg or a .png in a folder that is there. Example: -o picture.png"
        )
    # Here, because Pillow is slow to import and no other command needs it.
    from lab.picture.drawing import png, svg  # noqa: PLC0415
    from lab.picture.layout import lay_out  # noqa: PLC0415

    drawing = lay_out(architecture, stack)
    try:
        if output.suffix == ".png":
            png(drawing).save(output)
        else:
            output.write_text(svg(drawing, f"The architecture of {stack}"))
    except OSError as error:
        raise ProblemError(f"{output} cannot be written: {error.strerror}") from None
    typer.echo(f"Drawn: {output}")
