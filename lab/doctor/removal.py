"""What would make a destroy fail: whatever is in the stack's network, or refers to its groups, and is not its own."""

from collections.abc import Iterator
from typing import Any

from lab.doctor.findings import Finding
from lab.template.deployed import Deployed
from lab.terminal.language import N_, _

ADVICE = N_("Remove it first, or the destroy waits for it for many minutes and fails")


def look_before_destroy(aws: Deployed) -> Iterator[Finding]:
    """Yield a finding for each thing that is in the way of a destroy, or one that says that nothing is.

    EC2 deletes no subnet with an interface in it, no security group that somebody has or refers to, and no VPC with
    either. Source: https://docs.aws.amazon.com/vpc/latest/userguide/delete-vpc.html
    """
    ours = {each.id for each in aws.resources}
    found = list(_in_the_way(aws, ours)) if any(each.type == "AWS::EC2::VPC" for each in aws.resources) else []
    for what in found:
        yield Finding("Destroy", "fails", f"{what}. {_(ADVICE)}")
    if not found:
        yield Finding(
            "Destroy", "fine", _("nothing but {stack_name}'s own is in its network").format(stack_name=aws.stack_name)
        )


def _in_the_way(aws: Deployed, ours: set[str]) -> Iterator[str]:
    here: Any = [{"Name": "vpc-id", "Values": [aws.one("AWS::EC2::VPC").id]}]
    for interfaces in aws.ec2.get_paginator("describe_network_interfaces").paginate(Filters=here):
        for each in interfaces["NetworkInterfaces"]:
            instance = each.get("Attachment", {}).get("InstanceId", "")
            said = each.get("Description", "")
            if each["NetworkInterfaceId"] in ours or instance in ours or ours.intersection(said.split()):
                continue  # a NAT gateway's interface says whose it is in its description
            groups = ", ".join(group["GroupName"] for group in each.get("Groups", []))
            owner = _("instance {instance}").format(instance=instance) if instance else said or _("nobody")
            yield _("{network_interface_id} of {owner} stands in {subnet} ({groups})").format(
                network_interface_id=each["NetworkInterfaceId"],
                owner=owner,
                subnet=aws.name_of(each["SubnetId"]),
                groups=groups,
            )
    for groups_here in aws.ec2.get_paginator("describe_security_groups").paginate(Filters=here):
        for group in groups_here["SecurityGroups"]:
            if group["GroupId"] in ours or group["GroupName"] == "default":
                continue
            yield _("the security group {group_name} ({group_id}) is in the VPC").format(
                group_name=group["GroupName"], group_id=group["GroupId"]
            )
    for subnets in aws.ec2.get_paginator("describe_subnets").paginate(Filters=here):
        for subnet in subnets["Subnets"]:
            if subnet["SubnetId"] not in ours:
                yield _("the subnet {subnet_id} is in the VPC").format(subnet_id=subnet["SubnetId"])
