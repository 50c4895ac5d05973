"""What a rule is tried on: an account of its own, and what its cases need there.

``bench/strictness.py`` tries the same cases on other local AWSs.
"""

import json
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any

from botocore.exceptions import ClientError

from lab.local_aws.rules.quotas import NEW_ACCOUNT

IMAGE = "ami-02404202611120110"  # Ubuntu 24.04, for amd64
READ = {"Version": "2012-10-17", "Statement": [{"Effect": "Allow", "Action": "s3:GetObject", "Resource": "*"}]}
TRUST = {
    "Version": "2012-10-17",
    "Statement": [{"Effect": "Allow", "Principal": {"Service": "scheduler.amazonaws.com"}, "Action": "sts:AssumeRole"}],
}


@dataclass
class World:
    """One account of a local AWS. ``client`` gives boto3's client of a service."""

    client: Callable[[str], Any]
    account: str
    region: str
    # Quotas of this local AWS that are not a new account's: a small one is reached sooner.
    quotas: Mapping[str, int] = field(default_factory=dict)
    stacks: int = 0

    def __getattr__(self, service: str) -> Any:
        if service.startswith("_"):
            raise AttributeError(service)
        return self.client(service)

    def quota(self, name: str) -> int:
        return self.quotas.get(name, NEW_ACCOUNT[name])

    @cached_property
    def vpc(self) -> str:
        return str(self.ec2.create_vpc(CidrBlock="10.0.0.0/16")["Vpc"]["VpcId"])

    @cached_property
    def other_vpc(self) -> str:
        return str(self.ec2.create_vpc(CidrBlock="10.1.0.0/16")["Vpc"]["VpcId"])

    @cached_property
    def subnet(self) -> str:
        return str(self.ec2.create_subnet(VpcId=self.vpc, CidrBlock="10.0.1.0/24")["Subnet"]["SubnetId"])

    @cached_property
    def table(self) -> str:
        return str(self.ec2.create_route_table(VpcId=self.vpc)["RouteTable"]["RouteTableId"])

    @cached_property
    def gateway(self) -> str:
        """Return an internet gateway that is attached to the VPC."""
        gateway = self.ec2.create_internet_gateway()["InternetGateway"]["InternetGatewayId"]
        self.ec2.attach_internet_gateway(InternetGatewayId=gateway, VpcId=self.vpc)
        return str(gateway)

    @cached_property
    def group(self) -> str:
        return str(self.ec2.create_security_group(GroupName="one", Description="one", VpcId=self.vpc)["GroupId"])

    @cached_property
    def acl(self) -> str:
        return str(self.ec2.create_network_acl(VpcId=self.vpc)["NetworkAcl"]["NetworkAclId"])

    @cached_property
    def bucket(self) -> str:
        name = f"rules-{self.account}"
        self.create_bucket(name)
        return name

    @cached_property
    def role(self) -> str:
        """Return the ARN of a role that EventBridge Scheduler may assume."""
        made = self.iam.create_role(RoleName="stops", AssumeRolePolicyDocument=json.dumps(TRUST))
        return str(made["Role"]["Arn"])

    @cached_property
    def address(self) -> str:
        return str(self.ec2.allocate_address(Domain="vpc")["AllocationId"])

    def create_bucket(self, name: str, **more: Any) -> Any:
        if self.region != "us-east-1":
            more["CreateBucketConfiguration"] = {"LocationConstraint": self.region}
        return self.s3.create_bucket(Bucket=name, **more)

    def run(self, **more: Any) -> Any:
        asked = {"ImageId": IMAGE, "InstanceType": "t3.micro", "MinCount": 1, "MaxCount": 1, "SubnetId": self.subnet}
        return self.ec2.run_instances(**{**asked, **more})

    def volume(self, **ebs: Any) -> Any:
        return self.run(BlockDeviceMappings=[{"DeviceName": "/dev/sda1", "Ebs": ebs}])

    def permit(self, *, egress: bool = False, **permission: Any) -> Any:
        call = "authorize_security_group_egress" if egress else "authorize_security_group_ingress"
        asked = {"IpProtocol": "tcp", "FromPort": 22, "ToPort": 22, "IpRanges": [{"CidrIp": "10.0.0.0/8"}]}
        return getattr(self.ec2, call)(GroupId=self.group, IpPermissions=[{**asked, **permission}])

    def acl_entry(self, **more: Any) -> Any:
        asked = {"RuleNumber": 100, "Protocol": "6", "RuleAction": "allow", "Egress": False, "CidrBlock": "0.0.0.0/0"}
        asked["PortRange"] = {"From": 22, "To": 22}
        return self.ec2.create_network_acl_entry(NetworkAclId=self.acl, **{**asked, **more})

    def schedule(self, name: str, expression: str = "rate(1 day)", **more: Any) -> Any:
        target = {"Arn": "arn:aws:scheduler:::aws-sdk:ec2:stopInstances", "RoleArn": self.role, "Input": "{}"}
        asked = {"FlexibleTimeWindow": {"Mode": "OFF"}, "Target": target, "ScheduleExpression": expression}
        return self.scheduler.create_schedule(Name=name, **{**asked, **more})

    def stack(self, name: str, resources: dict[str, Any], **more: Any) -> str:
        """Create a stack, and return its status with the reason of its first failure."""
        body = json.dumps({"Resources": resources})
        self.cloudformation.create_stack(StackName=name, TemplateBody=body, **more)
        deadline = time.monotonic() + 60
        while True:
            found = self.cloudformation.describe_stacks(StackName=name)["Stacks"][0]["StackStatus"]
            if not found.endswith("_IN_PROGRESS") or time.monotonic() > deadline:
                break
            time.sleep(0.05)
        events = self.cloudformation.describe_stack_events(StackName=name)["StackEvents"]
        failed = [each.get("ResourceStatusReason", "") for each in events if each["ResourceStatus"] == "CREATE_FAILED"]
        return f"{found} {' '.join(failed)}"

    def resource(self, type_name: str, properties: dict[str, Any], **more: Any) -> None:
        """Create a stack of one resource. Raises ClientError, with the code that its failure names, when it fails."""
        self.stacks += 1
        name = f"stack{self.stacks}"
        told = self.stack(name, {"Thing": {"Type": type_name, "Properties": properties}}, **more)
        if not told.startswith("CREATE_COMPLETE"):
            raise ClientError({"Error": {"Code": "CREATE_FAILED", "Message": told}}, "CreateStack")


@dataclass(frozen=True)
class Case:
    """What a rule takes and what it refuses; ``says`` is part of the message."""

    rule: str
    code: str
    takes: Callable[[World], Any]
    refuses: Callable[[World], Any]
    says: str = ""

    @property
    def id(self) -> str:
        return self.rule


def policy(**changes: Any) -> str:
    """Return a policy whose one statement differs in what is given."""
    statement = {"Effect": "Allow", "Action": "s3:GetObject", "Resource": "*", **changes}
    kept = {name: value for name, value in statement.items() if value is not None}
    return json.dumps({"Version": "2012-10-17", "Statement": [kept]})


def policy_of(size: int) -> str:
    """Return a policy with so many characters that are no white space."""
    bare = len("".join(policy(Resource="arn:aws:s3:::").split()))
    return policy(Resource=f"arn:aws:s3:::{'a' * (size - bare)}")


def trust(**changes: Any) -> str:
    statement = {**TRUST["Statement"][0], **changes}  # type: ignore[dict-item]
    return json.dumps({"Version": "2012-10-17", "Statement": [statement]})


def many(number: int, call: Callable[[int], Any]) -> list[Any]:
    return [call(each) for each in range(number)]
