"""What the chapters of the primer claim of the deployed stacks, a module for each, and the proofs."""

import re
import time
from collections import Counter
from collections.abc import Iterator

from botocore.exceptions import ClientError

from lab.checks import (
    access,
    bastion,
    drift,
    firewall,
    nat_instance,
    network,
    operators,
    reach,
    real_account,
    saving,
    storage,
)
from lab.checks.check import CHECKS, Check, Facts, Verdict
from lab.checks.policy import account
from lab.template.deployed import Deployed, explain
from lab.terminal.language import _
from lab.terminal.problem import ProblemError

# What AWS says to whoever asks too often, and the seconds to wait then, each time longer.
THROTTLED = ("RequestLimitExceeded", "Throttling", "ThrottlingException", "SlowDown")
THROTTLED_SECONDS = (1, 2, 4, 8)
# Importing a chapter registers its checks.
CHAPTERS = (network, nat_instance, drift, operators, saving, storage, bastion, access, firewall, reach, real_account)


def all_checks(stack_name: str) -> list[Check]:
    """Return the checks of a stack in the order of the chapters; those of LearningStack for LearningStack-NAME too.

    Raises ProblemError when the stack is none of ours.
    """
    try:
        checks = CHECKS[stack_name.partition("-")[0]]
    except KeyError:
        raise ProblemError(
            _("{stack} is none of ours: {names}, LearningStack-NAME").format(stack=stack_name, names=", ".join(CHECKS))
        ) from None
    return sorted(checks, key=lambda check: [int(number) for number in re.findall(r"\d+", check.chapter)])


def run(deployed: Deployed) -> Iterator[Verdict]:
    """Yield a verdict for each claim that the stack makes, in the order of the chapters.

    Raises ProblemError when the stack does not say what was chosen for it.
    """
    _told = deployed.settings
    reach.look_again(deployed)
    for check in all_checks(deployed.stack_name):
        if not check.when(deployed):
            continue
        try:
            expected, found = _proven(check, deployed)
        except KeyError as error:
            expected, found = ["an answer"], [f"AWS says nothing of {error.args[0]}"]
        except (IndexError, StopIteration):
            expected, found = ["an answer"], ["AWS says nothing of what this is about"]
        except Exception as error:  # noqa: BLE001  # whatever it is, the other claims are looked at
            expected, found = ["an answer"], [explain(error)]
        yield Verdict(
            check,
            # The order of facts means nothing, their number does: a rule that is there twice is one too many.
            list((Counter(expected) - Counter(found)).elements()),
            list((Counter(found) - Counter(expected)).elements()),
            command(check, deployed),
        )


def _proven(check: Check, deployed: Deployed) -> tuple[Facts, Facts]:
    """Return what the proof of a claim finds; while AWS wants fewer requests, wait and begin it again."""
    for seconds in THROTTLED_SECONDS:
        try:
            return check.prove(deployed)
        except ClientError as error:
            if error.response["Error"].get("Code") not in THROTTLED:
                raise
            time.sleep(seconds)
    return check.prove(deployed)


def command(check: Check, deployed: Deployed) -> str:
    """Return the command of a check with the ids of the stack."""
    return check.command.format_map(_Outputs(names(deployed)))


def names(deployed: Deployed) -> dict[str, str]:
    """Return what commands may name: the stack's outputs, its account, and its resources by their types."""
    types = {each.type.split("::")[-1]: each.id for each in deployed.resources}
    return types | {"AccountId": account(deployed)} | deployed.outputs


class _Outputs(dict[str, str]):
    """The outputs of a stack; one that it lacks stays as it is written, in braces."""

    def __missing__(self, name: str) -> str:
        return f"{{{name}}}"
