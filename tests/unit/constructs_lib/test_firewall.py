"""Firewall, chapter 12 of the primer."""

from collections.abc import Callable
from functools import cache
from ipaddress import ip_address, ip_network
from typing import Any

import aws_cdk as cdk
import pytest
from aws_cdk import aws_ec2 as ec2
from aws_cdk.assertions import Template

from constructs_lib.firewall import Firewall
from lab.template.values import target
from tests.unit.constructs_lib.reading import properties, tag

OFFICE = "50.100.200.0/24"
ADMIN = "203.0.113.7/32"
EITHER = pytest.mark.parametrize("admin_cidr", [None, ADMIN], ids=["closed", "open to the administrator"])

Rule = tuple[str, str, str]
AclRow = tuple[int, str, str, str]


@pytest.fixture(scope="module")
def firewall(plain_stack: Callable[[], cdk.Stack]) -> Callable[..., Template]:
    @cache
    def make(admin_cidr: str | None = None, office_cidr: str = OFFICE) -> Template:
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
        Firewall(
            stack,
            "Firewall",
            vpc=vpc,
            vpc_cidr="10.0.0.0/16",
            public_subnets=vpc.public_subnets,
            private_subnets=vpc.isolated_subnets,
            office_cidr=office_cidr,
            admin_cidr=admin_cidr,
        )
        return Template.from_stack(stack)

    return make


# --- security groups


def group_rules(template: Template, group_name: str, direction: str) -> list[Rule]:
    """Return port, peer and description of a group's rules, whether inside the group or resources of their own."""
    names = {name: tag(group, "Name") for name, group in properties(template, "AWS::EC2::SecurityGroup").items()}
    (group_id,) = [name for name, tagged in names.items() if tagged == group_name]
    rules = list(properties(template, "AWS::EC2::SecurityGroup")[group_id].get(f"SecurityGroup{direction}", []))
    rules += [
        rule
        for rule in properties(template, f"AWS::EC2::SecurityGroup{direction}").values()
        if target(rule["GroupId"]) == group_id
    ]
    peer_key = "SourceSecurityGroupId" if direction == "Ingress" else "DestinationSecurityGroupId"

    def row(rule: dict[str, Any]) -> Rule:
        assert rule["IpProtocol"] == "tcp"
        assert rule["FromPort"] == rule["ToPort"]
        peer = rule["CidrIp"] if "CidrIp" in rule else names[target(rule[peer_key])]
        return str(rule["FromPort"]), str(peer), rule["Description"]

    return sorted((row(rule) for rule in rules), key=lambda rule: (int(rule[0]), rule[1]))


def test_nobody_connects_to_the_bastion_without_admin_cidr(firewall: Callable[..., Template]) -> None:
    assert group_rules(firewall(), "learning-bastion", "Ingress") == []


def test_the_administrator_connects_to_port_22_of_the_bastion(firewall: Callable[..., Template]) -> None:
    assert group_rules(firewall(ADMIN), "learning-bastion", "Ingress") == [("22", ADMIN, "SSH from the administrator")]


@EITHER
def test_the_web_group_is_for_everyone_and_8080_for_the_office(
    firewall: Callable[..., Template], admin_cidr: str | None
) -> None:
    assert group_rules(firewall(admin_cidr), "learning-web", "Ingress") == [
        ("22", "learning-bastion", "SSH from the bastion"),
        ("80", "0.0.0.0/0", "HTTP from anywhere: web pages are for everyone"),
        ("443", "0.0.0.0/0", "HTTPS from anywhere: web pages are for everyone"),
        ("8080", OFFICE, "8080 from the office alone"),
    ]


def test_the_office_can_be_chosen(firewall: Callable[..., Template]) -> None:
    rules = group_rules(firewall(office_cidr="198.51.100.0/24"), "learning-web", "Ingress")
    assert ("8080", "198.51.100.0/24", "8080 from the office alone") in rules
    assert (
        verdict(acl(firewall(office_cidr="198.51.100.0/24"), "learning-public", "in"), 8080, "198.51.100.9") == "allow"
    )


