"""Each exercise is open at first, and done when one has followed the guide. In a local AWS of their own."""

import json
import os
import re
import shlex
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from botocore.exceptions import ClientError
from typer.testing import CliRunner, Result

from lab.cli import app
from lab.guide.book import find_chapter
from lab.guide.exercises import EXERCISES, FIND
from lab.guide.faults import FAULTS, Fault, begin, break_a_route
from lab.template.deployed import Deployed
from lab.terminal.problem import ProblemError
from tests.conftest import ROOT
from tests.local_aws.server import deployer, local_aws_in

Deploy = Callable[..., Deployed]
CREATE_ROUTE = "aws ec2 create-route --route-table-id $table --destination-cidr-block 0.0.0.0/0"
PYTHON = shlex.quote(sys.executable)
AWS = f'aws() {{ {PYTHON} -m awscli "$@"; }}; python() {{ {PYTHON} "$@"; }}; set -eo pipefail\n'


@pytest.fixture(scope="module")
def deploy(tmp_path_factory: pytest.TempPathFactory, assembly: Callable[..., Path]) -> Iterator[Deploy]:
    with local_aws_in(tmp_path_factory.mktemp("exercises")):
        yield deployer(assembly)


@pytest.fixture
def stack(deploy: Deploy) -> Deployed:
    return deploy("LearningStack")


@pytest.fixture
def in_shell(tmp_path: Path, assembly: Callable[..., Path]) -> Callable[..., str]:
    """Give a function that runs commands in a folder with a cdk.out, with outputs of stacks as variables."""

    def run(commands: str, *stacks: Deployed) -> str:
        (tmp_path / "cdk.out").unlink(missing_ok=True)
        (tmp_path / "cdk.out").symlink_to(assembly())
        path = str(ROOT)
        outputs = {name: value for each in stacks for name, value in each.outputs.items()}
        done = subprocess.run(
            ["bash", "-c", AWS + commands],
            cwd=tmp_path,
            env={**os.environ, "PYTHONPATH": path, **outputs},
            capture_output=True,
            text=True,
            check=False,
        )
        assert (done.returncode, done.stderr) == (0, "")
        return done.stdout

    return run


def commands(chapter: str, *starts: str) -> str:
    """Return the AWS CLI's commands in the boxes of a chapter that begin like these."""
    text = find_chapter(chapter, "en").text
    lines = [
        line
        for box in re.findall(r"^```sh[ \w]*\n(.*?)^```$", text, re.DOTALL | re.MULTILINE)
        for line in box.splitlines()
    ]
    return "".join(f"{next(line for line in lines if line.startswith(start))}\n" for start in starts)


def missing(chapter: int, aws: Deployed) -> list[str]:
    """Return what the exercises of a chapter say is missing in the stack as it is now."""
    now = Deployed(aws.stack_name)
    return [each.missing(now) for each in EXERCISES if chapter in each.chapters]


def lab(*words: str, typed: str = "") -> Result:
    return CliRunner().invoke(app, words, input=typed, env={"COLUMNS": "80"})


def through(name: str, aws: Deployed) -> Callable[[list[Any]], Any]:
    [table] = [each.logical_id for each in aws.all("AWS::EC2::RouteTable") if each.name == name]
    return lambda routes: next(each for each in routes if each.properties["RouteTableId"]["Ref"] == table)


def test_all_are_open_at_first(stack: Deployed) -> None:  # noqa: ARG001
    listed = lab("exercise")
    assert listed.exit_code == 0
    assert re.findall(r"open|done", listed.stdout) == ["open"] * len(EXERCISES)


