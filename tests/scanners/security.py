"""What security scanners find in our templates, and in what a user would pick instead: writes docs/security.md."""

import json
import re
import subprocess
import sys
import tempfile
from collections import defaultdict
from collections.abc import Callable, Iterator, Mapping
from contextlib import redirect_stderr
from dataclasses import dataclass
from importlib.metadata import version
from io import BytesIO, TextIOWrapper
from pathlib import Path
from typing import Any, NamedTuple
from unittest.mock import patch

import aws_cdk as cdk
from aws_cdk import aws_ec2 as ec2
from aws_cdk import aws_s3 as s3
from cdk_nag import AwsSolutionsChecks, HIPAASecurityChecks, NIST80053R5Checks, PCIDSS321Checks
from cdklabs.cdk_validator_cfnguard import CfnGuardValidator

from bench import results
from lab.cost.bill import reckon
from stacks.budget_stack import BudgetStack
from stacks.class_stack import ClassStack
from stacks.learning_stack import LearningStack
from stacks.operators_stack import OperatorsStack
from stacks.settings import Settings

ROOT = Path(__file__).parents[2]
DOCUMENT = ROOT / "docs" / "security.md"
BIN = Path(sys.executable).parent
SCANNERS = ROOT / ".venv" / "scanners" / "bin"  # checkov pins boto3 and much else: an environment of its own
CONTEXT = json.loads((ROOT / "cdk.json").read_text())["context"]

EVERYTHING = Settings(
    nat="instance",
    private_host=True,
    admin_cidr="203.0.113.7/32",
    operators=("alice", "bob"),
    learners=("alice",),
    stop_at="19:00",
    start_at="09:00",
    monthly_budget_usd=20,
    alert_email="you@example.com",
)
HARDENED = Settings(hardened=True)
# As the names of their rules begin.
AWS_SOLUTIONS, HIPAA, NIST, PCI = "AwsSolutions", "HIPAA.Security", "NIST.800.53.R5", "PCI.DSS.321"
CONTROL_TOWER, CFN_LINT, CHECKOV, CLOUDSPLAINING = "cdk-validator-cfnguard", "cfn-lint", "CKV", "cloudsplaining"
TOOLS = {
    AWS_SOLUTIONS: "cdk-nag, AwsSolutions",
    HIPAA: "cdk-nag, HIPAA.Security",
    NIST: "cdk-nag, NIST.800.53.R5",
    PCI: "cdk-nag, PCI.DSS.321",
    CONTROL_TOWER: "cfn-guard, Control Tower",
    CFN_LINT: "cfn-lint, experimental rules too",
    CHECKOV: "checkov",
    CLOUDSPLAINING: "cloudsplaining, IAM documents",
}

Build = Callable[[cdk.App], object]


class Finding(NamedTuple):
    """A rule that complains about a construct."""

    rule: str
    construct: str

    @property
    def tool(self) -> str:
        return next(tool for tool in TOOLS if self.rule.startswith(tool))


@dataclass(frozen=True)
class Scan:
    """The findings, each with its severity, and the acknowledgements, each with its reason."""

    findings: Mapping[Finding, str]
    acknowledged: Mapping[Finding, str]

    def unacknowledged(self) -> set[Finding]:
        return {found for found in self.findings if not any(_answers(each, found) for each in self.acknowledged)}

    def stale(self) -> set[Finding]:
        """Return the acknowledgements on constructs that the rule does not complain about. Only for tools that ran."""
        return set(self.acknowledged) - set(self.findings)


def _answers(acknowledged: Finding, found: Finding) -> bool:
    return acknowledged.rule == found.rule and f"{found.construct}/".startswith(f"{acknowledged.construct}/")


def ours(settings: Settings) -> Build:
    def build(app: cdk.App) -> None:
        LearningStack(app, "LearningStack", settings=settings)
        OperatorsStack(app, "OperatorsStack", settings=settings)
        if settings.learners:
            ClassStack(app, "ClassStack", settings=settings)
        if settings.monthly_budget_usd:
            BudgetStack(app, "BudgetStack", settings=settings)

    return build


def peer(app: cdk.App) -> None:
    """Build what a user would write with the CDK's own constructs and their defaults."""
    stack = cdk.Stack(app, "Peer")
    ec2.BastionHostLinux(stack, "Bastion", vpc=ec2.Vpc(stack, "Vpc"))
    s3.Bucket(stack, "Bucket")


def plugins(app: cdk.App) -> list[Any]:
    packs = (AwsSolutionsChecks, HIPAASecurityChecks, NIST80053R5Checks, PCIDSS321Checks)
    return [*(pack(app) for pack in packs), CfnGuardValidator()]


