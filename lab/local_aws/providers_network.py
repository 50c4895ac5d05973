"""AWS::EC2 resource types of the network that ministack's CloudFormation lacks."""

from typing import Any, ClassVar

from lab.local_aws.provider import TAG, Made, Properties, Provider, Schema, aws, is_true, retag, tags_for, unless


class Eip(Provider):
    """An Elastic IP. ``Ref`` is its address."""

    type_name = "AWS::EC2::EIP"
    schema: ClassVar[Schema] = {"Domain": {}, "InstanceId": {}, "Tags": TAG}
    create_only = ("Domain",)

    def create(self, properties: Properties) -> Made:
        made = aws("ec2").allocate_address(
            Domain=properties.get("Domain", "vpc"), TagSpecifications=tags_for("elastic-ip", properties)
        )
        try:
            self._associate(made["AllocationId"], properties)
        except Exception:
            aws("ec2").release_address(AllocationId=made["AllocationId"])
            raise
        return made["PublicIp"], {"PublicIp": made["PublicIp"], "AllocationId": made["AllocationId"]}

    def update(self, physical_id: str, old: Properties, new: Properties) -> Made:
        address = self._find(physical_id)
        if old.get("InstanceId") != new.get("InstanceId"):
            if "AssociationId" in address:
                aws("ec2").disassociate_address(AssociationId=address["AssociationId"])
            self._associate(address["AllocationId"], new)
        retag(address["AllocationId"], old, new)
        return physical_id, {"PublicIp": physical_id, "AllocationId": address["AllocationId"]}

    def delete(self, physical_id: str, _properties: Properties) -> None:
        address = self._find(physical_id)
        if not address:
            return
        if "AssociationId" in address:
            aws("ec2").disassociate_address(AssociationId=address["AssociationId"])
        aws("ec2").release_address(AllocationId=address["AllocationId"])

    def _find(self, public_ip: str) -> dict[str, Any]:
        found = aws("ec2").describe_addresses(Filters=[{"Name": "public-ip", "Values": [public_ip]}])
        return next(iter(found["Addresses"]), {})

    def _associate(self, allocation_id: str, properties: Properties) -> None:
        if properties.get("InstanceId"):
            aws("ec2").associate_address(AllocationId=allocation_id, InstanceId=properties["InstanceId"])


class EipAssociation(Provider):
    """An Elastic IP's place at an instance; a new one takes the address away from the old."""

    type_name = "AWS::EC2::EIPAssociation"
    create_only = ("AllocationId", "InstanceId")
    schema: ClassVar[Schema] = {name: {} for name in create_only}

    def create(self, properties: Properties) -> Made:
        made = aws("ec2").associate_address(**properties)
        return made["AssociationId"], {"Id": made["AssociationId"]}

    def delete(self, physical_id: str, _properties: Properties) -> None:
        with unless("InvalidAssociationID.NotFound"):
            aws("ec2").disassociate_address(AssociationId=physical_id)


class NatGateway(Provider):
    """A NAT gateway of one subnet, or of a VPC (AvailabilityMode regional)."""

    type_name = "AWS::EC2::NatGateway"
    create_only = ("AllocationId", "AvailabilityMode", "ConnectivityType", "SubnetId", "VpcId")
    schema: ClassVar[Schema] = {**{name: {} for name in create_only}, "Tags": TAG}

    def create(self, properties: Properties) -> Made:
        asked = {name: value for name, value in properties.items() if name != "Tags"}
        made = aws("ec2").create_nat_gateway(**asked, TagSpecifications=tags_for("natgateway", properties))
        nat_id = made["NatGateway"]["NatGatewayId"]
        return nat_id, {"NatGatewayId": nat_id}

    def update(self, physical_id: str, old: Properties, new: Properties) -> Made:
        retag(physical_id, old, new)
        return physical_id, {"NatGatewayId": physical_id}

    def delete(self, physical_id: str, _properties: Properties) -> None:
        with unless("NatGatewayNotFound"):
            aws("ec2").delete_nat_gateway(NatGatewayId=physical_id)


class FlowLog(Provider):
    """A record of the traffic of a VPC, written to a bucket."""

    type_name = "AWS::EC2::FlowLog"
    create_only = (
        "LogDestination",
        "LogDestinationType",
        "MaxAggregationInterval",
        "ResourceId",
        "ResourceType",
        "TrafficType",
    )
    schema: ClassVar[Schema] = {**{name: {} for name in create_only}, "Tags": TAG}

    def create(self, properties: Properties) -> Made:
        asked = {name: value for name, value in properties.items() if name not in ("ResourceId", "Tags")}
        made = aws("ec2").create_flow_logs(
            ResourceIds=[properties["ResourceId"]], **asked, TagSpecifications=tags_for("vpc-flow-log", properties)
        )
        [flow_log_id] = made["FlowLogIds"]
        # ministack reads tags of the type `flow-log`, which is not EC2's name for it.
        retag(flow_log_id, {}, properties)
        return flow_log_id, {"Id": flow_log_id}

    def update(self, physical_id: str, old: Properties, new: Properties) -> Made:
        retag(physical_id, old, new)
        return physical_id, {"Id": physical_id}

    def delete(self, physical_id: str, _properties: Properties) -> None:
        aws("ec2").delete_flow_logs(FlowLogIds=[physical_id])


