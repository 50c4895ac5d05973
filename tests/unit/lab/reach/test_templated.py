"""What a template leaves unsaid, AWS decides: the main route table, default groups and ACLs, who gets an address."""

from ipaddress import IPv4Network
from typing import Any

import pytest

from lab.reach.network import ALL_PORTS, LOCAL, GroupRule, Network, Route
from lab.reach.templated import templated
from lab.reach.userdata import forwarded
from lab.terminal.problem import ProblemError

Resources = dict[str, Any]


def ec2(kind: str, **properties: Any) -> dict[str, Any]:
    return {"Type": f"AWS::EC2::{kind}", "Properties": properties}


def ref(name: str) -> dict[str, str]:
    return {"Ref": name}


VPC = ec2("VPC", CidrBlock="10.0.0.0/16")
SUBNET = ec2("Subnet", CidrBlock="10.0.0.0/24", VpcId=ref("Vpc"), AvailabilityZone="us-east-1a")
HOST = ec2("Instance", SubnetId=ref("Subnet"))


def read(**resources: Any) -> Network:
    return templated({"Resources": {"Vpc": VPC, "Subnet": SUBNET, "Host": HOST, **resources}}, "us-east-1")


def rule(protocol: str, ports: tuple[int, int], peer: str) -> GroupRule:
    return GroupRule(protocol=protocol, ports=ports, peer=peer)


EVERYTHING = rule("-1", ALL_PORTS, "0.0.0.0/0")


def test_a_subnet_without_a_table_of_its_own_uses_the_main_one() -> None:
    """https://docs.aws.amazon.com/vpc/latest/userguide/subnet-route-tables.html: it has the local route alone."""
    found = read()
    assert found.route_tables[found.subnets["Subnet"].route_table].routes == (
        Route(destination="10.0.0.0/16", target=LOCAL),
    )


def test_a_subnet_without_an_acl_of_its_own_has_the_default_one() -> None:
    """https://docs.aws.amazon.com/vpc/latest/userguide/default-network-acl.html: it allows all traffic."""
    found = read()
    entries = found.acls[found.subnets["Subnet"].acl].entries
    assert [(each.number, each.egress, each.protocol, each.allow) for each in entries] == [
        (100, False, "-1", True),
        (100, True, "-1", True),
    ]


def test_a_custom_acl_without_rules_lets_nothing_pass() -> None:
    found = read(
        Acl=ec2("NetworkAcl", VpcId=ref("Vpc")),
        Tie=ec2("SubnetNetworkAclAssociation", SubnetId=ref("Subnet"), NetworkAclId=ref("Acl")),
    )
    assert found.acls[found.subnets["Subnet"].acl].entries == ()


def test_an_instance_without_a_group_is_in_the_default_one() -> None:
    """https://docs.aws.amazon.com/vpc/latest/userguide/default-security-group.html."""
    found = read()
    [group] = found.interfaces["Host"].groups
    assert found.groups[group].inbound == (rule("-1", ALL_PORTS, group),)
    assert found.groups[group].outbound == (EVERYTHING,)


@pytest.mark.parametrize(
    ("written", "outbound"),
    [
        ({}, [EVERYTHING]),
        ({"SecurityGroupEgress": []}, [EVERYTHING]),
        (
            {"SecurityGroupEgress": [{"IpProtocol": "tcp", "FromPort": 443, "ToPort": 443, "CidrIp": "0.0.0.0/0"}]},
            [rule("tcp", (443, 443), "0.0.0.0/0")],
        ),
    ],
)
def test_no_outbound_rule_written_is_not_nothing_out(written: Resources, outbound: list[GroupRule]) -> None:
    """https://docs.aws.amazon.com/AWSCloudFormation/latest/UserGuide/aws-resource-ec2-securitygroup.html."""
    found = read(Group=ec2("SecurityGroup", GroupDescription="x", VpcId=ref("Vpc"), **written))
    assert [*found.groups["Group"].outbound] == outbound
    beside = ec2(
        "SecurityGroupEgress", GroupId=ref("Group"), IpProtocol="udp", FromPort=53, ToPort=53, CidrIp="1.1.1.1/32"
    )
    found = read(Group=ec2("SecurityGroup", GroupDescription="x", VpcId=ref("Vpc"), **written), Beside=beside)
    assert [*found.groups["Group"].outbound] == [*outbound, rule("udp", (53, 53), "1.1.1.1/32")]


