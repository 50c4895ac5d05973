"""For templates that others made, or a person by hand: what has another shape than is read counts as not given."""

from collections.abc import Callable, Mapping
from typing import Any

from lab.printed import printable

# What a value is read with: a function for a plain one, keys for a mapping, one shape in a list for a list.
Shape = Callable[[Any], Any] | Mapping[str, "Shape"] | list["Shape"]


def fitted(value: Any, shape: Shape) -> Any:
    """Return the parts of a value that have the shape; in place of another mapping or list stands an empty one."""
    if isinstance(shape, Mapping):
        given = value if isinstance(value, Mapping) else {}
        return {key: fitted(given[key], inner) for key, inner in shape.items() if key in given}
    if isinstance(shape, list):
        return [fitted(each, shape[0]) for each in value] if isinstance(value, list) else []
    return shape(value)


def target(reference: Any) -> str:
    """Return the logical id that a Ref or Fn::GetAtt points at, or empty text."""
    match reference:
        case {"Ref": str(name)} | {"Fn::GetAtt": [str(name), *_]}:
            return name
        case {"Fn::GetAtt": str(name)}:
            return name.partition(".")[0]
    return ""


def text(value: Any) -> str:
    """Return a value for people to read: text and numbers as they are, a reference by its name, else a ?."""
    match value:
        case str() | int() | float():
            return printable(str(value))
        case {"Fn::Sub": str(inner)} | {"Fn::Sub": [str(inner), *_]}:
            return printable(inner)
    return printable(target(value)) or "?"


def name(properties: Any, otherwise: str) -> str:
    """Return the Name tag, or the other name where there is none."""
    tags = fitted(properties, {"Tags": [{"Key": text, "Value": text}]}).get("Tags", [])
    return next((tag.get("Value", "") for tag in tags if tag.get("Key") == "Name"), "") or otherwise
