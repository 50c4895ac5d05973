"""The one version of ministack that this package fits, and every private part of it that this package touches.

An upgrade of ministack fails here, at start and in one line, and not later in a lesson.
"""

from importlib import import_module
from importlib.metadata import PackageNotFoundError, version

from lab.terminal.language import _

MINISTACK = "1.5.33"

# Module -> names that other modules of this package use, without ministack's promise to keep them.
PRIVATE = {
    "ministack.app": (
        "_build_persistence_save_dict",
        "_get_module",
        "_handle_post_body_shortcuts",
        "_handle_pre_body_request",
        "_handle_s3_vhost_request",
        "_handle_special_data_plane_request",
        "_state_map",
    ),
    "ministack.core.iam_evaluator": (
        "_first_match",
        "_gather_role_policies",
        "_gather_user_policies",
        "_principal_keys",
        "_resolve_condition_key",
        "_resolve_managed_policy_document",
    ),
    "ministack.core.persistence": ("_json_default", "_json_object_hook"),
    "ministack.core.responses": ("_account_from_sts_session",),
    "ministack.services.cloudformation": ("_stack_events", "_stacks"),
    "ministack.services.cloudformation.engine": ("_parse_template", "_resolve_refs"),
    "ministack.services.cloudformation.handlers": ("_ACTION_HANDLERS", "_error", "_p", "_resolve_stack", "_xml"),
    "ministack.services.cloudformation.helpers": ("_error", "_p"),
    "ministack.services.cloudformation.provisioners": (
        "_REPLACING_PROPERTIES",
        "_RESOURCE_HANDLERS",
        "_STACK_TAG_PROPERTY",
        "_cfn_wait_condition_definition",
        "_cr_stack_id",
        "_custom_resource_create",
    ),
    "ministack.services.cloudformation.stacks": (
        "_add_event",
        "_runs_on_worker_thread",
    ),
    "ministack.services.cloudwatch_logs": ("_log_groups",),
    "ministack.services.ec2": (
        "_ACTION_MAP",
        "_DEFAULT_SG_ID",
        "_DEFAULT_SUBNET_ID",
        "_STUB_AMIS",
        "_addresses",
        "_aws_pl_id_from_name",
        "_aws_prefix_list_to_cidr",
        "_az_id_for_zone_name",
        "_az_id_prefix",
        "_describe_instance_attribute",
        "_ensure_defaults_initialized",
        "_error",
        "_flow_logs",
        "_instance_xml",
        "_instances",
        "_internet_gateways",
        "_key_pairs",
        "_launch_instances_internal",
        "_nat_gateways",
        "_network_acls",
        "_network_interfaces",
        "_now_ts",
        "_parse_ip_permissions",
        "_parse_tag_specs",
        "_random_ip",
        "_resolve_iam_instance_profile",
        "_route_tables",
        "_security_groups",
        "_strip_descriptions",
        "_stub_image_view",
        "_subnets",
        "_tags",
        "_volumes",
        "_vpc_endpoints",
        "_vpcs",
        "_zone_name_for_az_id",
    ),
    "ministack.services.iam": (
        "_IAM_HANDLERS",
        "_access_keys",
        "_error",
        "_group_inline_policies",
        "_groups",
        "_instance_profiles",
        "_login_profiles",
        "_mfa_devices",
        "_now",
        "_policies",
        "_roles",
        "_user_inline_policies",
        "_users",
        "_xml",
    ),
    "ministack.services.s3": ("_buckets", "_parse_bucket_key", "_persist_object"),
    "ministack.services.ssm": ("_PUBLIC_AMI_PARAMETERS", "_parameters"),
    "ministack.services.sts": ("_error", "_sessions"),
    "ministack.services.tagging": ("_COLLECTORS", "_RESOURCE_TAG_COLLECTORS", "_collect_ssm", "_normalise_flat"),
}


class UnsupportedMinistackError(Exception):
    """The installed ministack is not the one that this package was written for."""


def check() -> None:
    """Raise UnsupportedMinistackError unless ministack is the supported one and has every part that is used."""
    installed = _installed()
    if installed != MINISTACK:
        raise UnsupportedMinistackError(
            _(
                "The local AWS needs ministack {ministack}, but {installed} is installed. Install "
                "ministack=={ministack}, or adapt lab/local_aws to the new one."
            ).format(ministack=MINISTACK, installed=installed)
        )
    missing = [f"{module}.{name}" for module, names in PRIVATE.items() for name in names if not _has(module, name)]
    if missing:
        raise UnsupportedMinistackError(
            _("ministack {installed} lacks what lab/local_aws uses: {missing}").format(
                installed=installed, missing=", ".join(missing)
            )
        )


def _installed() -> str:
    try:
        return version("ministack")
    except PackageNotFoundError:
        return "none"


def _has(module: str, name: str) -> bool:
    try:
        return hasattr(import_module(module), name)
    except ImportError:
        return False
