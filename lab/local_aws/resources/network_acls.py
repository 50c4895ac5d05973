"""Network ACLs: the two last rules that deny, port ranges, and a subnet that always has exactly one."""

from typing import Any, ClassVar
from xml.etree import ElementTree as ET

from ministack.core.responses import get_account_id
from ministack.services import ec2

from lab.local_aws import wire
from lab.local_aws.provider import TAG, Made, Properties, Provider, Schema, aws, tags_for, unless
from lab.local_aws.resources import vpcs

DEFAULT_DENY = 32767


def _settle_associations() -> None:
    """Give every subnet exactly one network ACL: on AWS it has its VPC's default one from the start."""
    for acl in ec2._network_acls.values():
        acl["Associations"] = [link for link in acl["Associations"] if link["SubnetId"] in ec2._subnets]
    settled = {link["SubnetId"] for acl in ec2._network_acls.values() for link in acl["Associations"]}
    defaults = {acl["VpcId"]: acl for acl in ec2._network_acls.values() if acl["IsDefault"]}
    for subnet in ec2._subnets.values():
        if subnet["SubnetId"] not in settled and subnet["VpcId"] in defaults:
            link = {"NetworkAclAssociationId": wire.new_id("aclassoc"), "SubnetId": subnet["SubnetId"]}
            defaults[subnet["VpcId"]]["Associations"].append(link)


def _network_acl(acl_id: str) -> dict[str, Any]:
    return wire.known(ec2._network_acls, acl_id, "InvalidNetworkAclID.NotFound", "networkAcl ID")


@wire.replaces("CreateNetworkAcl")
def _create_network_acl(params: wire.Params) -> wire.Answer:
    """Create an ACL as EC2 does: it denies everything, by a last rule in each direction."""
    vpc_id = vpcs.known_vpc(wire.tree(params).get("VpcId", ""))["VpcId"]
    acl_id = wire.new_id("acl")
    denies = [
        {"RuleNumber": DEFAULT_DENY, "Protocol": "-1", "RuleAction": "deny", "Egress": egress, "CidrBlock": "0.0.0.0/0"}
        for egress in (True, False)
    ]
    ec2._network_acls[acl_id] = {
        "NetworkAclId": acl_id,
        "VpcId": vpc_id,
        "IsDefault": False,
        "Entries": denies,
        "Associations": [],
        "Tags": [],
        "OwnerId": get_account_id(),
    }
    ec2._parse_tag_specs(params, "network-acl", acl_id)
    described = ec2._ACTION_MAP["DescribeNetworkAcls"]({"NetworkAclId.1": [acl_id]})
    item = wire.parse(described[2]).find("networkAclSet/item")
    root = ET.Element("CreateNetworkAclResponse")
    if item is not None:
        item.tag = "networkAcl"
        root.append(item)
    return 200, described[1], ET.tostring(root)


@wire.replaces("DeleteNetworkAcl")
def _delete_network_acl(params: wire.Params) -> wire.Answer:
    acl_id = wire.tree(params).get("NetworkAclId", "")
    acl = _network_acl(acl_id)
    _settle_associations()
    if acl["IsDefault"]:
        raise wire.Ec2Error("InvalidParameterValue", f"{acl_id} is the default network ACL of its VPC")
    if acl["Associations"]:
        raise wire.dependency_violation(f"The networkAcl '{acl_id}'")
    del ec2._network_acls[acl_id]
    ec2._tags.pop(acl_id, None)
    return wire.answer("DeleteNetworkAcl")


def _entry(request: dict[str, Any]) -> dict[str, Any]:
    entry: dict[str, Any] = {
        "RuleNumber": int(request["RuleNumber"]),
        "Protocol": request["Protocol"],
        "RuleAction": request["RuleAction"],
        "Egress": wire.is_true(request["Egress"]),
    }
    for name in ("CidrBlock", "Ipv6CidrBlock"):
        if name in request:
            entry[name] = wire.canonical(request[name])
    if "PortRange" in request:
        entry["PortRange"] = {"from": int(request["PortRange"]["From"]), "to": int(request["PortRange"]["To"])}
    if "Icmp" in request:
        entry["Icmp"] = {"code": int(request["Icmp"]["Code"]), "type": int(request["Icmp"]["Type"])}
    if entry["Protocol"] in ("6", "17") and "PortRange" not in entry:
        raise wire.Ec2Error("MissingParameter", "The parameter PortRange is required for TCP and UDP")
    return entry


