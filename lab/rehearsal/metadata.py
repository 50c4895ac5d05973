"""A strict instance metadata service: ``python -m lab.rehearsal.metadata --socket FD --folder DIR``.

As on an instance that requires IMDSv2: nothing without a token, a token only for who asks with PUT and no proxy, and
417 for ``Expect: 100-continue``, on which s3fs 1.90 fails. The answer with the token travels only as many hops as the
instance's limit says: beyond the first router, in a container for example, nobody gets one when it is 1.

Facts: ``user_data``, ``role``, ``region``, ``zone``, ``instance_id``, ``instance_type``, ``image_id``, ``account``,
``mac``, ``address``, ``public_key``, ``key`` (of ``credentials``, in hexadecimal), ``credential_seconds``,
``tokenless`` (the beginning of a user agent that may ask without a token; nothing on a faithful machine),
``hop_limit``, ``public_address`` (the file that has the public IPv4 address).
"""

import json
import secrets
import socket
import time
from http import HTTPStatus
from pathlib import Path
from typing import Any

from lab.rehearsal import credentials, service

TOKEN_PATH = "/latest/api/token"  # noqa: S105  # where to get one
TOKEN_SECONDS = range(1, 21601)
# Those that clients of today ask for, of the many that there are.
VERSIONS = ("1.0", "2009-04-04", "2016-09-02", "2018-09-24", "2021-03-23", "latest")


class Metadata(service.ServiceServer):
    """The service, with the tokens and the credentials that it has given out."""

    facts: dict[str, Any]

    def __init__(self, *given: Any, facts: dict[str, Any]) -> None:
        super().__init__(*given)
        self.facts = facts
        self.tokens: dict[str, float] = {}
        self._issued: credentials.Credentials | None = None

    def role_credentials(self) -> str:
        """Return the credentials' document; like AWS, the same one until most of its life is over."""
        seconds = float(self.facts["credential_seconds"])
        good_until = max(time.time() + seconds / 4, self.switches.revoked)
        if not self._issued or self._issued.expires < good_until:
            self._issued = credentials.issue(bytes.fromhex(self.facts["key"]), seconds=seconds)
        return _document(
            Code="Success",
            LastUpdated=_utc(time.time()),
            Type="AWS-HMAC",
            AccessKeyId=self._issued.access_key,
            SecretAccessKey=self._issued.secret_key,
            Token=self._issued.token,
            Expiration=_utc(self._issued.expires),
        )

    def tree(self) -> dict[str, Any]:
        """Return what is below ``/latest``: dictionaries are folders."""
        facts = self.facts
        name = f"ip-{facts['address'].replace('.', '-')}.ec2.internal"
        network = {
            "device-number": "0",
            "interface-id": "eni-0123456789abcdef0",
            "local-hostname": name,
            "local-ipv4s": facts["address"],
            "mac": facts["mac"],
            "owner-id": facts["account"],
            "security-groups": "bastion",
            "subnet-ipv4-cidr-block": "169.254.0.0/16",
            "vpc-ipv4-cidr-block": "169.254.0.0/16",
            "vpc-ipv4-cidr-blocks": "169.254.0.0/16",
        }
        metadata = {
            "ami-id": facts["image_id"],
            "ami-launch-index": "0",
            "ami-manifest-path": "(unknown)",
            "block-device-mapping": {"ami": "/dev/sda1", "root": "/dev/sda1"},
            "hostname": name,
            "iam": {
                "info": _document(Code="Success", LastUpdated=_utc(time.time())),
                "security-credentials": {facts["role"]: self.role_credentials()},
            },
            "instance-action": "none",
            "instance-id": facts["instance_id"],
            "instance-life-cycle": "on-demand",
            "instance-type": facts["instance_type"],
            "local-hostname": name,
            "local-ipv4": facts["address"],
            "mac": facts["mac"],
            "network": {"interfaces": {"macs": {facts["mac"]: network}}},
            "placement": {"availability-zone": facts["zone"], "region": facts["region"]},
            "profile": "default-hvm",
            "public-ipv4": Path(facts["public_address"]).read_text(),
            "public-keys": {"0": {"openssh-key": facts["public_key"]}},
            "reservation-id": "r-0123456789abcdef0",
            "security-groups": "bastion",
            "services": {"domain": "amazonaws.com", "partition": "aws"},
        }
        identity = _document(
            accountId=facts["account"],
            architecture="x86_64",
            availabilityZone=facts["zone"],
            imageId=facts["image_id"],
            instanceId=facts["instance_id"],
            instanceType=facts["instance_type"],
            privateIp=facts["address"],
            region=facts["region"],
            version="2017-09-30",
        )
        tree: dict[str, Any] = {"dynamic": {"instance-identity": {"document": identity}}, "meta-data": metadata}
        if facts["user_data"]:
            tree["user-data"] = facts["user_data"]
        return tree


