"""Chapter 12 of the primer: security groups, which remember a connection, and network ACLs, which do not."""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache
from typing import cast

from aws_cdk import Tags
from aws_cdk import aws_ec2 as ec2
from constructs import Construct

from constructs_lib.acknowledge import acknowledge, control_tower

ANYWHERE = "0.0.0.0/0"
SSH, HTTP, HTTPS, HTTP_ALT, MYSQL = 22, 80, 443, 8080, 3306
# Linux, Windows, NAT gateways and load balancers together open connections from these ports, so replies go there.
EPHEMERAL = (1024, 65535)
# ICMP's type and code for: this packet is too big for the way, and may not be cut.
TOO_BIG = (3, 4)


@dataclass(frozen=True, kw_only=True)
class AclRule:
    """A numbered rule of a network ACL. The lowest number that matches decides; what matches none is denied."""

    number: int
    allow: bool
    cidr: str
    ports: tuple[int, int] | None = None
    """First and last TCP port; None is all traffic, unless ``icmp`` is set."""
    icmp: tuple[int, int] | None = None
    """Type and code."""


class Firewall(Construct):
    """Three security groups and two network ACLs (primer, chapter 12).

    Security groups work on instances, only allow, and are stateful: the reply to an allowed connection is allowed.

    - ``bastion``: 22 only from ``admin_cidr``; with no ``admin_cidr`` no inbound rule at all, as Session Manager needs
      none (the primer's example opens 22 to everyone and warns of it);
    - ``web``: 80 and 443 from anywhere, 8080 from ``office_cidr``;
    - ``database``: 3306 only from members of ``web`` and ``bastion``, from their private addresses; nothing outbound;
    - both take SSH from ``bastion``.

    ``web`` and ``database`` are ready for instances of your own: nothing here is a member, so no port is open.

    Network ACLs (``public_acl``, ``private_acl``) work on subnets, allow and deny in the order of their numbers, and
    are stateless: replies come back to ephemeral ports (1024 to 65535), which must be allowed by rules of their own.
    That range covers 3306 and 8080 too, hence the two deny rules of the public ACL. (The price of being stateless: they
    deny a reply to one of these ports as well. Linux opens connections from 32768 to 60999, so nothing of its own is
    lost; a NAT gateway takes any port from 1024 on, so that about one in 32,000 of the connections it carries fails.)
    Other ports from 1024 on, such as 3389 or 5432, are kept closed by the security groups alone.

    An ACL judges what crosses the edge of its subnet: between two hosts of one subnet only the groups stand. Private
    subnets take 80 and 443 from this VPC, for web servers behind a load balancer or the bastion. What a NAT gateway or
    a NAT instance carries passes both ACLs, each way, as it stands in a public subnet; a regional NAT gateway stands in
    no subnet, so what it carries passes the private subnet's ACL alone.

    Routers say by ICMP that a packet is too big for the way; where that message is lost, a connection hangs at its
    first full packet, so both ACLs let it in and out, as AWS's guide says (security groups know it for a reply).

    Without ``admin_cidr`` (a range of addresses, such as 203.0.113.7/32), port 22 of the bastion is open to nobody.

    Limits: 60 rules a group and direction, 20 an ACL and direction (AWS's default quotas).

    Sources: https://docs.aws.amazon.com/vpc/latest/userguide/vpc-network-acls.html,
    https://docs.aws.amazon.com/vpc/latest/userguide/path_mtu_discovery.html,
    https://docs.aws.amazon.com/AWSEC2/latest/UserGuide/network_mtu.html
    """

    def __init__(
        self,
        scope: Construct,
        construct_id: str,
        *,
        vpc: ec2.IVpc,
        vpc_cidr: str,
        public_subnets: Sequence[ec2.ISubnet],
        private_subnets: Sequence[ec2.ISubnet],
        office_cidr: str,
        admin_cidr: str | None = None,
    ) -> None:
        super().__init__(scope, construct_id)
        self._vpc = vpc
        self.bastion = self._group("Bastion", "The bastion: the one way in")
        self.web = self._group("Web", "Web servers: HTTP and HTTPS for everyone, 8080 for the office")
        self.database = self._group("Database", "MySQL servers: only for the web servers and the bastion")
        anywhere, inside = _peer(ANYWHERE), _peer(vpc_cidr)
        ssh, http, https, http_alt, mysql = map(_port, (SSH, HTTP, HTTPS, HTTP_ALT, MYSQL))

        if admin_cidr:
            self.bastion.add_ingress_rule(_peer(admin_cidr), ssh, "SSH from the administrator")
        self.bastion.add_egress_rule(anywhere, http, "HTTP to anywhere: package mirrors of Ubuntu")
        self.bastion.add_egress_rule(anywhere, https, "HTTPS to anywhere: S3, other AWS APIs, downloads")
        self.bastion.add_egress_rule(inside, ssh, "SSH from the bastion to hosts of this VPC")
        self.bastion.add_egress_rule(self.database, mysql, "MySQL from the bastion to the databases")

        self.web.add_ingress_rule(anywhere, http, "HTTP from anywhere: web pages are for everyone")
        self.web.add_ingress_rule(anywhere, https, "HTTPS from anywhere: web pages are for everyone")
        self.web.add_ingress_rule(_peer(office_cidr), http_alt, "8080 from the office alone")
        self.web.add_egress_rule(anywhere, https, "HTTPS to anywhere: updates and APIs")
        self.web.add_egress_rule(self.database, mysql, "MySQL from the web servers to the databases")

        cast("ec2.CfnSecurityGroup", self.database.node.default_child).add_property_override(
            # The CDK writes this rule: a group with no outbound rule at all would get AWS's, which allows everything.
            "SecurityGroupEgress.0.Description",
            "Nothing outbound: this rule is for an address that nobody has",
        )
        self.database.add_ingress_rule(self.web, mysql, "MySQL from the web servers")
        self.database.add_ingress_rule(self.bastion, mysql, "MySQL from the bastion")
        for group in (self.web, self.database):
            group.add_ingress_rule(self.bastion, ssh, "SSH from the bastion")
        acknowledge(
            self.web,
            {
                "A web server's 80 and 443 are for everyone: the lesson of chapter 12.": [
                    "AwsSolutions-EC23",
                    "CKV_AWS_260",
                ]
            },
        )

        self.public_acl = self._acl(
            "PublicAcl",
            public_subnets,
            inbound=[
                AclRule(number=100, allow=True, cidr=vpc_cidr),  # all within this VPC
                *([_tcp(110, SSH, admin_cidr)] if admin_cidr else []),
                _tcp(120, HTTP, ANYWHERE),
                _tcp(130, HTTPS, ANYWHERE),
                _tcp(140, HTTP_ALT, office_cidr),  # and from nobody else:
                _tcp(150, HTTP_ALT, ANYWHERE, allow=False),  # rule 200 would allow it
                _tcp(160, MYSQL, ANYWHERE, allow=False),  # rule 200 would allow it
                _too_big(170),
                _replies(200, ANYWHERE),  # to what this subnet asked
            ],
            outbound=[
                AclRule(number=100, allow=True, cidr=vpc_cidr),  # all within this VPC
                _tcp(120, HTTP, ANYWHERE),
                _tcp(130, HTTPS, ANYWHERE),
                _too_big(170),
                _replies(200, ANYWHERE),
            ],
        )
        self.private_acl = self._acl(
            "PrivateAcl",
            private_subnets,
            inbound=[
                _tcp(100, SSH, vpc_cidr),
                _tcp(110, MYSQL, vpc_cidr),
                _tcp(120, HTTP, vpc_cidr),
                _tcp(130, HTTPS, vpc_cidr),
                _too_big(170),
                _replies(200, ANYWHERE),  # that NAT brings back
            ],
            outbound=[
                _tcp(100, MYSQL, vpc_cidr),
                _tcp(120, HTTP, ANYWHERE),
                _tcp(130, HTTPS, ANYWHERE),  # through NAT or the S3 endpoint
                _too_big(170),
                _replies(200, vpc_cidr),
            ],
        )

    def _group(self, construct_id: str, description: str) -> ec2.SecurityGroup:
        group = ec2.SecurityGroup(
            self,
            construct_id,
            vpc=self._vpc,
            description=description,
            allow_all_outbound=False,
        )
        Tags.of(group).add("Name", f"learning-{construct_id.lower()}")
        return group

    def _acl(
        self,
        construct_id: str,
        subnets: Sequence[ec2.ISubnet],
        *,
        inbound: Sequence[AclRule],
        outbound: Sequence[AclRule],
    ) -> ec2.NetworkAcl:
        acl = ec2.NetworkAcl(
            self,
            construct_id,
            network_acl_name=f"learning-{construct_id.removesuffix('Acl').lower()}",
            vpc=self._vpc,
            subnet_selection=ec2.SubnetSelection(subnets=list(subnets)),
        )
        for direction, rules in ((ec2.TrafficDirection.INGRESS, inbound), (ec2.TrafficDirection.EGRESS, outbound)):
            for rule in rules:
                acl.add_entry(
                    f"{'Inbound' if direction is ec2.TrafficDirection.INGRESS else 'Outbound'}{rule.number}",
                    rule_number=rule.number,
                    rule_action=ec2.Action.ALLOW if rule.allow else ec2.Action.DENY,
                    direction=direction,
                    cidr=_acl_cidr(rule.cidr),
                    traffic=_acl_traffic(rule.ports, rule.icmp),
                )
        acknowledge(
            acl, {"The primer teaches network ACLs (chapter 12-4); here they add to groups.": ["AwsSolutions-VPC3"]}
        )
        acknowledge(
            acl.node.find_child("Inbound200"),
            {
                "Replies come back to any ephemeral port, also to 3389; no security group opens it, nothing listens "
                "there.": [control_tower("nacl_no_unrestricted_ssh_rdp_check")]
            },
        )
        return acl


def _tcp(number: int, port: int, cidr: str, *, allow: bool = True) -> AclRule:
    return AclRule(number=number, allow=allow, ports=(port, port), cidr=cidr)


def _too_big(number: int) -> AclRule:
    return AclRule(number=number, allow=True, icmp=TOO_BIG, cidr=ANYWHERE)


def _replies(number: int, cidr: str) -> AclRule:
    return AclRule(number=number, allow=True, ports=EPHEMERAL, cidr=cidr)


# Each call asks the CDK's process: once for the same value, in however many rules and stacks.
@cache
def _peer(cidr: str) -> ec2.IPeer:
    return ec2.Peer.ipv4(cidr)


@cache
def _port(number: int) -> ec2.Port:
    return ec2.Port.tcp(number)


@cache
def _acl_cidr(cidr: str) -> ec2.AclCidr:
    return ec2.AclCidr.ipv4(cidr)


@cache
def _acl_traffic(ports: tuple[int, int] | None, icmp: tuple[int, int] | None) -> ec2.AclTraffic:
    if icmp:
        return ec2.AclTraffic.icmp(type=icmp[0], code=icmp[1])
    return ec2.AclTraffic.tcp_port_range(*ports) if ports else ec2.AclTraffic.all_traffic()
