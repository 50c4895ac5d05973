"""Each rule of AWS: what it takes, and what it refuses with AWS's own code."""

from collections import Counter
from collections.abc import Iterator
from itertools import count
from pathlib import Path
from types import SimpleNamespace

import pytest
from botocore.exceptions import ClientError
from typer.testing import CliRunner

from lab.cli import app
from lab.local_aws import lifecycle
from lab.local_aws.rules import templates  # noqa: F401  # fills the table
from lab.local_aws.rules.rule import RULES
from lab.terminal.problem import ProblemError
from tests.local_aws.rules import cases_cloudformation, cases_ec2, cases_iam, cases_others, cases_s3
from tests.local_aws.rules.world import Case, World
from tests.local_aws.test_emulator import REGION, Emulator

CASES = (
    *cases_ec2.CASES,
    *cases_iam.CASES,
    *cases_s3.CASES,
    *cases_cloudformation.CASES,
    *cases_others.CASES,
)
# Small, so that they are reached soon; the others are a new account's.
QUOTAS = {"acls": 3, "gateway-endpoints": 3, "groups": 20, "route-tables": 3, "routes": 3, "subnets": 3}
_accounts = count(222222222222)


@pytest.fixture(scope="module")
def emulator(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Emulator]:
    quotas = [f"{name}={number}" for name, number in QUOTAS.items()]
    running = Emulator(tmp_path_factory.mktemp("rules"), quotas=quotas)
    yield running
    running.stop()


@pytest.fixture
def world(emulator: Emulator) -> World:
    account = str(next(_accounts))
    return World(lambda service: emulator.client(service, account), account, REGION, quotas=QUOTAS)


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.id)
def test_takes_the_one_and_refuses_the_other(world: World, case: Case) -> None:
    case.takes(world)
    with pytest.raises(ClientError) as refused:
        case.refuses(world)
    error = refused.value.response["Error"]
    assert (error["Code"], case.says in error["Message"]) == (case.code, True), error["Message"]
    if case.code == "CREATE_FAILED":
        assert error["Message"].startswith("ROLLBACK_COMPLETE")


def test_every_rule_has_a_case_and_a_source() -> None:
    tried = {case.rule for case in CASES}
    # Thousands of buckets are not made for a test; the other two: tests/local_aws/test_bad_days.py.
    untried = {rule.id for rule in RULES} - tried - {"s3.buckets", "ec2.profile-is-known", "ec2.requests"}
    assert untried == set()
    assert [rule.id for rule in RULES if not rule.source.startswith("https://")] == []
    assert max(Counter(rule.id for rule in RULES).values()) == 1


def test_takes_host_bits_as_ec2_does(world: World) -> None:
    """EC2 does not refuse 10.0.0.5/24: it makes 10.0.0.0/24 of it, as its API reference says of each of these."""
    vpc = world.ec2.create_vpc(CidrBlock="10.0.3.4/16")["Vpc"]
    subnet = world.ec2.create_subnet(VpcId=vpc["VpcId"], CidrBlock="10.0.0.5/24")["Subnet"]
    assert (vpc["CidrBlock"], subnet["CidrBlock"]) == ("10.0.0.0/16", "10.0.0.0/24")
    made = world.permit(IpRanges=[{"CidrIp": "192.0.2.7/24"}])["SecurityGroupRules"]
    assert [rule["CidrIpv4"] for rule in made] == ["192.0.2.0/24"]
    with pytest.raises(ClientError, match="already exists"):
        world.permit(IpRanges=[{"CidrIp": "192.0.2.9/24"}])
    world.acl_entry(CidrBlock="192.0.2.7/24")
    [acl] = world.ec2.describe_network_acls(NetworkAclIds=[world.acl])["NetworkAcls"]
    assert "192.0.2.0/24" in [entry["CidrBlock"] for entry in acl["Entries"]]


def test_lets_the_default_vpc_be_deleted_when_it_is_empty(world: World) -> None:
    ec2 = world.ec2
    [vpc] = ec2.describe_vpcs()["Vpcs"]
    for subnet in ec2.describe_subnets()["Subnets"]:
        ec2.delete_subnet(SubnetId=subnet["SubnetId"])
    for gateway in ec2.describe_internet_gateways()["InternetGateways"]:
        ec2.detach_internet_gateway(InternetGatewayId=gateway["InternetGatewayId"], VpcId=vpc["VpcId"])
    ec2.delete_vpc(VpcId=vpc["VpcId"])


def test_a_quota_that_is_none_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(lifecycle, "HOME", tmp_path)
    for given in ("cpus=9", "vcpu=many", "vcpu"):
        with pytest.raises(
            ProblemError, match=f"--quota {given} is no quota of the local AWS. .* Example: --quota vcpu=32"
        ):
            lifecycle.start(quotas=[given])


def test_a_quota_is_not_changed_under_a_running_server(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(lifecycle, "HOME", tmp_path)
    monkeypatch.setattr(lifecycle, "running", lambda: SimpleNamespace(is_outdated=False))
    with pytest.raises(ProblemError, match="runs already, with its quotas"):
        CliRunner().invoke(app, ["local", "up", "--quota", "vcpu=32"], catch_exceptions=False)
