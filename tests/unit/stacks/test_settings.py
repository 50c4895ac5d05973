"""Settings: each rule with a good and a bad value, and one clear line for each mistake."""

import json
import re
import zoneinfo
from dataclasses import fields
from pathlib import Path
from typing import Any

import aws_cdk as cdk
import pytest

from stacks.settings import Settings, SettingsError, _time_zones
from tests.conftest import COMPANIONS, CONTEXT

SETTINGS = [setting.name for setting in fields(Settings)]


def lines(**context: object) -> list[str]:
    """Return the lines that these settings are refused with."""
    with pytest.raises(SettingsError) as refused:
        Settings.from_context(context)
    assert str(refused.value).splitlines() == refused.value.mistakes
    return refused.value.mistakes


def read(name: str, value: object) -> Any:
    return getattr(Settings.from_context({name: value}), name)


# --- what is allowed


def test_no_settings_at_all_are_the_defaults() -> None:
    assert Settings.from_context({}) == Settings()


def test_the_defaults_in_cdk_json_are_those_of_the_code() -> None:
    in_cdk_json = {name: value for name, value in CONTEXT.items() if name in SETTINGS}
    assert list(in_cdk_json) == SETTINGS
    assert Settings.from_context(in_cdk_json) == Settings()


@pytest.mark.parametrize("setting", fields(Settings), ids=lambda setting: setting.name)
def test_the_example_of_each_setting_is_valid(setting: Any) -> None:
    Settings.from_context({setting.name: setting.metadata["example"], **COMPANIONS.get(setting.name, {})})


@pytest.mark.parametrize(
    ("name", "in_cdk_json", "on_the_command_line", "expected"),
    [
        ("volume_gib", 30, "30", 30),
        ("mount_uid", 0, "0", 0),
        ("mount_gid", 65533, " 65533 ", 65533),
        ("private_host", True, "true", True),
        ("private_host", False, "False", False),
        ("operators", ["alice", "bob"], "alice, bob", ("alice", "bob")),
        ("operators", [], "", ()),
        ("availability_zones", [], "", ()),
        ("admin_cidr", "", " ", ""),
        ("nat", "single", " single ", "single"),
    ],
)
def test_json_types_and_text_are_read_alike(
    name: str, in_cdk_json: object, on_the_command_line: str, expected: object
) -> None:
    assert read(name, in_cdk_json) == expected
    assert read(name, on_the_command_line) == expected


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("vpc_cidr", "10.0.0.0/21"),
        ("admin_cidr", "203.0.113.7/32"),
        ("admin_cidr", "203.0.0.0/16"),
        ("office_cidr", "50.100.200.128/25"),
        ("availability_zones", "us-gov-west-1a,us-gov-west-1b"),
        ("availability_zones", "ap-northeast-1c,ap-northeast-1a"),
        ("nat", "per-az"),
        ("nat", "single"),
        ("nat", "regional"),
        ("nat", "instance"),
        ("nat", "none"),
        ("bucket_name", "abc"),
        ("bucket_name", "a" * 63),
        ("bucket_name", "0-nine--nine-9"),
        ("role_name", "r"),
        ("role_name", "Access_S3.role@x+y-z"),
        ("ubuntu_release", "24.04"),
        ("ubuntu_release", "26.04"),
        ("ami_serial", "20260615.1"),
        ("ami_id", "ami-01234567"),
        ("instance_type", "m7i-flex.large"),
        ("instance_type", "c7g.16xlarge"),
        ("instance_type", "r8gd.metal-24xl"),
        ("volume_gib", 16384),
        ("s3fs_install", "source"),
        ("mount_point", "/mnt/s3/deep.er/data_1"),
        ("mount_point", "/home/ubuntu/s3"),
        ("mount_point", "/data"),
        ("stop_at", "00:00"),
        ("start_at", "23:59"),
        ("time_zone", "UTC"),
        ("time_zone", "America/Argentina/Buenos_Aires"),
        ("monthly_budget_usd", "1"),
        ("monthly_budget_usd", 1_000_000),
        ("alert_email", "first.last+aws@mail.example.co.jp"),
        ("operators", "a,B.c+d=e@f_g-h"),
        ("learners", "a,b-2,c" + "d" * 19),
        ("learners", [f"learner{number}" for number in range(150)]),
    ],
)
def test_accepts(name: str, value: object) -> None:
    Settings.from_context({name: value, **COMPANIONS.get(name, {})})


