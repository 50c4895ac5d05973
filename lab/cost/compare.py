"""The choices that decide the bill, side by side: how private subnets reach the internet, and hours a day."""

import json
import tempfile
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path

from lab import cdk
from lab.cost.bill import Bill, Usage, reckon
from lab.terminal.language import _
from lab.terminal.problem import ProblemError

# The values of the setting `nat`.
NAT_CHOICES = ("per-az", "single", "regional", "instance", "none")
# Always; eight hours of work; an evening's lesson.
HOURS: tuple[float, ...] = (24, 8, 2)

Comparison = dict[str, dict[float, Bill]]


def compare(stack: str, region: str, usage: Usage, settings: Sequence[str]) -> Comparison:
    """Return the bill of ``stack`` for each choice of ``nat``, and for each of HOURS and the usage's own hours a day.

    The CDK CLI makes the templates anew, with ``settings`` (KEY=VALUE) besides: some seconds for each choice.
    Raises ProblemError with what the CLI printed when it fails.
    """
    all_hours = sorted({*HOURS, usage.hours_a_day}, reverse=True)

    def bills(nat: str) -> dict[float, Bill]:
        with tempfile.TemporaryDirectory() as folder:
            cdk.synth(stack, settings=[*settings, f"nat={nat}"], output=Path(folder))
            template = json.loads(Path(folder, f"{stack}.template.json").read_text())
        return {hours: reckon(template, region, replace(usage, hours_a_day=hours)) for hours in all_hours}

    for setting in settings:
        if "=" not in setting:
            raise ProblemError(
                _("-c: {setting!r} is not KEY=VALUE. Example: -c instance_type=t4g.micro").format(setting=setting)
            )
    if any(setting.startswith("nat=") for setting in settings):
        raise ProblemError(_("--compare goes through the choices of nat itself: leave -c nat=... out"))
    with ThreadPoolExecutor(max_workers=2) as workers:  # each is a Node.js and a Python process
        try:
            return dict(zip(NAT_CHOICES, workers.map(bills, NAT_CHOICES), strict=True))
        except ProblemError:
            workers.shutdown(cancel_futures=True)  # what is wrong with one is wrong with all
            raise
