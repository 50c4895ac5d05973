"""Who reaches whom: a question to lab.reach, and its answers drawn and told."""

from collections.abc import Mapping
from dataclasses import dataclass, replace

from lab.page.place import Scene, place
from lab.page.seen import Seen
from lab.page.way import Drawn, Tracer
from lab.reach.changes import least_changes
from lab.reach.command import asked
from lab.reach.explain import Words
from lab.reach.network import AclEntry, Network
from lab.reach.parties import ANYWHERE, INTERNET, S3, everybody, short
from lab.reach.ranges import Answer, Ports
from lab.terminal.language import N_, _
from lab.terminal.problem import ProblemError

LAST_PORT = 65535
EXAMPLE = {"source": INTERNET, "destination": "bastion", "protocol": "tcp", "port": "22"}
LIT = frozenset(
    ("internet", "vpc", "subnets", "zones", "hosts", "groups", "acls", "gateway", "nat", "endpoint", "buckets")
)
FEW = 3  # so many answers are drawn
# The last rule of each network ACL, which nobody wrote.
REST = AclEntry(number=32767, egress=False, protocol="-1", cidr=ANYWHERE, allow=False)


@dataclass(frozen=True)
class Told:
    """An answer: who asks whom for what, whether that works, and each way in the figure and in words."""

    title: str
    reaches: bool
    sometimes: str
    ways: list[Drawn]
    changes: list[str]
    scene: Scene


@dataclass(frozen=True)
class Table:
    """The rules of a security group or a network ACL, a row each: number, direction, traffic, peer, verdict."""

    title: str
    guards: str
    rows: list[tuple[str, str, str, str, bool]]


def question_of(fields: Mapping[str, str]) -> dict[str, str]:
    """Return a whole question: what is not asked is the example's."""
    return {key: fields.get(key) or value for key, value in EXAMPLE.items()}


def parties(network: Network) -> list[str]:
    """Return the names that a question may have: all whom a matrix is about, and each subnet."""
    subnets = sorted(short(each.name) for each in network.subnets.values())
    return list(dict.fromkeys([INTERNET, S3, *(each.name for each in everybody(network)), *subnets]))


def ask(seen: Seen, question: Mapping[str, str]) -> list[Told]:
    """Return the answers to a question. Raises ProblemError for one that cannot be asked."""
    assert seen.network is not None  # noqa: S101  # the page asks only then
    protocol = question["protocol"]
    if protocol not in ("tcp", "udp", "icmp"):
        raise ProblemError(_("The protocol is tcp, udp or icmp."))
    network, answers = asked(
        seen.network, question["source"], question["destination"], protocol, _ports(protocol, question["port"])
    )
    words = Words(network)
    return [_told(seen, network, answer, words) for answer in answers[:FEW]]


def _ports(protocol: str, text: str) -> Ports:
    if protocol == "icmp":
        return 0, LAST_PORT
    if not text.isdecimal() or int(text) > LAST_PORT:
        raise ProblemError(_("{port} is no port: 0 to 65535, such as 443.").format(port=text))
    return int(text), int(text)


def _told(seen: Seen, network: Network, answer: Answer, words: Words) -> Told:
    scene = place(network, seen.architecture, lit=LIT, is_real=seen.deployed is not None)
    conversation = answer.conversation
    tracer = Tracer(scene, network, words)
    ways = [tracer.draw(conversation.request, "request", answer.destination)]
    if conversation.reply:
        ways.append(tracer.draw(conversation.reply, "reply", answer.source))
    traffic = words.ports(answer.protocol, answer.ports)
    return Told(
        title=f"{party_name(answer.source.name)} → {party_name(answer.destination.name)}, {traffic}",
        reaches=answer.reaches,
        sometimes=words.lost(answer) if answer.failing else "",
        ways=ways,
        changes=[] if answer.reaches else [each.text for each in least_changes(network, answer)],
        scene=scene,
    )


def party_name(name: str) -> str:
    """Return what a party is called in the language that is spoken."""
    return _(INTERNET_NAME) if name == INTERNET else _(BUCKET_NAME) if name == S3 else name


INTERNET_NAME, BUCKET_NAME = N_("Internet"), N_("Bucket (S3)")


def rules(network: Network) -> list[Table]:
    """Return the rules of all network ACLs and security groups in use, as tables."""
    words = Words(network)
    tables = []
    for acl in sorted(network.acls.values(), key=lambda each: ("public" not in each.name, each.name)):
        guarded = sorted(short(each.name) for each in network.subnets.values() if each.acl == acl.id)
        if guarded:
            rows = [
                _row(words, entry)
                for egress in (False, True)
                for entry in (
                    *sorted((each for each in acl.entries if each.egress is egress), key=lambda each: each.number),
                    replace(REST, egress=egress),
                )
            ]
            title = _("Network ACL {name}").format(name=short(acl.name))
            tables.append(Table(title, ", ".join(guarded), rows))
    for group in sorted(network.groups.values(), key=lambda each: each.name):
        if group.name == "default":
            continue
        hosts = sorted(short(each.name) for each in network.interfaces.values() if group.id in each.groups)
        rows = [
            ("", words.way(inbound=inbound), words.ports(rule.protocol, rule.ports), words.peer(rule.peer), True)
            for inbound, some in ((True, group.inbound), (False, group.outbound))
            for rule in some
        ]
        title = _("Security group {name}").format(name=short(group.name))
        tables.append(Table(title, ", ".join(hosts), rows))
    return tables


def _row(words: Words, entry: AclEntry) -> tuple[str, str, str, str, bool]:
    traffic = words.ports(entry.protocol, entry.ports)
    number = "*" if entry.number == REST.number else str(entry.number)
    return number, words.way(inbound=not entry.egress), traffic, words.peer(str(entry.cidr)), entry.allow
