"""Policies of IAM and S3 in plain words, so that two of them can be compared."""

import json
from typing import Any
from urllib.parse import unquote

from lab.checks.check import Facts
from lab.template.deployed import Deployed


def partition(aws: Deployed) -> str:
    """Return what the stack's ARNs begin with: aws, aws-cn, aws-us-gov."""
    return str(aws.description["StackId"].split(":")[1])


def account(aws: Deployed) -> str:
    return str(aws.description["StackId"].split(":")[4])


def document(raw: Any) -> dict[str, Any]:
    """Return a policy, which boto3 gives as a dict, S3 as text and some emulators as URL-encoded text."""
    if isinstance(raw, str):
        raw = json.loads(raw if raw.lstrip().startswith("{") else unquote(raw))
    return dict(raw)


def policy_document(aws: Deployed, arn: str) -> dict[str, Any]:
    version = aws.iam.get_policy(PolicyArn=arn)["Policy"]["DefaultVersionId"]
    return document(aws.iam.get_policy_version(PolicyArn=arn, VersionId=version)["PolicyVersion"]["Document"])


def permissions(policy: dict[str, Any]) -> Facts:
    """Return a fact for each action of each statement on each resource, such as ``Allow s3:getobject on *``.

    IAM takes actions and the names in conditions in any case: they are in lower case here.
    """
    return [
        f"{statement.get('Effect')} {action}{resource}{principal}{_conditions(statement)}"
        for statement in _listed(policy.get("Statement", []))
        for action in _part(statement, "Action", "", str.lower)
        for resource in _part(statement, "Resource", " on ")
        for principal in _principals(statement)
    ]


def _listed(value: Any) -> list[Any]:
    """Return what a policy may state as one thing or as a list of them."""
    return list(value) if isinstance(value, list) else [value]


def _part(statement: dict[str, Any], name: str, before: str, change: Any = str) -> Facts:
    """Return the actions or resources of a statement; those that it excludes belong together."""
    if f"Not{name}" in statement:
        excluded = ", ".join(sorted(map(change, _listed(statement[f"Not{name}"]))))
        return [f"{before}everything but {excluded}"]
    return [f"{before}{change(each)}" for each in _listed(statement[name])] if name in statement else [""]


def _principals(statement: dict[str, Any]) -> Facts:
    if "NotPrincipal" in statement:
        return [f" by everyone but {json.dumps(statement['NotPrincipal'], sort_keys=True)}"]
    if "Principal" not in statement:
        return [""]
    principal = statement["Principal"]
    if principal in ("*", {"AWS": "*"}, {"AWS": ["*"]}):
        return [" by everyone"]
    if not isinstance(principal, dict):
        return [f" by {principal}"]
    return [f" by {kind} {each}" for kind, names in principal.items() for each in _listed(names)]


def _conditions(statement: dict[str, Any]) -> str:
    def word(value: Any) -> str:
        return value if isinstance(value, str) else json.dumps(value)

    conditions = sorted(
        f"{key.lower()} {operator} {' or '.join(sorted(map(word, _listed(values))))}"
        for operator, tests in statement.get("Condition", {}).items()
        for key, values in tests.items()
    )
    return f" if {' and '.join(conditions)}" if conditions else ""
