"""An S3 that is fast enough to be measured against: ``python -m bench.s3 --socket FD --folder DIR``.

The rehearsal's front, as strict as ever, but with objects of its own: the local AWS reads the whole object for each
range of it, and joins the parts of a large one in Python, so that all contestants would be as fast as that. Here an
object is a list of pieces of files: parts are joined and copies made without touching a byte. Several processes share
one socket and one folder. TLS is HAProxy's, which takes up again a session of whichever connection, as S3 does.
"""

import contextlib
import hashlib
import json
import os
import socket
import sys
import time
import uuid
from collections.abc import Iterable, Iterator
from email.utils import formatdate
from pathlib import Path
from typing import Any
from urllib.parse import parse_qsl, quote, unquote
from xml.etree import ElementTree as ET
from xml.sax.saxutils import escape

from lab.rehearsal import processes, s3_front, service, signature

KEPT_HEADERS = ("content-type", "cache-control", "content-encoding", "content-disposition")
MULTIPART = "multipart"
Piece = tuple[str, int, int]  # a file, and from where to where in it
# Hands on each byte as it came.
HAPROXY = """
defaults
  mode tcp
  timeout connect 10s
  timeout client 600s
  timeout server 600s
listen s3
  bind fd@{listener} ssl crt {folder}/haproxy.pem
  server s3 127.0.0.1:{port}
"""


class Store:
    """Objects in a folder: the bytes in ``data``, and a small file in ``objects`` that says which they are."""

    def __init__(self, folder: Path) -> None:
        self.data, self.objects = folder / "data", folder / "objects"
        for path in (self.data, self.objects):
            path.mkdir(exist_ok=True)

    def receive(self, body: Iterable[bytes]) -> tuple[list[Piece], str]:
        """Keep a body; return its one piece, and its ETag."""
        name, size, checksum = uuid.uuid4().hex, 0, hashlib.md5(usedforsecurity=False)
        with (self.data / name).open("wb") as file:
            for part in body:
                file.write(part)
                size += len(part)
                if size < s3_front.MAX_SMALL_BODY:
                    checksum.update(part)
        # That of a large one is no checksum, as for what S3 got in parts: rclone would delete what does not fit.
        etag = checksum.hexdigest() if size < s3_front.MAX_SMALL_BODY else f"{uuid.uuid4().hex}-1"
        return [(name, 0, size)], etag

    def cut(self, pieces: Iterable[Piece], start: int, end: int) -> list[Piece]:
        """Return the pieces that make up the bytes from ``start`` to before ``end``, under names of their own."""
        found, position = [], 0
        for name, first, last in pieces:
            size = last - first
            low, high = max(start - position, 0), min(end - position, size)
            if low < high:
                own = uuid.uuid4().hex
                (self.data / own).hardlink_to(self.data / name)
                found.append((own, first + low, first + high))
            position += size
        return found

    def read(self, pieces: Iterable[Piece], start: int, end: int) -> Iterator[bytes]:
        position = 0
        for name, first, last in pieces:
            size = last - first
            low, high = max(start - position, 0), min(end - position, size)
            if low < high:
                with (self.data / name).open("rb") as file:
                    file.seek(first + low)
                    left = high - low
                    while left:
                        read = file.read(min(s3_front.CHUNK, left))
                        left -= len(read)
                        yield read
            position += size

    def put(self, key: str, **facts: Any) -> None:
        """Make an object, in place of the one that had its key."""
        draft = self.data / uuid.uuid4().hex
        draft.write_text(json.dumps({"modified": int(time.time()), **facts}))
        before = self.get(key)
        draft.rename(self._path(key))
        self._forget(before)

    def get(self, key: str) -> dict[str, Any] | None:
        try:
            found: dict[str, Any] = json.loads(self._path(key).read_text())
        except FileNotFoundError:
            return None
        return found

    def delete(self, key: str) -> None:
        found = self.get(key)
        self._path(key).unlink(missing_ok=True)
        self._forget(found)

    def all_keys(self) -> list[str]:
        return sorted(
            name
            for name in (unquote(path.name) for path in self.objects.iterdir())
            if not name.startswith(f"{MULTIPART}\n")
        )

    def size(self, key: str) -> int:
        found = self.get(key)
        return _size(found) if found else 0

    def _path(self, key: str) -> Path:
        return self.objects / quote(key, safe="")

    def _forget(self, facts: dict[str, Any] | None) -> None:
        for name, _, _ in facts["pieces"] if facts else []:
            (self.data / name).unlink(missing_ok=True)


