"""The page in a real browser: both languages, small and large, light and dark, by keys; and it asks nobody else."""

import shutil
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

import pytest
from playwright.sync_api import Browser, Page, expect, sync_playwright

from lab.guide.book import read
from lab.guide.sources import ROOT
from lab.page.pieces import page_of
from lab.terminal.language import LANGUAGES
from tests.page.conftest import Served

CHROMIUM = shutil.which("chromium") or shutil.which("chromium-browser")
pytestmark = [
    pytest.mark.browser,
    pytest.mark.skipif(not CHROMIUM, reason="a browser: apt install chromium"),
]
PAGES = [*(page_of(each) for each in read("en")), "index", "reach", "bill", "words"]
AXE = (ROOT / "node_modules" / "axe-core" / "axe.min.js").read_text()
expect.set_options(timeout=30_000)
WCAG = ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa"]


@dataclass
class Visit:
    """A browser that has opened the page; ``asked`` are all its requests, ``complaints`` its errors."""

    page: Page
    served: Served
    asked: list[str] = field(default_factory=list)
    complaints: list[str] = field(default_factory=list)

    def open(self, path: str) -> None:
        """Open a page, and wait until nothing of it is still to come."""
        self.page.goto(f"http://127.0.0.1:{self.served.port}/{path}")
        expect(self.page.locator("[hx-trigger=load]:empty")).to_have_count(0)
        expect(self.page.locator(".htmx-request")).to_have_count(0)

    def violations(self, rules: list[str]) -> list[str]:
        """Return what axe finds against rules, or groups of them."""
        if self.page.evaluate("typeof axe") == "undefined":
            self.page.evaluate(AXE)
        found: Any = self.page.evaluate(
            "rules => axe.run({runOnly: rules, resultTypes: ['violations']}).then(each => each.violations)", rules
        )
        return [f"{each['id']}: {node['html'][:150]}" for each in found for node in each["nodes"]]


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    with sync_playwright() as playwright:
        chromium = playwright.chromium.launch(executable_path=CHROMIUM, args=["--no-sandbox"])
        yield chromium
        chromium.close()


@pytest.fixture
def visit(browser: Browser, page: Served) -> Iterator[Visit]:
    """Open the page; in the end nobody else was asked, and the browser had nothing to complain of."""
    context = browser.new_context(reduced_motion="reduce")
    context.set_default_timeout(60_000)
    opened = Visit(context.new_page(), page)
    own = f"http://127.0.0.1:{page.port}/"
    opened.page.on("request", lambda asked: opened.asked.append(asked.url))
    opened.page.on("console", lambda said: opened.complaints.append(said.text) if said.type == "error" else None)
    opened.page.on("pageerror", lambda error: opened.complaints.append(str(error)))
    opened.page.goto(page.address)
    yield opened
    context.close()
    assert [url for url in opened.asked if not url.startswith(own)] == []
    assert opened.complaints == []


@pytest.mark.parametrize("name", PAGES)
@pytest.mark.parametrize("language", LANGUAGES)
def test_anybody_can_read_it(visit: Visit, language: str, name: str) -> None:
    """Colours are the same in both languages, so one is looked at in the dark too."""
    visit.open(f"{language}/{name}.html")
    expect(visit.page.locator("html")).to_have_attribute("lang", language)
    visit.page.evaluate("document.querySelectorAll('details').forEach(each => { each.open = true })")
    assert visit.violations(WCAG) == []
    if language == "en":
        visit.page.emulate_media(color_scheme="dark")
        assert visit.violations(["color-contrast"]) == [], "in the dark"
    for width in (360, 768, 1600):
        visit.page.set_viewport_size({"width": width, "height": 900})
        assert visit.page.evaluate("document.documentElement.scrollWidth") <= width, width


def test_a_command_is_copied_and_run(visit: Visit) -> None:
    visit.page.context.grant_permissions(["clipboard-read", "clipboard-write"])
    visit.open("en/3.html")
    command = visit.page.locator(".command", has_text="describe-vpcs").first
    command.get_by_role("button", name="Copy").click()
    assert visit.page.evaluate("navigator.clipboard.readText()").startswith("aws ec2 describe-vpcs --vpc-ids vpc-")
    command.get_by_role("button", name="Run").click()
    expect(command.locator(".came td").first).to_have_text("learning-vpc")


