"""What stands in a property. What has another shape than is read, as in a template of others, counts as not given."""

import re
from collections.abc import Callable, Mapping
from typing import Any

from lab.terminal.printed import printable

# What a value is read with: a function for a plain one, keys for a mapping, one shape in a list for a list.
Shape = Callable[[Any], Any] | Mapping[str, "Shape"] | list["Shape"]
SUB = re.compile(r"\$\{(!?)(.*?)\}")


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


def resolved(value: Any, names: Mapping[str, str]) -> Any:
    """Return a value with its references replaced by ``names``, such as ``{"Vpc": "vpc-1", "Vpc.CidrBlock": ...}``.

    Raises KeyError for a reference that ``names`` lacks.
    """
    if isinstance(value, list):
        return [resolved(each, names) for each in value]
    match value:
        case {"Ref": name} | {"Fn::GetAtt": name}:
            return names[name if isinstance(name, str) else ".".join(name)]
        case {"Fn::Join": [separator, parts]}:
            return str(separator).join(resolved(parts, names))
        case {"Fn::Sub": str(written)}:  # ${!NAME} is how ${NAME} is written there
            return SUB.sub(lambda found: f"${{{found[2]}}}" if found[1] else names[found[2]], written)
        case dict():
            return {key: resolved(each, names) for key, each in value.items()}
    return value
