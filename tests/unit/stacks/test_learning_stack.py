"""LearningStack: what the settings and the constructs become together."""

import json
import re
import shlex
from collections.abc import Callable
from dataclasses import fields
from itertools import combinations
from pathlib import Path
from typing import Any

import pytest

from stacks.settings import Settings
from tests.conftest import COMPANIONS

Templates = Callable[..., dict[str, Any]]


def outputs(template: dict[str, Any]) -> dict[str, Any]:
    return {name: output["Value"] for name, output in template["Outputs"].items()}


def only(template: dict[str, Any], kind: str, name_tag: str) -> tuple[str, dict[str, Any]]:
    """Return the logical id and the tags of the one resource of this type and name."""
    tags = {
        name: {tag["Key"]: tag["Value"] for tag in resource["Properties"]["Tags"]}
        for name, resource in template["Resources"].items()
        if resource["Type"] == kind
    }
    ((name, found),) = [(name, found) for name, found in tags.items() if found["Name"] == name_tag]
    return name, found


def test_the_bastion_has_the_tags_that_the_operators_policy_asks_for(template: Templates) -> None:
    _, tags = only(template(private_host=True), "AWS::EC2::Instance", "learning-bastion")
    (policy,) = [
        resource
        for resource in template("OperatorsStack")["Resources"].values()
        if resource["Type"] == "AWS::IAM::ManagedPolicy"
    ]
    (condition,) = [
        statement["Condition"]["StringEquals"]
        for statement in policy["Properties"]["PolicyDocument"]["Statement"]
        if "ec2:StartInstances" in statement["Action"]
    ]
    assert condition == {f"aws:ResourceTag/{key}": tags[key] for key in ("Project", "Role")}
    _, tags_of_private_host = only(template(private_host=True), "AWS::EC2::Instance", "learning-private-host")
    assert tags_of_private_host.get("Role") != tags["Role"]


def test_ssh_is_closed_and_the_output_says_how_to_open_it(template: Templates) -> None:
    command = outputs(template())["SshCommand"]
    assert command.startswith("closed")
    assert "-c admin_cidr=" in command


def test_with_admin_cidr_the_output_is_the_ssh_command(template: Templates) -> None:
    (allocation,) = [
        resource["Properties"]["AllocationId"]
        for resource in template()["Resources"].values()
        if resource["Type"] == "AWS::EC2::EIPAssociation"
    ]
    address_id, _ = allocation["Fn::GetAtt"]
    assert outputs(template(admin_cidr="203.0.113.7/32"))["SshCommand"] == {
        "Fn::Sub": f"ssh -i learning-stack.pem ubuntu@${{{address_id}.PublicIp}}"
    }


def test_the_key_is_fetched_from_the_parameter_of_the_bastions_key_pair(template: Templates) -> None:
    (key_id,) = [name for name, resource in template()["Resources"].items() if resource["Type"] == "AWS::EC2::KeyPair"]
    command = outputs(template())["KeyCommand"]["Fn::Sub"]
    assert f" --name /ec2/keypair/${{{key_id}.KeyPairId}} " in command
    assert "umask 077" in command


def test_outputs_name_the_bucket_and_where_it_is_mounted(template: Templates) -> None:
    chosen = outputs(template(bucket_name="my-learning-bucket-2026", mount_point="/data"))
    (bucket_id,) = [
        name
        for name, resource in template(bucket_name="my-learning-bucket-2026", mount_point="/data")["Resources"].items()
        if resource["Properties"].get("BucketName") == "my-learning-bucket-2026"
    ]
    assert chosen["BucketName"] == {"Ref": bucket_id}
    assert chosen["MountPoint"] == "/data"


