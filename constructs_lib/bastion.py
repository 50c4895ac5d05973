"""Chapters 8, 10 and 11 of the primer: an instance that mounts a bucket and carries the AWS CLI."""

from collections.abc import Mapping
from pathlib import Path
from shlex import quote
from typing import Any, ClassVar

import jsii
from aws_cdk import Aws, CfnTag, Duration, Fn, IStableStringProducer, Lazy, Stack, Tags
from aws_cdk import aws_ec2 as ec2
from aws_cdk import aws_iam as iam
from aws_cdk import aws_s3 as s3
from constructs import Construct

from constructs_lib.acknowledge import acknowledge
from constructs_lib.ubuntu import UbuntuImage, UbuntuInstance

BOOT = Path(__file__).parent / "boot"
SBIN, LIB, UNITS = "/usr/local/sbin", "/usr/local/lib", "/etc/systemd/system"
FIRST_BOOT = f"{SBIN}/learning-stack-first-boot"
ENVIRONMENT_FILE = "/etc/learning-stack.env"
# Where the files of boot/ land. What lands in sbin, and rc.local, can be run.
BOOT_FILES = {
    "s3-mount-answers.sh": f"{SBIN}/s3-mount-answers",
    "keep-s3-mounted.sh": f"{SBIN}/keep-s3-mounted",
    "rc.local": "/etc/rc.local",
    "rc-local.service": f"{UNITS}/rc-local.service",
    "aws-completion.sh": "/etc/profile.d/aws-completion.sh",
    "first-boot.sh": FIRST_BOOT,
    "first-boot.service": f"{UNITS}/learning-stack-first-boot.service",
}
# A line costs a template 12 bytes more than it is long, so each file is one in the user data.
LINE_END = "`"
S3FS_FROM_SOURCE = {"s3fs-from-source.sh": f"{LIB}/s3fs-from-source.sh"}


