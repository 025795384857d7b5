"""Queues over HTTP: how full they are, and their limits set."""

from __future__ import annotations

from pathlib import Path

from podium import App, Queue, task
from tests.server.conftest import serving

BUSY = Queue("busy", concurrency=4, rate="100/m")


@task(queue=BUSY)
def works(n: int) -> int:
    return n


def test_a_queue_is_shown_limited_paused_and_let_go_on(tmp_path: Path) -> None:
    with App(tmp_path / "podium.db") as app, serving(app, tmp_path) as server:
        assert works.run(1) == 1
        [queue] = [each for each in server.ask("/api/queues").json["items"] if each["name"] == "busy"]
        assert (queue["concurrency"], queue["rate"], queue["set_by"]) == (4, "100/m", None)
        changed = server.ask("/api/queues/busy/set", "POST", {"concurrency": 2}).json
        assert (changed["concurrency"], changed["rate"], changed["declared_concurrency"]) == (2, "100/m", 4)
        assert changed["set_by"]
        assert server.ask("/api/queues/busy/set", "POST", {"rate": "none"}).json["rate"] == ""
        assert server.ask("/api/queues/busy/pause", "POST", {}).json["paused"] is True
        assert server.ask("/api/queues/busy/resume", "POST", {}).json["paused"] is False
        back = server.ask("/api/queues/busy/set", "POST", {"from_code": True}).json
        assert (back["concurrency"], back["rate"], back["set_by"]) == (4, "100/m", None)
        assert server.ask("/api/queues/none/pause", "POST", {}).status == 404
        assert server.ask("/api/queues/busy/set", "POST", {"rate": "often"}).status == 400
        for refused in ("few", "0", "1" * 20, "1" * 5000):
            assert server.ask("/api/queues/busy/set", "POST", {"concurrency": refused}).status == 400
        assert server.ask("/api/queues/busy/set", "POST", {"rate": "9" * 5000 + "/m"}).status == 400
        assert server.ask("/api/queues/busy/set", "POST", {}).status == 400
