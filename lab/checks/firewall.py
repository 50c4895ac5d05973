"""Chapter 12: security groups and network ACLs."""

from typing import Any

from lab.checks.check import Facts, check
from lab.checks.network import in_vpc, private, public, vpc_id
from lab.checks.policy import account
from lab.template.deployed import Deployed

ANYWHERE = "0.0.0.0/0"
PROTOCOLS = {"6": "tcp", "17": "udp", "1": "icmp", "58": "icmpv6", "-1": "all traffic"}


def found_rules(aws: Deployed, group: str, direction: str) -> Facts:
    """Return the rules that a security group of the stack has, in words."""
    return rules_of(aws, aws.one("AWS::EC2::SecurityGroup", group).id, direction)


def rules_of(aws: Deployed, group_id: str, direction: str) -> Facts:
    """Return the rules that any security group has, in words."""
    found: Any = aws.ec2.describe_security_groups(GroupIds=[group_id])["SecurityGroups"][0]
    name = aws.name_of(group_id) if found["VpcId"] == vpc_id(aws) else f"{aws.name_of(group_id)} in {found['VpcId']}"
    return [
        _rule(name, direction, rule, peer)
        for rule in found.get("IpPermissions" if direction == "in" else "IpPermissionsEgress", [])
        for peer in (
            [block["CidrIp"] for block in rule.get("IpRanges", [])]
            + [block["CidrIpv6"] for block in rule.get("Ipv6Ranges", [])]
            + [block["PrefixListId"] for block in rule.get("PrefixListIds", [])]
            + [_group(aws, pair) for pair in rule.get("UserIdGroupPairs", [])]
        )
    ]


def _group(aws: Deployed, pair: Any) -> str:
    """Return the name of a group that a rule trusts, with its account where that is not the stack's own."""
    owner = pair.get("UserId", account(aws))
    name = aws.name_of(pair.get("GroupId") or pair.get("GroupName"))
    return name if owner == account(aws) else f"{name} of the account {owner}"


def _rule(group: str, direction: str, rule: Any, peer: str) -> str:
    protocol = _protocol(rule["IpProtocol"])
    first, last = rule.get("FromPort"), rule.get("ToPort")
    ports = "" if first is None or protocol == PROTOCOLS["-1"] else f" {first}" if first == last else f" {first}-{last}"
    return f"{group} {direction}: {protocol}{ports} {'from' if direction == 'in' else 'to'} {peer}"


def _protocol(protocol: Any) -> str:
    """Return the word for a protocol, which AWS gives by number in network ACLs and mostly by name elsewhere."""
    return PROTOCOLS.get(str(protocol), str(protocol))


def found_entries(aws: Deployed, acl: str) -> Facts:
    """Return the rules that a network ACL of the stack has, in words."""
    found: Any = aws.ec2.describe_network_acls(NetworkAclIds=[aws.one("AWS::EC2::NetworkAcl", acl).id])
    return [
        _entry(entry)
        for entry in sorted(found["NetworkAcls"][0]["Entries"], key=lambda each: (each["Egress"], each["RuleNumber"]))
        if entry["RuleNumber"] < 32767  # this, and 32768 for IPv6, are AWS's own last rules: the rest is denied
    ]


def _entry(entry: Any) -> str:
    ports, icmp = entry.get("PortRange"), entry.get("IcmpTypeCode")
    return (
        f"{'out' if entry['Egress'] else 'in'} {entry['RuleNumber']}: {entry['RuleAction']} "
        f"{_protocol(entry['Protocol'])}"
        f"{' {From}-{To}'.format_map(ports) if ports else ''}"
        f"{' type {Type} code {Code}'.format_map(icmp) if icmp else ''} "
        f"{'to' if entry['Egress'] else 'from'} {entry.get('CidrBlock') or entry.get('Ipv6CidrBlock')}"
    )


@check(
    "12-3 (1)",
    "Port 22 of the bastion is open to `admin_cidr` alone, or to nobody",
    "aws ec2 describe-security-groups --filters Name=vpc-id,Values={VpcId} Name=tag:Name,Values=learning-bastion",
    field="IpPermissions",
)
def ssh_is_restricted(aws: Deployed) -> tuple[Facts, Facts]:
    admin = aws.settings["admin_cidr"]
    promised = [f"learning-bastion in: tcp 22 from {admin}"] if admin else []
    return promised, found_rules(aws, "learning-bastion", "in")


@check(
    "12-3 (2, 3, 4)",
    "Web servers take 80 and 443 from anywhere, 8080 from `office_cidr` alone, SSH from the bastion alone",
    "aws ec2 describe-security-groups --group-ids {WebGroupId}",
    field="IpPermissions",
)
def web_ports(aws: Deployed) -> tuple[Facts, Facts]:
    peers = {80: ANYWHERE, 443: ANYWHERE, 8080: aws.settings["office_cidr"]}
    promised = [f"learning-web in: tcp {port} from {peer}" for port, peer in peers.items()]
    promised.append("learning-web in: tcp 22 from learning-bastion")
    return promised, found_rules(aws, "learning-web", "in")


