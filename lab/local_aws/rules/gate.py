"""The gate before ministack: a request that breaks a rule is answered as AWS would, and goes no further.

It stands behind IAM: who may not ask at all is told that, and nothing else. boto3's calls from our providers of
CloudFormation's types pass it like all others.
"""

import json
import re
import secrets
from collections.abc import Awaitable, Callable, Mapping
from typing import Any
from urllib.parse import unquote

from ministack import app
from ministack.core import iam_actions
from ministack.services import ec2, s3

from lab.local_aws import wire
from lab.local_aws.rules import (  # noqa: F401  # importing them fills the table
    buckets,
    budgets,
    cloudformation,
    iam,
    instances,
    limits,
    network,
    pages,
    scheduler,
    ssm,
    tags,
)
from lab.local_aws.rules.rule import Asked, Rule, broken
from lab.local_aws.wire import Answer, tree

# The tags that only AWS itself may set come from CloudFormation with this word, which nobody else knows.
FROM_CLOUDFORMATION = f"cloudformation-{secrets.token_hex(16)}"
Handler = Callable[..., Awaitable[Answer]]
QUERY, JSON = ("ec2", "iam", "cloudformation"), ("ssm", "budgets", "logs")


def read_query(body: bytes, query: Mapping[str, list[str]]) -> tuple[str, Asked]:
    """Return the action and the members of a request of EC2's or the Query protocol."""
    asked = wire.without_member(tree(wire.asked(query, body)))
    return str(asked.get("Action", "")), asked


def read_json(headers: Mapping[str, str], body: bytes) -> tuple[str, Asked]:
    return headers.get("x-amz-target", "").rpartition(".")[2], _object(body)


def read_schedule(method: str, path: str, body: bytes) -> tuple[str, Asked]:
    kind, _, name = path.strip("/").partition("/")
    verb = {"POST": "Create", "PUT": "Update", "GET": "Get", "DELETE": "Delete"}.get(method, "")
    noun = {"schedules": "Schedule", "schedule-groups": "ScheduleGroup"}.get(kind, "")
    return (verb + noun, {"Name": unquote(name), **_object(body)}) if name else (f"List{noun}s", {})


def read_s3(
    method: str, path: str, headers: Mapping[str, str], body: bytes, query: Mapping[str, Any]
) -> tuple[str, Asked]:
    bucket, key = s3._parse_bucket_key(path, headers)
    asked = {"Bucket": bucket, "Key": key, "Body": body, "Headers": headers}
    # A setting of a bucket is named in the query alone: PUT /bucket?policy
    setting = next((name for name in query if re.fullmatch(r"[a-zA-Z]+", name)), "")
    return f"{method} {'object' if key else 'bucket'} {setting}".strip(), asked


def _object(body: bytes) -> dict[str, Any]:
    try:
        found = json.loads(body) if body else {}
    except ValueError:
        return {}  # ministack says what is wrong with it
    return found if isinstance(found, dict) else {}


def refusal(service: str, action: str, asked: Asked, headers: Mapping[str, str]) -> Answer | None:
    found = broken(service, action, asked)
    return found and _answer(*found, service=service, headers=headers)


def _answer(rule: Rule, message: str, *, service: str, headers: Mapping[str, str]) -> Answer:
    _status, names, body = iam_actions.access_denied_response(
        service, "", "", secrets.token_hex(16), error_code=rule.code, message=message, headers=dict(headers)
    )
    if service == "scheduler":
        names = {**names, "x-amzn-errortype": rule.code}
    return rule.status, names, body


def _gate(service: str, ministacks: Handler) -> Handler:
    async def handle(
        method: str,
        path: str,
        headers: Mapping[str, str],
        body: bytes,
        query: Mapping[str, Any],
        *rest: Any,
        **more: Any,
    ) -> Answer:
        if service in QUERY:
            action, asked = read_query(body, query)
        elif service in JSON:
            action, asked = read_json(headers, body)
        elif service == "scheduler":
            action, asked = read_schedule(method, path, body)
        else:
            action, asked = read_s3(method, path, headers, body, query)
        if service == "ec2":
            ec2._ensure_defaults_initialized()
        if FROM_CLOUDFORMATION in headers.get("user-agent", ""):
            asked = {**asked, "FromCloudFormation": True}
        return refusal(service, action, {**asked, "Action": action}, headers) or await ministacks(
            method, path, headers, body, query, *rest, **more
        )

    return handle


for _service in (*QUERY, *JSON, "scheduler"):
    app.SERVICE_HANDLERS[_service] = _gate(_service, app.SERVICE_HANDLERS[_service])
s3.handle_request = app.SERVICE_HANDLERS["s3"] = _gate("s3", s3.handle_request)
