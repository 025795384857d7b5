"""Load, clean, score, reduce for each year, and report: a chain of steps. The only part that knows Podium."""

from __future__ import annotations

import asyncio
import time
from dataclasses import dataclass

from podium import task, workflow

from . import scorers, source

LIMIT = 2  # years at once

groups = task(source.groups)
load = task(retries=2)(source.load)
clean = task(source.clean)


@dataclass(frozen=True)
class Year:
    """What the texts of one year, or one letter, come to."""

    name: str
    texts: int
    positive: int
    negative: int
    mean: float
    compared: int = 0  # with scores that somebody else has recorded
    equal: int = 0

    def __str__(self) -> str:
        counts = f"{self.positive:,} positive, {self.negative:,} negative of {self.texts:,}"
        return f"{self.name}: {counts}, mean {self.mean:+.3f}"


@dataclass(frozen=True)
class Report:
    """All of them."""

    years: list[Year]

    def __str__(self) -> str:
        lines = [str(year) for year in self.years]
        lines.append(f"{sum(year.texts for year in self.years):,} texts")
        if compared := sum(year.compared for year in self.years):
            equal = sum(year.equal for year in self.years)
            lines.append(f"{equal:,} of {compared:,} equal to the recorded scores")
        return "\n".join(lines)


@task(cache=True)
def score(scorer: str, texts: source.Texts, seconds: float) -> list[float]:
    """Score the texts of a year: not again what was scored before, by this report or another one.

    seconds  that it takes at least, as the API of a service would
    """
    time.sleep(seconds)
    scores = [scorers.score(scorer, line) for line in texts.lines]
    print(f"scored {texts.group}\n", end="")  # in one piece: others print at the same time
    return scores


@task
def reduce(texts: source.Texts, scores: list[float]) -> Year:
    """What a year comes to."""
    good, bad = sum(score > 0 for score in scores), sum(score < 0 for score in scores)
    return Year(texts.group, len(scores), good, bad, sum(scores) / len(scores) if scores else 0.0)


@task
def compare(scorer: str, year: Year, folder: str) -> Year:
    """The year, with how many recorded scores are what this scorer says."""
    known = source.recorded(folder, year.name)
    equal = sum(abs(scorers.score(scorer, text) - number) < 1e-9 for text, number in known)
    return Year(year.name, year.texts, year.positive, year.negative, year.mean, len(known), equal)


@workflow
async def headlines(
    folder: str | None, scorer: str, seconds: float = 0.0, recorded: str | None = None
) -> Report:
    """All years, some at once."""
    places = asyncio.Semaphore(LIMIT)

    async def one(name: str) -> Year:
        async with places:
            texts = clean(name, load(folder, name))
            year = reduce(texts, score(scorer, texts, seconds))
        return compare(scorer, year, recorded) if recorded else year

    return Report(list(await asyncio.gather(*(one(name) for name in groups(folder)))))
