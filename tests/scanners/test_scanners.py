"""Security scanners: what they find is fixed or acknowledged, and what is acknowledged they would find.

checkov and cloudsplaining take long and an environment of their own: `make test-scanners` runs those tests.
"""

import re
from collections.abc import Callable
from pathlib import Path

import aws_cdk as cdk
import pytest

from constructs_lib.acknowledge import acknowledge
from stacks.settings import Settings
from tests.scanners import security
from tests.scanners.security import EVERYTHING, Finding, Scan, ours, scan
from tests.unit.test_templates import CASES

OTHERS = {name: Settings(**settings) for name, (_, settings) in CASES.items() if name != "default-nat-per-az"}


@pytest.fixture(scope="module")
def quick_scan(tmp_path_factory: pytest.TempPathFactory) -> Scan:
    """Give what the tools within the CDK find with all settings."""
    return scan(ours(EVERYTHING), tmp_path_factory.mktemp("quick"), all_tools=False)


def test_no_finding_is_open_and_no_acknowledgement_is_stale(quick_scan: Scan) -> None:
    assert quick_scan.findings
    assert quick_scan.unacknowledged() == set()
    assert quick_scan.stale() == set()


def test_the_cdk_itself_takes_the_acknowledgements(new_app: Callable[[], cdk.App]) -> None:
    app = new_app()
    ours(EVERYTHING)(app)
    assert security.validate(app) == {}


def test_each_acknowledgement_has_a_reason_of_a_sentence(quick_scan: Scan) -> None:
    for finding, reason in quick_scan.acknowledged.items():
        assert len(reason.split()) >= 5, finding
        assert re.fullmatch(r"[`A-Z].*\.", reason), finding


def test_a_finding_too_many_and_an_acknowledgement_too_many_are_seen(tmp_path: Path) -> None:
    def build(app: cdk.App) -> None:
        security.peer(app)
        stack = app.node.find_child("Peer")
        bucket = stack.node.find_child("Bucket")
        acknowledge(bucket, {"Access logs are for another day.": ["AwsSolutions-S1", "AwsSolutions-S2"]})
        acknowledge(stack, {"A whole stack is not the narrowest construct.": ["AwsSolutions-EC28"]})

    found = scan(build, tmp_path, all_tools=False)
    assert Finding("AwsSolutions-S10", "Peer/Bucket") in found.unacknowledged()
    assert Finding("AwsSolutions-S1", "Peer/Bucket") not in found.unacknowledged()
    assert found.stale() == {Finding("AwsSolutions-S2", "Peer/Bucket"), Finding("AwsSolutions-EC28", "Peer")}


# --- all tools


@pytest.fixture(scope="session")
def document(tmp_path_factory: pytest.TempPathFactory) -> tuple[str, dict[str, Scan]]:
    return security.document(tmp_path_factory.mktemp("all"))


@pytest.mark.scanners
@pytest.mark.parametrize("which", ["default", "everything", "hardened"])
def test_all_tools_agree(which: str, document: tuple[str, dict[str, Scan]]) -> None:
    assert document[1][which].unacknowledged() == set()
    assert document[1][which].stale() == set()


@pytest.mark.scanners
@pytest.mark.parametrize("settings", OTHERS.values(), ids=OTHERS)
def test_all_tools_agree_with_other_settings_too(settings: Settings, tmp_path: Path) -> None:
    found = scan(ours(settings), tmp_path)
    assert found.unacknowledged() == set()
    assert found.stale() == set()


@pytest.mark.scanners
def test_the_document_is_what_the_tools_say(document: tuple[str, dict[str, Scan]]) -> None:
    assert security.DOCUMENT.read_text() == document[0], "write it anew with: make security"


@pytest.mark.scanners
@pytest.mark.parametrize("tool", security.TOOLS)
def test_fewer_findings_are_acknowledged_than_a_user_would_have_open(
    tool: str, document: tuple[str, dict[str, Scan]]
) -> None:
    errors = {
        which: [found for found, how in document[1][which].findings.items() if how == "error" and found.tool == tool]
        for which in ("default", "peer")
    }
    in_our_stack = [found for found in errors["default"] if found.construct.startswith("LearningStack/")]
    assert len(in_our_stack) < max(1, len(errors["peer"]))
