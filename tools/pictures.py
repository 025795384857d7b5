"""Pictures of the dashboard for docs/pictures, of real runs in a real Chromium: `make pictures`."""

from __future__ import annotations

import tempfile
from pathlib import Path

from playwright.sync_api import sync_playwright

from tests.browser.conftest import FLAGS, HERE, chromium_path, newest, podium, served, wait_for_state

TARGET = Path(__file__).parent.parent / "docs" / "pictures"
SIZE = {"width": 1280, "height": 760}


def main() -> None:
    """Make the runs, open their pages, save them."""
    TARGET.mkdir(exist_ok=True)
    with tempfile.TemporaryDirectory() as name:
        project = Path(name) / "shop"
        (project / ".podium").mkdir(parents=True)
        (project / "flows.py").write_text((HERE / "flows.py").read_text(encoding="utf-8"), encoding="utf-8")
        for number in range(3):
            podium(project, "run", "-q", "flows:steps", "--", "--many", str(6 + number))
        podium(project, "run", "-q", "flows:fan")
        podium(project, "run", "-q", "flows:check", "--", "--rows", '["1.5", "n/a"]', check=False)
        podium(
            project, "run", "flows:crawl", "--", "--mark", "struck", "--pages", "90", check=False
        )  # killed
        with served(project) as link, sync_playwright() as playwright:
            killed, fan = newest(project, "crawl"), newest(project, "fan")
            wait_for_state(project, killed, "succeeded")
            podium(project, "run", "--detach", "flows:later")
            browser = playwright.chromium.launch(executable_path=chromium_path(), args=FLAGS)
            for picture, theme, path, opened in (
                ("killed-light", "light", f"/runs/{killed}", ".tl-lab[aria-expanded]"),
                ("fan-dark", "dark", f"/runs/{fan}", ".tl-lab[aria-expanded]"),
                ("runs-light", "light", "/runs", ""),
                ("failures-dark", "dark", "/failures", ""),
            ):
                page = browser.new_page(viewport=SIZE, color_scheme=theme)
                page.goto(link)
                page.goto(link.split("/?")[0] + path)
                page.wait_for_selector("main h1")
                page.wait_for_timeout(1500)  # what is read comes in parts; a picture has no state to wait for
                if opened:
                    page.locator(opened).first.click()
                    page.mouse.move(0, 0)
                page.wait_for_timeout(300)
                page.screenshot(path=TARGET / f"{picture}.png", animations="disabled")
                page.close()
            browser.close()


if __name__ == "__main__":
    main()
