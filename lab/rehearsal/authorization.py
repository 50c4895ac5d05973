"""What the instance's role may do, by the policies that it has in the local AWS."""

from collections.abc import Iterable
from dataclasses import dataclass
from fnmatch import fnmatchcase
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from mypy_boto3_iam import IAMClient

Statement = dict[str, Any]


@dataclass(frozen=True)
class IamRequest:
    """What IAM decides about: an action on a resource, both as IAM names them."""

    action: str
    resource: str


def statements(iam: "IAMClient", role: str) -> list[Statement]:
    """Return all statements of a role's policies, its own and the attached ones."""
    documents: list[Any] = [
        iam.get_role_policy(RoleName=role, PolicyName=name)["PolicyDocument"]
        for name in iam.list_role_policies(RoleName=role)["PolicyNames"]
    ]
    for attached in iam.list_attached_role_policies(RoleName=role)["AttachedPolicies"]:
        policy = iam.get_policy(PolicyArn=attached["PolicyArn"])["Policy"]
        version = iam.get_policy_version(PolicyArn=attached["PolicyArn"], VersionId=policy["DefaultVersionId"])
        documents.append(version["PolicyVersion"]["Document"])
    return [statement for document in documents for statement in _several(document["Statement"])]


def allowed(iam_request: IamRequest, policy: Iterable[Statement], denied: Iterable[str] = ()) -> bool:
    """Whether some statement allows it, and neither a statement nor ``denied`` (patterns of actions) denies it.

    Conditions are not looked at: those of the bastion's policies hold for every request that it makes.
    """
    if any(fnmatchcase(iam_request.action.lower(), pattern.lower()) for pattern in denied):
        return False
    effects = {statement["Effect"] for statement in policy if _applies_to(statement, iam_request)}
    return "Allow" in effects and "Deny" not in effects


def of_s3(method: str, bucket: str, key: str, query: dict[str, str]) -> IamRequest:
    """Return what a request to S3 wishes to do."""
    if not bucket:
        return IamRequest("s3:ListAllMyBuckets", "*")
    if not key:
        reads = {"location": "s3:GetBucketLocation", "versioning": "s3:GetBucketVersioning"}
        known = [action for name, action in reads.items() if name in query]
        action = {"GET": "s3:ListBucket", "HEAD": "s3:ListBucket", "POST": "s3:DeleteObject"}.get(method, "s3:Other")
        if "uploads" in query:
            action = "s3:ListBucketMultipartUploads"
        return IamRequest(known[0] if known else action, f"arn:aws:s3:::{bucket}")
    if method == "DELETE" and "uploadId" in query:
        action = "s3:AbortMultipartUpload"
    elif method == "GET" and "uploadId" in query:
        action = "s3:ListMultipartUploadParts"
    else:
        action = {"GET": "s3:GetObject", "HEAD": "s3:GetObject", "DELETE": "s3:DeleteObject"}.get(
            method, "s3:PutObject"
        )
    return IamRequest(action, f"arn:aws:s3:::{bucket}/{key}")


def _applies_to(statement: Statement, iam_request: IamRequest) -> bool:
    return any(
        fnmatchcase(iam_request.action.lower(), pattern.lower()) for pattern in _several(statement.get("Action", []))
    ) and any(fnmatchcase(iam_request.resource, pattern) for pattern in _several(statement.get("Resource", [])))


def _several(value: Any) -> list[Any]:
    return value if isinstance(value, list) else [value]
