"""What can be done from the page, and that it is done; by pointer and by keys."""

from __future__ import annotations

import json
import re
import signal
import sys

import pytest
from playwright.sync_api import Route, expect

from tests import forkserver
from tests.browser.conftest import Opener, Site, newest, podium, served, wait_for_state
from tests.browser.test_pages import findings, settle

pytestmark = pytest.mark.browser


def start(site: Site, *words: str) -> None:
    """Start a run for the server's engine to drive."""
    podium(site.project, "run", "--detach", *words)


def test_a_failed_run_is_retried_from_its_page(opened: Opener, site: Site) -> None:
    page = opened(f"/runs/{site.runs['check']}")
    settle(page)
    expect(page.locator(".errline")).to_have_text(re.compile("ValueError.*n/a"))
    page.get_by_role("button", name="Retry…").click()
    dialog = page.get_by_role("dialog")
    expect(dialog).to_contain_text(f"podium retry {site.runs['check']}")
    dialog.get_by_role("button", name="Retry 1 run").click()
    page.get_by_role("button", name="Now").click()
    page.get_by_role("status").get_by_role("link").click()
    expect(page).not_to_have_url(re.compile(rf"{site.runs['check']}(#|$)"))
    again = page.url.rpartition("/")[2]
    wait_for_state(site.project, again, "failed")
    expect(page.locator("h1")).to_contain_text("failed")
    expect(page.locator(".facts")).to_contain_text(site.runs["check"])  # the run that it is a retry of
    found = json.loads(podium(site.project, "runs", f"origin:{site.runs['check']}", "--json"))["runs"]
    assert len(found) == 1  # begun once, also when the next toast takes the place of the first


def test_what_was_begun_is_undone_within_ten_seconds(opened: Opener, site: Site) -> None:
    start(site, "flows:later")
    run = newest(site.project, "later")
    page = opened(f"/runs/{run}")
    page.get_by_role("button", name="Cancel…").click()
    page.get_by_role("dialog").get_by_role("button", name="Cancel 1 run").click()
    page.get_by_role("button", name="Undo").click()
    expect(page.locator(".toast")).to_have_text("Undone. Nothing was changed.")
    assert json.loads(podium(site.project, "show", run, "--json"))["state"] in (
        "queued",
        "running",
        "waiting",
    )

    page.get_by_role("button", name="Cancel…").click()
    page.get_by_role("dialog").get_by_role("button", name="Cancel 1 run").click()
    page.get_by_role("button", name="Now").click()
    expect(page.locator("h1")).to_contain_text("cancelled")


def test_a_new_run_waits_behind_a_button_and_its_state_comes_by_itself(opened: Opener, site: Site) -> None:
    page = opened("/runs")
    settle(page)
    first = page.locator("#runs tbody tr").first.get_attribute("class")
    before = page.locator("#runs tbody tr").count()
    start(site, "flows:later", "--", "--seconds", "0.1")
    page.get_by_role("button", name=re.compile("new, show")).click()
    row = page.locator("#runs tbody tr").first
    expect(row).to_contain_text("later")
    expect(row).to_contain_text("succeeded")
    assert page.locator("#runs tbody tr").count() > before
    assert first is not None


def test_the_query_box_completes_narrows_and_is_in_the_address(opened: Opener, site: Site) -> None:
    page = opened("/runs")
    settle(page)
    box = page.get_by_role("combobox", name="Query")
    box.press_sequentially("stat")
    box.press("Tab")
    box.press_sequentially("fail")
    box.press("Tab")
    expect(page.locator(".chip")).to_contain_text("failed")
    page.wait_for_url("**/runs?q=status%3Afailed")
    settle(page)
    states = page.locator("#runs tbody tr td:nth-child(2)").all_inner_texts()
    assert states
    assert set(states) == {"failed"}
    box.press("Backspace")
    expect(page.locator(".chip")).to_have_count(0)
    box.press_sequentially("staatus:failed")
    box.press("Enter")
    expect(page.get_by_role("alert")).to_be_visible()  # the server's own words