class Request(s3_front.Request):
    """A request that was found to be in order."""

    server: "Front"

    def _hand_on(self, target: str, *, body: bytes | None = None, missing_is_denied: bool = False) -> int:
        if body is not None:
            return super()._hand_on(target, body=body)  # not to S3
        path, _, text = target.partition("?")
        key = unquote(path.lstrip("/").partition("/")[2])
        query = dict(parse_qsl(text, keep_blank_values=True))
        missing = signature.AwsError(403, "AccessDenied", "Access Denied")
        if not missing_is_denied:
            missing = signature.AwsError(404, "NoSuchKey", "The specified key does not exist.")
        match self.command:
            case "HEAD" | "GET":
                return self._get(key, query, missing)
            case "PUT":
                return self._put(key, query, missing)
            case "POST":
                return self._post(key, query)
            case _:
                if upload := query.get("uploadId"):
                    self._end_upload(upload)
                else:
                    self.server.store.delete(key)
                return self._answer(status=204)

    def _get(self, key: str, query: dict[str, str], missing: signature.AwsError) -> int:
        if not key:
            return self._answer(self._list(query) if self.command == "GET" else "")
        found = self.server.store.get(key)
        if not found:
            raise missing
        return self._send(found)

    def _post(self, key: str, query: dict[str, str]) -> int:
        if "uploadId" in query:
            return self._complete(key, query["uploadId"])
        if "uploads" not in query:
            raise signature.AwsError(501, "NotImplemented", "The bench needs no such thing.")
        upload = uuid.uuid4().hex
        self.server.store.put(f"{MULTIPART}\n{upload}", pieces=[], headers=self._kept())
        return self._answer(f"<Upload><Key>{escape(key)}</Key><UploadId>{upload}</UploadId></Upload>")

    def _put(self, key: str, query: dict[str, str], missing: signature.AwsError) -> int:
        store = self.server.store
        headers = self._kept()
        source = unquote(self.headers.get("x-amz-copy-source", "")).lstrip("/").partition("/")[2]
        if source:
            found = store.get(source)
            if not found:
                raise missing
            start, end = self._range("x-amz-copy-source-range", _size(found))
            pieces, etag = store.cut(found["pieces"], start, end), found["etag"]
            if self.headers.get("x-amz-metadata-directive", "COPY") == "COPY":
                headers = found["headers"]
        else:
            pieces, etag = store.receive(self._body)
        if "uploadId" in query:
            key = f"{MULTIPART}\n{query['uploadId']}\n{query['partNumber']}"
        store.put(key, pieces=pieces, etag=etag, headers=headers)
        if source:
            return self._answer(
                f'<CopyObjectResult><LastModified>{_when(time.time())}</LastModified><ETag>"{etag}"</ETag>'
                "</CopyObjectResult>"
            )
        return self._answer(ETag=f'"{etag}"')

    def _complete(self, key: str, upload: str) -> int:
        store = self.server.store
        numbers = [
            part.text
            for part in ET.fromstring(b"".join(self._body)).iter()  # noqa: S314  # our own bench sends it
            if part.tag.endswith("PartNumber")
        ]
        pieces: list[Piece] = []
        for number in numbers:
            part = store.get(f"{MULTIPART}\n{upload}\n{number}") or {"pieces": []}
            pieces += store.cut(part["pieces"], 0, _size(part))
        etag = f"{uuid.uuid4().hex}-{len(numbers)}"
        begun = store.get(f"{MULTIPART}\n{upload}") or {"headers": {}}
        store.put(key, pieces=pieces, etag=etag, headers=begun["headers"])
        self._end_upload(upload)
        return self._answer(f'<Completed><Key>{escape(key)}</Key><ETag>"{etag}"</ETag></Completed>')

    def _end_upload(self, upload: str) -> None:
        beginning = quote(f"{MULTIPART}\n{upload}", safe="")
        for path in self.server.store.objects.glob(f"{beginning}*"):
            self.server.store.delete(unquote(path.name))

    def _list(self, query: dict[str, str]) -> str:
        prefix, delimiter = query.get("prefix", ""), query.get("delimiter", "")
        after = query.get("continuation-token") or query.get("start-after") or query.get("marker") or ""
        limit = min(int(query.get("max-keys") or 1000), 1000)
        lines, count, last, more = [], 0, "", False
        for key in self.server.store.all_keys():
            folder, cut, _ = key.removeprefix(prefix).partition(delimiter) if delimiter else ("", "", "")
            name = f"{prefix}{folder}{cut}" if cut else key
            if not key.startswith(prefix) or name <= after or name == last:
                continue
            if count == limit:
                more = True
                break
            count, last = count + 1, name
            shown = _encoded(name, query)
            if cut:
                lines.append(f"<CommonPrefixes><Prefix>{shown}</Prefix></CommonPrefixes>")
            elif found := self.server.store.get(key):
                lines.append(
                    f"<Contents><Key>{shown}</Key><LastModified>{_when(found['modified'])}</LastModified>"
                    f'<ETag>"{found["etag"]}"</ETag><Size>{_size(found)}</Size></Contents>'
                )
        next_one = f"<NextMarker>{last}</NextMarker><NextContinuationToken>{last}</NextContinuationToken>"
        return (
            f"<ListBucketResult><Prefix>{_encoded(prefix, query)}</Prefix><KeyCount>{count}</KeyCount>"
            f"<IsTruncated>{str(more).lower()}</IsTruncated>{next_one if more else ''}{''.join(lines)}"
            "</ListBucketResult>"
        )

    def _send(self, found: dict[str, Any]) -> int:
        size = _size(found)
        start, end = self._range("Range", size)
        partial = "Range" in self.headers
        self.send_response_only(206 if partial else 200)
        for name, value in found["headers"].items():
            self.send_header(name, value)
        if partial:
            self.send_header("Content-Range", f"bytes {start}-{end - 1}/{size}")
        self.send_header("Accept-Ranges", "bytes")
        self.send_header("ETag", f'"{found["etag"]}"')
        self.send_header("Last-Modified", formatdate(found["modified"], usegmt=True))
        self.send_header("Content-Length", str(end - start))
        self.end_headers()
        if self.command == "GET":
            for part in self.server.store.read(found["pieces"], start, end):
                self.wfile.write(part)
        return 206 if partial else 200

    def _answer(self, xml: str = "", *, status: int = 200, **headers: str) -> int:
        body = f'<?xml version="1.0" encoding="UTF-8"?>\n{xml}'.encode() if xml else b""
        self.send_response_only(status)
        for name, value in headers.items():
            self.send_header(name, value)
        if status != 204:
            self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)
        return status

    def _kept(self) -> dict[str, str]:
        """Return the headers that belong to the object."""
        return {
            name: value
            for name, value in self.headers.items()
            if name.lower() in KEPT_HEADERS or name.lower().startswith("x-amz-meta-")
        }

    def _range(self, header: str, size: int) -> tuple[int, int]:
        """Return the first byte that is asked for, and the one after the last."""
        first, _, last = self.headers.get(header, "bytes=0-").removeprefix("bytes=").partition("-")
        if not first:
            return max(size - int(last), 0), size
        return min(int(first), size), min(int(last) + 1 if last else size, size)


