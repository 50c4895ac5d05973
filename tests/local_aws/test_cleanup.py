"""`lab cleanup` removes what a stack of this project left behind, of the stack that is named, and nothing else."""

import json
from collections import Counter
from collections.abc import Callable, Iterator
from itertools import count
from typing import Any

import boto3
import pytest
from botocore.client import BaseClient
from botocore.exceptions import ClientError, WaiterError
from typer.testing import CliRunner, Result

from lab.cleanup.leftovers import Account
from lab.cli import app
from lab.local_aws import lifecycle
from lab.terminal.problem import ProblemError

ACCOUNTS = count(300000000000)
YES = ("--yes", "--stack", "LearningStack")
TAG = {"Key": "Project", "Value": "LearningStack"}


@pytest.fixture
def s3(local_aws: lifecycle.Server, monkeypatch: pytest.MonkeyPatch) -> Iterator[Any]:  # noqa: ARG001
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


def left(*words: str) -> list[str]:
    return [each["name"] for each in json.loads(cleanup("--json", *words).stdout)["left"]]


def names(s3: Any) -> list[str]:
    return [bucket["Name"] for bucket in s3.list_buckets()["Buckets"]]


def stack(name: str, *buckets: str, learner: str = "", **more: Any) -> str:
    """Create a stack of the project's, which keeps its buckets; return its id."""
    cloudformation = boto3.client("cloudformation")
    kept = {"Type": "AWS::S3::Bucket", "DeletionPolicy": "Retain"}
    versioned = {"VersioningConfiguration": {"Status": "Enabled"}}
    resources = {f"Bucket{n}": {**kept, "Properties": {"BucketName": b, **versioned}} for n, b in enumerate(buckets)}
    tags = [TAG, {"Key": "Learner", "Value": learner}] if learner else [TAG]
    template = json.dumps({"Resources": {**resources, **more}})
    stack_id: str = cloudformation.create_stack(StackName=name, TemplateBody=template, Tags=tags)["StackId"]  # type: ignore[arg-type]
    if not more:
        cloudformation.get_waiter("stack_create_complete").wait(StackName=name)
    return stack_id


def destroy(stack_id: str) -> None:
    cloudformation = boto3.client("cloudformation")
    cloudformation.delete_stack(StackName=stack_id)
    cloudformation.get_waiter("stack_delete_complete").wait(StackName=stack_id)


def leave(name: str, *buckets: str, learner: str = "") -> str:
    """Leave buckets behind as a deploy and a destroy do; return the id of the stack that is gone."""
    stack_id = stack(name, *buckets, learner=learner)
    destroy(stack_id)
    return stack_id


def short(stack_id: str) -> str:
    return stack_id.rpartition("/")[2][:8]