def _put_entry(params: wire.Params, *, new: bool) -> None:
    request = wire.tree(params)
    acl, entry = _network_acl(request.get("NetworkAclId", "")), _entry(request)
    others = [old for old in acl["Entries"] if _place(old) != _place(entry)]
    direction = "egress" if entry["Egress"] else "ingress"
    if new and len(others) < len(acl["Entries"]):
        number = entry["RuleNumber"]
        raise wire.Ec2Error(
            "NetworkAclEntryAlreadyExists", f"The network acl entry {direction} {number} already exists"
        )
    if not new and len(others) == len(acl["Entries"]):
        raise wire.Ec2Error("InvalidNetworkAclEntry.NotFound", f"There is no {direction} entry {entry['RuleNumber']}")
    acl["Entries"] = sorted([*others, entry], key=lambda each: (not each["Egress"], each["RuleNumber"]))


def _place(entry: dict[str, Any]) -> tuple[int, bool]:
    return entry["RuleNumber"], entry["Egress"]


@wire.replaces("CreateNetworkAclEntry")
def _create_entry(params: wire.Params) -> wire.Answer:
    _put_entry(params, new=True)
    return wire.answer("CreateNetworkAclEntry")


@wire.replaces("ReplaceNetworkAclEntry")
def _replace_entry(params: wire.Params) -> wire.Answer:
    _put_entry(params, new=False)
    return wire.answer("ReplaceNetworkAclEntry")


@wire.replaces("ReplaceNetworkAclAssociation")
def _replace_association(params: wire.Params) -> wire.Answer:
    request = wire.tree(params)
    _settle_associations()
    wanted = _network_acl(request.get("NetworkAclId", ""))
    for acl in ec2._network_acls.values():
        for link in acl["Associations"]:
            if link["NetworkAclAssociationId"] == request.get("AssociationId"):
                acl["Associations"].remove(link)
                moved = {"NetworkAclAssociationId": wire.new_id("aclassoc"), "SubnetId": link["SubnetId"]}
                wanted["Associations"].append(moved)
                return wire.answer(
                    "ReplaceNetworkAclAssociation", {"newAssociationId": moved["NetworkAclAssociationId"]}
                )
    association_id = request.get("AssociationId")
    raise wire.Ec2Error("InvalidAssociationID.NotFound", f"The association ID '{association_id}' does not exist")


@wire.around("DescribeNetworkAcls")
def _describe(params: wire.Params, ministacks: wire.Handler) -> wire.Answer:
    _settle_associations()
    return ministacks(params)


@wire.completes(
    "DescribeNetworkAcls",
    items="networkAclSet/item",
    ids={"NetworkAclId": ("networkAclId", "InvalidNetworkAclID.NotFound")},
    filters={
        "association.association-id": "associationSet/item/networkAclAssociationId",
        "association.network-acl-id": "associationSet/item/networkAclId",
        "association.subnet-id": "associationSet/item/subnetId",
        "default": "default",
        "network-acl-id": "networkAclId",
        "vpc-id": "vpcId",
    },
)
def _complete_network_acl(item: ET.Element) -> None:
    entries = ec2._network_acls[item.findtext("networkAclId")]["Entries"]
    for shown, entry in zip(item.findall("entrySet/item"), entries, strict=True):
        wire.put(shown, {"portRange": entry.get("PortRange"), "icmpTypeCode": entry.get("Icmp")})


# --- in CloudFormation


