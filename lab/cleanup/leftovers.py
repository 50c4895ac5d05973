"""What carries this project's tag and belongs to no stack any more, and whose it was.

AWS's tagging API knows all that carries a tag, and with it the tags that CloudFormation itself puts on what a stack
makes: the stack's name and its id. Nobody can change those, and they stay on what the stack leaves behind.

Sources: https://docs.aws.amazon.com/resourcegroupstagging/latest/APIReference/API_GetResources.html and
https://docs.aws.amazon.com/AWSCloudFormation/latest/TemplateReference/aws-properties-resource-tags.html
"""

import re
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

import boto3
from botocore.exceptions import ClientError

from lab.cleanup import NO_STACK
from lab.cost.prices import PRICES, priced_region
from lab.template.deployed import CONFIG, DENIED, GONE, explain, permission
from lab.terminal.language import N_, _
from lab.terminal.problem import ProblemError

if TYPE_CHECKING:
    from mypy_boto3_cloudformation import CloudFormationClient
    from mypy_boto3_s3 import S3Client
    from mypy_boto3_ssm import SSMClient

PROJECT = {"Key": "Project", "Value": "LearningStack"}
KEYS = "/ec2/keypair/"
GB = 1024**3
BUCKET, PARAMETER, LOG_GROUP = N_("bucket"), N_("key parameter"), N_("log group")
TYPES = {"s3": BUCKET, "ssm": PARAMETER, "logs": LOG_GROUP}
# arn:aws:s3:::NAME, arn:aws:ssm:...:parameter/NAME (the slash is the name's own), arn:aws:logs:...:log-group:NAME:*
ARN = re.compile(r"arn:[\w-]+:(s3|ssm|logs):[\w-]*:\d*:(?:parameter(?=/)|log-group:)?([^:]+)(?::\*)?")


@dataclass(frozen=True, kw_only=True)
class Leftover:
    """One thing that is left, and the stack that made it: NO_STACK where it carries no tag of CloudFormation's.

    ``usd`` is for a month; None where our table has no price, or nobody may count.
    """

    kind: str
    name: str
    arn: str
    stack: str = NO_STACK
    stack_id: str = ""
    learner: str = ""
    created: str = ""  # a date, where it can be known
    objects: int = 0  # what a listing of the bucket shows
    versions: int = 0  # all versions, and the markers of deleted objects
    gb: float = 0
    usd: float | None = None

    @property
    def short_id(self) -> str:
        """What tells the stack from others of its name."""
        return self.stack_id.rpartition("/")[2][:8]


@dataclass
class Found:
    """What is left; what carries the tag and is still a stack's; and what could not be looked at, with why."""

    left: list[Leftover] = field(default_factory=list)
    held: dict[str, str] = field(default_factory=dict)  # name: the stack
    unread: dict[str, str] = field(default_factory=dict)  # what: the permission that is lacking

    @contextmanager
    def noting(self, what: str) -> Iterator[None]:
        """Go on after a refusal, and note what could not be looked at."""
        try:
            yield
        except ClientError as error:
            if error.response["Error"]["Code"] not in DENIED:
                raise
            self.unread[what] = permission(error)


