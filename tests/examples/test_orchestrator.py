"""The workflow on small sites made for the purpose: what is visited, what is reported, how gently."""

from __future__ import annotations

import threading
import time

import pytest

from examples.content_moderation.orchestrator import Finding, Report, moderate_site
from examples.content_moderation.scraper import Unavailable
from tests.examples.conftest import Web


def linked(*paths: str) -> str:
    return "".join(f'<a href="{path}">{path}</a> ' for path in paths)


def test_every_page_is_visited_once_and_rated(web: Web) -> None:
    web.page("/", linked("/a", "/b"))
    web.page("/a", linked("/", "/b", "/c"))
    web.page("/b", linked("/a"))
    web.page("/c", "It has begun.")
    report = moderate_site.run(web.url)
    assert (report.pages, report.ratings) == (4, {"safe": 4, "13+": 0, "18+": 0})
    assert sorted(web.asked) == ["/", "/a", "/b", "/c", "/robots.txt"]


def test_the_moderator_is_swapped_by_name(web: Web) -> None:
    web.page("/", "It has begun.")
    assert moderate_site.run(web.url, "words").flagged == ()
    flagged = moderate_site.run(web.url, "substrings").flagged
    assert flagged == (Finding(web.url + "/", "safe, warning"),)


def test_a_broken_link_is_reported_with_the_page_that_has_it(web: Web) -> None:
    web.page("/", linked("/a"))
    web.page("/a", linked("/none"))
    report = moderate_site.run(web.url)
    assert report.broken == (Finding(web.url + "/none", "status 404", web.url + "/a"),)
    assert web.asked.count("/none") == 1  # it is an answer: no second try


def test_redirects_are_followed_on_this_host_only(web: Web) -> None:
    web.page("/", linked("/old", "/away"))
    web.page("/new", "Here.")
    web.answers["/old"] = (302, {"Location": "/new"}, b"")
    web.answers["/away"] = (302, {"Location": "http://there.invalid/"}, b"")
    report = moderate_site.run(web.url)
    assert report.pages == 2
    assert report.skipped == (Finding(web.url + "/away", "moved to http://there.invalid/", web.url + "/"),)


def test_what_robots_forbid_is_not_asked_for(web: Web) -> None:
    web.answers["/robots.txt"] = (200, {"Content-Type": "text/plain"}, b"User-agent: *\nDisallow: /deny")
    web.page("/", linked("/deny"))
    report = moderate_site.run(web.url)
    assert report.skipped == (Finding(web.url + "/deny", "robots.txt", web.url + "/"),)
    assert "/deny" not in web.asked


def test_the_crawl_stops_at_the_limit_of_pages_and_says_so(web: Web) -> None:
    web.page("/", linked("/a", "/b", "/c"))
    web.page("/a", "A.")
    report = moderate_site.run(web.url, pages_max=2)
    assert (report.pages, report.unvisited) == (2, 2)
    assert "2 links not visited" in str(report)


def test_a_site_that_does_not_exist_fails_the_run_as_what_it_is(monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(Unavailable):
        moderate_site.run("http://127.0.0.1:9/")  # discard: nothing listens there


def test_a_server_in_trouble_is_asked_again(web: Web) -> None:
    answer = threading.Timer(0.1, lambda: web.page("/", "Back."))
    web.answers["/"] = (503, {}, b"")
    answer.start()
    assert moderate_site.run(web.url).pages == 1
    assert web.asked.count("/") > 1


def test_no_more_than_limit_requests_run_at_once(web: Web) -> None:
    paths = [f"/{number}" for number in range(12)]
    web.page("/", linked(*paths))
    for path in paths:
        web.page(path, path)
    web.seconds = 0.02
    moderate_site.run(web.url, limit=3)
    assert 2 <= web.at_once_max <= 3


def test_a_crawl_delay_means_one_at_a_time_with_a_rest(web: Web) -> None:
    web.answers["/robots.txt"] = (200, {"Content-Type": "text/plain"}, b"User-agent: *\nCrawl-delay: 1")
    web.page("/", "Alone.")
    began = time.monotonic()
    report = moderate_site.run(web.url)
    assert report.pages == 1
    assert time.monotonic() - began >= 1


def test_two_reports_are_equal_however_long_they_took() -> None:
    def one(seconds: float) -> Report:
        return Report("http://here/", "words", 1, 1, {"safe": 1}, (), (), (), 0, seconds)

    assert one(1.0) == one(2.0)