class NetworkAcl(Provider):
    """A network ACL without rules of its own: it denies everything."""

    type_name = "AWS::EC2::NetworkAcl"
    id_attribute = "Id"
    schema: ClassVar[Schema] = {"VpcId": {}, "Tags": TAG}
    create_only = ("VpcId",)

    def create(self, properties: Properties) -> Made:
        made = aws("ec2").create_network_acl(
            VpcId=properties["VpcId"], TagSpecifications=tags_for("network-acl", properties)
        )
        return self.made(made["NetworkAcl"]["NetworkAclId"])

    def delete(self, physical_id: str, _properties: Properties) -> None:
        with unless("InvalidNetworkAclID.NotFound"):
            aws("ec2").delete_network_acl(NetworkAclId=physical_id)


class NetworkAclEntry(Provider):
    """One rule of a network ACL."""

    type_name = "AWS::EC2::NetworkAclEntry"
    create_only = ("Egress", "NetworkAclId", "RuleNumber")
    schema: ClassVar[Schema] = {
        **{name: {} for name in (*create_only, "CidrBlock", "Ipv6CidrBlock", "Protocol", "RuleAction")},
        "Icmp": {"Code": {}, "Type": {}},
        "PortRange": {"From": {}, "To": {}},
    }

    def create(self, properties: Properties) -> Made:
        asked = self._asked(properties)
        aws("ec2").create_network_acl_entry(**asked)
        direction = "egress" if asked["Egress"] else "ingress"
        return f"{asked['NetworkAclId']}|{direction}|{asked['RuleNumber']}", {}

    def update(self, physical_id: str, _old: Properties, new: Properties) -> Made:
        aws("ec2").replace_network_acl_entry(**self._asked(new))
        return physical_id, {}

    def delete(self, _physical_id: str, properties: Properties) -> None:
        asked = self._asked(properties)
        with unless("InvalidNetworkAclID.NotFound", "InvalidNetworkAclEntry.NotFound"):
            aws("ec2").delete_network_acl_entry(
                **{name: asked[name] for name in ("NetworkAclId", "RuleNumber", "Egress")}
            )

    def _asked(self, properties: Properties) -> Properties:
        asked = {name: value for name, value in properties.items() if name not in ("Icmp", "PortRange")}
        asked["Egress"] = wire.is_true(properties.get("Egress", False))
        asked["RuleNumber"] = int(properties["RuleNumber"])
        asked["Protocol"] = str(properties["Protocol"])
        for name, wanted in (("PortRange", "PortRange"), ("Icmp", "IcmpTypeCode")):
            if name in properties:
                asked[wanted] = {key: int(value) for key, value in properties[name].items()}
        return asked


class SubnetNetworkAclAssociation(Provider):
    """Puts a subnet under a network ACL; before and after, it is under the default one of its VPC."""

    type_name = "AWS::EC2::SubnetNetworkAclAssociation"
    id_attribute = "AssociationId"
    schema: ClassVar[Schema] = {"NetworkAclId": {}, "SubnetId": {}}
    create_only = ("NetworkAclId", "SubnetId")

    def create(self, properties: Properties) -> Made:
        [acl] = self._acls("association.subnet-id", properties["SubnetId"])
        [current] = [link for link in acl["Associations"] if link["SubnetId"] == properties["SubnetId"]]
        association_id = self._replace(current["NetworkAclAssociationId"], properties["NetworkAclId"])
        return self.made(association_id)

    def delete(self, physical_id: str, _properties: Properties) -> None:
        for acl in self._acls("association.association-id", physical_id):
            defaults = [one for one in self._acls("vpc-id", acl["VpcId"]) if one["IsDefault"]]
            self._replace(physical_id, defaults[0]["NetworkAclId"])

    def _acls(self, name: str, value: str) -> list[dict[str, Any]]:
        wanted = [{"Name": name, "Values": [value]}]
        return list(aws("ec2").describe_network_acls(Filters=wanted)["NetworkAcls"])

    def _replace(self, association_id: str, acl_id: str) -> str:
        made = aws("ec2").replace_network_acl_association(AssociationId=association_id, NetworkAclId=acl_id)
        return str(made["NewAssociationId"])
