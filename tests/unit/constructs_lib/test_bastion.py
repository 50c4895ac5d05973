"""Bastion, chapters 8, 10 and 11 of the primer: the instance, and the files that it boots with."""

import re
import subprocess
import sys
from collections.abc import Callable
from functools import cache
from pathlib import Path
from typing import Any, cast

import aws_cdk as cdk
import pytest
from aws_cdk import aws_ec2 as ec2
from aws_cdk import aws_iam as iam
from aws_cdk import aws_s3 as s3
from aws_cdk.assertions import Template

from constructs_lib.bastion import BOOT, FIRST_BOOT, Bastion, boot_file, masked, name_of, render_user_data
from lab.template.values import resolved, target
from tests.unit.constructs_lib.reading import files_in, properties, tag

USER_DATA_LIMIT = 16_384
SCRIPTS = [*sorted(BOOT.glob("*.sh")), BOOT / "rc.local"]

# Where the files of boot/ land, and with which permissions.
ENVIRONMENT_FILE = "/etc/learning-stack.env"
STACK = "a-stack"
LIB = "/usr/local/lib"
ALWAYS = {
    "/usr/local/sbin/learning-stack-first-boot": ("first-boot.sh", "755"),
    "/usr/local/sbin/s3-mount-answers": ("s3-mount-answers.sh", "755"),
    "/usr/local/sbin/keep-s3-mounted": ("keep-s3-mounted.sh", "755"),
    "/etc/rc.local": ("rc.local", "755"),
    "/etc/systemd/system/rc-local.service": ("rc-local.service", "644"),
    "/etc/systemd/system/learning-stack-first-boot.service": ("first-boot.service", "644"),
    "/etc/profile.d/aws-completion.sh": ("aws-completion.sh", "644"),
}
FROM_SOURCE = {f"{LIB}/s3fs-from-source.sh": ("s3fs-from-source.sh", "644")}
EACH_VARIANT = pytest.mark.parametrize(
    ("release", "s3fs_install", "expected"),
    [
        ("26.04", "apt", ALWAYS),
        ("26.04", "source", ALWAYS | FROM_SOURCE),
        ("24.04", "apt", ALWAYS),
        ("24.04", "source", ALWAYS | FROM_SOURCE),
    ],
    ids=["26.04 apt", "26.04 source", "24.04 apt", "24.04 source"],
)


@pytest.fixture(scope="module")
def bastion(plain_stack: Callable[[], cdk.Stack]) -> Callable[..., Template]:
    def make(**settings: Any) -> Template:
        stack = plain_stack()
        vpc = ec2.Vpc(stack, "Vpc", nat_gateways=0, restrict_default_security_group=False)
        role_name = settings.pop("role_name", "access-s3-role")
        role = iam.Role(stack, "Role", role_name=role_name, assumed_by=iam.ServicePrincipal("ec2.amazonaws.com"))
        Bastion(
            stack,
            "Bastion",
            vpc=vpc,
            subnet=vpc.public_subnets[0],
            security_group=ec2.SecurityGroup(stack, "Group", vpc=vpc),
            role=role,
            bucket=s3.Bucket(stack, "Bucket"),
            **settings,
        )
        return Template.from_stack(stack)

    memory = cache(lambda items: make(**dict(items)))
    return lambda **settings: memory(tuple(settings.items()))


def instance(template: Template) -> dict[str, Any]:
    (found,) = properties(template, "AWS::EC2::Instance").values()
    return found


def instance_id(template: Template) -> str:
    (found,) = properties(template, "AWS::EC2::Instance")
    return found


def user_data(template: Template, bucket: str = "my-bucket", region: str = "ap-northeast-1") -> str:
    """Return the user data as the instance gets it."""
    (bucket_id,) = properties(template, "AWS::S3::Bucket")
    ((role_id, role),) = properties(template, "AWS::IAM::Role").items()
    names = {
        bucket_id: bucket,
        role_id: role["RoleName"],
        "AWS::Region": region,
        "AWS::URLSuffix": "amazonaws.com",
        "AWS::StackName": STACK,
    }
    return str(resolved(instance(template)["UserData"]["Fn::Base64"], names))


