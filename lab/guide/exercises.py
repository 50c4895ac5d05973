"""The exercises of the guide: each looks at AWS and says what is still missing."""

from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from typing import Any

from botocore.exceptions import ClientError

from lab.checks.bastion import bastion, described
from lab.checks.firewall import found_rules, public_acl
from lab.checks.network import in_vpc, private_routes, public_routes
from lab.checks.policy import account, partition
from lab.checks.storage import bucket
from lab.guide.faults import BEGUN, begun, claims_hold
from lab.reach.command import asked
from lab.reach.described import described as described_network
from lab.reach.parties import everybody, instances, with_parties
from lab.reach.ranges import Ranges
from lab.template.deployed import Deployed, explain
from lab.template.reader import BASTION, INSTANCE, STACK
from lab.terminal.language import N_, _
from lab.terminal.problem import ProblemError

PRIVATE_HOST, SSH, HTTPS, HTTP_ALT = "private-host", 22, 443, 8080
# The defaults of the settings instance_type and office_cidr.
DEFAULT_INSTANCE_TYPE, DEFAULT_OFFICE_CIDR = "t3.micro", "50.100.200.0/24"


@dataclass(frozen=True)
class Exercise:
    """What to do, and a function that returns what is missing: nothing when it is done."""

    chapters: tuple[int, ...]
    task: str
    missing: Callable[[Deployed], str]


EXERCISES: list[Exercise] = []


def exercise(*chapters: int, task: str) -> Callable[[Callable[[Deployed], str]], Callable[[Deployed], str]]:
    """Register a function as the exercise of a chapter."""

    def register(missing: Callable[[Deployed], str]) -> Callable[[Deployed], str]:
        EXERCISES.append(Exercise(chapters, task, missing))
        return missing

    return register


def of_chapter(number: str) -> list[Exercise]:
    """Return the exercises of a chapter. Raises ProblemError, with the chapters that have any."""
    found = [each for each in EXERCISES if number in map(str, each.chapters)]
    if not found:
        known = ", ".join(str(each) for each in sorted({each for one in EXERCISES for each in one.chapters}))
        raise ProblemError(
            _("Chapter {number} has no exercise; {known} have. Example: python -m lab exercise 3").format(
                number=number, known=known
            )
        )
    return found


def look(each: Exercise, aws: Deployed) -> str:
    """Return what an exercise lacks, or why that cannot be told: the others are looked at all the same."""
    try:
        return each.missing(aws)
    except Exception as error:  # noqa: BLE001  # whatever it is
        return _("Cannot be looked at: {why}").format(why=explain(error))


def require_whole(aws: Deployed, chapter: int) -> None:
    """Raise ProblemError when something of a chapter is broken already."""
    if chapter == 3 and not _routes_hold(aws):
        raise ProblemError(_("A route is missing already. Find it with: python -m lab verify"))
    if not claims_hold(chapter, aws):
        raise ProblemError(_("Something is broken already. Find it with: python -m lab verify"))


def _routes_hold(aws: Deployed) -> bool:
    return all(sorted(expected) == sorted(found) for expected, found in (public_routes(aws), private_routes(aws)))


@exercise(3, task=N_("Break a route, find it, mend it"))
def route(aws: Deployed) -> str:
    vpcs = aws.ec2_list("describe_vpcs", Filters=[*in_vpc(aws), {"Name": "tag-key", "Values": [f"{BEGUN}3"]}])
    if not vpcs:
        return _("Not begun. Begin with: python -m lab exercise 3 --begin")
    return "" if _routes_hold(aws) else _("A route is missing. See which: python -m lab verify")


@exercise(3, task=N_("Let the bastion alone reach 8080 of the private host, then stop the reply"))
def lost_reply(aws: Deployed) -> str:
    network = described_network(aws.ec2, aws.one("AWS::EC2::VPC").id)
    hosts = {each.name: each for each in instances(network)}
    if PRIVATE_HOST not in hosts:
        return _("There is no private host. Deploy it: cdk deploy LearningStack -c private_host=true")
    asking = [each for each in everybody(network) if each.name != PRIVATE_HOST]
    ranges = Ranges(with_parties(network, asking))
    ways = [ranges.ask(each, hosts[PRIVATE_HOST], "tcp", (HTTP_ALT, HTTP_ALT))[0] for each in asking]
    arriving = {way.source.name: way for way in ways if way.conversation.request.arrives}
    if BASTION not in arriving:
        return _("The bastion does not reach it. See why: python -m lab reach {bastion} {private_host} {port}").format(
            bastion=BASTION, private_host=PRIVATE_HOST, port=HTTP_ALT
        )
    if others := sorted(arriving.keys() - {BASTION}):
        return _("{other} reaches it, too. See how: python -m lab reach {other} {private_host} {port}").format(
            other=others[0], private_host=PRIVATE_HOST, port=HTTP_ALT
        )
    if arriving[BASTION].reaches:
        return _("The reply comes back. See how: python -m lab reach {bastion} {private_host} {port} --reply").format(
            bastion=BASTION, private_host=PRIVATE_HOST, port=HTTP_ALT
        )
    return ""


