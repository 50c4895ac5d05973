"""The services around the bastion refuse what AWS refuses. No machine is booted for this, and no root is needed."""

import contextlib
import http.client
import json
import os
import re
import secrets
import shutil
import socket
import ssl
import subprocess
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any
from urllib.parse import urlencode

import boto3
import pytest
from botocore.auth import S3SigV4Auth, SigV4Auth
from botocore.awsrequest import AWSRequest
from botocore.credentials import Credentials as Signer

from constructs_lib.bastion import boot_file
from lab.local_aws import lifecycle
from lab.rehearsal import certificates, credentials, metadata, s3_front, service
from lab.rehearsal.dns_and_packages import dns_answer
from lab.rehearsal.switches import FaultSwitches

KEY = b"k" * 32
REGION, BUCKET, VERSION = "us-east-1", "the-bucket", "2012-10-17"
SIGNAL_SECONDS = 3
ROLE_PATH = "/latest/meta-data/iam/security-credentials/the-role"
POLICY = [
    {"Effect": "Allow", "Action": "cloudformation:SignalResource", "Resource": "arn:aws:cloudformation:*:*:stack/*"},
    {"Effect": "Allow", "Action": "s3:ListBucket", "Resource": f"arn:aws:s3:::{BUCKET}"},
    {"Effect": "Allow", "Action": ["s3:*Object", "s3:AbortMultipartUpload"], "Resource": f"arn:aws:s3:::{BUCKET}/*"},
]


@contextlib.contextmanager
def serving(server: service.ServiceServer) -> Iterator[int]:
    """Serve in a thread; give the port."""
    thread = threading.Thread(target=server.serve, daemon=True)
    thread.start()
    yield server.server_port
    server.shutdown()
    thread.join()
    server.server_close()


def listener() -> socket.socket:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        address = probe.getsockname()
    opened = socket.socket()
    opened.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    opened.bind(address)  # asked for by its number, as in a rehearsal: only then a fault leaves it to us
    return opened


@pytest.fixture
def imds(tmp_path: Path) -> Iterator[Callable[..., tuple[int, str]]]:
    """Give a function that asks the metadata service."""
    facts = {
        **dict.fromkeys(("zone", "instance_id", "instance_type", "image_id", "account", "public_key"), "x"),
        "user_data": "#cloud-config",
        "role": "the-role",
        "region": REGION,
        "mac": "52:54:00:00:00:01",
        "address": "169.254.0.15",
        "public_address": str(tmp_path / "public-ipv4"),
        "key": KEY.hex(),
        "credential_seconds": 600,
        "tokenless": "",
        "hop_limit": 1,
    }
    (tmp_path / "public-ipv4").write_text("198.51.100.7")
    with serving(metadata.Metadata(listener(), metadata.Request, tmp_path, facts=facts)) as port:

        def ask(method: str, path: str, *, body: Any = None, **headers: str) -> tuple[int, str]:
            connection = http.client.HTTPConnection("127.0.0.1", port, timeout=60)
            with contextlib.closing(connection):
                named = {name.replace("_", "-"): value for name, value in headers.items()}
                connection.request(method, path, body, named)
                response = connection.getresponse()
                return response.status, response.read().decode()

        yield ask


def token(imds: Callable[..., tuple[int, str]], seconds: int = 60) -> str:
    status, text = imds("PUT", "/latest/api/token", X_aws_ec2_metadata_token_ttl_seconds=str(seconds))
    assert status == 200
    return text


def test_token_opens_the_metadata(imds: Callable[..., tuple[int, str]]) -> None:
    given = token(imds)
    assert imds("GET", ROLE_PATH)[0] == 401
    assert imds("GET", ROLE_PATH, X_aws_ec2_metadata_token="wrong")[0] == 401  # noqa: S106
    status, text = imds("GET", ROLE_PATH, X_aws_ec2_metadata_token=given)
    assert status == 200
    assert '"Code": "Success"' in text
    assert imds("GET", "/latest/meta-data/nothing", X_aws_ec2_metadata_token=given)[0] == 404
    assert imds("GET", "/latest/user-data", X_aws_ec2_metadata_token=given) == (200, "#cloud-config")


