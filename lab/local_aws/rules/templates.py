"""What CloudFormation refuses of a resource, before it is made.

Some types ministack makes without an API request. For these, the requests that CloudFormation would have sent are put
to the rules, so that a VPC of a template is judged as one of the command line.
"""

import json
import re
import time
from collections.abc import Callable, Iterator, Mapping
from functools import lru_cache
from importlib.metadata import distribution
from pathlib import Path
from typing import Any

from ministack.services.cloudformation import provisioners

from lab.local_aws.rules import gate  # noqa: F401  # fills the table
from lab.local_aws.rules.quotas import quota
from lab.local_aws.rules.rule import Asked, broken, rule

Properties = dict[str, Any]
Request = tuple[str, str, Properties]  # the service, the action, and what it is asked
SCHEMA = "https://github.com/aws/aws-cdk/issues/28984"
OWN_TAGS = {f"aws:cloudformation:{name}" for name in ("logical-id", "stack-id", "stack-name")}
SERVICES = {"ec2": "Ec2", "iam": "Iam", "s3": "S3", "ssm": "Ssm"}


def _ec2(action: str, **names: str) -> Callable[[Properties], Iterator[Request]]:
    """Return what makes a request of properties; ``names`` are those that EC2 calls otherwise."""

    def requests(properties: Properties) -> Iterator[Request]:
        asked = {names.get(name, name): value for name, value in properties.items() if name != "Tags"}
        tags = properties.get("Tags")
        yield "ec2", action, {**asked, **({"TagSpecification": [{"Tag": tags}]} if tags else {})}

    return requests


def _security_group(properties: Properties) -> Iterator[Request]:
    yield from _ec2("CreateSecurityGroup")(
        {name: value for name, value in properties.items() if not name.startswith("SecurityGroup")}
    )
    for direction in ("Ingress", "Egress"):
        rules = [_permission(each) for each in properties.get(f"SecurityGroup{direction}", [])]
        yield "ec2", f"AuthorizeSecurityGroup{direction}", {"IpPermissions": rules}


def _permission(given: Properties) -> Properties:
    about = {"Description": given.get("Description", "")}
    permission: Properties = {name: given[name] for name in ("IpProtocol", "FromPort", "ToPort") if name in given}
    for kind, member in (("IpRanges", "CidrIp"), ("Ipv6Ranges", "CidrIpv6")):
        if member in given:
            permission[kind] = [{member: given[member], **about}]
    return permission


def _gateway_attachment(properties: Properties) -> Iterator[Request]:
    if "InternetGatewayId" in properties:
        yield "ec2", "AttachInternetGateway", properties


def _with_text(properties: Properties, name: str) -> Properties:
    return {**properties, name: json.dumps(properties[name])} if name in properties else properties


def _role(properties: Properties) -> Iterator[Request]:
    yield "iam", "CreateRole", _with_text(_own_tags(properties), "AssumeRolePolicyDocument")
    for policy in properties.get("Policies", []):
        asked = {"RoleName": properties.get("RoleName", ""), **_with_text(policy, "PolicyDocument")}
        yield "iam", "PutRolePolicy", {name: value for name, value in asked.items() if value != ""}


def _user(properties: Properties) -> Iterator[Request]:
    yield "iam", "CreateUser", _own_tags(properties)
    for policy in properties.get("Policies", []):
        yield "iam", "PutUserPolicy", _with_text(policy, "PolicyDocument")


def _inline_policy(properties: Properties) -> Iterator[Request]:
    asked = _with_text({name: properties.get(name) for name in ("PolicyName", "PolicyDocument")}, "PolicyDocument")
    for member, name, action in (
        ("Users", "UserName", "PutUserPolicy"),
        ("Groups", "GroupName", "PutGroupPolicy"),
        ("Roles", "RoleName", "PutRolePolicy"),
    ):
        for each in properties.get(member, []):
            yield "iam", action, {**asked, name: each}


def _managed_policy(properties: Properties) -> Iterator[Request]:
    named = {"PolicyName": properties["ManagedPolicyName"]} if "ManagedPolicyName" in properties else {}
    about: Properties = {name: properties[name] for name in ("Description", "Path") if name in properties}
    yield (
        "iam",
        "CreatePolicy",
        {**named, **about, **_with_text({"PolicyDocument": properties.get("PolicyDocument")}, "PolicyDocument")},
    )


def _own_tags(properties: Properties) -> Properties:
    tags = [tag for tag in properties.get("Tags", []) if tag["Key"] not in OWN_TAGS]
    return {**properties, "Tags": tags}


