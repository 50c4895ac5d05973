"""VPC endpoints, with the policy that each has."""

import json
from xml.etree import ElementTree as ET

from ministack.services import ec2

from lab.local_aws import wire

OPEN_POLICY = {
    "Version": "2008-10-17",
    "Statement": [{"Effect": "Allow", "Principal": "*", "Action": "*", "Resource": "*"}],
}
# Some of their addresses, in any region. ministack makes up ranges that no internet gateway carries (RFC 6598).
PUBLIC = {"s3": "3.5.0.0/19", "dynamodb": "3.218.180.0/22"}
_ministacks_range = ec2._aws_prefix_list_to_cidr


def _range(name: str, *, ipv6: bool = False) -> str:
    made_up: str = _ministacks_range(name, ipv6=ipv6)
    return made_up if ipv6 else PUBLIC.get(name.rpartition(".")[2], made_up)


ec2._aws_prefix_list_to_cidr = _range


@wire.completes(
    "DescribeVpcEndpoints",
    items="vpcEndpointSet/item",
    ids={"VpcEndpointId": ("vpcEndpointId", "InvalidVpcEndpointId.NotFound")},
    filters={
        "service-name": "serviceName",
        "vpc-endpoint-id": "vpcEndpointId",
        "vpc-endpoint-state": "state",
        "vpc-endpoint-type": "vpcEndpointType",
        "vpc-id": "vpcId",
    },
)
def _complete_endpoint(item: ET.Element) -> None:
    policy = ec2._vpc_endpoints[item.findtext("vpcEndpointId")].get("PolicyDocument") or OPEN_POLICY
    wire.put(item, {"policyDocument": policy if isinstance(policy, str) else json.dumps(policy)})
