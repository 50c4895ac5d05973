"""Templates as the last ``cdk synth`` left them in cdk.out."""

import json
from pathlib import Path
from typing import Any

from lab.problem import ProblemError

OUT = Path("cdk.out")


def read_templates(folder: Path = OUT) -> dict[str, dict[str, Any]]:
    """Return the templates of all stacks that the last synth made; what an earlier one left in ``folder`` is none.

    Raises ProblemError, with how to make them, when there are none.
    """
    file = folder / "manifest.json"
    try:
        artifacts = json.loads(file.read_text())["artifacts"].items()
        stacks = [name for name, each in artifacts if each["type"] == "aws:cloudformation:stack"]
    except (OSError, ValueError, KeyError, AttributeError, TypeError):
        raise ProblemError(f"There is no {file}. Make it with: cdk synth --quiet") from None
    return {name: read_template(name, folder) for name in stacks}


def read_template(stack: str, folder: Path = OUT) -> dict[str, Any]:
    """Return the template of a stack, as it lies in ``folder``.

    Raises ProblemError, with how to make it, when there is none.
    """
    file = folder / f"{stack}.template.json"
    try:
        template: dict[str, Any] = json.loads(file.read_text())
        [resource["Type"] for resource in template["Resources"].values()]
    except OSError:
        made = ", ".join(sorted(path.name.removesuffix(".template.json") for path in folder.glob("*.template.json")))
        raise ProblemError(
            f"There is no {file}; there is {made}" if made else f"There is no {file}. Make it with: cdk synth --quiet"
        ) from None
    except (ValueError, KeyError, AttributeError, TypeError):
        raise ProblemError(f"{file} is not a template. Make it anew with: cdk synth --quiet") from None
    return template