def _bucket_policy(properties: Properties) -> Iterator[Request]:
    body = json.dumps(properties.get("PolicyDocument")).encode()
    yield "s3", "PUT bucket policy", {"Bucket": properties.get("Bucket", ""), "Key": "", "Body": body, "Headers": {}}


def _parameter(properties: Properties) -> Iterator[Request]:
    yield "ssm", "PutParameter", {name: value for name, value in properties.items() if name != "Tags"}


def _no_requests(_properties: Properties) -> Iterator[Request]:
    return iter(())


# Types that ministack makes without a request. Our own providers ask boto3, and meet the rules so.
REQUESTS: Mapping[str, Callable[[Properties], Iterator[Request]]] = {
    "AWS::EC2::InternetGateway": _ec2("CreateInternetGateway"),
    "AWS::EC2::Route": _ec2("CreateRoute"),
    "AWS::EC2::RouteTable": _ec2("CreateRouteTable"),
    "AWS::EC2::SecurityGroup": _security_group,
    "AWS::EC2::Subnet": _ec2("CreateSubnet"),
    "AWS::EC2::SubnetRouteTableAssociation": _ec2("AssociateRouteTable"),
    "AWS::EC2::VPC": _ec2("CreateVpc"),
    "AWS::EC2::VPCEndpoint": _ec2("CreateVpcEndpoint", RouteTableIds="RouteTableId"),
    "AWS::EC2::VPCGatewayAttachment": _gateway_attachment,
    "AWS::IAM::ManagedPolicy": _managed_policy,
    "AWS::IAM::Policy": _inline_policy,
    "AWS::IAM::Role": _role,
    "AWS::IAM::User": _user,
    "AWS::S3::BucketPolicy": _bucket_policy,
    "AWS::SSM::Parameter": _parameter,
}
# Of these, a change is put to the same rules: they are about what is written, not about what is there.
CHANGED_ALIKE = ("AWS::IAM::Policy", "AWS::S3::BucketPolicy")


def judge_resources() -> None:
    """Put each resource to the rules before ministack, or a provider, makes or changes it."""
    for name, handlers in provisioners._RESOURCE_HANDLERS.items():
        judged = {"create": _judged_create, "update": _judged_update}
        provisioners._RESOURCE_HANDLERS[name] = {
            **handlers,
            **{verb: judge(name, handlers[verb]) for verb, judge in judged.items() if verb in handlers},
        }


def _judged_create(type_name: str, ministacks: Callable[..., Any]) -> Callable[..., Any]:
    def create(logical_id: str, properties: Properties, *rest: Any, **more: Any) -> Any:
        _judge_resource(type_name, logical_id, properties)
        _judge_requests(type_name, properties)
        made = ministacks(logical_id, properties, *rest, **more)
        if type_name in ("AWS::IAM::Role", "AWS::IAM::InstanceProfile"):
            time.sleep(quota("role-seconds"))  # as CloudFormation waits until IAM knows them everywhere
        return made

    return create


def _judged_update(type_name: str, ministacks: Callable[..., Any]) -> Callable[..., Any]:
    def update(physical_id: str, old: Properties, new: Properties, *rest: Any, **more: Any) -> Any:
        _judge_resource(type_name, physical_id, new)
        if type_name in CHANGED_ALIKE:
            _judge_requests(type_name, new)
        return ministacks(physical_id, old, new, *rest, **more)

    return update


def _judge_resource(type_name: str, resource_id: str, properties: Properties) -> None:
    asked = {"Type": type_name, "Id": resource_id, "Properties": properties}
    if found := broken("cloudformation", "resource", asked):
        raise ValueError(found[1])


def _judge_requests(type_name: str, properties: Properties) -> None:
    for service, action, asked in REQUESTS.get(type_name, _no_requests)(properties):
        found = broken(service, action, {**asked, "Action": action, "FromCloudFormation": True})
        if found:
            refused, message = found
            raise ValueError(
                f"{message} (Service: {SERVICES[service]}, Status Code: {refused.status}, Error Code: {refused.code})"
            )


# --- what holds for every type


@rule(
    "cloudformation.resource-tag-aws",
    "resource",
    code="ValidationError",
    source="https://docs.aws.amazon.com/AWSCloudFormation/latest/UserGuide/aws-properties-resource-tags.html",
)
def _resource_tag_aws(asked: Asked) -> str | None:
    tags = asked["Properties"].get("Tags") or []
    keys = list(tags) if isinstance(tags, dict) else [str(tag.get("Key")) for tag in tags]
    reserved = any(key.lower().startswith("aws:") and key not in OWN_TAGS for key in keys)
    return "aws: prefixed tag key names are not allowed for external use." if reserved else None


