"""A shell on the bastion: the command that opens it, when all that it needs is there."""

import os
import re
import shutil
import subprocess
import time
from pathlib import Path
from typing import TYPE_CHECKING

from botocore.exceptions import ClientError

from lab.bastion.machine import BastionInstance
from lab.template.deployed import DENIED
from lab.terminal.language import _
from lab.terminal.problem import ProblemError

if TYPE_CHECKING:
    from mypy_boto3_ec2 import EC2Client
    from mypy_boto3_ssm import SSMClient

KEY_FILE = Path("learning-stack.pem")
SSH = 22
ADDRESSES = ("IpRanges", "Ipv6Ranges", "PrefixListIds")  # where a rule names any
AGENT_SECONDS, AGAIN_SECONDS = 120, 3
PLUGIN = "https://docs.aws.amazon.com/systems-manager/latest/userguide/session-manager-working-with-install-plugin.html"


def require_running(bastion: BastionInstance) -> None:
    """Raise ProblemError unless there is something to connect to."""
    if bastion.state != "running":
        raise ProblemError(
            _("{bastion} is {state}. Start it with: python -m lab start").format(
                bastion=bastion.id, state=bastion.state
            )
        )


def session_command(bastion: BastionInstance, region: str) -> list[str]:
    """Return the command for a session through Session Manager: no key, no open port.

    Raises ProblemError when the AWS CLI version 2 or its plugin is not installed.
    """
    aws = shutil.which("aws")
    said = ""
    if aws:
        said = subprocess.run([aws, "--version"], capture_output=True, text=True, check=False).stdout  # noqa: S603
    if not aws or not re.match(r"aws-cli/([2-9]|\d\d)", said):
        raise ProblemError(
            _("Session Manager wants the AWS CLI version 2, which is not on PATH: https://aws.amazon.com/cli/")
        )
    if not shutil.which("session-manager-plugin"):
        raise ProblemError(
            _("Session Manager wants AWS's plugin for the AWS CLI, which is not on PATH: {plugin}").format(
                plugin=PLUGIN
            )
        )
    return [aws, "ssm", "start-session", "--region", region, "--target", bastion.id]


def wait_for_agent(bastion: BastionInstance, ssm: "SSMClient") -> None:
    """Wait until Session Manager's agent on the bastion is online.

    It connects anew when the Elastic IP comes, right after a deploy. Whoever may not ask is not kept waiting.
    Raises ProblemError when it is not online after AGENT_SECONDS.
    """
    begun = time.monotonic()
    while not _is_online(bastion, ssm):
        if time.monotonic() - begun > AGENT_SECONDS:
            raise ProblemError(
                _(
                    "Session Manager's agent on {bastion} is not online after {agent_seconds} s. Look at its "
                    "first boot with: python -m lab boot-log, or stop and start it: python -m lab stop, "
                    "python -m lab start"
                ).format(bastion=bastion.id, agent_seconds=AGENT_SECONDS)
            )
        time.sleep(AGAIN_SECONDS)


def _is_online(bastion: BastionInstance, ssm: "SSMClient") -> bool:
    try:
        found = ssm.describe_instance_information(Filters=[{"Key": "InstanceIds", "Values": [bastion.id]}])
    except ClientError as error:
        if error.response["Error"]["Code"] in DENIED:
            return True  # as far as they can know
        raise
    return any(each["PingStatus"] == "Online" for each in found["InstanceInformationList"])


def ssh_command(bastion: BastionInstance, ec2: "EC2Client", ssm: "SSMClient") -> list[str]:
    """Fetch the private key into KEY_FILE and return the command for SSH as ubuntu.

    Raises ProblemError when port 22 is open to nobody, or there is no key or no ssh.
    """
    ssh = shutil.which("ssh")
    if not ssh:
        raise ProblemError(_("There is no ssh on PATH. Install OpenSSH's client, or leave --ssh out"))
    if not _port_is_open(bastion, ec2):
        raise ProblemError(
            _(
                "Port 22 of the bastion is open to nobody. Leave --ssh out, or open it to your own "
                "address: cdk deploy {stack} -c admin_cidr=YOUR.IP.ADD.RESS/32"
            ).format(stack=bastion.stack)
        )
    if not bastion.address:
        raise ProblemError(_("{bastion} has no public address yet. Try again in a minute").format(bastion=bastion.id))
    [pair] = ec2.describe_key_pairs(KeyNames=[bastion.key_name])["KeyPairs"]
    try:
        found = ssm.get_parameter(Name=f"/ec2/keypair/{pair['KeyPairId']}", WithDecryption=True)
    except ssm.exceptions.ParameterNotFound:
        raise ProblemError(
            _("Parameter Store has no private key of {key_name}. Leave --ssh out").format(key_name=bastion.key_name)
        ) from None
    write_key(KEY_FILE, found["Parameter"]["Value"])
    # A key that an agent offers first would use up the tries; an address that does not answer is told soon.
    options = ["-o", "IdentitiesOnly=yes", "-o", "ConnectTimeout=10"]
    return [ssh, "-i", str(KEY_FILE), *options, f"ubuntu@{bastion.address}"]


def write_key(file: Path, key: str) -> None:
    """Write the key for nobody else's eyes, from its first byte; what was there is replaced, not written into."""
    file.unlink(missing_ok=True)
    handle = os.open(file, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    with os.fdopen(handle, "w") as opened:
        opened.write(key if key.endswith("\n") else f"{key}\n")


def _port_is_open(bastion: BastionInstance, ec2: "EC2Client") -> bool:
    """Say whether any address may connect: a rule that names a group is for other instances."""
    groups = ec2.describe_security_groups(GroupIds=list(bastion.groups))["SecurityGroups"]
    rules = [rule for group in groups for rule in group["IpPermissions"]]
    return any(
        rule["IpProtocol"] == "-1" or rule.get("FromPort", 0) <= SSH <= rule.get("ToPort", 65535)
        for rule in rules
        if rule["IpProtocol"] in ("tcp", "-1") and any(rule.get(kind) for kind in ADDRESSES)
    )
