"""``python -m lab guide | exercise``."""

import os
import pydoc
import re
import shlex
import shutil
import sys
from contextlib import suppress
from dataclasses import asdict
from pathlib import Path
from textwrap import dedent, indent
from typing import TYPE_CHECKING, Annotated

import typer
from rich.table import Column, Table
from rich.text import Text

from lab.template.reader import STACK
from lab.terminal.language import _, spoken
from lab.terminal.options import AsJson, StackName, confirmed, console
from lab.terminal.printed import print_json
from lab.terminal.problem import ProblemError

if TYPE_CHECKING:
    from lab.template.deployed import Deployed

# Where a paragraph of Japanese goes on in the next line of the source: Markdown would set a blank there.
LINE_END = re.compile(r"(?<=[^\x00-\x7f])\n *(?=[^\x00-\x7f]|[A-Za-z`(]|\*\*|\d+ )")


def guide(
    chapter: Annotated[str, typer.Argument(help=_("The primer's number; without one, the chapters are listed."))] = "",
    *,
    variables: Annotated[bool, typer.Option("--variables", help=_("Print what sets the commands' variables."))] = False,
    write: Annotated[bool, typer.Option("--write", help=_("Write anew what is data in READMEs and docs."))] = False,
    site: Annotated[
        Path | None,
        typer.Option(metavar="FOLDER", help=_("Write the page as files to read, from what cdk synth made.")),
    ] = None,
    stack: StackName = STACK,
    as_json: AsJson = False,
) -> None:
    """Read the primer here, chapter by chapter: why, what it becomes, how to see it, its cost, an exercise.

    When the shell points at a deployed stack, the commands hold its ids.

    Example: python -m lab guide 3
    """
    from lab.guide import blocks, book

    if write:
        for page in blocks.write():
            typer.echo(_("Written: {page}").format(page=page))
        return
    if site:
        from lab.page.site import write_site

        console.print(_("{number} pages are in {folder}.").format(number=write_site(site), folder=site), markup=False)
        return
    if variables:
        _print_variables(stack)
        return
    found = [book.find_chapter(chapter, spoken())] if chapter else book.read(spoken())
    if as_json:
        print_json([asdict(each) for each in found])
    elif chapter:
        # Links within the project lead nowhere from a terminal: their text says where to look.
        text = re.sub(r"^<!--.*-->\n", "", found[0].text, flags=re.MULTILINE)
        text = re.sub(r"\[([^]]+)\]\(\.\./[^)]*\)", r"\1", text)
        outputs = _outputs(stack) if "$" in text else {}
        text = re.sub(r"\$(\w+)", lambda name: outputs.get(name[1], name[0]), text)
        _show(_rendered(text))
    else:
        table = Table(box=None, padding=(0, 2, 0, 0), pad_edge=False, show_header=False)
        for each in found:
            table.add_row(", ".join(map(str, each.numbers)), each.title)
        console.print(table)
        console.print("\n" + _("Read one with: python -m lab guide 3. Its exercise: python -m lab exercise 3"))
        if not shutil.which("aws"):
            console.print(_('You have no AWS CLI. Enough for the local AWS: alias aws="python -m awscli"'))


def _show(text: str) -> None:
    """Print a text; one that is longer than the screen by way of PAGER, or else less."""
    if sys.stdout.isatty() and text.count("\n") >= console.height:
        os.environ.setdefault("LESS", "FRX")  # keep colours, and leave on the screen what was read
        pydoc.pager(text)
    else:
        typer.echo(text)


def _rendered(text: str) -> str:
    """Return Markdown for the terminal, with commands as they are, to be copied: no line of them is broken."""
    from rich.markdown import Markdown

    with console.capture() as capture:
        for words, code in re.findall(r"(.*?)(?: *```\w[\w ]*\n(.*?)^ *```\n|\Z)", text, re.DOTALL | re.MULTILINE):
            console.print(Markdown(LINE_END.sub("", words), hyperlinks=False))
            console.print("", Text(indent(dedent(code), "    "), "cyan"), sep="\n", soft_wrap=True)
    return re.sub(r"\n(?: *\n){2,}", "\n\n", capture.get()).rstrip()


def _print_variables(stack: str) -> None:
    """Print commands for any shell that set the variables of the guide's commands."""
    from lab.guide import book

    outputs = _outputs(stack)
    if not outputs:
        raise ProblemError(_("Nothing is deployed here. In the local AWS: make local"))
    used = {name for chapter in book.read("en") for name in re.findall(r"\$(\w+)", chapter.text)}
    for name in sorted(used & outputs.keys()):
        typer.echo(f"export {name}={shlex.quote(outputs[name])}")


