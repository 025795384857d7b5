"""The feed of what changes: nothing that is committed once it has begun goes untold."""

from __future__ import annotations

import threading
from pathlib import Path

import pytest

from podium import App
from podium.client import Feed, FeedEvent
from podium.client import feed as feeds
from podium.model import Message, NewRun, Write
from podium.store.sqlite import rows as records


def start(app: App, id: str) -> None:
    app.store.commit(
        None, [Write(new_runs=(NewRun(id=id, function="app:report", args=b"{}", digest=b"", at=1.0),))]
    )


def told(feed: Feed, place: str, id: str) -> FeedEvent:
    """The event of a run."""
    news = threading.Event()
    with feed.listening(news.set):
        while True:
            for event in feed.after(place).events:
                if event.topic == "run" and id.encode() in event.data:
                    return event
            assert news.wait(10)
            news.clear()


def test_what_is_committed_before_anybody_listens_is_told(tmp_path: Path) -> None:
    with App(tmp_path / "podium.db", drives="nothing") as app:
        feed = Feed(app)
        try:
            assert feed.has_begun(10)
            place = feed.place()
            start(app, "first")
            assert told(feed, place, "first")
            start(app, "while-nobody-listens")
            assert told(feed, place, "while-nobody-listens").n > told(feed, place, "first").n
        finally:
            feed.close()


def test_a_look_reads_no_arguments_and_no_results(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with App(tmp_path / "podium.db", drives="nothing") as app:
        start(app, "old")
        looker = feeds._Looker(app.url)
        try:
            whole: list[object] = []
            read = records.run_row
            monkeypatch.setattr(records, "run_row", lambda *row: whole.append(row) or read(*row))
            assert list(looker.look()) == []
            start(app, "new")
            app.store.commit(None, [Write(messages=(Message("m1", "old", "signal", 2.0, b""),))])
            assert {data["id"] for _, data in looker.look()} == {"old", "new"}
            assert not whole
        finally:
            looker.close()


def test_a_place_from_before_it_began_is_not_known(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    may_begin = threading.Event()
    looker = feeds._Looker

    def held(url: str) -> object:
        may_begin.wait(10)
        return looker(url)

    monkeypatch.setattr(feeds, "_Looker", held)
    with App(tmp_path / "podium.db", drives="nothing") as app:
        feed = Feed(app)
        try:
            early = feed.place()
            assert not feed.has_begun(0)
            may_begin.set()
            assert feed.has_begun(10)
            assert feed.after(early).reset
            assert not feed.after(feed.place()).reset
        finally:
            feed.close()
