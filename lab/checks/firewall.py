"""Chapter 12: security groups and network ACLs."""

from typing import TYPE_CHECKING, Any

from lab.checks.check import Facts, check
from lab.checks.network import PRIVATE, PUBLIC
from lab.checks.policy import account
from lab.deployed import Deployed

if TYPE_CHECKING:
    from collections.abc import Mapping

PROTOCOLS = {"6": "tcp", "17": "udp", "1": "icmp", "58": "icmpv6", "-1": "all traffic"}


def found_rules(aws: Deployed, group: str, direction: str) -> Facts:
    """Return the rules that a security group of the stack has, in words."""
    return rules_of(aws, aws.one("AWS::EC2::SecurityGroup", group).id, direction)


def rules_of(aws: Deployed, group_id: str, direction: str) -> Facts:
    """Return the rules that any security group has, in words."""
    found: Any = aws.ec2.describe_security_groups(GroupIds=[group_id])["SecurityGroups"][0]
    return [
        _rule(aws.name_of(group_id), direction, rule, peer, text)
        for rule in found.get("IpPermissions" if direction == "in" else "IpPermissionsEgress", [])
        for peer, text in (
            [(block["CidrIp"], block.get("Description")) for block in rule.get("IpRanges", [])]
            + [(block["CidrIpv6"], block.get("Description")) for block in rule.get("Ipv6Ranges", [])]
            + [(block["PrefixListId"], block.get("Description")) for block in rule.get("PrefixListIds", [])]
            + [(_group(aws, pair), pair.get("Description")) for pair in rule.get("UserIdGroupPairs", [])]
        )
    ]


def _group(aws: Deployed, pair: Any) -> str:
    """Return the name of a group that a rule trusts, with its account where that is not the stack's own."""
    owner = pair.get("UserId", account(aws))
    name = aws.name_of(pair.get("GroupId") or pair.get("GroupName"))
    return name if owner == account(aws) else f"{name} of the account {owner}"


def promised_rules(aws: Deployed, group: str, direction: str) -> Facts:
    """Return the rules that the template gives a security group, in words."""
    resource = aws.one("AWS::EC2::SecurityGroup", group)
    inside, apart = (
        ("SecurityGroupIngress", "AWS::EC2::SecurityGroupIngress")
        if direction == "in"
        else ("SecurityGroupEgress", "AWS::EC2::SecurityGroupEgress")
    )
    rules: list[Mapping[str, Any]] = list(resource.properties.get(inside, []))
    rules += [each.properties for each in aws.all(apart) if aws.named(each.properties["GroupId"]) == group]
    facts = []
    for rule in rules:
        other = rule.get("SourceSecurityGroupId") or rule.get("DestinationSecurityGroupId")
        others = ("CidrIp", "CidrIpv6", "SourcePrefixListId", "DestinationPrefixListId")
        peer = aws.named(other) if other else next(rule[kind] for kind in others if kind in rule)
        facts.append(_rule(group, direction, rule, peer, rule.get("Description")))
    return facts


def _rule(group: str, direction: str, rule: "Mapping[str, Any]", peer: str, text: str | None) -> str:
    protocol = _protocol(rule["IpProtocol"])
    first, last = rule.get("FromPort"), rule.get("ToPort")
    ports = "" if first is None or protocol == PROTOCOLS["-1"] else f" {first}" if first == last else f" {first}-{last}"
    return f"{group} {direction}: {protocol}{ports} {'from' if direction == 'in' else 'to'} {peer} ({text})"


def _protocol(protocol: Any) -> str:
    """Return the word for a protocol, which AWS gives by number in network ACLs and mostly by name elsewhere."""
    return PROTOCOLS.get(str(protocol), str(protocol))


def promised_entries(aws: Deployed, acl: str) -> Facts:
    entries = [
        each.properties
        for each in aws.all("AWS::EC2::NetworkAclEntry")
        if aws.named(each.properties["NetworkAclId"]) == acl
    ]
    return _entries(entries)


def found_entries(aws: Deployed, acl: str) -> Facts:
    found: Any = aws.ec2.describe_network_acls(NetworkAclIds=[aws.one("AWS::EC2::NetworkAcl", acl).id])
    # 32767, and 32768 for IPv6, are AWS's own last rules: what matched nothing is denied.
    return _entries([entry for entry in found["NetworkAcls"][0]["Entries"] if entry["RuleNumber"] < 32767])


