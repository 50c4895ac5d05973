"""Nothing that our templates say is lost on the way: every property of every resource is read back through boto3."""

import base64
import ipaddress
import json
import re
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from botocore.exceptions import ClientError
from cryptography.hazmat.primitives import serialization

from tests.local_aws.server import QUOTAS
from tests.local_aws.test_emulator import REGION, Emulator

Properties = dict[str, Any]
Template = dict[str, Any]
Templates = Callable[..., Template]  # the fixture `template`
CHANGES = {"admin_cidr": "203.0.113.7/32", "instance_type": "t4g.micro", "nat": "single", "mount_point": "/mnt/files"}
CAPABILITIES = ["CAPABILITY_NAMED_IAM"]


class Deployed:
    """A stack on the local AWS, in an account of its own: role names are unique in an account."""

    def __init__(self, emulator: Emulator, name: str, account: str) -> None:
        self.emulator = emulator
        self.name = name
        self.account = account
        self.template: Template = {}

    def aws(self, service: str) -> Any:
        return self.emulator.client(service, self.account)

    def create(self, body: Template) -> None:
        self._run("create_stack", body, "CREATE_COMPLETE")

    def update(self, body: Template) -> None:
        self._run("update_stack", body, "UPDATE_COMPLETE")

    def _run(self, operation: str, body: Template, expected: str) -> None:
        call = getattr(self.aws("cloudformation"), operation)
        call(StackName=self.name, TemplateBody=json.dumps(body), Capabilities=CAPABILITIES)
        status = self.emulator.wait_for_stack(self.name, self.account)
        assert status == expected, self.emulator.failures(self.name, self.account)
        self.template = body

    @property
    def id(self) -> str:
        return str(self.aws("cloudformation").describe_stacks(StackName=self.name)["Stacks"][0]["StackId"])

    def delete(self) -> None:
        stack_id = self.id
        self.aws("cloudformation").delete_stack(StackName=self.name)
        status = self.emulator.wait_for_stack(stack_id, self.account)
        assert status == "DELETE_COMPLETE", self.emulator.failures(stack_id, self.account)

    def physical_ids(self) -> dict[str, str]:
        found = self.aws("cloudformation").describe_stack_resources(StackName=self.name)["StackResources"]
        return {each["LogicalResourceId"]: each["PhysicalResourceId"] for each in found}

    def physical_id(self, resource_type: str) -> str:
        """Return the id of the only resource of a type, or of the first one."""
        ids = self.physical_ids()
        return next(ids[name] for name, each in self.template["Resources"].items() if each["Type"] == resource_type)


# --- what CloudFormation makes of the intrinsic functions


class Resolver:
    """Replaces Ref, Fn::GetAtt and the like by what they stand for in a deployed stack."""

    def __init__(self, stack: Deployed) -> None:
        self.stack = stack
        self.ids = stack.physical_ids()
        self.pseudo = {
            "AWS::AccountId": stack.account,
            "AWS::Partition": "aws",
            "AWS::Region": REGION,
            "AWS::StackId": stack.id,
            "AWS::StackName": stack.name,
            "AWS::URLSuffix": "amazonaws.com",
        }

    def resolve(self, value: Any) -> Any:
        if isinstance(value, list):
            return [self.resolve(each) for each in value]
        if not isinstance(value, dict):
            return value
        if len(value) == 1:
            [(function, argument)] = value.items()
            if function == "Ref":
                return self._ref(argument)
            if function.startswith("Fn::"):
                return getattr(self, "_" + function[4:].lower())(argument)
        return {name: self.resolve(each) for name, each in value.items()}

    def _ref(self, name: str) -> str:
        if name in self.pseudo:
            return self.pseudo[name]
        if name in self.ids:
            return self.ids[name]
        path = self.stack.template["Parameters"][name]["Default"]
        return str(self.stack.aws("ssm").get_parameter(Name=path)["Parameter"]["Value"])

    def _getatt(self, argument: list[str]) -> str:
        name, attribute = argument
        resource_type = self.stack.template["Resources"][name]["Type"]
        return ATTRIBUTES[resource_type, attribute](self.stack, self.ids[name])

    def _join(self, argument: list[Any]) -> str:
        return str(argument[0]).join(self.resolve(argument[1]))

    def _sub(self, argument: Any) -> str:
        text, given = argument if isinstance(argument, list) else (argument, {})
        known = {name: self.resolve(value) for name, value in given.items()}

        def value(found: re.Match[str]) -> str:
            if found[1]:
                return f"${{{found[2]}}}"
            name, _, attribute = found[2].partition(".")
            return known.get(found[2]) or (self._getatt([name, attribute]) if attribute else self._ref(name))

        return re.sub(r"\$\{(!?)(.*?)\}", value, text)

    def _select(self, argument: list[Any]) -> Any:
        return self.resolve(argument[1])[int(argument[0])]

    def _getazs(self, _region: str) -> list[str]:
        zones = self.stack.aws("ec2").describe_availability_zones()["AvailabilityZones"]
        return sorted(zone["ZoneName"] for zone in zones)

    def _base64(self, argument: Any) -> str:
        return base64.b64encode(self.resolve(argument).encode()).decode()


def itself(_stack: Deployed, physical_id: str) -> str:
    return physical_id


def allocation_of(stack: Deployed, public_ip: str) -> str:
    return str(one(stack.aws("ec2").describe_addresses(PublicIps=[public_ip])["Addresses"])["AllocationId"])


