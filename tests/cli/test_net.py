"""Whatever answers in AWS's place, and whatever the file system does: one line, the trace in a file, status 1."""

import json
import os
import pty
import re
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from subprocess import PIPE
from threading import Event, Thread
from typing import Any

import pytest
from botocore.retries.standard import ExponentialBackoff

from lab.template import deployed
from tests.cli.running import BARE, lab, lab_here
from tests.conftest import ROOT
from tests.pace import slowness

SIGN_IN = b"<html><head><title>Sign in to the Wi-Fi</title></head><body><p>Welcome<br></body></html>"
ANSWERS: dict[str, tuple[int, str, bytes]] = {
    "500": (500, "text/plain", b"Internal error"),
    "html": (200, "text/html", SIGN_IN),
    "html-403": (403, "text/html", SIGN_IN),
    "empty": (200, "text/xml", b""),
    "redirect": (302, "text/html", b""),
    "list": (200, "application/json", b"[]"),
    "object": (200, "application/x-amz-json-1.1", b"{}"),
    "foreign-xml": (200, "text/xml", b"<?xml version='1.0'?><rss><channel/></rss>"),
}
COMMANDS = ["verify", "status", "start", "stop", "cleanup", "doctor", "exercise", "guide 3", "reach"]


@contextmanager
def answering(answer: str) -> Iterator[str]:
    """Serve an answer to every request; ``never`` is none at all. Yield the address."""
    ends = Event()

    class Handler(BaseHTTPRequestHandler):
        def answer(self) -> None:
            self.rfile.read(int(self.headers.get("Content-Length") or 0))
            if answer == "never":
                ends.wait()
                return
            status, kind, body = ANSWERS[answer]
            self.send_response(status)
            self.send_header("Content-Type", kind)
            self.send_header("Content-Length", str(len(body)))
            if status == 302:
                self.send_header("Location", "http://192.0.2.1/login")
            self.end_headers()
            self.wfile.write(body)

        do_GET = do_POST = do_PUT = do_HEAD = do_DELETE = answer  # noqa: N815

        def log_message(self, *_: Any) -> None:
            pass

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        Thread(target=server.serve_forever, daemon=True).start()
        yield f"http://127.0.0.1:{server.server_address[1]}"
        ends.set()
        server.shutdown()


def pointed_at(endpoint: str, folder: Path = Path("/nonexistent")) -> dict[str, str]:
    """Return a bare environment whose AWS is at an address."""
    keys = {"AWS_ACCESS_KEY_ID": "nobody", "AWS_SECRET_ACCESS_KEY": "nothing", "AWS_REGION": "us-east-1"}
    return BARE | keys | {"AWS_ENDPOINT_URL": endpoint, "HOME": str(folder), "TMPDIR": str(folder)}


