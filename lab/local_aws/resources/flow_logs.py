"""Flow logs: ministack forgets their format and interval, and CloudFormation lacks their type."""

from typing import ClassVar
from xml.etree import ElementTree as ET

from ministack.services import ec2

from lab.local_aws import wire
from lab.local_aws.provider import TAG, Made, Properties, Provider, Schema, aws, retag, tags_for
from lab.local_aws.resources import vpcs


@wire.around("CreateFlowLogs")
def _create_flow_logs(params: wire.Params, ministacks: wire.Handler) -> wire.Answer:
    request = wire.tree(params)
    for resource_id in request.get("ResourceId", []):
        if request.get("ResourceType") == "VPC":
            vpcs.known_vpc(resource_id)
    result = ministacks(params)
    for created in wire.parse(result[2]).findall("flowLogIdSet/item"):
        record = ec2._flow_logs[created.text]
        record["MaxAggregationInterval"] = int(request.get("MaxAggregationInterval", 600))
        record["LogFormat"] = request.get("LogFormat", "")
    return result


@wire.completes(
    "DescribeFlowLogs",
    items="flowLogSet/item",
    ids={"FlowLogId": ("flowLogId", "InvalidFlowLogId.NotFound")},
    filters={
        "flow-log-id": "flowLogId",
        "log-destination-type": "logDestinationType",
        "resource-id": "resourceId",
        "traffic-type": "trafficType",
    },
)
def _complete_flow_log(item: ET.Element) -> None:
    record = ec2._flow_logs[item.findtext("flowLogId")]
    fields = {
        "deliverLogsStatus": "SUCCESS",
        "logFormat": record["LogFormat"],
        "maxAggregationInterval": record["MaxAggregationInterval"],
    }
    wire.put(item, fields)


# --- in CloudFormation


class FlowLog(Provider):
    """A record of the traffic of a VPC, written to a bucket."""

    type_name = "AWS::EC2::FlowLog"
    id_attribute = "Id"
    create_only = (
        "LogDestination",
        "LogDestinationType",
        "MaxAggregationInterval",
        "ResourceId",
        "ResourceType",
        "TrafficType",
    )
    schema: ClassVar[Schema] = {**{name: {} for name in create_only}, "Tags": TAG}

    def create(self, properties: Properties) -> Made:
        asked = {name: value for name, value in properties.items() if name not in ("ResourceId", "Tags")}
        made = aws("ec2").create_flow_logs(
            ResourceIds=[properties["ResourceId"]], **asked, TagSpecifications=tags_for("vpc-flow-log", properties)
        )
        [flow_log_id] = made["FlowLogIds"]
        # ministack reads tags of the type `flow-log`, which is not EC2's name for it.
        retag(flow_log_id, {}, properties)
        return self.made(flow_log_id)

    def delete(self, physical_id: str, _properties: Properties) -> None:
        aws("ec2").delete_flow_logs(FlowLogIds=[physical_id])
