"""PrivateHost: what chapter 3's private subnets are for."""

from collections.abc import Callable
from typing import Any

import aws_cdk as cdk
import pytest
from aws_cdk import aws_ec2 as ec2
from aws_cdk.assertions import Template

from constructs_lib.private_host import PrivateHost
from constructs_lib.ubuntu import UbuntuImage
from lab.template.values import target
from tests.unit.constructs_lib.reading import properties, tag


@pytest.fixture(scope="module")
def template(plain_stack: Callable[[], cdk.Stack]) -> Template:
    stack = plain_stack()
    vpc = ec2.Vpc(
        stack,
        "Vpc",
        nat_gateways=0,
        restrict_default_security_group=False,
        subnet_configuration=[
            ec2.SubnetConfiguration(name="Public", subnet_type=ec2.SubnetType.PUBLIC),
            ec2.SubnetConfiguration(name="Private", subnet_type=ec2.SubnetType.PRIVATE_ISOLATED),
        ],
    )
    instance_type = ec2.InstanceType("t4g.micro")
    PrivateHost(
        stack,
        "PrivateHost",
        vpc=vpc,
        subnet=vpc.isolated_subnets[0],
        bastion_group=ec2.SecurityGroup(stack, "BastionGroup", vpc=vpc),
        key_pair=ec2.KeyPair(stack, "Key"),
        image=UbuntuImage(release="26.04", architecture=instance_type.architecture),
        instance_type=instance_type,
    )
    return Template.from_stack(stack)


@pytest.fixture(scope="module")
def host(template: Template) -> dict[str, Any]:
    (instance,) = properties(template, "AWS::EC2::Instance").values()
    return instance


@pytest.fixture(scope="module")
def group_id(template: Template) -> str:
    (found,) = [
        name
        for name, group in properties(template, "AWS::EC2::SecurityGroup").items()
        if tag(group, "Name") == "learning-private-host"
    ]
    return found


def test_it_stands_in_the_private_subnet_with_no_public_address(
    template: Template, host: dict[str, Any], group_id: str
) -> None:
    assert "NetworkInterfaces" not in host
    assert host["SecurityGroupIds"] == [{"Fn::GetAtt": [group_id, "GroupId"]}]
    subnet = properties(template, "AWS::EC2::Subnet")[target(host["SubnetId"])]
    assert tag(subnet, "aws-cdk:subnet-name") == "Private"
    assert subnet["MapPublicIpOnLaunch"] is False
    template.resource_count_is("AWS::EC2::EIP", 0)


def test_only_the_bastion_reaches_it_and_only_by_ssh(template: Template, group_id: str) -> None:
    (bastion_group_id,) = set(properties(template, "AWS::EC2::SecurityGroup")) - {group_id}
    (rule,) = properties(template, "AWS::EC2::SecurityGroupIngress").values()
    assert rule == {
        "GroupId": {"Fn::GetAtt": [group_id, "GroupId"]},
        "SourceSecurityGroupId": {"Fn::GetAtt": [bastion_group_id, "GroupId"]},
        "IpProtocol": "tcp",
        "FromPort": 22,
        "ToPort": 22,
        "Description": "SSH from the bastion",
    }
    assert "SecurityGroupIngress" not in properties(template, "AWS::EC2::SecurityGroup")[group_id]


def test_it_opens_web_connections_only(template: Template, group_id: str) -> None:
    rules = properties(template, "AWS::EC2::SecurityGroup")[group_id]["SecurityGroupEgress"]
    assert [(rule["IpProtocol"], rule["FromPort"], rule["ToPort"], rule["CidrIp"]) for rule in rules] == [
        ("tcp", 80, 80, "0.0.0.0/0"),
        ("tcp", 443, 443, "0.0.0.0/0"),
    ]


def test_it_is_as_hardened_as_the_bastion(host: dict[str, Any]) -> None:
    assert host["MetadataOptions"] == {"HttpTokens": "required", "HttpPutResponseHopLimit": 1}
    assert host["CreditSpecification"] == {"CPUCredits": "standard"}
    (volume,) = host["BlockDeviceMappings"]
    assert volume["Ebs"]["Encrypted"] is True


def test_it_takes_the_bastions_key_and_image(template: Template, host: dict[str, Any]) -> None:
    (key_id,) = properties(template, "AWS::EC2::KeyPair")
    assert host["KeyName"] == {"Ref": key_id}
    parameter = template.to_json()["Parameters"][target(host["ImageId"])]
    assert parameter["Default"].endswith("/26.04/stable/current/arm64/hvm/ebs-gp3/ami-id")


def test_it_has_no_role(template: Template, host: dict[str, Any]) -> None:
    assert "IamInstanceProfile" not in host
    for kind in ("Role", "Policy", "InstanceProfile"):
        template.resource_count_is(f"AWS::IAM::{kind}", 0)


def test_it_boots_as_ubuntu_made_it(host: dict[str, Any]) -> None:
    assert host["UserData"] == {"Fn::Base64": "#!/bin/bash"}
    assert tag(host, "Name") == "learning-private-host"
