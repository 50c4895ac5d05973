"""Who works with this local AWS: an administrator from its first second, and multi-factor authentication that counts.

``source .local-aws/env`` is an IAM user with AdministratorAccess: nobody works as the root user (primer, chapter 4-5).
ministack takes every code of an MFA device for good, and every session for one without MFA. Here a device's codes are
those of its seed (RFC 6238), a session that began with one says ``aws:MultiFactorAuthPresent``, and policies see the
tags of what a call to EC2 changes (``aws:ResourceTag``), of each that it names, and the values of variables
(``${aws:username}``).

Sources: https://docs.aws.amazon.com/IAM/latest/UserGuide/id_credentials_mfa_configure-api-require.html,
https://docs.aws.amazon.com/STS/latest/APIReference/API_GetSessionToken.html,
https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_policies_variables.html
"""

import base64
import os
import re
from collections.abc import Callable, Iterator, Mapping
from dataclasses import replace
from datetime import UTC, datetime
from typing import Any
from xml.etree import ElementTree as ET

import pyotp
from ministack import app
from ministack.core import iam_actions, iam_evaluator, responses, router
from ministack.services import ec2, iam, sts, tagging
from ministack.services.cloudformation import handlers

from lab.local_aws import wire

ADMINISTRATOR = "administrator"
WITH_MFA = "BeganWithMfa"  # the key under which a session of ministack's notes that it began with MFA
WRONG_CODE = "MultiFactorAuthentication failed with invalid MFA one time pass code. "
Handler = Callable[[Mapping[str, Any]], Any]


def make_administrator() -> None:
    """Give the credentials of the folder to a user that may do everything, unless they have one already."""
    key = os.environ["LEARNER_ACCESS_KEY_ID"]
    if key in iam._access_keys and ADMINISTRATOR in iam._users:
        return
    iam._IAM_HANDLERS["CreateUser"]({"UserName": [ADMINISTRATOR]})
    policy = "arn:aws:iam::aws:policy/AdministratorAccess"
    iam._IAM_HANDLERS["AttachUserPolicy"]({"UserName": [ADMINISTRATOR], "PolicyArn": [policy]})
    iam._access_keys[key] = {
        "UserName": ADMINISTRATOR,
        "AccessKeyId": key,
        "SecretAccessKey": os.environ["AWS_SECRET_ACCESS_KEY"],
        "Status": "Active",
        "CreateDate": iam._now(),
    }


def _first(params: Mapping[str, Any], name: str) -> str:
    values = params.get(name) or [""]
    return str(values[0] if isinstance(values, list) else values)


# --- devices

_ministacks_create: Handler = iam._IAM_HANDLERS["CreateVirtualMFADevice"]
_ministacks_enable: Handler = iam._IAM_HANDLERS["EnableMFADevice"]


def create_device(params: Mapping[str, Any]) -> wire.Answer:
    """Make the device with a seed that an authenticator app can read; ministack's is no Base32."""
    status, headers, body = _ministacks_create(params)
    if status >= 400:
        return status, headers, body
    root = ET.fromstring(body)  # noqa: S314  # ministack's own answer
    serial, seed = (root.find(f".//{{*}}{name}") for name in ("SerialNumber", "Base32StringSeed"))
    device = iam._mfa_devices[serial.text]  # type: ignore[union-attr]
    device["Base32StringSeed"] = pyotp.random_base32(64)
    seed.text = base64.b64encode(device["Base32StringSeed"].encode()).decode()  # type: ignore[union-attr]
    return status, headers, ET.tostring(root)


