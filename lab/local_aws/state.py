"""The state on disk: whole, or said to be damaged.

ministack keeps a file a service, written when it stops, and goes on without one that it cannot read. Here all services
are in one file that carries a version and a checksum, replaced in one step: a moment after each change, when a stack
operation has ended, and at the end. While one is at work nothing is written, so that what breaks off then leaves the
state as it was before. The files in buckets lie beside it, each written by ministack at once.
"""

import asyncio
import hashlib
import json
import logging
from pathlib import Path
from typing import Any

from ministack import app
from ministack.core import persistence
from ministack.services import cloudformation, s3
from ministack.services.cloudformation import stacks

from lab.local_aws.pinned import MINISTACK
from lab.terminal.problem import ProblemError

VERSION = 1
DELAY = 0.5  # seconds from a change to the file
ENDINGS = ("_COMPLETE", "_FAILED")
ABOUT = ".meta.json"  # ministack's own file beside each file of a bucket


class Store:
    """The state below one folder: ``state.json``, and the buckets' files in ``s3``.

    ``trouble`` says what could not be written; it is empty when all is on disk.
    """

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.file = folder / "state.json"
        self.trouble = ""
        self._services: dict[str, Any] = {}
        self._unsaved: dict[tuple[str, str], dict[str, Any]] = {}  # files in buckets that are in memory alone
        self._timer: asyncio.TimerHandle | None = None
        self._ministacks_persist = s3._persist_object

    def load(self) -> None:
        """Read the state. Raises ProblemError when it is damaged, OSError where it cannot be written."""
        if self.file.exists():
            self._services = self._read()
            self._check_buckets()
        elif any(self.folder.iterdir()):
            raise _damaged(f"{self.file.name} is missing")
        else:
            self._write({})

    def take_ministacks_place(self) -> None:
        """Let ministack load and save through this store, and tell it what changes."""
        logging.getLogger("persistence").setLevel(logging.CRITICAL)  # ``trouble`` says it
        app.load_state = lambda service: self._services.pop(service, None)
        app.save_all = lambda _services: self.save()
        s3._persist_object = self._persist
        ministacks = stacks._add_event

        def add_event(
            stack_id: str, stack_name: str, logical_id: str, resource_type: str, status: str, *rest: Any, **more: Any
        ) -> None:
            ministacks(stack_id, stack_name, logical_id, resource_type, status, *rest, **more)
            if resource_type == "AWS::CloudFormation::Stack" and logical_id == stack_name and status.endswith(ENDINGS):
                # Only when the operation gives way: it may change the stack once more after its last event.
                asyncio.get_running_loop().call_soon(self.save)

        stacks._add_event = add_event

    def is_busy(self) -> bool:
        """Say whether a stack operation is at work."""
        return any(_is_at_work(stack) for stack in cloudformation._stacks._data.values())

    def save(self) -> None:
        """Write the state, unless a stack operation is at work."""
        if self._timer:
            self._timer.cancel()
            self._timer = None
        if self.is_busy():
            return
        try:
            for (bucket, key), record in list(self._unsaved.items()):
                self._persist(bucket, key, record)
            self._write({name: state() for name, state in app._build_persistence_save_dict().items()})
        except OSError as error:
            self.trouble = f"{self.file.name} could not be written: {error.strerror}"
        except RuntimeError:  # a thread of ministack changed what was being read
            self.save_soon()
        else:
            self.trouble = "" if not self._unsaved else self.trouble

    def save_soon(self) -> None:
        """Write the state in a moment, once for all that changes until then."""
        if not self._timer:
            self._timer = asyncio.get_running_loop().call_later(DELAY, self.save)

    def _persist(self, bucket: str, key: str, record: Any) -> None:
        """Write a file of a bucket. ministack only logs what hinders it, and keeps the file in memory."""
        self._ministacks_persist(bucket, key, record)
        self._unsaved.pop((bucket, key), None)
        if isinstance(record, dict) and record.get("body") is not None:
            self._unsaved[bucket, key] = record
            self.trouble = f"{key} in the bucket {bucket} could not be written"

    def _write(self, services: dict[str, Any]) -> None:
        payload = json.dumps(services, default=persistence._json_default).encode()
        head = {"version": VERSION, "ministack": MINISTACK, "sha256": hashlib.sha256(payload).hexdigest()}
        new = self.file.with_suffix(".new")
        try:
            new.write_bytes(json.dumps(head).encode() + b"\n" + payload)
            new.replace(self.file)
        finally:
            new.unlink(missing_ok=True)

    def _read(self) -> dict[str, Any]:
        head, _, payload = self.file.read_bytes().partition(b"\n")
        try:
            found = json.loads(head)
            version, of, checksum = found["version"], found["ministack"], found["sha256"]
        except (ValueError, TypeError, KeyError):
            raise _damaged(f"{self.file.name} does not begin as it should") from None
        if (version, of) != (VERSION, MINISTACK):
            raise _damaged(f"{self.file.name} is of version {version}, for ministack {of}")
        if hashlib.sha256(payload).hexdigest() != checksum:
            raise _damaged(f"{self.file.name} is not what was saved")
        services: dict[str, Any] = json.loads(payload, object_hook=persistence._json_object_hook)
        return services

    def _check_buckets(self) -> None:
        """Compare each file of a bucket with the size that ministack noted."""
        for about in (self.folder / "s3").rglob(f"*{ABOUT}"):
            file = about.with_name(about.name.removesuffix(ABOUT))
            if about.with_name(about.name + ABOUT).exists():  # somebody's own file, of such a name
                continue
            try:
                facts = json.loads(about.read_bytes())
                size = None if facts.get("is_delete_marker") else facts.get("size")
            except (ValueError, AttributeError):
                raise _damaged(f"{about.relative_to(self.folder)} cannot be read") from None
            if size is not None and file.exists() and file.stat().st_size != size:
                raise _damaged(f"{file.relative_to(self.folder)} is not what was stored")


def _damaged(what: str) -> ProblemError:
    return ProblemError(f"What the local AWS kept is damaged ({what}). Forget it and start anew with: make local-clean")


def _is_at_work(stack: dict[str, Any]) -> bool:
    status = str(stack.get("StackStatus", ""))
    return status.endswith("_IN_PROGRESS") and status != "REVIEW_IN_PROGRESS"
