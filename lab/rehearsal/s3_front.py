"""AWS as the bastion sees it, before the local AWS: ``python -m lab.rehearsal.s3_front --socket FD --folder DIR``.

Answers ``https://BUCKET.s3.REGION.amazonaws.com`` and ``https://SERVICE.REGION.amazonaws.com``. The local AWS keeps the
objects, answers the calls, and judges what the role may do. Refused here is what it is too kind for: ACLs on a bucket
that has them disabled, and a request that is not signed by credentials of the role.

Facts: ``region``, ``endpoint`` (of the local AWS), ``key`` (of ``credentials``, in hexadecimal), ``certificate``,
``session`` (access key, secret key and token of the role in the local AWS), ``deploy`` (what ``lab.rehearsal.deploy``
must know).
"""

import contextlib
import http.client
import io
import random
import re
import ssl
import time
from collections.abc import Iterator
from fnmatch import fnmatchcase
from typing import Any, BinaryIO
from urllib.parse import parse_qs, parse_qsl, unquote, urlsplit
from xml.sax.saxutils import escape

from lab.rehearsal import credentials, deploy, service, signature

CHUNK = 1 << 18
IDLE_SECONDS = 2  # the local AWS closes connections that are idle for longer
MAX_SMALL_BODY = 1 << 20
# Between client and server of one connection: not for the next one.
HOP_BY_HOP = ("connection", "keep-alive", "transfer-encoding", "te", "upgrade", "expect", "host", "authorization")
CHUNK_HEADERS = ("content-encoding", "content-length")
SIGNATURE_HEADERS = (
    "x-amz-content-sha256",
    "x-amz-date",
    "x-amz-decoded-content-length",
    "x-amz-security-token",
    "x-amz-trailer",
)


class Front(service.ServiceServer):
    """The front, with what it must know."""

    facts: dict[str, Any]

    def __init__(self, *given: Any, facts: dict[str, Any]) -> None:
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(facts["certificate"], facts["certificate"].removesuffix(".crt") + ".key")
        super().__init__(*given, tls=context)
        self.facts = facts
        self.key = bytes.fromhex(facts["key"])
        self.deploy = deploy.Deploy(**facts["deploy"])
        self.local = urlsplit(facts["endpoint"]).netloc


