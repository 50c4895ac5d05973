"""Users, groups, roles and their policies. Lengths and characters of names: see ``limits``."""

import json
import re
from typing import Any

from ministack.services import iam

from lab.local_aws.rules.policies import identity_fault, trust_fault
from lab.local_aws.rules.rule import Asked, rule

QUOTAS = "https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_iam-quotas.html"
GRAMMAR = "https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_policies_grammar.html"
API = "https://docs.aws.amazon.com/IAM/latest/APIReference"
# Characters, white space not counted.
USER_POLICIES, GROUP_POLICIES, ROLE_POLICIES, MANAGED, TRUST = 2048, 5120, 10240, 6144, 2048
ATTACHED, GROUPS_OF_USER = 10, 10


# --- names


def _taken(store: Any, name: Any, what: str, asked: Asked) -> str | None:
    """AWS's API reference: names are not distinguished by case.

    ministack itself refuses the very same name, but not where CloudFormation makes it.
    """
    alike = [each for each in store if each.lower() == str(name).lower()]
    taken = any(each != name for each in alike) or (alike and asked.get("FromCloudFormation"))
    return f"{what} with name {name} already exists." if taken else None


@rule("iam.user-name-once", "CreateUser", code="EntityAlreadyExists", source=f"{API}/API_CreateUser.html", status=409)
def _user_name_once(asked: Asked) -> str | None:
    return _taken(iam._users, asked.get("UserName"), "User", asked)


@rule(
    "iam.group-name-once", "CreateGroup", code="EntityAlreadyExists", source=f"{API}/API_CreateGroup.html", status=409
)
def _group_name_once(asked: Asked) -> str | None:
    return _taken(iam._groups, asked.get("GroupName"), "Group", asked)


@rule("iam.role-name-once", "CreateRole", code="EntityAlreadyExists", source=f"{API}/API_CreateRole.html", status=409)
def _role_name_once(asked: Asked) -> str | None:
    return _taken(iam._roles, asked.get("RoleName"), "Role", asked)


@rule("iam.profile-name-once", "CreateInstanceProfile", code="EntityAlreadyExists", source=QUOTAS, status=409)
def _profile_name_once(asked: Asked) -> str | None:
    return _taken(iam._instance_profiles, asked.get("InstanceProfileName"), "Instance Profile", asked)


@rule(
    "iam.policy-name-once",
    "CreatePolicy",
    code="EntityAlreadyExists",
    source=f"{API}/API_CreatePolicy.html",
    status=409,
)
def _policy_name_once(asked: Asked) -> str | None:
    names = [each["PolicyName"] for arn, each in iam._policies.items() if ":aws:policy/" not in arn]
    return _taken(names, asked.get("PolicyName"), "A policy called", asked) and (
        f"A policy called {asked.get('PolicyName')} already exists. Duplicate names are not allowed."
    )


# --- policies


@rule(
    "iam.policy-grammar",
    "PutUserPolicy",
    "PutGroupPolicy",
    "PutRolePolicy",
    "CreatePolicy",
    "CreatePolicyVersion",
    code="MalformedPolicyDocument",
    source=GRAMMAR,
)
def _policy_grammar(asked: Asked) -> str | None:
    return identity_fault(asked.get("PolicyDocument", ""))


@rule("iam.trust-grammar", "CreateRole", code="MalformedPolicyDocument", source=GRAMMAR)
def _trust_grammar(asked: Asked) -> str | None:
    return trust_fault(asked.get("AssumeRolePolicyDocument", ""))


@rule("iam.changed-trust-grammar", "UpdateAssumeRolePolicy", code="MalformedPolicyDocument", source=GRAMMAR)
def _changed_trust_grammar(asked: Asked) -> str | None:
    return trust_fault(asked.get("PolicyDocument", ""))


def _size(document: Any) -> int:
    text = document if isinstance(document, str) else json.dumps(document)
    return len(re.sub(r"\s", "", text))


def _total(inline: Any, asked: Asked) -> int:
    others = [document for name, document in (inline or {}).items() if name != asked.get("PolicyName")]
    return sum(_size(each) for each in (*others, asked.get("PolicyDocument", "")))