def _entries(entries: list[Any]) -> Facts:
    return [
        f"{'out' if entry.get('Egress') else 'in'} {entry['RuleNumber']}: {entry['RuleAction']} "
        f"{_protocol(entry['Protocol'])}"
        f"{' {From}-{To}'.format_map(entry['PortRange']) if entry.get('PortRange') else ''}{_icmp(entry)} "
        f"{'to' if entry.get('Egress') else 'from'} {entry.get('CidrBlock') or entry.get('Ipv6CidrBlock')}"
        for entry in sorted(entries, key=lambda entry: (bool(entry.get("Egress")), entry["RuleNumber"]))
    ]


def _icmp(entry: Any) -> str:
    given = entry.get("Icmp") or entry.get("IcmpTypeCode")  # the template's name, and EC2's
    return f" type {given['Type']} code {given['Code']}" if given else ""


@check(
    "12-3 (1)",
    "Port 22 of the bastion is open to `admin_cidr` alone, or to nobody",
    "踏み台の 22 番は `admin_cidr` からだけ開いている (未設定なら誰にも開いていない)",
    "aws ec2 describe-security-groups --filters Name=vpc-id,Values={VpcId} Name=tag:Name,Values=learning-bastion",
)
def ssh_is_restricted(aws: Deployed) -> tuple[Facts, Facts]:
    return promised_rules(aws, "learning-bastion", "in"), found_rules(aws, "learning-bastion", "in")


@check(
    "12-3 (2, 3, 4)",
    "Web servers take 80 and 443 from anywhere, 8080 from `office_cidr` alone",
    "Web サーバーは 80 と 443 をどこからでも、8080 を `office_cidr` からだけ受ける",
    "aws ec2 describe-security-groups --group-ids {WebGroupId}",
)
def web_ports(aws: Deployed) -> tuple[Facts, Facts]:
    return promised_rules(aws, "learning-web", "in"), found_rules(aws, "learning-web", "in")


@check(
    "12-3 (5)",
    "Databases take 3306 from the web servers and the bastion alone, by group and not by address",
    "データベースは 3306 を Web サーバーと踏み台のグループからだけ受ける",
    "aws ec2 describe-security-groups --group-ids {DatabaseGroupId}",
)
def database_port(aws: Deployed) -> tuple[Facts, Facts]:
    return promised_rules(aws, "learning-database", "in"), found_rules(aws, "learning-database", "in")


@check(
    "12-2",
    "Outbound rules name what each group needs; replies need none, as groups are stateful",
    "アウトバウンドは必要なものだけ。応答はステートフルなのでルール不要",
    "aws ec2 describe-security-group-rules --filters Name=group-id,Values={WebGroupId},{DatabaseGroupId}",
)
def outbound_is_limited(aws: Deployed) -> tuple[Facts, Facts]:
    groups = ("learning-bastion", "learning-web", "learning-database")
    return (
        [rule for group in groups for rule in promised_rules(aws, group, "out")],
        [rule for group in groups for rule in found_rules(aws, group, "out")],
    )


@check(
    "12-4",
    "The public network ACL has its numbered rules, deny before the wider allow",
    "パブリックのネットワーク ACL は番号順のルールを持ち、広い許可より先に拒否がある",
    "aws ec2 describe-network-acls --filters Name=vpc-id,Values={VpcId} Name=tag:Name,Values=learning-public",
)
def public_acl(aws: Deployed) -> tuple[Facts, Facts]:
    return promised_entries(aws, "learning-public"), found_entries(aws, "learning-public")


@check(
    "12-4",
    "The private network ACL has its numbered rules, with the ports for replies, as ACLs are stateless",
    "プライベートのネットワーク ACL は番号順のルールと、ステートレスゆえの応答用ポートを持つ",
    "aws ec2 describe-network-acls --filters Name=vpc-id,Values={VpcId} Name=tag:Name,Values=learning-private",
)
def private_acl(aws: Deployed) -> tuple[Facts, Facts]:
    return promised_entries(aws, "learning-private"), found_entries(aws, "learning-private")


@check(
    "12-4",
    "Each network ACL guards the subnets of its kind",
    "それぞれのネットワーク ACL が対応するサブネットを守っている",
    "aws ec2 describe-network-acls --filters Name=vpc-id,Values={VpcId} --query 'NetworkAcls[].Associations'",
)
def acls_guard_their_subnets(aws: Deployed) -> tuple[Facts, Facts]:
    kinds = {"learning-public": PUBLIC, "learning-private": PRIVATE}
    acls = aws.ec2.describe_network_acls(NetworkAclIds=[aws.one("AWS::EC2::NetworkAcl", kind).id for kind in kinds])
    return (
        [f"{kind} guards {name}" for kind, names in kinds.items() for name in names],
        [
            f"{aws.name_of(acl['NetworkAclId'])} guards {aws.name_of(association['SubnetId'])}"
            for acl in acls["NetworkAcls"]
            for association in acl["Associations"]
        ],
    )