class Calls:
    """What is asked of AWS, and what is refused."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch, *refused: str) -> None:
        self.made: Counter[str] = Counter()
        asks = BaseClient._make_api_call  # type: ignore[attr-defined]

        def call(client: Any, operation: str, asked: Any) -> Any:
            self.made[operation] += 1
            if operation in refused:
                raise ClientError({"Error": {"Code": "AccessDenied", "Message": "no"}}, operation)
            return asks(client, operation, asked)

        monkeypatch.setattr(BaseClient, "_make_api_call", call)


# --- what is left


def test_a_kept_bucket_goes_with_all_versions_but_only_after_its_stack(s3: Any) -> None:
    stack_id = stack("LearningStack", "kept")
    s3.put_object(Bucket="kept", Key="diary", Body=b"12345")
    s3.put_object(Bucket="kept", Key="diary", Body=b"1234567")
    s3.put_object(Bucket="kept", Key="letter", Body=b"1")
    s3.delete_object(Bucket="kept", Key="letter")

    said = cleanup(*YES).stdout
    assert "Nothing of LearningStack is left over in us-east-1." in said
    assert "In use by the stack LearningStack, not touched: kept" in said
    assert names(s3) == ["kept"]

    destroy(stack_id)
    [found] = json.loads(cleanup("--json").stdout)["left"]
    assert (found["objects"], found["versions"]) == (1, 4)  # the letter's marker counts
    assert found["gb"] == 13 / 1024**3
    assert found["usd"] == pytest.approx(0.023 * 13 / 1024**3)
    assert (found["stack"], found["stack_id"]) == ("LearningStack", stack_id)
    assert found["created"] == f"{s3.list_buckets()['Buckets'][0]['CreationDate']:%Y-%m-%d}"
    result = cleanup(*YES)
    assert (result.exit_code, names(s3)) == (0, [])
    assert "Removed: bucket kept" in result.stdout


def test_what_a_failed_create_kept_is_nobodys_any_more(s3: Any) -> None:
    """CloudFormation shows it as DELETE_SKIPPED in a stack that is ROLLBACK_COMPLETE, and would show it for ever."""
    taken = {"Type": "AWS::S3::Bucket", "DependsOn": "Bucket0", "Properties": {"BucketName": "kept"}}
    stack("LearningStack", "kept", Taken=taken)
    cloudformation = boto3.client("cloudformation")
    with pytest.raises(WaiterError, match="ROLLBACK_COMPLETE"):
        cloudformation.get_waiter("stack_create_complete").wait(StackName="LearningStack")
    held = cloudformation.describe_stack_resources(PhysicalResourceId="kept")["StackResources"]
    assert [each["ResourceStatus"] for each in held if each["LogicalResourceId"] == "Bucket0"] == ["DELETE_SKIPPED"]
    assert "Removed: bucket kept" in cleanup(*YES).stdout
    assert names(s3) == []


@pytest.fixture
def failing(template: Callable[..., dict[str, Any]]) -> str:
    """Give LearningStack with a chosen bucket name, and one resource too many, which fails when all else is there."""
    body = template(nat="none", bucket_name="chosen")
    body["Resources"]["Taken"] = {
        "Type": "AWS::S3::Bucket",
        "DependsOn": [
            name for name in body["Resources"] if "Association" in name or name.startswith("BastionInstance")
        ],
        "Properties": {"BucketName": "chosen"},
    }
    boto3.client("cloudformation").create_stack(
        StackName="LearningStack", TemplateBody=json.dumps(body), Capabilities=["CAPABILITY_NAMED_IAM"]
    )
    return "LearningStack"


def test_a_failed_create_leaves_a_chosen_name_free(s3: Any, failing: str) -> None:
    waiter = boto3.client("cloudformation").get_waiter("stack_create_complete")
    with pytest.raises(WaiterError, match="ROLLBACK_COMPLETE"):
        waiter.wait(StackName=failing)
    [logs] = names(s3)
    assert logs.startswith("learningstack-storagelogs")
    assert cleanup(*YES).exit_code == 0
    assert names(s3) == []


def test_what_was_written_meanwhile_outlives_a_failed_create(s3: Any, failing: str) -> None:
    while "chosen" not in names(s3):
        pass
    s3.put_object(Bucket="chosen", Key="diary", Body=b"today")
    waiter = boto3.client("cloudformation").get_waiter("stack_create_complete")
    with pytest.raises(WaiterError, match="ROLLBACK_FAILED"):
        waiter.wait(StackName=failing)
    assert s3.get_object(Bucket="chosen", Key="diary")["Body"].read() == b"today"
    destroy(failing)
    assert "chosen" in names(s3)
    assert "chosen" in left()


def test_nothing_that_is_not_tagged_is_listed_or_removed(s3: Any) -> None:
    leave("LearningStack", "ours")
    s3.create_bucket(Bucket="learningstack-storagebucket5cb7c8ea-1")  # a name proves nothing
    for bucket, tag in (("another-project", ("Project", "Other")), ("another-tag", ("LearningStack", "Project"))):
        s3.create_bucket(Bucket=bucket)
        s3.put_bucket_tagging(Bucket=bucket, Tagging={"TagSet": [{"Key": tag[0], "Value": tag[1]}]})
    assert left() == ["ours"]
    assert cleanup(*YES).exit_code == 0
    assert names(s3) == ["another-project", "another-tag", "learningstack-storagebucket5cb7c8ea-1"]


@pytest.mark.parametrize("typed", ["", "\n", "yes\n", "y\n", "Delete\n", "delete it\n"])
def test_nothing_is_removed_without_the_word(s3: Any, typed: str) -> None:
    leave("LearningStack", "ours")
    assert cleanup(typed=typed).stdout.endswith("Nothing was removed.\n")
    assert names(s3) == ["ours"]


def test_the_word_removes_and_a_list_does_not(s3: Any) -> None:
    leave("LearningStack", "ours")
    assert "bucket ours" in cleanup("--list", typed="delete\n").stdout
    assert names(s3) == ["ours"]
    assert cleanup(typed="delete\n").exit_code == 0
    assert names(s3) == []


def test_keys_go_when_they_are_tagged_and_their_pair_is_gone(s3: Any) -> None:  # noqa: ARG001
    ssm, ec2 = boto3.client("ssm"), boto3.client("ec2")
    pair = ec2.create_key_pair(KeyName="living")["KeyPairId"]
    for name, tags in {"key-1": [TAG], "key-2": [], pair: [TAG]}.items():
        ssm.put_parameter(Name=f"/ec2/keypair/{name}", Value="secret", Type="SecureString", Tags=tags)  # type: ignore[arg-type]
    ssm.put_parameter(Name="/theirs", Value="secret", Type="SecureString", Tags=[TAG])  # type: ignore[list-item]
    assert left() == ["/ec2/keypair/key-1"]
    assert cleanup("--yes", "--stack", "none").exit_code == 0
    kept = {each["Name"] for each in ssm.describe_parameters()["Parameters"] if not each["Name"].startswith("/aws/")}
    assert kept == {"/ec2/keypair/key-2", f"/ec2/keypair/{pair}", "/theirs"}


def test_log_groups_go_by_their_tag(s3: Any) -> None:  # noqa: ARG001
    logs: Any = boto3.client("logs")
    logs.create_log_group(logGroupName="/ours", tags={"Project": "LearningStack"})
    logs.create_log_group(logGroupName="/ours-not")
    assert left() == ["/ours"]
    assert cleanup("--yes", "--stack", "none").exit_code == 0
    assert [group["logGroupName"] for group in logs.describe_log_groups()["logGroups"]] == ["/ours-not"]


def test_the_bucket_that_gets_the_logs_goes_last(s3: Any) -> None:
    leave("LearningStack", "a-logs", "b-files")
    s3.put_bucket_logging(
        Bucket="b-files", BucketLoggingStatus={"LoggingEnabled": {"TargetBucket": "a-logs", "TargetPrefix": ""}}
    )
    assert left() == ["b-files", "a-logs"]


def test_aws_is_asked_about_what_is_left_and_about_nothing_else(s3: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    leave("LearningStack", "ours")
    logs: Any = boto3.client("logs")
    for number in range(5):
        logs.create_log_group(logGroupName=f"/theirs/{number}")
        s3.create_bucket(Bucket=f"theirs-{number}")
        stack(f"Theirs{number}", f"in-a-stack-{number}")
    calls = Calls(monkeypatch)
    left()
    held = 5  # their buckets carry the tag of the stack that they are in
    assert calls.made.pop("DescribeStackResources") == 1 + held
    assert set(calls.made) == {"GetResources", "ListBuckets", "GetBucketLogging", "ListObjectVersions"}
    assert set(calls.made.values()) == {1}


# --- whose it is


def test_another_stacks_are_listed_and_stay_unless_it_is_named(s3: Any) -> None:
    leave("LearningStack", "mine")
    bobs = leave("LearningStack-bob", "bobs", learner="bob")
    leave("LearningStack-carol", "carols", learner="carol")
    said = cleanup(*YES).stdout
    assert f"bucket bobs    LearningStack-bob {short(bobs)}    bob" in said
    assert "Not named, so not touched: what the stacks " in said
    assert names(s3) == ["bobs", "carols"]
    assert cleanup(*YES).exit_code == 0  # there is nothing of mine: not the others' instead
    assert names(s3) == ["bobs", "carols"]
    assert "all that is listed of LearningStack-bob" in cleanup("--stack", "LearningStack-bob", typed="no\n").stdout
    cleanup("--yes", "--stack", "LearningStack-bob")
    assert names(s3) == ["carols"]
    cleanup("--yes", "--learner", "carol")
    assert names(s3) == []


def test_two_stacks_of_one_name_are_told_apart_by_their_ids(s3: Any) -> None:
    """A colleague's and mine: each of us had a LearningStack, one after the other."""
    first, second = leave("LearningStack", "theirs"), leave("LearningStack", "mine")
    for words in (YES, ()):
        with pytest.raises(ProblemError) as problem:
            cleanup(*words, typed="delete\n")
        assert str(problem.value).startswith("2 stacks were called LearningStack: ")
        assert f"{short(first)} of 20" in str(problem.value)
        assert "Name yours by its id: --stack " in str(problem.value)
    assert len(left()) == 2
    cleanup("--yes", "--stack", short(second))
    assert names(s3) == ["theirs"]
    cleanup("--yes", "--stack", first)
    assert names(s3) == []


