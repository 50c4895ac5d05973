"""The whole stage: the deployed bastion on a machine, with the services of AWS that it meets around it."""

import json
import os
import secrets
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Mapping
from contextlib import ExitStack
from dataclasses import dataclass, replace
from pathlib import Path
from types import TracebackType
from typing import Any, Literal, Self

import boto3

from lab.packets import keeper
from lab.packets.vpc import names
from lab.reach.described import described
from lab.reach.network import Network
from lab.rehearsal import certificates, cloud_image, image, machines, processes
from lab.rehearsal.instance import Instance, deployed_bastion
from lab.rehearsal.isolation import Isolation
from lab.rehearsal.nspawn import Nspawn
from lab.rehearsal.qemu import Qemu
from lab.rehearsal.switches import FaultSwitches
from lab.template.deployed import Deployed
from lab.terminal.language import _
from lab.terminal.problem import ProblemError

MachineName = Literal["qemu", "nspawn"]
MACHINES: Mapping[MachineName, type[machines.Machine]] = {"qemu": Qemu, "nspawn": Nspawn}
RUNS = Path(".local-aws/rehearsals")
MOUNT_SECONDS = 420
LOST = 255  # how ssh ends when the machine goes away
CREDENTIAL_SECONDS = 6 * 3600.0  # as on EC2
# What the instance is seen as from outside: at its start, and after CloudFormation has associated its Elastic IP.
AMAZONS_IP, ELASTIC_IP = "198.51.100.7", "203.0.113.7"
ASSOCIATES_SECONDS = 8.0


@dataclass(frozen=True)
class Changes:
    """How a rehearsal may differ from what is deployed: to prove that it can fail, and to measure it."""

    user_data: Callable[[str], str] = str
    credential_seconds: float = CREDENTIAL_SECONDS
    role: str = ""
    hop_limit: int | None = None
    s3: str = "lab.rehearsal.s3_front"  # the module that answers for S3
    size: machines.Size = machines.ALL