ATTRIBUTES: dict[tuple[str, str], Callable[[Deployed, str], str]] = {
    ("AWS::EC2::EIP", "AllocationId"): allocation_of,
    ("AWS::EC2::EIP", "PublicIp"): itself,
    ("AWS::EC2::NatGateway", "NatGatewayId"): itself,
    ("AWS::EC2::SecurityGroup", "GroupId"): itself,
    ("AWS::IAM::Role", "Arn"): lambda stack, name: f"arn:aws:iam::{stack.account}:role/{name}",
    ("AWS::S3::Bucket", "Arn"): lambda _stack, name: f"arn:aws:s3:::{name}",
}


# --- one reader for each type: its properties as a template would write them


def one(found: list[Any]) -> Any:
    assert len(found) == 1
    return found[0]


def filtered(name: str, value: str) -> list[dict[str, Any]]:
    return [{"Name": name, "Values": [value]}]


def own(tags: list[dict[str, str]] | None) -> list[dict[str, str]]:
    """Return tags without CloudFormation's own."""
    return [tag for tag in tags or [] if not tag["Key"].startswith("aws:")]


def picked(found: Properties, *names: str) -> Properties:
    return {name: found[name] for name in names if name in found} | {"Tags": own(found.get("Tags"))}


def vpc(stack: Deployed, physical_id: str, _wanted: Properties) -> Properties:
    ec2 = stack.aws("ec2")
    switches = {
        name: ec2.describe_vpc_attribute(VpcId=physical_id, Attribute=name[0].lower() + name[1:])[name]["Value"]
        for name in ("EnableDnsHostnames", "EnableDnsSupport")
    }
    found = one(ec2.describe_vpcs(VpcIds=[physical_id])["Vpcs"])
    return picked(found, "CidrBlock", "InstanceTenancy") | switches


def subnet(stack: Deployed, physical_id: str, _wanted: Properties) -> Properties:
    found = one(stack.aws("ec2").describe_subnets(SubnetIds=[physical_id])["Subnets"])
    return picked(found, "AvailabilityZone", "CidrBlock", "MapPublicIpOnLaunch", "VpcId")


def route_table(stack: Deployed, physical_id: str, _wanted: Properties) -> Properties:
    return picked(one(stack.aws("ec2").describe_route_tables(RouteTableIds=[physical_id])["RouteTables"]), "VpcId")


def route_table_association(stack: Deployed, physical_id: str, _wanted: Properties) -> Properties:
    by_id = filtered("association.route-table-association-id", physical_id)
    table = one(stack.aws("ec2").describe_route_tables(Filters=by_id)["RouteTables"])
    return one([each for each in table["Associations"] if each["RouteTableAssociationId"] == physical_id])  # type: ignore[no-any-return]


def route(stack: Deployed, _physical_id: str, wanted: Properties) -> Properties:
    table = one(stack.aws("ec2").describe_route_tables(RouteTableIds=[wanted["RouteTableId"]])["RouteTables"])
    destination = wanted["DestinationCidrBlock"]
    found = one([each for each in table["Routes"] if each.get("DestinationCidrBlock") == destination])
    return found | {"RouteTableId": table["RouteTableId"]} if found["State"] == "active" else {}


def internet_gateway(stack: Deployed, physical_id: str, _wanted: Properties) -> Properties:
    found = stack.aws("ec2").describe_internet_gateways(InternetGatewayIds=[physical_id])["InternetGateways"]
    return picked(one(found))


def gateway_attachment(stack: Deployed, _physical_id: str, wanted: Properties) -> Properties:
    gateway_id = wanted["InternetGatewayId"]
    found = one(stack.aws("ec2").describe_internet_gateways(InternetGatewayIds=[gateway_id])["InternetGateways"])
    return {"InternetGatewayId": gateway_id, "VpcId": one(found["Attachments"])["VpcId"]}


def elastic_ip(stack: Deployed, physical_id: str, _wanted: Properties) -> Properties:
    found = one(stack.aws("ec2").describe_addresses(PublicIps=[physical_id])["Addresses"])
    return picked(found, "Domain")


def elastic_ip_association(stack: Deployed, physical_id: str, _wanted: Properties) -> Properties:
    found = one(stack.aws("ec2").describe_addresses(Filters=filtered("association-id", physical_id))["Addresses"])
    return picked(found, "AllocationId", "InstanceId")


def nat_gateway(stack: Deployed, physical_id: str, _wanted: Properties) -> Properties:
    found = one(stack.aws("ec2").describe_nat_gateways(NatGatewayIds=[physical_id])["NatGateways"])
    if found["State"] != "available":
        return {}
    allocations = [address["AllocationId"] for address in found["NatGatewayAddresses"]]
    return picked(found, "AvailabilityMode", "ConnectivityType", "SubnetId", "VpcId") | {"AllocationId": allocations[0]}


def vpc_endpoint(stack: Deployed, physical_id: str, _wanted: Properties) -> Properties:
    found = one(stack.aws("ec2").describe_vpc_endpoints(VpcEndpointIds=[physical_id])["VpcEndpoints"])
    return picked(found, "RouteTableIds", "ServiceName", "VpcEndpointType", "VpcId")


def flow_log(stack: Deployed, physical_id: str, _wanted: Properties) -> Properties:
    found = one(stack.aws("ec2").describe_flow_logs(FlowLogIds=[physical_id])["FlowLogs"])
    kind = {"vpc": "VPC", "subnet": "Subnet"}[found["ResourceId"].split("-")[0]]
    names = ("LogDestination", "LogDestinationType", "ResourceId", "TrafficType")
    return picked(found, *names) | {"ResourceType": kind}


def security_group(stack: Deployed, physical_id: str, _wanted: Properties) -> Properties:
    ec2 = stack.aws("ec2")
    found = one(ec2.describe_security_groups(GroupIds=[physical_id])["SecurityGroups"])
    return picked(found, "GroupName", "VpcId") | {
        "GroupDescription": found["Description"],
        "SecurityGroupEgress": _ranges(found["IpPermissionsEgress"]),
        "SecurityGroupIngress": _ranges(found["IpPermissions"]),
    }


