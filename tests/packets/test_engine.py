"""The engine says what packets do, on every question: in networks of templates, and in what could become of them."""

import os
from collections.abc import Callable
from dataclasses import fields
from functools import cache
from ipaddress import IPv4Network
from typing import Any

import pytest
from hypothesis import HealthCheck, assume, given, seed, settings
from hypothesis import strategies as st

from lab.packets.keeper import Keeper
from lab.packets.vpc import ELSEWHERE, LINKS, with_members
from lab.reach.network import Network
from lab.reach.templated import PUBLIC, S3, templated
from stacks.settings import NAT_CHOICES, Settings
from tests.packets.cells import LINUX, compare, nat_starts
from tests.packets.mutations import mutated
from tests.packets.test_facts import network as small
from tests.unit.stacks.test_any_settings import any_settings

pytestmark = pytest.mark.packets
# .ci/run sets CI.
IN_CI = bool(os.environ.get("CI"))
NETWORKS, TEMPLATES = (72, 16) if IN_CI else (10, 2)
PARTS = range(2)
EACH_TIME_THE_SAME = settings(database=None, deadline=None, suppress_health_check=list(HealthCheck))
NAT_START = 33000
Templates = Callable[..., dict[str, Any]]
# These are nobody's in AWS, or those of who is outside, or of our own cables.
TAKEN = [*map(IPv4Network, ("127.0.0.0/8", "169.254.0.0/16")), LINKS, PUBLIC, S3, IPv4Network(ELSEWHERE)]


@pytest.fixture(params=PARTS, ids="part{}".format)
def part(request: pytest.FixtureRequest) -> int:
    """Give each part of the examples to another process."""
    return int(request.param)


def test_any_template(part: int, keeper: Keeper, template: Templates) -> None:
    @seed(part)
    @settings(EACH_TIME_THE_SAME, max_examples=TEMPLATES // len(PARTS))
    @given(chosen=any_settings())
    def agree(chosen: Settings) -> None:
        assume(not any(IPv4Network(chosen.vpc_cidr).overlaps(each) for each in TAKEN))
        content = template(**{setting.name: getattr(chosen, setting.name) for setting in fields(chosen)})
        assert compare(keeper, with_members(templated(content, "us-east-1"))) == []

    agree()


@cache
def ours(template: Templates) -> list[Network]:
    """Return the network of the facts, and ours: each kind of NAT, with a private host and an administrator or not."""
    chosen: list[dict[str, Any]] = [{"nat": nat} for nat in NAT_CHOICES]
    chosen += [{"nat": nat, "private_host": True, "admin_cidr": "203.0.113.7/32"} for nat in NAT_CHOICES]
    return [small(), *(with_members(templated(template(**each), "us-east-1")) for each in chosen)]


def test_mutated_networks(part: int, keeper: Keeper, template: Templates) -> None:
    @seed(part)
    @settings(EACH_TIME_THE_SAME, max_examples=NETWORKS // len(PARTS))
    @given(data=st.data())
    def agree(data: st.DataObject) -> None:
        @st.composite
        def networks(draw: st.DrawFn) -> Network:
            return mutated(draw, draw(st.sampled_from(ours(template))))

        network = data.draw(networks())
        client = data.draw(st.sampled_from([1024, 3306, 8080, LINUX, 60000]))
        start = data.draw(st.sampled_from(nat_starts(network) or [NAT_START]))
        assert compare(keeper, network, client=client, nat_start=start) == []

    agree()
