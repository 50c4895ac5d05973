"""Chapters 5 and 8 of the primer: Ubuntu instances, with the defaults that every instance should have."""

from typing import cast

import jsii
from aws_cdk import CfnParameter, Duration, Stack
from aws_cdk import aws_ec2 as ec2
from aws_cdk import aws_iam as iam
from constructs import Construct

from constructs_lib.acknowledge import acknowledge, control_tower, in_each_pack


@jsii.implements(ec2.IMachineImage)
class UbuntuImage:
    """Ubuntu LTS as published by Canonical (primer, chapter 5-1: AMI).

    By default the newest image of ``release`` for the instance type's processor: a later deploy then *replaces* the
    instance when Canonical has published a new one. Pinned by ``serial`` (the date of a published image, such as
    ``20260615``) or by ``ami_id`` (which belongs to one region). A parameter of the template says which.

    Source: https://documentation.ubuntu.com/aws/aws-how-to/instances/find-ubuntu-images/
    """

    def __init__(
        self,
        *,
        release: str,
        architecture: ec2.InstanceArchitecture,
        serial: str | None = None,
        ami_id: str | None = None,
    ) -> None:
        cpu = "arm64" if architecture == ec2.InstanceArchitecture.ARM_64 else "amd64"
        # Another image is another parameter: for a parameter that it knows, CloudFormation keeps the value of old.
        self.parameter_id = f"Ubuntu{release}{serial or ''}{cpu.title()}".replace(".", "")
        version = serial or "current"
        self.parameter_name = (
            f"/aws/service/canonical/ubuntu/server/{release}/stable/{version}/{cpu}/hvm/ebs-gp3/ami-id"
        )
        self._ami_id = ami_id

    def get_image(self, scope: Construct) -> ec2.MachineImageConfig:
        return ec2.MachineImageConfig(
            image_id=self._ami_id or self._parameter(Stack.of(scope)).value_as_string,
            os_type=ec2.OperatingSystemType.LINUX,
            user_data=ec2.UserData.for_linux(),
        )

    def _parameter(self, stack: Stack) -> CfnParameter:
        """Return the stack's parameter of this image: one for all its instances, with a name that people can read."""
        existing = stack.node.try_find_child(self.parameter_id)
        return cast("CfnParameter | None", existing) or CfnParameter(
            stack,
            self.parameter_id,
            type="AWS::SSM::Parameter::Value<AWS::EC2::Image::Id>",
            default=self.parameter_name,
        )


