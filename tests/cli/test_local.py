"""`lab local`, as a person uses it: the real CDK CLI deploys, updates and destroys on a real server."""

import json
import os
import re
import shutil
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

import boto3
import psutil
import pytest

from lab.local_aws import lifecycle
from tests.cli.running import lab_here
from tests.conftest import ROOT

NOISE = re.compile("warn|deprecat|notice|npm|jsii|traceback|error|telemetry|✗", re.IGNORECASE)
BUDGET = "-c monthly_budget_usd=20 -c alert_email=you@example.com"
# What is set for somebody's real account, or leads somewhere else. Nothing answers at that address.
DEAD = "http://127.0.0.1:9"
HOSTILE = {
    **dict.fromkeys(("HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY", "http_proxy", "https_proxy"), DEAD),
    **dict.fromkeys(("AWS_ENDPOINT_URL", "AWS_ENDPOINT_URL_S3", "AWS_ENDPOINT_URL_CLOUDFORMATION"), DEAD),
    **dict.fromkeys(
        ("AWS_IGNORE_CONFIGURED_ENDPOINT_URLS", "AWS_USE_FIPS_ENDPOINT", "AWS_USE_DUALSTACK_ENDPOINT"), "true"
    ),
    "AWS_PROFILE": "work",
    "AWS_SESSION_TOKEN": "of-another-session",
    "AWS_CREDENTIAL_EXPIRATION": "2020-01-01T00:00:00Z",
    "AWS_REGION": "eu-north-1",
    "AWS_CA_BUNDLE": "/nonexistent",
    "AWS_MAX_ATTEMPTS": "none",
}


# The CDK CLI looks at its change set every five seconds, and at a stack every two: here it looks often.
LOOK_OFTEN = """
const later = setTimeout;
setTimeout = (call, delay, ...more) => later(call, delay === 5000 || delay === 2000 ? 50 : delay, ...more);
"""


class Project:
    """A copy of the project, so that nobody's own local AWS is touched."""

    first_output: str
    refusal: str

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        for name in ("app.py", "cdk.json", "stacks", "constructs_lib", "lab"):
            copy: Any = shutil.copytree if (ROOT / name).is_dir() else shutil.copy
            copy(ROOT / name, folder / name)
        self.environment = {name: value for name, value in os.environ.items() if not name.startswith(("AWS_", "CDK_"))}
        path = f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"
        self.environment |= {"PATH": path, "COLUMNS": "200", "HOME": str(folder / "home"), **HOSTILE}
        (folder / "often.js").write_text(LOOK_OFTEN)
        self.environment["NODE_OPTIONS"] = f"--require {folder / 'often.js'}"

    def start(self, *command: str, start_new_session: bool = False) -> subprocess.Popen[str]:
        return subprocess.Popen(
            command,
            cwd=self.folder,
            env=self.environment,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            start_new_session=start_new_session,
        )

    def run(self, *command: str, status: int = 0) -> str:
        with self.start(*command) as process:
            printed, _ = process.communicate(timeout=300)
        assert process.returncode == status, printed
        return printed

    def lab(self, *words: str, status: int = 0) -> str:
        return self.run(sys.executable, "-m", "lab", *words, status=status)

    def lab_here(self, *words: str, status: int = 0, environment: dict[str, str] | None = None) -> str:
        """Run a command of the lab in this process, which saves half a second."""
        ended = lab_here(*words, folder=self.folder, environment=environment or self.environment)
        assert ended.status == status, ended
        return ended.out + ended.err

    def sourced(self) -> dict[str, str]:
        """Return the environment of a shell that is pointed at the local AWS."""
        return dict(line.split("=", 1) for line in self.in_shell("env -0").split("\0") if line)

    def in_shell(self, command: str, status: int = 0) -> str:
        """Run a command in a shell that is pointed at the local AWS, as the README says."""
        return self.run("bash", "-c", f"source .local-aws/env && {command}", status=status)

    def client(self, service: str) -> Any:
        with self.at_home():
            server = lifecycle.running()
            assert server
            environment = lifecycle.environment(server)
        return boto3.client(
            service,  # type: ignore[call-overload]
            endpoint_url=server.endpoint,
            region_name=environment["AWS_REGION"],
            aws_access_key_id=environment["AWS_ACCESS_KEY_ID"],
            aws_secret_access_key=environment["AWS_SECRET_ACCESS_KEY"],
        )

    @contextmanager
    def at_home(self) -> Iterator[None]:
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(lifecycle, "HOME", self.folder / ".local-aws")
            yield

    def server(self) -> lifecycle.Server:
        with self.at_home():
            server = lifecycle.running()
        assert server
        return server

    def processes(self) -> list[str]:
        """Return what runs on behalf of this copy."""
        found = []
        for process in psutil.process_iter():
            with suppress(psutil.Error):
                words = " ".join(process.cmdline())
                if str(self.folder) in words or process.cwd().startswith(str(self.folder)):
                    found.append(words)
        return found

    def outputs(self) -> dict[str, str]:
        stack = self.client("cloudformation").describe_stacks(StackName="LearningStack")["Stacks"][0]
        return {output["OutputKey"]: output["OutputValue"] for output in stack["Outputs"]}

    def last_event(self) -> str:
        """Return the id of what last happened to the stack: another one after each change."""
        events = self.client("cloudformation").describe_stack_events(StackName="LearningStack")["StackEvents"]
        return str(events[0]["EventId"])


