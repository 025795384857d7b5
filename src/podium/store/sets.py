"""The rows that a batch of Writes is judged by, and those that it changes: sets, so that a backend needs few
round trips. What is in here knows no SQL; `judge` decides by it alone.

A backend commits each of `rounds(writes)` so: read what `needs` names, under locks that last until the
commit; call `judge`; apply the `Changes` that it returns.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from operator import attrgetter
from typing import Any

import msgspec

from ..codec import REFERENCE, holds_references
from ..model import (
    ANSWER,
    FINAL,
    OUTCOME,
    SIGNAL,
    Answer,
    AuditRow,
    Entry,
    Kind,
    LogLine,
    Measure,
    Message,
    Move,
    NewRun,
    PublishedValue,
    QueueRow,
    State,
    StepProgress,
    StepWrite,
    StreamChunk,
    Wait,
    Write,
)

Call = tuple[str, bytes, str]  # function, digest, starter: what `NewRun.attach` goes by
Name = tuple[str, str]  # project, unique name
CLOSED = b"closed"  # digest in `waits` of what nobody waits for any more: no answer has it


class RunState(msgspec.Struct, gc=False):
    """A run's row as far as the judge knows it. What a Write makes of it is seen by the next one."""

    id: str
    state: State
    token: int
    owner: str | None
    entries: int  # length of the history
    messages: int  # numbers that its inbox has given
    unread: int  # messages that nobody has taken
    since: float  # when it was started, or else created
    has_begun: bool  # its body was brought into memory once
    queue: str = ""
    lane: str = ""
    rank: float | None = None
    key: Any = None  # the backend's own
    blob: Any = None  # likewise: what goes when the payload is replaced
    signals: int = 0  # untaken ones; where that is far from the limit any number between theirs and `unread`
    is_new: bool = False  # the batch has started it: it is inserted as the batch leaves it
    # What the batch makes of it; only what `Changes` names is to be written.
    last_at: float | None = None  # of the last entry, where the batch has made one
    due: float | None = None
    payload: bytes = b""  # this and `ended` are also what was found, of a run that `Needs.ends` names
    fingerprint: str | None = None  # None: as it was
    forgiven: bool = False  # `lost` goes back to 0
    ended: float | None = None


def begun(engine: str | None, new: NewRun) -> RunState:
    """A new run's row, as it begins."""
    run = RunState(
        id=new.id,
        state=State.RUNNING if new.owned else State.QUEUED,
        token=1 if new.owned else 0,
        owner=engine if new.owned else None,
        entries=(new.copy_from[1] if new.copy_from else 0) + len(new.entries),
        messages=0,
        unread=0,
        since=new.at,
        has_begun=new.owned,
        queue=new.queue,
        lane=new.lane,
        due=None if new.owned else new.at if new.due is None else new.due,
        fingerprint=new.fingerprint,
        is_new=True,
    )
    if new.queue:
        run.rank = run.due if new.rank is None else new.rank
    return run


class InboxRow(msgspec.Struct, gc=False):
    """A message in an inbox. `message` is there where the batch has sent it."""

    run: RunState
    n: int
    kind: str
    taken: float | None = None
    message: Message | None = None
    blob: Any = None  # the backend's own: what goes with the payload


class WaitState(msgspec.Struct, gc=False):
    """A row of `waits`. `wait` is there where the batch has put it."""

    run: str
    step: str
    kind: str
    target: str
    taken: float | None = None
    by: str = ""
    digest: bytes = b""
    cancels: bool = False
    due: float | None = None
    wait: Wait | None = None


class Needs(msgspec.Struct):
    """Keys of the rows that a round is judged by. All of it is known before anything is read."""

    runs: dict[str, None]  # ids; those of `calls`, and of what is found by name or by call, belong to them
    calls: dict[str, None]  # ids whose function and arguments matter
    messages: dict[tuple[str, str], None]  # run, id
    signals: dict[str, int]  # by run: how many are sent to it
    names: dict[Name, None]
    orphans: dict[Call, int]  # how many of them may be wanted
    last_times: dict[str, None]  # of which runs it matters when the last entry was made
    forgotten: dict[str, None]
    # Runs that may end, or begin anew: their untaken outcomes and answers, what waits for them, and their own
    # open waits that cancel, with the targets' runs.
    ending: dict[str, None]
    ends: dict[str, None]  # runs that somebody begins to wait for: how they ended, if they have
    waits: dict[tuple[str, str], None]  # run, step
    answered: dict[str, None]  # targets; what waits for these, too. The runs that wait belong to `runs`
    queues: dict[str, None]  # names of those that are changed
    parking: dict[str, None]  # runs of which it matters whether a cancel lies there
    # Targets of questions that a run begins to wait for, and that others may have asked before it: what they
    # were answered with. Who waits for these is of interest, too, as in `answered`.
    asked_before: dict[str, None] = {}