def test_3_a_route_is_broken_and_mended(stack: Deployed, in_shell: Callable[..., str]) -> None:
    assert missing(3, stack)[0] == "Not begun. Begin with: python -m lab exercise 3 --begin"

    break_a_route(stack, through("learning-private-1", stack))
    assert missing(3, stack)[0] == "A route is missing. See which: python -m lab verify"
    verified = lab("verify")
    assert verified.exit_code == 1
    assert "expected: learning-private-1: 0.0.0.0/0 to NAT gateway" in verified.stdout
    subnets = stack.outputs["PrivateSubnetIds"]
    assert f"Name=association.subnet-id,Values={subnets}\n" in verified.stdout  # whole, to be copied
    again = lab("exercise", "3", "--begin")
    assert isinstance(again.exception, ProblemError)  # before it asks
    assert "missing already" in str(again.exception)
    in_shell(commands("3", "table=", "nat=", f"{CREATE_ROUTE} --nat"), stack)
    assert missing(3, stack)[0] == ""

    break_a_route(stack, through("learning-public-2", stack))
    assert missing(3, stack)[0] != ""
    assert f"Name=association.subnet-id,Values={stack.outputs['PublicSubnetIds']}\n" in lab("verify").stdout
    table = commands("3", "table=").replace("learning-private-1", "learning-public-2")
    in_shell(table + commands("3", "gateway=", f"{CREATE_ROUTE} --gateway"), stack)
    assert missing(3, stack)[0] == ""
    assert lab("verify").exit_code == 0


def test_3_a_way_is_opened_and_its_reply_is_lost(deploy: Deploy, in_shell: Callable[..., str]) -> None:
    assert missing(3, deploy("LearningStack"))[1].startswith("There is no private host")
    own = deploy("LearningStack", private_host=True)
    assert missing(3, own)[1].startswith("The bastion does not reach it")
    ids = commands("3", "bastion=", "host=", "acl=")

    in_shell(ids + commands("3", *(f"aws ec2 authorize-security-group-{way}" for way in ("egress", "ingress"))), own)
    assert missing(3, own)[1].startswith("The reply comes back")
    everybody = '"IpProtocol=tcp,FromPort=8080,ToPort=8080,IpRanges=[{CidrIp=10.0.0.0/16}]"'
    for word in ("authorize", "revoke"):
        for group, direction in (("$WebGroupId", "egress"), ("$host", "ingress")):
            change = f"aws ec2 {word}-security-group-{direction} --group-id {group} --ip-permissions {everybody}"
            in_shell(ids + change, own)
        others = missing(3, own)[1].startswith("web@private-1 reaches it, too")
        assert others == (word == "authorize")

    in_shell(ids + commands("3", "aws ec2 delete-network-acl-entry"), own)
    assert missing(3, own)[1] == ""
    revokes = (f"aws ec2 revoke-security-group-{way}" for way in ("egress", "ingress"))
    in_shell(ids + commands("3", "aws ec2 create-network-acl-entry", *revokes), own)
    assert missing(3, own)[1].startswith("The bastion does not reach it")
    assert "✗" not in lab("verify").stdout


def test_3_the_way_out_is_closed_and_the_others_stay(deploy: Deploy) -> None:
    assert missing(3, deploy("LearningStack"))[2].startswith("There is no private host")
    own = deploy("LearningStack", private_host=True)
    assert missing(3, own)[2] == (
        "private-host still reaches internet. See how: python -m lab reach private-host internet 443"
    )
    own = deploy("LearningStack", private_host=True, nat="none")
    assert missing(3, own)[2] == ""
    endpoint = own.one("AWS::EC2::VPCEndpoint").id
    tables = [each.id for each in own.all("AWS::EC2::RouteTable")]
    own.ec2.modify_vpc_endpoint(VpcEndpointId=endpoint, RemoveRouteTableIds=tables)
    assert missing(3, own)[2].startswith("private-host does not reach s3")
    own.ec2.modify_vpc_endpoint(VpcEndpointId=endpoint, AddRouteTableIds=tables)
    assert missing(3, own)[2] == ""


