"""IAM's policy simulator: it answers what really happens, by the evaluator that judges every request here.

ministack's own takes one resource, and overlooks the context that it is given.

Source: https://docs.aws.amazon.com/IAM/latest/APIReference/API_SimulatePrincipalPolicy.html
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any
from xml.sax.saxutils import escape

from ministack.core import iam_evaluator
from ministack.core.responses import get_account_id, get_region
from ministack.services import iam

from lab.local_aws import wire

Policies = list[list[iam_evaluator.ParsedStatement]]
# Condition keys that follow from who calls.
OF_THE_CALLER = ("aws:principalarn", "aws:principalaccount", "aws:principaltype", "aws:username")
DECISIONS = {"Allow": "allowed", "Deny": "explicitDeny", "ImplicitDeny": "implicitDeny"}


@dataclass
class Simulated(iam_evaluator.EvalContext):  # type: ignore[misc]  # ministack is untyped
    """A request that is only imagined: what is not given is not there."""

    given: dict[str, Any] = field(default_factory=dict)


_ministacks_resolve = iam_evaluator._resolve_condition_key


def resolve(key: str, ctx: iam_evaluator.EvalContext) -> Any:
    """Return the value of a condition key in a request, or None."""
    if not isinstance(ctx, Simulated):
        return _ministacks_resolve(key, ctx)
    name = key.lower()
    if name not in ctx.given and name in OF_THE_CALLER:
        return ctx.principal_arn.rpartition("/")[2] if name == "aws:username" else _ministacks_resolve(key, ctx)
    return ctx.given.get(name)


def simulate_custom(params: Mapping[str, Any]) -> wire.Answer:
    """Answer SimulateCustomPolicy: what the given policies would allow."""
    asked = wire.without_member(wire.tree(params))
    caller = asked.get("CallerArn", f"arn:aws:iam::{get_account_id()}:user/nobody")
    return _answer("SimulateCustomPolicy", asked, caller, _parsed(asked))


def simulate_principal(params: Mapping[str, Any]) -> wire.Answer:
    """Answer SimulatePrincipalPolicy: what a user, group or role may do, also with further policies."""
    asked = wire.without_member(wire.tree(params))
    arn = asked.get("PolicySourceArn", "")
    kind, _, name = arn.rpartition(":")[2].partition("/")
    name = name.rpartition("/")[2]
    there = {"user": iam._users, "role": iam._roles, "group": iam._groups}.get(kind, {})
    if name not in there:
        refused: wire.Answer = iam._error(404, "NoSuchEntity", f"The entity {arn} cannot be found.", ns="iam")
        return refused
    policies: Policies = {
        "user": iam_evaluator._gather_user_policies,
        "role": iam_evaluator._gather_role_policies,
        "group": _of_group,
    }[kind](name, get_account_id())
    return _answer("SimulatePrincipalPolicy", asked, asked.get("CallerArn", arn), [*policies, *_parsed(asked)])


def _parsed(asked: Mapping[str, Any]) -> Policies:
    return [iam_evaluator.parse_policy_document(each) for each in asked.get("PolicyInputList", [])]


def _of_group(name: str, account: str) -> Policies:
    attached = iam._groups[name]["AttachedPolicies"]
    documents = [iam_evaluator._resolve_managed_policy_document(arn, account) for arn in attached]
    documents += (iam._group_inline_policies.get(name) or {}).values()
    return [iam_evaluator.parse_policy_document(each) for each in documents]


def _answer(action: str, asked: Mapping[str, Any], caller: str, policies: Policies) -> wire.Answer:
    results = "".join(_results(asked, caller, policies))
    answer: wire.Answer = iam._xml(
        200,
        f"{action}Response",
        f"<{action}Result><EvaluationResults>{results}</EvaluationResults><IsTruncated>false</IsTruncated></{action}Result>",
        ns="iam",
    )
    return answer


def _results(asked: Mapping[str, Any], caller: str, policies: Policies) -> Iterator[str]:
    given = {each["ContextKeyName"].lower(): _values(each) for each in asked.get("ContextEntries", [])}
    missing = "".join(f"<member>{escape(key)}</member>" for key in _keys_of(policies) if key.lower() not in given)
    for action in asked.get("ActionNames", []):
        for resource in asked.get("ResourceArns", ["*"]):
            request = Simulated(
                principal_arn=caller,
                principal_type="User" if ":user/" in caller else "AssumedRole",
                principal_account=caller.split(":")[4],
                action=action,
                resource_arn=resource,
                region=get_region(),
                given=given,
            )
            decision = DECISIONS[iam_evaluator.evaluate(request, policies).decision]
            yield (
                f"<member><EvalActionName>{escape(action)}</EvalActionName>"
                f"<EvalResourceName>{escape(resource)}</EvalResourceName><EvalDecision>{decision}</EvalDecision>"
                f"<MissingContextValues>{missing}</MissingContextValues></member>"
            )


def _values(entry: Mapping[str, Any]) -> Any:
    values = entry.get("ContextKeyValues", [])
    return values if entry.get("ContextKeyType", "").endswith("List") else values[0] if values else None


def _keys_of(policies: Policies) -> list[str]:
    """Return the condition keys of policies that do not follow from who calls."""
    found = {
        key: None
        for statements in policies
        for statement in statements
        for keys in statement.conditions.values()
        for key in keys
        if key.lower() not in OF_THE_CALLER
    }
    return list(found)


iam_evaluator._resolve_condition_key = resolve
iam._IAM_HANDLERS |= {"SimulateCustomPolicy": simulate_custom, "SimulatePrincipalPolicy": simulate_principal}
