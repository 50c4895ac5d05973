"""`lab reach` on what is deployed, and Reachability Analyzer's own commands, which the local AWS answers with it."""

import json
import re
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import asdict
from pathlib import Path
from typing import Any

import botocore.session
import pytest
from botocore.exceptions import ClientError
from botocore.validate import ParamValidator
from typer.testing import CliRunner

from lab.cli import app
from lab.reach import analyzer
from lab.reach.described import described
from lab.reach.network import LOCAL, Interface, Network
from lab.reach.templated import templated
from lab.template.deployed import Deployed
from lab.terminal.options import console
from tests.local_aws.server import deployed_in

Shape = dict[str, Any]


@pytest.fixture
def network(learning_stack: Deployed) -> Network:
    return described(learning_stack.ec2, learning_stack.outputs["VpcId"])


@pytest.fixture(autouse=True)
def wide(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(console, "width", 250)


def reach(*words: str) -> str:
    run = CliRunner().invoke(app, ["reach", *words])
    assert run.exit_code == 0, run.exception
    return run.stdout


def facts(network: Network) -> set[str]:
    """Return what a network says, with names in place of ids and without what AWS makes up."""
    names: dict[str, str] = {LOCAL: LOCAL} | dict.fromkeys(network.internet_gateways, "internet gateway")
    names |= {each.prefix_list: f"list of {each.service}" for each in network.endpoints.values()}
    for things in (network.subnets, network.acls, network.groups, network.route_tables, network.interfaces):
        names |= {id_: f"{type(each).__name__} {each.name}" for id_, each in things.items()}
    names |= {id_: f"NAT gateway {each.name}" for id_, each in network.nat_gateways.items()}
    names |= {id_: f"endpoint of {each.service}" for id_, each in network.endpoints.items()}
    used = {each.acl for each in network.subnets.values()} | {each.route_table for each in network.subnets.values()}

    def named(value: Any) -> Any:
        return re.sub(r"[\w-]+", lambda word: names.get(word[0], word[0]), str(value))

    return {
        *(named((each.name, each.cidr, each.route_table, each.acl)) for each in network.subnets.values()),
        *(named(each) for table in used & network.route_tables.keys() for each in network.route_tables[table].routes),
        *(named((acl, each)) for acl in used & network.acls.keys() for each in network.acls[acl].entries),
        *(
            named((each.name, rule))
            for each in network.groups.values()
            if each.name != "default"
            for rule in (*each.inbound, *each.outbound)
        ),
        *(named(_without_what_aws_chooses(each)) for each in network.interfaces.values()),
        *(named((each.name, each.subnet, each.available, bool(each.public))) for each in network.nat_gateways.values()),
        *(named((each.service, network.cidrs)) for each in network.endpoints.values()),
    }


def _without_what_aws_chooses(interface: Interface) -> Shape:
    chosen = {"id": "", "instance": "", "private": "", "public": interface.public is not None}
    return {**asdict(interface), **chosen}


NAT_ACCOUNTS = {"instance": "444444444440", "regional": "444444444441", "none": "444444444442"}


@pytest.mark.parametrize("nat", NAT_ACCOUNTS)
def test_any_way_out_is_what_its_template_promised(
    learning_stack: Deployed,  # noqa: ARG001  # the local AWS is there
    template: Callable[..., Shape],
    nat: str,
) -> None:
    stack = deployed_in(NAT_ACCOUNTS[nat], template(nat=nat))
    assert facts(described(stack.ec2, stack.outputs["VpcId"])) == facts(templated(stack.template, "us-east-1"))


def test_a_deployed_network_is_what_its_template_promised(learning_stack: Deployed, network: Network) -> None:
    assert facts(network) == facts(templated(learning_stack.template, "us-east-1"))


# --- the command


def test_the_command_reads_what_is_deployed(learning_stack: Deployed) -> None:
    told = reach("internet", "bastion", "22")
    assert told.startswith("✓ 203.0.113.7/32 → bastion, tcp 22\n✗ the rest of the internet → bastion, tcp 22: ")
    assert f"{learning_stack.outputs['BastionAddress']} becomes 10.0.1." in told


@contextmanager
def open_to_everyone(aws: Deployed, group: str, port: int) -> Iterator[None]:
    rule: Any = {"IpProtocol": "tcp", "FromPort": port, "ToPort": port, "IpRanges": [{"CidrIp": "0.0.0.0/0"}]}
    aws.ec2.authorize_security_group_ingress(GroupId=group, IpPermissions=[rule])
    yield
    aws.ec2.revoke_security_group_ingress(GroupId=group, IpPermissions=[rule])


def test_what_was_changed_behind_the_template_is_told(learning_stack: Deployed) -> None:
    assert "Changed in AWS" not in reach()
    with open_to_everyone(learning_stack, learning_stack.outputs["WebGroupId"], 3389):
        told = reach()
    assert "\n\nChanged in AWS since the last deploy:\n" in told
    assert "\n+ internet → web@public-*, tcp 3389\n" in told
    assert "\n- " not in told


def test_before_a_deploy_it_says_what_that_opens_and_closes(
    learning_stack: Deployed,  # noqa: ARG001
    template: Callable[..., Shape],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    (tmp_path / "cdk.out").mkdir()
    monkeypatch.chdir(tmp_path)

    def diff(*words: str, **chosen: object) -> str:
        (tmp_path / "cdk.out" / "LearningStack.template.json").write_text(json.dumps(template(**chosen)))
        return reach("--diff", *words)

    deployed: Any = {"private_host": True, "admin_cidr": "203.0.113.7/32"}
    assert diff(**deployed) == "This deploy opens and closes no way.\n"
    assert diff(**{**deployed, "admin_cidr": "198.51.100.0/24"}).splitlines() == [
        "Ways that this deploy opens (+) and closes (-):",
        "+ 198.51.100.0/24 → bastion, tcp 22",
        "- 203.0.113.7/32 → bastion, tcp 22",
    ]
    without = diff(admin_cidr="203.0.113.7/32")
    assert "- bastion → private-host, tcp 22\n" in without
    assert "\n+ " not in without
    [closed] = json.loads(diff("--json", **{**deployed, "admin_cidr": ""}))
    assert closed == {
        "source": "203.0.113.7/32",
        "destination": "bastion",
        "protocol": "tcp",
        "ports": [22, 22],
        "opens": False,
    }
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "444444444449")  # an account with nothing in it
    first = diff(**deployed)
    assert "+ 203.0.113.7/32 → bastion, tcp 22\n" in first
    assert "\n- " not in first


# --- VPC Reachability Analyzer


@pytest.fixture
def ends(learning_stack: Deployed, network: Network) -> dict[str, str]:
    """Give the ids of what paths may begin and end at, by name."""
    instances = {each.name: each.instance for each in network.interfaces.values()}
    return {
        **instances,
        "internet": learning_stack.one("AWS::EC2::InternetGateway").id,
        "s3": learning_stack.one("AWS::EC2::VPCEndpoint").id,
    }


@contextmanager
def path(aws: Deployed, **asked: Any) -> Iterator[Shape]:
    """Give a path, and delete it with its analyses."""
    ec2: Any = aws.ec2
    made = ec2.create_network_insights_path(**asked)["NetworkInsightsPath"]
    number = {"NetworkInsightsPathId": made["NetworkInsightsPathId"]}
    yield made
    for each in ec2.describe_network_insights_analyses(**number)["NetworkInsightsAnalyses"]:
        ec2.delete_network_insights_analysis(NetworkInsightsAnalysisId=each["NetworkInsightsAnalysisId"])
    ec2.delete_network_insights_path(**number)


def analyzed(aws: Deployed, **asked: Any) -> Shape:
    ec2: Any = aws.ec2
    with path(aws, **asked) as made:
        number = made["NetworkInsightsPathId"]
        begun = ec2.start_network_insights_analysis(NetworkInsightsPathId=number)["NetworkInsightsAnalysis"]
        assert begun["Status"] == "running"
        found = ec2.describe_network_insights_analyses(NetworkInsightsAnalysisIds=[begun["NetworkInsightsAnalysisId"]])[
            "NetworkInsightsAnalyses"
        ]
        assert [each["Status"] for each in found] == ["succeeded"]
        return dict(found[0])


def kinds(analysis: Shape, way: str) -> list[str]:
    return [each["Component"]["Id"].partition("-")[0] for each in analysis[f"{way}PathComponents"]]


def test_the_analyzer_finds_a_path(learning_stack: Deployed, ends: dict[str, str]) -> None:
    asked = {"Source": ends["internet"], "Destination": ends["learning-bastion"], "Protocol": "tcp"}
    found = analyzed(learning_stack, **asked, DestinationPort=22)
    assert found["NetworkPathFound"] is True
    assert kinds(found, "Forward") == ["igw", "acl", "sg", "eni", "i"]
    assert kinds(found, "Return") == ["i", "eni", "sg", "acl", "rtb", "igw"]
    assert found["ForwardPathComponents"][1]["AclRule"]["RuleNumber"] == 110
    assert found["ForwardPathComponents"][3]["AttachedTo"]["Name"] == "learning-bastion"
    assert found["ForwardPathComponents"][0]["Component"]["Arn"].endswith(f":internet-gateway/{ends['internet']}")


def test_the_analyzer_explains_why_there_is_none(learning_stack: Deployed, ends: dict[str, str]) -> None:
    asked = {"Source": ends["learning-bastion"], "Destination": ends["learning-private-host"], "Protocol": "tcp"}
    found = analyzed(learning_stack, **asked, DestinationPort=3306)
    assert found["NetworkPathFound"] is False
    [explanation] = found["Explanations"]
    assert (explanation["ExplanationCode"], explanation["Direction"]) == ("ENI_SG_RULES_MISMATCH", "egress")
    assert explanation["SecurityGroup"]["Name"] == "learning-bastion"
    # Somebody on the internet, and not just anybody.
    asked = {"Source": ends["internet"], "Destination": ends["learning-bastion"], "Protocol": "tcp"}
    scope = {"SourceAddress": "198.51.100.1", "DestinationPortRange": {"FromPort": 22, "ToPort": 22}}
    found = analyzed(learning_stack, **asked, FilterAtSource=scope)
    assert [each["ExplanationCode"] for each in found["Explanations"]] == ["SUBNET_ACL_RESTRICTION"]


def test_the_analyzer_goes_through_nat_and_to_s3(learning_stack: Deployed, ends: dict[str, str]) -> None:
    asked = {"Source": ends["learning-private-host"], "Protocol": "tcp", "DestinationPort": 443}
    out = analyzed(learning_stack, **asked, Destination=ends["internet"])
    assert (out["NetworkPathFound"], kinds(out, "Forward").count("nat")) == (True, 1)
    assert out["WarningMessage"].startswith("No reply comes to the NAT gateway's port ")
    assert kinds(analyzed(learning_stack, **asked, Destination=ends["s3"]), "Forward")[-1] == "vpce"
    by_address = analyzed(learning_stack, **asked, DestinationIp="198.51.100.1", Destination=ends["internet"])
    assert by_address["NetworkPathFound"] is True


def test_paths_and_analyses_are_listed_and_filtered(learning_stack: Deployed, ends: dict[str, str]) -> None:
    ec2: Any = learning_stack.ec2
    asked = {"Source": ends["internet"], "Destination": ends["learning-bastion"]}
    tags = [{"ResourceType": "network-insights-path", "Tags": [{"Key": "Name", "Value": "mine"}]}]
    with path(learning_stack, **asked, Protocol="tcp", DestinationPort=22, TagSpecifications=tags) as made:
        number = {"NetworkInsightsPathId": made["NetworkInsightsPathId"]}
        assert made["Tags"] == [{"Key": "Name", "Value": "mine"}]
        by_protocol = {
            protocol: [
                each["NetworkInsightsPathId"]
                for each in ec2.describe_network_insights_paths(Filters=[{"Name": "protocol", "Values": [protocol]}])[
                    "NetworkInsightsPaths"
                ]
            ]
            for protocol in ("tcp", "udp")
        }
        assert by_protocol == {"tcp": [made["NetworkInsightsPathId"]], "udp": []}
        ec2.start_network_insights_analysis(**number)
        for found in ("true", "false"):
            listed = ec2.describe_network_insights_analyses(Filters=[{"Name": "path-found", "Values": [found]}])
            assert [each["NetworkPathFound"] for each in listed["NetworkInsightsAnalyses"]] == [True] * (
                found == "true"
            )
        with pytest.raises(ClientError, match="AnalysisExistsForNetworkInsightsPath"):
            ec2.delete_network_insights_path(**number)
    with pytest.raises(ClientError, match=r"InvalidNetworkInsightsPathId.NotFound"):
        ec2.describe_network_insights_paths(NetworkInsightsPathIds=[made["NetworkInsightsPathId"]])


@pytest.mark.parametrize(
    ("asked", "code"),
    [
        ({"Source": "i-0123456789abcdef0"}, "NetworkInsightsSource.NotFound"),
        ({"Destination": "i-0123456789abcdef0"}, "NetworkInsightsDestination.NotFound"),
        ({"Source": "vpc-0123456789abcdef0"}, "InvalidParameterValue"),
        ({"Protocol": "icmp"}, "InvalidParameterValue"),
        ({"DestinationPort": 22, "FilterAtSource": {"SourceAddress": "198.51.100.1"}}, "InvalidParameterCombination"),
        (
            {"DestinationIp": "1.2.3.4", "FilterAtDestination": {"SourceAddress": "1.2.3.4"}},
            "InvalidParameterCombination",
        ),
    ],
)
def test_a_path_that_cannot_be_is_refused(
    learning_stack: Deployed, ends: dict[str, str], asked: Shape, code: str
) -> None:
    ec2: Any = learning_stack.ec2
    usual = {"Source": ends["internet"], "Destination": ends["learning-bastion"], "Protocol": "tcp"}
    with pytest.raises(ClientError, match=code):
        ec2.create_network_insights_path(**{**usual, **asked})


def test_json_fits_the_model_of_boto3(learning_stack: Deployed) -> None:  # noqa: ARG001
    shape = botocore.session.get_session().get_service_model("ec2").shape_for("NetworkInsightsAnalysis")
    ours = ("Source", "Destination", "Protocol", "FromPort", "ToPort", "Verdict")
    told = json.loads(reach("--json")) + json.loads(reach("private-1", "internet", "--icmp", "--json"))
    assert {each["Verdict"] for each in told} == {"always", "sometimes", "never"}
    for each in told:
        analysis = {name: value for name, value in each.items() if name not in ours}
        assert not ParamValidator().validate(analysis, shape).has_errors(), analysis
        assert analysis["NetworkPathFound"] is (each["Verdict"] != "never")


def test_the_two_analyzers_are_compared(learning_stack: Deployed, monkeypatch: pytest.MonkeyPatch) -> None:  # noqa: ARG001
    assert reach("internet", "bastion", "22", "--analyzer").endswith("AWS's analyzer: reachable. The same as here.\n")
    told = reach("bastion", "private-host", "80", "--analyzer")
    assert told.endswith("AWS's analyzer: not reachable (ENI_SG_RULES_MISMATCH). The same as here.\n")
    problem = CliRunner().invoke(app, ["reach", "web@public-1", "bastion", "22", "--analyzer"]).exception
    assert str(problem) == "web@public-1 is not there: AWS's analyzer knows only what is deployed"
    found = {"NetworkPathFound": False, "Explanations": [{"ExplanationCode": "NO_PATH"}]}
    monkeypatch.setattr(analyzer, "_analysed", lambda *_: found)
    told = reach("internet", "bastion", "22", "--analyzer")
    assert told.endswith("AWS's analyzer: not reachable (NO_PATH). Here it is not so: reachable.\n")


def test_a_real_account_is_told_the_price_and_asked_first(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("lab.template.deployed.is_local", lambda: False)
    monkeypatch.setattr("builtins.input", lambda _: "no")
    assert reach("internet", "bastion", "22", "--analyzer").endswith("AWS was not asked.\n")
