"""One judge and three ways around it agree: SQLite in batches, SQLite write by write, and dicts."""

from __future__ import annotations

import random
from collections import Counter
from typing import Any

import msgspec
import pytest

from podium.model import (
    ANSWER,
    Answer,
    Entry,
    Fence,
    Kind,
    Message,
    Move,
    NewRun,
    Outcome,
    State,
    StepWrite,
    Verdict,
    Wait,
    Write,
)
from podium.store import Store, open_store
from tests.store.dicts import DictStore, waits_of
from tests.store.words import FLOW, FUNCTIONS, engine

ENGINES = ("e1", "e2")
RUNS = [f"r{n}" for n in range(6)]
BATCHES = 12  # of one program
AIMS = (
    State.WAITING, State.WAITING, State.PARKED, State.SUCCEEDED, State.FAILED, State.CANCELLED, State.RUNNING,
)  # fmt: skip


class Program:
    """Writes as chance has them, most of which make sense, given what is on record."""

    def __init__(self, seed: int, known: DictStore) -> None:
        self._chance, self._known = random.Random(seed), known
        self._length: dict[str, int] = {}  # of a run, by the batch so far
        self._time = 1.0
        self._ids = iter(range(1, 1000))

    def batch(self) -> tuple[str | None, list[Write]]:
        self._length = {id: len(kept.entries) for id, kept in self._known.runs.items()}
        by = self._chance.choice(("e1", "e1", "e2", "gone", "gone", None))
        return by, [self._write() for _ in range(self._chance.randint(1, 5))]

    def _write(self) -> Write:
        chance = self._chance
        self._time += 1.0
        if chance.random() < 0.25 and self._known.runs:
            return self._step(chance.choice(sorted(self._known.runs)))
        given: dict[str, Any] = {}
        if chance.random() < 0.8 and self._known.runs:
            given |= self._fenced(chance.choice(sorted(self._known.runs)))
        if chance.random() < 0.4:
            given["new_runs"] = tuple(self._new() for _ in range(chance.randint(1, 2)))
        if chance.random() < 0.4:
            given["messages"] = tuple(self._message() for _ in range(chance.randint(1, 2)))
        if chance.random() < 0.4:
            given["answers"] = (Answer(chance.choice("qqp"), self._time, chance.choice((b"y", b"n")), b"v"),)
        return Write(**given)

    def _step(self, run: str) -> Write:
        """What most writes are, which the judge passes in a way of their own."""
        given = self._fenced(run)
        steps = [entry for entry in given.get("entries", ()) if entry.kind is not Kind.MESSAGE]
        return StepWrite(given["fence"], None, tuple(steps)) if steps else Write(**given)

    def _fenced(self, run: str) -> dict[str, Any]:
        chance, state = self._chance, self._known.runs[run].state
        token = state.token + (chance.random() < 0.05)
        states = frozenset({state.state}) if chance.random() < 0.7 else frozenset(State)
        given: dict[str, Any] = {"fence": Fence(run, token, states)}
        if chance.random() < 0.5:
            given["entries"] = tuple(self._entry(run) for _ in range(chance.randint(1, 2)))
        if chance.random() < 0.2:
            given["consumed"] = (f"m{chance.randrange(4)}",)
        if chance.random() < 0.4:
            seen = chance.choice((None, 0, 1, 2))
            due = chance.choice((None, 50.0))
            payload, at = chance.choice((b"", b"end", b"x" * 2000)), chance.choice((None, self._time))
            given["move"] = Move(chance.choice(AIMS), due=due, payload=payload, at=at, seen=seen)
        if chance.random() < 0.4:
            given["waits"] = tuple(self._wait() for _ in range(chance.randint(1, 2)))
        return given

    def _entry(self, run: str) -> Entry:
        self._length[run] = seq = self._length.get(run, 0) + (self._chance.random() < 0.95)
        if self._chance.random() < 0.3:
            return Entry(seq, Kind.MESSAGE, self._time, f"m{self._chance.randrange(4)}", name="signal:")
        return Entry(seq, Kind.RESULT, self._time, f"s#{seq}", payload=b"p")

    def _wait(self) -> Wait:
        step = f"s{self._chance.randrange(3)}"
        if self._chance.random() < 0.4:
            return Wait(step, self._chance.choice("qqp"), ANSWER)
        return Wait(step, self._chance.choice(RUNS), cancels=self._chance.random() < 0.5)

    def _new(self) -> NewRun:
        chance = self._chance
        id, is_chosen = chance.choice(RUNS), chance.random() < 0.6
        if not is_chosen and chance.random() < 0.8:
            id = f"n{next(self._ids)}"
        source = chance.choice(RUNS) if chance.random() < 0.15 else None
        return NewRun(
            id=id, function=FLOW, args=b"a", digest=chance.choice((b"d", b"d", b"e")), at=self._time,
            owned=chance.random() < 0.6, explicit_id=is_chosen, starter="/s.py",
            attach=chance.random() < 0.5, unique_name=chance.choice(("", "", "u")),
            copy_from=(source, chance.randint(0, 2)) if source else None,
        )  # fmt: skip

    def _message(self) -> Message:
        chance = self._chance
        kind = chance.choice(("signal", "cancel"))
        return Message(f"m{chance.randrange(4)}", chance.choice(RUNS), kind, self._time, b"m" * 300)


