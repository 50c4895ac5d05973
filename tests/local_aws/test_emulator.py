"""The local AWS as a process: where it listens, what it refuses, and what an upgrade of ministack would break."""

import ast
import json
import subprocess
import sys
import time
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import boto3
import psutil
import pytest
from botocore.config import Config
from botocore.exceptions import ClientError

from lab.local_aws import lifecycle, pinned
from tests.conftest import ROOT
from tests.pace import slowness

REGION = "ap-northeast-1"


class Emulator:
    """The local AWS in a folder of its own."""

    def __init__(self, folder: Path, *, quotas: Sequence[str] = ()) -> None:
        self.folder = folder
        self.quotas = quotas
        self.clients: dict[tuple[str, str], Any] = {}
        self.start()

    def start(self) -> None:
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(lifecycle, "HOME", self.folder)
            self.server = lifecycle.start(quotas=self.quotas)
            self.secret_key = lifecycle.environment(self.server)["AWS_SECRET_ACCESS_KEY"]

    def stop(self) -> None:
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(lifecycle, "HOME", self.folder)
            lifecycle.stop()

    def crash(self) -> None:
        self.server.process.kill()
        self.server.process.wait()
        self.stop()

    def client(self, service: str, account: str = "111111111111") -> Any:
        if (service, account) not in self.clients:
            self.clients[service, account] = boto3.client(
                service,  # type: ignore[call-overload]
                region_name=REGION,
                endpoint_url=self.server.endpoint,
                aws_access_key_id=account,  # as ministack takes an account's root user
                aws_secret_access_key=self.secret_key,
                config=Config(retries={"total_max_attempts": 2}),  # after a restart, the open connection is gone
            )
        return self.clients[service, account]

    def wait_for_stack(self, name: str, account: str = "111111111111") -> str:
        """Return the status that an operation on a stack ends with."""
        cloudformation = self.client("cloudformation", account)
        while True:
            status = str(cloudformation.describe_stacks(StackName=name)["Stacks"][0]["StackStatus"])
            if not status.endswith("_IN_PROGRESS"):
                return status
            time.sleep(0.1)

    def failures(self, name: str, account: str = "111111111111") -> str:
        events = self.client("cloudformation", account).describe_stack_events(StackName=name)["StackEvents"]
        failed = [event for event in events if event["ResourceStatus"].endswith("_FAILED")]
        return "\n".join(f"{event['LogicalResourceId']}: {event.get('ResourceStatusReason')}" for event in failed)


@pytest.fixture(scope="module")
def emulator(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Emulator]:
    running = Emulator(tmp_path_factory.mktemp("local-aws"))
    yield running
    running.stop()


def test_listens_on_the_loopback_address_alone(emulator: Emulator) -> None:
    opened = emulator.server.process.net_connections("inet")
    assert {each.laddr for each in opened if each.status == psutil.CONN_LISTEN} == {("127.0.0.1", emulator.server.port)}


@pytest.mark.parametrize(
    ("resource_type", "properties", "path"),
    [
        ("AWS::EC2::EIP", {"Domain": "vpc", "NetworkBorderGroup": REGION}, "NetworkBorderGroup"),
        (
            "AWS::S3::Bucket",
            {"VersioningConfiguration": {"Status": "Enabled"}, "ObjectLockEnabled": True},
            "ObjectLockEnabled",
        ),
        (
            "AWS::Scheduler::Schedule",
            {
                "FlexibleTimeWindow": {"Mode": "OFF"},
                "ScheduleExpression": "rate(1 day)",
                "Target": {"Arn": "arn:aws:x", "RoleArn": "arn:aws:iam::111111111111:role/r", "DeadLetterConfig": {}},
            },
            "Target.DeadLetterConfig",
        ),
        (
            "AWS::Budgets::Budget",
            {"Budget": {"BudgetType": "COST", "TimeUnit": "MONTHLY", "CostFilters": {}}},
            "Budget.CostFilters",
        ),
        (
            "AWS::EC2::Instance",
            {"BlockDeviceMappings": [{"DeviceName": "/dev/sda1", "Ebs": {"KmsKeyId": "alias/mine"}}]},
            "BlockDeviceMappings.Ebs.KmsKeyId",
        ),
    ],
)
def test_refuses_a_property_that_it_would_ignore(
    emulator: Emulator, resource_type: str, properties: dict[str, Any], path: str
) -> None:
    name = resource_type.replace("::", "")
    template = {"Resources": {"Thing": {"Type": resource_type, "Properties": properties}}}
    emulator.client("cloudformation").create_stack(StackName=name, TemplateBody=json.dumps(template))
    assert emulator.wait_for_stack(name) == "ROLLBACK_COMPLETE"
    expected = f"Thing: {resource_type}: property {path} is not supported by the local AWS"
    assert emulator.failures(name) == expected


def test_refuses_a_filter_that_it_would_ignore(emulator: Emulator) -> None:
    with pytest.raises(ClientError, match="does not support the filter 'hypervisor'"):
        emulator.client("ec2").describe_instances(Filters=[{"Name": "hypervisor", "Values": ["nitro"]}])


