"""EC2's wire format: requests are flat names (``Filter.1.Value.2``), answers are XML.

Three decorators change what ministack answers to an EC2 action: ``replaces`` takes its place, ``around`` does something
before or after it, and ``completes`` adds to each item of its answer what ministack knows but does not say, and filters
the items.
"""

import fnmatch
import ipaddress
import secrets
from collections.abc import Callable, Iterable, Mapping
from typing import Any
from urllib.parse import parse_qs
from xml.etree import ElementTree as ET

from ministack.services import ec2

Params = Mapping[str, Any]
Answer = tuple[int, dict[str, str], bytes]
Handler = Callable[[Params], Answer]
NAMESPACE = "http://ec2.amazonaws.com/doc/2016-11-15/"
TAGS = "tagSet/item"


class Ec2Error(Exception):
    """EC2 says no, with one of its error codes."""

    def __init__(self, code: str, message: str) -> None:
        super().__init__(message)
        self.code = code
        self.message = message


def asked(query: Params, body: bytes) -> dict[str, Any]:
    """Return the names and values of a request of the Query protocol, from its address and its body."""
    return {**query, **parse_qs(body.decode(errors="replace"), keep_blank_values=True)}


def new_id(prefix: str) -> str:
    return f"{prefix}-{secrets.token_hex(9)[:17]}"


def tree(params: Params) -> dict[str, Any]:
    """Return the request as it was before it was made flat: numbered names are lists again."""
    root: dict[str, Any] = {}
    for name, values in params.items():
        *path, last = name.split(".")
        node = root
        for part in path:
            node = node.setdefault(part, {})
        node[last] = values[0] if isinstance(values, list) else values
    return {name: _with_lists(node) for name, node in root.items()}


def _with_lists(node: Any) -> Any:
    if not isinstance(node, dict):
        return node
    if all(name.isdigit() for name in node):
        return [_with_lists(node[name]) for name in sorted(node, key=int)]
    return {name: _with_lists(value) for name, value in node.items()}


def without_member(value: Any) -> Any:
    """Take a list of the Query protocol out of its ``member``."""
    if isinstance(value, list):
        return [without_member(each) for each in value]
    if not isinstance(value, dict):
        return value
    if value.keys() == {"member"}:
        return without_member(value["member"])
    return {name: without_member(each) for name, each in value.items()}


def is_true(value: Any) -> bool:
    return str(value).lower() == "true"


def canonical(cidr: str) -> str:
    """Return 10.0.0.0/24 for 10.0.0.5/24, as EC2 does. What is no block of addresses stays as it is."""
    try:
        return str(ipaddress.ip_network(cidr, strict=False))
    except ValueError:
        return cidr


def known(store: Mapping[str, dict[str, Any]], key: str, code: str, what: str) -> dict[str, Any]:
    """Return the record of ``key``. Raises Ec2Error with ``code``, as EC2 refuses, when there is none."""
    record = store.get(key)
    if record is None:
        raise Ec2Error(code, f"The {what} '{key}' does not exist")
    return record


def dependency_violation(what: str) -> Ec2Error:
    """Return EC2's refusal to delete what others need."""
    return Ec2Error("DependencyViolation", f"{what} has dependencies and cannot be deleted.")


# --- answers


def put(element: ET.Element, fields: Mapping[str, Any]) -> None:
    """Set children of an element: a mapping becomes an element with children, a list becomes a set of ``item``.

    None or empty text removes the child, as EC2 leaves out what has no value.
    """
    for name, value in fields.items():
        for old in element.findall(name):
            element.remove(old)
        if value is not None and value != "":
            _fill(ET.SubElement(element, name), value)


def _fill(element: ET.Element, value: Any) -> None:
    if isinstance(value, Mapping):
        put(element, value)
    elif isinstance(value, list):
        for entry in value:
            _fill(ET.SubElement(element, "item"), entry)
    else:
        element.text = str(value).lower() if isinstance(value, bool) else str(value)


def answer(action: str, fields: Mapping[str, Any] | None = None) -> Answer:
    root = ET.Element(f"{action}Response", xmlns=NAMESPACE)
    put(root, fields or {"return": True})
    return 200, {"Content-Type": "application/xml"}, ET.tostring(root)


def parse(body: bytes | str) -> ET.Element:
    """Return the XML with plain tag names, so that paths need no namespace."""
    root = ET.fromstring(body)  # noqa: S314  # ministack's own answer
    root.set("xmlns", root.tag.rpartition("}")[0].lstrip("{") or NAMESPACE)
    for element in root.iter():
        element.tag = element.tag.rpartition("}")[2]
    return root


