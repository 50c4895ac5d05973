"""A template that is wrong is seen by the claims that it breaks, and by no others, though AWS is as it says.

The local AWS takes each of these templates, as AWS would. The claim about drift holds all the time: AWS is as wrong as
the template.
"""

import copy
import json
import re
import time
from collections.abc import Callable, Iterator
from functools import cache
from itertools import count
from typing import Any

import pytest
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st

from lab.checks import all_checks, run
from lab.checks.real_account import in_a_real_account
from lab.local_aws import lifecycle
from lab.template.deployed import Deployed, new_session

Template = dict[str, Any]
# A change: the logical id of a resource (it may lack the digits that the CDK adds), the path of a property, and its new
# value or a function from the old to the new one. GONE takes the property away.
Change = tuple[str, str, Any]
GONE = object()
ACCOUNTS = count(333333333330)
WORLD = "0.0.0.0/0"
STRANGER = {"AWS": "arn:aws:iam::111122223333:root"}

# The stacks that are changed, each in an account of its own, as some names are unique in one.
STACKS: dict[str, tuple[str, dict[str, Any]]] = {
    "full": (
        "LearningStack",
        {
            "private_host": True,
            "admin_cidr": "203.0.113.7/32",
            "stop_at": "19:00",
            "start_at": "09:00",
            "time_zone": "Asia/Tokyo",
        },
    ),
    "nat-instance": ("LearningStack", {"nat": "instance"}),
    "regional": ("LearningStack", {"nat": "regional", "hardened": True}),
    "no-nat": ("LearningStack", {"nat": "none"}),
    "operators": ("OperatorsStack", {"operators": ("alice", "bob")}),
    "budget": ("BudgetStack", {"monthly_budget_usd": 20, "alert_email": "you@example.com"}),
}


class Account:
    """An account with one stack, whose template can be replaced by a wrong one for a while."""

    def __init__(self, stack: str, template: Template) -> None:
        self.stack, self.template = stack, template
        self._begin()

    def _begin(self) -> None:
        """Create the stack, in an account that was never used."""
        with pytest.MonkeyPatch.context() as patch:
            patch.setenv("AWS_ACCESS_KEY_ID", f"{next(ACCOUNTS)}")
            self.cloudformation = new_session().client("cloudformation")
            assert self._send(self.cloudformation.create_stack, self.template) == "CREATE_COMPLETE"
            self.deployed = Deployed(self.stack)
            self.client = cache(self.deployed.client)

    def failing(self, template: Template) -> set[str]:
        """Return the claims that fail when a template is deployed."""
        found = self.failing_after_update(template)
        # What an update has to replace, and AWS has no room for beside the old, a new stack can have.
        return Account(self.stack, template).failing_now() if found is None else found

    def failing_after_update(self, template: Template) -> set[str] | None:
        """Return the claims that fail when the stack is updated; None when AWS refuses that."""
        status = self._send(self.cloudformation.update_stack, template)
        found = self.failing_now() if status == "UPDATE_COMPLETE" else None
        if status == "UPDATE_COMPLETE":
            status = self._send(self.cloudformation.update_stack, self.template)
        # Where two resources became one in AWS, its end with one of them is the end of both: then nothing mends the
        # stack, and the claim about drift sees it.
        if status not in ("UPDATE_COMPLETE", "UPDATE_ROLLBACK_COMPLETE") or "no-drift" in (found or ()):
            self._begin()
        return found

    def failing_now(self) -> set[str]:
        aws = copy.copy(self.deployed)  # a new one would take a while to load what boto3 knows
        for cached in ("template", "settings", "resources", "outputs"):
            aws.__dict__.pop(cached, None)
        aws.description = self.cloudformation.describe_stacks(StackName=self.stack)["Stacks"][0]
        aws.client = self.client  # type: ignore[method-assign]
        return {verdict.check.id for verdict in run(aws) if not verdict.holds}

    def _send(self, change: Callable[..., object], template: Template) -> str:
        tags = [{"Key": "Project", "Value": "LearningStack"}]
        body = json.dumps(template)
        change(StackName=self.stack, TemplateBody=body, Capabilities=["CAPABILITY_NAMED_IAM"], Tags=tags)
        while True:
            status = self.cloudformation.describe_stacks(StackName=self.stack)["Stacks"][0]["StackStatus"]
            if not status.endswith("IN_PROGRESS"):
                return str(status)
            time.sleep(0.02)


@pytest.fixture(scope="module")
def accounts(local_aws: lifecycle.Server, template: Callable[..., Template]) -> Callable[[str], Account]:  # noqa: ARG001
    made: dict[str, Account] = {}

    def account(name: str) -> Account:
        if name not in made:
            stack, chosen = STACKS[name]
            made[name] = Account(stack, template(stack, **chosen))
        return made[name]

    return account


def ref(name: str) -> dict[str, str]:
    return {"Ref": name}


