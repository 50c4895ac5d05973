"""The bastion boots behind its own firewall: what a network ACL or a group does not let through does not reach it."""

from collections.abc import Callable, Iterator
from typing import Any

import pytest

from lab.rehearsal import machines
from lab.template.deployed import Deployed
from tests.boot.conftest import Stage

pytestmark = pytest.mark.boot
HTTPS_OUT = 130  # the public ACL's rule
TIMED_OUT = 28  # as curl ends
S3 = "https://s3.us-east-1.amazonaws.com"
PACKAGES = "http://packages.test:8000"
METADATA = f"http://{machines.AWS_ADDRESS}/latest/meta-data/"


@pytest.fixture
def no_https(deploy: Callable[..., Deployed]) -> Iterator[None]:
    """Take the rule away that lets the bastion's subnet ask for HTTPS."""
    ec2 = deploy("LearningStack").ec2
    (acl,) = ec2.describe_network_acls(Filters=[{"Name": "tag:Name", "Values": ["learning-public"]}])["NetworkAcls"]
    about: Any = {"NetworkAclId": acl["NetworkAclId"], "RuleNumber": HTTPS_OUT, "Egress": True}
    ec2.delete_network_acl_entry(**about)
    yield
    ec2.create_network_acl_entry(
        **about, Protocol="6", PortRange={"From": 443, "To": 443}, CidrBlock="0.0.0.0/0", RuleAction="allow"
    )


@pytest.mark.usefixtures("no_https")
def test_what_the_firewall_denies(stage: Stage) -> None:
    with stage("nspawn") as rehearsal:
        rehearsal.machine.start()
        rehearsal.machine.wait_for_boot()

        def ask(url: str) -> int:
            return rehearsal.machine.run(f"curl -sk -m 5 -o /dev/null {url}").status

        assert {url: ask(url) for url in (S3, PACKAGES, METADATA)} == {S3: TIMED_OUT, PACKAGES: 0, METADATA: 0}
