"""The guide: prose of ours in ``text/``, filled with what the templates, checks, prices and constructs say.

A line ``{{name Construct ...}}`` in the prose is a place that a method of ``_Filler`` fills.
"""

import json
import re
import tempfile
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import boto3
from botocore.loaders import create_loader

from lab import cdk
from lab.checks import all_checks
from lab.cost.bill import Line, reckon
from lab.cost.prices import AS_OF
from lab.guide import Language
from lab.guide.sources import ROOT, constructs
from lab.problem import ProblemError
from lab.template.reader import Template

LANGUAGES: tuple[Language, ...] = ("en", "ja")
# The stacks of the guide, and the settings that it shows them with.
STACKS = {
    "LearningStack": (),
    "OperatorsStack": ("operators=alice,bob",),
    "BudgetStack": ("monthly_budget_usd=20", "alert_email=you@example.com"),
}
REGIONS = ("us-east-1", "ap-northeast-1")
HEADING = re.compile(r"^## (?P<numbers>\d[\d, ]*)\. (?P<title>.+)$", re.MULTILINE)
PLACE = re.compile(r"^\{\{(\w+)(.*)\}\}$", re.MULTILINE)
WORDS = {
    "en": {"month": "a month", "nothing": "Nothing: AWS charges for none of these.", "region": "Region"},
    "ja": {
        "month": "1 か月",
        "nothing": "かかりません。AWS はここにあるリソースのどれにも課金しません。",
        "region": "リージョン",
    },
}
NOTE = "<!-- Written by `python -m lab guide --write` from lab/guide/text/{}.md. Change that, not this. -->\n\n"


@dataclass(frozen=True)
class Chapter:
    """A chapter of the guide, for one or more of the primer's."""

    numbers: tuple[int, ...]
    title: str
    text: str


def file_of(language: Language) -> Path:
    return ROOT / "docs" / f"guide.{language}.md"


def read(language: Language) -> list[Chapter]:
    """Return the chapters of the guide. Raises ProblemError when it was never written."""
    try:
        return list(chapters(file_of(language).read_text()))
    except OSError:
        raise ProblemError(f"There is no {file_of(language)}. Write it with: python -m lab guide --write") from None


def chapters(text: str) -> Iterator[Chapter]:
    """Yield the chapters of a guide, or of its prose."""
    headings = list(HEADING.finditer(text))
    ends = [heading.start() for heading in headings[1:]] + [len(text)]
    for heading, end in zip(headings, ends, strict=True):
        yield Chapter(numbers_in(heading["numbers"]), heading["title"], text[heading.start() : end].rstrip() + "\n")


def numbers_in(words: str) -> tuple[int, ...]:
    return tuple(int(number) for number in re.findall(r"\d+", words))


def find_chapter(number: str, language: Language) -> Chapter:
    """Return the chapter of the guide that has a number of the primer's.

    Raises ProblemError, with the numbers that there are.
    """
    found = read(language)
    for chapter in found:
        if number in map(str, chapter.numbers):
            return chapter
    known = ", ".join(str(number) for number in sorted(number for chapter in found for number in chapter.numbers))
    raise ProblemError(f"There is no chapter {number}; there are {known}. Example: python -m lab guide 3")


def write() -> list[Path]:
    """Write the guide anew in all languages, from templates that the CDK CLI makes now; return the files.

    Raises ProblemError with what the CLI printed when it fails.
    """
    with tempfile.TemporaryDirectory() as folder:
        templates = {}
        for stack, settings in STACKS.items():
            cdk.synth(stack, settings=settings, output=Path(folder))
            templates[stack] = json.loads(Path(folder, f"{stack}.template.json").read_text())
    for language in LANGUAGES:
        file_of(language).write_text(render(language, templates))
    return [file_of(language) for language in LANGUAGES]


def render(language: Language, templates: Mapping[str, Mapping[str, Any]]) -> str:
    """Return the guide, as Markdown, for the templates of STACKS."""
    prose = (Path(__file__).parent / "text" / f"{language}.md").read_text()
    filler = _Filler(language, templates)
    for chapter in chapters(prose):

        def fill(place: re.Match[str], chapter: Chapter = chapter) -> str:
            lines: Iterator[str] = getattr(filler, place[1])(chapter, place[2].split())
            return "\n".join(lines)

        prose = prose.replace(chapter.text, PLACE.sub(fill, chapter.text))
    return NOTE.format(language) + prose


