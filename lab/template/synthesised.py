"""Templates as the last ``cdk synth`` left them in cdk.out."""

import json
import re
from pathlib import Path
from typing import Any

from lab.terminal.language import _
from lab.terminal.printed import one_line
from lab.terminal.problem import ProblemError

OUT = Path("cdk.out")
DEEPEST = 100  # ours have 12 levels; what is nested more than Python can follow is not looked into


def read_templates(folder: Path = OUT) -> dict[str, dict[str, Any]]:
    """Return the templates of all stacks that the last synth made; what an earlier one left in ``folder`` is none.

    Raises ProblemError, with how to make them, when there are none.
    """
    file = folder / "manifest.json"
    try:
        artifacts = json.loads(file.read_text())["artifacts"].items()
        stacks = [name for name, each in artifacts if each["type"] == "aws:cloudformation:stack"]
    except (OSError, ValueError, KeyError, AttributeError, TypeError):
        raise ProblemError(_("There is no {file}. Make it with: cdk synth --quiet").format(file=file)) from None
    return {name: read_template(name, folder) for name in stacks}


def read_template(stack: str, folder: Path = OUT) -> dict[str, Any]:
    """Return the template of a stack, as it lies in ``folder``.

    Raises ProblemError, with how to make it, when there is none.
    """
    file = folder / f"{stack}.template.json"
    try:
        template: dict[str, Any] = json.loads(file.read_text())
    except FileNotFoundError:
        made = ", ".join(sorted(path.name.removesuffix(".template.json") for path in folder.glob("*.template.json")))
        raise ProblemError(
            _("There is no {file}; there is {made}").format(file=file, made=made)
            if made
            else _("There is no {file}. Make it with: cdk synth --quiet").format(file=file)
        ) from None
    except OSError as error:
        raise ProblemError(_("{file} cannot be read: {strerror}").format(file=file, strerror=error.strerror)) from None
    except (ValueError, RecursionError):
        raise ProblemError(
            _("{file} is not a template: it is no JSON. Make it anew with: cdk synth --quiet").format(file=file)
        ) from None
    if mistake := _mistake(template):
        raise ProblemError(
            _("{file} is not a template: {mistake}. Make it anew with: cdk synth --quiet").format(
                file=file, mistake=mistake
            )
        )
    return template


def _mistake(template: Any) -> str:
    """Return what makes a file no template at all, or empty text. What its resources say is not looked at."""
    level, depth = [template], 0
    while level:
        level = [
            inner
            for each in level
            if isinstance(each, dict | list)
            for inner in (each.values() if isinstance(each, dict) else each)
        ]
        depth += 1
    if depth > DEEPEST:
        return _("it is nested {depth} times").format(depth=depth)
    resources = template.get("Resources") if isinstance(template, dict) else None
    if not isinstance(resources, dict):
        return _("it has no Resources")
    for logical_id, resource in resources.items():
        if not re.fullmatch("[A-Za-z0-9]{1,255}", logical_id):
            return _("{logical_id} is no logical id, which has letters and digits alone").format(
                logical_id=one_line(repr(logical_id))
            )
        kind = resource.get("Type") if isinstance(resource, dict) else None
        if not isinstance(kind, str) or not re.fullmatch("[A-Za-z0-9:_-]{1,204}", kind):
            return _("{logical_id} has no Type such as AWS::S3::Bucket").format(logical_id=logical_id)
        if not isinstance(resource.get("Properties", {}), dict):
            return _("the Properties of {logical_id} are none").format(logical_id=logical_id)
    return ""