def whole(template: Template, name: str) -> str:
    """Return the logical id that is, or begins with, a name."""
    names: list[str] = [each for each in template["Resources"] if re.fullmatch(rf"{name}([0-9A-F]{{6}}\w*)?", each)]
    assert len(names) == 1, (name, names)
    return str(names[0])


def completed(template: Template, value: Any) -> Any:
    match value:
        case {"Ref": str(name)} if not name.startswith("AWS::"):
            return {"Ref": whole(template, name)}
        case {"Fn::GetAtt": [name, attribute]}:
            return {"Fn::GetAtt": [whole(template, name), attribute]}
        case dict():
            return {name: completed(template, part) for name, part in value.items()}
        case list():
            return [completed(template, part) for part in value]
    return value


def changed(template: Template, changes: list[Change], extra: Template | None = None) -> Template:
    """Return a template with changes of properties, and with resources that it did not have."""
    wrong = copy.deepcopy(template)
    wrong["Resources"] |= extra or {}
    wrong["Resources"] |= {name: completed(wrong, each) for name, each in (extra or {}).items()}
    for name, path, value in changes:
        if name == "Parameters":
            holder, steps = wrong, [name, *path.split("/")]
        else:
            holder, steps = wrong["Resources"][whole(wrong, name)], ["Properties", *path.split("/")]
        *before, last = [int(step) if step.isdigit() else step.replace("~1", "/") for step in steps]  # as JSON pointers
        at: Any = holder
        for step in before:
            at = at[step]
        if value is GONE:
            del at[last]
        else:
            there = isinstance(last, int) or last in at
            at[last] = completed(wrong, value(at[last] if there else None) if callable(value) else value)
    assert wrong != template
    return wrong


def more(*items: Any) -> Callable[[Any], Any]:
    """Return a function that adds to a list, or makes one."""
    return lambda old: [*(old or []), *items]


def instead(old: str, new: str) -> Callable[[str], str]:
    def change(text: str) -> str:
        assert old in text
        return text.replace(old, new)

    return change


def open_to(cidr: str, port: int) -> dict[str, Any]:
    return {"CidrIp": cidr, "FromPort": port, "ToPort": port, "IpProtocol": "tcp"}


SUBNET_ACL = "DefaultAssociationLearningStackNetworkVpc"
USER_DATA = "UserData/Fn::Base64/Fn::Sub"
ENCRYPTION = "BucketEncryption/ServerSideEncryptionConfiguration/0/ServerSideEncryptionByDefault/SSEAlgorithm"
START_AND_STOP = "PolicyDocument/Statement/1"
TO_THE_INTERNET: list[Change] = [
    (f"NetworkVpcPrivateSubnet{number}DefaultRoute", *change)
    for number in (1, 2)
    for change in (("NatGatewayId", GONE), ("GatewayId", ref("NetworkVpcIGW")))
]

