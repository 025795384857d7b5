"""Fetch web pages politely and read them: text, links, robots.txt. Plain functions on the standard library.

Polite means: says who it is, keeps to robots.txt, waits a bounded time, reads a bounded amount, and keeps
connections open for the next request where the server allows that. How many requests run at once is the
caller's business.
"""

from __future__ import annotations

import http.client
import logging
import re
import time
from dataclasses import dataclass
from email.message import Message
from html.parser import HTMLParser
from urllib.parse import SplitResult, quote, urldefrag, urljoin, urlsplit
from urllib.robotparser import RobotFileParser

AGENT = "podium-example/1.0 (content moderation crawler)"
PATIENCE_SECONDS = 10.0  # for one read of a socket
DEADLINE_SECONDS = 30.0  # for a whole page, so that a server that drips cannot hold a slot for ever
BYTES_MAX = 8_000_000  # what a page has beyond is not looked at
HTML = ("text/html", "application/xhtml+xml")
TEXTUAL = (*HTML, "text/plain")  # the last for robots.txt

log = logging.getLogger(__name__)


class Unavailable(Exception):
    """The server did not answer, or asked to come back later: worth another try."""


@dataclass(frozen=True)
class Page:
    """One answer of a server. `text` and `links` are empty unless it is an HTML page."""

    url: str
    status: int
    content_type: str  # lower case, without parameters
    size: int = 0  # bytes of HTML read
    text: str = ""  # what a reader sees, in one line
    links: tuple[str, ...] = ()  # absolute, same host, no fragment, each once, in order
    moved_to: str = ""  # where a redirect points

    @property
    def is_html(self) -> bool:
        return self.status == 200 and self.content_type in HTML


def fetch(url: str) -> Page:
    """GET one page; raises `Unavailable` for what may pass: no connection, time out, 429, 5xx.

    Any other status is an answer and is returned. A redirect is not followed but reported, so that the
    caller applies the same rules to its target as to any link.
    """
    status, headers, body = _get(url)
    kind = headers.get_content_type() if "content-type" in headers else ""
    moved = _resolve(url, headers.get("location", "")) if 300 <= status < 400 else ""
    page = Page(url, status, kind, moved_to=moved)
    if not page.is_html:
        return page
    text, links = read(url, _decode(body, headers))
    return Page(url, status, kind, len(body), text, links)


def fetch_robots(url: str) -> str:
    """The text of the robots.txt that holds for `url`; raises `Unavailable` as `fetch` does.

    A missing file allows everything; one that may not be read forbids everything (RFC 9309 lets a crawler
    choose; the careful reading costs nothing here).
    """
    status, headers, body = _get(urljoin(url, "/robots.txt"))
    if status in (401, 403):
        return "User-agent: *\nDisallow: /"
    return _decode(body, headers) if status == 200 else ""


class Robots:
    """What a robots.txt allows this crawler."""

    def __init__(self, text: str) -> None:
        self._rules = RobotFileParser()
        self._rules.parse(text.splitlines())

    def allows(self, url: str) -> bool:
        return self._rules.can_fetch(AGENT, url)

    @property
    def delay(self) -> float:
        """Seconds asked for between two requests; 0.0 when nothing is asked."""
        return float(self._rules.crawl_delay(AGENT) or 0)


def same_host(url: str, other: str) -> bool:
    return urlsplit(url)[:2] == urlsplit(other)[:2]


def normalise(url: str) -> str:
    """`url` as a crawler compares it: no fragment, host in lower case, a path, unsafe characters quoted."""
    parts = urlsplit(urldefrag(url.strip()).url)
    path = quote(parts.path or "/", safe="/%:@!$&'()*+,;=~")
    query = quote(parts.query, safe="/%:@!$&'()*+,;=~?")
    host = parts.netloc.lower().removesuffix({"http": ":80", "https": ":443"}.get(parts.scheme, ""))
    return SplitResult(parts.scheme, host, path, query, "").geturl()


def read(url: str, html: str) -> tuple[str, tuple[str, ...]]:
    """The text of a page, and its links to the same host."""
    reader = _Reader()
    try:
        reader.feed(html)
        reader.close()
    except AssertionError:  # html.parser gives up so on some malformed declarations; keep what it read
        log.warning("%s: malformed HTML, read in part", url)
    base = _resolve(url, reader.base) or url
    found = (_resolve(base, href) for href in reader.hrefs)
    links = tuple(dict.fromkeys(link for link in found if link and same_host(link, url)))
    return " ".join("".join(reader.fragments).split()), links