def written_files(text: str) -> dict[str, dict[str, str]]:
    """Return what the user data writes, as bash itself reads it."""
    return {file["path"]: file for file in files_in(text)}


def sourced(environment_file: str, folder: Path, names: list[str]) -> dict[str, str]:
    """Return what a real shell has in these variables after it has read the file."""
    (folder / "learning-stack.env").write_text(environment_file)
    script = ". ./learning-stack.env\n" + "".join(f"printf '%s\\0' \"${name}\"\n" for name in names)
    result = subprocess.run(
        ["/bin/sh", "-eu", "-c", script], cwd=folder, env={}, capture_output=True, text=True, check=True
    )
    assert result.stderr == ""
    return dict(zip(names, result.stdout.split("\0"), strict=False))


# --- the instance


def test_only_imdsv2_and_only_on_the_instance_itself(bastion: Callable[..., Template]) -> None:
    assert instance(bastion())["MetadataOptions"] == {"HttpTokens": "required", "HttpPutResponseHopLimit": 1}


@pytest.mark.parametrize("size", [8, 100])
def test_the_root_volume_is_encrypted_gp3_of_the_size_asked_for(bastion: Callable[..., Template], size: int) -> None:
    assert instance(bastion(volume_gib=size))["BlockDeviceMappings"] == [
        {"DeviceName": "/dev/sda1", "Ebs": {"Encrypted": True, "VolumeSize": size, "VolumeType": "gp3"}}
    ]


def test_it_stands_in_its_subnet_with_no_public_address_but_the_elastic_ip(bastion: Callable[..., Template]) -> None:
    template = bastion()
    (group_id,) = properties(template, "AWS::EC2::SecurityGroup")
    public = [
        name
        for name, subnet in properties(template, "AWS::EC2::Subnet").items()
        if tag(subnet, "aws-cdk:subnet-type") == "Public"
    ]
    (interface,) = instance(template)["NetworkInterfaces"]
    assert interface["AssociatePublicIpAddress"] is True  # the Elastic IP comes after the first boot
    assert interface["SubnetId"] == {"Ref": public[0]}
    assert interface["GroupSet"] == [{"Fn::GetAtt": [group_id, "GroupId"]}]
    ((address_id, address),) = properties(template, "AWS::EC2::EIP").items()
    assert address["Domain"] == "vpc"
    assert tag(address, "Name") == "learning-bastion"
    (association,) = properties(template, "AWS::EC2::EIPAssociation").values()
    assert association["AllocationId"] == {"Fn::GetAtt": [address_id, "AllocationId"]}
    assert association["InstanceId"] == {"Ref": instance_id(template)}


def test_a_full_quota_of_addresses_fails_before_the_instance_is_made(bastion: Callable[..., Template]) -> None:
    ((address_id, address),) = bastion().find_resources("AWS::EC2::EIP").items()
    (found,) = bastion().find_resources("AWS::EC2::Instance").values()
    assert address_id in found["DependsOn"]
    assert instance_id(bastion()) not in str(address)


def test_its_tags_are_what_people_and_operators_find_it_by(bastion: Callable[..., Template]) -> None:
    assert tag(instance(bastion()), "Name") == "learning-bastion"
    assert tag(instance(bastion()), "Role") == "bastion"
    assert instance(bastion())["PropagateTagsToVolumeOnCreation"] is True


def test_its_key_pair_is_made_by_cloudformation(bastion: Callable[..., Template]) -> None:
    (key_id,) = properties(bastion(), "AWS::EC2::KeyPair")
    assert instance(bastion())["KeyName"] == {"Ref": key_id}
    key = properties(bastion(), "AWS::EC2::KeyPair")[key_id]
    assert key["KeyType"] == "ed25519"
    assert "PublicKeyMaterial" not in key  # with it, AWS would keep no private key for us