def test_everything_is_reached_by_keys(opened: Opener, site: Site) -> None:
    page = opened("/")
    page.keyboard.press("g")
    page.keyboard.press("r")
    page.wait_for_url("**/runs")
    expect(page.locator("#runs tbody tr").first).to_be_visible()
    page.keyboard.press("j")
    page.keyboard.press("x")
    expect(page.get_by_role("region", name="Selected runs")).to_contain_text("1 selected")
    page.keyboard.press("Escape")
    page.keyboard.press("Enter")
    page.wait_for_url(re.compile("/runs/[^/]+$"))
    expect(page.locator(".tabs")).to_be_visible()
    for key, tab in (("l", "Logs"), ("e", "Graph"), ("d", "Data"), ("y", "Why"), ("t", "Timeline")):
        page.keyboard.press(key)
        expect(page.get_by_role("tab", name=tab)).to_have_attribute("aria-selected", "true")
    page.get_by_role("tab", name="Timeline").press("ArrowRight")
    expect(page.get_by_role("tab", name="Steps")).to_be_focused()
    page.keyboard.press("?")
    expect(page.get_by_role("dialog", name="Keys")).to_be_visible()
    page.get_by_role("checkbox", name="Letters act outside fields").uncheck()
    page.get_by_role("checkbox", name="Letters act outside fields").check()
    page.keyboard.press("Escape")
    page.keyboard.press(".")
    assert page.evaluate("navigator.clipboard.readText()").startswith("podium show ")
    page.keyboard.press("Shift+D")
    expect(page.locator("html")).to_have_attribute("data-theme", "dark")
    page.reload()
    expect(page.locator("html")).to_have_attribute("data-theme", "dark")
    page.keyboard.press("/")
    search = page.get_by_role("dialog", name="Search").get_by_role("combobox")
    search.press_sequentially(site.runs["crawl"][:10])
    expect(page.get_by_role("option").filter(has_text=site.runs["crawl"])).to_be_visible()


def test_the_kill_and_the_takeover_are_drawn(opened: Opener, site: Site) -> None:
    page = opened(f"/runs/{site.runs['crawl']}")
    settle(page)
    expect(page.locator(".facts")).to_contain_text("1 owner lost")
    expect(page.locator(".tl")).to_contain_text(re.compile(r"taken over after [\d.]+ m?s"))
    page.get_by_role("button", name=re.compile("fetch .24")).click()
    expect(page.locator(".fan")).to_contain_text("24 steps, in their order")


def test_a_kill_with_nothing_under_way_is_drawn_too(opened: Opener, site: Site) -> None:
    mark = site.project / "thought"
    words = ("run", "-q", "--id", "thinks", "flows:ponder", "--", "--mark", str(mark))
    page = opened("/runs")
    settle(page)
    with forkserver.Popen([sys.executable, "-m", "podium", *words], cwd=site.project) as driving:
        page.get_by_role("button", name=re.compile("new, show")).click()
        expect(page.locator("#runs tbody tr").first).to_contain_text("running")
        driving.send_signal(signal.SIGKILL)
    mark.touch()
    wait_for_state(site.project, "thinks", "succeeded")
    page = opened("/runs/thinks")
    expect(page.locator(".tl")).to_contain_text(re.compile(r"taken over after [\d.]+ m?s"))
    expect(page.locator(".tl svg circle")).to_have_count(1)
    (lost,) = json.loads(podium(site.project, "show", "thinks", "--json"))["losses"]
    expect(page.get_by_role("img", name=f"engine {lost['engine']}, then another")).to_be_visible()
    assert f"engine {lost['engine']} was gone" in podium(site.project, "show", "thinks")


