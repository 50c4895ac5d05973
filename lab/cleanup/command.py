"""``python -m lab cleanup``: the list, the question, the removal."""

from dataclasses import asdict
from typing import Annotated

import typer
from rich.console import Console
from rich.table import Table

from lab.cleanup.leftovers import BUCKET, Account, Found, Leftover
from lab.cost.prices import AS_OF
from lab.deployed import new_session
from lab.printed import print_json
from lab.problem import ProblemError

console = Console(highlight=False)


def cleanup(
    *,
    only_list: Annotated[bool, typer.Option("--list", help="List only; remove nothing.")] = False,
    yes: Annotated[bool, typer.Option("--yes", help="Remove without asking, WITH ALL FILES.")] = False,
    as_json: Annotated[bool, typer.Option("--json", help="For programs; removes nothing without --yes.")] = False,
) -> None:
    """List what is left after a destroy and what it costs, and remove it when you type: delete.

    Only what carries the tag Project=LearningStack, in this region, and belongs to no stack.
    Ends with status 1 when something that was to be removed stays.

    Example: python -m lab cleanup --list
    """
    if only_list and yes:
        raise ProblemError("--list removes nothing and --yes does: give one of them")
    account = Account(new_session())
    found = account.find()
    if not as_json:
        _print(found, account.region)
    removing = bool(found.left) and (yes or (not only_list and not as_json and _confirmed()))
    stays = _remove(account, found.left, quiet=as_json) if removing else {}
    if as_json:
        listed = [
            {**asdict(each), "removed": removing and each.name not in stays, "why_not": stays.get(each.name, "")}
            for each in found.left
        ]
        data = {"region": account.region, "left": listed, "held": found.held, "not_readable": found.unread}
        print_json(data)
    raise typer.Exit(bool(stays))


def _print(found: Found, region: str) -> None:
    if found.left:
        table = Table(box=None, padding=(0, 2, 0, 0), pad_edge=False)
        table.add_column("Left")
        for heading in ("Objects", "Versions", "GB", "USD a month"):
            table.add_column(heading, justify="right", no_wrap=True)
        for each in found.left:
            counts = (f"{each.objects:,}", f"{each.versions:,}") if each.kind == BUCKET else ("", "")
            usd = "not priced" if each.usd is None else f"{each.usd:,.2f}"
            table.add_row(f"{each.kind} {each.name}", *counts, f"{each.gb:,.3f}", usd)
        Console(highlight=False, width=max(console.width, 120)).print(table)  # names are there to be copied whole
        console.print(f"\nAt list prices of {AS_OF}; old versions cost like new ones.", soft_wrap=True)
    else:
        console.print(f"Nothing of LearningStack is left over in {region}.")
    for name, stack in found.held.items():
        console.print(f"In use by the stack {stack}, not touched: {name}", soft_wrap=True)
    if found.unread:
        console.print(f"You may not look at these, so they are not judged: {', '.join(found.unread)}", soft_wrap=True)


def _confirmed() -> bool:
    question = "This removes all that is listed, with every file and version, for good. Type delete to do it: "
    try:
        answer = input(question)
    except EOFError:  # no terminal
        answer = ""
        console.print()
    if answer.strip() == "delete":
        return True
    console.print("Nothing was removed.")
    return False


def _remove(account: Account, left: list[Leftover], *, quiet: bool) -> dict[str, str]:
    """Remove what is left, one after the other; return what stays, and why."""
    stays = {}
    for each in left:
        try:
            account.remove(each)
            line = f"Removed: {each.kind} {each.name}"
        except ProblemError as problem:
            stays[each.name] = str(problem)
            line = f"Stays: {each.kind} {each.name}: {problem}"
        if not quiet:
            console.print(line, soft_wrap=True, markup=False)
    return stays
