"""AWS's own examples, as its documentation gives them."""

from dataclasses import replace
from ipaddress import IPv4Network
from typing import Any

import pytest

from lab.reach.analysis import Analysis
from lab.reach.engine import End
from lab.reach.network import Network
from lab.reach.parties import Party, with_parties
from lab.reach.ranges import Answer, Ranges
from tests.unit.lab.reach.networks import (
    DB,
    HOME,
    NETWORK,
    STRANGER,
    WEB,
    acl,
    changed,
    entry,
    group,
    group_rule,
)


def answer(network: Network, source: End, destination: End, port: int) -> Answer:
    one, other = Party("one", source), Party("other", destination)
    [found] = Ranges(with_parties(network, [one, other])).ask(one, other, "tcp", (port, port))
    return found


def said(network: Network, source: End, destination: End, port: int) -> str:
    """Return the verdict; where it stops, with the code and the number of the rule that decided, * for none."""
    found = answer(network, source, destination, port)
    stop = found.conversation.stop
    rule = getattr(stop.rule, "number", "*") if stop else ""
    return f"{stop.code} {rule}" if stop else found.verdict


# "VPC with public and private subnets (NAT)", recommended rules of security groups and network ACLs:
# https://github.com/awsdocs/amazon-vpc-user-guide/blob/06e98d97/doc_source/VPC_Scenario2.md. 10.0.0.0/24 is the public
# subnet and 10.0.1.0/24 the private one, as in our small network; the home network is 203.0.113.0/24.
HOME_NETWORK = "203.0.113.0/24"
SCENARIO_2 = changed(
    groups={
        "web": group(
            "web",
            [
                group_rule("tcp", 80),
                group_rule("tcp", 443),
                group_rule("tcp", 22, HOME_NETWORK),
                group_rule("tcp", 3389, HOME_NETWORK),
            ],
            [
                group_rule("tcp", 1433, "db"),
                group_rule("tcp", 3306, "db"),
                group_rule("tcp", 80),
                group_rule("tcp", 443),
            ],
        ),
        "db": group(
            "db",
            [group_rule("tcp", 1433, "web"), group_rule("tcp", 3306, "web")],
            [group_rule("tcp", 80), group_rule("tcp", 443)],
        ),
    },
    acls={
        "public": acl(
            "public",
            [
                entry(100, 80),
                entry(110, 443),
                entry(120, 22, HOME_NETWORK),
                entry(130, 3389, HOME_NETWORK),
                entry(140, (1024, 65535)),
            ],
            [
                entry(100, 80),
                entry(110, 443),
                entry(120, 1433, "10.0.1.0/24"),
                entry(140, (32768, 65535)),
                entry(150, 22, "10.0.1.0/24"),
            ],
        ),
        "private": acl(
            "private",
            [
                entry(100, 1433, "10.0.0.0/24"),
                entry(120, 22, "10.0.0.0/24"),
                entry(130, 3389, "10.0.0.0/24"),
                entry(140, (1024, 65535)),
            ],
            [entry(100, 80), entry(110, 443), entry(120, (32768, 65535), "10.0.0.0/24")],
        ),
    },
)


@pytest.mark.parametrize(
    ("source", "destination", "port", "answer"),
    [
        # "Allow inbound HTTP access to the web servers from any IPv4 address", and HTTPS; nothing else
        (HOME, WEB, 22, "sometimes"),
        (HOME, WEB, 3389, "sometimes"),
        (STRANGER, WEB, 80, "sometimes"),
        (STRANGER, WEB, 443, "sometimes"),
        (STRANGER, WEB, 22, "SUBNET_ACL_RESTRICTION *"),
        # The ACL's rule for replies lets it in, and the group does not.
        (STRANGER, WEB, 3389, "ENI_SG_RULES_MISMATCH *"),
        # "Allows outbound MS SQL access to database servers in the private subnet", and
        # "allows web servers in the public subnet to read and write to MS SQL servers in the private subnet"
        (WEB, DB, 1433, "always"),
        # "This port number is an example only. Other examples include 3306": the groups allow it, and no ACL does.
        (WEB, DB, 3306, "SUBNET_ACL_RESTRICTION *"),
        (WEB, STRANGER, 80, "always"),
        (WEB, STRANGER, 443, "always"),
        (WEB, STRANGER, 22, "ENI_SG_RULES_MISMATCH *"),
        # "Allow outbound HTTP access to the internet over IPv4 (for example, for software updates)", through NAT
        (DB, STRANGER, 80, "always"),
        (DB, STRANGER, 443, "always"),
        (DB, WEB, 443, "always"),
        (STRANGER, DB, 1433, "IGW_PRIVATE_IP_ASSOCIATION_FOR_INGRESS *"),
    ],
)
def test_the_recommended_rules_for_a_vpc_with_public_and_private_subnets(
    source: End, destination: End, port: int, answer: str
) -> None:
    assert said(SCENARIO_2, source, destination, port) == answer


