"""Rate a text: safe, 13+ or 18+, and warn of triggering subjects. Plain functions; no idea of pages or runs.

Every moderator has the one method `moderate(text) -> Verdict`, so a caller swaps one for another by name.
"""

from __future__ import annotations

import codecs
import importlib
import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from functools import cache
from typing import Literal, Protocol

Rating = Literal["safe", "13+", "18+"]


@dataclass(frozen=True)
class Verdict:
    """What a moderator says of a text."""

    rating: Rating  # by the number of profane sentences: none, one, more
    warning: bool  # whether a sentence names a triggering subject
    profane: int  # sentences
    triggering: int  # sentences

    @property
    def flagged(self) -> bool:
        return self.rating != "safe" or self.warning


class Moderator(Protocol):
    """What rates a text."""

    def moderate(self, text: str) -> Verdict: ...


class MissingExtra(ImportError):
    """This moderator needs a package that is not installed."""


def moderate(text: str, moderator: str = "words") -> Verdict:
    """Rate `text` with the moderator of that name; see `NAMES`."""
    return named(moderator).moderate(text)


# Rot13, so that reading or searching this file, its diffs and its docs puts nobody in front of the words.
PROFANITIES = tuple(codecs.decode(word, "rot13") for word in ("shpx", "qnza", "fuvg"))
TRIGGERS = tuple(codecs.decode(word, "rot13") for word in ("frkhny nffnhyg", "encr", "tha"))


class Keywords:
    """The tutorial's rules: a sentence counts when it contains a keyword, in upper or lower case.

    `whole_words=False` is the tutorial to the letter, with its false alarms: a keyword counts inside a
    longer word too, so "begun" and "scraped" are warned of. `whole_words=True` mends that.
    """

    def __init__(
        self,
        profanities: Iterable[str] = PROFANITIES,
        triggers: Iterable[str] = TRIGGERS,
        *,
        whole_words: bool,
    ) -> None:
        self._profane = _any_of(profanities, whole_words)
        self._triggering = _any_of(triggers, whole_words)

    def moderate(self, text: str) -> Verdict:
        parts = sentences(text)
        profane = sum(1 for part in parts if self._profane.search(part))
        return verdict(profane, sum(1 for part in parts if self._triggering.search(part)))


class Classifier:
    """A trained classifier (a linear SVM in the package alt-profanity-check) in place of the profanities.

    It was trained on comments, so it judges sentence by sentence. It knows nothing of triggers; those stay
    whole-word rules. Raises `MissingExtra` when the package is not installed.
    """

    def __init__(self) -> None:
        try:
            self._predict = importlib.import_module("profanity_check").predict
        except ModuleNotFoundError as error:
            raise MissingExtra(
                f"the moderator 'classifier' needs the package {error.name}: pip install 'podium[classifier]'"
            ) from error
        self._triggering = _any_of(TRIGGERS, whole_words=True)

    def moderate(self, text: str) -> Verdict:
        parts = sentences(text)
        profane = sum(self.offensive(parts)) if parts else 0
        return verdict(profane, sum(1 for part in parts if self._triggering.search(part)))

    def offensive(self, texts: Sequence[str]) -> list[bool]:
        """For each text whether the model calls it offensive."""
        return [bool(flag) for flag in self._predict(list(texts))]


NAMES = ("words", "substrings", "classifier")


@cache
def named(name: str) -> Moderator:
    """The moderator of that name; raises ValueError for an unknown one, `MissingExtra` as `Classifier`."""
    match name:
        case "words":
            return Keywords(whole_words=True)
        case "substrings":
            return Keywords(whole_words=False)
        case "classifier":
            return Classifier()
        case _:
            raise ValueError(f"no moderator is called {name!r}; there are {', '.join(NAMES)}")


def verdict(profane: int, triggering: int) -> Verdict:
    """The tutorial's scale: 0, 1 or more profane sentences; any triggering one is warned of."""
    rating: Rating = "safe" if profane == 0 else "13+" if profane == 1 else "18+"
    return Verdict(rating, triggering > 0, profane, triggering)


def sentences(text: str) -> list[str]:
    """The sentences of a text, roughly: cut after `.`, `!` or `?` before white space."""
    return [part for part in re.split(r"(?<=[.!?])\s+", text) if part]


def _any_of(words: Iterable[str], whole_words: bool) -> re.Pattern[str]:
    pattern = "|".join(re.escape(word) for word in words)
    return re.compile(rf"\b(?:{pattern})\b" if whole_words else pattern, re.IGNORECASE)
