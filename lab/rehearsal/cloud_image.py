"""A cloud image given as a file, such as Ubuntu's own: booted as it is, with the kernel and the loader that are in it.

What it must know of a rehearsal, the test authority and where its packages come from, it is told by its firmware
(systemd's credentials, from systemd 252 on), so that not a byte of it is changed. Its packages must be given as well:
the network that it boots in leads nowhere.
"""

import base64
import json
import shutil
from dataclasses import dataclass
from pathlib import Path

from lab.rehearsal import certificates, processes
from lab.rehearsal.image import REPOSITORY, Image
from lab.terminal.language import _
from lab.terminal.problem import ProblemError

QCOW2 = b"QFI\xfb"


@dataclass(frozen=True)
class CloudImage(Image):
    """An image in a file; ``folder`` has what goes with it."""

    file: Path

    @property
    def format(self) -> str:
        with self.file.open("rb") as opened:
            return "qcow2" if opened.read(len(QCOW2)) == QCOW2 else "raw"

    @property
    def credential(self) -> Path:
        """What the firmware says to it: a string of SMBIOS type 11."""
        return self.folder / "credential"


def prepare(file: Path, packages: Path | None, folder: Path) -> CloudImage:
    """Make what goes with an image in ``folder``; ``packages`` is a folder with .deb files for its release.

    Raises ProblemError when the image or the packages cannot be used.
    """
    if not file.is_file():
        raise ProblemError(_("There is no image {file}").format(file=file))
    if not packages or not any(packages.glob("*.deb")):
        raise ProblemError(
            _(
                "An image of your own needs its packages too, for it boots with no internet: give a "
                "folder with the .deb files of s3fs, awscli and what they depend on, for its release, "
                "with --packages FOLDER"
            )
        )
    processes.require_commands("apt-ftparchive", "qemu-img")
    image = CloudImage(folder, file=file.absolute())
    shutil.copytree(packages, image.repository)
    index = 'cd "$0" && apt-ftparchive packages . > Packages && apt-ftparchive release . > Release'
    processes.run(["sh", "-c", index, image.repository], log=folder / "packages.log", what=_("Indexing the packages"))
    authority = certificates.make_authority(folder)
    encoded = base64.b64encode(_cloud_config(authority.read_text()).encode()).decode()
    line = f"f+~ /etc/cloud/cloud.cfg.d/99_rehearsal.cfg 0644 root root - {encoded}\n"
    credential = base64.b64encode(line.encode()).decode()
    image.credential.write_text(f"io.systemd.credential.binary:tmpfiles.extra={credential}")
    return image


def _cloud_config(authority: str) -> str:
    """Return configuration for cloud-init; JSON is YAML."""
    sources = f"deb [trusted=yes] {REPOSITORY} ./"
    return json.dumps(
        {
            "apt": {"preserve_sources_list": True},
            "bootcmd": [
                f"rm -f /etc/apt/sources.list.d/*; echo '{sources}' > /etc/apt/sources.list",
            ],
            "ca_certs": {"trusted": [authority]},
        }
    )
