"""Instance profiles: ministack takes the ARN for what ``Ref`` gives."""

from typing import ClassVar

from lab.local_aws.provider import Made, Properties, Provider, Schema, aws, unless


class InstanceProfile(Provider):
    """What hands a role to an instance. ``Ref`` is its name, on AWS; ministack gives the ARN."""

    type_name = "AWS::IAM::InstanceProfile"
    schema: ClassVar[Schema] = {"InstanceProfileName": {}, "Path": {}, "Roles": {}}
    create_only = ("InstanceProfileName", "Path")
    name_property = "InstanceProfileName"

    def create(self, properties: Properties) -> Made:
        name = properties["InstanceProfileName"]
        made = aws("iam").create_instance_profile(InstanceProfileName=name, Path=properties.get("Path", "/"))
        self._set_roles(name, {}, properties)
        return name, {"Arn": made["InstanceProfile"]["Arn"]}

    def update(self, physical_id: str, old: Properties, new: Properties) -> Made:
        self._set_roles(physical_id, old, new)
        found = aws("iam").get_instance_profile(InstanceProfileName=physical_id)
        return physical_id, {"Arn": found["InstanceProfile"]["Arn"]}

    def delete(self, physical_id: str, properties: Properties) -> None:
        with unless("NoSuchEntity"):
            self._set_roles(physical_id, properties, {})
            aws("iam").delete_instance_profile(InstanceProfileName=physical_id)

    def _set_roles(self, name: str, old: Properties, new: Properties) -> None:
        for role in old.get("Roles", []):
            if role not in new.get("Roles", []):
                with unless("NoSuchEntity"):
                    aws("iam").remove_role_from_instance_profile(InstanceProfileName=name, RoleName=role)
        for role in new.get("Roles", []):
            if role not in old.get("Roles", []):
                aws("iam").add_role_to_instance_profile(InstanceProfileName=name, RoleName=role)
