"""What policies allow is what an evaluator that is not ours finds, and what happens is what the simulator says."""

import json
import os
import random
import shutil
import subprocess
from pathlib import Path
from typing import TYPE_CHECKING, Any

import boto3
import pytest
from botocore.exceptions import ClientError

from lab.local_aws import lifecycle
from lab.local_aws.sign_in import environment_of
from lab.template.deployed import Deployed
from lab.template.values import resolved

if TYPE_CHECKING:
    from collections.abc import Callable

HERE = Path(__file__).with_name("simulate")
ALICE = "arn:aws:iam::000000000000:user/alice"
INSTANCE = "arn:aws:ec2:us-east-1:000000000000:instance/i-0123456789abcdef0"
OTHER = "arn:aws:ec2:us-east-1:000000000000:instance/i-0fedcba9876543210"
OBJECT = "arn:aws:s3:::my-bucket/home/alice/a.txt"
REQUESTS = [
    ("ec2:StopInstances", INSTANCE),
    ("ec2:StartInstances", OTHER),
    ("ec2:TerminateInstances", INSTANCE),
    ("ec2:DescribeInstances", "*"),
    ("s3:GetObject", OBJECT),
    ("s3:PutObject", OBJECT),
    ("s3:ListBucket", "arn:aws:s3:::my-bucket"),
]
ACTIONS = [
    *("*", "ec2:*", "ec2:Stop*", "EC2:stopinstances", "ec2:StartInstances", "ec2:Describe*", "s3:*", "s3:Get?bject"),
]
RESOURCES = [
    *("*", INSTANCE, "arn:aws:ec2:*:*:instance/*", "arn:aws:ec2:us-east-1:000000000000:instance/i-0123*"),
    *("arn:aws:s3:::my-bucket", "arn:aws:s3:::my-bucket/*", "arn:aws:s3:::my-bucket/home/${aws:username}/*"),
]
# Operator, key, values.
CONDITIONS: list[tuple[str, str, Any]] = [
    ("Bool", "aws:MultiFactorAuthPresent", "true"),
    ("BoolIfExists", "aws:MultiFactorAuthPresent", "true"),
    ("BoolIfExists", "aws:MultiFactorAuthPresent", ["false"]),
    ("Null", "aws:MultiFactorAuthPresent", "true"),
    ("StringEquals", "aws:RequestedRegion", ["us-east-1", "ap-northeast-1"]),
    ("StringNotEquals", "aws:RequestedRegion", "us-east-1"),
    ("StringLike", "aws:RequestedRegion", "us-*"),
    ("IpAddress", "aws:SourceIp", ["203.0.113.0/24", "198.51.100.7/32"]),
    ("NotIpAddress", "aws:SourceIp", "203.0.113.0/24"),
    ("StringEquals", "aws:PrincipalTag/Team", "blue"),
    ("StringEqualsIgnoreCase", "aws:PrincipalTag/Team", "BLUE"),
    ("StringNotLike", "aws:PrincipalTag/Team", ["b*", "g*"]),
    ("StringEquals", "aws:username", "${aws:username}"),
    ("ArnLike", "aws:PrincipalArn", "arn:aws:iam::*:user/a*"),
    ("NumericLessThan", "aws:MultiFactorAuthAge", "3600"),
    ("NumericGreaterThanEqualsIfExists", "aws:MultiFactorAuthAge", "60"),
    ("DateLessThan", "aws:TokenIssueTime", "2026-01-01T00:00:00Z"),
]
CONTEXT: dict[str, list[str]] = {
    "aws:MultiFactorAuthPresent": ["true", "false"],
    "aws:MultiFactorAuthAge": ["30", "4000"],
    "aws:RequestedRegion": ["us-east-1", "eu-west-1"],
    "aws:SourceIp": ["203.0.113.9", "192.0.2.1"],
    "aws:PrincipalTag/Team": ["blue", "green", "Blue"],
    "aws:TokenIssueTime": ["2025-06-01T00:00:00Z", "2026-06-01T00:00:00Z"],
}
SAME = {"Allowed": "allowed", "ExplicitlyDenied": "explicitDeny", "ImplicitlyDenied": "implicitDeny"}
CASES = 400


def statement(chance: random.Random) -> dict[str, Any]:
    action = chance.choice(["Action", "Action", "Action", "NotAction"])
    resource = chance.choice(["Resource", "Resource", "Resource", "NotResource"])
    made: dict[str, Any] = {
        "Effect": chance.choice(["Allow", "Allow", "Deny"]),
        action: chance.sample(ACTIONS, chance.randint(1, 3)),
        resource: chance.sample(RESOURCES, chance.randint(1, 3)),
    }
    for operator, key, values in chance.sample(CONDITIONS, chance.choice([0, 0, 1, 1, 2])):
        made.setdefault("Condition", {}).setdefault(operator, {})[key] = values
    return made


