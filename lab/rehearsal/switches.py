"""Faults that are switched on and off while a service runs, by way of a small file that both sides know."""

import json
import time
from collections.abc import Iterable
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Self

FAULTS = ("refuse", "drop", "error", "clock", "no internet", "no names")


@dataclass(frozen=True)
class Switches:
    """How a service behaves now.

    ``fault`` is nothing, or one of: ``refuse``, nobody listens; ``drop``, packets vanish, as in a black hole;
    ``error``, each answer is an error of the service; ``clock``, S3 has another time; ``no internet``, of S3's front:
    what no VPC endpoint leads to vanishes; ``no names``, of ``dns_and_packages``: no question for a name is answered.
    It ends by itself at ``until``, in seconds since the epoch.
    ``deny`` are actions such as ``s3:ListBucket`` that the role may not do, whatever its policy says. ``delay`` seconds
    are added to each request. ``share`` is how many of S3's answers are errors: 0.5 is every other one, by chance.
    Keys of the role that end before ``revoked``, in seconds since the epoch, are refused, and no longer given out.
    """

    fault: str = ""
    until: float = float("inf")
    deny: list[str] = field(default_factory=list)
    delay: float = 0
    share: float = 1
    revoked: float = 0

    @property
    def fault_now(self) -> str:
        return self.fault if time.time() < self.until else ""

    @classmethod
    def read(cls, path: Path) -> Self:
        """Return what is in the file: everything is as usual when there is none."""
        try:
            return cls(**json.loads(path.read_text()))
        except FileNotFoundError:
            return cls()


class FaultSwitches:
    """Sets the switches of one running service, from outside."""

    def __init__(self, path: Path) -> None:
        self.path = path

    def set(
        self,
        *,
        fault: str = "",
        seconds: float = float("inf"),
        deny: Iterable[str] = (),
        delay: float = 0,
        share: float = 1,
        revoked: float = 0,
    ) -> None:
        """Set all switches at once; what is not named is as usual again. Raises ValueError for an unknown fault."""
        if fault and fault not in FAULTS:
            raise ValueError(fault)
        until = time.time() + seconds
        state = Switches(fault=fault, until=until, deny=list(deny), delay=delay, share=share, revoked=revoked)
        # Renamed into place: the service never reads half a file.
        draft = self.path.with_suffix(".draft")
        draft.write_text(json.dumps(asdict(state)))
        draft.rename(self.path)
