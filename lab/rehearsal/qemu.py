"""The faithful machine: a computer in software, with its own kernel. To cloud-init it is an EC2 instance."""

import os
import platform
import uuid
from pathlib import Path
from typing import TYPE_CHECKING

from lab.rehearsal import processes
from lab.rehearsal.cloud_image import CloudImage
from lab.rehearsal.machines import ADDRESS, AWS_ADDRESS, MAC, Machine, MachineSetup
from lab.terminal.language import _
from lab.terminal.problem import ProblemError

if TYPE_CHECKING:
    import subprocess

SSH_PORT = 2222
CLOUD_DISK = "8G"  # as the bastion's volume
MEMORY_MB = 1024  # a t3.micro's
# Set this to 1 where /dev/kvm works. That is not found out by itself: on a machine that is itself a guest, it may open
# and yet hang.
USE_KVM = "REHEARSAL_KVM"


class Qemu(Machine):
    """QEMU, with a network that ends in our own: no tap device, no bridge, no rights."""

    ssh_host = "127.0.0.1"
    ssh_port = SSH_PORT

    def __init__(self, setup: MachineSetup) -> None:
        super().__init__(setup)
        processes.require_commands("qemu-system-x86_64", "ssh")
        if platform.machine() != "x86_64":
            raise ProblemError(
                _("The machine in software is an x86 one, and this is {kind}").format(kind=platform.machine())
            )
        self._process: subprocess.Popen[bytes] | None = None
        self._disk = self.folder / "disk"
        self._uuid = f"ec2{uuid.uuid4().hex[3:]}"  # how cloud-init knows an instance of EC2

    def start(self) -> None:
        if not self._disk.exists():
            processes.run(self._copy(), log=self.folder / "qemu.log", what=_("Copying the disk"))
        self._process = processes.spawn(self._command(), enter=self.isolation.enter, log=self.folder / "qemu.log")

    def power_off(self) -> None:
        if self._process:
            self._process.kill()
            self._process.wait()

    def stop(self) -> None:
        super().stop()
        self._disk.unlink(missing_ok=True)

    @property
    def is_on(self) -> bool:
        return self._process is not None and self._process.poll() is None

    def _copy(self) -> list[str | Path]:
        """Return the command that makes this machine's own disk."""
        if isinstance(self.image, CloudImage):
            above: list[str | Path] = ["-F", self.image.format, "-b", self.image.file]
            return ["qemu-img", "create", "-q", "-f", "qcow2", *above, self._disk, CLOUD_DISK]
        return ["cp", "--sparse=always", "--reflink=auto", self.image.disk, self._disk]

    def _what_boots(self) -> list[str | Path]:
        """Return the options that say what boots, from which disk."""
        if isinstance(self.image, CloudImage):
            drive = f"file={self._disk},format=qcow2,if=virtio,cache=unsafe"
            return ["-drive", drive, "-smbios", f"type=11,path={self.image.credential}"]
        return [
            *("-kernel", self.image.kernel, "-initrd", self.image.initrd),
            *("-append", "root=LABEL=root ro console=ttyS0 panic=-1"),
            *("-drive", f"file={self._disk},format=raw,if=virtio,cache=unsafe"),
        ]

    def _command(self) -> list[str | Path]:
        serial = str(uuid.UUID(self._uuid))
        if os.environ.get(USE_KVM) == "1":
            accelerator = ["-accel", "kvm", "-cpu", "host"]
        else:
            accelerator = ["-accel", "tcg,thread=multi,tb-size=512", "-cpu", "max"]
        network = ",".join(
            [
                "user,id=net",
                "net=169.254.0.0/16",
                f"host={AWS_ADDRESS}",  # QEMU takes it to 127.0.0.1 of the network that it runs in: ours
                "dns=169.254.0.3",
                f"dhcpstart={ADDRESS}",
                "ipv6=off",
                f"hostfwd=tcp:127.0.0.1:{SSH_PORT}-:22",
            ]
        )
        return [
            "qemu-system-x86_64",
            *("-machine", "q35"),
            *accelerator,
            *("-smp", str(os.cpu_count() or 1), "-m", str(MEMORY_MB)),
            *("-smbios", "type=0,vendor=Amazon EC2,version=1.0"),
            *("-smbios", f"type=1,manufacturer=Amazon EC2,product=t3.micro,uuid={serial},serial={serial}"),
            *self._what_boots(),
            *("-device", "virtio-rng-pci"),
            *("-netdev", network, "-device", f"virtio-net-pci,netdev=net,mac={MAC}"),
            *("-display", "none", "-monitor", "none"),
            *("-chardev", f"file,id=console,path={self.console},append=on", "-serial", "chardev:console"),
        ]