def test_token_ends(imds: Callable[..., tuple[int, str]]) -> None:
    given = token(imds, seconds=1)
    time.sleep(1.1)
    assert imds("GET", ROLE_PATH, X_aws_ec2_metadata_token=given)[0] == 401


@pytest.mark.parametrize(
    ("headers", "status"),
    [
        ({}, 400),
        ({"X_aws_ec2_metadata_token_ttl_seconds": "0"}, 400),
        ({"X_aws_ec2_metadata_token_ttl_seconds": "21601"}, 400),
        ({"X_aws_ec2_metadata_token_ttl_seconds": "60", "X_Forwarded_For": "192.0.2.1"}, 403),
        ({"X_aws_ec2_metadata_token_ttl_seconds": "60", "Expect": "100-continue"}, 417),
    ],
)
def test_no_token_for(imds: Callable[..., tuple[int, str]], headers: dict[str, str], status: int) -> None:
    assert imds("PUT", "/latest/api/token", **headers)[0] == status


def test_body_in_pieces_is_read(imds: Callable[..., tuple[int, str]]) -> None:
    """As s3fs 1.90 asks."""
    headers = {"X_aws_ec2_metadata_token_ttl_seconds": "60"}
    assert imds("PUT", "/latest/api/token", body=iter([b"one", b"two"]), **headers)[0] == 200


def test_faults_come_and_go(imds: Callable[..., tuple[int, str]], tmp_path: Path) -> None:
    faults = FaultSwitches(tmp_path / "switches.json")
    faults.set(fault="error")
    assert imds("GET", "/")[0] == 500
    faults.set(fault="refuse", seconds=1)
    time.sleep(0.2)
    with pytest.raises(ConnectionRefusedError):
        imds("GET", "/")
    time.sleep(1)
    assert imds("GET", "/")[0] == 401
    faults.set(fault="drop", seconds=1)
    began = time.monotonic()
    time.sleep(0.2)
    assert imds("GET", "/")[0] == 401
    assert time.monotonic() - began > 0.9


@pytest.fixture(scope="module")
def objects(local_aws: lifecycle.Server) -> Iterator[Any]:
    """Give a client of the local AWS, with a bucket there."""
    client = boto3.client("s3", endpoint_url=local_aws.endpoint)
    client.create_bucket(Bucket=BUCKET)
    yield client
    client.close()


def session_of_a_role() -> tuple[str, str, str]:
    """Return the keys of a new role with POLICY, as EC2 would have them."""
    name = f"front-{secrets.token_hex(4)}"
    trust = {"Effect": "Allow", "Principal": {"Service": "ec2.amazonaws.com"}, "Action": "sts:AssumeRole"}
    iam = boto3.client("iam")
    role = iam.create_role(RoleName=name, AssumeRolePolicyDocument=json.dumps({"Version": VERSION, "Statement": trust}))
    document = json.dumps({"Version": VERSION, "Statement": POLICY})
    iam.put_role_policy(RoleName=name, PolicyName="of-the-front", PolicyDocument=document)
    arn = role["Role"]["Arn"]
    root = boto3.client(
        "sts", aws_access_key_id=arn.split(":")[4], aws_secret_access_key=os.environ["AWS_SECRET_ACCESS_KEY"]
    )
    given = root.assume_role(RoleArn=arn, RoleSessionName="i-1")["Credentials"]
    return given["AccessKeyId"], given["SecretAccessKey"], given["SessionToken"]


@pytest.fixture
def front(objects: Any, local_aws: lifecycle.Server, tmp_path: Path) -> Iterator[int]:
    """Give the port of the S3 front."""
    del objects
    authority = certificates.make_authority(tmp_path)
    certificate = certificates.make_certificate(authority, [f"*.s3.{REGION}.amazonaws.com", "localhost"], tmp_path)
    session = session_of_a_role()
    facts = {
        "region": REGION,
        "endpoint": local_aws.endpoint,
        "deploy": {
            "stack_name": "S",
            "stack_id": "arn:aws:cloudformation:us-east-1:1:stack/S/1",
            "logical_id": "R",
            "instance_id": "i-1",
            "seconds": SIGNAL_SECONDS,
            "address": str(tmp_path / "public-ipv4"),
            "elastic_ip": "203.0.113.7",
            "associates": 0.1,
        },
        "key": KEY.hex(),
        "certificate": str(certificate),
        "session": session,
    }
    with serving(s3_front.Front(listener(), s3_front.Request, tmp_path, facts=facts)) as port:
        yield port


