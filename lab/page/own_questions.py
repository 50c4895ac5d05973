"""Questions about one's own network: the answers are read from it, so they follow what one changes."""

from collections.abc import Iterator

from lab.guide.quiz import Question
from lab.reach.engine import Packet, matches_ports
from lab.reach.network import Network, NetworkAcl
from lab.reach.parties import ANYWHERE, EXAMPLES, is_public, short
from lab.terminal.language import _

NUMBER = 20  # of an address in its subnet


def own_questions(network: Network, chapters: tuple[int, ...]) -> list[Question]:
    """Return the questions about a network that belong to a chapter, in the language that is spoken."""
    found: list[Question] = []
    if 3 in chapters:
        found += [*_whose_address(network), *_way_out(network)]
    if 12 in chapters:
        found += _rule_that_decides(network)
    return found


def _whose_address(network: Network) -> Iterator[Question]:
    """Ask which address is in a subnet."""
    subnets = sorted(network.subnets.values(), key=lambda each: each.name)
    if len(subnets) < 3:
        return
    asked = subnets[1]
    yield Question(
        3,
        _("Your subnet {name} has the range {cidr}. Which of these addresses is in it?").format(
            name=short(asked.name), cidr=asked.cidr
        ),
        tuple(str(each.cidr[NUMBER]) for each in subnets[:3]),
        1,
        _("{cidr} means that the first {bits} bits are fixed: {first} to {last}.").format(
            cidr=asked.cidr, bits=asked.cidr.prefixlen, first=asked.cidr[0], last=asked.cidr[-1]
        ),
    )


def _way_out(network: Network) -> Iterator[Question]:
    """Ask where a private subnet sends what is for the internet."""
    private = [each for each in network.subnets.values() if not is_public(network, each)]
    if not private:
        return
    asked = min(private, key=lambda each: each.name)
    routes = network.route_tables[asked.route_table].routes
    target = next((each.target for each in routes if each.destination == str(ANYWHERE)), "")
    yield Question(
        3,
        _("A host in your subnet {name} sends a packet to {address}. Where does its route table send it now?").format(
            name=short(asked.name), address=EXAMPLES[0]
        ),
        (_("To the internet gateway"), _("To a NAT gateway or instance"), _("Nowhere: it has no such route")),
        1 if target else 2,
        _("Its route for {destination} leads to {target}.").format(destination=ANYWHERE, target=f"`{target}`")
        if target
        else _("It has no route for {destination}, so what no longer prefix matches is dropped.").format(
            destination=ANYWHERE
        ),
    )


def _rule_that_decides(network: Network) -> Iterator[Question]:
    """Ask which rule of a public subnet's network ACL decides about some packets from the internet."""
    public = [each for each in network.subnets.values() if is_public(network, each)]
    if not public:
        return
    subnet = min(public, key=lambda each: each.name)
    acl = network.acls[subnet.acl]
    for port in (443, 22):
        number = _deciding(acl, Packet("tcp", EXAMPLES[0], subnet.cidr[NUMBER], (50_000, port)))
        others = [str(each.number) for each in acl.entries if not each.egress and str(each.number) != number]
        if len(others) < 2:
            return
        choices = tuple(sorted({number, others[0], others[-1]}))
        yield Question(
            12,
            _("A packet from {address} comes to port {port} of {name}. Which inbound rule of its ACL decides?").format(
                address=EXAMPLES[0], port=port, name=short(subnet.name)
            ),
            choices,
            choices.index(number),
            _("Rules are read from the lowest number on, and the first that matches decides; * is when none does."),
        )


def _deciding(acl: NetworkAcl, packet: Packet) -> str:
    """Return the number of the inbound rule that decides about a packet."""
    inbound = sorted((each for each in acl.entries if not each.egress), key=lambda each: each.number)
    return next(
        (str(each.number) for each in inbound if matches_ports(each, packet) and packet.source in each.cidr), "*"
    )
