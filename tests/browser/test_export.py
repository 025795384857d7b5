"""A run as one file, opened from a disk: what it shows, and that it asks for nothing."""

from __future__ import annotations

from pathlib import Path

import pytest
from playwright.sync_api import Browser, expect

from tests.browser.conftest import WATCH, Site, podium
from tests.browser.test_pages import findings

pytestmark = pytest.mark.browser


@pytest.mark.parametrize("theme", ["light", "dark"])
@pytest.mark.parametrize("which", ["crawl", "check", "fan"])
def test_an_exported_run_opens_from_a_disk_and_asks_for_nothing(
    site: Site, chromium: Browser, tmp_path: Path, which: str, theme: str
) -> None:
    file = tmp_path / "run.html"
    podium(site.project, "export", site.runs[which], "--html", str(file))
    context = chromium.new_context(viewport={"width": 390, "height": 844}, color_scheme=theme)
    page = context.new_page()
    page.add_init_script(WATCH)
    asked: list[str] = []
    page.on("request", lambda request: asked.append(request.url))
    page.goto(file.as_uri())
    expect(page.locator("h1")).to_contain_text(which)
    assert findings(page) == []
    assert page.evaluate("window.violations") == []
    assert asked == [file.as_uri()]
    assert page.evaluate("document.documentElement.scrollWidth") <= 390
    assert page.evaluate("getComputedStyle(document.querySelector('.panel')).borderRadius") == "10px"
    context.close()