class Account:
    """The account and region that the environment points at."""

    def __init__(self, session: boto3.Session) -> None:
        self.region = session.region_name
        self.cloudformation: CloudFormationClient = session.client("cloudformation", config=CONFIG)
        self.s3: S3Client = session.client("s3", config=CONFIG)
        self.ssm: SSMClient = session.client("ssm", config=CONFIG)
        self.ec2 = session.client("ec2", config=CONFIG)
        self.logs: Any = session.client("logs", config=CONFIG)
        self.tagging: Any = session.client("resourcegroupstaggingapi", config=CONFIG)
        # The tagging API knows some things for a while after they were deleted.
        self._gone = (self.s3.exceptions.NoSuchBucket, self.logs.exceptions.ResourceNotFoundException)

    def find(self) -> Found:
        """Look for all that carries the project's tag, and sort it.

        One call finds it all; then each thing is asked about, and nothing else of the account.
        """
        found = Found()
        tagged = list(self._tagged())
        kinds = {each.kind for each in tagged}
        dates: dict[str, str] = {}
        living: set[str] = set()
        if BUCKET in kinds:
            with found.noting(_("the dates of buckets")):
                dates = self._dates_of_buckets()
        if PARAMETER in kinds:
            with found.noting(_("key parameters")):
                living = {f"{KEYS}{pair['KeyPairId']}" for pair in self.ec2.describe_key_pairs()["KeyPairs"]}
            if _("key parameters") in found.unread:  # a key whose pair may live is not listed
                tagged = [each for each in tagged if each.kind != PARAMETER]
        targets = set()
        for each in tagged:
            if each.name in living:
                continue
            what = f"{_(each.kind)} {each.name}"
            with suppress(*self._gone), found.noting(what):
                holder = self._holder(each)
                if holder:
                    found.held[each.name] = holder
                    continue
                if each.kind == BUCKET:
                    with found.noting(_("where {what} logs to").format(what=what)):
                        targets.add(self._logs_to(each.name))
                leftover = replace(each, created=dates.get(each.name, ""))
                with found.noting(_("the size of {what}").format(what=what)):
                    leftover = self._measured(leftover)
                found.left.append(leftover)
        # Those that get no other's logs first, so that no log arrives in an emptied one.
        order = list(TYPES.values())
        found.left.sort(key=lambda each: (order.index(each.kind), each.name in targets, each.name))
        return found

    def remove(self, leftover: Leftover) -> None:
        """Remove one thing, after another look that it is ours and no stack's.

        Raises ProblemError with the reason when it cannot be removed.
        """
        try:
            self._require_same(leftover)
            if leftover.kind == BUCKET:
                self._empty(leftover.name)
                self.s3.delete_bucket(Bucket=leftover.name)
            elif leftover.kind == PARAMETER:
                self.ssm.delete_parameter(Name=leftover.name)
            else:
                self.logs.delete_log_group(logGroupName=leftover.name)
        except ClientError as error:
            if error.response["Error"]["Code"] == "BucketNotEmpty":
                raise ProblemError(_("logs went on arriving. S3 delivers for some hours: try again later")) from None
            raise ProblemError(explain(error)) from None
        except ProblemError:
            raise
        except Exception as error:  # noqa: BLE001  # whatever it is, the next is tried
            raise ProblemError(explain(error)) from None

    def _require_same(self, leftover: Leftover) -> None:
        """Raise ProblemError when a thing has come to be another's since it was found."""
        tags = self._tags(leftover)
        if PROJECT not in tags or _owner(tags) != (leftover.stack, leftover.stack_id) or self._holder(leftover):
            raise ProblemError(_("a stack holds it now, or its tags are others: not touched"))

    # --- looking

    def _tagged(self) -> Iterator[Leftover]:
        """Yield what carries the project's tag: of parameters, the private keys alone."""
        pages = self.tagging.get_paginator("get_resources").paginate(
            TagFilters=[{"Key": PROJECT["Key"], "Values": [PROJECT["Value"]]}],
            ResourceTypeFilters=["s3", "ssm:parameter", "logs"],
        )
        for mapping in (each for page in pages for each in page["ResourceTagMappingList"]):
            arn = ARN.fullmatch(mapping["ResourceARN"])
            if arn and (arn[1] != "ssm" or arn[2].startswith(KEYS)):
                stack, stack_id = _owner(mapping["Tags"])
                learner = next((tag["Value"] for tag in mapping["Tags"] if tag["Key"] == "Learner"), "")
                yield Leftover(
                    kind=TYPES[arn[1]], name=arn[2], arn=arn[0], stack=stack, stack_id=stack_id, learner=learner
                )

    def _holder(self, leftover: Leftover) -> str:
        """Return the stack that holds a thing, or empty text; what a stack kept when it went is held by none."""
        if leftover.kind == PARAMETER:
            return ""  # its key pair tells
        try:
            answer = self.cloudformation.describe_stack_resources(PhysicalResourceId=leftover.name)
        except ClientError as error:
            if "does not exist" not in str(error):
                raise
            return ""
        for each in answer["StackResources"]:
            if each.get("PhysicalResourceId") == leftover.name and each["ResourceStatus"] not in GONE:
                return each["StackName"]
        return ""

    def _tags(self, leftover: Leftover) -> list[dict[str, str]]:
        """Return the tags from the thing itself: the tagging API may lag behind."""
        if leftover.kind == BUCKET:
            try:
                tags: Any = self.s3.get_bucket_tagging(Bucket=leftover.name)["TagSet"]
            except ClientError as error:
                if error.response["Error"]["Code"] != "NoSuchTagSet":
                    raise
                tags = []
        elif leftover.kind == PARAMETER:
            tags = self.ssm.list_tags_for_resource(ResourceType="Parameter", ResourceId=leftover.name)["TagList"]
        else:
            found = self.logs.list_tags_for_resource(resourceArn=leftover.arn.removesuffix(":*"))["tags"]
            tags = [{"Key": key, "Value": value} for key, value in found.items()]
        return list(tags)

    def _dates_of_buckets(self) -> dict[str, str]:
        pages = self.s3.get_paginator("list_buckets").paginate(BucketRegion=self.region)
        return {each["Name"]: _date(each["CreationDate"]) for page in pages for each in page.get("Buckets", [])}

    def _logs_to(self, bucket: str) -> str:
        return self.s3.get_bucket_logging(Bucket=bucket).get("LoggingEnabled", {}).get("TargetBucket", "")

    def _measured(self, leftover: Leftover) -> Leftover:
        """Return it with its size, its price and, but for a bucket, its date."""
        name = leftover.name
        if leftover.kind == PARAMETER:
            wanted: Any = [{"Key": "Name", "Values": [name]}]
            found = self.ssm.describe_parameters(ParameterFilters=wanted)["Parameters"]
            created = _date(found[0]["LastModifiedDate"]) if found else ""
            return replace(leftover, created=created, usd=0)  # a standard one is free
        if leftover.kind == LOG_GROUP:
            groups = self.logs.describe_log_groups(logGroupNamePrefix=name)["logGroups"]
            for group in (group for group in groups if group["logGroupName"] == name):
                created = _date(datetime.fromtimestamp(group["creationTime"] / 1000, UTC))
                return replace(leftover, created=created, gb=group.get("storedBytes", 0) / GB)
            return leftover
        sizes: Counter[str] = Counter()
        objects = versions = 0
        for page in self.s3.get_paginator("list_object_versions").paginate(Bucket=name):
            versions += len(page.get("Versions", [])) + len(page.get("DeleteMarkers", []))
            for version in page.get("Versions", []):
                objects += version["IsLatest"]
                sizes[version.get("StorageClass", "STANDARD")] += version["Size"]
        gb = sum(sizes.values()) / GB
        return replace(leftover, objects=objects, versions=versions, gb=gb, usd=self._usd(sizes))

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
                raise ProblemError(
                    _("{number} versions stay, the first {key}: {message}").format(
                        number=len(refused), key=first["Key"], message=first["Message"]
                    )
                )


def _owner(tags: list[dict[str, str]]) -> tuple[str, str]:
    """Return the name and the id of the stack that CloudFormation says has made something."""
    found = {tag["Key"]: tag["Value"] for tag in tags}
    return found.get("aws:cloudformation:stack-name", NO_STACK), found.get("aws:cloudformation:stack-id", "")


def _date(when: datetime) -> str:
    return f"{when.astimezone(UTC):%Y-%m-%d}"
