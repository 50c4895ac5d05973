"""What a CloudFormation resource type is to the local AWS, and how ministack gets to know it."""

import os
import secrets
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from functools import lru_cache
from threading import Lock
from typing import Any, ClassVar

import boto3
from botocore.config import Config
from botocore.exceptions import ClientError
from ministack.core.responses import get_account_id, get_region
from ministack.services.cloudformation import provisioners, stacks

from lab.local_aws.rules.gate import FROM_CLOUDFORMATION

Properties = dict[str, Any]
Made = tuple[str, dict[str, Any]]  # physical id (what Ref gives) and attributes (what Fn::GetAtt gives)
# The properties that a type knows: nothing below a name means a plain value, or one that is handed on as it is.
Schema = Mapping[str, Any]
TAG: Schema = {"Key": {}, "Value": {}}
ANYTHING: Schema = {"*": {}}
_making_a_client = Lock()  # boto3 does not make clients in two threads at once


def aws(service: str) -> Any:
    """Return a boto3 client of the local AWS itself, for the account and region of the stack at work."""
    return _client(service, get_region(), get_account_id())


@lru_cache
def _client(service: str, region: str, account: str) -> Any:
    with _making_a_client:
        return _session().client(
            service,
            region_name=region,
            endpoint_url=f"http://127.0.0.1:{os.environ['GATEWAY_PORT']}",
            aws_access_key_id=account,  # as ministack takes an account's root user
            aws_secret_access_key=os.environ["AWS_SECRET_ACCESS_KEY"],
            config=Config(retries={"total_max_attempts": 1}, proxies={}, user_agent_extra=FROM_CLOUDFORMATION),
        )


@lru_cache
def _session() -> Any:
    return boto3.session.Session()


@contextmanager
def unless(*codes: str) -> Iterator[None]:
    """Go on when AWS answers with one of these errors: what a delete should remove is gone already."""
    try:
        yield
    except ClientError as error:
        if error.response["Error"]["Code"] not in codes:
            raise


def check_known(type_name: str, value: Any, schema: Schema, path: str = "") -> None:
    """Raise ValueError at the first property that the schema does not know."""
    if isinstance(value, list):
        for entry in value:
            check_known(type_name, entry, schema, path)
    elif isinstance(value, dict) and schema is not ANYTHING:
        for name, inner in value.items():
            if name not in schema:
                raise ValueError(f"{type_name}: property {path}{name} is not supported by the local AWS")
            check_known(type_name, inner, schema[name], f"{path}{name}.")


def tags_for(kind: str, properties: Properties) -> list[dict[str, Any]]:
    tags = properties.get("Tags") or []
    return [{"ResourceType": kind, "Tags": tags}] if tags else []


def retag(resource_id: str, old: Properties, new: Properties) -> None:
    """Change the tags of an EC2 resource to those of the template; tags from elsewhere stay."""
    before, after = ({tag["Key"] for tag in properties.get("Tags") or []} for properties in (old, new))
    if removed := sorted(before - after):
        aws("ec2").delete_tags(Resources=[resource_id], Tags=[{"Key": key} for key in removed])
    if new.get("Tags"):
        aws("ec2").create_tags(Resources=[resource_id], Tags=new["Tags"])


class Provider:
    """Creates, changes and deletes the resources of one type, by the same AWS calls that CloudFormation makes.

    A change of a create-only property makes ministack's engine create a new resource and delete the old one.
    """

    type_name: ClassVar[str]
    schema: ClassVar[Schema]
    create_only: ClassVar[tuple[str, ...]] = ()
    # The property that names the resource; a template that leaves it out gets a name made up.
    name_property: ClassVar[str] = ""
    # The attribute that has the same value as ``Ref``, if there is one.
    id_attribute: ClassVar[str] = ""

    def create(self, properties: Properties) -> Made:
        raise NotImplementedError

    def update(self, physical_id: str, old: Properties, new: Properties) -> Made:
        """Change the tags of an EC2 resource: the one thing that can be changed in a type that does not say more."""
        retag(physical_id, old, new)
        return self.made(physical_id)

    def delete(self, physical_id: str, properties: Properties) -> None:
        """Delete the resource; do nothing when it is gone."""
        raise NotImplementedError

    def made(self, physical_id: str) -> Made:
        return physical_id, {self.id_attribute: physical_id} if self.id_attribute else {}

    def register(self) -> None:
        """Enter the type into ministack's tables, over what ministack itself does for it."""
        provisioners._RESOURCE_HANDLERS[self.type_name] = {
            "create": self._checked_create,
            "update": self._checked_update,
            "delete": self.delete,
        }
        provisioners._REPLACING_PROPERTIES[self.type_name] = self.create_only
        if "Tags" in self.schema and "Tags" not in self.create_only:
            provisioners._STACK_TAG_PROPERTY[self.type_name] = ("Tags", "list")

    def _checked_create(self, logical_id: str, properties: Properties, stack: str) -> Made:
        check_known(self.type_name, properties, self.schema)
        if self.name_property:
            properties = {self.name_property: f"{stack}-{logical_id}-{secrets.token_hex(6)}"} | properties
        return self.create(properties)

    def _checked_update(self, physical_id: str, old: Properties, new: Properties, _stack: str) -> Made:
        check_known(self.type_name, new, self.schema)
        return self.update(physical_id, old, new)


def register_all() -> None:
    """Let ministack use each type whose module was imported, in a thread of its own.

    ministack's handlers run on its event loop, where a call to itself would wait for ever.
    """
    providers = [each() for each in _subclasses(Provider) if hasattr(each, "type_name")]
    names = {provider.type_name for provider in providers}
    ministacks = stacks._runs_on_worker_thread
    stacks._runs_on_worker_thread = lambda name: name in names or ministacks(name)
    for provider in providers:
        provider.register()


def _subclasses(of: type[Provider]) -> Iterator[type[Provider]]:
    for each in of.__subclasses__():
        yield each
        yield from _subclasses(each)
