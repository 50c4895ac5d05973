"""What a learner can choose, and every rule about it. The only code that reads CDK context."""

import csv
import ipaddress
import json
import re
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field, fields, replace
from datetime import date
from difflib import get_close_matches
from functools import cache
from gettext import gettext as _
from importlib.resources import files
from itertools import combinations, permutations
from pathlib import Path
from typing import Any, Self, get_type_hints

NAT_CHOICES = ("per-az", "single", "regional", "instance", "none")
UBUNTU_CHOICES = ("26.04", "24.04")
S3FS_CHOICES = ("apt", "source")
WIDEST_PREFIX = 16
# This network, loopback, link-local, multicast and reserved.
NOT_FOR_HOSTS = ("0.0.0.0/8", "127.0.0.0/8", "169.254.0.0/16", "224.0.0.0/4", "240.0.0.0/4")
PRIVATE = ("10.0.0.0/8", "172.16.0.0/12", "192.168.0.0/16")
# So many operators, or learners, with the longest names fit into a template that goes inline.
LONGEST_LISTS = {"operators": 100, "learners": 150}
SYSTEM_FOLDERS = tuple("bin boot dev etc lib lib64 proc root run sbin snap sys tmp usr var".split())  # noqa: SIM905
# Context keys that belong to the CDK itself: feature flags, what its CLI says, and what it has looked up.
CDK_KEYS = r"@[a-z-]+/|aws:|acknowledged-issue-numbers$|cli-telemetry$|[a-z-]+:account="


class SettingsError(Exception):
    """Wrong settings: one line for each, in the order of the settings."""

    def __init__(self, mistakes: list[str]) -> None:
        super().__init__("\n".join(mistakes))
        self.mistakes = mistakes


def _setting(default: Any, meaning: str, example: str, stack: str = "LearningStack") -> Any:
    about = {"meaning": meaning, "example": example, "stack": stack}
    return field(default=default, metadata=about)