def test_an_instance_profile_carries_the_role_that_it_is_given(bastion: Callable[..., Template]) -> None:
    ((profile_id, profile),) = properties(bastion(), "AWS::IAM::InstanceProfile").items()
    (role_id,) = properties(bastion(), "AWS::IAM::Role")
    assert profile["Roles"] == [{"Ref": role_id}]
    assert instance(bastion())["IamInstanceProfile"] == {"Ref": profile_id}


def test_the_role_gets_what_the_instance_itself_needs_and_nothing_else(bastion: Callable[..., Template]) -> None:
    ((policy_id, policy),) = properties(bastion(), "AWS::IAM::ManagedPolicy").items()
    (role,) = properties(bastion(), "AWS::IAM::Role").values()
    assert role["ManagedPolicyArns"] == [{"Ref": policy_id}]
    assert policy["PolicyDocument"]["Statement"] == [
        {
            "Sid": "OpenSessions",
            "Effect": "Allow",
            "Action": [
                "ssmmessages:CreateControlChannel",
                "ssmmessages:CreateDataChannel",
                "ssmmessages:OpenControlChannel",
                "ssmmessages:OpenDataChannel",
            ],
            "Resource": "*",
        },
        {
            "Sid": "RegisterForThem",
            "Effect": "Allow",
            "Action": "ssm:UpdateInstanceInformation",
            "Resource": {"Fn::Sub": "arn:${AWS::Partition}:ec2:${AWS::Region}:${AWS::AccountId}:instance/*"},
        },
        {
            "Sid": "ReportTheFirstBoot",
            "Effect": "Allow",
            "Action": "cloudformation:SignalResource",
            "Resource": {"Ref": "AWS::StackId"},
        },
    ]


def test_a_role_whose_name_aws_makes_up_is_named_by_reference(plain_stack: Callable[[], cdk.Stack]) -> None:
    stack = plain_stack()
    role = iam.Role(stack, "Role", assumed_by=iam.ServicePrincipal("ec2.amazonaws.com"))
    role_id = stack.get_logical_id(cast("cdk.CfnElement", role.node.default_child))
    assert stack.resolve(name_of(role)) == {"Ref": role_id}


def test_it_waits_for_the_internet(bastion: Callable[..., Template]) -> None:
    (found,) = bastion().find_resources("AWS::EC2::Instance").values()
    routes = bastion().find_resources("AWS::EC2::Route")
    assert set(routes).intersection(found["DependsOn"])


@pytest.mark.parametrize("burstable", ["t3.micro", "t4g.small"])
def test_burstable_types_never_bill_for_more_credits(bastion: Callable[..., Template], burstable: str) -> None:
    assert instance(bastion(instance_type=burstable))["CreditSpecification"] == {"CPUCredits": "standard"}


def test_other_types_know_no_credits(bastion: Callable[..., Template]) -> None:
    assert instance(bastion(instance_type="m7i.large"))["InstanceType"] == "m7i.large"
    assert "CreditSpecification" not in instance(bastion(instance_type="m7i.large"))


@pytest.mark.parametrize(
    ("settings", "parameter"),
    [
        ({}, "26.04/stable/current/amd64"),
        ({"release": "24.04"}, "24.04/stable/current/amd64"),
        ({"instance_type": "t4g.micro"}, "26.04/stable/current/arm64"),
        ({"instance_type": "c7gn.large"}, "26.04/stable/current/arm64"),
        ({"instance_type": "g6.xlarge"}, "26.04/stable/current/amd64"),
        ({"ami_serial": "20260615"}, "26.04/stable/20260615/amd64"),
        ({"ami_serial": "20260615", "instance_type": "t4g.micro"}, "26.04/stable/20260615/arm64"),
    ],
    ids=str,
)
def test_the_image_is_canonicals_for_the_processor(
    bastion: Callable[..., Template], settings: dict[str, str], parameter: str
) -> None:
    template = bastion(**settings)
    found = template.to_json()["Parameters"][target(instance(template)["ImageId"])]
    assert found["Type"] == "AWS::SSM::Parameter::Value<AWS::EC2::Image::Id>"
    assert found["Default"] == f"/aws/service/canonical/ubuntu/server/{parameter}/hvm/ebs-gp3/ami-id"


