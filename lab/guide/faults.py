"""Faults to find: what ``lab exercise N --begin`` breaks, at random, and three hints for each, from vague to plain."""

import json
import random
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from lab.checks import run
from lab.checks.operators import attached, group
from lab.checks.policy import account
from lab.checks.storage import bucket
from lab.guide.book import numbers_in
from lab.template.deployed import Deployed
from lab.template.values import target
from lab.terminal.language import N_, _
from lab.terminal.problem import ProblemError

OPERATORS = "OperatorsStack"
# A tag on the VPC, with the chapter's number behind it, says that an exercise was begun, and with which fault.
BEGUN = "LearningStackExercise"
ANYWHERE = "0.0.0.0/0"


@dataclass(frozen=True)
class Fault:
    """What to break in chapters, and the hints. Texts are for ``_``."""

    id: str
    chapters: tuple[int, ...]
    cause: Callable[[Deployed, random.Random], object]
    hints: tuple[str, str, str]


FAULTS: list[Fault] = []


def fault(*chapters: int, hints: tuple[str, str, str]) -> Callable[[Callable[[Deployed, random.Random], object]], None]:
    """Register a function as what causes a fault; its name, with hyphens, is the fault's id."""

    def register(cause: Callable[[Deployed, random.Random], object]) -> None:
        FAULTS.append(Fault(cause.__name__.replace("_", "-"), chapters, cause, hints))

    return register


def begin(chapter: int, aws: Deployed, seed: int | None = None) -> None:
    """Break something of a chapter, at random or by a seed, and mark its exercise as begun."""
    chance = random.Random(seed)  # noqa: S311  # nothing secret
    chosen = chance.choice(of_chapter(chapter))
    chosen.cause(aws, chance)
    tags = [{"Key": f"{BEGUN}{number}", "Value": chosen.id} for number in chosen.chapters]
    aws.ec2.create_tags(Resources=[aws.one("AWS::EC2::VPC").id], Tags=tags)  # type: ignore[arg-type]  # dicts they are


def begun(chapter: int, aws: Deployed) -> Fault | None:
    """Return the fault with which the exercise of a chapter was begun, or nothing."""
    vpcs = aws.ec2_list("describe_vpcs", VpcIds=[aws.one("AWS::EC2::VPC").id])
    tags = {each["Key"]: each["Value"] for each in vpcs[0].get("Tags", [])}
    found = tags.get(f"{BEGUN}{chapter}")
    return next((each for each in FAULTS if each.id == found), None)


def of_chapter(chapter: int) -> list[Fault]:
    """Return the faults of a chapter. Raises ProblemError, with the chapters that have any."""
    found = [each for each in FAULTS if chapter in each.chapters]
    if not found:
        known = ", ".join(map(str, sorted({number for each in FAULTS for number in each.chapters})))
        raise ProblemError(
            _("Nothing is broken for chapter {chapter}, but for {known}: python -m lab exercise 3 --begin").format(
                chapter=chapter, known=known
            )
        )
    return found


def claims_hold(chapter: int, aws: Deployed) -> bool:
    """Return whether all that is claimed of a chapter holds. Raises ProblemError where its stack is not deployed."""
    verdicts = run(Deployed(OPERATORS if chapter == 4 else aws.stack_name))
    return all(each.holds for each in verdicts if chapter in numbers_in(each.check.chapter)[:1])


@fault(
    3,
    hints=(
        N_("One subnet has lost its way out. Ask of each: python -m lab reach"),
        N_("Each route table has a route for 0.0.0.0/0, but for one: aws ec2 describe-route-tables"),
        N_("python -m lab verify names the subnet, and where its route led. Chapter 3 says how to put it back"),
    ),
)
def route(aws: Deployed, chance: random.Random) -> None:
    break_a_route(aws, chance.choice)


def break_a_route(aws: Deployed, choose: Callable[[list[Any]], Any]) -> None:
    """Delete one route of the stack, and mark the exercise as begun."""
    aws.ec2.create_tags(Resources=[aws.one("AWS::EC2::VPC").id], Tags=[{"Key": f"{BEGUN}3", "Value": "route"}])
    chosen = choose(aws.all("AWS::EC2::Route"))
    table = target(chosen.properties["RouteTableId"])
    aws.ec2.delete_route(
        RouteTableId=next(each.id for each in aws.resources if each.logical_id == table),
        DestinationCidrBlock=chosen.properties["DestinationCidrBlock"],
    )


IN_THE_GROUP = N_("Something about the operators has changed: the policy, its group or who is in it")


@fault(
    4,
    hints=(
        IN_THE_GROUP,
        N_("What may the group do? aws iam list-attached-group-policies --group-name $GroupName"),
        N_(
            "Its policy was detached. Find it with aws iam list-policies --scope Local, and aws iam attach-group-policy"
        ),
    ),
)
def policy_off(_aws: Deployed, _chance: random.Random) -> None:
    operators = Deployed(OPERATORS)
    operators.iam.detach_group_policy(GroupName=group(operators), PolicyArn=attached(operators)[0])


@fault(
    4,
    hints=(
        IN_THE_GROUP,
        N_("Who is in the group? aws iam get-group --group-name $GroupName"),
        N_("An operator was taken out. Put them back with aws iam add-user-to-group"),
    ),
)
def member_out(_aws: Deployed, chance: random.Random) -> None:
    operators = Deployed(OPERATORS)
    user = chance.choice(operators.chosen("operators"))
    operators.iam.remove_user_from_group(GroupName=group(operators), UserName=user)


