"""AWS::S3::Bucket: ministack's CloudFormation drops most of its settings, and deletes it with its files."""

from collections.abc import Callable
from typing import Any, ClassVar

from lab.local_aws import wire
from lab.local_aws.provider import TAG, Made, Properties, Provider, Schema, aws, unless

Setting = tuple[Callable[[str, Any], None], Callable[[str], None]]  # how to put it, how to take it away


class Bucket(Provider):
    """A bucket. Every setting is a call to S3."""

    type_name = "AWS::S3::Bucket"
    create_only = ("BucketName",)
    name_property = "BucketName"
    schema: ClassVar[Schema] = {
        "BucketEncryption": {
            "ServerSideEncryptionConfiguration": {
                "BucketKeyEnabled": {},
                "ServerSideEncryptionByDefault": {"KMSMasterKeyID": {}, "SSEAlgorithm": {}},
            }
        },
        "BucketName": {},
        "LifecycleConfiguration": {
            "Rules": {
                "AbortIncompleteMultipartUpload": {"DaysAfterInitiation": {}},
                "ExpirationInDays": {},
                "ExpiredObjectDeleteMarker": {},
                "Id": {},
                "NoncurrentVersionExpiration": {"NewerNoncurrentVersions": {}, "NoncurrentDays": {}},
                "Prefix": {},
                "Status": {},
                "Transitions": {"StorageClass": {}, "TransitionInDays": {}},
            }
        },
        "LoggingConfiguration": {"DestinationBucketName": {}, "LogFilePrefix": {}},
        "OwnershipControls": {"Rules": {"ObjectOwnership": {}}},
        "PublicAccessBlockConfiguration": {
            name: {} for name in ("BlockPublicAcls", "BlockPublicPolicy", "IgnorePublicAcls", "RestrictPublicBuckets")
        },
        "Tags": TAG,
        "VersioningConfiguration": {"Status": {}},
    }

    def create(self, properties: Properties) -> Made:
        bucket = properties["BucketName"].lower()[-63:].lstrip("-")
        s3 = aws("s3")
        if bucket in [each["Name"] for each in s3.list_buckets()["Buckets"]]:
            raise ValueError(f"{bucket} already exists")  # CreateBucket says so in some regions only
        region = s3.meta.region_name
        place = {"LocationConstraint": region}
        s3.create_bucket(Bucket=bucket, **({} if region == "us-east-1" else {"CreateBucketConfiguration": place}))
        self._set(bucket, {}, properties)
        return bucket, self._attributes(bucket, region)

    def update(self, physical_id: str, old: Properties, new: Properties) -> Made:
        self._set(physical_id, old, new)
        return physical_id, self._attributes(physical_id, aws("s3").meta.region_name)

    def _attributes(self, bucket: str, region: str) -> dict[str, str]:
        return {
            "Arn": f"arn:aws:s3:::{bucket}",
            "DomainName": f"{bucket}.s3.amazonaws.com",
            "RegionalDomainName": f"{bucket}.s3.{region}.amazonaws.com",
        }

    def delete(self, physical_id: str, _properties: Properties) -> None:
        with unless("NoSuchBucket"):
            aws("s3").delete_bucket(Bucket=physical_id)

    def _set(self, bucket: str, old: Properties, new: Properties) -> None:
        for name, (put, delete) in SETTINGS.items():
            if name in new and old.get(name) != new[name]:
                put(bucket, new[name])
            elif name in old and name not in new:
                delete(bucket)


def _put_encryption(bucket: str, value: Properties) -> None:
    rules = [
        {
            "ApplyServerSideEncryptionByDefault": rule["ServerSideEncryptionByDefault"],
            "BucketKeyEnabled": wire.is_true(rule.get("BucketKeyEnabled", False)),
        }
        for rule in value["ServerSideEncryptionConfiguration"]
    ]
    aws("s3").put_bucket_encryption(Bucket=bucket, ServerSideEncryptionConfiguration={"Rules": rules})


def _put_lifecycle(bucket: str, value: Properties) -> None:
    rules = [_lifecycle_rule(rule) for rule in value["Rules"]]
    aws("s3").put_bucket_lifecycle_configuration(Bucket=bucket, LifecycleConfiguration={"Rules": rules})


def _lifecycle_rule(rule: Properties) -> Properties:
    asked: Properties = {"Status": rule["Status"], "Filter": {"Prefix": rule.get("Prefix", "")}}
    if "Id" in rule:
        asked["ID"] = rule["Id"]
    if "ExpirationInDays" in rule:
        asked["Expiration"] = {"Days": int(rule["ExpirationInDays"])}
    if "ExpiredObjectDeleteMarker" in rule:
        asked.setdefault("Expiration", {})["ExpiredObjectDeleteMarker"] = wire.is_true(
            rule["ExpiredObjectDeleteMarker"]
        )
    for name in ("AbortIncompleteMultipartUpload", "NoncurrentVersionExpiration"):
        if name in rule:
            asked[name] = {key: int(number) for key, number in rule[name].items()}
    if "Transitions" in rule:
        asked["Transitions"] = [
            {"Days": int(each["TransitionInDays"]), "StorageClass": each["StorageClass"]}
            for each in rule["Transitions"]
        ]
    return asked


def _put_logging(bucket: str, value: Properties) -> None:
    target = {
        "TargetBucket": value.get("DestinationBucketName", bucket),
        "TargetPrefix": value.get("LogFilePrefix", ""),
    }
    aws("s3").put_bucket_logging(Bucket=bucket, BucketLoggingStatus={"LoggingEnabled": target})


def _put_public_access_block(bucket: str, value: Properties) -> None:
    blocked = {name: wire.is_true(each) for name, each in value.items()}
    aws("s3").put_public_access_block(Bucket=bucket, PublicAccessBlockConfiguration=blocked)


def _put_versioning(bucket: str, value: Properties) -> None:
    aws("s3").put_bucket_versioning(Bucket=bucket, VersioningConfiguration=value)


SETTINGS: dict[str, Setting] = {
    "BucketEncryption": (_put_encryption, lambda bucket: aws("s3").delete_bucket_encryption(Bucket=bucket)),
    "LifecycleConfiguration": (_put_lifecycle, lambda bucket: aws("s3").delete_bucket_lifecycle(Bucket=bucket)),
    "LoggingConfiguration": (
        _put_logging,
        lambda bucket: aws("s3").put_bucket_logging(Bucket=bucket, BucketLoggingStatus={}),
    ),
    "OwnershipControls": (
        lambda bucket, value: aws("s3").put_bucket_ownership_controls(Bucket=bucket, OwnershipControls=value),
        lambda bucket: aws("s3").delete_bucket_ownership_controls(Bucket=bucket),
    ),
    "PublicAccessBlockConfiguration": (
        _put_public_access_block,
        lambda bucket: aws("s3").delete_public_access_block(Bucket=bucket),
    ),
    "Tags": (
        lambda bucket, value: aws("s3").put_bucket_tagging(Bucket=bucket, Tagging={"TagSet": value}),
        lambda bucket: aws("s3").delete_bucket_tagging(Bucket=bucket),
    ),
    "VersioningConfiguration": (_put_versioning, lambda bucket: _put_versioning(bucket, {"Status": "Suspended"})),
}
