"""What DescribeStacks tells about a parameter of type ``AWS::SSM::Parameter::Value<...>``.

AWS tells the name that was given, and the value that it had when the stack was deployed. ministack tells the value as
if it had been given.
"""

from collections.abc import Mapping
from typing import Any
from xml.etree import ElementTree as ET

from ministack.services import cloudformation
from ministack.services.cloudformation import handlers

from lab.local_aws import wire

_ministacks = handlers._ACTION_HANDLERS["DescribeStacks"]


def describe_stacks(params: Mapping[str, Any]) -> wire.Answer:
    status, headers, body = _ministacks(params)
    if status >= 400:
        return status, headers, body
    root = wire.parse(body)
    for stack in root.iterfind("DescribeStacksResult/Stacks/member"):
        record = cloudformation._stacks.get(stack.findtext("StackName")) or {}
        for parameter in stack.iterfind("Parameters/member"):
            given = (record.get("_resolved_params") or {}).get(parameter.findtext("ParameterKey"), {})
            if "SsmName" in given:
                wire.put(parameter, {"ParameterValue": given["SsmName"], "ResolvedValue": given["Value"]})
    return status, headers, ET.tostring(root)


handlers._ACTION_HANDLERS["DescribeStacks"] = describe_stacks
