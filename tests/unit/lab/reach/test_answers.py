"""What `lab reach` says of this project's own templates, and how it finds it: whole ranges, words, the least change."""

import json
import random
import re
from collections.abc import Callable
from ipaddress import IPv4Address
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner

from lab.cli import app
from lab.reach import changes, command, engine
from lab.reach.engine import Engine
from lab.reach.explain import SENTENCES, Words, spaced
from lab.reach.network import Network
from lab.reach.parties import Party, everybody, find, known, with_parties
from lab.reach.ranges import Answer, Ranges, condensed, joined, matrix, without
from lab.reach.templated import templated
from lab.terminal.language import Language, speaking
from lab.terminal.options import console
from lab.terminal.problem import ProblemError
from stacks.settings import NAT_CHOICES
from tests.unit.lab.reach.cases import CASES
from tests.unit.lab.reach.networks import NETWORK, STRANGER, WEB, acl, changed, entry

Networks = Callable[..., Network]


@pytest.fixture(scope="session")
def network(template: Callable[..., dict[str, Any]]) -> Networks:
    """Give a function from settings to the network of LearningStack."""
    return lambda **settings: templated(template(**settings), "us-east-1")


def ask(network: Network, source: str, destination: str, port: int, protocol: str = "tcp") -> list[Answer]:
    sources, destinations = find(network, source), find(network, destination, second=True)
    ranges = Ranges(with_parties(network, [*sources, *destinations]))
    return condensed(
        answer for one in sources for other in destinations for answer in ranges.ask(one, other, protocol, (port, port))
    )


def verdicts(network: Network, source: str, destination: str, port: int, protocol: str = "tcp") -> dict[str, str]:
    """Return what is said of each part of the source: the verdict, or the code of why not."""
    return {
        each.source.name: each.conversation.stop.code if each.conversation.stop else each.verdict
        for each in ask(network, source, destination, port, protocol)
    }


# --- this stack


def test_ssh_from_the_internet_is_for_the_administrator(network: Networks) -> None:
    assert verdicts(network(admin_cidr="203.0.113.7/32"), "internet", "bastion", 22) == {
        "203.0.113.7/32": "always",
        "internet": "SUBNET_ACL_RESTRICTION",
    }
    assert verdicts(network(), "internet", "bastion", 22) == {"internet": "SUBNET_ACL_RESTRICTION"}


@pytest.mark.parametrize("nat", NAT_CHOICES)
def test_private_subnets_leave_by_nat_and_nobody_comes_in(network: Networks, nat: str) -> None:
    found = network(nat=nat)
    [out] = verdicts(found, "private-1", "internet", 443).values()
    assert out in (("NO_ROUTE_TO_DESTINATION",) if nat == "none" else ("always", "sometimes"))
    assert verdicts(found, "private-1", "s3", 443) == {"private-1": "always"}
    assert verdicts(found, "internet", "private-1", 443) == {"internet": "IGW_PRIVATE_IP_ASSOCIATION_FOR_INGRESS"}


def test_what_a_nat_gateway_loses_a_nat_instance_does_not(network: Networks) -> None:
    """A gateway chooses from 1024 on, Linux from 32768 on: only the first meets rules 150 and 160."""
    [gateway] = [each for each in ask(network(), "private-1", "internet", 443) if each.source.name == "private-1"][-1:]
    assert (gateway.lost, gateway.lost_at_nat) == ((), ((3306, 3306), (8080, 8080)))
    [instance] = ask(network(nat="instance"), "private-1", "internet", 443)
    assert instance.verdict == "always"


def test_members_of_groups_reach_the_database_and_hosts_without_do_not(network: Networks) -> None:
    found = network()
    assert verdicts(found, "web@public-1", "database@private-2", 3306) == {"web@public-1": "always"}
    assert verdicts(found, "database@private-2", "database@private-2", 3306) == {
        "database@private-2": "ENI_SG_RULES_MISMATCH"
    }
    assert verdicts(found, "private-2", "database@private-2", 3306) == {"private-2": "ENI_SG_RULES_MISMATCH"}


# --- whole ranges of ports


