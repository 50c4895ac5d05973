"""Who may come in. Each request is made or signed by somebody else's code: botocore's, or a real browser's."""

import ast
import http.client
import json
import os
import shutil
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import closing
from datetime import UTC, datetime, timedelta
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path
from threading import Thread
from typing import Any

import boto3
import pytest
from botocore.auth import S3SigV4Auth, S3SigV4QueryAuth, SigV4Auth, SigV4QueryAuth
from botocore.awsrequest import AWSRequest
from botocore.config import Config
from botocore.credentials import Credentials

from lab.local_aws import lifecycle
from tests.conftest import ROOT

FORM = {"Content-Type": "application/x-www-form-urlencoded; charset=utf-8"}
WHO = b"Action=GetCallerIdentity&Version=2011-06-15"
CHROMIUM = shutil.which("chromium") or shutil.which("google-chrome")
Answer = tuple[int, Mapping[str, str], bytes]


@pytest.fixture(scope="module")
def own(local_aws: lifecycle.Server) -> Credentials:
    found = lifecycle.environment(local_aws)
    return Credentials(found["AWS_ACCESS_KEY_ID"], found["AWS_SECRET_ACCESS_KEY"])


@pytest.fixture(scope="module")
def ask(local_aws: lifecycle.Server) -> Callable[..., Answer]:
    """Give a function that sends a request just as it is."""

    def send(method: str, path: str, headers: Mapping[str, str] | None = None, body: bytes = b"") -> Answer:
        with closing(http.client.HTTPConnection("127.0.0.1", local_aws.port, timeout=120)) as connection:
            connection.request(method, path, body or None, dict(headers or {}))
            answer = connection.getresponse()
            return answer.status, {name.lower(): value for name, value in answer.getheaders()}, answer.read()

    return send


@pytest.fixture(scope="module")
def signed(local_aws: lifecycle.Server) -> Callable[..., dict[str, str]]:
    """Give a function that signs a request to STS as botocore does, and returns its headers."""

    def sign(credentials: Credentials, *, service: str = "sts", body: bytes = WHO, path: str = "/") -> dict[str, str]:
        request = AWSRequest("POST", f"{local_aws.endpoint}{path}", FORM, data=body)
        SigV4Auth(credentials, service, "us-east-1").add_auth(request)
        return dict(request.headers.items())

    return sign


def test_lets_in_what_is_signed_with_the_folders_secret(ask: Any, signed: Any, own: Credentials) -> None:
    status, headers, body = ask("POST", "/", signed(own), WHO)
    assert (status, b":user/administrator</Arn>" in body) == (200, True)
    assert not [name for name in headers if name.startswith("access-control-")]


@pytest.mark.parametrize(
    "access_key", ["", "test", "000000000000", "111111111111", "AKIAIOSFODNN7EXAMPLE", "the folder's own"]
)
@pytest.mark.parametrize("secret_key", ["test", "local", "", "wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY"])
def test_refuses_another_secret(ask: Any, signed: Any, own: Credentials, access_key: str, secret_key: str) -> None:
    key = own.access_key if access_key == "the folder's own" else access_key
    status, _, body = ask("POST", "/", signed(Credentials(key, secret_key)), WHO)
    assert status in (400, 403), body


def test_refuses_what_is_not_signed_in_aws_words(ask: Any) -> None:
    status, _, body = ask("POST", "/", FORM, WHO)
    assert (status, b"MissingAuthenticationToken" in body) == (403, True)
    assert ask("GET", "/")[0] == 403
    assert ask("GET", "/?Action=DescribeInstances&Version=2016-11-15")[0] == 403
    assert ask("GET", "/?AWSAccessKeyId=test&Signature=abc&Expires=9999999999")[0] == 403


