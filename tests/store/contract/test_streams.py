"""What runs emit and publish: numbered, once for each place, fenced, and gone with their run."""

from __future__ import annotations

from podium.model import Move, Outcome, PublishedValue, State, StreamChunk, Write
from podium.store import Store
from tests.store.words import DONE, FUNCTIONS, REFUSED, commit, fenced, outcomes, own


def chunk(ordinal: int, name: str = "out", step: str = "s", attempt: int = 1, turn: int = 0) -> StreamChunk:
    return StreamChunk(name, b"%d" % ordinal, 5.0, step, attempt, turn, ordinal)


def value(payload: bytes, name: str = "stage", turn: int = 0) -> PublishedValue:
    return PublishedValue(name, payload, 5.0, "", 0, turn)


def numbers(store: Store, run: str, name: str = "out", after: int = 0, limit: int = 1000) -> list[int]:
    return [chunk.n for chunk in store.chunks(run, name, after, limit)]


def test_chunks_are_numbered_in_each_stream_of_a_run(store: Store) -> None:
    own(store, "r1", "r2")
    commit(store, fenced("r1", chunks=(chunk(1), chunk(2, "other"), chunk(3))))
    commit(store, fenced("r2", chunks=(chunk(1),)), fenced("r1", chunks=(chunk(4),)))
    assert [(found.n, found.payload) for found in store.chunks("r1", "out")] == [
        (1, b"1"),
        (2, b"3"),
        (3, b"4"),
    ]
    assert numbers(store, "r1", after=1) == [2, 3]
    assert numbers(store, "r1", limit=2) == [1, 2]
    assert numbers(store, "r2") == numbers(store, "r1", "other") == [1]
    assert store.streams("r1") == {"other": 1, "out": 3}
    assert store.streams("unknown") == {}
    assert numbers(store, "unknown") == []


def test_a_chunk_comes_back_as_it_was(store: Store) -> None:
    own(store, "r1")
    said = StreamChunk("out", b"\0x", 5.5, "1/s#2", 3, 7, 9)
    commit(store, fenced("r1", chunks=(said,)))
    (there,) = store.chunks("r1", "out")
    assert (there.n, StreamChunk(*(getattr(there, field) for field in there.__struct_fields__[:-1]))) == (
        1,
        said,
    )


def test_one_of_the_same_place_is_left_out_and_takes_no_number(store: Store) -> None:
    own(store, "r1")
    commit(store, fenced("r1", chunks=(chunk(1), chunk(2))))
    assert outcomes(store, fenced("r1", chunks=(chunk(1), chunk(2), chunk(3)))) == [DONE]
    others = (chunk(1, attempt=2), chunk(1, step="t"), chunk(1, turn=3))
    commit(store, fenced("r1", chunks=others))
    assert numbers(store, "r1") == [1, 2, 3, 4, 5, 6]
    assert [found.ordinal for found in store.chunks("r1", "out")] == [1, 2, 3, 1, 1, 1]


def test_the_value_of_a_name_is_replaced_unless_it_is_of_a_later_turn(store: Store) -> None:
    own(store, "r1")
    commit(store, fenced("r1", values=(value(b"1"), value(b"2"), value(b"a", "other", 9))))
    assert store.values("r1") == [value(b"a", "other", 9), value(b"2")]
    commit(
        store,
        fenced("r1", values=(value(b"3", turn=4),)),
        fenced("r1", values=(value(b"0"), value(b"b", "other", 8))),
    )
    assert store.values("r1") == [value(b"a", "other", 9), value(b"3", turn=4)]
    assert store.values("unknown") == []


def test_both_are_fenced(store: Store) -> None:
    own(store, "r1")
    said = {"chunks": (chunk(1),), "values": (value(b"1"),)}
    assert outcomes(store, fenced("r1", token=9, **said)) == [REFUSED]
    assert outcomes(store, fenced("r1", **said), engine="e2") == [REFUSED]
    for write in (Write(chunks=(chunk(1),)), Write(values=(value(b"1"),))):
        (verdict,) = commit(store, write)
        assert verdict.outcome is Outcome.INVALID
    assert store.streams("r1") == {}
    assert store.values("r1") == []


def test_they_outlive_the_end_of_their_run_and_go_with_it(store: Store) -> None:
    own(store, "r1")
    ended = fenced("r1", chunks=(chunk(1),), values=(value(b"1"),), move=Move(State.FAILED, at=9.0))
    assert outcomes(store, ended) == [DONE]
    assert (numbers(store, "r1"), len(store.values("r1"))) == ([1], 1)
    assert outcomes(store, fenced("r1", states=[State.FAILED], forget=True)) == [DONE]
    own(store, "r1")
    assert store.streams("r1") == {}
    assert store.values("r1") == []


def test_two_generations_are_kept_and_numbers_count_on(store: Store) -> None:
    own(store, "r1")
    for n in range(4):
        again = Move(State.WAITING, due=0.0, again=b"next", at=10.0)
        write = fenced("r1", n + 1, chunks=(chunk(1), chunk(2)), values=(value(b"%d" % n),), move=again)
        assert outcomes(store, write) == [DONE]
        store.claim("e1", FUNCTIONS, 10, 30.0)
    assert numbers(store, "r1") == [7, 8], "the place in another generation is another place"
    assert store.values("r1") == [value(b"3")], "values stay"
    commit(store, fenced("r1", 5, chunks=(chunk(1),)))
    assert numbers(store, "r1") == [7, 8, 9]


def test_the_number_of_a_stream_that_is_silent_for_long_is_kept(store: Store) -> None:
    own(store, "r1")
    for n in range(3):
        again = Move(State.WAITING, due=0.0, again=b"next", at=10.0)
        said = (chunk(1), chunk(2)) if n == 0 else ()
        commit(store, fenced("r1", n + 1, chunks=said, move=again))
        store.claim("e1", FUNCTIONS, 10, 30.0)
    assert numbers(store, "r1") == [2]
    commit(store, fenced("r1", 4, chunks=(chunk(1),)))
    assert numbers(store, "r1") == [2, 3]
