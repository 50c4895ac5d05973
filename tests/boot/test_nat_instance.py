"""The NAT instance's firewall as its user data writes it, at work in a VPC of network namespaces."""

import os
import shutil
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml

from lab.template.reader import INSTANCE, Template

pytestmark = pytest.mark.boot

# Each has a cable to the VPC's router, which has the address .1 at the other end.
HOSTS = {"private": "10.0.2.9", "nat": "10.0.1.9", "internet": "192.0.2.9"}
SERVER = "import socket; s = socket.create_server(('', {port})); print('ready', flush=True); print(s.accept()[1][0])"
CLIENT = "import socket; socket.create_connection(('{address}', {port}), 1)"


class Vpc:
    """A router between a private host, a NAT instance and the internet, each a namespace that ends with the test."""

    def build(self) -> None:
        for name in ("router", *HOSTS):
            self._ip("netns", "add", self._named(name))
            self.run(name, "ip", "link", "set", "lo", "up")
        for name, address in HOSTS.items():
            gateway = f"{address.rpartition('.')[0]}.1"
            cable = ("link", "add", name, "netns", self._named("router"), "type", "veth", "peer", "name", "eth0")
            self._ip(*cable, "netns", self._named(name))
            for where, end, own in (("router", name, gateway), (name, "eth0", address)):
                self.run(where, "ip", "address", "add", f"{own}/24", "dev", end)
                self.run(where, "ip", "link", "set", end, "up")
            self.run(name, "ip", "route", "add", "default", "via", gateway)
        self.run("router", "sysctl", "-qw", "net.ipv4.ip_forward=1")
        # The private subnet's route table, and somebody outside who has found a way to its addresses.
        self.run("router", "ip", "route", "add", "default", "via", HOSTS["nat"], "table", "7")
        for sender, receiver in (("10.0.2.0/24", "192.0.2.0/24"), ("192.0.2.0/24", "10.0.2.0/24")):
            interface = "private" if sender == "10.0.2.0/24" else "internet"
            self.run("router", "ip", "rule", "add", "iif", interface, "from", sender, "to", receiver, "lookup", "7")

    def run(self, name: str, *command: str) -> None:
        subprocess.run(["ip", "netns", "exec", self._named(name), *command], check=True)

    def seen_from(self, client: str, server: str, port: int) -> str:
        """Return the address that a server sees a client come from, or nothing when it does not get there."""

        def inside(name: str, program: str) -> list[str]:
            return ["ip", "netns", "exec", self._named(name), sys.executable, "-c", program]

        listening = subprocess.Popen(inside(server, SERVER.format(port=port)), stdout=subprocess.PIPE, text=True)
        assert listening.stdout
        assert listening.stdout.readline() == "ready\n"
        call = inside(client, CLIENT.format(address=HOSTS[server], port=port))
        arrived = subprocess.run(call, check=False, stderr=subprocess.DEVNULL).returncode == 0
        if not arrived:
            listening.kill()
        return listening.communicate()[0].strip()

    def close(self) -> None:
        for name in ("router", *HOSTS):
            subprocess.run(["ip", "netns", "delete", self._named(name)], check=False)

    def _named(self, name: str) -> str:
        return f"learning-{os.getpid()}-{name}"

    def _ip(self, *words: str) -> None:
        subprocess.run(["ip", *words], check=True)


@pytest.fixture(scope="module")
def vpc(template: Callable[..., dict[str, Any]], tmp_path_factory: pytest.TempPathFactory) -> Iterator[Vpc]:
    """Give a VPC whose NAT instance has run its user data: what cloud-init writes, and what its commands load."""
    if not all(map(shutil.which, ("ip", "nft", "sysctl", "unshare"))):
        pytest.skip("needs ip, nft, sysctl and unshare")
    # Not even root may in every container.
    if os.geteuid() or subprocess.run(["unshare", "--net", "true"], check=False).returncode:
        pytest.skip("network namespaces need root")
    vpc = Vpc()
    try:
        vpc.build()
        # What proves the tests: a mere router lets everything pass, as it is.
        vpc.run("nat", "sysctl", "-qw", "net.ipv4.ip_forward=1")
        assert vpc.seen_from("private", "internet", 25) == HOSTS["private"]
        assert vpc.seen_from("internet", "private", 443) == HOSTS["internet"]
        vpc.run("nat", "sysctl", "-qw", "net.ipv4.ip_forward=0")

        files = tmp_path_factory.mktemp("files")
        for name, content in written(template(nat="instance")).items():
            (files / name).write_text(content)
        vpc.run("nat", "nft", "--includepath", str(files), "--file", str(files / "nftables.conf"))
        vpc.run("nat", "sysctl", "--quiet", "--load", str(files / "nat.conf"))
        yield vpc
    finally:
        vpc.close()


def written(template: dict[str, Any]) -> dict[str, str]:
    (nat,) = (each for each in Template(template).all(INSTANCE) if each.is_nat_instance)
    user_data = nat.properties["UserData"]["Fn::Base64"]
    return {Path(file["path"]).name: file["content"] for file in yaml.safe_load(user_data)["write_files"]}


@pytest.mark.parametrize("port", [80, 443])
def test_web_connections_leave_with_the_address_of_the_nat_instance(vpc: Vpc, port: int) -> None:
    assert vpc.seen_from("private", "internet", port) == HOSTS["nat"]


@pytest.mark.parametrize("port", [25, 8080])
def test_nothing_else_leaves(vpc: Vpc, port: int) -> None:
    assert vpc.seen_from("private", "internet", port) == ""


@pytest.mark.parametrize("port", [22, 443])
def test_nobody_comes_in(vpc: Vpc, port: int) -> None:
    assert vpc.seen_from("internet", "private", port) == ""
