"""What chapter 3's private subnets are for: a host that only the bastion can reach."""

from aws_cdk import Tags
from aws_cdk import aws_ec2 as ec2
from constructs import Construct

from constructs_lib.ubuntu import UbuntuImage, UbuntuInstance


class PrivateHost(Construct):
    """An Ubuntu instance in a private subnet, with no public address (primer, chapters 3-4 and 12).

    Its security group takes SSH from ``bastion_group`` alone. It reaches the internet through NAT, or not at all.

    ``detailed_monitoring`` (default: False) has its metrics each minute, not each five, at a price.
    """

    def __init__(
        self,
        scope: Construct,
        construct_id: str,
        *,
        vpc: ec2.IVpc,
        subnet: ec2.ISubnet,
        bastion_group: ec2.ISecurityGroup,
        key_pair: ec2.IKeyPair,
        image: UbuntuImage,
        instance_type: ec2.InstanceType,
        detailed_monitoring: bool = False,
    ) -> None:
        super().__init__(scope, construct_id)
        self.security_group = ec2.SecurityGroup(
            self, "Group", vpc=vpc, description="The private host: only for the bastion", allow_all_outbound=False
        )
        Tags.of(self.security_group).add("Name", "learning-private-host")
        self.security_group.add_ingress_rule(bastion_group, ec2.Port.tcp(22), "SSH from the bastion")
        for port, name in ((80, "HTTP"), (443, "HTTPS")):
            self.security_group.add_egress_rule(
                ec2.Peer.any_ipv4(), ec2.Port.tcp(port), f"{name} to anywhere, through NAT"
            )
        self.instance = UbuntuInstance(
            self,
            "Instance",
            vpc=vpc,
            subnet=subnet,
            security_group=self.security_group,
            key_pair=key_pair,
            image=image,
            instance_type=instance_type,
            name="learning-private-host",
            detailed_monitoring=detailed_monitoring,
        )
