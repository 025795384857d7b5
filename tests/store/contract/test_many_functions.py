"""Claims of an engine with many functions, where something waits of few of them, or of more than it has."""

from __future__ import annotations

from collections.abc import Sequence

import pytest

from podium.store import Store
from tests.store.words import engine, queue

MANY = {f"app:flow{n}": "v1" for n in range(40)}
PROJECTS = dict.fromkeys(MANY, "shop")


def claimed(store: Store, runs: Sequence[str] | None = None) -> list[str]:
    return [head.id for head in store.claim("e1", MANY, 1000, 99.0, runs, PROJECTS).heads]


@pytest.fixture(params=[0, 500], ids=["in a short line", "in a long line"])
def line(store: Store, request: pytest.FixtureRequest) -> Store:
    """A store in which runs of so many functions wait that the engine does not have."""
    for n in range(request.param):
        queue(store, f"unknown{n}", function=f"lib:other{n}", project="shop")
    return store


def test_a_claim_finds_its_own_among_what_waits(line: Store) -> None:
    queue(line, "no project", function="app:flow39", at=3.0)
    queue(line, "ours", function="app:flow0", fingerprint="v1", project="shop", at=4.0)
    queue(line, "of another project", function="app:flow0", fingerprint="v1", project="bar")
    assert claimed(line) == ["no project", "ours"]
    assert line.claim("e1", MANY, 1000, 99.0, None, PROJECTS).next_due is None


def test_a_claim_leaves_code_that_another_engine_has(line: Store) -> None:
    line.announce(engine("e2", functions={"app:flow3": "v2"}))
    queue(line, "theirs", function="app:flow3", fingerprint="v2", project="shop")
    queue(line, "gone", function="app:flow3", fingerprint="v0", project="shop")
    assert claimed(line) == ["gone"]
    line.retire("e2")
    assert claimed(line) == ["theirs"]


def test_a_claim_by_name_is_of_whatever_project(line: Store) -> None:
    queue(line, "named", function="app:flow8", fingerprint="v1", project="bar")
    queue(line, "later", function="app:flow9", fingerprint="v1", due=200.0)
    queue(line, "not named", function="app:flow8", fingerprint="v1", project="shop")
    queue(line, "unknown", function="lib:other", project="shop")
    found = line.claim("e1", MANY, 1000, 99.0, ["named", "later", "unknown"], PROJECTS)
    assert ([head.id for head in found.heads], found.next_due) == (["named"], 200.0)
