"""``python -m lab``."""

import sys

for stream in (sys.stdout, sys.stderr):  # where the locale lacks a character, its code is still something to read
    stream.reconfigure(errors="backslashreplace")  # type: ignore[union-attr]

try:
    from lab.terminal.language import settle
    from lab.terminal.problem import ProblemError

    try:
        settle(sys.argv[1:])
    except ProblemError as error:
        raise SystemExit(str(error)) from None
    from lab.cli import main
    from lab.terminal.net import finish

    try:
        main()
    finally:
        finish()
except ModuleNotFoundError as error:
    raise SystemExit(f"{error.name} is not installed here. Run: make setup && source .venv/bin/activate") from None
except KeyboardInterrupt:
    raise SystemExit(130) from None
except BrokenPipeError:  # whoever read has read enough
    raise SystemExit(1) from None
except Exception as error:  # noqa: BLE001  # the net
    from lab.terminal.net import caught

    raise SystemExit(caught(error)) from None
