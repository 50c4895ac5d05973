"""Each claim of `lab verify` holds on what was deployed, and fails alone when its resource is changed behind it."""

import base64
import json
import shlex
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import pytest
from awscli.clidriver import create_clidriver

from lab.checks import all_checks, run
from lab.checks.policy import policy_document
from lab.checks.access import role as role_name
from lab.checks.bastion import bastion, look
from lab.deployed import Deployed

Break = Callable[[Deployed], Iterator[None]]
BREAKS: dict[str, Break] = {}


def breaks(check_id: str) -> Callable[[Break], Break]:
    """Register a generator that breaks a claim, yields, and mends it."""

    def register(function: Break) -> Break:
        BREAKS[check_id] = function
        return function

    return register


def failing(aws: Deployed) -> set[str]:
    return {verdict.check.id for verdict in run(aws) if not verdict.holds}


@pytest.fixture(scope="module")
def stacks(learning_stack: Deployed, operators_stack: Deployed) -> dict[str, Deployed]:
    return {"LearningStack": learning_stack, "OperatorsStack": operators_stack}


ALL = [(stack, check.id) for stack in ("LearningStack", "OperatorsStack") for check in all_checks(stack)]


def test_every_claim_holds_after_a_deploy(stacks: dict[str, Deployed]) -> None:
    assert {name: failing(aws) for name, aws in stacks.items()} == {"LearningStack": set(), "OperatorsStack": set()}


@pytest.mark.parametrize(("stack", "check_id"), ALL, ids=[check_id for _, check_id in ALL])
def test_exactly_the_broken_claim_fails(stacks: dict[str, Deployed], stack: str, check_id: str) -> None:
    aws = stacks[stack]
    with contextmanager(BREAKS[check_id])(aws):
        found = failing(aws)
    assert found == {check_id}
    assert failing(aws) == set()


# --- chapter 3


@breaks("vpc")
def _(aws: Deployed) -> Iterator[None]:
    vpc_id = aws.outputs["VpcId"]
    aws.ec2.modify_vpc_attribute(VpcId=vpc_id, EnableDnsHostnames={"Value": False})
    yield
    aws.ec2.modify_vpc_attribute(VpcId=vpc_id, EnableDnsHostnames={"Value": True})


@breaks("subnets")
def _(aws: Deployed) -> Iterator[None]:
    subnet = aws.ec2.create_subnet(VpcId=aws.outputs["VpcId"], CidrBlock="10.0.9.0/24")["Subnet"]
    yield
    aws.ec2.delete_subnet(SubnetId=subnet["SubnetId"])


@breaks("no-automatic-addresses")
def _(aws: Deployed) -> Iterator[None]:
    subnet_id = aws.one("AWS::EC2::Subnet", "learning-public-2").id
    aws.ec2.modify_subnet_attribute(SubnetId=subnet_id, MapPublicIpOnLaunch={"Value": True})
    yield
    aws.ec2.modify_subnet_attribute(SubnetId=subnet_id, MapPublicIpOnLaunch={"Value": False})


@breaks("route-tables")
def _(aws: Deployed) -> Iterator[None]:
    """Give private subnet 1 a route table from elsewhere, which leads to the same NAT gateway."""
    subnet_id = aws.one("AWS::EC2::Subnet", "learning-private-1").id
    own = aws.one("AWS::EC2::RouteTable", "learning-private-1").id
    other = aws.ec2.create_route_table(VpcId=aws.outputs["VpcId"])["RouteTable"]["RouteTableId"]
    nat = aws.one("AWS::EC2::NatGateway", "learning-public-1").id
    aws.ec2.create_route(RouteTableId=other, DestinationCidrBlock="0.0.0.0/0", NatGatewayId=nat)
    associations = aws.ec2.describe_route_tables(RouteTableIds=[own])["RouteTables"][0]["Associations"]
    association = next(each["RouteTableAssociationId"] for each in associations if each.get("SubnetId") == subnet_id)
    moved = aws.ec2.replace_route_table_association(AssociationId=association, RouteTableId=other)["NewAssociationId"]
    yield
    aws.ec2.replace_route_table_association(AssociationId=moved, RouteTableId=own)
    aws.ec2.delete_route_table(RouteTableId=other)


