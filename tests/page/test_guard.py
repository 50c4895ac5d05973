"""The page answers its own browser alone, and runs nothing but the guide's commands that only read."""

import json
import re

import pytest

from lab.guide.book import read
from lab.page.chapters import Command, commands
from lab.page.pieces import assets
from tests.page.conftest import Served, listens_elsewhere

VPCS = Command("aws ec2 describe-vpcs --vpc-ids $VpcId")


def test_whoever_brings_the_token_comes_in(page: Served) -> None:
    entered = page.ask("GET", f"/?token={page.token}", headers={"Host": f"127.0.0.1:{page.port}"})
    assert (entered.status, entered.headers["Location"]) == (303, "/")
    cookie = entered.headers["Set-Cookie"]
    assert cookie.startswith(f"lab-page-{page.port}={page.token};")
    assert {"httponly", "samesite=strict"} <= set(cookie.lower().split("; "))
    assert page.get("/").headers["Location"] in ("/en/index.html", "/ja/index.html")
    assert page.get("/en/3.html").status == 200


@pytest.mark.parametrize("path", ["/", "/?token=wrong", "/en/index.html", "/en/3.html", "/static/page.css"])
@pytest.mark.parametrize("cookie", ["", "lab-page-PORT=wrong", "lab-page=TOKEN", "lab-page-1=TOKEN"])
def test_without_the_token_nothing_is_told(page: Served, path: str, cookie: str) -> None:
    cookie = cookie.replace("PORT", str(page.port)).replace("TOKEN", page.token)
    refused = page.get(path, Cookie=cookie)
    assert (refused.status, "vpc-" in refused.text) == (403, False)
    assert "python -m lab page" in refused.text


@pytest.mark.parametrize("host", ["example.com", "localhost", "127.0.0.1", "127.0.0.1:1", "evil.localhost:PORT"])
def test_another_name_for_this_machine_is_refused(page: Served, host: str) -> None:
    """A name that somebody points at 127.0.0.1 (DNS rebinding)."""
    assert page.get("/en/index.html", Host=host.replace("PORT", str(page.port))).status == 403


def test_both_names_are_taken(page: Served) -> None:
    assert page.get("/en/index.html", Host=f"localhost:{page.port}").status == 200


def test_it_listens_on_one_address_alone(page: Served) -> None:
    assert not listens_elsewhere(page.port)


@pytest.mark.parametrize(
    "headers",
    [
        {"Origin": "https://example.com"},
        {"Origin": "http://127.0.0.1:1"},
        {"Origin": "null"},
        {"Origin": ""},
        {"Cookie": ""},
        {"Host": "example.com"},
    ],
)
def test_another_page_runs_nothing(page: Served, headers: dict[str, str]) -> None:
    refused = page.post("/en/run", {"token": page.token, "command": VPCS.key}, **headers)
    assert (refused.status, "vpc-" in refused.text) == (403, False)


@pytest.mark.parametrize("token", ["", "wrong"])
def test_without_the_token_in_the_form_nothing_runs(page: Served, token: str) -> None:
    assert page.post("/en/run", {"token": token, "command": VPCS.key}).status == 403


def test_a_long_form_is_refused(page: Served) -> None:
    assert page.post("/en/run", {"token": page.token, "command": "a" * 20_000}).status == 403


@pytest.mark.parametrize("method", ["PUT", "DELETE", "OPTIONS", "PATCH", "TRACE"])
def test_no_other_method_is_taken(page: Served, method: str) -> None:
    assert page.ask(method, "/en/index.html", headers=page.own).status == 403


def test_a_link_runs_nothing(page: Served) -> None:
    assert page.get(f"/en/run?token={page.token}&command={VPCS.key}").status == 405


@pytest.mark.parametrize("path", ["/en/index.html", "/en/12.html", "/static/page.js", "/static/none", "/nowhere"])
def test_nothing_from_elsewhere_and_nothing_within_a_page_is_loaded(page: Served, path: str) -> None:
    answer = page.get(path)
    policy = answer.headers["Content-Security-Policy"].split("; ")
    assert {"default-src 'self'", "base-uri 'none'", "form-action 'self'", "frame-ancestors 'none'"} == set(policy)
    assert answer.headers["X-Content-Type-Options"] == "nosniff"
    assert not re.search(r"<script>|<style|\sstyle=|\son\w+=|javascript:", answer.text if "html" in path else "")


