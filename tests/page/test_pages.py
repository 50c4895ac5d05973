"""What the pages say, without a browser: chapters, claims, exercises, ways, the bill, and the files of the export."""

import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from lab.cost.bill import NAT, Usage, reckon
from lab.cost.compare import NAT_CHOICES
from lab.guide import progress
from lab.guide.book import read
from lab.guide.exercises import EXERCISES
from lab.page import bill
from lab.page.pieces import Pages, page_of
from lab.page.seen import Seen
from lab.page.site import write_site
from lab.reach.templated import templated
from lab.template.deployed import Deployed
from lab.template.reader import STACK
from lab.terminal.language import LANGUAGES, Language, speaking
from tests.page.conftest import Served

Template = Callable[..., dict[str, Any]]
CHAPTERS = [page_of(each) for each in read("en")]
EACH_LANGUAGE = pytest.mark.parametrize("language", LANGUAGES)


@EACH_LANGUAGE
@pytest.mark.parametrize("number", CHAPTERS)
def test_a_chapter_has_its_parts(page: Served, stack: Deployed, language: Language, number: str) -> None:
    text = page.get(f"/{language}/{number}.html").text
    chapter = next(each for each in read(language) if page_of(each) == number)
    assert f'<html lang="{language}">' in text
    assert chapter.title in text
    assert text.count("<h2>") >= chapter.text.count("\n### ")
    assert text.count("<svg") == 1
    assert "<!--" not in text
    if number == "3":
        assert stack.outputs["VpcId"] in text
        assert "$VpcId" not in text


def test_marks_follow_what_aws_has(page: Served, stack: Deployed) -> None:
    before = page.get("/en/claims/12", **{"HX-Request": "true"}).text
    assert "✗" not in before
    assert before.count("✓") >= 8
    group = stack.outputs["WebGroupId"]
    rule = {"IpProtocol": "tcp", "FromPort": 23, "ToPort": 23, "IpRanges": [{"CidrIp": "0.0.0.0/0"}]}
    stack.ec2.authorize_security_group_ingress(GroupId=group, IpPermissions=[rule])  # type: ignore[list-item]
    broken = page.get("/en/claims/12", **{"HX-Request": "true"}).text
    stack.ec2.revoke_security_group_ingress(GroupId=group, IpPermissions=[rule])  # type: ignore[list-item]
    assert "✗" in broken
    assert "tcp 23" in broken


def test_an_exercise_that_was_solved_stays_done(page: Served, stack: Deployed, progress_elsewhere: Path) -> None:
    exercise = next(each for each in EXERCISES if each.missing.__name__ == "about")
    first = page.get("/en/exercises/11", **{"HX-Request": "true"}).text
    assert "<strong>open</strong>" in first
    bucket = stack.outputs["BucketName"]
    stack.s3.put_object(Bucket=bucket, Key="about.txt", Body=stack.outputs["InstanceId"].encode())
    assert "<strong>done</strong>" in page.get("/en/exercises/11", **{"HX-Request": "true"}).text
    stack.s3.delete_object(Bucket=bucket, Key="about.txt")
    after = page.get("/en/exercises/11", **{"HX-Request": "true"}).text
    assert "<strong>done</strong>" in after
    assert "There is no about.txt" in after
    assert progress.name(exercise) in (progress_elsewhere / progress.FILE).read_text()
    assert "Exercises done: 1 of 1" in page.get("/en/index.html").text


@pytest.mark.parametrize("kept", ["", "nonsense", "[]", '{"solved": 1}'])
def test_progress_that_cannot_be_read_is_none(progress_elsewhere: Path, kept: str) -> None:
    (progress_elsewhere / progress.FILE).write_text(kept)
    assert progress.solved(STACK) == {}
    progress.solve(EXERCISES[0], STACK)
    assert progress.solved(STACK).keys() == {progress.name(EXERCISES[0])}


@pytest.mark.parametrize(
    ("question", "verdict", "stops_at"),
    [
        ("source=internet&destination=bastion&port=22", "✗", "network ACL public"),
        ("source=internet&destination=private-host&port=22", "✗", ""),
        ("source=bastion&destination=private-host&port=22", "✓", ""),
        ("source=private-1&destination=internet&port=443", "✓", ""),
        ("source=private-1&destination=s3&port=443", "✓", ""),
        ("source=web@public-1&destination=database@private-2&port=3306", "✓", ""),
        ("source=internet&destination=database@private-1&port=3306", "✗", ""),
        ("source=bastion&destination=s3&protocol=udp&port=53", "✗", "security group bastion"),
        ("source=bastion&destination=private-1&protocol=icmp", "✗", ""),
    ],
)
def test_a_way_is_told_to_where_it_stops(page: Served, question: str, verdict: str, stops_at: str) -> None:
    text = page.get(f"/en/reach.html?{question}").text
    told = re.findall(r'<p class="verdict \w+">\s*([✓✗])', text)
    assert told[0] == verdict
    assert 'class="step hop' in text
    assert ('stops"' in text) == ("✗" in told)
    if stops_at:
        assert re.search(rf'<li class="stops"><span>{stops_at}</span>', text, re.IGNORECASE)


