"""How fast the mount is: the primer's way against ours, with rclone and the AWS CLI for comparison.

The primer builds s3fs from the newest source. With ``S3FS_SOURCE`` (an address for git, or a folder) that is a
contestant, and so is the release that ours builds where it is asked to. Without it there is apt's s3fs alone, with the
primer's options and with ours.

All contestants work on the same machine (systemd-nspawn), on the same S3 (``bench.s3``), which adds 20 ms to each
request, as S3 does. What is written counts until it is in the bucket. What is called cold is read through a fresh
mount.
"""

import argparse
import os
import shutil
import time
from collections import defaultdict
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from statistics import median

from bench import results
from bench.s3 import Store
from constructs_lib.bastion import Bastion
from lab.local_aws import lifecycle
from lab.rehearsal import image, processes
from lab.rehearsal.rehearsal import Changes, Rehearsal
from lab.terminal.problem import ProblemError

DELAY = 0.02
COMMAND_SECONDS = 240
MOUNT = "/mnt/bench"
SOURCE = "/root/bench"  # what is written, on the machine's own disk
MEDIUM_MB, APPENDED_MB = 64, 1
RENAMED, IN_FOLDER = 10, 100  # files renamed one by one, and files in the folder that is renamed
# Times and permissions are not asked for, and what is closed goes to the bucket at once: without the one its listing
# takes 100 times as long, without the other it writes behind one's back.
RCLONE = (
    "rclone mount :s3:$BUCKET $M --daemon --allow-other --uid $MOUNT_UID --gid $MOUNT_GID --s3-provider AWS"
    " --s3-env-auth --s3-region $REGION --s3-acl bucket-owner-full-control --s3-no-check-bucket"
    " --vfs-cache-mode full --vfs-write-back 0s --use-server-modtime --dir-cache-time 60s --attr-timeout 10s"
    " --vfs-fast-fingerprint --s3-upload-concurrency 8 --s3-chunk-size 10M --transfers 8 --buffer-size 32M"
)
SOURCE_ADDRESS = os.environ.get("S3FS_SOURCE", "")


@dataclass(frozen=True)
class Sizes:
    """How much is written and read."""

    big_mb: int
    files: int
    repetitions: int


FULL, QUICK = Sizes(1024, 1000, 3), Sizes(64, 100, 1)


@dataclass(frozen=True)
class Contestant:
    """A way to use the bucket: a command that mounts it at $M, or none at all, for the AWS CLI."""

    name: str
    mount: str = ""


# As printed in the primer, but for default_acl=public-read: with it nothing can be written to a bucket of today.
PRIMER = "$BUCKET $M -o rw,allow_other,uid=$MOUNT_UID,gid=$MOUNT_GID,iam_role=$ROLE"
# What keep-s3-mounted says, taken from the machine itself.
OPTIONS = 'eval "$(grep ^options= /usr/local/sbin/keep-s3-mounted)"; '
OURS = "$BUCKET $M -o $options"
FROM_APT = (
    Contestant("primer's options, apt's s3fs", f"s3fs {PRIMER}"),
    Contestant("ours, apt's s3fs", f"{OPTIONS} s3fs {OURS}"),
)
FROM_SOURCE = (
    Contestant("primer", f"/opt/primer/bin/s3fs {PRIMER}"),
    Contestant("ours, from source", f"{OPTIONS} /opt/ours/bin/s3fs {OURS}"),
)
COMPARED = (*(FROM_SOURCE if SOURCE_ADDRESS else ()), *FROM_APT)
RIVALS = (Contestant("rclone mount", RCLONE), Contestant("aws s3"))
# Where each s3fs is built, from which tag or branch, with which library for TLS: the primer names GnuTLS's.
BUILDS = (
    ("primer", "HEAD", "libcurl4-gnutls-dev libfuse3-dev"),
    ("ours", Bastion.S3FS_TAG, "libcurl4-openssl-dev libfuse-dev"),
)
BUILD_TOOLS = "automake autotools-dev g++ libssl-dev libxml2-dev make pkg-config"


@dataclass(frozen=True)
class Measure:
    """Something to do: by the mount at $M, and by the AWS CLI in $B, where that can do it at all."""

    name: str
    mounted: str
    cli: str = ""
    fresh: bool = False  # through a mount that has seen nothing yet
    # What must be in the bucket when it is done: the beginning of the keys, how many of them, and their size together.
    result: Callable[[Sizes], tuple[str, int, int]] | None = None


