"""Start the local AWS: ``python -m lab.local_aws --port PORT --socket FD --folder DIR``.

It runs until it gets SIGTERM or SIGINT. It also ends when its standard input does, unless somebody wrote there that it
is to stay: so a server never outlives a command that broke off, however that came about.
"""

import argparse
import asyncio
import json
import os
import secrets
import signal
import sys
from pathlib import Path

from lab.local_aws import pinned
from lab.local_aws.rules import quotas
from lab.terminal.language import _
from lab.terminal.problem import ProblemError

ACCOUNT = "000000000000"


def _configure(port: int, folder: Path) -> None:
    """Set what ministack reads from the environment when it is imported."""
    region = os.environ.get("AWS_REGION") or "us-east-1"
    for name in [name for name in os.environ if name.startswith("AWS_")]:
        del os.environ[name]
    credentials = json.loads((folder / "credentials.json").read_text())
    os.environ.update(
        AWS_REGION=region,
        # The root user has no key that anybody knows; that of the folder is an administrator's.
        AWS_ACCESS_KEY_ID="ROOT" + secrets.token_hex(8).upper(),
        LEARNER_ACCESS_KEY_ID=credentials["access_key"],
        AWS_SECRET_ACCESS_KEY=credentials["secret_key"],
        AUTH="true",
        MINISTACK_ACCOUNT_ID=ACCOUNT,
        MINISTACK_REGION=region,
        MINISTACK_HOST="127.0.0.1",
        BIND_HOST="127.0.0.1",
        GATEWAY_PORT=str(port),
        PERSIST_STATE="1",
        STATE_DIR=str(folder / "scratch"),  # keys of services that are not served; all else is in our own file
        S3_PERSIST="1",
        S3_DATA_DIR=str(folder / "state" / "s3"),
        LOG_LEVEL="ERROR",
        # These two would listen on every interface, whatever BIND_HOST says.
        IOT_MTLS_ENABLED="0",
        SFTP_ENABLED="0",
        # ministack removes containers that it takes for its own, and this local AWS uses none.
        DOCKER_HOST="unix:///nonexistent",
        # The calls of this process go to itself: not to a proxy, and not by somebody's profile.
        AWS_CONFIG_FILE=os.devnull,
        AWS_SHARED_CREDENTIALS_FILE=os.devnull,
        NO_PROXY="*",
    )
    os.environ.pop("USE_SSL", None)


async def _serve(port: int, socket: int, folder: Path) -> None:
    # Only now: importing ministack reads the environment.
    from hypercorn.asyncio import serve  # noqa: PLC0415
    from hypercorn.config import Config  # noqa: PLC0415
    from ministack.app import app  # noqa: PLC0415

    from lab.local_aws import (  # noqa: PLC0415
        door,
        dry_run,
        identities,
        owners,
        paging,
        parameters,
        provider,
        resources,
        simulation,
        state,
    )
    from lab.local_aws.rules import templates  # noqa: PLC0415

    del dry_run, owners, parameters, simulation  # importing these completed ministack
    resources.import_all()
    provider.register_all()
    paging.page_lists()
    door.serve_only_these_services()
    templates.judge_resources()
    store = state.Store(folder / "state")
    store.load()
    store.take_ministacks_place()
    secret = os.environ["AWS_SECRET_ACCESS_KEY"]
    application = door.Door(
        app, port=port, folder=str(folder), secret=secret, store=store, started=identities.make_administrator
    )
    asyncio.get_running_loop().add_reader(sys.stdin, _end_or_stay)
    config = Config()
    config.bind = [f"fd://{socket}"]
    config.loglevel = "WARNING"
    config.graceful_timeout = 1  # seconds that SIGTERM leaves to open connections
    asked_to_stop = asyncio.Event()

    def stop() -> None:
        if store.is_busy():  # a rollback would fail on a server that answers no more, and that would be what is kept
            os._exit(1)
        asked_to_stop.set()

    for number in (signal.SIGTERM, signal.SIGINT):
        asyncio.get_running_loop().add_signal_handler(number, stop)
    await serve(application, config, shutdown_trigger=asked_to_stop.wait)  # type: ignore[arg-type]  # it spells out ASGI


def _end_or_stay() -> None:
    """Hear what becomes of the command that started this server: it writes ``stay``, or is gone."""
    if not os.read(sys.stdin.fileno(), 4):
        os._exit(1)  # what it began is not kept
    asyncio.get_running_loop().remove_reader(sys.stdin)


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m lab.local_aws", description="The local AWS, on 127.0.0.1 alone")
    parser.add_argument("--port", type=int, required=True)
    parser.add_argument("--socket", type=int, required=True, help="number of the open file that listens on the port")
    parser.add_argument("--folder", type=Path, required=True, help="has credentials.json, and keeps all else")
    parser.add_argument(
        "--quota", action="append", default=[], help="as vcpu=32: more, or less, than a new account has"
    )
    arguments = parser.parse_args()
    folder = arguments.folder.resolve()
    os.umask(0o077)
    try:
        quotas.grant(arguments.quota)
        (folder / "state").mkdir(exist_ok=True)
        _configure(arguments.port, folder)
        pinned.check()
        asyncio.run(_serve(arguments.port, arguments.socket, folder))
    except (pinned.UnsupportedMinistackError, ProblemError) as error:
        sys.exit(str(error))
    except OSError as error:
        sys.exit(
            _("The local AWS cannot keep its state in {folder}: {strerror}").format(
                folder=folder, strerror=error.strerror
            )
        )


if __name__ == "__main__":
    main()