class Bastion(Construct):
    """An Ubuntu instance with the bucket mounted and the AWS CLI (primer, chapters 8, 10 and 11).

    Builds the instance in ``subnet``, its Elastic IP, and a key pair made by CloudFormation, whose private key AWS
    keeps in SSM Parameter Store (``/ec2/keypair/KEY-ID``) and never anywhere else. The primer downloads it once, to be
    lost or leaked. An instance profile carries ``role``, which must open ``bucket`` as that of ``Access`` does, and
    gets one more policy: Session Manager's agent may open sessions, and the first boot may tell this stack how it went.

    The user data writes the files of ``constructs_lib/boot/`` and has the first boot run, again at each boot until it
    is through, whenever the power goes: s3fs from Ubuntu's packages (``s3fs_install="apt"``) or, as in the primer, from
    source at a pinned commit (``"source"``); the bucket mounted at ``mount_point`` for ``uid`` and ``gid``, through
    ``role``; ``/etc/rc.local`` and ``rc-local.service`` to mount it at every boot; the AWS CLI version 2 with
    completion. Changed user data replaces the instance.

    The deploy waits until the first boot reports that a file was written to the bucket and read back, and fails when it
    reports that none can be, or after ``SIGNAL_MINUTES``. The AWS CLI is installed after the report. A creation policy,
    and not a wait condition: that one could carry a reason and needs no right, but is asked only when it is made
    itself, and so never of an instance that replaces another because only its image moved. The reason of a failure goes
    to the console, which EC2 keeps for an hour after the instance is gone.

    The Elastic IP is allocated before the instance is made, so that a full quota fails at once, and associated after
    its report: in between, the instance has a public address of Amazon's. Session Manager's agent, which would hold on
    to a connection from the old address, is then restarted. (An interface of its own would carry the address from the
    first second, but cannot be in two instances, so that no update could replace one.)

    What may be left out, and what stands for it:

    - ``instance_type``: EC2's name of a type. Default: t3.micro
    - ``volume_gib``: the size of the disk, in GiB. Default: 8
    - ``release``: Ubuntu's. Default: 26.04
    - ``ami_serial``: the date of the image, such as 20261118. Default: the newest at each deploy
    - ``ami_id``: the image itself. Default: that of ``release`` and ``ami_serial``
    - ``s3fs_install``: apt or source. Default: apt
    - ``mount_point``: a folder. Default: /mnt/s3
    - ``uid``, ``gid``: the numbers of whom the files belong to. Default: 1000, Ubuntu's own user
    - ``detailed_monitoring``: metrics each minute, not each five, at a price. Default: False

    Limits: user data is 16,384 bytes at most; ``release`` from 24.04, as the s3fs of older ones cannot use IMDSv2.

    Sources: https://github.com/s3fs-fuse/s3fs-fuse/wiki,
    https://cloudinit.readthedocs.io/en/latest/explanation/format.html,
    https://docs.aws.amazon.com/AWSCloudFormation/latest/APIReference/API_SignalResource.html,
    https://docs.aws.amazon.com/AWSCloudFormation/latest/TemplateReference/aws-attribute-creationpolicy.html,
    https://docs.aws.amazon.com/AWSCloudFormation/latest/UserGuide/using-cfn-waitcondition.html,
    https://docs.aws.amazon.com/AWSEC2/latest/APIReference/API_GetConsoleOutput.html,
    https://docs.aws.amazon.com/systems-manager/latest/userguide/getting-started-create-iam-instance-profile.html,
    https://github.com/aws/amazon-ssm-agent/issues/266
    """

    # By the way that s3fs is installed. Rehearsed at the baseline of a t3.micro, the report came after 31 and 343 s; a
    # t3.nano has half of it, and Ubuntu's own first start, its longer lists of packages and a slower CPU come on top.
    SIGNAL_MINUTES: ClassVar[Mapping[str, int]] = {"apt": 15, "source": 45}
    # Of these minutes, the first boot leaves the last ones to the launch before it and to its report.
    REPORT_MINUTES = 3

    # Not the newest: since 1.96 s3fs opens a TLS connection for each request, and is half as fast (bench/RESULTS.md,
    # https://github.com/s3fs-fuse/s3fs-fuse/pull/2601). Built with OpenSSL it is quicker than Ubuntu's, with GnuTLS.
    S3FS_GIT = "https://github.com/s3fs-fuse/s3fs-fuse.git"
    S3FS_TAG = "v1.95"
    S3FS_COMMIT = "561ce1e20600bab42133b5e51511483800d3ef76"

    def __init__(
        self,
        scope: Construct,
        construct_id: str,
        *,
        vpc: ec2.IVpc,
        subnet: ec2.ISubnet,
        security_group: ec2.ISecurityGroup,
        role: iam.IRole,
        bucket: s3.IBucket,
        instance_type: str = "t3.micro",
        volume_gib: int = 8,
        release: str = "26.04",
        ami_serial: str | None = None,
        ami_id: str | None = None,
        s3fs_install: str = "apt",
        mount_point: str = "/mnt/s3",
        uid: int = 1000,
        gid: int = 1000,
        detailed_monitoring: bool = False,
    ) -> None:
        super().__init__(scope, construct_id)
        self.elastic_ip = ec2.CfnEIP(
            self, "ElasticIp", domain="vpc", tags=[CfnTag(key="Name", value="learning-bastion")]
        )
        self.policy = self._policy()
        role.add_managed_policy(self.policy)
        self.key_pair = ec2.KeyPair(self, "KeyPair", type=ec2.KeyPairType.ED25519)
        self.instance_type = ec2.InstanceType(instance_type)
        self.image = UbuntuImage(
            release=release, architecture=self.instance_type.architecture, serial=ami_serial, ami_id=ami_id
        )
        environment = {
            "BUCKET": bucket.bucket_name,
            "ROLE": name_of(role),
            "REGION": Aws.REGION,
            "STACK": Aws.STACK_NAME,
            "MOUNT_POINT": mount_point,
            "MOUNT_UID": str(uid),
            "MOUNT_GID": str(gid),
            "GIVE_UP": str(60 * (self.SIGNAL_MINUTES[s3fs_install] - self.REPORT_MINUTES)),
        }
        files = dict(BOOT_FILES)
        if s3fs_install == "source":
            environment |= {"S3FS_GIT": self.S3FS_GIT, "S3FS_TAG": self.S3FS_TAG, "S3FS_COMMIT": self.S3FS_COMMIT}
            files |= S3FS_FROM_SOURCE
        environment = {name: for_sub(value) for name, value in Stack.of(self).resolve(environment).items()}
        environment |= {
            "S3_URL": "https://s3.${AWS::Region}.${AWS::URLSuffix}",
            "SIGNAL": Lazy.string(_LogicalId(self)),
        }
        self.user_data = Fn.sub(render_user_data(environment, files))
        self.instance = UbuntuInstance(
            self,
            "Instance",
            vpc=vpc,
            subnet=subnet,
            security_group=security_group,
            key_pair=self.key_pair,
            image=self.image,
            instance_type=self.instance_type,
            name="learning-bastion",
            volume_gib=volume_gib,
            instance_profile=iam.InstanceProfile(self, "InstanceProfile", role=role),
            user_data=self.user_data,
            associate_public_ip_address=True,
            resource_signal_timeout=Duration.minutes(self.SIGNAL_MINUTES[s3fs_install]),
            detailed_monitoring=detailed_monitoring,
        )
        # What operators may start and stop is known by this tag.
        Tags.of(self.instance).add("Role", "bastion")
        self.instance.node.add_dependency(subnet.internet_connectivity_established)
        self.instance.node.add_dependency(self.elastic_ip)
        ec2.CfnEIPAssociation(
            self, "Association", allocation_id=self.elastic_ip.attr_allocation_id, instance_id=self.instance.instance_id
        )

    def _policy(self) -> iam.ManagedPolicy:
        """Return what the instance itself must be allowed to do, whatever it mounts."""
        policy = iam.ManagedPolicy(
            self,
            "Policy",
            statements=[
                iam.PolicyStatement(
                    sid="OpenSessions",
                    actions=[
                        "ssmmessages:CreateControlChannel",
                        "ssmmessages:CreateDataChannel",
                        "ssmmessages:OpenControlChannel",
                        "ssmmessages:OpenDataChannel",
                    ],
                    resources=["*"],
                ),
                iam.PolicyStatement(
                    sid="RegisterForThem",
                    actions=["ssm:UpdateInstanceInformation"],
                    resources=[Fn.sub("arn:${AWS::Partition}:ec2:${AWS::Region}:${AWS::AccountId}:instance/*")],
                ),
                iam.PolicyStatement(
                    sid="ReportTheFirstBoot", actions=["cloudformation:SignalResource"], resources=[Aws.STACK_ID]
                ),
            ],
        )
        acknowledge(
            policy,
            {
                "The ssmmessages actions know no resource: AWS documents * for them, and its own policy for Session "
                "Manager's agent has it.": ["AwsSolutions-IAM5[Resource::*]"],
                "The role is there before the instance that it is for, so no policy of it can name that one.": [
                    "AwsSolutions-IAM5[Resource::arn:<AWS::Partition>:ec2:<AWS::Region>:<AWS::AccountId>:instance/*]"
                ],
            },
        )
        return policy


