"""The templates as a whole: snapshots, linters and limits. ``pytest --snapshot-update`` writes the snapshots anew."""

import json
import re
import subprocess
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from syrupy.assertion import SnapshotAssertion
from syrupy.extensions.json import JSONSnapshotExtension

from stacks.validation import YAML_OF_JSON, too_long
from tests.conftest import BIN

# Of the 51,200 bytes of a template that goes to CloudFormation inline, with no bucket of a bootstrap stack.
# The rest is room for what comes.
LONGEST_ALLOWED = 49_500
REGIONS = ("us-east-1", "ap-northeast-1")
ADMIN = "203.0.113.7/32"

CASES: dict[str, tuple[str, dict[str, Any]]] = {
    "default-nat-per-az": ("LearningStack", {}),
    "nat-single": ("LearningStack", {"nat": "single"}),
    "nat-regional": ("LearningStack", {"nat": "regional"}),
    "nat-instance": ("LearningStack", {"nat": "instance"}),
    "nat-none": ("LearningStack", {"nat": "none"}),
    "private-host-and-admin": ("LearningStack", {"private_host": True, "admin_cidr": ADMIN}),
    "hardened": ("LearningStack", {"nat": "instance", "private_host": True, "hardened": True}),
    "saving": (
        "LearningStack",
        {
            "nat": "none",
            "stop_at": "19:00",
            "start_at": "09:00",
            "time_zone": "Asia/Tokyo",
        },
    ),
    "budget": ("BudgetStack", {"monthly_budget_usd": 20, "alert_email": "you@example.com"}),
    "operators": ("OperatorsStack", {"operators": ("alice", "bob")}),
    "class": ("ClassStack", {"learners": ("alice", "bob")}),
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
    "hardened": True,
    "stop_at": "23:59",
    "start_at": "23:58",
    "time_zone": "America/Argentina/ComodRivadavia",
}
# With an image of its own: its processor is another than the bastion's.
LONGEST_WITH_NAT_INSTANCE = {**LONGEST, "nat": "instance", "instance_type": "t3a.2xlarge"}
LONGEST_NAME = "n" * 20
LONGEST_OF_A_LEARNER = {
    **LONGEST_WITH_NAT_INSTANCE,
    "learners": (LONGEST_NAME,),
    "bucket_name": "b" * (63 - 21),
    "role_name": "r" * (64 - 21),
}
MOST_OPERATORS = {"operators": tuple(f"{'o' * 61}{number:03}" for number in range(100))}
EACH = pytest.mark.parametrize("case", CASES)
ALL_CASES = {
    **CASES,
    "longest": ("LearningStack", LONGEST),
    "longest-closed": ("LearningStack", {**LONGEST, "admin_cidr": ""}),
    "longest-nat-instance": ("LearningStack", LONGEST_WITH_NAT_INSTANCE),
    "longest-of-a-learner": (f"LearningStack-{LONGEST_NAME}", LONGEST_OF_A_LEARNER),
    "most-operators": ("OperatorsStack", MOST_OPERATORS),
}
# The CDK CLI, one process for all stacks: its start takes ten times as long as a stack.
SYNTHS = """
const { exec } = require(process.argv[1]);
(async () => {
  for (const [stack, folder] of JSON.parse(process.argv[2])) {
    if (await exec(["synth", stack, "--app", folder])) process.exit(1);
    process.stdout.write("\\0");
  }
})();
"""


# --- snapshots


@EACH
def test_template(case: str, template: Callable[..., dict[str, Any]], snapshot: SnapshotAssertion) -> None:
    stack, settings = CASES[case]
    assert template(stack, **settings) == snapshot(extension_class=JSONSnapshotExtension)


# --- linters


def test_cfn_lint_finds_nothing_and_no_rule_is_ignored(assembly: Callable[..., Path]) -> None:
    files = [assembly(**settings) / f"{stack}.template.json" for stack, settings in CASES.values()]
    result = subprocess.run(
        [BIN / "cfn-lint", "--include-experimental", "--regions", *REGIONS, "--", *files],
        cwd=files[0].parent,  # away from any configuration file
        capture_output=True,
        text=True,
        check=False,
    )
    assert (result.returncode, result.stdout, result.stderr) == (0, "", "")


# --- limits


@pytest.fixture(scope="module")
def sent(assembly: Callable[..., Path]) -> dict[str, str]:
    """Give what the CDK CLI sends to CloudFormation for each case, YAML: `cdk synth STACK` prints it."""
    stacks = json.dumps([(stack, str(assembly(**settings))) for stack, settings in ALL_CASES.values()])
    command: list[str | Path] = [BIN / "node", "-e", SYNTHS, BIN / "../../node_modules/aws-cdk/lib/index.js", stacks]
    printed = subprocess.run(command, capture_output=True, text=True, check=True).stdout
    *each, rest = printed.split("\0")
    assert not rest
    return dict(zip(ALL_CASES, each, strict=True))


@pytest.mark.parametrize("case", ALL_CASES)
def test_the_template_is_small_enough_to_go_inline(
    case: str, sent: dict[str, str], assembly: Callable[..., Path]
) -> None:
    """What is sent is longer than the JSON on disk."""
    stack, settings = ALL_CASES[case]
    assert "\nResources:\n" in sent[case]
    assert len(sent[case]) <= LONGEST_ALLOWED
    disk = assembly(**settings) / f"{stack}.template.json"
    assert too_long([disk]) == []
    if len(sent[case]) > LONGEST_ALLOWED / 2:
        assert len(sent[case]) <= YAML_OF_JSON * disk.stat().st_size, "a template could be too long with nothing said"


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