class Front(s3_front.Front):
    """The front, with its objects."""

    def __init__(self, *given: Any, facts: dict[str, Any]) -> None:
        super().__init__(*given, facts=facts)
        self.tls = None  # HAProxy has it
        self.store = Store(self.folder)


def _size(facts: dict[str, Any]) -> int:
    return sum(last - first for _, first, last in facts["pieces"])


def _encoded(key: str, query: dict[str, str]) -> str:
    return quote(key, safe="/") if query.get("encoding-type") == "url" else escape(key)


def _when(seconds: float) -> str:
    return time.strftime("%Y-%m-%dT%H:%M:%S.000Z", time.gmtime(seconds))


def with_tls(listener: socket.socket, folder: Path, certificate: str) -> socket.socket:
    """Have HAProxy answer on a socket; return the one on which it hands on what it decrypted."""
    behind = socket.create_server(("127.0.0.1", 0))
    chain = Path(certificate)
    (folder / "haproxy.pem").touch(mode=0o600)
    (folder / "haproxy.pem").write_text(chain.read_text() + chain.with_suffix(".key").read_text())
    settings = HAPROXY.format(listener=listener.fileno(), folder=folder, port=behind.getsockname()[1])
    (folder / "haproxy.cfg").write_text(settings)
    listener.listen(service.BACKLOG)
    command: list[str | Path] = ["haproxy", "-db", "-f", folder / "haproxy.cfg"]
    processes.spawn(command, log=folder / "service.log", pass_fds=[listener.fileno()])
    return behind


if __name__ == "__main__":
    listener, folder, facts = service.arguments("S3, for the bench")
    if "BENCH_WORKER" not in os.environ:
        listener = with_tls(listener, folder, facts["certificate"])
        for _ in range((os.cpu_count() or 1) - 1):
            processes.spawn(
                [sys.executable, "-m", "bench.s3", "--folder", folder, "--socket", str(listener.fileno())],
                log=folder / "service.log",
                pass_fds=[listener.fileno()],
                env={**os.environ, "BENCH_WORKER": "1"},
            )
    with contextlib.suppress(KeyboardInterrupt):
        Front(listener, Request, folder, facts=facts).serve()