@EITHER
def test_the_database_group_knows_groups_and_no_addresses(
    firewall: Callable[..., Template], admin_cidr: str | None
) -> None:
    assert group_rules(firewall(admin_cidr), "learning-database", "Ingress") == [
        ("22", "learning-bastion", "SSH from the bastion"),
        ("3306", "learning-bastion", "MySQL from the bastion"),
        ("3306", "learning-web", "MySQL from the web servers"),
    ]


def test_what_the_bastion_may_open(firewall: Callable[..., Template]) -> None:
    assert group_rules(firewall(), "learning-bastion", "Egress") == [
        ("22", "10.0.0.0/16", "SSH from the bastion to hosts of this VPC"),
        ("80", "0.0.0.0/0", "HTTP to anywhere: package mirrors of Ubuntu"),
        ("443", "0.0.0.0/0", "HTTPS to anywhere: S3, other AWS APIs, downloads"),
        ("3306", "learning-database", "MySQL from the bastion to the databases"),
    ]


def test_what_web_servers_may_open(firewall: Callable[..., Template]) -> None:
    assert group_rules(firewall(), "learning-web", "Egress") == [
        ("443", "0.0.0.0/0", "HTTPS to anywhere: updates and APIs"),
        ("3306", "learning-database", "MySQL from the web servers to the databases"),
    ]


def test_databases_open_nothing(firewall: Callable[..., Template]) -> None:
    # A group without a rule would allow all traffic out: this rule stands for none.
    (group,) = [
        group
        for group in properties(firewall(), "AWS::EC2::SecurityGroup").values()
        if tag(group, "Name") == "learning-database"
    ]
    (rule,) = group["SecurityGroupEgress"]
    assert rule["CidrIp"] == "255.255.255.255/32"
    assert rule["Description"].startswith("Nothing outbound")
    own_rules = properties(firewall(), "AWS::EC2::SecurityGroupEgress").values()
    assert [rule for rule in own_rules if "Database" in target(rule["GroupId"])] == []


@EITHER
def test_no_group_opens_port_22_to_everyone(firewall: Callable[..., Template], admin_cidr: str | None) -> None:
    inside = [
        rule
        for group in properties(firewall(admin_cidr), "AWS::EC2::SecurityGroup").values()
        for rule in group.get("SecurityGroupIngress", [])
    ]
    for rule in [*inside, *properties(firewall(admin_cidr), "AWS::EC2::SecurityGroupIngress").values()]:
        if rule["FromPort"] <= 22 <= rule["ToPort"]:
            assert rule.get("CidrIp", ADMIN) == ADMIN


# --- network ACLs


def acl(template: Template, name: str, direction: str) -> list[AclRow]:
    """Return the rules of a network ACL, in the order in which AWS tries them: number, action, ports, addresses."""
    acls = properties(template, "AWS::EC2::NetworkAcl")
    (acl_id,) = [logical_id for logical_id, found in acls.items() if tag(found, "Name") == name]

    def row(entry: dict[str, Any]) -> AclRow:
        assert entry["Protocol"] in (1, 6, -1)
        assert ("PortRange" in entry) == (entry["Protocol"] == 6)
        assert ("Icmp" in entry) == (entry["Protocol"] == 1)
        ports = "{From}-{To}".format(**entry["PortRange"]) if "PortRange" in entry else "all"
        if "Icmp" in entry:
            ports = "icmp {Type}/{Code}".format(**entry["Icmp"])
        return entry["RuleNumber"], entry["RuleAction"], ports, entry["CidrBlock"]

    return sorted(
        row(entry)
        for entry in properties(template, "AWS::EC2::NetworkAclEntry").values()
        if target(entry["NetworkAclId"]) == acl_id and entry["Egress"] == (direction == "out")
    )


