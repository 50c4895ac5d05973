"""The net below every command: what was not foreseen is told in one line, and a file keeps its trace."""

import os
import sys
import tempfile
import traceback
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

from lab.terminal.language import _
from lab.terminal.printed import one_line
from lab.terminal.waiting import waiting

LOCAL = Path(".local-aws")  # the local AWS's folder: it may be missing, or not writable


def caught(error: Exception) -> str:
    """Return one line for an error: what it says, and the file that now holds its trace."""
    waiting.end()
    said, advice = f"{type(error).__name__}: {error}", ""
    if isinstance(error, OSError) and error.strerror:
        said = f"{error.filename}: {error.strerror}" if error.filename else error.strerror
    elif waiting.asked:
        advice = _(" Is {asked} AWS, and no proxy or sign-in page?").format(asked=waiting.asked)
    return _("lab {command} failed: {said}.{advice} {trace}").format(
        command=" ".join(sys.argv[1:2]), said=one_line(said).rstrip("."), advice=advice, trace=_kept(error)
    )


def finish() -> None:
    """Write out what was printed. Raises OSError, once, when that cannot be written."""
    waiting.end()
    try:
        sys.stdout.flush()
    except OSError:
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())  # or Python tries again when it ends
        raise


def _kept(error: Exception) -> str:
    """Write the trace where that is possible, and return where it is."""
    trace = "".join([f"Command: {' '.join(sys.argv)}\n", *traceback.format_exception(error)])
    for folder in _folders():
        with suppress(OSError):
            handle, name = tempfile.mkstemp(dir=folder, prefix="trace-", suffix=".txt")
            try:
                with os.fdopen(handle, "w", encoding="utf-8", errors="backslashreplace") as file:
                    file.write(trace)
            except OSError:  # a full disk
                Path(name).unlink()
                raise
            return _("The trace: {name}").format(name=name)
    last = traceback.extract_tb(error.__traceback__)[-1]
    return _("No trace could be written; it ends at {filename}:{lineno}").format(
        filename=last.filename, lineno=last.lineno
    )


def _folders() -> Iterator[Path]:
    yield LOCAL.absolute()
    with suppress(OSError):  # where no folder is writable
        yield Path(tempfile.gettempdir())
