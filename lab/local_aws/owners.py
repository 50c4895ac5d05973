"""Which stack a resource is of: DescribeStackResources by its physical id, and what the tagging API knows.

As in AWS, what a stack kept when it was deleted, or when its create was rolled back, is DELETE_SKIPPED in it.
"""

from collections.abc import Iterator, Mapping
from typing import Any
from xml.etree import ElementTree as ET

from ministack.core.responses import get_account_id, get_region
from ministack.services import cloudformation, cloudwatch_logs, tagging
from ministack.services.cloudformation import handlers, helpers

from lab.local_aws import wire

_ministacks = handlers._ACTION_HANDLERS["DescribeStackResources"]
FIELDS = ("LogicalResourceId", "PhysicalResourceId", "ResourceType", "ResourceStatus", "Timestamp", "StackName")


def describe_stack_resources(params: Mapping[str, Any]) -> wire.Answer:
    wanted = helpers._p(params, "PhysicalResourceId")
    if wanted and not helpers._p(params, "StackName"):
        for stack in cloudformation._stacks.values():
            held = [each.get("PhysicalResourceId") for each in stack.get("_resources", {}).values()]
            if wanted in held or wanted in [each["PhysicalResourceId"] for each in _skipped(stack)]:
                params = {**params, "StackName": [stack["StackId"]]}
                break
        else:
            refusal: wire.Answer = helpers._error("ValidationError", f"Stack for {wanted} does not exist")
            return refusal
    status, headers, body = _ministacks(params)
    if status >= 400:
        return status, headers, body
    root = wire.parse(body)
    resources = root.find("DescribeStackResourcesResult/StackResources")
    stack = handlers._resolve_stack(helpers._p(params, "StackName"))
    for event in _skipped(stack) if resources is not None else ():
        wire.put(ET.SubElement(resources, "member"), {name: event[name] for name in FIELDS})  # type: ignore[arg-type]
    return status, headers, ET.tostring(root)


def _skipped(stack: Mapping[str, Any]) -> list[dict[str, Any]]:
    if stack["StackStatus"] not in ("DELETE_COMPLETE", "ROLLBACK_COMPLETE"):
        return []  # what an update replaced, and kept, is no part of the stack
    events = cloudformation._stack_events.get(stack["StackId"], [])
    return [event for event in events if event["ResourceStatus"] == "DELETE_SKIPPED"]


def log_groups() -> Iterator[tuple[str, list[dict[str, str]]]]:
    for name, group in cloudwatch_logs._log_groups.items():
        arn = f"arn:aws:logs:{get_region()}:{get_account_id()}:log-group:{name}"
        yield arn, tagging._normalise_flat(group["tags"])


handlers._ACTION_HANDLERS["DescribeStackResources"] = describe_stack_resources
tagging._COLLECTORS |= {"logs": log_groups, "ssm": tagging._collect_ssm}
