"""What the commands share: their options, and the console that they print to.

A command imports what is slow to import, boto3 above all, inside its functions: ``--help`` waits for none of it.
"""

from typing import Annotated

import typer
from rich.console import Console

console = Console(highlight=False)
StackName = Annotated[str, typer.Option("--stack", help="In a class, the learner's own: LearningStack-NAME.")]
AsJson = Annotated[bool, typer.Option("--json", help="For programs.")]
