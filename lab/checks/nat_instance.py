"""Chapter 3-4 with ``nat=instance``: an instance in the place of a NAT gateway."""

from lab.checks.bastion import described
from lab.checks.check import Facts, check
from lab.checks.firewall import ANYWHERE, rules_of
from lab.template.deployed import Deployed

NAME = "learning-nat"


def is_wanted(aws: Deployed) -> bool:
    return aws.settings["nat"] == "instance"


@check(
    "3-4",
    "With `nat=instance`, the NAT instance runs in public subnet 1, passes on what is not its own, and only for the "
    "private subnets",
    "aws ec2 describe-instances --filters Name=tag:Name,Values=learning-nat",
    when=is_wanted,
    field="SourceDestCheck",
)
def nat_instance(aws: Deployed) -> tuple[Facts, Facts]:
    instance = described(aws, aws.one("AWS::EC2::Instance", NAME))
    return (
        ["running in learning-public-1", "a public address: True", "source/destination check: False"]
        + [f"{NAME} in: tcp {port} from {cidr}" for port in (80, 443) for cidr in aws.chosen("private_cidrs")]
        + [f"{NAME} out: tcp {port} to {ANYWHERE}" for port in (80, 443)],
        [
            f"{instance['State']['Name']} in {aws.name_of(instance.get('SubnetId'))}",
            f"a public address: {'PublicIpAddress' in instance}",
            f"source/destination check: {instance.get('SourceDestCheck')}",
        ]
        + [
            rule
            for group in instance["SecurityGroups"]
            for way in ("in", "out")
            for rule in rules_of(aws, group["GroupId"], way)
        ],
    )
