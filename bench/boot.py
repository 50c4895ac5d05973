"""How soon the mount is there: after power-on and after a reboot, against a machine that has nothing to do.

The floor is the same machine with no user data, until systemd has reached multi-user.target. Where ``S3FS_SOURCE`` is
set, to a folder or a git URL of s3fs-fuse, the primer's own commands are measured too, on the machine of the floor.
"""

import argparse
import os
import subprocess
import tempfile
from collections.abc import Sequence
from pathlib import Path
from statistics import median
from typing import cast

from bench import results
from lab.local_aws import lifecycle
from lab.rehearsal import image
from lab.rehearsal.instance import deployed_bastion
from lab.rehearsal.machines import Machine
from lab.rehearsal.rehearsal import MACHINES, Changes, MachineName, Rehearsal
from lab.template.deployed import Deployed

SOURCE = "S3FS_SOURCE"
COMMAND_SECONDS = 1800
# As in the primer (chapter 10-3), but for libfuse3-dev: s3fs of today does not build with libfuse-dev.
PRIMER_PACKAGES = (
    *("automake", "autotools-dev", "g++", "git", "libcurl4-gnutls-dev", "libfuse3-dev", "libssl-dev", "libxml2-dev"),
    *("make", "pkg-config"),
)
PRIMER_STEPS = (
    f"apt-get install -qy --no-install-recommends --no-download {' '.join(PRIMER_PACKAGES)}",
    "git clone -q /tmp/s3fs-fuse /root/s3fs-fuse",
    "cd /root/s3fs-fuse && ./autogen.sh",
    "cd /root/s3fs-fuse && ./configure",
    "cd /root/s3fs-fuse && make",
    "cd /root/s3fs-fuse && make install",
    "mkdir -p {point} && s3fs {bucket} {point} -o rw,allow_other,uid=1000,gid=1000,iam_role={role}",
    "until mountpoint -q {point} && stat {point}/. > /dev/null; do sleep 0.2; done",
)
# Asks whether the mount answers, from the beginning on; systemd notes when it did. Only our machine has it: what it
# costs counts against us.
WATCH = """[Unit]
DefaultDependencies=no
After=local-fs.target
[Service]
Type=oneshot
ExecStart=/bin/sh -c "until /usr/local/sbin/s3-mount-answers; do sleep 0.5; done"
RemainAfterExit=yes
[Install]
WantedBy=multi-user.target
"""
WATCH_UNIT = "bench-mount-answers.service"
FIRST_BOOT_LOG = "/var/log/learning-stack.log"


def entered(machine: Machine, unit: str) -> float:
    """Return the seconds from the kernel's start, or in a container systemd's, until a unit was active."""
    machine.wait_for(
        lambda: machine.run(f"systemctl is-active {unit}", seconds=30).text == "active",
        f"{unit} is not active",
        seconds=COMMAND_SECONDS,
    )
    shown = machine.output(f"systemctl show --value -p ActiveEnterTimestampMonotonic {unit}")
    return int(shown) / 1e6 - _start(machine)


def first_mount(machine: Machine) -> tuple[float, float]:
    """Return the seconds from the start until the first boot had the mount, and from its own beginning until then."""
    stamp = f"sed -n 's/^learning-stack \\([^ ]*\\): .*{{}}.*/\\1/p' {FIRST_BOOT_LOG} | head -n 1"
    times = [
        float(machine.output(f'date -d "$({stamp.format(words)})" +%s'))
        for words in ("first boot begins", "is mounted at")
    ]
    now, uptime = machine.output("date +%s.%N; cut -d ' ' -f 1 /proc/uptime").split()
    return times[1] - (float(now) - float(uptime)) - _start(machine), times[1] - times[0]


def primer(machine: Machine, source: str) -> float:
    """Run the primer's commands; return the seconds until its mount answers. Downloads are not counted."""
    bastion = deployed_bastion(Deployed("LearningStack"))  # the rehearsal of the floor has no user data to read
    with tempfile.TemporaryDirectory() as work:
        clone = ["git", "clone", "--quiet", source, work]
        subprocess.run(clone, check=True, timeout=COMMAND_SECONDS)  # noqa: S603  # our own command
        _send(machine, Path(work), "/tmp/s3fs-fuse")  # noqa: S108  # on the other machine
    image.publish(machine.image, PRIMER_PACKAGES)
    fetch = f"apt-get install -qy --no-install-recommends --download-only {' '.join(PRIMER_PACKAGES)}"
    machine.output(f"sudo apt-get -q update && sudo {fetch}", seconds=COMMAND_SECONDS)
    total = 0.0
    for step in PRIMER_STEPS:
        command = step.format(point=bastion.mount_point, bucket=bastion.bucket, role=bastion.role)
        script = f"( {command} ) > /tmp/step.log 2>&1 < /dev/null || {{ tail -n 5 /tmp/step.log >&2; exit 1; }}"
        began, ended = machine.output(
            f"date +%s.%N; sudo sh -c '{script}' || exit; date +%s.%N", seconds=COMMAND_SECONDS
        ).split()
        taken = float(ended) - float(began)
        print(f"  {taken:6.1f} s  {command}", flush=True)
        total += taken
    return total


