"""The system that the bastion boots on: Debian 13, built from packages and kept for the next time.

It has the systemd, the cloud-init and the s3fs of the same generation as the Ubuntu that is deployed, and what an
Ubuntu image brings: the user `ubuntu`, an SSH server, bash completion.
"""

import contextlib
import fcntl
import hashlib
import inspect
import os
import shutil
import subprocess
import sys
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from lab.rehearsal import certificates, processes
from lab.terminal.language import _
from lab.terminal.problem import ProblemError

IMAGES = Path(".local-aws/images")
SUITE = "trixie"
DISK = "4G"
SYSTEM = (
    "bash-completion,ca-certificates,cloud-guest-utils,cloud-init,curl,dbus,dhcpcd-base,initramfs-tools,iproute2,"
    "iputils-ping,kmod,less,linux-image-cloud-amd64,locales,netplan.io,openssh-server,procps,python3-apt,sudo,systemd,"
    "systemd-resolved,systemd-sysv,udev,zstd"
)
# What the bastion installs at its first boot: it finds these, with what they depend on, in a repository of its own.
PUBLISHED = ("s3fs", "awscli")
REPOSITORY_PORT = 8000
REPOSITORY = f"http://packages.test:{REPOSITORY_PORT}"
CLOUD_CONFIG = """\
# As in Ubuntu's images.
system_info:
  default_user:
    name: ubuntu
    gecos: Ubuntu
    lock_passwd: true
    groups: [adm, sudo]
    sudo: ["ALL=(ALL) NOPASSWD:ALL"]
    shell: /bin/bash
apt: {preserve_sources_list: true}
locale: C.UTF-8
# One kind of host key: making the others takes long without hardware support.
ssh_genkeytypes: [ed25519]
"""
# The image's folder, its sources of packages, and the packages are the arguments. The system itself stays as it is: all
# that this writes vanishes with the mount, but the packages.
FETCH = """
set -e
image=$1 sources=$2
shift 2
mount -t tmpfs tmpfs /mnt
mkdir /mnt/upper /mnt/work /mnt/root
mount -t overlay overlay -o "lowerdir=$image/root,upperdir=/mnt/upper,workdir=/mnt/work" /mnt/root
cp --remove-destination /etc/resolv.conf /mnt/root/etc/
echo "$sources" > /mnt/root/etc/apt/sources.list
chroot /mnt/root apt-get -q update
chroot /mnt/root apt-get -qy install --no-install-recommends --download-only "$@"
mv /mnt/root/var/cache/apt/archives/*.deb "$image/repository/"
"""
# Timers of a machine that lives for weeks: here they would only run into the measurements.
TIMERS = ("apt-daily.timer", "apt-daily-upgrade.timer", "dpkg-db-backup.timer", "e2scrub_all.timer", "fstrim.timer")


@dataclass(frozen=True)
class Image:
    """A system to boot: as a folder, as a disk with its kernel, and with the packages that it may install."""

    folder: Path

    @property
    def root(self) -> Path:
        return self.folder / "root"

    @property
    def disk(self) -> Path:
        return self.folder / "disk.raw"

    @property
    def kernel(self) -> Path:
        return self.folder / "vmlinuz"

    @property
    def initrd(self) -> Path:
        return self.folder / "initrd.img"

    @property
    def repository(self) -> Path:
        return self.folder / "repository"

    @property
    def authority(self) -> Path:
        """The certificate of the authority that this system trusts; its key lies beside it."""
        return self.folder / "authority.crt"


@contextlib.contextmanager
def in_use(image: Image) -> Iterator[None]:
    """Keep the image from being deleted: a machine runs on it."""
    with _locked(image.folder, fcntl.LOCK_SH):
        yield


@contextlib.contextmanager
def _locked(path: Path, how: int) -> Iterator[None]:
    opened = os.open(path, os.O_RDONLY)
    try:
        fcntl.flock(opened, how)
        yield
    finally:
        os.close(opened)


def build(progress: Callable[[str], None] = print, *, images: Path = IMAGES) -> Image:
    """Return the image, built now unless one of the same recipe is there. Raises ProblemError where it cannot be."""
    recipe = inspect.getsource(sys.modules[__name__])
    folder = (images / hashlib.sha256(recipe.encode()).hexdigest()[:16]).absolute()
    if folder.exists():
        return Image(folder)
    if os.geteuid():
        raise ProblemError(_("Building the system to boot needs root, once: run this with sudo"))
    processes.require_commands("mmdebstrap", "mke2fs", "apt-ftparchive", "setpriv")
    images.mkdir(parents=True, exist_ok=True)
    # Whoever else wants it waits for us, and finds it there.
    with _locked(images, fcntl.LOCK_EX):
        if not folder.exists():
            _build(folder, progress)
    return Image(folder)


def _build(folder: Path, progress: Callable[[str], None]) -> None:
    work = folder.with_name(f"{folder.name}.building-{os.getpid()}")
    image = Image(work)
    image.repository.mkdir(parents=True)
    log = folder.with_name("build.log")
    log.write_bytes(b"")
    try:
        progress(_("Building the system to boot, once: Debian 13 from packages (about two minutes)"))
        _install(image, log)
        _settle(image, log)
        progress(_("Making its disk"))
        _make_disk(image, log)
        _hand_over(image)
        work.rename(folder)
        _forget_others(folder)
    finally:
        shutil.rmtree(work, ignore_errors=True)


