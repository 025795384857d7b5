"""What one run still has to write, and what waits for that to be durable.

Decide, commit, act: commands are held here until the write that records what led to them is durable. One
write is under way at most; what happens meanwhile gathers for the next one.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

import msgspec
from msgspec.structs import replace

from ..executors import Attempt
from ..machine import BodyStreams, Command
from ..model import (
    Entry,
    Fence,
    Head,
    LogLine,
    Measure,
    Message,
    Move,
    NewRun,
    PublishedValue,
    QueueChange,
    State,
    StepProgress,
    StepWrite,
    StreamChunk,
    Wait,
    Write,
)
from ..options import Options
from .attempts import Attempts

_RUNNING = frozenset({State.RUNNING})

Held = Command | Attempt  # acted upon once it is durable


class Extras(msgspec.Struct):
    """What goes with the next write beside entries and a move. Most writes have none of it."""

    consumed: list[str] = []  # ids of the messages that the entries took over
    messages: list[Message] = []  # to other runs
    new_runs: list[NewRun] = []
    waits: list[Wait] = []
    queues: list[QueueChange] = []  # of new runs
    closes: list[str] = []  # steps whose question nobody waits for any more
    logs: list[LogLine] = []
    progress: dict[str, StepProgress] = {}  # by step
    measures: list[Measure] = []
    chunks: list[StreamChunk] = []
    values: list[PublishedValue] = []

    @property
    def is_empty(self) -> bool:
        """Whether all of it was taken back."""
        return not any(msgspec.structs.astuple(self))

    @property
    def crosses(self) -> bool:
        """Whether any of it comes in or goes out, so that a write without entries is worth making."""
        return bool(
            self.consumed or self.new_runs or self.waits or self.closes or self.messages or self.measures
        )

    def write(self, fence: Fence, move: Move | None, entries: tuple[Entry, ...]) -> Write:
        """All of it as one write."""
        return Write(
            fence=fence,
            move=move,
            entries=entries,
            consumed=tuple(self.consumed),
            messages=tuple(self.messages),
            new_runs=tuple(self.new_runs),
            logs=tuple(self.logs),
            waits=tuple(self.waits),
            queues=tuple(self.queues),
            closes=tuple(self.closes),
            progress=tuple(self.progress.values()),
            measures=tuple(self.measures),
            chunks=tuple(self.chunks),
            values=tuple(self.values),
        )


class Outbox:
    """The unwritten end of one run's history. Its owner asks the committer for a commit."""

    def __init__(self, head: Head) -> None:
        self._fence = Fence(head.id, head.token, _RUNNING)
        self._generation, self._is_of_queue = head.generation, bool(head.queue)
        self.seq = head.entries  # of the last entry made, durable or not
        self.entries: list[Entry] = []
        self.made: Extras | None = None  # such as there are; see `extras`
        # By which people have asked the run to stop here; taken when it does.
        self.pauses: tuple[Message, ...] = ()
        self.move: Move | None = None
        self.held: list[Held] = []  # waits for the next write
        self.writing: list[Held] | None = None  # waits for the write under way; None: there is none
        self.is_passed_over = False  # there was more to write while that was under way

    @property
    def extras(self) -> Extras:
        """What else goes with the next write, to be added to; made on first use."""
        if self.made is None:
            self.made = Extras()
        return self.made

    def patience(self, options: Options) -> float:
        """How long the run may wait in memory, in seconds: of a queue not at all, it holds a slot there."""
        return 0.0 if self._is_of_queue else options.patience(self.seq)

    def next_seq(self) -> int:
        """The number of the next entry."""
        self.seq += 1
        return self.seq

    def record(self, entry: Entry) -> None:
        """Add an entry to the next write."""
        self.entries.append(entry)

    def keep(self, attempt: Attempt, at: float) -> None:
        """Let what an attempt has said of its progress be there for the next one."""
        said = StepProgress(attempt.step, attempt.number, at, attempt.said)
        self.extras.progress[attempt.step] = said

    def say(self, attempt: Attempt, at: float, last: bool = False) -> None:
        """Take what an attempt has emitted and published. `last`: it is over."""
        if attempt.stream is not None:
            chunks, values = attempt.stream.take(self.seq, last)
            self.extras.chunks += chunks
            self.extras.values += values
            if chunks and not last:
                self.keep(attempt, at)

    def hear(self, body: BodyStreams, attempts: Attempts, now: Callable[[], float]) -> None:
        """Take what the body and its tasks have emitted and published since the last write."""
        if body.has_news:
            self.extras.chunks += body.chunks.values()
            self.extras.values += body.values.values()
            body.clear()
        if attempts.speaking or self.move is not None:
            for attempt in attempts.speaking if self.move is None else attempts.running.values():
                self.say(attempt, now())
            attempts.speaking.clear()

    def forget(self, attempt: Attempt, at: float) -> None:
        """The step is over: nothing of its progress is kept."""
        self.extras.progress[attempt.step] = StepProgress(attempt.step, attempt.number, at, b"")

    def measured(self, attempt: Attempt) -> None:
        """What an attempt that has ended has measured goes with its outcome."""
        generation = self._generation
        for ordinal, point in enumerate(attempt.measures or ()):
            made = replace(
                point, step=attempt.step, attempt=attempt.number, ordinal=ordinal, generation=generation
            )
            self.extras.measures.append(made)

    def send(self, messages: Sequence[Message] = (), new_runs: Sequence[NewRun] = ()) -> None:
        """Send and start with the next write; what became of each is in that write's verdict."""
        self.extras.messages += messages
        self.extras.new_runs += new_runs

    @property
    def must_commit_first(self) -> bool:
        """Whether what the machine asks for now rests on something that is not durable yet."""
        return bool(self.entries) or self.writing is not None or self.move is not None

    @property
    def is_answered(self) -> bool:
        """Whether the next write is about to bring an answer that the run must be here to hear: what it sends
        may be refused, or the id of a run that it starts be taken, and nobody would tell it again."""
        return self.made is not None and bool(self.made.messages or self.made.new_runs)

    def take(self) -> Write | None:
        """All since the last write as one; None if there is nothing, or one is under way."""
        if self.writing is not None:
            return None
        entries, extras, move = tuple(self.entries), self.made, self.move
        if extras is None and move is None:  # the way of every step
            if not entries:
                return None
            write: Write = StepWrite(self._fence, None, entries)
        else:
            if extras is None:
                write = Write(self._fence, move, entries)
            elif move is not None or not extras.is_empty:
                write = extras.write(self._fence, move, entries)
            elif entries:
                write = StepWrite(self._fence, None, entries)
            else:
                return None
            self.made = self.move = None
        self.entries.clear()
        self.writing, self.held, self.is_passed_over = self.held, [], False
        return write

    def settle(self) -> list[Held]:
        """The write under way has its verdict; returns what waited for it."""
        held, self.writing = self.writing or [], None
        return held

    def rewind(self, write: Write) -> None:
        """The store has refused this write's data: forget it and what was built upon it, but not the log."""
        logs = [] if self.made is None else self.made.logs
        self.clear()
        if logs:
            self.extras.logs = logs
        if write.entries:
            self.seq = write.entries[0].seq - 1

    def clear(self) -> None:
        """Forget everything that is not written, and what was to follow from it."""
        self.held = []
        self.entries.clear()
        self.made = self.move = None
