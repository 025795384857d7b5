"""Words by several workers, of which one is added and one killed in the middle; on every backend alike."""

from __future__ import annotations

from pathlib import Path

import pytest

from examples.wordcount import words
from examples.wordcount.flow import PORTION, TOP
from podium import App
from podium.model import Kind, Query
from tests.examples.support import program, said
from tests.waiting import until

NAME = "examples.wordcount"
PAGES, WORDS = 6 * PORTION, 12_000  # enough for a kill to come in the middle


@pytest.fixture
def site(tmp_path: Path) -> Path:
    """Pages of which each has a word of its own; a script is no text."""
    folder = tmp_path / "site"
    folder.mkdir()
    for n in range(PAGES):
        own = f"word{chr(97 + n // 26)}{chr(97 + n % 26)}"
        page = f"<p>{'The <b>th</b>e ' * (WORDS // 2)}{own}</p><script>the the</script>"
        (folder / f"{n:03}.html").write_text(page)
    return folder


@pytest.mark.parametrize("on", ["threads", "processes"])
def test_podium_s_own_pages_are_the_default_and_counted_alike_everywhere(tmp_path: Path, on: str) -> None:
    docs = Path(__file__).parents[2] / "docs"
    total = words.combined(map(words.count, words.pages(str(docs))))
    text = said(tmp_path, NAME, "--on", on)
    assert f" {sum(total.values()):,} tokens, {len(total):,} distinct" in text
    assert len(text.splitlines()) == 1 + TOP


def counted(app: App) -> list[str]:
    """The pages whose counts are on record, by run and step."""
    return [
        f"{row.id}{entry.step}"
        for row in app.store.find(Query(limit=100))
        for entry in app.store.history(row.id)
        if entry.kind is Kind.RESULT and "count" in entry.step
    ]


@pytest.fixture
def store(tmp_path: Path) -> str:
    """Where the runs are."""
    return str(tmp_path / "podium.db")


def test_a_worker_is_added_and_one_is_killed_and_no_page_is_counted_twice(
    tmp_path: Path, site: Path, store: str
) -> None:
    worker = ("podium", "worker", "examples.wordcount.flow")
    settings = {"PODIUM_URL": store, "PODIUM_PROJECT": "words"}
    with App(store, drives="nothing", starter="") as app:
        workers = [program(tmp_path, *worker, **settings) for _ in range(2)]
        until(lambda: len(app.store.engines()) == 2)
        asking = program(tmp_path, NAME, str(site), PODIUM_ENGINE="off", **settings)
        portions = Query(function="examples.wordcount.flow:portion", limit=PAGES)
        until(lambda: any(row.entries for row in app.store.find(portions)))  # one query: it is soon over
        workers[0].kill()
        assert len(counted(app)) < PAGES, "it is killed in the middle"
        workers.append(program(tmp_path, *worker, **settings))
        out, _ = asking.communicate(timeout=60)
        assert f"{PAGES} pages, {PAGES * (WORDS + 1):,} tokens, {PAGES + 1} distinct" in out
        assert len(counted(app)) == len(set(counted(app))) == PAGES
    for process in workers:
        process.terminate()
        process.communicate(timeout=60)
