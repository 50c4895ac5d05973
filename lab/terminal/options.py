"""What the commands share: their options, and the console that they print to.

A command imports what is slow to import, boto3 above all, inside its functions: ``--help`` waits for none of it.
"""

from typing import Annotated

import typer
from rich.console import Console

from lab.terminal.language import _
from lab.terminal.line_breaks import break_as_japanese_does

break_as_japanese_does()
console = Console(highlight=False)
StackName = Annotated[
    str, typer.Option("--stack", envvar="LAB_STACK", help=_("In a class, the learner's own: LearningStack-NAME."))
]
AsJson = Annotated[bool, typer.Option("--json", help=_("For programs."))]


def confirmed(question: str, word: str, otherwise: str) -> bool:
    """Ask, and return whether the answer is the word; say ``otherwise`` when it is not."""
    try:
        answer = input(_("{question} Type {word} to do it: ").format(question=question, word=word))
    except EOFError:  # no terminal
        answer = ""
        console.print()
    if answer.strip() == word:
        return True
    console.print(otherwise)
    return False
