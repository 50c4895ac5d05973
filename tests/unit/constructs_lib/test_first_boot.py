"""first-boot.sh as it lands, with its real times, run by a real bash: what it calls is played by small programs."""

import shlex
import shutil
import subprocess
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path

import pytest

from constructs_lib.bastion import Bastion, boot_file
from tests.pace import slowness

GIVE_UP = 60 * (Bastion.SIGNAL_MINUTES["apt"] - Bastion.REPORT_MINUTES)
KEYS = '{"AccessKeyId" : "ASIA1",\n "SecretAccessKey" : "s/+=",\n "Token" : "t0ken=="}'
# Plays the metadata service, S3 and CloudFormation; notes what is asked. What S3 answers is in a file.
CURL = r"""#!/bin/bash
words="$*"
case $words in
  *api/token*) echo token ;;
  *meta-data/iam*) [ -e role ] && cat role || exit 22 ;;
  *meta-data/instance-id*) echo i-0123 ;;
  *meta-data/public-ipv4*) cat address ;;
  *s3.test*) echo "$words" >> asked; printf %s "$(cat s3)" ;;
  *cloudformation.test*)
    echo signal >> calls
    echo "$words" >> asked
    cat "$(sed -n 's/.*-K \([^ ]*\).*/\1/p' <<< "$words")" > config ;;
esac
"""
PROGRAMS = {
    "curl": CURL,
    "ps": '#!/bin/sh\necho "   $(cat since)"\n',
    "sleep": "#!/bin/sh\nexec /bin/sleep $(cat nap)\n",
    "apt-get": '#!/bin/sh\necho "apt-get $*" >> calls\ncase "$*" in *install*) . ./install ;; *) . ./update ;; esac\n',
    "apt-cache": "#!/bin/sh\n. ./package\n",
    "dpkg": '#!/bin/sh\necho "dpkg $*" >> calls\n',
    "mountpoint": "#!/bin/sh\nexit 1\n",
    "sync": "#!/bin/sh\necho sync >> calls\n",
    "systemctl": '#!/bin/sh\necho "systemctl $*" >> calls\n',
    "systemd-run": '#!/bin/sh\necho "systemd-run $*" >> calls\n',
    "journalctl": "#!/bin/sh\n",
    "s3-mount-answers": "#!/bin/sh\n. ./mount\n",
    "s3fs": "#!/bin/sh\necho 'Amazon S3 File System V1.95 (commit:x) with OpenSSL'; echo Copyright\n",
}
NOT_INSTALLED = "learning-stack.s3fs"  # what says that s3fs is there, whole
DENIED = (
    '<?xml version="1.0" encoding="UTF-8"?>\n<Error><Code>AccessDenied</Code><Message>no PutObject</Message></Error>403'
)


@dataclass
class Ran:
    """What a run of the script left behind."""

    status: int
    seconds: float
    log: str
    asked: list[str]
    calls: list[str]
    said: str

    @property
    def signals(self) -> list[str]:
        return [word.rpartition("Status=")[2].split()[0] for word in self.asked if "SignalResource" in word]


Boot = Callable[..., Ran]


@pytest.fixture
def boot(tmp_path: Path) -> Boot:
    """Give a function that runs the first boot; what its surroundings answer can be changed."""
    settings = {
        "BUCKET": "b",
        "ROLE": "r",
        "REGION": "us-east-1",
        "STACK": "S",
        "SIGNAL": "Instance",
        "S3_URL": "https://s3.test",
        "MOUNT_POINT": str(tmp_path / "mnt"),
        "GIVE_UP": str(GIVE_UP),
    }
    bins = tmp_path / "bin"
    for folder in (bins, tmp_path / "mnt"):
        folder.mkdir()
    script = boot_file("first-boot.sh")
    for path, name in {"/etc/learning-stack.env": "env", "/var/log/learning-stack.log": "log", "/var/lib": ""}.items():
        script = script.replace(path, str(tmp_path / name))
    (tmp_path / NOT_INSTALLED).touch()
    (tmp_path / "env").write_text("".join(f"{name}={shlex.quote(value)}\n" for name, value in settings.items()))
    for name, text in {**PROGRAMS, "first-boot": script}.items():
        (bins / name).write_text(text)
        (bins / name).chmod(0o755)

    def run(*words: str, lacks: tuple[str, ...] = (), limit: float = 60, **answers: str) -> Ran:
        usual = {"role": KEYS, "address": "198.51.100.7", "since": "90", "s3": "200", "mount": "exit 0"}
        usual |= {"nap": "0.05", "install": "exit 0", "update": "exit 0", "package": "exit 0"}
        for name, text in (usual | answers).items():
            (tmp_path / name).write_text(text)
        for name in lacks:
            (bins / name if name in PROGRAMS else tmp_path / name).unlink()
        began = time.monotonic()
        command = ["timeout", str(limit), str(bins / "first-boot"), *words]
        done = subprocess.run(command, cwd=tmp_path, env=path_of(bins), capture_output=True, check=False)
        seconds = time.monotonic() - began
        log, asked, calls = (
            (tmp_path / name).read_text() if (tmp_path / name).exists() else "" for name in ("log", "asked", "calls")
        )
        return Ran(done.returncode, seconds, log, asked.splitlines(), calls.splitlines(), done.stdout.decode())

    return run