WRONG: list[tuple[str, str, set[str], list[Change]]] = [
    (
        "22 is open to the world, and private subnets are routed to the internet gateway",
        "full",
        {"ssh-is-restricted", "private-routes"},
        [("FirewallBastion", "SecurityGroupIngress/0/CidrIp", WORLD), *TO_THE_INTERNET],
    ),
    (
        "3306 and 8080 are open to everyone",
        "full",
        {"database-port", "web-ports", "who-reaches-3306", "who-reaches-8080"},
        [
            ("FirewallWeb", "SecurityGroupIngress/2/CidrIp", WORLD),
            ("FirewallDatabase", "SecurityGroupIngress", more(open_to(WORLD, 3306))),
        ],
    ),
    (
        "operators may do everything with EC2, with no condition",
        "operators",
        {"operators-policy"},
        [
            ("OperatorsPolicy", f"{START_AND_STOP}/Action", "ec2:*"),
            ("OperatorsPolicy", f"{START_AND_STOP}/Resource", "*"),
            ("OperatorsPolicy", f"{START_AND_STOP}/Condition", GONE),
        ],
    ),
    # Chapter 3
    ("the VPC has another range", "full", {"vpc"}, [("NetworkVpc", "CidrBlock", "10.0.0.0/17")]),
    ("the hardware is dedicated", "full", {"bastion-runs"}, [("NetworkVpc", "InstanceTenancy", "dedicated")]),
    ("hosts get no names", "full", {"vpc"}, [("NetworkVpc", "EnableDnsHostnames", False)]),
    (
        "both private subnets are in one zone",
        "full",
        {"a-zone-may-fail", "subnets"},
        [("NetworkVpcPrivateSubnet2Subnet", "AvailabilityZone/Fn::Select/0", 0)],
    ),
    (
        "a subnet has another range",
        "full",
        {"subnets"},
        [("NetworkVpcPrivateSubnet2Subnet", "CidrBlock", "10.0.5.0/24")],
    ),
    (
        "a subnet hands out public addresses",
        "full",
        {"no-automatic-addresses"},
        [("NetworkVpcPublicSubnet1Subnet", "MapPublicIpOnLaunch", True)],
    ),
    (
        "two subnets share a route table, and so a NAT gateway",
        "full",
        {"a-zone-may-fail", "private-routes", "route-tables"},
        [("NetworkVpcPrivateSubnet1RouteTableAssociation", "RouteTableId", ref("NetworkVpcPrivateSubnet2RouteTable"))],
    ),
    (
        "a public and a private subnet have each other's route table",
        "full",
        {"private-routes", "public-routes", "route-tables", "who-reaches-22", "who-reaches-8080"},
        [
            (
                f"NetworkVpc{kind}Subnet1RouteTableAssociation",
                "RouteTableId",
                ref(f"NetworkVpc{other}Subnet1RouteTable"),
            )
            for kind, other in (("Public", "Private"), ("Private", "Public"))
        ],
    ),
    (
        "half of the internet is out of reach",
        "full",
        {"a-zone-may-fail", "private-subnets-are-private", "public-routes", "who-reaches-8080"},
        [("NetworkVpcPublicSubnet2DefaultRoute", "DestinationCidrBlock", "0.0.0.0/1")],
    ),
    (
        "a private subnet leaves through the NAT gateway of the other zone",
        "full",
        {"a-zone-may-fail", "private-routes"},
        [("NetworkVpcPrivateSubnet1DefaultRoute", "NatGatewayId", ref("NetworkVpcPublicSubnet2NATGateway"))],
    ),
    (
        "a NAT gateway stands in the other zone",
        "full",
        {"a-zone-may-fail", "nat-gateways"},
        [("NetworkVpcPublicSubnet1NATGateway", "SubnetId", ref("NetworkVpcPublicSubnet2Subnet"))],
    ),
    (
        "the regional NAT gateway is an ordinary one",
        "regional",
        {"a-zone-may-fail", "nat-gateways", "private-subnets-are-private"},
        [
            ("NetworkVpcRegionalNatGateway", "AvailabilityMode", GONE),
            ("NetworkVpcRegionalNatGateway", "VpcId", GONE),
            ("NetworkVpcRegionalNatGateway", "ConnectivityType", "private"),
            ("NetworkVpcRegionalNatGateway", "SubnetId", ref("NetworkVpcPublicSubnet1Subnet")),
        ],
    ),
    (
        "S3 is not on every route table",
        "full",
        {"s3-by-the-endpoint", "s3-endpoint"},
        [("NetworkVpcS3Endpoint", "RouteTableIds", lambda old: old[1:])],
    ),
    (
        "without NAT, a private subnet has the route table of a public one",
        "no-nat",
        {"route-tables", "private-routes", "private-subnets-are-private", "nothing-but-s3"},
        [("NetworkVpcPrivateSubnet2RouteTableAssociation", "RouteTableId", ref("NetworkVpcPublicSubnet2RouteTable"))],
    ),
    ("accepted traffic is not logged", "full", {"flow-logs"}, [("NetworkVpcFlowLog", "TrafficType", "REJECT")]),
    (
        "the NAT instance forwards nothing",
        "nat-instance",
        {"nat-instance", "private-subnets-are-private"},
        [("NatInstance", "SourceDestCheck", True)],
    ),
    (
        "the NAT instance is for everyone",
        "nat-instance",
        {"nat-instance"},
        [("NatInstanceGroup", "SecurityGroupIngress/0/CidrIp", WORLD)],
    ),
    # Chapter 4
    (
        "operators need no MFA",
        "operators",
        {"operators-policy"},
        [("OperatorsPolicy", f"{START_AND_STOP}/Condition/Bool", GONE)],
    ),
    (
        "operators stop any instance",
        "operators",
        {"operators-policy"},
        [("OperatorsPolicy", f"{START_AND_STOP}/Condition/StringEquals/aws:ResourceTag~1Role", GONE)],
    ),
    (
        "the group has no policy",
        "operators",
        {"operators-policy", "operators-group"},
        [("OperatorsGroup", "ManagedPolicyArns", GONE)],
    ),
    ("an operator is in no group", "operators", {"operators-group"}, [("OperatorsUserbob", "Groups", GONE)]),
    (
        "an operator has more than the group",
        "operators",
        {"operators-have-no-keys"},
        [("OperatorsUserbob", "ManagedPolicyArns", more("arn:aws:iam::aws:policy/ReadOnlyAccess"))],
    ),
    # Chapter 6
    (
        "the schedules have another time zone",
        "full",
        {"schedules-stop-and-start"},
        [("ScheduleStop", "ScheduleExpressionTimezone", "UTC")],
    ),
    (
        "the instances start at night",
        "full",
        {"schedules-stop-and-start"},
        [("ScheduleStart", "ScheduleExpression", "cron(0 0 * * ? *)")],
    ),
    (
        "the instances are terminated",
        "full",
        {"schedules-stop-and-start"},
        [("ScheduleStop", "Target/Arn/Fn::Sub", instead("stopInstances", "terminateInstances"))],
    ),
    (
        "the schedules' role may stop any instance",
        "full",
        {"schedules-stop-and-start"},
        [("SchedulePolicy", "PolicyDocument/Statement/0/Resource", "*")],
    ),
    (
        "the schedules of all accounts may take the role",
        "full",
        {"schedules-stop-and-start"},
        [("ScheduleRole", "AssumeRolePolicyDocument/Statement/0/Condition", GONE)],
    ),
    ("the budget is higher", "budget", {"budget-mails"}, [("Budget", "Budget/BudgetLimit/Amount", 200)]),
    (
        "the budget mails late",
        "budget",
        {"budget-mails"},
        [("Budget", "NotificationsWithSubscribers/1/Notification/Threshold", 500)],
    ),
    # Chapters 7 and 9
    (
        "everything moves to Glacier",
        "full",
        {"archive-moves-to-glacier"},
        [("StorageBucket", "LifecycleConfiguration/Rules/0/Prefix", "")],
    ),
    (
        "files are deleted",
        "full",
        {"leftovers-are-deleted"},
        [("StorageBucket", "LifecycleConfiguration/Rules/2/ExpirationInDays", 7)],
    ),
    (
        "logs are kept for ever",
        "full",
        {"logs-are-deleted"},
        [("StorageLogs", "LifecycleConfiguration/Rules/0/Status", "Disabled")],
    ),
    (
        "hardened, and logs are deleted after 90 days",
        "regional",
        {"logs-are-deleted"},
        [("StorageLogs", "LifecycleConfiguration/Rules/0/ExpirationInDays", 90)],
    ),
    (
        "the bucket can be public",
        "full",
        {"nothing-is-public"},
        [("StorageBucket", "PublicAccessBlockConfiguration/RestrictPublicBuckets", False)],
    ),
    (
        "the bucket has ACLs",
        "full",
        {"acls-are-disabled"},
        [("StorageBucket", "OwnershipControls/Rules/0/ObjectOwnership", "ObjectWriter")],
    ),
    ("files have another key", "full", {"encrypted-at-rest"}, [("StorageBucket", ENCRYPTION, "AES256")]),
    (
        "TLS is demanded of reading alone",
        "full",
        {"tls-only"},
        [("StorageBucketPolicy", "PolicyDocument/Statement/0/Action", "s3:GetObject")],
    ),
    (
        "a stranger may write logs",
        "full",
        {"bucket-policy-opens-nothing"},
        [("StorageLogsPolicy", "PolicyDocument/Statement/1/Principal", STRANGER)],
    ),
    (
        "old versions are not kept",
        "full",
        {"versioning"},
        [("StorageBucket", "VersioningConfiguration/Status", "Suspended")],
    ),
    ("requests are not logged", "full", {"access-logs"}, [("StorageBucket", "LoggingConfiguration", GONE)]),
    # Chapter 8
    ("the private host is larger", "full", {"bastion-runs"}, [("PrivateHostInstance", "InstanceType", "t3.small")]),
    ("the bastion is larger", "full", {"bastion-runs"}, [("BastionInstance", "InstanceType", "t3.small")]),
    (
        "the bastion's credits can cost more than it",
        "full",
        {"bastion-runs"},
        [("BastionInstance", "CreditSpecification/CPUCredits", "unlimited")],
    ),
    (
        "the bastion has an older Ubuntu",
        "full",
        {"bastion-runs"},
        [("Parameters", "Ubuntu2604Amd64/Default", instead("26.04", "24.04"))],
    ),
    (
        "the bastion is in the other zone",
        "full",
        {"bastion-has-an-elastic-ip"},
        [("BastionInstance", "NetworkInterfaces/0/SubnetId", ref("NetworkVpcPublicSubnet2Subnet"))],
    ),
    (
        "the private host's disk is not encrypted",
        "full",
        {"root-volume-is-encrypted"},
        [("PrivateHostInstance", "BlockDeviceMappings/0/Ebs/Encrypted", False)],
    ),
    (
        "the bastion's disk is larger",
        "full",
        {"root-volume-is-encrypted"},
        [("BastionInstance", "BlockDeviceMappings/0/Ebs/VolumeSize", 100)],
    ),
    ("the bastion has another role tag", "full", {"bastion-is-tagged"}, [("BastionInstance", "Tags/2/Value", "other")]),
    (
        "the bastion is behind one more group",
        "full",
        {"bastion-is-behind-its-group"},
        [("BastionInstance", "NetworkInterfaces/0/GroupSet", more(ref("FirewallWeb")))],
    ),
    ("the key is an RSA one", "full", {"key-is-in-parameter-store"}, [("BastionKeyPair", "KeyType", "rsa")]),
    ("IMDSv1 answers", "full", {"imdsv2-only"}, [("BastionInstance", "MetadataOptions/HttpTokens", "optional")]),
    (
        "containers reach the metadata",
        "full",
        {"imdsv2-only"},
        [("PrivateHostInstance", "MetadataOptions/HttpPutResponseHopLimit", 2)],
    ),
    # Chapter 10
    (
        "files belong to root",
        "full",
        {"first-boot-mounts-the-bucket"},
        [("BastionInstance", USER_DATA, instead("MOUNT_UID=1000", "MOUNT_UID=0"))],
    ),
    (
        "nothing is mounted after the next boot",
        "full",
        {"first-boot-mounts-the-bucket"},
        [("BastionInstance", USER_DATA, instead("unfold 755 /etc/rc.local <<", "unfold 755 /etc/rc.lokal <<"))],
    ),
    (
        "the private host is in a public subnet",
        "full",
        {"private-host-is-private"},
        [("PrivateHostInstance", "SubnetId", ref("NetworkVpcPublicSubnet1Subnet"))],
    ),
    (
        "the private host takes everyone",
        "full",
        {"private-host-is-private"},
        [("PrivateHostGroup", "SecurityGroupIngress", more(open_to(WORLD, 22)))],
    ),
    (
        "functions may take the role",
        "full",
        {"role-is-for-the-bastion"},
        [("AccessRole", "AssumeRolePolicyDocument/Statement/0/Principal/Service", "lambda.amazonaws.com")],
    ),
    (
        "the role reads every bucket",
        "full",
        {"role-has-least-privilege"},
        [("AccessBucketPolicy", "PolicyDocument/Statement/1/Resource", "*")],
    ),
    # Chapter 12
    (
        "a web server sends mail",
        "full",
        {"outbound-is-limited"},
        [("FirewallWeb", "SecurityGroupEgress", more(open_to(WORLD, 25)))],
    ),
    (
        "MySQL comes in as a reply",
        "full",
        {"public-acl"},
        [("FirewallPublicAclInbound160", "RuleAction", "allow")],
    ),
    (
        "there are too few ports for replies",
        "full",
        {"private-acl"},
        [("FirewallPrivateAclInbound200", "PortRange/From", 32768)],
    ),
    (
        "a private subnet is behind the public ACL",
        "full",
        {"acls-guard-their-subnets"},
        [(f"FirewallPrivateAcl{SUBNET_ACL}PrivateSubnet2", "NetworkAclId", ref("FirewallPublicAcl"))],
    ),
]