def enable_device(params: Mapping[str, Any]) -> wire.Answer:
    """Take the device only with two codes, one after the other."""
    device = iam._mfa_devices.get(_first(params, "SerialNumber"))
    if device:
        codes = pyotp.TOTP(device["Base32StringSeed"])
        given = [_first(params, f"AuthenticationCode{number}") for number in (1, 2)]
        now = codes.timecode(datetime.now(UTC))
        if given not in [[codes.generate_otp(step), codes.generate_otp(step + 1)] for step in range(now - 3, now + 2)]:
            refused: wire.Answer = iam._error(
                403, "InvalidAuthenticationCode", "Authentication code for device is not valid", ns="iam"
            )
            return refused
    answer: wire.Answer = _ministacks_enable(params)
    return answer


iam._IAM_HANDLERS |= {"CreateVirtualMFADevice": create_device, "EnableMFADevice": enable_device}


# --- sessions

_ministacks_sts = app.SERVICE_HANDLERS["sts"]
_ministacks_keys = iam_evaluator._principal_keys


async def handle_sts(
    method: str, path: str, headers: Mapping[str, str], body: bytes, query: Mapping[str, list[str]]
) -> wire.Answer:
    given = wire.asked(query, body)
    serial = _first(given, "SerialNumber")
    asks = _first(given, "Action") in ("GetSessionToken", "AssumeRole") and serial
    if asks and not _is_code_of(serial, _first(given, "TokenCode"), router.extract_access_key_id(headers, query)):
        refused: wire.Answer = sts._error(403, "AccessDenied", WRONG_CODE, ns="sts")
        return refused
    answer: wire.Answer = await _ministacks_sts(method, path, headers, body, query)
    if asks and answer[0] == 200:
        key = re.search(rb"<AccessKeyId>(\w+)</AccessKeyId>", answer[2])
        sts._sessions[key[1].decode()][WITH_MFA] = True  # type: ignore[index]
    return answer


def _is_code_of(serial: str, code: str, access_key: str) -> bool:
    """Say whether the code is one of these minutes, of a device of whoever asks."""
    device = iam._mfa_devices.get(serial)
    caller = iam_evaluator.resolve_credential(access_key, responses.get_account_id())
    if not device or not device["User"] or getattr(caller, "principal_name", "") != device["User"]:
        return False
    return pyotp.TOTP(device["Base32StringSeed"]).verify(code, for_time=datetime.now(UTC), valid_window=1)


def principal_keys(credential: iam_evaluator.ResolvedCredential) -> dict[str, Any]:
    keys: dict[str, Any] = _ministacks_keys(credential)
    if (sts._sessions.get(credential.access_key_id) or {}).get(WITH_MFA):
        keys["aws:multifactorauthpresent"] = "true"
    return keys


# --- what a policy is about

_ministacks_resource = iam_actions.extract_resource_arn
ABOUT_ONESELF = ("GetUser", "ListAccessKeys", "ListMFADevices")


def resource_of(service: str, *request: Any) -> str:
    """Return the ARN that a call is judged on.

    With EC2, of what it changes; with IAM, also of MFA devices, instance profiles, policies, and of whoever names no
    user; with CloudFormation, of the very stack, by its id.
    """
    found = str(_ministacks_resource(service, *request))
    params, region, account = request[4:7]
    if service == "ec2" and not _first(params, "Action").startswith("Describe"):
        return next(iter(all_resources(params, region, account)), found)
    if service == "cloudformation" and (name := _first(params, "StackName")):
        return str((handlers._resolve_stack(name) or {}).get("StackId", found))
    if service != "iam" or found != "*":
        return found
    for named, kind in (("VirtualMFADeviceName", "mfa"), ("InstanceProfileName", "instance-profile")):
        if name := _first(params, named):
            return f"arn:aws:iam::{account}:{kind}/{name}"
    if _first(params, "Action") in ABOUT_ONESELF:
        return str(iam_evaluator.caller_arn())
    return _first(params, "SerialNumber") or _first(params, "PolicyArn") or found


def _of_oneself(ministacks: Handler) -> Handler:
    """Return the handler for a call that is about the caller when it names no user."""

    def handler(params: Mapping[str, Any]) -> Any:
        _, is_user, name = iam_evaluator.caller_arn().partition(":user/")
        return ministacks({**params, "UserName": [name]} if is_user and not _first(params, "UserName") else params)

    return handler