def test_the_time_zones_of_this_machine_do_not_matter(tmp_path: Path) -> None:
    """Debian 13 has the old names in a package of their own, and a small system has no time zones at all."""
    zone = tmp_path / "Mars" / "Olympus_Mons"
    zone.parent.mkdir()
    zone.write_bytes(b"TZif2")
    zoneinfo.reset_tzpath([tmp_path])
    try:
        assert "Mars/Olympus_Mons" in zoneinfo.available_timezones()
        assert lines(time_zone="Mars/Olympus_Mons", stop_at="19:00")
        assert read("time_zone", "America/Argentina/ComodRivadavia") == "America/Argentina/ComodRivadavia"
    finally:
        zoneinfo.reset_tzpath()


def test_the_time_zones_are_those_that_aws_names() -> None:
    """The CDK lists the current names; the old ones that we take stand for one of these."""
    current = {getattr(cdk.TimeZone, name).timezone_name for name in dir(cdk.TimeZone) if name.isupper()}
    assert {name for name in current if "/" in name} - {*_time_zones().values()} == set()
    assert (
        max(map(len, _time_zones())) <= 50
    )  # https://docs.aws.amazon.com/scheduler/latest/APIReference/API_CreateSchedule.html


# --- what is not

NAMES_OF_LEARNERS = "must be 1 to 20 lower-case letters, digits and hyphens, the first a letter, the last no hyphen"
EXAMPLES = {setting.name: setting.metadata["example"] for setting in fields(Settings)}


