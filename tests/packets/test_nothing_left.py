"""A built network is in nobody's way: this machine's own is as it was, and nothing is left of it, however it ends."""

import os
import re
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterable, Iterator
from contextlib import suppress
from pathlib import Path
from typing import Any

import psutil
import pytest

from lab.packets.keeper import PATH, Keeper
from lab.packets.namespaces import SETTINGS
from tests.conftest import ROOT
from tests.packets.test_facts import network

pytestmark = [pytest.mark.packets, pytest.mark.usefixtures("keeper")]
SECONDS = 20
HOLD = "import sys; print('held', flush=True); sys.stdin.read()"
BUILD = """
import sys
from lab.packets.keeper import Keeper
from tests.packets.test_facts import network
keeper = Keeper()
keeper.build(network(), answers=True)
print(keeper._process.pid, *keeper.enter("c"), sep="\\n", flush=True)
sys.stdin.read()
"""


def this_machine() -> dict[str, Any]:
    """Return what could be touched of this machine's network."""
    commands = ("ip -j addr", "ip -j route show table all", "ip -j rule", "ip -j netns", "nft -j list ruleset")
    shown = {
        each: re.sub(r'"(packets|bytes|handle|preferred_life_time|valid_life_time)": ?\d+', "", run(*each.split()))
        for each in commands
        if not os.geteuid() or "nft" not in each
    }
    settings = {name: Path("/proc/sys", name).read_text() for name in SETTINGS if Path("/proc/sys", name).exists()}
    return {**shown, **settings, "/run/netns": sorted(Path("/run").glob("netns/*"))}


def run(*command: str) -> str:
    return subprocess.run(command, capture_output=True, text=True, check=True, env={"PATH": PATH}).stdout


def namespaces(processes: Iterable[Path]) -> set[str]:
    """Return the network namespaces that processes are in or hold."""
    found = set()
    for process in processes:
        with suppress(OSError):  # it has ended, or is another user's
            found |= {str(link.readlink()) for link in [process / "ns" / "net", *process.glob("fd/*")]}
    return {each for each in found if each.startswith("net:")}


def held_by(keeper: int) -> set[str]:
    """Return those of a keeper that are not this process's own."""
    held = namespaces([Path(f"/proc/{keeper}")]) - namespaces([Path("/proc/self")])
    assert len(held) > 10  # so that one would be seen that is left
    return held


def wait_until_gone(held: set[str]) -> None:
    end = time.monotonic() + SECONDS
    while left := held & namespaces(Path("/proc").glob("[0-9]*")):
        assert time.monotonic() < end, left
        time.sleep(0.05)


@pytest.fixture
def builder() -> Iterator[Callable[[], subprocess.Popen[str]]]:
    started: list[subprocess.Popen[str]] = []

    def start() -> subprocess.Popen[str]:
        process = subprocess.Popen(
            [sys.executable, "-c", BUILD],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
            cwd=ROOT,
        )
        started.append(process)
        return process

    yield start
    for process in started:
        process.kill()
        process.communicate()


def test_this_machine_stays_as_it_was() -> None:
    before = this_machine()
    with Keeper() as keeper:
        keeper.build(network(), answers=True)
        assert this_machine() == before
        (process,) = psutil.Process(keeper._process.pid).children()
        held = held_by(process.pid)
    wait_until_gone(held)
    assert this_machine() == before


@pytest.mark.parametrize("whom", ["who started it", "unshare", "the keeper"])
def test_all_of_it_is_gone_whoever_is_killed(whom: str, builder: Callable[[], subprocess.Popen[str]]) -> None:
    before = this_machine()
    process = builder()
    assert process.stdout
    unshare = int(process.stdout.readline())
    enter = [process.stdout.readline().strip() for _ in range(5)]
    (keeper,) = psutil.Process(unshare).children()
    held = held_by(keeper.pid)
    # As a second terminal, whose shell is in there.
    with subprocess.Popen([*enter, sys.executable, "-c", HOLD], stdin=subprocess.PIPE, stdout=subprocess.PIPE) as shell:
        assert shell.stdout
        assert shell.stdout.readline() == b"held\n"
        os.kill({"who started it": process.pid, "unshare": unshare, "the keeper": keeper.pid}[whom], signal.SIGKILL)
        shell.wait(SECONDS)
    wait_until_gone(held)
    assert this_machine() == before