@pytest.mark.parametrize(("stack", "broken", "changes"), [case[1:] for case in WRONG], ids=[case[0] for case in WRONG])
def test_exactly_the_claims_fail_that_a_template_breaks(
    accounts: Callable[[str], Account], stack: str, broken: set[str], changes: list[Change]
) -> None:
    account = accounts(stack)
    assert account.failing(changed(account.template, changes)) == broken


def test_each_claim_can_be_broken_by_a_template() -> None:
    claims = {
        check.id for stack, _ in STACKS.values() for check in all_checks(stack) if check.when is not in_a_real_account
    }
    assert claims - set().union(*(broken for _, _, broken, _ in WRONG)) == {"no-drift"}


@pytest.mark.parametrize("stack", STACKS)
def test_the_templates_themselves_break_none(accounts: Callable[[str], Account], stack: str) -> None:
    assert accounts(stack).failing_now() == set()


# --- what a template has beside the primer's design


def tagged(kind: str, name: str, properties: dict[str, Any]) -> dict[str, Any]:
    return {"Type": kind, "Properties": {**properties, "Tags": [{"Key": "Name", "Value": name}]}}


def third_zone() -> Template:
    """Return a third zone as complete as the two of the design, but for its route to S3."""
    zone = {"Fn::Select": [2, {"Fn::GetAZs": ""}]}
    made: Template = {
        "Address3": tagged("AWS::EC2::EIP", "learning-public-3", {"Domain": "vpc"}),
        "Gateway3": tagged(
            "AWS::EC2::NatGateway",
            "learning-public-3",
            {"AllocationId": {"Fn::GetAtt": ["Address3", "AllocationId"]}, "SubnetId": ref("PublicSubnet3")},
        ),
    }
    for kind, cidr, way in (
        ("Public", "10.0.5.0/24", {"GatewayId": ref("NetworkVpcIGW")}),
        ("Private", "10.0.6.0/24", {"NatGatewayId": ref("Gateway3")}),
    ):
        name, own = f"learning-{kind.lower()}-3", {"SubnetId": ref(f"{kind}Subnet3")}
        table, in_vpc = {"RouteTableId": ref(f"{kind}Table3")}, {"VpcId": ref("NetworkVpc")}
        place = {"AvailabilityZone": zone, "CidrBlock": cidr, **in_vpc}
        route = {**table, "DestinationCidrBlock": WORLD, **way}
        guard = {**own, "NetworkAclId": ref(f"Firewall{kind}Acl")}
        made |= {
            f"{kind}Subnet3": tagged("AWS::EC2::Subnet", name, place),
            f"{kind}Table3": tagged("AWS::EC2::RouteTable", name, in_vpc),
            f"{kind}Uses3": {"Type": "AWS::EC2::SubnetRouteTableAssociation", "Properties": {**own, **table}},
            f"{kind}Route3": {"Type": "AWS::EC2::Route", "Properties": route},
            f"{kind}Guard3": {"Type": "AWS::EC2::SubnetNetworkAclAssociation", "Properties": guard},
        }
    return made


