"""Lengths, characters, words and numbers of request members, as each service's own published model has them.

The model is the one that botocore carries; the service's API reference is made from it. botocore itself checks little
of it: a name of 65 characters is sent, and it is the service that refuses it.
"""

import re
from collections.abc import Iterator
from functools import lru_cache
from typing import Any

import botocore.session

from lab.local_aws.rules.rule import Asked, rule

# Where each service's code for such a mistake was seen, or is documented.
IAM = "https://github.com/serverless/examples/issues/405"
CLOUDFORMATION = "https://github.com/aws/amazon-ecs-cli/pull/340"
SSM = "https://github.com/flanksource/config-db/pull/35"
SCHEDULER = "https://docs.aws.amazon.com/scheduler/latest/APIReference/API_CreateSchedule.html"
BUDGETS = "https://docs.aws.amazon.com/aws-cost-management/latest/APIReference/API_budgets_CreateBudget.html"
LOGS = "https://github.com/fluent-plugins-nursery/fluent-plugin-cloudwatch-logs/issues/223"


@lru_cache
def _model(service: str) -> Any:
    return botocore.session.get_session().get_service_model(service)


def mistakes(service: str, action: str, asked: Asked) -> str | None:
    """Return AWS's message about all members that are not as the model wants them."""
    model = _model(service)
    if action not in model.operation_names or not model.operation_model(action).input_shape:
        return None
    found = list(_walk(model.operation_model(action).input_shape, asked, ""))
    if not found:
        return None
    return f"{len(found)} validation error{'s'[: len(found) > 1]} detected: {'; '.join(found)}"


def _walk(shape: Any, value: Any, path: str) -> Iterator[str]:
    if shape.type_name == "structure" and isinstance(value, dict):
        for name, member in shape.members.items():
            if name in value:
                yield from _walk(member, value[name], f"{path}.{name[0].lower()}{name[1:]}".lstrip("."))
    elif shape.type_name == "list" and isinstance(value, list):
        yield from _size(shape, value, path)
        for number, each in enumerate(value, 1):
            yield from _walk(shape.member, each, f"{path}.{number}.member")
    elif shape.type_name == "string" and isinstance(value, str):
        yield from _size(shape, value, path)
        yield from _text(shape, value, path)
    elif shape.type_name in ("integer", "long") and re.fullmatch(r"-?\d+", str(value)):
        yield from _number(shape, int(value), path)


def _fault(value: Any, path: str, wanted: str) -> str:
    return f"Value '{value}' at '{path}' failed to satisfy constraint: Member must {wanted}"


def _size(shape: Any, value: Any, path: str) -> Iterator[str]:
    least, most = shape.metadata.get("min", 0), shape.metadata.get("max")
    if len(value) < least:
        yield _fault(value, path, f"have length greater than or equal to {least}")
    if most is not None and len(value) > most:
        yield _fault(value, path, f"have length less than or equal to {most}")


def _text(shape: Any, value: str, path: str) -> Iterator[str]:
    pattern, words = shape.metadata.get("pattern"), shape.metadata.get("enum")
    if pattern and not _fits(pattern, value):
        yield _fault(value, path, f"satisfy regular expression pattern: {pattern}")
    if words and value not in words:
        yield _fault(value, path, f"satisfy enum value set: [{', '.join(words)}]")


def _fits(pattern: str, value: str) -> bool:
    """Whether a text fits Java's pattern; one that only Java understands fits all."""
    if r"\p" in pattern or r"\ud" in pattern.lower():
        return True
    try:
        return bool(re.fullmatch(pattern, value, re.ASCII))
    except re.error:
        return True


def _number(shape: Any, value: int, path: str) -> Iterator[str]:
    if value < shape.metadata.get("min", value):
        yield _fault(value, path, f"have value greater than or equal to {shape.metadata['min']}")
    if value > shape.metadata.get("max", value):
        yield _fault(value, path, f"have value less than or equal to {shape.metadata['max']}")


def _limits(service: str, code: str, source: str) -> None:
    @rule(f"{service}.limits", "*", code=code, source=source)
    def _check(asked: Asked) -> str | None:
        return mistakes(service, str(asked.get("Action", "")), asked)


for _service, _code, _source in (
    ("iam", "ValidationError", IAM),
    ("cloudformation", "ValidationError", CLOUDFORMATION),
    ("ssm", "ValidationException", SSM),
    ("scheduler", "ValidationException", SCHEDULER),
    ("budgets", "InvalidParameterException", BUDGETS),
    ("logs", "InvalidParameterException", LOGS),
):
    _limits(_service, _code, _source)