def _resolve(base: str, href: str) -> str:
    """`href` seen from `base`; "" for what is no web address."""
    try:
        url = normalise(urljoin(base, href)) if href else ""
    except ValueError:  # such as "http://[half"
        return ""
    return url if url.startswith(("http://", "https://")) else ""


class _Reader(HTMLParser):
    """Collects text and `<a href>`; leaves out what no reader sees."""

    UNSEEN = frozenset({"script", "style", "template"})
    # Markup inside a word ("w<b>or</b>d") must not split it; every other tag ends a word.
    INLINE = frozenset(
        {"a", "abbr", "b", "code", "em", "font", "i", "mark", "s", "small", "span", "strong", "u"}
    )

    def __init__(self) -> None:
        super().__init__()
        self.fragments: list[str] = []
        self.hrefs: list[str] = []
        self.base = ""
        self._unseen = 0

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        if tag in self.UNSEEN:
            self._unseen += 1
        elif tag == "a":
            self.hrefs += [value for name, value in attrs if name == "href" and value]
        elif tag == "base":
            self.base = self.base or dict(attrs).get("href") or ""
        if tag not in self.INLINE:
            self.fragments.append(" ")

    def handle_endtag(self, tag: str) -> None:
        if tag in self.UNSEEN:
            self._unseen = max(0, self._unseen - 1)
        if tag not in self.INLINE:
            self.fragments.append(" ")

    def handle_data(self, data: str) -> None:
        if not self._unseen:
            self.fragments.append(data)


# -- HTTP --------------------------------------------------------------------------------------------

Connection = http.client.HTTPConnection
_idle: dict[tuple[str, str], list[Connection]] = {}  # list.pop and append are atomic


def _get(url: str) -> tuple[int, Message, bytes]:
    """Status, headers and body of one GET; the body only of an answer 200 that is text."""
    parts = urlsplit(url)
    idle = _idle.setdefault((parts.scheme, parts.netloc), [])
    log.info("GET %s", url)
    try:
        connection, response = _ask(parts, idle)
        try:
            readable = response.status == 200 and response.headers.get_content_type() in TEXTUAL
            body = _read_body(response) if readable else b""
        finally:
            done = response.isclosed() or response.length == 0
            response.close()
            if done and connection.sock:
                idle.append(connection)  # read to its end and left open: good for the next request
            else:
                connection.close()
    except (OSError, http.client.HTTPException) as error:
        raise Unavailable(f"{type(error).__name__}: {error}") from error
    if response.status == 429 or response.status >= 500:
        raise Unavailable(f"status {response.status}")
    return response.status, response.headers, body


def _ask(parts: SplitResult, idle: list[Connection]) -> tuple[Connection, http.client.HTTPResponse]:
    """Send the request, on a connection left open by an earlier one if there is any."""
    path = parts.path + (f"?{parts.query}" if parts.query else "")
    while idle:
        connection = idle.pop()
        try:
            return connection, _send(connection, path)
        except ConnectionError:
            pass  # the server closed it meanwhile, unasked
    kind = http.client.HTTPSConnection if parts.scheme == "https" else Connection
    connection = kind(parts.netloc, timeout=PATIENCE_SECONDS)
    return connection, _send(connection, path)


def _send(connection: Connection, path: str) -> http.client.HTTPResponse:
    try:
        connection.request("GET", path, headers={"User-Agent": AGENT, "Accept": "text/html,*/*;q=0.1"})
        return connection.getresponse()
    except BaseException:
        connection.close()
        raise


def _read_body(response: http.client.HTTPResponse) -> bytes:
    deadline = time.monotonic() + DEADLINE_SECONDS
    body = bytearray()
    while len(body) < BYTES_MAX and (chunk := response.read1(65_536)):
        body += chunk
        if time.monotonic() > deadline:
            raise TimeoutError(f"not read within {DEADLINE_SECONDS:.0f} s")
    if response.length and len(body) < BYTES_MAX:  # `read1` does not notice a body cut short; half a
        raise http.client.IncompleteRead(b"", response.length)  # page must not pass for a whole one
    return bytes(body[:BYTES_MAX])


_META_CHARSET = re.compile(rb"<meta[^>]+charset=[\"']?([\w-]+)", re.IGNORECASE)


def _decode(body: bytes, headers: Message) -> str:
    """Text of a body: charset from the header, else from the page itself, else UTF-8; never fails."""
    declared = _META_CHARSET.search(body, 0, 1024)
    charset = headers.get_content_charset() or (declared[1].decode() if declared else "utf-8")
    try:
        return body.decode(charset, errors="replace")
    except LookupError:
        return body.decode("utf-8", errors="replace")
