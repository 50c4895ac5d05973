"""Each claim of `lab verify` holds on what was deployed, and fails alone when its resource is changed behind it."""

import base64
import json
import shlex
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import cache
from typing import Any

import pytest
from awscli.clidriver import CLIDriver, create_clidriver
from typer.testing import CliRunner

from lab.checks import all_checks, command, run
from lab.checks.access import role as role_name
from lab.checks.bastion import bastion, described
from lab.checks.check import CHECKS, Check
from lab.checks.policy import permissions, policy_document
from lab.checks.real_account import in_a_real_account
from lab.cli import app
from lab.local_aws import lifecycle
from lab.template.deployed import Deployed
from lab.template.reader import Resource
from lab.terminal.problem import ProblemError
from tests.local_aws.server import deployed_in

Break = Callable[[Deployed], Iterator[None]]
# By claim: what breaks it, and the claims about reachability for which that is the end, too.
BREAKS: dict[str, list[tuple[Break, set[str]]]] = {}


def breaks(check_id: str, *also: str) -> Callable[[Break], Break]:
    """Register a generator that breaks a claim, yields, and mends it. A claim may break in several ways.

    ``also`` are the claims that say what follows from this one: who reaches whom by all rules together.
    """

    def register(function: Break) -> Break:
        BREAKS.setdefault(check_id, []).append((function, {*also}))
        return function

    return register


def failing(aws: Deployed) -> dict[str, tuple[list[str], list[str]]]:
    """Return the claims that do not hold: what is missing and what is surplus."""
    return {verdict.check.id: (verdict.missing, verdict.surplus) for verdict in run(aws) if not verdict.holds}


def answering(client: Any, operation: str, change: Callable[[Any], object]) -> Iterator[None]:
    """Let ``change`` edit each answer to an operation: for what real AWS may say, and the local one never does."""
    event = f"after-call.{client.meta.service_model.service_name}.{operation}"

    def edit(parsed: Any, **_: object) -> None:
        change(parsed)

    client.meta.events.register(event, edit)
    yield
    client.meta.events.unregister(event, edit)


WITH_NAT_INSTANCE, WITHOUT_NAT = "LearningStack with a NAT instance", "LearningStack without NAT"
ACCOUNTS = {WITH_NAT_INSTANCE: "222222222222", WITHOUT_NAT: "222222222223"}


@pytest.fixture(scope="module")
def nat_instance_stack(local_aws: lifecycle.Server, template: Callable[..., dict[str, Any]]) -> Deployed:  # noqa: ARG001
    return deployed_in(ACCOUNTS[WITH_NAT_INSTANCE], template(nat="instance"))


@pytest.fixture(scope="module")
def no_nat_stack(local_aws: lifecycle.Server, template: Callable[..., dict[str, Any]]) -> Deployed:  # noqa: ARG001
    return deployed_in(ACCOUNTS[WITHOUT_NAT], template(nat="none"))


@pytest.fixture(scope="module")
def stacks(
    learning_stack: Deployed,
    operators_stack: Deployed,
    budget_stack: Deployed,
    nat_instance_stack: Deployed,
    no_nat_stack: Deployed,
) -> dict[str, Deployed]:
    return {
        "LearningStack": learning_stack,
        "OperatorsStack": operators_stack,
        "BudgetStack": budget_stack,
        WITH_NAT_INSTANCE: nat_instance_stack,
        WITHOUT_NAT: no_nat_stack,
    }


# Claims that a stack makes only with that choice of NAT.
BY_NAT = {"nat-instance": WITH_NAT_INSTANCE, "nothing-but-s3": WITHOUT_NAT, "a-zone-may-fail": "LearningStack"}
ALL = [
    (BY_NAT.get(check.id, stack), check.id)
    for stack in ("LearningStack", "OperatorsStack", "BudgetStack")
    for check in all_checks(stack)
    if check.when is not in_a_real_account  # test_real_account.py has those
]


def test_every_claim_holds_after_a_deploy(stacks: dict[str, Deployed]) -> None:
    assert {name: failing(aws) for name, aws in stacks.items()} == {name: {} for name in stacks}


def test_claims_about_one_choice_of_nat_are_made_only_there(stacks: dict[str, Deployed]) -> None:
    made = {name: {verdict.check.id for verdict in run(aws)} & {*BY_NAT} for name, aws in stacks.items()}
    beside: dict[str, set[str]] = {"OperatorsStack": set(), "BudgetStack": set()}
    assert made == {**beside, **{name: {check_id} for check_id, name in BY_NAT.items()}}


@pytest.mark.parametrize(("stack", "check_id"), ALL, ids=[check_id for _, check_id in ALL])
def test_exactly_the_broken_claim_fails(stacks: dict[str, Deployed], stack: str, check_id: str) -> None:
    aws = stacks[stack]
    for broken, also in BREAKS[check_id]:
        with contextmanager(broken)(aws):
            found = failing(aws)
        # What is changed behind the stack's back is drift, too; that check sees a part of it.
        assert found.keys() - {"no-drift"} == {check_id, *also} - {"no-drift"}, broken.__doc__
        assert check_id in found, broken.__doc__
        assert failing(aws) == {}


# --- chapter 3


@breaks("vpc")
def _(aws: Deployed) -> Iterator[None]:
    vpc_id = aws.outputs["VpcId"]
    aws.ec2.modify_vpc_attribute(VpcId=vpc_id, EnableDnsHostnames={"Value": False})
    yield
    aws.ec2.modify_vpc_attribute(VpcId=vpc_id, EnableDnsHostnames={"Value": True})


@breaks("subnets", "s3-by-the-endpoint")
def _(aws: Deployed) -> Iterator[None]:
    subnet = aws.ec2.create_subnet(VpcId=aws.outputs["VpcId"], CidrBlock="10.0.9.0/24")["Subnet"]
    yield
    aws.ec2.delete_subnet(SubnetId=subnet["SubnetId"])


