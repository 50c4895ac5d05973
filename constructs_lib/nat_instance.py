"""The cheapest way out for chapter 3's private subnets: an instance instead of a NAT gateway."""

from collections.abc import Sequence
from typing import cast

from aws_cdk import Tags
from aws_cdk import aws_ec2 as ec2
from constructs import Construct

from constructs_lib.bastion import boot_file
from constructs_lib.ubuntu import UbuntuImage, UbuntuInstance


class NatInstance(Construct):
    """A small Ubuntu instance that takes private subnets to the internet, and nobody in (primer, chapter 3-4).

    Builds the instance (arm64, t4g.micro) in the public ``subnet``, its security group, and the default route of each
    of ``private_subnets``, which must have none (``ec2.SubnetType.PRIVATE_ISOLATED``). HTTP and HTTPS pass, as in the
    rest of the primer's firewall, and only from the private subnets: the security group says so, and nftables on the
    instance, set up by its user data. It has no role, no key and no open port of its own.

    EC2 drops what is neither from nor to an instance, so its source/destination check is off. Its public address is
    one of Amazon's, not an Elastic IP: it has the internet in its first second, and another address after a stop.

    What may be left out, and what stands for it:

    - ``release``: Ubuntu's. Default: 26.04
    - ``ami_serial``: the date of the image, such as 20261118. Default: the newest at each deploy
    - ``detailed_monitoring``: metrics each minute, not each five, at a price. Default: False

    Limits: one instance in one zone, no failover but EC2's automatic recovery; a replaced one takes a minute to boot.
    A t4g.micro, the smallest arm64 that AWS's free plan starts too, carries 64 Mbit/s for long, 5 Gbit/s in bursts.
    Ubuntu installs its security updates by itself; a new kernel takes a reboot, which is yours to do.

    Sources: https://docs.aws.amazon.com/vpc/latest/userguide/work-with-nat-instances.html,
    https://docs.aws.amazon.com/AWSEC2/latest/UserGuide/ec2-free-tier-usage.html
    """

    def __init__(
        self,
        scope: Construct,
        construct_id: str,
        *,
        vpc: ec2.IVpc,
        subnet: ec2.ISubnet,
        private_subnets: Sequence[ec2.ISubnet],
        release: str = "26.04",
        ami_serial: str | None = None,
        detailed_monitoring: bool = False,
    ) -> None:
        super().__init__(scope, construct_id)
        private_cidrs = [private.ipv4_cidr_block for private in private_subnets]
        self.security_group = ec2.SecurityGroup(
            self, "Group", vpc=vpc, description="The NAT instance: only for private subnets", allow_all_outbound=False
        )
        Tags.of(self.security_group).add("Name", "learning-nat")
        for port, name in ((80, "HTTP"), (443, "HTTPS")):
            for cidr in private_cidrs:
                self.security_group.add_ingress_rule(ec2.Peer.ipv4(cidr), ec2.Port.tcp(port), f"{name} to pass on")
            self.security_group.add_egress_rule(ec2.Peer.any_ipv4(), ec2.Port.tcp(port), f"{name} to anywhere")

        instance_type = ec2.InstanceType("t4g.micro")
        self.instance = UbuntuInstance(
            self,
            "Instance",
            vpc=vpc,
            subnet=subnet,
            security_group=self.security_group,
            image=UbuntuImage(release=release, architecture=instance_type.architecture, serial=ami_serial),
            instance_type=instance_type,
            name="learning-nat",
            user_data=f"{boot_file('nat-instance.yaml')}- path: /etc/nat-ranges.nft\n"
            f"  content: |\n   define private = {{ {', '.join(private_cidrs)} }}\n",
            associate_public_ip_address=True,
            detailed_monitoring=detailed_monitoring,
        )
        self.instance.instance.source_dest_check = False
        self.instance.node.add_dependency(subnet.internet_connectivity_established)
        for private in private_subnets:
            cast("ec2.Subnet", private).add_route(
                # The name that the CDK gives the route to a NAT gateway: one is changed into the other in its place.
                "DefaultRoute",
                router_id=self.instance.instance_id,
                router_type=ec2.RouterType.INSTANCE,
                enables_internet_connectivity=True,
            )
