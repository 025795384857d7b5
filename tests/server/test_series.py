"""Series over HTTP: what there is, and one of them in as many stretches as a chart has room for."""

from __future__ import annotations

from pathlib import Path

import podium
from podium import App, task, workflow
from tests.server.conftest import serving


@task
def measured(values: list[float]) -> None:
    for n, value in enumerate(values):
        podium.measure("machine/heat", value, place=str(n % 2))


@workflow
def measures(values: list[float]) -> None:
    measured(values)


def test_series_are_listed_and_shown_in_bins(tmp_path: Path) -> None:
    with App(tmp_path / "podium.db") as app, serving(app, tmp_path) as server:
        measures.options(id="m").run([1.0, 2.0, 3.0, 10.0])
        [item] = server.ask("/api/series").json["items"]
        assert (item["name"], item["count"], item["value"]) == ("machine/heat", 4, 10.0)
        found = server.ask("/api/series/machine/heat?bins=1").json
        [only] = found["bins"]
        assert (only["count"], only["mean"], only["low"], only["high"]) == (4, 4.0, 1.0, 10.0)
        assert (found["count"], found["last"], found["last_run"]) == (4, 10.0, "m")
        assert server.ask("/api/series/machine/heat?tag=place=1").json["count"] == 2
        assert server.ask("/api/series/machine/heat?since=today&bins=2000").json["count"] == 4
        assert server.ask("/api/series/cold").status == 404
        assert server.ask("/api/series/machine/heat?tag=place").status == 400
        assert server.ask("/api/series/machine/heat?since=noon").status == 400
        assert server.ask("/api/series/machine/heat?bins=0").status == 400
