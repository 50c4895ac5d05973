"""What the page is about: a stack that is deployed, or else the template of the last synth."""

import os
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any

from botocore.exceptions import BotoCoreError, ClientError

from lab.checks import names
from lab.cost.bill import reckon
from lab.cost.prices import priced_region
from lab.guide.blocks import STACKS
from lab.local_aws import lifecycle
from lab.picture.architecture import Architecture
from lab.reach.command import deployed_network, synthesised_network
from lab.reach.network import Network
from lab.template.deployed import Deployed, explain
from lab.template.reader import STACK, Template
from lab.template.synthesised import read_template
from lab.terminal.language import default_region
from lab.terminal.problem import ProblemError

EXPLICIT = ("AWS_ENDPOINT_URL", "AWS_PROFILE", "AWS_ACCESS_KEY_ID")


@dataclass(frozen=True)
class Seen:
    """A stack as it is now. Without ``deployed`` there is a template alone, and without that ``problem`` says why."""

    deployed: Deployed | None = None
    content: Mapping[str, Any] = field(default_factory=dict)
    network: Network | None = None
    problem: str = ""

    @cached_property
    def ids(self) -> dict[str, str]:
        """What commands may name: the outputs and resources of this stack, and of the optional ones."""
        found: dict[str, str] = {}
        if self.deployed:
            for stack in STACKS.keys() - {STACK}:
                with suppress(ProblemError, ClientError):
                    found |= names(Deployed(stack))
            found |= names(self.deployed)
        return found

    @property
    def architecture(self) -> Architecture:
        return Architecture(self.content)

    @property
    def region(self) -> str:
        return self.deployed.region if self.deployed else os.environ.get("AWS_REGION") or default_region()

    def operators(self) -> list[str]:
        """Return the names of the operators that are deployed."""
        with suppress(ProblemError, ClientError, BotoCoreError):
            if self.deployed:
                users = Deployed("OperatorsStack").all("AWS::IAM::User")
                return sorted(each.id for each in users)
        return []

    def prices(self) -> dict[str, float]:
        """Return what things cost a month while nobody uses them, by their names. Nothing where there are no prices."""
        found: dict[str, float] = {}
        resources = Template(self.content).resources
        with suppress(ProblemError):
            for line in reckon(self.content, priced_region(self.region)).idle:
                name = resources[line.logical_id].label
                found[name] = found.get(name, 0) + line.usd
        return found


def see(stack: str) -> Seen:
    """Return a stack as it is deployed, or else as cdk.out has it."""
    try:
        deployed, network = deployed_network(stack)
        return Seen(deployed, deployed.template, network)
    except (ProblemError, ClientError, BotoCoreError) as error:
        return synthesised(stack, explain(error))


def synthesised(stack: str, problem: str = "") -> Seen:
    """Return a stack as cdk.out has it; ``problem`` is why it is not the one that is deployed."""
    try:
        return Seen(None, read_template(stack), synthesised_network(stack), problem)
    except ProblemError as error:
        return Seen(problem=problem or str(error))


def look_at_local_aws() -> None:
    """Point this process at the local AWS of this folder where it runs, and the shell does not point elsewhere."""
    if not any(os.environ.get(name) for name in EXPLICIT) and (server := lifecycle.running()):
        lifecycle.point_at(server)