@pytest.fixture(scope="module")
def project(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Project]:
    """Deploy once, by one of two commands that begin together; the tests below go on from there, in their order."""
    project = Project(tmp_path_factory.mktemp("project"))
    both = [project.start(sys.executable, "-m", "lab", "local", "up") for _ in range(2)]
    printed = [each.communicate(timeout=300)[0] for each in both]
    assert sorted(each.returncode for each in both) == [0, 1], printed
    project.first_output, project.refusal = sorted(printed, key=len, reverse=True)
    yield project
    project.lab_here("local", "down", "--clean")
    assert not (project.folder / ".local-aws").exists()


def test_up_deploys_and_proves_every_claim_without_noise(project: Project) -> None:
    printed = project.first_output
    assert re.search(r"^(\d+) of \1 claims hold\.$", printed, re.MULTILINE)
    assert re.search(r"^Local AWS at http://127.0.0.1:\d+, in eu-north-1: no account", printed, re.MULTILINE)
    assert not NOISE.search(printed), printed


def test_of_two_at_once_the_second_is_refused(project: Project) -> None:
    assert project.refusal.startswith("Another make local runs here, process ")
    assert project.refusal.count("\n") == 1


def test_what_was_deployed_survives_a_restart_on_the_same_address(project: Project) -> None:
    before, event = project.server(), project.last_event()
    assert project.lab("local", "down") == "The local AWS is stopped.\n"
    assert project.lab_here("local", "status") == "The local AWS is not running. Start it with: make local\n"
    printed = project.lab("local", "up")
    assert not NOISE.search(printed)
    assert project.server().port == before.port
    assert project.server().process != before.process
    assert "LearningStack: CREATE_COMPLETE" in project.lab_here("local", "status")
    assert project.last_event() == event  # nothing had to be deployed again