@pytest.mark.parametrize("settings", [{}, {"nat": "instance", "private_host": True}, {"admin_cidr": "203.0.113.7/32"}])
def test_a_range_says_what_each_of_its_ports_would(network: Networks, settings: dict[str, Any]) -> None:
    found = network(**settings)
    sources, destinations = everybody(found), everybody(found, second=True)
    found = with_parties(found, [*sources, *destinations])
    ranges, single, chance = Ranges(found), Engine(found), random.Random(1)  # noqa: S311
    for _ in range(300):
        source, destination = chance.choice(sources), chance.choice(destinations)
        if source.end == destination.end or (source.is_outside and destination.is_outside):
            continue
        server = chance.choice([22, 80, 443, 3306, 8080, 1023, 1024, chance.randrange(65536)])
        client = chance.choice(
            [3306, 8080, chance.randrange(1024, 65536)] if source.is_outside else [chance.randrange(32768, 61000)]
        )
        nat = chance.choice([3306, 8080, 1024, chance.randrange(1024, 65536)])
        [answer] = [each for each in ranges.ask(source, destination, "tcp") if each.ports[0] <= server <= each.ports[1]]
        lost = any(first <= client <= last for first, last in answer.lost) or any(
            first <= nat <= last for first, last in answer.lost_at_nat
        )
        said = single.converse(source.end, destination.end, protocol="tcp", ports=(client, server), nat_port=nat)
        assert said.succeeds == (answer.reaches and not lost), (source, destination, server, client, nat)


def test_the_part_that_fails_is_told() -> None:
    narrow = changed(acls={"public": acl("public", [entry(100, protocol="-1")], [entry(100, (33024, 65535))])})
    [answer] = Ranges(narrow).ask(Party("s", STRANGER), Party("w", WEB), "tcp", (443, 443))
    assert (answer.verdict, answer.lost) == ("sometimes", ((1024, 33023),))
    assert float(answer.share) == 32000 / 64512
    words = Words(narrow)
    assert words.lost(answer) == "no reply comes when the client's port is 1024-33023: 50%"


def test_ranges_are_sums_and_differences() -> None:
    assert joined([(5, 9), (1, 4), (20, 30), (25, 40)]) == ((1, 9), (20, 40))
    assert without([(1, 100)], [(1, 9), (50, 60), (100, 200)]) == ((10, 49), (61, 99))


# --- who may be asked for


@pytest.mark.parametrize(
    ("text", "names"),
    [
        ("bastion", ["bastion"]),
        ("learning-private-host", ["private-host"]),
        ("web@private-2", ["web@private-2"]),
        ("web", ["web@public-1", "web@public-2", "web@private-1", "web@private-2"]),
        ("private-1", ["private-1"]),
        ("10.0.2.0/24", ["private-1"]),
        ("10.0.2.4", ["private-host"]),
        ("10.0.2.77", ["10.0.2.77"]),
        ("s3", ["s3"]),
        ("8.8.8.8", ["8.8.8.8"]),
        ("internet", ["203.0.113.7/32", "50.100.200.0/24", "internet"]),
        ("50.100.0.0/16", ["50.100.200.0/24", "50.100.0.0/16"]),
    ],
)
def test_who_is_meant(network: Networks, text: str, names: list[str]) -> None:
    found = network(private_host=True, admin_cidr="203.0.113.7/32")
    assert [each.name for each in find(found, text)] == names


def test_who_is_nobody(network: Networks) -> None:
    found = network(private_host=True)
    with pytest.raises(ProblemError, match=r"^nobody is nobody here. There are: internet, s3, bastion, private-host,"):
        find(found, "nobody")
    with pytest.raises(ProblemError, match=r"^10.0.0.0/8 is in this VPC, but no subnet and no host of it"):
        find(found, "10.0.0.0/8")
    for name in known(found)[:-1]:
        assert find(found, name)


SMALLEST = {
    "vpc_cidr": "10.0.0.0/26",
    "public_cidrs": ("10.0.0.0/28", "10.0.0.16/28"),
    "private_cidrs": ("10.0.0.32/28", "10.0.0.48/28"),
}


@pytest.mark.parametrize("ranges", [{}, SMALLEST])
def test_members_get_addresses_that_nobody_has(network: Networks, ranges: dict[str, Any]) -> None:
    found = network(private_host=True, nat="instance", **ranges)
    ends = [each.end for second in (False, True) for each in everybody(found, second=second)]
    private = {each.id: each.private for each in ends if not isinstance(each, IPv4Address)}
    assert len(set(private.values())) == len(private)
    public = [each.public for each in {each.id: each for each in ends if not isinstance(each, IPv4Address)}.values()]
    assert len(set(filter(None, public))) == len(list(filter(None, public)))


# --- words


@pytest.mark.parametrize("language", ["en", "ja"])
def test_each_stop_is_told_in_a_sentence(language: Language) -> None:
    with speaking(language):
        assert _told(language) == SENTENCES.keys()


def _told(language: Language) -> set[str]:
    told = set()
    for case in CASES:
        ports = divmod(case.port, 256) if case.protocol == "icmp" else (case.client, case.port)
        conversation = Engine(case.network).converse(
            case.source, case.destination, protocol=case.protocol, ports=ports, nat_port=case.nat_port
        )
        words = Words(case.network)
        for way in filter(None, (conversation.request, conversation.reply)):
            assert all(what and not re.search(r"[{}]", what + rule) for what, rule in words.hops(way))
        if conversation.stop:
            sentence = words.why(conversation.stop)
            assert sentence.endswith("." if language == "en" else "。")
            assert "{" not in sentence
            assert language == "ja" or sentence.replace("→", "").isascii()
            told.add(conversation.stop.code)
    return told


