"""What holds for every stack that valid settings can make, and for every input that is not valid."""

import json
import os
import shlex
import subprocess
from collections.abc import Callable, Iterator
from dataclasses import fields
from ipaddress import IPv4Address, IPv4Network
from itertools import combinations
from pathlib import Path
from typing import Any

import yaml
from aws_cdk.assertions import Template
from cfnlint.api import lint
from cfnlint.config import ManualArgs
from hypothesis import HealthCheck, assume, given, settings
from hypothesis import strategies as st

from stacks.settings import NAT_CHOICES, S3FS_CHOICES, UBUNTU_CHOICES, Settings, SettingsError
from stacks.validation import Validation
from tests.constructs_lib.reading import in_words, reference, tag
from tests.constructs_lib.test_firewall import AclRow, acl, verdict

EXAMPLES = 300 if os.environ.get("CI") else 10
ANY = settings(max_examples=EXAMPLES, deadline=None, database=None, suppress_health_check=list(HealthCheck))
VALIDATION = Validation()
Resources = dict[str, Any]


# --- any valid settings


def networks(widest: int = 16, narrowest: int = 32) -> st.SearchStrategy[str]:
    return st.builds(
        lambda address, prefix: str(IPv4Network((address, prefix), strict=False)),
        st.integers(1 << 24, (224 << 24) - 1),
        st.integers(widest, narrowest),
    )


@st.composite
def address_ranges(draw: st.DrawFn) -> dict[str, Any]:
    """Draw a VPC and a subnet of any size in each quarter of it, in any order."""
    vpc = IPv4Network(draw(networks(16, 24)))
    quarters = draw(st.permutations(list(vpc.subnets(prefixlen_diff=2))))
    chosen = []
    for quarter in quarters:
        prefix = draw(st.integers(quarter.prefixlen, 28))
        place = draw(st.integers(0, 2 ** (prefix - quarter.prefixlen) - 1))
        chosen.append(str(IPv4Network((int(quarter.network_address) + (place << 32 - prefix), prefix))))
    return {"vpc_cidr": str(vpc), "public_cidrs": tuple(chosen[:2]), "private_cidrs": tuple(chosen[2:])}


def zones() -> st.SearchStrategy[tuple[str, ...]]:
    regions = st.sampled_from(["us-east-1", "ap-northeast-1", "us-gov-west-1", "ap-southeast-7", "eu-central-2"])
    pairs = st.lists(st.sampled_from("abcdef"), min_size=2, max_size=2, unique=True)
    some = st.builds(lambda region, letters: tuple(f"{region}{letter}" for letter in letters), regions, pairs)
    return st.just(()) | some


def text(pattern: str) -> st.SearchStrategy[str]:
    return st.from_regex(pattern, fullmatch=True)


def either(strategy: st.SearchStrategy[str]) -> st.SearchStrategy[str]:
    return st.just("") | strategy


ALONE: dict[str, st.SearchStrategy[Any]] = {
    "availability_zones": zones(),
    "nat": st.sampled_from(NAT_CHOICES),
    "admin_cidr": either(networks()),
    "office_cidr": networks(),
    "bucket_name": either(text(r"[a-z0-9][a-z0-9-]{1,61}[a-z0-9]")),
    "role_name": text(r"[A-Za-z0-9_.@+-]{1,64}"),
    "ubuntu_release": st.sampled_from(UBUNTU_CHOICES),
    "ami_serial": either(st.dates().map(lambda day: f"20{day:%y%m%d}")),
    "ami_id": either(text(r"ami-[0-9a-f]{17}")),
    "instance_type": st.sampled_from(["t3.micro", "t4g.nano", "m7i-flex.large", "c7g.16xlarge", "r8gd.metal-24xl"]),
    "volume_gib": st.integers(8, 16384),
    "s3fs_install": st.sampled_from(S3FS_CHOICES),
    "mount_point": text(r"(/[A-Za-z0-9_][A-Za-z0-9._-]{0,20}){1,3}"),
    "mount_uid": st.integers(0, 65533),
    "mount_gid": st.integers(0, 65533),
    "private_host": st.booleans(),
    "hardened": st.booleans(),
    "stop_at": either(st.times().map("{:%H:%M}".format)),
    "start_at": either(st.times().map("{:%H:%M}".format)),
    "time_zone": st.sampled_from(["UTC", "Asia/Tokyo", "America/Argentina/ComodRivadavia"]),
    "operators": st.lists(text(r"[A-Za-z0-9_.@+=-]{1,64}"), max_size=3).map(tuple),
    "learners": st.lists(text(r"[a-z]([a-z0-9-]{0,18}[a-z0-9])?"), max_size=2, unique=True).map(tuple),
}


