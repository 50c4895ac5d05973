"""`lab doctor`: what would make a deploy fail, found before it does."""

import json
import os
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any
from unittest.mock import Mock

import boto3
import pytest
from typer.testing import CliRunner

from lab.cli import app
from lab.doctor.command import deployed_zones
from lab.doctor.findings import Finding, look_before_deploy
from lab.template.deployed import Deployed

Template = Callable[..., dict[str, Any]]
# What a stack with the default settings holds, by its logical ids in the template.
IMAGE, ADDRESS = "Ubuntu2604Amd64", "BastionElasticIpE50486BA"
ZONES = ("ap-northeast-1a", "ap-northeast-1c")
TOOLS = {"node": "v24.1.0", "cdk": "2.1148.1"}


class Account:
    """A session whose AWS says what it is told to."""

    region_name = "ap-northeast-1"

    def __init__(
        self,
        *,
        arn: str = "arn:aws:iam::1:user/me",
        addresses: int = 0,
        offered: str = "ac",
        held: tuple[str, ...] = (),
        running: tuple[str, ...] = (),
        moved: bool = False,
        plan: str | None = "PAID",
        eligible: tuple[str, ...] = ("t3.micro",),
    ) -> None:
        summaries = [
            {"LogicalResourceId": each, "PhysicalResourceId": f"physical-{each}", "ResourceStatus": "CREATE_COMPLETE"}
            for each in held
        ]
        offers = [{"Location": f"ap-northeast-1{zone}", "InstanceType": "t3.micro"} for zone in offered]
        cores = {"CpuOptions": {"CoreCount": 1, "ThreadsPerCore": 2}}
        instances: list[dict[str, Any]] = [{"InstanceType": kind, **cores} for kind in running]
        instances.append({"InstanceType": "m7i.large", **cores, "InstanceLifecycle": "spot"})
        types = [
            {"InstanceType": kind, "FreeTierEligible": kind in eligible, "VCpuInfo": {"DefaultVCpus": 2}}
            for kind in ("t3.micro", "t4g.nano", "t4g.micro")
        ]
        image = {"ParameterKey": IMAGE, "ParameterValue": "/aws/service/x", "ResolvedValue": "ami-1"}
        stack = {
            "StackName": "X",
            "CreationTime": "2026-11-24",
            "StackStatus": "CREATE_COMPLETE",
            "Parameters": [image],
        }
        self.subnets: Callable[[Any], Any] | None = None
        self.answer_by_type: Callable[[str], Any] | None = None
        self.answers: dict[str, Any] = {
            "GetCallerIdentity": {"Arn": arn, "Account": "000000000001"},
            "DescribeAvailabilityZones": {"AvailabilityZones": [{"ZoneName": zone} for zone in ZONES]},
            "DescribeInstanceTypeOfferings": {"InstanceTypeOfferings": offers},
            "DescribeInstances": {"Reservations": [{"Instances": instances}]},
            "DescribeInstanceTypes": {"InstanceTypes": types},
            "DescribeAddresses": {"Addresses": [{}] * addresses},
            "DescribeSubnets": {"Subnets": []},
            "DescribeVpcs": {"Vpcs": [{}]},
            "GetServiceQuota": {"Quota": {"Value": 5.0}},
            "ListStackResources": {"StackResourceSummaries": summaries},
            "DescribeStacks": {"Stacks": [stack]},
            "GetParameter": {"Parameter": {"Value": "ami-2" if moved else "ami-1"}},
            "GetAccountPlanState": {"accountPlanType": plan},
            "DescribeBudgets": {"Budgets": []},
        }

    def client(self, service: str, region_name: str = region_name, **_: Any) -> Any:
        client: Any = boto3.client(
            service,  # type: ignore[call-overload]
            region_name=region_name,
            aws_access_key_id="test",
            aws_secret_access_key="test",  # noqa: S106
        )
        client.meta.events.register("before-call", self._answer)
        return client

    def _answer(self, model: Any, params: Any, **_: Any) -> tuple[Mock, Any]:
        """Answer instead of AWS, whatever it is asked how often; None is a refusal."""
        answer = self.answers[model.name]
        if model.name == "DescribeInstanceTypeOfferings" and self.answer_by_type:
            answer = self.answer_by_type(params["body"]["Filter.1.Value.1"])
        if model.name == "DescribeSubnets" and self.subnets:
            answer = {"Subnets": self.subnets(params["body"])}
        if model.name == "DescribeInstanceTypes":
            asked = params["body"].values()
            answer = {"InstanceTypes": [each for each in answer["InstanceTypes"] if each["InstanceType"] in asked]}
        if answer is None:
            return Mock(status_code=400), {"Error": {"Code": "AccessDeniedException", "Message": "no"}}
        return Mock(status_code=200), answer


