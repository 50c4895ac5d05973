"""The local AWS as a process: where it listens, what it refuses, and what an upgrade of ministack would break."""

import ast
import json
import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import boto3
import pytest
from botocore.config import Config
from botocore.exceptions import ClientError

from lab.emulator import pinned

ROOT = Path(__file__).parents[2]
REGION = "ap-northeast-1"


class Emulator:
    """The local AWS in a process of its own, on a free port."""

    def __init__(self, state: Path) -> None:
        self.state = state
        self.session: Any = boto3.session.Session()
        self.clients: dict[tuple[str, str], Any] = {}
        with socket.socket() as probe:
            probe.bind(("127.0.0.1", 0))
            self.port: int = probe.getsockname()[1]
        self.start()

    def start(self) -> None:
        command = [sys.executable, "-m", "lab.emulator", "--port", str(self.port), "--state", str(self.state)]
        environment = {**os.environ, "AWS_REGION": REGION}
        self.process = subprocess.Popen(command, cwd=ROOT, env=environment, stderr=subprocess.PIPE, text=True)
        deadline = time.monotonic() + 20
        while self.process.poll() is None and time.monotonic() < deadline:
            with socket.socket() as probe:
                if probe.connect_ex(("127.0.0.1", self.port)) == 0:
                    return
            time.sleep(0.05)
        self.stop(signal.SIGKILL)
        pytest.fail(f"The local AWS does not start: {self.said}")

    def stop(self, how: signal.Signals = signal.SIGTERM) -> None:
        self.process.send_signal(how)
        self.said = self.process.communicate(timeout=20)[1]

    def client(self, service: str, account: str = "111111111111") -> Any:
        if (service, account) not in self.clients:
            self.clients[service, account] = self.session.client(
                service,
                region_name=REGION,
                endpoint_url=f"http://127.0.0.1:{self.port}",
                aws_access_key_id=account,
                aws_secret_access_key="local",  # noqa: S106
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
            time.sleep(0.02)

    def failures(self, name: str, account: str = "111111111111") -> str:
        events = self.client("cloudformation", account).describe_stack_events(StackName=name)["StackEvents"]
        failed = [event for event in events if event["ResourceStatus"].endswith("_FAILED")]
        return "\n".join(f"{event['LogicalResourceId']}: {event.get('ResourceStatusReason')}" for event in failed)


@pytest.fixture(scope="module")
def emulator(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Emulator]:
    running = Emulator(tmp_path_factory.mktemp("state"))
    yield running
    running.stop()


def listening_addresses(pid: int) -> set[str]:
    """Return the addresses on which a process listens, as /proc shows them: 0100007F:PORT is 127.0.0.1."""
    opened = [str(path.readlink()) for path in Path(f"/proc/{pid}/fd").iterdir()]
    inodes = {name.removeprefix("socket:[").removesuffix("]") for name in opened}
    lines = [
        line.split() for name in ("tcp", "tcp6") for line in Path(f"/proc/{pid}/net/{name}").read_text().splitlines()
    ]
    return {fields[1] for fields in lines if fields[3] == "0A" and fields[9] in inodes}


@pytest.mark.skipif(not Path("/proc/net/tcp").exists(), reason="reads Linux's /proc")
def test_listens_on_the_loopback_address_alone(emulator: Emulator) -> None:
    assert listening_addresses(emulator.process.pid) == {f"0100007F:{emulator.port:04X}"}


@pytest.mark.parametrize(
    ("resource_type", "properties", "path"),
    [
        ("AWS::EC2::EIP", {"Domain": "vpc", "Foo": "bar"}, "Foo"),
        ("AWS::S3::Bucket", {"VersioningConfiguration": {"Foo": "bar"}}, "VersioningConfiguration.Foo"),
        ("AWS::Scheduler::Schedule", {"Target": {"DeadLetterConfig": {}}}, "Target.DeadLetterConfig"),
        ("AWS::Budgets::Budget", {"Budget": {"CostFilters": {}}}, "Budget.CostFilters"),
        ("AWS::EC2::Instance", {"BlockDeviceMappings": [{"Ebs": {"Foo": 1}}]}, "BlockDeviceMappings.Ebs.Foo"),
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
    assert time.monotonic() - started < 5
    assert emulator.process.returncode == 0
    assert emulator.said == ""


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
    """Start as `python -m lab.emulator` does, with a guard that expects another ministack."""
    program = (
        "import runpy, sys; from lab.emulator import pinned; pinned.MINISTACK = '9.9.9'; "
        f"sys.argv = ['emulator', '--port', '1', '--state', {str(tmp_path)!r}]; "
        "runpy.run_module('lab.emulator', run_name='__main__')"
    )
    ended = subprocess.run([sys.executable, "-c", program], cwd=ROOT, capture_output=True, text=True, check=False)
    assert ended.returncode == 1
    assert ended.stderr.count("\n") == 1
    assert "needs ministack 9.9.9, but 1.5.33 is installed" in ended.stderr


def test_guards_every_private_part_that_it_uses() -> None:
    used = set()
    for path in (ROOT / "lab" / "emulator").glob("*.py"):
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
