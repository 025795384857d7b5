"""The moderators: the tutorial's four self-checks, and what tells them apart."""

from __future__ import annotations

import importlib.util

import pytest

from examples.content_moderation import moderator
from examples.content_moderation.moderator import PROFANITIES, TRIGGERS, MissingExtra, moderate

FIRST, SECOND, _ = PROFANITIES
WEAPON = TRIGGERS[2]
RULES = ("words", "substrings")


def rated(text: str, name: str) -> tuple[str, bool]:
    verdict = moderate(text, name)
    return verdict.rating, verdict.warning


@pytest.mark.parametrize("name", RULES)
def test_a_clean_sentence_is_safe(name: str) -> None:
    assert rated("I love the colour of the sky.", name) == ("safe", False)


@pytest.mark.parametrize("name", RULES)
def test_two_offending_sentences_one_capitalised_are_for_adults(name: str) -> None:
    assert rated(f"{FIRST.capitalize()} this. And {SECOND} that!", name) == ("18+", False)


@pytest.mark.parametrize("name", RULES)
def test_one_offending_sentence_is_for_teenagers(name: str) -> None:
    assert rated(f"Well. Well, {SECOND} it. Well.", name) == ("13+", False)


@pytest.mark.parametrize("name", RULES)
def test_a_trigger_is_warned_of(name: str) -> None:
    assert rated(f"He had a {WEAPON} with him.", name) == ("safe", True)


@pytest.mark.parametrize("name", RULES)
def test_two_keywords_in_one_sentence_are_one_offending_sentence(name: str) -> None:
    assert moderate(f"{FIRST} and {SECOND}.", name).profane == 1


def test_only_substrings_see_a_keyword_inside_a_longer_word() -> None:
    text = f"They have be{WEAPON}."
    assert rated(text, "words") == ("safe", False)
    assert rated(text, "substrings") == ("safe", True)


@pytest.mark.parametrize("name", RULES)
def test_an_empty_text_is_safe(name: str) -> None:
    assert rated("", name) == ("safe", False)


def test_flagged_is_a_rating_or_a_warning() -> None:
    assert not moderate("Fine.").flagged
    assert moderate(f"{SECOND}.").flagged
    assert moderate(f"A {WEAPON}.").flagged


def test_an_unknown_moderator_is_named_with_the_known_ones() -> None:
    with pytest.raises(ValueError, match=r"'wrods'; there are words, substrings, classifier"):
        moderate("Fine.", "wrods")


def test_the_rules_stand_encoded_in_the_source() -> None:
    source = importlib.util.find_spec(moderator.__name__)
    assert source
    assert source.origin
    with open(source.origin, encoding="utf-8") as file:
        text = file.read().lower()
    assert not [word for word in PROFANITIES if word in text]


@pytest.mark.skipif(importlib.util.find_spec("profanity_check") is not None, reason="the extra is installed")
def test_without_its_package_the_classifier_names_the_extra() -> None:
    with pytest.raises(MissingExtra, match=r"pip install 'podium\[classifier\]'"):
        moderate("Fine.", "classifier")


@pytest.mark.skipif(importlib.util.find_spec("profanity_check") is None, reason="needs the extra classifier")
@pytest.mark.filterwarnings("default")  # other people's packages warn of each other
def test_the_classifier_knows_more_than_three_words() -> None:
    assert rated("I love the colour of the sky.", "classifier") == ("safe", False)
    assert rated("You are a stupid idiot. You moron!", "classifier")[0] == "18+"
    assert rated(f"He had a {WEAPON} with him.", "classifier") == ("safe", True)
    assert rated("", "classifier") == ("safe", False)
