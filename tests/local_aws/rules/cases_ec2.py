"""What EC2 takes and what it refuses."""

from typing import Any

from tests.local_aws.rules.world import Case, World, many

NOWHERE = {name: f"{name}-0123456789abcdef0" for name in ("vpc", "subnet", "igw", "rtb", "sg", "nat", "i", "acl")}


def _tags(number: int) -> list[dict[str, str]]:
    return [{"Key": f"k{each}", "Value": "v"} for each in range(number)]


def _permissions(number: int) -> list[dict[str, Any]]:
    blocks = [{"CidrIp": f"10.{each // 256}.{each % 256}.0/24"} for each in range(number)]
    return [{"IpProtocol": "tcp", "FromPort": 22, "ToPort": 22, "IpRanges": blocks}]


def _subnet(w: World, cidr: str, **more: Any) -> Any:
    return w.ec2.create_subnet(VpcId=w.vpc, CidrBlock=cidr, **more)


def _route(w: World, **more: Any) -> Any:
    return w.ec2.create_route(**{"RouteTableId": w.table, "DestinationCidrBlock": "0.0.0.0/0", **more})


def _no_target(w: World) -> Any:
    return _route(w, DestinationCidrBlock="192.0.2.0/24")


def _group(w: World, **more: Any) -> Any:
    return w.ec2.create_security_group(**{"GroupName": "g", "Description": "d", "VpcId": w.vpc, **more})


def _fill(w: World, name: str, *, less: int = 0) -> range:
    return range(w.quota(name) - less)


def _vpcs(w: World) -> Any:
    return [w.ec2.create_vpc(CidrBlock=f"10.{each}.0.0/16") for each in _fill(w, "vpcs", less=1)]


def _dns(w: World, **more: Any) -> Any:
    return w.ec2.modify_vpc_attribute(VpcId=w.vpc, **more)


def _nat(w: World, **more: Any) -> Any:
    w.gateway  # noqa: B018  # makes it
    return w.ec2.create_nat_gateway(SubnetId=w.subnet, **more)


def _instance(w: World, **more: Any) -> str:
    return str(w.run(**more)["Instances"][0]["InstanceId"])


def _stop(w: World, instance_id: str) -> str:
    w.ec2.stop_instances(InstanceIds=[instance_id])
    return instance_id


def _mapped(w: World) -> Any:
    w.gateway  # noqa: B018  # makes it
    return w.ec2.associate_address(AllocationId=w.address, InstanceId=_instance(w))


def _detach(w: World, **more: Any) -> Any:
    return w.ec2.detach_internet_gateway(**{"InternetGatewayId": w.gateway, "VpcId": w.vpc, **more})


def _endpoint(w: World, **more: Any) -> Any:
    service = f"com.amazonaws.{w.region}.s3"
    return w.ec2.create_vpc_endpoint(**{"VpcId": w.vpc, "ServiceName": service, "RouteTableIds": [w.table], **more})


def _gateways(w: World) -> Any:
    return [w.ec2.create_internet_gateway() for _ in _fill(w, "internet-gateways", less=1)]


