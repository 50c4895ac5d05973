"""A machine that boots an image: what ``qemu`` and ``nspawn`` have in common. Both are spoken to by SSH."""

import subprocess
import time
from abc import ABC, abstractmethod
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ed25519

from lab.rehearsal import processes
from lab.rehearsal.image import Image
from lab.rehearsal.isolation import Isolation
from lab.terminal.language import _
from lab.terminal.problem import ProblemError

USER = "ubuntu"
BOOT_SECONDS = 600  # a computer in software on a busy machine
POLL_SECONDS = 0.5
MAC = "52:54:00:77:00:10"
ADDRESS = "169.254.0.15"  # of the machine
AWS_ADDRESS = "169.254.169.254"  # of everything that it talks to


@dataclass(frozen=True)
class Size:
    """How much of this computer a machine gets: CPUs (0.2 of one, say) and memory in MiB; 0 is all of it."""

    cpus: float = 0
    memory_mib: int = 0


ALL = Size()


@dataclass(frozen=True)
class MachineSetup:
    """What a machine is made from: its image, its network, a folder for its disk and its console, and its size."""

    image: Image
    isolation: Isolation
    folder: Path
    size: Size = ALL

    @property
    def login_key(self) -> Path:
        return self.folder / "login"


@dataclass(frozen=True)
class Output:
    """What a command on the machine printed, and its exit status; 255 is also that nobody answered."""

    status: int
    text: str
    errors: str

    @property
    def ok(self) -> bool:
        return self.status == 0


class Machine(ABC):
    """A machine, off at first."""

    # How its SSH server is reached from inside the network.
    ssh_host = ADDRESS
    ssh_port = 22
    # How the user agent begins that may ask the metadata service without a token. On a faithful machine none may.
    tokenless = ""

    def __init__(self, setup: MachineSetup) -> None:
        self.image = setup.image
        self.isolation = setup.isolation
        self.folder = setup.folder
        self.size = setup.size
        self._login_key = setup.login_key
        self.console = self.folder / "console.log"
        self.console.touch()

    @abstractmethod
    def start(self) -> None:
        """Switch it on."""

    @abstractmethod
    def power_off(self) -> None:
        """Pull the plug: nothing is said to what runs on it. Its disk stays, and ``start`` boots it again."""

    @property
    @abstractmethod
    def is_on(self) -> bool: ...

    def stop(self) -> None:
        """Switch it off for good, and forget its disk: its console and its logs stay."""
        self.power_off()

    def ssh(self, command: str = "") -> list[str]:
        """Return the command that runs a command on the machine, or that opens a shell on it."""
        options = (
            "StrictHostKeyChecking=no",
            "UserKnownHostsFile=/dev/null",
            "ConnectTimeout=10",
            "BatchMode=yes",
            "LogLevel=ERROR",
            "ServerAliveInterval=10",
        )
        return [
            *self.isolation.enter,
            *("ssh", "-F", "none", "-i", str(self._login_key), "-p", str(self.ssh_port)),
            *(word for option in options for word in ("-o", option)),
            f"{USER}@{self.ssh_host}",
            *([command] if command else []),
        ]

    def run(self, command: str, *, seconds: float = 60) -> Output:
        """Run a shell command as the user `ubuntu`."""
        try:
            done = subprocess.run(  # noqa: S603  # our own commands
                self.ssh(command),
                stdin=subprocess.DEVNULL,
                capture_output=True,
                text=True,
                errors="replace",
                timeout=seconds,
                check=False,
                start_new_session=True,
            )
        except subprocess.TimeoutExpired:
            return Output(255, "", _("no answer for {seconds:g} s").format(seconds=seconds))
        return Output(done.returncode, done.stdout.strip(), done.stderr.strip())

    def output(self, command: str, *, seconds: float = 60) -> str:
        """Run a command and return what it printed. Raises ProblemError when it fails."""
        output = self.run(command, seconds=seconds)
        if not output.ok:
            raise ProblemError(
                _("On the machine, `{command}` ended with {status}: {errors}").format(
                    command=command, status=output.status, errors=output.errors or output.text
                )
            )
        return output.text

    def boot_id(self) -> str:
        """Return the kernel's name for this boot, or nothing when the machine does not answer."""
        return self.run("cat /proc/sys/kernel/random/boot_id; hostname", seconds=20).text.split("\n")[0]

    def wait_for_boot(self, *, before: str = "", seconds: float = BOOT_SECONDS) -> str:
        """Wait until the machine answers in another boot than ``before``; return the boot's id."""
        found = ""

        def answers() -> bool:
            nonlocal found
            found = self.boot_id()
            return bool(found) and found != before

        self.wait_for(answers, _("The machine does not answer"), seconds=seconds)
        return found

    def wait_for(self, condition: Callable[[], bool], problem: str, *, seconds: float) -> float:
        """Wait for a condition; return the seconds that it took. Raises ProblemError with the console's last words."""
        began = time.monotonic()
        while not condition():
            if not self.is_on:
                raise ProblemError(_("The machine went off: {said}").format(said=processes.last_line(self.console)))
            if time.monotonic() - began > seconds:
                raise ProblemError(
                    _(
                        "{problem} after {seconds:g} s. The last line of its console: {said} (all of it: {console})"
                    ).format(
                        problem=problem, seconds=seconds, said=processes.last_line(self.console), console=self.console
                    )
                )
            time.sleep(POLL_SECONDS)
        return time.monotonic() - began

    def reboot(self, *, seconds: float = BOOT_SECONDS) -> str:
        """Reboot as a person would, and wait until the machine answers again; return the new boot's id."""
        before = self.boot_id()
        self.run("sudo systemctl reboot", seconds=20)
        return self.wait_for_boot(before=before, seconds=seconds)


def make_login_key(path: Path) -> str:
    """Make a key pair to log in with; return the public half as it stands in authorized_keys."""
    key = ed25519.Ed25519PrivateKey.generate()
    path.touch(mode=0o600)
    path.write_bytes(
        key.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.OpenSSH, serialization.NoEncryption())
    )
    public = key.public_key().public_bytes(serialization.Encoding.OpenSSH, serialization.PublicFormat.OpenSSH)
    return f"{public.decode()} rehearsal\n"
