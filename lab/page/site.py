"""The page as files, to be read without anything behind it: for a forge's pages."""

import shutil
from pathlib import Path

from lab.guide.book import read
from lab.page.pieces import Pages, assets, page_of
from lab.page.seen import synthesised
from lab.template.reader import STACK
from lab.terminal.language import LANGUAGES, speaking
from lab.terminal.problem import ProblemError


def write_site(folder: Path) -> int:
    """Write the page about the template in cdk.out into a folder, and return how many pages that are.

    Raises ProblemError when there is no template, or the folder cannot be written.
    """
    seen = synthesised(STACK)
    if seen.network is None:
        raise ProblemError(seen.problem)
    pages = Pages(lambda: seen)
    written = {"index.html": pages.languages()}
    for language in LANGUAGES:
        with speaking(language):
            written |= {f"{language}/{page_of(each)}.html": pages.chapter(page_of(each)) for each in read(language)}
            written[f"{language}/index.html"] = pages.index()
            written[f"{language}/reach.html"] = pages.reach({})
            written[f"{language}/bill.html"] = pages.bill({})
            written[f"{language}/words.html"] = pages.words()
    try:
        for name, text in written.items():
            (folder / name).parent.mkdir(parents=True, exist_ok=True)
            (folder / name).write_text(text, encoding="utf-8")
        (folder / "static").mkdir(exist_ok=True)
        for name, file in assets().items():
            shutil.copyfile(file, folder / "static" / name)
    except OSError as error:
        raise ProblemError(f"{error.filename}: {error.strerror}") from None
    return len(written)