@pytest.fixture
def ask(front: int, tmp_path: Path) -> Callable[..., tuple[int, str]]:
    """Give a function that signs a request to the bucket and sends it."""

    def send(
        method: str,
        path: str,
        *,
        body: bytes = b"",
        given: credentials.Credentials | None = None,
        bucket: str = BUCKET,
        aws_service: str = "s3",
        sign: bool = True,
        sent_path: str = "",
        **headers: str,
    ) -> tuple[int, str]:
        given = given or credentials.issue(KEY, seconds=60)
        host = f"{bucket}.s3.{REGION}.amazonaws.com" if bucket else f"{aws_service}.{REGION}.amazonaws.com"
        named = {name.replace("_", "-"): value for name, value in headers.items()}
        request = AWSRequest(method, f"https://{host}{path}", named, data=body)
        if sign:
            signer = Signer(given.access_key, given.secret_key, given.token)
            scheme = S3SigV4Auth if aws_service == "s3" else SigV4Auth
            scheme(signer, aws_service, REGION).add_auth(request)
        context = _trusting(tmp_path / "authority.crt")
        with contextlib.closing(http.client.HTTPSConnection("localhost", front, timeout=60, context=context)) as to:
            to.request(method, sent_path or path, body or None, {**dict(request.headers.items()), "Host": host})
            response = to.getresponse()
            return response.status, response.read().decode()

    return send


def _trusting(authority: Path) -> ssl.SSLContext:
    context = ssl.create_default_context(cafile=str(authority))
    context.verify_flags |= ssl.VERIFY_X509_STRICT  # as Python 3.13 has it
    return context


def test_what_the_role_may_do(ask: Callable[..., tuple[int, str]], objects: Any) -> None:
    assert ask("PUT", "/a/file", body=b"hello")[0] == 200
    assert objects.get_object(Bucket=BUCKET, Key="a/file")["Body"].read() == b"hello"
    assert ask("GET", "/a/file") == (200, "hello")
    assert "<Key>a/file</Key>" in ask("GET", "/?prefix=a%2F")[1]
    assert ask("DELETE", "/a/file")[0] == 204
    assert ask("GET", "/a/file")[0] == 404


def test_a_slash_that_is_signed_otherwise_than_sent(ask: Callable[..., tuple[int, str]]) -> None:
    """As s3fs lists folders."""
    assert ask("GET", "/?delimiter=%2F&prefix=", sent_path="/?delimiter=/&prefix=")[0] == 200


def test_the_key_slash_is_not_the_bucket(ask: Callable[..., tuple[int, str]]) -> None:
    assert ask("HEAD", "//")[0] == 404


def test_refused(ask: Callable[..., tuple[int, str]]) -> None:
    good = credentials.issue(KEY, seconds=60)
    forged = credentials.Credentials(good.access_key, "wrong", good.token, good.expires)
    other = credentials.issue(b"o" * 32, seconds=60)
    other_token = credentials.Credentials(good.access_key, good.secret_key, other.token, good.expires)
    refused = {
        "AccessControlListNotSupported": ask("PUT", "/file", body=b"x", x_amz_acl="public-read"),
        "<Code>AccessDenied": ask("GET", "/file", sign=False),
        "ExpiredToken": ask("GET", "/file", given=credentials.issue(KEY, seconds=-1)),
        "InvalidAccessKeyId": ask("GET", "/file", given=other),
        "InvalidToken": ask("GET", "/file", given=other_token),
        "SignatureDoesNotMatch": ask("GET", "/file", given=forged),
        "not authorized to perform: s3:ListBucket": ask("GET", "/", bucket="another-bucket"),
    }
    assert {reason: status for reason, (status, _) in refused.items()} == {
        reason: 400 if "AccessControl" in reason else 403 for reason in refused
    }
    assert [reason for reason, (_, text) in refused.items() if reason not in text] == []


