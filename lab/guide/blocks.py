"""What commands write into the pages: the parts of READMEs and docs that are data.

A part stands between ``<!-- name words -->`` and ``<!-- end -->``, and the method of ``_Writer`` with that name writes
it; all else on a page is prose, written by hand.
"""

import json
import os
import re
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import boto3
from botocore.loaders import create_loader
from rich.cells import cell_len

from lab import cdk
from lab.checks import all_checks
from lab.checks.check import Check
from lab.cost.bill import Line, reckon
from lab.cost.compare import NAT_CHOICES
from lab.cost.prices import AS_OF, PRICES
from lab.guide.book import numbers_in, read
from lab.guide.sources import ROOT, constructs
from lab.template.reader import Template
from lab.terminal.language import N_, _, speaking, spoken
from lab.terminal.line_breaks import wrapped

# The stacks of the guide, and the settings that it shows them with.
STACKS = {
    "LearningStack": (),
    "OperatorsStack": ("operators=alice,bob",),
    "BudgetStack": ("monthly_budget_usd=20", "alert_email=you@example.com"),
}
REGIONS = ("us-east-1", "ap-northeast-1")
PART = re.compile(r"^<!-- (?P<name>[a-z_]+)(?P<words>.*?) -->\n(?:.*?\n)??<!-- end -->$", re.DOTALL | re.MULTILINE)
WAYS_OUT = {
    "per-az": N_("through a NAT gateway in their own zone"),
    "single": N_("through one NAT gateway"),
    "regional": N_("through one regional NAT gateway, billed for each zone that has machines"),
    "instance": N_("through a NAT instance, a t4g.micro with a public address of its own"),
    "none": N_("not at all; S3 through its free endpoint"),
}
# What S3 bills as one class of requests: the row of PRICES, and how many of its unit a thousand are.
REQUESTS = {
    "PUT, COPY, POST, LIST": ("put", 1.0),
    "GET, HEAD, SELECT": ("get", 0.1),
    "DELETE, CANCEL": ("", 0.0),
    N_("Move to the archive (Glacier), by a lifecycle rule"): ("to-GLACIER", 1.0),
}
WIDTH = 97  # of what ``lab verify`` prints

Content = Mapping[str, Any]


class Facts:
    """What the parts are written from: the templates, by stack and by choice of ``nat``, and the settings.

    ``settings`` has a row for each: name, default, meaning, example.
    """

    def __init__(self, template: Callable[..., Content], settings: list[dict[str, str]]) -> None:
        self.stacks = {stack: template(stack, *settings) for stack, settings in STACKS.items()}
        self.by_nat = {nat: template("LearningStack", f"nat={nat}") for nat in NAT_CHOICES}
        self.settings = settings


def pages() -> list[Path]:
    """Return the pages that have parts, or may have."""
    return [*sorted(ROOT.glob("README*.md")), *sorted(ROOT.glob("docs/*.*.md"))]


def write() -> list[Path]:
    """Write all parts of all pages anew, from templates that the CDK CLI makes now; return the pages that changed.

    Raises ProblemError with what the CLI printed when it fails.
    """
    facts = _facts_of_now()
    changed = []
    for page in pages():
        before = page.read_text()
        after = fill(page, before, facts)
        if after != before:
            page.write_text(after)
            changed.append(page)
    return changed


def fill(page: Path, text: str, facts: Facts) -> str:
    """Return the text of a page with its parts written anew."""
    writer = _Writer(facts)

    def written(part: re.Match[str]) -> str:
        lines: Iterator[str] = getattr(writer, part["name"])(part["words"].split())
        return "\n".join([f"<!-- {part['name']}{part['words']} -->", *lines, "<!-- end -->"])

    with speaking("ja" if page.name.endswith(".ja.md") else "en"):
        return PART.sub(written, text)


def _facts_of_now() -> Facts:
    with tempfile.TemporaryDirectory() as folder, ThreadPoolExecutor(max_workers=2) as workers:

        def template(stack: str, *settings: str) -> Content:
            output = Path(folder, "-".join((stack, *settings)))
            cdk.synth(stack, settings=settings, output=output)
            content: Content = json.loads((output / f"{stack}.template.json").read_text())
            return content

        wanted = [*STACKS.items(), *(("LearningStack", (f"nat={nat}",)) for nat in NAT_CHOICES)]
        made = dict(zip(wanted, workers.map(lambda each: template(each[0], *each[1]), wanted), strict=True))
        told = subprocess.run(  # our own module
            [sys.executable, "-m", "stacks.settings"], cwd=ROOT, capture_output=True, text=True, check=True
        )
        return Facts(lambda stack, *settings: made[stack, settings], json.loads(told.stdout))