class _Filler:
    """What fills the places of the prose: a method for each name, given the chapter and names of constructs."""

    def __init__(self, language: Language, templates: Mapping[str, Mapping[str, Any]]) -> None:
        self.words = WORDS[language]
        self.language = language
        self.templates = templates
        self.constructs = constructs()

    def resources(self, _: Chapter, names: list[str]) -> Iterator[str]:
        """Yield the resources of constructs: type, where they are made, logical ids and Name tags."""
        for name in names:
            construct = self.constructs[name]
            summary = f": {construct.summary}" if self.language == "en" else ""  # docstrings are in English
            yield f"`{name}`, {construct.link()}{summary}"
            yield ""
            made: dict[tuple[str, str], list[str]] = {}
            for template in self.templates.values():
                for logical_id, resource in Template(template).resources.items():
                    if re.match(rf"{name}[A-Z]", logical_id):
                        tag = f" ({resource.name})" if resource.name else ""
                        made.setdefault((resource.type, construct.link(logical_id)), []).append(f"`{logical_id}`{tag}")
            for (kind, link), ids in made.items():
                yield f"- **{kind.removeprefix('AWS::')}**, {link}: {', '.join(ids)}"
            yield ""

    def claims(self, chapter: Chapter, _: list[str]) -> Iterator[str]:
        """Yield what is claimed of the chapter, each with the command that shows it."""
        for stack in STACKS:
            for check in all_checks(stack):
                if numbers_in(check.chapter)[0] in chapter.numbers:
                    claim = check.claim if self.language == "en" else check.claim_ja
                    yield f"- {claim} ({check.chapter})\n\n  ```console\n  $ {shell(check.command)}\n  ```\n"

    def costs(self, _: Chapter, names: list[str]) -> Iterator[str]:
        """Yield a table of what constructs cost, in each region: what is idle by the month, the rest by its unit."""
        bills = [[reckon(template, region) for template in self.templates.values()] for region in REGIONS]
        rows: dict[str, list[str]] = {}
        for region in bills:
            for bill in region:
                rows_of_bill = [
                    (f"{line.resource}, {self.words['month']}", line, f"{line.usd:.2f}") for line in bill.idle
                ]
                rows_of_bill += [
                    (f"{line.resource}, {line.price.unit}", line, f"{line.unit_price:g}") for line in bill.used
                ]
                for title, line, usd in rows_of_bill:
                    if _is_of(line, names):
                        rows.setdefault(title, []).append(usd)
        if not rows:
            yield self.words["nothing"]
            return
        yield f"| USD ({AS_OF}) | {' | '.join(REGIONS)} |"
        yield f"|---|{'---:|' * len(REGIONS)}"
        for title, cells in rows.items():
            yield f"| {title} | {' | '.join(cells)} |"

    def bill(self, _: Chapter, __: list[str]) -> Iterator[str]:
        """Yield a table of what all of LearningStack costs idle, part by part, in each region."""
        bills = [reckon(self.templates["LearningStack"], region) for region in REGIONS]
        yield f"| USD, {self.words['month']} ({AS_OF}) | {' | '.join(REGIONS)} |"
        yield f"|---|{'---:|' * len(REGIONS)}"
        for part in bills[0].parts():
            yield f"| {part} | {' | '.join(f'{bill.parts()[part]:.2f}' for bill in bills)} |"

    def regions(self, _: Chapter, __: list[str]) -> Iterator[str]:
        """Yield a table of AWS's regions, as the AWS SDK knows them."""
        partitions: Any = create_loader().load_data("endpoints")["partitions"]
        names = next(each["regions"] for each in partitions if each["partition"] == "aws")
        yield f"| {self.words['region']} | |"
        yield "|---|---|"
        for code in boto3.Session().get_available_regions("ec2"):
            yield f"| `{code}` | {names[code]['description']} |"


def _is_of(line: Line, names: list[str]) -> bool:
    return any(re.match(rf"{name}[A-Z]", line.logical_id) for name in names)


def shell(command: str) -> str:
    """Return a check's command for a shell, with outputs as its variables."""
    return re.sub(r"\{(\w+)\}", r"$\1", command)