class _Rule(Provider):
    """A rule of a security group as a resource of its own. ``Ref`` is the id of the rule."""

    direction: str
    peer: str

    def create(self, properties: Properties) -> Made:
        source = {"Description": properties["Description"]} if "Description" in properties else {}
        permission: Properties = {"IpProtocol": str(properties["IpProtocol"])}
        permission |= {name: int(properties[name]) for name in ("FromPort", "ToPort") if name in properties}
        if self.peer in properties:
            permission["UserIdGroupPairs"] = [{"GroupId": properties[self.peer], **source}]
        elif "CidrIpv6" in properties:
            permission["Ipv6Ranges"] = [{"CidrIpv6": properties["CidrIpv6"], **source}]
        else:
            permission["IpRanges"] = [{"CidrIp": properties["CidrIp"], **source}]
        made = self._call("authorize")(GroupId=properties["GroupId"], IpPermissions=[permission])
        [rule] = made["SecurityGroupRules"]
        return rule["SecurityGroupRuleId"], {"Id": rule["SecurityGroupRuleId"]}

    def update(self, physical_id: str, _old: Properties, new: Properties) -> Made:
        change = {"IpProtocol": str(new["IpProtocol"]), "Description": new.get("Description", "")}
        aws("ec2").modify_security_group_rules(
            GroupId=new["GroupId"],
            SecurityGroupRules=[{"SecurityGroupRuleId": physical_id, "SecurityGroupRule": change}],
        )
        return physical_id, {"Id": physical_id}

    def delete(self, physical_id: str, properties: Properties) -> None:
        with unless("InvalidGroup.NotFound", "InvalidSecurityGroupRuleId.NotFound"):
            self._call("revoke")(GroupId=properties["GroupId"], SecurityGroupRuleIds=[physical_id])

    def _call(self, verb: str) -> Any:
        return getattr(aws("ec2"), f"{verb}_security_group_{self.direction}")


class SecurityGroupIngress(_Rule):
    type_name = "AWS::EC2::SecurityGroupIngress"
    direction = "ingress"
    peer = "SourceSecurityGroupId"
    create_only = ("CidrIp", "CidrIpv6", "FromPort", "GroupId", "IpProtocol", "SourceSecurityGroupId", "ToPort")
    schema: ClassVar[Schema] = {**{name: {} for name in create_only}, "Description": {}}


class SecurityGroupEgress(_Rule):
    type_name = "AWS::EC2::SecurityGroupEgress"
    direction = "egress"
    peer = "DestinationSecurityGroupId"
    create_only = ("CidrIp", "CidrIpv6", "DestinationSecurityGroupId", "FromPort", "GroupId", "IpProtocol", "ToPort")
    schema: ClassVar[Schema] = {**{name: {} for name in create_only}, "Description": {}}


class NetworkAcl(Provider):
    """A network ACL without rules of its own: it denies everything."""

    type_name = "AWS::EC2::NetworkAcl"
    schema: ClassVar[Schema] = {"VpcId": {}, "Tags": TAG}
    create_only = ("VpcId",)

    def create(self, properties: Properties) -> Made:
        made = aws("ec2").create_network_acl(
            VpcId=properties["VpcId"], TagSpecifications=tags_for("network-acl", properties)
        )
        acl_id = made["NetworkAcl"]["NetworkAclId"]
        return acl_id, {"Id": acl_id}

    def update(self, physical_id: str, old: Properties, new: Properties) -> Made:
        retag(physical_id, old, new)
        return physical_id, {"Id": physical_id}

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
        asked["Egress"] = is_true(properties.get("Egress", False))
        asked["RuleNumber"] = int(properties["RuleNumber"])
        asked["Protocol"] = str(properties["Protocol"])
        for name, wanted in (("PortRange", "PortRange"), ("Icmp", "IcmpTypeCode")):
            if name in properties:
                asked[wanted] = {key: int(value) for key, value in properties[name].items()}
        return asked


class SubnetNetworkAclAssociation(Provider):
    """Puts a subnet under a network ACL; before and after, it is under the default one of its VPC."""

    type_name = "AWS::EC2::SubnetNetworkAclAssociation"
    schema: ClassVar[Schema] = {"NetworkAclId": {}, "SubnetId": {}}
    create_only = ("NetworkAclId", "SubnetId")

    def create(self, properties: Properties) -> Made:
        [acl] = self._acls("association.subnet-id", properties["SubnetId"])
        [current] = [link for link in acl["Associations"] if link["SubnetId"] == properties["SubnetId"]]
        association_id = self._replace(current["NetworkAclAssociationId"], properties["NetworkAclId"])
        return association_id, {"AssociationId": association_id}

    def delete(self, physical_id: str, _properties: Properties) -> None:
        for acl in self._acls("association.association-id", physical_id):
            defaults = [one for one in self._acls("vpc-id", acl["VpcId"]) if one["IsDefault"]]
            self._replace(physical_id, defaults[0]["NetworkAclId"])

    def _acls(self, name: str, value: str) -> list[dict[str, Any]]:
        found: list[dict[str, Any]] = aws("ec2").describe_network_acls(Filters=[{"Name": name, "Values": [value]}])[
            "NetworkAcls"
        ]
        return found

    def _replace(self, association_id: str, acl_id: str) -> str:
        made = aws("ec2").replace_network_acl_association(AssociationId=association_id, NetworkAclId=acl_id)
        return str(made["NewAssociationId"])


PROVIDERS = (
    Eip(),
    EipAssociation(),
    FlowLog(),
    NatGateway(),
    NetworkAcl(),
    NetworkAclEntry(),
    SecurityGroupEgress(),
    SecurityGroupIngress(),
    SubnetNetworkAclAssociation(),
)