def test_3_asks_before_it_breaks_a_route(stack: Deployed, monkeypatch: pytest.MonkeyPatch) -> None:
    asked = lab("exercise", "3", "--begin", typed="no\n")
    assert asked.exit_code == 1
    assert "This breaks one route of LearningStack in us-east-1 (http://127.0.0.1:" in asked.stdout
    with monkeypatch.context() as on_a_real_account:
        on_a_real_account.setattr("lab.template.deployed.is_local", lambda: False)
        assert "Nothing was broken." in lab("exercise", "3", "--begin", "--yes").stdout
    assert lab("verify").exit_code == 0

    assert lab("exercise", "3", "--begin", typed="break\n").exit_code == 0
    assert missing(3, stack)[0] != ""
    mend(stack)
    assert missing(3, stack)[0] == ""
    assert lab("exercise", "3", "--begin", "--yes").exit_code == 0
    mend(stack)


def mend(aws: Deployed) -> None:
    """Create the one route that is gone."""
    by_logical_id = {each.logical_id: each.id for each in aws.resources}
    gone = []
    for route in aws.all("AWS::EC2::Route"):
        wanted: dict[str, Any] = {
            name: by_logical_id[value["Ref"]] if "Ref" in value else value for name, value in route.properties.items()
        }
        [table] = aws.ec2.describe_route_tables(RouteTableIds=[wanted["RouteTableId"]])["RouteTables"]
        if wanted["DestinationCidrBlock"] not in [each.get("DestinationCidrBlock") for each in table["Routes"]]:
            gone.append(wanted)
    [missing_one] = gone
    aws.ec2.create_route(**missing_one)
    with pytest.raises(ClientError, match="RouteAlreadyExists"):
        aws.ec2.create_route(**missing_one)


def test_what_has_nothing_to_begin_says_so(stack: Deployed) -> None:  # noqa: ARG001
    with pytest.raises(ProblemError, match="Nothing is broken for chapter 5, but for 3, 4, 9, 10, 12"):
        CliRunner().invoke(app, ["exercise", "5", "--begin"], catch_exceptions=False)


def test_4_the_bastion_is_stopped_and_started(stack: Deployed, deploy: Deploy, in_shell: Callable[..., str]) -> None:
    assert "There are no operators" in missing(4, stack)[0]
    operators = deploy("OperatorsStack", operators=("alice", "bob"))
    assert "never stopped" in missing(4, stack)[0]
    stack.ec2.stop_instances(InstanceIds=[stack.outputs["InstanceId"]])
    assert missing(4, stack)[0] == "The bastion is stopped. Start it: python -m lab start"
    time.sleep(1)  # EC2 tells launches apart by the second
    in_shell(commands("4", "python -m lab stop", "python -m lab start"), stack, operators)
    assert missing(4, stack)[0] == ""


def test_4_the_primers_policy_is_written(stack: Deployed, deploy: Deploy) -> None:
    assert "Deploy a second" in missing(4, stack)[1]
    both = deploy("LearningStack", private_host=True)
    assert "There is no user carol" in missing(4, both)[1]
    both.iam.create_user(UserName="carol")

    def said(resource: Any, *actions: str) -> str:
        view = {"Effect": "Allow", "Action": "ec2:Describe*", "Resource": "*"}
        change = {"Effect": "Allow", "Action": actions, "Resource": resource}
        document = json.dumps({"Version": "2012-10-17", "Statement": [view, change]})
        both.iam.put_user_policy(UserName="carol", PolicyName="p", PolicyDocument=document)
        return missing(4, both)[1]

    here = f"arn:aws:ec2:{both.region}:000000000000:instance/"
    bastion, host = here + both.outputs["InstanceId"], here + both.outputs["PrivateHostId"]
    start_and_stop = ("ec2:StartInstances", "ec2:StopInstances")
    assert said([bastion], *start_and_stop) == f"carol may not ec2:StartInstances on {host}"
    assert said([bastion, host], "ec2:StopInstances").startswith("carol may not ec2:StartInstances on ")
    assert said("*", *start_and_stop) == "carol may ec2:StartInstances on *: more than the primer's policy"
    assert said(f"{here}*", *start_and_stop).endswith("more than the primer's policy")
    assert said([bastion, host], "ec2:*").startswith("carol may ec2:TerminateInstances")
    assert said([bastion, host], *start_and_stop) == ""
    both.iam.delete_user_policy(UserName="carol", PolicyName="p")
    both.iam.delete_user(UserName="carol")
    deploy("LearningStack")