@breaks("subnets")
def _(aws: Deployed) -> Iterator[None]:
    """Choose another zone than the one that the subnets are in."""
    aws.settings["availability_zones"] = "us-east-1a,us-east-1f"
    yield
    aws.settings["availability_zones"] = ""


@breaks("no-automatic-addresses")
def _(aws: Deployed) -> Iterator[None]:
    subnet_id = aws.one("AWS::EC2::Subnet", "learning-public-2").id
    aws.ec2.modify_subnet_attribute(SubnetId=subnet_id, MapPublicIpOnLaunch={"Value": True})
    yield
    aws.ec2.modify_subnet_attribute(SubnetId=subnet_id, MapPublicIpOnLaunch={"Value": False})


@breaks("route-tables", "s3-by-the-endpoint")
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


@breaks("public-routes", "a-zone-may-fail", "private-subnets-are-private", "who-reaches-22", "who-reaches-8080")
def _(aws: Deployed) -> Iterator[None]:
    table = aws.one("AWS::EC2::RouteTable", "learning-public-1").id
    aws.ec2.delete_route(RouteTableId=table, DestinationCidrBlock="0.0.0.0/0")
    yield
    gateway = aws.one("AWS::EC2::InternetGateway").id
    aws.ec2.create_route(RouteTableId=table, DestinationCidrBlock="0.0.0.0/0", GatewayId=gateway)


def with_a_route(aws: Deployed, table_name: str, **route: Any) -> Iterator[None]:
    table = aws.one("AWS::EC2::RouteTable", table_name).id
    aws.ec2.create_route(RouteTableId=table, **route)
    yield
    destination = {name: value for name, value in route.items() if name.startswith("Destination")}
    aws.ec2.delete_route(RouteTableId=table, **destination)


@breaks("public-routes")
def _(aws: Deployed) -> Iterator[None]:
    """Send IPv6 through the internet gateway, too."""
    gateway = aws.one("AWS::EC2::InternetGateway").id
    yield from with_a_route(aws, "learning-public-2", DestinationIpv6CidrBlock="::/0", GatewayId=gateway)


@breaks("private-routes")
def _(aws: Deployed) -> Iterator[None]:
    """Open half of the internet to private subnet 1, and leave the default route as it is."""
    gateway = aws.one("AWS::EC2::InternetGateway").id
    yield from with_a_route(aws, "learning-private-1", DestinationCidrBlock="0.0.0.0/1", GatewayId=gateway)


@breaks("private-routes", "a-zone-may-fail")
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


@breaks("nat-instance", "private-subnets-are-private")
def _(aws: Deployed) -> Iterator[None]:
    nat = aws.one("AWS::EC2::Instance", "learning-nat").id
    aws.ec2.modify_instance_attribute(InstanceId=nat, SourceDestCheck={"Value": True})
    yield
    aws.ec2.modify_instance_attribute(InstanceId=nat, SourceDestCheck={"Value": False})


@breaks("nat-instance")
def _(aws: Deployed) -> Iterator[None]:
    """Open it to the internet."""
    group = aws.one("AWS::EC2::SecurityGroup", "learning-nat").id
    rule: Any = {"IpProtocol": "tcp", "FromPort": 443, "ToPort": 443, "IpRanges": [{"CidrIp": "0.0.0.0/0"}]}
    aws.ec2.authorize_security_group_ingress(GroupId=group, IpPermissions=[rule])
    yield
    aws.ec2.revoke_security_group_ingress(GroupId=group, IpPermissions=[rule])


@breaks("nat-instance")
def _(aws: Deployed) -> Iterator[None]:
    """Put it behind one more group."""
    nat = aws.one("AWS::EC2::Instance", "learning-nat").id
    own = aws.one("AWS::EC2::SecurityGroup", "learning-nat").id
    aws.ec2.modify_instance_attribute(InstanceId=nat, Groups=[own, aws.outputs["WebGroupId"]])
    yield
    aws.ec2.modify_instance_attribute(InstanceId=nat, Groups=[own])


@breaks("no-drift")
def _(aws: Deployed) -> Iterator[None]:
    """Give a subnet another name, of which no other claim speaks."""
    subnet_id = aws.one("AWS::EC2::Subnet", "learning-private-2").id
    aws.ec2.create_tags(Resources=[subnet_id], Tags=[{"Key": "Name", "Value": "mine"}])
    yield
    aws.ec2.create_tags(Resources=[subnet_id], Tags=[{"Key": "Name", "Value": "learning-private-2"}])


@breaks("no-drift")
def _(aws: Deployed) -> Iterator[None]:
    """Lose a tag."""
    group = aws.one("AWS::EC2::SecurityGroup", "learning-web").id
    aws.ec2.delete_tags(Resources=[group], Tags=[{"Key": "Name"}])
    yield
    aws.ec2.create_tags(Resources=[group], Tags=[{"Key": "Name", "Value": "learning-web"}])


@breaks("s3-endpoint", "s3-by-the-endpoint")
def _(aws: Deployed) -> Iterator[None]:
    endpoint = aws.one("AWS::EC2::VPCEndpoint").id
    table = aws.one("AWS::EC2::RouteTable", "learning-private-2").id
    aws.ec2.modify_vpc_endpoint(VpcEndpointId=endpoint, RemoveRouteTableIds=[table])
    yield
    aws.ec2.modify_vpc_endpoint(VpcEndpointId=endpoint, AddRouteTableIds=[table])


@breaks("s3-endpoint", "s3-by-the-endpoint")
def _(aws: Deployed) -> Iterator[None]:
    yield from answering(
        aws.ec2, "DescribeVpcEndpoints", lambda answer: answer["VpcEndpoints"][0].update(State="pending")
    )


@breaks("flow-logs")
def _(aws: Deployed) -> Iterator[None]:
    """Fail to deliver: the log bucket's policy is wrong."""
    yield from answering(
        aws.ec2, "DescribeFlowLogs", lambda answer: answer["FlowLogs"][0].update(DeliverLogsStatus="FAILED")
    )