def _too_long(size: int, limit: int, who: str) -> str | None:
    return f"Maximum policy size of {limit} bytes exceeded for {who}" if size > limit else None


# danvk/mapsnap#483 and HumanCellAtlas/data-store#1963 have code and message.
@rule("iam.user-policies-size", "PutUserPolicy", code="LimitExceeded", source=QUOTAS, status=409)
def _user_policies_size(asked: Asked) -> str | None:
    name = asked.get("UserName")
    return _too_long(_total(iam._user_inline_policies.get(name), asked), USER_POLICIES, f"user {name}")


@rule("iam.group-policies-size", "PutGroupPolicy", code="LimitExceeded", source=QUOTAS, status=409)
def _group_policies_size(asked: Asked) -> str | None:
    name = asked.get("GroupName")
    return _too_long(_total(iam._group_inline_policies.get(name), asked), GROUP_POLICIES, f"group {name}")


@rule("iam.role-policies-size", "PutRolePolicy", code="LimitExceeded", source=QUOTAS, status=409)
def _role_policies_size(asked: Asked) -> str | None:
    name = asked.get("RoleName")
    inline = iam._roles.get(name, {}).get("InlinePolicies")
    return _too_long(_total(inline, asked), ROLE_POLICIES, f"role {name}")


# ministryofjustice/cloud-platform-environments#14473 has code and message.
@rule("iam.managed-policy-size", "CreatePolicy", "CreatePolicyVersion", code="LimitExceeded", source=QUOTAS, status=409)
def _managed_policy_size(asked: Asked) -> str | None:
    over = _size(asked.get("PolicyDocument", "")) > MANAGED
    return f"Cannot exceed quota for PolicySize: {MANAGED}" if over else None


@rule("iam.trust-size", "CreateRole", code="LimitExceeded", source=QUOTAS, status=409)
def _trust_size(asked: Asked) -> str | None:
    over = _size(asked.get("AssumeRolePolicyDocument", "")) > TRUST
    return f"Cannot exceed quota for ACLSizePerRole: {TRUST}" if over else None


@rule("iam.changed-trust-size", "UpdateAssumeRolePolicy", code="LimitExceeded", source=QUOTAS, status=409)
def _changed_trust_size(asked: Asked) -> str | None:
    over = _size(asked.get("PolicyDocument", "")) > TRUST
    return f"Cannot exceed quota for ACLSizePerRole: {TRUST}" if over else None


def _too_many_attached(entity: Any, asked: Asked, quota: str) -> str | None:
    attached = (entity or {}).get("AttachedPolicies", [])
    full = asked.get("PolicyArn") not in attached and len(attached) >= ATTACHED
    return f"Cannot exceed quota for {quota}: {ATTACHED}" if full else None


@rule("iam.user-attached", "AttachUserPolicy", code="LimitExceeded", source=QUOTAS, status=409)
def _user_attached(asked: Asked) -> str | None:
    return _too_many_attached(iam._users.get(asked.get("UserName")), asked, "PoliciesPerUser")


@rule("iam.group-attached", "AttachGroupPolicy", code="LimitExceeded", source=QUOTAS, status=409)
def _group_attached(asked: Asked) -> str | None:
    return _too_many_attached(iam._groups.get(asked.get("GroupName")), asked, "PoliciesPerGroup")


@rule("iam.role-attached", "AttachRolePolicy", code="LimitExceeded", source=QUOTAS, status=409)
def _role_attached(asked: Asked) -> str | None:
    return _too_many_attached(iam._roles.get(asked.get("RoleName")), asked, "PoliciesPerRole")


@rule("iam.groups-of-user", "AddUserToGroup", code="LimitExceeded", source=QUOTAS, status=409)
def _groups_of_user(asked: Asked) -> str | None:
    user, wanted = asked.get("UserName"), asked.get("GroupName")
    groups = [name for name, group in iam._groups.items() if user in group["Users"] and name != wanted]
    return f"Cannot exceed quota for GroupsPerUser: {GROUPS_OF_USER}" if len(groups) >= GROUPS_OF_USER else None


