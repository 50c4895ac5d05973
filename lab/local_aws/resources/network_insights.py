"""VPC Reachability Analyzer: paths, and analyses of them, which ministack lacks. ``lab.reach`` does the analyzing.

Source: https://docs.aws.amazon.com/vpc/latest/reachability/getting-started-cli.html. The error codes are those that
AWS's own CloudFormation types for this know (aws-cloudformation/aws-cloudformation-resource-providers-networkinsights).
"""

import os
from copy import deepcopy
from functools import cache
from io import BytesIO
from ipaddress import IPv4Network
from typing import Any

import boto3
import botocore.session
from botocore.awsrequest import AWSRequest, AWSResponse
from ministack.core.responses import AccountRegionScopedDict, get_account_id, get_region
from ministack.services import ec2
from urllib3 import HTTPResponse

from lab.local_aws import wire
from lab.reach.analysis import Analysis
from lab.reach.described import described
from lab.reach.network import ALL_PORTS, Network
from lab.reach.parties import ANYWHERE, INTERNET, Party, instances, outside, s3, with_parties
from lab.reach.ranges import Ports, Ranges

PATH, ANALYSIS = "network-insights-path", "network-insights-analysis"
PROTOCOLS = ("tcp", "udp")
# The kinds of resources that a path may begin or end at, of those that are here.
ENDS = ("i", "eni", "igw", "vpce")
AS_ASKED = ("SourceIp", "DestinationIp", "DestinationPort", "FilterAtSource", "FilterAtDestination")

_paths = AccountRegionScopedDict()  # id -> record, in boto3's shape
_analyses = AccountRegionScopedDict()

_ministacks_state, _ministacks_load = ec2.get_state, ec2.load_persisted_state


def _state() -> dict[str, Any]:
    return {**_ministacks_state(), "insights_paths": deepcopy(_paths), "insights_analyses": deepcopy(_analyses)}


def _load(data: dict[str, Any] | None) -> None:
    _ministacks_load(data)
    for store, key in ((_paths, "insights_paths"), (_analyses, "insights_analyses")):
        store.update((data or {}).get(key, AccountRegionScopedDict()))


ec2.get_state, ec2.load_persisted_state = _state, _load


# --- requests and answers


def _path(path_id: str) -> dict[str, Any]:
    return wire.known(_paths, path_id, "InvalidNetworkInsightsPathId.NotFound", "network insights path")


def _answer(action: str, member: str, record: Any) -> wire.Answer:
    """Return an answer with the names that EC2's model gives to the members of boto3's."""
    shape = _model().operation_model(action).output_shape.members[member]
    return wire.answer(action, {shape.serialization["name"]: _named(shape, record)})


def _named(shape: Any, value: Any) -> Any:
    if shape.type_name == "structure":
        members = {name: member for name, member in shape.members.items() if name in value}
        return {member.serialization["name"]: _named(member, value[name]) for name, member in members.items()}
    return [_named(shape.member, each) for each in value] if shape.type_name == "list" else value


@cache
def _model() -> Any:
    return botocore.session.get_session().get_service_model("ec2")


def _arn(kind: str, id_: str) -> str:
    return f"arn:aws:ec2:{get_region()}:{get_account_id()}:{kind}/{id_}"


def _id(id_or_arn: str) -> str:
    return id_or_arn.rpartition("/")[2]


def _require_end(member: str, id_or_arn: str) -> str:
    """Return the id of what a path begins or ends at. Raises Ec2Error when it is not there."""
    id_ = _id(id_or_arn)
    stores = {
        "i": ec2._instances,
        "eni": ec2._network_interfaces,
        "igw": ec2._internet_gateways,
        "vpce": ec2._vpc_endpoints,
    }
    kind = id_.partition("-")[0]
    if kind not in ENDS:
        raise wire.Ec2Error(
            "InvalidParameterValue",
            f"The local AWS analyzes paths between {', '.join(ENDS)}, and {id_} is none of them",
        )
    if id_ not in stores[kind]:
        raise wire.Ec2Error(f"NetworkInsights{member}.NotFound", f"{id_} does not exist")
    return id_