def _ranges(permissions: list[dict[str, Any]]) -> list[Properties]:
    """Return the rules for addresses; those for other groups are resources of their own in our templates."""
    return [
        {name: each[name] for name in ("FromPort", "IpProtocol", "ToPort")} | source
        for each in permissions
        for source in each["IpRanges"]
    ]


def security_group_rule(stack: Deployed, physical_id: str, _wanted: Properties) -> Properties:
    found = stack.aws("ec2").describe_security_group_rules(SecurityGroupRuleIds=[physical_id])["SecurityGroupRules"]
    rule = one(found)
    peer = "DestinationSecurityGroupId" if rule["IsEgress"] else "SourceSecurityGroupId"
    return rule | {peer: rule["ReferencedGroupInfo"]["GroupId"]}  # type: ignore[no-any-return]


def network_acl(stack: Deployed, physical_id: str, _wanted: Properties) -> Properties:
    found = one(stack.aws("ec2").describe_network_acls(NetworkAclIds=[physical_id])["NetworkAcls"])
    last = [entry for entry in found["Entries"] if entry["RuleNumber"] == 32767]
    assert sorted((entry["Egress"], entry["RuleAction"]) for entry in last) == [(False, "deny"), (True, "deny")]
    return picked(found, "VpcId")


def network_acl_entry(stack: Deployed, _physical_id: str, wanted: Properties) -> Properties:
    found = one(stack.aws("ec2").describe_network_acls(NetworkAclIds=[wanted["NetworkAclId"]])["NetworkAcls"])
    place = (wanted["RuleNumber"], wanted["Egress"])
    entry = one([each for each in found["Entries"] if (each["RuleNumber"], each["Egress"]) == place])
    icmp = {"Icmp": entry["IcmpTypeCode"]} if "IcmpTypeCode" in entry else {}  # EC2's name for it, and CloudFormation's
    return entry | icmp | {"NetworkAclId": found["NetworkAclId"]}  # type: ignore[no-any-return]


def network_acl_association(stack: Deployed, physical_id: str, _wanted: Properties) -> Properties:
    by_id = filtered("association.association-id", physical_id)
    found = one(stack.aws("ec2").describe_network_acls(Filters=by_id)["NetworkAcls"])
    return one([each for each in found["Associations"] if each["NetworkAclAssociationId"] == physical_id])  # type: ignore[no-any-return]


def key_pair(stack: Deployed, physical_id: str, _wanted: Properties) -> Properties:
    found = one(stack.aws("ec2").describe_key_pairs(KeyNames=[physical_id], IncludePublicKey=True)["KeyPairs"])
    name = f"/ec2/keypair/{found['KeyPairId']}"
    parameter = stack.aws("ssm").get_parameter(Name=name, WithDecryption=True)["Parameter"]
    assert parameter["Type"] == "SecureString"
    private = serialization.load_ssh_private_key(parameter["Value"].encode(), password=None)
    line = private.public_key().public_bytes(serialization.Encoding.OpenSSH, serialization.PublicFormat.OpenSSH)
    assert found["PublicKey"].split()[:2] == line.decode().split()
    return picked(found, "KeyName", "KeyType") | {"KeyFormat": "pem"}


def instance(stack: Deployed, physical_id: str, _wanted: Properties) -> Properties:
    ec2 = stack.aws("ec2")
    found = one(one(ec2.describe_instances(InstanceIds=[physical_id])["Reservations"])["Instances"])
    mapping = one(found["BlockDeviceMappings"])
    volume = one(ec2.describe_volumes(VolumeIds=[mapping["Ebs"]["VolumeId"]])["Volumes"])
    interface = one(found["NetworkInterfaces"])
    user_data = ec2.describe_instance_attribute(InstanceId=physical_id, Attribute="userData")["UserData"]
    credit = one(ec2.describe_instance_credit_specifications(InstanceIds=[physical_id])["InstanceCreditSpecifications"])
    profile_name = found["IamInstanceProfile"]["Arn"].split("/")[-1] if "IamInstanceProfile" in found else None
    return picked(found, "ImageId", "InstanceType", "KeyName", "MetadataOptions") | {
        "AvailabilityZone": found["Placement"]["AvailabilityZone"],
        "BlockDeviceMappings": [
            {
                "DeviceName": mapping["DeviceName"],
                "Ebs": {
                    "Encrypted": volume["Encrypted"],
                    "VolumeSize": volume["Size"],
                    "VolumeType": volume["VolumeType"],
                },
            }
        ],
        "CreditSpecification": {"CPUCredits": credit["CpuCredits"]},
        "IamInstanceProfile": profile_name,
        "Monitoring": found["Monitoring"]["State"] == "enabled",
        "NetworkInterfaces": [
            {
                "AssociatePublicIpAddress": "PublicIpAddress" in found,  # by now it may be the Elastic IP
                "DeviceIndex": str(interface["Attachment"]["DeviceIndex"]),
                "GroupSet": [group["GroupId"] for group in interface["Groups"]],
                "SubnetId": interface["SubnetId"],
            }
        ],
        "SecurityGroupIds": [group["GroupId"] for group in interface["Groups"]],
        "SubnetId": interface["SubnetId"],
        "PropagateTagsToVolumeOnCreation": plain(own(volume.get("Tags"))) == plain(own(found["Tags"])),
        "SourceDestCheck": found["SourceDestCheck"] and interface["SourceDestCheck"],
        "UserData": user_data["Value"],
    }


