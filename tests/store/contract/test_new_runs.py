"""Starting runs: queued or owned, with ids of one's own, attached to an orphan, copied from a past."""

from __future__ import annotations

import pytest

from podium.model import Kind, Message, Move, NewRun, Outcome, Query, RunRow, State, Wait, Write
from podium.store import Store
from tests.store.words import (
    DONE,
    FLOW,
    FUNCTIONS,
    INVALID,
    commit,
    engine,
    fenced,
    message,
    move,
    new,
    outcomes,
    own,
    queue,
    result,
    row,
)

BIG = bytes(range(256)) * 4000  # a megabyte


def test_a_queued_run_reads_back_as_it_was_started(store: Store) -> None:
    lineage = {
        "origin": "o1",
        "parent": "p1",
        "root": "top",
        "seed": "s1",
        "began": 0.5,
        "context": '{"a":1}',
    }
    place = {"project": "shop", "unique_name": "nightly", "queue": "gpu", "lane": "eu", "rank": 2.5}
    tags = ("nightly", "a b", 'q"', "nightly")
    given = new(args=b"\0args", fingerprint="v1", starter="/s.py", tags=tags, due=9.0, **lineage, **place)
    assert commit(store, Write(new_runs=(given,)))[0].runs == ((DONE, "r1"),)
    assert store.load("r1") == RunRow(
        id="r1",
        function=FLOW,
        state=State.QUEUED,
        token=0,
        owner=None,
        created=1.0,
        started=None,
        ended=None,
        due=9.0,
        args=b"\0args",
        payload=b"",
        digest=b"digest",
        lost=0,
        entries=0,
        fingerprint="v1",
        starter="/s.py",
        starter_engine="e1",
        tags=("nightly", "a b", 'q"'),
        inbox=0,
        key=row(store).key,
        **lineage,
        **place,
    )


def test_a_run_is_its_own_root_and_seed_unless_it_has_others(store: Store) -> None:
    queue(store, "r1")
    found = row(store)
    assert (found.root, found.seed, found.origin, found.parent) == ("r1", "r1", "", "")


def test_the_clock_of_a_run_begins_at_its_first_claim_and_that_of_a_copy_where_its_origins_did(
    store: Store,
) -> None:
    queue(store, "r1")
    queue(store, "r2", began=3.0)
    own(store, "r3", at=4.0)
    own(store, "r4", at=4.0, began=3.0)
    assert [row(store, run).began for run in ("r1", "r2", "r3", "r4")] == [None, 3.0, 4.0, 3.0]
    heads = store.claim("e1", FUNCTIONS, 10, 9.0).heads
    assert [(head.id, head.started, head.began) for head in heads] == [("r1", 9.0, 9.0), ("r2", 9.0, 3.0)]
    commit(store, fenced(move=Move(State.WAITING, due=10.0)))
    (again,) = store.claim("e1", FUNCTIONS, 10, 11.0).heads
    assert (again.started, again.began) == (9.0, 9.0)


def test_a_unique_name_is_held_while_a_run_is_unfinished(store: Store) -> None:
    own(store, "r1", unique_name="nightly")
    again = new("r2", unique_name="nightly", digest=b"other")
    assert commit(store, Write(new_runs=(again,)))[0].runs == ((Outcome.EXISTS, "r1"),)
    assert store.load("r2") is None
    elsewhere = new("r3", unique_name="nightly", project="shop")
    assert commit(store, Write(new_runs=(elsewhere,)))[0].runs == ((DONE, "r3"),)
    move(store, "r1", State.SUCCEEDED)
    assert commit(store, Write(new_runs=(again,)))[0].runs == ((DONE, "r2"),)


def test_an_owned_run_is_running_at_once_and_nobody_else_claims_it(store: Store) -> None:
    own(store, "r1")
    found = row(store, "r1")
    assert (found.state, found.owner, found.token, found.started, found.due) == (
        State.RUNNING,
        "e1",
        1,
        1.0,
        None,
    )
    assert store.claim("e1", FUNCTIONS, 10, 99.0).heads == ()


def test_a_client_cannot_own_a_run(store: Store) -> None:
    assert outcomes(store, Write(new_runs=(new(owned=True),)), engine=None) == [INVALID]


def test_an_id_that_nobody_chose_and_is_taken_is_invalid(store: Store) -> None:
    queue(store, "r1")
    assert outcomes(store, Write(new_runs=(new("r2"), new("r1")))) == [INVALID]
    assert store.load("r2") is None