BUDGET: dict[str, st.SearchStrategy[Any]] = {
    "monthly_budget_usd": st.integers(1, 1_000_000),
    "alert_email": text(r"[A-Za-z0-9._%+'-]{1,64}@([a-z0-9][a-z0-9-]{0,8}[a-z0-9]\.){1,2}[A-Za-z]{2,9}"),
}


@st.composite
def any_settings(draw: st.DrawFn) -> Settings:
    alone = {name: draw(strategy) for name, strategy in ALONE.items()}
    chosen = Settings(**draw(address_ranges()), **alone, **draw(st.just({}) | st.fixed_dictionaries(BUDGET)))
    assume(chosen.mistakes() == [])
    return chosen


def test_every_setting_is_drawn() -> None:
    ranges = {"vpc_cidr", "public_cidrs", "private_cidrs"}
    assert ranges | set(ALONE) | set(BUDGET) == {setting.name for setting in fields(Settings)}


# --- what holds for the templates


@ANY
@given(chosen=any_settings())
def test_what_holds_for_any_settings(chosen: Settings, assembly: Callable[..., Path]) -> None:
    folder = assembly(**{setting.name: getattr(chosen, setting.name) for setting in fields(chosen)})
    learners = [f"LearningStack-{name}" for name in chosen.learners]
    stacks = {name: folder / f"{name}.template.json" for name in ("LearningStack", "OperatorsStack", *learners)}
    assert VALIDATION.findings(stacks.values()) == []
    assert not list(folder.glob("asset.*"))
    assert all(its.mistakes() == [] for its in chosen.of_learners().values())
    vpcs_are_apart([json.loads(stacks[name].read_text())["Resources"] for name in ("LearningStack", *learners)])
    for name in learners:
        subnets_are_inside_the_vpc_and_apart(json.loads(stacks.pop(name).read_text())["Resources"])
    for file in stacks.values():
        # W3010 asks for no zone by name; the settings exist to give one.
        found = lint(file.read_text(), config=ManualArgs(regions=["us-east-1"], ignore_checks=["W3010"]))
        assert [str(match) for match in found] == []
    template = json.loads(stacks["LearningStack"].read_text())
    resources: Resources = template["Resources"]
    subnets_are_inside_the_vpc_and_apart(resources)
    routes_lead_where_nat_says(resources, chosen.nat)
    nobody_reaches_ssh_or_mysql_from_the_world(resources)
    each_allow_has_its_way_back(Template.from_json(template))
    policies_name_what_is_ours_or_a_documented_star(resources)
    everything_stored_is_encrypted(resources)
    user_data_says_what_was_chosen(resources, chosen)


def of(resources: Resources, kind: str) -> dict[str, Any]:
    return {name: each["Properties"] for name, each in resources.items() if each["Type"] == f"AWS::{kind}"}


def vpcs_are_apart(stacks: list[Resources]) -> None:
    ranges = [IPv4Network(each["CidrBlock"]) for resources in stacks for each in of(resources, "EC2::VPC").values()]
    assert len(ranges) == len(stacks)
    assert not any(one.overlaps(other) for one, other in combinations(ranges, 2))


def subnets_are_inside_the_vpc_and_apart(resources: Resources) -> None:
    (vpc,) = of(resources, "EC2::VPC").values()
    subnets = [IPv4Network(each["CidrBlock"]) for each in of(resources, "EC2::Subnet").values()]
    assert len(subnets) == 4
    for place, subnet in enumerate(subnets):
        assert subnet.subnet_of(IPv4Network(vpc["CidrBlock"]))
        assert not any(subnet.overlaps(other) for other in subnets[:place])


def routes_lead_where_nat_says(resources: Resources, nat: str) -> None:
    subnets = of(resources, "EC2::Subnet")
    zone = {name: json.dumps(each["AvailabilityZone"]) for name, each in subnets.items()}
    gateways, instances = of(resources, "EC2::NatGateway"), of(resources, "EC2::Instance")
    found = []
    for association in of(resources, "EC2::SubnetRouteTableAssociation").values():
        subnet, table = reference(association["SubnetId"]), association["RouteTableId"]
        if not str(tag(subnets[subnet], "Name")).startswith("learning-private"):
            continue
        routes = [each for each in of(resources, "EC2::Route").values() if each["RouteTableId"] == table]
        assert not any("GatewayId" in route for route in routes)
        for route in routes:
            assert route["DestinationCidrBlock"] == "0.0.0.0/0"
            if "InstanceId" in route:
                (interface,) = instances[reference(route["InstanceId"])]["NetworkInterfaces"]
                place = zone[reference(interface["SubnetId"])]
            else:
                gateway = gateways[reference(route["NatGatewayId"])]
                place = zone[reference(gateway["SubnetId"])] if "SubnetId" in gateway else "regional"
            found.append((zone[subnet], place))
    first, second = (zone[name] for name, each in subnets.items() if "Private" in name and each)
    assert sorted(found) == sorted(
        {
            "per-az": [(first, first), (second, second)],
            "single": [(first, first), (second, first)],
            "instance": [(first, first), (second, first)],
            "regional": [(first, "regional"), (second, "regional")],
            "none": [],
        }[nat]
    )


