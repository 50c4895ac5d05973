"""``python -m lab cost``: the bill, the comparison and the check of the price table, for people and for programs."""

import math
import os
from collections.abc import Callable
from dataclasses import asdict, replace
from pathlib import Path
from typing import Annotated, Any

import typer
from rich.console import Console
from rich.markup import escape
from rich.table import Table

from lab.cost.bill import INSTANCE_TYPE, Bill, Line, Usage, reckon, scheduled_hours
from lab.cost.chart import svg
from lab.cost.prices import AS_OF, INSTANCES, priced_region
from lab.template.reader import STACK
from lab.template.synthesised import read_template
from lab.terminal.language import N_, _, default_region
from lab.terminal.options import AsJson, console
from lab.terminal.printed import print_json
from lab.terminal.problem import ProblemError
from lab.terminal.written import write_whole

LEFT_OUT = N_("Left out: tax, volume discounts, credits, and traffic between zones and regions.")


def _amount(option: str, highest: int) -> Callable[[str], float]:
    """Return a reader of numbers that says in one line what is wrong with one."""

    def read(text: str) -> float:
        try:
            number = float(text)
        except ValueError:
            number = math.nan
        if not 0 <= number <= highest:
            raise ProblemError(
                _("{option}: {text!r} is not a number from 0 to {highest}. Example: {option} 8").format(
                    option=option, text=text, highest=highest
                )
            )
        return number

    return read


def _option(name: str, meaning: str, highest: int = 10**12) -> Any:
    return typer.Option(
        f"--{name}",
        help=meaning,
        parser=_amount(f"--{name}", highest),
        metavar="N",
        rich_help_panel=_("Usage in a month"),
    )


def cost(
    stack: Annotated[str, typer.Argument(help=_("The stack whose template in cdk.out is read."))] = STACK,
    *,
    region: Annotated[
        str, typer.Option(help=_("Default: that of your AWS settings, else {region}.").format(region=default_region()))
    ] = "",
    hours_a_day: Annotated[
        float | None,
        _option(
            "hours-a-day", _("Hours a day that the instances run. Default: 24, or what stop_at and start_at leave."), 24
        ),
    ] = None,
    storage_gb: Annotated[float, _option("storage-gb", _("GB in the bucket."))] = Usage.storage_gb,
    archive_gb: Annotated[float, _option("archive-gb", _("GB in the bucket's archive."))] = Usage.archive_gb,
    archived_objects: Annotated[
        float, _option("archived-objects", _("Objects moved to the archive."))
    ] = Usage.archived_objects,
    gets: Annotated[float, _option("gets", _("GET and HEAD requests."))] = Usage.gets,
    puts: Annotated[float, _option("puts", _("PUT, COPY, POST and LIST requests."))] = Usage.puts,
    nat_gb: Annotated[float, _option("nat-gb", _("GB through NAT gateways."))] = Usage.nat_gb,
    transfer_out_gb: Annotated[float, _option("transfer-out-gb", _("GB out to the internet."))] = Usage.transfer_out_gb,
    flow_log_gb: Annotated[float, _option("flow-log-gb", _("GB of flow logs."))] = Usage.flow_log_gb,
    comparing: Annotated[
        bool, typer.Option("--compare", help=_("Compare the choices of nat and hours a day."))
    ] = False,
    context: Annotated[
        list[str] | None,
        typer.Option("--context", "-c", metavar="KEY=VALUE", help=_("With --compare: a setting, as for cdk synth.")),
    ] = None,
    chart: Annotated[Path | None, typer.Option(metavar="FILE.svg", help=_("Draw the comparison."))] = None,
    check: Annotated[bool, typer.Option("--live", help=_("Check our prices against AWS's Price List."))] = False,
    as_json: AsJson = False,
) -> None:
    """Reckon what a stack costs a month, from its template alone: before anything is deployed.

    Run cdk synth first; --compare does that itself. --live wants credentials
    of an AWS account, and ends with status 1 when a price has moved.

    Example: python -m lab cost --region ap-northeast-1 --gets 30000000
    """
    region = region or _region()
    usage = Usage(
        hours_a_day=Usage.hours_a_day if hours_a_day is None else hours_a_day,
        storage_gb=storage_gb,
        archive_gb=archive_gb,
        archived_objects=archived_objects,
        gets=gets,
        puts=puts,
        nat_gb=nat_gb,
        transfer_out_gb=transfer_out_gb,
        flow_log_gb=flow_log_gb,
    )
    if check:
        raise typer.Exit(not _check(priced_region(region), as_json=as_json))
    if comparing or chart:
        _compare(stack, region, usage, context or [], chart, as_json=as_json)
        return
    if context:
        raise ProblemError(
            _("-c goes with --compare. Without it the template of the last synth is read: cdk synth -c ...")
        )
    template = read_template(stack)
    if hours_a_day is None:
        usage = replace(usage, hours_a_day=scheduled_hours(template))
    bill = reckon(template, region, usage)
    if as_json:
        print_json(_as_data(stack, bill, usage))
    else:
        _print_bill(stack, bill, usage)