def test_refuses_another_body_than_the_signed_one(ask: Any, signed: Any, own: Credentials) -> None:
    assert ask("POST", "/", signed(own), WHO.replace(b"GetCallerIdentity", b"GetSessionToken"))[0] == 403
    hashed = AWSRequest("POST", f"http://127.0.0.1:{lifecycle.running().port}/", FORM, data=WHO)  # type: ignore[union-attr]
    S3SigV4Auth(own, "sts", "us-east-1").add_auth(hashed)  # it sends the hash in a header
    assert ask("POST", "/", dict(hashed.headers.items()), WHO)[0] == 200
    assert ask("POST", "/", dict(hashed.headers.items()), WHO + b"&Other=1")[0] == 403


def test_refuses_two_signatures_in_one_request(ask: Any, signed: Any, own: Credentials) -> None:
    path = "/?X-Amz-Credential=test%2F20260101%2Fus-east-1%2Fsts%2Faws4_request"
    assert ask("POST", path, signed(own, path=path), WHO)[0] == 403


def test_refuses_a_signature_for_another_service(ask: Any, signed: Any, own: Credentials) -> None:
    for target in ("DynamoDB_20120810.ListTables", "AmazonSSM.DescribeParameters"):
        status, _, body = ask("POST", "/", signed(own) | {"X-Amz-Target": target}, WHO)
        assert (status, b"no such address" in body) == (403, True)


def test_refuses_an_old_signature(ask: Any, signed: Any, own: Credentials, monkeypatch: pytest.MonkeyPatch) -> None:
    before = datetime.now(UTC) - timedelta(minutes=20)
    monkeypatch.setattr("botocore.auth.get_current_datetime", lambda *_args, **_more: before)
    assert ask("POST", "/", signed(own), WHO)[0] == 403


@pytest.mark.parametrize("case", [("", 0, 200), ("", 120, 403), ("wrong", 0, 403)])
def test_a_presigned_address_is_as_good_as_its_signature(
    ask: Any,
    own: Credentials,
    local_aws: lifecycle.Server,
    monkeypatch: pytest.MonkeyPatch,
    *,
    case: tuple[str, int, int],
) -> None:
    secret_key, age, status = case
    s3 = boto3.client("s3", config=Config(s3={"addressing_style": "path"}))
    s3.create_bucket(Bucket="presigned")
    s3.put_object(Bucket="presigned", Key="a b/ü.txt", Body=b"here")
    credentials = Credentials(own.access_key, secret_key or own.secret_key)
    then = datetime.now(UTC) - timedelta(seconds=age)
    monkeypatch.setattr("botocore.auth.get_current_datetime", lambda *_args, **_more: then)
    for signer, path in (
        (S3SigV4QueryAuth(credentials, "s3", "us-east-1", expires=60), "/presigned/a%20b/%C3%BC.txt"),
        (SigV4QueryAuth(credentials, "sts", "us-east-1", expires=60), f"/?{WHO.decode()}"),
    ):
        request = AWSRequest("GET", f"{local_aws.endpoint}{path}")
        signer.add_auth(request)
        assert ask("GET", str(request.url).removeprefix(local_aws.endpoint))[0] == status
    monkeypatch.undo()
    s3.delete_object(Bucket="presigned", Key="a b/ü.txt")
    s3.delete_bucket(Bucket="presigned")


def test_knows_the_keys_that_iam_and_sts_give_out(ask: Any, signed: Any) -> None:
    iam, sts = boto3.client("iam"), boto3.client("sts")
    iam.create_user(UserName="carol")
    given = iam.create_access_key(UserName="carol")["AccessKey"]
    carol = Credentials(given["AccessKeyId"], given["SecretAccessKey"])
    assert b":user/carol</Arn>" in ask("POST", "/", signed(carol), WHO)[2]
    assert ask("POST", "/", signed(Credentials(given["AccessKeyId"], "wrong")), WHO)[0] == 403
    session = sts.get_session_token()["Credentials"]
    temporary = Credentials(session["AccessKeyId"], session["SecretAccessKey"], session["SessionToken"])
    assert ask("POST", "/", signed(temporary), WHO)[0] == 200
    assert ask("POST", "/", signed(Credentials(temporary.access_key, temporary.secret_key, "other")), WHO)[0] != 200
    iam.delete_access_key(UserName="carol", AccessKeyId=given["AccessKeyId"])
    assert ask("POST", "/", signed(carol), WHO)[0] != 200
    iam.delete_user(UserName="carol")


