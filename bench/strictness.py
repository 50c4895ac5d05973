"""Which of AWS's refusals a local AWS knows: ours, moto's server and ministack bare.

They are tried on the cases of the rules' tests.

moto is run by uv, in an environment of its own. Example: ``python -m bench.strictness``
"""

import os
import subprocess
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, suppress
from functools import cache, partial
from pathlib import Path
from socket import socket
from typing import Any
from urllib.error import HTTPError
from urllib.request import Request, urlopen

import boto3
from botocore.config import Config
from botocore.exceptions import BotoCoreError, ClientError
from botocore.parsers import ResponseParserError

from bench.results import table, write
from lab.local_aws import lifecycle
from lab.local_aws.pinned import MINISTACK
from tests.local_aws.rules.test_rules import CASES, QUOTAS
from tests.local_aws.rules.world import Case, World

MOTO = "5.2.5"
REGION = "ap-northeast-1"
# No answer, or none that AWS would give.
BROKEN = (BotoCoreError, ResponseParserError, KeyError, IndexError, ValueError)
Clients = Callable[[str, str], Any]  # an account and a service


def _clients(endpoint: str, secret: str) -> Clients:
    @cache
    def client(account: str, service: str) -> Any:
        return boto3.client(
            service,  # type: ignore[call-overload]
            region_name=REGION,
            endpoint_url=endpoint,
            aws_access_key_id=account,
            aws_secret_access_key=secret,
            config=Config(retries={"total_max_attempts": 1}, read_timeout=60),
        )

    return client


@contextmanager
def _ours() -> Iterator[Clients]:
    with tempfile.TemporaryDirectory() as folder:
        lifecycle.HOME = Path(folder)
        server = lifecycle.start(quotas=[f"{name}={number}" for name, number in QUOTAS.items()])
        try:
            yield _clients(server.endpoint, lifecycle.environment(server)["AWS_SECRET_ACCESS_KEY"])
        finally:
            lifecycle.stop()


@contextmanager
def _server(command: list[str], port: int, **environment: str) -> Iterator[Clients]:
    process = subprocess.Popen(  # noqa: S603  # ours
        command, env={**os.environ, **environment}, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
    )
    try:
        _wait_for(port, process)
        yield _clients(f"http://127.0.0.1:{port}", "secret")
    finally:
        process.terminate()
        process.wait()


def _wait_for(port: int, process: "subprocess.Popen[bytes]") -> None:
    deadline = time.monotonic() + 120
    while time.monotonic() < deadline and process.poll() is None:
        with socket() as connection:
            if connection.connect_ex(("127.0.0.1", port)) == 0:
                return
        time.sleep(0.2)
    sys.exit("A server did not start.")


def _free_port() -> int:
    with socket() as listener:
        listener.bind(("127.0.0.1", 0))
        return int(listener.getsockname()[1])


@contextmanager
def _moto() -> Iterator[Clients]:
    port = _free_port()
    uv = str(Path(sys.executable).parent / "uv")
    command = [
        uv,
        "tool",
        "run",
        "--system-certs",
        "--from",
        f"moto[server]=={MOTO}",
        "moto_server",
        "-H",
        "127.0.0.1",
        "-p",
        str(port),
    ]
    with _server(command, port) as clients:
        yield clients


@contextmanager
def _ministack() -> Iterator[Clients]:
    port = _free_port()
    bare = {"GATEWAY_PORT": str(port), "BIND_HOST": "127.0.0.1", "MINISTACK_HOST": "127.0.0.1", "LOG_LEVEL": "ERROR"}
    with (
        tempfile.TemporaryDirectory() as folder,
        _server(
            [sys.executable, "-m", "ministack"], port, **bare, STATE_DIR=folder, DOCKER_HOST="unix:///nonexistent"
        ) as clients,
    ):
        yield clients


def _verdict(case: Case, world: World) -> str:
    try:
        case.takes(world)
    except (*BROKEN, ClientError):
        return "-"
    try:
        case.refuses(world)
    except ClientError as refused:
        code = refused.response["Error"]["Code"]
        return "yes" if code == case.code else f"other: {code}"
    except BROKEN:
        return "other: none"
    return "no"


def _tried(clients: Clients, quotas: Mapping[str, int]) -> list[str]:
    verdicts = []
    for number, case in enumerate(CASES):
        account = str(333333333333 + number)
        client = partial(clients, account)
        endpoint = client("ec2").meta.endpoint_url
        # moto's server has one account for whoever asks: it begins anew.
        with suppress(HTTPError):
            urlopen(Request(f"{endpoint}/moto-api/reset", method="POST"))  # noqa: S310  # on 127.0.0.1
        verdicts.append(_verdict(case, World(client, account, REGION, quotas=quotas)))
    return verdicts


def main() -> None:
    columns = {}
    for name, contestant, quotas in (("ours", _ours, QUOTAS), ("moto", _moto, {}), ("ministack", _ministack, {})):
        with contestant() as clients:
            columns[name] = _tried(clients, quotas)
    rows = [
        [case.rule, case.code, *(verdicts[number] for verdicts in columns.values())]
        for number, case in enumerate(CASES)
    ]
    about = (
        f"{len(CASES)} requests that AWS refuses, each in an account of its own; moto {MOTO} as a server, "
        f"ministack {MINISTACK} as it comes. `yes`: refused with AWS's own code; `other`: with another code; "
        "`no`: taken; `-`: could not be asked, as what AWS takes is not taken there. The list is that of our own "
        "rules, so ours is whole by construction."
    )
    total = [f"**{Counter(verdicts)['yes']}**" for verdicts in columns.values()]
    head = ["rule", "AWS's code", *columns]
    rows.insert(0, ["**all**", "", *total])
    write("Strictness", f"{about}\n\n{table(head, rows)}")


if __name__ == "__main__":
    main()
