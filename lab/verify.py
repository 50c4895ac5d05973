"""``python -m lab verify``: the checks, run and printed."""

from typing import TYPE_CHECKING, Annotated

import typer
from rich.table import Column, Table
from rich.text import Text

from lab.template.reader import STACK
from lab.terminal.language import _, speaking
from lab.terminal.options import AsJson, StackName, console
from lab.terminal.printed import print_json
from lab.terminal.problem import ProblemError

if TYPE_CHECKING:
    from lab.checks.check import Verdict

OPTIONAL_STACKS = ("OperatorsStack", "BudgetStack")  # deployed only by those who ask for them


def verify(
    *,
    stack: StackName = STACK,
    hide: Annotated[bool, typer.Option("--hide", help=_("Say how many claims hold, and not which."))] = False,
    as_json: AsJson = False,
) -> None:
    """Prove what the primer claims, chapter by chapter, on the AWS that the environment points at.

    Ends with status 1 when a claim does not hold. Changes nothing.

    Example: python -m lab verify
    """
    verdicts = run_checks(stack)
    if as_json:
        print_json([_as_data(verdict) for verdict in verdicts])
        raise typer.Exit(not all(verdict.holds for verdict in verdicts))
    raise typer.Exit(not (count(verdicts) if hide else report(verdicts)))


def run_checks(name: str) -> "list[Verdict]":
    """Return the verdicts about a stack, and for LearningStack about the optional ones that are deployed.

    Raises ProblemError when the stack is not deployed, or one of them is not whole.
    """
    from botocore.exceptions import ClientError

    from lab.checks import run
    from lab.template.deployed import Deployed, explain

    stacks = [Deployed(name)]
    for optional in OPTIONAL_STACKS if name == STACK else ():
        try:
            stacks.append(Deployed(optional))
        except ProblemError:
            pass  # it is not deployed
        except ClientError as error:
            typer.echo(_("{stack} is not looked at: {why}").format(stack=optional, why=explain(error)), err=True)
    for stack in stacks:
        stack.require_complete()
    return [verdict for stack in stacks for verdict in run(stack)]


def report(verdicts: "list[Verdict]") -> bool:
    """Print a table by chapter, and how to see what does not hold; return whether every claim holds."""
    from lab.checks.facts import in_words

    table = Table(_("Chapter"), Column(_("Claim"), overflow="fold"), "", box=None, padding=(0, 2, 0, 0))
    for verdict in verdicts:
        table.add_row(verdict.check.chapter, _(verdict.check.claim), "[green]✓[/]" if verdict.holds else "[red]✗[/]")
        if not verdict.holds:
            lines = [_("expected: {fact}").format(fact=in_words(fact)) for fact in verdict.missing]
            lines += [_("found: {fact}").format(fact=in_words(fact)) for fact in verdict.surplus]
            table.add_row("", Text("\n".join(lines), "red"))
    console.print(table)
    if commands := dict.fromkeys(verdict.command for verdict in verdicts if not verdict.holds):
        console.print("\n" + _("See for yourself:"))
        for command in commands:  # not in the table: no line of them may be broken
            console.print(f"  {command}", markup=False, soft_wrap=True)
    console.print()
    return count(verdicts)


def count(verdicts: "list[Verdict]") -> bool:
    """Print how many claims hold; return whether every one does."""
    holding = sum(verdict.holds for verdict in verdicts)
    console.print(_("{holding} of {total} claims hold.").format(holding=holding, total=len(verdicts)))
    return holding == len(verdicts)


def _as_data(verdict: "Verdict") -> dict[str, object]:
    check = verdict.check
    with speaking("ja"):
        claim_ja = _(check.claim)
    return {
        "id": check.id,
        "chapter": check.chapter,
        "claim": check.claim,
        "claim_ja": claim_ja,
        "command": verdict.command,
        "holds": verdict.holds,
        "missing": verdict.missing,
        "surplus": verdict.surplus,
    }
