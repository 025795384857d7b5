"""What runs wait for from outside: put once, answered once, whichever of the two comes first."""

from __future__ import annotations

import pytest

from podium.model import (
    ANSWER,
    FINAL,
    OUTCOME,
    QUESTION,
    SIGNAL,
    Answer,
    Entry,
    Kind,
    Move,
    Outcome,
    State,
    Verdict,
    Wait,
    Write,
)
from podium.store import Store
from tests.store.conftest import Opener
from tests.store.words import (
    DONE,
    FUNCTIONS,
    INVALID,
    REFUSED,
    at_once,
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

CLOSED, TAKEN, GONE = Outcome.CLOSED, Outcome.TAKEN, Outcome.GONE
BIG = b"x" * 300_000


def waits(*targets: str, run: str = "r1", kind: str = OUTCOME, **given: object) -> Write:
    """One step waits for each target: step "s:TARGET"."""
    return fenced(run, waits=tuple(Wait(f"s:{target}", target, kind) for target in targets), **given)


def ends(run: str, state: State = State.SUCCEEDED, token: int = 1, **given: object) -> Write:
    return fenced(run, token, move=Move(state, **{"payload": b"end of " + run.encode(), "at": 20.0, **given}))


def answers(*targets: str, payload: bytes = b"yes", **given: object) -> Write:
    return Write(answers=tuple(Answer(target, 30.0, payload, payload, **given) for target in targets))


def told(store: Store, run: str = "r1") -> list[tuple[str, str, str, bytes]]:
    return [(found.kind, found.name, found.state, found.payload) for found in store.inbox(run)]


def end_of(run: str, state: str = "succeeded") -> tuple[str, str, str, bytes]:
    return (OUTCOME, f"s:{run}", state, b"end of " + run.encode())


def test_a_row_reads_back_as_it_was_put_until_its_run_ends_and_answered_longer(store: Store) -> None:
    own(store, "r1", "r2")
    asked = Wait(
        "0/ask#1", "q1", ANSWER, prompt="Refund?", schema='{"type": "boolean"}', to="ops", due=9.5,
        about=b'{"id":1042}',
    )  # fmt: skip
    verdict = commit(store, fenced(waits=(asked, Wait("s", "r2"))))[0]
    assert (verdict.outcome, verdict.waits) == (DONE, (DONE, DONE))
    first, second = store.waits("r1")
    assert (first.run, first.step, first.target, first.kind) == ("r1", "0/ask#1", "q1", ANSWER)
    assert (first.prompt, first.schema, first.to, first.due) == (
        "Refund?",
        '{"type": "boolean"}',
        "ops",
        9.5,
    )
    assert (first.about, first.cancels, second.about) == (b'{"id":1042}', False, b"")
    assert (first.taken, first.by, first.digest) == (None, "", b"")
    assert store.waits(target="r2") == [second]
    assert store.open_waits() == [first, second]
    assert store.open_waits(limit=1) == [first]
    commit(store, Write(answers=(Answer("q1", 8.0, b"d", b"true", by="ann"),)))
    (first, _) = store.waits("r1")
    assert (first.taken, first.by, first.digest) == (8.0, "ann", b"d")
    assert store.open_waits() == [second], "what is open"
    move(store, "r1", State.FAILED)
    assert store.open_waits() == store.waits(target="r2") == []
    assert store.waits("r1") == store.waits(target="q1") == [first]
    commit(store, fenced("r1", states=FINAL, forget=True))
    assert store.waits(target="q1") == []


# -- the end of a run ---------------------------------------------------------------------------------


@pytest.mark.parametrize("state", sorted(FINAL))
@pytest.mark.parametrize("order", ["waits first", "ends first"])
@pytest.mark.parametrize("one_batch", [True, False])
def test_the_end_of_a_run_answers_who_waits_for_it(
    store: Store, state: State, order: str, one_batch: bool
) -> None:
    own(store, "r1", "child")
    writes = [waits("child"), ends("child", state)]
    if order == "ends first":
        writes.reverse()
    if one_batch:
        assert outcomes(store, *writes) == [DONE, DONE]
    else:
        assert [outcomes(store, write) for write in writes] == [[DONE]] * 2
    assert told(store) == [end_of("child", state.value)]
    (found,) = store.waits("r1")
    assert (found.taken, found.by) == (20.0, "child")
    assert store.collect("e1")[0].sender == "child"


def test_a_run_may_wait_for_one_that_its_own_write_starts(store: Store) -> None:
    own(store, "r1")
    verdict = commit(store, waits("child", new_runs=(new("child", parent="r1", root="r1"),)))[0]
    assert (verdict.runs, verdict.waits) == (((DONE, "child"),), (DONE,))
    cancelled = fenced("child", 0, [State.QUEUED], move=Move(State.CANCELLED, at=5.0))
    assert outcomes(store, cancelled, engine=None) == [DONE], "whoever ends it"
    assert told(store) == [(OUTCOME, "s:child", "cancelled", b"")]


def test_all_that_wait_for_a_run_are_told_each_once_and_others_are_not(store: Store) -> None:
    own(store, "r1", "r2", "r3", "child", "other")
    commit(store, waits("child", "other"), waits("child", run="r2"), waits("other", run="r3"))
    assert outcomes(store, ends("child"), ends("child")) == [DONE, REFUSED]
    assert [told(store, run) for run in ("r1", "r2", "r3")] == [[end_of("child")], [end_of("child")], []]
    two = fenced("r2", waits=(Wait("again", "child"),))
    assert commit(store, two)[0].waits == (DONE,)
    assert told(store, "r2")[1] == (OUTCOME, "again", "succeeded", b"end of child")


def test_a_long_outcome_comes_whole(store: Store) -> None:
    own(store, "r1", "r2", "child")
    commit(store, waits("child"))
    assert outcomes(store, ends("child", payload=BIG), waits("child", run="r2")) == [DONE, DONE]
    assert [told(store, run)[0][3] for run in ("r1", "r2")] == [BIG, BIG]


def test_an_outcome_wakes_a_run_that_only_waits(store: Store) -> None:
    own(store, "r1", "r2", "child")
    evicted = Move(State.WAITING, due=500.0, seen=0)
    commit(store, waits("child", move=evicted), waits("child", run="r2", move=evicted))
    assert row(store).due == 500.0
    commit(store, ends("child"))
    heads = store.claim("e1", FUNCTIONS, 10, 1.0).heads
    assert [head.id for head in heads] == ["r1", "r2"]
    late = fenced("r1", 2, waits=(Wait("late", "child"),), move=evicted)
    assert outcomes(store, late) == [DONE]
    assert row(store).due == 0.0, "answered by the very write with which it went to wait"


def test_a_run_that_is_not_there_is_gone_and_the_rest_happens(store: Store) -> None:
    own(store, "r1")
    verdict = commit(store, waits("nobody", entries=(result(1),)))[0]
    assert (verdict.outcome, verdict.waits) == (DONE, (GONE,))
    assert store.waits("r1") == []
    assert row(store).entries == 1


# -- what is put twice, and what cannot be put --------------------------------------------------------


def test_the_same_wait_again_changes_nothing_and_is_answered_once(store: Store) -> None:
    own(store, "r1", "child")
    assert [verdict.waits for verdict in commit(store, waits("child"), waits("child", "child"))] == [
        (DONE,),
        (DONE, DONE),
    ]
    commit(store, ends("child"))
    assert commit(store, waits("child"))[0].waits == (DONE,)
    assert told(store) == [end_of("child")]


@pytest.mark.parametrize("other", [Wait("s:child", "other"), Wait("s:child", "child", ANSWER)])
def test_one_step_waits_for_one_thing(store: Store, other: Wait) -> None:
    own(store, "r1", "child", "other")
    both = fenced(waits=(Wait("s:child", "child"), other))
    assert outcomes(store, both, waits("child"), fenced(waits=(other,))) == [INVALID, DONE, INVALID]
    assert [found.target for found in store.waits("r1")] == ["child"]


def test_only_the_owner_of_an_unfinished_run_puts_what_makes_sense(store: Store) -> None:
    own(store, "r1", "child")
    queue(store, "r2")
    store.announce(engine("e2"))
    assert outcomes(store, waits("child"), engine="e2") == [REFUSED]
    unowned = fenced("r2", 0, [State.QUEUED], waits=(Wait("s", "child"),))
    assert outcomes(store, unowned, engine="e2") == [REFUSED]
    assert outcomes(store, Write(waits=(Wait("s", "child"),))) == [INVALID]
    assert outcomes(store, waits("r1"), waits("child", kind=SIGNAL)) == [INVALID, INVALID]
    assert outcomes(store, waits("child", move=Move(State.SUCCEEDED))) == [INVALID]
    assert store.open_waits() == []
    assert row(store).state is State.RUNNING


# -- answers ------------------------------------------------------------------------------------------


def test_an_answer_goes_to_every_run_that_waits_for_it_once(store: Store) -> None:
    own(store, "r1", "r2")
    commit(store, waits("q", kind=ANSWER), waits("q", run="r2", kind=ANSWER))
    assert commit(store, answers("q", by="ann"), engine=None)[0].answers == (DONE,)
    for run in ("r1", "r2"):
        assert told(store, run) == [(ANSWER, "s:q", "succeeded", b"yes")]
    assert {found.sender for found in store.collect("e1")} == {"ann"}
    assert commit(store, answers("q", "q"), engine=None)[0].answers == (DONE, DONE), "a repeat"
    assert commit(store, answers("q", payload=b"no"), engine=None)[0].answers == (TAKEN,)
    assert len(told(store)) == len(told(store, "r2")) == 1
    assert [found.by for found in store.waits(target="q")] == ["ann", "ann"]


@pytest.mark.parametrize("state", [State.SUCCEEDED, State.FAILED, State.CANCELLED])
def test_an_answer_that_was_not_heard_stays_with_its_run(store: Store, state: State) -> None:
    own(store, "r1")
    commit(store, fenced(waits=(Wait("ask#1", "q", ANSWER),)))
    commit(store, Write(answers=(Answer("q", 5.0, b"yes", b"yes"),)), engine=None)
    commit(store, fenced(move=Move(state)))
    left = [(message.name, message.payload) for message in store.inbox("r1")]
    assert left == [("ask#1", b"yes")]


def each(store: Store, one_batch: bool, *writes: Write) -> list[Verdict]:
    return commit(store, *writes) if one_batch else [commit(store, write)[0] for write in writes]


@pytest.mark.parametrize("one_batch", [True, False])
@pytest.mark.parametrize("payload", [b"yes", BIG], ids=["short", "long"])
@pytest.mark.parametrize("way", ["lies there", "ended before it heard", "heard", "heard and ended"])
def test_an_answer_belongs_to_what_was_asked_also_for_who_asks_it_later(
    store: Store, way: str, payload: bytes, one_batch: bool
) -> None:
    """As a fork does, which waits for what its origin has asked."""
    own(store, "r1", "r2", "r3")
    took = Entry(1, Kind.MESSAGE, 31.0, "@1:s:q", b"", payload, name="answer/failed:s:q")
    heard = (fenced(entries=(took,)),) if "heard" in way.split() and "before" not in way else ()
    end = (ends("r1"),) if "ended" in way else ()
    given = answers("q", payload=payload, state="failed", by="ann")
    *_, late = each(
        store, one_batch, waits("q", kind=ANSWER), given, *heard, *end, waits("q", run="r2", kind=ANSWER)
    )
    assert (late.waits, [message.payload for message in late.told]) == ((DONE,), [payload])
    assert told(store, "r2") == [(ANSWER, "s:q", "failed", payload)]
    (found,) = store.waits("r2")
    assert (found.taken, found.by, found.digest) == (30.0, "ann", payload)
    second = answers("q", payload=b"no"), given
    assert [verdict.answers for verdict in each(store, one_batch, *second)] == [(TAKEN,), (DONE,)]
    commit(store, ends("r2"))
    commit(store, waits("q", run="r3", kind=ANSWER))
    assert told(store, "r3")[0][3] == payload, "and so on"


@pytest.mark.parametrize("one_batch", [True, False])
def test_no_answer_stands_for_what_was_given_up_nor_comes_in_time_when_it_came_too_late(
    store: Store, one_batch: bool
) -> None:
    own(store, "r1", "r2", "r3")
    given_up = fenced(entries=(Entry(1, Kind.TICK, 20.0, "/timer"),), closes=("s:p",))
    soon = fenced("r2", waits=(Wait("s:q", "q", ANSWER, due=29.0),))
    asks = waits("p", "q", kind=ANSWER)
    each(store, one_batch, asks, given_up, answers("q"), soon, waits("p", run="r3", kind=ANSWER))
    assert told(store, "r2") == told(store, "r3") == []
    assert store.open_waits("r2", ANSWER)
    assert each(store, one_batch, answers("p"))[0].answers == (DONE,)
    assert told(store, "r3") == [(ANSWER, "s:p", "succeeded", b"yes")]


def test_what_a_run_has_just_asked_itself_is_not_answered_by_what_others_were_told(store: Store) -> None:
    """Its asking is on record with this very Write: what it asks now may be something else."""
    own(store, "r1", "r2")
    commit(store, waits("q", kind=ANSWER), answers("q"))
    asks = Entry(1, Kind.SENT, 60.0, "s:q", name="q")
    commit(store, waits("q", run="r2", kind=ANSWER, entries=(asks,)))
    assert told(store, "r2") == []


@pytest.mark.parametrize("one_batch", [True, False])
def test_nobody_waits_before_it_is_asked_nor_when_the_run_has_ended_without(
    store: Store, one_batch: bool
) -> None:
    own(store, "r1")
    verdicts = each(store, one_batch, answers("q"), waits("q", kind=ANSWER), ends("r1"), answers("q"))
    assert [verdict.answers for verdict in verdicts] == [(CLOSED,), (), (), (CLOSED,)]
    assert all(verdict.outcome is DONE for verdict in verdicts)


def test_nobody_answers_for_a_run(store: Store) -> None:
    own(store, "r1", "child")
    commit(store, waits("child"))
    assert commit(store, answers("child"))[0].answers == (CLOSED,)
    assert told(store) == []


# -- what goes with the end ---------------------------------------------------------------------------


@pytest.mark.parametrize("one_batch", [True, False])
def test_outcomes_that_lie_there_go_with_a_run_and_signals_and_answers_stay(
    store: Store, one_batch: bool
) -> None:
    own(store, "r1", "child")
    writes = [
        waits("child"), waits("q", kind=ANSWER), ends("child", payload=BIG), answers("q"),
        Write(messages=(message("m1"), message("c", kind="cancel"))), ends("r1"),
    ]  # fmt: skip
    if one_batch:
        commit(store, *writes)
    else:
        for write in writes:
            commit(store, write)
    assert [found.id for found in store.inbox("r1")] == ["@2:s:q", "m1", "c"]
    assert row(store).inbox == 3
    assert [found.target for found in store.waits("r1")] == ["q"]


@pytest.mark.parametrize("state", sorted(FINAL))
def test_the_end_of_a_run_asks_its_unfinished_children_to_stop(store: Store, state: State) -> None:
    own(store, "r1", "ended", "child", "outlives")
    put = tuple(
        Wait(f"s:{target}", target, cancels=target != "outlives") for target in ("ended", "child", "outlives")
    )
    assert outcomes(store, fenced(waits=put)) == [DONE]
    assert [wait.cancels for wait in store.waits("r1")] == [True, True, False]
    assert outcomes(store, ends("ended"), ends("r1", state)) == [DONE, DONE]
    (asked,) = store.inbox("child")
    assert (asked.kind, asked.sender, asked.at) == ("cancel", "r1", 20.0)
    assert store.inbox("outlives") == store.inbox("ended") == []


def test_a_verdict_tells_what_it_has_sent_to_whom(store: Store) -> None:
    own(store, "r1", "r2", "r3")
    assert outcomes(store, waits("r2"), waits("r2", run="r3")) == [DONE, DONE]
    (verdict,) = commit(store, ends("r2"))
    assert list(verdict.told) == [*store.inbox("r1"), *store.inbox("r3")]
    (late,) = commit(store, fenced("r3", waits=(Wait("again", "r2"),)))
    assert [message.name for message in late.told] == ["again"], "it had ended already"


def test_a_run_is_not_forgotten_while_one_waits_for_it(store: Store) -> None:
    own(store, "r1", "child")
    commit(store, waits("child", "q", kind=ANSWER))
    commit(store, ends("child"))
    forgets = fenced("child", states=list(FINAL), forget=True)
    assert outcomes(store, forgets, engine=None) == [DONE], "the answer that r1 waits for is nobody's end"
    own(store, "child")
    commit(store, fenced(waits=(Wait("s", "child"),)))
    commit(store, ends("child"))
    assert outcomes(store, forgets, engine=None) == [DONE], "it has its answer"
    assert [found.payload for found in store.inbox("r1")] == [b"end of child"]


# -- races --------------------------------------------------------------------------------------------


def test_a_wait_and_an_end_that_race_meet_exactly_once(store: Store, reopen: Opener) -> None:
    other = reopen()
    for n in range(30):
        parent, child = f"p{n}", f"c{n}"
        own(store, parent, child)

        def wait_or_end(which: int, parent: str = parent, child: str = child) -> Outcome:
            handle = other if which else store
            return outcomes(handle, ends(child) if which else waits(child, run=parent))[0]

        assert at_once(2, wait_or_end) == [DONE, DONE]
        assert [found.name for found in store.inbox(parent)] == [f"s:{child}"]
        assert store.waits(parent)[0].taken == 20.0


def test_who_asks_again_and_an_answer_that_race_meet_exactly_once(store: Store, reopen: Opener) -> None:
    other = reopen()
    for n in range(30):
        asker, target = f"a{n}", f"q{n}"
        own(store, asker, f"b{n}")
        commit(store, waits(target, run=asker, kind=ANSWER))

        def ask_or_answer(which: int, again: str = f"b{n}", target: str = target) -> Outcome:
            write = answers(target) if which else waits(target, run=again, kind=ANSWER)
            return outcomes(other if which else store, write)[0]

        assert at_once(2, ask_or_answer) == [DONE, DONE]
        for run in (asker, f"b{n}"):
            assert told(store, run) == [(ANSWER, f"s:{target}", "succeeded", b"yes")]


def test_of_two_answers_that_race_one_is_taken(store: Store, reopen: Opener) -> None:
    handles = [store, reopen()]
    own(store, "r1")
    for n in range(30):
        commit(store, waits(f"q{n}", kind=ANSWER))

        def answer(which: int, target: str = f"q{n}") -> Outcome:
            said = answers(target, payload=b"no" if which else b"yes")
            return commit(handles[which], said, engine=None)[0].answers[0]

        assert sorted(at_once(2, answer)) == [DONE, TAKEN]
    assert len(store.inbox("r1")) == 30


def test_what_is_answered_hides_nothing_that_is_open(store: Store) -> None:
    own(store, "r1", "late")
    asked = tuple(Wait(f"s:{n:04}", f"q{n}", ANSWER) for n in range(1100))
    commit(store, fenced(waits=(*asked, Wait("t", "late"), Wait("u", "later", ANSWER))))
    commit(store, Write(answers=tuple(Answer(f"q{n}", 8.0, b"d", b"true", by="ann") for n in range(1100))))
    assert [row.target for row in store.open_waits("r1")] == ["late", "later"]
    assert [row.target for row in store.open_waits("r1", ANSWER)] == ["later"]
    assert [row.target for row in store.open_waits(kind=OUTCOME, limit=1)] == ["late"]
    assert store.open_waits("nobody") == []


def test_a_callback_hides_no_question(store: Store) -> None:
    own(store, "r1", "late")
    callbacks = (Wait("s:1", "c1", ANSWER), Wait("s:2", "c2", ANSWER))
    commit(store, fenced(waits=(*callbacks, Wait("t", "late"), Wait("u", "q", ANSWER, "Go on?"))))
    for run in ("r1", ""):
        assert [row.target for row in store.open_waits(run, QUESTION, limit=1)] == ["q"]
        assert [row.target for row in store.open_waits(run, ANSWER)] == ["c1", "c2", "q"]


TICK = Entry(1, Kind.TICK, 60.0, "/timer")
ASKED = Wait("1/ask", "q1", ANSWER, "Go on?", due=50.0)


def test_a_question_that_is_closed_takes_no_answer(store: Store) -> None:
    own(store, "r1")
    commit(store, fenced(waits=(ASKED,)))
    assert outcomes(store, fenced(entries=(TICK,), closes=("1/ask",))) == [DONE]
    (found,) = store.waits("r1")
    assert (found.taken, found.by) == (60.0, "")
    assert store.open_waits("r1") == []
    late = store.commit(None, [Write(answers=(Answer("q1", 40.0, b"d", b"true"),))])
    assert late[0].answers == (CLOSED,)
    assert store.inbox("r1") == []
    commit(store, ends("r1"))
    assert store.waits("r1") == []


@pytest.mark.parametrize(("at", "outcome"), [(40.0, REFUSED), (50.0, DONE)])
def test_a_question_whose_time_is_up_is_not_closed_over_an_answer_that_was_accepted(
    store: Store, at: float, outcome: Outcome
) -> None:
    """Who gave it was told that it counts, so the run looks again; not for ever, at the very instant."""
    own(store, "r1")
    commit(store, fenced(waits=(ASKED,)))
    accepted = store.commit(None, [Write(answers=(Answer("q1", at, b"d", b"true"),))])
    assert accepted[0].answers == (DONE,)
    assert outcomes(store, fenced(entries=(TICK,), closes=("1/ask",))) == [outcome]


SENT = Entry(2, Kind.SENT, 60.0, "2/child", name="r2")
RESULT = Entry(2, Kind.RESULT, 60.0, "2/work", b"1")
END = Move(State.SUCCEEDED, b"1", at=60.0)


@pytest.mark.parametrize(
    ("entries", "move", "outcome"),
    [((TICK, SENT), None, REFUSED), ((TICK,), END, REFUSED), ((TICK, RESULT), None, DONE)],
)
def test_what_a_run_does_when_its_time_is_up_is_refused_along_but_no_outcome_of_a_task(
    store: Store, entries: tuple[Entry, ...], move: Move | None, outcome: Outcome
) -> None:
    """A task would be done again for it; all else the body decides again, with the answer."""
    own(store, "r1")
    commit(store, fenced(waits=(ASKED,)))
    assert store.commit(None, [Write(answers=(Answer("q1", 40.0, b"d", b"true"),))])[0].answers == (DONE,)
    assert outcomes(store, fenced(entries=entries, move=move, closes=("1/ask",))) == [outcome]
