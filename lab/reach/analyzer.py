"""AWS's own VPC Reachability Analyzer, asked the same question, and compared.

https://docs.aws.amazon.com/vpc/latest/reachability/getting-started-cli.html
"""

import time
from typing import TYPE_CHECKING, Any

from lab.reach.network import Interface, Network
from lab.reach.parties import S3, Party
from lab.reach.ranges import Answer
from lab.template.deployed import Deployed
from lab.terminal.language import _
from lab.terminal.problem import ProblemError

if TYPE_CHECKING:
    from collections.abc import Sequence

SECONDS, TRIES = 3, 100  # between looks, and how many: an analysis takes minutes at most


def compare(aws: Deployed, network: Network, answers: "Sequence[Answer]") -> str:
    """Return a line that says what the analyzer finds, and whether we find the same. Leaves nothing behind.

    Raises ProblemError for a question that the analyzer does not know.
    """
    answer = answers[0]
    theirs = _analysed(aws, network, answer)
    found, codes = theirs["NetworkPathFound"], [each["ExplanationCode"] for each in theirs.get("Explanations", [])]
    said = _("AWS's analyzer: {verdict}.").format(verdict=_verdict(found) + (f" ({','.join(codes)})" if codes else ""))
    stop = answer.conversation.stop
    if found != answer.reaches:
        return _("{said} Here it is not so: {verdict}.").format(
            said=said, verdict=_verdict(answer.reaches) if stop is None else stop.code
        )
    if stop and stop.code not in codes:
        return _("{said} So it is here, for another reason: {code}.").format(said=said, code=stop.code)
    return _("{said} The same as here.").format(said=said)


def _verdict(reaches: bool) -> str:  # noqa: FBT001
    return _("reachable") if reaches else _("not reachable")


def _analysed(aws: Deployed, network: Network, answer: Answer) -> dict[str, Any]:
    if answer.protocol == "icmp":
        raise ProblemError(_("AWS's analyzer knows TCP and UDP alone"))
    at_source: dict[str, Any] = {
        "DestinationPortRange": {"FromPort": answer.ports[0], "ToPort": answer.ports[1]},
    }
    if answer.source.is_outside:
        at_source["SourceAddress"] = str(answer.source.end)
    elif answer.destination.is_outside and answer.destination.name != S3:
        at_source["DestinationAddress"] = str(answer.destination.end)
    ec2: Any = aws.ec2
    path = ec2.create_network_insights_path(
        Source=_resource(network, answer.source),
        Destination=_resource(network, answer.destination),
        Protocol=answer.protocol,
        FilterAtSource=at_source,
    )["NetworkInsightsPath"]["NetworkInsightsPathId"]
    try:
        begun = ec2.start_network_insights_analysis(NetworkInsightsPathId=path)["NetworkInsightsAnalysis"]
        number = begun["NetworkInsightsAnalysisId"]
        for _try in range(TRIES):
            listed = ec2.describe_network_insights_analyses(NetworkInsightsAnalysisIds=[number])
            analysis: dict[str, Any] = listed["NetworkInsightsAnalyses"][0]
            if analysis["Status"] != "running":
                break
            time.sleep(SECONDS)
        ec2.delete_network_insights_analysis(NetworkInsightsAnalysisId=number)
    finally:
        ec2.delete_network_insights_path(NetworkInsightsPathId=path)
    if analysis["Status"] != "succeeded":
        raise ProblemError(
            _("AWS's analyzer: {status}. {message}")
            .format(status=analysis["Status"], message=analysis.get("StatusMessage", ""))
            .rstrip()
        )
    return analysis


def _resource(network: Network, party: Party) -> str:
    if party.name == S3:
        return min(each.id for each in network.endpoints.values() if each.service == S3)
    if not isinstance(party.end, Interface):
        return min(network.internet_gateways)
    if not party.end.id.startswith("eni-"):
        raise ProblemError(_("{name} is not there: AWS's analyzer knows only what is deployed").format(name=party.name))
    return party.end.id