def test_claims_get_their_marks(visit: Visit) -> None:
    visit.open("ja/12.html")
    expect(visit.page.locator(".claims .mark.good").first).to_contain_text("✓")
    assert visit.page.locator(".claims .mark.bad").count() == 0


def test_a_way_is_asked_for_by_clicks(visit: Visit) -> None:
    visit.open("en/reach.html")
    visit.page.get_by_label("Port").fill("22")
    visit.page.locator("svg [data-party=bastion]").first.click()
    visit.page.locator("svg [data-party=private-host]").first.click()
    expect(visit.page.locator("#answer h2")).to_have_text("bastion → private-host, tcp 22")
    expect(visit.page.locator("#answer .verdict")).to_contain_text("✓")
    assert "destination=private-host" in visit.page.url


def test_all_of_it_works_by_keys(visit: Visit) -> None:
    visit.open("en/reach.html")
    visit.page.keyboard.press("Tab")
    assert visit.page.evaluate("document.activeElement.className") == "skip"
    visit.page.keyboard.press("Enter")
    for party in ("bastion", "private-host"):
        visit.page.locator(f"svg [data-party={party}]").first.focus()
        visit.page.keyboard.press("Enter")
    expect(visit.page.locator("#answer h2")).to_contain_text("bastion → private-host")
    visit.page.locator("#source").focus()
    visit.page.keyboard.type("s3")
    visit.open("en/3.html")
    reached = set()
    for _ in range(60):
        visit.page.keyboard.press("Tab")
        reached.add(visit.page.evaluate("document.activeElement.className || document.activeElement.tagName"))
        assert visit.page.evaluate("getComputedStyle(document.activeElement).outlineStyle") != "none"
    assert {"copy", "run", "word", "figure"} <= reached


def test_a_question_is_answered(visit: Visit) -> None:
    visit.open("en/3.html")
    question = visit.page.locator("#quiz .panel").first
    right = int(str(question.locator(".question").get_attribute("data-right")))
    labels = question.locator("label")
    labels.nth((right + 1) % labels.count()).click()
    expect(question.locator(".verdict")).to_have_text("No. Try another.")
    labels.nth(right).click()
    expect(question.locator(".verdict")).to_have_text("That is right.")
    expect(question.locator(".why")).to_have_attribute("open", "")


def test_the_bill_follows_a_slider(visit: Visit) -> None:
    visit.open("en/bill.html")
    before = visit.page.locator(".total strong").inner_text()
    slider = visit.page.locator("input[name=nat_gb]")
    slider.focus()
    for _ in range(5):
        visit.page.keyboard.press("PageUp")
    expect(visit.page.locator(".total strong")).not_to_have_text(before)
    expect(visit.page.locator("tr[aria-current] th")).to_have_text("per-az")


def test_a_word_tells_what_it_means(visit: Visit) -> None:
    visit.open("ja/3.html")
    word = visit.page.locator("main button.word").first
    word.click()
    expect(visit.page.locator(".meaning:popover-open")).to_be_visible()
    visit.page.keyboard.press("Escape")
    expect(visit.page.locator(".meaning:popover-open")).to_have_count(0)


def test_without_javascript_it_works_too(browser: Browser, page: Served) -> None:
    context = browser.new_context(java_script_enabled=False)
    plain = context.new_page()
    plain.goto(page.address)
    plain.goto(f"http://127.0.0.1:{page.port}/en/3.html")
    plain.locator(".command", has_text="describe-vpcs").first.get_by_role("button", name="Run").click()
    expect(plain.locator("main td").first).to_have_text("learning-vpc")
    plain.goto(f"http://127.0.0.1:{page.port}/en/reach.html")
    plain.get_by_label("Whom").select_option("private-host")
    plain.get_by_role("button", name="Ask").click()
    expect(plain.locator("#answer h2").first).to_contain_text("private-host")
    context.close()