@dataclass(frozen=True, kw_only=True)
class Settings:
    """The settings of all stacks, as context keys: in cdk.json, or ``-c key=value``.

    On the command line a list is written with commas. Empty text or an empty list means: not set.
    """

    vpc_cidr: str = _setting("10.0.0.0/16", "address range of the VPC, from /16 to /28", "10.0.0.0/16")
    public_cidrs: tuple[str, ...] = _setting(
        ("10.0.1.0/24", "10.0.3.0/24"),
        "the public subnets of zone 1 and zone 2",
        "10.0.1.0/24,10.0.3.0/24",
    )
    private_cidrs: tuple[str, ...] = _setting(
        ("10.0.2.0/24", "10.0.4.0/24"),
        "the private subnets of zone 1 and zone 2",
        "10.0.2.0/24,10.0.4.0/24",
    )
    availability_zones: tuple[str, ...] = _setting(
        (),
        "two zones by name; not set: the region's first two",
        "ap-northeast-1a,ap-northeast-1c",
    )
    nat: str = _setting(
        "per-az",
        "how private subnets reach the internet: per-az, single, regional, instance, none",
        "single",
    )
    admin_cidr: str = _setting(
        "",
        "who may connect to port 22; not set: nobody (Session Manager needs no port)",
        "203.0.113.7/32",
    )
    office_cidr: str = _setting(
        "50.100.200.0/24",
        "who may connect to port 8080 of web servers",
        "50.100.200.0/24",
    )
    bucket_name: str = _setting(
        "",
        "name of the bucket; not set: CloudFormation makes one",
        "my-learning-bucket-2026",
    )
    role_name: str = _setting("access-s3-role", "name of the instance's role", "access-s3-role")
    ubuntu_release: str = _setting(
        "26.04",
        "Ubuntu LTS of the instances: 26.04, 24.04",
        "26.04",
    )
    ami_serial: str = _setting(
        "",
        "pin Ubuntu to the image of this date; not set: the newest",
        "20260615",
    )
    ami_id: str = _setting("", "pin the image to this one of your region", "ami-0123456789abcdef0")
    instance_type: str = _setting(
        "t3.micro",
        "EC2 instance type of the instances, x86 or arm64",
        "t4g.micro",
    )
    volume_gib: int = _setting(8, "size of the root volume in GiB, from 8 to 16384", "16")
    s3fs_install: str = _setting(
        "apt",
        "s3fs from Ubuntu's packages (apt) or built as the primer does (source)",
        "apt",
    )
    mount_point: str = _setting("/mnt/s3", "where the bastion mounts the bucket", "/mnt/s3")
    mount_uid: int = _setting(
        1000,
        "who owns the mounted files (1000 is `ubuntu`), from 0 to 65533",
        "1000",
    )
    mount_gid: int = _setting(1000, "group of the mounted files, from 0 to 65533", "1000")
    private_host: bool = _setting(
        False,  # noqa: FBT003
        "an instance in private subnet 1, reachable only from the bastion",
        "true",
    )
    hardened: bool = _setting(
        False,  # noqa: FBT003
        "what costs money: metrics each minute, logs kept for a year",
        "true",
    )
    stop_at: str = _setting(
        "",
        "when the instances are stopped every day; not set: never",
        "19:00",
    )
    start_at: str = _setting(
        "",
        "when the instances are started every day; not set: never",
        "09:00",
    )
    time_zone: str = _setting(
        "UTC",
        "time zone of stop_at and start_at, by its IANA name",
        "Asia/Tokyo",
    )
    monthly_budget_usd: int = _setting(
        0,
        "AWS mails at 50 and 100 % of this much USD a month, and stops nothing (BudgetStack); 0: no budget",
        "20",
        "BudgetStack",
    )
    alert_email: str = _setting(
        "",
        "who gets the mails of monthly_budget_usd",
        "you@example.com",
        "BudgetStack",
    )
    operators: tuple[str, ...] = _setting(
        (),
        "IAM users who may start and stop the bastion (OperatorsStack)",
        "alice,bob",
        "OperatorsStack",
    )
    learners: tuple[str, ...] = _setting(
        (),
        "a class: for each of these names, or those of a roster, a LearningStack-NAME and a user (ClassStack)",
        "alice,bob",
        "all",
    )

    @classmethod
    def from_context(cls, context: Mapping[str, object]) -> Self:
        """Read and check all settings together.

        Raises SettingsError with one line for each mistake.
        """
        names = [setting.name for setting in fields(cls)]
        unknown = [
            _line(
                key,
                _("is not a setting{source}").format(source=_source(key)),
                _did_you_mean(key, names) or _("Settings: {names}.").format(names=", ".join(names)),
            )
            for key in context
            if key not in names and not re.match(CDK_KEYS, key)
        ]
        values: dict[str, Any] = {}
        unread: dict[str, list[str]] = {}
        types = get_type_hints(cls)
        for setting in fields(cls):
            given = context.get(setting.name, setting.default)
            try:
                values[setting.name] = _READERS[types[setting.name]](given)
            except ValueError as error:
                unread[setting.name] = [_line(setting.name, f"{_shown(given)} {error}", _example(setting.name))]
        settings = cls(**values)
        mistakes = unknown + settings._in_order(unread)
        if mistakes:
            raise SettingsError(mistakes)
        return settings

    def of_learners(self) -> dict[str, Self]:
        """Return the settings of each learner's own stack, by name.

        The address ranges of the first learner are these, moved up by the size of the VPC; of the second, by twice
        that; and so on: a name keeps its ranges as long as it keeps its place. The names of role and bucket get the
        learner's. A budget and operators are for the whole account, so no learner has any.

        Limits: an account has room for five VPCs (one is the default VPC) and five Elastic IPs a region, until AWS
        raises these quotas.
        """
        size = ipaddress.IPv4Network(self.vpc_cidr).num_addresses

        def moved(cidr: str, number: int) -> str:
            network = ipaddress.IPv4Network(cidr)
            return str(ipaddress.IPv4Network((int(network.network_address) + number * size, network.prefixlen)))

        return {
            name: replace(
                self,
                vpc_cidr=moved(self.vpc_cidr, number),
                public_cidrs=tuple(moved(cidr, number) for cidr in self.public_cidrs),
                private_cidrs=tuple(moved(cidr, number) for cidr in self.private_cidrs),
                bucket_name=self.bucket_name and f"{self.bucket_name}-{name}",
                role_name=f"{self.role_name}-{name}",
                monthly_budget_usd=0,
                alert_email="",
                operators=(),
                learners=(),
            )
            for number, name in enumerate(self.learners, start=1)
        }

    def in_words(self, stack: str) -> str:
        """Return the settings of ``LearningStack``, ``OperatorsStack`` or ``BudgetStack`` as ``-c`` takes them.

        Their templates carry this, for readers that would have to guess otherwise. No value has a blank in it.
        """

        def word(value: Any) -> str:
            if isinstance(value, bool):
                return str(value).lower()
            return ",".join(value) if isinstance(value, tuple) else str(value)

        of_stack = [setting.name for setting in fields(self) if setting.metadata["stack"] == stack]
        return " ".join(f"{name}={word(getattr(self, name))}" for name in of_stack)

    def mistakes(self) -> list[str]:
        """Return one line for each value that breaks a rule, in the order of the settings."""
        return self._in_order({})

    def _in_order(self, unread: Mapping[str, list[str]]) -> list[str]:
        """Return the lines for what could not be read and, of the rest, for what breaks a rule."""
        found = dict(unread)
        for name, rule in _RULES.items():
            value = getattr(self, name)
            for item in value if isinstance(value, tuple) else (value,):
                try:
                    rule(item)
                except ValueError as error:
                    if name not in unread:
                        found.setdefault(name, []).append(_line(name, f"{_shown(item)} {error}", _example(name)))
        # A rule between settings says nothing new where one of them is wrong by itself.
        wrong = set(found)
        for names, problem in self._mistakes_between():
            if wrong.isdisjoint(names):
                found.setdefault(names[0], []).append(_line(names[0], problem, _example(names[0])))
        if found.keys().isdisjoint(("learners", *_OF_EACH_LEARNER)):
            for name, problem in self._mistakes_of_learners():
                found.setdefault("learners", []).append(_line("learners", problem, _example(name)))
        return [line for setting in fields(self) for line in dict.fromkeys(found.get(setting.name, []))]

    def _mistakes_between(self) -> Iterable[tuple[tuple[str, ...], str]]:
        """Yield the settings concerned and the problem, for rules about more than one value."""
        yield from self._mistakes_between_cidrs()
        zones = self.availability_zones
        if zones and not len(zones) == len(set(zones)) == 2:
            yield (
                ("availability_zones",),
                _("{zones} must be two different zones").format(zones=_shown(",".join(zones))),
            )
        elif len({zone[:-1] for zone in zones}) > 1:
            yield ("availability_zones",), _("'{zones}' must be zones of one region").format(zones=",".join(zones))
        if self.ami_id and self.ami_serial:
            yield ("ami_id", "ami_serial"), _("and ami_serial both pin the image; set one of them")
        if self.stop_at and self.stop_at == self.start_at:
            yield (
                ("start_at", "stop_at"),
                _("'{start_at}' is stop_at too; the two must differ").format(start_at=self.start_at),
            )
        if self.monthly_budget_usd and not self.alert_email:
            yield ("alert_email", "monthly_budget_usd"), _("must be set with monthly_budget_usd: who gets the mails")
        if self.alert_email and not self.monthly_budget_usd:
            yield (
                ("monthly_budget_usd", "alert_email"),
                _("must be set with alert_email: without a budget nothing is mailed"),
            )
        for setting, most in LONGEST_LISTS.items():
            names = getattr(self, setting)
            if len({name.lower() for name in names}) != len(names):
                yield (
                    (setting,),
                    _("{names} names somebody twice (IAM ignores case)").format(names=_shown(",".join(names))),
                )
            if len(names) > most:
                yield (setting,), _("{number} names are too many: {most} at most").format(number=len(names), most=most)

    def _mistakes_between_cidrs(self) -> Iterable[tuple[tuple[str, ...], str]]:
        cidrs = ("public_cidrs", "private_cidrs")
        for name in cidrs:
            if len(getattr(self, name)) != 2:
                yield (
                    (name,),
                    _("{ranges} must be two ranges, one for each zone").format(
                        ranges=_shown(",".join(getattr(self, name)))
                    ),
                )
        try:
            vpc = ipaddress.IPv4Network(self.vpc_cidr)
            subnets = [(name, cidr, ipaddress.IPv4Network(cidr)) for name in cidrs for cidr in getattr(self, name)]
        except ValueError:
            return  # said already, by the rule of the setting itself
        outside = [(name, cidr) for name, cidr, subnet in subnets if not subnet.subnet_of(vpc)]
        if subnets and len(outside) == len(subnets):
            yield (
                ("vpc_cidr", *cidrs),
                _("'{vpc}' holds none of the subnets: set {cidrs} too").format(vpc=vpc, cidrs=_(" and ").join(cidrs)),
            )
            return
        for name, cidr in outside:
            yield (name, "vpc_cidr"), _("'{cidr}' is not inside vpc_cidr {vpc}").format(cidr=cidr, vpc=vpc)
        for (_name, first, one), (name, second, other) in combinations(subnets, 2):
            if one.overlaps(other) and not outside:
                yield (name, *cidrs), _("'{second}' overlaps with '{first}'").format(second=second, first=first)
                return  # one range that is too wide overlaps with many

    def _mistakes_of_learners(self) -> Iterable[tuple[str, str]]:
        """Yield the setting and the problem, for the first learner who cannot have what is derived from it."""
        # What a learner may touch is told from what others may by how its name begins.
        for short, long in permutations(self.learners, 2):
            if long.startswith(f"{short}-"):
                said = _("'{long}' begins with '{short}-', and '{short}' is a learner, too")
                yield "learners", said.format(long=long, short=short)
                return
        derived = self.of_learners()
        for setting in ("vpc_cidr", "bucket_name", "role_name"):  # the subnets move with their VPC
            for name, its in derived.items():
                value = getattr(its, setting)
                try:
                    _RULES[setting](value)
                    if setting == "vpc_cidr":
                        _stays_private(self.vpc_cidr, value)
                except ValueError as error:
                    yield (
                        setting,
                        _("the {setting} of '{name}', {value}, {error}").format(
                            setting=setting, name=name, value=_shown(value), error=error
                        ),
                    )
                    break


