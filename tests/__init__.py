"""The tests, in folders by what they need: nothing, the local AWS, the command line, scanners, a machine to boot.

What surrounds them is the same in a terminal and in CI.
"""

import os
import signal
import sys
from pathlib import Path

# The node of this project comes first, as in the Makefile: jsii takes the first one.
os.environ["PATH"] = os.pathsep.join([str(Path(sys.executable).parent), os.environ.get("PATH", os.defpath)])
# What makes rich, typer and node believe in a terminal, in none, or in one of another width.
for name in ("CLICOLOR_FORCE", "COLUMNS", "FORCE_COLOR", "GITHUB_ACTIONS", "LINES", "NO_COLOR", "PY_COLORS"):
    os.environ.pop(name, None)
# Whoever starts the tests in the background has them ignore Ctrl-C, and so all that they start.
signal.signal(signal.SIGINT, signal.default_int_handler)
