"""Templates that others made, or a person by hand: what can be priced and drawn is, and the rest is one line."""

import json
from contextlib import suppress
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from typer.testing import CliRunner

from lab.cli import app
from lab.cost.bill import FREE, PRICED, reckon
from lab.picture.architecture import READ, Architecture
from lab.picture.drawing import svg
from lab.picture.layout import lay_out
from lab.reach.parties import everybody, with_parties
from lab.reach.ranges import matrix
from lab.reach.templated import templated
from lab.template.synthesised import read_template
from lab.terminal.problem import ProblemError

PLAIN = st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=8)
IDS = st.sampled_from(["A", "B", "Name", "Gone"])
REFERENCE = st.builds(lambda name: {"Ref": name}, IDS) | st.builds(lambda name: {"Fn::GetAtt": [name, "Arn"]}, IDS)
KEYS = sorted(
    {*READ, "AssociatePublicIpAddress", "BlockDeviceMappings", "Ebs", "ExpirationInDays", "Key", "Monitoring"}
)
KEYS += [
    "Ref",
    "Rules",
    "StorageClass",
    "Tags",
    "Target",
    "Transitions",
    "Value",
    "VolumeSize",
    "VpcEndpointType",
    "Arn",
]
# Of networks alone.
KEYS += ["Egress", "From", "FromPort", "GroupSet", "Icmp", "IpProtocol", "NetworkAclId", "NetworkInterfaces"]
KEYS += ["PortRange", "Protocol", "RouteTableIds", "RuleAction", "RuleNumber", "SecurityGroupEgress", "ServiceName"]
KEYS += ["SourceDestCheck", "To", "UserData"]
JSON = st.recursive(
    PLAIN | REFERENCE,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.sampled_from(KEYS) | st.text(max_size=3), inner),
    max_leaves=8,
)
RESOURCE = st.fixed_dictionaries(
    {"Type": st.sampled_from(sorted({*PRICED, *FREE, "AWS::X::Y"}))},
    optional={"Properties": st.dictionaries(st.sampled_from(KEYS), JSON, max_size=6)},
)
VPC = {"Type": "AWS::EC2::VPC", "Properties": {"CidrBlock": {"Ref": "Cidr"}}}
TEMPLATES = st.dictionaries(st.sampled_from(["A", "B", "C", "D"]), RESOURCE, max_size=4).map(
    lambda resources: {"Resources": {**resources, "Vpc": VPC}}
)


@settings(max_examples=300, deadline=None)
@given(TEMPLATES)
def test_any_shape_has_a_bill_and_a_picture(template: dict[str, Any]) -> None:
    bill = reckon(template, "us-east-1")
    assert bill.usd >= 0
    drawn = svg(lay_out(Architecture(template), "LearningStack"), "A picture")
    assert not [each for each in drawn if ord(each) < 32 and each != "\n"]


@settings(max_examples=300, deadline=None)
@given(TEMPLATES)
def test_any_shape_is_a_network_or_told_to_be_none(template: dict[str, Any]) -> None:
    template["Resources"]["Vpc"] = {"Type": "AWS::EC2::VPC", "Properties": {"CidrBlock": "10.0.0.0/16"}}
    with suppress(ProblemError):
        network = templated(template, "us-east-1")
        sources, destinations = everybody(network), everybody(network, second=True)
        matrix(with_parties(network, [*sources, *destinations]), sources, destinations, "tcp")


@settings(max_examples=300, deadline=None)
@given(st.dictionaries(st.sampled_from(["Resources", "Outputs"]), st.dictionaries(IDS, JSON | RESOURCE)) | JSON)
def test_any_json_is_a_template_or_told_to_be_none(tmp_path_factory: Any, template: object) -> None:
    folder = tmp_path_factory.mktemp("any")
    Path(folder, "X.template.json").write_text(json.dumps(template))
    with suppress(ProblemError):
        reckon(read_template("X", folder), "us-east-1")


def instance(**properties: object) -> dict[str, object]:
    return {"Type": "AWS::EC2::Instance", "Properties": {"InstanceType": "t3.micro", **properties}}


