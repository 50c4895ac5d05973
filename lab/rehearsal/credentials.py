"""The role's temporary credentials: the metadata service issues them, the S3 front knows them again.

Both sides know one key. All the rest follows from the access key id, which carries its own end, so that neither side
keeps a list and a restart forgets nothing.
"""

import base64
import hashlib
import hmac
import secrets
import time
from dataclasses import dataclass

PREFIX = "ASIA"  # the access key ids of temporary credentials begin with it


@dataclass(frozen=True)
class Credentials:
    """An access key for a while."""

    access_key: str
    secret_key: str
    token: str
    expires: int

    @property
    def expired(self) -> bool:
        return time.time() >= self.expires


def issue(key: bytes, *, seconds: float) -> Credentials:
    """Return new credentials that are good for so many seconds."""
    said = int(time.time() + seconds).to_bytes(4, "big") + secrets.token_bytes(3)
    return _of(key, PREFIX + base64.b32encode(said + _seal(key, said)).decode())


def find_issued(key: bytes, access_key: str) -> Credentials | None:
    """Return the credentials of an access key id, or None when they were never issued."""
    try:
        carried = base64.b32decode(access_key.removeprefix(PREFIX))
    except ValueError:
        return None
    if len(carried) != 10 or not hmac.compare_digest(_seal(key, carried[:7]), carried[7:]):
        return None
    return _of(key, access_key)


def _seal(key: bytes, said: bytes) -> bytes:
    return hmac.digest(key, said, hashlib.sha256)[:3]


def _of(key: bytes, access_key: str) -> Credentials:
    def derived(purpose: str) -> str:
        return base64.b64encode(hmac.digest(key, f"{purpose} {access_key}".encode(), hashlib.sha512)).decode()

    return Credentials(
        access_key,
        derived("secret")[:40],
        derived("token 1") + derived("token 2"),
        int.from_bytes(base64.b32decode(access_key.removeprefix(PREFIX))[:4], "big"),
    )