def test_a_chosen_id_exists_with_the_same_call_and_conflicts_with_another(store: Store) -> None:
    start = new(explicit_id=True)
    assert commit(store, Write(new_runs=(start,)))[0].runs == ((DONE, "r1"),)
    again = commit(store, Write(new_runs=(start,)))[0]
    assert (again.outcome, again.runs) == (DONE, ((Outcome.EXISTS, "r1"),))
    for other, what in (
        ({"digest": b"other"}, f"of {FLOW}, too, but with other arguments"),
        ({"function": "app:other"}, f"of {FLOW}, which is another function"),
    ):
        verdict = commit(store, Write(new_runs=(new(explicit_id=True, **other),)))[0]
        assert (verdict.outcome, verdict.runs) == (Outcome.CONFLICT, ((Outcome.CONFLICT, "r1"),))
        assert verdict.taken == (("r1", what),)
    first = row(store, "r1")
    assert (first.function, first.digest) == (FLOW, b"digest")
    commit(store, Write(new_runs=(new("r2", explicit_id=True, project="shop"),)))
    verdict = commit(store, Write(new_runs=(new("r2", explicit_id=True, project="bar"),)))[0]
    assert verdict.taken == (("r2", f"of {FLOW}, too, but of another project: shop"),)


def test_a_conflict_refuses_its_whole_write_and_no_other(store: Store) -> None:
    own(store, "r1", "r2")
    clash = Write(
        messages=(message("m1", "r2"),),
        new_runs=(new("r3"), new("r2", explicit_id=True, digest=b"other")),
    )
    verdicts = commit(store, clash, fenced("r2", entries=(result(1),)))
    assert [verdict.outcome for verdict in verdicts] == [Outcome.CONFLICT, DONE]
    assert verdicts[0].runs == ((Outcome.REFUSED, "r3"), (Outcome.CONFLICT, "r2"))
    assert store.load("r3") is None
    assert store.inbox("r2") == []


def test_a_conflict_in_what_a_run_starts_is_that_starts_alone(store: Store) -> None:
    own(store, "r1", "r2")
    clash = fenced(
        entries=(result(1),),
        new_runs=(new("r3"), new("r2", explicit_id=True, digest=b"other")),
        waits=(Wait("s", "r2"), Wait("t", "r3")),
    )
    (verdict,) = commit(store, clash)
    assert verdict.outcome is DONE
    assert verdict.runs == ((DONE, "r3"), (Outcome.CONFLICT, "r2"))
    assert verdict.taken == (("r2", f"of {FLOW}, too, but with other arguments"),)
    assert verdict.waits == (Outcome.GONE, DONE), "what is another's under that id is not waited for"
    assert row(store, "r1").entries == 1
    assert [wait.target for wait in store.waits("r1")] == ["r3"]


def test_one_write_can_finish_a_run_start_others_and_tell_them(store: Store) -> None:
    own(store, "r1")
    verdict = commit(
        store,
        fenced(
            entries=(result(1),),
            move=Move(State.SUCCEEDED, payload=b"42"),
            new_runs=(new("r2"), new("r3", explicit_id=True)),
            messages=(message("m1", "r2"), message("m2", "r1"), message("m3", "r3")),
        ),
    )[0]
    assert verdict.runs == ((DONE, "r2"), (DONE, "r3"))
    assert verdict.messages == (DONE, Outcome.GONE, DONE)
    assert [[found.id for found in store.inbox(run)] for run in ("r2", "r1", "r3")] == [["m1"], [], ["m3"]]
    assert [row(store, run).inbox for run in ("r2", "r1", "r3")] == [1, 0, 1]


# -- attach -------------------------------------------------------------------------------------------


def orphaned(store: Store, *ids: str, **given: object) -> None:
    """Runs of the script /s.py whose engine e0 is gone."""
    store.announce(engine("e0"))
    for id in ids:
        commit(store, Write(new_runs=(new(id, starter="/s.py", owned=True, **given),)), engine="e0")
    store.release({"e0": 0}, 0.0)


def attach(store: Store, id: str = "r9", **given: object) -> tuple[Outcome, str]:
    given = {"starter": "/s.py", "attach": True, **given}
    return commit(store, Write(new_runs=(new(id, **given),)))[0].runs[0]


