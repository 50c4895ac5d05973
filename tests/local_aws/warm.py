"""A program of Python, imported once for many commands: each is a fork of this process, and starts in a moment.

``python -m tests.local_aws.warm PROGRAM SOCKET`` runs, for ``warm_client.py``, one of PROGRAMS with the words, in the
folder, with the variables and on the open files of whoever asks. One process for each: the AWS CLI has a botocore of
its own.
"""

import array
import importlib
import json
import os
import signal
import socket
import sys
import traceback
from collections.abc import Callable
from functools import cache
from typing import Any

SERVICES = ("budgets", "cloudformation", "ec2", "iam", "s3", "scheduler", "ssm", "sts")
DATA = "AWS_DATA_PATH"  # the AWS CLI sets it, for itself


def _aws() -> Callable[[list[str]], int]:
    driver = importlib.import_module("awscli.clidriver")
    return lambda words: int(driver.create_clidriver().main(words))


def _lab() -> Callable[[list[str]], int]:
    for module in ("lab.checks", "lab.guide.exercises", "lab.reach.report", "rich.markdown"):
        importlib.import_module(module)
    cli = importlib.import_module("lab.cli")

    def run(words: list[str]) -> int:
        sys.argv = words
        cli.main()
        return 0

    return run


PROGRAMS = {"aws": _aws, "lab": _lab}


def main(program: str, path: str) -> None:
    run = PROGRAMS[program]()
    session: Any = importlib.import_module("botocore.session")
    session.create_loader = cache(session.create_loader)
    loader = session.create_loader(os.environ.get(DATA))
    for service in SERVICES:
        loader.load_service_model(service, "service-2")
        loader.load_service_model(service, "endpoint-rule-set-1")
    for name in ("endpoints", "partitions"):
        loader.load_data(name)
    signal.signal(signal.SIGCHLD, signal.SIG_IGN)  # nobody waits for the forks
    with socket.socket(socket.AF_UNIX) as listening:
        listening.bind(path)
        listening.listen()
        print("ready", flush=True)  # noqa: T201  # the tests wait for it
        while True:
            asking, _ = listening.accept()
            if not os.fork():
                listening.close()
                _answer(asking, run)
            asking.close()


def _answer(asking: socket.socket, run: Callable[[list[str]], int]) -> None:
    """Run what is asked for, tell its status, and end this process."""
    files = array.array("i")
    text, ancillary, _, _ = asking.recvmsg(1 << 20, socket.CMSG_LEN(3 * files.itemsize))
    files.frombytes(ancillary[0][2])
    for number, file in enumerate(files):
        os.dup2(file, number)
        os.close(file)
    asked: dict[str, Any] = json.loads(text)
    os.chdir(asked["folder"])
    kept = {name: os.environ[name] for name in (DATA,) if name in os.environ}
    os.environ.clear()
    os.environ.update(asked["environment"] | kept)
    signal.signal(signal.SIGCHLD, signal.SIG_DFL)
    status = 1
    try:
        status = run(asked["words"])
    except SystemExit as end:
        status = int(end.code) if isinstance(end.code, int) else int(bool(end.code))
        if isinstance(end.code, str):
            sys.stderr.write(f"{end.code}\n")
    except Exception:  # noqa: BLE001  # as Python itself does
        traceback.print_exc()
    sys.stdout.flush()
    sys.stderr.flush()
    asking.sendall(str(status).encode())
    os._exit(0)


if __name__ == "__main__":
    main(*sys.argv[1:])