def seen(store: Store, id: str) -> dict[str, Any]:
    row = store.load(id)
    assert row is not None
    return {
        "run": (row.state, row.token, row.owner, row.due, row.payload, row.ended),
        "counts": (row.entries, row.messages, row.inbox, row.starter_engine),
        "entries": store.history(id),
        "inbox": store.inbox(id),
        "waits": waits_of(store.waits(id)),
    }


def told(verdicts: list[Verdict]) -> list[Verdict]:
    return [msgspec.structs.replace(verdict, detail="") for verdict in verdicts]


def play(seed: int, outcomes: Counter[Outcome]) -> None:
    """One program on all three."""
    batched, single = (open_store(f"sqlite:///:memory:?judge-{n}-{seed}") for n in range(2))
    dicts = DictStore(ENGINES)
    program = Program(seed, dicts)
    try:
        for store in (batched, single):
            store.migrate()
            for id in (*ENGINES, "gone"):
                store.announce(engine(id))
        dicts.engines.add("gone")
        for number in range(BATCHES):
            by, writes = program.batch()
            verdicts = told(batched.commit(by, writes))
            assert told([single.commit(by, [write])[0] for write in writes]) == verdicts
            assert told(dicts.commit(by, writes)) == verdicts
            outcomes.update(verdict.outcome for verdict in verdicts)
            for verdict in verdicts:
                outcomes.update((*verdict.messages, *verdict.waits, *verdict.answers))
                outcomes.update(outcome for outcome, _ in verdict.runs)
            if number == BATCHES // 2:
                for store in (batched, single):
                    store.retire("gone")
                _retire(dicts)
            _claim(batched, single, dicts, now=100.0 + number)
            for id in dicts.runs:
                expected = dicts.seen(id)
                assert seen(batched, id) == expected, id
                assert seen(single, id) == expected, id
    finally:
        batched.close()
        single.close()


def _retire(dicts: DictStore) -> None:
    dicts.engines.discard("gone")
    for kept in dicts.runs.values():
        state = kept.state
        if state.owner == "gone":
            state.owner, state.token, state.due, state.state = None, state.token + 1, 0.0, State.WAITING


def _claim(batched: Store, single: Store, dicts: DictStore, now: float) -> None:
    claimed = {head.id for head in batched.claim("e1", FUNCTIONS, 100, now).heads}
    assert claimed == {head.id for head in single.claim("e1", FUNCTIONS, 100, now).heads}
    claimable = {
        id for id, kept in dicts.runs.items()
        if kept.state.state in (State.QUEUED, State.WAITING)
        and kept.state.due is not None and kept.state.due <= now
    }  # fmt: skip
    assert claimed == claimable
    for id in claimed:
        dicts.claim("e1", id, now)


@pytest.mark.slow
def test_batches_single_writes_and_dicts_come_to_the_same_in_random_programs() -> None:
    outcomes: Counter[Outcome] = Counter()
    for seed in range(40):
        play(seed, outcomes)
    assert set(Outcome) - set(outcomes) == {Outcome.FULL}, "every verdict was met"
    assert outcomes[Outcome.DONE] > 500
