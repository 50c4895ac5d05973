"""``python -m lab cleanup``: the list, the question, the removal."""

from dataclasses import asdict
from typing import TYPE_CHECKING, Annotated

import typer
from rich.console import Console
from rich.markup import escape
from rich.table import Table

from lab.cleanup import NO_STACK
from lab.cost.prices import AS_OF
from lab.template.reader import STACK
from lab.terminal.language import _
from lab.terminal.options import confirmed, console
from lab.terminal.printed import print_json
from lab.terminal.problem import ProblemError

if TYPE_CHECKING:
    from lab.cleanup.leftovers import Account, Found, Leftover


def cleanup(
    *,
    stack: Annotated[
        list[str] | None,
        typer.Option(
            "--stack",
            help=_(
                "Whose is removed: a stack's name, or its id where two had the same name; {no_stack}: "
                "what no stack made. May be given more than once. Default: {stack}."
            ).format(no_stack=NO_STACK, stack=STACK),
        ),
    ] = None,
    learner: Annotated[list[str] | None, typer.Option("--learner", help=_("The same, by a learner's name."))] = None,
    only_list: Annotated[bool, typer.Option("--list", help=_("List only; remove nothing."))] = False,
    yes: Annotated[
        bool, typer.Option("--yes", help=_("Remove without asking, WITH ALL FILES, what --stack or --learner names."))
    ] = False,
    as_json: Annotated[bool, typer.Option("--json", help=_("For programs; removes nothing without --yes."))] = False,
) -> None:
    """List what is left after a destroy and what it costs, and remove it when you type: delete.

    Lists what carries the tag Project=LearningStack, in this region, and belongs to no stack.
    Removes what the stack LearningStack left, or what is named: never another's.
    Ends with status 1 when something that was to be removed stays.

    Example: python -m lab cleanup --list
    """
    from lab.cleanup.leftovers import Account
    from lab.template.deployed import new_session

    if only_list and yes:
        raise ProblemError(_("--list removes nothing and --yes does: give one of them"))
    stacks, learners = stack or [], learner or []
    if yes and not stacks and not learners:
        raise ProblemError(
            _("--yes asks nothing, so say whose is removed. Example: --yes --stack {stack}").format(stack=STACK)
        )
    if not stacks and not learners:
        stacks = [STACK]
    account = Account(new_session())
    found = account.find()
    named = [each for each in found.left if _is_named(each, stacks, learners)]
    if not as_json:
        _print(found, named, account.region)
    removing = False
    if named and not only_list and (yes or not as_json):
        _require_one_of_each_name(named, stacks)
        removing = yes or _confirmed(named)
    stays = _remove(account, named, quiet=as_json) if removing else {}
    if as_json:
        listed = [
            {
                **asdict(each),
                "named": each in named,
                "removed": removing and each in named and each.name not in stays,
                "why_not": stays.get(each.name, ""),
            }
            for each in found.left
        ]
        print_json({"region": account.region, "left": listed, "held": found.held, "not_readable": found.unread})
    raise typer.Exit(bool(stays))


def _is_named(each: "Leftover", stacks: list[str], learners: list[str]) -> bool:
    return each.learner in learners or any(
        wanted in (each.stack, each.stack_id) or _is_id(wanted, each) for wanted in stacks
    )


def _is_id(wanted: str, each: "Leftover") -> bool:
    """Tell whether text is a stack's id, or as much of it as the list shows."""
    return len(wanted) >= 8 and each.stack_id.rpartition("/")[2].startswith(wanted)


def _require_one_of_each_name(named: "list[Leftover]", stacks: list[str]) -> None:
    """Raise ProblemError when two stacks had the name that is given: the other may be somebody else's."""
    by_name = [each for each in named if not any(wanted == each.stack_id or _is_id(wanted, each) for wanted in stacks)]
    for name in sorted({each.stack for each in by_name}):
        ids = {each.short_id: each.created for each in by_name if each.stack == name}
        if len(ids) > 1:
            told = ", ".join(
                _("{short_id} of {created}").format(short_id=short_id, created=created or _("some day"))
                for short_id, created in ids.items()
            )
            raise ProblemError(
                _(
                    "{ids} stacks were called {name}: {told}. Nothing was removed. Name yours by its id: "
                    "--stack {first}"
                ).format(ids=len(ids), name=name, told=told, first=next(iter(ids)))
            )


def _print(found: "Found", named: "list[Leftover]", region: str) -> None:
    from lab.cleanup.leftovers import BUCKET

    if found.left:
        table = Table(box=None, padding=(0, 2, 0, 0), pad_edge=False)
        table.add_column(_("Left"))
        for heading in (_("Stack"), _("Learner"), _("Since")):
            table.add_column(heading, no_wrap=True)
        for heading in (_("Objects"), _("Versions"), "GB", _("USD a month")):
            table.add_column(heading, justify="right", no_wrap=True)
        for each in sorted(found.left, key=lambda each: each not in named):
            counts = (f"{each.objects:,}", f"{each.versions:,}") if each.kind == BUCKET else ("", "")
            usd = _("not priced") if each.usd is None else f"{each.usd:,.2f}"
            whose = (f"{each.stack} {each.short_id}".rstrip(), each.learner, each.created)
            table.add_row(*map(escape, (f"{_(each.kind)} {each.name}", *whose, *counts, f"{each.gb:,.3f}", usd)))
        Console(highlight=False, width=max(console.width, 180)).print(table)  # names are there to be copied whole
        console.print(
            "\n" + _("At list prices of {as_of}; old versions cost like new ones.").format(as_of=AS_OF), soft_wrap=True
        )
        others = sorted({each.short_id or each.stack for each in found.left if each not in named})
        if others:
            console.print(
                _("Not named, so not touched: what the stacks {stacks} left. Name one: --stack {first}").format(
                    stacks=", ".join(others), first=others[0]
                ),
                soft_wrap=True,
                markup=False,
            )
    elif not found.unread:
        console.print(_("Nothing of LearningStack is left over in {region}.").format(region=region))
    for name, stack in found.held.items():
        console.print(
            _("In use by the stack {stack}, not touched: {name}").format(stack=stack, name=name),
            soft_wrap=True,
            markup=False,
        )
    for what, permission in found.unread.items():
        console.print(
            _("You may not look at {what}: that takes {permission}").format(what=what, permission=permission),
            soft_wrap=True,
            markup=False,
        )


def _confirmed(named: "list[Leftover]") -> bool:
    whose = ", ".join(sorted({f"{each.stack} {each.short_id}".rstrip() for each in named}))
    question = _("This removes all that is listed of {whose}, with every file and version, for good.").format(
        whose=whose
    )
    return confirmed(question, "delete", _("Nothing was removed."))


def _remove(account: "Account", left: "list[Leftover]", *, quiet: bool) -> dict[str, str]:
    """Remove what is left, one after the other; return what stays, and why."""
    stays = {}
    for each in left:
        try:
            account.remove(each)
            line = _("Removed: {kind} {name}").format(kind=_(each.kind), name=each.name)
        except ProblemError as problem:
            stays[each.name] = str(problem)
            line = _("Stays: {kind} {name}: {problem}").format(kind=_(each.kind), name=each.name, problem=problem)
        if not quiet:
            console.print(line, soft_wrap=True, markup=False)
    return stays
