"""``python -m lab reach``: who can reach whom, and what stops whom where."""

from typing import TYPE_CHECKING, Annotated, Any

import typer

from lab.template.reader import STACK
from lab.terminal.language import _
from lab.terminal.options import AsJson, StackName, confirmed, console
from lab.terminal.printed import print_json
from lab.terminal.problem import ProblemError

if TYPE_CHECKING:
    from collections.abc import Sequence

    from lab.reach.network import Network
    from lab.reach.ranges import Answer, Ports
    from lab.template.deployed import Deployed

PRICE_PAGE = "https://aws.amazon.com/vpc/pricing/"
PRICE = 0.10  # USD for an analysis of VPC Reachability Analyzer, in each region; see PRICE_PAGE
LAST_PORT = 65535


def reach(  # the options of one command
    source: Annotated[str, typer.Argument(metavar="[FROM]", help=_("Who asks. Without: everybody."))] = "",
    destination: Annotated[str, typer.Argument(metavar="[TO]", help=_("Whom."))] = "",
    port: Annotated[
        str, typer.Argument(metavar="[PORT]", help=_("A port, or a range as 8000-8100. Default: all."))
    ] = "",
    *,
    udp: Annotated[bool, typer.Option("--udp", help=_("UDP, not TCP."))] = False,
    icmp: Annotated[bool, typer.Option("--icmp", help=_("Ping (ICMP echo), not TCP."))] = False,
    reply: Annotated[bool, typer.Option("--reply", help=_("Show the reply's way, too."))] = False,
    template: Annotated[
        bool, typer.Option("--template", help=_("What cdk synth left in cdk.out, not deployed."))
    ] = False,
    without_zone: Annotated[
        str, typer.Option(metavar="ZONE", help=_("As if this zone had failed: 1, 2 or its name."))
    ] = "",
    diff: Annotated[bool, typer.Option("--diff", help=_("What deploying cdk.out would open and close."))] = False,
    analyzer: Annotated[
        bool, typer.Option("--analyzer", help=_("Compare with AWS's own VPC Reachability Analyzer (costs money)."))
    ] = False,
    stack: StackName = STACK,
    as_json: AsJson = False,
) -> None:
    """Say who can reach whom, and what stops whom where: hop by hop, and the reply as well as the request.

    FROM and TO are an instance (bastion), a member that one could start (web, database@private-1), any host of a subnet
    (private-1), internet, s3, an address or a block of them. Reads the network that is deployed; changes nothing.

    Example: python -m lab reach internet bastion 22
    """
    from lab.reach.explain import Words

    for wrong, problem in (
        (
            bool(source) != bool(destination),
            _("Who is to reach whom? Example: python -m lab reach internet bastion 22"),
        ),
        (
            (diff or analyzer) and (template or without_zone),
            _("--diff and --analyzer are about what is deployed, without --template and --without-zone"),
        ),
        (
            (analyzer or without_zone) and not destination,
            _("--analyzer and --without-zone want two ends: python -m lab reach private-2 internet --without-zone 1"),
        ),
        (
            icmp and (udp or port),
            _("--icmp is a protocol of its own, without ports. Example: python -m lab reach bastion web --icmp"),
        ),
    ):
        if wrong:
            raise ProblemError(problem)
    protocol = "udp" if udp else "icmp" if icmp else "tcp"
    if diff:
        _diff(stack, protocol, as_json=as_json)
        return
    deployed, network = (None, synthesised_network(stack)) if template else deployed_network(stack)
    if not destination:
        _matrix(network, deployed, protocol, as_json=as_json)
        return
    if without_zone:
        network = network.without_zone(_zone(network, without_zone))
    network, answers = asked(network, source, destination, protocol, _ports(port))
    if as_json:
        print_json(_as_data(network, answers, deployed))
    else:
        from lab.reach.report import print_answers

        print_answers(network, answers, Words(network), reply=reply)
    if analyzer and deployed:
        from lab.reach.analyzer import compare

        question = _("AWS bills {price:.2f} USD for each analysis ({price_page}), and this is one.").format(
            price=PRICE, price_page=PRICE_PAGE
        )
        from lab.template.deployed import is_local

        if not is_local() and not confirmed(question, "analyze", _("AWS was not asked.")):
            return
        console.print(compare(deployed, network, answers), markup=False, soft_wrap=True)


def asked(
    network: "Network", source: str, destination: str, protocol: str, ports: "Ports"
) -> "tuple[Network, list[Answer]]":
    """Return the network with those who are asked for in it, and the answers about them.

    Raises ProblemError when one of them is nobody.
    """
    from lab.reach.parties import find, with_parties
    from lab.reach.ranges import Ranges, condensed

    sources, destinations = find(network, source), find(network, destination, second=True)
    network = with_parties(network, [*sources, *destinations])
    ranges = Ranges(network)
    pairs = [(one, other) for one in sources for other in destinations if one.end != other.end]
    if not pairs or any(one.is_outside and other.is_outside for one, other in pairs):
        raise ProblemError(
            _("{source} and {destination}: one of them has to be in the VPC, and they are not the same").format(
                source=source, destination=destination
            )
        )
    return network, condensed(answer for one, other in pairs for answer in ranges.ask(one, other, protocol, ports))


