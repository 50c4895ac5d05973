"""What S3 refuses, or answers by half, on the fast machine: a bucket that is away is an error, and never looks empty.

The machine says so itself, on its console and to systemd, until the bucket is back.
"""

import time
from collections.abc import Iterator

import boto3
import pytest

from lab.bastion import boot_log
from lab.rehearsal.rehearsal import CREDENTIAL_SECONDS, Rehearsal
from tests.boot.file_writer import FileWriter, Recoveries
from tests.pace import slowness

pytestmark = pytest.mark.boot
MEND_SECONDS = 30
# It looks at S3 each 20 s, and the look may hang for 5 s; then it asks S3 itself why, which may take 5 s again.
SAY_SECONDS = 35
# Three for each look, and two for the folder itself; a minute may have a look more at its edge.
IDLE_SECONDS, IDLE_REQUESTS_A_MINUTE = 60, 14
NAMES, SHARE = 100, 0.3
LOOKS = "while true; do sudo ls {point} && echo; sleep 0.05; done > listed 2> refused"
# A service of one's own, as the guide has it.
SERVICE = """[Unit]
Wants=rc-local.service
After=rc-local.service
[Service]
Type=oneshot
ExecStartPre=/usr/local/sbin/s3-mount-answers
ExecStart=/bin/sh -c "date > {point}/service.txt"
[Install]
WantedBy=multi-user.target
"""


@pytest.fixture(autouse=True)
def all_well_again(fast_bastion: Rehearsal) -> Iterator[None]:
    yield
    for service in (fast_bastion.s3, fast_bastion.metadata):
        service.faults.set()
    fast_bastion.machine.wait_for(
        lambda: state(fast_bastion) == "running", "It is not running", seconds=60 * slowness()
    )


def state(bastion: Rehearsal) -> str:
    return bastion.machine.run("systemctl is-system-running").text


def console(bastion: Rehearsal) -> boot_log.BootLog:
    return boot_log.read_console(bastion.machine.console.read_text(errors="replace"))


def looks_empty(bastion: Rehearsal) -> bool:
    """Whether root sees an empty folder. An error is what it should be; it may take longer than anybody waits here."""
    said = bastion.machine.run(f"sudo timeout -k 1 9 ls {bastion.bastion.mount_point} > /dev/null 2>&1; echo $?")
    return said.text not in ("2", "124", "137")


def test_it_costs_little_when_nobody_uses_it(fast_bastion: Rehearsal, recoveries: Recoveries) -> None:
    before = len(fast_bastion.s3.requests)
    time.sleep(IDLE_SECONDS)
    a_minute = (len(fast_bastion.s3.requests) - before) * 60 / IDLE_SECONDS
    recoveries.append(("S3: requests a minute, idle", a_minute, None))
    assert a_minute <= IDLE_REQUESTS_A_MINUTE


@pytest.mark.parametrize("fault", ["all is denied", "refuse", "error"])
def test_a_bucket_that_is_away_is_never_empty_and_the_machine_says_so(
    fast_bastion: Rehearsal, recoveries: Recoveries, fault: str
) -> None:
    began = time.monotonic()
    denied = fault == "all is denied"
    fast_bastion.s3.faults.set(fault="" if denied else fault, deny=["*"] if denied else ())
    assert not looks_empty(fast_bastion)
    fast_bastion.machine.wait_for(
        lambda: state(fast_bastion) == "degraded", "It says nothing", seconds=SAY_SECONDS * slowness()
    )
    recoveries.append((f"S3: {fault}: the machine says so", time.monotonic() - began, None))
    assert "s3-away" in fast_bastion.machine.output("systemctl --failed --no-legend")
    assert console(fast_bastion).state == "away"
    reason = {"all is denied": "AccessDenied", "refuse": "Could not connect", "error": "SlowDown"}[fault]
    assert reason in console(fast_bastion).reason
    # With s3fs gone as well.
    fast_bastion.machine.output("sudo pkill -KILL -x s3fs")
    assert not looks_empty(fast_bastion)
    fast_bastion.s3.faults.set()
    over = time.monotonic()
    fast_bastion.wait_for_mount(seconds=MEND_SECONDS * slowness())
    recoveries.append((f"S3: {fault}: over", time.monotonic() - over, None))
    fast_bastion.machine.wait_for(lambda: console(fast_bastion).state == "complete", "It is away", seconds=60)


def test_keys_are_revoked(writer: FileWriter) -> None:
    """All at once, hours before their end: those that the metadata service then has are taken."""
    began = time.monotonic()
    for service in (writer.bastion.s3, writer.bastion.metadata):
        service.faults.set(revoked=time.time() + CREDENTIAL_SECONDS + 1)
    writer.require_no_loss("S3: keys revoked", since=began, within=MEND_SECONDS)


def test_between_two_mounts_it_never_looks_empty(fast_bastion: Rehearsal) -> None:
    """To root, who looks all the time while s3fs ends and another one comes."""
    machine, point = fast_bastion.machine, fast_bastion.bastion.mount_point
    machine.output(
        f"echo there > {point}/there; sudo systemd-run -qu looks --working-directory=$PWD "
        f"bash -c '{LOOKS.format(point=point)}'"
    )
    for command in ("pkill -KILL -x s3fs", f"umount --lazy {point}", "systemctl restart rc-local"):
        machine.output(f"sudo {command}; sleep 2")
        fast_bastion.wait_for_mount(seconds=MEND_SECONDS * slowness())
    machine.output("sudo systemctl stop looks")
    # Each look that did not fail has printed the name, and then an empty line; the last one may have been cut off.
    names, looks = (int(machine.output(f"grep -c {line} listed")) for line in ("there", "'^$'"))
    assert 0 <= names - looks <= 1
    assert int(machine.output("wc -l < refused")) > 5


