"""Chapters 3 and 12 as reachability: who reaches whom, whatever rules and routes there are for it.

The other claims about the network say which rules AWS has; these say what comes of all of them together, so they also
see what nobody thought of. What does not hold is told with its way: where it passes, or where it stops.
"""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace
from ipaddress import IPv4Network
from weakref import WeakKeyDictionary

from lab.checks.check import Facts, check
from lab.checks.network import private, public, vpc_id
from lab.reach.described import described
from lab.reach.explain import Words, span
from lab.reach.network import ALL_PORTS, Interface, Network
from lab.reach.parties import (
    ANY_GROUP,
    ANYWHERE,
    INTERNET,
    NOBODYS,
    Party,
    everybody,
    find,
    instances,
    member,
    outside,
    s3,
    short,
    with_any_group,
    with_parties,
)
from lab.reach.ranges import Answer, Ports, Ranges, condensed, joined
from lab.reach.report import in_one_line
from lab.template.deployed import Deployed

BASTION, WEB, DATABASE = "learning-bastion", "learning-web", "learning-database"
# What one look at AWS found, for all claims of one run.
_looked_at: WeakKeyDictionary[Deployed, Network] = WeakKeyDictionary()


def look_again(aws: Deployed) -> None:
    """Forget what an earlier run found."""
    _looked_at.pop(aws, None)


def _network(aws: Deployed) -> Network:
    """Return the network as AWS has it, with the names of the template."""
    if aws not in _looked_at:
        found = with_any_group(described(aws.ec2, vpc_id(aws)))
        _looked_at[aws] = replace(
            found,
            subnets={key: replace(each, name=_name(aws, key, each.name)) for key, each in found.subnets.items()},
            groups={key: replace(each, name=_name(aws, key, each.name)) for key, each in found.groups.items()},
            interfaces={
                key: replace(each, name=_name(aws, each.instance, each.name)) for key, each in found.interfaces.items()
            },
        )
    return _looked_at[aws]


def _name(aws: Deployed, id_: str, otherwise: str) -> str:
    name = aws.name_of(id_)
    return otherwise if name == id_ else name


@dataclass(frozen=True)
class Question:
    """Who is asked whether they reach whom."""

    sources: list[Party]
    destinations: list[Party]
    protocol: str = "tcp"
    ports: Ports = ALL_PORTS


def _proof(network: Network, promised: Iterable[str], questions: Iterable[Question]) -> tuple[Facts, Facts]:
    """Return what is promised, and who reaches whom; what is surplus or missing with its way."""
    promise = set(promised)
    found = []
    for question in questions:
        asked = with_parties(network, [*question.sources, *question.destinations])
        ranges, words = Ranges(asked), Words(asked)
        answers = [
            answer
            for source in question.sources
            for destination in question.destinations
            if source.end != destination.end
            for answer in ranges.ask(source, destination, question.protocol, question.ports)
        ]
        for some in _by_pair(condensed(answers, by_reach=True)):
            reaching = [answer for answer in some if answer.reaches]
            pair = f"{some[0].source.name} → {some[0].destination.name}, {question.protocol}"
            for part in joined(answer.ports for answer in reaching):
                fact = f"{pair} {span(part)}"
                found.append(fact if fact in promise else f"{fact}: {in_one_line(reaching[0], words)}")
            missing = f"{pair} {span(question.ports)}"
            if not reaching and missing in promise:
                found.append(f"{missing} stops: {in_one_line(some[0], words)}")
    return sorted(promise), found


def _by_pair(answers: Iterable[Answer]) -> Iterator[list[Answer]]:
    pairs: dict[tuple[str, str], list[Answer]] = {}
    for answer in answers:
        pairs.setdefault((answer.source.name, answer.destination.name), []).append(answer)
    yield from pairs.values()


def _members(network: Network, group: str, *, second: bool = False) -> list[Party]:
    """Return a host of a group in each subnet, and those that are there."""
    return [
        *find(network, f"{group}", second=second),
        *(each for each in instances(network) if _is_in(network, each, group)),
    ]


def _is_in(network: Network, party: Party, group: str) -> bool:
    names = {each.id for each in network.groups.values() if each.name == group}
    return isinstance(party.end, Interface) and not names.isdisjoint(party.end.groups)


def _any_hosts(network: Network, *, only: Iterable[str] = (), second: bool = False) -> list[Party]:
    """Return a host in each subnet, or in those of some names, that no security group restricts."""
    subnets = [each for each in network.subnets.values() if not only or each.name in only]
    return [member(network, ANY_GROUP, each, second=second) for each in subnets]


def _internet(network: Network) -> list[Party]:
    return outside(network, ANYWHERE, INTERNET)


def _from_outside(cidr: str) -> list[str]:
    """Return what a block of addresses is called in facts; nothing where nobody has one of these on the internet."""
    if not cidr:
        return []
    block = IPv4Network(cidr)
    if any(block.subnet_of(each) for each in NOBODYS):
        return []
    return [INTERNET if block == ANYWHERE else str(block)]