def said(folder: Path, monkeypatch: pytest.MonkeyPatch, resources: object, *words: str) -> tuple[int, str]:
    """Run a command of the lab on a template and return its status and what it says, its failures too."""
    monkeypatch.chdir(folder)
    Path("cdk.out").mkdir(exist_ok=True)
    text = resources if isinstance(resources, str) else json.dumps({"Resources": resources})
    Path("cdk.out/LearningStack.template.json").write_text(text)
    run = CliRunner().invoke(app, list(words))
    if isinstance(run.exception, ProblemError):
        return 1, str(run.exception)
    assert run.exception is None, run.exception
    return run.exit_code, run.output


@pytest.mark.parametrize(
    "properties",
    [
        {"InstanceType": {"Ref": "Size"}},
        {"BlockDeviceMappings": "one of 8 GB"},
        {"BlockDeviceMappings": [{"Ebs": {"VolumeType": "gp3", "VolumeSize": {"Ref": "Size"}}}]},
        {"NetworkInterfaces": {"Fn::If": ["A", "B", "C"]}},
    ],
)
def test_an_instance_that_is_not_plain_is_said_to_be_unpriced(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, properties: dict[str, object]
) -> None:
    resources = {"Odd": instance(**properties), "Gateway": {"Type": "AWS::EC2::NatGateway"}, "Net": VPC}
    status, text = said(tmp_path, monkeypatch, resources, "cost", "--json")
    bill = json.loads(text)
    assert bill["not_priced"] == ["AWS::EC2::Instance Odd, whose properties are not plain values"]
    assert {line["logical_id"] for line in bill["idle"]} == {"Gateway"}
    assert "Not priced: AWS::EC2::Instance Odd" in said(tmp_path, monkeypatch, resources, "cost")[1]
    assert said(tmp_path, monkeypatch, resources, "picture") == (0, "Drawn: architecture.svg\n")
    assert status == 0


@pytest.mark.parametrize(
    ("resources", "mistake"),
    [
        ({"A": {"Type": 5}}, "A has no Type such as AWS::S3::Bucket"),
        ({"A": {"Type": "\x1b[31m"}}, "A has no Type such as AWS::S3::Bucket"),
        ({"A": []}, "A has no Type such as AWS::S3::Bucket"),
        ({"A": {"Type": "AWS::EC2::VPC", "Properties": []}}, "the Properties of A are none"),
        ({"\x1b[31mred": {"Type": "AWS::EC2::VPC"}}, r"'\x1b[31mred' is no logical id, which has letters"),
        ('{"Resources": ' + "[" * 200 + "]" * 200 + "}", "it is nested 201 times"),
        ("[" * 100_000, "it is no JSON"),
        ('{"Resources": {"A": {"Type": "AWS::EC2::VPC", "Metadata": ' + "9" * 5000 + "}}}", "it is no JSON"),
    ],
)
@pytest.mark.parametrize("command", ["cost", "picture", "reach --template"])
def test_what_is_no_template_is_told_in_one_line(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, command: str, resources: object, mistake: str
) -> None:
    status, text = said(tmp_path, monkeypatch, resources, *command.split())
    assert (status, len(text.splitlines())) == (1, 1)
    assert text.startswith("cdk.out/LearningStack.template.json is not a template: ")
    assert mistake in text


def test_names_neither_steer_the_terminal_nor_are_markup(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    tags = [{"Key": "Name", "Value": "\x1b[2Jweb\ud800 [/red]\nserver"}]
    resources = {
        "Vpc": {**VPC, "Properties": {"Tags": tags}},
        "A": instance(Tags=tags),
        "B": instance(InstanceType="[/]"),
    }
    _, bill = said(tmp_path, monkeypatch, resources, "cost")
    assert "t3.micro \ufffd[2Jweb\ufffd [/red]\ufffdserver" in bill
    assert "Not priced: instance type [/]" in bill
    network = {**resources, "Vpc": {"Type": "AWS::EC2::VPC", "Properties": {"CidrBlock": "10.0.0.0/16"}}}
    network["Sub"] = {"Type": "AWS::EC2::Subnet", "Properties": {"CidrBlock": "10.0.0.0/24", "Tags": tags}}
    network["A"] = instance(Tags=tags, SubnetId={"Ref": "Sub"})
    network["C"] = instance(Tags=[{"Key": "Name", "Value": "other"}], SubnetId={"Ref": "Sub"})
    assert "\ufffd[2Jweb\ufffd [/red]\ufffdserver" in said(tmp_path, monkeypatch, network, "reach", "--template")[1]
    for file in ("picture.svg", "picture.png"):
        assert said(tmp_path, monkeypatch, resources, "picture", "-o", file)[0] == 0
