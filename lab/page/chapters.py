"""The guide's chapters as HTML: sections, commands with one's own ids, and which of these may be run."""

import hashlib
import re
import shlex
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from textwrap import dedent
from typing import Any

from markdown_it import MarkdownIt
from markdown_it.renderer import RendererHTML
from markdown_it.token import Token

from lab.checks import all_checks
from lab.guide.blocks import STACKS, fields, shell
from lab.guide.book import Chapter, numbers_in, read
from lab.guide.glossary import WORDS, Word
from lab.terminal.language import N_, Language, _

# What gives the HTML of a command, and of where it is to be run: one of PLACES, or anything else for this shell.
Show = Callable[["Command", str], str]
PLACES = {"real": N_("In a real account"), "bastion": N_("On the bastion"), "pc": N_("On your own computer")}
NAME = re.compile(r"\$(\w+)")
# What only reads. Of S3's own commands, ls; and not what writes what it got into a file, or tells a secret.
READING = re.compile(r"(describe|list|get|head|simulate)-[a-z0-9-]+")
WRITES_OR_TELLS = re.compile(r"get-(object|session-token|login-password|secret-value|password-data|federation-token)\b")
SHELL_SYNTAX = re.compile(r"[|;&<>()`~*?\n\\]")


@dataclass(frozen=True)
class Command:
    """A command of the guide, with names such as ``$VpcId`` in it."""

    text: str

    @property
    def key(self) -> str:
        """What stands for it in a request: nothing else can be asked for."""
        return hashlib.sha256(self.text.encode()).hexdigest()[:16]

    @property
    def reads(self) -> bool:
        """Tell whether it is one command of the AWS CLI that changes nothing, for which no shell is needed."""
        return bool(self._words)

    @property
    def _words(self) -> list[str]:
        """The words of the command, where it only reads; else none."""
        unquoted = re.sub(r"'[^']*'|\"[^\"`$\\]*\"", "", self.text)
        if SHELL_SYNTAX.search(unquoted):
            return []
        try:
            words = shlex.split(self.text)
        except ValueError:
            return []
        if len(words) < 3 or words[0] != "aws" or words[1].startswith("-"):
            return []
        reads = words[1:3] == ["s3", "ls"] or (READING.fullmatch(words[2]) and not WRITES_OR_TELLS.match(words[2]))
        return words if reads else []

    def words(self, ids: Mapping[str, str]) -> list[str]:
        """Return what to run, without ``aws``: each name becomes an id after the words were told apart."""
        return [filled(word, ids) for word in self._words[1:]]

    def unknown(self, ids: Mapping[str, str]) -> list[str]:
        """Return the names that it has and ``ids`` lacks."""
        return [name for name in NAME.findall(self.text) if name not in ids]


@dataclass(frozen=True)
class Claim:
    """A claim of a chapter: what it says in the language that is spoken, the command that shows it, where to look."""

    id: str
    chapter: str
    text: str
    command: Command
    field: str

    @property
    def asks(self) -> list[str]:
        """The words after ``lab reach``, where that is the command."""
        words = shlex.split(self.command.text)
        return words[4:] if words[:4] == ["python", "-m", "lab", "reach"] else []


@dataclass(frozen=True)
class Section:
    """A section of a chapter. ``kind`` is claims, resources, exercise, or empty."""

    id: str
    title: str
    html: str
    kind: str


def filled(text: str, ids: Mapping[str, str]) -> str:
    """Return a text with ids in place of the names that are known."""
    return NAME.sub(lambda name: ids.get(name[1], name[0]), text)


def claims(chapter: Chapter) -> list[Claim]:
    """Return the claims about all stacks that a chapter has, in its order."""
    return [
        Claim(check.id, check.chapter, _(check.claim), Command(shell(check.command)), fields(check))
        for stack in STACKS
        for check in all_checks(stack)
        if numbers_in(check.chapter)[0] in chapter.numbers
    ]


def commands(languages: Sequence[Language]) -> dict[str, Command]:
    """Return the guide's commands that may be run, by key."""
    texts = [shell(check.command) for stack in STACKS for check in all_checks(stack)]
    for language in languages:
        for chapter in read(language):
            texts += [dedent(box).strip() for box in _BOX.findall(chapter.text)]
    found = (Command(text) for text in texts)
    return {each.key: each for each in found if each.reads}


class Glossary:
    """The words that a page explains, each at its first use; ``used`` are those that came."""

    def __init__(self) -> None:
        self._waiting = {number: (re.compile(word.pattern), word) for number, word in enumerate(WORDS)}
        self.used: dict[int, Word] = {}

    def pieces(self, text: str) -> Iterator[tuple[str, int | None]]:
        """Yield the pieces of a text, each with the number of the word that it is, if it is one."""
        while text:
            matches = [
                (found, number) for number, (pattern, _) in self._waiting.items() if (found := pattern.search(text))
            ]
            if not matches:
                break
            found, number = min(matches, key=lambda each: (each[0].start(), -len(each[0][0])))
            self.used[number] = self._waiting.pop(number)[1]
            yield text[: found.start()], None
            yield found[0], number
            text = text[found.end() :]
        yield text, None