def test_a_listing_is_whole_though_s3_fails_now_and_then(fast_bastion: Rehearsal) -> None:
    """s3fs drops the names, or all of them, for which it has tried in vain; and knows no error then."""
    client, point = boto3.client("s3"), fast_bastion.bastion.mount_point
    for number in range(NAMES):
        client.put_object(Bucket=fast_bastion.bastion.bucket, Key=f"many/{number}", Body=b"")
    fast_bastion.s3.faults.set(fault="error", share=SHARE)
    assert fast_bastion.machine.output(f"ls {point}/many | wc -l", seconds=300) == str(NAMES)


def test_others_read_what_they_may(fast_bastion: Rehearsal) -> None:
    """What was uploaded belongs to the owner and the group of the mount; what is written through it has its modes."""
    client, machine, point = boto3.client("s3"), fast_bastion.machine, fast_bastion.bastion.mount_point
    client.put_object(Bucket=fast_bastion.bastion.bucket, Key="up/loaded", Body=b"text")
    machine.output(f"mkdir {point}/made && echo text > {point}/made/written && chmod 604 {point}/made/written")

    def shown(path: str) -> str:
        return machine.output(f"stat -c '%a %u %g' {point}/{path}")

    def others_read(path: str) -> bool:
        return machine.run(f"sudo -u www-data cat {point}/{path}").text == "text"

    assert (shown("up"), shown("up/loaded")) == ("750 1000 1000", "640 1000 1000")
    assert (shown("made")[-9:], shown("made/written")) == ("1000 1000", "604 1000 1000")
    assert (others_read("up/loaded"), others_read("made/written")) == (False, True)
    machine.output("sudo usermod -aG ubuntu www-data")
    assert others_read("up/loaded")
    machine.output("sudo gpasswd -d www-data ubuntu")


def test_a_search_for_names_leaves_the_bucket_out(fast_bastion: Rehearsal) -> None:
    machine = fast_bastion.machine
    machine.output("echo 'PRUNEFS=\"NFS afs\"' | sudo tee /etc/updatedb.conf; sudo systemctl restart rc-local")
    assert machine.output("cat /etc/updatedb.conf") == 'PRUNEFS="fuse.s3fs NFS afs"'
    machine.output("sudo systemctl restart rc-local")
    assert machine.output("cat /etc/updatedb.conf") == 'PRUNEFS="fuse.s3fs NFS afs"'


def test_no_number_of_restarts_ends_it(writer: FileWriter) -> None:
    machine = writer.bastion.machine
    machine.run("for i in 1 2 3 4 5 6 7 8; do sudo systemctl restart --no-block rc-local; sleep 0.5; done")
    writer.require_no_loss("rc-local is restarted eight times", since=time.monotonic(), within=MEND_SECONDS)


def test_rc_local_is_for_a_while_no_program(writer: FileWriter) -> None:
    machine = writer.bastion.machine
    machine.run("sudo chmod -x /etc/rc.local; sudo systemctl restart rc-local; sleep 8; sudo chmod +x /etc/rc.local")
    writer.require_no_loss("chmod -x /etc/rc.local, and back", since=time.monotonic(), within=MEND_SECONDS)


def test_a_mount_point_that_is_not_empty_is_mounted_all_the_same(fast_bastion: Rehearsal) -> None:
    """At the first boot it ends the deploy, with this reason. Later nobody comes there but who means to."""
    machine, point = fast_bastion.machine, fast_bastion.bastion.mount_point
    bare = f"systemctl stop rc-local; while umount --lazy {point}; do :; done 2> /dev/null"
    machine.output(f"sudo sh -c '{bare}; chattr -i {point}; touch {point}/own; systemctl start rc-local'", seconds=90)
    assert machine.run(f"mountpoint -q {point} && ! ls {point}/own").ok
    assert machine.output(f"sudo sh -c '{bare}; ls {point}; chattr -i {point}; rm {point}/own'") == "own"
    machine.output("sudo systemctl start rc-local", seconds=90)


def test_what_comes_after_rc_local_finds_the_bucket(fast_bastion: Rehearsal) -> None:
    """At a boot: a service of one's own, with the lines that the guide names; and a shell right after a restart."""
    machine, point = fast_bastion.machine, fast_bastion.bastion.mount_point
    unit = SERVICE.format(point=point)
    machine.output(f"echo '{unit}' | sudo tee /etc/systemd/system/own.service; sudo systemctl enable own")
    machine.reboot()
    machine.wait_for(lambda: state(fast_bastion) == "running", "It is not running", seconds=90 * slowness())
    assert machine.output("systemctl show -p Result -p NRestarts own") == "Result=success\nNRestarts=0"
    found = boto3.client("s3").get_object(Bucket=fast_bastion.bastion.bucket, Key="service.txt")
    assert found["ContentLength"] > 10
    for _ in range(3):
        machine.output(f"sudo systemctl restart rc-local && mountpoint -q {point} && ls {point}/service.txt")