@breaks("public-routes")
def _(aws: Deployed) -> Iterator[None]:
    table = aws.one("AWS::EC2::RouteTable", "learning-public-1").id
    aws.ec2.delete_route(RouteTableId=table, DestinationCidrBlock="0.0.0.0/0")
    yield
    gateway = aws.one("AWS::EC2::InternetGateway").id
    aws.ec2.create_route(RouteTableId=table, DestinationCidrBlock="0.0.0.0/0", GatewayId=gateway)


@breaks("private-routes")
def _(aws: Deployed) -> Iterator[None]:
    """Send private subnet 1 through the NAT gateway of the other zone."""
    table = aws.one("AWS::EC2::RouteTable", "learning-private-1").id
    own, other = (aws.one("AWS::EC2::NatGateway", f"learning-public-{number}").id for number in (1, 2))
    aws.ec2.replace_route(RouteTableId=table, DestinationCidrBlock="0.0.0.0/0", NatGatewayId=other)
    yield
    aws.ec2.replace_route(RouteTableId=table, DestinationCidrBlock="0.0.0.0/0", NatGatewayId=own)


@breaks("nat-gateways")
def _(aws: Deployed) -> Iterator[None]:
    """Make one more NAT gateway, which nobody asked for."""
    subnet_id = aws.one("AWS::EC2::Subnet", "learning-public-1").id
    gateway = aws.ec2.create_nat_gateway(SubnetId=subnet_id, ConnectivityType="private")["NatGateway"]["NatGatewayId"]
    yield
    aws.ec2.delete_nat_gateway(NatGatewayId=gateway)


@breaks("s3-endpoint")
def _(aws: Deployed) -> Iterator[None]:
    endpoint = aws.one("AWS::EC2::VPCEndpoint").id
    table = aws.one("AWS::EC2::RouteTable", "learning-private-2").id
    aws.ec2.modify_vpc_endpoint(VpcEndpointId=endpoint, RemoveRouteTableIds=[table])
    yield
    aws.ec2.modify_vpc_endpoint(VpcEndpointId=endpoint, AddRouteTableIds=[table])


@breaks("flow-logs")
def _(aws: Deployed) -> Iterator[None]:
    made = aws.ec2.create_flow_logs(
        ResourceIds=[aws.outputs["VpcId"]],
        ResourceType="VPC",
        TrafficType="REJECT",
        LogDestinationType="s3",
        LogDestination="arn:aws:s3:::elsewhere",
    )
    yield
    aws.ec2.delete_flow_logs(FlowLogIds=made["FlowLogIds"])


# --- chapter 4


@breaks("operators-policy")
def _(aws: Deployed) -> Iterator[None]:
    arn = aws.one("AWS::IAM::ManagedPolicy").id
    before = policy_document(aws, arn)
    anything = {"Version": "2012-10-17", "Statement": [{"Effect": "Allow", "Action": "ec2:*", "Resource": "*"}]}
    made = aws.iam.create_policy_version(PolicyArn=arn, PolicyDocument=json.dumps(anything), SetAsDefault=True)
    yield
    aws.iam.create_policy_version(PolicyArn=arn, PolicyDocument=json.dumps(before), SetAsDefault=True)
    aws.iam.delete_policy_version(PolicyArn=arn, VersionId=made["PolicyVersion"]["VersionId"])


@breaks("operators-group")
def _(aws: Deployed) -> Iterator[None]:
    group = aws.outputs["GroupName"]
    aws.iam.remove_user_from_group(GroupName=group, UserName="alice")
    yield
    aws.iam.add_user_to_group(GroupName=group, UserName="alice")


@breaks("operators-have-no-keys")
def _(aws: Deployed) -> Iterator[None]:
    key = aws.iam.create_access_key(UserName="bob")["AccessKey"]["AccessKeyId"]
    yield
    aws.iam.delete_access_key(UserName="bob", AccessKeyId=key)


# --- chapters 7 and 9


def changed_lifecycle(aws: Deployed, rule_id: str, **changes: object) -> Iterator[None]:
    bucket = aws.outputs["BucketName"]
    rules: Any = aws.s3.get_bucket_lifecycle_configuration(Bucket=bucket)["Rules"]
    changed: Any = [{**rule, **(changes if rule["ID"] == rule_id else {})} for rule in rules]
    aws.s3.put_bucket_lifecycle_configuration(Bucket=bucket, LifecycleConfiguration={"Rules": changed})
    yield
    aws.s3.put_bucket_lifecycle_configuration(Bucket=bucket, LifecycleConfiguration={"Rules": rules})