def sections(chapter: Chapter, ids: Mapping[str, str], show: Show, glossary: Glossary) -> list[Section]:
    """Return the sections of a chapter; ``show`` gives the HTML of a command."""
    parts = re.split(r"^### (.+)$", chapter.text, flags=re.MULTILINE)[1:]
    found = []
    for number, (title, text) in enumerate(zip(parts[::2], parts[1::2], strict=True), start=1):
        kind = next((each for each in ("claims", "resources") if f"<!-- {each} " in text), "")
        if not kind and re.match("Exercise|練習|演習", title):
            kind = "exercise"
        if kind == "claims":  # they are shown from the checks themselves
            text = re.sub(r"^<!-- claims .*?^<!-- end -->$", "", text, flags=re.DOTALL | re.MULTILINE)  # noqa: PLW2901
        found.append(Section(f"s{number}", inline(title), _rendered(text, ids, show, glossary), kind))
    return found


def inline(text: str, ids: Mapping[str, str] | None = None) -> str:
    """Return a sentence of Markdown as HTML."""
    rendered: str = _MARKDOWN.renderInline(text, {"ids": ids or {}})
    return rendered


def _rendered(text: str, ids: Mapping[str, str], show: Show, glossary: Glossary) -> str:
    text = re.sub(r"^<!--.*?-->$", "", text, flags=re.MULTILINE)
    rendered: str = _MARKDOWN.render(text, {"ids": ids, "show": show, "glossary": glossary})
    return rendered


# --- how Markdown becomes HTML


def _fence(renderer: RendererHTML, tokens: Sequence[Token], index: int, options: Any, env: Any) -> str:
    del renderer, options
    token = tokens[index]
    kind, _blank, where = token.info.partition(" ")
    if kind == "sh" and (show := env.get("show")):
        return str(show(Command(token.content.strip()), where))
    prints = kind == "text" and index and tokens[index - 1].info.startswith("sh")
    title = f'<p class="prints">{_escaped(_("It prints (... where it varies):"))}</p>\n' if prints else ""
    return f'{title}<pre tabindex="0"><code>{_escaped(token.content)}</code></pre>\n'


def _code(renderer: RendererHTML, tokens: Sequence[Token], index: int, options: Any, env: Any) -> str:
    del renderer, options
    return f"<code>{_escaped(filled(tokens[index].content, env.get('ids', {})))}</code>"


def _text(renderer: RendererHTML, tokens: Sequence[Token], index: int, options: Any, env: Any) -> str:
    """Return a text with its words as buttons that open what they mean, where the page has a glossary."""
    del renderer, options
    text, glossary = tokens[index].content, env.get("glossary")
    if glossary is None:
        return _escaped(text)
    return "".join(
        _escaped(piece)
        if number is None
        else f'<button type="button" class="word" popovertarget="w{number}">{_escaped(piece)}</button>'
        for piece, number in glossary.pieces(text)
    )


def _align(tokens: Sequence[Token]) -> None:
    """Say by a class how a column is aligned: a style within HTML is refused."""
    for token in tokens:
        if "text-align:right" in str(token.attrGet("style") or ""):
            token.attrSet("class", "number")
        token.attrs.pop("style", None)


def _only_outward_links(tokens: list[Token]) -> None:
    """Let links within the project be their text: on the page they lead nowhere."""
    for token in tokens:
        inside, kept = False, []
        for child in token.children or []:
            if child.type == "link_open":
                inside = not str(child.attrGet("href")).startswith("https://")
                child.attrSet("rel", "noreferrer")
            if child.type not in ("link_open", "link_close") or not inside:
                kept.append(child)
            if child.type == "link_close":
                inside = False
        if token.children:
            token.children = kept


def _made() -> MarkdownIt:
    markdown = MarkdownIt("commonmark", {"html": False}).enable("table")
    markdown.core.ruler.push("align", lambda state: _align(state.tokens))
    markdown.core.ruler.push("links", lambda state: _only_outward_links(state.tokens))
    markdown.add_render_rule("fence", _fence)
    markdown.add_render_rule("code_inline", _code)
    markdown.add_render_rule("text", _text)
    # A wide table scrolls by itself, and by keys as well.
    markdown.add_render_rule("table_open", lambda *_: '<div class="wide" tabindex="0"><table>\n')
    markdown.add_render_rule("table_close", lambda *_: "</table></div>\n")
    return markdown


def _escaped(text: str) -> str:
    return text.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")


_BOX = re.compile(r"^ *```sh\n(.*?)^ *```$", re.DOTALL | re.MULTILINE)
_MARKDOWN = _made()