@pytest.mark.parametrize(
    ("name", "value", "problem"),
    [
        ("vpc_cidr", "10.0.0.0", "'10.0.0.0' has no prefix length: write 10.0.0.0/32 for one address"),
        ("vpc_cidr", "10.0.0.0/15", "'10.0.0.0/15' must be from /16 to /28"),
        ("vpc_cidr", "10.0.0.5/16", "'10.0.0.5/16' must be written as 10.0.0.0/16"),
        ("vpc_cidr", "10.0.0.0/29", "'10.0.0.0/29' must be from /16 to /28"),
        ("vpc_cidr", "10.0.0.0/255.255.0.0", "'10.0.0.0/255.255.0.0' must be written as 10.0.0.0/16"),
        ("vpc_cidr", "10.0.0.256/16", "'10.0.0.256/16' is not an IPv4 address range"),
        ("vpc_cidr", "2001:db8::/56", "'2001:db8::/56' is not an IPv4 address range"),
        ("vpc_cidr", "", "'' is not an IPv4 address range"),
        ("public_cidrs", "10.0.1.0/24", "'10.0.1.0/24' must be two ranges, one for each zone"),
        ("public_cidrs", [], "'' must be two ranges, one for each zone"),
        ("public_cidrs", "10.0.1.0/24,10.1.3.0/24", "'10.1.3.0/24' is not inside vpc_cidr 10.0.0.0/16"),
        ("public_cidrs", "10.0.1.0/24,10.0.1.128/25", "'10.0.1.128/25' overlaps with '10.0.1.0/24'"),
        ("private_cidrs", "10.0.3.0/24,10.0.4.0/24", "'10.0.3.0/24' overlaps with '10.0.3.0/24'"),
        ("private_cidrs", 7, "7 must be a list of text, or text with commas"),
        ("private_cidrs", ["10.0.2.0/24", 7], "['10.0.2.0/24', 7] must be a list of text, or text with commas"),
        ("availability_zones", "us-east-1a", "'us-east-1a' must be two different zones"),
        ("availability_zones", "us-east-1a,us-east-1a", "'us-east-1a,us-east-1a' must be two different zones"),
        ("availability_zones", "us-east-1a,us-west-2b", "'us-east-1a,us-west-2b' must be zones of one region"),
        ("availability_zones", "us-east-1a,b", "'b' must be the name of a zone"),
        ("availability_zones", "us-east-1a,us-east-1b,us-east-1c", "must be two different zones"),
        ("nat", "per_az", "'per_az' must be one of per-az, single, regional, instance, none (Did you mean per-az?)"),
        ("nat", "gateway", "'gateway' must be one of per-az, single, regional, instance, none"),
        ("nat", "", "'' must be one of per-az, single, regional, instance, none"),
        ("admin_cidr", "0.0.0.0/0", "'0.0.0.0/0' must be from /16 to /32"),
        ("admin_cidr", "203.0.113.7", "'203.0.113.7' has no prefix length: write 203.0.113.7/32 for one address"),
        ("admin_cidr", "203.0.113.7/24", "'203.0.113.7/24' must be written as 203.0.113.0/24"),
        ("office_cidr", "0.0.0.0/0", "'0.0.0.0/0' must be from /16 to /32"),
        ("office_cidr", "", "'' is not an IPv4 address range"),
        ("office_cidr", "office", "'office' is not an IPv4 address range"),
        ("bucket_name", "My-Bucket", "'My-Bucket' must be 3 to 63 lower-case letters, digits and hyphens"),
        ("bucket_name", "my.bucket", "'my.bucket' must be 3 to 63 lower-case letters, digits and hyphens"),
        ("bucket_name", "-bucket", "'-bucket' must be 3 to 63 lower-case letters, digits and hyphens"),
        ("bucket_name", "a" * 64, f"'{'a' * 49}...' must be 3 to 63 lower-case letters, digits and hyphens"),
        ("bucket_name", "ab", "'ab' must be 3 to 63 lower-case letters, digits and hyphens"),
        ("bucket_name", "xn--bucket", "'xn--bucket' begins with xn--, which AWS reserves"),
        ("bucket_name", "sthree-bucket", "'sthree-bucket' begins with sthree-, which AWS reserves"),
        ("bucket_name", "bucket-s3alias", "'bucket-s3alias' ends with -s3alias, which AWS reserves"),
        ("role_name", "role,other", "'role,other' must be 1 to 64 letters, digits and _ . @ + -"),
        ("role_name", "r" * 65, f"'{'r' * 49}...' must be 1 to 64 letters, digits and _ . @ + -"),
        ("role_name", "", "'' must be 1 to 64 letters, digits and _ . @ + -"),
        (
            "ubuntu_release",
            "22.04",
            "'22.04' is too old: its s3fs cannot use IMDSv2. Allowed: 26.04, 24.04",
        ),
        ("ubuntu_release", "25.10", "'25.10' must be one of 26.04, 24.04 (Did you mean 26.04?)"),
        ("ubuntu_release", "jammy", "'jammy' must be one of 26.04, 24.04"),
        ("ubuntu_release", 26.04, "26.04 must be text, in quotes"),
        ("ami_serial", "2026-06-15", "'2026-06-15' must be the date of an image, YYYYMMDD"),
        ("ami_id", "ami-123", "'ami-123' must be ami- and 8 or 17 hexadecimal digits"),
        ("instance_type", "t3", "'t3' must be a family and one of its sizes"),
        ("instance_type", "t3.tiny", "'t3.tiny' must be a family and one of its sizes"),
        ("instance_type", "t3.10xlarge", "'t3.10xlarge' must be a family and one of its sizes"),
        ("instance_type", "m8g.micro", "'m8g.micro' must be a family and one of its sizes"),
        ("instance_type", "m5.0xlarge", "'m5.0xlarge' must be a family and one of its sizes"),
        ("volume_gib", "7", "7 must be from 8 to 16384"),
        ("volume_gib", 16385, "16385 must be from 8 to 16384"),
        ("volume_gib", "8 GiB", "'8 GiB' must be a whole number"),
        ("volume_gib", 8.5, "8.5 must be a whole number"),
        ("volume_gib", True, "true must be a whole number"),
        ("s3fs_install", "Source", "'Source' must be one of apt, source (Did you mean source?)"),
        ("mount_point", "mnt/s3", "must be an absolute path of at most 64 plain letters, digits, . _ and -"),
        ("mount_point", "/mnt/s3/", "must be an absolute path of at most 64 plain letters, digits, . _ and -"),
        ("mount_point", "/etc/s3", "would hide a folder that the system needs; choose one of your own below /mnt"),
        ("mount_point", "/mnt", "would hide a folder that the system needs; choose one of your own below /mnt"),
        ("mount_uid", "-1", "-1 must be from 0 to 65533"),
        ("mount_uid", "ubuntu", "'ubuntu' must be a whole number"),
        ("mount_gid", 65534, "65534 must be from 0 to 65533"),
        ("private_host", "yes", "'yes' must be true or false"),
        ("private_host", 1, "1 must be true or false"),
        ("stop_at", "9:00", "'9:00' must be a time of day as HH:MM, from 00:00 to 23:59"),
        ("stop_at", "24:00", "'24:00' must be a time of day as HH:MM, from 00:00 to 23:59"),
        ("start_at", "09:60", "'09:60' must be a time of day as HH:MM, from 00:00 to 23:59"),
        ("start_at", 900, "900 must be text, in quotes"),
        ("time_zone", "Tokyo", "'Tokyo' must be UTC or the name of a time zone (Did you mean Asia/Tokyo?)"),
        ("time_zone", "asia/tokio", "'asia/tokio' must be UTC or the name of a time zone (Did you mean Asia/Tokyo?)"),
        ("time_zone", "New York", "'New York' must be UTC or the name of a time zone (Did you mean America/New_York?)"),
        ("time_zone", "JST", "'JST' must be UTC or the name of a time zone"),
        ("time_zone", "localtime", "'localtime' must be UTC or the name of a time zone"),
        ("time_zone", "", "'' must be UTC or the name of a time zone"),
        ("monthly_budget_usd", "-1", "-1 must be from 0 to 1000000"),
        ("monthly_budget_usd", 1_000_001, "1000001 must be from 0 to 1000000"),
        ("monthly_budget_usd", "9.50", "'9.50' must be a whole number"),
        ("alert_email", "you", "'you' must be one plain mail address of at most 100 characters"),
        ("alert_email", "a@x.com,b@x.com", "must be one plain mail address of at most 100 characters"),
        ("alert_email", "You <you@x.com>", "must be one plain mail address of at most 100 characters"),
        ("alert_email", "you@localhost", "must be one plain mail address of at most 100 characters"),
        ("operators", "alice,", "'' must be 1 to 64 letters, digits and _ . @ + = -"),
        ("operators", "o" * 65, f"'{'o' * 49}...' must be 1 to 64 letters, digits and _ . @ + = -"),
        ("operators", "alice smith", "'alice smith' must be 1 to 64 letters, digits and _ . @ + = -"),
        ("operators", [f"operator{number}" for number in range(101)], "101 names are too many: 100 at most"),
        ("operators", "alice,Alice", "'alice,Alice' names somebody twice (IAM ignores case)"),
        ("learners", "Alice", f"'Alice' {NAMES_OF_LEARNERS}"),
        ("learners", "2nd", f"'2nd' {NAMES_OF_LEARNERS}"),
        ("learners", "alice-", f"'alice-' {NAMES_OF_LEARNERS}"),
        ("learners", "a" * 21, f"'{'a' * 21}' {NAMES_OF_LEARNERS}"),
        ("learners", "alice,,bob", f"'' {NAMES_OF_LEARNERS}"),
        ("learners", "alice,bob,alice", "'alice,bob,alice' names somebody twice (IAM ignores case)"),
        ("learners", "al,al-b", "'al-b' begins with 'al-', and 'al' is a learner, too"),
        ("learners", "nowhere.csv", "'nowhere.csv' cannot be read: No such file or directory"),
        ("learners", [f"learner{number}" for number in range(151)], "151 names are too many: 150 at most"),
    ],
)
def test_refuses_with_one_line(name: str, value: object, problem: str) -> None:
    if problem.startswith(("must", "would")):
        problem = f"{value!r} {problem}"
    assert lines(**{name: value}) == [f"{name}: {problem}. Example: -c {name}={EXAMPLES[name]}."]