@breaks("archive-moves-to-glacier")
def _(aws: Deployed) -> Iterator[None]:
    """Move everything to Glacier, as the primer's sentence could be read: the mount could not read it any more."""
    yield from changed_lifecycle(aws, "archive-to-glacier", Filter={"Prefix": ""})


@breaks("leftovers-are-deleted")
def _(aws: Deployed) -> Iterator[None]:
    yield from changed_lifecycle(aws, "abort-unfinished-uploads", Status="Disabled")


@breaks("nothing-is-public")
def _(aws: Deployed) -> Iterator[None]:
    bucket = aws.outputs["BucketName"]
    before = aws.s3.get_public_access_block(Bucket=bucket)["PublicAccessBlockConfiguration"]
    aws.s3.put_public_access_block(Bucket=bucket, PublicAccessBlockConfiguration={**before, "BlockPublicPolicy": False})
    yield
    aws.s3.put_public_access_block(Bucket=bucket, PublicAccessBlockConfiguration=before)


@breaks("acls-are-disabled")
def _(aws: Deployed) -> Iterator[None]:
    bucket = aws.outputs["LogBucketName"]
    for ownership in ("ObjectWriter", "BucketOwnerEnforced"):
        controls: Any = {"Rules": [{"ObjectOwnership": ownership}]}
        aws.s3.put_bucket_ownership_controls(Bucket=bucket, OwnershipControls=controls)
        if ownership == "ObjectWriter":
            yield


@breaks("encrypted-at-rest")
def _(aws: Deployed) -> Iterator[None]:
    bucket = aws.outputs["BucketName"]
    for algorithm in ("aws:kms", "AES256"):
        rules: Any = {"Rules": [{"ApplyServerSideEncryptionByDefault": {"SSEAlgorithm": algorithm}}]}
        aws.s3.put_bucket_encryption(Bucket=bucket, ServerSideEncryptionConfiguration=rules)
        if algorithm == "aws:kms":
            yield


@breaks("tls-only")
def _(aws: Deployed) -> Iterator[None]:
    bucket = aws.outputs["BucketName"]
    before = aws.s3.get_bucket_policy(Bucket=bucket)["Policy"]
    aws.s3.delete_bucket_policy(Bucket=bucket)
    yield
    aws.s3.put_bucket_policy(Bucket=bucket, Policy=before)


@breaks("versioning")
def _(aws: Deployed) -> Iterator[None]:
    bucket = aws.outputs["BucketName"]
    aws.s3.put_bucket_versioning(Bucket=bucket, VersioningConfiguration={"Status": "Suspended"})
    yield
    aws.s3.put_bucket_versioning(Bucket=bucket, VersioningConfiguration={"Status": "Enabled"})


@breaks("access-logs")
def _(aws: Deployed) -> Iterator[None]:
    bucket = aws.outputs["BucketName"]
    before: Any = {"LoggingEnabled": aws.s3.get_bucket_logging(Bucket=bucket)["LoggingEnabled"]}
    aws.s3.put_bucket_logging(Bucket=bucket, BucketLoggingStatus={})
    yield
    aws.s3.put_bucket_logging(Bucket=bucket, BucketLoggingStatus=before)


# --- chapter 8


@breaks("bastion-runs")
def _(aws: Deployed) -> Iterator[None]:
    aws.ec2.stop_instances(InstanceIds=[bastion(aws).id])
    yield
    aws.ec2.start_instances(InstanceIds=[bastion(aws).id])


@breaks("bastion-has-an-elastic-ip")
def _(aws: Deployed) -> Iterator[None]:
    address = aws.ec2.describe_addresses(PublicIps=[aws.outputs["BastionAddress"]])["Addresses"][0]
    aws.ec2.disassociate_address(AssociationId=address["AssociationId"])
    yield
    aws.ec2.associate_address(AllocationId=address["AllocationId"], InstanceId=bastion(aws).id)


@breaks("root-volume-is-encrypted")
def _(aws: Deployed) -> Iterator[None]:
    volume = look(aws, bastion(aws))["BlockDeviceMappings"][0]["Ebs"]["VolumeId"]
    aws.ec2.modify_volume(VolumeId=volume, VolumeType="gp2")
    yield
    aws.ec2.modify_volume(VolumeId=volume, VolumeType="gp3")


