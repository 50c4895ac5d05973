"""VPC endpoints, with the policy that each has."""

import json
from xml.etree import ElementTree as ET

from ministack.services import ec2

from lab.local_aws import wire

OPEN_POLICY = {
    "Version": "2008-10-17",
    "Statement": [{"Effect": "Allow", "Principal": "*", "Action": "*", "Resource": "*"}],
}


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