def validate(app: cdk.App) -> dict[Finding, str]:
    """Synthesise with all plugins, and return what they find and nobody acknowledges."""
    cdk.Validations.of(app).add_plugins(*plugins(app))
    report = Path(app.outdir, "validation-report.json")
    try:
        app.synth()
    except RuntimeError as error:
        if report.name not in str(error):
            raise
    return {
        _finding(plugin["pluginName"], violation["ruleName"], construct["constructPath"]): violation["severity"]
        for plugin in json.loads(report.read_text())["pluginReports"]
        for violation in plugin["violations"]
        for construct in violation["violatingConstructs"]
    }


def scan(build: Build, folder: Path, *, all_tools: bool = True) -> Scan:
    """Run the scanners as if nothing were acknowledged; without ``all_tools`` only those that run within the CDK."""
    app = cdk.App(context=CONTEXT, outdir=str(folder), builtin_cloud_formation_validation=False)
    with patch("constructs_lib.acknowledge.Validations") as validations:
        build(app)
    calls = zip(validations.of.call_args_list, validations.of.return_value.acknowledge.call_args_list, strict=True)
    acknowledged = {
        Finding(each.id, of.args[0].node.path): each.reason for of, acknowledge in calls for each in acknowledge.args
    }
    findings = validate(app)
    if all_tools:
        templates = sorted(folder.glob("*.template.json"))
        for run in (cfn_lint, checkov, cloudsplaining):
            findings |= dict.fromkeys(run(templates), "error")
    else:
        acknowledged = {each: why for each, why in acknowledged.items() if each.tool not in (CHECKOV, CLOUDSPLAINING)}
    return Scan(findings, acknowledged)


def _finding(tool: str, rule: str, construct: str) -> Finding:
    return Finding(rule if rule.startswith(tool) else f"{tool}::{rule}", construct.removesuffix("/Resource"))


def _constructs(template: Path) -> dict[str, str]:
    """Return the construct of each logical id."""
    metadata = json.loads(Path(str(template).replace(".template.", ".metadata.")).read_text())
    return {
        entry["data"]: path.strip("/")
        for path, entries in metadata.items()
        for entry in entries
        if entry["type"] == "aws:cdk:logicalId"
    }


def cfn_lint(templates: list[Path]) -> Iterator[Finding]:
    options = ("--include-experimental", "--format", "json", "--regions", "us-east-1", "ap-northeast-1", "--")
    for match in json.loads(_output([BIN / "cfn-lint", *options, *templates], cwd=templates[0].parent)):
        constructs = _constructs(Path(match["Filename"]))
        path = match["Location"]["Path"]
        yield _finding(CFN_LINT, match["Rule"]["Id"], constructs.get(path[1], "") if len(path) > 1 else "")


def checkov(templates: list[Path]) -> Iterator[Finding]:
    files = [word for template in templates for word in ("--file", template)]
    options = ("--framework", "cloudformation", "--skip-download", "--quiet", "--compact", "--soft-fail", "-o", "json")
    report = json.loads(_output([SCANNERS / "checkov", *files, *options]))
    if report["summary"]["parsing_errors"]:
        sys.exit(f"checkov cannot read {', '.join(report['results']['parsing_errors'])}")
    for failed in report["results"]["failed_checks"]:
        constructs = _constructs(next(each for each in templates if each.name == Path(failed["file_path"]).name))
        yield _finding(CHECKOV, failed["check_id"], constructs[failed["resource"].split(".")[-1]])


def cloudsplaining(templates: list[Path]) -> Iterator[Finding]:
    documents: dict[str, Any] = {}
    for template in templates:
        constructs = _constructs(template)
        for logical_id, resource in json.loads(template.read_text())["Resources"].items():
            properties = resource.get("Properties", {})
            inline = [policy["PolicyDocument"] for policy in properties.get("Policies", [])]
            if resource["Type"] in ("AWS::IAM::ManagedPolicy", "AWS::IAM::Policy"):
                inline.append(properties["PolicyDocument"])
            statements = [statement for document in inline for statement in document["Statement"]]
            if statements:
                documents[constructs[logical_id]] = {"Version": "2012-10-17", "Statement": _plain(statements)}
    found = _output([SCANNERS / "python", Path(__file__).with_name("iam_documents.py")], input=json.dumps(documents))
    for construct, rule in json.loads(found):
        yield _finding(CLOUDSPLAINING, rule, construct)


def _plain(value: Any) -> Any:
    """Return a document with text in place of what CloudFormation fills in."""
    match value:
        case {"Fn::Join": [separator, parts]}:
            return separator.join(map(str, map(_plain, parts)))
        case {"Fn::Sub": text} | {"Ref": text}:
            return text
        case {"Fn::GetAtt": [name, *_]}:
            return f"arn:aws:x:::{name}"
        case dict():
            return {key: _plain(each) for key, each in value.items()}
        case list():
            return [_plain(each) for each in value]
    return value


def _output(command: list[str | Path], **options: Any) -> str:
    done = subprocess.run(command, capture_output=True, text=True, check=False, **options)
    if not done.stdout:
        sys.exit(f"{Path(command[0]).name}: {done.stderr or 'nothing said'}")
    return str(done.stdout)