def bucket(stack: Deployed, physical_id: str, wanted: Properties) -> Properties:
    s3 = stack.aws("s3")
    encryption = s3.get_bucket_encryption(Bucket=physical_id)["ServerSideEncryptionConfiguration"]
    versioning = s3.get_bucket_versioning(Bucket=physical_id)
    block = s3.get_public_access_block(Bucket=physical_id)["PublicAccessBlockConfiguration"]
    found = {
        "BucketEncryption": {
            "ServerSideEncryptionConfiguration": [
                {
                    "ServerSideEncryptionByDefault": rule["ApplyServerSideEncryptionByDefault"],
                    **({"BucketKeyEnabled": True} if rule.get("BucketKeyEnabled") else {}),
                }
                for rule in encryption["Rules"]
            ]
        },
        "BucketName": physical_id,
        "OwnershipControls": s3.get_bucket_ownership_controls(Bucket=physical_id)["OwnershipControls"],
        "PublicAccessBlockConfiguration": block,
        "Tags": own(s3.get_bucket_tagging(Bucket=physical_id)["TagSet"]),
        "VersioningConfiguration": {"Status": versioning.get("Status")},
    }
    logging = s3.get_bucket_logging(Bucket=physical_id).get("LoggingEnabled")
    if logging:
        found["LoggingConfiguration"] = {
            "DestinationBucketName": logging["TargetBucket"],
            "LogFilePrefix": logging["TargetPrefix"],
        }
    if "LifecycleConfiguration" in wanted:
        rules = s3.get_bucket_lifecycle_configuration(Bucket=physical_id)["Rules"]
        found["LifecycleConfiguration"] = {"Rules": [_lifecycle_rule(rule) for rule in rules]}
    return found


def _lifecycle_rule(rule: Properties) -> Properties:
    same = ("AbortIncompleteMultipartUpload", "NoncurrentVersionExpiration", "Status")
    shaped = {name: rule[name] for name in same if name in rule} | {"Id": rule["ID"]}
    expiration = rule.get("Expiration", {})
    if "Days" in expiration:
        shaped["ExpirationInDays"] = expiration["Days"]
    if "ExpiredObjectDeleteMarker" in expiration:
        shaped["ExpiredObjectDeleteMarker"] = expiration["ExpiredObjectDeleteMarker"]
    if rule["Filter"].get("Prefix"):
        shaped["Prefix"] = rule["Filter"]["Prefix"]
    if "Transitions" in rule:
        shaped["Transitions"] = [
            {"StorageClass": each["StorageClass"], "TransitionInDays": each["Days"]} for each in rule["Transitions"]
        ]
    return shaped


def bucket_policy(stack: Deployed, _physical_id: str, wanted: Properties) -> Properties:
    policy = stack.aws("s3").get_bucket_policy(Bucket=wanted["Bucket"])["Policy"]
    return {"Bucket": wanted["Bucket"], "PolicyDocument": json.loads(policy)}


def role(stack: Deployed, physical_id: str, _wanted: Properties) -> Properties:
    iam = stack.aws("iam")
    attached = iam.list_attached_role_policies(RoleName=physical_id)["AttachedPolicies"]
    names = ("AssumeRolePolicyDocument", "Description", "RoleName")
    arns = [policy["PolicyArn"] for policy in attached]
    inline = [
        {
            "PolicyName": name,
            "PolicyDocument": iam.get_role_policy(RoleName=physical_id, PolicyName=name)["PolicyDocument"],
        }
        for name in iam.list_role_policies(RoleName=physical_id)["PolicyNames"]
    ]
    found = picked(iam.get_role(RoleName=physical_id)["Role"], *names)
    return found | {"ManagedPolicyArns": arns, "Policies": inline}


def schedule(stack: Deployed, physical_id: str, _wanted: Properties) -> Properties:
    return dict(stack.aws("scheduler").get_schedule(Name=physical_id))


def budget(stack: Deployed, physical_id: str, _wanted: Properties) -> Properties:
    budgets, which = stack.aws("budgets"), {"AccountId": stack.account, "BudgetName": physical_id}
    alerts = budgets.describe_notifications_for_budget(**which)["Notifications"]
    arn = f"arn:aws:budgets::{stack.account}:budget/{physical_id}"
    return {
        "Budget": budgets.describe_budget(**which)["Budget"],
        "NotificationsWithSubscribers": [
            {
                "Notification": {name: alert[name] for name in ("ComparisonOperator", "NotificationType", "Threshold")},
                "Subscribers": budgets.describe_subscribers_for_notification(**which, Notification=alert)[
                    "Subscribers"
                ],
            }
            for alert in alerts
        ],
        "ResourceTags": budgets.list_tags_for_resource(ResourceARN=arn)["ResourceTags"],
    }


def managed_policy(stack: Deployed, physical_id: str, _wanted: Properties) -> Properties:
    iam = stack.aws("iam")
    found = iam.get_policy(PolicyArn=physical_id)["Policy"]
    version = iam.get_policy_version(PolicyArn=physical_id, VersionId=found["DefaultVersionId"])["PolicyVersion"]
    shown = picked(found, "Description", "Path") | {"PolicyDocument": version["Document"]}
    return {"Description": "", **shown}


def instance_profile(stack: Deployed, physical_id: str, _wanted: Properties) -> Properties:
    found = stack.aws("iam").get_instance_profile(InstanceProfileName=physical_id)["InstanceProfile"]
    return {"Roles": [each["RoleName"] for each in found["Roles"]]}


def group(stack: Deployed, physical_id: str, _wanted: Properties) -> Properties:
    attached = stack.aws("iam").list_attached_group_policies(GroupName=physical_id)["AttachedPolicies"]
    return {"ManagedPolicyArns": [policy["PolicyArn"] for policy in attached]}