@breaks("flow-logs")
def _(aws: Deployed) -> Iterator[None]:
    """Log everything twice."""
    yield from answering(aws.ec2, "DescribeFlowLogs", lambda answer: answer["FlowLogs"].append(answer["FlowLogs"][0]))


def test_flow_logs_hold_however_aws_writes_them(learning_stack: Deployed) -> None:
    def change(answer: Any) -> None:
        answer["FlowLogs"][0]["LogDestination"] += "/"
        answer["FlowLogs"][0].pop("DeliverLogsStatus", None)

    with contextmanager(answering)(learning_stack.ec2, "DescribeFlowLogs", change):
        assert failing(learning_stack) == {}


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


ANYTHING = {"Version": "2012-10-17", "Statement": [{"Effect": "Allow", "Action": "ec2:*", "Resource": "*"}]}


def changed_policy(aws: Deployed, change: Callable[[Any], object]) -> Iterator[None]:
    """Make another version of the operators' policy."""
    arn = aws.one("AWS::IAM::ManagedPolicy").id
    before = policy_document(aws, arn)
    changed = json.loads(json.dumps(before))
    change(changed)
    made = aws.iam.create_policy_version(PolicyArn=arn, PolicyDocument=json.dumps(changed), SetAsDefault=True)
    yield
    aws.iam.create_policy_version(PolicyArn=arn, PolicyDocument=json.dumps(before), SetAsDefault=True)
    aws.iam.delete_policy_version(PolicyArn=arn, VersionId=made["PolicyVersion"]["VersionId"])


@breaks("operators-policy")
def _(aws: Deployed) -> Iterator[None]:
    yield from changed_policy(aws, lambda policy: policy.update(ANYTHING))


@breaks("operators-policy")
def _(aws: Deployed) -> Iterator[None]:
    """Let operators set up everybody's MFA."""
    yield from changed_policy(aws, lambda policy: policy["Statement"][-1].update(Resource="*"))


@breaks("operators-policy")
def _(aws: Deployed) -> Iterator[None]:
    """Allow more, in a service that has nothing to do with EC2, with one statement that is no list."""
    everything = {"Effect": "Allow", "NotAction": "ec2:*", "NotResource": "arn:aws:s3:::*"}
    yield from changed_policy(aws, lambda policy: policy.update(Statement=everything))


@breaks("operators-group")
def _(aws: Deployed) -> Iterator[None]:
    group = aws.outputs["GroupName"]
    aws.iam.put_group_policy(GroupName=group, PolicyName="Extra", PolicyDocument=json.dumps(ANYTHING))
    yield
    aws.iam.delete_group_policy(GroupName=group, PolicyName="Extra")


@breaks("operators-have-no-keys")
def _(aws: Deployed) -> Iterator[None]:
    """Give a user more through another group."""
    aws.iam.create_group(GroupName="administrators")
    aws.iam.add_user_to_group(GroupName="administrators", UserName="bob")
    yield
    aws.iam.remove_user_from_group(GroupName="administrators", UserName="bob")
    aws.iam.delete_group(GroupName="administrators")


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


def changed_lifecycle(aws: Deployed, rule_id: str, output: str = "BucketName", **changes: object) -> Iterator[None]:
    """Change the rule of that name, or add one."""
    bucket = aws.outputs[output]
    rules: Any = aws.s3.get_bucket_lifecycle_configuration(Bucket=bucket)["Rules"]
    changed: Any = [{**rule, **(changes if rule["ID"] == rule_id else {})} for rule in rules]
    if rule_id not in [rule["ID"] for rule in rules]:
        changed.append({"ID": rule_id, "Status": "Enabled", **changes})
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


@breaks("leftovers-are-deleted")
def _(aws: Deployed) -> Iterator[None]:
    """Narrow a rule to where nothing is."""
    yield from changed_lifecycle(aws, "expire-old-versions", Filter={"Prefix": "nothing/"})


@breaks("leftovers-are-deleted")
def _(aws: Deployed) -> Iterator[None]:
    """Delete every file after a day."""
    yield from changed_lifecycle(aws, "expire-all", Filter={"Prefix": ""}, Expiration={"Days": 1})


@breaks("logs-are-deleted")
def _(aws: Deployed) -> Iterator[None]:
    yield from changed_lifecycle(aws, "expire-logs", "LogBucketName", Expiration={"Days": 3650})


@breaks("logs-are-deleted")
def _(aws: Deployed) -> Iterator[None]:
    """Keep the logs of the flows for ever."""
    yield from changed_lifecycle(aws, "expire-logs", "LogBucketName", Filter={"Prefix": "access-logs/"})


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
    for algorithm in ("AES256", "aws:kms"):
        default = {"ApplyServerSideEncryptionByDefault": {"SSEAlgorithm": algorithm}, "BucketKeyEnabled": True}
        rules: Any = {"Rules": [default]}
        aws.s3.put_bucket_encryption(Bucket=bucket, ServerSideEncryptionConfiguration=rules)
        if algorithm == "AES256":
            yield


@breaks("tls-only")
def _(aws: Deployed) -> Iterator[None]:
    bucket = aws.outputs["BucketName"]
    before = aws.s3.get_bucket_policy(Bucket=bucket)["Policy"]
    aws.s3.delete_bucket_policy(Bucket=bucket)
    yield
    aws.s3.put_bucket_policy(Bucket=bucket, Policy=before)


def changed_bucket_policy(aws: Deployed, change: Callable[[Any], object]) -> Iterator[None]:
    bucket = aws.outputs["BucketName"]
    before = aws.s3.get_bucket_policy(Bucket=bucket)["Policy"]
    policy = json.loads(before)
    change(policy["Statement"])
    aws.s3.put_bucket_policy(Bucket=bucket, Policy=json.dumps(policy))
    yield
    aws.s3.put_bucket_policy(Bucket=bucket, Policy=before)