def test_a_run_is_followed_live_through_a_kill_to_its_end(opened: Opener, site: Site) -> None:
    page = opened("/runs")
    settle(page)
    mark = str(site.project / "struck-live")
    words = ("run", "-q", "--id", "live", "flows:crawl", "--", "--mark", mark, "--pages", "150")
    with forkserver.Popen([sys.executable, "-m", "podium", *words], cwd=site.project) as driving:
        page.get_by_role("button", name=re.compile("new, show")).click()
        page.locator("#runs tbody tr").first.get_by_role("link", name="crawl").click()
        expect(page.locator("h1")).to_contain_text("running")
        assert driving.wait(30) == -signal.SIGKILL
    expect(page.locator("h1")).to_contain_text("succeeded", timeout=30_000)
    expect(page.locator(".facts")).to_contain_text("1 owner lost")
    expect(page.locator(".facts")).to_contain_text("301")  # 150, the strike, 150
    expect(page.locator(".tl")).to_contain_text(re.compile(r"taken over after [\d.]+ m?s"))


def test_the_graph_is_walked_by_arrows_and_a_box_opens_its_steps(opened: Opener, site: Site) -> None:
    page = opened(f"/runs/{site.runs['crawl']}#graph")
    settle(page)
    boxes = page.locator(".gn")
    expect(boxes).to_have_count(3)  # pages, the kill, pages again
    expect(boxes.first).to_contain_text("12 succeeded")
    boxes.first.focus()
    page.keyboard.press("ArrowRight")
    expect(boxes.nth(1)).to_be_focused()
    expect(boxes.nth(1)).to_contain_text("strike")
    page.keyboard.press("Enter")
    expect(page.get_by_role("tab", name="Steps")).to_have_attribute("aria-selected", "true")
    expect(page.locator(".steps tbody tr")).to_have_count(1)
    expect(page.get_by_label("Find steps")).to_have_value("strike")


def test_the_grid_is_walked_by_arrows_and_a_square_opens_its_steps(opened: Opener, site: Site) -> None:
    page = opened(f"/runs?q=id:{site.runs['crawl']}")
    settle(page)
    page.get_by_role("button", name="Runs × steps").click()  # noqa: RUF001  the sign is on the page
    page.wait_for_url(re.compile("view=grid"))
    squares = page.get_by_role("region", name="crawl").locator("tbody .cell")
    expect(squares).to_have_count(2)  # one run, two functions
    squares.first.focus()
    page.keyboard.press("ArrowDown")
    expect(squares.nth(1)).to_be_focused()
    expect(squares.nth(1)).to_have_attribute("aria-label", re.compile("strike: 1 succeeded, taken over"))
    page.keyboard.press("Enter")
    page.wait_for_url(re.compile(site.runs["crawl"]))
    expect(page.locator(".steps tbody tr")).to_have_count(1)


def test_a_step_is_opened_with_its_tries_and_its_result(opened: Opener, site: Site) -> None:
    page = opened(f"/runs/{site.runs['check']}#steps")
    settle(page)
    page.get_by_role("button", name=re.compile("^tried more than once")).click()
    page.locator(".steps tbody tr").first.click()
    drawer = page.get_by_role("complementary", name="Step 3")
    expect(drawer).to_contain_text("try 3")
    expect(drawer).to_contain_text("could not convert string to float: 'n/a'")


def test_ten_thousand_steps_stay_few_nodes(opened: Opener, site: Site) -> None:
    page = opened(f"/runs/{site.runs['fan']}")
    expect(page.locator(".facts")).to_contain_text("10,000")
    settle(page)
    assert page.evaluate("document.querySelectorAll('*').length") < 2000
    page.keyboard.press("d")
    page.get_by_role("tab", name="Steps").click()
    settle(page)
    assert page.locator(".steps tbody tr").count() < 120
    page.locator(".tall").evaluate("e => { e.scrollTop = e.scrollHeight }")
    expect(page.locator(".steps tbody")).to_contain_text("10,000")


def test_users_text_is_text(opened: Opener, site: Site) -> None:
    page = opened(f"/runs/{site.runs['crawl']}#steps")
    settle(page)
    page.locator(".steps tbody tr").first.click()
    expect(page.get_by_role("complementary")).to_contain_text("<b>&amp;</b>")


