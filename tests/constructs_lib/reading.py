"""How the tests read templates."""

import re
from typing import Any

from aws_cdk.assertions import Template


def properties(template: Template, kind: str) -> dict[str, dict[str, Any]]:
    """Return the properties of each resource of a type, by logical id."""
    return {name: dict(resource.get("Properties", {})) for name, resource in template.find_resources(kind).items()}


def reference(value: Any) -> str:
    """Return the logical id that ``{"Ref": id}`` or ``{"Fn::GetAtt": [id, attribute]}`` points at."""
    target: str = value["Ref"] if "Ref" in value else value["Fn::GetAtt"][0]
    return target


def tag(resource: dict[str, Any], key: str) -> str | None:
    """Return the value of a tag, or None."""
    return {tag["Key"]: tag["Value"] for tag in resource.get("Tags", [])}.get(key)


def in_words(value: Any, names: dict[str, str]) -> str:
    """Return text with the references of ``Fn::Join`` and ``Fn::Sub`` replaced by ``names`` (or ``id.attribute``)."""
    if isinstance(value, str):
        return value
    if "Fn::Join" in value:
        separator, parts = value["Fn::Join"]
        return str(separator).join(in_words(part, names) for part in parts)
    if "Fn::Sub" in value:
        return re.sub(
            r"\$\{(!?)(.*?)\}", lambda found: f"${{{found[2]}}}" if found[1] else names[found[2]], value["Fn::Sub"]
        )
    return names[value["Ref"] if "Ref" in value else ".".join(value["Fn::GetAtt"])]
