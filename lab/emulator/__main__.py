"""Start the local AWS: ``python -m lab.emulator --port PORT --state DIR``. It runs until it gets SIGTERM or SIGINT."""

import argparse
import asyncio
import os
import sys
from pathlib import Path

from lab.emulator import pinned


def _configure(port: int, state: Path) -> None:
    """Set what ministack reads from the environment when it is imported."""
    region = os.environ.get("AWS_REGION") or "us-east-1"
    os.environ.update(
        AWS_REGION=region,
        MINISTACK_REGION=region,
        MINISTACK_HOST="127.0.0.1",
        BIND_HOST="127.0.0.1",
        GATEWAY_PORT=str(port),
        PERSIST_STATE="1",
        STATE_DIR=str(state / "services"),
        S3_PERSIST="1",
        S3_DATA_DIR=str(state / "s3"),
        LOG_LEVEL="WARNING",
        # These two would listen on every interface, whatever BIND_HOST says.
        IOT_MTLS_ENABLED="0",
        SFTP_ENABLED="0",
        # ministack removes containers that it takes for its own, and this local AWS uses none.
        DOCKER_HOST="unix:///nonexistent",
        # The calls of this process go to itself: not to a proxy, and not by somebody's profile.
        AWS_CONFIG_FILE=os.devnull,
        AWS_SHARED_CREDENTIALS_FILE=os.devnull,
    )
    for name in ("AWS_PROFILE", "AWS_DEFAULT_PROFILE", "AWS_ENDPOINT_URL", "USE_SSL"):
        os.environ.pop(name, None)


async def _serve(port: int) -> None:
    # Only now: importing ministack reads the environment.
    from hypercorn.asyncio import serve  # noqa: PLC0415
    from hypercorn.config import Config  # noqa: PLC0415
    from ministack.app import app  # noqa: PLC0415

    from lab.emulator import (  # noqa: PLC0415
        addresses,
        images,
        instances,
        interfaces,
        keys,
        nat_gateways,
        network,
        network_acls,
        owners,
        parameters,
        provider,
        providers_iam,
        providers_instance,
        providers_network,
        providers_s3,
        providers_saving,
        saving,
        security_groups,
    )

    # Importing these completed ministack's EC2 and CloudFormation.
    del addresses, images, instances, interfaces, keys, nat_gateways, network, network_acls, owners, parameters
    del security_groups
    for types in (providers_iam, providers_instance, providers_network, providers_s3, providers_saving):
        provider.register(*types.PROVIDERS)
    saving.after_each_stack_operation()
    config = Config()
    config.bind = [f"127.0.0.1:{port}"]
    config.loglevel = "WARNING"
    config.graceful_timeout = 1  # seconds that SIGTERM leaves to open connections
    await serve(app, config)


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m lab.emulator", description="The local AWS, on 127.0.0.1 alone")
    parser.add_argument("--port", type=int, required=True)
    parser.add_argument("--state", type=Path, required=True, help="folder that keeps everything over a restart")
    arguments = parser.parse_args()
    _configure(arguments.port, arguments.state.absolute())
    try:
        pinned.check()
    except pinned.UnsupportedMinistackError as error:
        sys.exit(str(error))
    try:
        asyncio.run(_serve(arguments.port))
    except OSError as error:
        sys.exit(f"The local AWS cannot listen on 127.0.0.1:{arguments.port}: {error.strerror}")


if __name__ == "__main__":
    main()