def test_what_changes_before_the_stream_is_there_is_shown(opened: Opener, site: Site) -> None:
    start(site, "--id", "early", "flows:refund")
    other = opened("/")  # another browser, which hears of it
    page = opened("/runs/early")
    expect(page.locator(".says")).to_contain_text("Refund 120?")
    held: list[Route] = []
    page.route("**/api/events*", lambda route: held.append(route))
    page.reload()
    expect(page.locator(".says")).to_contain_text("Refund 120?")
    podium(site.project, "answer", "early", "true")
    asked = other.locator(".todo li").filter(has_text="In which way?").filter(has_text="early")
    expect(asked).to_be_visible()
    expect(page.locator(".says")).to_contain_text("Refund 120?")
    page.wait_for_timeout(1500)  # until the last event of it has been told; nothing says that it was the last
    held[0].continue_()
    expect(page.locator(".says")).to_contain_text("In which way?")
    podium(site.project, "cancel", "early")


def test_a_lost_connection_is_said_and_found_again(opened: Opener, site: Site) -> None:
    with served(site.project) as link:
        page = opened("/runs", link=link)
        expect(page.locator("#live")).to_have_text("live")
        expect(page.locator("#runs tbody tr").first).to_be_visible()
    expect(page.locator("#live")).to_have_text(re.compile("reconnecting"))
    expect(page.locator("#runs tbody tr").first).to_be_visible()  # nothing goes away
    with served(site.project, int(link.split(":")[2].split("/")[0])):
        expect(page.locator("#live")).to_have_text("live")


def test_a_page_whose_script_does_not_come_says_so_and_is_opened_again(opened: Opener, site: Site) -> None:
    page = opened("/")
    page.route("**/pages/workers.js", lambda route: route.abort())
    page.get_by_role("link", name="Workers").click()
    expect(page.locator("h1")).to_have_text("No connection")
    assert findings(page) == []
    page.unroute("**/pages/workers.js")
    page.get_by_role("button", name="Read again").click()
    expect(page.get_by_role("columnheader", name="Engine")).to_be_visible()


def test_a_workflow_is_started_by_the_form_of_its_types(opened: Opener, site: Site) -> None:
    page = opened("/workflows?w=buy")
    expect(page.get_by_role("button", name="Start")).to_be_disabled()  # sku is needed
    page.get_by_label("sku").fill("A-310")
    page.get_by_label("amount").fill("many")
    expect(page.locator(".err").filter(has_text="whole number")).to_be_visible()
    page.get_by_label("amount").fill("2")
    page.get_by_label("mode").select_option("fast")
    page.get_by_label("tags").fill("by-hand")
    command = page.locator("form .cli code")
    expect(command).to_contain_text("podium run --tag by-hand flows:buy -- --order '{")
    page.get_by_role("button", name="Start").click()
    page.wait_for_url(re.compile("/runs/"))
    expect(page.locator("h1")).to_contain_text("succeeded")
    page.get_by_role("tab", name="Data").click()
    expect(page.locator(".tree").last).to_contain_text("A-310 fast None")


def test_wrong_input_is_told_in_the_words_of_the_server(opened: Opener, site: Site) -> None:
    page = opened("/workflows?w=check")
    page.get_by_label("rows").fill("[1, 2]")
    page.get_by_role("button", name="Start").click()
    expect(page.get_by_role("alert")).to_contain_text("rows")


def test_failures_are_gathered_by_line_and_retried(opened: Opener, site: Site) -> None:
    page = opened("/failures")
    expect(page.locator(".errline")).to_contain_text("could not convert string to float: 'n/a'")
    expect(page.get_by_role("region", name="Source")).to_contain_text("return float(row)")
    page.get_by_role("button", name=re.compile("^Retry")).click()
    expect(page.get_by_role("dialog")).to_contain_text("podium retry ")
    page.get_by_role("button", name="Leave it").click()
    expect(page.locator(".toast")).to_have_count(0)