def test_one_pin_of_the_image_is_enough() -> None:
    assert lines(ami_id="ami-01234567", ami_serial="20260615") == [
        f"ami_id: and ami_serial both pin the image; set one of them. Example: -c ami_id={EXAMPLES['ami_id']}."
    ]


def test_nothing_stops_and_starts_in_the_same_minute() -> None:
    assert lines(stop_at="09:00", start_at="09:00") == [
        f"start_at: '09:00' is stop_at too; the two must differ. Example: -c start_at={EXAMPLES['start_at']}."
    ]


@pytest.mark.parametrize(
    ("given", "name", "problem"),
    [
        ({"monthly_budget_usd": 20}, "alert_email", "must be set with monthly_budget_usd: who gets the mails"),
        (
            {"alert_email": "you@example.com"},
            "monthly_budget_usd",
            "must be set with alert_email: without a budget nothing is mailed",
        ),
        (
            {"monthly_budget_usd": 20, "alert_email": "you"},
            "alert_email",
            "'you' must be one plain mail address of at most 100 characters",
        ),
    ],
)
def test_a_budget_and_an_address_go_together(given: dict[str, object], name: str, problem: str) -> None:
    assert lines(**given) == [f"{name}: {problem}. Example: -c {name}={EXAMPLES[name]}."]


