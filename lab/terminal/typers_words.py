"""What typer says by itself, in the language that is spoken, and ``--lang``, which every command has.

Some of typer's words go through gettext. The others stand in its code as they are, so they are put into other words
when they have been made.
"""

import inspect
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import wraps
from typing import Annotated, Any

import typer
from typer.core import TyperCommand, TyperGroup

from lab.terminal.language import N_, Language, _, rephrased, speaking, spoken

LANG = typer.Option("--lang", help=_("The language. Default: LAB_LANG, or that of your shell (LC_ALL, LANG)."))
Lang = Annotated[Language | None, LANG]

# typer takes these to gettext itself; here they are for the catalogue.
GETTEXTS = (
    N_("(deprecated) "),
    N_("[default: {}]"),
    N_("[env var: {}]"),
    N_("[required]"),
    N_("Arguments"),
    N_("Options"),
    N_("Commands"),
    N_("Error"),
    N_("Aborted."),
    N_("Try [blue]'{command_path} {help_option}'[/] for help."),
    N_("Missing command."),
    N_("No such command {name!r}."),
)
# What it puts together by itself.
SHAPES = (
    N_("{message}. Did you mean {names}?"),
    N_("{message} (Possible options: {names})"),
    N_("Invalid value for {name}: {message}"),
    N_("Invalid value: {message}"),
    N_("No such option: {name}"),
    N_("Missing argument {name}."),
    N_("Missing option {name}."),
    N_("Option {name} does not take a value."),
    N_("Option {name} requires an argument."),
    N_("Got unexpected extra argument(s) ({words})"),
    N_("Value error, {message}"),
    N_("{value} is not one of {names}."),
    N_("Value {value} is not a valid {kind}."),
)


class Command(TyperCommand):
    """A command whose help is all in one language."""

    def get_help_option(self, ctx: Any) -> Any:
        return _help(super().get_help_option(ctx))

    def get_usage(self, ctx: Any) -> str:
        return _usage(super().get_usage(ctx))


class Group(TyperGroup):
    """Commands whose help and errors are all in one language."""

    def get_help_option(self, ctx: Any) -> Any:
        return _help(super().get_help_option(ctx))

    def get_usage(self, ctx: Any) -> str:
        return _usage(super().get_usage(ctx))

    def make_context(self, *words: Any, **more: Any) -> Any:
        with _errors_translated():
            return super().make_context(*words, **more)

    def invoke(self, ctx: Any) -> Any:
        with _errors_translated():
            return super().invoke(ctx)


def with_lang(command: Callable[..., None]) -> Callable[..., None]:
    """Return a command that takes ``--lang`` besides, and speaks that language."""

    @wraps(command)
    def run(*given: Any, lang: Language | None = None, **named: Any) -> None:
        with speaking(lang or spoken()):
            command(*given, **named)

    signature = inspect.signature(command, eval_str=True)
    more = inspect.Parameter("lang", inspect.Parameter.KEYWORD_ONLY, default=None, annotation=Lang)
    run.__signature__ = signature.replace(parameters=[*signature.parameters.values(), more])  # type: ignore[attr-defined]
    if command.__doc__:
        run.__doc__ = _(unwrapped(command.__doc__))
    return run


def for_all(ctx: typer.Context, lang: Lang = None) -> None:
    """Take ``--lang`` before the name of a command."""
    if lang:
        ctx.with_resource(speaking(lang))


def unwrapped(docstring: str) -> str:
    """Return a docstring with each paragraph in one line."""
    return "\n\n".join(" ".join(paragraph.split()) for paragraph in inspect.cleandoc(docstring).split("\n\n"))


def _help(option: Any) -> Any:
    option.help = _("Show this message and exit.")
    return option


def _usage(text: str) -> str:
    return text.replace("Usage:", _("Usage:"), 1)


@contextmanager
def _errors_translated() -> Iterator[None]:
    try:
        yield
    except Exception as error:
        if hasattr(error, "format_message") and hasattr(error, "ctx"):
            said = rephrased(error.format_message(), SHAPES)
            error.format_message = lambda: said
        raise
