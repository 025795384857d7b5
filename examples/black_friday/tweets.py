"""Tweets from an API with pages and a bearer token, and what scores of them come to."""

from __future__ import annotations

import json
import urllib.error
import urllib.request
from dataclasses import dataclass

PAGE = 20  # rows
TIMEOUT = 20.0  # s
LABELS = ("negative", "neutral", "positive")


class Unavailable(Exception):
    """The source did not answer, or not now: worth another try."""


class Refused(Exception):
    """The source does not take the token."""


@dataclass(frozen=True)
class Tweet:
    """A text, and what people say that it is: negative, neutral or positive."""

    text: str
    label: str


@dataclass(frozen=True)
class Page:
    """Tweets, and the address of the next page."""

    tweets: list[Tweet]
    next: str | None


@dataclass(frozen=True)
class Opinion:
    """What one scorer makes of all tweets."""

    scorer: str
    mean: float
    right: int  # agree with people
    neutral: int

    def __str__(self) -> str:
        return f"{self.scorer}: mean {self.mean:+.4f}, {self.right} right, {self.neutral} neutral"


def first_page(table: str) -> str:
    """The address of a table's first page: "http://host/database/table"."""
    return f"{table}.json?_shape=objects&_size={PAGE}"


def fetch(address: str, token: str) -> Page:
    """One page. Raises Unavailable, Refused."""
    request = urllib.request.Request(address, headers={"Authorization": f"Bearer {token}"})
    try:
        with urllib.request.urlopen(request, timeout=TIMEOUT) as answer:
            found = json.load(answer)
    except urllib.error.HTTPError as error:
        error.close()
        if error.code < 500 and error.code != 429:
            raise Refused(f"{error.code} {error.reason}") from error
        raise Unavailable(f"{error.code} {error.reason}") from error
    except OSError as error:
        raise Unavailable(str(error)) from error
    return Page([Tweet(row["text"], row["label"]) for row in found["rows"]], found.get("next_url"))


def aggregate(scorer: str, tweets: list[Tweet], scores: list[float]) -> Opinion:
    """What the scores come to, and how many of them people agree with."""
    said = [LABELS[(score > 0) - (score < 0) + 1] for score in scores]
    right = sum(word == tweet.label for word, tweet in zip(said, tweets, strict=True))
    return Opinion(scorer, sum(scores) / len(scores), right, said.count("neutral"))


def verdict(first: Opinion, second: Opinion) -> str:
    """One sentence."""
    better = first if first.right >= second.right else second
    mood = "like" if better.mean > 0 else "dislike"
    if (first.mean > 0) == (second.mean > 0):
        return f"both say that people {mood} it"
    return f"they disagree; {better.scorer}, who is right more often, says that people {mood} it"