@fault(
    4,
    hints=(
        IN_THE_GROUP,
        N_("A policy may stand in the group itself: aws iam list-group-policies --group-name $GroupName"),
        N_("The group got a policy of its own, which allows all of EC2. Take it away: aws iam delete-group-policy"),
    ),
)
def too_much(_aws: Deployed, _chance: random.Random) -> None:
    operators = Deployed(OPERATORS)
    statement = {"Effect": "Allow", "Action": "ec2:*", "Resource": "*"}
    text = json.dumps({"Version": "2012-10-17", "Statement": [statement]})
    operators.iam.put_group_policy(GroupName=group(operators), PolicyName="quick-fix", PolicyDocument=text)


OF_THE_BUCKET = N_("Something about the bucket or the bastion's role has changed")


@fault(
    9,
    10,
    hints=(
        OF_THE_BUCKET,
        N_("What becomes of a file that is overwritten? aws s3api get-bucket-versioning --bucket $BucketName"),
        N_("Versions are suspended: aws s3api put-bucket-versioning with Status=Enabled"),
    ),
)
def versions_off(aws: Deployed, _chance: random.Random) -> None:
    aws.s3.put_bucket_versioning(Bucket=bucket(aws), VersioningConfiguration={"Status": "Suspended"})


@fault(
    9,
    10,
    hints=(
        OF_THE_BUCKET,
        N_("Could somebody open the bucket to the world? aws s3api get-public-access-block --bucket $BucketName"),
        N_("Block Public Access is gone: aws s3api put-public-access-block, with all four true"),
    ),
)
def unblocked(aws: Deployed, _chance: random.Random) -> None:
    aws.s3.delete_public_access_block(Bucket=bucket(aws), ExpectedBucketOwner=account(aws))


@fault(
    9,
    10,
    hints=(
        OF_THE_BUCKET,
        N_("A deny wins. What does the role carry besides? aws iam list-role-policies --role-name $RoleName"),
        N_("A policy denies it to write. Take it away: aws iam delete-role-policy --policy-name no-writing"),
    ),
)
def no_writing(aws: Deployed, _chance: random.Random) -> None:
    statement = {"Effect": "Deny", "Action": "s3:PutObject", "Resource": "*"}
    text = json.dumps({"Version": "2012-10-17", "Statement": [statement]})
    aws.iam.put_role_policy(RoleName=aws.outputs["RoleName"], PolicyName="no-writing", PolicyDocument=text)


OF_THE_FIREWALL = N_(
    "A rule is missing, or one too many. Compare who reaches whom with chapter 12: python -m lab reach"
)


@fault(
    12,
    hints=(
        OF_THE_FIREWALL,
        N_("Ask who reaches a web server: python -m lab reach internet web@public-1 443"),
        N_("The group web has lost its inbound rule for 443: aws ec2 authorize-security-group-ingress"),
    ),
)
def web_closed(aws: Deployed, _chance: random.Random) -> None:
    web = aws.outputs["WebGroupId"]
    rules = aws.ec2.describe_security_groups(GroupIds=[web])["SecurityGroups"][0]["IpPermissions"]
    https = [each for each in rules if each.get("FromPort") == 443]
    aws.ec2.revoke_security_group_ingress(GroupId=web, IpPermissions=https)


@fault(
    12,
    hints=(
        OF_THE_FIREWALL,
        N_("Ask who reaches the bastion: python -m lab reach internet bastion"),
        N_("The group of the bastion takes 3389 from everybody: aws ec2 revoke-security-group-ingress"),
    ),
)
def too_open(aws: Deployed, _chance: random.Random) -> None:
    bastion = aws.one("AWS::EC2::SecurityGroup", "learning-bastion").id
    rule = {"IpProtocol": "tcp", "FromPort": 3389, "ToPort": 3389, "IpRanges": [{"CidrIp": ANYWHERE}]}
    aws.ec2.authorize_security_group_ingress(GroupId=bastion, IpPermissions=[rule])  # type: ignore[list-item]  # a dict


@fault(
    12,
    hints=(
        OF_THE_FIREWALL,
        N_("Follow a request and its reply: python -m lab reach bastion database@private-1 22 --reply"),
        N_("The private network ACL has lost its outbound rule 200, for replies: aws ec2 create-network-acl-entry"),
    ),
)
def replies_lost(aws: Deployed, _chance: random.Random) -> None:
    acl = aws.one("AWS::EC2::NetworkAcl", "learning-private").id
    aws.ec2.delete_network_acl_entry(NetworkAclId=acl, Egress=True, RuleNumber=200)


@fault(
    12,
    hints=(
        OF_THE_FIREWALL,
        N_("The order of an ACL's rules decides: python -m lab reach internet web@public-1 80"),
        N_("Rule 95 of the public network ACL denies 80 before 120 allows it: aws ec2 delete-network-acl-entry"),
    ),
)
def too_early(aws: Deployed, _chance: random.Random) -> None:
    aws.ec2.create_network_acl_entry(
        NetworkAclId=aws.one("AWS::EC2::NetworkAcl", "learning-public").id,
        Egress=False,
        RuleNumber=95,
        Protocol="6",
        RuleAction="deny",
        CidrBlock=ANYWHERE,
        PortRange={"From": 80, "To": 80},
    )
