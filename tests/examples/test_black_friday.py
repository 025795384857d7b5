"""Two scorers on a feed behind a token: the numbers, killed in the middle, and a token that is not taken."""

from __future__ import annotations

import threading
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

import pytest

from examples.black_friday import tweets
from examples.black_friday.serve import TOKEN, Feed
from tests.examples.support import program, said

NAME = "examples.black_friday"
SAID = """60 tweets
words: mean +0.2000, 60 right, 24 neutral
literal: mean -0.6000, 24 right, 0 neutral
they disagree; words, who is right more often, says that people like it
"""


@pytest.fixture
def feed() -> Iterator[Feed]:
    with Feed(busy=1) as feed:
        thread = threading.Thread(target=feed.serve_forever, args=(0.01,))
        thread.start()
        yield feed
        feed.shutdown()
        thread.join()


def test_two_scorers_disagree_and_one_is_right(feed: Feed, tmp_path: Path) -> None:
    assert said(tmp_path, NAME, feed.table).endswith(SAID)
    assert sorted(Counter(feed.asked).values()) == [1, 1, 2], "the first page was busy once"


def test_it_brings_a_feed_of_its_own(tmp_path: Path) -> None:
    assert said(tmp_path, NAME).endswith(SAID)


def test_killed_in_the_middle_it_asks_for_no_recorded_page_again(feed: Feed, tmp_path: Path) -> None:
    words = (NAME, feed.table, "--seconds", "0.5")
    first = program(tmp_path, *words)
    assert first.stdout is not None
    first.stdout.readline()  # something is scored, so all pages are there
    first.kill()
    first.communicate()
    assert said(tmp_path, *words).endswith(SAID)
    assert len(feed.asked) == 4, "three pages, and the first one was busy once"


def test_a_token_that_is_not_taken_is_refused_at_once_and_never_recorded(feed: Feed, tmp_path: Path) -> None:
    process = program(tmp_path, NAME, feed.table, TWEETS_TOKEN="a-wrong-token")
    process.communicate(timeout=30)
    assert process.returncode == 1
    assert len(feed.asked) == 1
    said(tmp_path, NAME, feed.table)
    store = b"".join(file.read_bytes() for file in tmp_path.glob("podium.db*") if file.is_file())
    assert store
    assert b"a-wrong-token" not in store
    assert TOKEN.encode() not in store


def test_what_one_says_is_compared_with_people() -> None:
    found = [tweets.Tweet("a", "positive"), tweets.Tweet("b", "negative"), tweets.Tweet("c", "neutral")]
    opinion = tweets.aggregate("one", found, [0.5, 0.1, 0.0])
    assert (opinion.right, opinion.neutral, opinion.mean) == (2, 1, pytest.approx(0.2))
    assert tweets.verdict(opinion, opinion) == "both say that people like it"