def verdict(rules: list[AclRow], port: int, address: str) -> str:
    """Decide as AWS does on a TCP packet to ``port``: the lowest number that matches; no match is a deny."""
    for _, action, ports, cidr in rules:
        if ports.startswith("icmp"):
            continue
        first, last = (0, 65535) if ports == "all" else map(int, ports.split("-"))
        if first <= port <= last and ip_address(address) in ip_network(cidr):
            return action
    return "deny"


def test_the_public_acl_rule_by_rule(firewall: Callable[..., Template]) -> None:
    assert acl(firewall(ADMIN), "learning-public", "in") == [
        (100, "allow", "all", "10.0.0.0/16"),
        (110, "allow", "22-22", ADMIN),
        (120, "allow", "80-80", "0.0.0.0/0"),
        (130, "allow", "443-443", "0.0.0.0/0"),
        (140, "allow", "8080-8080", OFFICE),
        (150, "deny", "8080-8080", "0.0.0.0/0"),
        (160, "deny", "3306-3306", "0.0.0.0/0"),
        (170, "allow", "icmp 3/4", "0.0.0.0/0"),  # a packet of ours was too big for the way
        (200, "allow", "1024-65535", "0.0.0.0/0"),
    ]
    assert acl(firewall(ADMIN), "learning-public", "out") == [
        (100, "allow", "all", "10.0.0.0/16"),
        (120, "allow", "80-80", "0.0.0.0/0"),
        (130, "allow", "443-443", "0.0.0.0/0"),
        (170, "allow", "icmp 3/4", "0.0.0.0/0"),
        (200, "allow", "1024-65535", "0.0.0.0/0"),
    ]


def test_the_private_acl_rule_by_rule(firewall: Callable[..., Template]) -> None:
    assert acl(firewall(), "learning-private", "in") == [
        (100, "allow", "22-22", "10.0.0.0/16"),
        (110, "allow", "3306-3306", "10.0.0.0/16"),
        (120, "allow", "80-80", "10.0.0.0/16"),
        (130, "allow", "443-443", "10.0.0.0/16"),
        (170, "allow", "icmp 3/4", "0.0.0.0/0"),
        (200, "allow", "1024-65535", "0.0.0.0/0"),
    ]
    assert acl(firewall(), "learning-private", "out") == [
        (100, "allow", "3306-3306", "10.0.0.0/16"),
        (120, "allow", "80-80", "0.0.0.0/0"),
        (130, "allow", "443-443", "0.0.0.0/0"),
        (170, "allow", "icmp 3/4", "0.0.0.0/0"),
        (200, "allow", "1024-65535", "10.0.0.0/16"),
    ]


def test_only_the_public_acl_changes_with_admin_cidr(firewall: Callable[..., Template]) -> None:
    without_ssh = [row for row in acl(firewall(ADMIN), "learning-public", "in") if row[0] != 110]
    assert acl(firewall(), "learning-public", "in") == without_ssh
    assert acl(firewall(), "learning-public", "out") == acl(firewall(ADMIN), "learning-public", "out")
    for direction in ("in", "out"):
        assert acl(firewall(), "learning-private", direction) == acl(firewall(ADMIN), "learning-private", direction)


