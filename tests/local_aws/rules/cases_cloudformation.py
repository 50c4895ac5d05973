"""What CloudFormation takes and what it refuses, of a request and of a resource."""

import json
from typing import Any

from tests.local_aws.rules.world import Case, World, policy, trust

BUCKET = {"Bucket": {"Type": "AWS::S3::Bucket"}}


def _create(w: World, template: Any, name: str = "one", **more: Any) -> Any:
    text = template if isinstance(template, str) else json.dumps(template)
    return w.cloudformation.create_stack(StackName=name, TemplateBody=text, **more)


def _template(**more: Any) -> dict[str, Any]:
    return {"Resources": {"Handle": {"Type": "AWS::CloudFormation::WaitConditionHandle"}}, **more}


def _handles(number: int) -> dict[str, Any]:
    return {"Resources": {f"H{each}": {"Type": "AWS::CloudFormation::WaitConditionHandle"} for each in range(number)}}


def _sections(section: str, number: int) -> dict[str, Any]:
    values: dict[str, Any] = {
        "Outputs": {"Value": "v"},
        "Parameters": {"Type": "String", "Default": "d"},
        "Mappings": {"Map": {"Key": "v"}},
    }
    return _template(**{section: {f"N{each}": values[section] for each in range(number)}})


def _counted(rule: str, section: str, most: int) -> Case:
    return Case(
        rule,
        "ValidationError",
        lambda w: _create(w, _sections(section, most), "good"),
        lambda w: _create(w, _sections(section, most + 1), "bad"),
    )


def _failing(rule: str, says: str, type_name: str, taken: dict[str, Any], refused: dict[str, Any], **more: Any) -> Case:
    """Return a case of a resource: its stack fails with these words, and is rolled back."""
    return Case(
        rule,
        "CREATE_FAILED",
        lambda w: w.resource(type_name, _filled(w, taken), **more),
        lambda w: w.resource(type_name, _filled(w, refused), **more),
        says=says,
    )


def _filled(w: World, properties: dict[str, Any]) -> dict[str, Any]:
    """Return the properties with what the world has in the place of <vpc>, <table> and <account>."""
    text = json.dumps(properties)
    for name in ("vpc", "table", "account", "region", "bucket"):
        if f"<{name}>" in text:
            text = text.replace(f"<{name}>", getattr(w, name))
    filled: dict[str, Any] = json.loads(text)
    return filled


IAM: dict[str, Any] = {"Capabilities": ["CAPABILITY_NAMED_IAM"]}
ROLE = {"AssumeRolePolicyDocument": json.loads(trust())}


def _named_twice(rule: str, type_name: str, properties: dict[str, Any]) -> Case:
    """Return a case of two stacks that make something with the same name."""
    return _failing(rule, "already exists", type_name, properties, properties, **IAM)


NAMES = (
    _named_twice("iam.role-name-once", "AWS::IAM::Role", {"RoleName": "access-s3-role", **ROLE}),
    _named_twice("iam.user-name-once", "AWS::IAM::User", {"UserName": "alice"}),
    _named_twice("iam.group-name-once", "AWS::IAM::Group", {"GroupName": "operators"}),
    _named_twice(
        "iam.policy-name-once",
        "AWS::IAM::ManagedPolicy",
        {"ManagedPolicyName": "view", "PolicyDocument": json.loads(policy())},
    ),
    _named_twice(
        "ec2.group-name-once",
        "AWS::EC2::SecurityGroup",
        {"GroupName": "web", "GroupDescription": "web", "VpcId": "<vpc>"},
    ),
    _named_twice("ssm.name-once", "AWS::SSM::Parameter", {"Name": "/a", "Type": "String", "Value": "v"}),
)
REQUESTS = (
    Case(
        "cloudformation.template-size",
        "ValidationError",
        lambda w: _create(w, _template(Metadata={"Text": "t" * 50_000})),
        lambda w: _create(w, _template(Metadata={"Text": "t" * 52_000}), "two"),
    ),
    Case(
        "cloudformation.resources",
        "ValidationError",
        lambda w: w.cloudformation.validate_template(TemplateBody=json.dumps(_handles(500))),
        lambda w: w.cloudformation.validate_template(TemplateBody=json.dumps(_handles(501))),
    ),
    _counted("cloudformation.outputs", "Outputs", 200),
    _counted("cloudformation.parameters", "Parameters", 200),
    _counted("cloudformation.mappings", "Mappings", 200),
    Case(
        "cloudformation.description",
        "ValidationError",
        lambda w: _create(w, _template(Description="d" * 1024)),
        lambda w: _create(w, _template(Description="d" * 1025), "two"),
    ),
    Case(
        "cloudformation.logical-id",
        "ValidationError",
        lambda w: _create(w, _handles(1)),
        lambda w: _create(w, {"Resources": {"my-handle": {"Type": "AWS::CloudFormation::WaitConditionHandle"}}}, "two"),
    ),
    Case(
        "cloudformation.rollback-or-failure",
        "ValidationError",
        lambda w: _create(w, _template(), OnFailure="DELETE"),
        lambda w: _create(w, _template(), "two", OnFailure="DELETE", DisableRollback=True),
    ),
    Case(
        "cloudformation.tag-aws",
        "ValidationError",
        lambda w: _create(w, _template(), Tags=[{"Key": "team", "Value": "t"}]),
        lambda w: _create(w, _template(), "two", Tags=[{"Key": "aws:team", "Value": "t"}]),
    ),
    Case(
        "cloudformation.limits",
        "ValidationError",
        lambda w: _create(w, _template(), Tags=[{"Key": f"k{n}", "Value": "v"} for n in range(50)]),
        lambda w: _create(w, _template(), "two", Tags=[{"Key": f"k{n}", "Value": "v"} for n in range(51)]),
    ),
    Case(
        "capabilities (ministack's own)",
        "InsufficientCapabilitiesException",
        lambda w: _create(w, {"Resources": {"Role": _named_role("one")}}, **IAM),
        lambda w: _create(w, {"Resources": {"Role": _named_role("two")}}, "two"),
    ),
    Case(
        "capabilities (ministack's own)",
        "InsufficientCapabilitiesException",
        lambda w: _create(w, {"Resources": {"Role": _named_role("one")}}, **IAM),
        lambda w: _create(w, {"Resources": {"Role": _named_role("two")}}, "two", Capabilities=["CAPABILITY_IAM"]),
    ),
)


