"""Key pairs that work: ministack's private key is a placeholder, and it forgets type, tags and time."""

import base64
import hashlib
from typing import Any, ClassVar
from xml.etree import ElementTree as ET

from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ed25519, rsa
from ministack.services import ec2

from lab.local_aws import wire
from lab.local_aws.provider import TAG, Made, Properties, Provider, Schema, aws, tags_for, unless

PublicKey = ed25519.Ed25519PublicKey | rsa.RSAPublicKey


def _colons(digest: str) -> str:
    return ":".join(digest[start : start + 2] for start in range(0, len(digest), 2))


def _ed25519_fingerprint(key: ed25519.Ed25519PublicKey) -> str:
    """Return what ``ssh-keygen -l`` prints after ``SHA256:``."""
    line = key.public_bytes(serialization.Encoding.OpenSSH, serialization.PublicFormat.OpenSSH)
    return base64.b64encode(hashlib.sha256(base64.b64decode(line.split()[1])).digest()).decode()


def _imported_fingerprint(key: PublicKey) -> str:
    if isinstance(key, ed25519.Ed25519PublicKey):
        return _ed25519_fingerprint(key)
    der = key.public_bytes(serialization.Encoding.DER, serialization.PublicFormat.SubjectPublicKeyInfo)
    return _colons(hashlib.md5(der, usedforsecurity=False).hexdigest())


def _generate(kind: str) -> tuple[PublicKey, str, str]:
    """Return the public key, the private key as EC2 hands it out, and the fingerprint."""
    no_password = serialization.NoEncryption()
    pem = serialization.Encoding.PEM
    if kind == "ed25519":
        small = ed25519.Ed25519PrivateKey.generate()
        private = small.private_bytes(pem, serialization.PrivateFormat.OpenSSH, no_password)
        return small.public_key(), private.decode(), _ed25519_fingerprint(small.public_key())
    large = rsa.generate_private_key(65537, 2048)
    private = large.private_bytes(pem, serialization.PrivateFormat.TraditionalOpenSSL, no_password)
    der = large.private_bytes(serialization.Encoding.DER, serialization.PrivateFormat.PKCS8, no_password)
    return large.public_key(), private.decode(), _colons(hashlib.sha1(der, usedforsecurity=False).hexdigest())


def _store(params: wire.Params, key: PublicKey, fingerprint: str) -> dict[str, Any]:
    name = wire.tree(params).get("KeyName", "")
    if name in ec2._key_pairs:
        raise wire.Ec2Error("InvalidKeyPair.Duplicate", f"The keypair already exists: {name}")
    line = key.public_bytes(serialization.Encoding.OpenSSH, serialization.PublicFormat.OpenSSH)
    record = {
        "KeyName": name,
        "KeyPairId": wire.new_id("key"),
        "KeyFingerprint": fingerprint,
        "KeyType": "ed25519" if isinstance(key, ed25519.Ed25519PublicKey) else "rsa",
        "PublicKey": f"{line.decode()} {name}",
        "CreateTime": ec2._now_ts(),
    }
    ec2._key_pairs[name] = record
    ec2._parse_tag_specs(params, "key-pair", record["KeyPairId"])
    return record


def _fields(record: dict[str, Any]) -> dict[str, Any]:
    return {
        "keyName": record["KeyName"],
        "keyPairId": record["KeyPairId"],
        "keyFingerprint": record["KeyFingerprint"],
        "tagSet": wire.tag_items(record["KeyPairId"]),
    }


@wire.replaces("CreateKeyPair")
def _create(params: wire.Params) -> wire.Answer:
    request = wire.tree(params)
    kind, form = request.get("KeyType", "rsa"), request.get("KeyFormat", "pem")
    if kind not in ("rsa", "ed25519") or form != "pem":
        raise wire.Ec2Error("InvalidParameterValue", f"The local AWS makes no key of type {kind} in format {form}")
    key, private, fingerprint = _generate(kind)
    record = _store(params, key, fingerprint)
    return wire.answer("CreateKeyPair", {**_fields(record), "keyMaterial": private})


@wire.replaces("ImportKeyPair")
def _import(params: wire.Params) -> wire.Answer:
    try:
        key = serialization.load_ssh_public_key(base64.b64decode(wire.tree(params)["PublicKeyMaterial"]))
    except (KeyError, ValueError):
        key = None
    if not isinstance(key, PublicKey):
        raise wire.Ec2Error("InvalidKey.Format", "Key is not in valid OpenSSH public key format")
    return wire.answer("ImportKeyPair", _fields(_store(params, key, _imported_fingerprint(key))))


@wire.replaces("DeleteKeyPair")
def _delete(params: wire.Params) -> wire.Answer:
    request = wire.tree(params)
    for record in list(ec2._key_pairs.values()):
        if request.get("KeyName") == record["KeyName"] or request.get("KeyPairId") == record["KeyPairId"]:
            del ec2._key_pairs[record["KeyName"]]
            ec2._tags.pop(record["KeyPairId"], None)
            return wire.answer("DeleteKeyPair", {"return": True, "keyPairId": record["KeyPairId"]})
    return wire.answer("DeleteKeyPair", {"return": True})


@wire.completes(
    "DescribeKeyPairs",
    items="keySet/item",
    ids={"KeyPairId": ("keyPairId", "InvalidKeyPair.NotFound")},
    filters={"fingerprint": "keyFingerprint", "key-name": "keyName", "key-pair-id": "keyPairId"},
)
def _complete(item: ET.Element) -> None:
    record = ec2._key_pairs[item.findtext("keyName")]
    fields = {"keyType": record["KeyType"], "createTime": record["CreateTime"], "publicKey": record["PublicKey"]}
    wire.put(item, {**_fields(record), **fields})


# --- in CloudFormation


class KeyPair(Provider):
    """A key pair. CloudFormation keeps the private half in Parameter Store. ``Ref`` is the name."""

    type_name = "AWS::EC2::KeyPair"
    create_only = ("KeyFormat", "KeyName", "KeyType", "PublicKeyMaterial", "Tags")
    schema: ClassVar[Schema] = {**{name: {} for name in create_only}, "Tags": TAG}

    def create(self, properties: Properties) -> Made:
        tags = tags_for("key-pair", properties)
        asked = {name: value for name, value in properties.items() if name not in ("PublicKeyMaterial", "Tags")}
        if "PublicKeyMaterial" in properties:
            line = properties["PublicKeyMaterial"].encode()
            made = aws("ec2").import_key_pair(
                KeyName=properties["KeyName"], PublicKeyMaterial=line, TagSpecifications=tags
            )
        else:
            made = aws("ec2").create_key_pair(**asked, TagSpecifications=tags)
            aws("ssm").put_parameter(
                Name=self._parameter(made["KeyPairId"]), Value=made["KeyMaterial"], Type="SecureString"
            )
        return made["KeyName"], {"KeyPairId": made["KeyPairId"], "KeyFingerprint": made["KeyFingerprint"]}

    def delete(self, physical_id: str, _properties: Properties) -> None:
        with unless("InvalidKeyPair.NotFound"):
            [pair] = aws("ec2").describe_key_pairs(KeyNames=[physical_id])["KeyPairs"]
            aws("ec2").delete_key_pair(KeyName=physical_id)
            with unless("ParameterNotFound"):
                aws("ssm").delete_parameter(Name=self._parameter(pair["KeyPairId"]))

    def _parameter(self, key_pair_id: str) -> str:
        return f"/ec2/keypair/{key_pair_id}"
