"""Schedules, whose time zone ministack's CloudFormation drops. None acts here: no instance is stopped."""

from typing import ClassVar

from lab.local_aws.provider import Made, Properties, Provider, Schema, aws, unless


class Schedule(Provider):
    """A schedule of EventBridge Scheduler, in the group "default". ``Ref`` is its name."""

    type_name = "AWS::Scheduler::Schedule"
    schema: ClassVar[Schema] = {
        "FlexibleTimeWindow": {"Mode": {}},
        "Name": {},
        "ScheduleExpression": {},
        "ScheduleExpressionTimezone": {},
        "Target": {"Arn": {}, "Input": {}, "RetryPolicy": {"MaximumEventAgeInSeconds": {}}, "RoleArn": {}},
    }
    create_only = ("Name",)
    name_property = "Name"

    def create(self, properties: Properties) -> Made:
        made = aws("scheduler").create_schedule(**properties)
        return properties["Name"], {"Arn": made["ScheduleArn"]}

    def update(self, physical_id: str, _old: Properties, new: Properties) -> Made:
        changed = aws("scheduler").update_schedule(**new | {"Name": physical_id})
        return physical_id, {"Arn": changed["ScheduleArn"]}

    def delete(self, physical_id: str, _properties: Properties) -> None:
        with unless("ResourceNotFoundException"):
            aws("scheduler").delete_schedule(Name=physical_id)