class Request(service.Handler):
    """A request; the connection to the local AWS is as old as the client's own."""

    server: Front
    protocol_version = "HTTP/1.1"
    server_version, sys_version = "AmazonS3", ""
    _upstream: http.client.HTTPConnection | None = None
    _last_used = 0.0

    def do_GET(self) -> None:  # noqa: N802  # the names that http.server looks for
        if self.drops_request():
            return
        self._service = "s3"
        self._unread = int(self.headers.get("Content-Length") or 0)
        self._body = self._pieces()
        try:
            self._route()
        except signature.AwsError as error:
            self._reply_error(error)

    do_HEAD = do_PUT = do_POST = do_DELETE = do_GET  # noqa: N815

    def finish(self) -> None:
        super().finish()
        if self._upstream:
            self._upstream.close()

    def _route(self) -> None:
        if self.server.switches.fault_now == "error" and self._by_chance():
            raise signature.AwsError(503, "SlowDown", "Please reduce your request rate.")
        if self.server.switches.fault_now == "clock":
            raise signature.AwsError(403, "RequestTimeTooSkewed", "The difference of the times is too large.")
        host = self.headers.get("Host", "").lower()
        region = self.server.facts["region"]
        for domain in (f"s3.{region}.amazonaws.com", "s3.amazonaws.com"):
            if host == domain:
                self._s3(self.target)
                return
            if host.endswith(f".{domain}"):
                self._s3(f"/{host.removesuffix(f'.{domain}')}{self.target}")
                return
        if found := re.fullmatch(rf"([a-z0-9]+)\.{region}\.amazonaws\.com", host):
            self._call(found[1])
        else:
            raise signature.AwsError(404, "NotFound", f"{host or 'A request without a host'} is not served here")

    def _by_chance(self) -> bool:
        return random.random() < self.server.switches.share  # noqa: S311  # no secret

    def _s3(self, path_style: str) -> None:
        """Judge a request to S3, and hand it on; the bucket is the first part of ``path_style``."""
        self._authenticate()
        path, _, query = path_style.partition("?")
        bucket, _, key = path.lstrip("/").partition("/")
        acl = self.headers.get("x-amz-acl", "bucket-owner-full-control")
        if acl != "bucket-owner-full-control":
            raise signature.AwsError(400, "AccessControlListNotSupported", "The bucket does not allow ACLs")
        if self.command == "PUT" and self._size() is None:
            raise signature.AwsError(411, "MissingContentLength", "You must provide the Content-Length HTTP header.")
        action = action_of(self.command, bucket, unquote(key), dict(parse_qsl(query, keep_blank_values=True)))
        self._deny(action)
        if self.command == "HEAD" and key == "/":
            # s3fs asks for the key "/": the local AWS takes it for the bucket, and says that it is there.
            raise signature.AwsError(404, "NoSuchKey", "The specified key does not exist.")
        status = self._hand_on(path_style, missing_is_denied=self._is_denied("s3:ListBucket"))
        self._log(status, action=action, key=unquote(key))

    def _call(self, name: str) -> None:
        """Hand on a call of another service's API. To these, no VPC endpoint leads: only the internet."""
        while self.server.switches.fault_now == "no internet":
            time.sleep(service.POLL_SECONDS)
        if self._unread > MAX_SMALL_BODY:
            raise signature.AwsError(413, "RequestEntityTooLarge", "The request is too large.")
        body = self.rfile.read(self._unread)
        self._unread = 0
        self._authenticate(body)
        call = {name: values[0] for name, values in parse_qs(body.decode(errors="replace")).items()}
        self._service = name
        action = f"{name}:{call.get('Action') or self.headers.get('X-Amz-Target', '').rpartition('.')[2]}"
        self._deny(action)
        if action == "cloudformation:SignalResource":
            self._signal(call, body)
        else:
            self._log(self._hand_on(self.target, body=body), action=action)

    def _signal(self, call: dict[str, str], body: bytes) -> None:
        """Take a signal for the deploy that is rehearsed; whether the role may send it, the local AWS judges."""
        with contextlib.closing(self._ask(self.target, body=body)) as answer:
            if answer.status == 403:
                raise signature.AwsError(403, "AccessDenied", "The role may not signal the stack.")
            answer.read()
        counted = self.server.deploy.signal(call)
        self._log(200, action="cloudformation:SignalResource", call=call, counted=counted)
        self.reply(200, deploy.ANSWER, content_type="text/xml")

    def _authenticate(self, body: bytes = b"") -> None:
        url = f"https://{self.headers.get('Host', '')}{self.target}"
        signature.check_signature(self.server.key, self.command, url, self.headers, body)
        known = credentials.find_issued(self.server.key, _access_key(self.headers))
        if known and known.expires < self.server.switches.revoked:
            raise signature.AwsError(403, "AccessDenied", "The role's sessions of before were revoked.")

    def _is_denied(self, action: str) -> bool:
        """Whether a switch takes this right away, whatever the role's policies say."""
        return any(fnmatchcase(action.lower(), pattern.lower()) for pattern in self.server.switches.deny)

    def _deny(self, action: str) -> None:
        if self._is_denied(action):
            raise signature.AwsError(403, "AccessDenied", f"The role is not authorized to perform: {action}")

    def _hand_on(self, target: str, *, body: bytes | None = None, missing_is_denied: bool = False) -> int:
        """Send the request to the local AWS, body and answer piece by piece; return the status."""
        answer = self._ask(target, body=body)
        if answer.status == 404 and missing_is_denied:
            answer.read()
            raise signature.AwsError(403, "AccessDenied", "Access Denied")
        self.send_response_only(answer.status)
        for name, value in answer.headers.items():
            if name.lower() not in HOP_BY_HOP:
                self.send_header(name, value)
        chunked = self.command != "HEAD" and "Content-Length" not in answer.headers and answer.status != 204
        if chunked:
            self.send_header("Transfer-Encoding", "chunked")
        self.end_headers()
        while piece := answer.read(CHUNK):
            self.wfile.write(b"%x\r\n%s\r\n" % (len(piece), piece) if chunked else piece)
        if chunked:
            self.wfile.write(b"0\r\n\r\n")
        self._last_used = time.monotonic()
        return answer.status

    def _ask(self, target: str, *, body: bytes | None) -> http.client.HTTPResponse:
        """Send the request to the local AWS, signed by the role's session there; return the answer, yet to be read."""
        if not self._upstream or time.monotonic() - self._last_used > IDLE_SECONDS:
            if self._upstream:
                self._upstream.close()
            self._upstream = http.client.HTTPConnection(self.server.local, timeout=60)
        ours = (*HOP_BY_HOP, *SIGNATURE_HEADERS, *(CHUNK_HEADERS if self._is_aws_chunked() else ()))
        headers = {name: value for name, value in self.headers.items() if name.lower() not in ours}
        if self._is_aws_chunked():
            headers["Content-Length"] = str(self._size())
        url = f"http://{self.server.local}{target}"
        session, region = self.server.facts["session"], self.server.facts["region"]
        headers = signature.sign(
            session, self.command, url, headers, service=self._service, region=region, body=body or b""
        )
        pieces: Any = body if body is not None else self._body if self._size() else None
        self._upstream.request(self.command, target, pieces, headers)
        return self._upstream.getresponse()

    def _size(self) -> int | None:
        """Return how long the body is, once it is plain."""
        said = self.headers.get("x-amz-decoded-content-length") or self.headers.get("Content-Length")
        return int(said) if said else None

    def _is_aws_chunked(self) -> bool:
        return "aws-chunked" in self.headers.get("Content-Encoding", "")

    def _pieces(self) -> Iterator[bytes]:
        """Read the body as plain bytes, however it was sent; all of it must be read before the next request."""
        chunked = self.headers.get("Transfer-Encoding", "") == "chunked"
        sent = dechunked(self.rfile) if chunked else self._counted()
        if self._is_aws_chunked():
            yield from dechunked(io.BufferedReader(PieceReader(sent)))
        yield from sent

    def _counted(self) -> Iterator[bytes]:
        while self._unread:
            piece = self.rfile.read(min(CHUNK, self._unread))
            if not piece:
                self.close_connection = True
                raise ConnectionError
            self._unread -= len(piece)
            yield piece

    def _reply_error(self, error: signature.AwsError) -> None:
        self._log(error.status, refused=error.code)
        for _ in self._body:
            pass  # read to its end: a client that is still sending would not hear the answer
        body = f"<Error><Code>{error.code}</Code><Message>{escape(error.message)}</Message></Error>"
        self.reply(
            error.status, f'<?xml version="1.0" encoding="UTF-8"?>\n{body}'.encode(), content_type="application/xml"
        )

    def _log(self, status: int, **facts: Any) -> None:
        self.server.log(
            method=self.command,
            host=self.headers.get("Host", ""),
            path=self.target,
            status=status,
            agent=self.headers.get("User-Agent", ""),
            bytes=self._size() or 0,
            access_key=_access_key(self.headers),
            **facts,
        )


