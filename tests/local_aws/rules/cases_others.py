"""What Scheduler, Parameter Store, Budgets and CloudWatch Logs take and what they refuse."""

from typing import Any

from tests.local_aws.rules.world import Case, World


def _scheduled(refused: str, taken: str) -> Case:
    return Case(
        "scheduler.expression",
        "ValidationException",
        lambda w: w.schedule("good", taken),
        lambda w: w.schedule("bad", refused),
        says="Invalid Schedule Expression",
    )


def _in_role(w: World, name: str, role: str) -> Any:
    target = {"Arn": "arn:aws:scheduler:::aws-sdk:ec2:stopInstances", "RoleArn": role, "Input": "{}"}
    return w.schedule(name, Target=target)


def _parameter(w: World, name: str = "/class/one", value: str = "v", **more: Any) -> Any:
    return w.ssm.put_parameter(**{"Name": name, "Value": value, "Type": "String", **more})


def _budget(w: World, name: str, *, amount: str = "20", email: str = "you@example.com") -> Any:
    budget = {
        "BudgetName": name,
        "BudgetLimit": {"Amount": amount, "Unit": "USD"},
        "TimeUnit": "MONTHLY",
        "BudgetType": "COST",
    }
    notification = {"NotificationType": "ACTUAL", "ComparisonOperator": "GREATER_THAN", "Threshold": 80}
    subscribers = [{"SubscriptionType": "EMAIL", "Address": email}]
    listed = [{"Notification": notification, "Subscribers": subscribers}]
    return w.budgets.create_budget(AccountId=w.account, Budget=budget, NotificationsWithSubscribers=listed)


CASES = (
    _scheduled("every day", "rate(1 day)"),
    _scheduled("rate(0 minutes)", "rate(15 minutes)"),
    _scheduled("rate(5 weeks)", "rate(5 days)"),
    _scheduled("cron(0 19 * * *)", "cron(0 19 * * ? *)"),
    _scheduled("cron(0 19 * * * *)", "cron(0 19 ? * MON-FRI *)"),
    _scheduled("cron(0 25 * * ? *)", "cron(0/5 8-17 ? * 2,3,4 2026)"),
    # These three are AWS's own: localstack/localstack#13572.
    _scheduled("cron(0-75 8 ? * 2 *)", "cron(0-15/1 8-8 ? * 2,3,4,5,6,7 *)"),
    _scheduled("cron(30 13 ? * 8 *)", "cron(30-30 13-13 ? * 2,4,6 *)"),
    _scheduled("cron(1/0 1 ? * 1 *)", "cron(1-31/30 1-1 ? * 1,7 *)"),
    _scheduled("at(tomorrow)", "at(2030-01-31T09:00:00)"),
    Case(
        "scheduler.time-zone",
        "ValidationException",
        lambda w: w.schedule("good", ScheduleExpressionTimezone="Asia/Tokyo"),
        lambda w: w.schedule("bad", ScheduleExpressionTimezone="Asia/Edo"),
    ),
    Case(
        "scheduler.window",
        "ValidationException",
        lambda w: w.schedule("good", FlexibleTimeWindow={"Mode": "FLEXIBLE", "MaximumWindowInMinutes": 15}),
        lambda w: w.schedule("bad", FlexibleTimeWindow={"Mode": "FLEXIBLE"}),
    ),
    Case(
        "scheduler.role-exists",
        "ValidationException",
        lambda w: _in_role(w, "good", w.role),
        lambda w: _in_role(w, "bad", f"arn:aws:iam::{w.account}:role/nobody"),
    ),
    Case(
        "scheduler.dates",
        "ValidationException",
        lambda w: w.schedule("good", StartDate="2030-01-01T00:00:00Z", EndDate="2030-02-01T00:00:00Z"),
        lambda w: w.schedule("bad", StartDate="2030-02-01T00:00:00Z", EndDate="2030-01-01T00:00:00Z"),
    ),
    Case(
        "scheduler.limits",
        "ValidationException",
        lambda w: w.schedule("s" * 64),
        lambda w: w.schedule("s" * 65),
    ),
    Case(
        "scheduler.limits",
        "ValidationException",
        lambda w: w.schedule("good", State="DISABLED"),
        lambda w: w.schedule("bad", State="ASLEEP"),
    ),
    Case("ssm.name-characters", "ValidationException", _parameter, lambda w: _parameter(w, "/class/one two")),
    Case("ssm.name-path", "ValidationException", lambda w: _parameter(w, "one"), lambda w: _parameter(w, "class/one")),
    Case(
        "ssm.levels",
        "HierarchyLevelLimitExceededException",
        lambda w: _parameter(w, "/a" * 15),
        lambda w: _parameter(w, "/a" * 16),
    ),
    Case(
        "ssm.value-size",
        "ValidationException",
        lambda w: _parameter(w, value="v" * 4096),
        lambda w: _parameter(w, "/class/two", "v" * 4097),
    ),
    Case(
        "ssm.type-stays",
        "HierarchyTypeMismatchException",
        lambda w: (_parameter(w), _parameter(w, Overwrite=True)),
        lambda w: _parameter(w, Overwrite=True, Type="SecureString"),
    ),
    Case("ssm.limits", "ValidationException", _parameter, lambda w: _parameter(w, "/class/two", Type="Text")),
    Case(
        "budgets.email",
        "InvalidParameterException",
        lambda w: _budget(w, "good"),
        lambda w: _budget(w, "bad", email="you"),
    ),
    Case(
        "budgets.limit",
        "InvalidParameterException",
        lambda w: _budget(w, "good", amount="0.5"),
        lambda w: _budget(w, "bad", amount="-20"),
    ),
    Case(
        "budgets.limits",
        "InvalidParameterException",
        lambda w: _budget(w, "b" * 100),
        lambda w: _budget(w, "b" * 101),
    ),
    Case(
        "logs.limits",
        "InvalidParameterException",
        lambda w: w.logs.create_log_group(logGroupName="/class/one"),
        lambda w: w.logs.create_log_group(logGroupName="one two"),
    ),
)
