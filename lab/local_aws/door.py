"""Who may come in: the one way from the port of 127.0.0.1 to ministack.

Every user of this machine, and every web page in the user's browser, reaches 127.0.0.1. So a request comes in only when

* its Host is 127.0.0.1 or localhost with our port, or one of S3's names below localhost: a name that somebody else's
  DNS server points at us is not,
* it has no Origin of another web page,
* it is for a service that this project is about, and
* it is signed (Signature Version 4) with a secret that this local AWS gave out: that of its folder, or one of IAM's
  and STS's.

The signatures are read by ministack's own functions, but not where ministack does it: with ``AUTH=true`` it believes
whoever uses the access key ``test``, an account id, or that of the root user, whatever the signature.

Source: https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_sigv.html
"""

import hashlib
import json
import os
import re
import secrets
from collections.abc import Callable, Mapping, MutableMapping
from dataclasses import dataclass
from typing import Any
from urllib.parse import parse_qs, quote

from ministack import app as ministack
from ministack.core import iam_actions, iam_evaluator, responses, router, sigv4

from lab.local_aws.challenge import response_to
from lab.local_aws.state import Store

Scope = MutableMapping[str, Any]
Failure = tuple[str, str] | None  # the code and the message of AWS's error
# As the credentials of a request name them. What is not here is not served: nothing that runs code, opens another port
# or keeps what no chapter is about.
SERVICES = ("budgets", "cloudformation", "ec2", "iam", "logs", "s3", "scheduler", "ssm", "sts", "tagging")
# The same in the names of CloudFormation's resource types, and what the CDK says of itself.
RESOURCES = ("Budgets", "CDK", "CloudFormation", "EC2", "IAM", "Logs", "S3", "SSM", "Scheduler")
# Of these services, all but S3 and Scheduler have a single address. Scheduler's are as its API says.
PATHS = {
    "s3": re.compile(r"/(?!v20180820/).*", re.DOTALL),
    "scheduler": re.compile(r"/(schedules|schedule-groups|tags)(/.*)?"),
}
ONLY_ROOT = re.compile(r"/")
HEALTH = "/_ministack/health"
NO_SUCH_ADDRESS = "The local AWS has no such address."
MAX_SIGNED_BODY = 64 * 1024 * 1024  # bytes, of what is read before its signature is known to be good
ACCOUNT = re.compile(r"\d{12}")
REGION = re.compile(r"[a-z]{2}(-[a-z]+)+-\d")


class DoorError(Exception):
    """The door refuses a request, with one of AWS's error codes."""

    def __init__(self, code: str, message: str, *, service: str = "") -> None:
        super().__init__(message)
        self.code = code
        self.message = message
        self.service = service


def serve_only_these_services() -> None:
    """Take everything else from ministack: other services' handlers, state and resource types, and its short cuts."""
    from ministack.services.cloudformation import provisioners  # noqa: PLC0415  # imports most of ministack

    modules = {ministack.SERVICE_REGISTRY[service]["module"] for service in SERVICES}
    ministack.SERVICE_HANDLERS = {name: ministack.SERVICE_HANDLERS[name] for name in SERVICES}
    ministack._state_map = {key: name for key, name in ministack._state_map.items() if name in modules}
    for name in set(provisioners._RESOURCE_HANDLERS):
        if name.split("::")[1] not in RESOURCES:
            del provisioners._RESOURCE_HANDLERS[name]
    provisioners._custom_resource_create = _refuse_custom_resource
    provisioners._RESOURCE_HANDLERS["AWS::CloudFormation::CustomResource"] = {"create": _refuse_custom_resource}

    async def nothing(*_request: Any) -> None:
        """Take no short cut to a service: neither by an address nor by a name of a host."""

    async def only_buckets(
        method: str, path: str, headers: dict[str, str], body: bytes, query: dict[str, Any], *_id: Any, **_more: Any
    ) -> Any:
        return await ministack._handle_s3_vhost_request(headers["host"], path, method, headers, body, query)

    ministack._handle_pre_body_request = nothing
    ministack._handle_post_body_shortcuts = nothing
    ministack._handle_special_data_plane_request = only_buckets
    ministacks = ministack._get_module

    def get_module(name: str) -> Any:
        if name not in modules:
            raise DoorError("UnknownOperationException", f"The local AWS does not serve {name}.")
        return ministacks(name)

    ministack._get_module = get_module


def _refuse_custom_resource(*_given: Any, **_more: Any) -> None:
    raise ValueError("The local AWS has no custom resources, as these run code")


