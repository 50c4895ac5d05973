"""What holds for every stack that valid settings can make, and for every input that is not valid."""

import json
import os
import shlex
import subprocess
from collections.abc import Callable, Iterator
from dataclasses import fields
from functools import cache
from ipaddress import IPv4Network
from itertools import combinations
from pathlib import Path
from typing import Any

import pytest
from aws_cdk.assertions import Template
from cfnlint.api import lint
from cfnlint.config import ManualArgs
from cfnlint.core import get_rules
from hypothesis import HealthCheck, assume, given, settings
from hypothesis import strategies as st

from lab.template.values import resolved, target
from stacks.settings import NAT_CHOICES, S3FS_CHOICES, UBUNTU_CHOICES, Settings, SettingsError
from stacks.validation import Validation
from tests.unit.constructs_lib.reading import files_in, tag
from tests.unit.constructs_lib.test_firewall import acl, verdict
from tests.unit.test_templates import LONGEST, LONGEST_OF_A_LEARNER, LONGEST_WITH_NAT_INSTANCE

# .ci/run sets CI.
EXAMPLES = 300 if os.environ.get("CI") else 10
PARTS = range(2)
ANY = settings(
    max_examples=EXAMPLES,
    deadline=None,
    database=None,
    suppress_health_check=list(HealthCheck),
)
# Reading cfn-lint's rules takes as long as linting a template. W3010 asks for no zone by name; a setting gives one.
VALIDATION, LINT_RULES = Validation(), get_rules([], ["W3010"], [])
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
    vpc = IPv4Network(draw(networks(16, 26)))
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
    # A few: OperatorsStack depends on nothing else, and takes cfn-lint two seconds.
    "operators": st.sampled_from([(), ("alice",), ("a.b", "a-b", "a_b", "a@b", "a+b", "a=b", "o" * 64)]),
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


@pytest.fixture(params=PARTS, ids="part{}".format)
def part(request: pytest.FixtureRequest) -> int:
    """Give each part of the examples to another process: one takes half a second."""
    return int(request.param)


@pytest.fixture(scope="module")
def most_bytes(assembly: Callable[..., Path]) -> int:
    """Give the length of the longest: test_templates.py holds that one to the limit, as the CDK CLI sends it."""
    longest = (LONGEST, LONGEST_WITH_NAT_INSTANCE, LONGEST_OF_A_LEARNER)
    files = [file for settings in longest for file in assembly(**settings).glob("LearningStack*.template.json")]
    return max(file.stat().st_size for file in files)