IDS = (
    Case(
        "ec2.vpc-exists",
        "InvalidVpcID.NotFound",
        lambda w: w.ec2.create_route_table(VpcId=w.vpc),
        lambda w: w.ec2.create_route_table(VpcId=NOWHERE["vpc"]),
    ),
    Case(
        "ec2.vpc-exists",
        "InvalidVpcID.NotFound",
        lambda w: _subnet(w, "10.0.5.0/24"),
        lambda w: w.ec2.create_subnet(VpcId=NOWHERE["vpc"], CidrBlock="10.0.5.0/24"),
    ),
    Case(
        "ec2.subnet-exists",
        "InvalidSubnetID.NotFound",
        lambda w: w.ec2.associate_route_table(RouteTableId=w.table, SubnetId=w.subnet),
        lambda w: w.ec2.associate_route_table(RouteTableId=w.table, SubnetId=NOWHERE["subnet"]),
    ),
    Case(
        "ec2.endpoint-route-table-exists",
        "InvalidRouteTableID.NotFound",
        _endpoint,
        lambda w: _endpoint(w, RouteTableIds=[NOWHERE["rtb"]]),
    ),
    Case(
        "ec2.route-gateway-exists",
        "InvalidGatewayID.NotFound",
        lambda w: _route(w, GatewayId=w.gateway),
        lambda w: _route(w, GatewayId=NOWHERE["igw"]),
    ),
    Case(
        "ec2.route-nat-exists",
        "NatGatewayNotFound",
        lambda w: _route(w, NatGatewayId=_nat(w, AllocationId=w.address)["NatGateway"]["NatGatewayId"]),
        lambda w: _route(w, NatGatewayId=NOWHERE["nat"], DestinationCidrBlock="10.9.0.0/16"),
    ),
    Case(
        "ec2.route-instance-exists",
        "InvalidInstanceID.NotFound",
        lambda w: _route(w, InstanceId=_instance(w)),
        lambda w: _route(w, InstanceId=NOWHERE["i"], DestinationCidrBlock="10.9.0.0/16"),
    ),
    Case(
        "ec2.rule-group-exists",
        "InvalidGroup.NotFound",
        lambda w: w.permit(IpRanges=[], UserIdGroupPairs=[{"GroupId": w.group}]),
        lambda w: w.permit(IpRanges=[], UserIdGroupPairs=[{"GroupId": NOWHERE["sg"]}]),
    ),
    Case(
        "ec2.flow-log-subject-exists",
        "InvalidVpcID.NotFound",
        lambda w: _flow_log(w, w.vpc),
        lambda w: _flow_log(w, NOWHERE["vpc"]),
    ),
    Case(
        "ec2.instance-exists",
        "InvalidInstanceID.NotFound",
        lambda w: w.ec2.stop_instances(InstanceIds=[_instance(w)]),
        lambda w: w.ec2.stop_instances(InstanceIds=[NOWHERE["i"]]),
    ),
    Case(
        "ec2.instance-id",
        "InvalidInstanceID.Malformed",
        lambda w: w.ec2.reboot_instances(InstanceIds=[_instance(w)]),
        lambda w: w.ec2.reboot_instances(InstanceIds=["i-bastion"]),
    ),
)


def _flow_log(w: World, vpc: str) -> Any:
    where = {"LogDestinationType": "s3", "LogDestination": f"arn:aws:s3:::{w.bucket}"}
    return w.ec2.create_flow_logs(ResourceIds=[vpc], ResourceType="VPC", TrafficType="ALL", **where)