def test_the_nat_instance_stands_beside_the_bastion_and_takes_the_place_of_the_gateways(template: Templates) -> None:
    nat_id, tags = only(template(nat="instance"), "AWS::EC2::Instance", "learning-nat")
    assert "Role" not in tags
    resources = template(nat="instance")["Resources"]
    bastion_id, _ = only(template(nat="instance"), "AWS::EC2::Instance", "learning-bastion")
    assert (
        len(
            {
                json.dumps(resources[name]["Properties"]["NetworkInterfaces"][0]["SubnetId"])
                for name in (nat_id, bastion_id)
            }
        )
        == 1
    )
    gone = template()["Resources"].keys() - resources.keys()
    assert {template()["Resources"][name]["Type"] for name in gone} == {"AWS::EC2::NatGateway", "AWS::EC2::EIP"}
    assert not [name for name, resource in resources.items() if resource["Type"] == "AWS::EC2::NatGateway"]


@pytest.mark.parametrize(
    ("settings", "image"),
    [
        ({}, "/26.04/stable/current/arm64/"),
        (
            {"instance_type": "t4g.small", "ubuntu_release": "24.04", "ami_serial": "20260615"},
            "/24.04/stable/20260615/arm64/",
        ),
        ({"ami_id": "ami-0123456789abcdef0"}, "/26.04/stable/current/arm64/"),  # that is the bastion's processor's
    ],
)
def test_the_nat_instance_has_the_chosen_ubuntu(template: Templates, settings: dict[str, str], image: str) -> None:
    content = template(nat="instance", **settings)
    nat_id, _ = only(content, "AWS::EC2::Instance", "learning-nat")
    parameter = content["Resources"][nat_id]["Properties"]["ImageId"]["Ref"]
    assert image in content["Parameters"][parameter]["Default"]


def test_there_is_no_private_host_unless_asked_for(template: Templates) -> None:
    names = {
        tag["Value"]
        for resource in template()["Resources"].values()
        if resource["Type"] == "AWS::EC2::Instance"
        for tag in resource["Properties"]["Tags"]
        if tag["Key"] == "Name"
    }
    assert names == {"learning-bastion"}
    assert not [name for name in outputs(template()) if name.startswith("PrivateHost")]


def test_the_private_host_adds_its_outputs(template: Templates) -> None:
    host_id, _ = only(template(private_host=True), "AWS::EC2::Instance", "learning-private-host")
    added = {name: value for name, value in outputs(template(private_host=True)).items() if "PrivateHost" in name}
    assert added["PrivateHostId"] == {"Ref": host_id}
    assert f"${{{host_id}.PrivateIp}}" in added["PrivateHostCommand"]["Fn::Sub"]


def test_the_schedules_are_for_every_instance(template: Templates) -> None:
    resources = template(nat="instance", private_host=True, stop_at="19:00")["Resources"]
    instances = {name for name, each in resources.items() if each["Type"] == "AWS::EC2::Instance"}
    (schedule,) = [each["Properties"] for each in resources.values() if each["Type"] == "AWS::Scheduler::Schedule"]
    named = json.loads(schedule["Target"]["Input"]["Fn::Sub"])["InstanceIds"]
    assert {name.strip("${}") for name in named} == instances
    assert len(instances) == 3


SESSION = "aws ssm start-session --target X --document-name AWS-StartSSHSession --parameters portNumber=22"


@pytest.mark.parametrize(
    ("admin_cidr", "through"),
    [
        ("203.0.113.7/32", "ssh -i learning-stack.pem -W %h:%p ubuntu@X"),
        ("", f"ssh -i learning-stack.pem -o ProxyCommand='{SESSION}' -W %h:%p ubuntu@bastion"),
    ],
)
def test_the_key_never_leaves_the_learners_machine(template: Templates, admin_cidr: str, through: str) -> None:
    """The bastion only passes the connection on: ssh's -W, through port 22 or through Session Manager."""
    command = outputs(template(private_host=True, admin_cidr=admin_cidr))["PrivateHostCommand"]["Fn::Sub"]
    line = re.sub(r"\$\{.*?\}", "X", command)
    assert shlex.split(line) == ["ssh", "-i", "learning-stack.pem", "-o", f"ProxyCommand={through}", "ubuntu@X"]


