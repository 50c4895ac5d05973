"""The templates as a whole: snapshots, linters and limits. ``pytest --snapshot-update`` writes the snapshots anew."""

import importlib
import json
import re
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import aws_cdk as cdk
import pytest
from cdk_nag import AwsSolutionsChecks
from syrupy.assertion import SnapshotAssertion
from syrupy.extensions.json import JSONSnapshotExtension

from stacks.learning_stack import LearningStack
from stacks.operators_stack import OperatorsStack
from stacks.settings import Settings

# A template that goes to CloudFormation inline, with no bucket of a bootstrap stack.
INLINE_LIMIT = 51_200
REGIONS = ("us-east-1", "ap-northeast-1")
ADMIN = "203.0.113.7/32"

CASES: dict[str, tuple[str, dict[str, Any]]] = {
    "default-nat-per-az": ("LearningStack", {}),
    "nat-single": ("LearningStack", {"nat": "single"}),
    "nat-regional": ("LearningStack", {"nat": "regional"}),
    "nat-instance": ("LearningStack", {"nat": "instance"}),
    "nat-none": ("LearningStack", {"nat": "none"}),
    "private-host-and-admin": ("LearningStack", {"private_host": True, "admin_cidr": ADMIN}),
    "saving": (
        "LearningStack",
        {
            "nat": "none",
            "stop_at": "19:00",
            "start_at": "09:00",
            "time_zone": "Asia/Tokyo",
            "monthly_budget_usd": 20,
            "alert_email": "you@example.com",
        },
    ),
    "operators": ("OperatorsStack", {"operators": ("alice", "bob")}),
}
# As long as settings allow.
LONGEST: dict[str, Any] = {
    "vpc_cidr": "100.100.101.128/25",
    "public_cidrs": ("100.100.101.128/27", "100.100.101.160/27"),
    "private_cidrs": ("100.100.101.192/27", "100.100.101.224/27"),
    "availability_zones": ("ap-southeast-1a", "ap-southeast-1b"),
    "admin_cidr": "203.113.213.117/32",
    "office_cidr": "203.113.213.118/32",
    "bucket_name": "b" * 63,
    "role_name": "r" * 64,
    "ubuntu_release": "24.04",
    "ami_serial": "20261231.10",
    "instance_type": "t4g.2xlarge",
    "volume_gib": 16384,
    "s3fs_install": "source",
    "mount_point": "/" + "m" * 63,
    "mount_uid": 65533,
    "mount_gid": 65533,
    "private_host": True,
    "stop_at": "23:59",
    "start_at": "23:58",
    "time_zone": "America/Argentina/ComodRivadavia",
    "monthly_budget_usd": 1_000_000,
    "alert_email": f"{'m' * 64}@{'d' * 31}.com",
}
# With an image of its own: its processor is another than the bastion's.
LONGEST_WITH_NAT_INSTANCE = {**LONGEST, "nat": "instance", "instance_type": "t3a.2xlarge"}
EACH = pytest.mark.parametrize("case", CASES)
EACH_AND_LONGEST = pytest.mark.parametrize(
    ("stack", "settings"),
    [
        *CASES.values(),
        ("LearningStack", LONGEST),
        ("LearningStack", {**LONGEST, "admin_cidr": ""}),
        ("LearningStack", LONGEST_WITH_NAT_INSTANCE),
    ],
    ids=[*CASES, "longest", "longest-closed", "longest-nat-instance"],
)
EVERYTHING = Settings(
    nat="instance",
    private_host=True,
    admin_cidr=ADMIN,
    operators=("alice", "bob"),
    stop_at="19:00",
    start_at="09:00",
    monthly_budget_usd=20,
    alert_email="you@example.com",
)
WITH_ACKNOWLEDGEMENTS = ("access", "firewall", "operators", "ubuntu")


# --- snapshots


@EACH
def test_template(case: str, template: Callable[..., dict[str, Any]], snapshot: SnapshotAssertion) -> None:
    stack, settings = CASES[case]
    assert template(stack, **settings) == snapshot(extension_class=JSONSnapshotExtension)


# --- linters


def test_cfn_lint_finds_nothing_and_no_rule_is_ignored(assembly: Callable[..., Path]) -> None:
    files = [assembly(**settings) / f"{stack}.template.json" for stack, settings in CASES.values()]
    result = subprocess.run(
        [Path(sys.executable).parent / "cfn-lint", "--regions", *REGIONS, "--", *files],
        cwd=files[0].parent,  # away from any configuration file
        capture_output=True,
        text=True,
        check=False,
    )
    assert (result.returncode, result.stdout, result.stderr) == (0, "", "")


