"""What each address of the page shows, as HTML in the language that is spoken."""

import re
from collections.abc import Callable, Mapping
from functools import cache
from importlib.util import find_spec
from pathlib import Path
from typing import Any
from urllib.parse import urlencode

from jinja2 import Environment, FileSystemLoader, StrictUndefined

from lab.classroom import marks
from lab.cost.bill import HOURS_A_MONTH, PARTS
from lab.cost.compare import NAT_CHOICES
from lab.cost.prices import AS_OF, PRICES
from lab.guide import progress
from lab.guide.book import Chapter, find_chapter, read
from lab.guide.exercises import EXERCISES, Exercise, look
from lab.guide.experiments import EXPERIMENTS
from lab.guide.glossary import WORDS
from lab.guide.quiz import QUESTIONS
from lab.guide.sources import ROOT
from lab.page import asking, bill, results
from lab.page.chapters import PLACES, Command, Glossary, claims, commands, filled, inline, sections
from lab.page.own_questions import own_questions
from lab.page.place import ICONS, LIT, place
from lab.page.seen import Seen
from lab.terminal.language import LANGUAGES, Language, _, default_region, ngettext, speaking, spoken
from lab.terminal.problem import ProblemError
from lab.verify import run_checks

HERE = Path(__file__).parent
REGIONS = ("us-east-1", "ap-northeast-1")  # of the bill
# What the bill's sliders begin and end with.
SLIDERS = {"hours": (24.0, 24.0), "nat_gb": (1.0, 1000.0), "storage_gb": (10.0, 1000.0)}
Fields = Mapping[str, str]