@breaks("tls-only")
def _(aws: Deployed) -> Iterator[None]:
    """Deny reading alone."""
    yield from changed_bucket_policy(aws, lambda statements: statements[0].update(Action="s3:GetObject"))


@breaks("tls-only")
def _(aws: Deployed) -> Iterator[None]:
    """Leave the objects out."""
    yield from changed_bucket_policy(aws, lambda statements: statements[0]["Resource"].pop())


@breaks("tls-only")
def _(aws: Deployed) -> Iterator[None]:
    """Make an exception for somebody."""
    somebody = {"AWS": f"arn:aws:iam::{aws.description['StackId'].split(':')[4]}:root"}

    def change(statements: Any) -> None:
        del statements[0]["Principal"]
        statements[0]["NotPrincipal"] = somebody

    yield from changed_bucket_policy(aws, change)


@breaks("bucket-policy-opens-nothing")
def _(aws: Deployed) -> Iterator[None]:
    """Let another account read."""
    allow = {
        "Effect": "Allow",
        "Principal": {"AWS": "arn:aws:iam::111122223333:root"},
        "Action": "s3:GetObject",
        "Resource": f"arn:aws:s3:::{aws.outputs['BucketName']}/*",
    }
    yield from changed_bucket_policy(aws, lambda statements: statements.append(allow))


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


@breaks("bastion-runs")
def _(aws: Deployed) -> Iterator[None]:
    """Keep the image setting of an earlier deploy."""
    parameter = aws.description["Parameters"][0]
    before = parameter["ParameterValue"]
    parameter["ParameterValue"] = before.replace("26.04", "24.04")
    yield
    parameter["ParameterValue"] = before


@breaks("bastion-runs")
def _(aws: Deployed) -> Iterator[None]:
    """Take the credits that can cost more than the instance."""
    for credits_ in ("unlimited", "standard"):
        aws.ec2.modify_instance_credit_specification(
            InstanceCreditSpecifications=[{"InstanceId": bastion(aws).id, "CpuCredits": credits_}]
        )
        if credits_ == "unlimited":
            yield


@breaks("bastion-has-an-elastic-ip", "who-reaches-22")
def _(aws: Deployed) -> Iterator[None]:
    address = aws.ec2.describe_addresses(PublicIps=[aws.outputs["BastionAddress"]])["Addresses"][0]
    aws.ec2.disassociate_address(AssociationId=address["AssociationId"])
    yield
    aws.ec2.associate_address(AllocationId=address["AllocationId"], InstanceId=bastion(aws).id)


def private_host(aws: Deployed) -> Resource:
    return aws.one("AWS::EC2::Instance", "learning-private-host")


def on_gp2(aws: Deployed, host: Resource) -> Iterator[None]:
    volume = described(aws, host)["BlockDeviceMappings"][0]["Ebs"]["VolumeId"]
    aws.ec2.modify_volume(VolumeId=volume, VolumeType="gp2")
    yield
    aws.ec2.modify_volume(VolumeId=volume, VolumeType="gp3")


@breaks("root-volume-is-encrypted")
def _(aws: Deployed) -> Iterator[None]:
    yield from on_gp2(aws, bastion(aws))


@breaks("root-volume-is-encrypted")
def _(aws: Deployed) -> Iterator[None]:
    yield from on_gp2(aws, private_host(aws))


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


@breaks("key-is-in-parameter-store")
def _(aws: Deployed) -> Iterator[None]:
    """Leave out of the answer what the proof looks for: the claim fails, and the others are still proved."""
    yield from answering(aws.ec2, "DescribeKeyPairs", lambda answer: answer["KeyPairs"][0].pop("KeyType"))


@breaks("imdsv2-only")
def _(aws: Deployed) -> Iterator[None]:
    aws.ec2.modify_instance_metadata_options(InstanceId=bastion(aws).id, HttpTokens="optional")
    yield
    aws.ec2.modify_instance_metadata_options(InstanceId=bastion(aws).id, HttpTokens="required")


@breaks("imdsv2-only")
def _(aws: Deployed) -> Iterator[None]:
    aws.ec2.modify_instance_metadata_options(InstanceId=private_host(aws).id, HttpTokens="optional")
    yield
    aws.ec2.modify_instance_metadata_options(InstanceId=private_host(aws).id, HttpTokens="required")


@breaks("first-boot-mounts-the-bucket")
def _(aws: Deployed) -> Iterator[None]:
    before = aws.ec2.describe_instance_attribute(InstanceId=bastion(aws).id, Attribute="userData")["UserData"]["Value"]
    for text in (b"#cloud-config\n", base64.b64decode(before)):
        aws.ec2.stop_instances(InstanceIds=[bastion(aws).id])
        aws.ec2.modify_instance_attribute(InstanceId=bastion(aws).id, UserData={"Value": text})
        aws.ec2.start_instances(InstanceIds=[bastion(aws).id])
        if text == b"#cloud-config\n":
            yield


def with_a_rule(aws: Deployed, group_id: str, first: int, last: int, **peer: list[dict[str, str]]) -> Iterator[None]:
    rule: Any = [{"IpProtocol": "tcp", "FromPort": first, "ToPort": last, **peer}]
    aws.ec2.authorize_security_group_ingress(GroupId=group_id, IpPermissions=rule)
    yield
    aws.ec2.revoke_security_group_ingress(GroupId=group_id, IpPermissions=rule)


def with_a_prefix_list(aws: Deployed, group_id: str) -> Iterator[None]:
    """Open port 22 to a list of addresses, which the local AWS cannot keep in a rule."""

    def change(answer: Any) -> None:
        for group in answer["SecurityGroups"]:
            for rule in group["IpPermissions"] if group["GroupId"] == group_id else []:
                rule["PrefixListIds"] = [{"PrefixListId": "pl-0123456789abcdef0"}]

    yield from answering(aws.ec2, "DescribeSecurityGroups", change)


def private_group(aws: Deployed) -> str:
    return aws.one("AWS::EC2::SecurityGroup", "learning-private-host").id


