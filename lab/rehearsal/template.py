"""What boots: the bastion of the synthesised template, with its tokens resolved by what is deployed."""

import json
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml

from lab.deployed import Deployed
from lab.problem import ProblemError

TEMPLATES = Path("cdk.out")
BASTION = "learning-bastion"
SETTINGS = "/etc/learning-stack.env"


@dataclass(frozen=True)
class Bastion:
    """The instance, as EC2 gets it."""

    instance_id: str
    instance_type: str
    image_id: str
    role: str
    region: str
    account: str
    user_data: str

    @property
    def settings(self) -> dict[str, str]:
        """The variables of the environment file that the user data writes: BUCKET, MOUNT_POINT and the others."""
        files = (yaml.safe_load(self.user_data) or {}).get("write_files", [])
        lines = next((file["content"] for file in files if file["path"] == SETTINGS), "").splitlines()
        pairs = (line.partition("=") for line in lines if "=" in line)
        return {name: value.strip("'\"") for name, _, value in pairs}

    @property
    def bucket(self) -> str:
        return self.settings["BUCKET"]

    @property
    def mount_point(self) -> str:
        return self.settings["MOUNT_POINT"]


def bastion(deployed: Deployed, templates: Path = TEMPLATES) -> Bastion:
    """Return the bastion of the template in ``templates``; ``deployed`` says what its references are.

    Raises ProblemError when there is no such template, or when it has more than what is deployed.
    """
    file = templates / f"{deployed.stack_name}.template.json"
    try:
        template = json.loads(file.read_text())
    except FileNotFoundError:
        raise ProblemError(f"There is no {file}. Make it first: make local, or cdk synth") from None
    resources: dict[str, Any] = template["Resources"]
    resolve = _resolver(deployed, resources)
    logical_id, instance = _instance(resources, file)
    profile = resources[instance["IamInstanceProfile"]["Ref"]]["Properties"]
    return Bastion(
        instance_id=resolve({"Ref": logical_id}),
        instance_type=instance["InstanceType"],
        image_id="ami-0123456789abcdef0",
        role=resolve(profile["Roles"][0]),
        region=deployed.region,
        account=resolve({"Ref": "AWS::AccountId"}),
        user_data=resolve(instance["UserData"]["Fn::Base64"]),
    )


def _instance(resources: dict[str, Any], file: Path) -> tuple[str, dict[str, Any]]:
    for logical_id, resource in resources.items():
        properties = resource.get("Properties", {})
        named = {"Key": "Name", "Value": BASTION} in properties.get("Tags", [])
        if resource["Type"] == "AWS::EC2::Instance" and named:
            return logical_id, properties
    raise ProblemError(f"{file} has no instance {BASTION}")


def _resolver(deployed: Deployed, resources: dict[str, Any]) -> Callable[[Any], str]:
    """Return a function that turns a value of the template into the text that CloudFormation makes of it."""
    physical = {resource.logical_id: resource.id for resource in deployed.resources}
    stack_id = deployed.description["StackId"]
    pseudo = {
        "AWS::Region": deployed.region,
        "AWS::URLSuffix": "amazonaws.com",
        "AWS::Partition": "aws",
        "AWS::StackName": deployed.stack_name,
        "AWS::StackId": stack_id,
        "AWS::AccountId": stack_id.split(":")[4],
    }

    def resolve(value: Any) -> str:
        match value:
            case str():
                return value
            case {"Ref": name}:
                if name in pseudo:
                    return pseudo[name]
                if name in physical:
                    return physical[name]
                raise ProblemError(f"{name} of the template is not deployed. Deploy it again: make local")
            case {"Fn::Join": [separator, parts]}:
                return str(separator).join(map(resolve, parts))
            case {"Fn::Sub": text}:
                raise ProblemError(f"The user data is written with Fn::Sub, which a rehearsal cannot read: {text}")
            case {"Fn::GetAtt": [name, "Arn"]} if resources[name]["Type"] == "AWS::S3::Bucket":
                return f"arn:aws:s3:::{resolve({'Ref': name})}"
            case _:
                raise ProblemError(f"A rehearsal cannot resolve {json.dumps(value)} of the template")

    return resolve
