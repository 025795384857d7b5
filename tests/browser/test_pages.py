"""Every page, in both themes, wide and narrow: what it shows, that it fits, that axe finds nothing."""

from __future__ import annotations

from typing import Any

import pytest
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import Page, expect

from tests.browser.conftest import Opener, Site

pytestmark = pytest.mark.browser

WIDE, NARROW = (1440, 900), (390, 844)
PLACES = {
    "now": "/",
    "runs": "/runs",
    "no such run": "/runs?q=tag:nowhere",
    "grid": "/runs?view=grid",
    "killed": "/runs/{crawl}",
    "failed": "/runs/{check}",
    "fan": "/runs/{fan}",
    "steps": "/runs/{crawl}#steps",
    "graph": "/runs/{crawl}#graph",
    "logs": "/runs/{crawl}#logs",
    "data": "/runs/{crawl}#data",
    "why": "/runs/{check}#why",
    "history": "/runs/{crawl}#history",
    "failures": "/failures",
    "waiting": "/waiting",
    "workflows": "/workflows?w=buy",
    "schedules": "/schedules",
    "series": "/series",
    "workers": "/workers",
    "settings": "/settings",
    "no page": "/nowhere",
}


def findings(page: Page) -> list[str]:
    """What axe says of a page, by the standard (WCAG 2.2 AA) and best practice."""
    options: Any = {"resultTypes": ["violations"]}
    found = Axe().run(page, options=options).response["violations"]
    return [f"{one['id']}: {one['nodes'][0]['html'][:200]} ({len(one['nodes'])} of them)" for one in found]


def settle(page: Page) -> None:
    """Until what was asked for has been drawn."""
    expect(page.locator(".skeleton")).to_have_count(0)
    page.evaluate("document.fonts.ready.then(() => true)")


@pytest.mark.parametrize("size", [WIDE, NARROW], ids=["wide", "narrow"])
@pytest.mark.parametrize("theme", ["light", "dark"])
@pytest.mark.parametrize("place", PLACES)
def test_a_page_is_accessible_and_fits(
    opened: Opener, site: Site, place: str, theme: str, size: tuple[int, int]
) -> None:
    page = opened(PLACES[place].format(**site.runs), theme=theme, width=size[0], height=size[1])
    settle(page)
    assert findings(page) == []
    assert page.evaluate("document.documentElement.scrollWidth") <= size[0]
    assert page.title().endswith("· Podium")