def path_of(bins: Path) -> Mapping[str, str]:
    return {"PATH": f"{bins}:{Path(shutil.which('bash') or '/bin/bash').parent}:/usr/bin:/bin"}


def test_the_report_names_the_instance_and_goes_out_before_the_aws_cli_is_installed(boot: Boot, tmp_path: Path) -> None:
    ran = boot(lacks=(NOT_INSTALLED,), install="exit 0")
    assert ran.status == 0, ran.log
    (call,) = ran.asked
    for words in (
        "UniqueId=i-0123&Status=SUCCESS",
        "StackName=S&LogicalResourceId=Instance",
        "https://cloudformation.test",
    ):
        assert words in call
    assert "--aws-sigv4 aws:amz:us-east-1:cloudformation" in call
    assert "s/+=" not in call, "the key is in the list of processes"
    assert (tmp_path / "config").read_text() == "user=ASIA1:s/+=\nheader=x-amz-security-token:t0ken==\n"
    steps = [line.split("Z: ")[1] for line in ran.log.splitlines() if line.startswith("learning-stack")]
    assert steps == [
        "first boot begins",
        "s3fs is to be installed",
        "b is to be mounted",
        f"b is mounted at {tmp_path / 'mnt'}, by V1.95 (commit:x) with OpenSSL",
        "reports SUCCESS",
        "first boot is complete",
    ]
    order = [call.split()[-1] for call in ran.calls if " install " in call or call == "signal"]
    assert order == ["s3fs", "signal", "awscli"]
    assert next(call for call in ran.calls if "systemd-run" in call).endswith("reconnect_agent 198.51.100.7")


@pytest.mark.parametrize(
    ("answers", "reason"),
    [
        ({"mount": "exit 1", "s3": DENIED}, "no file can be written to b: AccessDenied no PutObject 403"),
        (
            {"mount": "exit 1", "s3": DENIED.replace("AccessDenied", "NoSuchBucket").replace("403", "404")},
            "no file can be written to b: NoSuchBucket",
        ),
        (
            {"mount": "exit 1", "s3": DENIED.replace("AccessDenied", "PermanentRedirect").replace("403", "301")},
            "no file can be written to b: PermanentRedirect",
        ),
    ],
    ids=["403", "404", "another region"],
)
def test_what_is_definite_ends_the_first_boot_at_once(boot: Boot, answers: dict[str, str], reason: str) -> None:
    ran = boot(**answers)
    assert (ran.status, ran.signals) == (1, ["FAILURE"])
    assert reason in " ".join(ran.log.split())
    assert ran.seconds < 10 * slowness()


def test_a_package_that_ubuntu_lacks_is_definite(boot: Boot) -> None:
    ran = boot(lacks=(NOT_INSTALLED,), package="exit 100")
    assert (ran.status, ran.signals) == (1, ["FAILURE"])
    assert "failed: Ubuntu lacks s3fs" in ran.log


def test_no_role_is_definite_though_nobody_can_be_told(boot: Boot) -> None:
    ran = boot(lacks=("role",), mount="exit 1")
    assert (ran.status, ran.signals) == (1, [])
    assert "failed: no file can be written to b: the metadata service has no role r" in ran.log
    assert "no deploy takes the report" in ran.log


@pytest.mark.parametrize(
    "passes",
    [
        "503",
        "000",
        "<Code>RequestTimeTooSkewed</Code>403",
        "<Code>RequestTimeout</Code>400",
        "<Code>SlowDown</Code>503",
    ],
)
def test_what_may_pass_is_tried_again(boot: Boot, passes: str) -> None:
    """Until it has passed: here at the third look."""
    later = "echo >> looks; [ $(wc -l < looks) -gt 2 ] || { rm -f s3; echo > s3 " + shlex.quote(passes) + "; exit 1; }"
    ran = boot(mount=later, s3=passes)
    assert (ran.status, ran.signals) == (0, ["SUCCESS"])


def test_a_role_of_a_minute_ago_may_not_be_known_yet(boot: Boot) -> None:
    later = "echo >> looks; [ $(wc -l < looks) -gt 2 ]"
    ran = boot(since="20", mount=later, s3=DENIED)
    assert (ran.status, ran.signals) == (0, ["SUCCESS"])