iam_actions.extract_resource_arn = resource_of
iam._IAM_HANDLERS |= {action: _of_oneself(iam._IAM_HANDLERS[action]) for action in ABOUT_ONESELF}

_ministacks_others = iam_actions.verified_access_resource_arns


# EC2's resources by how their ids begin: https://docs.aws.amazon.com/service-authorization/latest/reference/list_amazonec2.html
KINDS = {
    "acl": "network-acl",
    "eipalloc": "elastic-ip",
    "eni": "network-interface",
    "i": "instance",
    "igw": "internet-gateway",
    "key": "key-pair",
    "nat": "natgateway",
    "rtb": "route-table",
    "sg": "security-group",
    "subnet": "subnet",
    "vol": "volume",
    "vpc": "vpc",
    "vpce": "vpc-endpoint",
}
# What a call changes stands in these; ministack looks at some of them alone, and at the first of many.
NAMED = re.compile(r"(InstanceId|ResourceId)(\.\d+)?|NetworkAclId|RouteTableId|GroupId")


def arn_of(resource_id: str, region: str, account: str) -> str:
    kind = KINDS.get(resource_id.partition("-")[0])
    return f"arn:aws:ec2:{region}:{account}:{kind}/{resource_id}" if kind else "*"


def tagged() -> Iterator[tuple[str, list[dict[str, str]]]]:
    """Yield the ARN of everything of EC2 that has tags, and these, for ``aws:ResourceTag``."""
    for resource_id, tags in ec2._tags.items():
        yield arn_of(resource_id, responses.get_region(), responses.get_account_id()), tags


def all_resources(params: Mapping[str, Any], region: str, account: str) -> list[str]:
    """Return the ARNs of all that a call of EC2 changes."""
    named = [_first(params, name) for name in sorted(params) if NAMED.fullmatch(name)]
    others: list[str] = _ministacks_others(params, region, account)
    return [arn_of(each, region, account) for each in named] or others


# --- variables in policies, which ministack takes for plain text

_ministacks_first_match = iam_evaluator._first_match
VARIABLE = re.compile(r"\$\{(?P<key>[^},]+)(, *'(?P<default>[^']*)')?\}")
SPECIAL = {"*": "[*]", "?": "[?]", "$": "$"}
NOWHERE = "a variable without a value"


def first_match(ctx: Any, statements: list[Any], effect: str) -> Any:
    return _ministacks_first_match(ctx, [_filled(statement, ctx) for statement in statements], effect)


def _filled(statement: Any, ctx: Any) -> Any:
    """Return the statement with the values of its variables; what has one without a value matches nothing."""

    def fill(text: str) -> str:
        missing = []

        def value(match: re.Match[str]) -> str:
            if match["key"] in SPECIAL:
                return SPECIAL[match["key"]]
            found = iam_evaluator._resolve_condition_key(match["key"].strip(), ctx) or match["default"]
            missing.append(found is None)
            return str(found)

        filled = VARIABLE.sub(value, text)
        return NOWHERE if any(missing) else filled

    if not VARIABLE.search(repr(statement)):
        return statement
    return replace(
        statement,
        resources=[fill(each) for each in statement.resources],
        not_resources=[fill(each) for each in statement.not_resources],
        conditions={
            operator: {
                key: [fill(each) if isinstance(each, str) else each for each in (at if isinstance(at, list) else [at])]
                for key, at in keys.items()
            }
            for operator, keys in statement.conditions.items()
        },
    )


iam_evaluator._first_match = first_match
tagging._RESOURCE_TAG_COLLECTORS["ec2"] = tagged
iam_actions.verified_access_resource_arns = all_resources
app.SERVICE_HANDLERS["sts"] = handle_sts
iam_evaluator._principal_keys = principal_keys
