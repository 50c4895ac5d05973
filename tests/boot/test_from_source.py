"""``s3fs_install=source``: the bastion builds s3fs at its first boot, as in the primer, and mounts with what it built.

With ``S3FS_SOURCE`` (an address for git, or a folder) it is the real source at the pinned tag. Without, it is a small
project that is built by the same steps: what it installs calls the packaged s3fs.
"""

import contextlib
import os
import re
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from constructs_lib.bastion import BOOT, Bastion
from lab.rehearsal import image, processes
from lab.rehearsal.rehearsal import Changes, Rehearsal
from tests.boot.conftest import Stage
from tests.boot.file_writer import Recoveries
from tests.boot.test_size import MICRO

pytestmark = pytest.mark.boot
REAL = os.environ.get("S3FS_SOURCE", "")
SMALL_PROJECT = {
    "autogen.sh": "#!/bin/sh\naclocal && automake --add-missing && autoconf\n",
    "configure.ac": "AC_INIT([s3fs], [1])\nAM_INIT_AUTOMAKE([foreign])\nAC_PROG_CXX\n"
    "PKG_CHECK_MODULES([FUSE], [fuse])\nAC_CONFIG_FILES([Makefile])\nAC_OUTPUT\n",
    "Makefile.am": "bin_PROGRAMS = s3fs\ns3fs_SOURCES = s3fs.cpp\n",
    "s3fs.cpp": "#include <cstdlib>\n#include <unistd.h>\nint main(int, char **words) {\n"
    '  setenv("LD_LIBRARY_PATH", "/opt/s3fs/usr/lib/x86_64-linux-gnu", 1);\n'
    '  return execv("/opt/s3fs/usr/bin/s3fs", words);\n}\n',
}
# It calls the packaged s3fs, which is not installed but only unpacked, with what else it needs.
UNPACK = """
mkdir -p "$1"
for package in s3fs libcurl3t64-gnutls libfuse2t64 libgcrypt20 libgpg-error0; do
  dpkg-deb -x "$0/$package"_*.deb "$1"
done
"""


def git(folder: Path, *words: str) -> str:
    name = ("-c", "user.name=Nobody", "-c", "user.email=nobody@example.com")
    return subprocess.run(
        ["git", "-C", folder, *name, *words], check=True, capture_output=True, text=True
    ).stdout.strip()


@pytest.fixture(scope="module")
def repositories(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Make a folder that has the source where GitHub has it."""
    folder = tmp_path_factory.mktemp("git")
    path = folder / Bastion.S3FS_GIT.removeprefix("https://github.com/")
    path.mkdir(parents=True)
    if REAL:
        git(path, "clone", "--quiet", "--bare", "--depth=1", f"--branch={Bastion.S3FS_TAG}", REAL, ".")
        return folder
    git(path, "init", "--quiet")
    for name, content in SMALL_PROJECT.items():
        (path / name).write_text(content)
    (path / "autogen.sh").chmod(0o755)
    git(path, "add", ".")
    git(path, "commit", "--quiet", "--message=A small project")
    git(path, "tag", Bastion.S3FS_TAG)
    return folder


def pinned(commit: str) -> Changes:
    """Have the user data ask for another commit, on a machine that is as slow as a learner's."""

    def change(user_data: str) -> str:
        assert user_data.count(Bastion.S3FS_COMMIT) == 1
        return user_data.replace(Bastion.S3FS_COMMIT, commit)

    return Changes(user_data=change, size=MICRO)


@contextlib.contextmanager
def from_source(stage: Stage, repositories: Path, commit: str) -> Iterator[Rehearsal]:
    """Set up a machine that finds the packages to build with, and the repository of s3fs."""
    processes.require_commands("git")
    with stage("nspawn", pinned(commit), s3fs_install="source") as rehearsal:
        script = (BOOT / "s3fs-from-source.sh").read_text().replace("\\\n", " ")
        needed = re.findall(r"apt_install (.*)", script)
        image.publish(rehearsal.machine.image, needed[0].split())
        # The machine does not learn that it is not GitHub that answers, nor by which protocol.
        (rehearsal.folder / "upper/etc/gitconfig").write_text(
            '[url "git://packages.test/"]\n  insteadOf = https://github.com/\n'
        )
        repository, target = rehearsal.machine.image.repository, rehearsal.folder / "upper/opt/s3fs"
        unpack = ["sh", "-ec", UNPACK, str(repository), str(target)]
        processes.run(unpack, log=rehearsal.folder / "git.log", what="Unpacking s3fs")
        server = processes.spawn(
            ["git", "daemon", "--export-all", "--reuseaddr", f"--base-path={repositories}", repositories],
            enter=rehearsal.machine.isolation.enter,
            log=rehearsal.folder / "git.log",
        )
        try:
            yield rehearsal
        finally:
            processes.end(server)


def test_source_is_built(stage: Stage, recoveries: Recoveries, repositories: Path) -> None:
    path = repositories / Bastion.S3FS_GIT.removeprefix("https://github.com/")
    commit = Bastion.S3FS_COMMIT if REAL else git(path, "rev-parse", "HEAD")
    with from_source(stage, repositories, commit) as rehearsal:
        began = time.monotonic()
        rehearsal.machine.start()
        rehearsal.machine.wait_for_boot()
        what = "the real s3fs" if REAL else "a small project"
        # The deploy waits for no longer than this.
        rehearsal.wait_for_report(seconds=rehearsal.bastion.signal_seconds)
        recoveries.append((f"from source, t3.micro: {what}", time.monotonic() - began, None))
        assert rehearsal.is_mounted()
        assert "status: done" in rehearsal.wait_for_first_boot()
        assert rehearsal.machine.output("command -v s3fs") == "/usr/local/bin/s3fs"
        assert not rehearsal.machine.run("dpkg -s s3fs").ok, "the package is there as well"
        rehearsal.reboot()


def test_another_commit_is_refused(stage: Stage, repositories: Path) -> None:
    """Whoever moves the tag has us build nothing."""
    other = "0" * 40
    with from_source(stage, repositories, other) as rehearsal:
        rehearsal.machine.start()
        rehearsal.machine.wait_for_boot()
        assert rehearsal.wait_for_report(seconds=rehearsal.bastion.signal_seconds)["Status"] == "FAILURE"
        assert "Result=exit-code" in rehearsal.wait_for_first_boot()
        log = rehearsal.machine.output("cat /var/log/learning-stack.log")
        assert f"failed: tag {Bastion.S3FS_TAG} is not commit {other}" in log
        assert not rehearsal.machine.run("command -v s3fs").ok
        assert not rehearsal.is_mounted()