def _send(machine: Machine, files: Path, folder: str) -> None:
    """Copy the files of a folder to the machine."""
    with subprocess.Popen(["tar", "-C", files, "-c", "."], stdout=subprocess.PIPE) as tar:  # noqa: S603, S607  # our own
        command = machine.ssh(f"mkdir -p {folder} && tar -C {folder} -x")
        subprocess.run(command, stdin=tar.stdout, check=True, timeout=COMMAND_SECONDS)  # noqa: S603  # our own command


def _start(machine: Machine) -> float:
    """Return when systemd started, on the clock of its time stamps: 0 with a kernel of one's own, to count it in."""
    if not machine.tokenless:
        return 0.0
    return int(machine.output("systemctl show --value -p UserspaceTimestampMonotonic")) / 1e6


class Turn:
    """What was measured of one kind of machine."""

    def __init__(self) -> None:
        self.first: list[float] = []
        self.user_data: list[float] = []
        self.reboots: list[float] = []
        self.primer: list[float] = []
        self.blame = ""


def floor(machine_name: MachineName, reboots: int, turn: Turn) -> None:
    """Boot with no user data, and reboot."""
    with Rehearsal(machine_name, changes=Changes(user_data=lambda _: "")) as rehearsal:
        machine = rehearsal.machine
        machine.start()
        machine.wait_for_boot()
        turn.first.append(entered(machine, "multi-user.target"))
        rehearsal.wait_for_first_boot()
        for _ in range(reboots):
            machine.reboot()
            turn.reboots.append(entered(machine, "multi-user.target"))
        if source := os.environ.get(SOURCE):
            turn.primer.append(primer(machine, source))


def ours(machine_name: MachineName, reboots: int, turn: Turn) -> None:
    """Boot the bastion, and reboot."""
    with Rehearsal(machine_name) as rehearsal:
        machine = rehearsal.machine
        rehearsal.boot()
        rehearsal.wait_for_first_boot()
        first, user_data = first_mount(machine)
        turn.first.append(first)
        turn.user_data.append(user_data)
        machine.output(
            f"echo '{WATCH}' | sudo tee /etc/systemd/system/{WATCH_UNIT} > /dev/null"
            f" && sudo systemctl enable {WATCH_UNIT}"
        )
        for _ in range(reboots):
            machine.reboot()
            turn.reboots.append(entered(machine, WATCH_UNIT))
        turn.blame = machine.run(
            "systemctl is-system-running --wait; systemd-analyze critical-chain rc-local.service;"
            " systemd-analyze blame | head -n 12",
            seconds=300,
        ).text


def report(machine_name: str, floor_turn: Turn, our_turn: Turn) -> str:
    """Return the section of RESULTS.md."""
    rows = []
    for what, before, after in (
        ("first boot: power on to a usable mount", floor_turn.first, our_turn.first),
        ("reboot: kernel to a usable mount", floor_turn.reboots, our_turn.reboots),
    ):
        rows.append([what, f"{median(before):.1f}", f"{median(after):.1f}", f"{median(after) / median(before):.2f}x"])
    if floor_turn.primer:
        ratio = median(floor_turn.primer) / median(our_turn.user_data)
        told = (
            f"The primer's commands up to the mount, downloads not counted: {median(floor_turn.primer):.1f} s."
            f" Our user data up to the mount: {median(our_turn.user_data):.1f} s, {ratio:.1f}x faster."
        )
    else:
        told = (
            f"Our user data up to the mount: {median(our_turn.user_data):.1f} s. The primer's commands were skipped:"
            f" {SOURCE} names no source of s3fs-fuse (a folder or a git URL)."
        )
    return f"""
{results.machine()}. The machine: {machine_name}. {len(our_turn.reboots)} reboots each. The floor is
multi-user.target, reached by the same machine with no user data.

{results.table(["seconds", "floor", "ours", "ours / floor"], rows)}

{told}
"""


def main(words: Sequence[str] | None = None) -> None:
    parser = argparse.ArgumentParser(prog="python -m bench.boot", description=__doc__)
    parser.add_argument("--machine", choices=list(MACHINES), default="qemu", help="nspawn is quick, qemu is faithful")
    parser.add_argument("--reboots", type=int, default=2, help="reboots in each round")
    parser.add_argument("--rounds", type=int, default=2, help="fresh machines of each kind, in turns")
    parser.add_argument("--dry", action="store_true", help="do not write RESULTS.md")
    given = parser.parse_args(words)
    machine_name = cast("MachineName", given.machine)
    lifecycle.point_at_running()
    floor_turn, our_turn = Turn(), Turn()
    for _ in range(given.rounds):
        floor(machine_name, given.reboots, floor_turn)
        ours(machine_name, given.reboots, our_turn)
        print(f"floor {floor_turn.first} {floor_turn.reboots}, ours {our_turn.first} {our_turn.reboots}", flush=True)
    print(our_turn.blame)
    text = report(machine_name, floor_turn, our_turn)
    print(text)
    if not given.dry:
        results.write(f"The boot, on {machine_name}", text)
        print(f"Written to {results.RESULTS.relative_to(Path.cwd())}")


if __name__ == "__main__":
    main()