def test_a_schedule_is_paused_fired_and_backfilled(opened: Opener, site: Site) -> None:
    page = opened("/schedules")
    expect(page.locator("main")).to_contain_text("Europe/Oslo")
    page.get_by_role("button", name="Pause…").click()
    page.get_by_role("dialog").get_by_role("button", name="Pause", exact=True).click()
    page.locator(".toast").get_by_role("button", name="Now").click()
    expect(page.get_by_role("button", name="Resume…")).to_be_visible()
    page.get_by_role("button", name="Resume…").click()
    page.get_by_role("dialog").get_by_role("button", name="Resume", exact=True).click()
    page.locator(".toast").get_by_role("button", name="Now").click()
    expect(page.get_by_role("button", name="Pause…")).to_be_visible()

    page.get_by_role("button", name="Backfill…").click()
    dialog = page.get_by_role("dialog")
    dialog.get_by_label("from", exact=True).fill("2026-11-02")
    dialog.get_by_label("until", exact=True).fill("2026-11-04")
    dialog.get_by_role("button", name="Look").click()
    expect(dialog).to_contain_text("3 runs would be started.")
    dialog.get_by_role("button", name="Start 3 runs").click()
    page.locator(".toast").get_by_role("button", name="Now").click()
    expect(page.locator(".toast")).to_have_text("Started 3 runs.")

    page.get_by_role("button", name="Run now…").click()
    page.get_by_role("dialog").get_by_role("button", name="Run now", exact=True).click()
    page.locator(".toast").get_by_role("button", name="Now").click()
    page.locator(".toast").get_by_role("link").click()
    page.wait_for_url(re.compile("/runs/"))
    expect(page.locator("h1")).to_contain_text("report")


def test_what_nobody_can_know_is_settled_by_a_person(opened: Opener, site: Site) -> None:
    podium(site.project, "run", "flows:purchase", "--", "--mark", str(site.project / "paid"), check=False)
    run = newest(site.project, "purchase")
    wait_for_state(site.project, run, "parked")
    page = opened(f"/runs/{run}")
    page.get_by_role("button", name="Settle…").click()
    dialog = page.get_by_role("dialog", name="What became of /charge?")
    expect(dialog).to_contain_text("whether it has happened is not known")
    dialog.get_by_role("textbox").fill('"receipt-17"')
    expect(dialog).to_contain_text(f"podium settle {run} /charge --happened '\"receipt-17\"'")
    assert findings(page) == []
    dialog.get_by_role("button", name="Settle", exact=True).click()
    page.locator(".toast").get_by_role("button", name="Now").click()
    wait_for_state(site.project, run, "succeeded")
    assert json.loads(podium(site.project, "show", run, "--json"))["result"] == "receipt-17"


def test_a_run_is_forked_with_an_edited_result(opened: Opener, site: Site) -> None:
    podium(site.project, "run", "-q", "flows:check", "--", "--rows", '["1", "2"]')
    run = newest(site.project, "check")
    page = opened(f"/runs/{run}#steps")
    settle(page)
    page.locator(".steps tbody tr").nth(1).click()
    page.get_by_role("button", name="Fork from here…").click()
    dialog = page.get_by_role("dialog")
    dialog.get_by_role("checkbox").check()
    field = dialog.get_by_role("textbox")
    field.fill("{")
    expect(dialog.get_by_role("button", name="Fork", exact=True)).to_be_disabled()
    field.fill("40.0")
    expect(dialog).to_contain_text(f"podium fork {run} --at ")
    assert findings(page) == []
    dialog.get_by_role("button", name="Fork", exact=True).click()
    page.locator(".toast").get_by_role("button", name="Now").click()
    page.get_by_role("status").get_by_role("link").click()
    expect(page).not_to_have_url(re.compile(run))
    expect(page.locator("h1")).to_contain_text("succeeded")
    page.get_by_role("tab", name="Data").click()
    expect(page.locator(".tree").last).to_contain_text("41")