def nag(app: cdk.App) -> set[tuple[str, str]]:
    """Return the findings of cdk-nag: construct (without ``/Resource``) and rule."""
    LearningStack(app, "LearningStack", settings=EVERYTHING)
    OperatorsStack(app, "OperatorsStack", settings=EVERYTHING)
    cdk.Validations.of(app).add_plugins(AwsSolutionsChecks(app))
    report = Path(app.outdir, "validation-report.json")
    try:
        app.synth()
    except RuntimeError as error:
        assert report.name in str(error)  # noqa: PT017  # no other error
    return {
        (construct["constructPath"].removesuffix("/Resource"), violation["ruleName"])
        for plugin in json.loads(report.read_text())["pluginReports"]
        for violation in plugin["violations"]
        for construct in violation["violatingConstructs"]
    }


def acknowledgements(folder: Path) -> dict[tuple[str, str], str]:
    """Return the reason of each acknowledgement of ours, by construct and rule."""
    return {
        (path.strip("/"), rule.removeprefix("Annotation::")): reason
        for file in folder.glob("*.metadata.json")
        for path, entries in json.loads(file.read_text()).items()
        for entry in entries
        if entry["type"] == "aws:cdk:acknowledged-rules"
        for rule, reason in entry["data"].items()
        if "AwsSolutions-" in rule
    }


def test_cdk_nag_has_no_finding_that_is_not_acknowledged(new_app: Callable[[], cdk.App]) -> None:
    assert nag(new_app()) == set()


@pytest.mark.parametrize("module", WITH_ACKNOWLEDGEMENTS)
def test_cdk_nag_would_complain_without_the_acknowledgements(
    module: str, new_app: Callable[[], cdk.App], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(importlib.import_module(f"constructs_lib.{module}"), "acknowledge", lambda *_: None)
    assert nag(new_app()) != set()


def test_each_acknowledgement_answers_a_finding(
    new_app: Callable[[], cdk.App], assembly: Callable[..., Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    acknowledged = acknowledgements(assembly(private_host=True, admin_cidr=ADMIN, operators=("alice", "bob")))
    for module in WITH_ACKNOWLEDGEMENTS:
        monkeypatch.setattr(importlib.import_module(f"constructs_lib.{module}"), "acknowledge", lambda *_: None)
    found = nag(new_app())
    for construct, rule in acknowledged:
        assert [where for where, what in found if what == rule and where.startswith(construct)], f"{construct}: {rule}"


def test_each_acknowledgement_has_a_reason_of_a_sentence(assembly: Callable[..., Path]) -> None:
    reasons = acknowledgements(assembly(private_host=True, operators=("alice",)))
    assert len(reasons) > len(WITH_ACKNOWLEDGEMENTS)
    for finding, reason in reasons.items():
        assert len(reason.split()) >= 5, finding
        assert reason.endswith("."), finding


# --- limits


@EACH_AND_LONGEST
def test_the_template_is_small_enough_to_go_inline(
    stack: str, settings: dict[str, Any], assembly: Callable[..., Path]
) -> None:
    """The CDK CLI sends YAML, which is longer than the JSON on disk; `cdk synth STACK` prints what it would send."""
    sent = subprocess.run(
        [Path(sys.executable).parent / "cdk", "synth", stack, "--app", assembly(**settings)],
        capture_output=True,
        text=True,
        check=True,
    ).stdout
    assert len(sent) <= INLINE_LIMIT


@EACH
def test_the_template_needs_no_bootstrap_and_no_asset(
    case: str, template: Callable[..., dict[str, Any]], assembly: Callable[..., Path]
) -> None:
    stack, settings = CASES[case]
    parameters = template(stack, **settings).get("Parameters", {})
    assert {parameter["Type"] for parameter in parameters.values()} <= {
        "AWS::SSM::Parameter::Value<AWS::EC2::Image::Id>"
    }
    assert "BootstrapVersion" not in parameters
    assert "Rules" not in template(stack, **settings)
    names = [file.name for file in assembly(**settings).iterdir()]
    assert [name for name in names if "asset" in name] == []


@EACH
def test_the_template_runs_no_code_of_ours_in_the_account(case: str, template: Callable[..., dict[str, Any]]) -> None:
    stack, settings = CASES[case]
    types = {resource["Type"] for resource in template(stack, **settings)["Resources"].values()}
    assert [
        kind
        for kind in types
        if kind.startswith(("AWS::Lambda::", "Custom::", "AWS::CloudFormation::")) or kind == "AWS::CDK::Metadata"
    ] == []


# --- what CloudFormation finds only in a real deploy


@EACH
def test_descriptions_have_only_the_characters_that_ec2_allows(
    case: str, template: Callable[..., dict[str, Any]]
) -> None:
    """https://docs.aws.amazon.com/AWSEC2/latest/APIReference/API_IpRange.html; an apostrophe fails a whole deploy."""
    stack, settings = CASES[case]
    for name, resource in template(stack, **settings)["Resources"].items():
        if resource["Type"].startswith("AWS::EC2::SecurityGroup"):
            texts = re.findall(r'"(?:Group)?Description": "(.*?)"[,}]', json.dumps(resource["Properties"]))
            assert texts, name
            for text in texts:
                assert re.fullmatch(r"[a-zA-Z0-9. _\-:/()#,@\[\]+=&;{}!$*]{1,255}", text), text