# Lesson: subnets, direction, port, address of the other side, verdict.
LESSONS = {
    "a web page is for everyone": ("public", "in", 443, "198.51.100.9", "allow"),
    "the office reaches 8080": ("public", "in", 8080, "50.100.200.77", "allow"),
    "others do not": ("public", "in", 8080, "198.51.100.9", "deny"),
    "nobody outside reaches MySQL": ("public", "in", 3306, "198.51.100.9", "deny"),
    "nobody outside reaches SSH": ("public", "in", 22, "203.0.113.7", "deny"),
    "a reply comes back": ("public", "in", 50000, "198.51.100.9", "allow"),
    "a reply goes out to the visitor of a web page": ("public", "out", 50000, "198.51.100.9", "allow"),
    "a private host's request passes to NAT": ("public", "in", 443, "10.0.2.9", "allow"),
    "NAT passes it on": ("public", "out", 443, "198.51.100.9", "allow"),
    "NAT gives the reply to the private host": ("public", "out", 50000, "10.0.2.9", "allow"),
    "the bastion reaches SSH of the VPC": ("public", "out", 22, "10.0.2.9", "allow"),
    "the bastion reaches no SSH outside": ("public", "out", 22, "198.51.100.9", "deny"),
    "no mail is sent": ("public", "out", 25, "198.51.100.9", "deny"),
    "the bastion comes in": ("private", "in", 22, "10.0.1.9", "allow"),
    "nobody else does": ("private", "in", 22, "198.51.100.9", "deny"),
    "the bastion gets its reply": ("private", "out", 50000, "10.0.1.9", "allow"),
    "a web server reaches MySQL": ("private", "in", 3306, "10.0.1.9", "allow"),
    "a web server in a private subnet is for this VPC": ("private", "in", 80, "10.0.1.9", "allow"),
    "and for nobody else, even by a wrong route": ("private", "in", 80, "198.51.100.9", "deny"),
    "a visitor whose port is 3306 gets a reply": ("public", "out", 3306, "198.51.100.9", "allow"),
    "a reply that NAT passes on may come to 3306": ("private", "in", 3306, "198.51.100.9", "allow"),
    "an update comes through NAT": ("private", "in", 50000, "198.51.100.9", "allow"),
    "an update is asked for": ("private", "out", 443, "198.51.100.9", "allow"),
    "a private host replies to nobody outside": ("private", "out", 50000, "198.51.100.9", "deny"),
}


@pytest.mark.parametrize("lesson", LESSONS)
def test_lesson_of_stateless_rules(firewall: Callable[..., Template], lesson: str) -> None:
    subnets, direction, port, address, expected = LESSONS[lesson]
    assert verdict(acl(firewall(), f"learning-{subnets}", direction), port, address) == expected


@pytest.mark.parametrize(("address", "expected"), [("203.0.113.7", "allow"), ("203.0.113.8", "deny")])
def test_only_the_administrator_passes_to_port_22(
    firewall: Callable[..., Template], address: str, expected: str
) -> None:
    assert verdict(acl(firewall(ADMIN), "learning-public", "in"), 22, address) == expected


@EITHER
@pytest.mark.parametrize("name", ["learning-public", "learning-private"])
@pytest.mark.parametrize("direction", ["in", "out"])
def test_deny_rules_stand_before_the_allow_rule_that_they_narrow(
    firewall: Callable[..., Template], admin_cidr: str | None, name: str, direction: str
) -> None:
    rules = acl(firewall(admin_cidr), name, direction)
    (replies,) = [number for number, _, ports, _ in rules if ports == "1024-65535"]
    assert all(number < replies for number, action, _, _ in rules if action == "deny")


@pytest.mark.parametrize(("name", "kind"), [("learning-public", "Public"), ("learning-private", "Private")])
def test_each_subnet_has_the_acl_of_its_kind(firewall: Callable[..., Template], name: str, kind: str) -> None:
    acls = properties(firewall(), "AWS::EC2::NetworkAcl")
    (acl_id,) = [logical_id for logical_id, found in acls.items() if tag(found, "Name") == name]
    associations = properties(firewall(), "AWS::EC2::SubnetNetworkAclAssociation").values()
    subnets = properties(firewall(), "AWS::EC2::Subnet")
    assert {target(one["SubnetId"]) for one in associations if target(one["NetworkAclId"]) == acl_id} == {
        subnet_id for subnet_id, subnet in subnets.items() if tag(subnet, "aws-cdk:subnet-name") == kind
    }
