"""What `lab verify` proves in a real account alone, against an account that says what it is told to."""

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from botocore.client import BaseClient

from lab.checks import real_account, run
from lab.checks.check import CHECKS
from lab.template.deployed import Deployed

REAL = {check.id for check in CHECKS["LearningStack"] if check.when is real_account.in_a_real_account}
CHOSEN = {"agent-is-online", "first-boot-was-reported", "flow-log-is-delivered", "access-log-is-delivered"}


class Told:
    """Answers of AWS, by their operations; what is not here, the local AWS answers."""

    def __init__(self, stack: Deployed) -> None:
        instance, flow_log = stack.outputs["InstanceId"], stack.one("AWS::EC2::FlowLog").id
        event = {"ResourceStatusReason": f"Received SUCCESS signal with UniqueId {instance}"}
        day = f"{datetime.now(UTC):%Y/%m/%d}"
        key = f"vpc-flow-logs/AWSLogs/000000000000/vpcflowlogs/us-east-1/{day}/x_{flow_log}_y.log.gz"
        self.answers: dict[str, Any] = {
            "DescribeInstanceInformation": {"InstanceInformationList": [{"PingStatus": "Online"}]},
            "DescribeStackEvents": {"StackEvents": [{}, event]},
            "DescribeFlowLogs": {"FlowLogs": [{"CreationTime": datetime.now(UTC) - timedelta(hours=1)}]},
            "ListObjectsV2": {"KeyCount": 1, "Contents": [{"Key": key}]},
        }


@pytest.fixture
def told(learning_stack: Deployed, monkeypatch: pytest.MonkeyPatch) -> Told:
    it = Told(learning_stack)
    asks = BaseClient._make_api_call  # type: ignore[attr-defined]
    monkeypatch.setattr(
        BaseClient,
        "_make_api_call",
        lambda client, name, asked: it.answers[name] if name in it.answers else asks(client, name, asked),
    )
    monkeypatch.setattr(real_account, "is_local", lambda: False)
    return it


@contextmanager
def made(stack: Deployed, ago: timedelta) -> Iterator[None]:
    before = stack.description["CreationTime"]
    stack.description["CreationTime"] = datetime.now(UTC) - ago
    yield
    stack.description["CreationTime"] = before


def failing(stack: Deployed) -> set[str]:
    with made(stack, timedelta(days=2)):
        verdicts = {verdict.check.id: verdict for verdict in run(stack)}
    assert verdicts.keys() >= REAL
    return {name for name in REAL if not verdicts[name].holds}


def test_the_local_aws_claims_none_of_it(learning_stack: Deployed) -> None:
    assert REAL == CHOSEN
    assert not REAL & {verdict.check.id for verdict in run(learning_stack)}


def test_all_of_it_holds_where_all_is_well(learning_stack: Deployed, told: Told) -> None:
    assert told.answers
    assert failing(learning_stack) == set()


@pytest.mark.parametrize(
    ("operation", "answer", "broken"),
    [
        ("DescribeInstanceInformation", {"InstanceInformationList": []}, {"agent-is-online"}),
        (
            "DescribeInstanceInformation",
            {"InstanceInformationList": [{"PingStatus": "ConnectionLost"}]},
            {"agent-is-online"},
        ),
        ("DescribeStackEvents", {"StackEvents": [{}]}, {"first-boot-was-reported"}),
        (
            "DescribeStackEvents",  # of the one before it
            {"StackEvents": [{"ResourceStatusReason": "Received SUCCESS signal with UniqueId i-0123456789abcdef0"}]},
            {"first-boot-was-reported"},
        ),
        ("ListObjectsV2", {"KeyCount": 0}, {"flow-log-is-delivered", "access-log-is-delivered"}),
        ("ListObjectsV2", {"KeyCount": 1, "Contents": [{"Key": "x_fl-older_y.log.gz"}]}, {"flow-log-is-delivered"}),
    ],
)
def test_exactly_what_is_not_so_fails(
    learning_stack: Deployed, told: Told, operation: str, answer: Any, broken: set[str]
) -> None:
    told.answers[operation] = answer
    assert failing(learning_stack) == broken


def test_what_failed_at_first_fails_and_what_is_not_due_does_not(learning_stack: Deployed, told: Told) -> None:
    instance = learning_stack.outputs["InstanceId"]
    told.answers["DescribeStackEvents"] = {
        "StackEvents": [{"ResourceStatusReason": f"Received FAILURE signal with UniqueId {instance}"}]
    }
    assert failing(learning_stack) == {"first-boot-was-reported"}
    told.answers["ListObjectsV2"] = {"KeyCount": 0}
    told.answers["DescribeFlowLogs"] = {"FlowLogs": [{"CreationTime": datetime.now(UTC) - timedelta(minutes=5)}]}
    with made(learning_stack, timedelta(minutes=20)):
        holds = {verdict.check.id: verdict.holds for verdict in run(learning_stack)}
    assert holds["flow-log-is-delivered"]
    assert holds["access-log-is-delivered"]
