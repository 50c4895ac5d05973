"""What would make a destroy fail: whatever is in the stack's network, or refers to its groups, and is not its own."""

from collections.abc import Iterator
from typing import Any

from lab.doctor.findings import Finding
from lab.template.deployed import Deployed

ADVICE = "Remove it first, or the destroy waits for it for many minutes and fails"


def look_before_destroy(aws: Deployed) -> Iterator[Finding]:
    """Yield a finding for each thing that is in the way of a destroy, or one that says that nothing is.

    EC2 deletes no subnet with an interface in it, no security group that somebody has or refers to, and no VPC with
    either. Source: https://docs.aws.amazon.com/vpc/latest/userguide/delete-vpc.html
    """
    ours = {each.id for each in aws.resources}
    found = list(_in_the_way(aws, ours)) if any(each.type == "AWS::EC2::VPC" for each in aws.resources) else []
    for what in found:
        yield Finding("Destroy", "fails", f"{what}. {ADVICE}")
    if not found:
        yield Finding("Destroy", "fine", f"nothing but {aws.stack_name}'s own is in its network")


def _in_the_way(aws: Deployed, ours: set[str]) -> Iterator[str]:
    here: Any = [{"Name": "vpc-id", "Values": [aws.one("AWS::EC2::VPC").id]}]
    for interfaces in aws.ec2.get_paginator("describe_network_interfaces").paginate(Filters=here):
        for each in interfaces["NetworkInterfaces"]:
            instance = each.get("Attachment", {}).get("InstanceId", "")
            said = each.get("Description", "")
            if each["NetworkInterfaceId"] in ours or instance in ours or ours.intersection(said.split()):
                continue  # a NAT gateway's interface says whose it is in its description
            groups = ", ".join(group["GroupName"] for group in each.get("Groups", []))
            owner = f"instance {instance}" if instance else said or "nobody"
            yield f"{each['NetworkInterfaceId']} of {owner} stands in {aws.name_of(each['SubnetId'])} ({groups})"
    for groups_here in aws.ec2.get_paginator("describe_security_groups").paginate(Filters=here):
        for group in groups_here["SecurityGroups"]:
            if group["GroupId"] in ours or group["GroupName"] == "default":
                continue
            yield f"the security group {group['GroupName']} ({group['GroupId']}) is in the VPC"
    for subnets in aws.ec2.get_paginator("describe_subnets").paginate(Filters=here):
        for subnet in subnets["Subnets"]:
            if subnet["SubnetId"] not in ours:
                yield f"the subnet {subnet['SubnetId']} is in the VPC"
