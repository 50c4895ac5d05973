"""Buckets: their names, policies and tags."""

import fnmatch
import ipaddress
import json
import re

from ministack.services import s3

from lab.local_aws.rules.rule import Asked, rule

NAMES = "https://docs.aws.amazon.com/AmazonS3/latest/userguide/bucketnamingrules.html"
ERRORS = "https://docs.aws.amazon.com/AmazonS3/latest/API/ErrorResponses.html"
PREFIXES = ("xn--", "sthree-", "amzn-s3-demo-")
SUFFIXES = ("-s3alias", "--ol-s3", ".mrap", "--x-s3", "--table-s3")
NAMESPACE_SUFFIX = "-an"  # of the account's own namespace, which is asked for by a header
KEY_BYTES = 1024
POLICY_BYTES = 20 * 1024
MOST_BUCKETS = 10_000
OBJECT_TAGS = 10
INVALID = "The specified bucket is not valid."


@rule("s3.bucket-prefix", "PUT bucket", code="InvalidBucketName", source=NAMES)
def _bucket_prefix(asked: Asked) -> str | None:
    return INVALID if asked["Bucket"].startswith(PREFIXES) else None


@rule("s3.bucket-suffix", "PUT bucket", code="InvalidBucketName", source=NAMES)
def _bucket_suffix(asked: Asked) -> str | None:
    return INVALID if asked["Bucket"].endswith(SUFFIXES) else None


@rule("s3.bucket-namespace", "PUT bucket", code="InvalidBucketName", source=NAMES)
def _bucket_namespace(asked: Asked) -> str | None:
    own = asked["Headers"].get("x-amz-bucket-namespace") == "account-regional"
    return INVALID if asked["Bucket"].endswith(NAMESPACE_SUFFIX) and not own else None


@rule("s3.bucket-characters", "PUT bucket", code="InvalidBucketName", source=NAMES)
def _bucket_characters(asked: Asked) -> str | None:
    return None if re.fullmatch(r"[a-z0-9][a-z0-9.-]{1,61}[a-z0-9]", asked["Bucket"]) else INVALID


@rule("s3.bucket-periods", "PUT bucket", code="InvalidBucketName", source=NAMES)
def _bucket_periods(asked: Asked) -> str | None:
    return INVALID if ".." in asked["Bucket"] else None


@rule("s3.bucket-address", "PUT bucket", code="InvalidBucketName", source=NAMES)
def _bucket_address(asked: Asked) -> str | None:
    try:
        ipaddress.IPv4Address(asked["Bucket"])
    except ValueError:
        return None
    return INVALID


@rule("s3.key-length", "PUT object", code="KeyTooLongError", source=ERRORS)
def _key_length(asked: Asked) -> str | None:
    return "Your key is too long" if len(asked["Key"].encode()) > KEY_BYTES else None


POLICY = "https://docs.aws.amazon.com/AmazonS3/latest/userguide/add-bucket-policy.html"


# The page has the limit, and no code: this is the one for a policy that S3 does not take. White space is not counted,
# as MIT-LCP/physionet-build#2094 found.
@rule("s3.policy-size", "PUT bucket policy", code="MalformedPolicy", source=POLICY)
def _policy_size(asked: Asked) -> str | None:
    try:
        bare = json.dumps(json.loads(asked["Body"]), separators=(",", ":"))
    except ValueError:
        return None
    return f"Policies must be at most {POLICY_BYTES} bytes" if len(bare.encode()) > POLICY_BYTES else None


@rule("s3.policy-grammar", "PUT bucket policy", code="MalformedPolicy", source=ERRORS)
def _policy_grammar(asked: Asked) -> str | None:
    try:
        policy = json.loads(asked["Body"])
        statements = policy["Statement"]
    except (ValueError, TypeError, KeyError):
        return (
            "Policies must be valid JSON and the first byte must be '{'"
            if not _is_object(asked["Body"])
            else ("Missing required field Statement")
        )
    for statement in statements if isinstance(statements, list) else [statements]:
        if not isinstance(statement, dict) or statement.get("Effect") not in ("Allow", "Deny"):
            return "Invalid effect in policy"
        for both, name in (
            (("Principal", "NotPrincipal"), "Principal"),
            (("Action", "NotAction"), "Action"),
            (("Resource", "NotResource"), "Resource"),
        ):
            if not any(each in statement for each in both):
                return f"Missing required field {name}"
    return None


def _is_object(body: bytes) -> bool:
    try:
        return isinstance(json.loads(body), dict)
    except ValueError:
        return False


@rule("s3.policy-resource", "PUT bucket policy", code="MalformedPolicy", source=ERRORS)
def _policy_resource(asked: Asked) -> str | None:
    # A bucket's policy is about this bucket and its objects, and "*" is neither: noobaa/noobaa-core#10058.
    try:
        statements = json.loads(asked["Body"])["Statement"]
    except (ValueError, TypeError, KeyError):
        return None
    for statement in statements if isinstance(statements, list) else [statements]:
        resources = statement.get("Resource", []) if isinstance(statement, dict) else []
        for resource in resources if isinstance(resources, list) else [resources]:
            named = re.match(r"arn:[a-z-]+:s3:::([^/]+)", str(resource))
            if named is None or not fnmatch.fnmatchcase(asked["Bucket"], named[1]):
                return "Policy has invalid resource"
    return None


@rule(
    "s3.object-tags",
    "PUT object tagging",
    code="BadRequest",
    source="https://docs.aws.amazon.com/AmazonS3/latest/API/API_PutObjectTagging.html",
)
def _object_tags(asked: Asked) -> str | None:
    over = asked["Body"].count(b"<Key>") > OBJECT_TAGS
    return f"Object tags cannot be greater than {OBJECT_TAGS}" if over else None


# The page has the number; the code is that of an object's tags, seen in boto/boto3#1213.
@rule(
    "s3.bucket-tags",
    "PUT bucket tagging",
    code="BadRequest",
    source="https://docs.aws.amazon.com/AmazonS3/latest/userguide/CostAllocTagging.html",
)
def _bucket_tags(asked: Asked) -> str | None:
    over = asked["Body"].count(b"<Key>") > 50
    return "Bucket tag count cannot be greater than 50" if over else None


@rule(
    "s3.buckets",
    "PUT bucket",
    code="TooManyBuckets",
    source="https://docs.aws.amazon.com/AmazonS3/latest/userguide/BucketRestrictions.html",
)
def _buckets(_asked: Asked) -> str | None:
    return "You have attempted to create more buckets than allowed" if len(s3._buckets) >= MOST_BUCKETS else None