class Pages:
    """The pages about a stack. ``token`` is what a request to run something must carry; without it nothing runs."""

    def __init__(self, look: Callable[[], Seen], *, token: str = "") -> None:
        self._look = look
        self._token = token
        self._environment = Environment(
            loader=FileSystemLoader(HERE / "templates"),
            autoescape=True,
            trim_blocks=True,
            lstrip_blocks=True,
            undefined=StrictUndefined,
        )
        self._environment.globals |= {
            "_": _,
            "ngettext": ngettext,
            "live": bool(token),
            "token": token,
            "party_name": asking.party_name,
        }
        self._environment.filters["inline"] = inline

    # --- pages

    def index(self) -> str:
        """Return the table of contents, with what is done."""
        seen = self._look()
        solved = progress.solved(seen.deployed.stack_name) if self._token and seen.deployed else {}
        rows = []
        for each in read(spoken()):
            own = {progress.name(one) for one in exercises_of(each)}
            rows.append((each, page_of(each), _summary(each), len(own), len(own & solved.keys())))
        return self._page("index.html", "index", _("The guide"), rows=rows, seen=seen)

    def chapter(self, number: str) -> str:
        """Return a chapter. Raises ProblemError when there is none of this number."""
        chapter = find_chapter(number, spoken())
        seen, glossary = self._look(), Glossary()

        def show(command: Command, where: str = "") -> str:
            return self._command(command, seen.ids, where)

        return self._page(
            "chapter.html",
            page_of(chapter),
            f"{', '.join(map(str, chapter.numbers))}. {chapter.title}",
            chapter=chapter,
            sections=(parts := sections(chapter, seen.ids, show, glossary)),
            claims=[(each, show(each.command)) for each in claims(chapter)],
            first_exercise=next((each.id for each in parts if each.kind == "exercise"), ""),
            exercises=exercises_of(chapter),
            questions=[
                *(each for each in QUESTIONS if each.chapter in chapter.numbers),
                *(own_questions(seen.network, chapter.numbers) if seen.network else ()),
            ],
            experiments=[
                (
                    each,
                    show(Command(each.command)),
                    [show(Command(one)) for one in each.observe],
                    show(Command(each.undo)) if each.undo else "",
                )
                for each in EXPERIMENTS
                if each.chapter in chapter.numbers
            ],
            words=glossary.used,
            scene=_scene(seen, chapter.numbers[0]),
            rules=asking.rules(seen.network) if 12 in chapter.numbers and seen.network else [],
            seen=seen,
        )

    def reach(self, fields: Fields) -> str:
        """Return who reaches whom: the answers to a question, drawn and told."""
        seen, question = self._look(), asking.question_of(fields)
        answers, problem, names = [], "", []
        if seen.network:
            names = asking.parties(seen.network)
            try:
                answers = asking.ask(seen, question)
            except ProblemError as error:
                problem = str(error)
        names += [each for each in (question["source"], question["destination"]) if each not in names]
        return self._page(
            "reach.html",
            "reach",
            _("Who reaches whom"),
            question=question,
            answers=answers,
            problem=problem,
            names=names,
            seen=seen,
        )

    def bill(self, fields: Fields) -> str:
        """Return what the stack costs a month, by usage and by choice of ``nat``."""
        seen = self._look()
        wanted = {name: _number(fields.get(name, ""), *slider) for name, slider in SLIDERS.items()}
        region = fields.get("region", seen.deployed.region if seen.deployed else "")
        if region not in REGIONS:
            region = default_region()
        context: dict[str, Any] = {"bills": {}}
        if seen.content:
            nat = fields.get("nat", "")
            nat = nat if nat in NAT_CHOICES else bill.chosen(seen.content)
            bills = bill.bills(seen.content, region, bill.usage(**wanted))
            most = max(1.0, *(each.usd for each in bills.values()))
            context = {
                "bills": bills,
                "nat": nat,
                "bill": bills[nat],
                "nat_usd": bill.for_nat(bills[nat]),
                "most": most,
            }
        return self._page(
            "bill.html",
            "bill",
            _("The bill"),
            wanted=wanted,
            sliders=SLIDERS,
            region=region,
            regions=REGIONS,
            choices=NAT_CHOICES,
            parts=PARTS,
            as_of=AS_OF,
            prices={name: PRICES[name].in_region(region) for name in ("nat", "nat-gb", "ipv4")},
            hours_a_month=HOURS_A_MONTH,
            seen=seen,
            **context,
        )

    def words(self) -> str:
        """Return the glossary."""
        pages = {number: page_of(each) for each in read(spoken()) for number in each.numbers}
        words = sorted(WORDS, key=lambda each: _(each.term).casefold())
        return self._page("words.html", "words", _("Glossary"), words=words, pages=pages)

    def classroom(self) -> str:
        """Return who of a class has done what. Raises ProblemError where there is no class."""
        works = list(marks.works_of_class())
        return self._page(
            "class.html",
            "class",
            _("The class"),
            works=works,
            marks=next((work.marks for work in works if work.at), ()),
            mistakes=marks.common_mistakes(works),
            usd=marks.usd_of(works),
        )

    def alone(self, title: str, html: str) -> str:
        """Return a piece as a page, for a browser that runs no JavaScript, or where something went wrong."""
        return self._page("alone.html", "alone", title, html=html)

    def languages(self) -> str:
        """Return the page that leads to both languages."""
        return self._render("languages.html")

    # --- what is asked for from within a page

    def run(self, key: str) -> str:
        """Run a command of the guide and return what came. Raises ProblemError when it is none that may be run."""
        command = _may_run().get(key)
        if command is None:
            raise ProblemError(_("This is none of the guide's commands that only read."))
        ids = self._look().ids
        if unknown := command.unknown(ids):
            raise ProblemError(_("There is no {name} in what is deployed.").format(name=", ".join(unknown)))
        return self._render("result.html", result=results.run(command.words(ids)))

    def marks(self, number: str) -> str:
        """Return which claims of a chapter hold, now."""
        wanted = {each.id for each in claims(find_chapter(number, spoken()))}
        seen = self._look()
        if seen.deployed is None:
            return self.notice(seen.problem)
        verdicts = [each for each in run_checks(seen.deployed.stack_name) if each.check.id in wanted]
        return self._render("marks.html", verdicts=verdicts)

    def exercises(self, number: str) -> str:
        """Return which exercises of a chapter are done, and what the others lack; what is done stays so."""
        seen, rows = self._look(), []
        if seen.deployed is None:
            return self.notice(seen.problem)
        for each in exercises_of(find_chapter(number, spoken())):
            if not (missing := look(each, seen.deployed)):
                progress.solve(each, seen.deployed.stack_name)
            day = progress.solved(seen.deployed.stack_name).get(progress.name(each), "")
            rows.append((each, missing, day))
        return self._render("exercises.html", rows=rows)

    def notice(self, text: str) -> str:
        return self._render("notice.html", text=text)

    # --- how

    def _command(self, command: Command, ids: Mapping[str, str], where: str) -> str:
        """Return a command with what one does with it: copy it, run it, or see it drawn."""
        return self._render(
            "command.html",
            command=command,
            text=filled(command.text, ids),
            place=_(PLACES[where]) if where in PLACES else "",
            runs=bool(self._token and ids) and where not in PLACES and command.reads and not command.unknown(ids),
            drawn=_in_the_figure(command),
        )

    def _page(self, template: str, page: str, title: str, **context: Any) -> str:
        other: Language = "en" if spoken() == "ja" else "ja"
        with speaking(other):
            other_name = _("English")
        chapters = [(page_of(each), each) for each in read(spoken())]
        return self._render(
            template,
            page=page,
            title=title,
            language=spoken(),
            other=other,
            other_name=other_name,
            chapters=chapters,
            **context,
        )

    def _render(self, template: str, **context: Any) -> str:
        return self._environment.get_template(template).render(context)


