"""`@task(cache=...)`: a result on record stands for an equal call of the same code, and tells its source."""

from __future__ import annotations

import logging
from collections.abc import Iterator
from pathlib import Path

import pytest

from podium import App, UsageError, task
from podium.model import Kind, taken_from
from tests.cli.support import podium
from tests.embedded import cached as flows

LINES: list[str] = []  # of the bodies that were called


class _Lines(logging.Handler):
    def emit(self, record: logging.LogRecord) -> None:
        LINES.append(record.getMessage())


@pytest.fixture(autouse=True)
def _lines() -> Iterator[None]:
    LINES.clear()
    flows.log.addHandler(handler := _Lines())
    yield
    flows.log.removeHandler(handler)


def sources(app: App, run: str) -> list[str]:
    """Where the results of a run are from: "" of what was computed."""
    entries = [entry for entry in app.history(run) if entry.kind is Kind.RESULT]
    return [source.run if (source := taken_from(entry.name)) else "" for entry in entries]


def test_equal_calls_are_computed_once_however_their_arguments_were_given(app: App) -> None:
    first = flows.calls.start(4)
    assert first.result() == [8, 8, 8]
    assert LINES == ["doubled 4 0"]
    assert sources(app, first.id) == ["", first.id, first.id]
    second = flows.calls.start(4)
    assert second.result() == [8, 8, 8]
    assert sources(app, second.id) == [first.id] * 3
    assert flows.calls.run(5) == [10, 10, 10]
    assert LINES == ["doubled 4 0", "doubled 5 0"]


def test_in_maps_and_by_a_task_of_its_own_and_in_another_process(app: App) -> None:
    assert flows.squares.run([1, 2, 3]) == [1, 4, 9]
    assert flows.squares.run([2, 3, 4]) == [4, 9, 16]
    assert sorted(LINES) == ["squared 1", "squared 2", "squared 3", "squared 4"]
    assert flows.squared.run(4) == 16
    assert len(LINES) == 4
    assert flows.in_a_process.run(1) == flows.in_a_process.run(1) != flows.in_a_process.run(2)


def test_other_code_other_globals_and_another_version_compute_anew(
    app: App, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert flows.calls.run(4) == [8, 8, 8]
    monkeypatch.setattr(flows, "FACTOR", 3)  # read by a function that the task calls
    assert flows.calls.run(4) == [12, 12, 12]
    monkeypatch.setattr(flows.helps, "__code__", (lambda n: n - 1).__code__)
    assert flows.calls.run(4) == [3, 3, 3]
    assert len(LINES) == 3
    monkeypatch.undo()
    assert flows.calls.run(4) == [8, 8, 8]
    assert len(LINES) == 3


def test_refresh_computes_anew_and_that_stands_from_then_on(app: App) -> None:
    flows.calls.run(4)
    run = flows.anew.start(4)
    assert run.result() == 8
    assert len(LINES) == 2
    again = flows.calls.start(4)
    again.result()
    assert sources(app, again.id) == [run.id] * 3
    with pytest.raises(UsageError, match="outside of a workflow"):
        flows.doubled.options(refresh=True)


def test_a_failure_stands_for_nothing(app: App, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("FAILS", "yes")
    with pytest.raises(ValueError, match="no"):
        flows.fallible.run(1)
    monkeypatch.delenv("FAILS")
    assert flows.fallible.run(1) == 1
    assert flows.fallible.run(1) == 1
    assert LINES == ["fails 1"] * 2


def test_a_result_is_too_old_by_when_it_was_computed(app: App, monkeypatch: pytest.MonkeyPatch) -> None:
    now = app.env.now
    day = 86_400.0
    flows.squares.run([7])
    monkeypatch.setattr(type(app.env), "now", lambda self: now() + 29 * day)
    flows.squares.run([7])
    assert LINES == ["squared 7"]
    monkeypatch.setattr(type(app.env), "now", lambda self: now() + 31 * day)
    flows.squares.run([7])  # though it was taken over two days ago
    assert LINES == ["squared 7"] * 2


def test_values_by_reference_are_results_and_arguments(app: App) -> None:
    assert [flows.by_reference.run(10) for _ in range(2)] == [45, 45]
    assert LINES == ["array 10", "summed"]


def test_a_result_whose_value_is_gone_is_computed_anew(app: App, store: Path) -> None:
    assert flows.by_reference.run(10) == 45
    for lain in app.store.depot.all():
        lain.path.unlink()
    assert flows.by_reference.run(10) == 45
    assert LINES == ["array 10", "summed", "array 10"]
    (lain,) = app.store.depot.all()


def test_a_result_whose_value_is_damaged_is_computed_anew_and_mended(app: App, store: Path) -> None:
    assert flows.by_reference.run(10) == 45
    (lain,) = app.store.depot.all()
    whole = lain.path.read_bytes()
    lain.path.chmod(0o600)
    lain.path.write_bytes(whole[:-8])
    assert flows.by_reference.run(10) == 45
    assert LINES == ["array 10", "summed", "array 10"]
    assert lain.path.read_bytes() == whole


def test_the_order_of_a_dict_is_told_apart(app: App) -> None:
    for value in ({"a": 1, "b": 2}, {"b": 2, "a": 1}) * 2:
        assert flows.as_written.run(value) == repr(value)
    assert len(LINES) == 2


def test_show_says_where_a_result_is_from(app: App, store: Path) -> None:
    first, second = flows.calls.start(1), None
    first.result()
    second = flows.calls.start(1)
    second.result()
    shown = podium("show", second.id, "--all", "--store", str(store)).stdout
    assert shown.count(f"cached: from {first.id}, entry 1") == 3


@pytest.mark.parametrize(
    "option", [{"once": True}, {"verify": lambda key: None}, {"undo": lambda result: None}]
)
def test_what_has_an_effect_has_no_cache(option: dict[str, object]) -> None:
    with pytest.raises(UsageError, match="what has an effect is not left out"):
        task(flows.told, name="told", cache=True, **option)


def test_what_cannot_be_is_refused_where_it_is_declared() -> None:
    with pytest.raises(UsageError, match="without cache="):
        task(flows.told, name="told", version="2")

    def opens(lock: object = object()) -> None: ...

    with pytest.raises(UsageError, match="of its defaults"):
        task(opens, name="opens", cache=True)