def test_changed_settings_update_the_stack_though_the_server_was_killed(project: Project) -> None:
    """CloudFormation keeps the old value of a parameter that it knows, so another image must be another parameter."""
    vpc = project.outputs()["VpcId"]
    project.server().process.kill()
    changed = ("nat=single", "admin_cidr=203.0.113.7/32", "stop_at=19:00", "start_at=09:00", "time_zone=Asia/Tokyo")
    image = ("instance_type=t4g.micro", "ubuntu_release=24.04", "ami_serial=20260615")
    printed = project.lab("local", "up", *(word for setting in (*changed, *image) for word in ("-c", setting)))
    assert re.search(r"^(\d+) of \1 claims hold\.$", printed, re.MULTILINE)
    available = [{"Name": "state", "Values": ["available"]}]
    assert len(project.client("ec2").describe_nat_gateways(Filters=available)["NatGateways"]) == 1
    assert "LearningStack: UPDATE_COMPLETE" in project.lab_here("local", "status")
    assert project.outputs()["VpcId"] == vpc  # it is the stack that was there
    instance_id = project.outputs()["InstanceId"]
    instance = project.client("ec2").describe_instances(InstanceIds=[instance_id])["Reservations"][0]["Instances"][0]
    wanted = "/aws/service/canonical/ubuntu/server/24.04/stable/20260615/arm64/hvm/ebs-gp3/ami-id"
    assert instance["ImageId"] == project.client("ssm").get_parameter(Name=wanted)["Parameter"]["Value"]
    assert instance["Architecture"] == "arm64"


def test_operators_and_a_budget_are_stacks_of_their_own(project: Project) -> None:
    before = project.last_event()
    settings = f"-c operators=alice,bob {BUDGET}"
    project.in_shell(f"cdk deploy OperatorsStack BudgetStack {settings} --require-approval never")
    assert project.last_event() == before
    verdicts = json.loads(project.in_shell("python -m lab verify --json"))
    assert all(verdict["holds"] for verdict in verdicts)
    assert any(verdict["chapter"].startswith("4") for verdict in verdicts)
    assert any(verdict["id"] == "budget-mails" for verdict in verdicts)


def test_verify_says_what_was_expected_and_found_and_fails(project: Project) -> None:
    name = project.outputs()["BucketName"]
    s3 = project.client("s3")
    s3.put_bucket_versioning(Bucket=name, VersioningConfiguration={"Status": "Suspended"})
    printed = project.lab_here("verify", status=1, environment=project.sourced())
    assert "expected: Enabled" in printed
    assert "found: Suspended" in printed
    assert f"\n  aws s3api get-bucket-versioning --bucket {name}\n" in printed
    s3.put_bucket_versioning(Bucket=name, VersioningConfiguration={"Status": "Enabled"})


def test_wrong_settings_are_told_in_one_line_and_stop_nothing(project: Project) -> None:
    printed = project.lab("local", "up", "-c", "nat=two", status=1)
    assert "nat: 'two' must be one of per-az, single, regional, instance, none" in printed
    assert "Traceback" not in printed
    assert "UPDATE_COMPLETE" in project.lab_here("local", "status")


def test_destroy_keeps_the_buckets_and_their_files_until_they_are_removed(project: Project) -> None:
    outputs = project.outputs()
    s3 = project.client("s3")
    s3.put_object(Bucket=outputs["BucketName"], Key="diary.txt", Body=b"today")
    s3.delete_object(Bucket=outputs["BucketName"], Key="diary.txt")
    s3.put_object(Bucket=outputs["BucketName"], Key="letter.txt", Body=b"dear reader")

    project.in_shell(f"cdk destroy LearningStack OperatorsStack BudgetStack {BUDGET} --force")

    ec2 = project.client("ec2")
    assert not [vpc for vpc in ec2.describe_vpcs()["Vpcs"] if vpc["CidrBlock"] == "10.0.0.0/16"]
    assert not ec2.describe_addresses()["Addresses"]
    assert [user["UserName"] for user in project.client("iam").list_users()["Users"]] == ["administrator"]
    assert s3.get_object(Bucket=outputs["BucketName"], Key="letter.txt")["Body"].read() == b"dear reader"
    shell = project.sourced()
    assert "There is no stack LearningStack" in project.lab_here("verify", status=1, environment=shell)

    project.lab_here("cleanup", "--yes", "--stack", "LearningStack", environment=shell)
    assert not s3.list_buckets()["Buckets"]