VPCS = (
    Case(
        "ec2.vpc-cidr-is-one",
        "InvalidParameterValue",
        lambda w: w.ec2.create_vpc(CidrBlock="10.0.0.0/16"),
        lambda w: w.ec2.create_vpc(CidrBlock="10.0.0.0"),
    ),
    Case(
        "ec2.vpc-size",
        "InvalidVpc.Range",
        lambda w: w.ec2.create_vpc(CidrBlock="10.0.0.0/16"),
        lambda w: w.ec2.create_vpc(CidrBlock="10.0.0.0/8"),
    ),
    Case(
        "ec2.vpc-size",
        "InvalidVpc.Range",
        lambda w: w.ec2.create_vpc(CidrBlock="10.0.0.0/28"),
        lambda w: w.ec2.create_vpc(CidrBlock="10.0.0.0/30"),
    ),
    Case("ec2.vpcs", "VpcLimitExceeded", _vpcs, lambda w: w.ec2.create_vpc(CidrBlock="10.99.0.0/16")),
    Case(
        "ec2.vpc-tenancy",
        "InvalidParameterValue",
        lambda w: w.ec2.create_vpc(CidrBlock="10.0.0.0/16", InstanceTenancy="dedicated"),
        lambda w: w.ec2.create_vpc(CidrBlock="10.0.0.0/16", InstanceTenancy="host"),
    ),
    Case(
        "ec2.subnet-cidr-is-one",
        "InvalidParameterValue",
        lambda w: _subnet(w, "10.0.0.0/24"),
        lambda w: _subnet(w, "10.0.300.0/24"),
    ),
    Case(
        "ec2.subnet-size",
        "InvalidSubnet.Range",
        lambda w: _subnet(w, "10.0.0.0/28"),
        lambda w: _subnet(w, "10.0.9.0/30"),
    ),
    Case(
        "ec2.subnet-in-vpc",
        "InvalidSubnet.Range",
        lambda w: _subnet(w, "10.0.255.0/24"),
        lambda w: _subnet(w, "10.1.0.0/24"),
    ),
    Case(
        "ec2.subnets-apart",
        "InvalidSubnet.Conflict",
        lambda w: _subnet(w, "10.0.0.0/20"),
        lambda w: _subnet(w, "10.0.15.0/24"),
    ),
    Case(
        "ec2.subnets",
        "SubnetLimitExceeded",
        lambda w: [_subnet(w, f"10.0.{each}.0/24") for each in _fill(w, "subnets")],
        lambda w: _subnet(w, "10.0.250.0/24"),
    ),
    Case(
        "ec2.subnet-zone",
        "InvalidParameterValue",
        lambda w: _subnet(w, "10.0.0.0/24", AvailabilityZone=f"{w.region}a"),
        lambda w: _subnet(w, "10.0.1.0/24", AvailabilityZone=f"{w.region}z"),
    ),
    Case(
        "ec2.dns-hostnames-need-dns",
        "InvalidParameterCombination",
        lambda w: _dns(w, EnableDnsHostnames={"Value": True}),
        lambda w: _dns(w, EnableDnsHostnames={"Value": True}, EnableDnsSupport={"Value": True}),
    ),
    Case(
        "ec2.vpc-in-use",
        "DependencyViolation",
        lambda w: w.ec2.delete_vpc(VpcId=w.other_vpc),
        lambda w: (w.table, w.ec2.delete_vpc(VpcId=w.vpc)),
    ),
)
ROUTES = (
    Case(
        "ec2.route-tables",
        "RouteTableLimitExceeded",
        lambda w: [w.ec2.create_route_table(VpcId=w.vpc) for _ in _fill(w, "route-tables", less=1)],
        lambda w: w.ec2.create_route_table(VpcId=w.vpc),
    ),
    Case(
        "ec2.route-cidr-is-one",
        "InvalidParameterValue",
        lambda w: _route(w, GatewayId=w.gateway, DestinationCidrBlock="192.0.2.0/24"),
        lambda w: _route(w, GatewayId=w.gateway, DestinationCidrBlock="everywhere"),
    ),
    Case(
        "ec2.route-one-target",
        "InvalidParameterCombination",
        lambda w: _route(w, GatewayId=w.gateway),
        lambda w: _route(w, GatewayId=w.gateway, InstanceId=_instance(w), DestinationCidrBlock="192.0.2.0/24"),
    ),
    Case("ec2.route-needs-target", "MissingParameter", lambda w: _route(w, GatewayId=w.gateway), _no_target),
    Case(
        "ec2.routes",
        "RouteLimitExceeded",
        lambda w: [_route(w, GatewayId=w.gateway, DestinationCidrBlock=f"192.0.{n}.0/24") for n in _fill(w, "routes")],
        lambda w: _route(w, GatewayId=w.gateway),
    ),
    Case(
        "ec2.route-gateway-in-vpc",
        "InvalidParameterValue",
        lambda w: _route(w, GatewayId=w.gateway),
        lambda w: _route(w, DestinationCidrBlock="192.0.2.0/24", GatewayId=_loose_gateway(w)),
    ),
    Case(
        "ec2.table-and-subnet-in-one-vpc",
        "InvalidParameterValue",
        lambda w: w.ec2.associate_route_table(RouteTableId=w.table, SubnetId=w.subnet),
        lambda w: w.ec2.associate_route_table(RouteTableId=_table_of(w, w.other_vpc), SubnetId=w.subnet),
    ),
    Case(
        "ec2.one-table-a-subnet",
        "Resource.AlreadyAssociated",
        lambda w: w.ec2.associate_route_table(RouteTableId=w.table, SubnetId=w.subnet),
        lambda w: w.ec2.associate_route_table(RouteTableId=_table_of(w, w.vpc), SubnetId=w.subnet),
    ),
    Case(
        "ec2.route-table-in-use",
        "DependencyViolation",
        lambda w: w.ec2.delete_route_table(RouteTableId=_table_of(w, w.vpc)),
        lambda w: (
            w.ec2.associate_route_table(RouteTableId=w.table, SubnetId=w.subnet),
            w.ec2.delete_route_table(RouteTableId=w.table),
        ),
    ),
)


