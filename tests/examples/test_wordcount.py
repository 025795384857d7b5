"""Words by several workers, of which one is added and one killed in the middle; on every backend alike."""

from __future__ import annotations

import errno
import os
from functools import partial
from pathlib import Path

import pytest

from examples.wordcount import words
from examples.wordcount.flow import PORTION, TOP
from podium import App
from podium.model import Kind, Query
from tests.examples.support import program, said
from tests.waiting import until

NAME = "examples.wordcount"
PAGES, WORDS = 6 * PORTION, 120


def page(n: int) -> str:
    """A page that has a word of its own; a script is no text."""
    own = f"word{chr(97 + n // 26)}{chr(97 + n % 26)}"
    return f"<p>{'The <b>th</b>e ' * (WORDS // 2)}{own}</p><script>the the</script>"


@pytest.fixture
def site(tmp_path: Path) -> Path:
    """Pages of which the last of each portion is a pipe: whoever reads it waits until `release` writes it."""
    folder = tmp_path / "site"
    folder.mkdir()
    for n in range(PAGES):
        if (n + 1) % PORTION:
            (folder / f"{n:03}.html").write_text(page(n))
        else:
            os.mkfifo(folder / f"{n:03}.html")
    return folder


def release(site: Path) -> None:
    """Write the pages that are pipes, each as soon as it is read."""
    for n in range(PORTION - 1, PAGES, PORTION):
        with open(until(partial(pipe, site / f"{n:03}.html")), "w") as reader:
            reader.write(page(n))


def pipe(path: Path) -> int | None:
    """The end to write to, or None as long as nobody reads it."""
    try:
        return os.open(path, os.O_WRONLY | os.O_NONBLOCK)
    except OSError as error:
        if error.errno != errno.ENXIO:
            raise
        return None


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
        begun = until(lambda: [row for row in app.store.find(portions) if row.entries])[0]
        (owner,) = (engine.pid for engine in app.store.engines() if engine.id == begun.owner)
        killed = next(each for each in workers if each.pid == owner)
        killed.kill()
        killed.communicate(timeout=60)
        workers.append(program(tmp_path, *worker, **settings))
        release(site)
        out, _ = asking.communicate(timeout=60)
        assert f"{PAGES} pages, {PAGES * (WORDS + 1):,} tokens, {PAGES + 1} distinct" in out
        assert len(counted(app)) == len(set(counted(app))) == PAGES
        assert app.store.losses(begun.id), "it was killed in the middle"
    for process in workers:
        process.terminate()
        process.communicate(timeout=60)
