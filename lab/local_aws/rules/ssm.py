"""Parameters of Parameter Store."""

import re

from ministack.services import ssm

from lab.local_aws.rules.rule import Asked, rule

PUT = "https://docs.aws.amazon.com/systems-manager/latest/APIReference/API_PutParameter.html"
STANDARD_BYTES, LEVELS = 4096, 15
# For whatever is wrong with a name: boto/boto3#1499 (a space), dmno-dev/varlock#389 (no slash at the start).
NAME = (
    'Parameter name: can\'t be prefixed with "ssm" (case-insensitive). If formed as a path, it can consist of '
    "sub-paths divided by slash symbol; each sub-path can be formed as a mix of letters, numbers and the "
    "following 3 symbols .-_"
)


@rule("ssm.name-characters", "PutParameter", code="ValidationException", source=PUT)
def _name_characters(asked: Asked) -> str | None:
    name = str(asked.get("Name", ""))
    right = re.fullmatch(r"[a-zA-Z0-9_.\-/]*", name)
    return None if right else NAME


@rule("ssm.name-path", "PutParameter", code="ValidationException", source=PUT)
def _name_path(asked: Asked) -> str | None:
    name = str(asked.get("Name", ""))
    return NAME if "/" in name and not name.startswith("/") else None


@rule("ssm.name-once", "PutParameter", code="ParameterAlreadyExists", source=PUT)
def _name_once(asked: Asked) -> str | None:
    taken = asked.get("Name") in ssm._parameters and not asked.get("Overwrite")
    return "The parameter already exists. To overwrite this value, set the overwrite option." if taken else None


@rule("ssm.levels", "PutParameter", code="HierarchyLevelLimitExceededException", source=PUT)
def _levels(asked: Asked) -> str | None:
    deep = str(asked.get("Name", "")).strip("/").count("/") + 1 > LEVELS
    return f"A hierarchy can have a maximum of {LEVELS} levels." if deep else None


@rule("ssm.value-size", "PutParameter", code="ValidationException", source=PUT)
def _value_size(asked: Asked) -> str | None:
    large = len(str(asked.get("Value", "")).encode()) > STANDARD_BYTES
    if not large or asked.get("Tier") in ("Advanced", "Intelligent-Tiering"):
        return None
    return (
        "Standard tier parameters support a maximum parameter value of 4096 characters. To create a larger parameter "
        "value, upgrade the parameter to use the advanced-parameter tier."
    )


@rule(
    "ssm.type-stays",
    "PutParameter",
    code="HierarchyTypeMismatchException",
    source="https://docs.aws.amazon.com/systems-manager/latest/APIReference/API_PutParameter.html#API_PutParameter_Errors",
)
def _type_stays(asked: Asked) -> str | None:
    old = ssm._parameters.get(asked.get("Name"))
    changed = old and asked.get("Overwrite") and asked.get("Type", old["Type"]) != old["Type"]
    return "The parameter type cannot be changed." if changed else None
