"""The orchestrator: which page is fetched and rated when. The only part that knows Podium.

The crawl goes breadth-first in waves, so the report does not depend on which answer came first. Take the
decorators away and this is the same program, one page after the other.
"""

from __future__ import annotations

import asyncio
from dataclasses import dataclass, field
from typing import Literal

from podium import Retry, task, workflow

from .moderator import Verdict, moderate
from .scraper import Page, Robots, Unavailable, fetch, fetch_robots, normalise, same_host

# A timeout of its own as well: the scraper bounds each read, this bounds whatever the scraper forgot.
asking = task(retries=Retry(times=4, wait=0.5, factor=2, jitter=True, on=Unavailable), timeout=60)
get_page = asking(fetch)
get_robots = asking(fetch_robots)
rate_text = task(moderate)


@dataclass(frozen=True)
class Finding:
    """A page or link worth a line in the report."""

    url: str
    what: str  # rating, status or reason
    linked_from: str = ""


@dataclass(frozen=True)
class Report:
    """What a crawl found. Two reports of the same site and rules are equal, however long each took."""

    start: str
    moderator: str
    pages: int  # HTML pages, each rated
    size: int  # bytes of HTML
    ratings: dict[str, int]  # pages by rating
    flagged: tuple[Finding, ...]  # pages not safe, or with a warning
    broken: tuple[Finding, ...]  # links that lead nowhere: a status of 400 or more, or no answer
    skipped: tuple[Finding, ...]  # what is no HTML, is forbidden by robots.txt, or leaves the host
    unvisited: int  # links left when `pages_max` was reached
    seconds: float = field(compare=False)  # from the first start to the end, interruptions included

    def __str__(self) -> str:
        rated = "   ".join(f"{rating}: {count}" for rating, count in self.ratings.items())
        lines = [
            f"{self.start}, rated by {self.moderator}",
            f"  {self.pages} pages, {self.size / 1e6:.1f} MB of HTML, {self.seconds:.1f} s",
            f"  {rated}",
        ]
        for title in ("flagged", "broken", "skipped"):
            lines += _section(title, getattr(self, title))
        if self.unvisited:
            lines.append(f"  {self.unvisited} links not visited: the limit of pages was reached")
        return "\n".join(lines)


@dataclass(frozen=True)
class Visit:
    """What became of one address, without the page's text."""

    url: str
    outcome: Literal["page", "moved", "broken", "skipped"]
    reason: str = ""
    size: int = 0
    links: tuple[str, ...] = ()
    verdict: Verdict | None = None


@workflow
async def moderate_site(
    start: str, moderator: str = "words", limit: int = 8, pause: float = 0.0, pages_max: int = 5_000
) -> Report:
    """Crawl the host of `start` and rate each page; raises `Unavailable` when it does not answer at all.

    At most `limit` requests run at once, and each slot rests `pause` seconds after one; a crawl delay in
    robots.txt overrules both. At most `pages_max` addresses are visited.
    """
    clock = asyncio.get_running_loop().time
    began, start = clock(), normalise(start)
    robots = Robots(get_robots(start))
    slots = asyncio.Semaphore(1 if robots.delay else limit)
    rest = max(pause, robots.delay)

    async def visit(url: str) -> Visit:
        if not robots.allows(url):
            return Visit(url, "skipped", "robots.txt")
        async with slots:
            try:
                page = get_page(url)
            except Unavailable as error:
                return Visit(url, "broken", str(error))
            if rest:
                await asyncio.sleep(rest)
        if page.is_html:
            return Visit(url, "page", "", page.size, page.links, rate_text(page.text, moderator))
        return no_page(page)

    visits: list[Visit] = []
    linked_from, wave, unvisited = {start: ""}, [start], 0
    while wave:
        visited = await asyncio.gather(*map(visit, wave))
        visits += visited
        fresh: dict[str, str] = {}
        for seen in visited:
            fresh |= {link: seen.url for link in seen.links if link not in linked_from and link not in fresh}
        wave = list(fresh)[: pages_max - len(visits)]
        unvisited += len(fresh) - len(wave)
        linked_from |= fresh
    return report(start, moderator, visits, linked_from, unvisited, clock() - began)


def no_page(page: Page) -> Visit:
    """What became of an address that answered with something else than an HTML page."""
    if page.status >= 400:
        return Visit(page.url, "broken", f"status {page.status}")
    if page.moved_to and same_host(page.url, page.moved_to):
        return Visit(page.url, "moved", links=(page.moved_to,))
    return Visit(page.url, "skipped", f"moved to {page.moved_to}" if page.moved_to else page.content_type)


def report(
    start: str, moderator: str, visits: list[Visit], sources: dict[str, str], unvisited: int, seconds: float
) -> Report:
    """Sum up what the visits found."""
    pages = [(visit, visit.verdict) for visit in visits if visit.verdict]

    def those(outcome: str) -> tuple[Finding, ...]:
        return tuple(Finding(v.url, v.reason, sources[v.url]) for v in visits if v.outcome == outcome)

    return Report(
        start,
        moderator,
        pages=len(pages),
        size=sum(visit.size for visit, _ in pages),
        ratings={rating: sum(1 for _, v in pages if v.rating == rating) for rating in ("safe", "13+", "18+")},
        flagged=tuple(Finding(visit.url, _words(v)) for visit, v in pages if v.flagged),
        broken=those("broken"),
        skipped=those("skipped"),
        unvisited=unvisited,
        seconds=seconds,
    )


def _words(verdict: Verdict) -> str:
    return f"{verdict.rating}, warning" if verdict.warning else verdict.rating


def _section(title: str, findings: tuple[Finding, ...], most: int = 20) -> list[str]:
    """One heading and at most `most` lines of the report."""
    lines = [f"  {title}: {len(findings)}"]
    for finding in findings[:most]:
        source = f"   (linked from {finding.linked_from})" if finding.linked_from else ""
        lines.append(f"    {finding.what:<14} {finding.url}{source}")
    if len(findings) > most:
        lines.append(f"    and {len(findings) - most} more")
    return lines
