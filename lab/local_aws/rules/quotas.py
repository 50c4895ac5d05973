"""What a new account may have. ``lab local up --quota vcpu=32`` is a support case that was granted.

Sources:
    https://docs.aws.amazon.com/vpc/latest/userguide/amazon-vpc-limits.html
    https://docs.aws.amazon.com/AWSEC2/latest/UserGuide/ec2-instance-quotas.html (L-1216C47A; new accounts get 5)

Three are no quotas, but AWS on a bad day: small pages, throttled requests, roles that are not known at once.
"""

from collections.abc import Iterable

from lab.terminal.language import _
from lab.terminal.problem import ProblemError

NEW_ACCOUNT = {
    "acl-rules": 20,  # of an ACL, in one direction, IPv4 and IPv6 apart; the last rule, which denies, is one of them
    "acls": 200,  # of a VPC
    "elastic-ips": 5,  # of a region
    "gateway-endpoints": 20,  # of a region
    "group-rules": 60,  # of a security group, in one direction, IPv4 and IPv6 apart
    "groups": 2500,  # of a region
    "internet-gateways": 5,  # of a region
    "nat-gateways": 5,  # of a zone
    "page": 1000,  # items of one of EC2's lists in an answer
    "requests": 10**6,  # to EC2, in a second
    "role-seconds": 0,  # until a new role can be used
    "route-tables": 200,  # of a VPC
    "routes": 50,  # of a route table, IPv4 and IPv6 apart
    "subnets": 200,  # of a VPC
    "vcpu": 5,  # of running on-demand instances of the families A, C, D, H, I, M, R, T and Z
    "vpcs": 5,  # of a region; the default VPC is one of them
}
_granted: dict[str, int] = {}


def quota(name: str) -> int:
    return _granted.get(name, NEW_ACCOUNT[name])


def grant(given: Iterable[str]) -> None:
    """Take these quotas, such as ``vcpu=32``, for all to come. Raises ProblemError at one that does not exist."""
    for text in given:
        name, _equals, number = text.partition("=")
        if name not in NEW_ACCOUNT or not number.isdecimal():
            raise ProblemError(
                _(
                    "--quota {text} is no quota of the local AWS. Give a whole number for one of "
                    "{names}. Example: --quota vcpu=32"
                ).format(text=text, names=", ".join(NEW_ACCOUNT))
            )
        _granted[name] = int(number)