@breaks("bastion-is-tagged")
def _(aws: Deployed) -> Iterator[None]:
    aws.ec2.create_tags(Resources=[bastion(aws).id], Tags=[{"Key": "Role", "Value": "intruder"}])
    yield
    aws.ec2.create_tags(Resources=[bastion(aws).id], Tags=[{"Key": "Role", "Value": "bastion"}])


@breaks("bastion-is-behind-its-group")
def _(aws: Deployed) -> Iterator[None]:
    own = aws.one("AWS::EC2::SecurityGroup", "learning-bastion").id
    aws.ec2.modify_instance_attribute(InstanceId=bastion(aws).id, Groups=[own, aws.outputs["WebGroupId"]])
    yield
    aws.ec2.modify_instance_attribute(InstanceId=bastion(aws).id, Groups=[own])


@breaks("key-is-in-parameter-store")
def _(aws: Deployed) -> Iterator[None]:
    key = aws.ec2.describe_key_pairs(KeyNames=[aws.one("AWS::EC2::KeyPair").id])["KeyPairs"][0]
    name = f"/ec2/keypair/{key['KeyPairId']}"
    secret = aws.ssm.get_parameter(Name=name, WithDecryption=True)["Parameter"]["Value"]
    aws.ssm.delete_parameter(Name=name)
    yield
    aws.ssm.put_parameter(Name=name, Value=secret, Type="SecureString")


@breaks("imdsv2-only")
def _(aws: Deployed) -> Iterator[None]:
    aws.ec2.modify_instance_metadata_options(InstanceId=bastion(aws).id, HttpTokens="optional")
    yield
    aws.ec2.modify_instance_metadata_options(InstanceId=bastion(aws).id, HttpTokens="required")


@breaks("first-boot-mounts-the-bucket")
def _(aws: Deployed) -> Iterator[None]:
    before = aws.ec2.describe_instance_attribute(InstanceId=bastion(aws).id, Attribute="userData")["UserData"]["Value"]
    for text in (b"#cloud-config\n", base64.b64decode(before)):
        aws.ec2.stop_instances(InstanceIds=[bastion(aws).id])
        aws.ec2.modify_instance_attribute(InstanceId=bastion(aws).id, UserData={"Value": text})
        aws.ec2.start_instances(InstanceIds=[bastion(aws).id])
        if text == b"#cloud-config\n":
            yield


@breaks("private-host-is-private")
def _(aws: Deployed) -> Iterator[None]:
    host = look(aws, aws.one("AWS::EC2::Instance", "learning-private-host"))
    group = host["SecurityGroups"][0]["GroupId"]
    rule: Any = [{"IpProtocol": "tcp", "FromPort": 22, "ToPort": 22, "IpRanges": [{"CidrIp": "0.0.0.0/0"}]}]
    aws.ec2.authorize_security_group_ingress(GroupId=group, IpPermissions=rule)
    yield
    aws.ec2.revoke_security_group_ingress(GroupId=group, IpPermissions=rule)


# --- chapter 10-1


@breaks("role-is-for-the-bastion")
def _(aws: Deployed) -> Iterator[None]:
    role = role_name(aws)
    trust: Any = aws.iam.get_role(RoleName=role)["Role"]["AssumeRolePolicyDocument"]
    everyone = {"Effect": "Allow", "Action": "sts:AssumeRole", "Principal": {"AWS": "*"}}
    wider = {**trust, "Statement": [*trust["Statement"], everyone]}
    aws.iam.update_assume_role_policy(RoleName=role, PolicyDocument=json.dumps(wider))
    yield
    aws.iam.update_assume_role_policy(RoleName=role, PolicyDocument=json.dumps(trust))


@breaks("role-has-least-privilege")
def _(aws: Deployed) -> Iterator[None]:
    """Do what the primer does: attach full access to S3."""
    role = role_name(aws)
    full = {"Version": "2012-10-17", "Statement": [{"Effect": "Allow", "Action": "s3:*", "Resource": "*"}]}
    aws.iam.put_role_policy(RoleName=role, PolicyName="FullAccess", PolicyDocument=json.dumps(full))
    yield
    aws.iam.delete_role_policy(RoleName=role, PolicyName="FullAccess")


# --- chapter 12