def test_a_rerun_script_attaches_to_what_it_left(store: Store) -> None:
    orphaned(store, "r1")
    assert attach(store) == (Outcome.ATTACHED, "r1")
    assert store.load("r9") is None


def test_an_attached_run_has_a_living_starter_again_and_is_not_attached_twice(store: Store) -> None:
    orphaned(store, "r1")
    assert attach(store, "r8") == (Outcome.ATTACHED, "r1")
    assert attach(store, "r9") == (DONE, "r9")
    store.release({"e1": 0}, 0.0)
    store.announce(engine("e2"))
    third = Write(new_runs=(new("r7", starter="/s.py", attach=True),))
    assert commit(store, third, engine="e2")[0].runs == ((Outcome.ATTACHED, "r1"),)


def test_what_an_attached_run_had_started_comes_along(store: Store) -> None:
    orphaned(store, "r1")
    store.announce(engine("e0"))
    for id, given in {"r2": {}, "r3": {"root": "r2"}, "r4": {"root": "", "parent": ""}}.items():
        family = {"parent": "r1", "root": "r1", **given}
        commit(store, Write(new_runs=(new(id, **family),)), engine="e0")
    commit(store, Write(new_runs=(new("r5", parent="r1", root="r1"),)), engine="e1")
    store.release({"e0": 0}, 0.0)
    store.announce(engine("e2"))
    commit(store, Write(new_runs=(new("r9", starter="/s.py", attach=True),)), engine="e2")
    starters = {id: row(store, id).starter_engine for id in ("r1", "r2", "r3", "r4", "r5")}
    assert starters == {"r1": "e2", "r2": "e2", "r3": "e0", "r4": "e0", "r5": "e1"}, "e1 lives"


def test_what_a_start_has_attached_to_is_known_until_another_attaches_to_it(store: Store) -> None:
    orphaned(store, "r1", "r2")
    assert attach(store, "r8") == (Outcome.ATTACHED, "r1")
    assert attach(store, "r9") == (Outcome.ATTACHED, "r2")
    assert store.attached(["r8", "r9", "r1", "", "nobody"]) == {"r8": "r1", "r9": "r2"}
    store.release({"e1": 0}, 0.0)
    store.announce(engine("e2"))
    commit(store, Write(new_runs=(new("r7", starter="/s.py", attach=True),)), engine="e2")
    assert store.attached(["r7", "r8", "r9"]) == {"r7": "r1", "r9": "r2"}


def test_of_several_orphans_of_one_call_the_oldest_comes_first_and_each_once(store: Store) -> None:
    orphaned(store, "r1", "r2")
    both = (new("r8", starter="/s.py", attach=True), new("r9", starter="/s.py", attach=True))
    assert commit(store, Write(new_runs=both))[0].runs == ((Outcome.ATTACHED, "r1"), (Outcome.ATTACHED, "r2"))


@pytest.mark.parametrize(
    "other", [{"digest": b"x"}, {"function": "app:x"}, {"starter": "/x.py"}, {"starter": ""}]
)
def test_another_call_or_script_does_not_attach(store: Store, other: dict[str, object]) -> None:
    orphaned(store, "r1")
    assert attach(store, **other) == (DONE, "r9")


def test_a_run_whose_starter_lives_is_left_alone(store: Store) -> None:
    store.announce(engine("e2"))
    commit(store, Write(new_runs=(new(starter="/s.py"),)), engine="e2")
    assert attach(store) == (DONE, "r9")


def test_a_run_that_no_engine_started_is_left_alone(store: Store) -> None:
    queue(store, "r1", starter="/s.py")
    assert attach(store) == (DONE, "r9")


@pytest.mark.parametrize(
    ("state", "expected"),
    [(State.WAITING, Outcome.ATTACHED), (State.PARKED, Outcome.ATTACHED), (State.FAILED, Outcome.DONE)],
)
def test_only_an_unfinished_run_is_attached_to(store: Store, state: State, expected: Outcome) -> None:
    own(store, "r1", starter="/s.py")
    move(store, "r1", state)
    store.release({"e1": 0}, 0.0)
    store.announce(engine("e2"))
    start = Write(new_runs=(new("r9", starter="/s.py", attach=True),))
    assert commit(store, start, engine="e2")[0].runs[0][0] is expected


def test_a_chosen_id_is_never_swapped_for_an_orphans(store: Store) -> None:
    orphaned(store, "r1")
    assert attach(store, "order-17", explicit_id=True) == (DONE, "order-17")


