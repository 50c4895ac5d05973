"""What IAM takes and what it refuses."""

import json
from contextlib import suppress
from datetime import UTC, datetime, timedelta
from typing import Any

import pyotp

from tests.local_aws.rules.world import READ, TRUST, Case, World, many, policy, policy_of, trust

PASSWORD = "Correct-horse-1"  # noqa: S105  # nobody's


def _user(w: World, name: str = "alice", **more: Any) -> str:
    w.iam.create_user(UserName=name, **more)
    return name


def _group(w: World, name: str = "operators") -> str:
    w.iam.create_group(GroupName=name)
    return name


def _role(w: World, name: str = "bastion", document: str = json.dumps(TRUST), **more: Any) -> str:
    w.iam.create_role(RoleName=name, AssumeRolePolicyDocument=document, **more)
    return name


def _managed(w: World, name: str = "read", document: str = json.dumps(READ)) -> str:
    return str(w.iam.create_policy(PolicyName=name, PolicyDocument=document)["Policy"]["Arn"])


def _profile(w: World, name: str = "bastion") -> str:
    w.iam.create_instance_profile(InstanceProfileName=name)
    return name


def _grammar(says: str, refused: str, taken: str = json.dumps(READ)) -> Case:
    return Case(
        "iam.policy-grammar",
        "MalformedPolicyDocument",
        lambda w: _managed(w, "good", taken),
        lambda w: _managed(w, "bad", refused),
        says=says,
    )


def _trust_grammar(says: str, refused: str) -> Case:
    return Case(
        "iam.trust-grammar",
        "MalformedPolicyDocument",
        lambda w: _role(w, "good"),
        lambda w: _role(w, "bad", refused),
        says=says,
    )


def _attached(w: World, entity: str, name: str) -> None:
    attach = getattr(w.iam, f"attach_{entity}_policy")
    many(10, lambda each: attach(**{f"{entity.title()}Name": name, "PolicyArn": _managed(w, f"p{each}")}))


def _attach(w: World, entity: str, name: str) -> Any:
    return getattr(w.iam, f"attach_{entity}_policy")(
        **{f"{entity.title()}Name": name, "PolicyArn": _managed(w, "more")}
    )


def _inline(w: World, entity: str, name: str, size: int, policy_name: str = "inline") -> Any:
    asked = {f"{entity.title()}Name": name, "PolicyName": policy_name, "PolicyDocument": policy_of(size)}
    return getattr(w.iam, f"put_{entity}_policy")(**asked)


def _emptied(w: World, name: str) -> str:
    """Return a user, after everything of it was taken away again."""
    _user(w, name)
    w.iam.create_login_profile(UserName=name, Password=PASSWORD)
    w.iam.delete_login_profile(UserName=name)
    return name


def _with_mfa(w: World, name: str) -> str:
    _user(w, name)
    made = w.iam.create_virtual_mfa_device(VirtualMFADeviceName=name)["VirtualMFADevice"]
    first, second = "123456", "654321"
    with suppress(ValueError):  # the seed of bare ministack is none, and it takes any codes
        codes, now = pyotp.TOTP(made["Base32StringSeed"].decode()), datetime.now(UTC)
        first, second = codes.at(now - timedelta(seconds=30)), codes.at(now)
    w.iam.enable_mfa_device(
        UserName=name, SerialNumber=made["SerialNumber"], AuthenticationCode1=first, AuthenticationCode2=second
    )
    return name