@exercise(3, task=N_("Leave the private host no way to the internet, and keep those to S3 and from the bastion"))
def no_way_out(aws: Deployed) -> str:
    network = described_network(aws.ec2, aws.one("AWS::EC2::VPC").id)
    if PRIVATE_HOST not in {each.name for each in instances(network)}:
        return _("There is no private host. Deploy it: cdk deploy LearningStack -c private_host=true")
    for one, other, port, wanted in (
        (PRIVATE_HOST, "internet", HTTPS, False),
        (PRIVATE_HOST, "s3", HTTPS, True),
        (BASTION, PRIVATE_HOST, SSH, True),
    ):
        __, answers = asked(network, one, other, "tcp", (port, port))
        if any(each.reaches for each in answers) != wanted:
            text = _("{one} does not reach {other}") if wanted else _("{one} still reaches {other}")
            how = f"python -m lab reach {one} {other} {port}"
            return text.format(one=one, other=other) + ". " + _("See how: {command}").format(command=how)
    return ""


@exercise(4, task=N_("Stop and start the bastion, as an operator"))
def stop_and_start(aws: Deployed) -> str:
    is_operator = aws.stack_name != STACK  # in a class each learner is the operator of one stack
    with suppress(ProblemError):
        is_operator = is_operator or bool(Deployed("OperatorsStack").all("AWS::IAM::User"))
    if not is_operator:
        return _("There are no operators. Deploy them: cdk deploy OperatorsStack -c operators=alice,bob")
    instance = described(aws, bastion(aws))
    if instance["State"]["Name"] != "running":
        return _("The bastion is {state}. Start it: python -m lab start").format(state=instance["State"]["Name"])
    # A start changes the launch time; the disk has been there since the first launch.
    attached = instance["BlockDeviceMappings"][0]["Ebs"]["AttachTime"]
    return "" if instance["LaunchTime"] > attached else _("The bastion was never stopped. Stop it: python -m lab stop")


@exercise(4, task=N_("Write the primer's policy: view EC2, start and stop two instances by their ARNs"))
def policy_of_carol(aws: Deployed) -> str:
    hosts = [each.id for each in aws.all(INSTANCE) if not each.is_nat_instance]
    if len(hosts) < 2:
        return _("There is one instance. Deploy a second: cdk deploy LearningStack -c private_host=true")
    here = f"{partition(aws)}:ec2:{aws.region}:{account(aws)}:instance"
    first, second = (f"arn:{here}/{host}" for host in hosts)
    another = f"arn:{here}/i-00000000000000000"
    try:
        may = {
            (each["EvalActionName"], each["EvalResourceName"])
            for page in aws.iam.get_paginator("simulate_principal_policy").paginate(
                PolicySourceArn=f"arn:{partition(aws)}:iam::{account(aws)}:user/carol",
                ActionNames=[f"ec2:{action}Instances" for action in ("Describe", "Start", "Stop", "Terminate")],
                ResourceArns=["*", first, second, another],
            )
            for each in page["EvaluationResults"]
            if each["EvalDecision"] == "allowed"
        }
    except ClientError as error:
        if error.response["Error"].get("Code") != "NoSuchEntity":
            raise
        return _("There is no user carol. Make her: aws iam create-user --user-name carol")
    wanted = {(f"ec2:{action}Instances", host) for action in ("Start", "Stop") for host in (first, second)}
    wanted.add(("ec2:DescribeInstances", "*"))
    if lacking := sorted(wanted - may):
        return _("carol may not {action} on {resource}").format(action=lacking[0][0], resource=lacking[0][1])
    spare = {pair for pair in may - wanted if pair[0] != "ec2:DescribeInstances"}
    if not spare:
        return ""
    action, resource = min(spare)
    return _("carol may {action} on {resource}: more than the primer's policy").format(action=action, resource=resource)


@exercise(5, 8, task=N_("Make the bastion a larger machine"))
def larger(aws: Deployed) -> str:
    kind = described(aws, bastion(aws))["InstanceType"]
    return (
        _("The bastion is a {type}. Deploy with -c instance_type=t3.small").format(type=kind)
        if kind == DEFAULT_INSTANCE_TYPE
        else ""
    )