def test_5_8_the_bastion_is_a_larger_machine(stack: Deployed, deploy: Deploy, in_shell: Callable[..., str]) -> None:
    assert missing(8, stack) == ["The bastion is a t3.micro. Deploy with -c instance_type=t3.small"]
    assert "t3.micro\nubuntu/images/" in in_shell(
        commands("8", "aws ec2 describe-instances", "image=", "aws ec2 describe-images"), stack
    )
    larger = deploy("LearningStack", instance_type="t3.small")
    assert missing(5, stack) == missing(8, stack) == [""]
    assert larger.outputs["InstanceId"] == stack.outputs["InstanceId"], "another size replaces nothing"
    deploy("LearningStack")
    assert missing(5, stack) != [""]


def test_6_7_an_object_is_archived(stack: Deployed, in_shell: Callable[..., str]) -> None:
    assert "No object is in an archive class" in missing(7, stack)[0]
    assert "GLACIER_IR" in in_shell(commands("7", "echo", "aws s3api head-object"), stack)
    assert missing(6, stack) == missing(7, stack) == [""]


def test_9_10_a_file_of_the_mount_comes_back(stack: Deployed, in_shell: Callable[..., str]) -> None:
    assert "No object has an owner and a mode" in missing(9, stack)[0]
    marker = ("marker=", "aws s3api delete-object", "aws s3 cp s3://$BucketName/hello.txt -")
    file = commands("9", "echo hello |", "aws s3 rm s3://$BucketName/hello.txt", *marker)
    assert in_shell(file, stack).endswith("hello\n")
    assert missing(9, stack)[:1] == missing(10, stack)[:1] == [""]


def test_11_one_pipe(stack: Deployed, in_shell: Callable[..., str]) -> None:
    assert "There is no about.txt" in missing(11, stack)[0]
    stack.s3.put_object(Bucket=stack.outputs["BucketName"], Key="about.txt", Body=b"me")
    assert "holds something else" in missing(11, stack)[0]
    in_shell(commands("11", "aws ec2 describe-instances"), stack)
    assert missing(11, stack) == [""]


def test_12_8080_is_for_one_address_and_another_is_denied(
    stack: Deployed, deploy: Deploy, in_shell: Callable[..., str]
) -> None:
    opened, denied, _ = missing(12, stack)
    assert "8080 is open to the example's 50.100.200.0/24" in opened
    assert "denies no address before rule 120" in denied
    assert commands("12", "cdk deploy LearningStack -c office_cidr=203.0.113.7/32")
    wide = deploy("LearningStack", office_cidr="203.0.113.0/24")
    assert missing(12, wide)[0] == "8080 is open to 203.0.113.0/24"
    own = deploy("LearningStack", office_cidr="203.0.113.7/32")
    assert missing(12, own)[0] == ""

    in_shell(commands("12", "acl=", "aws ec2 create-network-acl-entry"), own)
    assert missing(12, own)[:2] == ["", ""]
    assert "found: in 90: deny tcp 0-65535 from 198.51.100.66/32" in " ".join(lab("verify").stdout.split())
    done = lab("exercise", "12")
    assert (done.exit_code, done.stdout.count("done")) == (1, 2)
    in_shell(commands("12", "acl=", "aws ec2 delete-network-acl-entry"), own)
    assert missing(12, own)[1] != ""


def test_the_variables_of_the_guide_are_the_outputs(stack: Deployed, in_shell: Callable[..., str]) -> None:
    shown = in_shell('eval "$(python -m lab guide --variables)"\necho "$VpcId $PrivateSubnetIds $RoleName $AccountId"')
    outputs = [stack.outputs[name] for name in ("VpcId", "PrivateSubnetIds", "RoleName")]
    assert shown.split() == [*outputs, "000000000000"]