@pytest.mark.parametrize(
    ("written", "read_as"),
    [
        ({"IpProtocol": "tcp", "FromPort": 22, "ToPort": 22, "CidrIp": "1.2.3.4/32"}, ("tcp", (22, 22), "1.2.3.4/32")),
        (
            {"IpProtocol": "6", "FromPort": "80", "ToPort": "81", "CidrIp": "1.2.3.4/32"},
            ("tcp", (80, 81), "1.2.3.4/32"),
        ),
        ({"IpProtocol": "-1", "CidrIp": "1.2.3.4/32"}, ("-1", ALL_PORTS, "1.2.3.4/32")),
        ({"IpProtocol": -1, "FromPort": -1, "ToPort": -1, "CidrIp": "1.2.3.4/32"}, ("-1", ALL_PORTS, "1.2.3.4/32")),
        ({"IpProtocol": "icmp", "FromPort": 8, "ToPort": 0, "CidrIp": "1.2.3.4/32"}, ("icmp", (8, 0), "1.2.3.4/32")),
        (
            {"IpProtocol": "icmp", "FromPort": -1, "ToPort": -1, "CidrIp": "1.2.3.4/32"},
            ("icmp", (-1, -1), "1.2.3.4/32"),
        ),
        (
            {"IpProtocol": "tcp", "FromPort": 1, "ToPort": 2, "SourceSecurityGroupId": ref("Group")},
            ("tcp", (1, 2), "Group"),
        ),
        (
            {"IpProtocol": "udp", "FromPort": 1, "ToPort": 2, "CidrIp": {"Fn::GetAtt": ["Vpc", "CidrBlock"]}},
            ("udp", (1, 2), "10.0.0.0/16"),
        ),
        ({"IpProtocol": "tcp", "FromPort": 1, "ToPort": 2, "SourcePrefixListId": "pl-1"}, ("tcp", (1, 2), "pl-1")),
        ({"IpProtocol": "tcp", "FromPort": 22, "ToPort": 22, "CidrIpv6": "::/0"}, None),
    ],
)
def test_a_rule_of_a_group(written: Resources, read_as: tuple[str, tuple[int, int], str] | None) -> None:
    found = read(Group=ec2("SecurityGroup", GroupDescription="x", VpcId=ref("Vpc"), SecurityGroupIngress=[written]))
    assert [*found.groups["Group"].inbound] == ([rule(*read_as)] if read_as else [])


def entry(**written: Any) -> dict[str, Any]:
    return ec2(
        "NetworkAclEntry", **{"NetworkAclId": ref("Acl"), "CidrBlock": "0.0.0.0/0", "RuleAction": "allow", **written}
    )


def test_rules_of_an_acl_come_in_their_order() -> None:
    found = read(
        Acl=ec2("NetworkAcl", VpcId=ref("Vpc")),
        Late=entry(RuleNumber=200, Protocol=6, PortRange={"From": 1024, "To": 65535}),
        Out=entry(RuleNumber=10, Protocol=-1, Egress=True),
        Early=entry(RuleNumber="100", Protocol="1", Icmp={"Type": 3, "Code": 4}, RuleAction="deny"),
        Six={**entry(RuleNumber=5, Protocol=6), "Properties": {"NetworkAclId": ref("Acl"), "Ipv6CidrBlock": "::/0"}},
    )
    assert [
        (each.number, each.egress, each.protocol, each.ports, each.allow) for each in found.acls["Acl"].entries
    ] == [
        (100, False, "icmp", (3, 4), False),
        (200, False, "tcp", (1024, 65535), True),
        (10, True, "-1", ALL_PORTS, True),
    ]