def nobody_reaches_ssh_or_mysql_from_the_world(resources: Resources) -> None:
    rules = list(of(resources, "EC2::SecurityGroupIngress").values())
    rules += [r for each in of(resources, "EC2::SecurityGroup").values() for r in each.get("SecurityGroupIngress", [])]
    for rule in rules:
        for port in (22, 3306):
            if rule["IpProtocol"] == "-1" or rule["FromPort"] <= port <= rule["ToPort"]:
                assert IPv4Network(rule.get("CidrIp", "10.0.0.0/32")).prefixlen >= 16


def each_allow_has_its_way_back(template: Template) -> None:
    for name in ("learning-public", "learning-private"):
        for way, back in (("in", "out"), ("out", "in")):
            replies = acl(template, name, back)
            for rule in acl(template, name, way):
                if rule[1] == "allow" and rule[2] != "1024-65535":
                    assert verdict(replies, 50_000, somebody_in(rule)) == "allow", (name, way, rule)


def somebody_in(rule: AclRow) -> str:
    network = IPv4Network(rule[3])
    return "198.51.100.9" if network.prefixlen == 0 else str(IPv4Address(int(network.network_address)))


def policies_name_what_is_ours_or_a_documented_star(resources: Resources) -> None:
    (bucket,) = (name for name in of(resources, "S3::Bucket") if name.startswith("StorageBucket"))
    ours = (bucket, *(f":instance/${{{name}}}" for name in of(resources, "EC2::Instance")))
    stars = set()
    for statement in statements(resources):
        wanted = statement["Resource"] if isinstance(statement["Resource"], list) else [statement["Resource"]]
        for each in wanted:
            if each == "*":
                stars.add(statement["Sid"])
            elif each != {"Ref": "AWS::StackId"}:
                assert any(name in json.dumps(each) for name in ours)
    assert stars == {"OpenSessions"}  # AWS documents no other resource for its actions


def statements(resources: Resources) -> Iterator[dict[str, Any]]:
    for policy in of(resources, "IAM::ManagedPolicy").values():
        yield from policy["PolicyDocument"]["Statement"]
    for role in of(resources, "IAM::Role").values():
        for policy in role.get("Policies", []):
            yield from policy["PolicyDocument"]["Statement"]


def everything_stored_is_encrypted(resources: Resources) -> None:
    assert all("BucketEncryption" in bucket for bucket in of(resources, "S3::Bucket").values())
    for instance in of(resources, "EC2::Instance").values():
        assert [device["Ebs"]["Encrypted"] for device in instance["BlockDeviceMappings"]] == [True]


def user_data_says_what_was_chosen(resources: Resources, chosen: Settings) -> None:
    """Read it as cloud-init and a shell do: nothing that was typed is more than a word."""
    (bastion,) = (each for each in of(resources, "EC2::Instance").values() if tag(each, "Role") == "bastion")
    names = {name: name for name in (*resources, "AWS::Region", "AWS::URLSuffix", "AWS::StackName")}
    user_data = in_words(bastion["UserData"]["Fn::Base64"], names)
    assert len(user_data.encode()) <= 16_384
    (environment,) = (f for f in yaml.safe_load(user_data)["write_files"] if f["path"] == "/etc/learning-stack.env")
    pairs = dict(word.split("=", 1) for word in shlex.split(environment["content"]))
    assert pairs["ROLE"] == chosen.role_name
    assert pairs["MOUNT_POINT"] == chosen.mount_point
    assert (pairs["MOUNT_UID"], pairs["MOUNT_GID"]) == (str(chosen.mount_uid), str(chosen.mount_gid))
    subprocess.run(["bash", "-n"], input=environment["content"], text=True, check=True)


# --- any input that is not valid

JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=20) | networks(0),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3),
    max_leaves=5,
)
KEYS = st.sampled_from([setting.name for setting in fields(Settings)]) | st.text(max_size=20)


@settings(ANY, max_examples=EXAMPLES * 10)
@given(context=st.dictionaries(KEYS, JSON, max_size=6))
def test_any_input_is_valid_or_gets_a_line_for_each_mistake(context: dict[str, object]) -> None:
    try:
        chosen = Settings.from_context(context)
    except SettingsError as refused:
        lines = refused.mistakes
    else:
        assert chosen.mistakes() == []
        return
    assert lines
    assert all(line.isprintable() and len(line) < 600 for line in lines)
