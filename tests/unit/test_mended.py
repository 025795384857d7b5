"""Which parked runs a script that is run again takes up."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import msgspec
import pytest

from podium.engine import mended
from podium.engine.mended import stuck_below, to_take_up
from podium.model import Query, Reason, RunStanding, State

FUNCTIONS: Any = {"app:f": SimpleNamespace(fingerprint="now"), "app:g": SimpleNamespace(fingerprint="now")}
TOP: Any = SimpleNamespace(id="r", parent="", root="")


def parked(
    id: str, function: str = "app:f", code: str = "E216", fingerprint: str = "then", parent: str = "r"
) -> Any:
    """A run that is parked in the family of r."""
    reason = msgspec.json.encode(Reason(code, "said"))
    return SimpleNamespace(
        id=id, root="r", parent=parent, token=3, function=function, fingerprint=fingerprint, payload=reason,
        place=(1.0, id),
    )  # fmt: skip


def store_of(*rows: Any) -> Any:
    """Finds these in the family of r, from the last to the first."""

    def find(query: Query) -> list[Any]:
        if not query.roots or "r" not in query.roots:
            return []
        assert query.states == frozenset({State.PARKED})
        at = 0 if query.before is None else [row.place for row in rows].index(query.before) + 1
        return list(rows[at : at + query.limit])

    standings = [
        RunStanding(id, "app:f", state, token=1, entries=0, logs=0, due=None, inbox=0, created=0.0)
        for id, state in (
            ("r", State.WAITING),
            ("p", State.PARKED),
            ("w", State.WAITING),
            ("e", State.FAILED),
        )
    ]
    return SimpleNamespace(find=find, standings=lambda ids: [one for one in standings if one.id in ids])


def test_what_this_process_has_other_code_for_or_did_not_fit_is_tried_again_by_that() -> None:
    store = store_of(
        parked("other code"),
        parked("this code", fingerprint="now"),
        parked("misfit", code="E204", fingerprint="now"),
        parked("paused", code="E217"),
        parked("not ours", function="app:elsewhere"),
    )
    found, stay = stuck_below(store, FUNCTIONS, TOP, 7.0)
    assert [id for id, _ in found] == ["other code", "misfit"]
    assert [row.id for row in stay] == ["this code", "paused", "not ours"]
    for id, again in found:
        assert again.move is not None
        assert (again.move.state, again.move.due, again.move.fingerprint) == (State.WAITING, 7.0, "now")
        assert again.fence is not None
        assert (again.fence.run, again.fence.token) == (id, 3)


def test_what_is_parked_beside_a_run_is_no_matter_of_who_comes_to_that() -> None:
    child: Any = SimpleNamespace(id="c", parent="r", root="r")
    store = store_of(parked("beside"), parked("c", parent="r"), parked("below", parent="c"))
    found, stay = stuck_below(store, FUNCTIONS, child, 7.0)
    assert ([id for id, _ in found], stay) == (["below"], [])


def test_a_large_family_is_read_page_by_page(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(mended, "PAGE", 2)
    for count in (2, 3):
        rows = [parked(f"c{n}") for n in range(count)]
        assert len(stuck_below(store_of(*rows), FUNCTIONS, TOP, 7.0)[0]) == count


def test_of_runs_that_a_batch_came_to_those_are_taken_up_that_are_parked_or_wait_for_such() -> None:
    ids = ["r", "p", "w", "e", "gone"]
    mended_child, paused_child = parked("c"), parked("c", code="E217")
    assert to_take_up(store_of(mended_child), FUNCTIONS, ids) == ({("r", "app:f"), ("p", "app:f")}, [])
    assert to_take_up(store_of(paused_child), FUNCTIONS, ids) == ({("p", "app:f")}, [paused_child])
    assert to_take_up(store_of(), FUNCTIONS, ["e"]) == (set(), [])