# -- copies -------------------------------------------------------------------------------------------


def test_a_copy_takes_over_the_past_up_to_an_entry_and_goes_its_own_way(store: Store) -> None:
    own(store, "r1")
    taken = result(2, kind=Kind.MESSAGE, step="m1", payload=BIG)
    commit(store, Write(messages=(message("m1"),)))
    commit(store, fenced(entries=(result(1, due=4.0, attempt=2), taken, result(3))))
    copy = new("r2", owned=True, copy_from=("r1", 2))
    assert outcomes(store, Write(new_runs=(copy,))) == [DONE]
    assert store.history("r2") == store.history("r1")[:2]
    assert row(store, "r2").copied == 2
    assert outcomes(store, fenced("r2", entries=(result(3, payload=b"other"),))) == [DONE]
    assert store.history("r1")[2].payload == b""


def test_a_copy_may_begin_with_entries_of_its_own(store: Store) -> None:
    own(store, "r1")
    commit(store, fenced(entries=(result(1), result(2))))
    ours = (result(2, payload=b"ours"), result(3, payload=BIG))
    assert outcomes(store, Write(new_runs=(new("r2", copy_from=("r1", 1), entries=ours),))) == [DONE]
    assert store.history("r2") == [*store.history("r1")[:1], *ours]
    assert (row(store, "r2").entries, row(store, "r2").copied) == (3, 1)
    assert outcomes(store, Write(new_runs=(new("r3", entries=(result(1),)),))) == [DONE]
    assert store.history("r3") == [result(1)]
    with_a_gap = new("r4", copy_from=("r1", 1), entries=(result(3),))
    assert outcomes(store, Write(new_runs=(with_a_gap,))) == [INVALID]
    assert store.load("r4") is None


def test_a_run_may_start_and_await_a_copy_of_another_ones_child(store: Store) -> None:
    """As the retry of a parent does, with the Write that records it."""
    own(store, "r0")
    commit(store, fenced("r0", entries=(result(1), result(2, payload=BIG))))
    move(store, "r0", State.FAILED)
    own(store, "r1")
    copy = new(
        "r0~2",
        owned=True,
        explicit_id=True,
        origin="r0",
        parent="r1",
        copy_from=("r0", 1),
        entries=(result(2),),
    )
    sent = result(1, kind=Kind.SENT, step="/f", name="r0~2")
    write = fenced(entries=(sent,), new_runs=(copy,), waits=(Wait("/f", "r0~2", cancels=True),))
    assert outcomes(store, write) == [DONE]
    assert store.history("r0~2") == [*store.history("r0")[:1], result(2)]
    assert (row(store, "r0~2").parent, row(store, "r0~2").owner) == ("r1", "e1")
    move(store, "r1", State.FAILED)
    assert [each.kind for each in store.inbox("r0~2")] == ["cancel"], "it is a child as any other"


@pytest.mark.parametrize("source", [("r1", 3), ("nobody", 1)])
def test_a_past_that_is_not_there_cannot_be_copied(store: Store, source: tuple[str, int]) -> None:
    own(store, "r1")
    commit(store, fenced(entries=(result(1), result(2))))
    assert outcomes(store, Write(new_runs=(new("r2", copy_from=source),))) == [INVALID]
    assert store.load("r2") is None


# -- payloads -----------------------------------------------------------------------------------------


@pytest.mark.parametrize("size", [0, 1024, 1025, 256 * 1024, 256 * 1024 + 1, 3_000_000])
def test_payloads_come_back_as_they_went_in_whatever_their_size(store: Store, size: int) -> None:
    data = (BIG * 3)[:size]
    start = NewRun(id="r1", function=FLOW, args=data, digest=b"", at=1.0, owned=True)
    commit(store, Write(new_runs=(start,)))
    commit(store, fenced(entries=(result(1, payload=data),), messages=(Message("m", "r1", "k", 1.0, data),)))
    (message,) = store.collect("e1")
    commit(store, fenced(move=Move(State.PARKED, payload=data)))
    found = row(store, "r1")
    assert found.args == found.payload == message.payload == store.history("r1")[0].payload == data
    assert store.find(Query())[0].args == data
    commit(store, fenced(states=[State.PARKED], move=Move(State.WAITING, due=2.0)), engine=None)
    assert store.claim("e1", FUNCTIONS, 1, 9.0).heads[0].args == data