def ranges(network: str) -> dict[str, str]:
    """Return ranges that fit into a /16 that begins with these two numbers."""
    return {
        "vpc_cidr": f"{network}.0.0/16",
        "public_cidrs": f"{network}.1.0/24,{network}.3.0/24",
        "private_cidrs": f"{network}.2.0/24,{network}.4.0/24",
    }


@pytest.mark.parametrize(
    ("given", "problem", "advice"),
    [
        (
            ranges("192.168"),
            "the vpc_cidr of 'alice', '192.169.0.0/16', is outside 192.168.0.0/16, which has no more room",
            "vpc_cidr",
        ),
        (
            ranges("172.30"),
            "the vpc_cidr of 'bob', '172.32.0.0/16', is outside 172.16.0.0/12, which has no more room",
            "vpc_cidr",
        ),
        (ranges("126.254"), "the vpc_cidr of 'bob', '127.0.0.0/16', is not a range for hosts", "vpc_cidr"),
        (
            {"bucket_name": "b" * 59},
            f"the bucket_name of 'alice', '{'b' * 49}...', must be 3 to 63 lower-case letters, digits and hyphens",
            "bucket_name",
        ),
        (
            {"bucket_name": "files", "learners": "alice,an"},
            "the bucket_name of 'an', 'files-an', ends with -an, which AWS reserves",
            "bucket_name",
        ),
        (
            {"role_name": "r" * 61, "learners": "al,bob"},
            f"the role_name of 'bob', '{'r' * 49}...', must be 1 to 64 letters, digits and _ . @ + -",
            "role_name",
        ),
    ],
)
def test_what_the_teacher_may_have_and_a_learner_may_not(given: dict[str, str], problem: str, advice: str) -> None:
    Settings.from_context({**given, "learners": ""})
    expected = f"learners: {problem}. Example: -c {advice}={EXAMPLES[advice]}."
    assert lines(**{"learners": "alice,bob", **given}) == [expected]


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "cp932"])
def test_learners_come_from_a_roster_as_spreadsheets_write_it(tmp_path: Path, encoding: str) -> None:
    roster = tmp_path / "class.csv"
    roster.write_bytes("氏名,learner\r\n山田 太郎, taro \r\n能力 ソラ,sora\r\n".encode(encoding))
    assert Settings.from_context({"learners": str(roster)}).learners == ("taro", "sora")


@pytest.mark.parametrize("content", ["", "learner\n", "name\nalice\n", "learner,name\nalice,A\n,B\n"])
def test_a_roster_without_a_learner_in_each_row_is_refused(tmp_path: Path, content: str) -> None:
    roster = tmp_path / "class.csv"
    roster.write_text(content)
    (line,) = lines(learners=str(roster))
    problem = "must be a CSV file with a column 'learner' that has a name in each row"
    assert line.endswith(f"{problem}. Example: -c learners={EXAMPLES['learners']}.")