@breaks("private-host-is-private")
def _(aws: Deployed) -> Iterator[None]:
    yield from with_a_rule(aws, private_group(aws), 22, 22, IpRanges=[{"CidrIp": "0.0.0.0/0"}])


@breaks("private-host-is-private")
def _(aws: Deployed) -> Iterator[None]:
    """Open a range of ports that begins with 22, to the bastion."""
    own = aws.one("AWS::EC2::SecurityGroup", "learning-bastion").id
    yield from with_a_rule(aws, private_group(aws), 22, 65535, UserIdGroupPairs=[{"GroupId": own}])


@breaks("private-host-is-private")
def _(aws: Deployed) -> Iterator[None]:
    yield from with_a_rule(aws, private_group(aws), 22, 22, Ipv6Ranges=[{"CidrIpv6": "::/0"}])


@breaks("private-host-is-private")
def _(aws: Deployed) -> Iterator[None]:
    yield from with_a_prefix_list(aws, private_group(aws))


@breaks("private-host-is-private")
def _(aws: Deployed) -> Iterator[None]:
    """Put the private host behind a second group, which is open to everyone."""
    aws.ec2.modify_instance_attribute(
        InstanceId=private_host(aws).id, Groups=[private_group(aws), aws.outputs["WebGroupId"]]
    )
    yield
    aws.ec2.modify_instance_attribute(InstanceId=private_host(aws).id, Groups=[private_group(aws)])


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


@breaks("role-is-for-the-bastion")
def _(aws: Deployed) -> Iterator[None]:
    """Demand what EC2 never gives: the bastion could not take its role any more."""
    role = role_name(aws)
    trust: Any = aws.iam.get_role(RoleName=role)["Role"]["AssumeRolePolicyDocument"]
    condition = {"StringEquals": {"sts:ExternalId": "secret"}}
    narrower = {**trust, "Statement": [{**trust["Statement"][0], "Condition": condition}]}
    aws.iam.update_assume_role_policy(RoleName=role, PolicyDocument=json.dumps(narrower))
    yield
    aws.iam.update_assume_role_policy(RoleName=role, PolicyDocument=json.dumps(trust))


def with_a_policy(aws: Deployed, statement: dict[str, Any]) -> Iterator[None]:
    document = {"Version": "2012-10-17", "Statement": statement}
    made = aws.iam.create_policy(PolicyName="Extra", PolicyDocument=json.dumps(document))["Policy"]["Arn"]
    aws.iam.attach_role_policy(RoleName=role_name(aws), PolicyArn=made)
    yield
    aws.iam.detach_role_policy(RoleName=role_name(aws), PolicyArn=made)
    aws.iam.delete_policy(PolicyArn=made)


ALL_BUT_IAM = {"Effect": "Allow", "NotAction": ["iam:*", "sts:*"], "Resource": "*"}


@breaks("role-has-least-privilege")
def _(aws: Deployed) -> Iterator[None]:
    """Allow by leaving out, in one statement that is no list."""
    yield from with_a_policy(aws, ALL_BUT_IAM)


def test_a_surplus_permission_is_said_in_words(learning_stack: Deployed) -> None:
    with contextmanager(with_a_policy)(learning_stack, ALL_BUT_IAM):
        found = failing(learning_stack)
    assert found == {"role-has-least-privilege": ([], ["Allow everything but iam:*, sts:* on *"])}


@breaks("role-has-least-privilege")
def _(aws: Deployed) -> Iterator[None]:
    """Do what the primer does: attach full access to S3."""
    role = role_name(aws)
    full = {"Version": "2012-10-17", "Statement": [{"Effect": "Allow", "Action": "s3:*", "Resource": "*"}]}
    aws.iam.put_role_policy(RoleName=role, PolicyName="FullAccess", PolicyDocument=json.dumps(full))
    yield
    aws.iam.delete_role_policy(RoleName=role, PolicyName="FullAccess")


# --- chapter 12


@breaks("ssh-is-restricted")
def _(aws: Deployed) -> Iterator[None]:
    own = aws.one("AWS::EC2::SecurityGroup", "learning-bastion").id
    yield from with_a_rule(aws, own, 22, 22, IpRanges=[{"CidrIp": "0.0.0.0/0"}])


@breaks("ssh-is-restricted")
def _(aws: Deployed) -> Iterator[None]:
    """Open the bastion to a list of addresses."""
    yield from with_a_prefix_list(aws, aws.one("AWS::EC2::SecurityGroup", "learning-bastion").id)


@breaks("web-ports", "who-reaches-8080")
def _(aws: Deployed) -> Iterator[None]:
    yield from with_a_rule(aws, aws.outputs["WebGroupId"], 8080, 8080, IpRanges=[{"CidrIp": "0.0.0.0/0"}])


@breaks("database-port", "who-reaches-3306")
def _(aws: Deployed) -> Iterator[None]:
    yield from with_a_rule(aws, aws.outputs["DatabaseGroupId"], 3306, 3306, IpRanges=[{"CidrIp": "0.0.0.0/0"}])


@breaks("database-port")
def _(aws: Deployed) -> Iterator[None]:
    """Trust a group of another account."""

    def change(answer: Any) -> None:
        for group in answer["SecurityGroups"]:
            for rule in group["IpPermissions"] if group["GroupId"] == aws.outputs["DatabaseGroupId"] else []:
                rule["UserIdGroupPairs"][0]["UserId"] = "111122223333"

    yield from answering(aws.ec2, "DescribeSecurityGroups", change)


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


@breaks("public-acl")
def _(aws: Deployed) -> Iterator[None]:
    """Let IPv6 in."""
    acl = aws.one("AWS::EC2::NetworkAcl", "learning-public").id
    aws.ec2.create_network_acl_entry(
        NetworkAclId=acl, RuleNumber=300, Egress=False, Protocol="-1", RuleAction="allow", Ipv6CidrBlock="::/0"
    )
    yield
    aws.ec2.delete_network_acl_entry(NetworkAclId=acl, RuleNumber=300, Egress=False)