MENDED: dict[str, Callable[[Deployed, Deployed], object]] = {
    "policy-off": lambda _, operators: operators.iam.attach_group_policy(
        GroupName=operators.outputs["GroupName"], PolicyArn=operators.one("AWS::IAM::ManagedPolicy").id
    ),
    "member-out": lambda _, operators: [
        operators.iam.add_user_to_group(GroupName=operators.outputs["GroupName"], UserName=user)
        for user in ("alice", "bob")
    ],
    "too-much": lambda _, operators: operators.iam.delete_group_policy(
        GroupName=operators.outputs["GroupName"], PolicyName="quick-fix"
    ),
    "versions-off": lambda stack, _: stack.s3.put_bucket_versioning(
        Bucket=stack.outputs["BucketName"], VersioningConfiguration={"Status": "Enabled"}
    ),
    "unblocked": lambda stack, _: stack.s3.put_public_access_block(
        Bucket=stack.outputs["BucketName"],
        PublicAccessBlockConfiguration={
            "BlockPublicAcls": True,
            "IgnorePublicAcls": True,
            "BlockPublicPolicy": True,
            "RestrictPublicBuckets": True,
        },
    ),
    "no-writing": lambda stack, _: stack.iam.delete_role_policy(
        RoleName=stack.outputs["RoleName"], PolicyName="no-writing"
    ),
    "web-closed": lambda stack, _: stack.ec2.authorize_security_group_ingress(
        GroupId=stack.outputs["WebGroupId"], IpProtocol="tcp", FromPort=443, ToPort=443, CidrIp="0.0.0.0/0"
    ),
    "too-open": lambda stack, _: stack.ec2.revoke_security_group_ingress(
        GroupId=stack.one("AWS::EC2::SecurityGroup", "learning-bastion").id,
        IpProtocol="tcp",
        FromPort=3389,
        ToPort=3389,
        CidrIp="0.0.0.0/0",
    ),
    "replies-lost": lambda stack, _: stack.ec2.create_network_acl_entry(
        NetworkAclId=stack.one("AWS::EC2::NetworkAcl", "learning-private").id,
        Egress=True,
        RuleNumber=200,
        Protocol="6",
        RuleAction="allow",
        CidrBlock="10.0.0.0/16",
        PortRange={"From": 1024, "To": 65535},
    ),
    "too-early": lambda stack, _: stack.ec2.delete_network_acl_entry(
        NetworkAclId=stack.one("AWS::EC2::NetworkAcl", "learning-public").id, Egress=False, RuleNumber=95
    ),
}


@pytest.mark.parametrize("fault", [each for each in FAULTS if each.chapters != (3,)], ids=lambda fault: fault.id)
def test_what_a_fault_breaks_is_seen_until_it_is_mended(
    stack: Deployed, deploy: Deploy, monkeypatch: pytest.MonkeyPatch, fault: Fault
) -> None:
    operators = deploy("OperatorsStack", operators=("alice", "bob"))
    chapter = fault.chapters[0]
    with monkeypatch.context() as alone:
        alone.setattr("lab.guide.faults.of_chapter", lambda _: [fault])
        begin(chapter, stack, seed=1)
    [found] = [each for each in EXERCISES if each.task == FIND and chapter in each.chapters]
    assert re.fullmatch(r"Not mended\. A hint: python -m lab exercise \d+ --hint 1", found.missing(stack))
    for number in fault.chapters:
        assert lab("exercise", str(number), "--hint", "2").stdout == f"{fault.hints[1]}\n"
    hidden = lab("verify", "--hide")
    assert (hidden.exit_code, len(hidden.stdout.splitlines())) == (1, 1)
    MENDED[fault.id](stack, operators)
    assert lab("verify").exit_code == 0
    assert found.missing(stack) == ""
