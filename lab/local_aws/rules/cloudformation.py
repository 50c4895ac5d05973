"""Templates and stacks. Capabilities: ministack asks for them itself."""

import json
from collections.abc import Callable
from typing import Any

from ministack.services.cloudformation import engine

from lab.local_aws.rules.rule import Asked, rule

LIMITS = "https://docs.aws.amazon.com/AWSCloudFormation/latest/UserGuide/cloudformation-limits.html"
WITH_TEMPLATE = ("CreateStack", "UpdateStack", "CreateChangeSet", "ValidateTemplate")
BODY = 51_200  # bytes
RESOURCES, OUTPUTS, PARAMETERS, MAPPINGS, DESCRIPTION = 500, 200, 200, 200, 1024
LOGICAL_ID = 255


def _template(asked: Asked) -> dict[str, Any]:
    body = asked.get("TemplateBody")
    if not body:
        return {}
    try:
        found = json.loads(body) if str(body).lstrip().startswith("{") else engine._parse_template(body)
    except Exception:  # noqa: BLE001  # ministack says what is wrong with it
        return {}
    return found if isinstance(found, dict) else {}


@rule("cloudformation.template-size", *WITH_TEMPLATE, code="ValidationError", source=LIMITS)
def _template_size(asked: Asked) -> str | None:
    body = str(asked.get("TemplateBody", ""))
    if len(body.encode()) <= BODY:
        return None
    return (
        f"1 validation error detected: Value '{body[:50]}...' at 'templateBody' failed to satisfy constraint: "
        f"Member must have length less than or equal to {BODY}"
    )


def _count(section: str, most: int) -> Callable[[Asked], str | None]:
    def check(asked: Asked) -> str | None:
        number = len(_template(asked).get(section) or {})
        over = number > most
        return (
            f"Template format error: Number of {section.lower()}, {number}, is greater than maximum allowed, {most}"
            if over
            else None
        )

    return check


for _section, _most in (
    ("Resources", RESOURCES),
    ("Outputs", OUTPUTS),
    ("Parameters", PARAMETERS),
    ("Mappings", MAPPINGS),
):
    rule(f"cloudformation.{_section.lower()}", *WITH_TEMPLATE, code="ValidationError", source=LIMITS)(
        _count(_section, _most)
    )


@rule("cloudformation.description", *WITH_TEMPLATE, code="ValidationError", source=LIMITS)
def _description(asked: Asked) -> str | None:
    over = len(str(_template(asked).get("Description", "")).encode()) > DESCRIPTION
    return f"Template format error: 'Description' length is greater than {DESCRIPTION}." if over else None


@rule("cloudformation.logical-id", *WITH_TEMPLATE, code="ValidationError", source=LIMITS)
def _logical_id(asked: Asked) -> str | None:
    for name in _template(asked).get("Resources") or {}:
        if not str(name).isalnum() or not str(name).isascii() or len(str(name)) > LOGICAL_ID:
            return f"Template format error: Resource name {name} is non alphanumeric."
    return None


@rule(
    "cloudformation.rollback-or-failure",
    "CreateStack",
    code="ValidationError",
    source="https://docs.aws.amazon.com/AWSCloudFormation/latest/APIReference/API_CreateStack.html",
)
def _rollback_or_failure(asked: Asked) -> str | None:
    both = "OnFailure" in asked and "DisableRollback" in asked
    return "You can specify either DisableRollback or OnFailure, but not both" if both else None


@rule(
    "cloudformation.tag-aws",
    "CreateStack",
    "UpdateStack",
    "CreateChangeSet",
    code="ValidationError",
    source="https://docs.aws.amazon.com/AWSCloudFormation/latest/APIReference/API_Tag.html",
)
def _tag_aws(asked: Asked) -> str | None:
    tags = asked.get("Tags") or []
    reserved = any(str(tag.get("Key", "")).lower().startswith("aws:") for tag in tags if isinstance(tag, dict))
    return "aws: prefixed tag key names are not allowed for external use." if reserved else None