@check(
    "12-3 (5)",
    "Databases take 3306 from the web servers and the bastion alone, SSH from the bastion, by group and not by address",
    "aws ec2 describe-security-groups --group-ids {DatabaseGroupId}",
    field="UserIdGroupPairs",
)
def database_port(aws: Deployed) -> tuple[Facts, Facts]:
    promised = [f"learning-database in: tcp 3306 from learning-{group}" for group in ("web", "bastion")]
    promised.append("learning-database in: tcp 22 from learning-bastion")
    return promised, found_rules(aws, "learning-database", "in")


@check(
    "12-2",
    "Outbound rules name what each group needs; replies need none, as groups are stateful",
    "aws ec2 describe-security-group-rules --filters Name=group-id,Values={WebGroupId},{DatabaseGroupId}",
    field="IsEgress, CidrIpv4",
)
def outbound_is_limited(aws: Deployed) -> tuple[Facts, Facts]:
    promised = {
        "learning-bastion": [
            f"tcp 80 to {ANYWHERE}",
            f"tcp 443 to {ANYWHERE}",
            f"tcp 22 to {aws.settings['vpc_cidr']}",
            "tcp 3306 to learning-database",
        ],
        "learning-web": [f"tcp 443 to {ANYWHERE}", "tcp 3306 to learning-database"],
        # To an address that nobody has: a group with no outbound rule at all gets AWS's own, which allows everything.
        "learning-database": ["icmp 252-86 to 255.255.255.255/32"],
    }
    return (
        [f"{group} out: {rule}" for group, rules in promised.items() for rule in rules],
        [rule for group in promised for rule in found_rules(aws, group, "out")],
    )


@check(
    "12-4",
    "The public network ACL has its numbered rules, deny before the wider allow",
    "aws ec2 describe-network-acls --filters Name=vpc-id,Values={VpcId} Name=tag:Name,Values=learning-public",
    field="RuleNumber, RuleAction",
)
def public_acl(aws: Deployed) -> tuple[Facts, Facts]:
    vpc_cidr, admin, office = (aws.settings[name] for name in ("vpc_cidr", "admin_cidr", "office_cidr"))
    return (
        [
            f"in 100: allow all traffic from {vpc_cidr}",
            *([f"in 110: allow tcp 22-22 from {admin}"] if admin else []),
            f"in 120: allow tcp 80-80 from {ANYWHERE}",
            f"in 130: allow tcp 443-443 from {ANYWHERE}",
            f"in 140: allow tcp 8080-8080 from {office}",
            f"in 150: deny tcp 8080-8080 from {ANYWHERE}",
            f"in 160: deny tcp 3306-3306 from {ANYWHERE}",
            f"in 170: allow icmp type 3 code 4 from {ANYWHERE}",
            f"in 200: allow tcp 1024-65535 from {ANYWHERE}",
            f"out 100: allow all traffic to {vpc_cidr}",
            f"out 120: allow tcp 80-80 to {ANYWHERE}",
            f"out 130: allow tcp 443-443 to {ANYWHERE}",
            f"out 170: allow icmp type 3 code 4 to {ANYWHERE}",
            f"out 200: allow tcp 1024-65535 to {ANYWHERE}",
        ],
        found_entries(aws, "learning-public"),
    )


@check(
    "12-4",
    "The private network ACL has its numbered rules, with the ports for replies, as ACLs are stateless",
    "aws ec2 describe-network-acls --filters Name=vpc-id,Values={VpcId} Name=tag:Name,Values=learning-private",
    field="RuleNumber, RuleAction",
)
def private_acl(aws: Deployed) -> tuple[Facts, Facts]:
    vpc_cidr = aws.settings["vpc_cidr"]
    return (
        [
            f"in 100: allow tcp 22-22 from {vpc_cidr}",
            f"in 110: allow tcp 3306-3306 from {vpc_cidr}",
            f"in 120: allow tcp 80-80 from {vpc_cidr}",
            f"in 130: allow tcp 443-443 from {vpc_cidr}",
            f"in 170: allow icmp type 3 code 4 from {ANYWHERE}",
            f"in 200: allow tcp 1024-65535 from {ANYWHERE}",
            f"out 100: allow tcp 3306-3306 to {vpc_cidr}",
            f"out 120: allow tcp 80-80 to {ANYWHERE}",
            f"out 130: allow tcp 443-443 to {ANYWHERE}",
            f"out 170: allow icmp type 3 code 4 to {ANYWHERE}",
            f"out 200: allow tcp 1024-65535 to {vpc_cidr}",
        ],
        found_entries(aws, "learning-private"),
    )


@check(
    "12-4",
    "Each network ACL guards the subnets of its kind",
    "aws ec2 describe-network-acls --filters Name=vpc-id,Values={VpcId} --query 'NetworkAcls[].Associations'",
    field="SubnetId",
)
def acls_guard_their_subnets(aws: Deployed) -> tuple[Facts, Facts]:
    own = {*public(aws), *private(aws)}
    acls = aws.ec2_list("describe_network_acls", Filters=in_vpc(aws))
    return (
        [f"learning-public guards {name}" for name in public(aws)]
        + [f"learning-private guards {name}" for name in private(aws)],
        [
            f"{aws.name_of(acl['NetworkAclId'])} guards {aws.name_of(association['SubnetId'])}"
            for acl in acls
            for association in acl["Associations"]
            if aws.name_of(association["SubnetId"]) in own
        ],
    )
