"""A rule of AWS, and the table of all rules."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

Asked = Mapping[str, Any]  # a request, by the names of the service's API
# Returns the message of AWS's error for a request that breaks the rule.
Check = Callable[[Asked], str | None]


@dataclass(frozen=True)
class Rule:
    """What one service refuses in some of its actions ("*": in all).

    ``code`` is AWS's error code, ``check`` returns the message that goes with it, and ``source`` is the page that says
    so. ``status`` is the answer's HTTP status.
    """

    id: str
    service: str
    actions: tuple[str, ...]
    code: str
    source: str
    check: Check
    status: int = 400


RULES: list[Rule] = []


def rule(name: str, *actions: str, code: str, source: str, status: int = 400) -> Callable[[Check], Check]:
    """Enter the decorated function into the table. ``name`` begins with the service: ``ec2.vpc-size``."""

    def decorate(check: Check) -> Check:
        RULES.append(Rule(name, name.partition(".")[0], actions, code, source, check, status))
        return check

    return decorate


def broken(service: str, action: str, asked: Asked) -> tuple[Rule, str] | None:
    """Return the first rule that a request breaks, and the message."""
    for each in RULES:
        if each.service == service and (action in each.actions or "*" in each.actions):
            message = each.check(asked)
            if message is not None:
                return each, message
    return None
