"""Tags: how many, how long, and which belong to AWS alone."""

from collections.abc import Iterable
from typing import Any

from ministack.services import ec2

from lab.local_aws.rules.rule import Asked, rule

MOST, KEY, VALUE = 50, 128, 256  # tags of a resource, characters of a key and of a value
CODES = "https://docs.aws.amazon.com/AWSEC2/latest/APIReference/errors-overview.html"
TAG = "https://docs.aws.amazon.com/AWSEC2/latest/APIReference/API_Tag.html"
TAGGED = (
    *("CreateTags", "CreateVpc", "CreateSubnet", "CreateSecurityGroup", "CreateRouteTable", "CreateInternetGateway"),
    *("CreateNatGateway", "CreateNetworkAcl", "CreateVpcEndpoint", "CreateFlowLogs", "AllocateAddress"),
    *("CreateKeyPair", "ImportKeyPair", "RunInstances"),
)


def _tag_sets(asked: Asked) -> Iterable[list[Any]]:
    if "Tag" in asked:
        yield asked["Tag"]
    for specification in asked.get("TagSpecification", []):
        yield specification.get("Tag", [])


def own(tags: Iterable[Any]) -> list[Any]:
    """Return the tags that are not AWS's: only these are counted."""
    return [tag for tag in tags if not str(tag.get("Key", "")).lower().startswith("aws:")]


@rule("ec2.tag-aws", *TAGGED, "DeleteTags", code="InvalidParameterValue", source=TAG)
def _aws(asked: Asked) -> str | None:
    # The list of codes has InvalidTagKey.Malformed; what these actions answer was seen in
    # AndrewFarley/AWS-Automated-Daily-Instance-AMI-Snapshots#7 and jcjorel/ec2-spot-converter#13.
    if asked.get("FromCloudFormation"):
        return None
    reserved = any(len(own(tags)) < len(tags) for tags in _tag_sets(asked))
    return "Tag keys starting with 'aws:' are reserved for internal use" if reserved else None


@rule("ec2.tag-key", *TAGGED, code="InvalidParameterValue", source=TAG)
def _key(asked: Asked) -> str | None:
    keys = [str(tag.get("Key", "")) for tags in _tag_sets(asked) for tag in tags]
    wrong = any(not 0 < len(key) <= KEY for key in keys)
    return f"Tag key exceeds the maximum length of {KEY} characters" if wrong else None


@rule("ec2.tag-value", *TAGGED, code="InvalidParameterValue", source=TAG)
def _value(asked: Asked) -> str | None:
    wrong = any(len(str(tag.get("Value", ""))) > VALUE for tags in _tag_sets(asked) for tag in tags)
    return f"Tag value exceeds the maximum length of {VALUE} characters" if wrong else None


@rule("ec2.tag-twice", *TAGGED, code="InvalidParameterValue", source=TAG)
def _twice(asked: Asked) -> str | None:
    for tags in _tag_sets(asked):
        keys = [tag.get("Key") for tag in tags]
        if len(keys) > len(set(keys)):
            return f"Duplicate tag key '{next(key for key in keys if keys.count(key) > 1)}' specified."
    return None


@rule("ec2.tags", *TAGGED, code="TagLimitExceeded", source=CODES)
def _most(asked: Asked) -> str | None:
    there = [{tag["Key"] for tag in own(ec2._tags.get(each) or [])} for each in asked.get("ResourceId", [])] or [set()]
    new = [{tag.get("Key") for tag in own(tags)} for tags in _tag_sets(asked)]
    full = any(len(old | added) > MOST for old in there for added in new)
    return "The maximum number of Tags for a resource has been reached." if full else None