@pytest.mark.parametrize("answer", [*ANSWERS, "never"])
def test_an_answer_that_is_not_awss_is_one_line(answer: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The times of a request that gets no answer are said in one place for all, and shortened here."""
    config: Any = deployed.CONFIG
    assert (config.connect_timeout, config.read_timeout, config.retries["total_max_attempts"]) == (5, 8, 2)
    monkeypatch.setattr(ExponentialBackoff, "delay_amount", lambda *_: 0)
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    if answer == "never":
        monkeypatch.setattr(config, "read_timeout", 0.1)
    begin = time.monotonic()
    with answering(answer) as endpoint:
        environment = pointed_at(endpoint, tmp_path)
        ended = {command: lab_here(*command.split(), folder=tmp_path, environment=environment) for command in COMMANDS}
    assert time.monotonic() - begin < 60 * slowness()
    for command, (status, out, err) in ended.items():
        assert "Traceback" not in out + err, command
        if command == "doctor":  # it says what is wrong where its findings stand
            assert status == 1
            assert (len(out.splitlines()), err) == (5, ""), out
            assert re.search("^✗ Credentials: .", out, re.MULTILINE)
        elif command == "guide 3":  # it can be read all the same
            assert status == 0
            assert out.startswith("3. VPC: a network of your own")
            assert err.startswith("The commands hold names, and no ids of yours: ")
            assert len(err.splitlines()) == 1
        else:
            assert (status, out, len(err.splitlines())) == (1, "", 1), (command, err)
            assert answer != "foreign-xml" or f"Is {endpoint} AWS" in err, err


def test_the_trace_is_where_the_line_says(tmp_path: Path) -> None:
    (tmp_path / ".local-aws").mkdir()
    with answering("foreign-xml") as endpoint:
        err = lab("verify", folder=tmp_path, environment=pointed_at(endpoint, tmp_path)).err
    trace = Path(err.split("The trace: ")[1].strip())
    assert trace.parent == tmp_path / ".local-aws"
    assert trace.stat().st_mode & 0o777 == 0o600
    assert trace.read_text().startswith(f"Command: {ROOT}/lab/__main__.py verify\nTraceback ")
    assert "KeyError" in trace.read_text()


def test_a_slow_answer_is_told_in_a_terminal_and_nowhere_else() -> None:
    terminal, its_end = pty.openpty()
    with answering("never") as endpoint:
        command = [sys.executable, "-m", "lab", "status", "--json"]
        environment = pointed_at(endpoint)
        silent = subprocess.Popen(command, cwd=ROOT, env=environment, stdout=PIPE, stderr=PIPE, text=True)
        shown = subprocess.Popen(command, cwd=ROOT, env=environment, stdout=PIPE, stderr=its_end)
        seen = os.read(terminal, 1000).decode()
        assert seen.startswith("\r\x1b[2KWaiting for http://127.0.0.1:")
        assert seen.endswith(" to answer DescribeInstances ...")
        shown.send_signal(signal.SIGINT)
        assert shown.communicate()[0] == b""
        assert shown.returncode == 130
        os.close(its_end)
        assert _rest(terminal) in ("", "\r\x1b[2K")
        silent.kill()
        assert silent.communicate() == ("", "")


def _rest(terminal: int) -> str:
    """Return what was written to a terminal that nobody writes to any more."""
    try:
        return os.read(terminal, 1000).decode()
    except OSError:
        return ""
    finally:
        os.close(terminal)


# --- the file system


@pytest.fixture
def full(tmp_path: Path) -> Iterator[Path]:
    """Give a file system of a few pages that has no byte left, in which a template lies."""
    if os.geteuid() != 0:
        pytest.skip("mounting a tmpfs needs root")
    mounted = subprocess.run(
        ["mount", "-t", "tmpfs", "-o", "size=64k", "none", tmp_path], capture_output=True, text=True, check=False
    )
    if mounted.returncode:
        pytest.skip(f"no tmpfs can be mounted here: {mounted.stderr}")
    try:
        (tmp_path / "cdk.out").mkdir()
        (tmp_path / ".local-aws").mkdir()
        (tmp_path / "architecture.svg").write_text("The picture of the last time")
        vpc = {"Type": "AWS::EC2::VPC", "Properties": {"CidrBlock": "10.0.0.0/16"}}
        (tmp_path / "cdk.out" / "LearningStack.template.json").write_text(json.dumps({"Resources": {"Vpc": vpc}}))
        with suppress(OSError), (tmp_path / "ballast").open("wb", buffering=0) as ballast:
            while True:
                ballast.write(b"0" * 4096)
        yield tmp_path
    finally:
        subprocess.run(["umount", tmp_path], check=True)


def test_a_full_disk_is_one_line_and_loses_nothing(full: Path) -> None:
    before = (full / "architecture.svg").read_text()
    run = lab_here("picture", folder=full)
    assert (run.status, run.err) == (1, "architecture.svg cannot be written: No space left on device\n")
    assert (full / "architecture.svg").read_text() == before
    assert {each.name for each in full.iterdir()} == {".local-aws", "architecture.svg", "ballast", "cdk.out"}


def test_a_trace_that_the_folder_has_no_room_for_goes_elsewhere(full: Path) -> None:
    with answering("foreign-xml") as endpoint:
        run = lab_here("status", folder=full, environment=pointed_at(endpoint))
    trace = Path(run.err.split("The trace: ")[1].strip())
    assert not trace.is_relative_to(full)
    assert "KeyError" in trace.read_text()
    assert not list((full / ".local-aws").iterdir())
    trace.unlink()


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="needs /dev/full")
def test_output_that_cannot_be_written_is_one_line() -> None:
    with Path("/dev/full").open("w") as nowhere:
        run = lab("guide", "3", stdout=nowhere)
    assert run.status == 1
    assert re.fullmatch(r"lab guide failed: No space left on device\. The trace: /.*\n", run.err), run.err
    Path(run.err.split("The trace: ")[1].strip()).unlink()


def test_output_that_nobody_reads_to_its_end_is_no_failure_to_speak_of() -> None:
    reader, writer = os.pipe()
    os.close(reader)
    run = lab("guide", "3", stdout=writer)
    os.close(writer)
    assert (run.status, run.err) == (1, "")


def test_a_file_system_that_is_read_only_is_one_line(full: Path) -> None:
    subprocess.run(["mount", "-o", "remount,ro", full], check=True)
    run = lab_here("picture", folder=full)
    assert (run.status, run.err) == (1, "architecture.svg cannot be written: Read-only file system\n")


# --- what is not the net's


@pytest.mark.parametrize("words", [["verfy"], ["verify", "--wrong"], ["guide", "--lang", "fr"]])
def test_usage_errors_are_typers_own(words: list[str]) -> None:
    run = lab_here(*words)
    assert run.status == 2
    assert "Usage: python -m lab" in run.err
    assert "The trace:" not in run.err
