"""Writes become rows: every check first, then the changes; entries of a whole batch in one insert.

What a `Write` may do is decided here alone, under the write lock of the transaction, by reading the run's
row: that is the fence. A write that is refused has changed nothing, so its neighbours commit.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import Any

import apsw
from msgspec.structs import astuple

from ...model import (
    FINAL,
    SIGNAL,
    SIGNALS_MAX,
    Entry,
    Fence,
    Kind,
    Message,
    Move,
    NewRun,
    Outcome,
    State,
    StepProgress,
    Verdict,
    Write,
    may_move,
)
from . import entries as history
from .faults import DATA_ERRORS
from .forgetting import forget, needed_by
from .payloads import ENTRY_INLINE_MAX, RUN_INLINE_MAX, size, stored
from .statements import SQL, Row, rows, rows_of_each, savepoint

_ENGINE_LIVES, _FENCES = SQL["engine_lives"], SQL["fences"]
_UNTAKEN, _TAKE, _COUNT_TAKEN = SQL["untaken"], SQL["take"], SQL["count_taken"]
_MOVE, _CALL_OF_RUN, _FREE_BLOB = SQL["move"], SQL["call_of_run"], SQL["free_blob"]
_UNIQUE_HOLDER, _ADD_TAG = SQL["unique_holder"], SQL["add_tag"]
_ATTACHABLE, _ATTACH = SQL["attachable"], SQL["attach"]
_ADD_RUN = SQL["add_run"]
_ADDRESSEE, _ADD_MESSAGE, _TELL = SQL["addressee"], SQL["add_message"], SQL["tell"]
_UNREAD_SIGNALS = SQL["unread_signals"]
_ADD_LINE, _RENAME = SQL["add_line"], SQL["rename"]
_KEEP_PROGRESS, _FORGET_PROGRESS = SQL["keep_progress"], SQL["forget_progress"]

_STATES = {state.value: state for state in State}
_DONE = Verdict(Outcome.DONE)
_REFUSED = Verdict(Outcome.REFUSED)


class Batch:
    """The writes of one transaction. `wakes`: something in it may be work for another engine.

    `fenced`: ids of runs that its writes will fence on, to read all of them at once.
    """

    def __init__(self, connection: apsw.Connection, engine: str | None, fenced: Sequence[str] = ()) -> None:
        self.wakes = False
        self._connection = connection
        self._engine = engine
        self._lives = engine is not None and bool(rows(connection, _ENGINE_LIVES, (engine,)))
        self._entries: list[Row] = []  # of writes that passed their checks, not yet inserted
        self._lines: list[Row] = []  # of the same writes, likewise
        self._runs: dict[str, Row] = {}  # as read in this transaction; a write to a run takes it out
        if fenced:
            self._read_runs(fenced)

    def apply(self, write: Write) -> Verdict:
        """Check one write, then make its changes; its entries may wait for `flush`.

        Raises one of DATA_ERRORS when the store cannot hold its data; the transaction is then lost.
        """
        key, refusal = self._check(write)
        if refusal is not None:
            return refusal
        if write.fence is not None:
            blob = self._runs.pop(write.fence.run)[-1]
            self._add_entries(key, write.entries)
            if taken := _taken(write):
                self._take(key, taken)
            for line in write.logs:
                self._lines.append((key, *astuple(line)[:-1]))  # the number is given as it is inserted
            for said in write.progress:
                self._keep_progress(key, said)
            if write.move is not None:
                self._move(key, write.move, write.entries, blob)
            if write.rename:
                rows(self._connection, _RENAME, (write.rename, key))
                self.wakes = True
            if write.forget:
                self.flush()  # what is about to be written may name a blob of it
                forget(self._connection, key)
        if not write.new_runs and not write.messages:
            return _DONE
        self.flush()  # a copied history and the ids of messages are looked up in the table
        runs = tuple([self._start(new) for new in write.new_runs])
        return Verdict(Outcome.DONE, runs, tuple([self._send(message) for message in write.messages]))

    def apply_alone(self, write: Write) -> Verdict:
        """As `apply`, but a data error is this write's verdict and hurts nobody else."""
        wakes = self.wakes
        try:
            with savepoint(self._connection):
                verdict = self.apply(write)
                self.flush()
        except DATA_ERRORS as error:
            self._entries.clear()
            self._lines.clear()
            self.wakes = wakes
            return _invalid(f"{type(error).__name__}: {error}")
        return verdict

    def flush(self) -> None:
        """Insert the entries and lines that wait."""
        if self._entries:
            entries, self._entries = self._entries, []
            history.add(self._connection, entries)
        if self._lines:
            lines, self._lines = self._lines, []
            rows_of_each(self._connection, _ADD_LINE, lines)

    def _read_runs(self, runs: Sequence[str]) -> None:
        self._runs.update([(row[0], row) for row in rows(self._connection, _FENCES, (json.dumps(runs),))])

    def _keep_progress(self, key: int, said: StepProgress) -> None:
        if said.payload:
            rows(self._connection, _KEEP_PROGRESS, (key, *astuple(said)))
        else:
            rows(self._connection, _FORGET_PROGRESS, (key, said.step))

    # -- checks: nothing here writes ----------------------------------------------------------------

    def _check(self, write: Write) -> tuple[int, Verdict | None]:
        """The fenced run's key (0 without a fence), and why the write cannot be, if it cannot."""
        key = 0
        if write.fence is None:
            if write != Write(messages=write.messages, new_runs=write.new_runs):
                return 0, _invalid("without a fence a Write only creates runs and sends messages")
        else:
            key, refusal = self._check_fenced(write.fence, write)
            if refusal is not None:
                return 0, refusal
        return key, self._check_new_runs(write.new_runs) if write.new_runs else None

    def _check_fenced(self, fence: Fence, write: Write) -> tuple[int, Verdict | None]:
        if self._engine is not None and not self._lives:
            return 0, _REFUSED
        if fence.run not in self._runs:
            self.flush()
            self._read_runs([fence.run])
        found = self._runs.get(fence.run)
        if found is None:
            return 0, _REFUSED
        _, key, state_name, token, owner, length, unread, *_ = found
        state = _STATES[state_name]
        is_decision = owner is None and not (write.entries or write.consumed or write.logs or write.progress)
        if token != fence.token or state not in fence.states or not (owner == self._engine or is_decision):
            return 0, _REFUSED
        if write.rename and owner is not None:
            return 0, _invalid("the function of a run that somebody drives is not renamed")
        if write.forget:
            return key, self._check_forget(write, state, key)
        if write.move is not None:
            after = write.move.state
            # Running means owned, and only a claim makes an owner.
            if after is State.RUNNING or not may_move(state, after):
                return 0, _invalid(f"a run does not move from {state} to {after} by a Write")
        for expected, entry in enumerate(write.entries, length + 1):
            if entry.seq != expected:
                return 0, _invalid(f"entry {entry.seq} does not continue the history, {expected} would")
        taken = _taken(write)
        if unread < len(taken) or not all(rows(self._connection, _UNTAKEN, (key, one)) for one in taken):
            return 0, _REFUSED
        return key, None

    def _check_forget(self, write: Write, state: State, key: int) -> Verdict | None:
        if write != Write(fence=write.fence, forget=True):
            return _invalid("a run is forgotten by a Write of its own")
        if state not in FINAL:
            return _invalid(f"a run that is {state} is not forgotten")
        self.flush()
        needs_it = needed_by(self._connection, key)
        return (
            Verdict(Outcome.REFUSED, detail=f"run {needs_it}, which has not ended, rests on it")
            if needs_it
            else None
        )

    def _check_new_runs(self, new_runs: tuple[NewRun, ...]) -> Verdict | None:
        known: list[Outcome] = []
        for new in new_runs:
            if new.owned and self._engine is None:
                return _invalid("only an engine can own the run it creates")
            if new.owned and not self._lives:
                return _REFUSED
            if new.copy_from is not None:
                self.flush()
                source, last = new.copy_from
                if history.length(self._connection, source) < last:
                    return _invalid(f"run {source} has no entry {last} to copy")
            known.append(self._known(new) if new.explicit_id else Outcome.DONE)
        if Outcome.CONFLICT not in known:
            return None
        return Verdict(
            Outcome.CONFLICT,
            tuple(
                (outcome if outcome is Outcome.CONFLICT else Outcome.REFUSED, new.id)
                for outcome, new in zip(known, new_runs, strict=True)
            ),
            detail="that id belongs to a run of another function or of other arguments",
        )

    def _known(self, new: NewRun) -> Outcome:
        """Whether a run with this id is there: DONE (it is not), EXISTS or CONFLICT."""
        found = rows(self._connection, _CALL_OF_RUN, (new.id,))
        if not found:
            return Outcome.DONE
        function, digest, project = found[0]
        same = (function, digest) == (new.function, new.digest) and (project == new.project or not project)
        return Outcome.EXISTS if same else Outcome.CONFLICT

    # -- changes --------------------------------------------------------------------------------------

    def _add_entries(self, key: int, entries: tuple[Entry, ...]) -> None:
        for entry in entries:
            if size(entry.payload) > ENTRY_INLINE_MAX:
                seq, kind, at, step, digest, payload, *rest = astuple(entry)
                payload = stored(self._connection, payload, ENTRY_INLINE_MAX)
                self._entries.append((key, seq, kind, at, step, digest, payload, *rest))
            else:
                self._entries.append((key, *astuple(entry)))

    def _take(self, key: int, taken: dict[str, float]) -> None:
        for message, at in taken.items():
            n, blob = rows(self._connection, _UNTAKEN, (key, message))[0]
            rows(self._connection, _TAKE, (key, n, at))
            self._free(blob)
        rows(self._connection, _COUNT_TAKEN, (key, len(taken)))

    def _free(self, blob: str | None) -> None:
        """A row has let go of a blob."""
        if blob is not None:
            self.flush()  # what is about to be written may name it
            rows(self._connection, _FREE_BLOB, (blob,))

    def _move(self, key: int, move: Move, entries: tuple[Entry, ...], blob: str | None) -> None:
        final = move.state in FINAL
        values: dict[str, Any] = {
            "key": key,
            "state": move.state,
            "due": move.due,
            "seen": move.seen,
            "payload": stored(self._connection, move.payload, RUN_INLINE_MAX),
            "fingerprint": move.fingerprint,
            "final": final,
            "at": self._ended(key, move, entries) if final else None,
        }
        rows(self._connection, _MOVE, values)
        self._free(blob)
        # An engine looks after the runs that it lets wait; one that a client puts back in line is anybody's.
        self.wakes |= self._engine is None and move.state is State.WAITING

    def _ended(self, key: int, move: Move, entries: tuple[Entry, ...]) -> float:
        """When a run ended: as its move says, but not before its last entry."""
        if entries:
            last = entries[-1].at
        else:
            self.flush()
            last = history.last_time(self._connection, key)
        return last if move.at is None else max(move.at, last)

    def _start(self, new: NewRun) -> tuple[Outcome, str]:
        if new.explicit_id:
            if self._known(new) is not Outcome.DONE:
                return Outcome.EXISTS, new.id
        elif new.attach and new.starter:
            call = {
                "engine": self._engine,
                "function": new.function,
                "digest": new.digest,
                "starter": new.starter,
            }
            if self._engine is None or rows(self._connection, _ATTACHABLE, call)[0][0]:
                for (run,) in rows(self._connection, _ATTACH, call):
                    return Outcome.ATTACHED, run
        if new.unique_name:
            for (run,) in rows(self._connection, _UNIQUE_HOLDER, (new.project, new.unique_name)):
                return Outcome.EXISTS, run
        self._add_run(new)
        return Outcome.DONE, new.id

    def _add_run(self, new: NewRun) -> None:
        tags = list(dict.fromkeys(new.tags))
        values: dict[str, Any] = {
            "id": new.id,
            "state": State.RUNNING if new.owned else State.QUEUED,
            "token": 1 if new.owned else 0,
            "owner": self._engine if new.owned else None,
            "due": None if new.owned else new.at if new.due is None else new.due,
            "created": new.at,
            "began": new.at if new.owned and new.began is None else new.began,
            "started": new.at if new.owned else None,
            "function": new.function,
            "digest": new.digest,
            "fingerprint": new.fingerprint,
            "project": new.project,
            "queue": new.queue,
            "lane": new.lane,
            "rank": new.rank,
            "starter": new.starter,
            "starter_engine": self._engine,
            "unique_name": new.unique_name,
            "origin": new.origin,
            "parent": new.parent,
            "root": new.root or new.id,
            "seed": new.seed or new.id,
            "copied": new.copy_from[1] if new.copy_from else 0,
            "context": new.context,
            "tags": json.dumps(tags, ensure_ascii=False),
            "args": stored(self._connection, new.args, RUN_INLINE_MAX),
        }
        rows(self._connection, _ADD_RUN, values)
        key = self._connection.last_insert_rowid()
        if tags:
            rows_of_each(self._connection, _ADD_TAG, [(tag, key) for tag in tags])
        if new.copy_from is not None:
            history.copy(self._connection, key, *new.copy_from)
        self.wakes |= not new.owned

    def _send(self, message: Message) -> Outcome:
        found = rows(self._connection, _ADDRESSEE, {"run": message.run, "message": message.id})
        if not found:
            return Outcome.GONE
        key, state, last, known, unread = found[0]
        if known:
            return Outcome.DONE
        if _STATES[state] in FINAL:
            return Outcome.GONE
        if message.kind == SIGNAL and unread >= SIGNALS_MAX and self._is_full(key):
            return Outcome.FULL
        payload = stored(self._connection, message.payload, ENTRY_INLINE_MAX)
        values = (
            key, last + 1, message.id, message.kind, message.name, message.state, message.sender,
            message.digest, message.at, payload,
        )  # fmt: skip
        rows(self._connection, _ADD_MESSAGE, values)
        rows(self._connection, _TELL, (key,))
        self._runs.pop(message.run, None)
        self.wakes = True
        return Outcome.DONE

    def _is_full(self, key: int) -> bool:
        return rows(self._connection, _UNREAD_SIGNALS, (key,))[0][0] >= SIGNALS_MAX


def _taken(write: Write) -> dict[str, float]:
    """The messages that a write takes from the inbox, and when: those of its entries and others."""
    entries = write.entries
    taken = {entry.step: entry.at for entry in entries if entry.kind is Kind.MESSAGE}
    if write.consumed:
        at = entries[-1].at if entries else 0.0
        return dict.fromkeys(write.consumed, at) | taken
    return taken


def _invalid(detail: str) -> Verdict:
    return Verdict(Outcome.INVALID, detail=detail)