def _outputs(stack: str) -> dict[str, str]:
    """Return what commands may name in what is deployed; say it where an AWS is pointed at and cannot be asked."""
    from botocore.exceptions import NoCredentialsError

    from lab.checks import names
    from lab.guide.blocks import STACKS
    from lab.template.deployed import Deployed, explain

    outputs: dict[str, str] = {}
    try:
        for each in (stack if each == STACK else each for each in STACKS):
            with suppress(ProblemError):  # it is not deployed, or no region is set
                outputs |= names(Deployed(each))
    except NoCredentialsError:
        pass
    except Exception as error:  # noqa: BLE001  # the guide can be read all the same
        typer.echo(_("The commands hold names, and no ids of yours: {why}").format(why=explain(error)), err=True)
    return outputs


def exercise(
    chapter: Annotated[str, typer.Argument(help=_("The primer's number; without one, all are listed."))] = "",
    *,
    begin: Annotated[bool, typer.Option("--begin", help=_("Break something, at random: 3, 4, 9, 10, 12."))] = False,
    hint: Annotated[
        int | None, typer.Option(min=1, max=3, help=_("A hint on what was broken: 1 is vague, 3 is plain."))
    ] = None,
    seed: Annotated[int | None, typer.Option(help=_("With --begin: break what this number broke before."))] = None,
    yes: Annotated[bool, typer.Option("--yes", help=_("Do not ask; in the local AWS only."))] = False,
    stack: StackName = STACK,
    as_json: AsJson = False,
) -> None:
    """Check the guide's exercises on the AWS that the shell points at. Changes nothing, but for --begin.

    What was solved once is done, also when a later exercise undoes it. Ends with status 1 when the exercises of a
    chapter are not done.

    Example: python -m lab exercise 3
    """
    from lab.guide import progress
    from lab.guide.exercises import EXERCISES, look, of_chapter
    from lab.template.deployed import Deployed

    asked = of_chapter(chapter) if chapter else EXERCISES
    aws = Deployed(stack)
    aws.require_complete()
    if hint:
        _print_hint(int(chapter or 0), aws, hint)
        return
    if begin:
        _begin(int(chapter or 0), aws, seed, yes=yes)
        return
    found = [(each, look(each, aws)) for each in asked]
    for each, missing in found:
        if not missing:
            progress.solve(each, stack)
    solved = progress.solved(stack)
    if as_json:
        print_json(
            [
                {
                    "chapters": each.chapters,
                    "task": _(each.task),
                    "done": progress.name(each) in solved or not missing,
                    "missing": missing,
                }
                for each, missing in found
            ]
        )
    else:
        task = Column(overflow="fold")
        table = Table("", task, "", box=None, padding=(0, 2, 0, 0), pad_edge=False, show_header=False)
        for each, missing in found:
            day = solved.get(progress.name(each), "")
            said = f"[green]{_('done')}[/]" if day or not missing else f"[red]{_('open')}[/]"
            table.add_row(", ".join(map(str, each.chapters)), _(each.task), said)
            if chapter and missing:
                since = _("Solved on {day}. Now: {missing}").format(day=day, missing=missing)
                table.add_row("", since if day else missing)
        console.print(table)
    raise typer.Exit(bool(chapter) and any(missing and progress.name(each) not in solved for each, missing in found))


def _begin(number: int, aws: "Deployed", seed: int | None, *, yes: bool) -> None:
    """Break something of a chapter, when the answer is the word for it."""
    from lab.guide import faults
    from lab.guide.exercises import require_whole
    from lab.template.deployed import is_local

    faults.of_chapter(number)
    require_whole(aws, number)
    asked = (
        _("This breaks one route of {stack_name} in {region} ({endpoint}).")
        if number == 3
        else _("This breaks something of {stack_name} in {region} ({endpoint}).")
    )
    question = asked.format(stack_name=aws.stack_name, region=aws.region, endpoint=aws.endpoint)
    if not (yes and is_local()) and not confirmed(question, "break", _("Nothing was broken.")):
        raise typer.Exit(1)
    faults.begin(number, aws, seed)
    console.print(_("It is broken. Find it with: python -m lab verify, or by yourself with verify --hide"))


def _print_hint(number: int, aws: "Deployed", grade: int) -> None:
    from lab.guide import faults

    faults.of_chapter(number)
    if not (fault := faults.begun(number, aws)):
        raise ProblemError(_("Not begun. Begin with: python -m lab exercise {chapter} --begin").format(chapter=number))
    console.print(_(fault.hints[grade - 1]), markup=False, soft_wrap=True)