def _ports(text: str) -> "Ports":
    first, _dash, last = text.partition("-")
    if not text:
        return (0, LAST_PORT)
    numbers = [int(each) if each.isdecimal() else -1 for each in (first, last or first)]
    if not 0 <= numbers[0] <= numbers[1] <= LAST_PORT:
        raise ProblemError(
            _("PORT: {text!r} is neither a port from 0 to {last_port} nor a range. Example: 22, 8000-8100").format(
                text=text, last_port=LAST_PORT
            )
        )
    return numbers[0], numbers[1]


def _zone(network: "Network", asked: str) -> str:
    """Return the name of a zone of the network, which may be asked for by its number."""
    zones = sorted({each.zone for each in network.subnets.values()})
    numbers = {str(number): zone for number, zone in enumerate(zones, start=1)}
    if asked not in zones and asked not in numbers:
        raise ProblemError(
            _("--without-zone {asked}: the zones are {zones}").format(asked=asked, zones=", ".join([*numbers, *zones]))
        )
    return numbers.get(asked, asked)


def deployed_network(stack: str) -> "tuple[Deployed, Network]":
    """Return a stack in AWS, and its network. Raises ProblemError when there is none."""
    from lab.reach.described import described
    from lab.template.deployed import Deployed

    aws = Deployed(stack)
    if "VpcId" not in aws.outputs:
        raise ProblemError(
            _("{stack} has no VPC, so nobody reaches anybody there. Try: python -m lab reach").format(stack=stack)
        )
    return aws, described(aws.ec2, aws.outputs["VpcId"])


def synthesised_network(stack: str) -> "Network":
    """Return the network of a template in cdk.out. Raises ProblemError when there is none."""
    from lab.reach.templated import templated
    from lab.template.synthesised import read_template

    return templated(read_template(stack), "")


def _as_data(network: "Network", answers: "Sequence[Answer]", deployed: "Deployed | None") -> list[dict[str, Any]]:
    from lab.reach.analysis import Analysis

    account = deployed.description["StackId"].split(":")[4] if deployed else ""
    analysis = Analysis(network, vpc=deployed.outputs["VpcId"] if deployed else "", account=account)
    return [
        {
            "Source": answer.source.name,
            "Destination": answer.destination.name,
            "Protocol": answer.protocol,
            "FromPort": answer.ports[0],
            "ToPort": answer.ports[1],
            "Verdict": answer.verdict,
            **analysis.of(answer),
        }
        for answer in answers
    ]


def _everybody(network: "Network", protocol: str, *others: "Network") -> "tuple[Network, list[Answer]]":
    from lab.reach.parties import blocks_named, everybody, with_parties
    from lab.reach.ranges import matrix

    blocks = {block for other in others for block in blocks_named(other)}
    sources, destinations = (everybody(network, second=second, told_apart=blocks) for second in (False, True))
    network = with_parties(network, [*sources, *destinations])
    return network, matrix(network, sources, destinations, protocol)


def _matrix(network: "Network", deployed: "Deployed | None", protocol: str, *, as_json: bool) -> None:
    """Say who reaches whom, and what of that the template of the last deploy does not promise."""
    from lab.reach.explain import Words
    from lab.reach.report import print_differences, print_matrix
    from lab.reach.templated import templated

    asked_of, answers = _everybody(network, protocol)
    if as_json:
        print_json(_as_data(asked_of, answers, deployed))
        return
    words = Words(asked_of)
    print_matrix(answers, words)
    if deployed and (changed := _differences(templated(deployed.template, ""), network, protocol)):
        console.print("\n" + _("Changed in AWS since the last deploy:"))
        print_differences(changed)


def _diff(stack: str, protocol: str, *, as_json: bool) -> None:
    """Say what deploying the template in cdk.out would open and close."""
    from dataclasses import asdict

    from lab.reach.report import print_differences
    from lab.template.deployed import NoStackError

    after = synthesised_network(stack)
    try:
        before = deployed_network(stack)[1]
    except NoStackError:
        before = None
    found = _differences(before, after, protocol)
    if as_json:
        print_json([asdict(each) for each in found])
        return
    console.print(
        _("Ways that this deploy opens (+) and closes (-):") if found else _("This deploy opens and closes no way.")
    )
    print_differences(found)


def _differences(before: "Network | None", after: "Network", protocol: str) -> "list[Any]":
    from lab.reach.report import differences

    if before is None:
        return differences([], _everybody(after, protocol)[1])
    return differences(_everybody(before, protocol, after)[1], _everybody(after, protocol, before)[1])