@exercise(6, 7, task=N_("Put an object into an archive class"))
def archive(aws: Deployed) -> str:
    classes = {str(each.get("StorageClass")) for each in _objects(aws)}
    if any(name.startswith("GLACIER") or name == "DEEP_ARCHIVE" for name in classes):
        return ""
    return _("No object is in an archive class. Copy one with: aws s3 cp ... --storage-class GLACIER_IR")


@exercise(9, 10, task=N_("Write a file as the mount does"))
def file_of_the_mount(aws: Deployed) -> str:
    for each in _objects(aws)[:100]:
        metadata = aws.s3.head_object(Bucket=bucket(aws), Key=each["Key"])["Metadata"]
        if not each["Key"].endswith("/") and {"uid", "gid", "mode"} <= metadata.keys():
            return ""
    return _("No object has an owner and a mode. Write a file below the mount point, or give an object such metadata")


@exercise(11, task=N_("Put the bastion's id into about.txt, with one pipe of the AWS CLI"))
def about(aws: Deployed) -> str:
    try:
        text = aws.s3.get_object(Bucket=bucket(aws), Key="about.txt")["Body"].read(100).decode(errors="replace")
    except ClientError as error:
        if error.response["Error"].get("Code") not in ("NoSuchKey", "404"):
            raise
        return _("There is no about.txt in the bucket. Write it with: aws ec2 describe-instances ... | aws s3 cp - ...")
    return (
        "" if text.strip() == aws.outputs["InstanceId"] else _("about.txt holds something else than the bastion's id")
    )


@exercise(12, task=N_("Open 8080 to your own address, and to nobody else"))
def own_address(aws: Deployed) -> str:
    peers = [
        rule.split(" from ")[1].split()[0] for rule in found_rules(aws, "learning-web", "in") if " tcp 8080 " in rule
    ]
    if peers == [DEFAULT_OFFICE_CIDR]:
        return _("8080 is open to the example's {cidr}. Deploy with -c office_cidr=YOUR.IP.ADD.RESS/32").format(
            cidr=DEFAULT_OFFICE_CIDR
        )
    return (
        ""
        if len(peers) == 1 and peers[0].endswith("/32")
        else _("8080 is open to {whom}").format(whom=", ".join(peers) or _("nobody"))
    )


@exercise(12, task=N_("Deny an address what a later rule allows"))
def deny(aws: Deployed) -> str:
    acl = aws.one("AWS::EC2::NetworkAcl", "learning-public")
    entries = aws.ec2.describe_network_acls(NetworkAclIds=[acl.id])["NetworkAcls"][0]["Entries"]
    inbound = [each for each in entries if not each["Egress"]]
    to_all = [each for each in inbound if each["RuleAction"] == "allow" and each.get("CidrBlock") == "0.0.0.0/0"]
    first = min(each["RuleNumber"] for each in to_all)
    promised = {int(fact.split()[1].rstrip(":")) for fact in public_acl(aws)[0] if fact.startswith("in ")}
    for each in inbound:
        one_address = each.get("CidrBlock", "").endswith("/32")
        if (
            each["RuleAction"] == "deny"
            and each["RuleNumber"] < first
            and one_address
            and each["RuleNumber"] not in promised
        ):
            return ""
    return _("The public network ACL denies no address before rule {first}, which allows HTTP to everyone").format(
        first=first
    )


FIND = N_("Begin, and mend what was broken")


def _mended(chapter: int, aws: Deployed) -> str:
    """Return what is missing until a fault of a chapter is found and mended."""
    if not begun(chapter, aws):
        return _("Not begun. Begin with: python -m lab exercise {chapter} --begin").format(chapter=chapter)
    if claims_hold(chapter, aws):
        return ""
    return _("Not mended. A hint: python -m lab exercise {chapter} --hint 1").format(chapter=chapter)


@exercise(4, task=FIND)
def operators_mended(aws: Deployed) -> str:
    return _mended(4, aws)


@exercise(9, 10, task=FIND)
def bucket_mended(aws: Deployed) -> str:
    return _mended(9, aws) or _mended(10, aws)


@exercise(12, task=FIND)
def firewall_mended(aws: Deployed) -> str:
    return _mended(12, aws)


def _objects(aws: Deployed) -> list[Any]:
    pages = aws.s3.get_paginator("list_objects_v2").paginate(Bucket=bucket(aws))
    return [each for page in pages for each in page.get("Contents", [])]