@pytest.mark.parametrize(
    ("resources", "has_one"),
    [
        ({}, False),
        ({"Subnet": {**SUBNET, "Properties": {**SUBNET["Properties"], "MapPublicIpOnLaunch": True}}}, True),
        (
            {"Tie": ec2("EIPAssociation", InstanceId=ref("Host"), AllocationId={"Fn::GetAtt": ["Ip", "AllocationId"]})},
            True,
        ),
        (
            {
                "Host": ec2(
                    "Instance", NetworkInterfaces=[{"SubnetId": ref("Subnet"), "AssociatePublicIpAddress": True}]
                )
            },
            True,
        ),
        (
            {
                "Subnet": {**SUBNET, "Properties": {**SUBNET["Properties"], "MapPublicIpOnLaunch": True}},
                "Host": ec2(
                    "Instance", NetworkInterfaces=[{"SubnetId": ref("Subnet"), "AssociatePublicIpAddress": False}]
                ),
            },
            False,
        ),
    ],
)
def test_who_has_a_public_address(resources: Resources, has_one: bool) -> None:  # noqa: FBT001
    assert (read(**resources).interfaces["Host"].public is not None) is has_one


def test_gateways_and_endpoints_that_are_there() -> None:
    table = {"RouteTableIds": [ref("Table")]}
    found = read(
        Attached=ec2("InternetGateway"),
        Loose=ec2("InternetGateway"),
        Tie=ec2("VPCGatewayAttachment", InternetGatewayId=ref("Attached"), VpcId=ref("Vpc")),
        Table=ec2("RouteTable", VpcId=ref("Vpc")),
        S3=ec2("VPCEndpoint", ServiceName={"Fn::Join": ["", ["com.amazonaws.", ref("AWS::Region"), ".s3"]]}, **table),
        Dynamo=ec2("VPCEndpoint", ServiceName="com.amazonaws.us-east-1.dynamodb", VpcEndpointType="Gateway", **table),
        Ssm=ec2("VPCEndpoint", ServiceName="com.amazonaws.us-east-1.ssm", VpcEndpointType="Interface"),
    )
    assert found.internet_gateways == {"Attached"}
    assert {each.id: each.service for each in found.endpoints.values()} == {"S3": "s3", "Dynamo": "dynamodb"}
    assert {each.target for each in found.route_tables["Table"].routes} == {LOCAL, "Dynamo", "S3"}
    assert [*found.prefix_lists] == ["pl-S3"]


def test_addresses_are_a_subnets_first_free_ones() -> None:
    found = read(Second=HOST, Gateway=ec2("NatGateway", SubnetId=ref("Subnet")))
    assert str(found.nat_gateways["Gateway"].private) == "10.0.0.4"
    assert [str(each.private) for each in found.interfaces.values()] == ["10.0.0.5", "10.0.0.6"]


def test_a_nat_instance_of_others_is_taken_to_pass_on_all_of_the_vpc() -> None:
    found = read(Host=ec2("Instance", SubnetId=ref("Subnet"), SourceDestCheck=False))
    assert found.interfaces["Host"].forwards == (rule("-1", ALL_PORTS, "10.0.0.0/16"),)
    assert forwarded("bm90aGluZyBvZiBvdXJz", "10.0.0.0/8") == (rule("-1", ALL_PORTS, "10.0.0.0/8"),)


@pytest.mark.parametrize(
    ("resources", "problem"),
    [
        ({"Other": VPC}, "This template has 2 VPCs, not one: who reaches whom is asked of one VPC"),
        ({"Subnet": ec2("Subnet", CidrBlock=ref("Range"))}, "{'Ref': 'Range'} is no CIDR block, such as 10.0.0.0/16"),
        ({"Subnet": ec2("Subnet", CidrBlock="ten")}, "Subnet (AWS::EC2::Subnet) is not plain enough to be read here: "),
        (
            {"Acl": ec2("NetworkAcl"), "Entry": entry(RuleNumber=ref("Number"), Protocol=6)},
            "Entry (AWS::EC2::NetworkAclEntry) is not plain enough to be read here: TypeError, ",
        ),
    ],
)
def test_what_only_a_deploy_decides_is_told(resources: Resources, problem: str) -> None:
    with pytest.raises(ProblemError) as caught:
        read(**resources)
    assert str(caught.value).startswith(problem)
    assert "\n" not in str(caught.value)


def test_the_zones_of_a_region_have_numbers() -> None:
    zone = {"Fn::Select": [1, {"Fn::GetAZs": ""}]}
    found = read(Subnet=ec2("Subnet", CidrBlock="10.0.0.0/24", AvailabilityZone=zone))
    assert (found.subnets["Subnet"].zone, found.cidrs) == ("zone 2", (IPv4Network("10.0.0.0/16"),))
