"""What only a real account shows: that the machine booted and is in touch, and that its logs arrive."""

import re
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Any

from lab.checks.bastion import bastion, described
from lab.checks.check import Facts, check
from lab.checks.policy import account
from lab.template.deployed import Deployed, is_local

# CloudFormation forgets events after 90 days.
EVENTS_LAST = timedelta(days=89)
# Flow logs are collected for 10 minutes and delivered within some more, access logs mostly within a few hours.
FLOW_LOG_DUE, ACCESS_LOG_DUE = timedelta(minutes=30), timedelta(hours=24)


def in_a_real_account(_: Deployed) -> bool:
    return not is_local()


def age(since: datetime) -> timedelta:
    return datetime.now(UTC) - since


@check(
    "10",
    "In a real account: Session Manager's agent on the bastion is in touch with AWS",
    "aws ssm describe-instance-information --filters Key=InstanceIds,Values={InstanceId}",
    when=in_a_real_account,
    field="PingStatus",
)
def agent_is_online(aws: Deployed) -> tuple[Facts, Facts]:
    wanted: Any = [{"Key": "InstanceIds", "Values": [bastion(aws).id]}]
    found = aws.ssm.describe_instance_information(Filters=wanted)["InstanceInformationList"]
    return ["Online"], [each["PingStatus"] for each in found]


@check(
    "10",
    "In a real account: this very bastion has reported that its first boot went well",
    "aws cloudformation describe-stack-events --stack-name LearningStack --query "
    "\"StackEvents[?contains(not_null(ResourceStatusReason,''),'{InstanceId}')].ResourceStatusReason\"",
    when=in_a_real_account,
)
def first_boot_was_reported(aws: Deployed) -> tuple[Facts, Facts]:
    instance = bastion(aws).id
    if age(described(aws, bastion(aws))["LaunchTime"]) > EVENTS_LAST:
        return [], []
    reported = set(_reports(aws))
    return [f"SUCCESS of {instance}"], [each for each in reported if each.endswith(instance)]


def _reports(aws: Deployed) -> Iterator[str]:
    for page in aws.cloudformation.get_paginator("describe_stack_events").paginate(StackName=aws.stack_name):
        for event in page["StackEvents"]:
            # As CloudFormation words it: Received SUCCESS signal with UniqueId i-0123456789abcdef0
            if said := re.search(r"(\w+) signal with UniqueId (\S+)", event.get("ResourceStatusReason", "")):
                yield f"{said[1]} of {said[2]}"


@check(
    "3-4",
    "In a real account: a flow log has been delivered, or is not due yet",
    "aws s3 ls s3://{LogBucketName}/vpc-flow-logs/AWSLogs/ --recursive",
    when=in_a_real_account,
)
def flow_log_is_delivered(aws: Deployed) -> tuple[Facts, Facts]:
    flow_logs = [each.id for each in aws.all("AWS::EC2::FlowLog")]
    made = aws.ec2.describe_flow_logs(FlowLogIds=flow_logs)["FlowLogs"][0]["CreationTime"]
    folder = f"vpc-flow-logs/AWSLogs/{account(aws)}/vpcflowlogs/{aws.region}/"
    # From the day on which this one began: those of an older stack may lie before it.
    found = aws.s3.list_objects_v2(
        Bucket=aws.outputs["LogBucketName"], Prefix=folder, StartAfter=f"{folder}{made:%Y/%m/%d}"
    )
    delivered = any(flow_log in each["Key"] for flow_log in flow_logs for each in found.get("Contents", []))
    due = age(made) > FLOW_LOG_DUE
    return ["delivered"] if due else [], ["delivered"] if due and delivered else []


@check(
    "9",
    "In a real account: an access log of the bucket has been delivered, or is not due yet",
    "aws s3 ls s3://{LogBucketName}/access-logs/",
    when=in_a_real_account,
)
def access_log_is_delivered(aws: Deployed) -> tuple[Facts, Facts]:
    due = age(aws.description["CreationTime"]) > ACCESS_LOG_DUE
    found = aws.s3.list_objects_v2(Bucket=aws.outputs["LogBucketName"], Prefix="access-logs/", MaxKeys=1)
    return ["delivered"] if due else [], ["delivered"] if due and found.get("KeyCount") else []