def test_counts_as_tls_where_a_bucket_demands_it(local_aws: lifecycle.Server) -> None:
    """What never leaves this machine needs no TLS; the root user would be let in whatever the policy says."""
    iam, s3 = boto3.client("iam"), boto3.client("s3", config=Config(s3={"addressing_style": "path"}))
    everything = {"Version": "2012-10-17", "Statement": [{"Effect": "Allow", "Action": "s3:*", "Resource": "*"}]}
    tls_only: dict[str, Any] = {
        "Effect": "Deny",
        "Principal": "*",
        "Action": "s3:*",
        "Resource": ["arn:aws:s3:::tls", "arn:aws:s3:::tls/*"],
    }
    tls_only["Condition"] = {"Bool": {"aws:SecureTransport": "false"}}
    s3.create_bucket(Bucket="tls")
    s3.put_bucket_policy(Bucket="tls", Policy=json.dumps({"Version": "2012-10-17", "Statement": [tls_only]}))
    iam.create_user(UserName="carol")
    iam.put_user_policy(UserName="carol", PolicyName="s3", PolicyDocument=json.dumps(everything))
    key = iam.create_access_key(UserName="carol")["AccessKey"]
    session = boto3.Session(key["AccessKeyId"], key["SecretAccessKey"])
    carols: Any = session.client("s3", endpoint_url=local_aws.endpoint)
    assert carols.list_objects_v2(Bucket="tls")["KeyCount"] == 0
    iam.delete_access_key(UserName="carol", AccessKeyId=key["AccessKeyId"])
    iam.delete_user_policy(UserName="carol", PolicyName="s3")
    iam.delete_user(UserName="carol")
    s3.delete_bucket(Bucket="tls")


# --- other names, other pages


@pytest.mark.parametrize(
    ("host", "status"),
    [
        ("127.0.0.1:{port}", 200),
        ("localhost:{port}", 200),
        ("evil.example", 403),
        ("evil.example:{port}", 403),
        ("127.0.0.1", 403),
        ("127.0.0.1:1", 403),
        ("127.0.0.1.evil.example:{port}", 403),
        ("bucket.s3.evil.example:{port}", 403),
        ("[::1]:{port}", 403),
        ("", 403),
    ],
)
def test_answers_under_its_own_names_alone(ask: Any, own: Credentials, host: str, status: int) -> None:
    named = host.format(port=lifecycle.running().port)  # type: ignore[union-attr]
    request = AWSRequest("POST", f"http://{named or 'x'}/", {**FORM, "Host": named}, data=WHO)
    SigV4Auth(own, "sts", "us-east-1").add_auth(request)
    assert ask("POST", "/", dict(request.headers.items()), WHO)[0] == status
    assert ask("GET", "/_ministack/health", {"Host": named})[0] == status


def test_a_bucket_may_be_part_of_the_name(own: Credentials, ask: Any) -> None:
    s3 = boto3.client("s3", config=Config(s3={"addressing_style": "path"}))
    s3.create_bucket(Bucket="in-the-name")
    s3.put_object(Bucket="in-the-name", Key="note.txt", Body=b"here")
    host = f"in-the-name.s3.us-east-1.localhost:{lifecycle.running().port}"  # type: ignore[union-attr]
    request = AWSRequest("GET", f"http://{host}/note.txt", {"Host": host})
    S3SigV4Auth(own, "s3", "us-east-1").add_auth(request)
    assert ask("GET", "/note.txt", dict(request.headers.items()))[2] == b"here"
    s3.delete_object(Bucket="in-the-name", Key="note.txt")
    s3.delete_bucket(Bucket="in-the-name")