def stray(subnet: str, *groups: dict[str, str], **interface: Any) -> dict[str, Any]:
    """Return an instance that is none of the design's."""
    return tagged(
        "AWS::EC2::Instance",
        "stray",
        {
            "BlockDeviceMappings": [
                {"DeviceName": "/dev/sda1", "Ebs": {"Encrypted": True, "VolumeSize": 8, "VolumeType": "gp3"}}
            ],
            "CreditSpecification": {"CPUCredits": "standard"},
            "ImageId": {"Fn::Sub": "${Ubuntu2604Amd64}"},
            "InstanceType": "t3.micro",
            "MetadataOptions": {"HttpPutResponseHopLimit": 1, "HttpTokens": "required"},
            "NetworkInterfaces": [{"DeviceIndex": "0", "GroupSet": list(groups), "SubnetId": ref(subnet), **interface}],
        },
    )


def open_group(port: int, cidr: str) -> dict[str, Any]:
    properties = {
        "GroupDescription": "Open",
        "SecurityGroupIngress": [open_to(cidr, port)],
        "VpcId": ref("NetworkVpc"),
    }
    return tagged("AWS::EC2::SecurityGroup", "open", properties)


S3_ON_THREE: list[Change] = [
    ("NetworkVpcS3Endpoint", "RouteTableIds", more(ref("PublicTable3"), ref("PrivateTable3"))),
]
BLOCKS = ("BlockPublicAcls", "BlockPublicPolicy", "IgnorePublicAcls", "RestrictPublicBuckets")
CAREFUL_BUCKET = {
    "BucketEncryption": {
        "ServerSideEncryptionConfiguration": [
            {"BucketKeyEnabled": True, "ServerSideEncryptionByDefault": {"SSEAlgorithm": "aws:kms"}}
        ]
    },
    "OwnershipControls": {"Rules": [{"ObjectOwnership": "BucketOwnerEnforced"}]},
    "PublicAccessBlockConfiguration": dict.fromkeys(BLOCKS, True),
}
ONLY_TLS = {
    "Effect": "Deny",
    "Principal": "*",
    "Action": "s3:*",
    "Resource": [{"Fn::Sub": "${MoreBucket.Arn}"}, {"Fn::Sub": "${MoreBucket.Arn}/*"}],
    "Condition": {"Bool": {"aws:SecureTransport": "false"}},
}
MORE: dict[str, tuple[set[str], Template, list[Change]]] = {
    # The claim about subnets is one about two zones; the others speak of each subnet.
    "a third zone": ({"subnets"}, third_zone(), S3_ON_THREE),
    "a third zone without the endpoint": ({"s3-by-the-endpoint", "s3-endpoint", "subnets"}, third_zone(), []),
    "a third zone that hands out addresses": (
        {"subnets", "no-automatic-addresses"},
        third_zone(),
        [*S3_ON_THREE, ("PublicSubnet3", "MapPublicIpOnLaunch", True)],
    ),
    "a third zone without network ACLs": (
        {"subnets", "acls-guard-their-subnets"},
        {name: each for name, each in third_zone().items() if "Guard" not in name},
        S3_ON_THREE,
    ),
    "a third zone without routes": (
        {
            "a-zone-may-fail",
            "private-routes",
            "private-subnets-are-private",
            "public-routes",
            "subnets",
            "who-reaches-8080",
        },
        {name: each for name, each in third_zone().items() if "Route3" not in name},
        S3_ON_THREE,
    ),
    "an endpoint": (
        set(),
        {
            "MoreEndpoint": tagged(
                "AWS::EC2::VPCEndpoint",
                "more",
                {
                    "ServiceName": {"Fn::Sub": "com.amazonaws.${AWS::Region}.dynamodb"},
                    "VpcEndpointType": "Gateway",
                    "VpcId": ref("NetworkVpc"),
                    "RouteTableIds": [ref("NetworkVpcPrivateSubnet1RouteTable")],
                },
            )
        },
        [],
    ),
    "a security group": (
        set(),
        {
            "MoreGroup": tagged(
                "AWS::EC2::SecurityGroup", "more", {"GroupDescription": "More", "VpcId": ref("NetworkVpc")}
            )
        },
        [],
    ),
    # Whom rules were not written for: no claim about rules sees them. (No schedule stops them, either.)
    "a host in the bastion's group": (
        {"who-reaches-3306", "schedules-stop-and-start"},
        {"Stray": stray("NetworkVpcPrivateSubnet2Subnet", ref("FirewallBastion"))},
        [],
    ),
    "a host that opens 22": (
        {"who-reaches-22", "schedules-stop-and-start"},
        {
            "Open": open_group(22, WORLD),
            "Stray": stray("NetworkVpcPublicSubnet2Subnet", ref("Open"), AssociatePublicIpAddress=True),
        },
        [],
    ),
    "a web server that opens 8080 to the VPC": (
        {"who-reaches-8080", "schedules-stop-and-start"},
        {
            "Open": open_group(8080, "10.0.0.0/16"),
            "Stray": stray("NetworkVpcPrivateSubnet1Subnet", ref("FirewallWeb"), ref("Open")),
        },
        [],
    ),
    "a role": (
        set(),
        {
            "MoreRole": {
                "Type": "AWS::IAM::Role",
                "Properties": {
                    "RoleName": "more",
                    "AssumeRolePolicyDocument": {
                        "Version": "2012-10-17",
                        "Statement": [
                            {
                                "Effect": "Allow",
                                "Principal": {"Service": "ec2.amazonaws.com"},
                                "Action": "sts:AssumeRole",
                            }
                        ],
                    },
                },
            }
        },
        [],
    ),
    "a bucket as careful as the others": (
        set(),
        {
            "MoreBucket": {"Type": "AWS::S3::Bucket", "Properties": CAREFUL_BUCKET},
            "MorePolicy": {
                "Type": "AWS::S3::BucketPolicy",
                "Properties": {
                    "Bucket": ref("MoreBucket"),
                    "PolicyDocument": {"Version": "2012-10-17", "Statement": [ONLY_TLS]},
                },
            },
        },
        [],
    ),
    "a careless bucket": (
        {"nothing-is-public", "acls-are-disabled", "encrypted-at-rest", "tls-only"},
        {
            "MoreBucket": {
                "Type": "AWS::S3::Bucket",
                "Properties": {
                    "BucketEncryption": {
                        "ServerSideEncryptionConfiguration": [
                            {"ServerSideEncryptionByDefault": {"SSEAlgorithm": "AES256"}}
                        ]
                    },
                    "OwnershipControls": {"Rules": [{"ObjectOwnership": "ObjectWriter"}]},
                    "PublicAccessBlockConfiguration": dict.fromkeys(BLOCKS, False),
                },
            }
        },
        [],
    ),
}