def page_of(chapter: Chapter) -> str:
    """Return the name of a chapter's page."""
    return str(chapter.numbers[0])


def exercises_of(chapter: Chapter) -> list[Exercise]:
    return [each for each in EXERCISES if set(each.chapters) & set(chapter.numbers)]


@cache
def assets() -> dict[str, Path]:
    """Return the files that pages load, by their names: nothing else is served."""
    package = find_spec("diagrams")
    assert package  # noqa: S101  # it is a dependency of ours
    assert package.origin  # noqa: S101
    pictures = Path(package.origin).parent.parent / "resources" / "aws"
    return {
        **{each.name: each for each in (HERE / "static").iterdir()},
        "htmx.min.js": ROOT / "node_modules" / "htmx.org" / "dist" / "htmx.min.js",
        **{f"{kind}.png": pictures / f"{icon}.png" for kind, icon in ICONS.items()},
    }


@cache
def _may_run() -> dict[str, Command]:
    """Return what may be run, by key: what only reads of the guide and of its experiments."""
    observed = [Command(text) for each in EXPERIMENTS for text in each.observe]
    return commands(LANGUAGES) | {each.key: each for each in observed if each.reads}


def _in_the_figure(command: Command) -> str:
    """Return the address of the page that draws what a ``lab reach`` of two parties and a port tells, or nothing."""
    words = command.text.split()
    if words[:4] != ["python", "-m", "lab", "reach"] or len(words) < 6 or "\n" in command.text:
        return ""
    plain = [word for word in words[4:] if not word.startswith("-")]
    if (len(plain) > 2 and not plain[2].isdecimal()) or {"--without-zone", "--template"} & set(words):
        return ""
    protocol = "udp" if "--udp" in words else "icmp" if "--icmp" in words else "tcp"
    question = {"source": plain[0], "destination": plain[1], "protocol": protocol, "port": (*plain, "443")[2]}
    return f"reach.html?{urlencode(question)}"


def _scene(seen: Seen, number: int) -> Any:
    """Return the scene of a chapter's figure; None where no network is known."""
    if seen.network is None or number not in LIT:
        return None
    return place(
        seen.network,
        seen.architecture,
        lit=LIT[number],
        is_real=seen.deployed is not None,
        operators=(seen.operators() or ["alice", "bob"]) if number == 4 else (),
        prices=seen.prices() if "prices" in LIT[number] else None,
    )


def _summary(chapter: Chapter) -> str:
    """Return the first sentence of a chapter."""
    text = re.sub(r"^#.*$", "", chapter.text, flags=re.MULTILINE).strip().partition("\n\n")[0]
    text = text.replace("\n", "" if spoken() == "ja" else " ")
    return re.split(r"(?<=[.。])\s*", text)[0]


def _number(text: str, start: float, most: float) -> float:
    """Return what a slider says, or where it starts."""
    try:
        return min(max(float(text), 0.0), most)
    except ValueError:
        return start