@pytest.fixture
def findings(
    tmp_path: Path, assembly: Callable[..., Path], monkeypatch: pytest.MonkeyPatch
) -> Callable[..., dict[str, Finding]]:
    """Give a function from an account to what the doctor finds about it, by heading; default settings."""
    shutil.copytree(assembly(), tmp_path / "cdk.out")
    monkeypatch.chdir(tmp_path)
    for name, version in TOOLS.items():
        (tmp_path / "bin" / name).parent.mkdir(exist_ok=True)
        (tmp_path / "bin" / name).write_text(f"#!/bin/sh\necho {version}\n")
        (tmp_path / "bin" / name).chmod(0o755)
    monkeypatch.setenv("PATH", f"{tmp_path / 'bin'}{os.pathsep}{os.environ['PATH']}")
    monkeypatch.delenv("AWS_ENDPOINT_URL", raising=False)
    return lambda account: {finding.about: finding for finding in look_before_deploy(account)}


def test_an_account_that_a_deploy_works_in(findings: Any) -> None:
    found = findings(Account())
    assert {finding.about for finding in found.values() if finding.verdict != "fine"} == {"NAT gateways"}
    assert found["Zones"].text == "t3.micro in ap-northeast-1a"
    assert found["NAT gateways"].verdict == "not known"
    assert found["VPCs"].text == "1 of 5 used, 1 more wanted"
    assert found["vCPUs"].text == "0 of 5 used, 2 more wanted"
    assert found["Free plan"].text == "it starts t3.micro"


def test_too_many_addresses_counting_those_that_the_stack_has(findings: Any) -> None:
    """The default takes three addresses, and the stack of this account has one of them."""
    account = Account(addresses=3, held=(ADDRESS,))
    assert findings(account)["Elastic IPs"] == Finding("Elastic IPs", "fine", "3 of 5 used, 2 more wanted")
    short = findings(Account(addresses=4, held=(ADDRESS,)))["Elastic IPs"]
    assert (short.verdict, short.text[:26]) == ("fails", "4 of 5 used, 2 more wanted")
    assert "--quota-code L-0263D0A3 --desired-value 6" in short.text


def test_a_class_takes_what_all_its_stacks_take_together(
    findings: Any, assembly: Callable[..., Path], tmp_path: Path
) -> None:
    """Each wants three addresses and has one of them. What an earlier synth left behind does not count."""
    shutil.copytree(assembly(learners=("alice", "bob")), tmp_path / "cdk.out", dirs_exist_ok=True)
    (tmp_path / "cdk.out" / "LearningStack-carol.template.json").write_text("{}")
    found = findings(Account(addresses=3, held=(ADDRESS,)))
    assert found["VPCs"].text == "1 of 5 used, 3 more wanted"
    assert found["Elastic IPs"].text.startswith("3 of 5 used, 6 more wanted. Release what you do not need")
    assert found["vCPUs"].text.startswith("0 of 5 used, 6 more wanted. Release what you do not need, or ask for more")
    assert "--quota-code L-1216C47A --desired-value 6" in found["vCPUs"].text


def test_spot_and_other_families_count_against_other_quotas(findings: Any) -> None:
    """Among what runs is a spot instance too."""
    assert findings(Account(running=("t3.micro", "g5.xlarge")))["vCPUs"].text == "2 of 5 used, 2 more wanted"


def test_an_update_that_replaces_the_bastion_needs_the_old_and_the_new_at_once(
    findings: Any, template: Template
) -> None:
    resources = template()["Resources"]
    deployed = tuple(resources)
    running = ("t3.micro", "t3.micro")  # the bastion, and another
    assert findings(Account(held=deployed, running=running))["vCPUs"].text == "4 of 5 used, 0 more wanted"
    # The user data is another: so is the logical id.
    older = tuple(f"{each}Old" if each.startswith("BastionInstance") else each for each in deployed)
    assert findings(Account(held=older, running=running))["vCPUs"].text.startswith(
        "4 of 5 used, 2 more wanted. Release"
    )
    # Only the image is another: the logical id stays.
    moved = findings(Account(held=deployed, running=running, moved=True))["vCPUs"]
    assert (moved.verdict, moved.text[:26]) == ("fails", "4 of 5 used, 2 more wanted")