def opened(aws: Deployed, group_id: str, port: int) -> Iterator[None]:
    rule: Any = [{"IpProtocol": "tcp", "FromPort": port, "ToPort": port, "IpRanges": [{"CidrIp": "0.0.0.0/0"}]}]
    aws.ec2.authorize_security_group_ingress(GroupId=group_id, IpPermissions=rule)
    yield
    aws.ec2.revoke_security_group_ingress(GroupId=group_id, IpPermissions=rule)


@breaks("ssh-is-restricted")
def _(aws: Deployed) -> Iterator[None]:
    yield from opened(aws, aws.one("AWS::EC2::SecurityGroup", "learning-bastion").id, 22)


@breaks("web-ports")
def _(aws: Deployed) -> Iterator[None]:
    yield from opened(aws, aws.outputs["WebGroupId"], 8080)


@breaks("database-port")
def _(aws: Deployed) -> Iterator[None]:
    yield from opened(aws, aws.outputs["DatabaseGroupId"], 3306)


@breaks("outbound-is-limited")
def _(aws: Deployed) -> Iterator[None]:
    everything: Any = [{"IpProtocol": "-1", "IpRanges": [{"CidrIp": "0.0.0.0/0"}]}]
    aws.ec2.authorize_security_group_egress(GroupId=aws.outputs["DatabaseGroupId"], IpPermissions=everything)
    yield
    aws.ec2.revoke_security_group_egress(GroupId=aws.outputs["DatabaseGroupId"], IpPermissions=everything)


@breaks("public-acl")
def _(aws: Deployed) -> Iterator[None]:
    """Take away the rule that denies MySQL before the wide rule for replies allows it."""
    acl = aws.one("AWS::EC2::NetworkAcl", "learning-public").id
    aws.ec2.delete_network_acl_entry(NetworkAclId=acl, RuleNumber=160, Egress=False)
    yield
    aws.ec2.create_network_acl_entry(
        NetworkAclId=acl,
        RuleNumber=160,
        Egress=False,
        Protocol="6",
        RuleAction="deny",
        CidrBlock="0.0.0.0/0",
        PortRange={"From": 3306, "To": 3306},
    )


@breaks("private-acl")
def _(aws: Deployed) -> Iterator[None]:
    """Narrow the ports for replies, the classic mistake with a stateless firewall."""
    acl = aws.one("AWS::EC2::NetworkAcl", "learning-private").id
    for first in (32768, 1024):
        aws.ec2.replace_network_acl_entry(
            NetworkAclId=acl,
            RuleNumber=200,
            Egress=False,
            Protocol="6",
            RuleAction="allow",
            CidrBlock="0.0.0.0/0",
            PortRange={"From": first, "To": 65535},
        )
        if first != 1024:
            yield


@breaks("acls-guard-their-subnets")
def _(aws: Deployed) -> Iterator[None]:
    """Put private subnet 2 behind the public ACL."""
    public, private = (aws.one("AWS::EC2::NetworkAcl", f"learning-{kind}").id for kind in ("public", "private"))
    subnet_id = aws.one("AWS::EC2::Subnet", "learning-private-2").id
    associations = aws.ec2.describe_network_acls(NetworkAclIds=[private])["NetworkAcls"][0]["Associations"]
    association = next(a["NetworkAclAssociationId"] for a in associations if a["SubnetId"] == subnet_id)
    moved = aws.ec2.replace_network_acl_association(AssociationId=association, NetworkAclId=public)["NewAssociationId"]
    yield
    aws.ec2.replace_network_acl_association(AssociationId=moved, NetworkAclId=private)


# --- the commands that show what a claim is about


@pytest.mark.parametrize(("stack", "check_id"), ALL, ids=[check_id for _, check_id in ALL])
def test_the_aws_cli_command_of_each_claim_works(
    stacks: dict[str, Deployed], stack: str, check_id: str, capfd: pytest.CaptureFixture[str]
) -> None:
    aws = stacks[stack]
    check = next(check for check in all_checks(stack) if check.id == check_id)
    status = create_clidriver().main([*shlex.split(check.command.format_map(aws.outputs))[1:], "--output", "json"])
    printed, errors = capfd.readouterr()
    assert (status, errors) == (0, "")
    shown = json.loads(printed)
    assert shown, "the command shows nothing"
    assert not isinstance(shown, dict) or any(shown.values()), "the command shows nothing"
