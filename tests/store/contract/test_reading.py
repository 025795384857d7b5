"""Reading: histories in pages, runs newest first, and what one handle sees of another's commits."""

from __future__ import annotations

from collections.abc import Iterable

import pytest

from podium.errors import StoreRefused
from podium.model import Entry, Kind, Outcome, Query, RunRow, RunStanding, State, Write
from podium.store import Store
from tests.store.conftest import Opener
from tests.store.words import FLOW, commit, fenced, message, move, new, own, queue, result


def ids(store: Store, **query: object) -> list[str]:
    return [found.id for found in store.find(Query(**query))]


def test_a_history_reads_back_as_it_was_written(store: Store) -> None:
    own(store, "r1")
    entries = tuple(
        Entry(
            seq=seq,
            kind=kind,
            at=1e9 + seq / 3,
            step=f"0.1/app:ünï#{seq}",
            digest=b"\0\xff",
            payload=b"\0" * seq,
            began=1e9 + seq / 7,
            attempt=seq,
            due=None if seq % 2 else 2e9,
            module="app.flows",
            name="signal:go",
            policy=None if seq % 2 else seq,
        )
        for seq, kind in enumerate(Kind, 1)
    )
    taken = next(entry.step for entry in entries if entry.kind is Kind.MESSAGE)
    commit(store, Write(messages=(message(taken),)))
    assert commit(store, fenced(entries=entries))[0].outcome is Outcome.DONE
    assert tuple(store.history("r1")) == entries
    assert all(isinstance(entry.kind, Kind) for entry in store.history("r1"))


def test_a_history_comes_in_pages(store: Store) -> None:
    own(store, "r1", "r2")
    for seq in range(1, 11):  # interleaved, as runs of one process are
        commit(store, fenced("r1", entries=(result(seq),)), fenced("r2", entries=(result(seq),)))
    pages = [[entry.seq for entry in store.history("r1", after, 4)] for after in (0, 4, 8, 12)]
    assert pages == [[1, 2, 3, 4], [5, 6, 7, 8], [9, 10], []]
    assert store.history("nobody") == []


def test_an_unknown_run_is_none(store: Store) -> None:
    assert store.load("nobody") is None


def test_runs_are_found_newest_first_whatever_their_ids(store: Store) -> None:
    for at, id in enumerate(["b", "order-17", "a"]):
        queue(store, id, at=float(at))
    assert ids(store) == ["a", "order-17", "b"]
    assert store.find(Query(limit=1)) == [store.load("a")]