@pytest.mark.parametrize("case", MORE)
def test_what_is_more_breaks_what_is_claimed_of_it_and_nothing_else(
    accounts: Callable[[str], Account], case: str
) -> None:
    account = accounts("full")
    broken, extra, changes = MORE[case]
    assert account.failing(changed(account.template, changes, extra)) == broken


# --- any change of a property


# What no claim is made about, and why: the type or the logical id of a resource, and the path of a property, as a
# regular expression.
SURVIVORS = {
    r".*/(Group)?Description": "words open nothing",
    r".*/Sid|.*/LifecycleConfiguration/Rules/\d/Id": "a name for readers",
    r"(Access|Schedule|Storage)\w+/.*/Version": "without variables, the language of 2008 says the same",
    r"AWS::IAM::(Group|ManagedPolicy)/(GroupName|Path)": "a name",
    r"AWS::(S3::Bucket|EC2::VPCEndpoint|EC2::KeyPair)/Tags/.*": "for clean-up and bills",
    r"AWS::EC2::KeyPair/Key(Name|Format)": "any name will do, and PEM is AWS's default",
    r"PrivateHost\w+/KeyName": "a private host without its key lets nobody in",
    r"AWS::EC2::VPC/InstanceTenancy": "AWS takes its absence, which means the same; the other value is seen above",
    r"AWS::EC2::VPCEndpoint/VpcEndpointType": "AWS takes its absence alone, which means the same",
    r"AWS::EC2::NatGateway/ConnectivityType": "AWS takes its absence alone, which means the same",
    r"AWS::EC2::FlowLog/LogDestinationType": "AWS takes no other with this destination",
    r"AWS::EC2::Instance/UserData/.*": "beside what a claim reads in it, it is code: a rehearsal boots it",
    r"Bastion\w+/NetworkInterfaces/0/AssociatePublicIpAddress": "for the first boot, which fails without, as the "
    "deploy; the Elastic IP takes its place",
    r"AWS::EC2::Instance/PropagateTagsToVolumeOnCreation": "for bills alone",
    r"AWS::EC2::Instance/Monitoring": "it costs a little, and no lesson is about it",
    r"StorageLogs\w+/VersioningConfiguration/Status": "nobody changes a log, and old versions go after a day",
}
OTHER_WORDS = {
    "allow": "deny",
    "deny": "allow",
    "Allow": "Deny",
    "Enabled": "Suspended",
    "tcp": "udp",
    "ALL": "REJECT",
    "gp3": "gp2",
    "t3.micro": "t3.small",
    "t4g.micro": "t4g.small",
    "required": "optional",
    "standard": "unlimited",
    "ed25519": "rsa",
    "BucketOwnerEnforced": "BucketOwnerPreferred",
    "aws:kms": "AES256",
    "GLACIER": "DEEP_ARCHIVE",
    "default": "dedicated",
    "OFF": "FLEXIBLE",
    "MONTHLY": "QUARTERLY",
    "ACTUAL": "FORECASTED",
    "GREATER_THAN": "LESS_THAN",
}


