"""`lab connect`: what is missing is said before anything is started."""

import stat
from dataclasses import replace
from pathlib import Path
from typing import Any

import boto3
import pytest
from botocore.stub import Stubber
from cryptography.hazmat.primitives import serialization

from lab.bastion.connection import (
    KEY_FILE,
    require_running,
    session_command,
    ssh_command,
    wait_for_agent,
    write_key,
)
from lab.bastion.machine import find_bastion
from lab.template.deployed import Deployed
from lab.terminal.problem import ProblemError


def program(folder: Path, name: str, says: str = "") -> None:
    (folder / name).write_text(f"#!/bin/sh\necho '{says}'\n")
    (folder / name).chmod(0o755)


def test_ssh_with_the_key_of_the_bastion(
    learning_stack: Deployed, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    program(tmp_path, "ssh")
    monkeypatch.setenv("PATH", str(tmp_path))
    bastion = find_bastion(learning_stack.ec2)
    command = ssh_command(bastion, learning_stack.ec2, learning_stack.ssm)
    assert command[-1] == f"ubuntu@{learning_stack.outputs['BastionAddress']}"
    assert command[1:3] == ["-i", str(KEY_FILE)]
    key = serialization.load_ssh_private_key(KEY_FILE.read_bytes(), None)
    public = key.public_key().public_bytes(serialization.Encoding.OpenSSH, serialization.PublicFormat.OpenSSH)
    [pair] = learning_stack.ec2.describe_key_pairs(KeyNames=[bastion.key_name], IncludePublicKey=True)["KeyPairs"]
    assert pair["PublicKey"].split()[:2] == public.decode().split()


def test_a_closed_port_is_said_and_no_key_is_fetched(
    learning_stack: Deployed, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The group of databases lets nobody in on port 22."""
    monkeypatch.chdir(tmp_path)
    program(tmp_path, "ssh")
    monkeypatch.setenv("PATH", str(tmp_path))
    bastion = replace(find_bastion(learning_stack.ec2), groups=(learning_stack.outputs["DatabaseGroupId"],))
    with pytest.raises(ProblemError, match="Port 22 of the bastion is open to nobody"):
        ssh_command(bastion, learning_stack.ec2, learning_stack.ssm)
    assert not KEY_FILE.exists()


def test_the_key_is_for_nobody_else_even_over_a_file_that_all_may_read(tmp_path: Path) -> None:
    file = tmp_path / "key.pem"
    file.write_text("old and longer than the new one")
    file.chmod(0o644)
    write_key(file, "new")
    assert file.read_text() == "new\n"
    assert stat.S_IMODE(file.stat().st_mode) == 0o600


@pytest.mark.parametrize(
    ("programs", "said"),
    [
        ({}, "wants the AWS CLI version 2, which is not on PATH"),
        ({"aws": "aws-cli/1.44.0 Python/3.11"}, "wants the AWS CLI version 2"),
        ({"aws": "aws-cli/2.36.1 Python/3.14"}, "wants AWS's plugin for the AWS CLI"),
    ],
)
def test_what_session_manager_lacks(
    programs: dict[str, str], said: str, learning_stack: Deployed, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name, says in programs.items():
        program(tmp_path, name, says)
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(ProblemError, match=said):
        session_command(find_bastion(learning_stack.ec2), "us-east-1")


def test_session_manager(learning_stack: Deployed, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    program(tmp_path, "aws", "aws-cli/2.36.1 Python/3.14")
    program(tmp_path, "session-manager-plugin")
    monkeypatch.setenv("PATH", str(tmp_path))
    bastion = find_bastion(learning_stack.ec2)
    command = session_command(bastion, "us-east-1")
    assert " ".join(command) == f"{tmp_path}/aws ssm start-session --region us-east-1 --target {bastion.id}"


def test_a_stopped_bastion(learning_stack: Deployed) -> None:
    bastion = replace(find_bastion(learning_stack.ec2), state="stopped")
    with pytest.raises(ProblemError, match=r"is stopped\. Start it with: python -m lab start"):
        require_running(bastion)


def answers(monkeypatch: pytest.MonkeyPatch, *statuses: str) -> Any:
    """Return a client of Systems Manager that tells these states of the agent, one after the other."""
    monkeypatch.setattr("lab.bastion.connection.AGAIN_SECONDS", 0)
    ssm = boto3.client("ssm", region_name="us-east-1", aws_access_key_id="test", aws_secret_access_key="test")  # noqa: S106
    stub = Stubber(ssm)
    for status in statuses:
        found = [{"InstanceId": "i-0123", "PingStatus": status}] if status else []
        stub.add_response("describe_instance_information", {"InstanceInformationList": found})
    stub.activate()
    return ssm, stub


def test_it_waits_until_the_agent_is_online(learning_stack: Deployed, monkeypatch: pytest.MonkeyPatch) -> None:
    ssm, stub = answers(monkeypatch, "", "ConnectionLost", "Online")
    wait_for_agent(find_bastion(learning_stack.ec2), ssm)
    stub.assert_no_pending_responses()


def test_an_agent_that_stays_away_is_said(learning_stack: Deployed, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("lab.bastion.connection.AGENT_SECONDS", -1)
    ssm, _ = answers(monkeypatch, "ConnectionLost")
    with pytest.raises(ProblemError, match=r"is not online after .* python -m lab boot-log"):
        wait_for_agent(find_bastion(learning_stack.ec2), ssm)


def test_who_may_not_ask_for_the_agent_is_not_kept_waiting(
    learning_stack: Deployed, monkeypatch: pytest.MonkeyPatch
) -> None:
    ssm, stub = answers(monkeypatch)
    stub.add_client_error("describe_instance_information", "AccessDeniedException")
    wait_for_agent(find_bastion(learning_stack.ec2), ssm)