@rule("iam.one-role-a-profile", "AddRoleToInstanceProfile", code="LimitExceeded", source=QUOTAS, status=409)
def _one_role_a_profile(asked: Asked) -> str | None:
    profile = iam._instance_profiles.get(asked.get("InstanceProfileName"), {})
    return "Cannot exceed quota for InstanceSessionsPerInstanceProfile: 1" if profile.get("Roles") else None


# --- what is in use cannot be deleted


@rule("iam.user-in-groups", "DeleteUser", code="DeleteConflict", source=f"{API}/API_DeleteUser.html", status=409)
def _user_in_groups(asked: Asked) -> str | None:
    user = asked.get("UserName")
    member = any(user in group["Users"] for group in iam._groups.values())
    return "Cannot delete entity, must remove users from group first." if member else None


@rule("iam.user-with-password", "DeleteUser", code="DeleteConflict", source=f"{API}/API_DeleteUser.html", status=409)
def _user_with_password(asked: Asked) -> str | None:
    there = asked.get("UserName") in iam._login_profiles
    return "Cannot delete entity, must delete login profile first." if there else None


@rule("iam.user-with-mfa", "DeleteUser", code="DeleteConflict", source=f"{API}/API_DeleteUser.html", status=409)
def _user_with_mfa(asked: Asked) -> str | None:
    owners = [device.get("User") for device in iam._mfa_devices.values()]
    there = asked.get("UserName") in owners
    return "Cannot delete entity, must delete MFA device first." if there else None


@rule("iam.user-with-policies", "DeleteUser", code="DeleteConflict", source=f"{API}/API_DeleteUser.html", status=409)
def _user_with_policies(asked: Asked) -> str | None:
    there = iam._user_inline_policies.get(asked.get("UserName"))
    return "Cannot delete entity, must delete policies first." if there else None


@rule("iam.group-with-users", "DeleteGroup", code="DeleteConflict", source=f"{API}/API_DeleteGroup.html", status=409)
def _group_with_users(asked: Asked) -> str | None:
    there = iam._groups.get(asked.get("GroupName"), {}).get("Users")
    return "Cannot delete entity, must remove users from group first." if there else None


@rule("iam.group-with-policies", "DeleteGroup", code="DeleteConflict", source=f"{API}/API_DeleteGroup.html", status=409)
def _group_with_policies(asked: Asked) -> str | None:
    name = asked.get("GroupName")
    there = iam._groups.get(name, {}).get("AttachedPolicies") or iam._group_inline_policies.get(name)
    return "Cannot delete entity, must detach all policies first." if there else None


@rule("iam.role-in-profile", "DeleteRole", code="DeleteConflict", source=f"{API}/API_DeleteRole.html", status=409)
def _role_in_profile(asked: Asked) -> str | None:
    there = any(asked.get("RoleName") in profile.get("Roles", []) for profile in iam._instance_profiles.values())
    return "Cannot delete entity, must remove roles from instance profile first." if there else None


@rule(
    "iam.profile-with-role",
    "DeleteInstanceProfile",
    code="DeleteConflict",
    source=f"{API}/API_DeleteInstanceProfile.html",
    status=409,
)
def _profile_with_role(asked: Asked) -> str | None:
    there = iam._instance_profiles.get(asked.get("InstanceProfileName"), {}).get("Roles")
    return "Cannot delete entity, must remove roles from instance profile first." if there else None


TAGGED = ("User", "Role", "Policy", "InstanceProfile")


@rule(
    "iam.tag-aws",
    *(f"{verb}{what}" for verb in ("Create", "Tag") for what in TAGGED),
    code="InvalidInput",
    source="https://docs.aws.amazon.com/IAM/latest/UserGuide/id_tags.html#id_tags_rules",
)
def _tag_aws(asked: Asked) -> str | None:
    reserved = any(str(tag.get("Key", "")).lower().startswith("aws:") for tag in asked.get("Tags", []))
    return "Tag keys that begin with aws: are reserved for AWS's own use." if reserved else None
