"""Fetch all pages, have them scored by two at once, aggregate, decide. The only part that knows Podium."""

from __future__ import annotations

import asyncio
import os
import time
from dataclasses import dataclass

from podium import Retry, task, workflow

from ..headlines import scorers
from . import tweets

aggregate = task(tweets.aggregate)
verdict = task(tweets.verdict)


@task(retries=Retry(times=4, wait=0.1, factor=2, on=tweets.Unavailable), timeout="1m")
def fetch(address: str) -> tweets.Page:
    """One page, with the token of this process: that is no argument, so it is not on record."""
    return tweets.fetch(address, os.environ["TWEETS_TOKEN"])


@task
def score(scorer: str, texts: list[str], seconds: float) -> list[float]:
    """The scores of one page. `seconds`: that it takes at least."""
    time.sleep(seconds)
    print(f"{scorer} scored {len(texts)}\n", end="")  # in one piece: others print at the same time
    return [scorers.score(scorer, text) for text in texts]


@dataclass(frozen=True)
class Report:
    """What two scorers say, and what follows."""

    tweets: int
    first: tweets.Opinion
    second: tweets.Opinion
    verdict: str

    def __str__(self) -> str:
        return f"{self.tweets} tweets\n{self.first}\n{self.second}\n{self.verdict}"


@workflow
async def black_friday(table: str, first: str, second: str, seconds: float = 0.0) -> Report:
    """Scatter to both scorers as pages come, gather what they say."""
    found: list[tweets.Tweet] = []
    address: str | None = tweets.first_page(table)
    parts: dict[str, list[asyncio.Future[list[float]]]] = {first: [], second: []}
    while address is not None:
        page = fetch(address)
        found += page.tweets
        for scorer, made in parts.items():
            texts = [tweet.text for tweet in page.tweets]
            made.append(asyncio.ensure_future(score.start(scorer, texts, seconds)))
        address = page.next

    async def opinion(scorer: str) -> tweets.Opinion:
        scores = [score for part in await asyncio.gather(*parts[scorer]) for score in part]
        return aggregate(scorer, found, scores)

    one, two = await asyncio.gather(opinion(first), opinion(second))
    return Report(len(found), one, two, verdict(one, two))
