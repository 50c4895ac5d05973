"""The check of templates at every synth."""

import json
import os
import re
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

from stacks.validation import INLINE_LIMIT, Validation, too_long
from tests.conftest import CONTEXT, ROOT


def findings(tmp_path: Path, template: dict[str, Any]) -> list[str]:
    file = tmp_path / "Broken.template.json"
    file.write_text(json.dumps(template))
    return Validation().findings([file])


def test_our_templates_pass(assembly: Callable[..., Path]) -> None:
    assert Validation().findings(assembly().glob("*.template.json")) == []


def test_a_finding_names_the_resource_and_the_property(template: Callable[..., dict[str, Any]], tmp_path: Path) -> None:
    broken = json.loads(json.dumps(template()))
    name, subnet = next(each for each in broken["Resources"].items() if each[1]["Type"] == "AWS::EC2::Subnet")
    subnet["Properties"]["Colour"] = "blue"
    (line,) = findings(tmp_path, broken)
    assert line.startswith(f"{name} Properties.Colour: ")
    assert "'Colour' was unexpected" in line


def test_a_reference_to_nothing_is_found(template: Callable[..., dict[str, Any]], tmp_path: Path) -> None:
    broken = json.loads(json.dumps(template()))
    broken["Outputs"]["VpcId"]["Value"] = {"Ref": "Nothing"}
    assert any("Nothing" in line for line in findings(tmp_path, broken))


def test_a_template_that_is_too_long_is_said_with_the_way_out(tmp_path: Path) -> None:
    short, long = (tmp_path / f"{name}.template.json" for name in ("Short", "Long"))
    short.write_text("x" * (INLINE_LIMIT * 3 // 4))
    long.write_text("x" * (INLINE_LIMIT * 9 // 10))
    (line,) = too_long([short, long])
    assert line.startswith("Long is about 55,296 bytes long, and CloudFormation takes 51,200 with no bucket.")
    assert "cdk bootstrap" in line


BROKEN_APP = """
import runpy
from constructs_lib.network import Network

def broken(self, *arguments, **keywords):
    build(self, *arguments, **keywords)
    self.vpc.node.default_child.add_property_override("Colour", "blue")

build, Network.__init__ = Network.__init__, broken
runpy.run_path("app.py")
"""


def test_a_finding_ends_the_synth(tmp_path: Path) -> None:
    file = tmp_path / "broken_app.py"
    file.write_text(BROKEN_APP)
    env = {**os.environ, "PYTHONPATH": str(ROOT), "CDK_OUTDIR": str(tmp_path / "out")}
    env["CDK_CONTEXT_JSON"] = json.dumps(CONTEXT)  # as the CLI hands it over
    result = subprocess.run([sys.executable, file], cwd=ROOT, env=env, capture_output=True, text=True, check=False)
    assert result.returncode == 1
    assert re.match(r"NetworkVpc\w+ Properties\.Colour: .* \(F3002\)\n", result.stderr)
    assert "Traceback" not in result.stderr
