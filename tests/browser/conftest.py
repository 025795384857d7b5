"""A real `podium up` with real runs, looked at by a real Chromium. One of each for all tests here."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

import pytest
from playwright.sync_api import Browser, BrowserContext, Page, Request, sync_playwright

from tests import forkserver

HERE = Path(__file__).parent
ENVIRONMENT = os.environ | {"PYTHONPATH": str(HERE.parents[1])}  # the examples are found from everywhere
FLAGS = [
    "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", "--disable-background-networking",
    "--disable-component-update", "--disable-sync",
]  # fmt: skip
# Runs before the page's own scripts: what the policy has refused is kept where a test can read it.
WATCH = """
window.violations = [];
addEventListener("securitypolicyviolation", (e) =>
  violations.push(`${e.violatedDirective} ${e.blockedURI} ${e.sample}`));
"""


def chromium_path() -> str:
    """The system's Chromium. Nothing here may pass for want of it."""
    names = ("chromium", "chromium-browser", "google-chrome")
    found = os.environ.get("PODIUM_CHROMIUM") or next(filter(None, map(shutil.which, names)), None)
    if not found:
        pytest.fail("no Chromium: apt-get install chromium, or PODIUM_CHROMIUM=/path/to/it", pytrace=False)
    return found


@dataclass
class Site:
    """A served store."""

    link: str  # with the token
    project: Path
    runs: dict[str, str] = field(default_factory=dict)  # ids by what they are

    @property
    def origin(self) -> str:
        return self.link.split("/?")[0]


def podium(project: Path, *words: str, check: bool = True) -> str:
    """What the command line says, in the project."""
    done = forkserver.run(
        [sys.executable, "-m", "podium", *words], cwd=project, capture_output=True, text=True, timeout=120,
        env=ENVIRONMENT,
    )  # fmt: skip
    assert not check or done.returncode == 0, done.stdout + done.stderr
    return done.stdout


def newest(project: Path, workflow: str) -> str:
    """The id of the newest run of a workflow."""
    found = json.loads(podium(project, "runs", f"workflow:{workflow}", "--json"))
    return str(found["runs"][0]["id"])


@pytest.fixture(scope="session")
def site(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Site]:
    """A store with one run of each kind, served. The killed one was taken over by the process that serves."""
    project = tmp_path_factory.mktemp("site")
    (project / ".podium").mkdir()
    shutil.copy(HERE / "flows.py", project / "flows.py")
    podium(project, "run", "flows:crawl", "--", "--mark", str(project / "mark"), check=False)  # killed
    podium(project, "run", "flows:check", "--", "--rows", '["1", "2", "n/a"]', check=False)  # fails
    podium(project, "run", "-q", "flows:fan")
    podium(project, "run", "-q", "flows:weighs")
    with served(project) as link:
        podium(project, "run", "--detach", "flows:later")
        runs = {name: newest(project, name) for name in ("crawl", "check", "fan", "later")}
        wait_for_state(project, runs["crawl"], "succeeded")
        yield Site(link, project, runs)


@contextmanager
def served(project: Path, port: int = 0, module: str = "flows", **variables: str) -> Iterator[str]:
    """`podium up` for a project, with environment variables; the link that lets in."""
    command = [sys.executable, "-m", "podium", "up", module, "--port", str(port), "--no-open", "-q"]
    with forkserver.Popen(
        command, cwd=project, stdout=subprocess.PIPE, text=True, env=ENVIRONMENT | variables
    ) as up:
        try:
            assert up.stdout is not None
            link = up.stdout.readline().strip()
            assert link.startswith("http://127.0.0.1:"), link
            yield link
        finally:
            up.terminate()


def wait_for_state(project: Path, run: str, state: str) -> None:
    """Until a run is in a state; at most 30 s."""
    for _ in range(60):
        if json.loads(podium(project, "show", run, "--json"))["state"] == state:
            return
        time.sleep(0.5)
    pytest.fail(f"{run} is not {state}")


@pytest.fixture(scope="session")
def chromium() -> Iterator[Browser]:
    """One browser for all tests; each has a context of its own."""
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=chromium_path(), args=FLAGS)
        yield browser
        browser.close()


Opener = Callable[..., Page]


@pytest.fixture
def opened(site: Site, chromium: Browser) -> Iterator[Opener]:
    """Opens a path of the site, logged in. At the end: nothing was refused by the policy, nothing was asked
    of another origin, no script has failed."""
    contexts: list[BrowserContext] = []
    pages: list[Page] = []
    foreign: list[str] = []
    errors: list[str] = []

    def asked(request: Request) -> None:
        if not request.url.startswith(("http://127.0.0.1:", "data:", "blob:")):
            foreign.append(request.url)

    def open_path(
        path: str = "/", *, link: str = "", theme: str = "light", width: int = 1440, height: int = 900
    ) -> Page:
        context = chromium.new_context(
            viewport={"width": width, "height": height}, color_scheme=theme, timezone_id="Europe/Oslo",
            locale="en-GB", reduced_motion="reduce",
        )  # fmt: skip
        context.grant_permissions(["clipboard-read", "clipboard-write"])
        context.add_init_script(WATCH)
        contexts.append(context)
        page = context.new_page()
        page.on("request", asked)
        page.on("pageerror", lambda error: errors.append(str(error)))
        page.set_default_timeout(10_000)
        page.goto(link or site.link)
        page.goto((link or site.link).split("/?")[0] + path)
        page.wait_for_selector("main h1")
        pages.append(page)
        return page

    yield open_path
    violations = [text for page in pages for text in page.evaluate("window.violations")]
    for context in contexts:
        context.close()
    assert (violations, foreign, errors) == ([], [], [])