def user(stack: Deployed, physical_id: str, _wanted: Properties) -> Properties:
    iam = stack.aws("iam")
    groups = [each["GroupName"] for each in iam.list_groups_for_user(UserName=physical_id)["Groups"]]
    return picked(iam.get_user(UserName=physical_id)["User"], "UserName") | {"Groups": groups}


READERS: dict[str, Callable[[Deployed, str, Properties], Properties]] = {
    "AWS::Budgets::Budget": budget,
    "AWS::EC2::EIP": elastic_ip,
    "AWS::EC2::EIPAssociation": elastic_ip_association,
    "AWS::EC2::FlowLog": flow_log,
    "AWS::EC2::Instance": instance,
    "AWS::EC2::InternetGateway": internet_gateway,
    "AWS::EC2::KeyPair": key_pair,
    "AWS::EC2::NatGateway": nat_gateway,
    "AWS::EC2::NetworkAcl": network_acl,
    "AWS::EC2::NetworkAclEntry": network_acl_entry,
    "AWS::EC2::Route": route,
    "AWS::EC2::RouteTable": route_table,
    "AWS::EC2::SecurityGroup": security_group,
    "AWS::EC2::SecurityGroupEgress": security_group_rule,
    "AWS::EC2::SecurityGroupIngress": security_group_rule,
    "AWS::EC2::Subnet": subnet,
    "AWS::EC2::SubnetNetworkAclAssociation": network_acl_association,
    "AWS::EC2::SubnetRouteTableAssociation": route_table_association,
    "AWS::EC2::VPC": vpc,
    "AWS::EC2::VPCEndpoint": vpc_endpoint,
    "AWS::EC2::VPCGatewayAttachment": gateway_attachment,
    "AWS::IAM::Group": group,
    "AWS::IAM::InstanceProfile": instance_profile,
    "AWS::IAM::ManagedPolicy": managed_policy,
    "AWS::IAM::Role": role,
    "AWS::IAM::User": user,
    "AWS::S3::Bucket": bucket,
    "AWS::S3::BucketPolicy": bucket_policy,
    "AWS::Scheduler::Schedule": schedule,
}


# --- the comparison


def plain(value: Any) -> Any:
    """Return a value for comparison: 80 is "80", and the order of a list does not matter."""
    if isinstance(value, dict):
        return {name: plain(value[name]) for name in sorted(value)}
    if isinstance(value, list | tuple):
        return sorted((plain(each) for each in value), key=repr)
    return str(value).lower() if isinstance(value, bool) else str(value)


def differences(stack: Deployed) -> list[str]:
    """Return a line for each property of the template that boto3 does not read back."""
    resolver = Resolver(stack)
    found = []
    for logical_id, resource in stack.template["Resources"].items():
        wanted = resolver.resolve(resource.get("Properties", {}))
        try:
            read = READERS[resource["Type"]](stack, resolver.ids[logical_id], wanted)
        except (AssertionError, ClientError) as error:
            found.append(f"{resource['Type']} {logical_id}: {error}")
            continue
        for name, value in wanted.items():
            where = f"{resource['Type']} {logical_id}.{name}"
            if name not in read:
                found.append(f"{where}: no way to read it")
            elif not holds(plain(value), plain(read[name])):
                found.append(f"{where}: wants {value}, but it is {read[name]}")
    return found


def holds(wanted: Any, read: Any) -> bool:
    """Compare; AWS may say more about a structure than a template does (MetadataOptions.State)."""
    if isinstance(wanted, dict) and isinstance(read, dict):
        return all(name in read and holds(value, read[name]) for name, value in wanted.items())
    return bool(wanted == read)


# --- the tests


@pytest.fixture(scope="module")
def emulator(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Emulator]:
    running = Emulator(tmp_path_factory.mktemp("state"), quotas=QUOTAS)
    yield running
    running.stop()


def test_the_default_stack_from_deploy_to_destroy(emulator: Emulator, template: Templates) -> None:
    """Deploy, crash, update, restart, destroy; in between nothing is lost."""
    stack = Deployed(emulator, "LearningStack", "100000000001")
    stack.create(template("LearningStack", private_host=True))
    assert differences(stack) == []

    emulator.crash()
    emulator.start()
    assert differences(stack) == [], "after a crash"

    before = stack.physical_ids()
    stack.update(template("LearningStack", private_host=True, **CHANGES))
    assert differences(stack) == [], "after an update"
    kept = {name for name, physical_id in stack.physical_ids().items() if before.get(name) == physical_id}
    others = (before.keys() & stack.physical_ids().keys()) - kept
    replaced = {stack.template["Resources"][name]["Type"] for name in others}
    assert replaced == {"AWS::EC2::EIPAssociation", "AWS::EC2::Instance"}, "another architecture is another image"
    running = stack.aws("ec2").describe_instances(Filters=filtered("instance-state-name", "running"))["Reservations"]
    assert len(running) == 2
    assert {each["Instances"][0]["Architecture"] for each in running} == {"arm64"}

    name = stack.physical_id("AWS::S3::Bucket")
    stack.aws("s3").put_object(Bucket=name, Key="archive/note.txt", Body=b"keep me")
    emulator.stop()
    emulator.start()
    assert differences(stack) == [], "after a restart"
    assert stack.aws("s3").get_object(Bucket=name, Key="archive/note.txt")["Body"].read() == b"keep me"

    stack.delete()
    assert len(stack.aws("s3").list_buckets()["Buckets"]) == 2, "buckets outlive the stack"
    assert left_over(stack) == {}