def test_the_last_rules_of_aws_are_no_surplus(learning_stack: Deployed) -> None:
    def change(answer: Any) -> None:
        for acl in answer["NetworkAcls"]:
            last: Any = {"Protocol": "-1", "RuleAction": "deny", "RuleNumber": 32768, "Ipv6CidrBlock": "::/0"}
            acl["Entries"] += [{**last, "Egress": egress} for egress in (True, False)]

    with contextmanager(answering)(learning_stack.ec2, "DescribeNetworkAcls", change):
        assert failing(learning_stack) == {}


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


# --- chapter 6


def with_the_schedule(aws: Deployed, **change: Any) -> Iterator[None]:
    client = aws.client("scheduler")
    name = next(each.id for each in aws.all("AWS::Scheduler::Schedule") if "Stop" in each.logical_id)
    made = client.get_schedule(Name=name)
    names = ("Name", "ScheduleExpression", "ScheduleExpressionTimezone", "FlexibleTimeWindow", "Target", "State")
    before = {part: made[part] for part in names}
    client.update_schedule(**{**before, **change, "Target": {**before["Target"], **change.get("Target", {})}})
    yield
    client.update_schedule(**before)


@breaks("schedules-stop-and-start")
def _(aws: Deployed) -> Iterator[None]:
    """Lose the time zone."""
    yield from with_the_schedule(aws, ScheduleExpressionTimezone="UTC")


@breaks("schedules-stop-and-start")
def _(aws: Deployed) -> Iterator[None]:
    yield from with_the_schedule(aws, ScheduleExpression="cron(0 20 * * ? *)")


@breaks("schedules-stop-and-start")
def _(aws: Deployed) -> Iterator[None]:
    yield from with_the_schedule(aws, State="DISABLED")


@breaks("schedules-stop-and-start")
def _(aws: Deployed) -> Iterator[None]:
    """Forget the private host."""
    only = json.dumps({"InstanceIds": [bastion(aws).id]})
    yield from with_the_schedule(aws, Target={"Input": only})


@breaks("schedules-stop-and-start")
def _(aws: Deployed) -> Iterator[None]:
    """Terminate instead of stopping."""
    yield from with_the_schedule(aws, Target={"Arn": "arn:aws:scheduler:::aws-sdk:ec2:terminateInstances"})


def schedule_role(aws: Deployed) -> str:
    return next(role.id for role in aws.all("AWS::IAM::Role") if role.logical_id.startswith("Schedule"))


@breaks("schedules-stop-and-start")
def _(aws: Deployed) -> Iterator[None]:
    """Allow its role more."""
    role = schedule_role(aws)
    aws.iam.put_role_policy(RoleName=role, PolicyName="more", PolicyDocument=json.dumps(ANYTHING))
    yield
    aws.iam.delete_role_policy(RoleName=role, PolicyName="more")


@breaks("schedules-stop-and-start")
def _(aws: Deployed) -> Iterator[None]:
    """Lend its role to the schedules of every account."""
    role = schedule_role(aws)
    trust: Any = aws.iam.get_role(RoleName=role)["Role"]["AssumeRolePolicyDocument"]
    statement = {name: part for name, part in trust["Statement"][0].items() if name != "Condition"}
    aws.iam.update_assume_role_policy(RoleName=role, PolicyDocument=json.dumps({**trust, "Statement": [statement]}))
    yield
    aws.iam.update_assume_role_policy(RoleName=role, PolicyDocument=json.dumps(trust))


def the_budget(aws: Deployed) -> dict[str, str]:
    return {"AccountId": "000000000000", "BudgetName": aws.one("AWS::Budgets::Budget").id}


@breaks("budget-mails")
def _(aws: Deployed) -> Iterator[None]:
    """Raise the sum, and count a part of the account."""
    budgets, which = aws.client("budgets"), the_budget(aws)
    made = budgets.describe_budget(**which)["Budget"]
    before = {name: made[name] for name in ("BudgetName", "BudgetLimit", "BudgetType", "TimeUnit")}
    for change in ({"BudgetLimit": {"Amount": "200", "Unit": "USD"}}, {"CostFilters": {"Service": ["x"]}}):
        budgets.update_budget(AccountId=which["AccountId"], NewBudget={**before, **change})
        assert list(failing(aws)) == ["budget-mails"], change
    yield
    budgets.update_budget(AccountId=which["AccountId"], NewBudget=before)


@breaks("budget-mails")
def _(aws: Deployed) -> Iterator[None]:
    """Mail somebody else."""
    budgets, which = aws.client("budgets"), the_budget(aws)
    alert = budgets.describe_notifications_for_budget(**which)["Notifications"][0]
    alert.pop("NotificationState")
    own = {"SubscriptionType": "EMAIL", "Address": "you@example.com"}
    other = {"SubscriptionType": "EMAIL", "Address": "me@example.com"}
    budgets.update_subscriber(**which, Notification=alert, OldSubscriber=own, NewSubscriber=other)
    yield
    budgets.update_subscriber(**which, Notification=alert, OldSubscriber=other, NewSubscriber=own)


@breaks("budget-mails")
def _(aws: Deployed) -> Iterator[None]:
    """Mail at 90 % instead of 100."""
    budgets, which = aws.client("budgets"), the_budget(aws)
    alert = budgets.describe_notifications_for_budget(**which)["Notifications"][1]
    late = {**alert, "Threshold": 90.0}
    budgets.update_notification(**which, OldNotification=alert, NewNotification=late)
    yield
    budgets.update_notification(**which, OldNotification=late, NewNotification=alert)


def test_a_stack_without_schedules_claims_nothing_of_them(stacks: dict[str, Deployed]) -> None:
    made = {name: {verdict.check.id for verdict in run(stacks[name])} for name in ("LearningStack", WITH_NAT_INSTANCE)}
    assert made["LearningStack"] - made[WITH_NAT_INSTANCE] - {*BY_NAT} == {"schedules-stop-and-start"}