def test_japanese_meets_ascii_with_a_space_and_itself_with_none() -> None:
    assert (
        spaced("ネットワーク ACL publicに任意の場所 からのtcp 22")
        == "ネットワーク ACL public に任意の場所からの tcp 22"
    )


# --- the least change


def test_the_least_change_opens_the_way_and_no_part_of_it_can_be_left_out() -> None:
    opened = set()
    for case in CASES:
        if case.protocol == "icmp":
            continue
        one, other = Party("one", case.source), Party("other", case.destination)
        [answer] = Ranges(case.network).ask(one, other, case.protocol, (case.port, case.port))
        if answer.reaches:
            continue
        found = changes.least_changes(case.network, answer)
        for each in found:
            assert each.text.isascii() or "→" in each.text
            rest = [change for change in found if change is not each]
            assert not changes._asked_again(changes._changed(case.network, rest), answer).succeeds
        if found:
            assert changes._asked_again(changes._changed(case.network, found), answer).succeeds
            assert answer.conversation.stop
            opened.add(answer.conversation.stop.code)
    assert opened >= {
        engine.GROUP,
        engine.GROUP_EMPTY,
        engine.NETWORK_ACL,
        engine.NO_ROUTE,
        engine.BAD_STATE_ROUTE,
        engine.OTHER_WAY,
        engine.NO_PUBLIC_SOURCE,
        engine.NO_PUBLIC_TARGET,
        engine.CHECK,
    }


def test_the_least_change_in_words(network: Networks) -> None:
    found = network()
    sources, destinations = find(found, "internet"), find(found, "bastion")
    asked = with_parties(found, [*sources, *destinations])
    [answer] = Ranges(asked).ask(sources[-1], destinations[0], "tcp", (22, 22))
    assert [each.text for each in changes.least_changes(asked, answer)] == [
        "an inbound rule 210 that allows tcp 22 from anywhere in the network ACL public",
        "an inbound rule for tcp 22 from anywhere in the security group bastion",
    ]


def test_nothing_would_make_a_nat_gateway_take_somebody_in() -> None:
    [answer] = Ranges(NETWORK).ask(
        Party("stranger", STRANGER), Party("nat", IPv4Address("52.0.0.5")), "tcp", (443, 443)
    )
    assert changes.least_changes(NETWORK, answer) == []


# --- the command, about what is not deployed


@pytest.fixture
def folder(tmp_path: Path, template: Callable[..., dict[str, Any]], monkeypatch: pytest.MonkeyPatch) -> Path:
    (tmp_path / "cdk.out").mkdir()
    (tmp_path / "cdk.out" / "LearningStack.template.json").write_text(
        json.dumps(template(private_host=True, admin_cidr="203.0.113.7/32"))
    )
    (tmp_path / "cdk.out" / "BudgetStack.template.json").write_text(
        json.dumps(template("BudgetStack", monthly_budget_usd=20, alert_email="you@example.com"))
    )
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(console, "width", 200)
    return tmp_path


def said(*words: str) -> str:
    run = CliRunner().invoke(app, ["reach", *words, "--template"])
    assert run.exit_code == 0, run.exception
    return run.stdout


@pytest.mark.usefixtures("folder")
def test_the_matrix_says_who_reaches_whom() -> None:
    lines = {tuple(re.split(r"  +", line.strip())) for line in said().splitlines()}
    assert {
        ("203.0.113.7/32", "bastion", "22"),
        ("internet", "web@public-*", "80, 443"),
        ("50.100.200.0/24", "web@public-*", "80, 443, 8080"),
        ("bastion", "private-host", "22"),
        ("bastion", "database@private-*", "22, 3306"),
        ("web@private-*", "database@public-*", "3306"),
        ("private-host", "s3", "80, 443"),
    } <= lines
    assert not any(source.startswith("database") for source, *_ in lines)


@pytest.mark.usefixtures("folder")
def test_one_way_is_told_hop_by_hop_with_its_reply() -> None:
    told = said("internet", "bastion", "22", "--reply", "--lang", "en")
    assert told.startswith(
        "✓ 203.0.113.7/32 → bastion, tcp 22\n✗ the rest of the internet → bastion, tcp 22: The network"
    )
    hops = [re.sub(r"  +", " | ", line.strip()) for line in told.splitlines() if re.match(r"\d+  ", line.strip())]
    assert hops[:5] == [
        "1 | 203.0.113.7",
        "2 | internet gateway | 198.18.0.3 becomes 10.0.1.5",
        "3 | network ACL public | inbound 110: allow tcp 22 from 203.0.113.7/32",
        "4 | security group bastion | inbound: tcp 22 from 203.0.113.7/32",
        "5 | bastion",
    ]
    assert "2 | security group bastion | a reply: groups are stateful" in hops
    assert "3 | network ACL public | ✗ no inbound rule matches" in hops
    assert "For it to reach, there would have to be:" in told