def _loose_gateway(w: World) -> str:
    return str(w.ec2.create_internet_gateway()["InternetGateway"]["InternetGatewayId"])


def _table_of(w: World, vpc: str) -> str:
    return str(w.ec2.create_route_table(VpcId=vpc)["RouteTable"]["RouteTableId"])


GATEWAYS = (
    Case("ec2.internet-gateways", "InternetGatewayLimitExceeded", _gateways, lambda w: w.ec2.create_internet_gateway()),
    Case(
        "ec2.one-gateway-a-vpc",
        "InvalidParameterValue",
        lambda w: w.gateway,
        lambda w: w.ec2.attach_internet_gateway(InternetGatewayId=_loose_gateway(w), VpcId=w.vpc),
        says="already has an internet gateway attached",
    ),
    Case("ec2.gateway-is-attached", "Gateway.NotAttached", _detach, lambda w: _detach(w, VpcId=w.other_vpc)),
    Case(
        "ec2.gateway-known",
        "InvalidInternetGatewayID.NotFound",
        _detach,
        lambda w: _detach(w, InternetGatewayId=NOWHERE["igw"]),
    ),
    Case(
        "ec2.gateway-has-no-mapped-address",
        "DependencyViolation",
        _detach,
        lambda w: (w.ec2.attach_internet_gateway(InternetGatewayId=w.gateway, VpcId=w.vpc), _mapped(w), _detach(w)),
    ),
    Case(
        "ec2.elastic-ips",
        "AddressLimitExceeded",
        lambda w: [w.ec2.allocate_address(Domain="vpc") for _ in _fill(w, "elastic-ips")],
        lambda w: w.ec2.allocate_address(Domain="vpc"),
    ),
    Case(
        "ec2.nat-gateways",
        "NatGatewayLimitExceeded",
        lambda w: [_nat(w, ConnectivityType="private") for _ in _fill(w, "nat-gateways")],
        lambda w: _nat(w, ConnectivityType="private"),
    ),
    Case(
        "ec2.private-nat-without-address",
        "InvalidParameterCombination",
        lambda w: _nat(w, ConnectivityType="private"),
        lambda w: _nat(w, ConnectivityType="private", AllocationId=w.address),
    ),
    Case("ec2.public-nat-with-address", "MissingParameter", lambda w: _nat(w, AllocationId=w.address), _nat),
    Case(
        "ec2.regional-nat-is-public",
        "InvalidParameterCombination",
        lambda w: (w.gateway, w.ec2.create_nat_gateway(VpcId=w.vpc, AvailabilityMode="regional")),
        lambda w: w.ec2.create_nat_gateway(VpcId=w.vpc, AvailabilityMode="regional", ConnectivityType="private"),
    ),
    Case(
        "ec2.nat-words",
        "InvalidParameterValue",
        lambda w: _nat(w, AllocationId=w.address, ConnectivityType="public"),
        lambda w: _nat(w, ConnectivityType="secret"),
    ),
    Case(
        "ec2.gateway-endpoints",
        "VpcEndpointLimitExceeded",
        lambda w: [_endpoint(w) for _ in _fill(w, "gateway-endpoints")],
        _endpoint,
    ),
    Case(
        "ec2.endpoint-service",
        "InvalidServiceName",
        _endpoint,
        lambda w: _endpoint(w, ServiceName="com.amazonaws.mars.s3"),
    ),
)
GROUPS = (
    Case("ec2.group-name", "InvalidParameterValue", _group, lambda w: _group(w, GroupName="g" * 256)),
    Case("ec2.group-name-prefix", "InvalidParameterValue", _group, lambda w: _group(w, GroupName="sg-mine")),
    Case(
        "ec2.group-description",
        "InvalidParameterValue",
        lambda w: _group(w, Description="SSH from home, and no more!"),
        lambda w: _group(w, GroupName="h", Description="家から"),
    ),
    Case("ec2.group-has-description", "MissingParameter", _group, lambda w: _group(w, GroupName="h", Description="")),
    Case("ec2.group-reserved", "InvalidGroup.Reserved", _group, lambda w: _group(w, GroupName="default")),
    Case(
        "ec2.groups",
        "SecurityGroupLimitExceeded",
        # A VPC has one from the start, and so has the default VPC.
        lambda w: (w.vpc, [_group(w, GroupName=f"g{each}") for each in _fill(w, "groups", less=2)]),
        lambda w: _group(w, GroupName="more"),
    ),
    Case(
        "ec2.rule-cidr",
        "InvalidParameterValue",
        lambda w: w.permit(),
        lambda w: w.permit(IpRanges=[{"CidrIp": "10.0.0.0/33"}]),
    ),
    Case(
        "ec2.rule-ports",
        "InvalidParameterValue",
        lambda w: w.permit(FromPort=1, ToPort=65535),
        lambda w: w.permit(FromPort=80, ToPort=22),
    ),
    Case(
        "ec2.rule-protocol",
        "InvalidParameterValue",
        lambda w: w.permit(IpProtocol="50", FromPort=-1, ToPort=-1),
        lambda w: w.permit(IpProtocol="ssh"),
    ),
    Case(
        "ec2.rule-description",
        "InvalidParameterValue",
        lambda w: w.permit(IpRanges=[{"CidrIp": "10.0.0.0/8", "Description": "from home"}]),
        lambda w: w.permit(IpRanges=[{"CidrIp": "10.1.0.0/16", "Description": "<home>"}]),
    ),
    Case(
        "ec2.group-rules-in",
        "RulesPerSecurityGroupLimitExceeded",
        lambda w: w.ec2.authorize_security_group_ingress(GroupId=w.group, IpPermissions=_permissions(60)),
        lambda w: w.permit(),
    ),
    Case(
        "ec2.group-rules-out",
        "RulesPerSecurityGroupLimitExceeded",
        # It has one from the start, that lets everything out.
        lambda w: w.ec2.authorize_security_group_egress(GroupId=w.group, IpPermissions=_permissions(59)),
        lambda w: w.permit(egress=True),
    ),
    Case(
        "ec2.rule-once-in",
        "InvalidPermission.Duplicate",
        lambda w: w.permit(),
        lambda w: w.permit(),
    ),
    Case(
        "ec2.rule-once-out",
        "InvalidPermission.Duplicate",
        lambda w: w.permit(egress=True),
        lambda w: w.permit(egress=True),
    ),
)
ACLS = (
    Case(
        "ec2.acls",
        "NetworkAclLimitExceeded",
        lambda w: [w.ec2.create_network_acl(VpcId=w.vpc) for _ in _fill(w, "acls", less=1)],
        lambda w: w.ec2.create_network_acl(VpcId=w.vpc),
    ),
    Case(
        "ec2.acl-rule-number",
        "InvalidParameterValue",
        lambda w: w.acl_entry(RuleNumber=32766),
        lambda w: w.acl_entry(RuleNumber=32767),
    ),
    Case(
        "ec2.acl-cidr",
        "InvalidParameterValue",
        lambda w: w.acl_entry(),
        lambda w: w.acl_entry(RuleNumber=110, CidrBlock="0.0.0.0/99"),
    ),
    Case(
        "ec2.acl-action",
        "InvalidParameterValue",
        lambda w: w.acl_entry(RuleAction="deny"),
        lambda w: w.acl_entry(RuleNumber=110, RuleAction="drop"),
    ),
    Case(
        "ec2.acl-protocol",
        "InvalidParameterValue",
        lambda w: w.acl_entry(Protocol="-1"),
        lambda w: w.acl_entry(RuleNumber=110, Protocol="256"),
    ),
    Case(
        "ec2.acl-ports",
        "InvalidParameterValue",
        lambda w: w.acl_entry(PortRange={"From": 1024, "To": 65535}),
        lambda w: w.acl_entry(RuleNumber=110, PortRange={"From": 1024, "To": 70000}),
    ),
    Case(
        "ec2.acl-rules",
        "NetworkAclEntryLimitExceeded",
        # The last rule, which denies, is one of the twenty.
        lambda w: many(19, lambda number: w.acl_entry(RuleNumber=number + 1)),
        lambda w: w.acl_entry(RuleNumber=20),
    ),
)