def test_the_settings_of_learners() -> None:
    teachers = Settings(
        bucket_name="files", monthly_budget_usd=20, alert_email="you@example.com", operators=("eve",),
        nat="none", learners=("alice", "bob"),
    )  # fmt: skip
    assert teachers.of_learners() == {
        "alice": Settings(
            vpc_cidr="10.1.0.0/16",
            public_cidrs=("10.1.1.0/24", "10.1.3.0/24"),
            private_cidrs=("10.1.2.0/24", "10.1.4.0/24"),
            bucket_name="files-alice",
            role_name="access-s3-role-alice",
            nat="none",
        ),
        "bob": Settings(
            vpc_cidr="10.2.0.0/16",
            public_cidrs=("10.2.1.0/24", "10.2.3.0/24"),
            private_cidrs=("10.2.2.0/24", "10.2.4.0/24"),
            bucket_name="files-bob",
            role_name="access-s3-role-bob",
            nat="none",
        ),
    }
    assert Settings().of_learners() == {}
    assert Settings(learners=("alice",)).of_learners()["alice"].bucket_name == ""


def test_a_small_vpc_makes_a_class_of_small_ones() -> None:
    small = Settings(
        vpc_cidr="192.168.7.192/26",
        public_cidrs=("192.168.7.192/28", "192.168.7.208/28"),
        private_cidrs=("192.168.7.224/28", "192.168.7.240/28"),
        learners=("alice",),
    )
    assert small.mistakes() == []
    assert small.of_learners()["alice"].vpc_cidr == "192.168.8.0/26"
    assert small.of_learners()["alice"].private_cidrs == ("192.168.8.32/28", "192.168.8.48/28")


@pytest.mark.parametrize(
    ("key", "meant"),
    [("admin-cidr", "admin_cidr"), ("bukcet_name", "bucket_name"), ("NAT", "nat"), ("operator", "operators")],
)
def test_an_unknown_key_gets_a_suggestion(key: str, meant: str) -> None:
    assert lines(**{key: "x"}) == [f"{key}: is not a setting. Did you mean {meant}?"]


def test_an_unknown_key_gets_a_suggestion_even_where_it_begins_like_the_cdks() -> None:
    assert lines(**{"@nat": "x"}) == ["@nat: is not a setting. Did you mean nat?"]


def test_an_unknown_key_like_no_other_gets_all_names() -> None:
    assert lines(colour="red") == [f"colour: is not a setting. Settings: {', '.join(SETTINGS)}."]


@pytest.mark.parametrize(
    "key",
    ["@aws-cdk/core:stackRelativeExports", "aws:cdk:bundling-stacks", "cli-telemetry", "acknowledged-issue-numbers"],
)
def test_keys_of_the_cdk_are_left_alone(key: str) -> None:
    Settings.from_context({key: "x"})


# --- several mistakes


def test_all_mistakes_are_reported_together_in_the_order_of_the_settings() -> None:
    found = lines(
        private_host="maybe",
        mount_point="/etc",
        volume_gib="big",
        ami_id="ami-1",
        office_cidr="all",
        nat="two",
        availability_zones="a,b",
        vpc_cidr="10.0.0.0/8",
    )
    names = [line.split(":")[0] for line in found]
    assert names == [
        "vpc_cidr", "availability_zones", "availability_zones", "nat", "office_cidr", "ami_id", "volume_gib",
        "mount_point", "private_host",
    ]  # fmt: skip


def test_a_mistake_in_one_setting_hides_none_in_another() -> None:
    found = lines(vpc_cidr="10.0.0.5/16", availability_zones="us-east-1a,us-east-1a", operators="bob,bob")
    assert [line.split(":")[0] for line in found] == ["vpc_cidr", "availability_zones", "operators"]


