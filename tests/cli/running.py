"""A command of the lab, in this process or in one of its own."""

import io
import os
import runpy
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any, NamedTuple
from unittest.mock import patch

import boto3

from lab.local_aws import lifecycle
from lab.terminal.waiting import waiting
from tests.conftest import ROOT

BARE = {"PATH": "/usr/bin:/bin", "AWS_EC2_METADATA_DISABLED": "true", "HOME": "/nonexistent"}


class Ended(NamedTuple):
    """How a command ended, and what it printed."""

    status: int
    out: str
    err: str


def lab_here(*words: str, folder: Path = ROOT, environment: Mapping[str, str] = BARE) -> Ended:
    """Run ``python -m lab`` in this process, with no variable of the environment but the given ones.

    All but the start of a process is as in one: the half second that it takes.
    """
    out, err = (io.TextIOWrapper(io.BytesIO(), encoding="utf-8") for _ in range(2))
    before = Path.cwd()
    with (
        patch.dict(os.environ, environment, clear=True),
        patch.multiple(sys, argv=[str(ROOT / "lab" / "__main__.py"), *words], stdout=out, stderr=err),
        patch.object(boto3, "DEFAULT_SESSION", None),
        patch.object(waiting, "asked", ""),
        patch.object(lifecycle, "HOME", Path(".local-aws")),  # as it is, whichever local AWS the tests share
    ):
        os.chdir(folder)
        try:
            runpy.run_module("lab", run_name="__main__", alter_sys=True)
            status: Any = 0
        except SystemExit as ended:  # with a line to print, or a status
            status = ended.code or 0
        finally:
            os.chdir(before)
        if isinstance(status, str):
            print(status, file=err)
            status = 1
        for stream in (out, err):
            stream.flush()
    return Ended(status, *(stream.buffer.getvalue().decode() for stream in (out, err)))


def lab(*words: str, folder: Path = ROOT, environment: Mapping[str, str] = BARE, **more: Any) -> Ended:
    """Run ``python -m lab`` in a process of its own."""
    ended = subprocess.run(
        [sys.executable, "-m", "lab", *words],
        cwd=folder,
        env={"PYTHONPATH": str(ROOT), **environment},
        check=False,
        **{"stdout": subprocess.PIPE, "stderr": subprocess.PIPE, "encoding": "utf-8", **more},
    )
    return Ended(ended.returncode, ended.stdout or "", ended.stderr or "")
