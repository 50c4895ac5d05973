"""What boots: the deployed bastion, as the local AWS tells of it through EC2's API."""

import base64
from dataclasses import dataclass

from lab.template.deployed import Deployed

ENVIRONMENT_FILE = "/etc/learning-stack.env"


@dataclass(frozen=True)
class Instance:
    """An instance with what its metadata service says, and what its stack expects of it."""

    logical_id: str
    instance_id: str
    instance_type: str
    image_id: str
    role: str
    region: str
    zone: str
    account: str
    user_data: str
    hop_limit: int  # of the metadata service
    signal_seconds: float  # that the deploy waits for the report of the first boot

    @property
    def environment(self) -> dict[str, str]:
        """The variables of the environment file that the user data writes: BUCKET, MOUNT_POINT and the others."""
        lines = self.user_data.partition(f"{ENVIRONMENT_FILE} << 'END'\n")[2].partition("\nEND\n")[0].splitlines()
        pairs = (line.partition("=") for line in lines)
        return {name: value.strip("'\"") for name, _, value in pairs}

    @property
    def bucket(self) -> str:
        return self.environment["BUCKET"]

    @property
    def mount_point(self) -> str:
        return self.environment["MOUNT_POINT"]


def deployed_bastion(stack: Deployed) -> Instance:
    """Return the bastion of a stack. Raises ProblemError when the stack has none, or its last deploy failed."""
    stack.require_complete()
    bastion = stack.bastion
    found = stack.ec2.describe_instances(InstanceIds=[bastion.id])["Reservations"][0]["Instances"][0]
    user_data = stack.ec2.describe_instance_attribute(InstanceId=bastion.id, Attribute="userData")["UserData"]
    profile = found["IamInstanceProfile"]["Arn"].rpartition("/")[2]
    timeout = stack.template["Resources"][bastion.logical_id]["CreationPolicy"]["ResourceSignal"]["Timeout"]
    return Instance(
        logical_id=bastion.logical_id,
        instance_id=bastion.id,
        instance_type=found["InstanceType"],
        image_id=found["ImageId"],
        role=stack.iam.get_instance_profile(InstanceProfileName=profile)["InstanceProfile"]["Roles"][0]["RoleName"],
        region=stack.region,
        zone=found["Placement"]["AvailabilityZone"],
        account=stack.description["StackId"].split(":")[4],
        user_data=base64.b64decode(user_data.get("Value", "")).decode(),
        hop_limit=found["MetadataOptions"]["HttpPutResponseHopLimit"],
        signal_seconds=60 * int(timeout.removeprefix("PT").removesuffix("M")),
    )
