"""What our NAT instance passes on: its user data says so, in the words of nftables."""

import base64
import re
from contextlib import suppress

from lab.reach.network import ALL_PORTS, GroupRule

RANGES = re.compile(r"define private = \{([0-9./, ]+)\}")
PORTS = re.compile(r"ip saddr \$private tcp dport \{([0-9, ]+)\} accept")


def forwarded(user_data: str, vpc_cidr: str) -> tuple[GroupRule, ...]:
    """Return what an instance without source/destination check passes on.

    ``user_data`` is as EC2 gives it, in Base64, or as it was written. Of an instance that is not ours nothing is
    known: then it is taken to pass on all that this VPC sends.
    """
    text = user_data
    with suppress(ValueError):
        text = base64.b64decode(user_data, validate=True).decode()
    ranges, ports = RANGES.search(text), PORTS.search(text)
    if not ranges or not ports:
        return (GroupRule(protocol="-1", ports=ALL_PORTS, peer=vpc_cidr),)
    return tuple(
        GroupRule(protocol="tcp", ports=(int(port), int(port)), peer=cidr.strip())
        for cidr in ranges[1].split(",")
        for port in ports[1].split(",")
    )