class UbuntuInstance(ec2.Instance):
    """An Ubuntu instance with the defaults that every instance should have (primer, chapters 5 and 8).

    An encrypted gp3 root volume, the metadata service in version 2 only, and no public address unless asked for.

    Burstable types run with standard credits: they slow down when credits are spent. AWS's default for T3 and T4g,
    unlimited, goes on and bills 0.05 or 0.04 USD for each vCPU-hour above the baseline: 66 USD a month on a t3.micro
    that never rests. None gets credits at launch, so a new t3.micro has a fifth of a processor, a t3.nano a tenth.

    ``user_data`` that changes replaces the instance: a running one would ignore it. With ``resource_signal_timeout``
    CloudFormation waits so long for the instance's own report. With ``detailed_monitoring`` CloudWatch gets its metrics
    each minute, not each five, at a price.

    The metadata service answers only requests that carry a token (IMDSv2), and only on the instance itself (one hop);
    the primer predates it.

    What may be left out, and what stands for it:

    - ``key_pair``: for SSH. Default: none
    - ``volume_gib``: the size of the root volume, in GiB. Default: 8
    - ``instance_profile``: carries its role. Default: it has no role
    - ``user_data``: a script or a cloud-config. Default: none
    - ``associate_public_ip_address``: one of Amazon's, until it has an Elastic IP. Default: False
    - ``resource_signal_timeout``: how long CloudFormation waits for its report. Default: it waits for none
    - ``detailed_monitoring``: Default: False

    Limits: ``volume_gib`` from 8 (Ubuntu's image) to 16384.

    Sources: https://docs.aws.amazon.com/AWSEC2/latest/UserGuide/configuring-instance-metadata-service.html,
    https://docs.aws.amazon.com/AWSEC2/latest/UserGuide/burstable-performance-instances-standard-mode-concepts.html,
    https://docs.aws.amazon.com/AWSEC2/latest/UserGuide/burstable-performance-instances-unlimited-mode-concepts.html
    """

    def __init__(
        self,
        scope: Construct,
        construct_id: str,
        *,
        vpc: ec2.IVpc,
        subnet: ec2.ISubnet,
        security_group: ec2.ISecurityGroup,
        image: UbuntuImage,
        instance_type: ec2.InstanceType,
        name: str,
        key_pair: ec2.IKeyPair | None = None,
        volume_gib: int = 8,
        instance_profile: iam.IInstanceProfile | None = None,
        user_data: str | None = None,
        associate_public_ip_address: bool = False,
        resource_signal_timeout: Duration | None = None,
        detailed_monitoring: bool = False,
    ) -> None:
        super().__init__(
            scope,
            construct_id,
            vpc=vpc,
            vpc_subnets=ec2.SubnetSelection(subnets=[subnet]),
            security_group=security_group,
            key_pair=key_pair,
            machine_image=image,
            instance_type=instance_type,
            instance_name=name,
            instance_profile=instance_profile,
            # The CDK makes a role for each instance; this stands in for one where none is needed.
            role=None if instance_profile else iam.Role.from_role_name(scope, f"{construct_id}NoRole", "none"),
            # The subnets give none by themselves, so it need not be said.
            associate_public_ip_address=associate_public_ip_address or None,
            resource_signal_timeout=resource_signal_timeout,
            credit_specification=ec2.CpuCredits.STANDARD if instance_type.is_burstable() else None,
            http_tokens=ec2.HttpTokens.REQUIRED,
            http_put_response_hop_limit=1,
            propagate_tags_to_volume_on_creation=True,
            detailed_monitoring=detailed_monitoring or None,
            block_devices=[
                ec2.BlockDevice(
                    device_name="/dev/sda1",
                    volume=ec2.BlockDeviceVolume.ebs(
                        volume_gib, encrypted=True, volume_type=ec2.EbsDeviceVolumeType.GP3
                    ),
                )
            ],
            user_data=ec2.UserData.custom(user_data) if user_data else None,
            user_data_causes_replacement=bool(user_data),
        )
        if not instance_profile:
            self.node.try_remove_child("InstanceProfile")
            self.instance.iam_instance_profile = None
        # The CDK gives an instance its zone beside its subnet, which has one.
        self.instance.availability_zone = None
        reasons = {
            "`cdk destroy` must be able to take the instance away. Nothing is lost with it: files live in the "
            "bucket.": ["AwsSolutions-EC29"],
            "No burstable type encrypts between instances: the smallest that does costs about 20 USD a month more. "
            "What leaves one here is TLS or SSH already.": [
                control_tower("ec2_instance_nitro_encryption_in_transit_check")
            ],
        }
        if not instance_profile:
            reasons |= {
                "It calls no AWS API: no role at all is the least privilege.": in_each_pack(
                    "EC2InstanceProfileAttached"
                )
            }
        if not detailed_monitoring:
            reasons |= {
                "Detailed monitoring costs 2.10 USD a month for each instance; a lesson does well with the free "
                "five-minute metrics.": [
                    "AwsSolutions-EC28",
                    "HIPAA.Security-EC2InstanceDetailedMonitoringEnabled",
                    control_tower("ec2_instance_detailed_monitoring_enabled_check"),
                ]
            }
        if associate_public_ip_address:
            reasons |= {
                "It stands in a public subnet to be reached, or to take others to the internet (chapters 3 and 8).": [
                    *in_each_pack("EC2InstanceNoPublicIp"),
                    control_tower("ec2_instance_no_public_ip_check"),
                    "CKV_AWS_88",
                ],
                "A false alarm: its subnet stands in its network interface, where the rule does not "
                "look.": in_each_pack("EC2InstancesInVPC"),
            }
        else:
            reasons |= {
                "It has none: it leaves that to its subnet, and a private one gives no public address.": [
                    control_tower("ec2_instance_no_public_ip_check")
                ]
            }
        acknowledge(self, reasons)