def _region() -> str:
    """Return the region of the environment or the profile, as all commands take it, or else the one of the language."""
    import boto3

    return boto3.Session(region_name=os.environ.get("AWS_REGION") or None).region_name or default_region()


# --- one bill


def _print_bill(stack: str, bill: Bill, usage: Usage) -> None:
    console.print(
        _("{stack} in {where}, USD a month at AWS's list prices of {as_of}").format(
            stack=stack, where=bill.where(), as_of=AS_OF
        )
        + "\n"
    )
    table = Table(box=None, padding=(0, 2, 0, 0), pad_edge=False)
    table.add_column(_("Resource"))
    for heading in (_("Quantity"), _("Price")):
        table.add_column(heading, justify="right", no_wrap=True)
    table.add_column(_("Unit"), no_wrap=True)
    table.add_column("USD", justify="right", no_wrap=True)
    _add_part(table, _("Idle: while nobody uses it"), bill.idle, bill.idle_usd)
    _add_part(table, _("By use"), bill.used, bill.used_usd)
    table.add_row(
        f"[bold]{_('Total, incomplete') if bill.unpriced else _('Total')}[/]", "", "", "", f"[bold]{bill.usd:,.2f}[/]"
    )
    Console(highlight=False, width=max(console.width, 80)).print(table)  # in a narrow terminal too, with its names
    console.print()
    if bill.unpriced:
        _print_unpriced(bill)
    console.print(
        _("{free} other resources are free. Where each price is from: --json").format(free=sum(bill.free.values()))
    )
    _print_usage(usage)


def _add_part(table: Table, heading: str, lines: list[Line], usd: float) -> None:
    table.add_row(f"[bold]{heading}[/]", "", "", "", f"[bold]{usd:,.2f}[/]")
    for line in lines:
        table.add_row(
            f"  {escape(line.resource)}",
            f"{line.quantity:,.7g}",
            f"{line.unit_price:g}",
            _(line.price.unit),
            f"{line.usd:,.2f}",
        )
    table.add_row()


def _print_unpriced(bill: Bill) -> None:
    families = ", ".join(dict.fromkeys(name.split(".")[0] for name in INSTANCES))
    known = (
        _("; of instances, {families} are").format(families=families)
        if any(name.startswith(_(INSTANCE_TYPE).partition("{")[0]) for name in bill.unpriced)
        else ""
    )
    said = _("Not priced: {names}{known}. The sums are without it.").format(
        names=f"[red]{escape(', '.join(bill.unpriced))}[/]", known=known
    )
    console.print(said)


def _print_usage(usage: Usage, *without: str) -> None:
    amounts = {name: amount for name, amount in asdict(usage).items() if name not in without}
    options = " ".join(f"--{name.replace('_', '-')} {amount:.10g}" for name, amount in amounts.items())
    console.print(_("Reckoned for a month with: {options}").format(options=options))
    console.print(_(LEFT_OUT))


