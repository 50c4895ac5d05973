"""A stack as it is in AWS: its template, its resources and the clients to look at them with."""

import os
import re
from functools import cache, cached_property
from typing import TYPE_CHECKING, Any

import boto3
import botocore.session
import yaml
from botocore.config import Config
from botocore.exceptions import (
    BotoCoreError,
    ClientError,
    EndpointConnectionError,
    HTTPClientError,
    NoCredentialsError,
    PartialCredentialsError,
    ProfileNotFound,
)
from botocore.loaders import Loader, create_loader

from lab.template.reader import Resource, Template, settings_of
from lab.terminal.language import N_, _
from lab.terminal.printed import one_line
from lab.terminal.problem import ProblemError
from lab.terminal.waiting import waiting

if TYPE_CHECKING:
    from mypy_boto3_cloudformation import CloudFormationClient
    from mypy_boto3_ec2 import EC2Client
    from mypy_boto3_iam import IAMClient
    from mypy_boto3_s3 import S3Client
    from mypy_boto3_ssm import SSMClient

# What does not answer is given up after 18 seconds, and not after minutes: two tries of these.
CONFIG = Config(
    connect_timeout=5,
    read_timeout=8,
    retries={"mode": "standard", "total_max_attempts": 2},
    s3={"addressing_style": "path"},
)
# Statuses of what is no stack's any more, though CloudFormation lists it.
GONE = ("DELETE_COMPLETE", "DELETE_SKIPPED")


@cache
def _loader(data_path: str | None) -> Loader:
    """Return what reads botocore's descriptions of services: once for all sessions, as that of EC2 alone is long."""
    return create_loader(data_path)


def new_session() -> boto3.Session:
    """Return a session in the region that all our commands take.

    Raises ProblemError when none is set.
    """
    # boto3 reads AWS_DEFAULT_REGION alone; the other SDKs and the CDK CLI look at AWS_REGION first.
    bare = botocore.session.get_session()
    loader = _loader(bare.get_config_variable("data_path"))
    known = len(loader.search_paths)
    bare.register_component("data_loader", loader)
    session = boto3.Session(botocore_session=bare, region_name=os.environ.get("AWS_REGION") or None)
    del loader.search_paths[known:]  # each session adds boto3's own to them
    if not session.region_name:
        raise ProblemError(_("No region is set. Set AWS_REGION, or for the local AWS: source .local-aws/env"))
    waiting.watch(session)
    return session


def is_local() -> bool:
    """Say whether the environment points at the local AWS."""
    return bool(os.environ.get("AWS_ENDPOINT_URL"))


class NoStackError(ProblemError):
    """The stack is not deployed."""


class Deployed:
    """A deployed stack, in whatever AWS the environment points at.

    Raises NoStackError when there is no such stack, ProblemError when there is no way to look.
    """

    def __init__(self, stack_name: str) -> None:
        self.stack_name = stack_name
        session = new_session()
        self.session = session
        self.region = session.region_name
        self.cloudformation: CloudFormationClient = session.client("cloudformation", config=CONFIG)
        self.ec2: EC2Client = session.client("ec2", config=CONFIG)
        self.iam: IAMClient = session.client("iam", config=CONFIG)
        self.s3: S3Client = session.client("s3", config=CONFIG)
        self.ssm: SSMClient = session.client("ssm", config=CONFIG)
        try:
            self.description = self.cloudformation.describe_stacks(StackName=stack_name)["Stacks"][0]
        except ClientError as error:
            if "does not exist" not in str(error):
                raise
            raise NoStackError(
                _(
                    "There is no stack {stack_name} in {region} ({endpoint}). Deploy it first: make local, "
                    "or cdk deploy {stack_name}"
                ).format(stack_name=stack_name, region=self.region, endpoint=self.endpoint)
            ) from None

    def client(self, service: str) -> Any:
        """Return a client of a service that few checks look at."""
        return self.session.client(service, config=CONFIG)  # type: ignore[call-overload]

    def require_complete(self) -> None:
        """Raise ProblemError unless what is deployed is whole: the last deploy that ended well."""
        status = self.description["StackStatus"]
        if status not in ("CREATE_COMPLETE", "UPDATE_COMPLETE", "UPDATE_ROLLBACK_COMPLETE", "IMPORT_COMPLETE"):
            advice = (
                _("Wait until that has ended")
                if status.endswith("IN_PROGRESS")
                else _("Run cdk destroy, and deploy again")
            )
            raise ProblemError(
                _("{stack_name} in {region} is {status}, so there is nothing to prove. {advice}").format(
                    stack_name=self.stack_name, region=self.region, status=status, advice=advice
                )
            )

    @property
    def endpoint(self) -> str:
        return self.cloudformation.meta.endpoint_url

    @cached_property
    def outputs(self) -> dict[str, str]:
        return {output["OutputKey"]: output["OutputValue"] for output in self.description.get("Outputs", [])}

    @cached_property
    def template(self) -> dict[str, Any]:
        body: Any = self.cloudformation.get_template(StackName=self.stack_name)["TemplateBody"]
        return dict(yaml.safe_load(body) if isinstance(body, str) else body)  # the CDK CLI sends YAML

    @cached_property
    def _read(self) -> Template:
        return Template(self.template, physical_ids(self.cloudformation, self.stack_name))

    @cached_property
    def settings(self) -> dict[str, str]:
        """What was chosen for the stack, by setting, as the CDK CLI's ``-c`` takes it: its template carries that.

        Raises ProblemError for a template that carries nothing.
        """
        if chosen := settings_of(self.template):
            return chosen
        raise ProblemError(
            _(
                "{stack_name} in {region} does not say what was chosen for it: an older version deployed "
                "it. Deploy it again: make local, or cdk deploy {stack_name}"
            ).format(stack_name=self.stack_name, region=self.region)
        )

    def chosen(self, setting: str) -> list[str]:
        """Return the values of a setting that is a list."""
        return [value for value in self.settings[setting].split(",") if value]

    @cached_property
    def resources(self) -> list[Resource]:
        return list(self._read.resources.values())

    @property
    def bastion(self) -> Resource:
        """The bastion. Raises ProblemError unless there is exactly one."""
        return self._read.bastion

    def ec2_list(self, operation: str, **asked: Any) -> list[Any]:
        """Return what an operation of EC2, such as ``describe_subnets``, lists: all pages of it."""
        ec2: Any = self.ec2
        pages = ec2.get_paginator(operation).paginate(**asked)
        return list(pages.build_full_result()[pages.result_keys[0].expression])

    def all(self, resource_type: str) -> list[Resource]:
        """Return the resources of one type, such as ``AWS::EC2::Subnet``, in the order of their Name tags."""
        return self._read.all(resource_type)

    def one(self, resource_type: str, name: str = "") -> Resource:
        """Return the one resource of a type, and of a Name tag where one is given.

        Raises ProblemError when there is another number of them.
        """
        found = [resource for resource in self.all(resource_type) if name in ("", resource.name)]
        if len(found) != 1:
            raise ProblemError(
                _("{stack_name} has {number} resources {resource_type} {name}, not one").format(
                    stack_name=self.stack_name, number=len(found), resource_type=resource_type, name=name
                )
            )
        return found[0]

    def named(self, reference: Any) -> str:
        """Return the Name tag, or the logical id, of what a template's Ref or Fn::GetAtt points at."""
        return self._read.label(reference)

    def name_of(self, physical_id: str | None) -> str:
        """Return the Name tag of what AWS calls ``physical_id``, or the id itself when it is not of this stack."""
        resource = next((resource for resource in self.resources if resource.id == physical_id), None)
        return resource.label if resource else physical_id or _("nothing")


