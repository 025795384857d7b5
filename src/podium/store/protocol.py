"""The store seam: a few methods, by meaning, in batches.

Every method speaks of runs, never of SQL; refusal is an answer (a verdict), not an error. The methods that
only look at what is on record stand in `on_record`. What is said here and there is what
`tests/store/contract` asserts, on every backend: a behaviour that is not in that suite is none.

Times are UTC seconds and are always passed in; a store reads no clock. Payloads are bytes and come back
as they went in, whatever their size. Methods may be called from any thread; commits take turns, and reads
do not wait for them where the backend can help it.

Errors, from any method:

- `StoreUnavailable`: try again. Locked past the patience, disk full, connection lost, a read that failed.
  Nothing of the call happened, except where `unknown` is True: then the commit may have happened all the
  same, and the caller reads back before it decides.
- `StoreFatal`: a failed sync, a damaged file. Nothing can be trusted on this handle any more: it refuses
  every further call. Here too `unknown` may be True.
- `StoreRefused`: used wrongly, with a fix. Schema newer than this code (left untouched) or not migrated yet,
  read-only, damaged, on a network file system, closed, or inherited by a forked process.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping, Sequence
from typing import Protocol

from ..depot import Depot
from ..model import (
    NO_TASKS,
    AuditRow,
    Beat,
    Claimed,
    EngineRow,
    Message,
    TaskSlots,
    Verdict,
    Write,
)
from .on_record import OnRecord


class Sent(Protocol):
    """A commit that is on its way. All of it is for the thread that has sent it, which has others to look
    after meanwhile, and waits for the descriptor by its reactor."""

    @property
    def descriptor(self) -> int:
        """Of a file that can be read when there is something for `advance`. It is open until `verdicts`."""
        ...

    @property
    def is_unsent(self) -> bool:
        """Whether `advance` is to be called, too, when the file can be written to: not all has gone out."""
        ...

    @property
    def silence(self) -> float:
        """Seconds after which it is to be given up (`lose`) if nothing has come."""
        ...

    def advance(self) -> bool:
        """Take what has come; True when it is over, as it stays. Never waits."""
        ...

    def lose(self) -> None:
        """Give it up. It is over then, unless another thread of the store waits for the answer just now:
        that one does the same, and calls `wake`."""
        ...

    def verdicts(self) -> list[Verdict] | None:
        """Once, when it is over: what `commit` returns, or raises. None: nothing of it has happened, and
        `commit` can say why."""
        ...


class Store(OnRecord, Protocol):
    """Where runs live."""

    @property
    def depot(self) -> Depot:
        """Where values lie that are kept by reference, which payloads name. A Write that names one keeps it
        for as long as its run is there; one that names a value which is not there is INVALID."""
        ...

    @property
    def near(self) -> bool:
        """Whether a small commit is so quick that the thread which drives runs may make it itself: a file or
        memory of this host. Else it is sent (`send`), or is the writer's."""
        ...

    @property
    def shared(self) -> str:
        """The id of a store on a server, which many hosts may share; "" of a file or memory of this host."""
        return ""

    def clock(self) -> float | None:
        """What time it is on the server, UTC seconds, by which all go who share it; None of a store on this
        host, whose own clock counts."""
        return None

    def migrate(self) -> None:
        """Create or upgrade the schema; call it before anything else.

        Safe to repeat, to race and to be killed in: each step is one transaction. Raises StoreRefused when
        the schema is newer than this code.
        """
        ...

    def commit(self, engine: str | None, writes: Sequence[Write]) -> list[Verdict]:
        """One transaction, synced to disk before it returns; verdicts in the order of the writes.

        Writes are judged one after the other, each seeing what those before it did. One that is not DONE has
        changed nothing and hurts no neighbour.

        REFUSED: the fence did not hold. The run must be there, with the token and in one of the states that
        the fence names. With `engine` given, that engine must own it and must have a row; so must an engine
        that creates an owned run. Without (a client), nobody may own it. Of a run that nobody owns an engine
        may pass on a person's decision, a move alone, or end it by the one entry that takes its cancel.

        An entry that takes a message is judged, too, and so is `consumed`: the message must lie in the run's
        inbox, perhaps since an earlier write of the batch, and nobody may have taken it.

        INVALID: a fenced move that the transition table does not have, or one to running (only a claim makes
        an owner); entries that do not continue the history without a gap; two that take one message; a move,
        entries, consumed ids, logs, progress, chunks, values or waits without a fence; an owned new run
        without an engine; a new run whose id is taken though nobody chose it; `copy_from` of more than there
        is; data that the store cannot hold.

        New runs: with `explicit_id`, a run that is there already is EXISTS when it has the same function and
        digest, else CONFLICT. Then nothing of a Write without a fence happened (its other new runs are
        REFUSED); of a fenced one the rest happened, but for a wait for that id, which is GONE.
        ATTACHED: see `NewRun.attach`; of several such runs the oldest, and never one that was started
        without an engine, since nobody can tell whether its starter lives.

        Messages: GONE when the run is final or unknown; FULL, of signals alone, when SIGNALS_MAX of them lie
        there; the rest of the Write happens. An id that is in the run's inbox, or was until it was taken and
        `expire` forgot it, is DONE without a second copy. A message to a run that nobody drives makes it due
        at once, but a signal does not begin one that has not begun. Messages that a run never consumed stay
        in its inbox at its end. A cancel of a parked run is CLOSED, but with a sender puts it back, to end.

        Waits: put by the owner, and judged after the new runs. A row is (run, step); the same target again is
        DONE and changes nothing, another one is INVALID, and so is a wait of a run that ends with this Write,
        or for its own end. Target of an OUTCOME is a run, GONE if there is none; that of an ANSWER is
        whatever id an `Answer` will name. The end of a run, by whatever move, sends a message of kind OUTCOME
        to each run that waits for it, once, with its state and payload; if it has ended already, the wait is
        answered with this very commit; so is one for what was answered in time, where no SENT is beside it.
        The row says then when it was answered, and by whom. A run's own rows go when it ends, but answered
        questions', and outcomes in its inbox are taken; to the unfinished target of each open one that
        `cancels` a CANCEL is sent. `Verdict.told` holds all three that the Write has sent.

        Answers: DONE sends one to each open row with that target, or repeats one that was given (the same
        digest); TAKEN: it was answered otherwise; else CLOSED: no unfinished run waits for it, or no more at
        the time that the answer says. The rest of the Write happens.

        `forget`, alone with its fence: the run goes, with history, logs, messages, tags, blobs that no other
        names; its id is free again. INVALID for one that has not ended; REFUSED, with a detail, where an
        unfinished run rests on it: is a copy of it, waits for it, is its parent or the top of its family.

        Measures that are there already, made in the same place at the same time, are left as they are. Of
        what is said of a step's progress the last is kept, until an empty one takes it away.
        Logs are numbered in the order in which they are written, on from the run's last line. So are chunks,
        in each stream of a run; one that is there already, by generation, step, attempt, turn and ordinal, is
        left out. A published value replaces the one of its name, unless that is of a later turn.

        A move sets the payload and takes the ownership away; one out of parked sets lost back to 0, because
        a person has decided. A final one dates the run's end: `Move.at`, but not before its last entry.
        """
        ...

    def send(self, engine: str, writes: Sequence[Write], wake: Callable[[], object]) -> Sent | None:
        """`commit` in two parts, for one commit at a time: it is sent, and its answer is taken when it has
        come. Never waits for anything; raises as `commit` does. What is sent may happen although its sender
        has died, or does not ask.

        None: not now, or not these, or never, as of a store whose commits are near; take `commit`.

        `wake` is called from another thread that needed the answer first and has waited for it: then there
        may be nothing more to read. It must not raise.
        """
        return None

    def claim(
        self,
        engine: str,
        functions: Mapping[str, str],
        limit: int,
        now: float,
        runs: Sequence[str] | None = None,
        projects: Mapping[str, str] | None = None,
        queues: Collection[str] | None = None,
        tasks: TaskSlots = NO_TASKS,
    ) -> Claimed:
        """Take up to `limit` unowned runs, queued or waiting, that are due or have messages.

        `functions` maps each function this engine has to its code's fingerprint: from now on that is what the
        engine offers (see `engines`), in place of what it offered before. Runs of other functions are left
        alone, and so are runs whose fingerprint another engine with a row offers and this one does not. Runs
        of the engine's own code, and those without a fingerprint, come first, then those of code that nobody
        offers; the oldest first in each.

        A claim sets the owner, adds 1 to the token, moves the run to running, gives it the fingerprint of the
        claiming engine's code (`Head.fingerprint` is the one before) and, the first time, records `started`,
        not before `created` whatever the clocks. An engine without a row gets nothing and offers nothing.

        `projects` maps functions to the project that their code is of: runs of the same function in another
        project are left alone. Runs of no project ("") belong to all.

        With `runs` only these are taken and looked at, of whatever project; what the engine offers keeps
        other code off them.

        Runs of queues are taken within their limits, whatever was claimed at the same time elsewhere: no more
        are owned than the concurrency of their queue, or where it has `per` of their lane, nor begun than its
        rate; nor claimed than `tasks` has free slots for. Of the lanes that have room the one comes first
        that was served longest ago; in it what comes back, the longest due first, then what has the least
        rank. A rate counts the first claim of a run, and of `tasks` each. A paused queue gives nothing. What
        a cancel has been sent to is claimed past all limits.

        `queues`: the engine has only runs of these; "" stands for those in no queue. None: it has all.

        `next_due` looks at the same runs; it is not after `now` when there is more to claim at once. Of what
        a full or paused queue holds back it says nothing.
        """
        ...

    def collect(self, engine: str, seen: Mapping[str, int] | None = None) -> list[Message]:
        """Undelivered messages of the runs this engine owns. They stay until consumed.

        Those of a run come in the order of their numbers: the clocks of senders differ. Of a run that is in
        `seen` only those with a higher number than that.
        """
        ...

    def announce(self, engine: EngineRow) -> None:
        """Insert this engine's row: from now on it may write. Raises StoreRefused when it is there."""
        ...

    def heartbeat(self, engine: str, info: str | None = None) -> bool:
        """Add 1 to the engine's beat; with `info` it says that of itself from now on. False: the row is gone;
        this engine was condemned and must stop."""
        ...

    def ask_engine(self, engine: str, asked: str) -> bool:
        """Have it stand in the engine's row what is wanted of it, one of `ASKED`; its own look at the beats
        tells it. False: there is no such row."""
        ...

    def beats(self) -> list[Beat]:
        """The beats of all engines with a row, oldest first; a look at them touches nothing else."""
        ...

    def engines(self) -> list[EngineRow]:
        """All engines with a row, what they say of themselves and what they offer, oldest first."""
        ...

    def release(self, dead: Mapping[str, int], at: float) -> int:
        """Delete the rows of engines that are dead, then free every run whose owner has no row.

        `dead` maps each to the beat at which it was seen to be silent: one that has beaten since lives.

        A freed run gets token + 1, lost + 1, state waiting (queued stays queued) and is due at once; its loss
        is on record with the time that is given, for `losses`.
        Returns how many were freed. With `dead` empty it only looks for runs whose owner is gone.
        """
        ...

    def retire(self, engine: str) -> int:
        """A clean goodbye: like `release` of this engine, but its runs were handed back, so lost stays."""
        ...

    def wait(self, timeout: float, changes: bool = False) -> bool:
        """Sleep up to `timeout` seconds; True, early, when another engine or process may have left work.

        With `changes` also when anything at all was committed since the last such wait, by whomever: for
        those who wait for a run that is driven elsewhere. The first one is True at once.

        Only a hint: it may be late, missing or for nothing. Without `changes`, only an engine that announced
        itself through this handle is woken.
        """
        ...

    def expire(self, before: float, limit: int = 1000) -> int:
        """Forget up to `limit` messages that were taken before this time; how many that was; and all
        lanes that were served last before it. Until then a repeat of one is known and not delivered. What
        nobody has taken stays."""
        ...

    def forget_measures(self, before: float, limit: int = 1000) -> int:
        """Forget up to `limit` points that were made before this time; how many that was."""
        ...

    def sweep(self, before: float) -> tuple[int, int]:
        """Remove values from the depot that nothing on record names and that were last put there before this
        time; how many they were, and their bytes. A value may be there before the Write that names it."""
        ...

    def audit(self, row: AuditRow) -> int:
        """Put on record that somebody asks for a change, synced; its number, from 1 on without a gap."""
        ...

    def audit_outcome(self, n: int, outcome: str) -> None:
        """Say how the change of that number came out. Said once, it stays; an unknown number is no error."""
        ...

    def checkpoint_due(self) -> bool:
        """Whether `checkpoint` is worth its while; cheap. Always False where a backend has no such chore."""
        ...

    def checkpoint(self) -> None:
        """Upkeep that would make a commit late; call it from a thread of its own, beside running commits."""
        ...

    def close(self) -> None:
        """Close every connection, after what is running, and wake `wait`; closing twice is fine."""
        ...
