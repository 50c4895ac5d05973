"""``lab page`` and ``lab guide --site``, as processes of their own."""

import os
import signal
import socket
import subprocess
import sys
from pathlib import Path
from urllib.parse import urlsplit

from tests.cli.running import BARE, lab_here
from tests.conftest import ROOT
from tests.page.conftest import Served


def test_the_page_is_served_until_it_is_ended(tmp_path: Path) -> None:
    """With no AWS to look at, and nothing synthesised: the guide is there to read all the same."""
    process = subprocess.Popen(
        [sys.executable, "-m", "lab", "page", "--lang", "ja"],
        cwd=tmp_path,
        env=BARE | {"PYTHONPATH": str(ROOT), "PATH": os.environ["PATH"]},
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    assert process.stdout
    assert "ブラウザー" in process.stdout.readline()
    address = process.stdout.readline().strip()
    url = urlsplit(address)
    page = Served(url.port or 0, url.query.removeprefix("token="), address)
    assert page.get("/").headers["Location"] == "/ja/index.html"
    assert "VPC" in page.get("/ja/3.html").text
    process.send_signal(signal.SIGTERM)
    said, complained = process.communicate(timeout=20)
    assert (process.returncode, said, complained) == (0, "", "")
    with socket.socket() as attempt:
        assert attempt.connect_ex(("127.0.0.1", page.port)) != 0


def test_a_site_without_a_template_is_told_so(tmp_path: Path) -> None:
    ended = lab_here("guide", "--site", "site", folder=tmp_path)
    assert (ended.status, ended.out) == (1, "")
    assert "cdk synth" in ended.err
    assert not (tmp_path / "site").exists()


def test_a_site_that_cannot_be_written_is_told_so(tmp_path: Path, synthesised: Path) -> None:
    (tmp_path / "cdk.out").symlink_to(synthesised)
    (tmp_path / "site").touch()
    ended = lab_here("guide", "--site", "site", folder=tmp_path)
    assert (ended.status, len(ended.err.splitlines())) == (1, 1)
    assert "site" in ended.err


def test_a_site_is_written(tmp_path: Path, synthesised: Path) -> None:
    (tmp_path / "cdk.out").symlink_to(synthesised)
    ended = lab_here("guide", "--site", "site", folder=tmp_path)
    assert (ended.status, ended.out, ended.err) == (0, "25 pages are in site.\n", "")
    assert (tmp_path / "site" / "ja" / "12.html").exists()
