"""What the dashboard takes, in a real Chromium: `python -m bench.dashboard`, with what `make browser` brings.

Printed, not asserted: first paint, a run of 10,000 steps opened, from the commit of an entry to the screen,
the size of the scripts, and lists over a million runs (which takes a minute to make).
"""

from __future__ import annotations

import gzip
import json
import statistics
import tempfile
from pathlib import Path

from playwright.sync_api import Page, sync_playwright

import podium as package
from tests.browser.conftest import FLAGS, HERE, chromium_path, newest, podium, served
from tests.browser.many_runs import fill

BUDGETS = {
    "first paint": 300.0,
    "10,000 steps open": 1000.0,
    "entry to screen, p95": 300.0,
    "scripts, kB gz": 90.0,
    "a million runs, slowest": 100.0,
}
# What is asked of very many runs: all, by state, by workflow, by a tag, by what no index leads to.
QUERIES = (
    "", "status:failed", "workflow:job3", "workflow:job29 status:cancelled", "tag:nightly", "nowhere",
    "ended:1d status:failed", "started:2d", "input.city:Rome", "-workflow:job0",
)  # fmt: skip
ROUNDS = 7
# Notes when the whole fan-out stands on the screen.
OPENED = """
new MutationObserver((_, it) => {
  if (!document.querySelector(".tl .nm")?.textContent.includes("10,000")) return;
  it.disconnect();
  requestAnimationFrame(() => requestAnimationFrame(() => (window.opened = performance.now())));
}).observe(document, { subtree: true, childList: true, characterData: true });
"""
# Notes when the number of steps on the screen changes.
OBSERVE = """
window.seen = [];
new MutationObserver(() => {
  const facts = [...document.querySelectorAll(".facts div")];
  const fact = facts.find((e) => e.textContent.includes("Steps on record"));
  const n = Number(fact?.querySelector("dd").textContent.replace(/\\D/g, ""));
  if (n && !seen.some(([m]) => m === n)) seen.push([n, Date.now()]);
}).observe(document.getElementById("main"), { subtree: true, childList: true, characterData: true });
"""

# Milliseconds of the slowest of three requests that the page of runs makes.
LISTED = """
async (q) => {
  const ask = async (path, given) => {
    const began = performance.now();
    const answer = await fetch(`${path}?${new URLSearchParams(given)}`);
    if (!answer.ok) throw new Error(`${path} ${q}: ${answer.status}`);
    const page = await answer.json();
    took.push(performance.now() - began);
    return page;
  };
  const took = [];
  const { next } = await ask("/api/runs", { q, limit: 50 });
  if (next) await ask("/api/runs", { q, limit: 50, after: next });
  await ask("/api/runs/facets", { q });
  return Math.max(...took);
}
"""


def scripts() -> float:
    """Kilobytes of all scripts, each compressed by itself."""
    static = Path(package.__file__).parent / "server" / "static"
    return sum(len(gzip.compress(file.read_bytes())) for file in static.rglob("*.js")) / 1000


def first_paint(page: Page, origin: str) -> float:
    """Milliseconds to the first contentful paint of the list of runs."""
    page.goto(origin + "/runs")
    page.wait_for_selector("#runs")
    script = "performance.getEntriesByName('first-contentful-paint')[0].startTime"
    return float(page.evaluate(script))


def opening(page: Page, origin: str, run: str) -> float:
    """Milliseconds from the address to the drawn timeline of a run of 10,000 steps."""
    page.goto(f"{origin}/runs/{run}")
    page.wait_for_selector(".tl >> text=10,000")
    return float(page.evaluate("new Promise((done) => setTimeout(() => done(window.opened), 200))"))


def delays(page: Page, origin: str, project: Path) -> list[float]:
    """Milliseconds from an entry's time on record to its being on the screen, of a run of 60 steps."""
    podium(project, "run", "--detach", "flows:steps")
    run = newest(project, "steps")
    page.goto(f"{origin}/runs/{run}")
    page.wait_for_selector(".facts")
    page.evaluate(OBSERVE)
    page.wait_for_selector("h1 .s-succeeded")
    entries = page.evaluate(
        "run => fetch(`/api/runs/${run}/history?limit=1000`).then((a) => a.json()).then((p) => p.items)", run
    )
    page.wait_for_function("n => seen.some(([m]) => m >= n)", arg=len(entries))  # after its state
    seen = dict(page.evaluate("seen"))
    at = {n: page.evaluate("t => Date.parse(t)", entry["at"]) for n, entry in enumerate(entries, 1)}
    # Entries that came in one drawing are seen by the last of them.
    return [min(when for m, when in seen.items() if m >= n) - at[n] for n in at if n > min(seen)]


def p95(took: list[float]) -> float:
    """What 19 of 20 are not above."""
    return statistics.quantiles(took, n=20)[-1]


def many_runs(project: Path, count: int) -> None:
    """A project with so many runs."""
    (project / ".podium").mkdir()
    (project / "flows.py").write_text((HERE / "flows.py").read_text(encoding="utf-8"), encoding="utf-8")
    podium(project, "run", "-q", "flows:report")
    fill(project / ".podium" / "podium.db", count)


def listing(page: Page, query: str) -> float:
    """Milliseconds in the page for a query: the slowest of its runs, the next page and their counts."""
    return float(page.evaluate(LISTED, query))


def main() -> None:
    """Measure and print."""
    with tempfile.TemporaryDirectory() as name:
        project = Path(name)
        (project / ".podium").mkdir()
        (project / "flows.py").write_text((HERE / "flows.py").read_text(encoding="utf-8"), encoding="utf-8")
        podium(project, "run", "-q", "flows:fan")
        with served(project) as link, sync_playwright() as playwright:
            browser = playwright.chromium.launch(executable_path=chromium_path(), args=FLAGS)
            page = browser.new_page(viewport={"width": 1440, "height": 900})
            page.add_init_script(OPENED)
            page.goto(link)
            origin, run = link.split("/?")[0], newest(project, "fan")
            took = {
                "first paint": statistics.median(first_paint(page, origin) for _ in range(ROUNDS)),
                "10,000 steps open": statistics.median(opening(page, origin, run) for _ in range(ROUNDS)),
                "entry to screen, p95": p95(delays(page, origin, project)),
                "scripts, kB gz": scripts(),
            }
            large = Path(name) / "large"
            large.mkdir()
            many_runs(large, 1_000_000)
            with served(large) as link:
                page.goto(link)
                slowest = {query: min(listing(page, query) for _ in range(3)) for query in QUERIES}
            took["a million runs, slowest"] = max(slowest.values())
            browser.close()
    for name, value in took.items():
        print(f"{name:22} {value:8.1f}   budget {BUDGETS[name]:.0f}")
    print(json.dumps(took))


if __name__ == "__main__":
    main()