def test_a_stack_that_does_not_say_what_was_chosen_is_to_be_deployed_again(
    nat_instance_stack: Deployed, monkeypatch: pytest.MonkeyPatch
) -> None:
    def without_metadata(resource: dict[str, Any]) -> dict[str, Any]:
        return {name: part for name, part in resource.items() if name != "Metadata"}

    resources = {name: without_metadata(each) for name, each in nat_instance_stack.template["Resources"].items()}
    monkeypatch.setitem(nat_instance_stack.__dict__, "template", {"Resources": resources})
    monkeypatch.delitem(nat_instance_stack.__dict__, "settings")
    with pytest.raises(ProblemError) as raised:
        list(run(nat_instance_stack))
    assert str(raised.value) == (
        "LearningStack in us-east-1 does not say what was chosen for it: an older version deployed it. "
        "Deploy it again: make local, or cdk deploy LearningStack"
    )


# --- what the proofs are made of


@pytest.mark.parametrize(
    ("statement", "facts"),
    [
        ({"Action": "s3:GetObject", "Resource": "*"}, ["Allow s3:getobject on *"]),
        ({"Action": ["a:B", "a:C"], "Resource": "x"}, ["Allow a:b on x", "Allow a:c on x"]),
        ({"NotAction": ["b:*", "a:*"], "Resource": "*"}, ["Allow everything but a:*, b:* on *"]),
        ({"Action": "*", "NotResource": "x"}, ["Allow * on everything but x"]),
        ({"Action": "a:B", "Principal": "*"}, ["Allow a:b by everyone"]),
        ({"Action": "a:B", "Principal": {"AWS": ["*"]}}, ["Allow a:b by everyone"]),
        ({"Action": "a:B", "Principal": {"AWS": ["x", "y"]}}, ["Allow a:b by AWS x", "Allow a:b by AWS y"]),
        ({"Action": "a:B", "NotPrincipal": {"AWS": "x"}}, ['Allow a:b by everyone but {"AWS": "x"}']),
        ({"Action": "a:B", "Condition": {"Bool": {"aws:MFA": True}}}, ["Allow a:b if aws:mfa Bool true"]),
        (
            {"Action": "a:B", "Condition": {"StringEquals": {"k": ["y", "x"]}, "Bool": {"j": "true"}}},
            ["Allow a:b if j Bool true and k StringEquals x or y"],
        ),
    ],
)
def test_a_policy_in_words(statement: dict[str, Any], facts: list[str]) -> None:
    statement = {"Effect": "Allow", **statement}
    assert permissions({"Statement": statement}) == facts
    assert permissions({"Statement": [statement]}) == facts


@pytest.mark.parametrize("partition", ["aws-cn", "aws-us-gov"])
def test_the_promised_policies_are_of_the_partition_of_the_stack(operators_stack: Deployed, partition: str) -> None:
    before = operators_stack.description["StackId"]
    operators_stack.description["StackId"] = before.replace("arn:aws:", f"arn:{partition}:")
    found = failing(operators_stack)
    operators_stack.description["StackId"] = before
    missing, surplus = found["operators-policy"]
    assert sorted(fact.replace(f"arn:{partition}:", "arn:aws:") for fact in missing) == sorted(surplus)


@pytest.mark.parametrize("error", [KeyError("State"), IndexError("list index out of range"), StopIteration()])
def test_an_answer_that_lacks_something_is_a_failed_claim(
    learning_stack: Deployed, monkeypatch: pytest.MonkeyPatch, error: Exception
) -> None:
    def prove(_: Deployed) -> tuple[list[str], list[str]]:
        raise error

    check = Check(id="x", chapter="3", claim="", command="aws {VpcId} {NoSuchOutput}", prove=prove)
    monkeypatch.setitem(CHECKS, "LearningStack", [check])
    [verdict] = run(learning_stack)
    assert verdict.missing == ["an answer"]
    assert verdict.surplus[0].startswith("AWS says nothing of ")
    assert verdict.command == f"aws {learning_stack.outputs['VpcId']} {{NoSuchOutput}}"


# --- chapters 3 and 12: who reaches whom


def with_an_instance(aws: Deployed, subnet: str, *groups: str, is_public: bool = False) -> Iterator[None]:
    """Start an instance that is none of the stack's."""
    interface: Any = {
        "DeviceIndex": 0,
        "SubnetId": aws.one("AWS::EC2::Subnet", subnet).id,
        "Groups": list(groups),
        "AssociatePublicIpAddress": is_public,
    }
    image = described(aws, bastion(aws))["ImageId"]
    tags: Any = [{"ResourceType": "instance", "Tags": [{"Key": "Name", "Value": "stray"}]}]
    made = aws.ec2.run_instances(
        ImageId=image,
        InstanceType="t3.micro",
        MinCount=1,
        MaxCount=1,
        NetworkInterfaces=[interface],
        TagSpecifications=tags,
    )
    stray = made["Instances"][0]["InstanceId"]
    yield
    aws.ec2.terminate_instances(InstanceIds=[stray])
    aws.ec2.get_waiter("instance_terminated").wait(InstanceIds=[stray])


def with_a_group(aws: Deployed, port: int, cidr: str) -> Iterator[str]:
    """Make a group that opens a port."""
    vpc = aws.outputs["VpcId"]
    group = aws.ec2.create_security_group(GroupName=f"open-{port}", Description="open", VpcId=vpc)["GroupId"]
    rule: Any = {"IpProtocol": "tcp", "FromPort": port, "ToPort": port, "IpRanges": [{"CidrIp": cidr}]}
    aws.ec2.authorize_security_group_ingress(GroupId=group, IpPermissions=[rule])
    yield group
    aws.ec2.delete_security_group(GroupId=group)


@breaks("who-reaches-22")
def _(aws: Deployed) -> Iterator[None]:
    """Start another host, with a port 22 of its own."""
    for group in with_a_group(aws, 22, "0.0.0.0/0"):
        yield from with_an_instance(aws, "learning-public-1", group, is_public=True)