@pytest.mark.parametrize("origin", ["http://evil.example", "null", "http://127.0.0.1:1", "https://127.0.0.1:{port}"])
def test_answers_no_other_page(ask: Any, signed: Any, own: Credentials, origin: str) -> None:
    other = {"Origin": origin.format(port=lifecycle.running().port)}  # type: ignore[union-attr]
    for answer in (
        ask("POST", "/", signed(own) | other, WHO),
        ask("GET", "/_ministack/health", other),
        ask("OPTIONS", "/", other | {"Access-Control-Request-Method": "POST"}),
    ):
        assert answer[0] == 403
        assert not [name for name in answer[1] if name.startswith("access-control-")]


# --- nothing else is served


def test_serves_none_of_ministacks_other_services(ask: Any, own: Credentials, local_aws: lifecycle.Server) -> None:
    """Take ministack's own list as it is, so that another version cannot bring one in unnoticed."""
    registry = json.loads(
        _in_ministack("print(json.dumps({name: each.get('aliases', ()) for name, each in SERVICE_REGISTRY.items()}))")
    )
    served = {"budgets", "cloudformation", "ec2", "iam", "logs", "s3", "scheduler", "ssm", "sts", "tagging"}
    names = {name for name, aliases in registry.items() for name in (name, *aliases)}
    assert served < names
    assert len(names) > 90
    for name in sorted(names - served):
        for method, path in (("POST", "/"), ("GET", "/2015-03-31/functions")):
            request = AWSRequest(method, f"{local_aws.endpoint}{path}", FORM, data=WHO if method == "POST" else b"")
            SigV4Auth(own, name, "us-east-1").add_auth(request)
            status, _, body = ask(method, path, dict(request.headers.items()), request.data)
            assert status in (400, 403), (name, method, path, body)
            assert b"UnknownOperation" in body or name == "iot-data", (name, body)  # that says no more than Forbidden


def test_serves_none_of_ministacks_own_addresses(ask: Any, own: Credentials, local_aws: lifecycle.Server) -> None:
    """Try every address that stands in ministack's code, signed as a request to S3: it is refused, or it is S3's."""
    paths = {
        node.value
        for file in ("app.py", "core/router.py")
        for node in ast.walk(ast.parse(Path(_in_ministack("print(ministack.__path__[0])").strip(), file).read_text()))
        if isinstance(node, ast.Constant) and isinstance(node.value, str)
        if node.value.startswith("/") and node.value.isascii() and node.value.isprintable()
        if not set(node.value) & set(" ^$*?<>{}\\|\"'")
    } - {"/", "/_ministack/health"}
    assert {"/_ministack/reset", "/_ministack/config", "/login", "/2015-03-31/functions"} & paths
    before = {bucket.name for bucket in boto3.resource("s3").buckets.all()}
    for path in sorted(paths):
        for method in ("GET", "POST", "PUT", "OPTIONS"):
            request = AWSRequest(method, f"{local_aws.endpoint}{path}", data=b"{}" if method != "GET" else b"")
            S3SigV4Auth(own, "s3", "us-east-1").add_auth(request)
            status, _, body = ask(method, path, dict(request.headers.items()), request.data)
            ours = b"has no such address" in body or b"alone" in body
            of_s3 = b"<Error>" in body or b"s3.amazonaws.com/doc" in body or (method, status, body) == ("PUT", 200, b"")
            assert ours or of_s3, (method, path, status, body)
    for bucket in boto3.resource("s3").buckets.all():  # what a PUT to such a name has made
        if bucket.name not in before:
            bucket.objects.delete()
            bucket.delete()


def _in_ministack(code: str) -> str:
    program = f"import json, ministack\nfrom ministack.app import SERVICE_REGISTRY\n{code}"
    return subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True).stdout