class Request(service.Handler):
    """One request: each is answered, logged, and the connection closed, as the real service does."""

    server: Metadata
    protocol_version = "HTTP/1.0"
    server_version, sys_version = "EC2ws", ""

    def do_PUT(self) -> None:  # noqa: N802  # the name that http.server looks for
        if self.drops_request():
            return
        self._read_body()
        seconds = self.headers.get("X-aws-ec2-metadata-token-ttl-seconds", "")
        if self._refused():
            return
        if self.target.rstrip("/") != TOKEN_PATH:
            self._answer(HTTPStatus.NOT_FOUND)
        elif "X-Forwarded-For" in self.headers:
            self._answer(HTTPStatus.FORBIDDEN)  # it came through a proxy
        elif not seconds.isdigit() or int(seconds) not in TOKEN_SECONDS:
            self._answer(HTTPStatus.BAD_REQUEST)
        else:
            self.connection.setsockopt(socket.IPPROTO_IP, socket.IP_TTL, self.server.facts["hop_limit"])
            token = secrets.token_urlsafe(40)
            self.server.tokens[token] = time.time() + int(seconds)
            self._answer(HTTPStatus.OK, token, headers={"X-aws-ec2-metadata-token-ttl-seconds": seconds})

    def do_GET(self) -> None:  # noqa: N802
        if self.drops_request() or self._refused():
            return
        token = self.headers.get("X-aws-ec2-metadata-token", "")
        if self.server.tokens.get(token, 0) < time.time() and not self._tokenless():
            self._answer(HTTPStatus.UNAUTHORIZED)
            return
        version, *parts = [part for part in self.target.split("?")[0].split("/") if part] or [""]
        if not version:
            self._answer(HTTPStatus.OK, "\n".join(VERSIONS))
            return
        node: Any = self.server.tree() if version in VERSIONS else {}
        for part in parts:
            node = node.get(part) if isinstance(node, dict) else None
        if not node:
            self._answer(HTTPStatus.NOT_FOUND)
        else:
            self._answer(HTTPStatus.OK, _listing(parts, node) if isinstance(node, dict) else node)

    do_HEAD = do_GET  # noqa: N815

    def handle_expect_100(self) -> bool:
        return True  # no "go on": the answer is the 417 of _refused

    def _refused(self) -> bool:
        if self.server.switches.fault_now == "error":
            self._answer(HTTPStatus.INTERNAL_SERVER_ERROR)
        elif "Expect" in self.headers:
            self._answer(HTTPStatus.EXPECTATION_FAILED)
        else:
            return False
        return True

    def _tokenless(self) -> bool:
        """Whether this user agent may ask without a token, for anything but credentials."""
        allowed = self.server.facts["tokenless"]
        return bool(
            allowed
            and self.headers.get("User-Agent", "").startswith(allowed)
            and "security-credentials/" not in self.target
        )

    def _read_body(self) -> None:
        """Read what nobody needs: left unread, the client would take it for the beginning of our answer."""
        if "Expect" in self.headers:
            return  # it waits for our word before it sends any
        if self.headers.get("Transfer-Encoding", "").lower() == "chunked":
            while int(self.rfile.readline().split(b";")[0] or b"0", 16):
                self.rfile.readline()
            self.rfile.readline()
        else:
            self.rfile.read(int(self.headers.get("Content-Length") or 0))

    def _answer(self, status: HTTPStatus, text: str = "", *, headers: dict[str, str] | None = None) -> None:
        self.server.log(
            method=self.command,
            path=self.target,
            status=status,
            token="X-aws-ec2-metadata-token" in self.headers,
            agent=self.headers.get("User-Agent", ""),
        )
        self.send_response(status)
        for name, value in (headers or {}).items():
            self.send_header(name, value)
        body = text.encode()
        self.send_header("Content-Type", "text/plain")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(body)


def _listing(parts: list[str], node: dict[str, Any]) -> str:
    if parts == ["meta-data", "public-keys"]:
        return "\n".join(f"{number}=bastion" for number in node)
    if parts == ["meta-data", "iam", "security-credentials"]:
        return "\n".join(node)
    return "\n".join(f"{name}/" if isinstance(below, dict) else name for name, below in node.items())


def _document(**content: str) -> str:
    return json.dumps(content, indent=2)


def _utc(seconds: float) -> str:
    return time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(seconds))


if __name__ == "__main__":
    listener, folder, facts = service.arguments("An instance metadata service")
    Metadata(listener, Request, folder, facts=facts).serve()