class Door:
    """The ASGI application in front of ministack's.

    ``folder`` is that of this local AWS, and ``secret`` its secret key: whoever asks for our health gets a proof that
    we know both. While ``store`` cannot write, nothing but health is answered. ``started`` is called when ministack has
    its state, before the first request.
    """

    def __init__(
        self,
        app: Callable[..., Any],
        *,
        port: int,
        folder: str,
        secret: str,
        store: Store,
        started: Callable[[], None],
    ) -> None:
        self.app = app
        self.started = started
        self.folder = folder
        self.secret = secret
        self.store = store
        ours = rf"(127\.0\.0\.1|localhost|([a-z0-9.-]+\.)?s3(\.[a-z0-9-]+)?\.localhost):{port}"
        self.hosts = re.compile(ours, re.IGNORECASE)
        self.origins = {f"http://127.0.0.1:{port}", f"http://localhost:{port}"}

    async def __call__(self, scope: Scope, receive: Any, send: Any) -> None:
        if scope["type"] == "lifespan":
            await self.app(scope, receive, self._telling_when_started(send))
        elif scope["type"] == "websocket":
            await receive()
            await send({"type": "websocket.close", "code": 1008})
        elif scope["type"] == "http":
            headers: dict[str, str] = {}
            try:
                headers = _headers(scope)
                self._check_origin(headers)
                if scope["path"] == HEALTH and scope["method"] == "GET":
                    await _answer(send, 200, {"Content-Type": "application/json"}, self._health(scope))
                    return
                receive = await _authenticated(_Request.of(scope, headers), receive)
                self._check_disk()
                await self.app(_as_over_tls(scope), receive, _without_cors(send))
                if scope["method"] not in ("GET", "HEAD"):
                    self.store.save_soon()
            except DoorError as refused:
                await _answer(send, *_in_its_protocol(refused, scope, headers))

    def _telling_when_started(self, send: Any) -> Any:
        async def send_on(message: dict[str, Any]) -> None:
            if message["type"] == "lifespan.startup.complete":
                self.started()
            await send(message)

        return send_on

    def _check_origin(self, headers: Mapping[str, str]) -> None:
        if not self.hosts.fullmatch(headers.get("host", "")):
            raise DoorError("AccessDenied", "The local AWS answers under its own address alone.")
        if headers.get("origin", "") not in {"", *self.origins}:
            raise DoorError("AccessForbidden", "The local AWS answers no web page.")

    def _check_disk(self) -> None:
        if self.store.trouble:
            self.store.save()
        if self.store.trouble:
            raise DoorError("InsufficientStorage", f"The local AWS has lost nothing yet, but {self.store.trouble}")

    def _health(self, scope: Scope) -> bytes:
        question = scope.get("query_string", b"").decode("latin-1")
        return json.dumps({"proof": response_to(self.secret, self.folder, question)}).encode()


@dataclass
class _Request:
    """A request whose body may not have been read yet."""

    method: str
    path: str
    raw_path: str
    query: dict[str, list[str]]
    headers: dict[str, str]
    body: bytes = b""

    @classmethod
    def of(cls, scope: Scope, headers: dict[str, str]) -> "_Request":
        query = parse_qs(scope.get("query_string", b"").decode("latin-1"), keep_blank_values=True)
        raw_path = (scope.get("raw_path") or quote(scope["path"]).encode()).decode("latin-1")
        return cls(scope["method"], scope["path"], raw_path, query, headers)

    @property
    def presigned(self) -> bool:
        """Whether the signature is in the query."""
        return "authorization" not in self.headers

    @property
    def claimed_hash(self) -> str:
        return self.headers.get("x-amz-content-sha256", "")

    @property
    def token(self) -> str:
        if self.presigned:
            return (self.query.get("X-Amz-Security-Token") or [""])[0]
        return self.headers.get("x-amz-security-token", "")


async def _authenticated(request: _Request, receive: Any) -> Any:
    """Return what to read the body from. Raises DoorError unless the request may come in."""
    given = _given_signature(request)
    # The body of a file may be large; who signed its headers is who sends it.
    if given.service != "s3" or request.claimed_hash.startswith("STREAMING-AWS4-HMAC-SHA256-PAYLOAD"):
        request.body = await _read(receive, MAX_SIGNED_BODY)
        receive = _again(request.body, receive)
    form = parse_qs(request.body.decode("latin-1")) if b"Action=" in request.body else {}
    asked = router.detect_service(request.method, request.path, request.headers, {**form, **request.query})
    if asked != given.service or not PATHS.get(given.service, ONLY_ROOT).fullmatch(request.path):
        raise DoorError("AccessDenied", NO_SUCH_ADDRESS, service=given.service)
    if failure := _failure_of_time(given, request) or _failure_of_signature(given, request):
        raise DoorError(*failure, service=given.service)
    return receive


def _given_signature(request: _Request) -> sigv4.HeaderSignature:
    """Return what a request says of its signature. Raises DoorError where it has none for a service of ours."""
    if request.path.startswith("/_"):
        raise DoorError("AccessDenied", NO_SUCH_ADDRESS)
    if request.presigned and "X-Amz-Signature" not in request.query:
        raise DoorError("MissingAuthenticationToken", "Request is missing Authentication Token")
    if not request.presigned and ("X-Amz-Credential" in request.query or "AWSAccessKeyId" in request.query):
        raise DoorError("AccessDenied", "Only one way of signing a request is allowed")
    given = (
        sigv4.parse_query_signature(request.query)
        if request.presigned
        else sigv4.parse_header_signature(request.headers)
    )
    if not isinstance(given, sigv4.HeaderSignature):
        raise DoorError(*given)
    if given.service not in SERVICES or not REGION.fullmatch(given.region):
        raise DoorError("UnknownOperationException", f"The local AWS serves {', '.join(SERVICES)} alone.")
    return given