def simulation(chance: random.Random) -> dict[str, Any]:
    action, resource = chance.choice(REQUESTS)
    policies = [
        {"Version": "2012-10-17", "Statement": [statement(chance) for _ in range(chance.randint(1, 3))]}
        for _ in range(chance.randint(1, 2))
    ]
    given = {key: chance.choice(values) for key, values in CONTEXT.items() if chance.random() < 0.6}
    return {
        "policies": policies,
        "principal": ALICE,
        "account": "000000000000",
        "action": action,
        "resource": resource,
        # What follows from the principal is told to it, too.
        "context": {**given, "aws:username": "alice", "aws:PrincipalArn": ALICE},
    }


def entries(context: dict[str, str]) -> Any:
    return [
        {"ContextKeyName": key, "ContextKeyType": "string", "ContextKeyValues": [value]}
        for key, value in context.items()
    ]


def ours(iam: Any, given: dict[str, Any]) -> str:
    answer = iam.simulate_custom_policy(
        PolicyInputList=[json.dumps(policy) for policy in given["policies"]],
        ActionNames=[given["action"]],
        ResourceArns=[given["resource"]],
        CallerArn=given["principal"],
        ContextEntries=entries(given["context"]),
    )
    return str(answer["EvaluationResults"][0]["EvalDecision"])


def another(cases: list[dict[str, Any]]) -> list[Any]:
    """Return what the evaluator that is not ours finds."""
    if not (HERE / "node_modules").exists():
        pytest.skip("iam-simulate is not installed: make test installs it")
    node = shutil.which("node")
    assert node
    done = subprocess.run(
        [node, HERE / "simulate.mjs"], input=json.dumps(cases), capture_output=True, text=True, check=True
    )
    return [SAME.get(str(each), each) for each in json.loads(done.stdout)]


# Of a learner's own stack, and of another's whose name is much like it: the resource, its Learner tag, what is asked.
OF_A_LEARNER = (
    ("arn:aws:ec2:us-east-1:000000000000:instance/i-0123456789abcdef0", "ec2:StopInstances"),
    ("arn:aws:ec2:us-east-1:000000000000:instance/i-0123456789abcdef0", "ec2:ModifyInstanceAttribute"),
    ("arn:aws:ec2:us-east-1:000000000000:security-group/sg-0123", "ec2:AuthorizeSecurityGroupIngress"),
    ("arn:aws:ec2:us-east-1:000000000000:route-table/rtb-0123", "ec2:DeleteRoute"),
    ("arn:aws:ec2:us-east-1:000000000000:network-acl/acl-0123", "ec2:ReplaceNetworkAclEntry"),
    ("arn:aws:s3:::learningstack-{learner}-storagebucket-0a1b2c", "s3:ListBucket"),
    ("arn:aws:s3:::learningstack-{learner}-storagebucket-0a1b2c/a.txt", "s3:PutObject"),
    ("arn:aws:cloudformation:us-east-1:000000000000:stack/LearningStack-{learner}/0a1b", "cloudformation:GetTemplate"),
    ("arn:aws:iam::000000000000:role/access-s3-role-{learner}", "iam:GetRole"),
)
NOBODYS = (
    *(("*", f"iam:{action}") for action in ("CreateUser", "CreateAccessKey", "PassRole", "CreateRole", "TagUser")),
    *(("*", f"ec2:{action}") for action in ("RunInstances", "TerminateInstances", "CreateVpc", "CreateSecurityGroup")),
    *(("*", f"{action}") for action in ("cloudformation:UpdateStack", "cloudformation:DeleteStack", "sts:AssumeRole")),
)


@pytest.mark.parametrize("own", ["alice", "al"])
def test_what_a_learner_may_says_another_evaluator(assembly: "Callable[..., Path]", own: str) -> None:
    template = json.loads((assembly(learners=("alice",)) / "ClassStack.template.json").read_text())
    (policy,) = (each for each in template["Resources"].values() if each["Type"] == "AWS::IAM::ManagedPolicy")
    names = {"AWS::Partition": "aws", "AWS::AccountId": "000000000000"}
    document = resolved(policy["Properties"]["PolicyDocument"], names)

    def asked(resource: str, action: str, owner: str) -> dict[str, Any]:
        tagged = {"aws:ResourceTag/Learner": owner} if ":ec2:" in resource else {}
        return {
            "policies": [document],
            "principal": f"arn:aws:iam::000000000000:user/learner-{own}",
            "account": "000000000000",
            "action": action,
            "resource": resource.format(learner=owner),
            "context": {"aws:username": f"learner-{own}", "aws:PrincipalTag/Learner": own, **tagged},
        }

    assert another([asked(*each, own) for each in OF_A_LEARNER]) == ["allowed"] * len(OF_A_LEARNER)
    for other in ("bob", "alic", "alicea"):
        assert set(another([asked(*each, other) for each in OF_A_LEARNER])) == {"implicitDeny"}, other
    assert set(another([asked(*each, own) for each in NOBODYS])) == {"implicitDeny"}


