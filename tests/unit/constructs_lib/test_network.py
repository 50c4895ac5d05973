"""Network, chapter 3 of the primer."""

from collections.abc import Callable, Sequence
from functools import cache

import aws_cdk as cdk
import pytest
from aws_cdk import aws_s3 as s3
from aws_cdk.assertions import Match, Template

from constructs_lib.network import Network
from lab.template.values import target
from tests.unit.constructs_lib.reading import properties, tag

NAT_CHOICES = ("per-az", "single", "regional", "none")
PUBLIC = ("10.0.1.0/24", "10.0.3.0/24")
PRIVATE = ("10.0.2.0/24", "10.0.4.0/24")
EACH_NAT = pytest.mark.parametrize("nat", NAT_CHOICES)


@pytest.fixture(scope="module")
def network(plain_stack: Callable[[], cdk.Stack]) -> Callable[..., Template]:
    @cache
    def make(
        nat: str = "per-az",
        zones: Sequence[str] = (),
        cidr: str = "10.0.0.0/16",
        public: Sequence[str] = PUBLIC,
        private: Sequence[str] = PRIVATE,
    ) -> Template:
        stack = plain_stack()
        Network(
            stack,
            "Network",
            cidr=cidr,
            public_cidrs=public,
            private_cidrs=private,
            log_bucket=s3.Bucket(stack, "Logs"),
            nat=nat,
            availability_zones=zones,
        )
        return Template.from_stack(stack)

    return make


def subnet_names(template: Template) -> dict[str, str]:
    """Return the logical id of each subnet, by its address range."""
    return {subnet["CidrBlock"]: name for name, subnet in properties(template, "AWS::EC2::Subnet").items()}


def route_table_of(template: Template, cidr: str) -> str:
    associations = properties(template, "AWS::EC2::SubnetRouteTableAssociation").values()
    (table,) = [
        target(association["RouteTableId"])
        for association in associations
        if target(association["SubnetId"]) == subnet_names(template)[cidr]
    ]
    return table


def way_out(template: Template, cidr: str) -> str:
    """Say in words where the subnet's default route ends."""
    routes = [
        route
        for route in properties(template, "AWS::EC2::Route").values()
        if target(route["RouteTableId"]) == route_table_of(template, cidr)
    ]
    if not routes:
        return "nowhere"
    (route,) = routes
    assert route["DestinationCidrBlock"] == "0.0.0.0/0"
    if "GatewayId" in route:
        assert target(route["GatewayId"]) in properties(template, "AWS::EC2::InternetGateway")
        return "internet gateway"
    gateway = properties(template, "AWS::EC2::NatGateway")[target(route["NatGatewayId"])]
    if gateway.get("AvailabilityMode") == "regional":
        return "regional NAT"
    (public,) = [cidr for cidr, name in subnet_names(template).items() if name == target(gateway["SubnetId"])]
    return f"NAT in {public}"


@EACH_NAT
def test_the_vpc_has_its_range_and_dns(network: Callable[..., Template], nat: str) -> None:
    network(nat).has_resource_properties(
        "AWS::EC2::VPC", {"CidrBlock": "10.0.0.0/16", "EnableDnsSupport": True, "EnableDnsHostnames": True}
    )


@EACH_NAT
@pytest.mark.parametrize(
    ("cidr", "zone", "name"),
    [
        ("10.0.1.0/24", 0, "learning-public-1"),
        ("10.0.2.0/24", 0, "learning-private-1"),
        ("10.0.3.0/24", 1, "learning-public-2"),
        ("10.0.4.0/24", 1, "learning-private-2"),
    ],
)
def test_each_subnet_has_its_range_its_zone_and_its_name(
    network: Callable[..., Template], nat: str, cidr: str, zone: int, name: str
) -> None:
    subnet = properties(network(nat), "AWS::EC2::Subnet")[subnet_names(network(nat))[cidr]]
    assert subnet["AvailabilityZone"] == {"Fn::Select": [zone, {"Fn::GetAZs": ""}]}
    assert tag(subnet, "Name") == name


def test_there_are_no_other_subnets(network: Callable[..., Template]) -> None:
    assert sorted(subnet_names(network())) == sorted([*PUBLIC, *PRIVATE])


def test_no_subnet_gives_public_addresses_on_launch(network: Callable[..., Template]) -> None:
    network().all_resources_properties("AWS::EC2::Subnet", {"MapPublicIpOnLaunch": False})


def test_zones_can_be_chosen_by_name(network: Callable[..., Template]) -> None:
    template = network(zones=("ap-northeast-1a", "ap-northeast-1c"))
    zones = {
        subnet["CidrBlock"]: subnet["AvailabilityZone"] for subnet in properties(template, "AWS::EC2::Subnet").values()
    }
    assert zones == {
        "10.0.1.0/24": "ap-northeast-1a",
        "10.0.2.0/24": "ap-northeast-1a",
        "10.0.3.0/24": "ap-northeast-1c",
        "10.0.4.0/24": "ap-northeast-1c",
    }


def test_address_ranges_can_be_chosen(network: Callable[..., Template]) -> None:
    template = network(
        cidr="172.16.0.0/20",
        public=("172.16.15.0/28", "172.16.1.0/26"),
        private=("172.16.2.0/24", "172.16.4.0/23"),
    )
    template.has_resource_properties("AWS::EC2::VPC", {"CidrBlock": "172.16.0.0/20"})
    assert way_out(template, "172.16.15.0/28") == "internet gateway"
    assert way_out(template, "172.16.2.0/24") == "NAT in 172.16.15.0/28"
    assert way_out(template, "172.16.4.0/23") == "NAT in 172.16.1.0/26"