# --- reading: from what JSON or `-c` gives to the type of the setting


def _text(given: object) -> str:
    if not isinstance(given, str):
        raise ValueError(_("must be text, in quotes"))  # noqa: TRY004  # one kind of error for all bad input
    return given.strip()


def _whole_number(given: object) -> int:
    if not re.fullmatch(r"-?[0-9]{1,9}", str(given).strip()):
        raise ValueError(_("must be a whole number"))
    return int(str(given))


def _yes_or_no(given: object) -> bool:
    if str(given).strip().lower() not in ("true", "false"):
        raise ValueError(_("must be true or false"))
    return str(given).strip().lower() == "true"


def _list_of_text(given: object) -> tuple[str, ...]:
    if isinstance(given, str) and given.strip().endswith(".csv"):
        return _roster(given.strip())
    items = [item for item in given.split(",") if given.strip()] if isinstance(given, str) else given
    if not isinstance(items, list | tuple) or not all(isinstance(item, str) for item in items):
        raise ValueError(_("must be a list of text, or text with commas"))
    return tuple(item.strip() for item in items)


def _roster(name: str) -> tuple[str, ...]:
    """Return the column ``learner`` of a CSV file. Its others may be in whatever encoding a spreadsheet writes."""
    try:
        rows = list(csv.DictReader(Path(name).read_text("utf-8-sig", errors="replace").splitlines()))
    except OSError as error:
        raise ValueError(_("cannot be read: {why}").format(why=error.strerror)) from None
    learners = tuple((row.get("learner") or "").strip() for row in rows)
    if not rows or not all(learners):
        raise ValueError(_("must be a CSV file with a column 'learner' that has a name in each row"))
    return learners