def test_a_queue_is_limited_paused_resumed_and_left_to_code_again(opened: Opener, site: Site) -> None:
    mark = site.project / "visited"
    start(site, "flows:visits", "--", "--mark", str(mark))
    run = newest(site.project, "visits")
    page = opened("/queues")
    queue = page.get_by_role("region", name="site")
    expect(queue.get_by_role("img", name="1 of 1 slot held")).to_be_visible()
    expect(queue).to_contain_text("2 runs are in line. 1 slot, none is free.")
    lines = page.get_by_role("region", name="shops").get_by_role("table", name="Lines of shops")
    expect(lines.locator("tbody tr")).to_have_text(["north1 of 11", "south1 of 10"])
    assert findings(page) == []

    def now() -> None:
        page.locator(".toast").get_by_role("button", name="Now").click()

    def shown() -> dict[str, object]:
        return dict(json.loads(podium(site.project, "queues", "site", "--json"))["queues"][0])

    queue.get_by_role("button", name="Limits…").click()
    dialog = page.get_by_role("dialog", name="Limits of site")
    expect(dialog.get_by_role("button", name="Set", exact=True)).to_be_disabled()
    dialog.get_by_role("textbox", name="at once").fill("few")
    expect(dialog).to_contain_text("a whole number of 1 or more")
    expect(dialog.get_by_role("button", name="Set", exact=True)).to_be_disabled()
    dialog.get_by_role("textbox", name="at once").fill("2")
    dialog.get_by_role("textbox", name="rate").fill("")
    expect(dialog).to_contain_text("podium queues set site --concurrency 2 --rate none")
    expect(dialog).to_contain_text("Up to 1 more may begin now.")
    assert findings(page) == []
    dialog.get_by_role("button", name="Set", exact=True).click()
    now()
    expect(queue.get_by_role("img", name="2 of 2 slots held")).to_be_visible()
    assert (shown()["concurrency"], shown()["rate"]) == (2, "")

    queue.get_by_role("button", name="Back to code…").click()
    dialog = page.get_by_role("dialog", name="Back to code: site?")
    expect(dialog).to_contain_text("podium queues set site --from-code")
    expect(dialog).to_contain_text("1 at once, 600/m begin")
    dialog.get_by_role("button", name="Back to code", exact=True).click()
    now()
    expect(queue.get_by_role("button", name="Back to code…")).to_have_count(0)
    assert (shown()["concurrency"], shown()["rate"], shown()["set_by"]) == (1, "600/m", None)

    queue.get_by_role("button", name="Pause…").click()
    expect(page.get_by_role("dialog")).to_contain_text("podium queues pause site")
    page.get_by_role("dialog").get_by_role("button", name="Pause", exact=True).click()
    now()
    expect(queue).to_contain_text("until it is resumed")
    assert shown()["paused"] is True
    queue.get_by_role("button", name="Resume…").click()
    expect(page.get_by_role("dialog")).to_contain_text("podium queues resume site")
    page.get_by_role("dialog").get_by_role("button", name="Resume", exact=True).click()
    now()
    expect(queue.get_by_role("button", name="Pause…")).to_be_visible()
    assert shown()["paused"] is False
    mark.touch()
    wait_for_state(site.project, run, "succeeded")
    expect(queue).to_contain_text("Nothing is in line.")


