"""Every page, in both themes, wide and narrow: what it shows, that it fits, that axe finds nothing."""

from __future__ import annotations

import re
from typing import Any

import pytest
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import Page, expect

from tests.browser.conftest import Opener, Site, podium

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
    "why it waits": "/runs/{later}#why",
    "unknown run": "/runs/nosuch",
    "no name": "/runs/%",  # that stands for no character
    "history": "/runs/{crawl}#history",
    "failures": "/failures",
    "waiting": "/waiting",
    "workflows": "/workflows?w=buy",
    "schedules": "/schedules",
    "series": "/series",
    "queues": "/queues",
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


def test_what_may_hold_a_run_up_is_told_one_by_one(opened: Opener, site: Site) -> None:
    page = opened(f"/runs/{site.runs['later']}#why")
    checks = page.locator(".checks li")
    expect(checks).to_have_count(9)
    expect(page.locator(".checks .hit")).to_have_text(re.compile("No timer is still to come.*this holds it"))
    page.goto(f"{site.origin}/runs/{site.runs['check']}#why")
    expect(page.locator(".why")).to_contain_text("It failed")
    expect(checks).to_have_count(0)


def test_the_last_hour_is_drawn_with_its_table(opened: Opener, site: Site) -> None:
    page = opened("/")
    hour = page.locator("section").filter(has=page.get_by_role("heading", name="Last hour"))
    expect(hour.get_by_role("img")).to_have_attribute(
        "aria-label", re.compile(r"Runs that ended in the last hour: [1-9]\d* succeeded, [1-9]\d* failed")
    )
    expect(hour.locator("rect.f-failed").first).to_be_attached()
    hour.get_by_text("As a table").click()
    expect(hour.locator("tbody tr").first).to_be_visible()
    assert findings(page) == []


def test_the_name_of_a_step_is_whole_on_a_phone(opened: Opener, site: Site) -> None:
    page = opened(f"/runs/{site.runs['crawl']}#steps", width=390, height=844)
    settle(page)
    names = page.locator(".steps tbody .name")
    expect(names.first).to_be_visible()
    cut = """all => all
      .filter((e) => e.getBoundingClientRect().right > e.closest(".clip").getBoundingClientRect().right)
      .map((e) => e.textContent)"""
    assert names.evaluate_all(cut) == []


CUT = """all => all.filter((e) => e.checkVisibility()).filter((e) => {
  const around = e.closest("td, li, .ph, .crumbs, .panel") ?? document.body;
  const [at, room] = [e.getBoundingClientRect(), around.getBoundingClientRect()];
  return at.right > Math.min(room.right, innerWidth) + 0.5 || at.left < room.left;
}).map((e) => e.textContent)"""


@pytest.mark.parametrize("width", [390, 1280, 1920])
def test_an_id_is_whole_however_long_it_is(opened: Opener, site: Site, width: int) -> None:
    run = f"nightly-reconciliation-of-the-warehouse-and-the-shop.2026-11-27T06:00:00Z-{width}"
    podium(site.project, "run", "-q", "--id", run, "flows:report")
    podium(site.project, "run", "-q", "--id", "as-long-as-a-retry.2", "flows:report")
    for path in ("/runs", f"/runs/{run}"):
        page = opened(path, width=width)
        settle(page)
        ids = page.locator("main .id")
        expect(ids.filter(has_text=run, visible=True).first).to_be_visible()
        assert ids.evaluate_all(CUT) == []
        assert page.evaluate("document.documentElement.scrollWidth") <= width


@pytest.mark.parametrize("width", [390, 1280])
def test_no_page_cuts_an_id(opened: Opener, site: Site, width: int) -> None:
    for number in range(2):
        podium(site.project, "run", "--detach", "flows:later", "--", "--seconds", str(1000 + number))
    for _ in range(2):  # the same question, asked by two runs
        podium(site.project, "run", "--detach", "flows:refund")
    page = opened("/", width=width)
    for path in ("/", "/waiting", "/failures", "/workers", "/queues", "/schedules", "/settings", "/series"):
        page.goto(site.origin + path)
        settle(page)
        assert page.locator("main .id").evaluate_all(CUT) == [], path
        assert path != "/waiting" or findings(page) == []


@pytest.mark.parametrize("width", [390, 1280])
def test_no_label_of_the_ruler_lies_over_another(opened: Opener, site: Site, width: int) -> None:
    page = opened(f"/runs/{site.runs['crawl']}", width=width)
    settle(page)
    labels = page.locator(".tl-row").first.locator("svg text")
    expect(labels.first).to_be_visible()
    over = """all => {
      const boxes = all.map((e) => e.getBoundingClientRect()).sort((a, b) => a.left - b.left);
      return boxes.filter((box, i) => i && box.left < boxes[i - 1].right).length;
    }"""
    assert labels.evaluate_all(over) == 0


def test_no_label_of_a_timeline_lies_over_a_bar(opened: Opener, site: Site) -> None:
    page = opened(f"/runs/{site.runs['check']}")
    settle(page)
    expect(page.locator(".tl svg rect.b")).to_have_count(5)  # two steps, and one of three tries
    over = """svgs => svgs.flatMap((svg) => {
      const boxes = (what) => [...svg.querySelectorAll(what)].map((e) => e.getBoundingClientRect());
      return boxes("text").filter((t) => boxes("rect.b").some((b) => b.left < t.right && t.left < b.right));
    })"""
    assert page.locator(".tl svg").evaluate_all(over) == []


def test_what_is_read_seldom_is_read_at_once_at_first(opened: Opener, site: Site) -> None:
    page = opened("/series")
    settle(page)
    script = "performance.getEntriesByType('resource').find((e) => e.name.endsWith('/api/series')).startTime"
    assert page.evaluate(script) < 1500  # not after the two seconds between its reads
