"""Packages that only a comparison needs: rclone, a compiler. They come from the archive that the image came from."""

import subprocess
import tempfile
from collections.abc import Sequence
from pathlib import Path

from lab.problem import ProblemError
from lab.rehearsal import image
from lab.rehearsal.machines import Machine

SECONDS = 600


def bring(machine: Machine, names: Sequence[str], folder: str) -> None:
    """Put packages, with all that they depend on, into a folder of the machine; nothing is installed."""
    with tempfile.TemporaryDirectory() as work:
        archives = _download(machine.image.root, names, Path(work))
        send(machine, archives, folder)


def send(machine: Machine, files: Path, folder: str) -> None:
    """Copy the files of a folder to the machine."""
    with subprocess.Popen(["tar", "-C", files, "-c", "."], stdout=subprocess.PIPE) as tar:  # noqa: S603, S607  # our own
        command = machine.ssh(f"mkdir -p {folder} && tar -C {folder} -x")
        subprocess.run(command, stdin=tar.stdout, check=True, timeout=SECONDS)  # noqa: S603  # our own command


def _download(root: Path, names: Sequence[str], work: Path) -> Path:
    """Download what a system with this root lacks for the packages, by an apt that knows nothing of our own system."""
    for name in ("lists/partial", "archives/partial"):
        (work / name).mkdir(parents=True)
    (work / "sources.list").write_text(f"deb [trusted=yes] {image.debian_mirror()} {image.SUITE} main\n")
    options = {
        "Dir::Etc::sourcelist": work / "sources.list",
        "Dir::Etc::sourceparts": "-",
        "Dir::State": work,
        "Dir::State::status": root / "var/lib/dpkg/status",
        "Dir::Cache": work,
        "APT::Install-Recommends": "false",
        "APT::Sandbox::User": "root",
    }
    apt = ["apt-get", "-qqy", *(word for name, value in options.items() for word in ("-o", f"{name}={value}"))]
    for command in (["update"], ["install", "--download-only", *names]):
        done = subprocess.run([*apt, *command], capture_output=True, text=True, check=False)  # noqa: S603  # our own
        if done.returncode:
            raise ProblemError(f"apt-get {command[0]} for the bench failed: {done.stderr.strip()}")
    for path in (work / "archives/partial", work / "archives/lock"):
        path.rmdir() if path.is_dir() else path.unlink(missing_ok=True)
    return work / "archives"
