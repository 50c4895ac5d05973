"""What the chapters of the primer claim of the deployed stacks, a module for each, and the proofs."""

import re
from collections.abc import Iterator

from botocore.exceptions import BotoCoreError, ClientError

from lab.checks import access, bastion, firewall, network, operators, storage
from lab.checks.check import CHECKS, Check, Verdict
from lab.deployed import Deployed, explain
from lab.problem import ProblemError

CHAPTERS = (network, operators, storage, bastion, access, firewall)


def all_checks(stack_name: str) -> list[Check]:
    """Return the checks of a stack in the order of the chapters."""
    return sorted(CHECKS[stack_name], key=lambda check: [int(number) for number in re.findall(r"\d+", check.chapter)])


def run(deployed: Deployed) -> Iterator[Verdict]:
    """Yield a verdict for each check of the stack, in the order of the chapters."""
    for check in all_checks(deployed.stack_name):
        try:
            expected, found = check.prove(deployed)
        except (BotoCoreError, ClientError) as error:
            expected, found = ["an answer"], [explain(error)]
        except ProblemError as error:
            expected, found = ["an answer"], [str(error)]
        yield Verdict(
            check,
            [fact for fact in expected if fact not in found],
            [fact for fact in found if fact not in expected],
            check.command.format_map(deployed.outputs),
        )