def test_the_bastion_waits_for_the_s3_endpoint(template: Templates) -> None:
    bastion_id, _ = only(template(), "AWS::EC2::Instance", "learning-bastion")
    (endpoint_id,) = [
        name for name, resource in template()["Resources"].items() if resource["Type"] == "AWS::EC2::VPCEndpoint"
    ]
    assert endpoint_id in template()["Resources"][bastion_id]["DependsOn"]


# For each setting a value other than its default, and what is then in the template and was not before.
REACHES: dict[str, tuple[object, str]] = {
    "vpc_cidr": ("10.0.0.0/20", '"CidrBlock": "10.0.0.0/20"'),
    "public_cidrs": (("10.0.1.0/26", "10.0.3.0/24"), '"CidrBlock": "10.0.1.0/26"'),
    "private_cidrs": (("10.0.2.0/24", "10.0.4.0/26"), '"CidrBlock": "10.0.4.0/26"'),
    "availability_zones": (("us-east-1a", "us-east-1c"), '"AvailabilityZone": "us-east-1c"'),
    "nat": ("regional", '"AvailabilityMode": "regional"'),
    "admin_cidr": ("203.0.113.7/32", '"CidrIp": "203.0.113.7/32"'),
    "office_cidr": ("198.51.100.0/24", '"CidrIp": "198.51.100.0/24"'),
    "bucket_name": ("my-learning-bucket-2026", '"BucketName": "my-learning-bucket-2026"'),
    "role_name": ("other-role", '"RoleName": "other-role"'),
    "ubuntu_release": ("24.04", "/server/24.04/stable/"),
    "ami_serial": ("20260615", "/stable/20260615/"),
    "ami_id": ("ami-0123456789abcdef0", '"ImageId": "ami-0123456789abcdef0"'),
    "instance_type": ("t4g.small", '"InstanceType": "t4g.small"'),
    "volume_gib": (16, '"VolumeSize": 16'),
    "s3fs_install": ("source", "S3FS_COMMIT="),
    "mount_point": ("/data", "MOUNT_POINT=/data"),
    "mount_uid": (1234, "MOUNT_UID=1234"),
    "mount_gid": (1234, "MOUNT_GID=1234"),
    "private_host": (True, '"learning-private-host"'),
    "hardened": (True, '"Monitoring": true'),
    "stop_at": ("19:00", "cron(0 19 * * ? *)"),
    "start_at": ("09:05", "cron(5 9 * * ? *)"),
    "time_zone": ("Asia/Tokyo", '"ScheduleExpressionTimezone": "Asia/Tokyo"'),
    "monthly_budget_usd": (20, '"Amount": 20'),
    "alert_email": ("me@example.com", '"Address": "me@example.com"'),
    "operators": (("alice",), '"UserName": "alice"'),
    "learners": (("alice",), '"RoleName": "access-s3-role-alice"'),
}


@pytest.mark.parametrize("setting", fields(Settings), ids=lambda setting: setting.name)
def test_each_setting_reaches_the_template(template: Templates, setting: Any) -> None:
    value, expected = REACHES[setting.name]
    elsewhere = {"operators": "OperatorsStack", "learners": "LearningStack-alice"}
    elsewhere |= dict.fromkeys(("monthly_budget_usd", "alert_email"), "BudgetStack")
    stack = elsewhere.get(setting.name, "LearningStack")
    settings = {setting.name: value, **COMPANIONS.get(setting.name, {})}

    def text(template: dict[str, Any]) -> str:
        """Return a template without what says which settings were chosen: they shall have an effect."""
        return re.sub(r'"Settings": "[^"]*"', "", json.dumps(template))

    assert expected in text(template(stack, **settings))
    if stack != "BudgetStack":  # there only where a budget is set
        assert expected not in text(template(stack.removesuffix("-alice")))