def _named_role(name: str) -> dict[str, Any]:
    return {"Type": "AWS::IAM::Role", "Properties": {**ROLE, "RoleName": name}}


RESOURCES = (
    _failing(
        "cloudformation.resource-properties",
        "extraneous key [Versioning] is not permitted",
        "AWS::S3::Bucket",
        {"VersioningConfiguration": {"Status": "Enabled"}},
        {"Versioning": {"Status": "Enabled"}},
    ),
    _failing(
        "cloudformation.resource-properties",
        "not a valid enum value",
        "AWS::S3::Bucket",
        {"VersioningConfiguration": {"Status": "Enabled"}},
        {"VersioningConfiguration": {"Status": "On"}},
    ),
    _failing(
        "cloudformation.resource-properties",
        "required key [AssumeRolePolicyDocument] not found",
        "AWS::IAM::Role",
        ROLE,
        {"Description": "nobody's"},
        **IAM,
    ),
    _failing(
        "cloudformation.resource-tag-aws",
        "not allowed for external use",
        "AWS::EC2::InternetGateway",
        {"Tags": [{"Key": "Name", "Value": "mine"}]},
        {"Tags": [{"Key": "aws:mine", "Value": "mine"}]},
    ),
    _failing(
        "ec2.vpc-size", "InvalidVpc.Range", "AWS::EC2::VPC", {"CidrBlock": "10.9.0.0/16"}, {"CidrBlock": "10.0.0.0/8"}
    ),
    _failing(
        "ec2.subnet-in-vpc",
        "InvalidSubnet.Range",
        "AWS::EC2::Subnet",
        {"VpcId": "<vpc>", "CidrBlock": "10.0.0.0/24"},
        {"VpcId": "<vpc>", "CidrBlock": "172.16.0.0/24"},
    ),
    _failing(
        "ec2.subnets-apart",
        "InvalidSubnet.Conflict",
        "AWS::EC2::Subnet",
        {"VpcId": "<vpc>", "CidrBlock": "10.0.0.0/24"},
        {"VpcId": "<vpc>", "CidrBlock": "10.0.0.0/25"},
    ),
    _failing(
        "ec2.vpc-exists",
        "InvalidVpcID.NotFound",
        "AWS::EC2::RouteTable",
        {"VpcId": "<vpc>"},
        {"VpcId": "vpc-0123456789abcdef0"},
    ),
    _failing(
        "ec2.group-name-prefix",
        "InvalidParameterValue",
        "AWS::EC2::SecurityGroup",
        {"VpcId": "<vpc>", "GroupDescription": "from home"},
        {"VpcId": "<vpc>", "GroupDescription": "from home", "GroupName": "sg-mine"},
    ),
    _failing(
        "iam.policy-grammar",
        "MalformedPolicyDocument",
        "AWS::IAM::ManagedPolicy",
        {"PolicyDocument": json.loads(policy())},
        {"PolicyDocument": json.loads(policy(Action="GetObject"))},
        **IAM,
    ),
    _failing(
        "iam.trust-grammar",
        "MalformedPolicyDocument",
        "AWS::IAM::Role",
        ROLE,
        {"AssumeRolePolicyDocument": json.loads(trust(Resource="*"))},
        **IAM,
    ),
    _failing(
        "s3.bucket-prefix",
        "InvalidBucketName",
        "AWS::S3::Bucket",
        {"BucketName": "my-<account>"},
        {"BucketName": "xn--<account>"},
    ),
    _failing(
        "ssm.name-path",
        "ValidationException",
        "AWS::SSM::Parameter",
        {"Name": "/class/one", "Type": "String", "Value": "v"},
        {"Name": "class/one", "Type": "String", "Value": "v"},
    ),
)
CASES = (*NAMES, *REQUESTS, *RESOURCES)