def _third_starts(w: World) -> Any:
    third = _stop(w, _instance(w))
    w.run()
    return w.ec2.start_instances(InstanceIds=[third])


INSTANCES = (
    Case("ec2.instance-type", "InvalidParameterValue", lambda w: w.run(), lambda w: w.run(InstanceType="t9.micro")),
    Case(
        "ec2.changed-instance-type",
        "InvalidInstanceAttributeValue",
        lambda w: _change_type(w, "t3.small"),
        lambda w: _change_type(w, "t9.micro"),
    ),
    Case("ec2.vcpu", "VcpuLimitExceeded", lambda w: many(2, lambda _: w.run()), lambda w: w.run()),
    Case("ec2.vcpu", "VcpuLimitExceeded", lambda w: w.run(InstanceType="m5.xlarge"), lambda w: w.run()),
    Case(
        "ec2.vcpu-at-start",
        "VcpuLimitExceeded",
        lambda w: w.ec2.start_instances(InstanceIds=[_stop(w, _instance(w))]),
        _third_starts,
    ),
    Case("ec2.image-id", "InvalidAMIID.Malformed", lambda w: w.run(), lambda w: w.run(ImageId="ami-ubuntu")),
    Case(
        "ec2.instance-counts",
        "InvalidParameterValue",
        lambda w: w.run(MinCount=1, MaxCount=1),
        lambda w: w.run(MinCount=2, MaxCount=1),
    ),
    Case(
        "ec2.instance-zone",
        "InvalidParameterValue",
        lambda w: w.run(Placement={"AvailabilityZone": f"{w.region}a"}),
        lambda w: w.run(Placement={"AvailabilityZone": f"{w.region}z"}),
    ),
    Case(
        "ec2.groups-of-interface",
        "SecurityGroupsPerInterfaceLimitExceeded",
        lambda w: w.run(SecurityGroupIds=_groups(w, 5)),
        lambda w: w.run(SecurityGroupIds=[*_groups(w, 5, first=5), w.group]),
    ),
    Case(
        "ec2.interface-or-subnet",
        "InvalidParameterCombination",
        lambda w: w.run(SecurityGroupIds=[w.group]),
        lambda w: w.run(NetworkInterfaces=[{"DeviceIndex": 0, "SubnetId": w.subnet}]),
    ),
    Case(
        "ec2.groups-in-vpc",
        "InvalidParameter",
        lambda w: w.run(SecurityGroupIds=[w.group]),
        lambda w: w.run(SecurityGroupIds=[_group(w, VpcId=w.other_vpc)["GroupId"]]),
    ),
    Case(
        "ec2.volume-type",
        "UnknownVolumeType",
        lambda w: w.volume(VolumeType="gp3"),
        lambda w: w.volume(VolumeType="gp9"),
    ),
    Case(
        "ec2.volume-boots",
        "BootForVolumeTypeUnsupported",
        lambda w: w.volume(VolumeType="gp2"),
        lambda w: w.volume(VolumeType="st1", VolumeSize=200),
    ),
    Case(
        "ec2.volume-size",
        "InvalidParameterValue",
        lambda w: w.volume(VolumeType="gp2", VolumeSize=16384),
        lambda w: w.volume(VolumeType="gp2", VolumeSize=16385),
    ),
    Case(
        "ec2.volume-holds-image",
        "InvalidBlockDeviceMapping",
        lambda w: w.volume(VolumeSize=8),
        lambda w: w.volume(VolumeSize=4),
    ),
    Case(
        "ec2.volume-iops",
        "InvalidParameterCombination",
        lambda w: w.volume(VolumeType="gp3", Iops=3000),
        lambda w: w.volume(VolumeType="gp2", Iops=3000),
    ),
    Case(
        "ec2.metadata-hops",
        "InvalidParameterValue",
        lambda w: w.run(MetadataOptions={"HttpPutResponseHopLimit": 64}),
        lambda w: w.run(MetadataOptions={"HttpPutResponseHopLimit": 65}),
    ),
    Case(
        "ec2.metadata-words",
        "InvalidParameterValue",
        lambda w: w.run(MetadataOptions={"HttpTokens": "required"}),
        lambda w: w.run(MetadataOptions={"HttpTokens": "always"}),
    ),
    Case(
        "ec2.cpu-credits",
        "InvalidCpuCredits",
        lambda w: w.run(CreditSpecification={"CpuCredits": "standard"}),
        lambda w: w.run(CreditSpecification={"CpuCredits": "endless"}),
    ),
    Case(
        "ec2.shutdown-words",
        "InvalidParameterValue",
        lambda w: w.run(InstanceInitiatedShutdownBehavior="terminate"),
        lambda w: w.run(InstanceInitiatedShutdownBehavior="sleep"),
    ),
    Case(
        "ec2.key-name",
        "InvalidParameterValue",
        lambda w: w.ec2.create_key_pair(KeyName="k" * 255),
        lambda w: w.ec2.create_key_pair(KeyName="鍵"),
    ),
)


