"""`lab cleanup` removes what this project left behind, and nothing else."""

import json
from collections.abc import Iterator
from itertools import count
from typing import Any

import boto3
import pytest
from botocore.exceptions import ClientError
from typer.testing import CliRunner, Result

from lab import local
from lab.cleanup.leftovers import Account
from lab.cli import app
from lab.problem import ProblemError

ACCOUNTS = count(300000000000)
TAG = {"Key": "Project", "Value": "LearningStack"}
KEPT = {
    "Type": "AWS::S3::Bucket",
    "DeletionPolicy": "Retain",
    "Properties": {"BucketName": "kept", "Tags": [TAG], "VersioningConfiguration": {"Status": "Enabled"}},
}


@pytest.fixture
def s3(local_aws: local.Server, monkeypatch: pytest.MonkeyPatch) -> Iterator[Any]:  # noqa: ARG001
    """Give S3 of an account of the local AWS that is all ours."""
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", str(next(ACCOUNTS)))
    monkeypatch.setenv("COLUMNS", "120")
    boto3.setup_default_session()
    yield boto3.client("s3")
    for bucket in boto3.resource("s3").buckets.all():  # names are taken for all accounts
        bucket.object_versions.delete()
        bucket.delete()
    boto3.DEFAULT_SESSION = None


def cleanup(*words: str, typed: str = "") -> Result:
    return CliRunner().invoke(app, ["cleanup", *words], input=typed, catch_exceptions=False)


def left() -> list[str]:
    return [each["name"] for each in json.loads(cleanup("--json").stdout)["left"]]


def make(s3: Any, name: str, *tags: dict[str, str]) -> None:
    s3.create_bucket(Bucket=name)
    if tags:
        s3.put_bucket_tagging(Bucket=name, Tagging={"TagSet": list(tags)})


def names(s3: Any) -> list[str]:
    return [bucket["Name"] for bucket in s3.list_buckets()["Buckets"]]


def stack(*, there: bool) -> None:
    """Create, or delete, a stack that holds the bucket ``kept``."""
    cloudformation = boto3.client("cloudformation")
    if there:
        cloudformation.create_stack(StackName="Holder", TemplateBody=json.dumps({"Resources": {"Kept": KEPT}}))
        cloudformation.get_waiter("stack_create_complete").wait(StackName="Holder", WaiterConfig={"Delay": 1})
    else:
        cloudformation.delete_stack(StackName="Holder")
        cloudformation.get_waiter("stack_delete_complete").wait(StackName="Holder", WaiterConfig={"Delay": 1})


def test_a_kept_bucket_goes_with_all_versions_but_only_after_its_stack(s3: Any) -> None:
    stack(there=True)
    s3.put_object(Bucket="kept", Key="diary", Body=b"12345")
    s3.put_object(Bucket="kept", Key="diary", Body=b"1234567")
    s3.put_object(Bucket="kept", Key="letter", Body=b"1")
    s3.delete_object(Bucket="kept", Key="letter")

    said = cleanup("--yes").stdout
    assert "Nothing of LearningStack is left over in us-east-1." in said
    assert "In use by the stack Holder (CREATE_COMPLETE), not touched: kept" in said
    assert names(s3) == ["kept"]

    stack(there=False)
    [found] = json.loads(cleanup("--json").stdout)["left"]
    assert (found["objects"], found["versions"]) == (1, 4)  # the letter's marker counts
    assert found["gb"] == 13 / 1024**3
    assert found["usd"] == pytest.approx(0.023 * 13 / 1024**3)
    result = cleanup("--yes")
    assert (result.exit_code, names(s3)) == (0, [])
    assert "Removed: bucket kept" in result.stdout


def test_nothing_that_is_not_tagged_is_listed_or_removed(s3: Any) -> None:
    make(s3, "ours", TAG)
    make(s3, "learningstack-storagebucket5cb7c8ea-1")  # a name proves nothing
    make(s3, "another-project", {"Key": "Project", "Value": "Other"})
    make(s3, "another-tag", {"Key": "LearningStack", "Value": "Project"})
    assert left() == ["ours"]
    assert cleanup("--yes").exit_code == 0
    assert names(s3) == ["another-project", "another-tag", "learningstack-storagebucket5cb7c8ea-1"]