@breaks("who-reaches-8080")
def _(aws: Deployed) -> Iterator[None]:
    """Give a web server a second group, which opens 8080 to the VPC."""
    for group in with_a_group(aws, 8080, aws.settings["vpc_cidr"]):
        yield from with_an_instance(aws, "learning-private-2", aws.outputs["WebGroupId"], group)


@breaks("who-reaches-3306")
def _(aws: Deployed) -> Iterator[None]:
    """Start another host in the bastion's group: rules of groups hold for all their members."""
    yield from with_an_instance(aws, "learning-private-2", aws.one("AWS::EC2::SecurityGroup", "learning-bastion").id)


@breaks("private-subnets-are-private", "a-zone-may-fail", "private-acl", "s3-by-the-endpoint")
def _(aws: Deployed) -> Iterator[None]:
    """Let private subnets send nothing to 443."""
    acl = aws.one("AWS::EC2::NetworkAcl", "learning-private").id
    rule: Any = {"NetworkAclId": acl, "RuleNumber": 130, "Egress": True}
    aws.ec2.delete_network_acl_entry(**rule)
    yield
    port: Any = {"From": 443, "To": 443}
    aws.ec2.create_network_acl_entry(**rule, Protocol="6", RuleAction="allow", CidrBlock="0.0.0.0/0", PortRange=port)


@breaks("s3-by-the-endpoint", "s3-endpoint")
def _(aws: Deployed) -> Iterator[None]:
    """Leave S3 to the NAT gateway, at a price."""
    endpoint, table = aws.one("AWS::EC2::VPCEndpoint").id, aws.one("AWS::EC2::RouteTable", "learning-private-2").id
    aws.ec2.modify_vpc_endpoint(VpcEndpointId=endpoint, RemoveRouteTableIds=[table])
    yield
    aws.ec2.modify_vpc_endpoint(VpcEndpointId=endpoint, AddRouteTableIds=[table])


@breaks("a-zone-may-fail", "private-routes")
def _(aws: Deployed) -> Iterator[None]:
    """Send both private subnets through one NAT gateway."""
    table = aws.one("AWS::EC2::RouteTable", "learning-private-2").id
    one, own = (aws.one("AWS::EC2::NatGateway", f"learning-public-{number}").id for number in (1, 2))
    aws.ec2.replace_route(RouteTableId=table, DestinationCidrBlock="0.0.0.0/0", NatGatewayId=one)
    yield
    aws.ec2.replace_route(RouteTableId=table, DestinationCidrBlock="0.0.0.0/0", NatGatewayId=own)


@breaks("nothing-but-s3", "private-routes", "private-subnets-are-private")
def _(aws: Deployed) -> Iterator[None]:
    gateway = aws.one("AWS::EC2::InternetGateway").id
    yield from with_a_route(aws, "learning-private-1", DestinationCidrBlock="0.0.0.0/0", GatewayId=gateway)


def test_a_failed_claim_says_by_which_way_somebody_passes(learning_stack: Deployed) -> None:
    group = learning_stack.one("AWS::EC2::SecurityGroup", "learning-bastion").id
    with contextmanager(with_an_instance)(learning_stack, "learning-private-2", group):
        _, surplus = failing(learning_stack)["who-reaches-3306"]
    assert len(surplus) == 4, "one for each subnet"
    [way] = [fact for fact in surplus if "database@private-1" in fact]
    assert way == (
        "stray → database@private-1, tcp 3306: stray → security group bastion [outbound: tcp 3306 to database] → "
        "network ACL private [outbound 100: allow tcp 3306 to 10.0.0.0/16] → route table private-2 [10.0.0.0/16 → "
        "local] → network ACL private [inbound 110: allow tcp 3306 from 10.0.0.0/16] → security group database "
        "[inbound: tcp 3306 from bastion] → database@private-1"
    )


def test_a_failed_claim_says_where_somebody_stops(learning_stack: Deployed) -> None:
    [(broken, _)] = BREAKS["private-subnets-are-private"]
    with contextmanager(broken)(learning_stack):
        missing, surplus = failing(learning_stack)["private-subnets-are-private"]
    assert missing == ["private-1 → internet, tcp 443", "private-2 → internet, tcp 443"]
    assert surplus[0] == (
        "private-1 → internet, tcp 443 stops: private-1 → network ACL private [no outbound rule matches]: The network "
        "ACL private denies tcp 443 to 198.51.100.1: no outbound rule matches. (SUBNET_ACL_RESTRICTION)"
    )


# --- the commands that show what a claim is about


@cache
def cli(_region: str, _account: str) -> CLIDriver:
    """Return the AWS CLI, in this process: it takes a second to load, and keeps the environment that it finds."""
    return create_clidriver()


@pytest.mark.parametrize(("stack", "check_id"), ALL, ids=[check_id for _, check_id in ALL])
def test_the_command_of_each_claim_works(
    stacks: dict[str, Deployed],
    stack: str,
    check_id: str,
    capfd: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    aws = stacks[stack]
    if stack in ACCOUNTS:
        monkeypatch.setenv("AWS_ACCESS_KEY_ID", ACCOUNTS[stack])
    check = next(check for check in all_checks(aws.stack_name) if check.id == check_id)
    program, *words = shlex.split(command(check, aws))
    if program == "python":
        assert words[:2] == ["-m", "lab"]
        run_here = CliRunner().invoke(app, [*words[2:], "--json"])
        status, printed, errors = run_here.exit_code, run_here.stdout, run_here.stderr
    else:
        status = cli(aws.region, ACCOUNTS.get(stack, "")).main([*words, "--output", "json"])
        printed, errors = capfd.readouterr()
    assert (status, errors) == (0, "")
    shown = json.loads(printed)
    assert shown, "the command shows nothing"
    assert not isinstance(shown, dict) or any(shown.values()), "the command shows nothing"