def leaves(value: Any, path: tuple[str, ...] = ()) -> Iterator[tuple[tuple[str, ...], Any]]:
    """Yield what has no parts, and what CloudFormation fills in, with its path."""
    parts: Any = ()
    match value:
        case {"Fn::Base64": dict() as inner}:
            parts = [("Fn::Base64", inner)]
        case {"Ref": _} | {"Fn::GetAtt": _} | {"Fn::Join": _} | {"Fn::Select": _}:
            pass
        case dict():
            parts = value.items()
        case list():
            parts = enumerate(value)
    if not parts:
        yield path, value
    for name, part in parts:
        yield from leaves(part, (*path, str(name)))


def others(template: Template, kind: str, value: Any) -> list[Any]:
    """Return what may stand in the place of a value: the first that AWS takes is tried, and last that it is gone."""
    words: list[Any] = []
    match value:
        case bool():
            words = [not value]
        case int():
            words = [value + 1, value - 1]
        case {"Ref": str(name)} if name in template["Resources"]:
            words = [{"Ref": each} for each in _alike(template, name)]
        case {"Fn::GetAtt": [name, attribute]}:
            words = [{"Fn::GetAtt": [each, attribute]} for each in _alike(template, name)]
        case {"Fn::Select": [number, zones]}:
            words = [{"Fn::Select": [1 - number, zones]}]
        case str() if re.fullmatch(r"[0-9.]+/[0-9]+", value):
            if kind == "AWS::EC2::VPC":
                return []  # an update would replace all that there is; a new stack is tried above
            words = ["10.0.77.0/24" if kind == "AWS::EC2::Subnet" else "198.51.100.0/24"]
        case str():
            words = [OTHER_WORDS.get(value, f"{value}x")]
    return [*words, GONE]


