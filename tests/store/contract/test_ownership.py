"""Claiming, engines that come and go, and what happens to the runs of one that is gone."""

from __future__ import annotations

import pytest

from podium.errors import StoreRefused
from podium.model import FINAL, Beat, Loss, Move, State, Write
from podium.store import Store
from tests.store.conftest import Opener
from tests.store.words import (
    DONE,
    FUNCTIONS,
    REFUSED,
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


def claimed(store: Store, limit: int = 10, now: float = 99.0, engine: str = "e1") -> list[str]:
    return [head.id for head in store.claim(engine, FUNCTIONS, limit, now).heads]


def test_a_claim_hands_over_all_that_an_owner_needs(store: Store) -> None:
    queue(store, "r1", fingerprint="v1", starter="/s.py", at=4.0)
    (head,) = store.claim("e1", FUNCTIONS, 10, 7.0).heads
    assert (head.id, head.function, head.token, head.args, head.digest) == (
        "r1",
        "app:flow",
        1,
        b"args",
        b"digest",
    )
    assert (head.created, head.started, head.lost, head.entries) == (4.0, 7.0, 0, 0)
    assert head.fingerprint == "v1"
    found = row(store)
    assert (found.state, found.owner, found.token, found.due) == (State.RUNNING, "e1", 1, None)


def test_a_claim_names_the_script_of_a_run_that_was_left_behind_and_of_no_other(store: Store) -> None:
    for id, starter in ("r1", "gone"), ("r2", "alive"):
        store.announce(engine(starter))
        commit(store, Write(new_runs=(new(id, starter="/s.py"),)), engine=starter)
    queue(store, "r3", starter="/s.py")  # by a process without an engine, which may be there for all we know
    store.retire("gone")
    starters = {head.id: head.starter for head in store.claim("e1", FUNCTIONS, 10, 99.0).heads}
    assert starters == {"r1": "/s.py", "r2": "", "r3": ""}


def test_a_claim_says_whether_its_engine_started_the_run(store: Store) -> None:
    store.announce(engine("e2"))
    due = Write(new_runs=(new("r1", starter="/s.py", owned=False),))
    commit(store, due, engine="e1")
    commit(store, Write(new_runs=(new("r2", starter="/s.py", owned=False),)), engine="e2")
    heads = store.claim("e1", FUNCTIONS, 10, 99.0).heads
    assert {head.id: head.ours for head in heads} == {"r1": True, "r2": False}


def test_a_claim_of_named_runs_takes_no_other(store: Store) -> None:
    queue(store, "r1", due=5.0)
    queue(store, "r2", due=30.0)
    queue(store, "r3", due=5.0)
    queue(store, "r4", due=5.0, function="app:other")
    found = store.claim("e1", FUNCTIONS, 10, 9.0, ["r1", "r2", "r4", "unknown"])
    assert ([head.id for head in found.heads], found.next_due) == (["r1"], 30.0)
    assert [row.functions for row in store.engines() if row.id == "e1"] == [FUNCTIONS]
    commit(store, Write(messages=(message("m1", "r2", kind="cancel"),)), engine=None)
    assert [head.id for head in store.claim("e1", FUNCTIONS, 10, 9.0, ["r2"]).heads] == ["r2"]
    assert store.claim("e1", FUNCTIONS, 10, 99.0, []).heads == ()


def test_a_named_run_is_left_to_an_engine_that_offers_its_code(store: Store) -> None:
    store.announce(engine("old"))
    store.claim("old", {"app:flow": "v0"}, 0, 9.0)
    queue(store, "r1", fingerprint="v0")
    assert store.claim("e1", FUNCTIONS, 10, 99.0, ["r1"]).heads == ()
    store.retire("old")
    assert [head.id for head in store.claim("e1", FUNCTIONS, 10, 99.0, ["r1"]).heads] == ["r1"]


def test_each_claim_adds_to_the_token_and_only_the_first_says_when_it_started(store: Store) -> None:
    queue(store, "r1")
    store.claim("e1", FUNCTIONS, 1, 7.0)
    commit(store, fenced(entries=(result(1), result(2)), move=Move(State.WAITING, due=8.0)))
    (head,) = store.claim("e1", FUNCTIONS, 1, 9.0).heads
    assert (head.token, head.started, head.entries) == (2, 7.0, 2)


def test_the_oldest_due_come_first_and_no_more_than_asked_for(store: Store) -> None:
    for id, due in (("r1", 30.0), ("r2", 10.0), ("r3", 20.0)):
        queue(store, id, due=due)
    assert claimed(store, limit=2) == ["r2", "r3"]
    assert claimed(store, limit=2) == ["r1"]
    assert claimed(store, limit=2) == []


def test_a_run_is_left_alone_until_it_is_due(store: Store) -> None:
    queue(store, "r1", due=50.0)
    assert store.claim("e1", FUNCTIONS, 10, 49.9).heads == ()
    assert claimed(store, now=50.0) == ["r1"]


def test_a_queued_run_without_a_due_time_is_due_at_once(store: Store) -> None:
    queue(store, "r1", at=5.0)
    assert claimed(store, now=5.0) == ["r1"]


def test_runs_of_functions_that_this_engine_does_not_have_are_left_alone(store: Store) -> None:
    queue(store, "r1", function="app:other")
    queue(store, "r2")
    assert claimed(store) == ["r2"]
    assert store.claim("e1", {}, 10, 99.0).heads == ()
    assert [head.id for head in store.claim("e1", {"app:other": ""}, 10, 99.0).heads] == ["r1"]


def test_runs_of_several_functions_are_claimed_in_one_order(store: Store) -> None:
    for id, due, function in (("r1", 3.0, "f"), ("r2", 1.0, "g"), ("r3", 2.0, "f"), ("r4", 4.0, "g")):
        queue(store, id, due=due, function=function)
    heads = store.claim("e1", {"f": "", "g": ""}, 3, 99.0).heads
    assert [head.id for head in heads] == ["r2", "r3", "r1"]


def test_an_engine_without_a_row_gets_nothing(store: Store) -> None:
    queue(store, "r1")
    assert claimed(store, engine="ghost") == []
    store.release({"e1": 0}, 0.0)
    assert claimed(store) == []
    assert row(store).state is State.QUEUED


def test_parked_and_final_runs_are_never_claimed(store: Store) -> None:
    own(store, "r1", "r2")
    move(store, "r1", State.PARKED)
    move(store, "r2", State.FAILED)
    commit(store, Write(messages=(message("m", "r1"),)))
    assert claimed(store) == []


def test_a_person_puts_a_parked_run_back_in_line(store: Store) -> None:
    own(store, "r1")
    move(store, "r1", State.PARKED, payload=b"why")
    resume = fenced("r1", 1, [State.PARKED], move=Move(State.WAITING, due=5.0))
    assert outcomes(store, resume, engine=None) == [DONE]
    assert claimed(store) == ["r1"]


def test_a_message_wakes_a_run_that_is_not_due_or_waits_for_messages_only(store: Store) -> None:
    own(store, "r1", "r2", "r3")
    move(store, "r1", State.WAITING, due=1000.0)
    move(store, "r2", State.WAITING, due=None)
    move(store, "r3", State.WAITING, due=None)
    assert claimed(store) == []
    commit(store, Write(messages=(message("m1", "r1"), message("m2", "r2"))), engine=None)
    assert sorted(claimed(store)) == ["r1", "r2"]


def test_the_next_due_time_is_that_of_unowned_runs_of_these_functions(store: Store) -> None:
    assert store.claim("e1", FUNCTIONS, 10, 1.0).next_due is None
    queue(store, "r1", due=50.0)
    queue(store, "r2", due=40.0)
    queue(store, "r3", due=30.0, function="app:other")
    own(store, "r4")
    assert store.claim("e1", FUNCTIONS, 10, 1.0).next_due == 40.0
    assert store.claim("e1", FUNCTIONS, 10, 45.0).next_due == 50.0


@pytest.mark.parametrize("wake", ["due", "message"])
def test_the_next_due_time_says_when_more_can_be_claimed_at_once(store: Store, wake: str) -> None:
    own(store, "r1", "r2")
    for id in ("r1", "r2"):
        move(store, id, State.WAITING, due=3.0 if wake == "due" else None)
        commit(store, Write(messages=(message("m", id, kind="cancel"),) if wake == "message" else ()))
    first = store.claim("e1", FUNCTIONS, 1, 9.0)
    assert len(first.heads) == 1
    assert first.next_due is not None
    assert first.next_due <= 9.0
    assert len(store.claim("e1", FUNCTIONS, 1, 9.0).heads) == 1
    assert store.claim("e1", FUNCTIONS, 1, 9.0).next_due is None


# -- code --------------------------------------------------------------------------------------------


def offer(store: Store, id: str, fingerprint: str) -> None:
    store.announce(engine(id, functions={"app:flow": fingerprint}))


def test_a_run_is_left_to_the_engine_that_offers_its_code(store: Store) -> None:
    offer(store, "old", "v0")
    queue(store, "r1", fingerprint="v0")
    queue(store, "r2", fingerprint="v1")
    assert claimed(store) == ["r2"]
    assert claimed(store) == []
    assert [head.id for head in store.claim("old", {"app:flow": "v0"}, 10, 99.0).heads] == ["r1"]


@pytest.mark.parametrize("wake", ["due", "message"])
def test_a_run_whose_code_nobody_offers_is_anybodys_after_ones_own(store: Store, wake: str) -> None:
    for id, fingerprint in (("r1", "v0"), ("r2", "v1"), ("r3", "")):
        queue(store, id, fingerprint=fingerprint, due=1.0 if wake == "due" else 500.0)
        commit(store, Write(messages=(message("m", id, kind="cancel"),) if wake == "message" else ()))
    heads = store.claim("e1", FUNCTIONS, 10, 99.0).heads
    assert [head.id for head in heads] == ["r2", "r3", "r1"]
    assert [head.fingerprint for head in heads] == ["v1", "", "v0"], "a head tells what it was recorded under"
    assert row(store).fingerprint == "v1", "from now on it is of the code that drives it"


def test_a_message_wakes_a_run_only_for_an_engine_with_its_code(store: Store) -> None:
    offer(store, "old", "v0")
    queue(store, "r1", fingerprint="v0", due=500.0)
    commit(store, Write(messages=(message("m", "r1", kind="cancel"),)), engine=None)
    assert claimed(store) == []
    assert [head.id for head in store.claim("old", {"app:flow": "v0"}, 10, 99.0).heads] == ["r1"]


def test_runs_left_to_others_are_not_the_next_to_be_due(store: Store) -> None:
    offer(store, "old", "v0")
    queue(store, "r1", fingerprint="v0", due=30.0)
    queue(store, "r2", fingerprint="v1", due=40.0)
    assert store.claim("e1", FUNCTIONS, 10, 1.0).next_due == 40.0
    assert store.claim("e1", FUNCTIONS, 10, 35.0).next_due == 40.0


@pytest.mark.parametrize("end", ["dead", "retired", "other code"])
def test_an_offer_ends_with_its_engine_or_with_the_next_claim(store: Store, end: str) -> None:
    offer(store, "old", "v0")
    queue(store, "r1", fingerprint="v0")
    assert claimed(store) == []
    if end == "dead":
        store.release({"old": 0}, 0.0)
    elif end == "retired":
        store.retire("old")
    else:
        store.claim("old", {}, 0, 20.0)
    assert claimed(store) == ["r1"]


def test_a_claim_says_what_its_engine_offers_even_if_it_takes_nothing(store: Store, reopen: Opener) -> None:
    store.announce(engine("e2", functions={"f": "1"}))

    def offered() -> dict[str, object]:
        return {found.id: found.functions for found in reopen().engines()}

    assert offered() == {"e1": {}, "e2": {"f": "1"}}
    store.claim("e1", FUNCTIONS, 0, 9.0)
    store.claim("e2", {"f": "2", "g": ""}, 0, 9.0)
    assert offered() == {"e1": FUNCTIONS, "e2": {"f": "2", "g": ""}}
    reopen().claim("e2", {}, 10, 9.0)
    store.claim("ghost", FUNCTIONS, 10, 9.0)
    assert offered() == {"e1": FUNCTIONS, "e2": {}}


# -- engines ------------------------------------------------------------------------------------------


def test_engines_are_seen_with_their_beats(store: Store, reopen: Opener) -> None:
    store.announce(engine("e2", started=2.0, host="box", pid=7, info='{"v":1}'))
    assert store.heartbeat("e2")
    assert store.heartbeat("e2")
    assert reopen().engines() == [
        engine("e1"),
        engine("e2", started=2.0, host="box", pid=7, info='{"v":1}', beat=2),
    ]


def test_beats_are_seen_without_what_engines_say_of_themselves(store: Store) -> None:
    store.announce(engine("e2", host="there", pid=7, started=2.0))
    store.heartbeat("e2")
    assert store.beats() == [Beat("e1", 0, "h", 1), Beat("e2", 1, "there", 7)]
    store.retire("e1")
    assert [beat.id for beat in store.beats()] == ["e2"]


def test_what_is_asked_of_an_engine_stands_in_its_row(store: Store) -> None:
    store.announce(engine("e2"))
    assert store.ask_engine("e1", "pause")
    assert {beat.id: beat.asked for beat in store.beats()} == {"e1": "pause", "e2": ""}
    store.heartbeat("e1", "{}")
    assert store.ask_engine("e1", "")
    assert store.beats()[0].asked == ""
    assert not store.ask_engine("gone", "pause")


def test_an_engine_says_something_new_of_itself_with_a_heartbeat(store: Store) -> None:
    store.heartbeat("e1", '{"v":2}')
    store.heartbeat("e1")
    assert store.engines() == [engine("e1", info='{"v":2}', beat=2)]


def test_an_engine_is_announced_once(store: Store) -> None:
    with pytest.raises(StoreRefused, match="announced already"):
        store.announce(engine("e1"))


def test_a_condemned_engine_learns_it_from_its_heartbeat(store: Store) -> None:
    store.release({"e1": 0}, 0.0)
    assert store.heartbeat("e1") is False
    assert store.engines() == []


def test_runs_of_a_dead_engine_are_freed_and_due_at_once(store: Store) -> None:
    own(store, "r1", "r2")
    queue(store, "r3", due=500.0)
    store.announce(engine("e2"))
    own(store, "r4", engine="e2")
    assert store.release({"e1": 0}, 0.0) == 2
    for id in ("r1", "r2"):
        freed = row(store, id)
        assert (freed.state, freed.owner, freed.token, freed.lost, freed.due) == (
            State.WAITING,
            None,
            2,
            1,
            0.0,
        )
    assert row(store, "r3").due == 500.0
    assert row(store, "r4").owner == "e2"
    (head, _) = store.claim("e2", FUNCTIONS, 10, 20.0).heads
    assert (head.token, head.lost) == (3, 1)


def test_what_a_run_has_lost_is_on_record_until_the_run_is_forgotten(store: Store) -> None:
    own(store, "r1", "r2")
    assert store.losses("r1") == []
    store.release({"e1": 0}, at=5.0)
    store.announce(engine("e2"))
    assert claimed(store, engine="e2") == ["r1", "r2"]
    store.retire("e2")  # a goodbye is no loss
    store.announce(engine("e3"))
    assert claimed(store, engine="e3") == ["r1", "r2"]
    assert store.release({"e3": 7}, at=8.0) == 0  # it has not beaten so often
    store.release({"e3": 0}, at=9.0)
    assert store.losses("r1") == [Loss(9.0, "e3"), Loss(5.0, "e1")]
    assert store.losses("r1", limit=1) == [Loss(9.0, "e3")]
    assert store.losses("none") == []
    store.announce(engine("e4"))
    assert claimed(store, engine="e4") == ["r1", "r2"]
    token = row(store, "r1").token
    assert outcomes(store, fenced("r1", token, move=Move(State.SUCCEEDED)), engine="e4") == [DONE]
    assert outcomes(store, fenced("r1", token, list(FINAL), forget=True), engine=None) == [DONE]
    assert store.losses("r1") == []
    assert [loss.engine for loss in store.losses("r2")] == ["e3", "e1"]


def test_an_engine_that_has_beaten_since_it_was_looked_at_is_not_condemned(store: Store) -> None:
    own(store, "r1")
    store.heartbeat("e1")
    assert store.release({"e1": 0}, 0.0) == 0
    assert (row(store).owner, store.heartbeat("e1")) == ("e1", True)
    assert store.release({"e1": 2}, 0.0) == 1
    assert (row(store).owner, store.heartbeat("e1")) == (None, False)


def test_with_nobody_condemned_release_still_frees_whose_owner_is_gone(store: Store) -> None:
    own(store, "r1")
    assert store.release({}, 0.0) == 0
    store.announce(engine("e2"))
    commit(store, fenced(move=Move(State.WAITING, due=1.0)))
    store.claim("e2", FUNCTIONS, 1, 5.0)
    assert store.release({"e2": 0, "never-there": 0}, 0.0) == 1
    assert store.release({"e2": 0}, 0.0) == 0
    assert store.release({}, 0.0) == 0


def test_a_zombies_write_is_refused_before_and_after_somebody_else_claims(store: Store) -> None:
    own(store, "r1")
    store.announce(engine("e2"))
    store.release({"e1": 0}, 0.0)
    zombie = fenced(entries=(result(1),), move=Move(State.SUCCEEDED))
    assert outcomes(store, zombie) == [REFUSED]
    assert claimed(store, engine="e2") == ["r1"]
    assert outcomes(store, zombie) == [REFUSED]
    store.announce(engine("e1"))  # even one that comes back under its name
    assert outcomes(store, zombie) == [REFUSED]
    assert row(store).entries == 0


def test_a_retiring_engine_hands_its_runs_back_without_a_loss(store: Store) -> None:
    own(store, "r1")
    store.announce(engine("e2"))
    own(store, "r2", engine="e2")
    assert store.retire("e1") == 1
    back = row(store)
    assert (back.state, back.owner, back.token, back.lost, back.due) == (State.WAITING, None, 2, 0, 0.0)
    assert row(store, "r2").owner == "e2"
    assert [found.id for found in store.engines()] == ["e2"]
    assert outcomes(store, fenced(entries=(result(1),))) == [REFUSED]


def test_what_an_engine_releases_may_be_claimed_by_another(store: Store) -> None:
    store.announce(engine("e2"))
    commit(store, Write(new_runs=(new("r1", owned=True),)))
    commit(store, fenced(move=Move(State.WAITING, due=2.0)))
    assert claimed(store, engine="e2") == ["r1"]
    assert outcomes(store, fenced(entries=(result(1),))) == [REFUSED]
    assert outcomes(store, fenced(token=2, entries=(result(1),)), engine="e2") == [DONE]


def test_a_run_never_starts_before_it_was_created_whatever_the_clocks(store: Store) -> None:
    queue(store, "r1", at=50.0, due=1.0)
    (head,) = store.claim("e1", FUNCTIONS, 10, 7.0).heads
    assert (head.created, head.started) == (50.0, 50.0)


def test_who_leaves_parked_by_a_decision_has_lost_nobody(store: Store) -> None:
    own(store, "r1")
    store.release({"e1": 0}, 0.0)
    store.announce(engine("e2"))
    (head,) = store.claim("e2", FUNCTIONS, 1, 10.0).heads
    assert head.lost == 1
    parked = fenced("r1", head.token, move=Move(State.PARKED, payload=b"{}"))
    assert outcomes(store, parked, engine="e2") == [DONE]
    assert row(store).lost == 1
    resumed = fenced("r1", head.token, states=[State.PARKED], move=Move(State.WAITING, due=1.0))
    assert outcomes(store, resumed, engine=None) == [DONE]
    assert row(store).lost == 0


def test_a_run_that_is_named_twice_is_claimed_once(store: Store) -> None:
    queue(store, "r1", "r2", "r3")
    heads = store.claim("e1", FUNCTIONS, 2, 99.0, ["r1", "r1", "r2", "r3"]).heads
    assert [(head.id, head.token) for head in heads] == [("r1", 1), ("r2", 1)]


def test_a_run_in_a_queue_that_is_named_twice_is_claimed_once(store: Store) -> None:
    commit(store, Write(new_runs=(new("r1", queue="q"),)), engine=None)
    heads = store.claim("e1", FUNCTIONS, 10, 99.0, ["r1", "r1"]).heads
    assert [(head.id, head.token) for head in heads] == [("r1", 1)]