class Rows(msgspec.Struct):
    """What was found of it; what is not there is missing here."""

    lives: bool  # the engine that writes has a row
    runs: dict[str, RunState]
    calls: dict[str, tuple[str, bytes, str]] = {}  # by id: function, digest, project
    inbox: dict[tuple[str, str], InboxRow] = {}
    unheard: dict[str, list[InboxRow]] = {}  # by run that may end; rows of `inbox`, too
    asked: dict[str, int] = {}  # by run that may be parked: number of its last untaken cancel
    waits: dict[tuple[str, str], WaitState] = {}
    given: dict[str, Answer] = {}  # by target; of several the first, then that of the first run
    holders: dict[Name, str] = {}  # the unfinished run that has the name
    orphans: dict[Call, list[str]] = {}  # unfinished runs whose starter is gone, oldest first
    last_times: dict[str, float] = {}
    needed_by: dict[str, str] = {}  # of a run to be forgotten: an unfinished one that rests on it
    queues: dict[str, QueueRow] = {}


class Changes(msgspec.Struct):
    """What a round changes, as it is in the end: a run that moves twice is moved once.

    Apply moves before new runs (a name that one gives up may be another's now), entries before copies. What
    is said of runs that were there (`moved`, `counted`, `told`, `put_back`) says nothing of new ones.
    """

    moved: dict[str, RunState] = {}  # state, payload, due, rank, fingerprint, forgiven, ended; no owner now
    new_runs: list[tuple[NewRun, RunState]] = []  # to be inserted as the batch has left them
    entries: list[tuple[RunState, tuple[Entry, ...]]] = []
    copies: list[tuple[RunState, str, int]] = []  # to, from, up to which entry
    logs: list[tuple[RunState, tuple[LogLine, ...]]] = []
    progress: dict[tuple[str, str], tuple[RunState, StepProgress]] = {}
    measures: list[tuple[RunState, tuple[Measure, ...]]] = []  # those that are there already are left
    chunks: list[tuple[RunState, tuple[StreamChunk, ...]]] = []
    values: dict[tuple[str, str], tuple[RunState, PublishedValue]] = {}
    inbox: list[InboxRow] = []  # new messages, some of them taken already
    taken: list[InboxRow] = []  # of those that lay there
    counted: dict[str, RunState] = {}  # numbers and unread messages of the inbox
    told: dict[str, RunState] = {}  # due at once, though not moved; with another rank
    put_back: dict[str, RunState] = {}  # of these, such as were parked: waiting, forgiven, payload as it was
    anew: dict[str, tuple[RunState, Move]] = {}  # a new generation begins; what is on record of those before
    # the one that ends goes, and so do the rows of `waits`, and what was kept of steps' progress
    renamed: dict[str, tuple[RunState, str, str]] = {}  # its function, its starter
    attached: list[
        tuple[RunState, str]
    ] = []  # the engine that writes is its starter, by the start of this id
    forgotten: list[RunState] = []
    waits: list[WaitState] = []  # new ones, some of them answered already
    answered: list[WaitState] = []  # of those that were there
    ended: dict[str, RunState] = {}  # their rows of `waits` go, after the rest, but for taken answers
    acts: list[AuditRow] = []  # new rows of the audit
    queues: dict[str, QueueRow] = {}  # as they are from now on, but for `next`
    held: dict[tuple[str, str], float] = {}  # by queue and lane: nothing that counts begins there before
    wakes: bool = False  # some of it may be work for another engine


def references(changes: Changes) -> Iterator[tuple[RunState, bytes]]:
    """What this round stores that names values kept by reference, by the run that has it."""
    # One look at all of them, for most batches have none. Where two meet, it may see one that is not there.
    if REFERENCE in b"".join([entry.payload for _, entries in changes.entries for entry in entries]):
        others = [(run, entry.payload) for run, entries in changes.entries for entry in entries]
    else:
        others = list[tuple[RunState, bytes]]()
    others += [(run, run.payload) for run in changes.moved.values()]
    for new, run in changes.new_runs:
        others += (run, new.args), (run, run.payload)
    for row in changes.inbox:
        if row.message is not None and row.taken is None:
            others.append((row.run, row.message.payload))
    others += [(run, said.payload) for run, said in changes.progress.values()]
    for run, payload in others:
        if holds_references(payload):
            yield run, payload


