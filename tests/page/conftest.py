"""The page, served in this process about a stack in a local AWS."""

import asyncio
import http.client
import re
import socket
import threading
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import urlencode

import pytest

from lab.local_aws import lifecycle
from lab.page import server
from lab.template.deployed import Deployed


@dataclass(frozen=True)
class Answer:
    status: int
    headers: http.client.HTTPMessage
    text: str


@dataclass(frozen=True)
class Served:
    """A page that is served: its port, its token, and the whole address that is told."""

    port: int
    token: str
    address: str

    @property
    def own(self) -> dict[str, str]:
        """The headers of whoever has opened the page."""
        return {"Host": f"127.0.0.1:{self.port}", "Cookie": f"lab-page-{self.port}={self.token}"}

    def get(self, path: str, **headers: str) -> Answer:
        return self.ask("GET", path, headers={**self.own, **headers})

    def post(self, path: str, fields: dict[str, str], **headers: str) -> Answer:
        """Send a form as the page itself does, but for what is given."""
        form = {"Content-Type": "application/x-www-form-urlencoded", "Origin": f"http://127.0.0.1:{self.port}"}
        return self.ask("POST", path, body=urlencode(fields), headers={**self.own, **form, **headers})

    def ask(self, method: str, path: str, *, headers: dict[str, str], body: str = "") -> Answer:
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=60)
        connection.request(method, path, body or None, {name: value for name, value in headers.items() if value})
        answer = connection.getresponse()
        said = Answer(answer.status, answer.headers, answer.read().decode(errors="replace"))
        connection.close()
        return said


@pytest.fixture(scope="session")
def stack(deploy: Callable[..., Deployed]) -> Deployed:
    deploy("OperatorsStack", operators=("alice", "bob"))
    return deploy("LearningStack", private_host=True)


@pytest.fixture(scope="session")
def page(stack: Deployed) -> Iterator[Served]:  # noqa: ARG001
    yield from served()


def served() -> Iterator[Served]:
    told: list[str] = []
    known, ended = threading.Event(), threading.Event()

    def ready(address: str) -> None:
        told.append(address)
        known.set()

    async def until() -> None:
        await asyncio.to_thread(ended.wait)

    thread = threading.Thread(target=server.run, args=(ready, until))
    thread.start()
    try:
        assert known.wait(30)
        found = re.fullmatch(r"http://127\.0\.0\.1:(\d+)/\?token=([\w-]{32})", told[0])
        assert found
        yield Served(int(found[1]), found[2], told[0])
    finally:
        ended.set()
        thread.join()


@pytest.fixture(scope="session")
def synthesised(assembly: Callable[..., Path]) -> Path:
    """Give a folder as cdk.out is."""
    return assembly()


@pytest.fixture
def progress_elsewhere(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Keep what was solved in another folder than the local AWS's."""
    monkeypatch.setattr(lifecycle, "HOME", tmp_path)
    return tmp_path


def listens_elsewhere(port: int) -> bool:
    """Tell whether a port answers under another address of this machine than 127.0.0.1."""
    with socket.socket() as attempt:
        attempt.settimeout(1)
        return attempt.connect_ex(("127.0.0.2", port)) == 0
