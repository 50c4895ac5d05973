"""The stack that the primer describes."""

from collections.abc import Mapping, Sequence
from typing import Any, cast

from aws_cdk import CfnOutput, Duration, Fn, LegacyStackSynthesizer, Stack, Tags
from aws_cdk import aws_ec2 as ec2
from aws_cdk import aws_iam as iam
from aws_cdk import aws_scheduler as scheduler
from constructs import Construct

from constructs_lib.access import Access
from constructs_lib.bastion import Bastion, for_sub
from constructs_lib.firewall import Firewall
from constructs_lib.nat_instance import NatInstance
from constructs_lib.network import Network
from constructs_lib.private_host import PrivateHost
from constructs_lib.schedule import Schedule
from constructs_lib.storage import Storage
from stacks import outputs
from stacks.settings import Settings

TAGS = {"Project": "LearningStack"}


class LearningStack(Stack):
    """Chapters 3 and 5 to 12 of the primer: network, firewall, bucket, role and bastion.

    Deploys into any account and region with no ``cdk bootstrap``: the template has no assets, and the legacy
    synthesizer names no roles of a bootstrap stack. The template must stay below 51,200 bytes for that.
    """

    def __init__(self, scope: Construct, construct_id: str, *, settings: Settings) -> None:
        super().__init__(
            scope,
            construct_id,
            synthesizer=LegacyStackSynthesizer(),
            description="The AWS primer for beginners: network, firewall, bucket, and a bastion that mounts it",
            tags=TAGS,
        )
        storage = self._storage(settings)
        network = self._network(settings, storage)
        nat_instance = self._nat_instance(settings, network) if settings.nat == "instance" else None
        firewall = self._firewall(settings, network)
        access = Access(self, "Access", bucket=storage.bucket, role_name=settings.role_name)
        bastion = self._bastion(settings, storage, network, firewall, access)
        private_host = self._private_host(settings, network, firewall, bastion) if settings.private_host else None
        if settings.stop_at or settings.start_at:
            hosts = [each.instance for each in (nat_instance, bastion, private_host) if each]
            self._schedule(settings, hosts)
        # All else gets the stack's tags from CloudFormation. These are looked for by theirs, however they came about.
        for looked_for in (storage, bastion):
            for key, value in TAGS.items():
                Tags.of(looked_for).add(key, value)
        ssh_is_open = bool(settings.admin_cidr)
        self._outputs(
            outputs.of_resources(
                storage,
                network,
                firewall,
                access,
                bastion,
                mount_point=settings.mount_point,
                ssh_is_open=ssh_is_open,
            )
        )
        if private_host:
            self._outputs(outputs.of_private_host(private_host, bastion, ssh_is_open=ssh_is_open))
        # `lab verify` reads there what was chosen. At a resource, and not in the template's own section of that name:
        # CloudFormation takes no update that changes that section alone.
        # https://docs.aws.amazon.com/AWSCloudFormation/latest/UserGuide/metadata-section-structure.html
        vpc = cast("ec2.CfnVPC", network.vpc.node.default_child)
        vpc.add_metadata("Settings", settings.in_words("LearningStack"))
        self._shorten(storage, network, access)

    def _storage(self, settings: Settings) -> Storage:
        return Storage(
            self,
            "Storage",
            bucket_name=settings.bucket_name or None,
            keep_logs=Duration.days(365) if settings.hardened else Storage.KEEP_LOGS,
        )

    def _network(self, settings: Settings, storage: Storage) -> Network:
        return Network(
            self,
            "Network",
            cidr=settings.vpc_cidr,
            public_cidrs=settings.public_cidrs,
            private_cidrs=settings.private_cidrs,
            availability_zones=settings.availability_zones,
            nat="none" if settings.nat == "instance" else settings.nat,
            log_bucket=storage.log_bucket,
        )

    def _nat_instance(self, settings: Settings, network: Network) -> NatInstance:
        return NatInstance(
            self,
            "NatInstance",
            vpc=network.vpc,
            subnet=network.public_subnets[0],
            private_subnets=network.private_subnets,
            release=settings.ubuntu_release,
            ami_serial=settings.ami_serial or None,
            detailed_monitoring=settings.hardened,
        )

    def _firewall(self, settings: Settings, network: Network) -> Firewall:
        return Firewall(
            self,
            "Firewall",
            vpc=network.vpc,
            vpc_cidr=settings.vpc_cidr,
            public_subnets=network.public_subnets,
            private_subnets=network.private_subnets,
            admin_cidr=settings.admin_cidr or None,
            office_cidr=settings.office_cidr,
        )

    def _bastion(
        self, settings: Settings, storage: Storage, network: Network, firewall: Firewall, access: Access
    ) -> Bastion:
        bastion = Bastion(
            self,
            "Bastion",
            vpc=network.vpc,
            subnet=network.public_subnets[0],
            security_group=firewall.bastion,
            role=access.role,
            bucket=storage.bucket,
            instance_type=settings.instance_type,
            volume_gib=settings.volume_gib,
            release=settings.ubuntu_release,
            ami_serial=settings.ami_serial or None,
            ami_id=settings.ami_id or None,
            s3fs_install=settings.s3fs_install,
            mount_point=settings.mount_point,
            uid=settings.mount_uid,
            gid=settings.mount_gid,
            detailed_monitoring=settings.hardened,
        )
        # From its first second the bastion reaches the bucket, before it has an Elastic IP.
        bastion.instance.node.add_dependency(network.s3_endpoint)
        return bastion

    def _private_host(self, settings: Settings, network: Network, firewall: Firewall, bastion: Bastion) -> PrivateHost:
        return PrivateHost(
            self,
            "PrivateHost",
            vpc=network.vpc,
            subnet=network.private_subnets[0],
            bastion_group=firewall.bastion,
            key_pair=bastion.key_pair,
            image=bastion.image,
            instance_type=bastion.instance_type,
            detailed_monitoring=settings.hardened,
        )

    def _schedule(self, settings: Settings, instances: Sequence[ec2.Instance]) -> None:
        Schedule(
            self,
            "Schedule",
            instances=instances,
            stop_at=settings.stop_at or None,
            start_at=settings.start_at or None,
            time_zone=settings.time_zone,
        )

    def _outputs(self, values: Mapping[str, str]) -> None:
        for name, value in values.items():
            joined = _with_sub(self.resolve(value))
            CfnOutput(self, name, value=joined if isinstance(joined, str) else value)

    def _shorten(self, storage: Storage, network: Network, access: Access) -> None:
        """Write shorter what the CDK writes long, now that nothing is added any more: a template has little room."""
        long: list[tuple[Any, str]] = [
            (storage.bucket.policy, "policy_document"),
            (storage.log_bucket.policy, "policy_document"),
            (access.bucket_policy, "policy_document"),
            (network.s3_endpoint, "service_name"),
            (network.flow_log, "log_destination"),
        ]
        for construct, name in long:
            resource = construct.node.default_child
            setattr(resource, name, _with_sub(self.resolve(getattr(resource, name))))
        for each in self.node.find_all():
            match each:
                case iam.CfnManagedPolicy():
                    each.description, each.path = each.description or None, None  # IAM's own defaults
                case ec2.CfnSecurityGroupIngress():
                    each.group_id = _with_sub(self.resolve(each.group_id))
                    each.source_security_group_id = _with_sub(self.resolve(each.source_security_group_id))
                case ec2.CfnSecurityGroupEgress():
                    each.group_id = _with_sub(self.resolve(each.group_id))
                    each.destination_security_group_id = _with_sub(self.resolve(each.destination_security_group_id))
                case ec2.Instance():
                    resource = each.instance
                    groups = "NetworkInterfaces.0.GroupSet" if resource.network_interfaces else "SecurityGroupIds"
                    held = self.resolve([group.security_group_id for group in each.connections.security_groups])
                    resource.add_property_override(groups, _with_sub(held))
                case scheduler.CfnSchedule():
                    role_arn = self.resolve(each.target)["roleArn"]
                    each.add_property_override("Target.RoleArn", _with_sub(role_arn))


def _with_sub(resolved: Any) -> Any:
    """Return a value with ``Fn::Sub`` where the CDK joins: a third of the bytes, and easier to read.

    The id of a security group becomes a ``Ref``: a third of the bytes again.
    """
    match resolved:
        case {"Effect": "Deny"}:
            return resolved  # Control Tower's rule about TLS knows the CDK's form of it alone
        case {"Fn::Join": ["", parts]}:
            return Fn.sub("".join(map(for_sub, parts)))
        case {"Fn::GetAtt": [name, attribute]}:
            return Fn.ref(name) if attribute == "GroupId" else Fn.sub(for_sub(resolved))
        case dict():
            return {name: _with_sub(value) for name, value in resolved.items()}
        case list():
            return [_with_sub(value) for value in resolved]
    return resolved
