"""``python -m lab guide | exercise``."""

import re
import shlex
import shutil
from contextlib import suppress
from dataclasses import asdict
from textwrap import dedent, indent
from typing import TYPE_CHECKING, Annotated

import typer
from rich.table import Column, Table
from rich.text import Text

from lab.template.reader import STACK
from lab.terminal.language import Language, _, shell_language
from lab.terminal.options import AsJson, confirmed, console
from lab.terminal.printed import print_json
from lab.terminal.problem import ProblemError

if TYPE_CHECKING:
    from lab.guide.exercises import Exercise
    from lab.template.deployed import Deployed


def guide(
    chapter: Annotated[str, typer.Argument(help="The primer's number; without one, the chapters are listed.")] = "",
    *,
    lang: Annotated[Language | None, typer.Option(help="Default: that of your shell (LC_ALL, LANG).")] = None,
    variables: Annotated[
        bool, typer.Option("--variables", help=_("Print what sets the variables of the commands."))
    ] = False,
    write: Annotated[bool, typer.Option("--write", help="Write anew what is data in READMEs and docs.")] = False,
    as_json: AsJson = False,
) -> None:
    """Read the primer here, chapter by chapter: why, what it becomes, how to see it, its cost, an exercise.

    When the shell points at a deployed stack, the commands hold its ids.

    Example: python -m lab guide 3
    """
    from lab.guide import blocks, book

    if write:
        for page in blocks.write():
            typer.echo(f"Written: {page}")
        return
    if variables:
        _print_variables()
        return
    language: Language = lang or shell_language()
    found = [book.find_chapter(chapter, language)] if chapter else book.read(language)
    if as_json:
        print_json([asdict(each) for each in found])
    elif chapter:
        # Links within the project lead nowhere from a terminal: their text says where to look.
        text = re.sub(r"^<!--.*-->\n", "", found[0].text, flags=re.MULTILINE)
        text = re.sub(r"\[([^]]+)\]\(\.\./[^)]*\)", r"\1", text)
        outputs = _outputs() if "$" in text else {}
        text = re.sub(r"\$(\w+)", lambda name: outputs.get(name[1], name[0]), text)
        typer.echo(_rendered(text))
    else:
        table = Table(box=None, padding=(0, 2, 0, 0), pad_edge=False, show_header=False)
        for each in found:
            table.add_row(", ".join(map(str, each.numbers)), each.title)
        console.print(table)
        console.print("\nRead one with: python -m lab guide 3. Its exercise: python -m lab exercise 3")
        if not shutil.which("aws"):
            console.print('You have no AWS CLI. Enough for the local AWS: alias aws="python -m awscli"')


def _rendered(text: str) -> str:
    """Return Markdown for the terminal, with commands as they are, to be copied: no line of them is broken."""
    from rich.markdown import Markdown

    with console.capture() as capture:
        for words, code in re.findall(r"(.*?)(?: *```\w[\w ]*\n(.*?)^ *```\n|\Z)", text, re.DOTALL | re.MULTILINE):
            console.print(Markdown(words, hyperlinks=False))
            console.print("", Text(indent(dedent(code), "    "), "cyan"), sep="\n", soft_wrap=True)
    return re.sub(r"\n(?: *\n){2,}", "\n\n", capture.get()).rstrip()


def _print_variables() -> None:
    """Print commands for any shell that set the variables of the guide's commands."""
    from lab.guide import book

    outputs = _outputs()
    if not outputs:
        raise ProblemError(_("Nothing is deployed here. In the local AWS: make local"))
    used = {name for chapter in book.read("en") for name in re.findall(r"\$(\w+)", chapter.text)}
    for name in sorted(used & outputs.keys()):
        typer.echo(f"export {name}={shlex.quote(outputs[name])}")


def _outputs() -> dict[str, str]:
    """Return what commands may name in what is deployed; say it where an AWS is pointed at and cannot be asked."""
    from botocore.exceptions import NoCredentialsError

    from lab.checks import names
    from lab.guide.blocks import STACKS
    from lab.template.deployed import Deployed, explain

    outputs: dict[str, str] = {}
    try:
        for stack in STACKS:
            with suppress(ProblemError):  # it is not deployed, or no region is set
                outputs |= names(Deployed(stack))
    except NoCredentialsError:
        pass
    except Exception as error:  # noqa: BLE001  # the guide can be read all the same
        typer.echo(f"The commands hold names, and no ids of yours: {explain(error)}", err=True)
    return outputs


def exercise(
    chapter: Annotated[str, typer.Argument(help="The primer's number; without one, all are listed.")] = "",
    *,
    begin: Annotated[bool, typer.Option("--begin", help=_("Break something, at random: 3, 4, 9, 10, 12."))] = False,
    hint: Annotated[
        int | None, typer.Option(min=1, max=3, help=_("A hint on what was broken: 1 is vague, 3 is plain."))
    ] = None,
    seed: Annotated[int | None, typer.Option(help=_("With --begin: break what this number broke before."))] = None,
    yes: Annotated[bool, typer.Option("--yes", help="Do not ask; in the local AWS only.")] = False,
    as_json: AsJson = False,
) -> None:
    """Check the guide's exercises on the AWS that the shell points at. Changes nothing, but for --begin.

    Ends with status 1 when the exercises of a chapter are not done.

    Example: python -m lab exercise 3
    """
    from lab.guide import faults
    from lab.guide.exercises import EXERCISES, of_chapter, require_whole
    from lab.template.deployed import Deployed, is_local

    asked = of_chapter(chapter) if chapter else EXERCISES
    aws = Deployed(STACK)
    aws.require_complete()
    if begin or hint:
        number = int(chapter or 0)
        faults.of_chapter(number)
    if hint:
        if not (fault := faults.begun(number, aws)):
            raise ProblemError(
                _("Not begun. Begin with: python -m lab exercise {chapter} --begin").format(chapter=number)
            )
        console.print(_(fault.hints[hint - 1]), markup=False, soft_wrap=True)
        return
    if begin:
        require_whole(aws, number)
        what = _("one route of {stack_name}") if number == 3 else _("something of {stack_name}")
        question = _("This breaks {what} in {region} ({endpoint}).").format(
            what=what.format(stack_name=aws.stack_name), region=aws.region, endpoint=aws.endpoint
        )
        if not (yes and is_local()) and not confirmed(question, "break", _("Nothing was broken.")):
            raise typer.Exit(1)
        faults.begin(number, aws, seed)
        console.print(_("It is broken. Find it with: python -m lab verify, or by yourself with verify --hide"))
        return
    found = [(each, _missing(each, aws)) for each in asked]
    done = not any(missing for _each, missing in found)
    if as_json:
        print_json(
            [
                {"chapters": each.chapters, "task": each.task, "done": not missing, "missing": missing}
                for each, missing in found
            ]
        )
    else:
        task = Column(overflow="fold")
        table = Table("", task, "", box=None, padding=(0, 2, 0, 0), pad_edge=False, show_header=False)
        for each, missing in found:
            table.add_row(
                ", ".join(map(str, each.chapters)), each.task, "[red]open[/]" if missing else "[green]done[/]"
            )
            if chapter and missing:
                table.add_row("", missing)
        console.print(table)
    raise typer.Exit(bool(chapter) and not done)


def _missing(each: "Exercise", aws: "Deployed") -> str:
    """Return what an exercise lacks, or why that cannot be told: the others are looked at all the same."""
    from lab.template.deployed import explain

    try:
        return each.missing(aws)
    except Exception as error:  # noqa: BLE001  # whatever it is
        return f"Cannot be looked at: {explain(error)}"