@pytest.mark.parametrize(
    ("answers", "lacks"),
    [
        ({"update": "exec /bin/sleep 600"}, (NOT_INSTALLED,)),
        ({"update": "exit 100"}, (NOT_INSTALLED,)),
        ({"mount": "exit 1"}, ()),
    ],
    ids=["a download that hangs", "no internet", "a mount that never answers"],
)
def test_the_deploy_hears_of_it_before_its_own_time_is_up(
    boot: Boot, answers: dict[str, str], lacks: tuple[str]
) -> None:
    """Two seconds before the end of the first boot's real time."""
    ran = boot(since=str(GIVE_UP - 2), lacks=lacks, **answers)
    assert (ran.status, ran.signals) == (1, ["FAILURE"])
    assert f"failed: no end after {GIVE_UP} s" in ran.log
    assert 1 < ran.seconds < 10 * slowness()


def test_by_hand_it_has_all_the_time(boot: Boot) -> None:
    later = "echo >> looks; [ $(wc -l < looks) -gt 2 ]"
    assert boot(since="86400", mount=later).status == 0


def test_a_failed_aws_cli_is_said_and_fails_no_deploy(boot: Boot) -> None:
    ran = boot(package="echo >> looks; [ $(wc -l < looks) -lt 2 ]")
    assert (ran.status, ran.signals) == (1, ["SUCCESS"])
    assert "failed: Ubuntu lacks awscli" in ran.log


def test_the_agent_connects_anew_when_the_address_has_changed_and_not_before(boot: Boot) -> None:
    assert boot("reconnect_agent", "192.0.2.1").calls == ["systemctl try-restart *amazon-ssm-agent.service"]


def test_the_agent_is_left_alone_where_no_address_comes(boot: Boot) -> None:
    ran = boot("reconnect_agent", "198.51.100.7", limit=1)
    assert (ran.status, ran.calls) == (124, [])


def test_what_a_power_cut_left_is_mended_before_each_install(boot: Boot, tmp_path: Path) -> None:
    ran = boot(lacks=(NOT_INSTALLED,))
    steps = [word for call in ran.calls for word in call.split() if word in ("dpkg", "update", "install", "sync")]
    assert steps == ["dpkg", "update", "install", "sync", "dpkg", "update", "install"]
    assert (tmp_path / NOT_INSTALLED).exists()
    assert (tmp_path / "learning-stack.done").exists()


@pytest.mark.parametrize("half", ["update", "install"])
def test_what_apt_has_fetched_by_half_is_thrown_away(boot: Boot, tmp_path: Path, half: str) -> None:
    """Its second try begins with nothing."""
    (tmp_path / "apt/lists").mkdir(parents=True)
    (tmp_path / "apt/lists/half").touch()
    ran = boot(lacks=(NOT_INSTALLED,), **{half: f"echo >> {half}s; [ $(wc -l < {half}s) -gt 1 ]"})
    assert (ran.status, ran.signals) == (0, ["SUCCESS"])
    assert (tmp_path / "apt/lists/half").exists() != (half == "update")
    assert len([call for call in ran.calls if call.endswith(" clean")]) == (half == "install")


def test_nothing_says_that_it_is_done_when_it_is_not(boot: Boot, tmp_path: Path) -> None:
    assert boot(lacks=("role",), mount="exit 1").status == 1
    assert not (tmp_path / "learning-stack.done").exists()


def test_a_mount_point_that_is_not_empty_is_definite(boot: Boot, tmp_path: Path) -> None:
    (tmp_path / "mnt/own").touch()
    ran = boot(mount="exit 1")
    assert (ran.status, ran.signals) == (1, ["FAILURE"])
    assert f"failed: the mount point is not empty: {tmp_path / 'mnt'}" in ran.log


def test_what_it_waits_for_is_said_once(boot: Boot) -> None:
    ran = boot(mount="echo >> looks; [ $(wc -l < looks) -gt 4 ]", s3="<Code>SlowDown</Code>503")
    assert ran.log.count(": not yet: ") == 1
    assert "SlowDown" in ran.log


@pytest.mark.parametrize(
    ("answers", "lacks", "why"),
    [
        ({"s3": "<Code>NoSuchKey</Code>404"}, (), ""),
        ({"s3": DENIED}, (), "AccessDenied no PutObject 403"),
        ({}, ("role",), "the metadata service has no role r"),
    ],
)
def test_it_tells_the_keeper_why_s3_serves_nothing(
    boot: Boot, answers: dict[str, str], lacks: tuple[str], why: str
) -> None:
    assert " ".join(boot("why", lacks=lacks, **answers).said.split()) == why
