"""Lines of Japanese break as Japanese does."""

import re

import pytest
from rich.cells import cell_len
from rich.console import Console
from rich.table import Table
from typer.testing import CliRunner

from lab.cli import app
from lab.guide import command
from lab.guide.book import read
from lab.terminal.line_breaks import wrapped

# From the requirements for Japanese text layout, classes cl-02, cl-05 to cl-07 and cl-11, and cl-01.
NEVER_FIRST = "、。，．・：；？！）」』】］〉》〕｝々ーぁぃぅぇぉっゃゅょァィゥェォッャュョ)]},"
NEVER_LAST = "（「『【［〈《〔｛([{"


def wrong(lines: list[str]) -> list[str]:
    said = [line.strip(" │╭╰─") for line in lines]
    return [line for line in said if line and (line[0] in NEVER_FIRST or line[-1] in NEVER_LAST)]


@pytest.mark.parametrize("width", [60, 80])
@pytest.mark.parametrize("chapter", [str(each.numbers[0]) for each in read("ja")])
def test_no_line_of_the_guide_breaks_wrongly(chapter: str, width: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(command, "console", Console(width=width))
    run = CliRunner().invoke(app, ["guide", chapter, "--lang", "ja"], env={"AWS_REGION": ""})
    prose = [line for line in run.stdout.splitlines() if not line.startswith("    ")]
    assert wrong(prose) == []
    assert not [line for line in prose if cell_len(line) > width]
    assert not re.search(r"[。、] [^\s\d]", "\n".join(prose)), "a line of the source that ended here"


def test_phrases_stay_whole_where_a_line_has_room_for_them() -> None:
    assert wrapped("踏み台は選択した Ubuntu のイメージで動いている。", 20) == [
        "踏み台は選択した",
        "Ubuntu のイメージで",
        "動いている。",
    ]


@pytest.mark.parametrize("width", range(2, 30))
def test_whatever_the_width(width: int) -> None:
    text = "「どのサブネットからも」、無料の (gateway endpoint) を通って S3 に届く。" + "ア" * 20 + "ー。"
    lines = wrapped(text, width)
    assert "".join(lines).replace(" ", "") == text.replace(" ", "")
    if width > 8:
        assert wrong(lines) == []
        assert max(map(cell_len, lines)) <= max(width, cell_len("endpoint)"))


def test_tables_break_so_too() -> None:
    table = Table("項目", box=None)
    table.add_row("どのルートテーブルにも、無料のゲートウェイエンドポイントを通る S3 へのルートがある")
    console = Console(width=24)
    with console.capture() as capture:
        console.print(table)
    assert wrong(capture.get().splitlines()) == []
    assert "…" not in capture.get()


def test_english_breaks_as_ever() -> None:
    assert wrapped("Every route table leads to S3", 12) == ["Every route", "table leads", "to S3"]
