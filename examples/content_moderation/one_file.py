"""The same program in one file, without the command line's options: fetch, rate, decide.

    python -m examples.content_moderation.one_file URL [words|substrings]

It prints what `python -m examples.content_moderation URL` prints; a test compares them. Here the functions
are decorated where they stand; the three modules beside it keep fetching and rating free of Podium.
"""

from __future__ import annotations

import asyncio
import codecs
import re
import sys
from dataclasses import dataclass
from html.parser import HTMLParser
from http.client import HTTPException, HTTPResponse
from urllib.error import HTTPError
from urllib.parse import quote, urldefrag, urljoin, urlsplit
from urllib.request import HTTPRedirectHandler, Request, build_opener
from urllib.robotparser import RobotFileParser

from podium import Retry, task, workflow

AGENT = "podium-example/1.0 (content moderation crawler)"
PROFANITIES, TRIGGERS = (  # rot13: nobody should meet the words who only reads the code
    "|".join(codecs.decode(word, "rot13") for word in words)
    for words in (("shpx", "qnza", "fuvg"), ("frkhny nffnhyg", "encr", "tha"))
)


class Unavailable(Exception):
    """The server did not answer, or asked to come back later."""


@dataclass(frozen=True)
class Page:
    url: str
    status: int
    kind: str  # media type
    size: int
    text: str
    links: list[str]  # of a redirect: where it points


# -- fetch -------------------------------------------------------------------------------------------


class Reader(HTMLParser):
    """Text and links of a page."""

    text, unseen = "", 0

    def __init__(self, html: str) -> None:
        super().__init__()
        self.pieces, self.links = list[str](), list[str]()
        self.feed(html)
        self.close()
        self.text = " ".join("".join(self.pieces).split())

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.links += [value for name, value in attrs if (tag, name) == ("a", "href") and value]
        self._tag(tag, +1)

    def handle_endtag(self, tag: str) -> None:
        self._tag(tag, -1)

    def handle_data(self, data: str) -> None:
        self.pieces += [] if self.unseen else [data]

    def _tag(self, tag: str, step: int) -> None:
        self.unseen += step if tag in ("script", "style", "template") else 0
        if not re.fullmatch("a|abbr|b|code|em|font|i|mark|s|small|span|strong|u", tag):
            self.pieces.append(" ")  # inline markup does not end a word, everything else does


class Stay(HTTPRedirectHandler):
    """Do not follow redirects: their targets are links like any other."""

    def redirect_request(self, *_: object, **__: object) -> None:
        return None


browser = build_opener(Stay)


@task(retries=Retry(times=4, wait=0.5, factor=2, jitter=True, on=Unavailable), timeout=60)
def fetch(url: str) -> Page:
    """GET a page; raises `Unavailable` for what may pass."""
    try:
        response: HTTPResponse | HTTPError = browser.open(
            Request(url, headers={"User-Agent": AGENT}), timeout=10
        )
    except HTTPError as answer:
        response = answer
    except (OSError, HTTPException) as error:
        raise Unavailable(f"{type(error).__name__}: {error}") from error
    with response:
        status = response.status or 0
        if status == 429 or status >= 500:
            raise Unavailable(f"status {status}")
        kind = response.headers.get_content_type()
        body = response.read(8_000_000) if status == 200 and kind.startswith("text/") else b""
    text = body.decode(response.headers.get_content_charset("utf-8"), "replace")
    if kind != "text/html" or status != 200:
        return Page(
            url,
            status,
            kind,
            0,
            text if kind == "text/plain" else "",
            _links(url, [response.headers.get("Location", "")]),
        )
    read = Reader(text)
    return Page(url, status, kind, len(body), read.text, _links(url, read.links))


def _links(url: str, hrefs: list[str]) -> list[str]:
    """Addresses on the same host, each once, in order."""
    found = dict.fromkeys(
        quote(urldefrag(urljoin(url, href)).url, safe="%:/?&=~#+!$,;'@()*") for href in hrefs if href
    )
    return [link for link in found if urlsplit(link)[:2] == urlsplit(url)[:2]]


# -- rate --------------------------------------------------------------------------------------------


@task
def moderate(text: str, whole_words: bool) -> str:
    """`safe`, `13+` or `18+` by the number of profane sentences, with `, warning` on a triggering one."""
    profane, triggering = (
        re.compile(rf"\b({words})\b" if whole_words else words, re.IGNORECASE)
        for words in (PROFANITIES, TRIGGERS)
    )
    sentences = re.split(r"(?<=[.!?])\s+", text)
    rating = ("safe", "13+", "18+")[min(2, sum(bool(profane.search(part)) for part in sentences))]
    return f"{rating}, warning" if any(triggering.search(part) for part in sentences) else rating


# -- decide ------------------------------------------------------------------------------------------


@workflow
async def moderate_site(start: str, moderator: str = "words", limit: int = 8) -> str:
    """Crawl the host of `start`, at most `limit` requests at once, and rate each page; returns the report."""
    clock = asyncio.get_running_loop().time
    began = clock()
    robots = RobotFileParser()
    robots.parse(fetch(urljoin(start, "/robots.txt")).text.splitlines())
    slots = asyncio.Semaphore(limit)

    async def visit(url: str) -> tuple[Page, str]:
        async with slots:
            page = fetch(url)
        return page, moderate(page.text, moderator == "words") if page.size else ""

    came_from, rated, wave = {start: ""}, list[tuple[Page, str]](), [start]
    while wave:
        visited = await asyncio.gather(*map(visit, wave))
        rated += visited
        wave = list[str]()
        for page, _ in visited:
            for link in page.links:
                if link not in came_from and robots.can_fetch(AGENT, link):
                    came_from[link] = page.url
                    wave.append(link)
    return report(start, moderator, rated, came_from, clock() - began)


def report(
    start: str, moderator: str, rated: list[tuple[Page, str]], came_from: dict[str, str], seconds: float
) -> str:
    """What was found, in lines."""
    pages = [(page, rating) for page, rating in rated if rating]
    counts = {word: sum(rating.startswith(word) for _, rating in pages) for word in ("safe", "13+", "18+")}
    lines = [
        f"{start}, rated by {moderator}",
        f"  {len(pages)} pages, {sum(page.size for page, _ in pages) / 1e6:.1f} MB of HTML, {seconds:.1f} s",
        "  " + "   ".join(f"{rating}: {count}" for rating, count in counts.items()),
    ]
    others = [page for page, rating in rated if not rating and not page.links]
    for title, found in (
        ("flagged", [(rating, page.url) for page, rating in pages if rating != "safe"]),
        ("broken", [(f"status {page.status}", page.url) for page in others if page.status >= 400]),
        ("skipped", [(page.kind, page.url) for page in others if page.status < 400]),
    ):
        lines.append(f"  {title}: {len(found)}")
        for what, url in found:
            source = f"   (linked from {came_from[url]})" if came_from[url] and title != "flagged" else ""
            lines.append(f"    {what:<14} {url}{source}")
    return "\n".join(lines)


if __name__ == "__main__":
    url, moderator = (*sys.argv[1:], "words")[:2]
    print(moderate_site.run(url, moderator))
