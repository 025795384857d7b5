"""The example on clusters: the same numbers as without, though a worker is killed in the middle."""

from __future__ import annotations

from pathlib import Path

from examples.wordcount import words
from examples.wordcount.flow import COUNT, wordcount
from podium import App
from podium.model import Kind, Query
from tests.cluster.conftest import PATIENCE, DaskCluster
from tests.cluster.programs import KINDS
from tests.waiting import until

DOCS = Path(__file__).parents[2] / "docs"


def counted(app: App) -> list[str]:
    """The pages whose counts are on record, by run and step."""
    return [
        f"{row.id}{entry.step}"
        for row in app.store.find(Query(function="examples.wordcount.flow:portion", limit=100))
        for entry in app.store.history(row.id)
        if entry.kind is Kind.RESULT
    ]


def test_words_are_counted_alike_though_a_worker_is_killed(app: App, kind: str, dask: DaskCluster) -> None:
    assert set(KINDS) <= set(COUNT)
    run = wordcount.start(str(DOCS), kind)
    until(lambda: counted(app), seconds=PATIENCE)
    if kind == "dask":
        dask.kill_a_worker()
    report = run.result(timeout=2 * PATIENCE)
    total = words.combined(map(words.count, words.pages(str(DOCS))))
    assert (report.tokens, report.distinct) == (sum(total.values()), len(total))
    assert len(counted(app)) == len(set(counted(app))) == report.pages