def test_a_right_is_taken_and_given_back(ask: Callable[..., tuple[int, str]], tmp_path: Path) -> None:
    faults = FaultSwitches(tmp_path / "switches.json")
    faults.set(deny=["s3:ListBucket"])
    assert ask("GET", "/")[0] == 403
    assert ask("HEAD", "/not-there")[0] == 403, "without ListBucket nobody learns what is not there"
    faults.set()
    assert ask("GET", "/")[0] == 200
    assert ask("HEAD", "/not-there")[0] == 404


Signal = Callable[..., tuple[int, str]]


@pytest.fixture
def signal(ask: Callable[..., tuple[int, str]]) -> Signal:
    """Give a function that sends a signal to CloudFormation."""

    def send(**words: str) -> tuple[int, str]:
        call = {"StackName": "S", "LogicalResourceId": "R", "UniqueId": "i-1", "Status": "SUCCESS"} | words
        body = urlencode({"Action": "SignalResource", **call}).encode()
        return ask("POST", "/", body=body, bucket="", aws_service="cloudformation")

    return send


def counted(folder: Path) -> list[str]:
    requests = [json.loads(line) for line in (folder / "requests.jsonl").read_text().splitlines()]
    return [request["call"]["Status"] for request in requests if request.get("counted")]


def test_a_signal_counts_by_the_instances_own_id_alone(signal: Signal, tmp_path: Path) -> None:
    """Another id is answered as if all were well, and the deploy waits on."""
    assert signal(UniqueId="the-bucket is mounted")[0] == 200
    assert counted(tmp_path) == []
    assert (tmp_path / "public-ipv4").exists() is False
    assert signal()[0] == 200
    assert counted(tmp_path) == ["SUCCESS"]
    time.sleep(0.3)
    assert (tmp_path / "public-ipv4").read_text() == "203.0.113.7", "the deploy goes on: it associates the Elastic IP"
    status, said = signal()
    assert (status, "is in CREATE_COMPLETE state and cannot be signaled" in said) == (400, True)


@pytest.mark.parametrize(
    ("words", "said"),
    [
        ({"LogicalResourceId": "Other"}, "Resource Other does not exist"),
        ({"StackName": "Other"}, "Stack [Other] does not exist"),
        ({"Status": "DONE"}, "1 validation error"),
        ({"UniqueId": "i" * 65}, "1 validation error"),
        ({"UniqueId": ""}, "UniqueId is required"),
    ],
    ids=str,
)
def test_a_signal_that_cloudformation_refuses(signal: Signal, words: dict[str, str], said: str) -> None:
    status, answered = signal(**words)
    assert (status, said in answered) == (400, True)


def test_a_signal_twice_is_refused_while_the_deploy_waits(signal: Signal, tmp_path: Path) -> None:
    assert signal(UniqueId="i-2")[0] == 200
    status, said = signal(UniqueId="i-2")
    assert (status, "already exists" in said) == (400, True)
    assert signal(Status="FAILURE")[0] == 200
    assert counted(tmp_path) == ["FAILURE"]


def test_a_signal_after_the_policys_time_is_refused(signal: Signal) -> None:
    time.sleep(SIGNAL_SECONDS + 0.1)
    status, said = signal()
    assert (status, "ROLLBACK_IN_PROGRESS state" in said) == (400, True)


def test_a_signal_takes_a_right_of_the_role(signal: Signal, tmp_path: Path) -> None:
    FaultSwitches(tmp_path / "switches.json").set(deny=["cloudformation:*"])
    assert signal()[0] == 403