NAMES = (
    Case("iam.limits", "ValidationError", lambda w: _user(w, "u" * 64), lambda w: _user(w, "u" * 65)),
    Case("iam.limits", "ValidationError", lambda w: _group(w, "g" * 128), lambda w: _group(w, "g" * 129)),
    Case("iam.limits", "ValidationError", lambda w: _role(w, "r" * 64), lambda w: _role(w, "r" * 65)),
    Case("iam.limits", "ValidationError", lambda w: _profile(w, "p" * 128), lambda w: _profile(w, "p" * 129)),
    Case("iam.limits", "ValidationError", lambda w: _user(w, "al+ice=,.@-_"), lambda w: _user(w, "al ice")),
    Case("iam.limits", "ValidationError", lambda w: _user(w, Path="/class/"), lambda w: _user(w, "bob", Path="class")),
    Case(
        "iam.limits",
        "ValidationError",
        lambda w: _role(w, MaxSessionDuration=43200),
        lambda w: _role(w, "long", MaxSessionDuration=43201),
    ),
    Case(
        "iam.limits",
        "ValidationError",
        lambda w: _role(w, Description="d" * 1000),
        lambda w: _role(w, "long", Description="d" * 1001),
    ),
    Case(
        "iam.limits",
        "ValidationError",
        lambda w: _user(w, Tags=[{"Key": f"k{each}", "Value": ""} for each in range(50)]),
        lambda w: _user(w, "bob", Tags=[{"Key": f"k{each}", "Value": ""} for each in range(51)]),
    ),
    Case("iam.user-name-once", "EntityAlreadyExists", _user, lambda w: _user(w, "ALICE")),
    Case("iam.group-name-once", "EntityAlreadyExists", _group, lambda w: _group(w, "Operators")),
    Case("iam.role-name-once", "EntityAlreadyExists", _role, lambda w: _role(w, "Bastion")),
    Case("iam.profile-name-once", "EntityAlreadyExists", _profile, lambda w: _profile(w, "Bastion")),
    Case("iam.policy-name-once", "EntityAlreadyExists", _managed, lambda w: _managed(w, "Read")),
)
GRAMMAR = (
    _grammar("invalid Json", "Allow alice to read"),
    _grammar("version", json.dumps({**READ, "Version": "2012-10-18"}), json.dumps({**READ, "Version": "2008-10-17"})),
    _grammar("Syntax errors", json.dumps({**READ, "Statements": []})),
    _grammar("Missing required field Statement", json.dumps({"Version": "2012-10-17"})),
    _grammar("effect", policy(Effect="Permit"), policy(Effect="Deny")),
    _grammar("prefaced by a vendor", policy(Action="GetObject"), policy(Action="*")),
    _grammar("ARN format", policy(Resource="my-bucket"), policy(Resource="arn:aws:s3:::my-bucket")),
    _grammar("must contain resources", policy(Resource=None), policy(Resource=None, NotResource="*")),
    _grammar("must contain actions", policy(Action=None), policy(Action=None, NotAction="iam:*")),
    _grammar("should not specify a principal", policy(Principal="*")),
    _grammar("alpha-numeric", policy(Sid="read it"), policy(Sid="ReadIt")),
    _grammar(
        "must be unique",
        json.dumps({**READ, "Statement": [{**READ["Statement"][0], "Sid": "A"}] * 2}),  # type: ignore[dict-item]
    ),
    _grammar(
        "Invalid Condition type",
        policy(Condition={"StringMatches": {"aws:username": "alice"}}),
        policy(Condition={"ForAllValues:StringLikeIfExists": {"aws:TagKeys": "a*"}}),
    ),
    _trust_grammar("prohibited field Resource", trust(Resource="*")),
    _trust_grammar("STS AssumeRole actions", trust(Action="s3:GetObject")),
    _trust_grammar("Principal", policy(Action="sts:AssumeRole", Resource=None)),
    _trust_grammar("Invalid principal", trust(Principal={"Service": "ec2"})),
    Case(
        "iam.changed-trust-grammar",
        "MalformedPolicyDocument",
        lambda w: w.iam.update_assume_role_policy(RoleName=_role(w), PolicyDocument=trust()),
        lambda w: w.iam.update_assume_role_policy(RoleName="bastion", PolicyDocument=trust(Resource="*")),
    ),
)
SIZES = (
    Case(
        "iam.user-policies-size",
        "LimitExceeded",
        lambda w: _inline(w, "user", _user(w), 2048),
        lambda w: _inline(w, "user", "alice", 200, "more"),
        says="2048 bytes exceeded for user alice",
    ),
    Case(
        "iam.group-policies-size",
        "LimitExceeded",
        lambda w: _inline(w, "group", _group(w), 5120),
        lambda w: _inline(w, "group", "operators", 5121),
    ),
    Case(
        "iam.role-policies-size",
        "LimitExceeded",
        lambda w: _inline(w, "role", _role(w), 10240),
        lambda w: _inline(w, "role", "bastion", 10241),
    ),
    Case(
        "iam.managed-policy-size",
        "LimitExceeded",
        lambda w: _managed(w, document=policy_of(6144)),
        lambda w: _managed(w, "more", policy_of(6145)),
        says="PolicySize: 6144",
    ),
    Case(
        "iam.trust-size",
        "LimitExceeded",
        _role,
        lambda w: _role(w, "more", trust(Condition={"StringEquals": {"aws:SourceArn": "a" * 2048}})),
    ),
    Case(
        "iam.changed-trust-size",
        "LimitExceeded",
        _role,
        lambda w: w.iam.update_assume_role_policy(
            RoleName="bastion", PolicyDocument=trust(Condition={"StringEquals": {"aws:SourceArn": "a" * 2048}})
        ),
    ),
    Case(
        "iam.user-attached",
        "LimitExceeded",
        lambda w: _attached(w, "user", _user(w)),
        lambda w: _attach(w, "user", "alice"),
    ),
    Case(
        "iam.group-attached",
        "LimitExceeded",
        lambda w: _attached(w, "group", _group(w)),
        lambda w: _attach(w, "group", "operators"),
    ),
    Case(
        "iam.role-attached",
        "LimitExceeded",
        lambda w: _attached(w, "role", _role(w)),
        lambda w: _attach(w, "role", "bastion"),
    ),
    Case(
        "iam.groups-of-user",
        "LimitExceeded",
        lambda w: (_user(w), many(10, lambda each: _join(w, f"g{each}"))),
        lambda w: _join(w, "g10"),
    ),
    Case(
        "iam.one-role-a-profile",
        "LimitExceeded",
        lambda w: _fill(w, _profile(w), _role(w)),
        lambda w: _fill(w, "bastion", _role(w, "second")),
    ),
)