_CUTS = attrgetter("fence", "forget", "rename", "new_runs")
_PLAIN = (False, "")  # neither forgotten nor renamed
_STEPS: set[type[Write]] = {StepWrite}  # all that most batches are made of


def rounds(writes: Sequence[Write]) -> Iterator[Sequence[Write]]:
    """The batch in pieces, each of which is read, judged and applied before the next one; mostly one.

    Runs are forgotten and renamed in rounds of their own: what their ids and functions mean afterwards must
    be read anew. So must a copy that the batch has made: when its last entry was, its origin's history says.
    """
    if set(map(type, writes)) == _STEPS:
        yield writes
        return
    begin, copies, before, is_plain = 0, set[str](), _PLAIN, True
    for index, write in enumerate(writes):
        if is_plain and type(write) is StepWrite:
            continue
        fence, forget, rename, new_runs = _CUTS(write)
        if (forget, rename) != before or (copies and fence is not None and fence.run in copies):
            if index > begin:
                yield writes[begin:index]
            begin, before = index, (forget, rename)
            copies.clear()
        if new_runs:
            copies.update([new.id for new in new_runs if new.copy_from is not None])
        is_plain = before == _PLAIN and not copies
    yield writes[begin:] if begin else writes


_MORE = attrgetter("consumed", "messages", "new_runs", "forget", "waits", "answers", "queues", "closes")


def needs(writes: Sequence[Write]) -> Needs:
    """The keys of what a round is judged by."""
    runs: dict[str, None] = dict.fromkeys([fence.run for write in writes if (fence := write.fence)])
    found = Needs(runs, {}, {}, {}, {}, {}, {}, {}, {}, {}, {}, {}, {}, {})
    for write in [write for write in writes if type(write) is not StepWrite]:  # few
        fence = write.fence
        if fence is not None:
            run, move, entries = fence.run, write.move, write.entries
            if move is not None and move.state in FINAL:
                found.ending[run] = None
                if not entries:
                    found.last_times[run] = None
            elif move is not None and move.again is not None:
                found.ending[run] = None
            elif move is not None and move.state is State.PARKED and move.seen is not None:
                found.parking[run] = None
            for entry in entries:
                if entry.kind is Kind.MESSAGE:
                    found.messages[run, entry.step] = None
        if any(_MORE(write)):
            _needs_more(write, found)
    if found.orphans:  # some of them may end before they are wanted
        ends = sum([write.move is not None for write in writes])
        for call in found.orphans:
            found.orphans[call] += ends
    return found


def _needs_more(write: Write, found: Needs) -> None:
    """What few writes need."""
    fence, runs = write.fence, found.runs
    if fence is not None:
        for id in write.consumed:
            found.messages[fence.run, id] = None
        for wait in write.waits:
            found.waits[fence.run, wait.step] = None
            if wait.kind == OUTCOME:
                runs[wait.target] = found.ends[wait.target] = None
        found.asked_before.update(dict.fromkeys(asked_before(write)))
        for step in write.closes:
            found.waits[fence.run, step] = None
        if write.forget:
            found.forgotten[fence.run] = None
    for message in write.messages:
        runs[message.run] = None
        found.messages[message.run, message.id] = None
        if message.kind == SIGNAL:
            found.signals[message.run] = found.signals.get(message.run, 0) + 1
    for new in write.new_runs:
        _needs_of_start(new, found)
    for answer in write.answers:
        found.answered[answer.target] = None
    for change in write.queues:
        found.queues[change.name] = None


def asked_before(write: Write) -> list[str]:
    """Targets of the questions that it puts and whose asking it does not record: it is on record already, in
    a fork as its origin's. A question that is only just asked has an id that nobody knows."""
    asks = {entry.step for entry in write.entries if entry.kind is Kind.SENT}
    return [wait.target for wait in write.waits if wait.kind == ANSWER and wait.step not in asks]


def _needs_of_start(new: NewRun, found: Needs) -> None:
    found.runs[new.id] = None
    if new.explicit_id:
        found.calls[new.id] = None
    elif new.attach and new.starter:
        call = (new.function, new.digest, new.starter)
        found.orphans[call] = found.orphans.get(call, 0) + 1
    if new.unique_name:
        found.names[new.project, new.unique_name] = None
    if new.copy_from is not None:
        found.runs[new.copy_from[0]] = None
