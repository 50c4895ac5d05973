"""``python -m lab class | hand-in``."""

from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer
from rich.table import Column, Table

from lab.template.reader import STACK
from lab.terminal.language import _, ngettext
from lab.terminal.options import AsJson, StackName, console
from lab.terminal.printed import print_json

if TYPE_CHECKING:
    from lab.classroom.marks import Mark, Work


def classroom(
    handed_in: Annotated[
        list[Path] | None, typer.Argument(help=_("Files of lab hand-in; without any, stacks are looked at."))
    ] = None,
    *,
    roster: Annotated[
        Path | None, typer.Option(help=_("A CSV file with the columns learner and name: write a hand-out for each."))
    ] = None,
    hand_outs: Annotated[Path, typer.Option("--hand-outs", help=_("The folder for them."))] = Path("hand-outs"),
    as_json: AsJson = False,
) -> None:
    """For teachers: which learner has done which exercise, what many get wrong, and what the class has cost idle.

    Changes nothing in AWS.

    Example: python -m lab class
    """
    from lab.classroom import hand_outs as pages
    from lab.classroom import marks
    from lab.template.deployed import new_session

    if roster:
        session = new_session()
        account = session.client("sts").get_caller_identity()["Account"]
        written = list(pages.write(roster, hand_outs, account=account, region=session.region_name))
        said = _("{number} pages are in {folder}.").format(number=len(written), folder=hand_outs)
        console.print(said, markup=False, soft_wrap=True)
        return
    works = [marks.handed_in(file) for file in handed_in] if handed_in else list(marks.works_of_class())
    if as_json:
        print_json([asdict(work) | {"done": work.done} for work in works])
        return
    _show(works, marks.common_mistakes(works), marks.usd_of(works))


def hand_in(file: Annotated[Path, typer.Argument(help=_("The file to write."))], *, stack: StackName = STACK) -> None:
    """Write what is done in one's own stack into a file, for a teacher.

    Example: python -m lab hand-in alice.json
    """
    from lab.classroom import marks
    from lab.terminal.written import write_whole

    work = marks.work_of(stack)
    write_whole(file, marks.as_file(work))
    done = _("Written: {file}. {done} of {all} exercises are done.")
    console.print(done.format(file=file, done=work.done, all=len(work.marks)), markup=False, soft_wrap=True)


def _show(works: "list[Work]", mistakes: "list[tuple[int, Mark]]", usd: float) -> None:
    chapters = next((["/".join(map(str, mark.chapters)) for mark in work.marks] for work in works if work.at), [])
    headings = [Column(each, justify="center") for each in chapters]
    table = Table(_("Learner"), *headings, Column(_("Done"), justify="right"), "USD", box=None, padding=(0, 1, 0, 0))
    broken = []
    for work in works:
        if not work.at:
            broken.append(work.marks[0].missing)
            continue
        signs = ["[red]·[/]" if mark.missing else "[green]✓[/]" for mark in work.marks]
        cost = "" if work.usd is None else f"{work.usd:.2f}"
        table.add_row(work.learner, *signs, f"{work.done}/{len(work.marks)}", cost)
    console.print(table)
    for line in broken:
        console.print(line, markup=False)
    if mistakes:
        console.print("\n" + _("What more than one lacks:"))
    for count, mark in mistakes:
        learners = ngettext("{count} learner", "{count} learners", count).format(count=count)
        console.print(f"  {learners}, {'/'.join(map(str, mark.chapters))}: {mark.missing}", markup=False)
    if usd:
        console.print("\n" + _("Until now, idle, the class has cost about {usd} USD.").format(usd=f"{usd:.2f}"))
