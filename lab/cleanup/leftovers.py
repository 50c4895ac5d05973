"""What carries this project's tag and belongs to no stack any more.

Each tag is read from the resource itself, and each stack of the region is asked what it holds: a name proves nothing.
"""

from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import boto3
from botocore.exceptions import BotoCoreError, ClientError

from lab.cost.prices import PRICES, priced_region
from lab.deployed import CONFIG, DENIED, explain
from lab.problem import ProblemError

if TYPE_CHECKING:
    from mypy_boto3_cloudformation import CloudFormationClient
    from mypy_boto3_s3 import S3Client
    from mypy_boto3_ssm import SSMClient

PROJECT = ("Project", "LearningStack")
KEYS = "/ec2/keypair/"
GB = 1024**3
BUCKET, PARAMETER, LOG_GROUP = "bucket", "key parameter", "log group"


@dataclass(frozen=True)
class Leftover:
    """One thing that is left. ``usd`` is for a month; None where our table has no price."""

    kind: str
    name: str
    objects: int = 0  # what a listing of the bucket shows
    versions: int = 0  # all versions, and the markers of deleted objects
    gb: float = 0
    usd: float | None = 0


@dataclass
class Found:
    """What is left; what carries the tag and is still a stack's; and what could not be looked at."""

    left: list[Leftover] = field(default_factory=list)
    held: dict[str, str] = field(default_factory=dict)  # name: the stack and its status
    unread: list[str] = field(default_factory=list)


