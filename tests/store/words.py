"""Short words for the records that these tests are made of. Times are small numbers: they are only data."""

from __future__ import annotations

import threading
from collections.abc import Callable, Sequence
from typing import Any

from podium.model import (
    EngineRow,
    Entry,
    Fence,
    Kind,
    Message,
    Move,
    NewRun,
    Outcome,
    RunRow,
    State,
    Verdict,
    Write,
)
from podium.store import Store

DONE, REFUSED, INVALID = Outcome.DONE, Outcome.REFUSED, Outcome.INVALID
CLOSED = Outcome.CLOSED
FLOW = "app:flow"
FUNCTIONS = {FLOW: "v1"}


def engine(id: str, **given: Any) -> EngineRow:
    return EngineRow(**{"id": id, "beat": 0, "host": "h", "pid": 1, "started": 1.0, **given})


def new(id: str = "r1", **given: Any) -> NewRun:
    return NewRun(**{"id": id, "function": FLOW, "args": b"args", "digest": b"digest", "at": 1.0, **given})


def result(seq: int, **given: Any) -> Entry:
    return Entry(**{"seq": seq, "kind": Kind.RESULT, "at": 10.0 + seq, "step": f"s#{seq}", **given})


def message(id: str = "m1", run: str = "r1", **given: Any) -> Message:
    return Message(**{"id": id, "run": run, "kind": "signal", "at": 5.0, **given})


def fenced(
    run: str = "r1", token: int = 1, states: Sequence[State] = (State.RUNNING,), **given: Any
) -> Write:
    """A Write on a run; by default one that its first owner may do."""
    return Write(fence=Fence(run, token, frozenset(states)), **given)


def commit(store: Store, *writes: Write, engine: str | None = "e1") -> list[Verdict]:
    return store.commit(engine, writes)


def outcomes(store: Store, *writes: Write, engine: str | None = "e1") -> list[Outcome]:
    return [verdict.outcome for verdict in store.commit(engine, writes)]


def own(store: Store, *ids: str, engine: str = "e1", **given: Any) -> None:
    """Create runs that the engine owns."""
    verdicts = commit(store, *[Write(new_runs=(new(id, owned=True, **given),)) for id in ids], engine=engine)
    assert [verdict.outcome for verdict in verdicts] == [DONE] * len(ids)


def queue(store: Store, *ids: str, **given: Any) -> None:
    """Create runs that nobody owns."""
    verdicts = commit(store, *[Write(new_runs=(new(id, **given),)) for id in ids], engine=None)
    assert [verdict.outcome for verdict in verdicts] == [DONE] * len(ids)


def move(store: Store, run: str, to: State, token: int = 1, **given: Any) -> None:
    assert outcomes(store, fenced(run, token, move=Move(to, **given))) == [DONE]


def row(store: Store, run: str = "r1") -> RunRow:
    """A run that must be there."""
    found = store.load(run)
    assert found is not None
    return found


def payloads(store: Store, run: str = "r1") -> list[bytes]:
    return [entry.payload for entry in store.history(run)]


def at_once(count: int, act: Callable[[int], Any]) -> list[Any]:
    """What `act(0..count-1)` return when as many threads start together; an error in one is raised here."""
    answers: list[Any] = [None] * count
    errors: list[BaseException] = []
    barrier = threading.Barrier(count)

    def one(index: int) -> None:
        try:
            barrier.wait()
            answers[index] = act(index)
        except BaseException as error:
            errors.append(error)

    threads = [threading.Thread(target=one, args=(index,)) for index in range(count)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    if errors:
        raise errors[0]
    return answers