@pytest.mark.parametrize(("nat", "account"), [("single", "2"), ("regional", "3"), ("none", "4"), ("instance", "7")])
def test_every_way_out_of_the_private_subnets(emulator: Emulator, template: Templates, nat: str, account: str) -> None:
    stack = Deployed(emulator, "LearningStack", account.rjust(12, "1"))
    stack.create(template("LearningStack", nat=nat))
    assert differences(stack) == []
    before = stack.physical_ids()
    stack.update(template("LearningStack", nat=nat, instance_type="t3.small", hardened=True))
    assert differences(stack) == []
    assert stack.physical_ids() == before, "changed in place"
    assert the(stack, "learning-bastion")["State"]["Name"] == "running"
    stack.delete()
    assert left_over(stack) == {}


def test_one_way_out_changes_into_another_and_every_subnet_stays(emulator: Emulator, template: Templates) -> None:
    stack = Deployed(emulator, "LearningStack", "100000000008")
    stack.create(template("LearningStack"))
    before = stack.physical_ids()
    for nat in ("instance", "none", "instance", "single", "instance", "regional", "instance", "per-az"):
        stack.update(template("LearningStack", nat=nat))
        assert differences(stack) == [], nat
        kept = {name for name, physical_id in stack.physical_ids().items() if before.get(name) == physical_id}
        changing = ("NatGateway", "EIP", "DefaultRoute", "NATGateway", "NatInstance")
        assert before.keys() - kept <= {name for name in before if any(word in name for word in changing)}
    stack.delete()
    assert left_over(stack) == {}


def test_a_route_to_an_instance_leads_nowhere_while_it_stands_still(emulator: Emulator, template: Templates) -> None:
    stack = Deployed(emulator, "LearningStack", "100000000009")
    stack.create(template("LearningStack", nat="instance"))
    ec2 = stack.aws("ec2")
    nat = the(stack, "learning-nat")
    routes = filtered("route.instance-id", nat["InstanceId"])

    def found() -> set[tuple[str, str]]:
        tables = ec2.describe_route_tables(Filters=routes)["RouteTables"]
        assert len(tables) == 2
        return {
            (route["State"], route["NetworkInterfaceId"])
            for table in tables
            for route in table["Routes"]
            if "InstanceId" in route
        }

    interface = nat["NetworkInterfaces"][0]["NetworkInterfaceId"]
    assert found() == {("active", interface)}
    ec2.stop_instances(InstanceIds=[nat["InstanceId"]])
    assert found() == {("blackhole", interface)}
    ec2.start_instances(InstanceIds=[nat["InstanceId"]])
    ec2.modify_instance_attribute(InstanceId=nat["InstanceId"], SourceDestCheck={"Value": True})
    assert the(stack, "learning-nat")["NetworkInterfaces"][0]["SourceDestCheck"] is True
    assert broken(stack) == {"EC2::Instance"}


SAVING = {
    "nat": "none",
    "stop_at": "19:00",
    "start_at": "09:00",
    "time_zone": "Asia/Tokyo",
}
BUDGET = {"monthly_budget_usd": 20, "alert_email": "you@example.com"}


def test_the_schedules(emulator: Emulator, template: Templates) -> None:
    """Make both, change what changes in place, restart, take one away."""
    stack = Deployed(emulator, "LearningStack", "100000000010")
    stack.create(template("LearningStack", **SAVING))
    assert differences(stack) == []
    before = stack.physical_ids()
    stack.update(template("LearningStack", **(SAVING | {"stop_at": "20:30", "time_zone": "Europe/Paris"})))
    assert differences(stack) == []
    assert stack.physical_ids() == before, "changed in place"

    emulator.stop()
    emulator.start()
    assert differences(stack) == [], "after a restart"

    stack.update(template("LearningStack", nat="none", start_at="09:00"))
    assert differences(stack) == []
    assert len(left_over(stack)["schedules"]) == 1

    stack.aws("scheduler").delete_schedule(Name=stack.physical_id("AWS::Scheduler::Schedule"))
    stack.delete()  # of what is gone already, too
    assert left_over(stack) == {}


def test_the_budget(emulator: Emulator, template: Templates) -> None:
    """Make it, change it in place, restart, replace it for another address, take it away."""
    stack = Deployed(emulator, "BudgetStack", "100000000012")
    stack.create(template("BudgetStack", **BUDGET))
    assert differences(stack) == []
    before = stack.physical_ids()
    stack.update(template("BudgetStack", **(BUDGET | {"monthly_budget_usd": 30})))
    assert differences(stack) == []
    assert stack.physical_ids() == before, "changed in place"

    emulator.stop()
    emulator.start()
    assert differences(stack) == [], "after a restart"

    stack.update(template("BudgetStack", **(BUDGET | {"alert_email": "me@example.com"})))
    assert differences(stack) == []
    assert stack.physical_ids() != before
    assert len(left_over(stack)["budgets"]) == 1, "the replaced one is gone"
    stack.delete()
    assert left_over(stack) == {}


def test_operators(emulator: Emulator, template: Templates) -> None:
    stack = Deployed(emulator, "OperatorsStack", "100000000005")
    stack.create(template("OperatorsStack", operators=("alice", "bob")))
    assert differences(stack) == []
    stack.update(template("OperatorsStack", operators=("bob", "carol")))
    assert differences(stack) == []
    stack.delete()
    iam = stack.aws("iam")
    assert (iam.list_users()["Users"], iam.list_groups()["Groups"]) == ([], [])
    assert iam.list_policies(Scope="Local")["Policies"] == []