def publish(image: Image, packages: Sequence[str], progress: Callable[[str], None] = print) -> None:
    """Put more packages into the repository of an image's machines: fetched once, with what they depend on.

    Raises ProblemError when they cannot be fetched.
    """
    done = image.folder / f"offers-{hashlib.sha256(' '.join(packages).encode()).hexdigest()[:8]}"
    with _locked(image.folder.parent, fcntl.LOCK_EX):
        if done.exists():
            return
        progress(_("Fetching {number} more packages, once").format(number=len(packages)))
        log = image.folder.with_name("build.log")
        sources = "\n".join(_sources())
        if not sources:
            raise ProblemError(_("apt has no Debian archive here to fetch more packages from"))
        fetch = ["unshare", "--mount", "--propagation=private", "sh", "-c", FETCH, "sh", str(image.folder), sources]
        processes.run([*fetch, *packages], log=log, what=_("Fetching packages"))
        _list_repository(image, log)
        done.touch()


def _forget_others(folder: Path) -> None:
    """Delete the images of older recipes, and what a killed build left: each is most of a gigabyte."""
    for other in folder.parent.iterdir():
        if other.is_dir() and other != folder:
            with contextlib.suppress(BlockingIOError), _locked(other, fcntl.LOCK_EX | fcntl.LOCK_NB):
                shutil.rmtree(other, ignore_errors=True)


def _sources() -> list[str]:
    """Return lines for the Debian archive that apt uses here; none where it uses another, such as Ubuntu's."""
    listing = subprocess.run(
        ["apt-get", "indextargets", "--format", "$(REPO_URI) $(RELEASE)", "Created-By: Packages"],  # noqa: S607
        capture_output=True,
        text=True,
        check=False,
    ).stdout
    for line in listing.splitlines():
        address, _space, release = line.partition(" ")
        mirror = address.rstrip("/")
        if mirror.endswith("/debian") and "-" not in release:
            security = f"deb {mirror}-security {SUITE}-security main"
            return [f"deb {mirror} {SUITE} main", f"deb {mirror} {SUITE}-updates main", security]
    return []


def _install(image: Image, log: Path) -> None:
    published = " ".join(PUBLISHED)
    processes.run(
        [
            "mmdebstrap",
            "--mode=root",
            "--variant=minbase",
            '--aptopt=Apt::Install-Recommends "false"',
            '--aptopt=Acquire::Languages "none"',
            *(f"--dpkgopt=path-exclude=/usr/share/{folder}/*" for folder in ("man", "doc", "locale")),
            f"--include={SYSTEM}",
            '--customize-hook=chroot "$1" apt-get clean',
            f'--customize-hook=chroot "$1" apt-get install -qy --no-install-recommends --download-only {published}',
            f'--customize-hook=mv "$1"/var/cache/apt/archives/*.deb {image.repository}/',
            SUITE,
            image.root,
            *_sources(),  # without any, mmdebstrap knows where Debian is
        ],
        log=log,
        what=_("Installing Debian 13"),
    )
    _list_repository(image, log)


def _list_repository(image: Image, log: Path) -> None:
    listing = 'cd "$0" && apt-ftparchive packages . > Packages && apt-ftparchive release . > Release'
    processes.run(["sh", "-c", listing, image.repository], log=log, what=_("Making the repository of packages"))


def _settle(image: Image, log: Path) -> None:
    """Make the installed system what a fresh Ubuntu image is on EC2: no identity, one user, its sources of packages."""
    certificates.make_authority(image.folder)
    root = image.root
    _write(root / "etc/cloud/cloud.cfg.d/90_rehearsal.cfg", CLOUD_CONFIG)
    shutil.rmtree(root / "etc/apt/sources.list.d")
    _write(root / "etc/apt/sources.list", f"deb [trusted=yes] {REPOSITORY} ./\n")
    _write(root / "etc/fstab", "LABEL=root / ext4 defaults,noatime 0 1\n")
    _write(root / "etc/hostname", "bastion\n")
    # Installing fuse would rebuild the initrd, which takes minutes without hardware support.
    _write(root / "etc/initramfs-tools/update-initramfs.conf", "update_initramfs=no\n")
    _write(root / "etc/machine-id", "")
    (root / "var/lib/dbus/machine-id").unlink(missing_ok=True)
    for key in (root / "etc/ssh").glob("ssh_host_*"):
        key.unlink()
    shutil.copy(image.authority, root / "usr/local/share/ca-certificates/rehearsal.crt")
    processes.run(["chroot", root, "update-ca-certificates"], log=log, what=_("Trusting the test authority"))
    processes.run(["chroot", root, "systemctl", "disable", *TIMERS], log=log, what=_("Disabling timers"))
    processes.run(["chroot", root, "systemctl", "enable", "systemd-networkd"], log=log, what=_("Enabling the network"))


def _make_disk(image: Image, log: Path) -> None:
    for name, target in (("vmlinuz", image.kernel), ("initrd.img", image.initrd)):
        shutil.copy(next((image.root / "boot").glob(f"{name}-*")), target)
    with image.disk.open("wb"):
        pass
    processes.run(
        ["mke2fs", "-q", "-t", "ext4", "-L", "root", "-m", "0", "-d", image.root, image.disk, DISK],
        log=log,
        what=_("Making the disk"),
    )


def _hand_over(image: Image) -> None:
    """Give what was built to whoever owns this folder: only building needs root, QEMU does not."""
    owner = Path().stat()
    for path in [image.folder.parent, image.folder, *image.folder.iterdir()]:
        if path != image.root:
            os.chown(path, owner.st_uid, owner.st_gid)


def _write(path: Path, content: str) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.unlink(missing_ok=True)
    path.write_text(content)