def test_the_free_plan_starts_only_some_types(findings: Any, template: Template) -> None:
    Path("cdk.out", "LearningStack.template.json").write_text(json.dumps(template(nat="instance")))
    kinds = {each["Properties"]["InstanceType"] for each in of_instances(template(nat="instance"))}
    (costly,) = kinds - {"t3.micro"}
    for plan, verdict, text in (
        (
            "FREE",
            "fails",
            f"your account is on it, and it starts no {costly} (set another nat), or go over to a paid plan",
        ),
        ("PAID", "fine", "your account is on a plan that is paid"),
    ):
        assert findings(Account(plan=plan))["Free plan"] == Finding("Free plan", verdict, text)  # type: ignore[arg-type]
    account = Account()
    account.answers["GetAccountPlanState"] = None
    assert findings(account)["Free plan"] == Finding(
        "Free plan",
        "not known",
        f"it starts no {costly} (set another nat). Whether yours is a free one: GetAccountPlanState",
    )


@pytest.mark.parametrize(
    ("settings", "verdict", "text"),
    [
        ({}, "fine", "1.95, of Ubuntu 26.04"),
        ({"ubuntu_release": "24.04"}, "fine", "1.93, of Ubuntu 24.04"),
        ({"s3fs_install": "source"}, "fine", "built from source, at the release that is pinned"),
        ({"ami_id": "ami-0123456789abcdef0"}, "not known", "ami-0123456789abcdef0 may have 1.96 or later, which is"),
    ],
)
def test_an_s3fs_that_is_slow_is_told_of(
    findings: Any, template: Template, settings: dict[str, str], verdict: str, text: str
) -> None:
    Path("cdk.out", "LearningStack.template.json").write_text(json.dumps(template(**settings)))
    found = findings(Account())["s3fs"]
    assert (found.verdict, found.text[: len(text)]) == (verdict, text)


def of_instances(template: dict[str, Any]) -> list[dict[str, Any]]:
    return [each for each in template["Resources"].values() if each["Type"] == "AWS::EC2::Instance"]


def test_who_may_not_see_budgets_is_told_that_only_the_budget_will_fail(
    findings: Any, assembly: Callable[..., Path], tmp_path: Path
) -> None:
    settings = {"monthly_budget_usd": 20, "alert_email": "you@example.com"}
    shutil.copytree(assembly(**settings), tmp_path / "cdk.out", dirs_exist_ok=True)
    assert findings(Account())["Budget"].verdict == "fine"
    account = Account()
    account.answers["DescribeBudgets"] = None
    found = findings(account)["Budget"]
    assert found.verdict == "not known"  # a deploy of LearningStack does not fail for it
    assert found.text.startswith("AWS will hardly make BudgetStack, which nothing else needs: You are not allowed")
    assert "The root user gives IAM the right to see the bill" in found.text


def test_a_deployed_stack_stays_in_its_zones(findings: Any, template: Template) -> None:
    """AWS promises no order of the region's zones, and lists those alone that have a default subnet."""
    subnets = {name: each for name, each in template()["Resources"].items() if each["Type"] == "AWS::EC2::Subnet"}
    account = Account(held=tuple(template()["Resources"]))
    there = [
        {"SubnetId": f"physical-{name}", "AvailabilityZone": f"ap-northeast-1{'ac'['Subnet2' in name]}"}
        for name in subnets
    ]
    account.subnets = lambda asked: there if "SubnetId.1" in asked else []
    assert findings(account)["Zones of LearningStack"].text == "it stays in ap-northeast-1a and ap-northeast-1c"
    default = [{"AvailabilityZone": f"ap-northeast-1{zone}"} for zone in "bc"]  # as where zone b came later
    account.answers["DescribeAvailabilityZones"]["AvailabilityZones"].append({"ZoneName": "ap-northeast-1b"})
    account.subnets = lambda asked: there if "SubnetId.1" in asked else default
    found = findings(account)["Zones of LearningStack"]
    assert (found.verdict, found.text) == (
        "fails",
        f"it is in ap-northeast-1a and ap-northeast-1c, and would move. Set -c availability_zones={','.join(ZONES)}",
    )
    pinned = template(availability_zones=ZONES)
    Path("cdk.out", "LearningStack.template.json").write_text(json.dumps(pinned))
    assert findings(account)["Zones of LearningStack"].verdict == "fine"