def _change_type(w: World, wanted: str) -> Any:
    stopped = _stop(w, _instance(w))
    return w.ec2.modify_instance_attribute(InstanceId=stopped, InstanceType={"Value": wanted})


def _groups(w: World, number: int, *, first: int = 0) -> list[str]:
    return [str(_group(w, GroupName=f"g{first + each}")["GroupId"]) for each in range(number)]


TAGS_AND_PAGES = (
    Case(
        "ec2.tag-aws",
        "InvalidParameterValue",
        lambda w: w.ec2.create_tags(Resources=[w.vpc], Tags=[{"Key": "Name", "Value": "mine"}]),
        lambda w: w.ec2.create_tags(Resources=[w.vpc], Tags=[{"Key": "aws:mine", "Value": "mine"}]),
        says="reserved for internal use",
    ),
    Case(
        "ec2.tag-key",
        "InvalidParameterValue",
        lambda w: w.ec2.create_tags(Resources=[w.vpc], Tags=[{"Key": "k" * 127, "Value": ""}]),
        lambda w: w.ec2.create_tags(Resources=[w.vpc], Tags=[{"Key": "k" * 129, "Value": ""}]),
    ),
    Case(
        "ec2.tag-value",
        "InvalidParameterValue",
        lambda w: w.ec2.create_tags(Resources=[w.vpc], Tags=[{"Key": "k", "Value": "v" * 256}]),
        lambda w: w.ec2.create_tags(Resources=[w.vpc], Tags=[{"Key": "k", "Value": "v" * 257}]),
    ),
    Case(
        "ec2.tag-twice",
        "InvalidParameterValue",
        lambda w: w.ec2.create_tags(Resources=[w.vpc], Tags=_tags(2)),
        lambda w: w.ec2.create_tags(Resources=[w.vpc], Tags=_tags(1) * 2),
    ),
    Case(
        "ec2.tags",
        "TagLimitExceeded",
        lambda w: w.ec2.create_tags(Resources=[w.vpc], Tags=_tags(50)),
        lambda w: w.ec2.create_tags(Resources=[w.vpc], Tags=[{"Key": "one more", "Value": ""}]),
    ),
    Case(
        "ec2.max-results",
        "InvalidParameterValue",
        lambda w: w.ec2.describe_subnets(MaxResults=5),
        lambda w: w.ec2.describe_instances(MaxResults=1),
    ),
    Case(
        "ec2.ids-or-pages",
        "InvalidParameterCombination",
        lambda w: w.ec2.describe_instances(MaxResults=5),
        lambda w: w.ec2.describe_instances(MaxResults=5, InstanceIds=[_instance(w)]),
    ),
)
CASES = (*IDS, *VPCS, *ROUTES, *GATEWAYS, *GROUPS, *ACLS, *INSTANCES, *TAGS_AND_PAGES)