@pytest.mark.parametrize("typed", ["", "\n", "yes\n", "y\n", "Delete\n", "delete it\n"])
def test_nothing_is_removed_without_the_word(s3: Any, typed: str) -> None:
    make(s3, "ours", TAG)
    assert cleanup(typed=typed).stdout.endswith("Nothing was removed.\n")
    assert names(s3) == ["ours"]


def test_the_word_removes_and_a_list_does_not(s3: Any) -> None:
    make(s3, "ours", TAG)
    assert "bucket ours" in cleanup("--list", typed="delete\n").stdout
    assert names(s3) == ["ours"]
    assert cleanup(typed="delete\n").exit_code == 0
    assert names(s3) == []


def test_keys_go_when_they_are_tagged_and_their_pair_is_gone(s3: Any) -> None:  # noqa: ARG001
    ssm, ec2 = boto3.client("ssm"), boto3.client("ec2")
    pair = ec2.create_key_pair(KeyName="living")["KeyPairId"]
    for name, tags in {"key-1": [TAG], "key-2": [], pair: [TAG]}.items():
        ssm.put_parameter(Name=f"/ec2/keypair/{name}", Value="secret", Type="SecureString", Tags=tags)  # type: ignore[arg-type]
    assert left() == ["/ec2/keypair/key-1"]
    assert cleanup("--yes").exit_code == 0
    kept = {each["Name"] for each in ssm.describe_parameters()["Parameters"] if "keypair" in each["Name"]}
    assert kept == {"/ec2/keypair/key-2", f"/ec2/keypair/{pair}"}


def test_log_groups_go_by_their_tag(s3: Any) -> None:  # noqa: ARG001
    logs: Any = boto3.client("logs")
    logs.create_log_group(logGroupName="/ours", tags={"Project": "LearningStack"})
    logs.create_log_group(logGroupName="/ours-not")
    assert left() == ["/ours"]
    assert cleanup("--yes").exit_code == 0
    assert [group["logGroupName"] for group in logs.describe_log_groups()["logGroups"]] == ["/ours-not"]


def test_the_bucket_that_gets_the_logs_goes_last(s3: Any) -> None:
    make(s3, "a-logs", TAG)
    make(s3, "b-files", TAG)
    s3.put_bucket_logging(
        Bucket="b-files", BucketLoggingStatus={"LoggingEnabled": {"TargetBucket": "a-logs", "TargetPrefix": ""}}
    )
    assert left() == ["b-files", "a-logs"]


def test_what_cannot_be_removed_is_one_line_and_stops_nothing(s3: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    make(s3, "aaa", TAG)
    make(s3, "bbb", TAG)
    make(s3, "ccc", TAG)
    s3.put_object(Bucket="aaa", Key="file", Body=b"1")
    empty = Account._empty
    not_empty = {"Error": {"Code": "AccessDenied", "Message": "no"}}

    def refuse(account: Account, bucket: str) -> None:
        if bucket == "bbb":
            raise ClientError(not_empty, "DeleteObjects")  # type: ignore[arg-type]
        if bucket == "ccc":
            s3.put_object(Bucket="ccc", Key="late.log", Body=b"1")
        else:
            empty(account, bucket)

    monkeypatch.setattr(Account, "_empty", refuse)
    result = cleanup("--yes")
    assert result.exit_code == 1
    assert "Removed: bucket aaa\nStays: bucket bbb: You are not allowed to do this: " in result.stdout
    assert result.stdout.endswith(
        "Stays: bucket ccc: logs went on arriving. S3 delivers for some hours: try again later\n"
    )
    assert names(s3) == ["bbb", "ccc"]


def test_a_bucket_that_gets_a_stack_or_loses_its_tag_meanwhile_stays(s3: Any) -> None:
    account = Account(boto3.Session())
    make(s3, "ours", TAG)
    [leftover] = account.find().left
    s3.delete_bucket_tagging(Bucket="ours")
    with pytest.raises(ProblemError, match="not touched"):
        account.remove(leftover)
    assert names(s3) == ["ours"]


def test_a_bucket_that_may_not_be_looked_at_is_said_to_be_unjudged(s3: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    make(s3, "secret", TAG)

    def denied(_account: Account, _bucket: str) -> bool:
        raise ClientError({"Error": {"Code": "AccessDenied", "Message": "no"}}, "GetBucketTagging")

    monkeypatch.setattr(Account, "_has_tag", denied)
    said = cleanup("--yes").stdout
    assert "You may not look at these, so they are not judged: secret" in said
    assert names(s3) == ["secret"]
