"""app.py through the real CDK CLI, on a machine with no AWS account, no configuration and no network."""

import json
import os
import shlex
import shutil
import subprocess
import sys
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import pytest

from tests.conftest import ROOT

BIN = Path(sys.executable).parent
# Where no program answers: what does not fail at once would be seen.
NOWHERE = "http://127.0.0.1:9"


def offline() -> list[str]:
    """Return what takes the network from a command: an empty network namespace, where the machine permits one."""
    unshare = [shutil.which("unshare") or "unshare", "--map-root-user", "--net"]
    try:
        works = subprocess.run([*unshare, "true"], capture_output=True, check=False).returncode == 0
    except FileNotFoundError:
        works = False
    return unshare if works else []


def synth(
    home: Path, output: Path, arguments: Sequence[str] = (), *, folder: Path = ROOT
) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [*offline(), BIN / "cdk", "synth", "-q", "--output", output, *arguments],
        cwd=folder,
        env={
            "PATH": f"{BIN}:/usr/local/bin:/usr/bin:/bin",
            "HOME": str(home),
            "HTTP_PROXY": NOWHERE,
            "HTTPS_PROXY": NOWHERE,
            "AWS_EC2_METADATA_DISABLED": "true",
        },
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("app")


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Give a HOME that is empty at first."""
    return tmp_path_factory.mktemp("home")


@pytest.fixture(scope="module")
def first_synth(home: Path, folder: Path) -> subprocess.CompletedProcess[str]:
    return synth(home, folder / "first")


def lines_of_both(result: subprocess.CompletedProcess[str]) -> list[str]:
    return [line for line in (result.stdout + result.stderr).splitlines() if line]


def test_synth_needs_no_credentials_no_home_and_no_network(first_synth: subprocess.CompletedProcess[str]) -> None:
    assert first_synth.returncode == 0, first_synth.stderr


def test_synth_says_what_is_to_be_said_and_nothing_else(
    first_synth: subprocess.CompletedProcess[str], folder: Path
) -> None:
    cost, *others = sorted(lines_of_both(first_synth), key=lambda line: "costs about" not in line)
    assert cost.startswith("LearningStack costs about ")
    assert others == [
        f"Successfully synthesized to {folder / 'first'}",
        "Supply a stack id (LearningStack, OperatorsStack) to display its template.",
    ]


@pytest.mark.parametrize("stack", ["LearningStack", "OperatorsStack"])
def test_app_py_makes_the_templates_that_the_other_tests_read(
    stack: str, first_synth: subprocess.CompletedProcess[str], folder: Path, template: Callable[..., dict[str, Any]]
) -> None:
    assert first_synth.returncode == 0
    assert json.loads((folder / "first" / f"{stack}.template.json").read_text()) == template(stack)


def test_context_on_the_command_line_wins_over_cdk_json(
    home: Path, folder: Path, template: Callable[..., dict[str, Any]]
) -> None:
    arguments = ["-c", "nat=none", "-c", "operators=alice,bob", "-c", "volume_gib=16", "-c", "private_host=true"]
    result = synth(home, folder / "chosen", arguments)
    assert result.returncode == 0, result.stderr
    chosen: dict[str, Any] = {"nat": "none", "operators": ("alice", "bob"), "volume_gib": 16, "private_host": True}
    for stack in ("LearningStack", "OperatorsStack"):
        content = json.loads((folder / "chosen" / f"{stack}.template.json").read_text())
        assert content == template(stack, **chosen)


def test_each_learner_gets_a_stack_and_the_cost_is_that_of_all(
    home: Path, folder: Path, template: Callable[..., dict[str, Any]]
) -> None:
    result = synth(home, folder / "class", ["-c", "learners=alice,bob", "-c", "nat=none"])
    assert result.returncode == 0, result.stderr
    assert "LearningStack and 2 of learners cost about 36 USD a month when idle in us-east-1; nat=none" in result.stderr
    manifest = json.loads((folder / "class" / "manifest.json").read_text())["artifacts"]
    stacks = [name for name, artifact in manifest.items() if artifact["type"] == "aws:cloudformation:stack"]
    assert stacks == ["LearningStack", "LearningStack-alice", "LearningStack-bob", "ClassStack", "OperatorsStack"]
    for stack in stacks:
        content = json.loads((folder / "class" / f"{stack}.template.json").read_text())
        assert content == template(stack, learners=("alice", "bob"), nat="none")


def test_one_wrong_setting_is_one_line_and_nothing_is_written(home: Path, folder: Path) -> None:
    result = synth(home, folder / "one-wrong", ["-c", "admin_cidr=0.0.0.0/0"])
    assert result.returncode == 1
    assert lines_of_both(result) == [
        "admin_cidr: '0.0.0.0/0' must be from /16 to /32. Example: -c admin_cidr=203.0.113.7/32.",
        "python -O app.py: Subprocess exited with error 1",
    ]
    assert not list((folder / "one-wrong").glob("*"))


def test_wrong_values_in_cdk_json_are_a_line_each_and_an_older_output_stays(home: Path, tmp_path: Path) -> None:
    text = (ROOT / "cdk.json").read_text()
    wrong = {
        '"nat": "per-az"': ('"nat": null', "nat: null must be text, in quotes."),
        '"bucket_name": ""': (r'"bucket_name": "\u001b[2J\ud800"', r"bucket_name: '\x1b[2J\ud800' must be 3 to 63"),
        '"volume_gib": 8': ('"volume_gib": 1e400', "volume_gib: null must be a whole number."),
        '"mount_uid": 1000': ('"mount_uid": true', "mount_uid: true must be a whole number."),
        '"mount_gid": 1000': ('"mount_gid": ["1000"]', "mount_gid: ['1000'] must be a whole number."),
        '"operators": []': ('"operators": {}', "operators: {} must be a list of text,"),
    }
    for right, (given, _) in wrong.items():
        assert right in text
        text = text.replace(right, given)
    (tmp_path / "cdk.json").write_text(text)
    output = tmp_path / "cdk.out"
    output.mkdir()
    (output / "LearningStack.template.json").write_text("of an older synth")
    result = synth(home, output, ["--app", shlex.join(["python", str(ROOT / "app.py")])], folder=tmp_path)
    assert result.returncode == 1
    *found, _ = lines_of_both(result)
    for line, (_, begins) in zip(found, wrong.values(), strict=True):
        assert line.startswith(begins)
    assert [file.read_text() for file in output.iterdir()] == ["of an older synth"]


def test_make_hands_settings_to_no_shell(tmp_path: Path) -> None:
    cdk = tmp_path / "bin" / "cdk"
    cdk.parent.mkdir()
    cdk.write_text('#!/bin/sh\nprintf "%s\\n" "$@"; exit 1\n')
    cdk.chmod(0o755)
    python = tmp_path / "bin" / "python"
    python.write_text('#!/bin/sh\n[ "$*" = "-m lab zones" ] && echo "-c availability_zones=a,b"\n')
    python.chmod(0o755)
    typed = f"-c nat=$$(touch {tmp_path}/there) `touch {tmp_path}/there`; touch {tmp_path}/there"
    command = ["make", "deploy", f"VENV={tmp_path}", "-o", f"{tmp_path}/.ready", f"SETTINGS={typed}"]
    alone = {name: value for name, value in os.environ.items() if not name.startswith("MAKE")}
    result = subprocess.run(command, cwd=ROOT, env=alone, capture_output=True, text=True, check=False)
    pinned = ["-c", "availability_zones=a,b"]  # first: of a key that is given twice, the CLI takes the last
    assert result.stdout.split() == ["synth", "LearningStack", "--quiet", *pinned, *typed.replace("$$", "$").split()]
    assert not (tmp_path / "there").exists()


def test_twelve_wrong_settings_are_twelve_lines(home: Path, folder: Path) -> None:
    wrong = {
        "vpc_cidr": "10.0.0.0/8",
        "admin_cidr": "me",
        "office_cidr": "50.100.200.7/24",
        "bucket_name": "My Bucket",
        "role_name": "a role",
        "ubuntu_release": "22.04",
        "ami_serial": "today",
        "ami_id": "ami-$(reboot)",
        "instance_type": "huge",
        "mount_point": "../etc",
        "operators": "alice,alice",
        "availability_zones": "us-east-1a,us-east-1a",
    }
    arguments = [part for name, value in wrong.items() for part in ("-c", f"{name}={value}")]
    result = synth(home, folder / "wrong", arguments)
    assert result.returncode == 1
    *found, last = lines_of_both(result)
    assert sorted(line.split(":")[0] for line in found) == sorted(wrong)
    assert last == "python -O app.py: Subprocess exited with error 1"
    assert not list((folder / "wrong").glob("*"))
