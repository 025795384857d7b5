"""The scraper against a real server on loopback: what it reads, what it reports, how it behaves."""

from __future__ import annotations

import socket

import pytest

from examples.content_moderation.scraper import (
    Robots,
    Unavailable,
    fetch,
    fetch_robots,
    normalise,
    read,
    same_host,
)
from tests.examples.conftest import Web

HERE = "http://here/a/b.html"


# -- reading -----------------------------------------------------------------------------------------


def text_of(html: str) -> str:
    return read(HERE, html)[0]


def links_of(html: str) -> list[str]:
    return list(read(HERE, html)[1])


def test_text_is_joined_on_white_space() -> None:
    assert text_of("<title>T</title><p>one\n two</p><p>three</p>four<br>five") == "T one two three four five"


def test_inline_markup_does_not_split_a_word() -> None:
    assert text_of("<p>w<b>or</b>d</p>") == "word"


def test_scripts_and_styles_are_no_text() -> None:
    assert text_of("<style>p {}</style><script>if (a < b) go()</script>seen&amp;read") == "seen&read"


def test_links_are_absolute_on_this_host_once_in_order_without_fragment() -> None:
    html = """<a href="c.html#x">1</a> <a href="/d?q=1">2</a> <a href="c.html">again</a>
              <a href="http://there/">other host</a> <a href="https://here/">other scheme</a>
              <a href="mailto:a@here">mail</a> <a href="">self</a> <a name="anchor">none</a>"""
    assert links_of(html) == ["http://here/a/c.html", "http://here/d?q=1"]


def test_a_base_moves_relative_links() -> None:
    assert links_of('<base href="/z/"><a href="c">1</a>') == ["http://here/z/c"]


def test_an_address_that_is_none_is_left_out() -> None:
    assert links_of('<a href="http://[half">1</a><a href="ok">2</a>') == ["http://here/a/ok"]


def test_malformed_html_is_read_as_far_as_it_goes() -> None:
    text, links = read(HERE, '<p>before <a href="c">c</a> <![weird]> after')
    assert "before" in text
    assert links == ("http://here/a/c",)


@pytest.mark.parametrize(
    ("address", "normal"),
    [
        ("HTTP://Here", "http://here/"),
        ("http://here:80/a#b", "http://here/a"),
        ("http://here:8080/a", "http://here:8080/a"),
        ("http://here/ä b?c=d e", "http://here/%C3%A4%20b?c=d%20e"),
        ("http://here/%C3%A4", "http://here/%C3%A4"),
    ],
)
def test_an_address_has_one_spelling(address: str, normal: str) -> None:
    assert normalise(address) == normal


def test_same_host_means_scheme_host_and_port() -> None:
    assert same_host("http://here/a", "http://here/b")
    assert not same_host("http://here/", "http://here:8080/")
    assert not same_host("http://here/", "https://here/")


# -- fetching ----------------------------------------------------------------------------------------


def test_a_page_comes_with_text_links_and_size(web: Web) -> None:
    url = web.page("/", '<p>Hello</p><a href="/next">next</a>')
    page = fetch(url)
    assert (page.status, page.content_type, page.is_html) == (200, "text/html", True)
    assert page.text == "Hello next"
    assert page.links == (web.url + "/next",)
    assert page.size == len(web.answers["/"][2])


def test_a_missing_page_is_an_answer(web: Web) -> None:
    page = fetch(web.url + "/none")
    assert (page.status, page.is_html, page.text) == (404, False, "")


@pytest.mark.parametrize("status", [429, 500, 503])
def test_a_server_in_trouble_is_worth_another_try(web: Web, status: int) -> None:
    web.answers["/"] = (status, {}, b"")
    with pytest.raises(Unavailable, match=str(status)):
        fetch(web.url + "/")


def test_nobody_there_is_worth_another_try() -> None:
    with socket.create_server(("127.0.0.1", 0)) as closing:
        port = closing.getsockname()[1]
    with pytest.raises(Unavailable, match="Refused"):
        fetch(f"http://127.0.0.1:{port}/")


def test_half_a_page_is_no_page(web: Web) -> None:
    web.page("/", "<p>The rest is", **{"Content-Length": "1000", "X-Cut": "yes"})
    with pytest.raises(Unavailable, match="IncompleteRead"):
        fetch(web.url + "/")


def test_a_redirect_is_reported_not_followed(web: Web) -> None:
    web.answers["/old"] = (301, {"Location": "/new#part"}, b"")
    page = fetch(web.url + "/old")
    assert (page.status, page.moved_to) == (301, web.url + "/new")
    assert web.asked == ["/old"]


def test_what_is_no_html_is_not_read(web: Web) -> None:
    web.answers["/x.zip"] = (200, {"Content-Type": "application/zip"}, b"PK")
    page = fetch(web.url + "/x.zip")
    assert (page.content_type, page.is_html, page.size) == ("application/zip", False, 0)


@pytest.mark.parametrize(
    ("content_type", "body"),
    [
        ("text/html; charset=iso-8859-1", "é".encode("latin-1")),
        ("text/html", b"<meta charset='iso-8859-1'>" + "é".encode("latin-1")),
        ("text/html", "é".encode()),
        ("text/html; charset=no-such-thing", "é".encode()),
    ],
)
def test_the_charset_is_the_headers_else_the_pages_else_utf8(
    web: Web, content_type: str, body: bytes
) -> None:
    web.answers["/"] = (200, {"Content-Type": content_type}, body)
    assert fetch(web.url + "/").text == "é"


def test_one_connection_serves_many_requests(web: Web) -> None:
    web.page("/", "<p>Hello</p>")
    for _ in range(5):
        fetch(web.url + "/")
    assert len(web.asked) == 5
    assert len(web.connections) == 1


def test_the_crawler_says_who_it_is(web: Web) -> None:
    fetch(web.url + "/")
    assert all("podium" in agent for agent in web.agents)


# -- robots.txt --------------------------------------------------------------------------------------


def test_robots_forbid_and_slow_down(web: Web) -> None:
    web.answers["/robots.txt"] = (
        200,
        {"Content-Type": "text/plain"},
        b"User-agent: *\nDisallow: /deny\nCrawl-delay: 2",
    )
    robots = Robots(fetch_robots(web.url + "/some/page"))
    assert robots.allows(web.url + "/page")
    assert not robots.allows(web.url + "/deny/page")
    assert robots.delay == 2.0


def test_no_robots_file_allows_everything(web: Web) -> None:
    robots = Robots(fetch_robots(web.url + "/"))
    assert robots.allows(web.url + "/deny")
    assert robots.delay == 0.0


def test_a_robots_file_that_may_not_be_read_forbids_everything(web: Web) -> None:
    web.answers["/robots.txt"] = (403, {}, b"")
    assert not Robots(fetch_robots(web.url + "/")).allows(web.url + "/")
