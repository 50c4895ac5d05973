"""What a deploy makes anew: what templates want, less what their deployed stacks have already."""

import re
from functools import cached_property
from typing import TYPE_CHECKING, Any

import boto3
from botocore.exceptions import ClientError

from lab.template.deployed import CONFIG, physical_ids
from lab.template.reader import INSTANCE, Resource, Template

if TYPE_CHECKING:
    from mypy_boto3_cloudformation import CloudFormationClient
    from mypy_boto3_ec2 import EC2Client
    from mypy_boto3_ec2.type_defs import InstanceTypeInfoTypeDef
    from mypy_boto3_ssm import SSMClient


class Needs:
    """What the resources of all stacks want, given by the name of their stack.

    CloudFormation makes what replaces something before it takes that away: an update needs both at once. An instance is
    replaced when its logical id changes, as it does with the user data, and when the image that it names has moved.
    """

    def __init__(self, session: boto3.Session, stacks: dict[str, Template]) -> None:
        self._cloudformation: CloudFormationClient = session.client("cloudformation", config=CONFIG)
        self._ec2: EC2Client = session.client("ec2", config=CONFIG)
        self._ssm: SSMClient = session.client("ssm", config=CONFIG)
        self._stacks = stacks
        self._instances = [each for template in stacks.values() for each in template.all(INSTANCE)]

    def new(self, kind: str) -> list[Resource]:
        """Return what a deploy makes of a type."""
        return [
            each
            for stack, template in self._stacks.items()
            for each in template.all(kind)
            if each.logical_id not in self._held[stack] or (kind == INSTANCE and self._is_replaced(stack, each))
        ]

    def vcpus(self, families: re.Pattern[str]) -> int:
        """Return the vCPUs of the new instances whose type matches."""
        kinds = [each.properties["InstanceType"] for each in self.new(INSTANCE)]
        return sum(self.types[kind]["VCpuInfo"]["DefaultVCpus"] for kind in kinds if families.match(kind))

    @cached_property
    def types(self) -> dict[str, "InstanceTypeInfoTypeDef"]:
        """The instance types that are wanted, as EC2 knows them."""
        named: Any = sorted({each.properties["InstanceType"] for each in self._instances})
        return {
            each["InstanceType"]: each
            for each in self._ec2.describe_instance_types(InstanceTypes=named)["InstanceTypes"]
        }

    def setting(self, instance_type: str) -> str:
        """Return the setting that an instance type comes from."""
        return next(chosen_by(each) for each in self._instances if each.properties["InstanceType"] == instance_type)

    def held(self, stack: str) -> dict[str, str]:
        """Return the physical ids of what a deployed stack has, by its logical ids; none where there is no stack."""
        return self._held[stack]

    @cached_property
    def _held(self) -> dict[str, dict[str, str]]:
        return {stack: self._ids(stack) for stack in self._stacks}

    def _ids(self, stack: str) -> dict[str, str]:
        try:
            return physical_ids(self._cloudformation, stack)
        except ClientError as error:
            if "does not exist" not in str(error):
                raise
            return {}

    def _is_replaced(self, stack: str, instance: Resource) -> bool:
        return instance.properties.get("ImageId") in self._moved[stack]

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


def chosen_by(instance: Resource) -> str:
    """Return the setting that an instance's type comes from."""
    return "nat" if instance.is_nat_instance else "instance_type"