@pytest.mark.parametrize("resource_type", ["AWS::Lambda::Function", "AWS::CloudFormation::CustomResource", "Custom::X"])
def test_no_template_brings_in_what_runs_code(local_aws: lifecycle.Server, resource_type: str) -> None:  # noqa: ARG001
    function = {
        "Code": {"ZipFile": "import os; os.system('id')"},
        "Role": "x",
        "Runtime": "python3.13",
        "Handler": "i.h",
    }
    properties = function if "Lambda" in resource_type else {"ServiceToken": "arn:aws:lambda:us-east-1:1:function:x"}
    template = {"Resources": {"Thing": {"Type": resource_type, "Properties": properties}}}
    cloudformation = boto3.client("cloudformation")
    name = resource_type.replace(":", "")
    if resource_type.startswith("AWS::Lambda"):
        with pytest.raises(cloudformation.exceptions.ClientError, match="Lambda"):
            cloudformation.create_stack(StackName=name, TemplateBody=json.dumps(template))
        return
    cloudformation.create_stack(StackName=name, TemplateBody=json.dumps(template))
    while (status := cloudformation.describe_stacks(StackName=name)["Stacks"][0]["StackStatus"]).endswith(
        "IN_PROGRESS"
    ):
        time.sleep(0.05)
    assert status == "ROLLBACK_COMPLETE"
    events = cloudformation.describe_stack_events(StackName=name)["StackEvents"]
    assert any("no custom resources" in event.get("ResourceStatusReason", "") for event in events)
    cloudformation.delete_stack(StackName=name)


# --- other users of this machine


@pytest.mark.skipif(os.name != "posix" or os.getuid() != 0, reason="becoming another user needs root")
def test_another_user_gets_nothing(local_aws: lifecycle.Server) -> None:
    program = f"""
import pathlib, urllib.error, urllib.request
for path in ({str(lifecycle.HOME)!r}, *{[str(path) for path in lifecycle.HOME.rglob("*")]!r}):
    try:
        (list(pathlib.Path(path).iterdir()) if pathlib.Path(path).is_dir() else pathlib.Path(path).read_bytes())
    except OSError:
        continue
    raise SystemExit(path)
opener = urllib.request.build_opener(urllib.request.ProxyHandler({{}}))
for path in ("/", "/?Action=ListUsers&Version=2010-05-08", "/_ministack/reset", "/_ministack/config", "/some-bucket"):
    try:
        opener.open("{local_aws.endpoint}" + path, data=b"Action=ListUsers&Version=2010-05-08")
    except urllib.error.HTTPError as error:
        assert error.code == 403, (path, error.code)
    else:
        raise SystemExit(path)
print("nothing")
"""
    tried = subprocess.run(
        ["/usr/bin/env", "python3", "-c", program],
        user=65534,
        group=65534,
        extra_groups=[],
        capture_output=True,
        text=True,
        check=False,
        cwd="/",
    )
    assert tried.stdout == "nothing\n", tried


@pytest.mark.parametrize("umask", [0, 0o022, 0o777])
def test_only_this_user_may_read_what_it_keeps(tmp_path: Path, umask: int) -> None:
    program = (
        f"import os, sys, boto3; from pathlib import Path; os.umask({umask}); from lab.local_aws import lifecycle; "
        f"lifecycle.HOME = Path({str(tmp_path / 'aws')!r}); server = lifecycle.start(); lifecycle.point_at(server); "
        "s3 = boto3.client('s3'); s3.create_bucket(Bucket='diary'); "
        "s3.put_object(Bucket='diary', Key='a/b', Body=b'x'); "
        "lifecycle.stop()"
    )
    subprocess.run([sys.executable, "-c", program], cwd=ROOT, check=True)
    modes = {path: path.stat().st_mode & 0o777 for path in (tmp_path / "aws", *(tmp_path / "aws").rglob("*"))}
    assert len(modes) > 10
    assert {path: mode for path, mode in modes.items() if mode != (0o700 if path.is_dir() else 0o600)} == {}


# --- a web page, in a real browser

