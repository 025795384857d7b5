"""The main jobs, followed in the browser from start to end: pages that nobody reloads."""

from __future__ import annotations

import re
import signal
import subprocess
import sys
import threading
from pathlib import Path

import pytest
from playwright.sync_api import expect

from examples.content_moderation import servers
from examples.monitor import serve
from tests.browser.conftest import ENVIRONMENT, Opener, Site, podium, served
from tests.browser.test_acting import start
from tests.browser.test_pages import findings, settle

pytestmark = pytest.mark.browser

MODERATION = "examples.content_moderation.orchestrator"
PAGES = 300


def test_the_moderation_demo_is_followed_through_a_kill_to_its_report(opened: Opener, tmp_path: Path) -> None:
    folder, project = tmp_path / "site", tmp_path / "project"
    folder.mkdir()
    (project / ".podium").mkdir(parents=True)
    links = "".join(f'<a href="page{n}.html">{n}</a>' for n in range(PAGES))
    for name in ("index", *(f"page{n}" for n in range(PAGES))):
        (folder / f"{name}.html").write_text(f"<html><p>A quiet page.</p>{links}</html>", encoding="utf-8")
    with servers.directory(folder) as site, served(project, module=MODERATION) as link:
        page = opened("/runs", link=link)
        settle(page)
        job = [sys.executable, "-m", "podium", "run", "-q", "--id", "demo", f"{MODERATION}:moderate_site"]
        arguments = ["--", "--start", site.url, "--limit", "8"]
        with subprocess.Popen([*job, *arguments], cwd=project, env=ENVIRONMENT) as driving:
            page.locator("#runs").get_by_role("link", name="moderate_site").click()
            expect(page.locator("h1")).to_contain_text("running")
            # Pages come one by one, and the strip of them grows.
            expect(page.locator(".tl")).to_contain_text(re.compile(r"fetch\s*.\d\d"), timeout=30_000)
            driving.send_signal(signal.SIGKILL)
        expect(page.locator("h1")).to_contain_text("succeeded", timeout=60_000)
        expect(page.locator(".facts")).to_contain_text("1 owner lost")
        expect(page.locator(".says")).to_contain_text("another took over")
        expect(page.locator(".tl")).to_contain_text(re.compile(r"taken over after [\d.]+ m?s"))
        expect(page.locator(".tl")).to_contain_text(re.compile(rf"fetch\s*.{PAGES + 1}"))
        page.get_by_role("tab", name="Data").click()
        expect(page.get_by_role("tabpanel")).to_contain_text("safe")
        assert findings(page) == []


def test_the_monitor_is_followed_from_look_to_look(opened: Opener, tmp_path: Path) -> None:
    (tmp_path / ".podium").mkdir()
    table = serve.serve(serve.made())
    threading.Thread(target=table.serve_forever, daemon=True).start()
    variables = {
        "MONITOR_URL": f"http://127.0.0.1:{table.server_port}{serve.TABLE}",
        "MONITOR_FILE": str(tmp_path / "monitor.db"),
        "MONITOR_EVERY": "2s",
    }
    with served(tmp_path, module="examples.monitor.flow", **variables) as link:
        page = opened("/schedules", link=link)
        started = page.locator(".facts div").filter(has_text="Started").locator("dd")
        for looks in ("1", "2"):
            expect(started).to_have_text(looks, timeout=30_000)
        page.goto(link.split("/?")[0] + "/runs?q=workflow:monitor+status:succeeded")
        settle(page)
        page.locator("#runs tbody tr").first.get_by_role("link", name="monitor", exact=True).click()
        for step in ("retrieve", "transform", "check", "episodes", "store"):
            expect(page.locator(".tl")).to_contain_text(step)
        expect(page.locator("h1")).to_contain_text("succeeded")
        page.keyboard.press("g")
        page.keyboard.press("m")
        points = page.get_by_role("img", name=re.compile(r"machine\.\w+: [3-9] points"))
        expect(points).to_be_visible(timeout=30_000)
    table.shutdown()
    table.server_close()


def test_an_approval_is_followed_from_the_question_to_the_end(opened: Opener, site: Site) -> None:
    start(site, "--id", "approval", "flows:refund", "--", "--amount", "500")
    page = opened("/runs/approval")
    asked = page.locator(".tl-row").filter(has=page.locator("button", has_text="ask"))
    expect(page.locator(".says")).to_contain_text("Refund 500?")
    expect(asked.locator(".s-waiting")).to_have_count(1)  # a question is no step that has succeeded
    on_record = page.locator(".facts div").filter(has_text="Steps on record").locator("dd")
    expect(on_record).to_have_text("0")

    podium(site.project, "answer", "approval", "true", "--by", "kim")
    expect(page.locator(".says")).to_contain_text("In which way?")
    expect(asked.locator(".s-succeeded")).to_have_count(1)
    expect(asked.locator(".s-waiting")).to_have_count(1)
    podium(site.project, "answer", "approval", '{"approve": true}')
    expect(page.locator("h1")).to_contain_text("succeeded")
    expect(asked.locator(".s-succeeded")).to_have_count(2)
    api = "fetch('/api/runs/approval/steps').then((a) => a.json()).then((p) => p.items.map((i) => i.state))"
    assert page.evaluate(api) == ["succeeded", "succeeded"]
