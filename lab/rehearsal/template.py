"""What boots: the bastion of the synthesised template, with its tokens resolved by what is deployed."""

import json
import re
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from lab.deployed import Deployed
from lab.problem import ProblemError
from lab.template.synthesised import OUT, read_template

BASTION = "learning-bastion"
SETTINGS = "/etc/learning-stack.env"


@dataclass(frozen=True)
class Bastion:
    """The instance, as EC2 gets it."""

    logical_id: str
    instance_id: str
    instance_type: str
    image_id: str
    role: str
    region: str
    account: str
    user_data: str
    hop_limit: int  # of the metadata service
    signal_seconds: float  # that the deploy waits for the report of the first boot

    @property
    def settings(self) -> dict[str, str]:
        """The variables of the environment file that the user data writes: BUCKET, MOUNT_POINT and the others."""
        lines = self.user_data.partition(f"{SETTINGS} << 'END'\n")[2].partition("\nEND\n")[0].splitlines()
        pairs = (line.partition("=") for line in lines)
        return {name: value.strip("'\"") for name, _, value in pairs}

    @property
    def bucket(self) -> str:
        return self.settings["BUCKET"]

    @property
    def mount_point(self) -> str:
        return self.settings["MOUNT_POINT"]


def bastion(deployed: Deployed, templates: Path = OUT) -> Bastion:
    """Return the bastion of the template in ``templates``; ``deployed`` says what its references are.

    Raises ProblemError when there is no such template, or when it has more than what is deployed.
    """
    resources: dict[str, Any] = read_template(deployed.stack_name, templates)["Resources"]
    resolve = _Resolver(deployed).text
    logical_id, instance = _instance(resources)
    timeout = resources[logical_id]["CreationPolicy"]["ResourceSignal"]["Timeout"]
    profile = resources[instance["IamInstanceProfile"]["Ref"]]["Properties"]
    return Bastion(
        logical_id=logical_id,
        instance_id=resolve({"Ref": logical_id}),
        instance_type=instance["InstanceType"],
        image_id="ami-0123456789abcdef0",
        role=resolve(profile["Roles"][0]),
        region=deployed.region,
        account=resolve({"Ref": "AWS::AccountId"}),
        user_data=resolve(instance["UserData"]["Fn::Base64"]),
        hop_limit=instance.get("MetadataOptions", {}).get("HttpPutResponseHopLimit", 1),
        signal_seconds=60 * int(timeout.removeprefix("PT").removesuffix("M")),
    )


def _instance(resources: dict[str, Any]) -> tuple[str, dict[str, Any]]:
    for logical_id, resource in resources.items():
        properties = resource.get("Properties", {})
        named = {"Key": "Name", "Value": BASTION} in properties.get("Tags", [])
        if resource["Type"] == "AWS::EC2::Instance" and named:
            return logical_id, properties
    raise ProblemError(f"The template has no instance {BASTION}")


class _Resolver:
    """Turns values of the template into the text that CloudFormation makes of them."""

    def __init__(self, deployed: Deployed) -> None:
        stack_id = deployed.description["StackId"]
        self._known = {resource.logical_id: resource.id for resource in deployed.resources} | {
            "AWS::Region": deployed.region,
            "AWS::URLSuffix": "amazonaws.com",
            "AWS::Partition": "aws",
            "AWS::StackName": deployed.stack_name,
            "AWS::StackId": stack_id,
            "AWS::AccountId": stack_id.split(":")[4],
        }

    def text(self, value: Any) -> str:
        match value:
            case str():
                return value
            case {"Ref": name}:
                return self._name(name)
            case {"Fn::Join": [separator, parts]}:
                return str(separator).join(map(self.text, parts))
            case {"Fn::Sub": str(text)}:
                return re.sub(
                    r"\$\{(!?)(.*?)\}",
                    lambda found: f"${{{found[2]}}}" if found[1] else self._name(found[2]),
                    text,
                )
        raise ProblemError(f"A rehearsal cannot resolve {json.dumps(value)} of the template")

    def _name(self, name: str) -> str:
        if name not in self._known:
            raise ProblemError(f"{name} of the template is not deployed. Deploy it again: make local")
        return self._known[name]