class Service:
    """A running service: its switches, and the requests that it logged."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.faults = FaultSwitches(folder / "switches.json")

    @property
    def requests(self) -> list[dict[str, Any]]:
        lines = (self.folder / "requests.jsonl").read_text().splitlines()
        return [json.loads(line) for line in lines]


class Rehearsal:
    """A context manager: inside it the bastion boots, after it everything that it started is gone.

    ``image_file`` boots a cloud image instead of the built system, with the ``packages`` of a folder (see
    ``cloud_image``). ``keep`` leaves the folder with the console and all logs; else it is deleted unless something
    failed.
    """

    metadata: Service
    s3: Service
    packages: Service
    machine: machines.Machine
    bastion: Instance

    def __init__(
        self,
        machine: MachineName = "qemu",
        *,
        stack: str = "LearningStack",
        progress: Callable[[str], None] = print,
        changes: Changes | None = None,
        image_file: Path | None = None,
        packages: Path | None = None,
        images: Path = image.IMAGES,
        runs: Path = RUNS,
        keep: bool = False,
    ) -> None:
        self._machine_name = machine
        self._stack = stack
        self._changes = changes or Changes()
        self._image_file = image_file
        self._packages = packages
        self._images = images
        self._runs = runs
        self._keep = keep
        self.progress = progress
        self._cleanup = ExitStack()

    def __enter__(self) -> Self:
        try:
            self._set_up()
        except BaseException:
            self._cleanup.close()
            raise
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._cleanup.close()
        if kind is None and not self._keep:
            shutil.rmtree(self.folder, ignore_errors=True)

    def boot(self) -> float:
        """Switch the machine on and wait for the mount; return the seconds from the one to the other."""
        self.progress(_("Booting"))
        began = time.monotonic()
        self.machine.start()
        self.machine.wait_for_boot()
        self.progress(
            _("It answers after {seconds:.0f} s: its first boot goes on").format(seconds=time.monotonic() - began)
        )
        self.wait_for_mount()
        return time.monotonic() - began

    def reboot(self) -> float:
        """Reboot the machine and wait for the mount; return the seconds from the one to the other."""
        self.progress(_("Rebooting"))
        began = time.monotonic()
        self.machine.reboot()
        self.wait_for_mount()
        return time.monotonic() - began

    def is_mounted(self) -> bool:
        """Whether the bucket answers under the mount point: only a look inside tells."""
        point = self.bastion.mount_point
        return self.machine.run(f"mountpoint -q {point} && timeout 5 stat {point}/. > /dev/null", seconds=20).ok

    def wait_for_mount(self, *, seconds: float = MOUNT_SECONDS) -> float:
        """Wait until the bucket answers under the mount point. Raises ProblemError, with what was refused, if never."""
        try:
            taken = self.machine.wait_for(
                self.is_mounted,
                _("{mount_point} does not answer").format(mount_point=self.bastion.mount_point),
                seconds=seconds,
            )
        except ProblemError as error:
            self._keep_journal()
            refused = self.refusals()
            raise ProblemError(
                _("{error}. Refused on the way: {refused}").format(error=error, refused=refused)
                if refused
                else str(error)
            ) from None
        self.progress(
            _("{bucket} is mounted at {mount_point}").format(
                bucket=self.bastion.bucket, mount_point=self.bastion.mount_point
            )
        )
        return taken

    def wait_for_first_boot(self, *, seconds: float = MOUNT_SECONDS) -> str:
        """Wait until the first boot is through; return what cloud-init says of itself, and systemd of ours."""
        self.machine.run("cloud-init status --wait > /dev/null", seconds=seconds)
        unit = "systemctl show learning-stack-first-boot -p Result -p ConditionResult"
        return self.machine.run(f"cloud-init status --long; {unit}").text

    def signals(self) -> list[dict[str, str]]:
        """Return what the machine told CloudFormation about its first boot, and the deploy heard: the parameters."""
        return [request["call"] for request in self.s3.requests if request.get("counted")]

    def wait_for_report(self, *, seconds: float = MOUNT_SECONDS) -> dict[str, str]:
        """Wait until the deploy has heard of the first boot; return the call's parameters."""
        self.machine.wait_for(lambda: bool(self.signals()), _("The deploy has heard nothing"), seconds=seconds)
        return self.signals()[0]

    def shell(self) -> None:
        """Open a shell on the machine, for a person; and another one after each reboot, until they leave it."""
        while True:
            before = self.machine.boot_id()
            status = subprocess.run(self.machine.ssh(), check=False).returncode  # noqa: S603  # our own command
            if status != LOST or not self.machine.is_on:
                return
            self.progress(_("The machine went away: waiting for it to come back (Ctrl-C to stop)"))
            self.machine.wait_for_boot(before=before)
            self.wait_for_mount()

    def refusals(self) -> str:
        """Return what the services refused, each kind once: it is mostly the reason when something does not work."""
        refused = {
            f"{request.get('refused') or request['status']} for {request['method']} {request['path']}": None
            for request in [*self.s3.requests, *self.metadata.requests]
            if request["status"] >= 400 and (request["status"] != 404 or "security-credentials" in request["path"])
        }
        return ", ".join(list(refused)[:5])

    def _keep_journal(self) -> None:
        """Keep what the machine itself says of what went wrong, as far as it still answers."""
        said = self.machine.run("sudo journalctl --boot --no-pager; ps axf -o pid,stat,args; cat /proc/mounts")
        (self.folder / "journal.log").write_text(f"{said.text}\n{said.errors}\n")

    def _set_up(self) -> None:
        deployed = Deployed(self._stack)
        bastion = deployed_bastion(deployed)
        self.bastion = replace(bastion, user_data=self._changes.user_data(bastion.user_data))
        self._runs.mkdir(parents=True, exist_ok=True)
        self.folder = Path(tempfile.mkdtemp(prefix=f"{self._machine_name}-", dir=self._runs)).absolute()
        built = self._image()
        self.progress(_("Setting up a network of its own, with metadata, S3, names and packages"))
        isolation = Isolation(self.folder, *self._vpc(deployed))
        self._cleanup.callback(isolation.close)
        setup = machines.MachineSetup(built, isolation, self.folder, self._changes.size)
        public_key = machines.make_login_key(setup.login_key)
        self._start_services(deployed, setup, public_key)
        self.machine = MACHINES[self._machine_name](setup)
        self._cleanup.callback(self.machine.stop)

    def _vpc(self, deployed: Deployed) -> tuple[Network | None, str]:
        """Return the network of the bastion's VPC, with the bastion's name there; none where it cannot be built."""
        if reason := keeper.why_not():
            self.progress(_("Without the firewall of its VPC. {reason}").format(reason=reason))
            return None, ""
        network = described(deployed.ec2, deployed.outputs["VpcId"])
        named = names(network)
        return network, next(
            named[each.id] for each in network.interfaces.values() if each.instance == self.bastion.instance_id
        )

    def _image(self) -> image.Image:
        if not self._image_file:
            built = image.build(self.progress, images=self._images)
            self._cleanup.enter_context(image.in_use(built))
            return built
        if self._machine_name != "qemu":
            raise ProblemError(_("An image of your own has its own kernel: boot it with --machine qemu"))
        (self.folder / "image").mkdir()
        return cloud_image.prepare(self._image_file, self._packages, self.folder / "image")

    def _start_services(self, deployed: Deployed, setup: machines.MachineSetup, public_key: str) -> None:
        isolation, bastion = setup.isolation, self.bastion
        key = secrets.token_hex(32)
        listen = isolation.listen
        public_address = self.folder / "public-ipv4"
        public_address.write_text(AMAZONS_IP)
        self.metadata = self._start_service(
            "lab.rehearsal.metadata",
            {"socket": listen("tcp", 80)},
            {
                "user_data": bastion.user_data,
                "region": bastion.region,
                "zone": bastion.zone,
                "instance_id": bastion.instance_id,
                "instance_type": bastion.instance_type,
                "image_id": bastion.image_id,
                "role": self._changes.role or bastion.role,
                "hop_limit": self._changes.hop_limit or bastion.hop_limit,
                "account": bastion.account,
                "mac": machines.MAC,
                "address": machines.ADDRESS,
                "public_address": str(public_address),
                "public_key": public_key,
                "key": key,
                "credential_seconds": self._changes.credential_seconds,
                "tokenless": MACHINES[self._machine_name].tokenless,
            },
        )
        # Without a region too: what the primer's own command calls.
        names = [f"{prefix}{bastion.region}.amazonaws.com" for prefix in ("*.s3.", "s3.", "*.")]
        names += ["*.s3.amazonaws.com", "s3.amazonaws.com"]
        certificate = certificates.make_certificate(setup.image.authority, names, self.folder)
        self.s3 = self._start_service(
            self._changes.s3,
            {"socket": listen("tcp", 443)},
            {
                "region": bastion.region,
                "endpoint": deployed.endpoint,
                "deploy": {
                    "stack_name": deployed.stack_name,
                    "stack_id": deployed.description["StackId"],
                    "logical_id": bastion.logical_id,
                    "instance_id": bastion.instance_id,
                    "seconds": bastion.signal_seconds,
                    "address": str(public_address),
                    "elastic_ip": ELASTIC_IP,
                    "associates": ASSOCIATES_SECONDS,
                },
                "key": key,
                "certificate": str(certificate),
                "session": self._role_session(),
            },
        )
        self.packages = self._start_service(
            "lab.rehearsal.dns_and_packages",
            {"socket": listen("tcp", image.REPOSITORY_PORT), "names": listen("udp", 53)},
            {"address": machines.AWS_ADDRESS, "repository": str(setup.image.repository)},
        )

    def _role_session(self) -> tuple[str, str, str]:
        """Take on the instance's role in the local AWS, as EC2 does: the front speaks for it.

        The role trusts EC2 alone, not even an administrator. The local AWS takes an account's id for a key of its root
        user, whom it asks for no trust.
        """
        sts = boto3.client(
            "sts",
            region_name=self.bastion.region,
            aws_access_key_id=self.bastion.account,
            aws_secret_access_key=os.environ["AWS_SECRET_ACCESS_KEY"],
        )
        given = sts.assume_role(
            RoleArn=f"arn:aws:iam::{self.bastion.account}:role/{self.bastion.role}",
            RoleSessionName=self.bastion.instance_id,
            DurationSeconds=12 * 3600,
        )["Credentials"]
        return given["AccessKeyId"], given["SecretAccessKey"], given["SessionToken"]

    def _start_service(self, module: str, sockets: Mapping[str, Any], facts: Mapping[str, Any]) -> Service:
        folder = self.folder / module.rpartition(".")[2]
        folder.mkdir()
        (folder / "requests.jsonl").touch()
        (folder / "facts.json").touch(mode=0o600)
        (folder / "facts.json").write_text(json.dumps(facts))
        numbers = {name: opened.fileno() for name, opened in sockets.items()}
        process = processes.spawn(
            [
                *(sys.executable, "-m", module, "--folder", folder),
                *(word for name, number in numbers.items() for word in (f"--{name}", str(number))),
            ],
            log=folder / "service.log",
            pass_fds=list(numbers.values()),
        )
        self._cleanup.callback(processes.end, process)
        for opened in sockets.values():
            opened.close()
        return Service(folder)
