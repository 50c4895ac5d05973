"""A template as resources with their names, and which of them is what."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from lab.template.values import fitted, target, text
from lab.terminal.language import _
from lab.terminal.problem import ProblemError

STACK = "LearningStack"  # the stack that commands mean when none is named
INSTANCE, NAT_GATEWAY, SUBNET, VPC = (f"AWS::EC2::{name}" for name in ("Instance", "NatGateway", "Subnet", "VPC"))
# The tag that tells the bastion from other instances, in a template and in EC2. The policy of operators names it too.
ROLE, BASTION = "Role", "bastion"


@dataclass(frozen=True)
class Resource:
    """What the template says of a resource, and, when it is deployed, the id that AWS gave it: else empty text."""

    logical_id: str
    id: str
    type: str
    properties: dict[str, Any] = field(default_factory=dict)

    def tag(self, key: str) -> str:
        """Return the value of a tag, or empty text."""
        tags = fitted(self.properties, {"Tags": [{"Key": text, "Value": text}]}).get("Tags", [])
        return next((str(tag.get("Value", "")) for tag in tags if tag.get("Key") == key), "")

    @property
    def name(self) -> str:
        """The Name tag, or empty text."""
        return self.tag("Name")

    @property
    def label(self) -> str:
        """The Name tag, or the logical id where there is none."""
        return self.name or self.logical_id

    @property
    def subnet(self) -> str:
        """The logical id of the subnet that an instance or a gateway is in, or empty text."""
        read = fitted(self.properties, {"SubnetId": target, "NetworkInterfaces": [{"SubnetId": target}]})
        return read.get("SubnetId") or next(
            (str(each.get("SubnetId", "")) for each in read.get("NetworkInterfaces", [])), ""
        )

    @property
    def is_nat_instance(self) -> bool:
        """Whether it is an instance that forwards what others send, as EC2 lets it without the source check."""
        return self.type == INSTANCE and self.properties.get("SourceDestCheck") is False


class Template:
    """The resources of a template, by logical id.

    ``ids`` are the physical ids of a deployed stack, by logical id: then resources that have none are left out.
    """

    def __init__(self, content: Mapping[str, Any], ids: Mapping[str, str] | None = None) -> None:
        self.resources = {
            logical_id: Resource(logical_id, (ids or {}).get(logical_id, ""), each["Type"], each.get("Properties", {}))
            for logical_id, each in content["Resources"].items()
            if ids is None or logical_id in ids
        }

    def all(self, resource_type: str) -> list[Resource]:
        """Return the resources of one type, such as ``AWS::EC2::Subnet``, in the order of their Name tags."""
        return sorted(
            (each for each in self.resources.values() if each.type == resource_type), key=lambda each: each.name
        )

    def label(self, reference: Any) -> str:
        """Return the Name tag, or the logical id, of what a Ref or Fn::GetAtt points at."""
        logical_id = target(reference)
        return self.resources[logical_id].label if logical_id in self.resources else logical_id

    @property
    def bastion(self) -> Resource:
        """The bastion. Raises ProblemError unless there is exactly one."""
        found = [each for each in self.all(INSTANCE) if each.tag(ROLE) == BASTION]
        if len(found) != 1:
            raise ProblemError(
                _("The template has {number} instances with the tag {role}={bastion}, not one").format(
                    number=len(found), role=ROLE, bastion=BASTION
                )
            )
        return found[0]


def settings_of(content: Mapping[str, Any]) -> dict[str, str]:
    """Return what was chosen for a stack, by setting, as the CDK CLI's ``-c`` takes it; else nothing."""
    for resource in content["Resources"].values():
        if words := resource.get("Metadata", {}).get("Settings"):
            return dict(word.split("=", 1) for word in words.split(" "))
    return {}