def test_the_zones_of_a_deployed_stack_are_a_setting(learning_stack: Deployed, tmp_path: Path) -> None:
    zones = CliRunner().invoke(app, ["zones"], catch_exceptions=False).stdout
    assert zones == "-c availability_zones=us-east-1a,us-east-1b\n"
    assert len(deployed_zones(learning_stack)) == 2
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(tmp_path)
        patch.setenv("AWS_REGION", "eu-west-3")
        assert CliRunner().invoke(app, ["zones"], catch_exceptions=False).stdout == ""  # nothing is deployed
        patch.undo()
        patch.chdir(tmp_path)
        Path("cdk.json").write_text('{"context": {"availability_zones": ["us-east-1b", "us-east-1a"]}}')
        assert CliRunner().invoke(app, ["zones"], catch_exceptions=False).stdout == ""  # that is what counts


def test_what_is_in_the_way_of_a_destroy_is_said_before_it(learning_stack: Deployed) -> None:
    def doctor() -> tuple[int, str]:
        run = CliRunner().invoke(app, ["doctor", "--destroy"], catch_exceptions=False)
        return run.exit_code, run.stdout

    ec2 = learning_stack.ec2
    clean = (0, "✓ Destroy: nothing but LearningStack's own is in its network\n")
    assert doctor() == clean
    subnet = learning_stack.outputs["PrivateSubnetIds"].split(",")[0]
    interface = ec2.create_network_interface(SubnetId=subnet, Groups=[learning_stack.outputs["DatabaseGroupId"]])
    name = interface["NetworkInterface"]["NetworkInterfaceId"]
    status, said = doctor()
    ec2.delete_network_interface(NetworkInterfaceId=name)
    assert status == 1
    assert said.startswith(f"✗ Destroy: {name} of nobody stands in learning-private-1 (")
    assert "Remove it first, or the destroy waits for it for many minutes and fails" in said
    group = ec2.create_security_group(GroupName="mine", Description="Mine", VpcId=learning_stack.outputs["VpcId"])
    status, said = doctor()
    ec2.delete_security_group(GroupId=group["GroupId"])
    assert f"the security group mine ({group['GroupId']}) is in the VPC" in said
    assert doctor() == clean


def test_a_zone_without_the_instance_type(findings: Any) -> None:
    found = findings(Account(offered="c"))["Zones"]
    assert found.verdict == "fails"
    assert found.text.startswith("ap-northeast-1a has no t3.micro. Set availability_zones to two of ap-northeast-1c")


def test_a_zone_without_the_type_of_the_nat_instance(findings: Any, template: Template) -> None:
    instances = of_instances(template(nat="instance"))
    (kind,) = {each["Properties"]["InstanceType"] for each in instances} - {"t3.micro"}
    Path("cdk.out", "LearningStack.template.json").write_text(json.dumps(template(nat="instance")))
    account = Account()
    offers = account.answers["DescribeInstanceTypeOfferings"]
    account.answer_by_type = lambda asked: offers if asked == "t3.micro" else {"InstanceTypeOfferings": []}
    found = findings(account)["Zones"]
    assert found.text == f"ap-northeast-1a has no {kind}. Set availability_zones to two of no zone, or another nat"


def test_the_root_user(findings: Any) -> None:
    found = findings(Account(arn="arn:aws:iam::1:root"))
    assert found["Credentials"].verdict == "fails"
    assert "VPCs" not in found


def test_no_permission_is_not_known(findings: Any) -> None:
    account = Account()
    account.answers["GetServiceQuota"] = None
    found = findings(account)["VPCs"]
    assert (found.verdict, found.text[:39]) == ("not known", "You are not allowed to do this: An error"[:39])


@pytest.mark.parametrize("manifest", ["", '{"artifacts": {}}', '{"artifacts": {"LearningStack": {}}}'])
def test_a_broken_assembly_is_not_known(findings: Any, tmp_path: Path, manifest: str) -> None:
    (tmp_path / "cdk.out" / "manifest.json").write_text(manifest)
    (tmp_path / "cdk.out" / "LearningStack.template.json").unlink()
    found = findings(Account())["Template"]
    assert found.verdict == "not known"
    assert found.text.startswith("so neither are zones and quotas. There is no cdk.out/")


def test_no_region(findings: Any) -> None:
    assert findings(None)["Region"].verdict == "fails"


def test_the_tools_of_this_project_are_right() -> None:
    found = {finding.about: finding for finding in look_before_deploy(None)}
    assert (found["Node.js"].verdict, found["CDK CLI"].verdict) == ("fine", "fine")


def test_tools_that_are_missing_or_wrong(findings: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    (tmp_path / "cdk").write_text("#!/bin/sh\necho 3.0.0\n")
    (tmp_path / "cdk").chmod(0o755)
    found = findings(None)
    assert found["Node.js"].text.startswith("node is not on PATH")
    assert found["CDK CLI"].text.startswith(f"{tmp_path}/cdk is 3.0.0, too old or a wrong one")
