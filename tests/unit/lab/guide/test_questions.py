"""The quiz, the experiments and the glossary: whole, in both languages, and about what the guide says."""

import re
from collections.abc import Iterator

import pytest
from babel.messages.pofile import read_po

from lab.guide.book import find_chapter, read
from lab.guide.experiments import EXPERIMENTS, Experiment
from lab.guide.glossary import WORDS, Word
from lab.guide.quiz import QUESTIONS, Question
from lab.terminal.language import CATALOGUE, LANGUAGES, Language

FIRST_NUMBERS = [chapter.numbers[0] for chapter in read("en")]
EACH_LANGUAGE = pytest.mark.parametrize("language", LANGUAGES)


def texts() -> Iterator[str]:
    """Yield all that is said in the language of whoever reads."""
    for question in QUESTIONS:
        yield from (question.text, *question.choices, question.why)
    for experiment in EXPERIMENTS:
        yield from (experiment.question, *experiment.choices, experiment.explain)
    for word in WORDS:
        yield from (word.term, word.text)


def test_every_text_is_there_in_japanese() -> None:
    with CATALOGUE.open("rb") as file:
        catalogue = read_po(file, locale="ja")
    assert [text for text in texts() if text not in catalogue or not catalogue[text].string] == []


@pytest.mark.parametrize("each", [*QUESTIONS, *EXPERIMENTS], ids=lambda each: getattr(each, "id", ""))
def test_one_choice_is_right(each: Question | Experiment) -> None:
    assert len(set(each.choices)) == len(each.choices) >= 3
    assert 0 <= each.right < len(each.choices)
    assert each.chapter in FIRST_NUMBERS


@pytest.mark.parametrize("chapter", FIRST_NUMBERS)
def test_every_chapter_has_questions_and_an_experiment(chapter: int) -> None:
    right = [each.right for each in QUESTIONS if each.chapter == chapter]
    assert 4 <= len(right) <= 6
    assert len(set(right)) > 1, "not always the same place"
    assert [each for each in EXPERIMENTS if each.chapter == chapter]


def test_an_experiment_has_a_name_of_its_own() -> None:
    assert len({each.id for each in EXPERIMENTS}) == len(EXPERIMENTS)


@EACH_LANGUAGE
@pytest.mark.parametrize("word", WORDS, ids=lambda word: word.term)
def test_a_word_is_in_the_chapter_that_explains_it(word: Word, language: Language) -> None:
    assert re.search(word.pattern, find_chapter(str(word.chapter), language).text)


def test_a_word_is_explained_once() -> None:
    assert len({word.term for word in WORDS}) == len(WORDS)
    assert [word.term for word in WORDS if not re.search(word.pattern, word.term)] == []