@pytest.mark.usefixtures("part")
@settings(ANY, max_examples=EXAMPLES // len(PARTS))
@given(chosen=any_settings())
def test_what_holds_for_any_settings(chosen: Settings, assembly: Callable[..., Path], most_bytes: int) -> None:
    folder = assembly(**{setting.name: getattr(chosen, setting.name) for setting in fields(chosen)})
    of_learners = {f"LearningStack-{name}": its for name, its in chosen.of_learners().items()}
    files = {name: folder / f"{name}.template.json" for name in ("LearningStack", *of_learners, "OperatorsStack")}
    assert VALIDATION.findings(files.values()) == []
    assert not list(folder.glob("asset.*"))
    assert max(file.stat().st_size for file in files.values()) <= most_bytes
    templates = {name: json.loads(file.read_text()) for name, file in files.items()}
    policies_name_what_is_ours_or_a_documented_wildcard(templates.pop("OperatorsStack")["Resources"])
    vpcs_are_apart([template["Resources"] for template in templates.values()])
    for name, its in {"LearningStack": chosen, **of_learners}.items():
        resources: Resources = templates[name]["Resources"]
        assert its.mistakes() == []
        subnets_are_inside_the_vpc_and_apart(resources)
        routes_lead_where_nat_says(resources, its.nat)
        nobody_reaches_ssh_or_mysql_from_the_world(resources)
        each_allow_has_its_way_back(Template.from_json(templates[name]))
        policies_name_what_is_ours_or_a_documented_wildcard(resources)
        everything_stored_is_encrypted(resources)
        user_data_says_what_was_chosen(resources, its)
    # Last, as it takes a second. The CDK writes learners' stacks as it writes LearningStack, with other names in them.
    assert lint_findings(files["LearningStack"].read_text()) == lint_findings(files["OperatorsStack"].read_text()) == []


@cache
def lint_findings(template: str) -> list[str]:
    return [str(match) for match in lint(template, rules=LINT_RULES, config=ManualArgs(regions=["us-east-1"]))]


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
    routes: dict[str, list[dict[str, Any]]] = {
        target(each["SubnetId"]): [
            route for route in of(resources, "EC2::Route").values() if route["RouteTableId"] == each["RouteTableId"]
        ]
        for each in of(resources, "EC2::SubnetRouteTableAssociation").values()
    }
    public = {subnet for subnet in subnets if any("GatewayId" in route for route in routes[subnet])}
    assert public == {name for name, each in subnets.items() if str(tag(each, "Name")).startswith("learning-public")}
    found = []
    for subnet in subnets.keys() - public:
        for route in routes[subnet]:
            assert route["DestinationCidrBlock"] == "0.0.0.0/0"
            if "InstanceId" in route:
                (stands,) = instances[target(route["InstanceId"])]["NetworkInterfaces"]
            else:
                stands = gateways[target(route["NatGatewayId"])]
            place = target(stands["SubnetId"]) if "SubnetId" in stands else None
            assert place in {*public, None}
            found.append((zone[subnet], zone[place] if place else "regional"))
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
        opens = rule["IpProtocol"] == "-1" or any(rule["FromPort"] <= port <= rule["ToPort"] for port in (22, 3306))
        if opens and "SourceSecurityGroupId" not in rule:
            assert IPv4Network(rule["CidrIp"]).prefixlen >= 16


def each_allow_has_its_way_back(template: Template) -> None:
    for name in ("learning-public", "learning-private"):
        for way, back in (("in", "out"), ("out", "in")):
            replies = acl(template, name, back)
            for rule in acl(template, name, way):
                if rule[1] == "allow" and rule[2] != "1024-65535" and not rule[2].startswith("icmp"):  # no reply to it
                    network = IPv4Network(rule[3])
                    for port in (1024, 50_000, 65_535):
                        for address in (network[0], network[-1]):
                            assert verdict(replies, port, str(address)) == "allow", (name, way, rule)


# AWS documents no narrower resource for these actions of a role; those of operators are narrowed by conditions.
DOCUMENTED = {
    '"*"': {
        "ssmmessages:CreateControlChannel",
        "ssmmessages:CreateDataChannel",
        "ssmmessages:OpenControlChannel",
        "ssmmessages:OpenDataChannel",
        "ec2:Describe*",
        "iam:GetAccountPasswordPolicy",
        "iam:ListVirtualMFADevices",
    },
    ":instance/*": {"ssm:UpdateInstanceInformation", "ec2:StartInstances", "ec2:StopInstances"},
    ":oauth2/public-client/*": {"signin:AuthorizeOAuth2Access", "signin:CreateOAuth2Token"},
}


def policies_name_what_is_ours_or_a_documented_wildcard(resources: Resources) -> None:
    buckets = [name for name in of(resources, "S3::Bucket") if name.startswith("StorageBucket")]
    instances = [f":instance/${{{name}}}" for name in of(resources, "EC2::Instance")]
    ours = [*(f"${{{name}.Arn}}" for name in buckets), *instances, '"AWS::StackId"', "/${aws:username}"]
    for statement in statements(resources):
        actions, wanted = (
            each if isinstance(each, list) else [each] for each in (statement["Action"], statement["Resource"])
        )
        for words in map(json.dumps, wanted):
            documented = any(wildcard in words and DOCUMENTED[wildcard].issuperset(actions) for wildcard in DOCUMENTED)
            assert documented or any(name in words for name in ours), statement
    for policy in of(resources, "S3::BucketPolicy").values():
        for statement in policy["PolicyDocument"]["Statement"]:
            assert statement["Effect"] == "Deny" or list(statement["Principal"]) == ["Service"], statement


def statements(resources: Resources) -> Iterator[dict[str, Any]]:
    """Yield all that is allowed to somebody, wherever IAM lets it stand; AWS's own policies are not ours to read."""
    for kind, each in ((each["Type"], each.get("Properties", {})) for each in resources.values()):
        assert all("Ref" in policy for policy in each.get("ManagedPolicyArns", []))
        if kind.startswith("AWS::IAM::"):
            inline = [policy["PolicyDocument"] for policy in each.get("Policies", [])]
            for document in [each["PolicyDocument"]] if "PolicyDocument" in each else inline:
                yield from document["Statement"]


def everything_stored_is_encrypted(resources: Resources) -> None:
    assert all("BucketEncryption" in bucket for bucket in of(resources, "S3::Bucket").values())
    for instance in of(resources, "EC2::Instance").values():
        assert [device["Ebs"]["Encrypted"] for device in instance["BlockDeviceMappings"]] == [True]


def user_data_says_what_was_chosen(resources: Resources, chosen: Settings) -> None:
    """Read it as cloud-init and a shell do: nothing that was typed is more than a word."""
    names = dict.fromkeys((*resources, "AWS::Region", "AWS::URLSuffix", "AWS::StackName"), "n" * 63)
    files: dict[str, dict[str, str]] = {}
    for instance in of(resources, "EC2::Instance").values():
        if "UserData" in instance:
            user_data = resolved(instance["UserData"]["Fn::Base64"], names)
            assert len(user_data.encode()) <= 16_384
            if "\nput " in user_data:  # the bastion's
                files |= {file["path"]: file for file in files_in(user_data)}
    environment = files["/etc/learning-stack.env"]
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