_READERS: dict[Any, Callable[[object], Any]] = {
    str: _text,
    int: _whole_number,
    bool: _yes_or_no,
    tuple[str, ...]: _list_of_text,
}


# --- rules: each raises ValueError with what is allowed


def _cidr(text: str, *, widest: int = WIDEST_PREFIX, narrowest: int = 32) -> None:
    try:
        network = ipaddress.IPv4Network(text, strict=False)
    except ValueError:
        raise ValueError(_("is not an IPv4 address range")) from None
    if "/" not in text:
        raise ValueError(_("has no prefix length: write {text}/32 for one address").format(text=text))
    if str(network) != text:
        raise ValueError(_("must be written as {network}").format(network=network))
    if not widest <= network.prefixlen <= narrowest:
        raise ValueError(_("must be from /{widest} to /{narrowest}").format(widest=widest, narrowest=narrowest))
    if any(network.overlaps(ipaddress.IPv4Network(special)) for special in NOT_FOR_HOSTS):
        raise ValueError(_("is not a range for hosts"))


def _vpc_cidr(text: str) -> None:
    _cidr(text, narrowest=28)


def _stays_private(cidr: str, moved: str) -> None:
    for block in map(ipaddress.IPv4Network, PRIVATE):
        if block.supernet_of(ipaddress.IPv4Network(cidr)) and not block.supernet_of(ipaddress.IPv4Network(moved)):
            raise ValueError(_("is outside {block}, which has no more room").format(block=block))


