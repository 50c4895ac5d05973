"""Chapters 8, 10 and 11 of the primer: an instance that mounts a bucket and carries the AWS CLI."""

from collections.abc import Mapping
from pathlib import Path
from shlex import quote
from textwrap import indent

import jsii
from aws_cdk import Aws, CfnTag, Duration, Fn, IStableStringProducer, Lazy, Stack, Tags
from aws_cdk import aws_ec2 as ec2
from aws_cdk import aws_iam as iam
from aws_cdk import aws_s3 as s3
from constructs import Construct

from constructs_lib.ubuntu import UbuntuImage, UbuntuInstance

BOOT = Path(__file__).parent / "boot"
SBIN, LIB = "/usr/local/sbin", "/usr/local/lib/learning-stack"
# Where the files of boot/ land. What lands in sbin, and rc.local, can be run.
BOOT_FILES = {
    "first-boot.sh": f"{SBIN}/learning-stack-first-boot",
    "s3-mount-answers.sh": f"{SBIN}/s3-mount-answers",
    "keep-s3-mounted.sh": f"{SBIN}/keep-s3-mounted",
    "rc.local": "/etc/rc.local",
    "rc-local.service": "/etc/systemd/system/rc-local.service",
    "rc-local-network.conf": "/etc/systemd/system/rc-local.service.d/network.conf",
    "aws-completion.sh": "/etc/profile.d/aws-completion.sh",
}
S3FS_FROM_SOURCE = {"s3fs-from-source.sh": f"{LIB}/s3fs-from-source.sh"}


class Bastion(Construct):
    """An Ubuntu instance with the bucket mounted and the AWS CLI (primer, chapters 8, 10 and 11).

    Builds the instance in ``subnet``, its Elastic IP, and a key pair made by CloudFormation, whose private key AWS
    keeps in SSM Parameter Store (``/ec2/keypair/KEY-ID``) and never anywhere else. The primer downloads it once, to be
    lost or leaked.

    The user data writes the files of ``constructs_lib/boot/`` and runs the first of them: s3fs from Ubuntu's packages
    (``s3fs_install="apt"``) or, as in the primer, from source at a pinned commit (``"source"``); the bucket mounted at
    ``mount_point`` for ``uid`` and ``gid``, through the role ``role_name`` that ``instance_profile`` carries;
    ``/etc/rc.local`` and ``rc-local.service`` to mount it at every boot; the AWS CLI version 2 with completion. Changed
    user data replaces the instance.

    The deploy waits until the first boot reports that a file was written to the bucket and read back, and fails with
    its reason, or after ``SIGNAL_MINUTES``: the role must allow ``cloudformation:SignalResource``, as that of
    ``Access`` does. CloudFormation hands out the Elastic IP only after that report, so the instance starts with a
    public address of Amazon's, which the Elastic IP then replaces.

    Limits: user data is 16,384 bytes at most; ``release`` from 24.04, as the s3fs of older ones cannot use IMDSv2.

    Sources: https://github.com/s3fs-fuse/s3fs-fuse/wiki,
    https://docs.aws.amazon.com/AWSCloudFormation/latest/TemplateReference/aws-attribute-creationpolicy.html
    """

    SIGNAL_MINUTES = 15

    S3FS_GIT = "https://github.com/s3fs-fuse/s3fs-fuse.git"
    S3FS_TAG = "v1.96"
    S3FS_COMMIT = "6235d0ba1b55cd0b0ad842b065f4c9cf8b75e069"

    def __init__(
        self,
        scope: Construct,
        construct_id: str,
        *,
        vpc: ec2.IVpc,
        subnet: ec2.ISubnet,
        security_group: ec2.ISecurityGroup,
        instance_profile: iam.IInstanceProfile,
        role_name: str,
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
        self.key_pair = ec2.KeyPair(self, "KeyPair", type=ec2.KeyPairType.ED25519)
        self.instance_type = ec2.InstanceType(instance_type)
        self.image = UbuntuImage(
            release=release, architecture=self.instance_type.architecture, serial=ami_serial, ami_id=ami_id
        )
        environment = {
            "BUCKET": bucket.bucket_name,
            "ROLE": role_name,
            "REGION": Aws.REGION,
            "STACK": Aws.STACK_NAME,
            "MOUNT_POINT": mount_point,
            "MOUNT_UID": str(uid),
            "MOUNT_GID": str(gid),
        }
        files = dict(BOOT_FILES)
        if s3fs_install == "source":
            environment |= {"S3FS_GIT": self.S3FS_GIT, "S3FS_TAG": self.S3FS_TAG, "S3FS_COMMIT": self.S3FS_COMMIT}
            files |= S3FS_FROM_SOURCE
        environment = {name: _for_sub(value) for name, value in Stack.of(self).resolve(environment).items()}
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
            instance_profile=instance_profile,
            user_data=self.user_data,
            associate_public_ip_address=True,
            resource_signal_timeout=Duration.minutes(self.SIGNAL_MINUTES),
            detailed_monitoring=detailed_monitoring,
        )
        # What operators may start and stop is known by this tag.
        Tags.of(self.instance).add("Role", "bastion")
        self.instance.node.add_dependency(subnet.internet_connectivity_established)
        self.elastic_ip = ec2.CfnEIP(
            self,
            "ElasticIp",
            domain="vpc",
            instance_id=self.instance.instance_id,
            tags=[CfnTag(key="Name", value="learning-bastion")],
        )


@jsii.implements(IStableStringProducer)
class _LogicalId:
    """The instance's name in the template. It depends on the user data, which contains it: the CDK sorts that out."""

    def __init__(self, bastion: Bastion) -> None:
        self._bastion = bastion

    def produce(self) -> str:
        return self._bastion.instance.instance.logical_id


def render_user_data(environment: Mapping[str, str], files: Mapping[str, str]) -> str:
    """Return the cloud-config that writes ``files`` of ``boot/`` and the environment file, and runs the first boot.

    It is a text for ``Fn::Sub``, as the values of ``environment`` are: what only CloudFormation knows, it fills in.
    Only the environment file is rendered, each value quoted for the shell; the others land as they are.
    """
    variables = "".join(f"{name}={quote(value)}\n" for name, value in environment.items())
    entries = [_write_file("/etc/learning-stack.env", variables)]
    entries += [masked(_write_file(path, (BOOT / name).read_text())) for name, path in files.items()]
    return (BOOT / "cloud-config.yaml").read_text() + "".join(entries)


def _for_sub(resolved: str | dict[str, str]) -> str:
    """Return a value as Fn::Sub writes it: what CloudFormation fills in is ``${NAME}``."""
    return masked(resolved) if isinstance(resolved, str) else f"${{{resolved['Ref']}}}"


def masked(text: str) -> str:
    """Mask what Fn::Sub would take for its own."""
    return text.replace("${", "${!")


def _write_file(path: str, content: str) -> str:
    executable = path.startswith(f"{SBIN}/") or path == "/etc/rc.local"
    permissions = "  permissions: '0755'\n" if executable else ""
    # Indented as little as YAML allows: each space counts in the template, for each line.
    return f"- path: {path}\n{permissions}  content: |\n{indent(content, '   ')}"
