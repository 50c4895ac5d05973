"""Chapter 6, what it costs: the schedules that stop and start the instances, and the budget that mails."""

import json

from lab.checks.check import Facts, check
from lab.checks.policy import account, document, partition, permissions, policy_document
from lab.template.deployed import Deployed


@check(
    "6",
    "With `stop_at` or `start_at`, the instances stop and start at these times in the time zone, and the role of the "
    "schedules may do only that",
    "aws scheduler get-schedule --name {Schedule}",
    when=lambda aws: bool(aws.settings["stop_at"] or aws.settings["start_at"]),
    field="ScheduleExpression",
)
def schedules_stop_and_start(aws: Deployed) -> tuple[Facts, Facts]:
    hosts = aws.all("AWS::EC2::Instance")
    here = f"{aws.region}:{account(aws)}"
    group = f"arn:{partition(aws)}:scheduler:{here}:schedule-group/default"
    expected = [f"Allow sts:assumerole by Service scheduler.amazonaws.com if aws:sourcearn StringEquals {group}"]
    for action in ("stop", "start"):
        if not (time := aws.settings[f"{action}_at"]):
            continue
        hour, minute = map(int, time.split(":"))
        when = f"cron({minute} {hour} * * ? *) {aws.settings['time_zone']}"
        expected.append(f"{action}Instances: {when}, at most 900 s late, ENABLED")
        for host in hosts:
            expected.append(f"{action}Instances {host.name}")
            arn = f"arn:{partition(aws)}:ec2:{here}:instance/{host.id}"
            expected.append(f"Allow ec2:{action}instances on {arn}")
    found, roles = [], set()
    for schedule in aws.all("AWS::Scheduler::Schedule"):
        made = aws.client("scheduler").get_schedule(Name=schedule.id)
        action = made["Target"]["Arn"].split(":aws-sdk:ec2:")[-1]
        when = f"{made['ScheduleExpression']} {made['ScheduleExpressionTimezone']}"
        late = made["Target"].get("RetryPolicy", {}).get("MaximumEventAgeInSeconds", 86400)  # AWS's default: a day
        late += 60 * made["FlexibleTimeWindow"].get("MaximumWindowInMinutes", 0)
        found.append(f"{action}: {when}, at most {late} s late, {made['State']}")
        found += [f"{action} {aws.name_of(each)}" for each in json.loads(made["Target"]["Input"])["InstanceIds"]]
        roles.add(made["Target"]["RoleArn"].split("/")[-1])
    for role in roles:
        found += permissions(document(aws.iam.get_role(RoleName=role)["Role"]["AssumeRolePolicyDocument"]))
        found += [f"inline policy {name}" for name in aws.iam.list_role_policies(RoleName=role)["PolicyNames"]]
        for attached in aws.iam.list_attached_role_policies(RoleName=role)["AttachedPolicies"]:
            found += permissions(policy_document(aws, attached["PolicyArn"]))
    return expected, found


@check(
    "6",
    "A budget mails the chosen address when this month's cost of the account passes 50 and 100 % of the sum",
    "aws budgets describe-notifications-for-budget --account-id {AccountId} --budget-name {Budget}",
    stack="BudgetStack",
    field="Threshold, ThresholdType",
)
def budget_mails(aws: Deployed) -> tuple[Facts, Facts]:
    budget = aws.one("AWS::Budgets::Budget")
    sum_usd, address = aws.settings["monthly_budget_usd"], aws.settings["alert_email"]
    expected = [f"{sum_usd} USD, MONTHLY COST, of the whole account"]
    expected += [f"ACTUAL GREATER_THAN {percent} PERCENTAGE: EMAIL {address}" for percent in (50, 100)]
    budgets, which = aws.client("budgets"), {"AccountId": account(aws), "BudgetName": budget.id}
    made = budgets.describe_budget(**which, ShowFilterExpression=True)["Budget"]
    limit, part = made["BudgetLimit"], made.get("CostFilters") or made.get("FilterExpression")
    kind = f"{made['TimeUnit']} {made['BudgetType']}"
    found = [f"{float(limit['Amount']):.9g} {limit['Unit']}, {kind}, of {part or 'the whole account'}"]
    for alert in budgets.describe_notifications_for_budget(**which)["Notifications"]:
        alert.setdefault("ThresholdType", "PERCENTAGE")
        parts = ("NotificationType", "ComparisonOperator", "Threshold", "ThresholdType")
        notification = {name: alert[name] for name in parts}
        words = " ".join(f"{value:g}" if name == "Threshold" else value for name, value in notification.items())
        subscribers = budgets.describe_subscribers_for_notification(**which, Notification=notification)["Subscribers"]
        found += [f"{words}: {each['SubscriptionType']} {each['Address']}" for each in subscribers]
    return expected, found