@jsii.implements(IStableStringProducer)
class _LogicalId:
    """The instance's name in the template. It depends on the user data, which contains it: the CDK sorts that out."""

    def __init__(self, bastion: Bastion) -> None:
        self._bastion = bastion

    def produce(self) -> str:
        return self._bastion.instance.instance.logical_id


def name_of(role: iam.IRole) -> str:
    """Return the name that the role was given, where it was: another one must change the user data."""
    given = getattr(role.node.default_child, "role_name", None)
    return Stack.of(role).resolve(given) or role.role_name


def render_user_data(environment: Mapping[str, str], files: Mapping[str, str]) -> str:
    """Return the script that writes the environment file and ``files`` of ``boot/``, and has the first boot run.

    It is a boothook, which cloud-init runs at every boot: what it runs once is not run again after a power cut.
    It is a text for ``Fn::Sub``, as the values of ``environment`` are: what only CloudFormation knows, it fills in.
    Only the environment file is rendered, each value quoted for the shell; the others land as they are, without their
    comments and empty lines, for which a template has no room. For the same reason, each of them stands in one line,
    with a backtick where a line ends, which none of them has.
    """
    variables = "".join(f"{name}={quote(value)}\n" for name, value in environment.items())
    written = f"put 644 {ENVIRONMENT_FILE} << 'END'\n{variables}END\n"
    written += "".join(_folded(path, masked(boot_file(name))) for name, path in files.items())
    start = "systemctl enable -q --now --no-block learning-stack-first-boot"
    return f"#cloud-boothook\n{masked(boot_file('user-data.sh'))}{written}{start}\n"


def boot_file(name: str) -> str:
    """Return a file of ``boot/`` as it lands: without its lines of comment, but for the first, and its empty ones."""
    lines = (BOOT / name).read_text().splitlines(keepends=True)
    return "".join(
        line
        for line in lines
        if line.startswith(("#!", "#cloud-config")) or (line.strip() and not line.lstrip().startswith("#"))
    )


def for_sub(resolved: str | dict[str, Any]) -> str:
    """Return a value as Fn::Sub writes it: what CloudFormation fills in is ``${NAME}`` or ``${NAME.ATTRIBUTE}``."""
    if isinstance(resolved, str):
        return masked(resolved)
    return f"${{{resolved['Ref'] if 'Ref' in resolved else '.'.join(resolved['Fn::GetAtt'])}}}"


def masked(text: str) -> str:
    """Mask what Fn::Sub would take for its own."""
    return text.replace("${", "${!")


def _folded(path: str, content: str) -> str:
    mode = 755 if path.startswith(f"{SBIN}/") or path == "/etc/rc.local" else 644
    line = content.removesuffix("\n").replace("\n", LINE_END)
    return f"unfold {mode} {path} << 'END'\n{line}\nEND\n"