def left_over(stack: Deployed) -> dict[str, Any]:
    """Return what a destroyed stack has left behind, apart from its buckets."""
    ec2, iam = stack.aws("ec2"), stack.aws("iam")
    elsewhere = [{"Name": "is-default", "Values": ["false"]}]
    live = [{"Name": "instance-state-name", "Values": ["pending", "running", "stopping", "stopped"]}]
    found = {
        "addresses": ec2.describe_addresses()["Addresses"],
        "budgets": stack.aws("budgets").describe_budgets(AccountId=stack.account)["Budgets"],
        "flow logs": ec2.describe_flow_logs()["FlowLogs"],
        "instances": ec2.describe_instances(Filters=live)["Reservations"],
        "interfaces": ec2.describe_network_interfaces()["NetworkInterfaces"],
        "key pairs": ec2.describe_key_pairs()["KeyPairs"],
        "NAT gateways": ec2.describe_nat_gateways(Filters=filtered("state", "available"))["NatGateways"],
        "network ACLs": ec2.describe_network_acls(Filters=filtered("default", "false"))["NetworkAcls"],
        "parameters": stack.aws("ssm").describe_parameters()["Parameters"],
        "policies": iam.list_policies(Scope="Local")["Policies"],
        "profiles": iam.list_instance_profiles()["InstanceProfiles"],
        "roles": iam.list_roles()["Roles"],
        "schedules": stack.aws("scheduler").list_schedules()["Schedules"],
        "volumes": ec2.describe_volumes()["Volumes"],
        "VPCs": ec2.describe_vpcs(Filters=elsewhere)["Vpcs"],
        "endpoints": ec2.describe_vpc_endpoints()["VpcEndpoints"],
    }
    return {name: each for name, each in found.items() if each}


# --- what the lessons look at beyond the template


@pytest.fixture(scope="module")
def stack(emulator: Emulator, template: Templates) -> Deployed:
    deployed = Deployed(emulator, "LearningStack", "100000000006")
    deployed.create(template("LearningStack", private_host=True))
    return deployed


def the(stack: Deployed, name: str) -> Any:
    """Return the instance with this Name tag."""
    found = stack.aws("ec2").describe_instances(Filters=filtered("tag:Name", name))["Reservations"]
    return one(one(found)["Instances"])


def group_named(stack: Deployed, name: str) -> str:
    found = stack.aws("ec2").describe_security_groups(Filters=filtered("tag:Name", name))["SecurityGroups"]
    return str(one(found)["GroupId"])


def test_addresses_of_the_instances(stack: Deployed) -> None:
    bastion, private_host = the(stack, "learning-bastion"), the(stack, "learning-private-host")
    ec2 = stack.aws("ec2")
    address = one(ec2.describe_addresses(Filters=filtered("instance-id", bastion["InstanceId"]))["Addresses"])
    assert bastion["PublicIpAddress"] == address["PublicIp"]
    assert bastion["NetworkInterfaces"][0]["Association"]["PublicIp"] == address["PublicIp"]
    assert bastion["NetworkInterfaces"][0]["NetworkInterfaceId"] == address["NetworkInterfaceId"]
    assert bastion["PrivateIpAddress"] == address["PrivateIpAddress"]
    assert address["AssociationId"].startswith("eipassoc-")
    assert "PublicIpAddress" not in private_host
    for each in (bastion, private_host):
        [subnet_of] = ec2.describe_subnets(SubnetIds=[each["SubnetId"]])["Subnets"]
        assert ipaddress.ip_address(each["PrivateIpAddress"]) in ipaddress.ip_network(subnet_of["CidrBlock"])
        assert each["Architecture"] == "x86_64"
        image = one(ec2.describe_images(ImageIds=[each["ImageId"]])["Images"])
        assert (image["OwnerId"], image["Architecture"]) == ("099720109477", "x86_64")


def test_addresses_of_the_nat_gateways(stack: Deployed) -> None:
    ec2 = stack.aws("ec2")
    for gateway in ec2.describe_nat_gateways()["NatGateways"]:
        shown = one(gateway["NatGatewayAddresses"])
        address = one(ec2.describe_addresses(AllocationIds=[shown["AllocationId"]])["Addresses"])
        assert address["PublicIp"] == shown["PublicIp"]
        assert address["NetworkInterfaceId"] == shown["NetworkInterfaceId"]


def test_the_endpoint_is_a_route(stack: Deployed) -> None:
    ec2 = stack.aws("ec2")
    endpoint = one(ec2.describe_vpc_endpoints()["VpcEndpoints"])
    tables = ec2.describe_route_tables(Filters=filtered("route.gateway-id", endpoint["VpcEndpointId"]))["RouteTables"]
    assert sorted(table["RouteTableId"] for table in tables) == sorted(endpoint["RouteTableIds"])


def broken(stack: Deployed) -> set[str]:
    return {line.split()[0].removeprefix("AWS::") for line in differences(stack)}


