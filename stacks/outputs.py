"""What LearningStack says of itself: ids and names, and the commands that lead to its hosts, quoted for a shell."""

from collections.abc import Mapping

from aws_cdk import Stack

from constructs_lib.access import Access
from constructs_lib.bastion import Bastion
from constructs_lib.firewall import Firewall
from constructs_lib.network import Network
from constructs_lib.private_host import PrivateHost
from constructs_lib.storage import Storage

KEY_FILE = "learning-stack.pem"


def of_resources(
    storage: Storage,
    network: Network,
    firewall: Firewall,
    access: Access,
    bastion: Bastion,
    *,
    mount_point: str,
    ssh_is_open: bool,
) -> Mapping[str, str]:
    """Return ids and names, and the ways to the bastion: through Session Manager, and by SSH or how to open that."""
    deploy = f"cdk deploy {Stack.of(bastion).node.id} -c admin_cidr=YOUR.IP.ADD.RESS/32"
    ssh = f"ssh -i {KEY_FILE} ubuntu@{bastion.elastic_ip.attr_public_ip}"
    return {
        "InstanceId": bastion.instance.instance_id,
        "BastionAddress": bastion.elastic_ip.attr_public_ip,
        "SessionCommand": _session(bastion),
        "KeyCommand": f"(umask 077 && aws ssm get-parameter --name {bastion.key_pair.private_key.parameter_name} "
        f"--with-decryption --query Parameter.Value --output text > {KEY_FILE})",
        "SshCommand": ssh if ssh_is_open else f"closed; open it to your own address with: {deploy}",
        "RoleName": access.role.role_name,
        "BucketName": storage.bucket.bucket_name,
        "MountPoint": mount_point,
        "LogBucketName": storage.log_bucket.bucket_name,
        "VpcId": network.vpc.vpc_id,
        "PublicSubnetIds": ",".join(subnet.subnet_id for subnet in network.public_subnets),
        "PrivateSubnetIds": ",".join(subnet.subnet_id for subnet in network.private_subnets),
        "WebGroupId": firewall.web.security_group_id,
        "DatabaseGroupId": firewall.database.security_group_id,
    }


def of_private_host(host: PrivateHost, bastion: Bastion, *, ssh_is_open: bool) -> Mapping[str, str]:
    """Return the private host's id, and the way to it: the key stays here, the bastion only passes on the connection.

    The proxy's command stands in double quotes. Where port 22 is closed, it holds another proxy's, in single ones.
    """
    proxy = f"ssh -i {KEY_FILE} -W %h:%p ubuntu@{bastion.elastic_ip.attr_public_ip}"
    if not ssh_is_open:
        session = f"{_session(bastion)} --document-name AWS-StartSSHSession --parameters portNumber=22"
        proxy = f"ssh -i {KEY_FILE} -o ProxyCommand='{session}' -W %h:%p ubuntu@bastion"
    address = host.instance.instance_private_ip
    return {
        "PrivateHostId": host.instance.instance_id,
        "PrivateHostCommand": f'ssh -i {KEY_FILE} -o ProxyCommand="{proxy}" ubuntu@{address}',
    }


def _session(bastion: Bastion) -> str:
    return f"aws ssm start-session --target {bastion.instance.instance_id}"