class PieceReader(io.RawIOBase):
    """A stream that is read from pieces, one after the other."""

    def __init__(self, pieces: Iterator[bytes]) -> None:
        self._pieces = pieces
        self._left = b""

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: Any) -> int:
        self._left = self._left or next(self._pieces, b"")
        count = min(len(buffer), len(self._left))
        buffer[:count] = self._left[:count]
        self._left = self._left[count:]
        return count


def dechunked(stream: BinaryIO | io.BufferedIOBase) -> Iterator[bytes]:
    """Undo the chunks of HTTP, or those of S3 (aws-chunked), which look the same. What trails them is dropped.

    Raises ConnectionError when the stream ends within one.
    """
    while left := int(stream.readline().split(b";")[0], 16):
        while left:
            piece = stream.read(min(CHUNK, left))
            if not piece:
                raise ConnectionError
            left -= len(piece)
            yield piece
        stream.readline()
    while stream.readline().strip():
        pass


def _access_key(headers: Any) -> str:
    given = signature.AUTHORIZATION.match(headers.get("Authorization", ""))
    return given["access_key"] if given else ""


def action_of(method: str, bucket: str, key: str, query: dict[str, str]) -> str:
    """Return what a request to S3 does, as IAM names it."""
    if not bucket:
        return "s3:ListAllMyBuckets"
    if not key:
        named = {
            "location": "GetBucketLocation",
            "versioning": "GetBucketVersioning",
            "uploads": "ListBucketMultipartUploads",
        }
        known = [action for name, action in named.items() if name in query]
        return f"s3:{known[0] if known else 'DeleteObject' if method == 'POST' else 'ListBucket'}"
    if "uploadId" in query and method in ("DELETE", "GET"):
        return "s3:AbortMultipartUpload" if method == "DELETE" else "s3:ListMultipartUploadParts"
    return {"GET": "s3:GetObject", "HEAD": "s3:GetObject", "DELETE": "s3:DeleteObject"}.get(method, "s3:PutObject")


if __name__ == "__main__":
    listener, folder, facts = service.arguments("S3, in front of the local AWS")
    Front(listener, Request, folder, facts=facts).serve()
