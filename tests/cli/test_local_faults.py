"""The local AWS when something is wrong around it: other servers, other folders, broken-off commands, damaged files."""

import json
import os
import shlex
import shutil
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from http.server import HTTPServer, SimpleHTTPRequestHandler
from pathlib import Path
from threading import Thread

import boto3
import psutil
import pytest
from botocore.exceptions import ClientError

from lab.local_aws import lifecycle
from lab.terminal.problem import ProblemError
from tests.cli.test_local import Project
from tests.conftest import ROOT
from tests.local_aws.server import local_aws_in
from tests.pace import slowness

CURE = "make local-clean"
REPORTS = 'if "UserData" in properties:'  # how the local AWS makes up a bastion's report


@pytest.fixture
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    folder = tmp_path / "local-aws"
    monkeypatch.setattr(lifecycle, "HOME", folder)
    yield folder
    if folder.exists():
        lifecycle.stop()


@pytest.fixture
def stranger() -> Iterator[HTTPServer]:
    """Run somebody else's server on this machine; it answers everything with 200."""

    class Anything(SimpleHTTPRequestHandler):
        def do_GET(self) -> None:
            self.send_response(200)
            self.end_headers()
            self.wfile.write(b'{"proof": "' + b"0" * 64 + b'"}')

        def log_message(self, *_args: object) -> None:
            pass

    with HTTPServer(("127.0.0.1", 0), Anything) as server:
        Thread(target=server.serve_forever, daemon=True).start()
        yield server
        server.shutdown()


# --- known for certain


def test_another_server_on_its_port_is_not_ours(home: Path, stranger: HTTPServer) -> None:
    lifecycle.start()
    lifecycle.stop()
    (home / "port").write_text(str(stranger.server_port))
    assert lifecycle.running() is None
    assert lifecycle.stop() is False
    assert lifecycle.start().port != stranger.server_port


def test_a_process_that_only_looks_like_ours_is_not_stopped_for_another_folder(home: Path, tmp_path: Path) -> None:
    original = lifecycle.start()
    copy = tmp_path / "copy"
    shutil.copytree(home, copy)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(lifecycle, "HOME", copy)
        assert lifecycle.running() is None
        assert lifecycle.stop() is False
        second = lifecycle.start()
        assert second.port != original.port
        assert lifecycle.stop() is True
    assert lifecycle.running() == original


def test_a_server_with_another_secret_does_not_count_as_running(home: Path) -> None:
    server = lifecycle.start()
    found = json.loads((home / "credentials.json").read_text())
    (home / "credentials.json").write_text(json.dumps(found | {"secret_key": "another"}))
    assert lifecycle.running() is None
    assert lifecycle.start().process != server.process
    assert not server.process.is_running()