def test_an_ami_id_pins_the_image_and_reads_no_parameter(bastion: Callable[..., Template]) -> None:
    template = bastion(ami_id="ami-0123456789abcdef0")
    assert instance(template)["ImageId"] == "ami-0123456789abcdef0"
    assert "canonical" not in str(template.to_json().get("Parameters"))


@pytest.mark.parametrize(
    "changed",
    [{"mount_point": "/mnt/other"}, {"uid": 1001}, {"gid": 1001}, {"s3fs_install": "source"}, {"role_name": "other"}],
    ids=str,
)
def test_changed_user_data_replaces_the_instance(bastion: Callable[..., Template], changed: dict[str, Any]) -> None:
    assert instance_id(bastion(**changed)) != instance_id(bastion())


@pytest.mark.parametrize("changed", [{"volume_gib": 20}, {"instance_type": "t3.small"}], ids=str)
def test_unchanged_user_data_keeps_the_logical_id(bastion: Callable[..., Template], changed: dict[str, Any]) -> None:
    assert instance_id(bastion(**changed)) == instance_id(bastion())


# --- its report to the deploy


LAUNCH_SECONDS = 60  # from CloudFormation's beginning of an instance to systemd's


@pytest.mark.parametrize("s3fs_install", ["apt", "source"])
def test_the_first_boot_gives_up_while_there_is_time_for_its_report(
    bastion: Callable[..., Template], s3fs_install: str
) -> None:
    template = bastion(s3fs_install=s3fs_install)
    (found,) = template.find_resources("AWS::EC2::Instance").values()
    timeout = re.fullmatch(r"PT(\d+)M", found["CreationPolicy"]["ResourceSignal"]["Timeout"])
    files = written_files(user_data(template))
    give_up = re.search(r"^GIVE_UP=(\d+)$", files[ENVIRONMENT_FILE]["content"], re.MULTILINE)
    script = files["/usr/local/sbin/learning-stack-first-boot"]["content"]
    # What is killed, the tries of the report, the last of them, and the two tokens and the role's keys before.
    killed = re.search(r"timeout -k (\d+) ", script)
    tries = re.search(r"--retry-max-time (\d+)", script)
    each = re.search(r"curl -sS -m (\d+)", script)
    metadata = re.search(r"curl -sf -m (\d+)", script)
    assert timeout
    assert give_up
    assert killed
    assert tries
    assert each
    assert metadata
    report = int(killed[1]) + int(tries[1]) + int(each[1]) + 4 * int(metadata[1])
    assert LAUNCH_SECONDS + int(give_up[1]) + report < 60 * int(timeout[1])


# --- the user data


def test_user_data_is_a_script_for_every_boot_that_has_the_first_boot_run(bastion: Callable[..., Template]) -> None:
    text = user_data(bastion())
    assert text.startswith("#cloud-boothook\n#!/bin/bash\n")
    assert text.endswith("\nEND\nsystemctl enable -q --now --no-block learning-stack-first-boot\n")


@EACH_VARIANT
def test_the_files_of_boot_land_where_they_belong(
    bastion: Callable[..., Template], release: str, s3fs_install: str, expected: dict[str, tuple[str, str]]
) -> None:
    files = written_files(user_data(bastion(release=release, s3fs_install=s3fs_install)))
    del files[ENVIRONMENT_FILE]
    assert set(files) == set(expected)
    for path, (name, mode) in expected.items():
        assert files[path]["content"] == boot_file(name)
        assert files[path]["mode"] == mode


