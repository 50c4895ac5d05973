"""The fast machine: a container with a real systemd and a real cloud-init, on this machine's own kernel.

What it is not: EC2 by its firmware, which a container has not; and its network is there before it boots.
"""

import os
import shutil
import subprocess
from pathlib import Path

from lab.rehearsal import processes
from lab.rehearsal.machines import ADDRESS, AWS_ADDRESS, Machine, MachineSetup
from lab.terminal.language import _
from lab.terminal.problem import ProblemError

BRIDGE = "aws"
PRIVATE = ("unshare", "--mount", "--propagation=private")
CPU_PERIOD = 100_000  # microseconds
# The folder of the machine, the image's root, the name of its control group, and the microseconds of CPU time and bytes
# of memory that it may have (0: all) are the arguments. A fresh /sys belongs to the network that we are in: in the old
# one, cloud-init would see this machine's own devices. Control groups that limit are of version 2, or 1 on older hosts.
SWITCHED_ON = f"""
set -e
mkdir -p /run/systemd/nspawn
mount -t tmpfs tmpfs /run/systemd/nspawn
mount -t sysfs sysfs /sys
mount -t cgroup2 cgroup2 /sys/fs/cgroup
mkdir -p "/sys/fs/cgroup/$3"
echo $$ > "/sys/fs/cgroup/$3/cgroup.procs"
if [ "$4$5" != 00 ]; then
  cd "/sys/fs/cgroup"
  if echo "+cpu +memory" > cgroup.subtree_control; then
    [ "$4" = 0 ] || echo "$4 {CPU_PERIOD}" > "$3/cpu.max"
    [ "$5" = 0 ] || echo "$5" > "$3/memory.max"
  else
    for controller in cpu memory; do
      mkdir -p "/run/limits/$controller"
      mount -t cgroup -o "$controller" cgroup "/run/limits/$controller"
      mkdir -p "/run/limits/$controller/$3"
      echo $$ > "/run/limits/$controller/$3/cgroup.procs"
    done
    [ "$4" = 0 ] || echo {CPU_PERIOD} > "/run/limits/cpu/$3/cpu.cfs_period_us"
    [ "$4" = 0 ] || echo "$4" > "/run/limits/cpu/$3/cpu.cfs_quota_us"
    [ "$5" = 0 ] || echo "$5" > "/run/limits/memory/$3/memory.limit_in_bytes"
  fi
  cd "$OLDPWD"
fi
mount -t overlay overlay -o "lowerdir=$2,upperdir=$1/upper,workdir=$1/work" "$1/root"
set +e
while true; do
  {" ".join(processes.DIES_WITH_US)} systemd-nspawn --quiet --directory="$1/root" --machine=bastion \\
    --register=no --keep-unit --network-bridge={BRIDGE} --capability=CAP_NET_ADMIN --bind=/dev/fuse \\
    --resolv-conf=off --timezone=off --link-journal=no --console=read-only --boot
  status=$?
  # A reboot from inside ends like this: whoever started nspawn is to start it again.
  [ $status = 133 ] || exit $status
done
"""
FORGET_GROUP = """
mount -t cgroup2 cgroup2 /sys/fs/cgroup && cd /sys/fs/cgroup && [ -d "$1" ] || exit
echo 1 > "$1/cgroup.kill"
for i in $(seq 100); do
  find "$1" -depth -type d -exec rmdir {} + && break
  sleep 0.1
done
for controller in cpu memory; do
  mkdir -p "/run/limits/$controller"
  mount -t cgroup -o "$controller" cgroup "/run/limits/$controller" && rmdir "/run/limits/$controller/$1"
done
"""
FILES = {
    # No firmware says that this is EC2.
    "etc/cloud/cloud.cfg.d/91_nspawn.cfg": "datasource_list: [Ec2]\ndatasource: {Ec2: {strict_id: false}}\n",
    # Nor is there udev, which cloud-init would tell about network cards that are plugged in later.
    "etc/cloud/cloud.cfg.d/93_hotplug.cfg": "updates: {network: {when: [boot-new-instance]}}\n",
    # The container does not mount its own root: systemd-nspawn did.
    "etc/fstab": "",
    # cloud-init finds interfaces by a permanent hardware address, which that of a container has not.
    "etc/cloud/cloud.cfg.d/92_network.cfg": "network: {config: disabled}\n",
    "etc/systemd/network/10-host0.network": (
        f"[Match]\nName=host0\n[Network]\nAddress={ADDRESS}/16\nDNS={AWS_ADDRESS}\nLinkLocalAddressing=no\n"
    ),
}


class Nspawn(Machine):
    """systemd-nspawn, on a copy of the image that costs nothing until it is written to."""

    tokenless = "Cloud-Init/"  # without the firmware, cloud-init does not know that EC2 wants a token

    def __init__(self, setup: MachineSetup) -> None:
        super().__init__(setup)
        processes.require_commands("systemd-nspawn", "ip", "ssh", "unshare")
        if os.geteuid():
            raise ProblemError(_("A machine by systemd-nspawn needs root: run this with sudo, or take --machine qemu"))
        if not Path("/dev/fuse").exists():
            raise ProblemError(_("This machine has no /dev/fuse, which s3fs needs in a container: take --machine qemu"))
        self._process: subprocess.Popen[bytes] | None = None
        self._group = f"rehearsal-{self.folder.name}"
        for name in ("upper", "work", "root"):
            (self.folder / name).mkdir()
        for name, content in FILES.items():
            path = self.folder / "upper" / name
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(content)
        self._ip("link", "add", BRIDGE, "type", "bridge")
        self._ip("address", "add", f"{AWS_ADDRESS}/16", "dev", BRIDGE)
        self._ip("link", "set", BRIDGE, "up")

    def start(self) -> None:
        # Processes of a container may outlive nspawn, but not the process namespace that all of this is in.
        alone = (*PRIVATE, "--pid", "--fork", "--kill-child=KILL", "--mount-proc")
        limits = (str(int(self.size.cpus * CPU_PERIOD)), str(self.size.memory_mib << 20))
        command = (*alone, "sh", "-c", SWITCHED_ON, "sh", self.folder, self.image.root, self._group, *limits)
        self._process = processes.spawn(command, enter=self.isolation.enter, log=self.console)

    def power_off(self) -> None:
        if self._process:
            self._process.kill()
            self._process.wait()
            self._process = None
            forget = [*PRIVATE, "sh", "-c", FORGET_GROUP, "sh", self._group]
            subprocess.run(forget, check=False, capture_output=True)  # noqa: S603  # our own command
            # It may go a moment after nspawn, and the next one has it by the same name.
            plug = [*self.isolation.enter, "ip", "link", "delete", "vb-bastion"]
            subprocess.run(plug, check=False, capture_output=True)  # noqa: S603

    def stop(self) -> None:
        super().stop()
        for name in ("upper", "work"):
            shutil.rmtree(self.folder / name, ignore_errors=True)

    @property
    def is_on(self) -> bool:
        return self._process is not None and self._process.poll() is None

    def _ip(self, *words: str) -> None:
        processes.run(
            [*self.isolation.enter, "ip", *words], log=self.folder / "network.log", what=_("Setting up its network")
        )