def test_any_call_is_judged_by_the_roles_policies(ask: Callable[..., tuple[int, str]]) -> None:
    form = {"Content-Type": "application/x-www-form-urlencoded"}
    asked = {"bucket": "", "aws_service": "ec2", **form}
    status, said = ask("POST", "/", body=b"Action=DescribeInstances&Version=2016-11-15", **asked)
    assert (status, "<Code>UnauthorizedOperation</Code>" in said) == (403, True), said
    asked["aws_service"] = "sts"
    status, said = ask("POST", "/", body=b"Action=GetCallerIdentity&Version=2011-06-15", **asked)
    assert (status, ":assumed-role/front-" in said) == (200, True), said


def test_what_curl_signs_is_what_botocore_would_sign(front: int, tmp_path: Path) -> None:
    """As the first boot sends it, with the curl of this machine: a report, and a file into the bucket."""
    if not shutil.which("curl"):
        pytest.skip("curl is not installed")
    given = credentials.issue(KEY, seconds=60)
    (function,) = re.findall(r"^signed\(\) \{\n.*?^\}\n", boot_file("first-boot.sh"), re.DOTALL | re.MULTILINE)
    keys = {"AccessKeyId": given.access_key, "SecretAccessKey": given.secret_key, "Token": given.token}
    words = "--cacert authority.crt --connect-to ::localhost:$PORT --resolve localhost:$PORT:127.0.0.1"
    script = f"""
metadata() {{ echo "$KEYS"; }}
{function}
signed cloudformation https://localhost -f {words} -d 'Action=SignalResource&Version=2010-05-15&StackName=S' \\
  -d 'LogicalResourceId=R&UniqueId=i-1&Status=SUCCESS' -H 'Host: cloudformation.{REGION}.amazonaws.com' || exit
signed s3 https://localhost/{BUCKET}/.first-boot {words} -X PUT -d x -w '%{{http_code}}' \\
  -H 'Host: s3.{REGION}.amazonaws.com'
"""
    environment = {"KEYS": json.dumps(keys, indent=2), "ROLE": "r", "REGION": REGION, "PORT": str(front)}
    done = subprocess.run(
        ["bash", "-c", script],
        cwd=tmp_path,
        env={"PATH": os.environ["PATH"], **environment},
        capture_output=True,
        text=True,
        check=False,
    )
    assert (done.returncode, done.stderr) == (0, "")
    assert counted(tmp_path) == ["SUCCESS"]
    version = re.search(
        r"\d+\.\d+", subprocess.run(["curl", "--version"], capture_output=True, text=True, check=True).stdout
    )
    if version and tuple(map(int, version[0].split("."))) >= (8, 5):  # Ubuntu 24.04's; older ones cannot sign for S3
        assert done.stdout.endswith("200"), done.stdout


def test_delay(ask: Callable[..., tuple[int, str]], tmp_path: Path) -> None:
    FaultSwitches(tmp_path / "switches.json").set(delay=0.3)
    began = time.monotonic()
    ask("GET", "/")
    assert time.monotonic() - began > 0.3


def test_large_objects_stream(ask: Callable[..., tuple[int, str]], objects: Any) -> None:
    body = b"0123456789abcdef" * (1 << 20)
    assert ask("PUT", "/large", body=body)[0] == 200
    assert objects.head_object(Bucket=BUCKET, Key="large")["ContentLength"] == len(body)
    assert ask("GET", "/large")[1] == body.decode()


@pytest.mark.parametrize(
    ("name", "kind", "code", "answers"),
    [
        ("the-bucket.s3.us-east-1.amazonaws.com", 1, 0, 1),
        ("s3.us-east-1.amazonaws.com", 28, 0, 0),  # no IPv6
        ("example.com", 1, 3, 0),
    ],
)
def test_names(name: str, kind: int, code: int, answers: int) -> None:
    labels = b"".join(bytes([len(label)]) + label.encode() for label in name.split("."))
    query = b"\x12\x34\x01\x00\x00\x01" + b"\0" * 6 + labels + b"\0" + bytes([0, kind, 0, 1])
    reply = dns_answer(query, "169.254.169.254")
    assert reply[:2] == b"\x12\x34"
    assert reply[3] & 0x0F == code
    assert reply[7] == answers
    assert reply.endswith(b"\xa9\xfe\xa9\xfe") == bool(answers)