def _failure_of_time(given: sigv4.HeaderSignature, request: _Request) -> Failure:
    if not request.presigned:
        failure: Failure = sigv4.request_time_failure(given)
        return failure
    try:
        seconds = (request.query.get("X-Amz-Expires") or ["0"])[0]
        expired = sigv4.presigned_request_is_expired(given.amz_date, seconds)
    except ValueError:
        expired = True
    return ("AccessDenied", "Request has expired") if expired else None


def _failure_of_signature(given: sigv4.HeaderSignature, request: _Request) -> Failure:
    """Return why the signature is not that of the key it names, or not for this request."""
    key = given.access_key_id
    account = (
        responses._account_from_sts_session(key)
        or iam_evaluator.find_iam_access_key_account(key)
        or (key if ACCOUNT.fullmatch(key) else os.environ["MINISTACK_ACCOUNT_ID"])
    )
    known = iam_evaluator.resolve_credential(key, account, request.token)
    if not isinstance(known, iam_evaluator.ResolvedCredential):
        return known.code, known.message
    # A hash in a header is what is signed; without one, it is the body itself.
    of_body = {"", hashlib.sha256(request.body).hexdigest()}
    if given.service != "s3" and request.claimed_hash not in of_body:
        return "SignatureDoesNotMatch", sigv4.SIGNATURE_MISMATCH
    failure: Failure = sigv4.header_signature_failure(
        given,
        known.secret_access_key,
        request.method,
        request.raw_path,
        request.query,
        request.headers,
        request.body,
        presigned=request.presigned,
    )
    return failure


def _headers(scope: Scope) -> dict[str, str]:
    """Return the headers as ministack reads them, but none of those that matter here twice."""
    headers: dict[str, str] = {}
    for raw_name, value in scope["headers"]:
        name, text = raw_name.decode("latin-1").lower(), sigv4.decode_header_value(value)
        if name in headers and name in ("authorization", "host", "origin"):
            raise DoorError("AccessDenied", f"A request has one header {name}")
        headers[name] = f"{headers[name]},{text}" if name in headers else text
    return headers


async def _read(receive: Any, limit: int) -> bytes:
    """Read the whole body. Raises DoorError at more than ``limit`` bytes."""
    body = bytearray()
    while True:
        message = await receive()
        body += message.get("body", b"")
        if len(body) > limit:
            raise DoorError("RequestEntityTooLarge", f"More than {limit:,} bytes are not read here.")
        if message["type"] != "http.request" or not message.get("more_body"):
            return bytes(body)


def _again(body: bytes, receive: Any) -> Any:
    """Return something to read a body from that was read before."""
    first = [{"type": "http.request", "body": body, "more_body": False}]

    async def read() -> Any:
        return first.pop() if first else await receive()

    return read


def _as_over_tls(scope: Scope) -> Scope:
    """Let a request count as one over TLS, which the buckets' policies demand: it never leaves this machine."""
    others = [(name, value) for name, value in scope["headers"] if name.lower() != b"x-forwarded-proto"]
    return {**scope, "headers": [*others, (b"x-forwarded-proto", b"https")]}


def _without_cors(send: Any) -> Any:
    """Return a ``send`` that allows no web page to read the answer, whatever ministack says."""

    async def send_on(message: dict[str, Any]) -> None:
        if message["type"] == "http.response.start":
            kept = [
                (name, value) for name, value in message["headers"] if not name.lower().startswith(b"access-control-")
            ]
            message = {**message, "headers": kept}
        await send(message)

    return send_on


def _in_its_protocol(refused: DoorError, scope: Scope, headers: dict[str, str]) -> tuple[int, dict[str, str], bytes]:
    """Return the refusal as the service that was asked would word it; S3's and EC2's are XML, others' JSON."""
    service = refused.service or router.detect_service(scope["method"], scope["path"], headers, {})
    answer: tuple[int, dict[str, str], bytes] = iam_actions.access_denied_response(
        service, "", "", secrets.token_hex(8), error_code=refused.code, message=refused.message, headers=headers
    )
    return answer if scope["method"] != "HEAD" else (*answer[:2], b"")


async def _answer(send: Any, status: int, headers: Mapping[str, str], body: bytes) -> None:
    wire = [(name.lower().encode(), value.encode("latin-1", "replace")) for name, value in headers.items()]
    await send({"type": "http.response.start", "status": status, "headers": wire})
    await send({"type": "http.response.body", "body": body, "more_body": False})