def test_the_recommended_range_for_replies_is_an_example_only() -> None:
    """Rule 140 lets replies go to 32768-65535: "for information about choosing the correct ephemeral ports", see there.

    "If a request comes into a web server in your VPC from a Windows XP client on the internet, your network ACL must
    have an outbound rule to enable traffic destined for ports 1025-5000."
    """
    assert answer(SCENARIO_2, STRANGER, WEB, 443).lost == ((1024, 32767),)
    public = SCENARIO_2.acls["public"]
    with_windows_xp = replace(
        SCENARIO_2,
        acls={
            **SCENARIO_2.acls,
            "public": replace(public, entries=(*public.entries, entry(160, (1025, 5000), egress=True))),
        },
    )
    assert answer(with_windows_xp, STRANGER, WEB, 443).lost == ((1024, 1024), (5001, 32767))


# "Custom network ACL": https://github.com/awsdocs/amazon-vpc-user-guide, doc_source/vpc-network-acls.md
CUSTOM_ACL = changed(
    acls={
        "public": acl(
            "public",
            [
                entry(100, 80),
                entry(110, 443),
                entry(120, 22, "192.0.2.0/24"),
                entry(130, 3389, "192.0.2.0/24"),
                entry(140, (32768, 65535)),
            ],
            [entry(100, 80), entry(110, 443), entry(120, (32768, 65535))],
        )
    }
)


def test_the_rules_of_a_custom_network_acl_are_asked_in_their_order() -> None:
    """A packet for 443 "doesn't match rule 100. It does match the second rule (110)"; for 139, "the * rule"."""
    found = answer(CUSTOM_ACL, STRANGER, WEB, 443)
    [decided] = [hop.rule for hop in found.conversation.request.hops if hop.kind == "network-acl"]
    assert getattr(decided, "number", None) == 110
    assert said(CUSTOM_ACL, STRANGER, WEB, 139) == "SUBNET_ACL_RESTRICTION *"


# "Getting started with Reachability Analyzer using the AWS CLI", examples 1 and 2:
# https://docs.aws.amazon.com/vpc/latest/reachability/getting-started-cli.html
def components(analysis: dict[str, Any], way: str) -> list[str]:
    return [each["Component"]["Id"] for each in analysis[f"{way}PathComponents"]]


def test_a_path_of_the_analyzer_has_the_components_of_its_example() -> None:
    """Example 2: an internet gateway as the source, an instance as the destination, SSH, default ACLs."""
    network = changed(groups={"web": group("web", [group_rule("tcp", 22)])})
    party = Party("internet", STRANGER, IPv4Network("0.0.0.0/0"))
    [found] = Ranges(network).ask(party, Party("web", WEB), "tcp", (22, 22))
    analysis = Analysis(network).of(found)
    assert analysis["NetworkPathFound"]
    assert components(analysis, "Forward") == ["igw", "public", "web", "eni-web", "i-web"]
    assert components(analysis, "Return") == ["i-web", "eni-web", "web", "public", "public", "igw"]
    gateway, rules, allowed, interface, instance = analysis["ForwardPathComponents"]
    assert gateway["InboundHeader"]["DestinationAddresses"] == ["52.0.0.10/32"]
    assert gateway["InboundHeader"]["DestinationPortRanges"] == [{"From": 22, "To": 22}]
    assert gateway["OutboundHeader"]["DestinationAddresses"] == ["10.0.0.10/32"]
    assert rules["AclRule"] == {
        "Cidr": "0.0.0.0/0",
        "Egress": False,
        "Protocol": "all",
        "RuleAction": "allow",
        "RuleNumber": 100,
    }
    assert allowed["SecurityGroupRule"] == {
        "Cidr": "0.0.0.0/0",
        "Direction": "ingress",
        "PortRange": {"From": 22, "To": 22},
        "Protocol": "tcp",
    }
    assert interface["AttachedTo"]["Id"] == instance["Component"]["Id"] == "i-web"
    assert "SecurityGroupRule" not in analysis["ReturnPathComponents"][2]  # stateful
    assert analysis["ReturnPathComponents"][4]["RouteTableRoute"] == {
        "DestinationCidr": "0.0.0.0/0",
        "GatewayId": "igw",
        "Origin": "createroute",
        "State": "active",
    }
    assert analysis["ReturnPathComponents"][5]["OutboundHeader"]["SourceAddresses"] == ["52.0.0.10/32"]


def test_a_path_that_is_not_found_is_explained_as_in_the_example() -> None:
    """Example 1: no rule of the destination's security group allows 443."""
    network = changed(groups={"db": group("db", [group_rule("tcp", 80, "10.0.0.0/16")])})
    analysis = Analysis(network).of(answer(network, WEB, DB, 443))
    assert not analysis["NetworkPathFound"]
    [explanation] = analysis["Explanations"]
    assert (explanation["ExplanationCode"], explanation["Direction"]) == ("ENI_SG_RULES_MISMATCH", "ingress")
    assert explanation["NetworkInterface"] == {"Id": "eni-db", "Name": "db"}
    assert [each["Id"] for each in explanation["SecurityGroups"]] == ["db"]


# "A NAT gateway ... if the NAT gateway's Availability Zone is down, resources in the other Availability Zones lose
# internet access": https://docs.aws.amazon.com/vpc/latest/userguide/nat-gateway-basics.html
def test_a_nat_gateway_that_is_down_takes_its_hosts_with_it() -> None:
    down = changed(nat_gateways={"nat": replace(NETWORK.nat_gateways["nat"], available=False)})
    assert [said(network, DB, STRANGER, 443) for network in (NETWORK, down)] == ["always", "BAD_STATE *"]