@pytest.mark.parametrize("script", SCRIPTS, ids=lambda script: script.name)
def test_what_runs_is_the_script_without_its_comments(script: Path) -> None:
    """The shell reads the same commands in both."""

    def read(text: str) -> list[str]:
        shown = subprocess.run(
            ["bash", "--pretty-print"], input=text, capture_output=True, text=True, check=True
        ).stdout
        return [line for line in shown.splitlines() if line]

    landed = boot_file(script.name)
    assert read(landed) == read(script.read_text())
    assert not [line for line in landed.splitlines() if re.fullmatch(r"\s*(#[^!].*)?", line)]


@pytest.mark.parametrize("name", ["rc-local.service", "first-boot.service", "nat-instance.yaml"])
def test_what_lands_of_the_others_is_all_but_their_comments(name: str) -> None:
    left_out = set((BOOT / name).read_text().splitlines()) - set(boot_file(name).splitlines())
    assert [line for line in left_out if line and not line.startswith("#")] == []


def test_every_file_of_boot_is_used() -> None:
    used = {name for name, _ in (ALWAYS | FROM_SOURCE).values()}
    assert {file.name for file in BOOT.iterdir()} == {"user-data.sh", "nat-instance.yaml", *used}


def test_the_build_of_s3fs_replaces_what_the_first_boot_calls() -> None:
    script = BOOT / "s3fs-from-source.sh"
    defined = subprocess.run(
        ["bash", "-c", '. "$0" && declare -F', script], capture_output=True, text=True, check=True
    ).stdout
    assert defined == "declare -f clone\ndeclare -f install_s3fs\n"
    lines = (BOOT / "first-boot.sh").read_text()
    assert (
        lines.index("install_s3fs() {") < lines.index(f". {LIB}/s3fs-from-source.sh") < lines.index('"$0" mount_bucket')
    )


@pytest.mark.parametrize(
    ("has_a_package", "installs"), [("true", "apt_install awscli"), ("false", "snap install --classic aws-cli")]
)
def test_the_aws_cli_comes_from_ubuntu_or_where_ubuntu_has_none_from_aws(has_a_package: str, installs: str) -> None:
    lines = (BOOT / "first-boot.sh").read_text()
    (function,) = re.findall(r"^install_awscli\(\) \{\n.*?^\}\n", lines, re.DOTALL | re.MULTILINE)
    script = f'apt-cache() {{ {has_a_package}; }}; try() {{ echo "$@"; }}\n{function}install_awscli'
    said = subprocess.run(["bash", "-c", script], capture_output=True, text=True, check=True).stdout
    assert said == f"{installs}\n"


def test_scripts_call_each_other_where_they_land() -> None:
    assert " keep-s3-mounted &" in (BOOT / "rc.local").read_text()
    assert "ExecStart=/etc/rc.local start" in (BOOT / "rc-local.service").read_text()
    assert f"ExecStart={FIRST_BOOT}\n" in (BOOT / "first-boot.service").read_text()
    # The condition of the one, the user data's, and what the other leaves behind.
    assert "ConditionPathExists=!/var/lib/learning-stack.done\n" in (BOOT / "first-boot.service").read_text()
    assert "-e /var/lib/learning-stack.done ]" in (BOOT / "user-data.sh").read_text()
    script = (BOOT / "first-boot.sh").read_text()
    assert "STAMP=/var/lib/learning-stack\n" in script
    assert script.endswith("touch $STAMP.done\n")


def test_the_environment_file_says_what_was_chosen(bastion: Callable[..., Template], tmp_path: Path) -> None:
    template = bastion(mount_point="/data/s3", uid=0, gid=65533, s3fs_install="source", role_name="my.role@x+y")
    environment_file = written_files(user_data(template))[ENVIRONMENT_FILE]["content"]
    names = re.findall(r"^(\w+)=", environment_file, re.MULTILINE)
    assert sourced(environment_file, tmp_path, names) == {
        "BUCKET": "my-bucket",
        "ROLE": "my.role@x+y",
        "REGION": "ap-northeast-1",
        "S3_URL": "https://s3.ap-northeast-1.amazonaws.com",
        "STACK": STACK,
        "SIGNAL": instance_id(template),
        "MOUNT_POINT": "/data/s3",
        "MOUNT_UID": "0",
        "MOUNT_GID": "65533",
        "GIVE_UP": "2520",
        "S3FS_GIT": "https://github.com/s3fs-fuse/s3fs-fuse.git",
        "S3FS_TAG": Bastion.S3FS_TAG,
        "S3FS_COMMIT": Bastion.S3FS_COMMIT,
    }