@pytest.mark.usefixtures("folder")
def test_one_may_ask_what_the_failure_of_a_zone_would_mean() -> None:
    """The reason for two NAT gateways (chapter 3-4)."""
    assert said("private-2", "internet", "443", "--without-zone", "1").startswith("✓ private-2 → ")
    alone = said("private-1", "internet", "443", "--without-zone", "1", "--lang", "en")
    assert "The NAT gateway public-1 is not available. (BAD_STATE)" in alone
    assert "the route 0.0.0.0/0 → NAT gateway public-2 in the route table private-1" in alone


@pytest.mark.usefixtures("folder")
def test_it_is_told_in_japanese() -> None:
    told = said("internet", "private-host", "22", "--lang", "ja")
    assert "インターネット → private-host, tcp 22: インターネットゲートウェイが受け付けるのは" in told
    assert "届くようにするには、次の変更が必要です:\n  - private-host にパブリックアドレスを割り当て\n" in told


@pytest.mark.usefixtures("folder")
def test_json_has_the_shape_of_the_analyzer(network: Networks) -> None:
    told = json.loads(said("web@public-1", "database@private-1", "--json"))
    assert {(each["FromPort"], each["ToPort"]) for each in told if each["NetworkPathFound"]} == {(3306, 3306)}
    assert {each["Explanations"][0]["ExplanationCode"] for each in told if not each["NetworkPathFound"]} == {
        "ENI_SG_RULES_MISMATCH"
    }
    everybodys = json.loads(said("--json"))
    found = network(private_host=True, admin_cidr="203.0.113.7/32")
    sources, destinations = everybody(found), everybody(found, second=True)
    asked = matrix(with_parties(found, [*sources, *destinations]), sources, destinations, "tcp")
    assert len(everybodys) == len(asked)


@pytest.mark.usefixtures("folder")
@pytest.mark.parametrize(
    ("words", "problem"),
    [
        (["internet"], "Who is to reach whom? Example: python -m lab reach internet bastion 22"),
        (["internet", "bastion", "ssh"], "PORT: 'ssh' is neither a port from 0 to 65535 nor a range."),
        (["internet", "bastion", "25-22"], "PORT: '25-22' is neither a port"),
        (["internet", "bastion", "65536"], "PORT: '65536' is neither a port"),
        (["internet", "s3"], "internet and s3: one of them has to be in the VPC"),
        (["bastion", "bastion"], "bastion and bastion: one of them has to be in the VPC, and they are not the same"),
        (["bastion", "web", "22", "--icmp"], "--icmp is a protocol of its own, without ports."),
        (["--diff"], "--diff and --analyzer are about what is deployed, without --template"),
        (["internet", "bastion", "22", "--analyzer"], "--diff and --analyzer are about what is deployed"),
        (["--without-zone", "1"], "--analyzer and --without-zone want two ends: python -m lab reach private-2"),
        (["private-1", "internet", "--without-zone", "3"], "--without-zone 3: the zones are 1, 2, zone 1, zone 2"),
        (["--stack", "BudgetStack"], "This template has 0 VPCs, not one"),
    ],
)
def test_says_what_is_wrong(words: list[str], problem: str) -> None:
    found = CliRunner().invoke(app, ["reach", *words, "--template"]).exception
    assert isinstance(found, ProblemError)
    assert str(found).startswith(problem)


def test_a_deploy_says_which_ways_it_opens_and_closes(network: Networks) -> None:
    found = command._differences(network(private_host=True), network(nat="none"), "tcp")
    told = {(each.opens, each.source, each.destination, each.ports) for each in found}
    assert {
        (False, "bastion", "private-host", (22, 22)),
        (False, "web@private-1", "internet", (443, 443)),
    } <= told
    assert not any(each.opens for each in found)
    assert not any("/" in each.destination for each in found), "told of the internet, and again of a block of it"
    opened = command._differences(network(), network(admin_cidr="203.0.113.7/32"), "tcp")
    assert [(each.source, each.destination, each.opens) for each in opened] == [("203.0.113.7/32", "bastion", True)]
    everything = command._differences(None, network(), "tcp")
    assert all(each.opens for each in everything)
    assert {(each.source, each.destination) for each in everything} >= {("internet", "web@public-1")}
