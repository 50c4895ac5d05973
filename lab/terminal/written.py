"""Files that are written whole or not at all."""

from contextlib import suppress
from pathlib import Path
from tempfile import NamedTemporaryFile

from lab.terminal.language import _
from lab.terminal.problem import ProblemError


def write_whole(file: Path, content: bytes) -> None:
    """Write a file anew; what was there stays as it was when that fails.

    Raises ProblemError with the reason.
    """
    beside = None
    try:
        with NamedTemporaryFile(dir=file.parent, prefix=f".{file.name}-", delete=False) as made:
            beside = Path(made.name)
            made.write(content)
        beside.chmod(file.stat().st_mode if file.exists() else 0o644)
        beside.replace(file)
    except OSError as error:
        if beside:
            with suppress(OSError):
                beside.unlink()
        raise ProblemError(
            _("{file} cannot be written: {strerror}").format(file=file, strerror=error.strerror)
        ) from None