@EACH_VARIANT
def test_scripts_read_no_variable_that_nothing_sets(
    bastion: Callable[..., Template], release: str, s3fs_install: str, expected: dict[str, tuple[str, str]]
) -> None:
    files = written_files(user_data(bastion(release=release, s3fs_install=s3fs_install)))
    given = set(re.findall(r"^(\w+)=", files[ENVIRONMENT_FILE]["content"], re.MULTILINE))
    of_the_shell = {"SECONDS", "BASH_VERSION", "PATH"}
    for path in expected:
        of_the_shell |= set(re.findall(r"^([A-Z]+)=", files[path]["content"], re.MULTILINE))
        read = set(re.findall(r"\$\{?([A-Z][A-Z0-9_]*)", files[path]["content"]))
        assert read <= given | of_the_shell, path


HOSTILE = {
    "QUOTES": """it's "quoted" and `backquoted`""",
    "COMMANDS": "$(touch run-by-parentheses) `touch run-by-backquotes`; touch run-by-semicolon",
    "EXPANSIONS": "$HOME ${PATH} * ? ~ \\ !! %s",
    "SPACES": "  before, between  and after  ",
    "YAML": "- a: b # c\n  permissions: '0777'",
    "LINES": "one\n\ntwo",
    "EMPTY": "",
    "JAPANESE": "学習用",
}


FILES = {"rc.local": "/etc/rc.local"}


def rendered(environment: dict[str, str]) -> str:
    """Return what CloudFormation makes of it."""
    text = render_user_data({name: masked(value) for name, value in environment.items()}, FILES)
    return str(resolved({"Fn::Sub": text}, {}))


def test_hostile_values_come_back_from_a_real_shell_as_they_were(tmp_path: Path) -> None:
    environment_file = written_files(rendered(HOSTILE))[ENVIRONMENT_FILE]["content"]
    assert sourced(environment_file, tmp_path, list(HOSTILE)) == HOSTILE
    assert [file.name for file in tmp_path.iterdir()] == ["learning-stack.env"], "something was run"


def test_hostile_values_change_no_other_file() -> None:
    hostile, plain = (written_files(rendered(values)) for values in (HOSTILE, {"BUCKET": "b"}))
    assert hostile.keys() == plain.keys() == {ENVIRONMENT_FILE, "/etc/rc.local"}
    assert hostile["/etc/rc.local"] == plain["/etc/rc.local"]


@pytest.mark.parametrize("s3fs_install", ["apt", "source"])
@pytest.mark.parametrize("release", ["26.04", "24.04"])
def test_the_longest_user_data_is_below_ec2s_limit(
    bastion: Callable[..., Template], release: str, s3fs_install: str
) -> None:
    template = bastion(
        release=release,
        s3fs_install=s3fs_install,
        role_name="r" * 64,
        mount_point="/" + "m" * 63,
        uid=65533,
        gid=65533,
    )
    longest = user_data(template, bucket="b" * 63, region="ap-southeast-99")
    assert len(longest.encode()) <= USER_DATA_LIMIT


# --- the files themselves


@pytest.mark.parametrize("script", SCRIPTS, ids=lambda script: script.name)
def test_shellcheck_finds_nothing(script: Path) -> None:
    shellcheck = Path(sys.executable).parent / "shellcheck"
    result = subprocess.run([shellcheck, script], capture_output=True, text=True, check=False)
    assert (result.returncode, result.stdout, result.stderr) == (0, "", "")
