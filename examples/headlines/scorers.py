"""How a text sounds, from -1 (bad) to 1 (good). Known by name: "words" is here, the others are libraries'."""

from __future__ import annotations

import functools
import re
import threading
from collections.abc import Callable
from importlib import import_module
from typing import Any

GOOD = frozenset({
    "able", "best", "better", "clear", "correct", "easy", "efficient", "fast", "good", "great",
    "happy", "love", "new", "nice", "right", "safe", "simple", "success", "useful", "valid", "well",
    "win", "wins", "won",
})  # fmt: skip
BAD = frozenset({
    "bad", "broken", "complex", "crowd", "crowds", "error", "errors", "fail", "fails", "failure",
    "hard", "hate", "illegal", "invalid", "lost", "problem", "slow", "unsafe", "warning", "worst",
    "wrong",
})  # fmt: skip
_loading = threading.Lock()
_WORD = re.compile(r"[a-z]+")


def words(text: str) -> float:
    """The share of good words less that of bad ones, among those that are either."""
    found = _WORD.findall(text.lower())
    good, bad = sum(word in GOOD for word in found), sum(word in BAD for word in found)
    return (good - bad) / (good + bad) if good + bad else 0.0


def literal(text: str) -> float:
    """The same by one who takes "black" for a bad word, whatever is sold on that day."""
    found = _WORD.findall(text.lower())
    good, bad = sum(word in GOOD for word in found), sum(word in BAD or word == "black" for word in found)
    return (good - bad) / (good + bad) if good + bad else 0.0


def textblob(text: str) -> float:
    """TextBlob's polarity: pip install textblob."""
    with (
        _loading
    ):  # it reads its words when it is first asked; who asks meanwhile in another thread finds some
        kind = _textblob()
    return float(kind(text).sentiment.polarity)


@functools.cache
def _textblob() -> Any:
    kind: Any = import_module("textblob").TextBlob
    kind("good").sentiment  # noqa: B018  # now it has them all
    return kind


def vader(text: str) -> float:
    """VADER's compound score: pip install vaderSentiment."""
    module = import_module("vaderSentiment.vaderSentiment")
    return float(module.SentimentIntensityAnalyzer().polarity_scores(text)["compound"])


SCORERS: dict[str, Callable[[str], float]] = {
    "words": words,
    "literal": literal,
    "textblob": textblob,
    "vader": vader,
}


def score(scorer: str, text: str) -> float:
    """What a scorer, by its name, makes of a text. Raises KeyError, ImportError."""
    return SCORERS[scorer](text)