MEASURES = (
    Measure(
        "write the large file",
        f"cp {SOURCE}/big $M/bench/big",
        f"aws s3 cp --only-show-errors {SOURCE}/big $B/big",
        result=lambda sizes: ("bench/big", 1, sizes.big_mb << 20),
    ),
    Measure("read it, cold", "cat $M/bench/big", "aws s3 cp --only-show-errors $B/big -", fresh=True),
    Measure(
        "create the small files",
        f"cp -r {SOURCE}/small $M/bench/small",
        f"aws s3 cp --only-show-errors --recursive {SOURCE}/small $B/small",
        result=lambda sizes: ("bench/small/", sizes.files, sizes.files * 4096),
    ),
    Measure("list them, cold (`ls -l`)", "ls -l $M/bench/small", "aws s3 ls $B/small/", fresh=True),
    Measure(
        "read them",
        "cat $M/bench/small/*",
        "rm -rf /root/back; aws s3 cp --only-show-errors --recursive $B/small /root/back",
    ),
    Measure("read them again", "cat $M/bench/small/*"),
    Measure(
        f"append {APPENDED_MB} MiB to {MEDIUM_MB} MiB",
        f"cat {SOURCE}/appended >> $M/bench/medium",
        fresh=True,
        result=lambda _: ("bench/medium", 1, (MEDIUM_MB + APPENDED_MB) << 20),
    ),
    Measure("read that", "cat $M/bench/medium", "aws s3 cp --only-show-errors $B/medium -", fresh=True),
    Measure("read that again", "cat $M/bench/medium"),
    Measure(
        f"rename {RENAMED} files",
        f"for i in $(seq {RENAMED}); do mv $M/bench/folder/$i $M/bench/folder/renamed-$i; done",
        f"for i in $(seq {RENAMED}); do aws s3 mv --only-show-errors $B/folder/$i $B/folder/renamed-$i; done",
        fresh=True,
    ),
    Measure(
        f"rename a folder of {IN_FOLDER} files",
        "mv $M/bench/folder $M/bench/other",
        "aws s3 mv --only-show-errors --recursive $B/folder $B/other",
        fresh=True,
    ),
)
MOUNTING = """
{mount} < /dev/null > /tmp/mount.log 2>&1 || { cat /tmp/mount.log; exit 1; }
for i in $(seq 100); do mountpoint -q $M && timeout 5 stat $M/. > /dev/null && exit; sleep 0.1; done
echo "it does not mount"; exit 1
"""
# rclone keeps what it wrote on the disk: that would not be cold.
UNMOUNTING = """
rm -rf /root/.cache/rclone
! mountpoint -q $M || umount $M || { sleep 2; umount $M; } || exit
for i in $(seq 100); do
  pgrep -x rclone > /dev/null || pgrep -f "^(/opt/[a-z]*/bin/)?s3fs.* $M " > /dev/null || exit 0
  sleep 0.1
done
echo "it does not end"; exit 1
"""


