"""What a deploy makes anew: what templates want, less what their deployed stacks have already."""

import re
from functools import cached_property
from typing import TYPE_CHECKING, Any

import boto3
from botocore.exceptions import ClientError

from lab.deployed import CONFIG, GONE

if TYPE_CHECKING:
    from mypy_boto3_cloudformation import CloudFormationClient
    from mypy_boto3_ec2 import EC2Client
    from mypy_boto3_ec2.type_defs import InstanceTypeInfoTypeDef
    from mypy_boto3_ssm import SSMClient

INSTANCE = "AWS::EC2::Instance"


class Needs:
    """What the resources of all stacks want, given by the name of their stack.

    CloudFormation makes what replaces something before it takes that away: an update needs both at once. An instance is
    replaced when its logical id changes, as it does with the user data, and when the image that it names has moved.
    """

    def __init__(self, session: boto3.Session, stacks: dict[str, dict[str, Any]]) -> None:
        self._cloudformation: CloudFormationClient = session.client("cloudformation", config=CONFIG)
        self._ec2: EC2Client = session.client("ec2", config=CONFIG)
        self._ssm: SSMClient = session.client("ssm", config=CONFIG)
        self._stacks = stacks
        self._instances = [
            resource["Properties"]
            for resources in stacks.values()
            for resource in resources.values()
            if resource["Type"] == INSTANCE
        ]

    def new(self, kind: str) -> list[dict[str, Any]]:
        """Return the properties of what a deploy makes of a type."""
        return [
            resource.get("Properties", {})
            for stack, resources in self._stacks.items()
            for logical_id, resource in resources.items()
            if resource["Type"] == kind
            and (logical_id not in self._held[stack] or (kind == INSTANCE and self._is_replaced(stack, resource)))
        ]

    def vcpus(self, families: re.Pattern[str]) -> int:
        """Return the vCPUs of the new instances whose type matches."""
        kinds = [each["InstanceType"] for each in self.new(INSTANCE)]
        return sum(self.types[kind]["VCpuInfo"]["DefaultVCpus"] for kind in kinds if families.match(kind))

    @cached_property
    def types(self) -> dict[str, "InstanceTypeInfoTypeDef"]:
        """The instance types that are wanted, as EC2 knows them."""
        named: Any = sorted({each["InstanceType"] for each in self._instances})
        return {
            each["InstanceType"]: each
            for each in self._ec2.describe_instance_types(InstanceTypes=named)["InstanceTypes"]
        }

    def setting(self, instance_type: str) -> str:
        """Return the setting that an instance type comes from."""
        return next(chosen_by(each) for each in self._instances if each["InstanceType"] == instance_type)

    def held(self, stack: str) -> dict[str, str]:
        """Return the physical ids of what a deployed stack has, by its logical ids; none where there is no stack."""
        return self._held[stack]

    @cached_property
    def _held(self) -> dict[str, dict[str, str]]:
        return {stack: self._ids(stack) for stack in self._stacks}

    def _ids(self, stack: str) -> dict[str, str]:
        try:
            pages = list(self._cloudformation.get_paginator("list_stack_resources").paginate(StackName=stack))
        except ClientError as error:
            if "does not exist" not in str(error):
                raise
            return {}
        return {
            summary["LogicalResourceId"]: summary.get("PhysicalResourceId", "")
            for page in pages
            for summary in page["StackResourceSummaries"]
            if summary["ResourceStatus"] not in GONE
        }

    def _is_replaced(self, stack: str, instance: dict[str, Any]) -> bool:
        return instance["Properties"].get("ImageId") in self._moved[stack]

    @cached_property
    def _moved(self) -> dict[str, list[dict[str, str]]]:
        """References to the images that were published anew since their stack was deployed."""
        return {
            stack: [
                {"Ref": each["ParameterKey"]}
                for each in self._cloudformation.describe_stacks(StackName=stack)["Stacks"][0].get("Parameters", [])
                if "ResolvedValue" in each
                and self._ssm.get_parameter(Name=each["ParameterValue"])["Parameter"]["Value"] != each["ResolvedValue"]
            ]
            for stack, held in self._held.items()
            if held
        }


def chosen_by(instance: dict[str, Any]) -> str:
    """Return the setting that an instance's type comes from."""
    return "nat" if instance.get("SourceDestCheck") is False else "instance_type"
