"""What S3 takes and what it refuses."""

import json
from typing import Any

from tests.local_aws.rules.world import Case, World


def _named(rule: str, refused: str, taken: str = "my-{account}") -> Case:
    return Case(
        rule,
        "InvalidBucketName",
        lambda w: w.create_bucket(taken.format(account=w.account)),
        lambda w: w.create_bucket(refused.format(account=w.account)),
    )


def _put_policy(w: World, *, sid: str = "", **changes: Any) -> Any:
    statement = {
        "Effect": "Deny",
        "Principal": "*",
        "Action": "s3:*",
        "Resource": f"arn:aws:s3:::{w.bucket}/*",
        "Condition": {"Bool": {"aws:SecureTransport": "false"}},
        **({"Sid": sid} if sid else {}),
        **changes,
    }
    kept = {name: value for name, value in statement.items() if value is not None}
    document = json.dumps({"Version": "2012-10-17", "Statement": [kept]})
    return w.s3.put_bucket_policy(Bucket=w.bucket, Policy=document)


def _tags(number: int) -> dict[str, Any]:
    return {"TagSet": [{"Key": f"k{each}", "Value": ""} for each in range(number)]}


def _tag_object(w: World, number: int) -> Any:
    w.s3.put_object(Bucket=w.bucket, Key="note.txt", Body=b"note")
    return w.s3.put_object_tagging(Bucket=w.bucket, Key="note.txt", Tagging=_tags(number))


CASES = (
    _named("s3.bucket-prefix", "xn--{account}"),
    _named("s3.bucket-prefix", "sthree-{account}"),
    _named("s3.bucket-prefix", "amzn-s3-demo-{account}"),
    _named("s3.bucket-suffix", "{account}-s3alias"),
    _named("s3.bucket-suffix", "{account}--ol-s3"),
    _named("s3.bucket-suffix", "{account}.mrap"),
    _named("s3.bucket-suffix", "{account}--table-s3"),
    _named("s3.bucket-namespace", "my-{account}-ap-northeast-1-an"),
    _named("s3.bucket-characters", "My-{account}"),
    _named("s3.bucket-characters", "my_{account}"),
    _named("s3.bucket-characters", "b" * 64),
    _named("s3.bucket-periods", "my..{account}", "my.{account}"),
    _named("s3.bucket-address", "192.168.5.4"),
    Case(
        "s3.key-length",
        "KeyTooLongError",
        lambda w: w.s3.put_object(Bucket=w.bucket, Key=f"{'k' * 200}/" * 5, Body=b""),
        lambda w: w.s3.put_object(Bucket=w.bucket, Key=f"{'k' * 200}/" * 6, Body=b""),
    ),
    Case("s3.policy-size", "MalformedPolicy", _put_policy, lambda w: _put_policy(w, sid="s" * 20_480)),
    Case("s3.policy-grammar", "MalformedPolicy", _put_policy, lambda w: _put_policy(w, Principal=None)),
    Case(
        "s3.policy-grammar",
        "MalformedPolicy",
        _put_policy,
        lambda w: w.s3.put_bucket_policy(Bucket=w.bucket, Policy="nonsense"),
    ),
    Case(
        "s3.policy-resource",
        "MalformedPolicy",
        _put_policy,
        lambda w: _put_policy(w, Resource="arn:aws:s3:::somebody-elses/*"),
        says="invalid resource",
    ),
    Case("s3.policy-resource", "MalformedPolicy", _put_policy, lambda w: _put_policy(w, Resource="*")),
    Case("s3.object-tags", "BadRequest", lambda w: _tag_object(w, 10), lambda w: _tag_object(w, 11)),
    Case(
        "s3.bucket-tags",
        "BadRequest",
        lambda w: w.s3.put_bucket_tagging(Bucket=w.bucket, Tagging=_tags(50)),
        lambda w: w.s3.put_bucket_tagging(Bucket=w.bucket, Tagging=_tags(51)),
    ),
)