def test_a_server_that_hangs_is_found_and_stopped(home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(lifecycle, "ANSWER_SECONDS", 0.5)
    monkeypatch.setattr(lifecycle, "STOP_SECONDS", 1)
    server = lifecycle.start()
    server.process.suspend()
    assert lifecycle.running() is None
    assert lifecycle.stop() is True
    assert not server.process.is_running()
    assert home.exists()


@pytest.mark.parametrize("name", ["port", "credentials.json", "lock", "env", "server.log"])
@pytest.mark.parametrize("content", ["", "0", "-1", "99999999999", "null", "[]", "{", "\0\0", "{'pid': 1}"])
def test_odd_files_are_no_stack_trace(home: Path, name: str, content: str) -> None:
    home.mkdir()
    (home / name).write_text(content)
    assert lifecycle.running() is None
    assert lifecycle.stop() is False
    with lifecycle.only_one():
        pass


def test_a_server_knows_when_its_code_has_changed(home: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    server = lifecycle.start()
    assert home.exists()
    assert not server.is_outdated
    monkeypatch.setattr(lifecycle, "CODE", tmp_path)
    (tmp_path / "pulled.py").touch()
    os.utime(tmp_path / "pulled.py", (time.time() + 5, time.time() + 5))
    assert server.is_outdated


def test_the_second_command_says_who_is_at_it(home: Path) -> None:
    with lifecycle.only_one():
        program = (
            f"from pathlib import Path; from lab.local_aws import lifecycle; lifecycle.HOME = Path({str(home)!r})\n"
        )
        program += "with lifecycle.only_one(): pass"
        second = subprocess.run([sys.executable, "-c", program], cwd=ROOT, capture_output=True, text=True, check=False)
        assert f"Another make local runs here, process {os.getpid()}." in second.stderr


def test_its_port_is_held_from_the_start(home: Path) -> None:
    """The listening socket itself is handed over: at no moment could another program take the port."""
    server = lifecycle.start()
    lifecycle.stop()
    with socket.socket() as other:
        other.bind(("127.0.0.1", server.port))
        assert lifecycle.start().port != server.port
    assert home.exists()


# --- whatever ends the command, nothing is left


@pytest.fixture
def project(tmp_path: Path) -> Iterator[Project]:
    """Give a copy of the project whose deploy never ends: no bastion reports that it has booted."""
    project = Project(tmp_path)
    signals = tmp_path / "lab" / "local_aws" / "signals.py"
    text = signals.read_text()
    assert REPORTS in text
    signals.write_text(text.replace(REPORTS, "if False:"))
    yield project
    with project.at_home():
        lifecycle.stop()


def wait_for(condition: Callable[[], object], seconds: float = 120) -> None:
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline, "it does not come about"
        time.sleep(0.2)


@pytest.mark.parametrize(
    ("moment", "which", "group"),
    [
        ("synth", signal.SIGINT, True),
        ("deploy", signal.SIGINT, True),
        ("deploy", signal.SIGHUP, False),
        ("deploy", signal.SIGKILL, False),
    ],
)
def test_whatever_ends_it_nothing_is_left_running(
    project: Project,
    assembly: Callable[..., Path],
    moment: str,
    which: int,
    group: bool,  # noqa: FBT001
) -> None:
    """End it in the midst of its work; what it leaves is as it was before, and the next start works at once.

    SIGINT goes to the whole group of processes, as from a terminal.
    """

    def deploying() -> list[str]:
        with project.at_home(), suppress(ClientError, AssertionError, OSError):
            return [stack["StackStatus"] for stack in project.client("cloudformation").describe_stacks()["Stacks"]]
        return []

    if moment == "deploy":  # there are templates already, which saves seconds
        settings = json.loads((project.folder / "cdk.json").read_text())
        settings["app"] = shlex.join(["cp", "-r", f"{assembly()}/.", "cdk.out"])
        (project.folder / "cdk.json").write_text(json.dumps(settings))
    command = project.start(sys.executable, "-m", "lab", "local", "up", start_new_session=True)
    if moment == "synth":
        wait_for((project.folder / "cdk.out").exists)
    else:
        wait_for(lambda: deploying() == ["CREATE_IN_PROGRESS"])
    assert len(project.processes()) > 3  # the command, the server, the CDK CLI and what holds it
    (os.killpg if group else os.kill)(command.pid, which)
    printed, _ = command.communicate(timeout=60)
    assert command.returncode != 0
    assert "Traceback" not in printed
    wait_for(lambda: not project.processes(), 60)
    with project.at_home():
        assert lifecycle.running() is None
        lifecycle.start()
        # At most the change set is there, of which a deploy makes another one.
        assert deploying() in ([], ["REVIEW_IN_PROGRESS"])


# --- the state


def fill(home: Path) -> None:
    """Keep a bucket, a file and a user."""
    with local_aws_in(home):
        boto3.client("s3").create_bucket(Bucket="diary")
        boto3.client("s3").put_object(Bucket="diary", Key="day/one.txt", Body=b"dear reader")
        boto3.client("iam").create_user(UserName="carol")


@pytest.fixture(scope="module")
def filled(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("filled") / "local-aws"
    fill(folder)
    return folder


def truncate(path: Path) -> None:
    path.write_bytes(path.read_bytes()[:-1])


def flip(path: Path) -> None:
    content = bytearray(path.read_bytes())
    content[-2] ^= 1
    path.write_bytes(bytes(content))


def of_another_version(path: Path) -> None:
    path.write_bytes(path.read_bytes().replace(b'"version": 1', b'"version": 9', 1))


@pytest.mark.parametrize(
    ("file", "damage"),
    [
        ("state.json", truncate),
        ("state.json", flip),
        ("state.json", of_another_version),
        ("state.json", Path.unlink),
        ("state.json", lambda path: path.write_bytes(b"")),
        ("s3/000000000000/diary/day/one.txt", truncate),
        ("s3/000000000000/diary/day/one.txt.meta.json", truncate),
        ("s3/000000000000/diary/day/one.txt.meta.json", lambda path: path.write_bytes(b"")),
    ],
)
def test_damaged_state_is_said_in_one_line_with_the_cure(
    home: Path, filled: Path, file: str, damage: Callable[[Path], object]
) -> None:
    shutil.copytree(filled, home)
    damage(home / "state" / file)
    with pytest.raises(ProblemError) as told:
        lifecycle.start()
    assert "damaged" in str(told.value)
    assert CURE in str(told.value)
    assert "\n" not in str(told.value)
    assert lifecycle.running() is None
    lifecycle.forget()
    assert lifecycle.start()


def test_a_crash_loses_no_more_than_a_moment(home: Path) -> None:
    with local_aws_in(home) as server:
        boto3.client("iam").create_user(UserName="carol")
        time.sleep(slowness())
        server.process.kill()
        server.process.wait()
        lifecycle.stop()
        lifecycle.start()
        assert [user["UserName"] for user in boto3.client("iam").list_users()["Users"]] == ["administrator", "carol"]


def test_files_of_any_name_are_no_damage(home: Path) -> None:
    fill(home)
    names = ["x.meta.json", "a/b.meta.json", "ü ß.txt", "deep/" * 20 + "x", "both", "both/inside", "empty"]
    with local_aws_in(home):
        s3 = boto3.client("s3")
        s3.put_bucket_versioning(Bucket="diary", VersioningConfiguration={"Status": "Enabled"})
        for name in names:
            for body in (b"1", b"", b"longer than before"):
                s3.put_object(Bucket="diary", Key=name, Body=body)
        s3.delete_object(Bucket="diary", Key="empty")
    with local_aws_in(home):
        found = {each["Key"] for each in boto3.client("s3").list_objects_v2(Bucket="diary")["Contents"]}
        assert found == {*names, "day/one.txt"} - {"empty"}


@contextmanager
def small_disk(folder: Path, size: str = "3m") -> Iterator[None]:
    """Mount a small file system on a folder."""
    folder.mkdir()
    subprocess.run(["mount", "-t", "tmpfs", "-o", f"size={size}", "none", str(folder)], check=True)
    try:
        yield
    finally:
        subprocess.run(["umount", "--lazy", str(folder)], check=True)


needs_mount = pytest.mark.skipif(
    os.getuid() != 0 or sys.platform != "linux", reason="mounting a small disk needs root on Linux"
)


@needs_mount
def test_a_full_disk_reaches_the_user_at_the_next_command(home: Path) -> None:
    with small_disk(home), local_aws_in(home):
        iam, s3 = boto3.client("iam"), boto3.client("s3")
        s3.create_bucket(Bucket="diary")
        filler = home / "filler"
        with suppress(OSError):
            filler.write_bytes(b"0" * 4_000_000)
        s3.put_object(Bucket="diary", Key="one.txt", Body=b"x" * 100_000)
        with pytest.raises(ClientError, match=r"InsufficientStorage.*could not be written"):
            iam.create_user(UserName="carol")
        filler.unlink()
        iam.create_user(UserName="carol")
        lifecycle.stop()
        lifecycle.start()
        assert s3.get_object(Bucket="diary", Key="one.txt")["Body"].read() == b"x" * 100_000
        assert [user["UserName"] for user in iam.list_users()["Users"]] == ["administrator", "carol"]


@needs_mount
def test_no_room_to_start_is_one_line(home: Path) -> None:
    with small_disk(home, "16k"), pytest.raises(ProblemError, match=r"^The local AWS cannot .*No space left on device"):
        lifecycle.start()


@needs_mount
def test_a_folder_that_cannot_be_written_is_one_line(home: Path) -> None:
    fill(home)
    with small_disk(home.with_name("other")):
        subprocess.run(["mount", "--bind", str(home), str(home)], check=True)
        subprocess.run(["mount", "-o", "remount,bind,ro", str(home)], check=True)
        try:
            with (
                pytest.raises(ProblemError, match=r"^The local AWS cannot .*Read-only file system"),
                lifecycle.only_one(),
            ):
                lifecycle.start()
        finally:
            subprocess.run(["umount", str(home)], check=True)


def test_the_server_ends_with_what_started_it(home: Path) -> None:
    program = f"from pathlib import Path; from lab.local_aws import lifecycle; lifecycle.HOME = Path({str(home)!r}); "
    program += "print(lifecycle.start().process.pid, flush=True); import time; time.sleep(60)"
    with subprocess.Popen([sys.executable, "-c", program], cwd=ROOT, stdout=subprocess.PIPE, text=True) as starter:
        assert starter.stdout
        server = psutil.Process(int(starter.stdout.readline()))
        starter.kill()
    server.wait(10 * slowness())