class _Writer:
    """Writes the parts of a page, in the language that is spoken: a method for each name, given its words."""

    def __init__(self, facts: Facts) -> None:
        self.facts = facts
        self.constructs = constructs()

    def resources(self, names: list[str]) -> Iterator[str]:
        """Yield the resources of constructs: type, where they are made, logical ids and Name tags."""
        for name in names:
            construct = self.constructs[name]
            summary = f": {construct.summary}" if spoken() == "en" else ""  # docstrings are in English
            yield f"`{name}`, {construct.link()}{summary}"
            yield ""
            made: dict[tuple[str, str], list[str]] = {}
            for template in self.facts.stacks.values():
                for logical_id, resource in Template(template).resources.items():
                    if re.match(rf"{name}[A-Z]", logical_id):
                        tag = f" ({resource.name})" if resource.name else ""
                        made.setdefault((resource.type, construct.link(logical_id)), []).append(f"`{logical_id}`{tag}")
            for (kind, link), ids in made.items():
                yield f"- **{kind.removeprefix('AWS::')}**, {link}: {', '.join(ids)}"
            yield ""

    def claims(self, chapters: list[str]) -> Iterator[str]:
        """Yield what is claimed of chapters, each with the command that shows it."""
        for stack in STACKS:
            for check in all_checks(stack):
                if str(numbers_in(check.chapter)[0]) in chapters:
                    look = _("Look at: {fields}").format(fields=fields(check)) if check.field else ""
                    yield f"- {_(check.claim)} ({check.chapter})\n\n  ```sh\n  {shell(check.command)}\n  ```\n"
                    if look:
                        yield f"  {look}\n"

    def costs(self, names: list[str]) -> Iterator[str]:
        """Yield a table of what constructs cost, in each region: what is idle by the month, the rest by its unit."""
        bills = [[reckon(template, region) for template in self.facts.stacks.values()] for region in REGIONS]
        rows: dict[str, list[str]] = {}
        for region in bills:
            for bill in region:
                rows_of_bill = [
                    (_("{what}, a month").format(what=line.resource), line, f"{line.usd:.2f}") for line in bill.idle
                ]
                rows_of_bill += [
                    (f"{line.resource}, {_(line.price.unit)}", line, f"{line.unit_price:g}") for line in bill.used
                ]
                for title, line, usd in rows_of_bill:
                    if _is_of(line, names):
                        rows.setdefault(title, []).append(usd)
        if not rows:
            yield _("Nothing: AWS charges for none of these.")
            return
        yield f"| USD ({AS_OF}) | {' | '.join(REGIONS)} |"
        yield f"|---|{'---:|' * len(REGIONS)}"
        for title, cells in rows.items():
            yield f"| {title} | {' | '.join(cells)} |"

    def bill(self, _words: list[str]) -> Iterator[str]:
        """Yield a table of what all of LearningStack costs idle, part by part, in each region."""
        bills = [reckon(self.facts.stacks["LearningStack"], region) for region in REGIONS]
        yield f"| {_('USD, a month')} ({AS_OF}) | {' | '.join(REGIONS)} |"
        yield f"|---|{'---:|' * len(REGIONS)}"
        for part in bills[0].parts():
            yield f"| {_(part)} | {' | '.join(f'{bill.parts()[part]:.2f}' for bill in bills)} |"

    def requests(self, _words: list[str]) -> Iterator[str]:
        """Yield a table of what a thousand requests of each class cost in S3 Standard, in each region."""
        yield f"| {_('A thousand requests')} (USD, {AS_OF}) | {' | '.join(REGIONS)} |"
        yield f"|---|{'---:|' * len(REGIONS)}"
        for operations, (price, units) in REQUESTS.items():
            usd = [f"{PRICES[price].in_region(region) * units:g}" if price else "0" for region in REGIONS]
            yield f"| {_(operations)} | {' | '.join(usd)} |"

    def choices_of_nat(self, _words: list[str]) -> Iterator[str]:
        """Yield a table of what LearningStack costs idle with each choice of ``nat``, in each region."""
        yield f"| `nat` ({_('USD, a month')}, {AS_OF}) | {' | '.join(REGIONS)} | |"
        yield f"|---|{'---:|' * len(REGIONS)}---|"
        for nat, way in WAYS_OUT.items():
            usd = [f"{reckon(self.facts.by_nat[nat], region).idle_usd:.0f}" for region in REGIONS]
            note = _(" (the primer's, default)") if nat == "per-az" else ""
            yield f"| `{nat}`{note} | {' | '.join(usd)} | {_(way)} |"

    def regions(self, _words: list[str]) -> Iterator[str]:
        """Yield a table of AWS's regions, as the AWS SDK knows them."""
        partitions: Any = create_loader().load_data("endpoints")["partitions"]
        names = next(each["regions"] for each in partitions if each["partition"] == "aws")
        yield f"| {_('Region')} | |"
        yield "|---|---|"
        for code in boto3.Session().get_available_regions("ec2"):
            yield f"| `{code}` | {_(names[code]['description'])} |"

    def settings(self, _words: list[str]) -> Iterator[str]:
        """Yield a table of the settings."""
        yield f"| {_('Setting')} | {_('Default')} | {_('Meaning')} | {_('Example')} |"
        yield "|---|---|---|---|"
        for each in self.facts.settings:
            default = f"`{each['default']}`" if each["default"] else ""
            yield f"| `{each['name']}` | {default} | {_(each['meaning'])} | `{each['example']}` |"

    def chapters(self, _words: list[str]) -> Iterator[str]:
        """Yield the chapters as ``lab guide`` lists them."""
        yield from _block(f"{', '.join(map(str, each.numbers)):7}{each.title}" for each in read(spoken()))

    def claims_that_hold(self, ids: list[str]) -> Iterator[str]:
        """Yield what ``lab verify`` prints where all holds, with the claims of some checks and ... for the others."""
        checks = [check for check in all_checks("LearningStack") if check.when is Check.when]
        heading = _("Chapter")
        chapter = max(map(cell_len, [heading, *(check.chapter for check in checks)]))
        claim = min(max(cell_len(_(check.claim)) for check in checks), WIDTH - chapter - 7)
        rows = [f"{heading}{' ' * (chapter - cell_len(heading))}  {_('Claim')}"]
        for check in checks:
            if check.id in ids:
                first, *others = wrapped(_(check.claim), claim)
                rows.append(f"{check.chapter:{chapter}}  {first}{' ' * (claim - cell_len(first))}  ✓")
                rows += [f"{'':{chapter}}  {line}" for line in others]
        hold = _("{holding} of {total} claims hold.").format(holding=len(checks), total=len(checks))
        yield from _block([*rows, "...", "", hold])

    def printed(self, words: list[str]) -> Iterator[str]:
        """Yield what a command of ``lab`` prints about the template of LearningStack."""
        with tempfile.TemporaryDirectory() as folder:
            (Path(folder) / "cdk.out").mkdir()
            template = json.dumps(self.facts.stacks["LearningStack"])
            (Path(folder) / "cdk.out" / "LearningStack.template.json").write_text(template)
            done = subprocess.run(  # noqa: S603  # our own command
                [sys.executable, "-m", "lab", *words],
                cwd=folder,
                env=os.environ | {"PYTHONPATH": str(ROOT), "COLUMNS": "80", "LAB_LANG": spoken()},
                capture_output=True,
                text=True,
                check=True,
            )
        yield from _block(done.stdout.splitlines())


def _block(lines: Iterator[str] | list[str]) -> Iterator[str]:
    yield "```text"
    yield from (line.rstrip() for line in lines)
    yield "```"


def _is_of(line: Line, names: list[str]) -> bool:
    return any(re.match(rf"{name}[A-Z]", line.logical_id) for name in names)


def fields(check: Check) -> str:
    """Return the fields to look at in the answer to a check's command, as code; nothing where that is all of it."""
    return re.sub(r"[^, ]+", r"`\g<0>`", check.field)


def shell(command: str) -> str:
    """Return a check's command for a shell, with outputs as its variables."""
    return re.sub(r"\{(\w+)\}", r"$\1", command)