def test_find_pages_backwards_from_a_run(store: Store) -> None:
    for n in range(5):
        queue(store, f"r{n}", at=1.0 + n // 2)  # some in the same instant
    assert ids(store, limit=2) == ["r4", "r3"]
    assert ids(store, limit=2, before="r3") == ["r2", "r1"]
    assert ids(store, limit=2, before="r1") == ["r0"]
    assert ids(store, before="nobody") == []


def test_find_narrows_by_state_function_and_part_of_the_id(store: Store) -> None:
    own(store, "0abc1", "0abd2", "0b%_3")
    queue(store, "0abc4", function="app:other")
    move(store, "0abd2", State.FAILED)
    assert ids(store, states=frozenset({State.FAILED, State.QUEUED})) == ["0abc4", "0abd2"]
    assert ids(store, states=frozenset()) == []
    assert ids(store, function=FLOW) == ["0b%_3", "0abd2", "0abc1"]
    assert ids(store, id_prefix="0abc") == ["0abc4", "0abc1"]
    assert ids(store, id_prefix="0b%_") == ["0b%_3"]
    assert ids(store, id_prefix="%") == ids(store, id_suffix="_") == []
    assert ids(store, id_suffix="c4") == ["0abc4"]
    assert ids(store, id_suffix="") == ids(store, id_prefix="") == ids(store)
    everything = {"states": frozenset({State.RUNNING}), "function": FLOW, "id_prefix": "0a", "id_suffix": "1"}
    assert ids(store, **everything, before="0abc4") == ["0abc1"]


def test_find_narrows_by_pieces_of_function_tags_and_id(store: Store) -> None:
    queue(store, "a-1", function="app:daily", tags=("red", "nightly"))
    queue(store, "b-daily", function="lib:weekly", tags=("blue",))
    queue(store, "c-3", function="app:daily_report%")
    assert ids(store, functions=frozenset({"app:daily", "lib:weekly"})) == ["b-daily", "a-1"]
    assert ids(store, functions=frozenset({"daily"})) == ids(store, functions=frozenset()) == []
    assert ids(store, tag="nightly") == ["a-1"]
    assert ids(store, tag="night") == ids(store, tag="nightly", id_prefix="b") == []
    assert ids(store, tag="nightly", id_prefix="a") == ["a-1"]
    assert ids(store, any_has="daily") == ["c-3", "b-daily", "a-1"]
    assert ids(store, any_has="blue") == ["b-daily"]
    assert ids(store, any_has="daily", id_prefix="b", limit=1) == ["b-daily"]


@pytest.mark.parametrize("few", [2000, 0])
def test_find_narrows_by_the_families_that_runs_are_of(
    store: Store, monkeypatch: pytest.MonkeyPatch, few: int
) -> None:
    """Whether few runs are in the states that are asked for, or these are looked for in the families."""
    monkeypatch.setattr("podium.store.sqlite.finding._FEW", few)
    own(store, "top", "other", "alone")
    queue(store, "child", parent="top", root="top")
    queue(store, "grandchild", parent="child", root="top")
    queue(store, "stranger", parent="other", root="other")
    move(store, "top", State.FAILED)
    unfinished = frozenset({State.QUEUED, State.RUNNING})
    assert ids(store, roots=frozenset({"top"})) == ["grandchild", "child"]
    assert ids(store, roots=frozenset({"top", "other", "gone"}), limit=2) == ["stranger", "grandchild"]
    assert ids(store, roots=frozenset({"top", "other"}), before="stranger") == ["grandchild", "child"]
    assert ids(store, roots=frozenset({"top"}), states=unfinished) == ["grandchild", "child"]
    assert ids(store, roots=frozenset({"top"}), states=frozenset({State.FAILED})) == []
    assert ids(store, roots=frozenset({"alone", "child"})) == ids(store, roots=frozenset()) == []
    assert [one.id for one in store.standings(Query(roots=frozenset({"other"})))] == ["stranger"]


def test_find_narrows_by_times_from_and_until(store: Store) -> None:
    for n in range(4):
        queue(store, f"r{n}", at=10.0 * n)
    own(store, "now", at=40.0)
    move(store, "now", State.FAILED, at=45.0)
    assert ids(store, created=(10.0, 30.0)) == ["r2", "r1"]
    assert ids(store, created=(float("-inf"), 10.0)) == ["r0"]
    assert ids(store, created=(10.0, 30.0), before="r2") == ["r1"]
    assert ids(store, created=(10.0, 30.0), before="r3", limit=1) == ["r2"]
    assert ids(store, created=(10.0, 30.0), id_prefix="r1") == ["r1"]
    assert ids(store, started=(0.0, float("inf"))) == ["now"], "what has not begun is in no span"
    assert ids(store, ended=(45.0, 46.0)) == ["now"]
    assert ids(store, ended=(float("-inf"), 45.0)) == []


def test_every_handle_sees_a_commit_that_has_returned(store: Store, reopen: Opener) -> None:
    other = reopen()
    other.migrate()
    own(store, "r1")
    assert other.load("r1") == store.load("r1")
    queue(other, "r2")
    assert ids(store) == ["r2", "r1"]


def test_migrating_again_changes_nothing(store: Store) -> None:
    own(store, "r1")
    store.migrate()
    assert ids(store) == ["r1"]


def test_a_store_that_was_never_migrated_says_so(unmigrated: Store) -> None:
    with pytest.raises(StoreRefused, match="migrate"):
        unmigrated.commit(None, [Write(new_runs=(new(),))])
    with pytest.raises(StoreRefused, match="migrate"):
        unmigrated.find(Query())


def test_a_closed_handle_refuses_and_closing_twice_is_fine(store: Store) -> None:
    store.close()
    store.close()
    with pytest.raises(StoreRefused, match="closed"):
        store.load("r1")
    with pytest.raises(StoreRefused, match="closed"):
        commit(store, Write(new_runs=(new(),)))


def test_upkeep_is_harmless_at_any_time(store: Store) -> None:
    own(store, "r1")
    assert store.checkpoint_due() is False
    store.checkpoint()
    assert ids(store) == ["r1"]


def test_waiting_ends_when_the_time_is_up(store: Store) -> None:
    store.wait(0.01)  # who begins to listen with it is told to look for what rang before
    assert store.wait(0.01) is False


def test_many_runs_are_read_in_one_look(store: Store) -> None:
    own(store, "r1", "r2", "r3")
    move(store, "r2", State.FAILED, payload=b"why")
    move(store, "r3", State.WAITING, due=9.0)
    assert store.load_many(["r3", "nobody", "r1"]) == {id: store.load(id) for id in ("r1", "r3")}
    statuses = store.statuses(["r1", "r2", "r3", "nobody"])
    seen = {id: (one.state, one.owner, one.created, one.payload) for id, one in statuses.items()}
    assert seen == {
        "r1": (State.RUNNING, "e1", 1.0, b""),
        "r2": (State.FAILED, None, 1.0, b"why"),
        "r3": (State.WAITING, None, 1.0, b""),
    }
    assert store.load_many([]) == store.statuses([]) == {}


def test_how_runs_stand_is_read_without_what_they_hold(store: Store) -> None:
    own(store, "r1", "r2", "r3")
    commit(store, fenced("r1", entries=(result(1),)), Write(messages=(message("m1", run="r2"),)))
    move(store, "r3", State.WAITING, due=9.0)

    def shown(rows: Iterable[RunRow | RunStanding]) -> list[tuple[object, ...]]:
        return [tuple(getattr(row, name) for name in RunStanding.__struct_fields__) for row in rows]

    for query in (Query(), Query(states=frozenset({State.WAITING})), Query(limit=2), Query(before="r3")):
        assert shown(store.standings(query)) == shown(store.find(query)) != []
    assert {one.id: (one.entries, one.inbox, one.due) for one in store.standings(Query())} == {
        "r1": (1, 0, None),
        "r2": (0, 1, None),
        "r3": (0, 0, 9.0),
    }
    named = sorted(store.standings(["r3", "nobody", "r1"]), key=lambda one: one.id)
    assert shown(named) == shown([store.load_many(["r1"])["r1"], store.load_many(["r3"])["r3"]])
    assert store.standings([]) == store.standings(Query(before="nobody")) == []


def test_entries_of_many_runs_are_read_in_one_look(store: Store) -> None:
    own(store, "r1", "r2")
    long = tuple(result(seq, payload=b"x" * seq * 100_000) for seq in range(1, 4))
    commit(store, fenced("r1", entries=long), fenced("r2", entries=(result(1),)))
    places = [("r1", 3), ("r2", 1), ("r2", 2), ("nobody", 1)]
    assert store.entries_at(places) == {("r1", 3): long[2], ("r2", 1): result(1)}
