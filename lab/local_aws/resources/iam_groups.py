"""IAM groups, whose resource type ministack lacks."""

import json
from typing import ClassVar

from lab.local_aws.provider import ANYTHING, Made, Properties, Provider, Schema, aws, unless


class Group(Provider):
    """A group of users and the policies that are attached to it. ``Ref`` is its name."""

    type_name = "AWS::IAM::Group"
    schema: ClassVar[Schema] = {
        "GroupName": {},
        "ManagedPolicyArns": {},
        "Path": {},
        "Policies": {"PolicyDocument": ANYTHING, "PolicyName": {}},
    }
    create_only = ("GroupName",)
    name_property = "GroupName"

    def create(self, properties: Properties) -> Made:
        name = properties["GroupName"]
        made = aws("iam").create_group(GroupName=name, Path=properties.get("Path", "/"))
        self._set_policies(name, {}, properties)
        return name, {"Arn": made["Group"]["Arn"]}

    def update(self, physical_id: str, old: Properties, new: Properties) -> Made:
        if old.get("Path") != new.get("Path"):
            aws("iam").update_group(GroupName=physical_id, NewPath=new.get("Path", "/"))
        self._set_policies(physical_id, old, new)
        return physical_id, {"Arn": aws("iam").get_group(GroupName=physical_id)["Group"]["Arn"]}

    def delete(self, physical_id: str, properties: Properties) -> None:
        with unless("NoSuchEntity"):
            self._set_policies(physical_id, properties, {})
            aws("iam").delete_group(GroupName=physical_id)

    def _set_policies(self, name: str, old: Properties, new: Properties) -> None:
        iam = aws("iam")
        before, after = set(old.get("ManagedPolicyArns", [])), set(new.get("ManagedPolicyArns", []))
        for arn in sorted(before - after):
            with unless("NoSuchEntity"):
                iam.detach_group_policy(GroupName=name, PolicyArn=arn)
        for arn in sorted(after - before):
            iam.attach_group_policy(GroupName=name, PolicyArn=arn)
        inline = {policy["PolicyName"]: policy["PolicyDocument"] for policy in new.get("Policies", [])}
        for policy in old.get("Policies", []):
            if policy["PolicyName"] not in inline:
                iam.delete_group_policy(GroupName=name, PolicyName=policy["PolicyName"])
        for policy_name, document in inline.items():
            iam.put_group_policy(GroupName=name, PolicyName=policy_name, PolicyDocument=json.dumps(document))
