"""``lab packets``: a shell on a host, in one terminal or two, and rules that come and go."""

import json
import os
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from lab.packets import keeper as keeper_module
from lab.packets.changes import with_rule, without, written
from lab.packets.keeper import PATH
from lab.reach.templated import templated
from tests.cli.running import BARE, Ended, lab, lab_here
from tests.conftest import ROOT

HERE = {**BARE, "PATH": f"{os.environ.get('PATH', '')}:{PATH}", "PYTHONPATH": str(ROOT)}
WEB = """
import socket, sys
try:
    with socket.create_connection((sys.argv[1], 80), timeout=3) as to:
        print(to.makefile().readlines()[-1], end="")
except OSError as error:
    print(error)
"""
TIMED_OUT = "timed out\n"


@pytest.fixture
def folder(tmp_path: Path, template: Callable[..., dict[str, Any]]) -> Path:
    (tmp_path / "cdk.out").mkdir()
    (tmp_path / "cdk.out" / "LearningStack.template.json").write_text(json.dumps(template(private_host=True)))
    return tmp_path


def packets(folder: Path, *words: str, **more: Any) -> Ended:
    return lab("packets", *words, folder=folder, environment=HERE, **more)


@pytest.fixture
def first(folder: Path) -> Iterator[str]:
    """Give what a first terminal shows, whose shell is open."""
    with subprocess.Popen(
        [sys.executable, "-m", "lab", "packets", "--template"],
        cwd=folder,
        env=HERE,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    ) as process:
        assert process.stdin
        assert process.stdout
        process.stdin.write("echo ready\n")
        process.stdin.flush()
        shown = "".join(iter(process.stdout.readline, "ready\n"))
        yield shown
        process.kill()


@pytest.mark.packets
@pytest.mark.usefixtures("keeper")
class TestWhereItWorks:
    def test_a_command_on_a_host(self, folder: Path) -> None:
        ended = packets(folder, "--template", "bastion", "--", sys.executable, "-c", WEB, "192.0.2.7")
        assert (ended.status, ended.err) == (0, "")
        assert ended.out.startswith("This is internet, port 80. You come from 198.18.0.")

    def test_an_ordinary_user_has_all_rights_there(self, folder: Path) -> None:
        ordinary = ["unshare", "--user", "--map-user=1000", "--map-group=1000"] if os.geteuid() == 0 else []
        script = "id -u; ip link set dev igw mtu 1400 && ip -o link show dev igw; nft list chain ip acls forward"
        ended = subprocess.run(
            [*ordinary, sys.executable, "-m", "lab", "packets", "--template", "vpc", "--", "sh", "-c", script],
            cwd=folder,
            env=HERE,
            capture_output=True,
            text=True,
            check=False,
        )
        assert (ended.returncode, ended.stderr) == (0, "")
        user, link, *rules = ended.stdout.splitlines()
        assert user != "0"
        assert "mtu 1400" in link
        assert any("type filter hook forward" in rule for rule in rules)

    def test_a_shell_says_what_to_try(self, folder: Path) -> None:
        ended = packets(folder, "--template", "--lang", "ja", input="ip -br addr show eth0; exit 3\n")
        assert (ended.status, ended.err) == (3, "")
        assert "web@private-1" in ended.out
        assert "ここは bastion です" in ended.out
        assert "10.0.1." in ended.out.split("exit\n")[1]
        assert ended.out.endswith("ネットワークは削除されました。\n")

    def test_replies_need_a_rule_of_an_acl_and_none_of_a_group(self, folder: Path, first: str) -> None:
        (web,) = [line.split()[2] for line in first.splitlines() if line.startswith("web@public-1 ")]

        def ask() -> str:
            return packets(folder, "internet", "--", sys.executable, "-c", WEB, web).out

        reached = "This is web@public-1, port 80. You come from 192.0.2.7"
        assert ask().startswith(reached)
        deleted = packets(folder, "--delete-rule", "learning-web outbound")
        assert deleted.out.count("Deleted: learning-web outbound tcp ") == 2
        assert ask().startswith(reached)
        replies = "learning-public outbound 200 allow tcp 1024-65535 0.0.0.0/0"
        assert packets(folder, "--delete-rule", "learning-public outbound 200").out == f"Deleted: {replies}\n"
        assert ask() == TIMED_OUT
        assert packets(folder, "--add-rule", replies).out == f"Added: {replies}\n"
        assert ask().startswith(reached)
        assert replies in packets(folder, "--rules").out.splitlines()

    @pytest.mark.usefixtures("first")
    @pytest.mark.parametrize(
        ("words", "said"),
        [
            (["nobody"], "There is no nobody here; there is vpc, igw, internet, bastion, bastion.eni,"),
            (["--delete-rule", "learning-public inbound 7"], "No rule begins with 'learning-public inbound 7'"),
            (
                ["--add-rule", "somebody inbound tcp 22 0.0.0.0/0"],
                "there is no somebody here; there is default, learning-private",
            ),
            (["--add-rule", "learning-web inbound tcp 99999 0.0.0.0/0"], "tcp 99999 is no traffic such as tcp 22"),
            (
                ["--add-rule", "learning-public inbound 7 allow tcp 22 10.0.0.1/8"],
                "is no rule (10.0.0.1/8 has host bits",
            ),
        ],
    )
    def test_what_is_wrong_is_told_in_a_line(self, folder: Path, words: list[str], said: str) -> None:
        ended = packets(folder, *words)
        assert (ended.status, ended.out, ended.err.count("\n")) == (1, "", 1)
        assert said in ended.err


def test_each_rule_is_deleted_and_added_as_it_is_written(template: Callable[..., dict[str, Any]]) -> None:
    network = templated(template(admin_cidr="203.0.113.7/32", nat="instance"), "us-east-1")
    lines = written(network)
    assert len(lines) > 40
    for line in lines:
        left, deleted = without(network, line)
        assert deleted == [line]
        assert sorted(written(with_rule(left, line))) == sorted(lines)


def test_without_a_network_there_are_no_rules(tmp_path: Path) -> None:
    ended = lab_here("packets", "--rules", folder=tmp_path)
    assert ended == Ended(1, "", "No network runs. Start one, in another terminal: python -m lab packets\n")


def test_elsewhere_than_on_linux(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "platform", "darwin")
    ended = lab_here("packets", "--template", folder=tmp_path)
    assert (ended.status, ended.out) == (1, "")
    assert ended.err.startswith("This needs Linux, whose kernel is the network")


def test_where_the_kernel_forbids_it(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(keeper_module, "ISOLATE", ("sh", "-c", "echo 'unshare failed: not permitted' >&2; exit 1"))
    monkeypatch.setattr(keeper_module, "PACKAGES", {})
    ended = lab_here("packets", "--template", folder=tmp_path)
    assert (ended.status, ended.out) == (1, "")
    assert "lets you make no network of your own (unshare failed: not permitted)" in ended.err


def test_what_lacks_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(keeper_module, "PACKAGES", {"no-such-command": "its-package"})
    ended = lab_here("packets", "--template", folder=tmp_path)
    assert ended.err == "This needs packages that are not installed: sudo apt-get install its-package\n"