def test_an_engine_is_paused_and_goes_on(opened: Opener, site: Site) -> None:
    page = opened("/workers")
    settle(page)
    row = page.locator("main tbody tr").filter(has_text="podium up")
    engine = row.locator(".id").inner_text()

    def act(verb: str) -> None:
        row.get_by_role("button", name=f"{verb}…", exact=True).locator("visible=true").click()
        dialog = page.get_by_role("dialog")
        expect(dialog).to_contain_text(f"podium workers {engine} {verb.lower()}")
        assert findings(page) == []
        dialog.get_by_role("button", name=verb, exact=True).click()
        page.get_by_role("button", name="Now").click()
        expect(page.locator(".toast")).to_contain_text(f"{verb}: engine {engine}.")

    act("Pause")
    expect(row).to_contain_text("paused")
    assert findings(page) == []
    start(site, "flows:report", "--", "--day", "held")
    held = newest(site.project, "report")
    assert json.loads(podium(site.project, "show", held, "--json"))["state"] == "queued"
    act("Resume")
    expect(row).to_contain_text("alive")
    wait_for_state(site.project, held, "succeeded")
    expect(row.get_by_role("button", name="Drain…")).to_be_visible()


def test_what_needs_a_person_is_on_the_first_page(opened: Opener, site: Site) -> None:
    start(site, "flows:refund", "--", "--amount", "4711")
    asking = newest(site.project, "refund")
    page = opened("/")
    need = page.locator(".todo li").filter(has_text="Refund 4711?")
    expect(need).to_contain_text(asking)
    need.get_by_role("link", name="Answer…").click()
    page.wait_for_url("**/waiting")
    page = opened(f"/runs/{asking}")
    page.locator(".acts").get_by_role("link", name="Answer…").click()
    page.wait_for_url("**/waiting")
    podium(site.project, "cancel", asking)
    page = opened("/")
    expect(page.locator(".figs")).to_be_visible()
    expect(page.locator(".todo li").filter(has_text="Refund 4711?")).to_have_count(0)


def test_a_recorded_object_is_shown_as_what_it_is(opened: Opener, site: Site) -> None:
    podium(site.project, "run", "-q", "flows:buy", "--", "--order", '{"sku": "lamp", "amount": 3}')
    page = opened(f"/runs/{newest(site.project, 'buy')}#data")
    expect(page.locator("main .tree summary").first).to_have_text("order Order, 2")
    expect(page.locator("main")).not_to_contain_text("!dataclass")
    page.get_by_role("button", name="Copy as").click()
    elsewhere = page.get_by_role("dialog")
    expect(elsewhere).to_contain_text("""--order '{"sku":"lamp","amount":3}'""")
    expect(elsewhere).not_to_contain_text("!dataclass")


def test_what_is_drawn_in_place_of_a_graph_has_none_of_its_sizes(opened: Opener, site: Site) -> None:
    page = opened(f"/runs/{site.runs['fan']}#logs")
    settle(page)
    empty = page.locator(".empty")
    expect(empty).to_contain_text("It has said nothing")
    tall = empty.evaluate("e => e.offsetHeight")
    page.keyboard.press("e")
    expect(page.locator(".graph .gn").first).to_be_visible()
    page.keyboard.press("l")
    expect(empty).to_be_visible()
    assert empty.evaluate("e => e.offsetHeight") == tall


def test_how_long_ago_it_ended_goes_on(opened: Opener, site: Site) -> None:
    podium(site.project, "run", "-q", "flows:report", "--", "--day", "fresh")
    page = opened(f"/runs/{newest(site.project, 'report')}")
    page.clock.install()
    page.reload()
    expect(page.locator(".says")).to_contain_text("It succeeded")
    page.clock.fast_forward(90_000)
    expect(page.locator(".says")).to_contain_text("It succeeded 1 min ago; nothing more")


def test_a_series_is_drawn_and_listed(opened: Opener, site: Site) -> None:
    page = opened("/series")
    chart = page.get_by_role("img", name=re.compile("scale.kg: 40 points"))
    expect(chart).to_be_visible()
    page.get_by_text("As a table").click()
    expect(page.get_by_role("region", name="Points as a table")).to_contain_text("46")


def test_what_a_run_has_published_and_streamed_is_read(opened: Opener, site: Site) -> None:
    page = opened(f"/runs/{newest(site.project, 'weighs')}#data")
    settle(page)
    expect(page.get_by_role("region", name="Published", exact=True)).to_contain_text("weighing")
    page.get_by_role("button", name="readings 40").click()
    stream = page.get_by_role("log", name="Stream readings")
    expect(stream.locator("> div")).to_have_count(40)
    expect(stream).to_contain_text("reading 39")
    assert findings(page) == []


