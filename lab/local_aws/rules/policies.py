"""The grammar of IAM's policy language, as far as IAM itself checks it when a policy is stored.

Sources:
    https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_policies_grammar.html
    the messages: hashicorp/terraform-provider-aws#10419 (principal), kubernetes/kops#4951 (ids),
    Wolox/carthage_cache#22 (characters of an id), ministryofjustice/modernisation-platform-environments#590 (ARN)
"""

import json
import re
from collections.abc import Iterator
from typing import Any

from ministack.core import iam_evaluator

VERSIONS = ("2008-10-17", "2012-10-17")
POLICY_MEMBERS = {"Version", "Id", "Statement"}
STATEMENT_MEMBERS = {
    *("Sid", "Principal", "NotPrincipal", "Effect", "Action", "NotAction", "Resource", "NotResource", "Condition"),
}
PRINCIPALS = {"AWS", "Federated", "Service", "CanonicalUser"}
ACTION = re.compile(r"\*|[a-zA-Z0-9-]+:[a-zA-Z0-9*?]+")
RESOURCE = re.compile(r"\*|arn:[^:]*:[^:]*:[^:]*:[^:]*:.+", re.DOTALL)
STS_ACTIONS = re.compile(r"sts:.+", re.IGNORECASE)
# https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_policies_elements_condition_operators.html
OPERATOR = re.compile(
    r"(ForAnyValue:|ForAllValues:)?"
    r"(String(Not)?(Equals|Like|EqualsIgnoreCase)|Numeric(Not)?Equals|Numeric(Less|Greater)Than(Equals)?"
    r"|Date(Not)?Equals|Date(Less|Greater)Than(Equals)?|Bool|BinaryEquals|(Not)?IpAddress|Arn(Not)?(Equals|Like))"
    r"(IfExists)?|Null",
    re.IGNORECASE,
)


def identity_fault(document: Any) -> str | None:
    """Return what is wrong with a policy of a user, a group or a role."""
    return _first(_faults(document, trust=False))


def trust_fault(document: Any) -> str | None:
    """Return what is wrong with a policy that says who may assume a role."""
    return _first(_faults(document, trust=True))


def _first(faults: Iterator[str]) -> str | None:
    return next(faults, None)


def _faults(document: Any, *, trust: bool) -> Iterator[str]:
    try:
        policy = json.loads(document) if isinstance(document, str) else document
    except ValueError:
        yield "This policy contains invalid Json"
        return
    if not isinstance(policy, dict) or not policy.keys() <= POLICY_MEMBERS:
        yield "Syntax errors in policy."
        return
    if policy.get("Version", VERSIONS[0]) not in VERSIONS:
        yield "The policy must contain a valid version string"
    if "Statement" not in policy or policy["Statement"] in ([], {}):
        yield "Missing required field Statement" if "Statement" not in policy else "Syntax errors in policy."
        return
    statements = _listed(policy["Statement"])
    for statement in statements:
        yield from _statement_faults(statement, trust=trust)
    ids = [each["Sid"] for each in statements if each.get("Sid")]
    if len(ids) > len(set(ids)):
        yield "Statement IDs (SID) in a single policy must be unique."
    ministacks = None if trust else iam_evaluator.validate_policy_document(policy)
    if ministacks:
        yield ministacks


def _statement_faults(statement: Any, *, trust: bool) -> Iterator[str]:
    if not isinstance(statement, dict) or not statement.keys() <= STATEMENT_MEMBERS:
        yield "Syntax errors in policy."
        return
    if statement.get("Effect") not in ("Allow", "Deny"):
        yield "Missing required field Effect" if "Effect" not in statement else "Invalid effect in statement"
    if not re.fullmatch(r"[0-9A-Za-z]*", str(statement.get("Sid", ""))):
        yield (
            "Statement IDs (SID) must be alpha-numeric. Check that your input satisfies the regular expression "
            "[0-9A-Za-z]*"
        )
    yield from _action_faults(statement, trust=trust)
    yield from _principal_faults(statement, trust=trust)
    yield from _resource_faults(statement, trust=trust)
    condition = statement.get("Condition", {})
    if not isinstance(condition, dict) or not all(isinstance(each, dict) for each in condition.values()):
        yield "Syntax errors in policy."
        return
    for operator in condition:
        if not OPERATOR.fullmatch(operator):
            yield f"Invalid Condition type : {operator}."


def _action_faults(statement: dict[str, Any], *, trust: bool) -> Iterator[str]:
    if ("Action" in statement) == ("NotAction" in statement):
        yield "Policy statement must contain actions."
    for action in _listed(statement.get("Action", statement.get("NotAction", []))):
        if not isinstance(action, str):
            yield "Syntax errors in policy."
        elif not ACTION.fullmatch(action):
            yield "Actions/Conditions must be prefaced by a vendor, e.g., iam, sdb, ec2, etc."
        elif trust and not STS_ACTIONS.fullmatch(action):
            yield "AssumeRole policy may only specify STS AssumeRole actions."


def _principal_faults(statement: dict[str, Any], *, trust: bool) -> Iterator[str]:
    given = "Principal" in statement or "NotPrincipal" in statement
    if given and not trust:
        yield "Policy document should not specify a principal."
    if trust and not given:
        yield "Missing required field Principal"
    principal = statement.get("Principal", "*")
    if trust and principal != "*" and not (isinstance(principal, dict) and principal.keys() <= PRINCIPALS):
        yield "Syntax errors in policy."
    if trust and isinstance(principal, dict):
        for each in _listed(principal.get("Service", [])):
            if not re.fullmatch(r"[a-z0-9.-]+\.amazonaws\.com(\.cn)?", str(each)):
                yield f'Invalid principal in policy: "SERVICE":"{each}"'


def _resource_faults(statement: dict[str, Any], *, trust: bool) -> Iterator[str]:
    given = "Resource" in statement or "NotResource" in statement
    if trust and given:
        yield "Has prohibited field Resource"
    if not trust and not given:
        yield "Policy statement must contain resources."
    for resource in _listed(statement.get("Resource", statement.get("NotResource", []))):
        if not RESOURCE.fullmatch(str(resource)):
            yield f'Resource {resource} must be in ARN format or "*".'


def _listed(value: Any) -> list[Any]:
    return value if isinstance(value, list) else [value]