def test_another_evaluator_finds_the_same(local_aws: lifecycle.Server) -> None:  # noqa: ARG001
    chance = random.Random(20261126)  # noqa: S311  # not for secrets
    cases = [simulation(chance) for _ in range(CASES)]
    theirs = another(cases)
    iam = boto3.client("iam")
    found = [ours(iam, case) for case in cases]
    assert min(found.count(decision) for decision in SAME.values()) > CASES / 20, "each decision is seen"
    differing = [(case, mine, other) for case, mine, other in zip(cases, found, theirs, strict=True) if mine != other]
    assert differing == []


@pytest.mark.parametrize("sign_in", ["without MFA", "with MFA"])
@pytest.mark.parametrize("action", ["StopInstances", "StartInstances", "TerminateInstances", "DescribeInstances"])
def test_what_the_simulator_says_is_what_happens(
    action: str,
    sign_in: str,
    learning_stack: Deployed,
    operators_stack: Deployed,  # noqa: ARG001
) -> None:
    mfa = sign_in == "with MFA"
    named = environment_of("alice", mfa=mfa)
    alice = boto3.Session(named["AWS_ACCESS_KEY_ID"], named["AWS_SECRET_ACCESS_KEY"], named.get("AWS_SESSION_TOKEN"))
    instance = learning_stack.outputs["InstanceId"]
    ec2 = alice.client("ec2")
    tries: dict[str, Callable[[], Any]] = {
        "StopInstances": lambda: ec2.stop_instances(InstanceIds=[instance], DryRun=True),
        "StartInstances": lambda: ec2.start_instances(InstanceIds=[instance], DryRun=True),
        "TerminateInstances": lambda: ec2.terminate_instances(InstanceIds=[instance], DryRun=True),
        "DescribeInstances": lambda: ec2.describe_instances(DryRun=True),
    }
    with pytest.raises(ClientError) as told:
        tries[action]()
    [reservation] = learning_stack.ec2.describe_instances(InstanceIds=[instance])["Reservations"]
    context = {f"aws:ResourceTag/{tag['Key']}": tag["Value"] for tag in reservation["Instances"][0]["Tags"]}
    if mfa:
        context["aws:MultiFactorAuthPresent"] = "true"
    arn = f"arn:aws:ec2:{learning_stack.region}:000000000000:instance/{instance}"
    [said] = learning_stack.iam.simulate_principal_policy(
        PolicySourceArn=ALICE,
        ActionNames=[f"ec2:{action}"],
        ResourceArns=["*" if action == "DescribeInstances" else arn],
        ContextEntries=entries(context),
    )["EvaluationResults"]
    expected = "DryRunOperation" if said["EvalDecision"] == "allowed" else "UnauthorizedOperation"
    assert told.value.response["Error"]["Code"] == expected, said


def test_the_simulator_names_what_it_was_not_told(local_aws: lifecycle.Server) -> None:  # noqa: ARG001
    iam = boto3.client("iam")
    condition = {"Bool": {"aws:MultiFactorAuthPresent": "true"}}
    allow = {"Effect": "Allow", "Action": "*", "Resource": "*", "Condition": condition}
    found = iam.simulate_custom_policy(
        PolicyInputList=[json.dumps({"Version": "2012-10-17", "Statement": allow})],
        ActionNames=["s3:GetObject", "s3:PutObject"],
        ResourceArns=[OBJECT, INSTANCE],
    )["EvaluationResults"]
    assert [(each["EvalDecision"], each["MissingContextValues"]) for each in found] == [
        ("implicitDeny", ["aws:MultiFactorAuthPresent"])
    ] * 4
    with pytest.raises(ClientError, match="NoSuchEntity"):
        iam.simulate_principal_policy(PolicySourceArn=ALICE.replace("alice", "nobody"), ActionNames=["s3:GetObject"])


def test_the_bastions_role_may_signal_its_own_stack_and_no_other(
    learning_stack: Deployed, budget_stack: Deployed
) -> None:
    """The role names the stack by its id, the first boot by its name: both are the stack's one ARN."""
    root = learning_stack.description["StackId"].split(":")[4]  # EC2 takes the role on; here the root user can
    secret = os.environ["AWS_SECRET_ACCESS_KEY"]
    role = f"arn:aws:iam::{root}:role/{learning_stack.outputs['RoleName']}"
    sts = boto3.client("sts", aws_access_key_id=root, aws_secret_access_key=secret)
    given = sts.assume_role(RoleArn=role, RoleSessionName="i-1")["Credentials"]
    session = boto3.Session(given["AccessKeyId"], given["SecretAccessKey"], given["SessionToken"])
    cloudformation = session.client("cloudformation")

    def signal(stack: str, resource: str) -> str:
        with pytest.raises(ClientError) as told:
            cloudformation.signal_resource(
                StackName=stack, LogicalResourceId=resource, UniqueId="i-1", Status="SUCCESS"
            )
        return str(told.value.response["Error"]["Code"])

    for name in (learning_stack.stack_name, learning_stack.description["StackId"]):
        assert signal(name, learning_stack.bastion.logical_id) == "ValidationError", "it may, and comes too late"
    assert signal(budget_stack.stack_name, "Budget") == "AccessDenied"