def _optional(rule: Callable[[str], None]) -> Callable[[str], None]:
    def check(text: str) -> None:
        if text:
            rule(text)

    return check


def _matches(pattern: str, allowed: str) -> Callable[[str], None]:
    def check(text: str) -> None:
        if not re.fullmatch(pattern, text):
            raise ValueError(_("must be {allowed}").format(allowed=_(allowed)))

    return check


def _one_of(choices: tuple[str, ...]) -> Callable[[str], None]:
    def check(text: str) -> None:
        if text not in choices:
            hint = _did_you_mean(text, choices)
            raise ValueError(
                _("must be one of {choices}").format(choices=", ".join(choices)) + (f" ({hint})" if hint else "")
            )

    return check


def _between(lowest: int, highest: int) -> Callable[[int], None]:
    def check(number: int) -> None:
        if not lowest <= number <= highest:
            raise ValueError(_("must be from {lowest} to {highest}").format(lowest=lowest, highest=highest))

    return check


@cache
def _time_zones() -> dict[str, str]:
    """Return the names of all places in the IANA time zone database, by themselves in lower case.

    EventBridge Scheduler takes the names of that database:
    https://docs.aws.amazon.com/scheduler/latest/UserGuide/schedule-types.html#time-zones. They come from the package
    `tzdata`, never from this machine, whose own database may lack some and have others. Those without a slash, but for
    UTC, are left out: they are abbreviations and what stands for no zone at all (Factory).
    """
    names = files("tzdata").joinpath("zones").read_text(encoding="utf-8").split()
    return {name.lower(): name for name in sorted(names) if "/" in name}


def _time_zone(text: str) -> None:
    zones = _time_zones()
    if text == "UTC" or text in zones.values():
        return
    city = next((zone for zone in zones if zone.endswith(f"/{text.lower().replace(' ', '_')}")), text.lower())
    near = get_close_matches(city, zones, n=1)
    hint = _(" (Did you mean {zone}?)").format(zone=zones[near[0]]) if near else ""
    raise ValueError(_("must be UTC or the name of a time zone{hint}").format(hint=hint))


def _ami_serial(text: str) -> None:
    look = _matches(r"20[0-9]{6}(\.[0-9]{1,2})?", "the date of an image, YYYYMMDD")
    look(text)
    try:
        date.fromisoformat(text[:8])
    except ValueError:
        look("")


def _ubuntu_release(text: str) -> None:
    if re.fullmatch(r"(1\d|2[0-3])\.(04|10)", text):
        raise ValueError(
            _("is too old: its s3fs cannot use IMDSv2. Allowed: {choices}").format(choices=", ".join(UBUNTU_CHOICES))
        )
    _one_of(UBUNTU_CHOICES)(text)


def _bucket_name(text: str) -> None:
    """Apply S3's rules, but for dots: TLS to BUCKET.s3.amazonaws.com does not work with a dot in the name.

    https://docs.aws.amazon.com/AmazonS3/latest/userguide/bucketnamingrules.html
    """
    _matches(r"[a-z0-9][a-z0-9-]{1,61}[a-z0-9]", "3 to 63 lower-case letters, digits and hyphens")(text)
    for affix in ("xn--", "sthree-", "amzn-s3-demo-"):
        if text.startswith(affix):
            raise ValueError(_("begins with {affix}, which AWS reserves").format(affix=affix))
    for affix in ("-s3alias", "--ol-s3", "--x-s3", "--table-s3", "-an"):
        if text.endswith(affix):
            raise ValueError(_("ends with {affix}, which AWS reserves").format(affix=affix))


def _mount_point(text: str) -> None:
    pattern = r"(?=.{2,64}$)(/[A-Za-z0-9_][A-Za-z0-9._-]*)+"
    _matches(pattern, "an absolute path of at most 64 plain letters, digits, . _ and -")(text)
    if text.split("/")[1] in SYSTEM_FOLDERS or text in ("/home", "/home/ubuntu", "/mnt", "/opt", "/srv", "/media"):
        raise ValueError(_("would hide a folder that the system needs; choose one of your own below /mnt"))


