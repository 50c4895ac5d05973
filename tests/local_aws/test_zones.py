"""The region of the local AWS, and its zones."""

from pathlib import Path

import boto3
import pytest
from cfnlint.helpers import AVAILABILITY_ZONES

from lab.local_aws import lifecycle
from lab.terminal.language import speaking
from lab.terminal.problem import ProblemError
from tests.local_aws.server import local_aws_in


@pytest.mark.parametrize(("language", "region"), [("ja_JP.UTF-8", "ap-northeast-1"), ("de_DE.UTF-8", "us-east-1")])
def test_the_language_of_the_shell_chooses_the_first_region(
    language: str, region: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("LAB_LANG", "LC_ALL", "LC_MESSAGES"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("LANG", language)
    with local_aws_in(tmp_path) as server:
        assert boto3.client("ec2").meta.region_name == region
        lifecycle.settle_in(server, "eu-west-1")
        monkeypatch.setenv("LANG", "ja_JP.UTF-8")
        lifecycle.settle_in(server, "")
        assert lifecycle.environment(server)["AWS_REGION"] == "eu-west-1", "it stays where it was"
        told = r"^AWS_REGION: 'tokyo' is no region .* Example: AWS_REGION="
        with speaking("en"), pytest.raises(ProblemError, match=told):
            lifecycle.settle_in(server, "tokyo")
        # cfn-lint's list is of all accounts: one that is new is not given every zone.
        for each, known in AVAILABILITY_ZONES.items():
            if each.startswith(("cn-", "us-gov-", "us-iso", "eu-iso", "eusc-")):
                continue
            ec2 = boto3.client("ec2", region_name=each)
            found = ec2.describe_availability_zones()["AvailabilityZones"]
            assert {zone["ZoneName"] for zone in found} <= set(known)
            assert len({zone["ZoneId"] for zone in found}) == len(found) >= 2


def test_tokyo_has_no_zone_b(tmp_path: Path) -> None:
    with local_aws_in(tmp_path):
        ec2 = boto3.client("ec2", region_name="ap-northeast-1")
        names = [zone["ZoneName"][-1] for zone in ec2.describe_availability_zones()["AvailabilityZones"]]
        assert names == ["a", "c", "d"]
        vpc = ec2.create_vpc(CidrBlock="10.0.0.0/16")["Vpc"]["VpcId"]
        with pytest.raises(ec2.exceptions.ClientError, match=r"ap-northeast-1b\) for parameter availabilityZone"):
            ec2.create_subnet(VpcId=vpc, CidrBlock="10.0.1.0/24", AvailabilityZone="ap-northeast-1b")