# --- the document

# Which scan, and which stack in it.
COLUMNS = {
    "LearningStack": ("default", "LearningStack"),
    "LearningStack, hardened": ("hardened", "LearningStack"),
    "OperatorsStack": ("default", "OperatorsStack"),
    "The CDK's own": ("peer", "Peer"),
}


def document(folder: Path) -> tuple[str, dict[str, Scan]]:
    """Return the text of docs/security.md, and the scans that it is written from."""
    builds = {"default": ours(Settings()), "hardened": ours(HARDENED), "everything": ours(EVERYTHING), "peer": peer}
    scans = {name: scan(build, folder / name) for name, build in builds.items()}
    default, hardened = (
        json.loads((folder / name / "LearningStack.template.json").read_text()) for name in ("default", "hardened")
    )
    costs = reckon(hardened, "us-east-1").usd - reckon(default, "us-east-1").usd
    versions = dict.fromkeys((AWS_SOLUTIONS, HIPAA, NIST, PCI), version("cdk-nag"))
    versions |= {CONTROL_TOWER: version("cdklabs.cdk-validator-cfnguard"), CFN_LINT: version("cfn-lint")}
    locked = (ROOT / "requirements-scanners.txt").read_text()
    for tool, package in ((CHECKOV, "checkov"), (CLOUDSPLAINING, "cloudsplaining")):
        versions |= {tool: re.findall(rf"^{package}==(\S+)", locked, re.MULTILINE)[0]}
    rows = [
        [name, versions[tool], *(_count(scans[which], tool, stack) for which, stack in COLUMNS.values())]
        for tool, name in TOOLS.items()
    ]
    still_open = sum(len(each.unacknowledged()) for name, each in scans.items() if name != "peer")
    text = f"""\
# What security scanners say

Written by `make security`; `make test-scanners` holds it to what the tools say. A finding is fixed, or acknowledged on
the narrowest construct with a reason that holds: **{still_open} are open**. The errors (and warnings) acknowledged in
each stack with default settings, and in LearningStack with `hardened=true`; beside them all that the same tools find in
an app of the CDK's own `Vpc`, `BastionHostLinux` and `Bucket` with their defaults:

{results.table(["Tool", "Version", *COLUMNS], rows)}

`hardened=true` turns on what costs money: metrics of the instances each minute, and logs kept for a year. The default
stack then costs {costs:.2f} USD a month more in us-east-1.

## Fixed

What the tools find in the CDK's own constructs, and in nothing here, with any settings.

{_prose_table(["Tool", "Rules"], _fixed(scans))}

## Acknowledged

With all settings that add something. The last column is what a fix would cost a month, where money is the reason.

{_prose_table(["Constructs", "Reason", "Rules", "USD"], _acknowledged(scans))}
"""
    return text, scans


def _count(found: Scan, tool: str, stack: str) -> str:
    severities = [
        how for each, how in found.findings.items() if each.tool == tool and each.construct.split("/")[0] == stack
    ]
    warnings = severities.count("warning")
    return f"{len(severities) - warnings}" + (f" ({warnings})" if warnings else "")


def _prose_table(header: list[str], rows: Iterator[list[str]]) -> str:
    return results.table(header, rows).replace("--:", "---")


def _short(rule: str) -> str:
    return f"`{rule.removeprefix(f'{CONTROL_TOWER}::')}`".replace("|", "\\|")


def _fixed(scans: Mapping[str, Scan]) -> Iterator[list[str]]:
    still = {found.rule for name, each in scans.items() if name != "peer" for found in each.findings}
    for tool, name in TOOLS.items():
        rules = sorted({found.rule for found in scans["peer"].findings if found.tool == tool} - still)
        yield [name, ", ".join(map(_short, rules)) or "-"]


def _acknowledged(scans: Mapping[str, Scan]) -> Iterator[list[str]]:
    rules: dict[tuple[str, str], list[str]] = defaultdict(list)
    for found, reason in {**scans["default"].acknowledged, **scans["everything"].acknowledged}.items():
        rules[reason, found.construct].append(found.rule)
    constructs: dict[tuple[str, tuple[str, ...]], list[str]] = defaultdict(list)
    for (reason, construct), found_there in rules.items():
        constructs[reason, tuple(found_there)].append(construct)
    for (reason, together), where in sorted(constructs.items(), key=lambda pair: pair[1]):
        price = re.search(r"([\d.]+) USD a month", reason)
        yield [", ".join(sorted(where)), reason, ", ".join(map(_short, together)), price[1] if price else "-"]


def main() -> None:
    # What the CDK prints of each finding is in its report too.
    with tempfile.TemporaryDirectory() as folder, redirect_stderr(TextIOWrapper(BytesIO())):
        DOCUMENT.write_text(document(Path(folder))[0])
    sys.stdout.write(f"Wrote {DOCUMENT.relative_to(ROOT)}.\n")


if __name__ == "__main__":
    main()