@rule("cloudformation.resource-properties", "resource", code="ValidationError", source=SCHEMA)
def _resource_properties(asked: Asked) -> str | None:
    schema = _schema(asked["Type"])
    faults = list(_faults(schema, schema, asked["Properties"], "#")) if schema else []
    if not faults:
        return None
    return f"Properties validation failed for resource {asked['Id']} with message:\n" + "\n".join(faults)


@lru_cache
def _schemas() -> Path:
    """Return where cfn-lint keeps the schemas that CloudFormation publishes. Importing cfn-lint takes a second."""
    return Path(str(distribution("cfn-lint").locate_file("cfnlint/data/schemas")))


@lru_cache
def _files() -> dict[str, str]:
    files: dict[str, str] = json.loads((_schemas() / "providers" / "us-east-1.json").read_text())
    return files


@lru_cache
def _schema(type_name: str) -> dict[str, Any]:
    if type_name not in _files():
        return {}
    schema: dict[str, Any] = json.loads((_schemas() / "resources" / f"{_files()[type_name]}.json").read_text())
    return schema


def _faults(root: Mapping[str, Any], schema: Mapping[str, Any], value: Any, path: str) -> Iterator[str]:
    """Tell what a value breaks of a schema. A template may write a number or a truth as text, so types are let be."""
    schema = _resolved(root, schema)
    if isinstance(value, dict):
        yield from _object_faults(root, schema, value, path)
    elif isinstance(value, list):
        if len(value) > schema.get("maxItems", len(value)):
            yield f"{path}: expected maximum item count: {schema['maxItems']}, found: {len(value)}"
        for number, each in enumerate(value):
            yield from _faults(root, schema.get("items", {}), each, f"{path}/{number}")
    elif isinstance(value, str | int | float):
        yield from _text_faults(schema, value, path)


def _resolved(root: Mapping[str, Any], schema: Mapping[str, Any]) -> Mapping[str, Any]:
    while "$ref" in schema:
        node: Any = root
        for name in schema["$ref"].removeprefix("#/").split("/"):
            node = node.get(name, {})
        schema = node
    return schema


def _object_faults(
    root: Mapping[str, Any], schema: Mapping[str, Any], value: Mapping[str, Any], path: str
) -> Iterator[str]:
    known = schema.get("properties", {})
    for name in schema.get("required", []):
        if name not in value:
            yield f"{path}: required key [{name}] not found"
    for name, each in value.items():
        if name in known:
            yield from _faults(root, known[name], each, f"{path}/{name}")
        elif known and schema.get("additionalProperties") is False and not schema.get("patternProperties"):
            yield f"{path}: extraneous key [{name}] is not permitted"


def _text_faults(schema: Mapping[str, Any], value: Any, path: str) -> Iterator[str]:
    words, text = schema.get("enum"), str(value)
    if words and text not in [str(word) for word in words]:
        yield f"{path}: #: {text} is not a valid enum value"
    if isinstance(value, str):
        if len(text) > schema.get("maxLength", len(text)):
            yield f"{path}: expected maxLength: {schema['maxLength']}, actual: {len(text)}"
        if len(text) < schema.get("minLength", 0):
            yield f"{path}: expected minLength: {schema['minLength']}, actual: {len(text)}"
        if "pattern" in schema and not _matches(schema["pattern"], text):
            yield f"{path}: string [{text}] does not match pattern {schema['pattern']}"
    if "number" in schema.get("type", "") or "integer" in schema.get("type", ""):
        yield from _number_faults(schema, text, path)


def _number_faults(schema: Mapping[str, Any], text: str, path: str) -> Iterator[str]:
    if not re.fullmatch(r"-?\d+(\.\d+)?", text):
        yield f"{path}: expected type: {schema['type'].title()}, found: String"
        return
    if float(text) < schema.get("minimum", float(text)):
        yield f"{path}: {text} is not greater or equal to {schema['minimum']}"
    if float(text) > schema.get("maximum", float(text)):
        yield f"{path}: {text} is not less or equal to {schema['maximum']}"


def _matches(pattern: str, text: str) -> bool:
    try:
        return bool(re.search(pattern, text))
    except re.error:
        return True  # one that only CloudFormation's own language understands
