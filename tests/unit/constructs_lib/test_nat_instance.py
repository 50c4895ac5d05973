"""NatInstance, the cheapest way out of chapter 3's private subnets."""

from collections.abc import Callable
from typing import Any

import aws_cdk as cdk
import pytest
import yaml
from aws_cdk import aws_ec2 as ec2
from aws_cdk.assertions import Template

from constructs_lib.nat_instance import NatInstance
from lab.template.values import target
from tests.unit.constructs_lib.reading import properties, tag

USER_DATA_LIMIT = 16_384


@pytest.fixture(scope="module")
def template(plain_stack: Callable[[], cdk.Stack]) -> Template:
    stack = plain_stack()
    vpc = ec2.Vpc(
        stack,
        "Vpc",
        nat_gateways=0,
        restrict_default_security_group=False,
        subnet_configuration=[
            ec2.SubnetConfiguration(name="Public", subnet_type=ec2.SubnetType.PUBLIC, map_public_ip_on_launch=False),
            ec2.SubnetConfiguration(name="Private", subnet_type=ec2.SubnetType.PRIVATE_ISOLATED),
        ],
    )
    NatInstance(
        stack,
        "NatInstance",
        vpc=vpc,
        subnet=vpc.public_subnets[0],
        private_subnets=vpc.isolated_subnets,
        release="24.04",
        ami_serial="20260615",
    )
    return Template.from_stack(stack)


@pytest.fixture(scope="module")
def instance_id(template: Template) -> str:
    (found,) = properties(template, "AWS::EC2::Instance")
    return found


@pytest.fixture(scope="module")
def instance(template: Template, instance_id: str) -> dict[str, Any]:
    return properties(template, "AWS::EC2::Instance")[instance_id]


@pytest.fixture(scope="module")
def user_data(instance: dict[str, Any]) -> Any:
    return yaml.safe_load(instance["UserData"]["Fn::Base64"])


def private_cidrs(template: Template) -> list[str]:
    subnets = properties(template, "AWS::EC2::Subnet").values()
    return [subnet["CidrBlock"] for subnet in subnets if tag(subnet, "aws-cdk:subnet-name") == "Private"]


def test_it_forwards_and_has_a_public_address_in_the_public_subnet(
    template: Template, instance: dict[str, Any]
) -> None:
    assert instance["SourceDestCheck"] is False
    (interface,) = instance["NetworkInterfaces"]
    assert interface["AssociatePublicIpAddress"] is True
    subnet = properties(template, "AWS::EC2::Subnet")[target(interface["SubnetId"])]
    assert tag(subnet, "aws-cdk:subnet-name") == "Public"
    template.resource_count_is("AWS::EC2::EIP", 0)


def test_it_is_small_arm64_and_of_the_chosen_image(template: Template, instance: dict[str, Any]) -> None:
    assert instance["InstanceType"] == "t4g.micro"  # AWS's free plan starts no nano
    parameter = template.to_json()["Parameters"][target(instance["ImageId"])]
    assert parameter["Default"].endswith("/24.04/stable/20260615/arm64/hvm/ebs-gp3/ami-id")
    assert tag(instance, "Name") == "learning-nat"
    assert tag(instance, "Role") is None  # so operators may not stop it


def test_every_private_subnet_leaves_through_it(template: Template, instance_id: str) -> None:
    subnets = properties(template, "AWS::EC2::Subnet")
    tables = {
        target(link["RouteTableId"]): tag(subnets[target(link["SubnetId"])], "aws-cdk:subnet-name")
        for link in properties(template, "AWS::EC2::SubnetRouteTableAssociation").values()
    }
    through_it = [
        route for route in properties(template, "AWS::EC2::Route").values() if route.get("InstanceId") is not None
    ]
    assert {target(route["InstanceId"]) for route in through_it} == {instance_id}
    assert {route["DestinationCidrBlock"] for route in through_it} == {"0.0.0.0/0"}
    assert sorted(target(route["RouteTableId"]) for route in through_it) == sorted(
        table for table, kind in tables.items() if kind == "Private"
    )


def test_only_private_subnets_reach_it_and_only_with_what_it_passes_on(template: Template) -> None:
    (group,) = properties(template, "AWS::EC2::SecurityGroup").values()

    def rules(direction: str) -> list[tuple[str, int, int, str]]:
        found = group[f"SecurityGroup{direction}"]
        return sorted((rule["IpProtocol"], rule["FromPort"], rule["ToPort"], rule["CidrIp"]) for rule in found)

    assert rules("Ingress") == sorted(("tcp", port, port, c) for port in (80, 443) for c in private_cidrs(template))
    assert rules("Egress") == [("tcp", 80, 80, "0.0.0.0/0"), ("tcp", 443, 443, "0.0.0.0/0")]
    template.resource_count_is("AWS::EC2::SecurityGroupIngress", 0)


def test_it_is_as_hardened_as_the_bastion(instance: dict[str, Any]) -> None:
    assert instance["MetadataOptions"] == {"HttpTokens": "required", "HttpPutResponseHopLimit": 1}
    assert instance["CreditSpecification"] == {"CPUCredits": "standard"}
    (volume,) = instance["BlockDeviceMappings"]
    assert volume["Ebs"] == {"Encrypted": True, "VolumeSize": 8, "VolumeType": "gp3"}


def test_it_has_no_key_and_no_role(template: Template, instance: dict[str, Any]) -> None:
    assert not {"KeyName", "IamInstanceProfile"} & set(instance)
    for kind in ("IAM::Role", "IAM::Policy", "IAM::InstanceProfile", "EC2::KeyPair"):
        template.resource_count_is(f"AWS::{kind}", 0)


def test_it_waits_for_the_internet(template: Template, instance_id: str) -> None:
    resources = template.to_json()["Resources"]
    first = resources[instance_id]["DependsOn"]
    (route,) = [name for name in first if resources[name]["Type"] == "AWS::EC2::Route"]
    assert [resources[name]["Type"] for name in resources[route]["DependsOn"]] == ["AWS::EC2::VPCGatewayAttachment"]


def test_only_the_ranges_are_rendered(template: Template, instance: dict[str, Any], user_data: Any) -> None:
    files = {file["path"]: file["content"] for file in user_data["write_files"]}
    # nft wants the end of the line.
    ranges = f"define private = {{ {', '.join(private_cidrs(template))} }}\n"
    assert files.pop("/etc/nat-ranges.nft") == ranges
    assert not [cidr for cidr in private_cidrs(template) if cidr in str(files)]
    assert len(instance["UserData"]["Fn::Base64"]) < USER_DATA_LIMIT


def test_it_forwards_after_a_reboot_too_and_never_without_its_firewall(user_data: Any) -> None:
    (files, commands) = (user_data["write_files"], user_data["runcmd"])
    assert {"path": "/etc/sysctl.d/nat.conf", "content": "net.ipv4.ip_forward=1"} in files
    assert "/etc/nftables.conf" in [file["path"] for file in files]
    # The first that fails is the last: forwarding begins when the firewall stands.
    assert commands[0] == "set -e"
    assert commands[-2:] == ["systemctl enable --now nftables", "sysctl -p /etc/sysctl.d/nat.conf"]