@pytest.mark.parametrize(
    "question",
    [
        "source=nobody&destination=bastion&port=22",
        "source=bastion&destination=bastion&port=22",
        "source=internet&destination=bastion&port=70000",
        "source=internet&destination=bastion&port=x",
        "source=internet&destination=bastion&protocol=sctp&port=1",
        "source=%3Cb%3E&destination=%22'&port=1",
    ],
)
def test_a_question_that_cannot_be_asked_is_told_so(page: Served, question: str) -> None:
    answer = page.get(f"/en/reach.html?{question}")
    assert answer.status == 200
    assert 'class="notice bad"' in answer.text
    assert "<b>" not in answer.text


@pytest.mark.parametrize("nat", NAT_CHOICES)
def test_a_choice_of_nat_costs_what_its_own_template_costs(template: Template, nat: str) -> None:
    for other in NAT_CHOICES:
        of_template = template(nat=other)
        assert bill.chosen(of_template) == other
        usage = bill.usage(8, 100, 50)
        for region in ("us-east-1", "ap-northeast-1"):
            theirs, ours = (
                reckon(template(nat=nat), region, usage),
                reckon(bill.with_nat(of_template, nat), region, usage),
            )
            assert ours.parts() == pytest.approx(theirs.parts())
            assert ours.unpriced == theirs.unpriced == []


def test_what_is_for_nat_is_hours_and_gigabytes(template: Template) -> None:
    reckoned = reckon(template(), "us-east-1", Usage(nat_gb=100))
    assert bill.for_nat(reckoned) == pytest.approx(reckoned.parts()[NAT] + 100 * 0.045)


@pytest.mark.parametrize("fields", ["hours=8&nat_gb=100&nat=single&region=ap-northeast-1", "hours=x&nat=none&region=x"])
def test_the_bill_follows_its_sliders(page: Served, fields: str) -> None:
    text = page.get(f"/en/bill.html?{fields}").text
    total = re.search(r"<strong>([\d.,]+) USD</strong>", text)
    assert total
    assert float(total[1]) > 0
    assert ("<option selected>single</option>" in text) == ("single" in fields)


@pytest.mark.parametrize("settings", [{"nat": each} for each in NAT_CHOICES] + [{"hardened": True}])
def test_every_kind_of_stack_is_drawn(template: Template, settings: dict[str, Any]) -> None:
    content = template(**settings)
    seen = Seen(None, content, templated(content, ""))
    for language in LANGUAGES:
        with speaking(language):
            pages = Pages(lambda: seen)
            for number in CHAPTERS:
                assert "<svg" in pages.chapter(number)
            assert "<svg" in pages.reach({"source": "private-1", "destination": "internet", "port": "443"})
            assert "USD" in pages.bill({})


def test_without_a_stack_the_guide_is_there_to_read() -> None:
    pages = Pages(lambda: Seen(problem="Nothing is deployed."), token="x")  # noqa: S106
    for number in CHAPTERS:
        text = pages.chapter(number)
        assert "Nothing is deployed." in text
        assert "<svg" not in text
    assert "Nothing is deployed." in pages.bill({})
    assert "no network" in pages.reach({})
    assert "Nothing is deployed." in pages.marks("3")
    assert "Nothing is deployed." in pages.exercises("3")


def test_the_export_needs_nothing_behind_it(
    tmp_path: Path, assembly: Callable[..., Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "cdk.out").symlink_to(assembly())
    monkeypatch.chdir(tmp_path)
    site = tmp_path / "site"
    assert write_site(site) == 2 * (len(CHAPTERS) + 4) + 1
    pages = sorted(site.rglob("*.html"))
    for file in pages:
        text = file.read_text()
        for link in re.findall(r'(?:href|src)="(?!https:|#|data:)([^"#?]+)', text):
            assert (file.parent / link).resolve().is_relative_to(site), link
            assert (file.parent / link).exists(), (file, link)
        assert not re.search(r'hx-(get|post)|<form|src="http|token"', text)