# --- programs


def _as_data(stack: str, bill: Bill, usage: Usage) -> dict[str, object]:
    return {
        "stack": stack,
        "region": bill.region,
        "prices_of_region": bill.priced_as,
        "prices_as_of": AS_OF,
        "usage": asdict(usage),
        "idle": [_line(line) for line in bill.idle],
        "by_use": [_line(line) for line in bill.used],
        "free": dict(bill.free),
        "not_priced": bill.unpriced,
        "idle_usd": round(bill.idle_usd, 6),
        "by_use_usd": round(bill.used_usd, 6),
        "usd": round(bill.usd, 6),
    }


def _line(line: Line) -> dict[str, object]:
    return {
        "resource": line.resource,
        "logical_id": line.logical_id,
        "quantity": line.quantity,
        "unit": line.price.unit,
        "unit_price": line.unit_price,
        "usd": round(line.usd, 6),
        "source": line.price.source,
    }


# --- the comparison


def _compare(stack: str, region: str, usage: Usage, settings: list[str], chart: Path | None, *, as_json: bool) -> None:
    from lab.cost.compare import compare

    if chart and (chart.suffix != ".svg" or not chart.parent.is_dir()):
        raise ProblemError(
            _("{chart}: the chart is an SVG in a folder that is there. Example: --chart cost.svg").format(chart=chart)
        )
    with Console(stderr=True).status(_("cdk synth, once for each choice of nat ...")):
        comparison = compare(stack, region, usage, settings)
    first = next(iter(comparison["none"].values()))
    title = _("{stack} in {where}, USD a month").format(stack=stack, where=first.where())
    if chart:
        write_whole(chart, svg(comparison, title).encode())
    if as_json:
        print_json(
            [
                {"nat": nat, **_as_data(stack, bill, replace(usage, hours_a_day=hours))}
                for nat, bills in comparison.items()
                for hours, bill in bills.items()
            ]
        )
        return
    console.print(_("{title} at AWS's list prices of {as_of}").format(title=title, as_of=AS_OF) + "\n")
    table = Table("nat", box=None, padding=(0, 2, 0, 0), pad_edge=False)
    for hours in comparison["none"]:
        table.add_column(_("{hours:g} h a day").format(hours=hours), justify="right")
    for nat, bills in comparison.items():
        table.add_row(nat, *(f"{bill.usd:,.2f}" for bill in bills.values()))
    console.print(table)
    console.print()
    console.print(
        _("Hours are those of the instances. Gateways, Elastic IPs and disks cost the same while they stand still.")
    )
    if first.unpriced:
        _print_unpriced(first)
    _print_usage(usage, "hours_a_day")
    if chart:
        console.print(_("Drawn: {chart}").format(chart=chart))


# --- the price table


def _check(region: str, *, as_json: bool) -> bool:
    """Print what AWS lists for each row; return whether none has moved."""
    from lab.cost import live

    with Console(stderr=True).status(_("Asking AWS's Price List about {region} ...").format(region=region)):
        rows = list(live.check_prices(region))
    differing = [row for row in rows if row.verdict != "same"]
    if as_json:
        print_json([{**asdict(row), "region": region, "verdict": row.verdict} for row in rows])
    else:
        for row in differing:
            listed = _(" or ").join(f"{price:g}" for price in row.theirs) or _("nothing")
            console.print(
                _("{row}: {verdict}. Ours {ours:g} for a unit of {unit}, AWS lists {listed}").format(
                    row=row.row, verdict=_(row.verdict), ours=row.ours, unit=_(row.unit), listed=listed
                )
            )
        console.print(
            _("{same} of {total} prices in {region} are those of AWS's Price List.").format(
                same=len(rows) - len(differing), total=len(rows), region=region
            )
        )
    return not differing
