"""Schedule: instances that run only while they are needed."""

import json
from collections.abc import Callable
from typing import Any

import aws_cdk as cdk
import pytest
from aws_cdk import aws_ec2 as ec2
from aws_cdk.assertions import Template

from constructs_lib.schedule import Schedule
from lab.template.values import resolved, target
from tests.unit.constructs_lib.reading import properties

NAMES = {"AWS::Partition": "aws", "AWS::AccountId": "111122223333", "AWS::Region": "us-east-1"}


def schedule(plain_stack: Callable[[], cdk.Stack], **times: str) -> Template:
    stack = plain_stack()
    vpc = ec2.Vpc(stack, "Vpc", nat_gateways=0, restrict_default_security_group=False)
    kind, image = ec2.InstanceType("t3.micro"), ec2.MachineImage.latest_amazon_linux2023()
    instances = [
        ec2.Instance(stack, name, vpc=vpc, instance_type=kind, machine_image=image, vpc_subnets={"subnets": subnets})
        for name, subnets in (("One", vpc.public_subnets[:1]), ("Two", vpc.public_subnets[1:]))
    ]
    Schedule(stack, "Schedule", instances=instances, time_zone="Asia/Tokyo", **times)
    # What changes an id after the schedule was made: a bastion's id follows its user data.
    instances[0].instance.override_logical_id("Renamed")
    return Template.from_stack(stack)


@pytest.fixture(scope="module")
def template(plain_stack: Callable[[], cdk.Stack]) -> Template:
    return schedule(plain_stack, stop_at="19:30", start_at="09:00")


@pytest.fixture(scope="module")
def names(template: Template) -> dict[str, str]:
    return NAMES | {name: f"i-{number}" for number, name in enumerate(properties(template, "AWS::EC2::Instance"))}


def test_it_stops_and_starts_them_every_day_in_the_time_zone(template: Template, names: dict[str, str]) -> None:
    found: dict[str, Any] = {}
    for made in properties(template, "AWS::Scheduler::Schedule").values():
        assert made["ScheduleExpressionTimezone"] == "Asia/Tokyo"
        assert made["FlexibleTimeWindow"] == {"Mode": "OFF"}
        assert json.loads(resolved(made["Target"]["Input"], names)) == {"InstanceIds": ["i-0", "i-1"]}
        assert made["Target"]["RetryPolicy"] == {"MaximumEventAgeInSeconds": 900}
        found[made["ScheduleExpression"]] = resolved(made["Target"]["Arn"], names)
    assert found == {
        "cron(30 19 * * ? *)": "arn:aws:scheduler:::aws-sdk:ec2:stopInstances",
        "cron(0 9 * * ? *)": "arn:aws:scheduler:::aws-sdk:ec2:startInstances",
    }
    assert names["Renamed"] in ("i-0", "i-1")


def test_its_role_may_do_that_and_nothing_else(template: Template, names: dict[str, str]) -> None:
    made = {name: role for name, role in properties(template, "AWS::IAM::Role").items() if name.startswith("Schedule")}
    ((role_id, role),) = made.items()
    for each in properties(template, "AWS::Scheduler::Schedule").values():
        assert target(each["Target"]["RoleArn"]) == role_id
    assert "Policies" not in role
    ((policy_id, policy),) = properties(template, "AWS::IAM::ManagedPolicy").items()
    assert role["ManagedPolicyArns"] == [{"Ref": policy_id}]
    (statement,) = policy["PolicyDocument"]["Statement"]
    assert (statement["Effect"], sorted(statement["Action"])) == ("Allow", ["ec2:StartInstances", "ec2:StopInstances"])
    assert [resolved(arn, names) for arn in statement["Resource"]] == [
        f"arn:aws:ec2:us-east-1:111122223333:instance/{instance}" for instance in ("i-0", "i-1")
    ]


def test_only_the_schedules_of_this_account_take_the_role(template: Template) -> None:
    (trust,) = [
        role["AssumeRolePolicyDocument"]["Statement"]
        for name, role in properties(template, "AWS::IAM::Role").items()
        if name.startswith("Schedule")
    ]
    (statement,) = trust
    assert statement["Principal"] == {"Service": "scheduler.amazonaws.com"}
    condition = statement["Condition"]["StringEquals"]
    assert {key: resolved(value, NAMES) for key, value in condition.items()} == {
        "aws:SourceArn": "arn:aws:scheduler:us-east-1:111122223333:schedule-group/default"
    }


@pytest.mark.parametrize(("given", "action"), [("stop_at", "ec2:StopInstances"), ("start_at", "ec2:StartInstances")])
def test_one_time_alone_is_one_schedule_and_one_permission(
    plain_stack: Callable[[], cdk.Stack], given: str, action: str
) -> None:
    template = schedule(plain_stack, **{given: "00:05"})
    (made,) = properties(template, "AWS::Scheduler::Schedule").values()
    assert made["ScheduleExpression"] == "cron(5 0 * * ? *)"
    (policy,) = properties(template, "AWS::IAM::ManagedPolicy").values()
    assert policy["PolicyDocument"]["Statement"][0]["Action"] == action
