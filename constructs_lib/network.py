"""Chapter 3 of the primer: a VPC over two zones."""

from collections.abc import Sequence

import jsii
from aws_cdk import Tags
from aws_cdk import aws_ec2 as ec2
from aws_cdk import aws_s3 as s3
from constructs import Construct

from constructs_lib.acknowledge import acknowledge, in_each_pack


class Network(Construct):
    """A VPC with a public and a private subnet in each of two zones (primer, chapter 3).

    Builds an internet gateway, a route table per subnet, NAT gateways with their Elastic IPs, a free S3 gateway
    endpoint on every route table, and flow logs of all traffic to ``log_bucket`` below ``vpc-flow-logs/``.

    ``nat`` says how the private subnets reach the internet:

    - ``per-az``: a NAT gateway in each public subnet, each private subnet routed through the one of its own zone, so
      that the failure of a zone stays in that zone (the primer's design);
    - ``single``: one NAT gateway, in the first zone, for both;
    - ``regional``: one regional NAT gateway that AWS extends to each zone in use, with addresses of its own;
    - ``none``: no way out but the S3 endpoint; ``NatInstance`` adds one.

    Public subnets give no public address on launch, as the primer's do: what is to be reached gets an Elastic IP.

    What may be left out, and what stands for it:

    - ``nat``: Default: per-az
    - ``availability_zones``: the names of two zones. Default: the region's first two, at each deploy

    Limits: AWS takes a VPC and subnets from /16 to /28. The two zones must offer NAT gateways (not every zone does).

    Source: https://docs.aws.amazon.com/vpc/latest/userguide/vpc-nat-gateway.html
    """

    def __init__(
        self,
        scope: Construct,
        construct_id: str,
        *,
        cidr: str,
        public_cidrs: Sequence[str],
        private_cidrs: Sequence[str],
        log_bucket: s3.IBucket,
        nat: str = "per-az",
        availability_zones: Sequence[str] = (),
    ) -> None:
        super().__init__(scope, construct_id)
        self.vpc = ec2.Vpc(
            self,
            "Vpc",
            vpc_name="learning-vpc",
            ip_addresses=_FixedAddresses(cidr, {"Public": public_cidrs, "Private": private_cidrs}),  # type: ignore[arg-type]  # jsii hands over the struct itself
            availability_zones=list(availability_zones) or None,
            max_azs=None if availability_zones else 2,
            # The CDK's way to close the default security group is a Lambda asset, which would need `cdk bootstrap`.
            restrict_default_security_group=False,
            nat_gateways={"per-az": 2, "single": 1, "none": 0}.get(nat),
            nat_gateway_provider=ec2.NatProvider.regional_gateway() if nat == "regional" else None,
            subnet_configuration=[
                ec2.SubnetConfiguration(
                    name="Public", subnet_type=ec2.SubnetType.PUBLIC, map_public_ip_on_launch=False
                ),
                ec2.SubnetConfiguration(
                    name="Private",
                    subnet_type=ec2.SubnetType.PRIVATE_ISOLATED
                    if nat == "none"
                    else ec2.SubnetType.PRIVATE_WITH_EGRESS,
                ),
            ],
        )
        self.public_subnets = self.vpc.public_subnets
        self.private_subnets = self.vpc.isolated_subnets if nat == "none" else self.vpc.private_subnets
        if nat == "regional":
            # AWS refuses a public NAT gateway in a VPC without an attached internet gateway; the CDK waits for the
            # gateway, but not for its attachment.
            self.vpc.node.find_child("RegionalNatGateway").node.add_dependency(
                self.public_subnets[0].internet_connectivity_established
            )

        acknowledge(
            self.vpc,
            {
                "The default group can be closed only by a Lambda function, which would need `cdk bootstrap`; nothing "
                "uses it.": in_each_pack("VPCDefaultSecurityGroupClosed")
            },
        )
        for subnet in self.public_subnets:
            acknowledge(
                subnet.node.find_child("DefaultRoute"),
                {
                    "This route is what makes a subnet public (chapter 3-4).": in_each_pack(
                        "VPCNoUnrestrictedRouteToIGW"
                    )
                },
            )

        self.s3_endpoint = self.vpc.add_gateway_endpoint("S3Endpoint", service=ec2.GatewayVpcEndpointAwsService.S3)
        self.flow_log = self.vpc.add_flow_log(
            "FlowLog", destination=ec2.FlowLogDestination.to_s3(log_bucket, "vpc-flow-logs")
        )
        Tags.of(self.flow_log).remove("Name")  # the CDK's path of it
        for kind, subnets in (("public", self.public_subnets), ("private", self.private_subnets)):
            for number, subnet in enumerate(subnets, start=1):
                Tags.of(subnet).add("Name", f"learning-{kind}-{number}")
        tags = Tags.of(self.vpc)
        for tag in ("aws-cdk:subnet-name", "aws-cdk:subnet-type"):
            tags.remove(tag)  # they serve look-ups by other CDK apps; in a lesson they only puzzle


@jsii.implements(ec2.IIpAddresses)
class _FixedAddresses:
    """Gives the subnets of a VPC the address ranges that were chosen; the CDK's own allocators count for themselves."""

    def __init__(self, cidr: str, cidrs_by_name: dict[str, Sequence[str]]) -> None:
        self._cidr = cidr
        self._cidrs_by_name = cidrs_by_name

    def allocate_vpc_cidr(self) -> ec2.VpcIpamOptions:
        return ec2.VpcIpamOptions(cidr_block=self._cidr)

    def allocate_subnets_cidr(self, request: ec2.AllocateCidrRequest) -> ec2.SubnetIpamOptions:
        remaining = {name: iter(cidrs) for name, cidrs in self._cidrs_by_name.items()}
        return ec2.SubnetIpamOptions(
            allocated_subnets=[
                ec2.AllocatedSubnet(cidr=next(remaining[subnet.configuration.name]))
                for subnet in request.requested_subnets
            ]
        )