def test_what_asks_nothing_must_be_told_whose_it_is(s3: Any) -> None:
    """The only LearningStack that left something may have been a colleague's."""
    leave("LearningStack", "perhaps-theirs")
    with pytest.raises(ProblemError, match="say whose is removed"):
        cleanup("--yes")
    assert names(s3) == ["perhaps-theirs"]


def test_what_no_stack_made_stays_unless_that_is_said(s3: Any) -> None:
    s3.create_bucket(Bucket="by-hand")
    s3.put_bucket_tagging(Bucket="by-hand", Tagging={"TagSet": [TAG]})
    cleanup(*YES)
    cleanup("--yes", "--learner", "bob")
    assert names(s3) == ["by-hand"]
    cleanup("--yes", "--stack", "none")
    assert names(s3) == []


# --- what does not go


def test_what_cannot_be_removed_is_one_line_and_stops_nothing(s3: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    leave("LearningStack", "aaa", "bbb", "ccc")
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
    result = cleanup(*YES)
    assert result.exit_code == 1
    assert "Removed: bucket aaa\nStays: bucket bbb: You are not allowed to do this: " in result.stdout
    assert result.stdout.endswith(
        "Stays: bucket ccc: logs went on arriving. S3 delivers for some hours: try again later\n"
    )
    assert names(s3) == ["bbb", "ccc"]


def test_a_bucket_that_loses_its_tag_or_gets_a_stack_meanwhile_stays(s3: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    account = Account(boto3.Session())
    leave("LearningStack", "ours")
    [leftover] = account.find().left
    with monkeypatch.context() as patch:
        patch.setattr(Account, "_holder", lambda *_: "TheirStack")
        with pytest.raises(ProblemError, match="not touched"):
            account.remove(leftover)
    s3.delete_bucket_tagging(Bucket="ours")
    with pytest.raises(ProblemError, match="not touched"):
        account.remove(leftover)
    assert names(s3) == ["ours"]


# --- what may not be looked at


@pytest.mark.parametrize(
    ("refused", "said", "listed"),
    [
        ("DescribeStackResources", "You may not look at bucket ours: that takes DescribeStackResources", False),
        ("ListObjectVersions", "look at the size of bucket ours: that takes s3:ListBucketVersions", True),
        ("GetBucketLogging", "look at where bucket ours logs to: that takes GetBucketLogging", True),
        ("ListBuckets", "look at the dates of buckets: that takes s3:ListAllMyBuckets", True),
        ("DescribeKeyPairs", "look at key parameters: that takes DescribeKeyPairs", True),
    ],
)
def test_one_refusal_hides_nothing_else(
    s3: Any,  # noqa: ARG001
    monkeypatch: pytest.MonkeyPatch,
    refused: str,
    said: str,
    *,
    listed: bool,
) -> None:
    leave("LearningStack", "ours")
    boto3.client("ssm").put_parameter(Name="/ec2/keypair/key-1", Value="secret", Type="SecureString", Tags=[TAG])  # type: ignore[list-item]
    with monkeypatch.context() as patch:
        Calls(patch, refused)
        result = cleanup("--list")
    assert said in result.stdout
    assert ("bucket ours" in result.stdout.replace(said, "")) == listed
    assert ("key-1" in result.stdout) == (refused != "DescribeKeyPairs")


def test_without_the_one_permission_nothing_is_claimed(s3: Any, monkeypatch: pytest.MonkeyPatch) -> None:  # noqa: ARG001
    with monkeypatch.context() as patch:
        Calls(patch, "GetResources")
        with pytest.raises(ClientError, match="GetResources"):
            cleanup("--list")
