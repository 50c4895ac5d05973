"""Whoever may look at a part sees that part, and what permission the rest takes."""

import json
from typing import Any

import pytest
from botocore.client import BaseClient
from botocore.exceptions import ClientError
from typer.testing import CliRunner, Result

from lab.cli import app
from lab.template.deployed import Deployed


def refusing(monkeypatch: pytest.MonkeyPatch, operation: str, **given: str) -> None:
    """Let AWS refuse an operation, or only that with these parameters."""
    asks = BaseClient._make_api_call  # type: ignore[attr-defined]

    def call(client: Any, asked: str, parameters: dict[str, Any]) -> Any:
        if asked == operation and given.items() <= parameters.items():
            message = f"User: me is not authorized to perform: x:{operation}"
            raise ClientError({"Error": {"Code": "AccessDenied", "Message": message}}, operation)
        return asks(client, asked, parameters)

    monkeypatch.setattr(BaseClient, "_make_api_call", call)


def lab(*words: str) -> Result:
    return CliRunner().invoke(app, words, catch_exceptions=False)


def test_a_claim_that_may_not_be_looked_at_fails_alone(
    learning_stack: Deployed, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert learning_stack.outputs
    refusing(monkeypatch, "DescribeFlowLogs")
    verdicts = json.loads(lab("verify", "--json").stdout)
    failing = [verdict for verdict in verdicts if not verdict["holds"]]
    assert len(verdicts) > 30
    assert len(failing) == 1
    assert "not authorized to perform: x:DescribeFlowLogs" in failing[0]["surplus"][0]


def test_a_stack_beside_that_may_not_be_looked_at_is_named(
    learning_stack: Deployed, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert learning_stack.outputs
    refusing(monkeypatch, "DescribeStacks", StackName="OperatorsStack")
    run = lab("verify", "--json")
    assert len(json.loads(run.stdout)) > 30
    assert run.stderr.startswith("OperatorsStack is not looked at: You are not allowed to do this: ")


def test_an_exercise_that_may_not_be_looked_at_is_open_and_says_why(
    learning_stack: Deployed, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert learning_stack.outputs
    refusing(monkeypatch, "DescribeVpcs")
    found = json.loads(lab("exercise", "--json").stdout)
    assert len(found) > 5
    route = next(each for each in found if 3 in each["chapters"])
    assert route["missing"].startswith("Cannot be looked at: You are not allowed to do this: ")
    assert len([each for each in found if each["missing"].startswith("Cannot be looked at")]) < len(found)