@pytest.mark.parametrize(
    "chosen",
    [
        Settings(),
        Settings(availability_zones=("us-east-1b", "us-east-1c"), nat="instance", admin_cidr="203.0.113.7/32"),
        Settings(private_host=True, stop_at="19:00", start_at="09:00", time_zone="Asia/Tokyo", volume_gib=16),
        Settings(monthly_budget_usd=20, alert_email="you@example.com", operators=("alice", "b=ob")),
    ],
)
def test_the_templates_carry_the_settings_as_the_command_line_takes_them(
    assembly: Callable[..., Path], chosen: Settings
) -> None:
    carried: dict[str, object] = {}
    for file in assembly(**{each.name: getattr(chosen, each.name) for each in fields(chosen)}).glob("*.template.json"):
        [words] = [
            resource["Metadata"]["Settings"]
            for resource in json.loads(file.read_text())["Resources"].values()
            if "Metadata" in resource
        ]
        carried |= dict(word.split("=", 1) for word in words.split(" "))
    assert Settings.from_context(carried) == chosen
    no_stack = {"learners"} if chosen.monthly_budget_usd else {"learners", "monthly_budget_usd", "alert_email"}
    assert carried.keys() == {each.name for each in fields(Settings)} - no_stack


def test_what_is_looked_for_by_its_tag_carries_it(template: Templates) -> None:
    resources = template()["Resources"].values()
    for kind in ("EC2::Instance", "EC2::KeyPair", "S3::Bucket"):
        found = [each["Properties"]["Tags"] for each in resources if each["Type"] == f"AWS::{kind}"]
        assert found
        assert all({"Key": "Project", "Value": "LearningStack"} in tags for tags in found)


@pytest.mark.parametrize(
    ("stack", "more"), [("LearningStack", {}), ("LearningStack-alice", {"Learner": "alice"}), ("OperatorsStack", {})]
)
def test_all_else_gets_the_tags_from_the_stack(stack: str, more: dict[str, str], assembly: Callable[..., Path]) -> None:
    manifest = json.loads((assembly(learners=("alice",)) / "manifest.json").read_text())
    assert manifest["artifacts"][stack]["properties"]["tags"] == {"Project": "LearningStack", **more}


@pytest.mark.parametrize("name", ["RoleName", "KeyName", "BucketName", "CidrBlock"])
def test_no_two_of_a_class_share_what_only_one_can_have(name: str, template: Templates) -> None:
    class_of_two: dict[str, Any] = {"learners": ("alice", "bob"), "bucket_name": "files", "nat": "instance"}
    chosen = [
        {
            properties[name]
            for resource in template(stack, **class_of_two)["Resources"].values()
            if isinstance((properties := resource["Properties"]).get(name), str)
            and resource["Type"] not in ("AWS::EC2::NetworkAclEntry", "AWS::EC2::Instance")
        }
        for stack in ("LearningStack", "LearningStack-alice", "LearningStack-bob")
    ]
    assert all(chosen)
    assert not any(one & other for one, other in combinations(chosen, 2))


def test_a_budget_is_a_stack_of_its_own_and_one_for_a_class(template: Templates, assembly: Callable[..., Path]) -> None:
    """What AWS refuses of it, which takes rights to the bill, rolls no network back."""
    settings: dict[str, Any] = {"learners": ("alice",), "monthly_budget_usd": 20, "alert_email": "you@example.com"}
    kinds = {each["Type"] for each in template("BudgetStack", **settings)["Resources"].values()}
    assert kinds == {"AWS::Budgets::Budget"}
    for stack in ("LearningStack", "LearningStack-alice", "OperatorsStack"):
        assert template(stack, **settings) == template(stack, learners=("alice",))
    assert not (assembly() / "BudgetStack.template.json").exists()