class Bench:
    """One machine, on which the contestants take turns."""

    def __init__(self, rehearsal: Rehearsal, sizes: Sizes) -> None:
        self.machine = rehearsal.machine
        self.store = Store(rehearsal.s3.folder)
        self.sizes = sizes
        self.taken: dict[tuple[str, str], list[float]] = defaultdict(list)
        self.asked: dict[tuple[str, str], int] = {}
        self.folder = rehearsal.folder
        self._s3 = rehearsal.s3

    def prepare(self) -> None:
        """Install rclone, and make what will be written."""
        libraries = [name for *_, names in BUILDS for name in names.split()] if SOURCE_ADDRESS else []
        for package in ("rclone", *libraries):  # one by one: those of two builds cannot be installed together
            image.publish(self.machine.image, [package])
        self._install("rclone")
        if SOURCE_ADDRESS:
            image.publish(self.machine.image, BUILD_TOOLS.split())
            for build in BUILDS:
                self._build(*build)
        self.root(
            f"mkdir -p $M {SOURCE}/small && cd {SOURCE} && head -c {self.sizes.big_mb}M /dev/urandom > big &&"
            f" head -c {self.sizes.files * 4096} big | split -a 4 -d -b 4096 - small/ &&"
            f" head -c {APPENDED_MB}M big > appended"
        )

    def _install(self, packages: str) -> None:
        self.root(f"apt-get -q update && apt-get install -qy --no-install-recommends {packages}")

    def _build(self, name: str, revision: str, libraries: str) -> None:
        """Build s3fs in the machine, as the primer does, from what is fetched here."""
        log = self.folder / "build.log"
        checkout = self.folder / name
        branch = [] if revision == "HEAD" else ["--branch", revision]
        clone = ["git", "clone", "--quiet", "--depth=1", *branch, _address(SOURCE_ADDRESS), str(checkout)]
        processes.run(clone, log=log, what=f"Cloning {SOURCE_ADDRESS}")
        shutil.copytree(checkout, self.folder / "upper/usr/local/src" / name)
        self._install(f"{BUILD_TOOLS} {libraries}")
        print(f"Building s3fs {revision}", flush=True)
        self.root(f"cd /usr/local/src/{name} && ./autogen.sh && ./configure --prefix=/opt/{name} && make -j2 install")

    def run(self, contestant: Contestant) -> None:
        """Let one contestant do everything once."""
        self._empty()
        self._provide()
        self._mount(contestant)
        for measure in MEASURES:
            command = measure.mounted if contestant.mount else measure.cli
            if not command:
                continue
            if measure.fresh:
                self._unmount()
                self._mount(contestant)
            before = self._requests()
            # The machine has our clock: it is in a container.
            said = self.root(f"date +%s.%N; ( {command} ) > /dev/null || exit; date +%s.%N")
            began, ended = map(float, said.split())
            if measure.result and not self._is_there(*measure.result(self.sizes)):
                ended = self._wait(measure)
            self.taken[contestant.name, measure.name].append(ended - began)
            asked = self.asked[contestant.name, measure.name] = self._requests() - before
            print(f"{contestant.name:28} {measure.name:32} {ended - began:8.2f} s {asked:6} requests", flush=True)
        self._unmount()

    def clear(self) -> None:
        """Take away what a contestant that failed has left: what it wrote where nothing was mounted, too."""
        self._unmount()
        self.root("rm -rf $M/*")

    def root(self, script: str) -> str:
        """Run a script as root, with the machine's settings, and return what it printed."""
        start = f". /etc/learning-stack.env; export AWS_DEFAULT_REGION=$REGION; M={MOUNT} B=s3://$BUCKET/bench\n"
        quoted = (start + script).replace("'", "'\\''")
        return self.machine.output(f"sudo bash -c '{quoted}'", seconds=COMMAND_SECONDS)

    def _mount(self, contestant: Contestant) -> None:
        if contestant.mount:
            self.root(MOUNTING.replace("{mount}", contestant.mount))

    def _unmount(self) -> None:
        self.root(UNMOUNTING)

    def _requests(self) -> int:
        """Count what S3 was asked so far, but for the looks of who keeps the machine's own mount."""
        return sum("bench" in request["path"] for request in self._s3.requests)

    def _empty(self) -> None:
        for key in self.store.all_keys():
            self.store.delete(key)

    def _provide(self) -> None:
        """Put into the bucket what is there before the contestants come."""

        def folder(name: str) -> None:
            self._object(f"{name}/", 0o40755, b"", "application/x-directory")

        folder("bench")
        folder("bench/folder")
        for number in range(1, IN_FOLDER + 1):
            self._object(f"bench/folder/{number}", 0o100644, b"x" * 4096)
        self._object("bench/medium", 0o100644, b"x" * (MEDIUM_MB << 20))

    def _object(self, key: str, mode: int, content: bytes, kind: str = "application/octet-stream") -> None:
        pieces, etag = self.store.receive([content])
        owner = {"x-amz-meta-uid": "1000", "x-amz-meta-gid": "1000", "x-amz-meta-mtime": str(time.time())}
        headers = {"Content-Type": kind, "x-amz-meta-mode": str(mode), **owner}
        self.store.put(key, pieces=pieces, etag=etag, headers=headers)

    def _is_there(self, prefix: str, count: int, size: int) -> bool:
        keys = [key for key in self.store.all_keys() if key.startswith(prefix) and not key.endswith("/")]
        found = [self.store.size(key) for key in keys]
        return len(found) == count and sum(found) == size

    def _wait(self, measure: Measure) -> float:
        """Return when what was written is in the bucket, for a contestant that says so before."""
        deadline = time.time() + COMMAND_SECONDS
        while measure.result and not self._is_there(*measure.result(self.sizes)):
            if time.time() > deadline:
                raise ProblemError(f"{measure.name}: it never came to the bucket")
            time.sleep(0.02)
        return time.time()