def _join(w: World, group: str) -> Any:
    return w.iam.add_user_to_group(GroupName=_group(w, group), UserName="alice")


def _fill(w: World, profile: str, role: str) -> Any:
    return w.iam.add_role_to_instance_profile(InstanceProfileName=profile, RoleName=role)


DELETES = (
    Case(
        "iam.user-in-groups",
        "DeleteConflict",
        lambda w: w.iam.delete_user(UserName=_emptied(w, "bob")),
        lambda w: (_user(w), _join(w, "operators"), w.iam.delete_user(UserName="alice")),
    ),
    Case(
        "iam.user-with-password",
        "DeleteConflict",
        lambda w: w.iam.delete_user(UserName=_emptied(w, "bob")),
        lambda w: (
            w.iam.create_login_profile(UserName=_user(w), Password=PASSWORD),
            w.iam.delete_user(UserName="alice"),
        ),
    ),
    Case(
        "iam.user-with-mfa",
        "DeleteConflict",
        lambda w: w.iam.delete_user(UserName=_emptied(w, "bob")),
        lambda w: w.iam.delete_user(UserName=_with_mfa(w, "alice")),
    ),
    Case(
        "iam.user-with-policies",
        "DeleteConflict",
        lambda w: w.iam.delete_user(UserName=_emptied(w, "bob")),
        lambda w: (_inline(w, "user", _user(w), 200), w.iam.delete_user(UserName="alice")),
    ),
    Case(
        "iam.group-with-users",
        "DeleteConflict",
        lambda w: w.iam.delete_group(GroupName=_group(w)),
        lambda w: (_user(w), _join(w, "filled"), w.iam.delete_group(GroupName="filled")),
    ),
    Case(
        "iam.group-with-policies",
        "DeleteConflict",
        lambda w: w.iam.delete_group(GroupName=_group(w)),
        lambda w: (_inline(w, "group", _group(w, "filled"), 200), w.iam.delete_group(GroupName="filled")),
    ),
    Case(
        "iam.role-in-profile",
        "DeleteConflict",
        lambda w: w.iam.delete_role(RoleName=_role(w, "free")),
        lambda w: (_fill(w, _profile(w), _role(w)), w.iam.delete_role(RoleName="bastion")),
    ),
    Case(
        "iam.profile-with-role",
        "DeleteConflict",
        lambda w: w.iam.delete_instance_profile(InstanceProfileName=_profile(w, "free")),
        lambda w: (_fill(w, _profile(w), _role(w)), w.iam.delete_instance_profile(InstanceProfileName="bastion")),
    ),
)


def _tag(w: World, key: str) -> Any:
    tags = [{"Key": key, "Value": "v"}]
    w.iam.create_user(UserName=f"of-{key.strip(':')}", Tags=tags)
    return w.iam.tag_user(UserName=f"of-{key.strip(':')}", Tags=tags)


TAGS = (
    Case("iam.tag-aws", "InvalidInput", lambda w: _tag(w, "team"), lambda w: _tag(w, "aws:team")),
    Case(
        "iam.tag-aws",
        "InvalidInput",
        lambda w: w.iam.tag_user(UserName=_user(w, "u"), Tags=[{"Key": "k", "Value": "v"}]),
        lambda w: w.iam.tag_user(UserName="u", Tags=[{"Key": "AWS:k", "Value": "v"}]),
    ),
)
CASES = (*NAMES, *GRAMMAR, *SIZES, *DELETES, *TAGS)