def tag_items(resource_id: str) -> list[dict[str, str]]:
    return [{"key": tag["Key"], "value": tag.get("Value", "")} for tag in ec2._tags.get(resource_id) or []]


# --- decorators


def replaces(action: str) -> Callable[[Callable[[Params], Answer]], Callable[[Params], Answer]]:
    """Answer this EC2 action by the decorated function."""

    def decorate(function: Callable[[Params], Answer]) -> Callable[[Params], Answer]:
        ec2._ACTION_MAP[action] = _refusing(function)
        return function

    return decorate


def around(*actions: str) -> Callable[[Callable[[Params, Handler], Answer]], Callable[[Params, Handler], Answer]]:
    """Answer these EC2 actions by the decorated function, which gets the request and ministack's own handler for it."""

    def decorate(function: Callable[[Params, Handler], Answer]) -> Callable[[Params, Handler], Answer]:
        def with_handler(ministacks: Handler) -> Handler:
            return _refusing(lambda params: function(params, ministacks))

        for action in actions:
            ec2._ACTION_MAP[action] = with_handler(ec2._ACTION_MAP[action])
        return function

    return decorate


def completes(
    action: str,
    *,
    items: str,
    inside: str = "",
    filters: Mapping[str, str],
    ids: Mapping[str, tuple[str, str]] | None = None,
) -> Callable[[Callable[[ET.Element], None]], Callable[[ET.Element], None]]:
    """Let the decorated function complete each item of ministack's answer to a Describe action.

    ``items`` is the path of the items, and ``inside`` leads from an item to the resource. ``filters`` gives for each of
    EC2's filters the path of its value within the resource. A filter that is not listed is refused: ministack would
    ignore it and answer everything. ``ids`` does the same for request members that ministack overlooks or answers with
    nothing: a path, and the error code for an id that does not exist.
    """

    def decorate(function: Callable[[ET.Element], None]) -> Callable[[ET.Element], None]:
        ministacks = ec2._ACTION_MAP[action]

        def describe(params: Params) -> Answer:
            request = tree(params)
            wanted = _conditions(action, request, filters)
            unfiltered = {name: value for name, value in params.items() if not name.startswith("Filter.")}
            status, headers, body = ministacks(unfiltered)
            if status >= 400:
                return status, headers, body
            root = parse(body)
            for member, (path, code) in (ids or {}).items():
                if member in request:
                    there = root.findall(f"{items}/{path}")
                    wanted.append((path, _existing(request[member], there, member, code)))
            parent_path, _, item_name = items.rpartition("/")
            for parent in root.findall(parent_path):
                for item in parent.findall(item_name):
                    resource = item if not inside else item.find(inside)
                    if resource is None:
                        continue
                    function(resource)
                    if not all(_matches(resource, path, values) for path, values in wanted):
                        parent.remove(item)
            return status, headers, ET.tostring(root)

        ec2._ACTION_MAP[action] = _refusing(describe)
        return function

    return decorate


def filters_alone(_item: ET.Element) -> None:
    """Complete nothing, where only the filters matter."""


def _refusing(function: Callable[[Params], Answer]) -> Handler:
    def handler(params: Params) -> Answer:
        try:
            return function(params)
        except Ec2Error as error:
            refused: Answer = ec2._error(error.code, error.message, 400)
            return refused

    return handler


def _existing(wanted: list[str], found: Iterable[ET.Element], member: str, code: str) -> list[str]:
    missing = set(wanted) - {element.text for element in found}
    if missing:
        raise Ec2Error(code, f"{member} {', '.join(sorted(missing))} does not exist")
    return wanted


def _conditions(action: str, request: Mapping[str, Any], filters: Mapping[str, str]) -> list[tuple[str, list[str]]]:
    conditions = []
    for wanted in request.get("Filter", []):
        name = wanted["Name"]
        if name.startswith("tag:"):
            path = f"{TAGS}[key={_quoted(name[4:])}]/value"
        elif name == "tag-key":
            path = f"{TAGS}/key"
        elif name in filters:
            path = filters[name]
        else:
            raise Ec2Error("InvalidParameterValue", f"{action}: the local AWS does not support the filter '{name}'")
        conditions.append((path, wanted.get("Value", [])))
    return conditions


def _quoted(text: str) -> str:
    return f'"{text}"' if "'" in text else f"'{text}'"


def _matches(resource: ET.Element, path: str, values: Iterable[str]) -> bool:
    found = [element.text or "" for element in resource.findall(path)]
    patterns = [value.replace("[", "[[]") for value in values]
    return any(fnmatch.fnmatchcase(text, pattern) for text in found for pattern in patterns)
