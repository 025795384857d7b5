"""A store of dicts: what a backend does around the judge, in as few lines as there can be."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from operator import itemgetter
from typing import Any

import msgspec

from podium.model import FINAL, UNFINISHED, Answer, Entry, Message, NewRun, State, Verdict, WaitRow, Write
from podium.store.judge import judge
from podium.store.sets import CLOSED, Changes, InboxRow, Needs, Rows, RunState, WaitState, needs, rounds


class Kept(msgspec.Struct):
    """A run with all that is on record of it."""

    new: NewRun
    state: RunState
    starter_engine: str | None
    entries: list[Entry] = []
    inbox: list[InboxRow] = []
    waits: dict[str, WaitState] = {}
    has_begun: bool = False


class DictStore:
    """Commits, and claims that somebody else has decided upon."""

    def __init__(self, engines: Iterable[str]) -> None:
        self.runs: dict[str, Kept] = {}
        self.engines = set(engines)

    def commit(self, engine: str | None, writes: Sequence[Write]) -> list[Verdict]:
        verdicts: list[Verdict] = []
        for some in rounds(writes):
            judged, changes = judge(engine, some, self._read(engine, needs(some)))
            self._apply(engine, changes)
            verdicts += judged
        return verdicts

    def claim(self, engine: str, run: str, now: float) -> None:
        """Give a run to an engine, as a claim does."""
        kept = self.runs[run]
        state = kept.state
        state.state, state.owner, state.due, state.token = State.RUNNING, engine, None, state.token + 1
        if not kept.has_begun:
            kept.has_begun, state.since = True, max(now, state.since)

    # -- reading --------------------------------------------------------------------------------------

    def _read(self, engine: str | None, wanted: Needs) -> Rows:
        found = Rows(lives=engine in self.engines, runs={})
        unfinished = [kept for kept in self.runs.values() if kept.state.state in UNFINISHED]
        for project, name in wanted.names:
            for kept in unfinished:
                if (kept.new.project, kept.new.unique_name) == (project, name):
                    found.holders[project, name] = kept.new.id
                    wanted.runs[kept.new.id] = None
        for call in wanted.orphans:
            found.orphans[call] = [
                kept.new.id for kept in unfinished
                if (kept.new.function, kept.new.digest, kept.new.starter) == call
                and kept.starter_engine not in (None, engine, *self.engines)
            ]  # fmt: skip
            wanted.runs.update(dict.fromkeys(found.orphans[call]))
        for kept in self.runs.values():
            for row in kept.waits.values():
                by_end = row.kind == "outcome" and row.target in wanted.ending
                by_answer = row.kind == "answer" and row.target in {**wanted.answered, **wanted.asked_before}
                is_child = row.cancels and row.taken is None and row.run in wanted.ending
                if is_child:
                    wanted.runs[row.target] = None
                if by_end or by_answer or is_child or (row.run, row.step) in wanted.waits:
                    found.waits[row.run, row.step] = _copy(row, wait=None)
                    wanted.runs[row.run] = None
        for target in wanted.asked_before:
            self._read_given(target, found)
        for id in wanted.runs:
            if id in self.runs:
                self._read_run(id, wanted, found)
        return found

    def _read_given(self, target: str, found: Rows) -> None:
        given = [
            (row.taken, row.run, Answer(target, row.taken, row.digest, said.payload, said.state, row.by))
            for kept in self.runs.values()
            for row in kept.waits.values()
            for said in (lying.message for lying in kept.inbox if lying.taken is None)
            if (row.kind, row.target) == ("answer", target) and row.taken is not None
            if said is not None and (said.kind, said.name) == ("answer", row.step)
        ]
        if given:
            found.given[target] = min(given, key=itemgetter(0, 1))[2]

    def _read_run(self, id: str, wanted: Needs, found: Rows) -> None:
        kept = self.runs[id]
        found.runs[id] = run = RunState(
            id, kept.state.state, kept.state.token, kept.state.owner, len(kept.entries),
            len(kept.inbox), len(unread(kept)), kept.state.since, kept.has_begun,
        )  # fmt: skip
        run.signals = sum(row.kind == "signal" for row in unread(kept))
        if id in wanted.ends and kept.state.state in FINAL:
            run.payload, run.ended = kept.state.payload, kept.state.ended
        if id in wanted.calls:
            found.calls[id] = (kept.new.function, kept.new.digest, kept.new.project)
        if id in wanted.parking:
            found.asked[id] = max((row.n for row in unread(kept) if row.kind == "cancel"), default=0)
        if id in wanted.last_times and kept.entries:
            found.last_times[id] = kept.entries[-1].at
        for row in kept.inbox:
            assert row.message is not None
            key = (id, row.message.id)
            is_unheard = id in wanted.ending and row.taken is None and row.kind in ("outcome", "answer")
            if key in wanted.messages or is_unheard:
                found.inbox[key] = InboxRow(run, row.n, row.kind, row.taken)
                if is_unheard:
                    found.unheard.setdefault(id, []).append(found.inbox[key])

    # -- writing --------------------------------------------------------------------------------------

    def _apply(self, engine: str | None, changes: Changes) -> None:
        for new, state in changes.new_runs:
            self.runs[new.id] = Kept(new, state, engine, has_begun=new.owned)
        for id, state in changes.moved.items():
            kept = self.runs[id]
            kept.state = _copy(state, token=kept.state.token, is_new=False)
        for state, entries in changes.entries:
            self.runs[state.id].entries += entries
        for state, source, last in changes.copies:
            self.runs[state.id].entries[:0] = self.runs[source].entries[:last]
        for row in changes.inbox:
            self.runs[row.run.id].inbox.append(row)
        for row in changes.taken:
            self.runs[row.run.id].inbox[row.n - 1].taken = row.taken
        for id, state in changes.told.items():
            self.runs[id].state.due = state.due
        for id in changes.put_back:
            self.runs[id].state.state = State.WAITING
        for state, _ in changes.attached:
            self.runs[state.id].starter_engine = engine
        for row in changes.waits:
            self.runs[row.run].waits[row.step] = row
        for row in changes.answered:
            there = self.runs[row.run].waits[row.step]
            there.taken, there.by, there.digest = row.taken, row.by, row.digest
        for id in changes.ended:
            kept = self.runs[id]
            kept.waits = {
                step: row
                for step, row in kept.waits.items()
                if row.kind == "answer" and row.taken is not None and row.digest != CLOSED
            }

    # -- for comparison -------------------------------------------------------------------------------

    def seen(self, id: str) -> dict[str, Any]:
        """What a reader would see of a run."""
        kept = self.runs[id]
        state = kept.state
        return {
            "run": (state.state, state.token, state.owner, state.due, state.payload, state.ended),
            "counts": (len(kept.entries), len(kept.inbox), len(unread(kept)), kept.starter_engine),
            "entries": kept.entries,
            "inbox": [_message(row) for row in unread(kept)],
            "waits": [
                (row.step, row.target, row.kind, row.taken, row.by, row.digest)
                for _, row in sorted(kept.waits.items())
            ],
        }


def unread(kept: Kept) -> list[InboxRow]:
    return [row for row in kept.inbox if row.taken is None]


def _message(row: InboxRow) -> Message:
    assert row.message is not None
    return msgspec.structs.replace(row.message, n=row.n)


def _copy(struct: Any, **changed: Any) -> Any:
    return msgspec.structs.replace(struct, **changed)


def waits_of(found: Iterable[WaitRow]) -> list[tuple[Any, ...]]:
    return [(row.step, row.target, row.kind, row.taken, row.by, row.digest) for row in found]