def test_changes_to_an_instance_are_seen(stack: Deployed) -> None:
    ec2 = stack.aws("ec2")
    bastion = the(stack, "learning-bastion")
    instance_id = bastion["InstanceId"]

    ec2.modify_instance_metadata_options(InstanceId=instance_id, HttpTokens="optional")
    assert the(stack, "learning-bastion")["MetadataOptions"]["HttpTokens"] == "optional"

    web = group_named(stack, "learning-web")
    ec2.modify_instance_attribute(InstanceId=instance_id, Groups=[web])
    assert [each["GroupId"] for each in the(stack, "learning-bastion")["SecurityGroups"]] == [web]

    address = one(ec2.describe_addresses(Filters=filtered("instance-id", instance_id))["Addresses"])
    ec2.disassociate_address(AssociationId=address["AssociationId"])
    assert "PublicIpAddress" not in the(stack, "learning-bastion")
    ec2.associate_address(AllocationId=address["AllocationId"], InstanceId=instance_id)
    assert the(stack, "learning-bastion")["PublicIpAddress"] == address["PublicIp"]

    ec2.stop_instances(InstanceIds=[instance_id])
    assert the(stack, "learning-bastion")["State"]["Name"] == "stopped"
    ec2.modify_instance_attribute(InstanceId=instance_id, InstanceType={"Value": "t3.small"})
    ec2.start_instances(InstanceIds=[instance_id])
    assert the(stack, "learning-bastion")["InstanceType"] == "t3.small"

    volume_id = bastion["BlockDeviceMappings"][0]["Ebs"]["VolumeId"]
    ec2.modify_volume(VolumeId=volume_id, Size=9)
    assert ec2.describe_volumes(VolumeIds=[volume_id])["Volumes"][0]["Size"] == 9
    assert "EC2::Instance" in broken(stack)


def test_changes_to_the_firewall_are_seen(stack: Deployed) -> None:
    ec2 = stack.aws("ec2")
    subnet_id = the(stack, "learning-bastion")["SubnetId"]
    group_id = group_named(stack, "learning-bastion")

    rule = one(ec2.describe_security_groups(GroupIds=[group_id])["SecurityGroups"])["IpPermissionsEgress"][0]
    ec2.revoke_security_group_egress(GroupId=group_id, IpPermissions=[rule])
    assert rule not in one(ec2.describe_security_groups(GroupIds=[group_id])["SecurityGroups"])["IpPermissionsEgress"]
    with pytest.raises(ClientError, match=r"InvalidPermission\.NotFound"):
        ec2.revoke_security_group_egress(GroupId=group_id, IpPermissions=[rule])

    acl = one(ec2.describe_network_acls(Filters=filtered("association.subnet-id", subnet_id))["NetworkAcls"])
    entry = next(each for each in acl["Entries"] if not each["Egress"] and "PortRange" in each)
    changed = entry | {"PortRange": {"From": 1, "To": 2}}
    ec2.replace_network_acl_entry(NetworkAclId=acl["NetworkAclId"], **changed)
    assert changed in one(ec2.describe_network_acls(NetworkAclIds=[acl["NetworkAclId"]])["NetworkAcls"])["Entries"]

    link = next(each for each in acl["Associations"] if each["SubnetId"] == subnet_id)
    defaults = [*filtered("default", "true"), *filtered("vpc-id", acl["VpcId"])]
    default = one(ec2.describe_network_acls(Filters=defaults)["NetworkAcls"])["NetworkAclId"]
    ec2.replace_network_acl_association(AssociationId=link["NetworkAclAssociationId"], NetworkAclId=default)
    now = ec2.describe_network_acls(Filters=filtered("association.subnet-id", subnet_id))["NetworkAcls"]
    assert one(now)["NetworkAclId"] == default
    assert broken(stack) >= {"EC2::NetworkAclEntry", "EC2::SecurityGroup", "EC2::SubnetNetworkAclAssociation"}


def test_changes_to_the_network_are_seen(stack: Deployed) -> None:
    ec2 = stack.aws("ec2")
    vpc_id = stack.physical_id("AWS::EC2::VPC")
    ec2.modify_vpc_attribute(VpcId=vpc_id, EnableDnsHostnames={"Value": False})
    switch = ec2.describe_vpc_attribute(VpcId=vpc_id, Attribute="enableDnsHostnames")
    assert switch["EnableDnsHostnames"] == {"Value": False}

    gateway = stack.physical_id("AWS::EC2::NatGateway")
    with pytest.raises(ClientError, match="DependencyViolation"):
        ec2.delete_subnet(SubnetId=stack.physical_id("AWS::EC2::Subnet"))
    ec2.delete_nat_gateway(NatGatewayId=gateway)
    tables = ec2.describe_route_tables(Filters=filtered("route.nat-gateway-id", gateway))["RouteTables"]
    assert [each["State"] for each in one(tables)["Routes"] if each.get("NatGatewayId")] == ["blackhole"]
    assert ec2.describe_nat_gateways(NatGatewayIds=[gateway])["NatGateways"][0]["State"] == "deleted"

    table = one(ec2.describe_route_tables(Filters=filtered("tag:Name", "learning-public-1"))["RouteTables"])
    ec2.delete_route(RouteTableId=table["RouteTableId"], DestinationCidrBlock="0.0.0.0/0")
    assert broken(stack) >= {"EC2::NatGateway", "EC2::Route", "EC2::VPC"}

    ec2.delete_vpc_endpoints(VpcEndpointIds=[stack.physical_id("AWS::EC2::VPCEndpoint")])
    with pytest.raises(ClientError, match=r"InvalidVpcEndpointId\.NotFound"):
        ec2.describe_vpc_endpoints(VpcEndpointIds=[stack.physical_id("AWS::EC2::VPCEndpoint")])


def test_changes_to_a_bucket_are_seen(stack: Deployed) -> None:
    s3 = stack.aws("s3")
    name = stack.physical_id("AWS::S3::Bucket")
    s3.put_bucket_versioning(Bucket=name, VersioningConfiguration={"Status": "Suspended"})
    assert s3.get_bucket_versioning(Bucket=name)["Status"] == "Suspended"
    s3.delete_bucket_policy(Bucket=name)
    s3.delete_bucket_lifecycle(Bucket=name)
    for setting in ("policy", "lifecycle_configuration"):
        with pytest.raises(ClientError, match="NoSuch"):
            getattr(s3, f"get_bucket_{setting}")(Bucket=name)
    assert broken(stack) >= {"S3::Bucket", "S3::BucketPolicy"}