@wire.replaces("CreateNetworkInsightsPath")
def _create_path(params: wire.Params) -> wire.Answer:
    request = wire.tree(params)
    protocol = request.get("Protocol", "")
    if protocol not in PROTOCOLS:
        raise wire.Ec2Error("InvalidParameterValue", f"Value ({protocol}) for parameter protocol is invalid.")
    at_source, at_destination = request.get("FilterAtSource"), request.get("FilterAtDestination")
    if (at_source and ("SourceIp" in request or "DestinationPort" in request)) or (
        at_destination and "DestinationIp" in request
    ):
        raise wire.Ec2Error(
            "InvalidParameterCombination", "A filter cannot be combined with the addresses and the port that it scopes"
        )
    source = _require_end("Source", request.get("Source", ""))
    destination = request.get("Destination") and _require_end("Destination", request["Destination"])
    if not destination and not _filtered(request, "DestinationAddress") and "DestinationIp" not in request:
        raise wire.Ec2Error("MissingParameter", "The request must contain the parameter destination")
    path_id = wire.new_id("nip")
    record: dict[str, Any] = {
        "NetworkInsightsPathId": path_id,
        "NetworkInsightsPathArn": _arn(PATH, path_id),
        "CreatedDate": ec2._now_ts(),
        "Source": source,
        "Protocol": protocol,
        **{name: request[name] for name in AS_ASKED if name in request},
    }
    if destination:
        record["Destination"] = destination
    _paths[path_id] = record
    ec2._parse_tag_specs(params, PATH, path_id)
    return _answer("CreateNetworkInsightsPath", "NetworkInsightsPath", _tagged(record, path_id))


def _filtered(path: dict[str, Any], member: str) -> Any:
    """Return what a path's filters say of an address or of ports, at its source or at its destination."""
    return next(
        (path[name][member] for name in ("FilterAtSource", "FilterAtDestination") if member in path.get(name, {})), None
    )


def _tagged(record: dict[str, Any], id_: str) -> dict[str, Any]:
    return {**record, "Tags": ec2._tags.get(id_) or []}


@wire.replaces("StartNetworkInsightsAnalysis")
def _start(params: wire.Params) -> wire.Answer:
    request = wire.tree(params)
    path = _path(request.get("NetworkInsightsPathId", ""))
    analysis_id = wire.new_id("nia")
    record = {
        "NetworkInsightsAnalysisId": analysis_id,
        "NetworkInsightsAnalysisArn": _arn(ANALYSIS, analysis_id),
        "NetworkInsightsPathId": path["NetworkInsightsPathId"],
        "StartDate": ec2._now_ts(),
    }
    _analyses[analysis_id] = record | _analyze(path)
    ec2._parse_tag_specs(params, ANALYSIS, analysis_id)
    running = _tagged(record, analysis_id) | {"Status": "running"}  # AWS takes a while
    return _answer("StartNetworkInsightsAnalysis", "NetworkInsightsAnalysis", running)


@wire.replaces("DescribeNetworkInsightsPaths")
def _describe_paths(params: wire.Params) -> wire.Answer:
    request = wire.tree(params)
    found = [_path(each) for each in request["NetworkInsightsPathId"]] if "NetworkInsightsPathId" in request else None
    known = {"source": "Source", "destination": "Destination", "protocol": "Protocol"}
    records = [
        _tagged(record, record["NetworkInsightsPathId"])
        for record in (_paths.values() if found is None else found)
        if _fits("DescribeNetworkInsightsPaths", request, record, known)
    ]
    return _answer("DescribeNetworkInsightsPaths", "NetworkInsightsPaths", records)


@wire.replaces("DescribeNetworkInsightsAnalyses")
def _describe_analyses(params: wire.Params) -> wire.Answer:
    request = wire.tree(params)
    found = [_analysis(each) for each in request.get("NetworkInsightsAnalysisId", [])] or list(_analyses.values())
    known = {"path-found": "NetworkPathFound", "status": "Status"}
    records = [
        _tagged(record, record["NetworkInsightsAnalysisId"])
        for record in found
        if request.get("NetworkInsightsPathId") in (None, record["NetworkInsightsPathId"])
        and _fits("DescribeNetworkInsightsAnalyses", request, record, known)
    ]
    return _answer("DescribeNetworkInsightsAnalyses", "NetworkInsightsAnalyses", records)


def _analysis(analysis_id: str) -> dict[str, Any]:
    code = "InvalidNetworkInsightsAnalysisId.NotFound"
    return wire.known(_analyses, analysis_id, code, "network insights analysis")


def _fits(action: str, request: dict[str, Any], record: dict[str, Any], known: dict[str, str]) -> bool:
    for wanted in request.get("Filter", []):
        if wanted["Name"] not in known:
            message = f"{action}: the local AWS does not support the filter '{wanted['Name']}'"
            raise wire.Ec2Error("InvalidParameterValue", message)
        if str(record.get(known[wanted["Name"]], "")).lower() not in map(str.lower, wanted.get("Value", [])):
            return False
    return True