_TIME = _matches(r"([01][0-9]|2[0-3]):[0-5][0-9]", "a time of day as HH:MM, from 00:00 to 23:59")
_RULES: dict[str, Callable[[Any], None]] = {
    "vpc_cidr": _vpc_cidr,
    "public_cidrs": _vpc_cidr,
    "private_cidrs": _vpc_cidr,
    "availability_zones": _matches(r"[a-z]{2,4}(-[a-z]+)+-[1-9][a-z]", "the name of a zone"),
    "nat": _one_of(NAT_CHOICES),
    "admin_cidr": _optional(_cidr),
    "office_cidr": _cidr,
    "bucket_name": _optional(_bucket_name),
    # IAM also takes , and = in a name; in s3fs's mount options they would end it.
    "role_name": _matches(r"[A-Za-z0-9_.@+-]{1,64}", "1 to 64 letters, digits and _ . @ + -"),
    "ubuntu_release": _ubuntu_release,
    "ami_serial": _optional(_ami_serial),
    "ami_id": _optional(_matches(r"ami-([0-9a-f]{8}|[0-9a-f]{17})", "ami- and 8 or 17 hexadecimal digits")),
    "instance_type": _matches(
        # The burstable families have these sizes alone. Of the others, what the CDK can read, and no Mac.
        r"t(2|3|3a|4g)\.(nano|micro|small|medium|large|2?xlarge)"
        r"|(?!mac|t[0-9])[a-z]{1,4}[0-9]{1,2}[a-z-]{0,8}\.(medium|large|([1-9][0-9]{0,2})?xlarge|metal(-[0-9]{1,3}xl)?)",
        "a family and one of its sizes",
    ),
    "volume_gib": _between(8, 16384),
    "s3fs_install": _one_of(S3FS_CHOICES),
    "mount_point": _mount_point,
    "mount_uid": _between(0, 65533),
    "mount_gid": _between(0, 65533),
    "stop_at": _optional(_TIME),
    "start_at": _optional(_TIME),
    "time_zone": _time_zone,
    "monthly_budget_usd": _between(0, 1_000_000),
    "alert_email": _optional(
        _matches(
            r"(?=.{6,100}$)[A-Za-z0-9._%+'-]{1,64}@([A-Za-z0-9]([A-Za-z0-9-]{0,61}[A-Za-z0-9])?\.)+[A-Za-z]{2,63}",
            "one plain mail address of at most 100 characters",
        )
    ),
    "operators": _matches(r"[A-Za-z0-9_.@+=-]{1,64}", "1 to 64 letters, digits and _ . @ + = -"),
    "learners": _matches(
        r"(?=.{1,20}$)[a-z]([a-z0-9-]*[a-z0-9])?",
        "1 to 20 lower-case letters, digits and hyphens, the first a letter, the last no hyphen",
    ),
}
# What each learner gets one of: derived from these.
_OF_EACH_LEARNER = ("vpc_cidr", "public_cidrs", "private_cidrs", "bucket_name", "role_name")


# --- words


def _line(name: str, problem: str, advice: str) -> str:
    return _("{name}: {problem}. {advice}").format(name=_shown(name)[1:-1], problem=problem, advice=advice)


def _source(key: str) -> str:
    """Return which of the files that the CDK CLI reads holds a key; nothing when it came with -c.

    https://docs.aws.amazon.com/cdk/v2/guide/cli.html
    """
    for file in ("cdk.json", "cdk.context.json", "~/.cdk.json"):
        try:
            held = json.loads(Path(file).expanduser().read_text())
            if key in (held if file == "cdk.context.json" else held["context"]):
                return _(" ({file} has it)").format(file=file)
        except (OSError, ValueError, TypeError, KeyError, RuntimeError):
            continue
    return ""


def _example(name: str) -> str:
    example = next(setting.metadata["example"] for setting in fields(Settings) if setting.name == name)
    return _("Example: -c {name}={example}.").format(name=name, example=example)


def _shown(given: object) -> str:
    """Return what was given as one short line."""
    text = json.dumps(given) if given is None or isinstance(given, bool) else repr(given)
    return text if len(text) <= 60 else f"{text[:50]}...{text[-1]}"


def _did_you_mean(word: str, words: Iterable[str]) -> str:
    close = get_close_matches(word.lower(), list(words), n=1)
    return _("Did you mean {name}?").format(name=close[0]) if close else ""


def documentation() -> list[dict[str, str]]:
    """Return a row for each setting, as text: name, default, meaning, example."""

    def shown(default: Any) -> str:
        if isinstance(default, bool):
            return str(default).lower()
        return ",".join(default) if isinstance(default, tuple) else str(default)

    return [{"name": each.name, "default": shown(each.default), **each.metadata} for each in fields(Settings)]


if __name__ == "__main__":
    print(json.dumps(documentation()))  # noqa: T201  # for `lab guide --write`, which imports no stacks
