"""A keeper of built networks. Where the kernel lets nobody make one, tests are skipped; in CI that is a failure."""

import os
from collections.abc import Iterator

import pytest

from lab.packets.keeper import Keeper, why_not


@pytest.fixture(scope="session")
def keeper() -> Iterator[Keeper]:
    if reason := why_not():
        # .ci/run sets CI.
        (pytest.fail if os.environ.get("CI") else pytest.skip)(reason)
    with Keeper() as started:
        yield started