@wire.replaces("DeleteNetworkInsightsPath")
def _delete_path(params: wire.Params) -> wire.Answer:
    path_id = _path(wire.tree(params).get("NetworkInsightsPathId", ""))["NetworkInsightsPathId"]
    if any(each["NetworkInsightsPathId"] == path_id for each in _analyses.values()):
        raise wire.Ec2Error(
            "AnalysisExistsForNetworkInsightsPath", f"{path_id} has analyses; they have to be deleted before it"
        )
    del _paths[path_id]
    return wire.answer("DeleteNetworkInsightsPath", {"networkInsightsPathId": path_id})


@wire.replaces("DeleteNetworkInsightsAnalysis")
def _delete_analysis(params: wire.Params) -> wire.Answer:
    analysis_id = _analysis(wire.tree(params).get("NetworkInsightsAnalysisId", ""))["NetworkInsightsAnalysisId"]
    del _analyses[analysis_id]
    return wire.answer("DeleteNetworkInsightsAnalysis", {"networkInsightsAnalysisId": analysis_id})


# --- the analysis


def _analyze(path: dict[str, Any]) -> dict[str, Any]:
    """Return what an analysis finds: of all that fits a path the first that reaches, or else why it does not."""
    vpcs = {vpc for vpc in (_vpc_of(path["Source"]), _vpc_of(path.get("Destination", ""))) if vpc}
    if len(vpcs) != 1:
        code = "DISCONNECTED_VPCS" if vpcs else "UNASSOCIATED_COMPONENT"
        return {"Status": "succeeded", "NetworkPathFound": False, "Explanations": [{"ExplanationCode": code}]}
    [vpc] = vpcs
    network = described(_client(get_region()), vpc)
    source_address = path.get("SourceIp") or _filtered(path, "SourceAddress")
    destination_address = path.get("DestinationIp") or _filtered(path, "DestinationAddress")
    sources = _ends(network, path["Source"], source_address)
    destinations = _ends(network, path.get("Destination", ""), destination_address)
    network = with_parties(network, [*sources, *destinations])
    ranges = Ranges(network)
    answers = [
        answer
        for source in sources
        for destination in destinations
        if source.end != destination.end
        for answer in ranges.ask(source, destination, path["Protocol"], _ports(path))
    ]
    if not answers:
        return {"Status": "succeeded", "NetworkPathFound": False, "Explanations": [{"ExplanationCode": "NO_PATH"}]}
    best = next((each for each in answers if each.reaches), answers[-1])
    return Analysis(network, vpc=vpc, account=get_account_id()).of(best)


def _ports(path: dict[str, Any]) -> Ports:
    if "DestinationPort" in path:
        return int(path["DestinationPort"]), int(path["DestinationPort"])
    scoped = _filtered(path, "DestinationPortRange")
    return (int(scoped["FromPort"]), int(scoped["ToPort"])) if scoped else ALL_PORTS


def _ends(network: Network, id_: str, address: str | None) -> list[Party]:
    """Return who stands for one end of a path; of the internet, all parts that rules tell apart."""
    if id_.startswith("vpce-"):
        return [s3(network)]
    if not id_ or id_.startswith("igw-"):
        block = IPv4Network(address) if address else ANYWHERE
        if address and any(block.subnet_of(each) for each in network.cidrs):
            return [each for each in instances(network) if f"{each.end.private}" == address]  # type: ignore[union-attr]
        return outside(network, block, str(address or INTERNET))
    return [each for each in instances(network) if id_ in (each.end.id, each.end.instance)]  # type: ignore[union-attr]


def _vpc_of(id_: str) -> str:
    if id_ in ec2._internet_gateways:
        attached = ec2._internet_gateways[id_].get("Attachments") or [{}]
        return str(attached[0].get("VpcId", ""))
    stores = (ec2._instances, ec2._network_interfaces, ec2._vpc_endpoints)
    return next((str(store[id_].get("VpcId", "")) for store in stores if id_ in store), "")


@cache
def _client(region: str) -> Any:
    """Return a client of EC2 that asks the functions in this process: over the network, EC2 would wait for itself."""
    session = boto3.session.Session(
        aws_access_key_id="own", aws_secret_access_key=os.urandom(8).hex(), region_name=region
    )
    client = session.client("ec2", region_name=region)
    client.meta.events.register("before-send.ec2", _answer_here)  # type: ignore[arg-type]  # its answer is used
    return client


def _answer_here(request: AWSRequest, **_: object) -> AWSResponse:
    params = wire.asked({}, request.body if isinstance(request.body, bytes) else str(request.body).encode())
    status, headers, body = ec2._ACTION_MAP[params["Action"][0]](params)
    raw = HTTPResponse(BytesIO(body if isinstance(body, bytes) else body.encode()), preload_content=False)
    return AWSResponse(request.url or "", status, headers, raw)
