"""`lab doctor`: what would make a deploy fail, found before it does."""

import json
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import boto3
import pytest
from botocore.stub import Stubber

from lab.doctor.findings import Finding, look

Template = Callable[..., dict[str, Any]]


class Account:
    """A session whose AWS says what it is told to."""

    region_name = "ap-northeast-1"

    def __init__(self, *, arn: str = "arn:aws:iam::1:user/me", addresses: int = 0, offered: str = "ac") -> None:
        zones = ["ap-northeast-1a", "ap-northeast-1c"]
        held = [
            {"LogicalResourceId": "A", "ResourceType": "AWS::EC2::EIP", "ResourceStatus": "CREATE_COMPLETE"}
            | {"LastUpdatedTimestamp": "2026-11-24"}
        ]
        offers = [{"Location": f"ap-northeast-1{zone}", "InstanceType": "t3.micro"} for zone in offered]
        quota = {"Quota": {"Value": 5.0}}
        self.answers: dict[str, list[tuple[str, Any]]] = {
            "sts": [("get_caller_identity", {"Arn": arn})],
            "ec2": [
                ("describe_availability_zones", {"AvailabilityZones": [{"ZoneName": zone} for zone in zones]}),
                ("describe_instance_type_offerings", {"InstanceTypeOfferings": offers}),
                ("describe_addresses", {"Addresses": [{}] * addresses}),
                ("describe_vpcs", {"Vpcs": [{}]}),
            ],
            "service-quotas": [("get_service_quota", quota)],
            "cloudformation": [("list_stack_resources", {"StackResourceSummaries": held})],
        }

    def client(self, service: str, **_: Any) -> Any:
        client: Any = boto3.client(
            service,  # type: ignore[call-overload]
            region_name=self.region_name,
            aws_access_key_id="test",
            aws_secret_access_key="test",  # noqa: S106
        )
        stub = Stubber(client)
        for operation, response in self.answers[service]:
            if response is None:
                stub.add_client_error(operation, "AccessDenied")
            else:
                stub.add_response(operation, response)
        stub.activate()
        return client


@pytest.fixture
def findings(
    tmp_path: Path, assembly: Callable[..., Path], monkeypatch: pytest.MonkeyPatch
) -> Callable[..., dict[str, Finding]]:
    """Give a function from an account to what the doctor finds about it, by heading; default settings."""
    shutil.copytree(assembly(), tmp_path / "cdk.out")
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("AWS_ENDPOINT_URL", raising=False)
    return lambda account: {finding.about: finding for finding in look(account)}


def test_an_account_that_a_deploy_works_in(findings: Any) -> None:
    found = findings(Account())
    assert {finding.about for finding in found.values() if finding.verdict != "fine"} == {"NAT gateways"}
    assert found["Zones"].text == "t3.micro in ap-northeast-1a"
    assert found["NAT gateways"].verdict == "not known"
    assert found["VPCs"].text == "1 of 5 used, 1 more wanted"


def test_too_many_addresses_counting_those_that_the_stack_has(findings: Any) -> None:
    """The default takes three addresses, and the stack of this account has one of them."""
    assert findings(Account(addresses=3))["Elastic IPs"] == Finding("Elastic IPs", "fine", "3 of 5 used, 2 more wanted")
    short = findings(Account(addresses=4))["Elastic IPs"]
    assert (short.verdict, short.text[:26]) == ("fails", "4 of 5 used, 2 more wanted")
    assert "--quota-code L-0263D0A3 --desired-value 6" in short.text


def test_a_class_takes_what_all_its_stacks_take_together(
    findings: Any, assembly: Callable[..., Path], tmp_path: Path
) -> None:
    """Each wants three addresses and has one of them. What an earlier synth left behind does not count."""
    shutil.copytree(assembly(learners=("alice", "bob")), tmp_path / "cdk.out", dirs_exist_ok=True)
    (tmp_path / "cdk.out" / "LearningStack-carol.template.json").write_text("{}")
    found = findings(Account(addresses=3))
    assert found["VPCs"].text == "1 of 5 used, 3 more wanted"
    assert found["Elastic IPs"].text.startswith("3 of 5 used, 6 more wanted. Release what you do not need")


def test_a_zone_without_the_instance_type(findings: Any) -> None:
    found = findings(Account(offered="c"))["Zones"]
    assert found.verdict == "fails"
    assert found.text.startswith("ap-northeast-1a has no t3.micro. Set availability_zones to two of ap-northeast-1c")


def test_a_zone_without_the_type_of_the_nat_instance(findings: Any, template: Template) -> None:
    account = Account()
    offers = account.answers["ec2"].pop(1)
    Path("cdk.out", "LearningStack.template.json").write_text(json.dumps(template(nat="instance")))
    account.answers["ec2"][1:1] = [offers, (offers[0], {"InstanceTypeOfferings": []})]
    found = findings(account)["Zones"]
    assert found.text == "ap-northeast-1a has no t4g.micro. Set availability_zones to two of no zone, or another nat"


def test_the_root_user(findings: Any) -> None:
    found = findings(Account(arn="arn:aws:iam::1:root"))
    assert found["Credentials"].verdict == "fails"
    assert "VPCs" not in found


def test_no_permission_is_not_known(findings: Any) -> None:
    account = Account()
    account.answers["service-quotas"] = [("get_service_quota", None)]
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


def test_tools_that_are_missing_or_wrong(findings: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    (tmp_path / "cdk").write_text("#!/bin/sh\necho 3.0.0\n")
    (tmp_path / "cdk").chmod(0o755)
    found = findings(None)
    assert found["Node.js"].text.startswith("node is not on PATH")
    assert found["CDK CLI"].text.startswith(f"{tmp_path}/cdk is 3.0.0, too old or a wrong one")