def report(bench: Bench, contestants: Sequence[Contestant]) -> str:
    """Return the section of RESULTS.md. The first contestant is what the others are compared with."""
    sizes, taken, names = bench.sizes, bench.taken, [each.name for each in contestants]
    first, *others = names
    rows, means = [], defaultdict[str, list[float]](list)
    for measure in MEASURES:
        base = taken[first, measure.name]
        row = [measure.name, f"{results.seconds(base)} ({bench.asked[first, measure.name]:,})"]
        for name in others:
            values = taken[name, measure.name]
            if values:
                means[name].append(median(base) / median(values))
                asked = bench.asked[name, measure.name]
                row.append(f"{results.seconds(values)} ({asked:,}) **{means[name][-1]:.2f}x**")
            else:
                row.append("-")
        rows.append(row)
    rows.append(["geometric mean", "", *(f"**{results.geometric_mean(means[name]):.2f}x**" for name in others)])
    same = [[median(taken[each.name, measure.name]) for measure in MEASURES] for each in FROM_APT]
    options = results.geometric_mean([primer / ours for primer, ours in zip(*same, strict=True)])
    versions = bench.root(
        "for s3fs in /opt/*/bin/s3fs s3fs; do ! command -v $s3fs > /dev/null || $s3fs --version | head -n 1; done;"
        "rclone version | head -n 1; aws --version; grep ^options= /usr/local/sbin/keep-s3-mounted"
    ).splitlines()
    installed = [line for line in versions if not line.startswith("options=")]
    lines = "\n".join(line for line in versions if line.startswith("options="))
    return f"""
{results.machine()}. {"; ".join(installed)}.
A large file of {sizes.big_mb} MiB, {sizes.files} small files of 4 KiB; {sizes.repetitions} repetitions;
{DELAY * 1000:g} ms added to each request. Seconds, requests in parentheses, and how many times as fast as the first
column. The AWS CLI can neither append nor read twice. With the same s3fs, apt's, our options are **{options:.2f}x** of
the primer's. Where both ask S3 as often, one request after the other, no option could make them differ.

{results.table(["", *names], rows)}

The primer's line is measured without its `default_acl=public-read`: with it, S3 refuses every write to a bucket made
since April 2023, as ACLs are disabled there. rclone's is `{RCLONE}`. Ours:

```sh
{lines}
```
"""


def _address(source: str) -> str:
    """Return what git takes for a shallow clone: a folder as an address."""
    return Path(source).resolve().as_uri() if Path(source).is_dir() else source


def main(words: Sequence[str] | None = None) -> None:
    parser = argparse.ArgumentParser(prog="python -m bench.mount", description=__doc__)
    parser.add_argument("--quick", action="store_true", help="a small round, to see that it works; nothing is written")
    parser.add_argument("--big-mb", type=int, help="size of the large file")
    parser.add_argument("--files", type=int, help="number of small files")
    parser.add_argument("--repetitions", type=int)
    parser.add_argument("--try", dest="tried", action="append", default=[], help="options of s3fs to add to ours")
    given = parser.parse_args(words)
    base = QUICK if given.quick else FULL
    sizes = Sizes(given.big_mb or base.big_mb, given.files or base.files, given.repetitions or base.repetitions)
    processes.require_commands("git", "haproxy")
    lifecycle.point_at_running()
    tried = [Contestant(f"ours + {words}", f"{FROM_APT[1].mount},{words}") for words in given.tried]
    compared = (*COMPARED, *tried)
    with Rehearsal("nspawn", changes=Changes(s3="bench.s3")) as rehearsal:
        rehearsal.boot()
        rehearsal.wait_for_first_boot()
        bench = Bench(rehearsal, sizes)
        bench.prepare()
        rehearsal.s3.faults.set(delay=DELAY)
        for turn in range(sizes.repetitions):
            # Those that are compared take turns at being first.
            for contestant in compared if turn % 2 else reversed(compared):
                bench.run(contestant)
            for rival in RIVALS:
                try:
                    bench.run(rival)
                except ProblemError as error:
                    print(f"{rival.name}: {error}", flush=True)
                    bench.clear()
        text = report(bench, (*compared, *RIVALS))
    print(text)
    if not given.quick:
        results.write("The mount", text)
        print(f"Written to {results.RESULTS.relative_to(Path.cwd())}")


if __name__ == "__main__":
    main()