def test_a_day_without_its_run_is_backfilled_from_the_calendar(opened: Opener, site: Site) -> None:
    page = opened("/schedules")
    calendar = page.get_by_role("region", name="Calendar")
    month = calendar.locator("h2").inner_text()
    calendar.get_by_role("button", name="Earlier").click()
    expect(calendar.locator("h2")).not_to_have_text(month)
    before = calendar.locator(".day.s-late").count()
    calendar.locator(".day.s-late").first.click()
    dialog = page.get_by_role("dialog")
    expect(dialog).to_contain_text("1 run would be started.")
    dialog.get_by_role("button", name="Start 1 run").click()
    page.locator(".toast").get_by_role("button", name="Now").click()
    expect(calendar.locator(".day.s-late")).to_have_count(before - 1)


def test_a_viewer_is_offered_no_actions_and_told_why(opened: Opener, site: Site) -> None:
    secret = "v" * 43
    with (site.project / ".podium" / "podium.db-token").open("a") as tokens:
        tokens.write(f"viewer guest {secret}\n")
    why = "Your token is a viewer's"
    page = opened("/schedules", link=f"{site.origin}/?token={secret}")
    expect(page.locator("main")).to_contain_text(why)
    expect(page.get_by_role("button", name="Pause…")).to_have_count(0)
    for path in (f"/runs/{site.runs['check']}", "/failures", "/workflows?w=check", "/queues"):
        page.goto(site.origin + path)
        expect(page.locator("main")).to_contain_text(why)
        expect(page.get_by_role("button", name=re.compile("^(Retry|Start|Limits|Pause)"))).to_have_count(0)


def test_all_that_a_query_finds_is_cancelled_by_the_count_that_was_shown(opened: Opener, site: Site) -> None:
    for _ in range(2):
        start(site, "--tag", "sleepers", "flows:later")
    page = opened("/runs?q=tag:sleepers")
    expect(page.locator("#runs tbody tr")).to_have_count(2)
    page.get_by_role("button", name="Cancel all…").click()
    dialog = page.get_by_role("dialog")
    expect(dialog).to_contain_text("podium cancel tag:sleepers")
    dialog.get_by_role("button", name="Cancel 2 runs").click()
    page.locator(".toast").get_by_role("button", name="Now").click()
    expect(page.locator("#runs tbody tr td:nth-child(2)")).to_have_text(["cancelled", "cancelled"])


def test_a_question_is_answered_by_the_form_of_its_type(opened: Opener, site: Site) -> None:
    start(site, "flows:refund")
    run = newest(site.project, "refund")
    page = opened("/waiting")
    question = page.get_by_role("region", name=f"Refund 120? {run}")
    expect(question).to_contain_text("to ops")
    expect(question).to_contain_text("What it is about")
    expect(question.locator(".tree")).to_contain_text("<b>broken</b>")
    assert findings(page) == []
    question.get_by_role("button", name="Yes").click()
    expect(page.get_by_role("dialog")).to_contain_text(f"podium answer {run} true")
    page.get_by_role("dialog").get_by_role("button", name="Yes", exact=True).click()
    page.locator(".toast").get_by_role("button", name="Now").click()

    question = page.get_by_role("region", name=f"In which way? {run}")
    expect(question).to_be_visible()
    assert findings(page) == []
    question.get_by_label("approve").select_option("true")
    question.get_by_label("reason").fill("known customer")
    question.get_by_role("button", name="Answer…").click()
    page.get_by_role("dialog").get_by_role("button", name="Answer", exact=True).click()
    page.locator(".toast").get_by_role("button", name="Now").click()
    expect(question).to_have_count(0)
    wait_for_state(site.project, run, "succeeded")
    assert json.loads(podium(site.project, "show", run, "--json"))["result"] == "True known customer"