@EACH_NAT
def test_each_subnet_has_a_route_table_of_its_own(network: Callable[..., Template], nat: str) -> None:
    tables = [route_table_of(network(nat), cidr) for cidr in (*PUBLIC, *PRIVATE)]
    assert sorted(tables) == sorted(properties(network(nat), "AWS::EC2::RouteTable"))


@EACH_NAT
def test_public_subnets_reach_the_internet_through_the_attached_gateway(
    network: Callable[..., Template], nat: str
) -> None:
    assert [way_out(network(nat), cidr) for cidr in PUBLIC] == ["internet gateway"] * 2
    (gateway,) = properties(network(nat), "AWS::EC2::InternetGateway")
    (vpc,) = properties(network(nat), "AWS::EC2::VPC")
    network(nat).has_resource_properties(
        "AWS::EC2::VPCGatewayAttachment", {"InternetGatewayId": {"Ref": gateway}, "VpcId": {"Ref": vpc}}
    )


@pytest.mark.parametrize(
    ("nat", "of_private_1", "of_private_2"),
    [
        ("per-az", "NAT in 10.0.1.0/24", "NAT in 10.0.3.0/24"),
        ("single", "NAT in 10.0.1.0/24", "NAT in 10.0.1.0/24"),
        ("regional", "regional NAT", "regional NAT"),
        ("none", "nowhere", "nowhere"),
    ],
)
def test_private_subnets_leave_as_nat_says(
    network: Callable[..., Template], nat: str, of_private_1: str, of_private_2: str
) -> None:
    assert [way_out(network(nat), cidr) for cidr in PRIVATE] == [of_private_1, of_private_2]


@pytest.mark.parametrize(("nat", "gateways"), [("per-az", 2), ("single", 1)])
def test_each_nat_gateway_has_an_elastic_ip_of_its_own(
    network: Callable[..., Template], nat: str, gateways: int
) -> None:
    addresses = [
        target(gateway["AllocationId"]) for gateway in properties(network(nat), "AWS::EC2::NatGateway").values()
    ]
    assert len(addresses) == gateways
    assert sorted(addresses) == sorted(properties(network(nat), "AWS::EC2::EIP"))


@pytest.mark.parametrize("nat", ["regional", "none"])
def test_no_elastic_ip_is_paid_for_without_a_nat_gateway_of_ours(network: Callable[..., Template], nat: str) -> None:
    network(nat).resource_count_is("AWS::EC2::EIP", 0)


def test_nat_none_has_no_nat_gateway(network: Callable[..., Template]) -> None:
    network("none").resource_count_is("AWS::EC2::NatGateway", 0)


@pytest.mark.parametrize("nat", ["per-az", "single", "regional"])
def test_nat_gateways_wait_for_the_attachment_of_the_internet_gateway(
    network: Callable[..., Template], nat: str
) -> None:
    resources = network(nat).to_json()["Resources"]

    def waits_for(name: str) -> set[str]:
        direct = resources[name].get("DependsOn", [])
        return {resources[name]["Type"]}.union(*(waits_for(other) for other in direct))

    for gateway in properties(network(nat), "AWS::EC2::NatGateway"):
        assert "AWS::EC2::VPCGatewayAttachment" in waits_for(gateway)


@EACH_NAT
def test_the_s3_endpoint_is_on_every_route_table(network: Callable[..., Template], nat: str) -> None:
    (endpoint,) = properties(network(nat), "AWS::EC2::VPCEndpoint").values()
    assert endpoint["VpcEndpointType"] == "Gateway"
    assert endpoint["ServiceName"] == {"Fn::Join": ["", ["com.amazonaws.", {"Ref": "AWS::Region"}, ".s3"]]}
    tables = [target(table) for table in endpoint["RouteTableIds"]]
    assert sorted(tables) == sorted(properties(network(nat), "AWS::EC2::RouteTable"))


def test_all_traffic_is_logged_to_the_bucket(network: Callable[..., Template]) -> None:
    (bucket,) = properties(network(), "AWS::S3::Bucket")
    (vpc,) = properties(network(), "AWS::EC2::VPC")
    network().has_resource_properties(
        "AWS::EC2::FlowLog",
        {
            "ResourceId": {"Ref": vpc},
            "ResourceType": "VPC",
            "TrafficType": "ALL",
            "LogDestinationType": "s3",
            "LogDestination": {"Fn::Join": ["", [{"Fn::GetAtt": [bucket, "Arn"]}, "/vpc-flow-logs"]]},
        },
    )


def test_the_log_delivery_service_may_write_to_the_bucket(network: Callable[..., Template]) -> None:
    network().has_resource_properties(
        "AWS::S3::BucketPolicy",
        {
            "PolicyDocument": Match.object_like(
                {
                    "Statement": Match.array_with(
                        [
                            Match.object_like(
                                {
                                    "Effect": "Allow",
                                    "Action": "s3:PutObject",
                                    "Principal": {"Service": "delivery.logs.amazonaws.com"},
                                }
                            )
                        ]
                    )
                }
            )
        },
    )


def test_the_public_attributes_are_the_subnets_in_order_of_zones(plain_stack: Callable[[], cdk.Stack]) -> None:
    for nat in NAT_CHOICES:
        stack = plain_stack()
        network = Network(
            stack,
            "Network",
            cidr="10.0.0.0/16",
            public_cidrs=PUBLIC,
            private_cidrs=PRIVATE,
            log_bucket=s3.Bucket(stack, "Logs"),
            nat=nat,
        )
        assert [subnet.ipv4_cidr_block for subnet in network.public_subnets] == list(PUBLIC)
        assert [subnet.ipv4_cidr_block for subnet in network.private_subnets] == list(PRIVATE)
