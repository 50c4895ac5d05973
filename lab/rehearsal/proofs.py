"""What a rehearsal proves of the machine that it booted: each claim with the look at the machine that settles it."""

import secrets
from collections.abc import Callable
from dataclasses import dataclass

import boto3
from botocore.exceptions import ClientError

from lab.rehearsal.rehearsal import Rehearsal
from lab.terminal.language import N_, _

Look = Callable[[Rehearsal], str]


@dataclass(frozen=True)
class Proof:
    """A claim, and a function that returns what was found instead: nothing when the claim holds."""

    claim: str
    look: Look


PROOFS: list[Proof] = []


def proof(claim: str) -> Callable[[Look], Look]:
    """Add a function to the proofs."""

    def add(look: Look) -> Look:
        PROOFS.append(Proof(claim, look))
        return look

    return add


@proof(N_("df shows s3fs at the mount point"))
def _mounted(rehearsal: Rehearsal) -> str:
    shown = rehearsal.machine.run(f"df --output=source,target {rehearsal.bastion.mount_point} | tail -n 1").text
    return (
        ""
        if shown.split() == ["s3fs", rehearsal.bastion.mount_point]
        else _("df shows {shown}").format(shown=shown or _("nothing"))
    )


@proof(N_("A file that user 1000 writes there is an object in the bucket"))
def _file_is_object(rehearsal: Rehearsal) -> str:
    key, text = _new_key(), secrets.token_hex(8)
    # dd, for it says when closing the file fails: the shell's own redirection does not.
    path = f"{rehearsal.bastion.mount_point}/{key}"
    written = rehearsal.machine.run(f"id -u && echo {text} | dd status=none of={path}")
    if not written.ok or written.text != "1000":
        return _("writing it as user {text}: {errors}").format(text=written.text, errors=written.errors)
    try:
        found = boto3.client("s3").get_object(Bucket=rehearsal.bastion.bucket, Key=key)["Body"].read().decode()
    except ClientError as error:
        return str(error)
    return "" if found == f"{text}\n" else _("the object holds {found!r}").format(found=found)


@proof(N_("An object in the bucket is a file there, which user 1000 may read, change and remove"))
def _object_is_file(rehearsal: Rehearsal) -> str:
    client, bucket = boto3.client("s3"), rehearsal.bastion.bucket
    key, text = _new_key(), secrets.token_hex(8)
    client.put_object(Bucket=bucket, Key=key, Body=f"{text}\n".encode())
    path = f"{rehearsal.bastion.mount_point}/{key}"
    read = rehearsal.machine.run(f"cat {path} && echo more >> {path}")
    if read.text != text:
        return f"{read.text} {read.errors}"
    changed = client.get_object(Bucket=bucket, Key=key)["Body"].read().decode()
    if changed != f"{text}\nmore\n":
        return _("after a change the object holds {changed!r}").format(changed=changed)
    removed = rehearsal.machine.run(f"rm {path}")
    left = client.list_objects_v2(Bucket=bucket, Prefix=key)["KeyCount"]
    return (
        ""
        if removed.ok and not left
        else _("removing it: {errors}").format(errors=removed.errors or _("the object is still there"))
    )


@proof(N_("Mode, owner and time of a file are kept with its object"))
def _metadata_is_kept(rehearsal: Rehearsal) -> str:
    key, when = _new_key(), 1577934245
    path = f"{rehearsal.bastion.mount_point}/{key}"
    rehearsal.machine.run(f"echo kept > {path} && chmod 640 {path} && touch -d @{when} {path}")
    shown = rehearsal.machine.run(f"stat -c '%a %u %g %Y' {path}").text
    if shown != f"640 1000 1000 {when}":
        return _("stat shows {shown}").format(shown=shown)
    kept = boto3.client("s3").head_object(Bucket=rehearsal.bastion.bucket, Key=key)["Metadata"]
    wanted = {"mode": str(0o100640), "uid": "1000", "gid": "1000", "mtime": str(when)}
    found = {name: kept.get(name, "").partition(".")[0] for name in wanted}
    return "" if found == wanted else _("the object has {found}").format(found=found)


@proof(N_("The AWS CLI acts by the instance's role, with no key on the machine"))
def _cli_has_the_role(rehearsal: Rehearsal) -> str:
    said = rehearsal.machine.run(
        "! ls ~/.aws 2> /dev/null && ! env | grep AWS_ && aws sts get-caller-identity --query Arn --output text",
        seconds=120,
    )
    end = f":assumed-role/{rehearsal.bastion.role}/{rehearsal.bastion.instance_id}"
    return "" if said.ok and said.text.endswith(end) else f"{said.text} {said.errors}"


@proof(N_("aws s3 ls lists the bucket"))
def _cli_lists(rehearsal: Rehearsal) -> str:
    key = _new_key()
    boto3.client("s3").put_object(Bucket=rehearsal.bastion.bucket, Key=key, Body=b"")
    said = rehearsal.machine.run(f"aws s3 ls s3://{rehearsal.bastion.bucket}", seconds=120)
    return "" if said.ok and key in said.text else f"{said.text} {said.errors}"


@proof(N_("aws s3 cp copies a large file into the bucket and back, in parts"))
def _cli_copies(rehearsal: Rehearsal) -> str:
    key = _new_key()
    url = f"s3://{rehearsal.bastion.bucket}/{key}"
    said = rehearsal.machine.run(
        f"head -c 20M /dev/urandom > {key} && aws s3 cp --only-show-errors {key} {url}"
        f" && aws s3 cp --only-show-errors {url} - | cmp - {key} && rm {key}",
        seconds=300,
    )
    parts = sum(f"{key}?" in request["path"] and "partNumber=" in request["path"] for request in rehearsal.s3.requests)
    return "" if said.ok and parts > 1 else f"{said.text} {said.errors} {parts} parts"


@proof(N_("A login shell completes the AWS CLI's commands"))
def _completion(rehearsal: Rehearsal) -> str:
    said = rehearsal.machine.run("bash -lc 'complete -p aws'")
    return "" if said.ok and "aws_completer" in said.text else f"{said.text} {said.errors}"


@proof(N_("The deploy heard of the success of the first boot, by the instance's own id, once"))
def _signal(rehearsal: Rehearsal) -> str:
    signals = [f"{call['Status']} {call['UniqueId']}" for call in rehearsal.signals()]
    return (
        ""
        if signals == [f"SUCCESS {rehearsal.bastion.instance_id}"]
        else _("signals: {signals}").format(signals=signals)
    )


@proof(N_("cloud-init is done, without an error"))
def _cloud_init(rehearsal: Rehearsal) -> str:
    said = rehearsal.machine.run("cloud-init status --long")
    return "" if said.ok and "status: done" in said.text else said.text


@proof(N_("No unit has failed"))
def _units(rehearsal: Rehearsal) -> str:
    state = rehearsal.machine.run("systemctl is-system-running --wait", seconds=300)
    return "" if state.text == "running" else rehearsal.machine.run("systemctl --failed --no-legend").text or state.text


@proof(N_("Nobody asked the metadata service without a token"))
def _tokens(rehearsal: Rehearsal) -> str:
    exempt = rehearsal.machine.tokenless
    without = {
        f"{request['agent']} {request['path']}"
        for request in rehearsal.metadata.requests
        if request["method"] == "GET" and not request["token"] and not (exempt and request["agent"].startswith(exempt))
    }
    return ", ".join(sorted(without))


def _new_key() -> str:
    return f"rehearsal-{secrets.token_hex(4)}.txt"
