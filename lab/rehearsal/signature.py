"""Who a request is from: the signature of AWS (version 4), made and checked with botocore's own code for making it."""

import datetime as dt
import re
from collections.abc import Mapping, Sequence
from email.message import Message
from typing import Any
from urllib.parse import quote, unquote

from botocore.auth import S3SigV4Auth, SigV4Auth
from botocore.awsrequest import AWSRequest
from botocore.credentials import Credentials as Signer

from lab.rehearsal import credentials

AUTHORIZATION = re.compile(
    r"AWS4-HMAC-SHA256 Credential=(?P<access_key>[^/]+)/(?P<day>\d{8})/(?P<region>[^/]+)/(?P<service>[^/]+)"
    r"/aws4_request, *"
    r"SignedHeaders=(?P<headers>[^,]+), *Signature=(?P<signature>[0-9a-f]{64})$"
)
MAX_SKEW = dt.timedelta(minutes=15)
DATE = "%Y%m%dT%H%M%SZ"


class AwsError(Exception):
    """Why a request is not accepted, in AWS's words."""

    def __init__(self, status: int, code: str, message: str) -> None:
        super().__init__(message)
        self.status = status
        self.code = code
        self.message = message


def check_signature(key: bytes, method: str, url: str, headers: Message, body: bytes = b"") -> None:
    """Raise AwsError unless the request is signed with credentials that the metadata service issued, and still good.

    ``url`` is exactly as sent. ``body`` matters only where no header says its hash.
    """
    given = AUTHORIZATION.match(headers.get("Authorization", ""))
    if not given:
        raise AwsError(403, "AccessDenied", "Access Denied")
    known = credentials.find_issued(key, given["access_key"])
    if not known:
        raise AwsError(403, "InvalidAccessKeyId", "The AWS Access Key Id you provided does not exist in our records.")
    if headers.get("X-Amz-Security-Token") != known.token:
        raise AwsError(403, "InvalidToken", "The provided token is malformed or otherwise invalid.")
    if known.expired:
        raise AwsError(403, "ExpiredToken", "The provided token has expired.")
    _check_date(headers.get("X-Amz-Date", ""))
    path, _, query = url.partition("?")
    signed = {name: headers.get(name, "") for name in given["headers"].split(";")}
    request = AWSRequest(method, f"{path}?{_canonical(query)}", signed, data=body)
    request.context["timestamp"] = headers["X-Amz-Date"]
    if _signature(known, given, request) != given["signature"]:
        raise AwsError(
            403,
            "SignatureDoesNotMatch",
            "The request signature we calculated does not match the signature you provided.",
        )


class _OfHeadersAlone(S3SigV4Auth):
    """S3's signature without a hash of the body, which is sent on piece by piece."""

    def payload(self, _request: AWSRequest) -> str:
        return "UNSIGNED-PAYLOAD"


def sign(
    session: Sequence[str],
    method: str,
    url: str,
    headers: Mapping[str, str],
    *,
    service: str,
    region: str,
    body: bytes = b"",
) -> dict[str, str]:
    """Return the headers of a request signed with ``session``: access key, secret key and token.

    The body of one to S3 is not signed, so it is not wanted here.
    """
    address, _, query = url.partition("?")
    request = AWSRequest(method, f"{address}?{_canonical(query)}", dict(headers), data=body)
    scheme = _OfHeadersAlone if service == "s3" else SigV4Auth
    scheme(Signer(*session), service, region).add_auth(request)
    return dict(request.headers.items())


def _check_date(text: str) -> None:
    try:
        sent = dt.datetime.strptime(text, DATE).replace(tzinfo=dt.UTC)
    except ValueError:
        raise AwsError(403, "AccessDenied", "AWS authentication requires a valid Date or x-amz-date header") from None
    if abs(dt.datetime.now(dt.UTC) - sent) > MAX_SKEW:
        raise AwsError(
            403, "RequestTimeTooSkewed", "The difference between the request time and the current time is too large."
        )


def _signature(
    known: credentials.Credentials,
    given: "re.Match[str]",
    request: AWSRequest,
) -> str:
    """Return the signature that the request should have; it consists of the signed headers alone."""
    signer_type = S3SigV4Auth if given["service"] == "s3" else SigV4Auth
    signer: Any = signer_type(Signer(known.access_key, known.secret_key), given["service"], given["region"])
    # All that the client says it signed; botocore leaves out what it does not sign itself, and older CLIs do.
    signer.headers_to_sign = lambda request: request.headers
    text = signer.string_to_sign(request, signer.canonical_request(request))
    return str(signer.signature(text, request))


def _canonical(query: str) -> str:
    """Return a query with every name and value encoded as AWS reads it: s3fs signs ``%2F`` where it sends ``/``."""
    pairs = (pair.partition("=") for pair in query.split("&") if pair)
    return "&".join(f"{_encoded(name)}={_encoded(value)}" for name, _, value in pairs)


def _encoded(text: str) -> str:
    return quote(unquote(text), safe="-_.~")