class Account:
    """The account and region that the environment points at."""

    def __init__(self, session: boto3.Session) -> None:
        self.region = session.region_name
        self.cloudformation: CloudFormationClient = session.client("cloudformation", config=CONFIG)
        self.s3: S3Client = session.client("s3", config=CONFIG)
        self.ssm: SSMClient = session.client("ssm", config=CONFIG)
        self.ec2 = session.client("ec2", config=CONFIG)
        self.logs: Any = session.client("logs", config=CONFIG)

    def find(self) -> Found:
        """Look for all that carries the project's tag, and sort it."""
        found = Found()
        held = self.held()
        for kind, name in [
            *((BUCKET, name) for name in self._buckets(found.unread)),
            *((PARAMETER, name) for name in self._key_parameters()),
            *((LOG_GROUP, name) for name in self._log_groups()),
        ]:
            if name in held:
                found.held[name] = held[name]
            else:
                found.left.append(self._describe(kind, name))
        return found

    def held(self) -> dict[str, str]:
        """Return what the stacks of this region hold, and which stack it is: whole or half-deleted, ours or not."""
        return {
            resource["PhysicalResourceId"]: f"{stack['StackName']} ({stack['StackStatus']})"
            for stacks in self.cloudformation.get_paginator("describe_stacks").paginate()
            for stack in stacks["Stacks"]
            if stack["StackStatus"] != "DELETE_COMPLETE"
            for page in self.cloudformation.get_paginator("list_stack_resources").paginate(StackName=stack["StackId"])
            for resource in page["StackResourceSummaries"]
            if resource["ResourceStatus"] != "DELETE_COMPLETE" and "PhysicalResourceId" in resource
        }

    def remove(self, leftover: Leftover) -> None:
        """Remove one thing, after another look that it is ours and no stack's.

        Raises ProblemError with the reason when it cannot be removed.
        """
        try:
            if leftover.name in self.held() or not self._is_ours(leftover):
                raise ProblemError("a stack holds it now, or its tag is gone: not touched")
            if leftover.kind == BUCKET:
                self._empty(leftover.name)
                self.s3.delete_bucket(Bucket=leftover.name)
            elif leftover.kind == PARAMETER:
                self.ssm.delete_parameter(Name=leftover.name)
            else:
                self.logs.delete_log_group(logGroupName=leftover.name)
        except ClientError as error:
            if error.response["Error"]["Code"] == "BucketNotEmpty":
                raise ProblemError("logs went on arriving. S3 delivers for some hours: try again later") from None
            raise ProblemError(explain(error)) from None
        except BotoCoreError as error:
            raise ProblemError(explain(error)) from None

    # --- looking

    def _buckets(self, unread: list[str]) -> Iterator[str]:
        """Yield our buckets, those that get no other's logs first, so that no log arrives in an emptied one."""
        ours: list[str] = []
        targets = set()
        for page in self.s3.get_paginator("list_buckets").paginate(BucketRegion=self.region):
            for bucket in page.get("Buckets", []):
                try:
                    if self._has_tag(bucket["Name"]):
                        ours.append(bucket["Name"])
                        logging = self.s3.get_bucket_logging(Bucket=bucket["Name"]).get("LoggingEnabled", {})
                        targets.add(logging.get("TargetBucket", ""))
                except ClientError as error:
                    if error.response["Error"]["Code"] not in DENIED:
                        raise
                    unread.append(bucket["Name"])
        yield from sorted(ours, key=lambda name: (name in targets, name))

    def _has_tag(self, bucket: str) -> bool:
        try:
            tags = self.s3.get_bucket_tagging(Bucket=bucket)["TagSet"]
        except ClientError as error:
            if error.response["Error"]["Code"] in ("NoSuchTagSet", "NoSuchBucket"):
                return False
            raise
        return PROJECT in [(tag["Key"], tag["Value"]) for tag in tags]

    def _key_parameters(self) -> Iterator[str]:
        """Yield the private keys that carry our tag and whose key pair is gone."""
        pairs = {f"{KEYS}{pair['KeyPairId']}" for pair in self.ec2.describe_key_pairs()["KeyPairs"]}
        pages = self.ssm.get_paginator("describe_parameters").paginate(
            ParameterFilters=[{"Key": "Name", "Option": "BeginsWith", "Values": [KEYS]}]
        )
        for name in (parameter["Name"] for page in pages for parameter in page["Parameters"]):
            if name not in pairs and self._is_ours(Leftover(PARAMETER, name)):
                yield name

    def _log_groups(self) -> Iterator[str]:
        pages = self.logs.get_paginator("describe_log_groups").paginate()
        for name in (group["logGroupName"] for page in pages for group in page["logGroups"]):
            if self._is_ours(Leftover(LOG_GROUP, name)):
                yield name

    def _is_ours(self, leftover: Leftover) -> bool:
        if leftover.kind == BUCKET:
            return self._has_tag(leftover.name)
        if leftover.kind == PARAMETER:
            tags = self.ssm.list_tags_for_resource(ResourceType="Parameter", ResourceId=leftover.name)["TagList"]
            return PROJECT in [(tag["Key"], tag["Value"]) for tag in tags]
        return PROJECT in self.logs.list_tags_log_group(logGroupName=leftover.name)["tags"].items()

    def _describe(self, kind: str, name: str) -> Leftover:
        if kind == PARAMETER:
            return Leftover(kind, name)  # a standard parameter is free
        if kind == LOG_GROUP:
            groups = self.logs.describe_log_groups(logGroupNamePrefix=name)["logGroups"]
            stored = next(group.get("storedBytes", 0) for group in groups if group["logGroupName"] == name)
            return Leftover(kind, name, gb=stored / GB, usd=None)
        sizes: Counter[str] = Counter()
        objects = versions = 0
        for page in self.s3.get_paginator("list_object_versions").paginate(Bucket=name):
            versions += len(page.get("Versions", [])) + len(page.get("DeleteMarkers", []))
            for version in page.get("Versions", []):
                objects += version["IsLatest"]
                sizes[version.get("StorageClass", "STANDARD")] += version["Size"]
        return Leftover(kind, name, objects, versions, sum(sizes.values()) / GB, self._usd(sizes))

    def _usd(self, sizes: Counter[str]) -> float | None:
        try:
            region = priced_region(self.region)
        except ProblemError:
            return None
        return sum(PRICES.get(name, PRICES["s3"]).in_region(region) * size / GB for name, size in sizes.items())

    # --- removing

    def _empty(self, bucket: str) -> None:
        """Delete every version of every object, a thousand at a time."""
        for page in self.s3.get_paginator("list_object_versions").paginate(Bucket=bucket):
            entries = [*page.get("Versions", []), *page.get("DeleteMarkers", [])]
            if not entries:
                continue
            objects: Any = [{"Key": entry["Key"], "VersionId": entry["VersionId"]} for entry in entries]
            refused = self.s3.delete_objects(Bucket=bucket, Delete={"Objects": objects, "Quiet": True}).get("Errors")
            if refused:
                first = refused[0]
                raise ProblemError(f"{len(refused)} versions stay, the first {first['Key']}: {first['Message']}")