PAGE = """<!doctype html><title>Evil</title><form id=f method=post target=w enctype=text/plain action="TARGET/">
<input name=Action value=ListUsers></form><form id=g method=post target=w action="TARGET/_ministack/reset"></form>
<iframe name=w></iframe><img src="TARGET/_ministack/health"><pre id=said></pre><script>
const said = [];
const attempt = async (name, path, options) => {
  try {
    const answer = await fetch("TARGET" + path, options);
    said.push(name + " " + (answer.type == "opaque" ? "" : await answer.text()));
  } catch (e) { said.push(name + " -"); }
};
(async () => {
  await attempt("simple", "/_ministack/reset", {method: "POST", mode: "no-cors", body: "x"});
  await attempt("form", "/", {method: "POST", body: "Action=ListUsers&Version=2010-05-08",
    headers: {"Content-Type": "application/x-www-form-urlencoded"}});
  const text = {"Content-Type": "text/plain"}, target = {"X-Amz-Target": "AmazonSSM.DescribeParameters"};
  await attempt("lambda", "/2015-03-31/functions", {method: "POST", headers: text, body: "{}"});
  await attempt("preflight", "/", {method: "POST", headers: target, body: "{}"});
  await attempt("delete", "/kept-bucket", {method: "DELETE"});
  await attempt("read", "/kept-bucket/secret.txt");
  await attempt("health", "/_ministack/health?1");
  f.submit(); g.submit();
  document.getElementById("said").textContent = said.join("\\n");
  document.title = "done";
})();
</script>"""


@pytest.fixture
def evil_page(local_aws: lifecycle.Server) -> Iterator[Callable[[str], int]]:
    """Serve the page from another port; give a function that makes it try an address, and returns the port."""
    servers = []

    def serve(target: str) -> int:
        class Page(BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                body = PAGE.replace("TARGET", target).encode()
                self.send_response(200)
                self.send_header("Content-Type", "text/html")
                self.end_headers()
                self.wfile.write(body)

            def log_message(self, *_args: Any) -> None:
                pass

        servers.append(HTTPServer(("127.0.0.1", 0), Page))
        Thread(target=servers[-1].serve_forever, daemon=True).start()
        return int(servers[-1].server_port)

    del local_aws
    yield serve
    for server in servers:
        server.shutdown()
        server.server_close()


@pytest.mark.skipif(not CHROMIUM, reason="no chromium on PATH (Debian: apt-get install chromium)")
@pytest.mark.parametrize("name", ["127.0.0.1", "rebound.example"])
def test_a_web_page_gets_nothing_and_changes_nothing(
    local_aws: lifecycle.Server, evil_page: Callable[[str], int], tmp_path: Path, name: str
) -> None:
    """The second name is the page's own, and its DNS server now says 127.0.0.1 (DNS rebinding)."""
    s3 = boto3.client("s3", config=Config(s3={"addressing_style": "path"}))
    s3.create_bucket(Bucket="kept-bucket")
    s3.put_object(Bucket="kept-bucket", Key="secret.txt", Body=b"for nobody else")
    port = evil_page(f"http://{name}:{local_aws.port}")
    dom = subprocess.run(
        [
            *(str(CHROMIUM), "--headless", "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run"),
            *("--disable-background-networking", "--disable-component-update", "--disable-sync"),
            *("--host-resolver-rules=MAP *.example 127.0.0.1", f"--user-data-dir={tmp_path}", "--timeout=10000"),
            *("--virtual-time-budget=8000", "--dump-dom", f"http://{name}:{port}/"),
        ],
        capture_output=True,
        text=True,
        check=True,
        timeout=120,
    ).stdout
    assert "<title>done</title>" in dom, dom
    said = dom.split('<pre id="said">')[1].split("</pre>")[0].splitlines()
    assert [line.split()[0] for line in said] == ["simple", "form", "lambda", "preflight", "delete", "read", "health"]
    assert {line.partition(" ")[2] for line in said} <= {"-", ""}, said
    assert s3.get_object(Bucket="kept-bucket", Key="secret.txt")["Body"].read() == b"for nobody else"
    s3.delete_object(Bucket="kept-bucket", Key="secret.txt")
    s3.delete_bucket(Bucket="kept-bucket")
