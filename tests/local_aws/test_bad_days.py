"""AWS on a bad day: small pages, throttled requests, roles that are not known at once."""

import json
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import boto3
import pytest
from botocore.config import Config
from botocore.exceptions import ClientError

from lab.checks import run
from tests.local_aws.rules.world import IMAGE
from tests.local_aws.server import QUOTAS, deployer, local_aws_in

PAGE, REQUESTS, ROLE_SECONDS = 3, 6, 2
TRUST = {"Effect": "Allow", "Principal": {"Service": "ec2.amazonaws.com"}, "Action": "sts:AssumeRole"}


@pytest.fixture(scope="module")
def bad_day(tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    quotas = (*QUOTAS, f"page={PAGE}", f"requests={REQUESTS}", f"role-seconds={ROLE_SECONDS}")
    with local_aws_in(tmp_path_factory.mktemp("bad-day"), quotas=quotas):
        yield


@pytest.mark.usefixtures("bad_day")
def test_every_claim_is_proven_all_the_same(assembly: Callable[..., Path]) -> None:
    stack = deployer(assembly)("LearningStack", private_host=True)
    verdicts = list(run(stack))
    assert {each.check.id: (each.missing, each.surplus) for each in verdicts if not each.holds} == {}
    assert len(verdicts) > 30


@pytest.mark.usefixtures("bad_day")
def test_lists_come_in_pages() -> None:
    ec2 = boto3.client("ec2", config=Config(retries={"total_max_attempts": 10}))
    vpc = ec2.create_vpc(CidrBlock="10.9.0.0/16")["Vpc"]["VpcId"]
    made = {ec2.create_route_table(VpcId=vpc)["RouteTable"]["RouteTableId"] for _ in range(PAGE + 1)}
    inside: Any = [{"Name": "vpc-id", "Values": [vpc]}]
    first = ec2.describe_route_tables(Filters=inside)
    assert len(first["RouteTables"]) == PAGE
    second = ec2.describe_route_tables(Filters=inside, NextToken=first["NextToken"])
    assert "NextToken" not in second
    found = {each["RouteTableId"] for each in first["RouteTables"] + second["RouteTables"]}
    assert found > made, "its main table is one more"
    assert len(ec2.describe_route_tables(RouteTableIds=sorted(made))["RouteTables"]) == PAGE + 1
    with pytest.raises(ClientError, match="InvalidNextToken"):
        ec2.describe_route_tables(NextToken="of another day")


@pytest.mark.usefixtures("bad_day")
def test_who_asks_too_often_is_throttled() -> None:
    hasty = boto3.client("ec2", config=Config(retries={"total_max_attempts": 1}))
    with pytest.raises(ClientError) as throttled:
        all(hasty.describe_vpcs()["Vpcs"] for _ in range(50 * REQUESTS))
    assert throttled.value.response["Error"]["Code"] == "RequestLimitExceeded"
    assert throttled.value.response["ResponseMetadata"]["HTTPStatusCode"] == 503
    patient = boto3.client("ec2", config=Config(retries={"total_max_attempts": 10}))
    assert all(patient.describe_vpcs()["Vpcs"] for _ in range(2 * REQUESTS))


@pytest.mark.usefixtures("bad_day")
def test_a_new_role_is_not_known_at_once() -> None:
    iam, ec2 = boto3.client("iam"), boto3.client("ec2", config=Config(retries={"total_max_attempts": 10}))
    document = json.dumps({"Version": "2012-10-17", "Statement": TRUST})
    iam.create_role(RoleName="new", AssumeRolePolicyDocument=document)
    iam.create_instance_profile(InstanceProfileName="new")
    iam.add_role_to_instance_profile(InstanceProfileName="new", RoleName="new")

    def launch() -> Any:
        profile: Any = {"Name": "new"}
        return ec2.run_instances(
            ImageId=IMAGE, InstanceType="t3.micro", MinCount=1, MaxCount=1, IamInstanceProfile=profile
        )

    with pytest.raises(ClientError, match="Invalid IAM Instance Profile name"):
        launch()
    time.sleep(ROLE_SECONDS)
    assert launch()["Instances"]