def test_no_line_follows_from_another_mistake() -> None:
    subnets = {"public_cidrs": "10.9.1.0/24,10.9.2.0/24", "private_cidrs": "10.9.3.0/24,10.9.4.0/24"}
    assert [line.split(":")[0] for line in lines(vpc_cidr="10.9.0.1/16", **subnets)] == ["vpc_cidr"]
    assert [line.split(":")[0] for line in lines(vpc_cidr=10.9, **subnets)] == ["vpc_cidr"]


# --- hostile values

HOSTILE = [
    "$(reboot)", "`reboot`", "a'b", 'a"b', "a\nb", "a\r\nb", "a\x00b", "\x1b[31mred", "../../etc/passwd", "x" * 10_000,
    "\u202egnp", "\u0661", "{{resolve:ssm:x}}", "%s", "; rm -rf /", "::1/128",
]  # fmt: skip


@pytest.mark.parametrize("value", HOSTILE, ids=lambda value: json.dumps(value)[:20])
@pytest.mark.parametrize("name", SETTINGS)
def test_a_hostile_value_gets_one_short_printable_line(name: str, value: str) -> None:
    found = lines(**{name: value})
    first = found[0]
    assert first.startswith(f"{name}: ")
    assert first.isprintable()
    assert len(first) < 250
    # A list that is not two ranges, or not two zones, is a second mistake; a value is never repeated elsewhere.
    assert {line.split(":")[0] for line in found} == {name}


KEYS = [value for value in HOSTILE if not re.search("[:/]", value)]  # with one of these, a key is the CDK's


@pytest.mark.parametrize("key", KEYS, ids=lambda key: json.dumps(key)[:20])
def test_a_hostile_key_gets_one_printable_line(key: str) -> None:
    (line,) = lines(**{key: "x"})
    assert line.isprintable()
    assert len(line) < 450


# --- what would pass the rules, and fail later


def test_refuses_three_zones_of_which_two_are_the_same() -> None:
    zones = "us-east-1a,us-east-1b,us-east-1b"
    assert lines(availability_zones=zones)[0].startswith(f"availability_zones: '{zones}' must be two different zones")


@pytest.mark.parametrize("instance_type", ["u7i-12tb.224xlarge", "mac2-m2.metal"])
def test_refuses_instance_types_that_the_cdk_cannot_read(instance_type: str) -> None:
    assert lines(instance_type=instance_type)[0].startswith(f"instance_type: '{instance_type}'")


def test_refuses_to_mount_over_snaps_where_ubuntu_keeps_the_ssm_agent() -> None:
    assert lines(mount_point="/snap/s3")[0].startswith("mount_point: '/snap/s3' would hide a folder")


@pytest.mark.parametrize("value", [False, 0, {}, None])
def test_refuses_a_list_that_is_none(value: object) -> None:
    assert lines(operators=value)[0].startswith(f"operators: {json.dumps(value)} must be a list of text")


def test_no_subnets_at_all_is_no_mistake_of_the_vpc() -> None:
    found = lines(public_cidrs="", private_cidrs="")
    assert [line.split(":")[0] for line in found] == ["public_cidrs", "private_cidrs"]


@pytest.mark.parametrize("file", ["cdk.json", "cdk.context.json", "~/.cdk.json"])
def test_a_key_that_is_no_setting_is_said_to_be_in_its_file(
    file: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The CDK CLI adds what the user's home holds to every project: nobody looks for it there."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("HOME", str(tmp_path / "home"))
    Path("home").mkdir()
    Path("cdk.json").write_text('{"context": {}}')
    keys = {"colour": "red"}
    Path(file).expanduser().write_text(json.dumps(keys if file == "cdk.context.json" else {"context": keys}))
    [line] = lines(colour="red")
    assert line.startswith(f"colour: is not a setting ({file} has it). Settings: ")


@pytest.mark.parametrize("text", ["", "[]", '{"context": 5}', "{}", '{"context": {"color": 1}}'])
def test_a_file_without_the_key_is_not_named(text: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("HOME", str(tmp_path))
    Path(".cdk.json").write_text(text)
    assert lines(colour="red")[0].startswith("colour: is not a setting. Settings: ")