@check(
    "12-3 (1)",
    "On the internet nobody reaches port 22, but for `admin_cidr` where it is set",
    "python -m lab reach internet bastion 22",
)
def who_reaches_22(aws: Deployed) -> tuple[Facts, Facts]:
    network = _network(aws)
    hosts = [each for each in everybody(network) if isinstance(each.end, Interface)]
    promised = [f"{who} → {short(BASTION)}, tcp 22" for who in _from_outside(aws.settings["admin_cidr"])]
    return _proof(network, promised, [Question(_internet(network), hosts, ports=(22, 22))])


@check(
    "12-3 (4)",
    "Nobody but the office reaches port 8080 of a web server, not even from inside the VPC",
    "python -m lab reach internet web@public-1 8080",
)
def who_reaches_8080(aws: Deployed) -> tuple[Facts, Facts]:
    network = _network(aws)
    servers = _members(network, WEB, second=True)
    promised = [
        f"{who} → {server.name}, tcp 8080"
        for who in _from_outside(aws.settings["office_cidr"])
        for server in servers
        if isinstance(server.end, Interface) and network.subnets[server.end.subnet].name in public(aws)
    ]
    others = [*everybody(network), *_any_hosts(network)]
    return _proof(network, promised, [Question(others, servers, ports=(8080, 8080))])


@check(
    "12-3 (5)",
    "Nobody but the web servers and the bastion reaches a database on 3306, whatever subnets they are in",
    "python -m lab reach web database@private-1 3306",
)
def who_reaches_3306(aws: Deployed) -> tuple[Facts, Facts]:
    network = _network(aws)
    clients = [*find(network, WEB), *(each for each in everybody(network) if each.name != "" and "@" not in each.name)]
    databases = _members(network, DATABASE, second=True)
    promised = [
        f"{client.name} → {database.name}, tcp 3306"
        for client in clients
        for database in databases
        if client.end != database.end and (client.name == short(BASTION) or _is_in(network, client, WEB))
    ]
    others = [*clients, *find(network, DATABASE), *_any_hosts(network)]
    return _proof(network, promised, [Question(others, databases, ports=(3306, 3306))])


@check(
    "3-4",
    "Private subnets start conversations with the internet where `nat` gives them a way, and nobody starts one with "
    "them",
    "python -m lab reach private-1 internet",
)
def private_subnets_are_private(aws: Deployed) -> tuple[Facts, Facts]:
    network = _network(aws)
    hosts = _any_hosts(network, only=private(aws))
    subnets = {each.id for each in network.subnets.values() if each.name in private(aws)}
    there = [each for each in instances(network) if isinstance(each.end, Interface) and each.end.subnet in subnets]
    ports = (80, 443) if aws.settings["nat"] != "none" else ()
    internet = _internet(network)
    return _proof(
        network,
        [f"{host.name} → {INTERNET}, tcp {port}" for host in hosts for port in ports],
        [
            *(Question(hosts, internet, ports=(port, port)) for port in (80, 443)),
            *(Question(internet, [*hosts, *there], protocol) for protocol in ("tcp", "udp", "icmp")),
        ],
    )


@check(
    "3-4",
    "With `nat=none`, private subnets reach S3, and nothing else outside of the VPC",
    "python -m lab reach private-1 internet",
    when=lambda aws: aws.settings["nat"] == "none",
)
def nothing_but_s3(aws: Deployed) -> tuple[Facts, Facts]:
    network = _network(aws)
    hosts = _any_hosts(network, only=private(aws))
    return _proof(
        network,
        [f"{host.name} → s3, tcp 443" for host in hosts],
        [
            Question(hosts, [s3(network)], ports=(443, 443)),
            *(Question(hosts, _internet(network), protocol) for protocol in ("tcp", "udp", "icmp")),
        ],
    )


@check(
    "3-4",
    "Every subnet reaches S3, and by the free gateway endpoint",
    "python -m lab reach private-1 s3 443",
)
def s3_by_the_endpoint(aws: Deployed) -> tuple[Facts, Facts]:
    network = _network(aws)
    hosts = _any_hosts(network)
    # Only by the endpoint: without these there is no other way out.
    closed = replace(network, internet_gateways=frozenset(), nat_gateways={})
    promised = [f"{host.name} → s3, tcp 443" for host in hosts]
    return _proof(closed, promised, [Question(hosts, [s3(network)], ports=(443, 443))])


@check(
    "3-4",
    "When one zone fails, private subnets of the other keep their way to the internet",
    "python -m lab reach private-2 internet 443 --without-zone 1",
    when=lambda aws: aws.settings["nat"] in ("per-az", "regional"),
)
def a_zone_may_fail(aws: Deployed) -> tuple[Facts, Facts]:
    network = _network(aws)
    zones = sorted({each.zone for each in network.subnets.values() if each.name in private(aws)})
    promised: Facts = []
    found: Facts = []
    for number, zone in enumerate(zones, start=1):
        rest = [each.name for each in network.subnets.values() if each.name in private(aws) and each.zone != zone]
        hosts = _any_hosts(network, only=rest)
        wanted, reached = _proof(
            network.without_zone(zone),
            [f"{host.name} → {INTERNET}, tcp 443" for host in hosts],
            [Question(hosts, _internet(network), ports=(443, 443))],
        )
        promised += [f"without zone {number}: {fact}" for fact in wanted]
        found += [f"without zone {number}: {fact}" for fact in reached]
    return promised, found