def physical_ids(cloudformation: "CloudFormationClient", stack: str) -> dict[str, str]:
    """Return the physical ids of what a stack has, by logical id; empty text for what is not made yet.

    Raises ClientError where there is no such stack.
    """
    pages = cloudformation.get_paginator("list_stack_resources").paginate(StackName=stack)
    return {
        summary["LogicalResourceId"]: summary.get("PhysicalResourceId", "")
        for page in pages
        for summary in page["StackResourceSummaries"]
        if summary["ResourceStatus"] not in GONE
    }


# The permission for an operation, where the two have different names.
PERMISSIONS = {
    "DeleteObjects": "s3:DeleteObjectVersion",
    "HeadBucket": "s3:ListBucket",
    "HeadObject": "s3:GetObject",
    "ListBuckets": "s3:ListAllMyBuckets",
    "ListObjectVersions": "s3:ListBucketVersions",
}
DENIED = ("AccessDenied", "AccessDeniedException", "UnauthorizedOperation", "403")  # S3 says no more to a HEAD
WHAT_TO_DO = {
    "ExpiredToken": N_("Your AWS credentials have expired: sign in again"),
    "ExpiredTokenException": N_("Your AWS credentials have expired: sign in again"),
    "RequestExpired": N_("Your AWS credentials have expired: sign in again"),
    "AuthFailure": N_("AWS does not accept your credentials: check them with aws sts get-caller-identity"),
    "InvalidClientTokenId": N_("AWS does not accept your credentials: check them with aws sts get-caller-identity"),
    "UnrecognizedClientException": N_(
        "AWS does not accept your credentials: check them with aws sts get-caller-identity"
    ),
}


def permission(error: ClientError) -> str:
    """Return the permission that an operation was refused for lack of: as AWS says it, where it does."""
    said = re.search(r"not authorized to perform: ([a-z0-9-]+:\w+)", str(error))
    operation = error.operation_name
    return said[1] if said else PERMISSIONS.get(operation, operation)


def explain(error: Exception) -> str:
    """Return one line for an error of AWS, or for an answer that cannot be read, with what to do about the usual."""
    text = one_line(str(error).split(" Encoded authorization failure message:")[0])  # a kilobyte, for machines
    if isinstance(error, ClientError):
        code = error.response["Error"].get("Code", "")
        if code in DENIED:
            return _("You are not allowed to do this: {text}").format(text=text)
        return _(WHAT_TO_DO[code]) if code in WHAT_TO_DO else text
    if isinstance(error, NoCredentialsError | PartialCredentialsError | ProfileNotFound):
        return _("{text}: sign in with aws login or aws configure; for the local AWS: source .local-aws/env").format(
            text=text.rstrip(".")
        )
    if isinstance(error, EndpointConnectionError | HTTPClientError):
        return _("{text} Is the local AWS running (make local), or the region wrong?").format(text=text)
    if isinstance(error, BotoCoreError | ProblemError):
        return text
    return _("an answer that cannot be read ({name}: {text})").format(name=type(error).__name__, text=text)