@pytest.mark.parametrize(
    "path",
    [
        "/static/../server.py",
        "/static/..%2fserver.py",
        "/static/%2e%2e/server.py",
        "/static//etc/passwd",
        "/static/..%2f..%2f..%2fpyproject.toml",
        "/en/..%2f..%2fpyproject.html",
        "/static/page.css/",
        "/fr/index.html",
        "/en/nothing.html",
        "/en/99.html",
    ],
)
def test_only_files_of_the_page_are_served(page: Served, path: str) -> None:
    answer = page.get(path)
    assert answer.status in (404, 307)
    assert "import" not in answer.text
    assert "[project]" not in answer.text


def test_its_files_are_there(page: Served) -> None:
    for name in assets():
        assert page.get(f"/static/{name}").status == 200, name


def test_a_command_of_the_guide_runs_with_ones_own_ids(page: Served, stack: object) -> None:
    came = page.post("/en/run", {"token": page.token, "command": VPCS.key}, **{"HX-Request": "true"})
    assert came.status == 200
    assert "<td>learning-vpc</td>" in came.text
    assert "10.0.0.0/16" in came.text
    assert stack


def test_without_javascript_what_came_is_a_page(page: Served) -> None:
    came = page.post("/ja/run", {"token": page.token, "command": VPCS.key})
    assert '<html lang="ja">' in came.text
    assert "<td>learning-vpc</td>" in came.text


@pytest.mark.parametrize(
    "text",
    [
        "aws ec2 terminate-instances --instance-ids $InstanceId",
        "aws ec2 describe-vpcs",
        "aws sts get-caller-identity --endpoint-url http://127.0.0.1:9",
        "id",
        "",
    ],
)
def test_what_is_not_the_guides_does_not_run(page: Served, text: str) -> None:
    fields = {"token": page.token, "command": Command(text).key}
    for given in (fields, {**fields, "command": text}):
        refused = page.post("/en/run", given, **{"HX-Request": "true"})
        assert "none of the guide&#39;s commands" in refused.text, refused.text


@pytest.mark.parametrize(
    ("text", "reads"),
    [
        ("aws ec2 describe-vpcs", True),
        ("aws ec2 describe-vpcs --query 'Vpcs[?IsDefault==`false`]'", True),
        ('aws ec2 describe-vpcs --query "Vpcs[].VpcId"', True),
        ("aws s3 ls s3://$BucketName", True),
        ("aws s3api get-bucket-policy --bucket $BucketName", True),
        ("aws s3api get-object --bucket $BucketName --key a b", False),
        ("aws sts get-session-token", False),
        ("aws s3 cp a s3://$BucketName", False),
        ("aws ec2 delete-route --route-table-id rtb-1", False),
        ("aws ec2 describe-vpcs; id", False),
        ("aws ec2 describe-vpcs && id", False),
        ("aws ec2 describe-vpcs > file", False),
        ("aws ec2 describe-vpcs --vpc-ids $(id)", False),
        ('aws ec2 describe-vpcs --vpc-ids "$(id)"', False),
        ("aws ec2 describe-vpcs --vpc-ids `id`", False),
        ("aws ec2 describe-vpcs\naws ec2 delete-vpc --vpc-id $VpcId", False),
        ("aws --debug ec2 describe-vpcs", False),
        ("x=$(aws ec2 describe-vpcs)", False),
        ("python -m lab verify", False),
        ("aws ec2 describe-vpcs 'unended", False),
    ],
)
def test_which_commands_only_read(text: str, reads: bool) -> None:  # noqa: FBT001
    assert Command(text).reads is reads


def test_an_id_is_never_more_than_one_word() -> None:
    words = Command("aws ec2 describe-vpcs --vpc-ids $VpcId").words({"VpcId": "vpc-1 --endpoint-url http://evil"})
    assert words == ["ec2", "describe-vpcs", "--vpc-ids", "vpc-1 --endpoint-url http://evil"]


def test_the_guide_has_commands_to_run() -> None:
    found = commands(("en", "ja"))
    assert len(found) > 40
    assert VPCS.key in found
    assert len(read("en")) == len(read("ja")) == 8


def test_json_stays_json(page: Served) -> None:
    policy = Command("aws s3api get-bucket-versioning --bucket $BucketName")
    came = page.post("/en/run", {"token": page.token, "command": policy.key}, **{"HX-Request": "true"})
    found = re.search(r"<code>(.*)</code>", came.text, re.DOTALL)
    assert found
    assert json.loads(found[1].replace("&#34;", '"')) == {"Status": "Enabled"}