def test_a_dry_run_changes_nothing_and_says_what_would_be(emulator: Emulator) -> None:
    """Ask as AWS's CommonParameters describe it: who may gets DryRunOperation, who may not UnauthorizedOperation."""
    ec2, iam = emulator.client("ec2"), emulator.client("iam")
    group_id = ec2.create_security_group(GroupName="kept", Description="kept")["GroupId"]
    for call, given in (
        (ec2.delete_security_group, {"GroupId": group_id}),
        (ec2.create_security_group, {"GroupName": "other", "Description": "other"}),
        (ec2.describe_instances, {}),
    ):
        with pytest.raises(ClientError, match="DryRunOperation") as refused:
            call(**given, DryRun=True)
        assert refused.value.response["ResponseMetadata"]["HTTPStatusCode"] == 412
    names = {group["GroupName"] for group in ec2.describe_security_groups()["SecurityGroups"]}
    assert ("kept" in names, "other" in names) == (True, False)
    iam.create_user(UserName="carol")
    given = iam.create_access_key(UserName="carol")["AccessKey"]
    carols = boto3.client(
        "ec2",
        region_name=REGION,
        endpoint_url=emulator.server.endpoint,
        aws_access_key_id=given["AccessKeyId"],
        aws_secret_access_key=given["SecretAccessKey"],
    )
    with pytest.raises(ClientError, match="UnauthorizedOperation"):
        carols.delete_security_group(GroupId=group_id, DryRun=True)


def test_does_not_delete_a_bucket_with_files(emulator: Emulator) -> None:
    template = json.dumps({"Resources": {"Bucket": {"Type": "AWS::S3::Bucket"}}})
    cloudformation, s3 = emulator.client("cloudformation"), emulator.client("s3")
    cloudformation.create_stack(StackName="files", TemplateBody=template)
    assert emulator.wait_for_stack("files") == "CREATE_COMPLETE"
    [bucket] = cloudformation.describe_stack_resources(StackName="files")["StackResources"]
    bucket_name = bucket["PhysicalResourceId"]
    s3.put_object(Bucket=bucket_name, Key="note.txt", Body=b"keep me")
    stack_id = cloudformation.describe_stacks(StackName="files")["Stacks"][0]["StackId"]

    cloudformation.delete_stack(StackName="files")
    assert emulator.wait_for_stack(stack_id) == "DELETE_FAILED"
    assert "not empty" in emulator.failures(stack_id)
    assert s3.get_object(Bucket=bucket_name, Key="note.txt")["Body"].read() == b"keep me"

    s3.delete_object(Bucket=bucket_name, Key="note.txt")
    cloudformation.delete_stack(StackName="files")
    assert emulator.wait_for_stack(stack_id) == "DELETE_COMPLETE"
    assert s3.list_buckets()["Buckets"] == []


def test_stops_quickly_and_says_nothing_of_its_own(tmp_path: Path) -> None:
    emulator = Emulator(tmp_path)
    emulator.client("ec2").describe_vpcs()
    started = time.monotonic()
    emulator.stop()
    assert time.monotonic() - started < 5 * slowness()
    assert not emulator.server.process.is_running()
    assert (tmp_path / "server.log").read_text() == ""


# --- the guard against another ministack


def test_accepts_the_ministack_it_is_pinned_to() -> None:
    pinned.check()


def test_refuses_another_version(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(pinned, "version", lambda _name: "1.6.0")
    with pytest.raises(pinned.UnsupportedMinistackError, match=r"needs ministack 1\.5\.33, but 1\.6\.0 is installed"):
        pinned.check()


def test_refuses_a_ministack_without_a_part_it_needs(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(pinned.PRIVATE, "ministack.services.ec2", ("_instances", "_gone"))
    with pytest.raises(pinned.UnsupportedMinistackError, match=r"lacks what .* uses: ministack\.services\.ec2\._gone$"):
        pinned.check()


def test_says_so_in_one_line_at_start(tmp_path: Path) -> None:
    """Start as `python -m lab.local_aws` does, with a guard that expects another ministack."""
    (tmp_path / "credentials.json").write_text('{"access_key": "a", "secret_key": "b"}')
    program = (
        "import runpy, sys; from lab.local_aws import pinned; pinned.MINISTACK = '9.9.9'; "
        f"sys.argv = ['emulator', '--port', '1', '--socket', '0', '--folder', {str(tmp_path)!r}]; "
        "runpy.run_module('lab.local_aws', run_name='__main__')"
    )
    ended = subprocess.run([sys.executable, "-c", program], cwd=ROOT, capture_output=True, text=True, check=False)
    assert ended.returncode == 1
    assert ended.stderr.count("\n") == 1
    assert "needs ministack 9.9.9, but 1.5.33 is installed" in ended.stderr


def test_guards_every_private_part_that_it_uses() -> None:
    used = set()
    for path in (ROOT / "lab" / "local_aws").rglob("*.py"):
        tree = ast.parse(path.read_text(encoding="utf-8"))
        modules = {
            alias.asname or alias.name: f"{node.module}.{alias.name}"
            for node in ast.walk(tree)
            if isinstance(node, ast.ImportFrom) and (node.module or "").startswith("ministack")
            for alias in node.names
        }
        used |= {
            f"{modules[node.value.id]}.{node.attr}"
            for node in ast.walk(tree)
            if isinstance(node, ast.Attribute) and isinstance(node.value, ast.Name) and node.value.id in modules
            if node.attr.startswith("_")
        }
    assert used == {f"{module}.{name}" for module, names in pinned.PRIVATE.items() for name in names}