def _alike(template: Template, name: str) -> list[str]:
    """Return the other resources of the type of one."""
    kind = template["Resources"][name]["Type"]
    return [each for each, one in template["Resources"].items() if one["Type"] == kind and each != name]


def any_change(template: Template) -> list[tuple[str, str, str, Any]]:
    """Return the properties of all resources: resource, type, path, value."""
    return [
        (name, resource["Type"], "/".join(part.replace("/", "~1") for part in path), value)
        for name, resource in sorted(template["Resources"].items())
        for path, value in leaves(resource.get("Properties", {}))
    ]


def seen(account: Account, name: str, kind: str, path: str, value: Any) -> set[str] | None:
    """Return the claims that see a change of a property; None when AWS takes no other value, and not its absence."""
    for other in others(account.template, kind, value):
        found = account.failing_after_update(changed(account.template, [(name, path, other)]))
        if found is not None:
            return found
    return None


@pytest.fixture(scope="module")
def changes(template: Callable[..., Template]) -> list[tuple[str, tuple[str, str, str, Any]]]:
    """Give each property of each stack, of those with other settings only what they have beside the first."""
    found: dict[tuple[str, str, str], tuple[str, tuple[str, str, str, Any]]] = {}
    for name, (stack, chosen) in STACKS.items():
        for change in any_change(template(stack, **chosen)):
            found.setdefault((stack, *change[:3:2]), (name, change))
    return [found[key] for key in sorted(found)]


@settings(
    max_examples=20,
    derandomize=True,
    database=None,
    deadline=None,
    phases=[Phase.generate],
    suppress_health_check=list(HealthCheck),
)
@given(drawn=st.integers(0, 10_000))
def test_any_change_of_a_property_is_seen_or_known_not_to_be(
    drawn: int, accounts: Callable[[str], Account], changes: list[tuple[str, tuple[str, str, str, Any]]]
) -> None:
    stack, (name, kind, path, value) = changes[drawn % len(changes)]
    found = seen(accounts(stack), name, kind, path, value)
    if found is None:
        return  # AWS takes no such template
    survives = any(re.fullmatch(pattern, f"{each}/{path}") for pattern in SURVIVORS for each in (kind, name))
    assert found - {"no-drift"} or survives, f"{name} {kind}/{path}"
