"""Chapter 6 of the primer, what it costs: instances that run only while they are needed."""

import json
from collections.abc import Sequence

from aws_cdk import Fn
from aws_cdk import aws_ec2 as ec2
from aws_cdk import aws_iam as iam
from aws_cdk import aws_scheduler as scheduler
from constructs import Construct


class Schedule(Construct):
    """Stops ``instances`` at ``stop_at`` and starts them at ``start_at`` ("HH:MM"), every day, in ``time_zone``.

    EventBridge Scheduler calls EC2 itself: there is no function in between. One role may do that, and only to these
    instances. Each time may be given alone; by default there is none, and nothing is stopped or started. People may
    still start and stop the instances by hand: the schedules act at their minute only.

    Limits: instances of this stack alone. Stopped ones go on costing their disks and Elastic IPs. Where EBS encrypts
    with a customer managed key, the key's policy must let the role start them (``kms:CreateGrant``).

    Sources: https://docs.aws.amazon.com/scheduler/latest/UserGuide/managing-targets-universal.html,
    https://docs.aws.amazon.com/scheduler/latest/UserGuide/cross-service-confused-deputy-prevention.html
    """

    def __init__(
        self,
        scope: Construct,
        construct_id: str,
        *,
        instances: Sequence[ec2.Instance],
        stop_at: str | None = None,
        start_at: str | None = None,
        time_zone: str,
    ) -> None:
        super().__init__(scope, construct_id)
        times = {action: time for action, time in (("stop", stop_at), ("start", start_at)) if time}
        # References inside Fn::Sub: a template must stay small, and Fn::Join takes four times as many lines.
        ids = [f"${{{each.instance.logical_id}}}" for each in instances]
        here = "${AWS::Region}:${AWS::AccountId}"
        group_arn = f"arn:${{AWS::Partition}}:scheduler:{here}:schedule-group/default"
        self.role = iam.Role(
            self,
            "Role",
            # Only for schedules of this account and region: the ARN of their group has both.
            assumed_by=iam.ServicePrincipal(
                "scheduler.amazonaws.com", conditions={"StringEquals": {"aws:SourceArn": Fn.sub(group_arn)}}
            ),
            managed_policies=[
                iam.ManagedPolicy(
                    self,
                    "Policy",
                    statements=[
                        iam.PolicyStatement(
                            actions=[f"ec2:{action.title()}Instances" for action in times],
                            resources=[Fn.sub(f"arn:${{AWS::Partition}}:ec2:{here}:instance/{each}") for each in ids],
                        )
                    ],
                )
            ],
        )
        self.schedules = [
            scheduler.CfnSchedule(
                self,
                action.title(),
                schedule_expression=f"cron({int(time[3:])} {int(time[:2])} * * ? *)",
                schedule_expression_timezone=time_zone,
                flexible_time_window=scheduler.CfnSchedule.FlexibleTimeWindowProperty(mode="OFF"),
                target=scheduler.CfnSchedule.TargetProperty(
                    arn=Fn.sub(f"arn:${{AWS::Partition}}:scheduler:::aws-sdk:ec2:{action}Instances"),
                    input=Fn.sub(json.dumps({"InstanceIds": ids})),
                    role_arn=self.role.role_arn,
                    # Later than that, somebody may have started the instances again.
                    retry_policy=scheduler.CfnSchedule.RetryPolicyProperty(maximum_event_age_in_seconds=900),
                ),
            )
            for action, time in times.items()
        ]
