"""What crosses the store seam: frozen data, no behaviour.

Everything that happens to a run is one `Write`: a fence, then a move, history entries, messages and new
runs. The fence holds and all of it happens, or nothing does and the `Verdict` says so.

Times are UTC seconds since the epoch (float). Payloads are bytes made by `podium.codec`; the store never
looks inside them. msgspec structs rather than dataclasses: they are built some hundred thousand times a
second, and a frozen dataclass costs ten times as much to build. `gc=False`: they hold only each other and
plain values, so they are in no circle, and the collector need not walk them.
"""

from __future__ import annotations

from enum import Enum

import msgspec

from .audit import AuditRow
from .measures import Measure
from .queues import QueueChange
from .states import State


class Kind(str, Enum):
    """What a history entry records. `FED` below says which ones the machine sees again in a replay."""

    RESULT = "result"  # a step's value
    ERROR = "error"  # a step's final failure
    TICK = "tick"  # time passed a timer's due time
    MESSAGE = "message"  # something taken from the inbox
    RETRY = "retry"  # a failed attempt that will be tried again; `due` says when, `policy` who granted it
    SENT = "sent"  # a step has gone out with this Write: `name` is the run that it started or what it sent
    SET_ASIDE = (
        "set_aside"  # a message that does not fit what `step` receives, or an answer that came too late for
        # it; `name` and `payload` are the message's
    )
    # In a retry: the value of a step of the run that it retries, behind what is copied of that. `name` is
    # EFFECT where it has an effect outside, which was not undone.
    STANDS = "stands"
    # In a retry: `name` is the run whose end is the outcome of a step that starts one, `digest` its call's.
    # With a payload (`as_planned`) that run is a retry, too, which starts when the body asks for it.
    CHILD = "child"
    # The rest is only recorded of runs that have lost an owner, see `engine.attempts`. But each attempt at a
    # step with an effect has a start: `name` says what is begun, see ASKS.
    START = "start"  # an attempt about to begin
    START_ALONE = "start_alone"  # likewise, and nothing else of its engine's suspects beside it
    HANDED_BACK = "handed_back"  # an attempt that had begun was given up in order: it is no loss
    TURN_BEGAN = "turn_began"  # the body's turn is about to begin
    TURN_SURVIVED = "turn_survived"  # it did not take its process down
    FORGIVEN = "forgiven"  # a person has resumed the run: what was lost before counts no more
    # The body has ended, and effects are brought to an outcome or undone: `name` is "state:seq", how and by
    # which entry.
    ENDING = "ending"

    def __str__(self) -> str:
        return self.value


FED: frozenset[Kind] = frozenset({Kind.RESULT, Kind.ERROR, Kind.TICK, Kind.MESSAGE})
STARTS: frozenset[Kind] = frozenset({Kind.START, Kind.START_ALONE})  # of attempts
TURNS: frozenset[Kind] = frozenset(
    {Kind.TURN_BEGAN, Kind.TURN_SURVIVED, Kind.FORGIVEN, Kind.ENDING}
)  # of no step
# These neither begin a step nor end it.
BESIDE: frozenset[Kind] = frozenset({Kind.SET_ASIDE, Kind.STANDS, Kind.CHILD})


class Entry(msgspec.Struct, frozen=True, gc=False):
    """One row of a run's history; `(run, seq)` is its key and `seq` counts from 1 without a gap."""

    seq: int
    kind: Kind
    at: float  # when the workflow saw it (of a kind that is not fed: was recorded); never goes back in a run
    step: str = ""  # identity: "scope/qualname#occurrence"; a message's id; "" where there is none
    digest: bytes = b""  # of the step's arguments
    payload: bytes = b""  # value, failure or message as the codec wrote it
    began: float = 0.0  # when the (last) attempt began; 0.0 where there is none
    attempt: int = 0  # counts from 1; 0 where there is none
    due: float | None = None  # RETRY only: when the next attempt may begin
    module: str = ""  # where the step's function was; beside the identity, so that moving a file changes none
    name: str = ""  # of a message what it is, "kind:name": a replay tells a cancel from the rest by it; of a
    # result that may stand for other calls its `cached_name`
    policy: int | None = None  # RETRY only: the index of the policy that granted the next attempt


# Identity of the TICK where a copied past ends: the clock jumps to the copy's own time. In a fork `name` is
# the lineage that chance, ids and keys derive from, from there on.
COPY_BEGAN = "/copy"
DEADLINE = "/deadline"  # identity of the TICK that says a workflow overran its own timeout

STDOUT, STDERR = 0, -1  # levels of what was printed, which has none; log records keep logging's own numbers


class LogLine(msgspec.Struct, frozen=True, gc=False):
    """Something that a run said: a printed line or a log record, whose text may hold several lines."""

    step: str  # identity of the step that said it; "" for the workflow's body
    attempt: int  # counts from 1; 0 for the body
    at: float
    level: int  # logging's, or STDOUT or STDERR
    text: str
    n: int = 0  # its number in the run, counting from 1 without a gap; the store gives it


class StepProgress(msgspec.Struct, frozen=True, gc=False):
    """What an attempt has said of its progress, kept for the next attempt at its step."""

    step: str
    attempt: int
    at: float
    payload: bytes  # as the codec wrote it; b"": the step is over, nothing is kept


# What the `name` of a start on record says: one that asks what became of those before; one that undoes the
# step which is named behind the colon.
ASKS, UNDOES = "asks", "undoes:"
EFFECT = "effect"  # one that has an effect outside
NOT_BEGUN = "not begun"  # of a HANDED_BACK: the attempt was still in line
HELD = 254  # `policy` of a RETRY that the task itself has asked for, by RetryAfter: no failure
PERSON = 255  # `policy` of a RETRY after which a person decides; then all retries are granted anew


class StreamChunk(msgspec.Struct, frozen=True, gc=False):
    """One chunk of a stream of a run. It is known by its place (step, attempt, turn, ordinal): the store
    keeps a second one of the same place out, so no replay and no commit that is made again repeats it.
    """

    name: str  # of the stream
    payload: bytes  # as the codec wrote it
    at: float
    step: str = ""  # identity of the step that emitted it; "" for the workflow's body
    attempt: int = 0  # counts from 1; 0 for the body
    turn: int = 0  # of the body: the number of the entry that it was told last; 0 of a task
    ordinal: int = 0  # counts from 1 in that turn, or in that attempt
    n: int = 0  # its number in its stream, counting from 1 without a gap; the store gives it


class PublishedValue(msgspec.Struct, frozen=True, gc=False):
    """The last value that a run has published under a name."""

    name: str
    payload: bytes  # as the codec wrote it
    at: float
    step: str = ""  # "" for the workflow's body
    attempt: int = 0  # counts from 1; 0 for the body
    turn: int = 0  # the number of the run's last entry then: one of an earlier turn replaces nothing


class Loss(msgspec.Struct, frozen=True, gc=False):
    """A run was freed of an owner that was gone."""

    at: float
    engine: str


CANCEL, SIGNAL, OUTCOME, ANSWER = "cancel", "signal", "outcome", "answer"  # kinds of messages
QUESTION = "question"  # of waits, to readers: an ANSWER with a prompt
PAUSE = "pause"  # a person asks the run to stop where it is, and to wait until it is resumed
SETTLE = "settle"  # a person says what became of the step that the message names

DAMAGED = "damaged"  # and of one that cannot be read: its payload says what is wrong, as the reason of a park

SIGNALS_MAX = 10_000  # signals that lie in one inbox and nobody has taken; then senders are told FULL


class Message(msgspec.Struct, frozen=True, gc=False):
    """Something sent to a run. `id` is unique in its inbox, where a taken message stays known for a while."""

    id: str
    run: str
    kind: str  # CANCEL, SIGNAL, SETTLE, OUTCOME (of a run that was waited for), ANSWER (question, callback)
    at: float
    payload: bytes = b""
    name: str = ""  # of a signal; of an outcome or answer: the identity of the step that waits for it
    digest: bytes = b""  # of the payload, where a repeat with another one is to be noticed
    state: str = ""  # of an outcome or answer: "succeeded", "failed" or "cancelled"; SETTLE: "again", too
    sender: str = ""  # a person's name or a run's id, where that is known
    n: int = 0  # its number in the inbox, counting from 1; the store gives it


OWN = "podium:"  # how the names of Podium's own functions begin: no program has declared them
SCHEDULE = "podium:schedule"  # the built-in workflow that every schedule is a run of
SCHEDULE_TASK = "podium:start_due"  # the task by which it looks what is due
ALERT = "podium:alert"  # and every alert
BY_ITS_PROGRAM = "(its own program)"  # project of a run that only the program that began it goes on with


class NewRun(msgspec.Struct, frozen=True, gc=False):
    """A run to create.

    `owned` makes the writing engine its owner at once (state running, token 1): the embedded fast path,
    one commit from call to first task. Otherwise the run is queued for any engine.

    `attach` names the script that starts it: when an unfinished run of the same function, arguments and
    script exists whose starting engine has no row any more (it is dead), no run is made; that one gets
    this engine as its starter and the verdict is ATTACHED.

    `copy_from` = (run, seq) copies that run's history up to and including seq: a retry or a fork, which
    also takes over its origin's `seed`, `began`, `context` and `generation`. What came before `base`, in
    earlier generations, is not copied.
    """

    id: str
    function: str
    args: bytes
    digest: bytes
    at: float
    owned: bool = False
    explicit_id: bool = False  # the caller chose the id: an existing run is then EXISTS or CONFLICT
    fingerprint: str = ""
    due: float | None = None  # not before; None: at once
    starter: str = ""  # script that started it
    attach: bool = False
    copy_from: tuple[str, int] | None = None
    tags: tuple[str, ...] = ()
    project: str = ""
    unique_name: str = ""  # held while the run is unfinished: another start by it is EXISTS, with that run
    origin: str = ""  # the run that it retries, or was forked from
    parent: str = ""  # the run that started it
    root: str = ""  # the top of its family; "": itself
    seed: str = ""  # what ids, chance and keys derive from; "": its id
    began: float | None = None  # where its clock begins; None: at its first claim
    context: str = ""  # small headers, JSON
    queue: str = ""  # "": it is in none
    lane: str = ""  # the line of one key in its queue
    rank: float | None = None  # its place in that line, least first; None: when it is due
    generation: int = 0  # of its origin
    base: int = 0  # likewise, where something is copied
    entries: tuple[Entry, ...] = ()  # its history's first ones of its own, after what is copied
    act: AuditRow | None = None  # who has retried or forked its origin; on record if it is made


class Wait(msgspec.Struct, frozen=True, gc=False):
    """What a step of the fenced run waits for from outside.

    It is put once, and answered once, by a message whose `name` is the step; to ask for it again with the
    same target changes nothing.
    """

    step: str
    target: str
    kind: str = OUTCOME  # OUTCOME: the target is a run, whose end answers; ANSWER: a question or a callback
    prompt: str = ""  # of a question
    schema: str = ""  # of the answer, JSON
    to: str = ""  # who is asked
    due: float | None = None  # a later answer is CLOSED; nothing happens by itself then
    cancels: bool = False  # the target is a child: it is asked to stop when this run ends before it
    about: bytes = b""  # of a question, what is shown with it, as the codec wrote it; b"": nothing


class Answer(msgspec.Struct, frozen=True, gc=False):
    """What somebody answers to a question or a callback: it goes to every run that waits for that target."""

    target: str
    at: float
    digest: bytes  # of the payload: so a repeat is told from another answer
    payload: bytes = b""  # a value or a failure, as the codec wrote it
    state: str = "succeeded"  # or "failed" or "cancelled"
    by: str = ""


class Move(msgspec.Struct, frozen=True, gc=False):
    """A change of state. It gives up ownership: every state that a Write can reach is without an owner."""

    state: State
    due: float | None = None  # WAITING: when it wants attention; None: only a message wakes it
    payload: bytes = b""  # result or failure of a final state, reason of a parked one
    fingerprint: str | None = None  # the code that drove it, for steering claims
    at: float | None = None  # final states: when it ended; None: with the last entry
    # WAITING: the number of the last message that was looked at; a later one makes the run due at once.
    # None: so does any that nobody has taken. PARKED: REFUSED where a later one is a cancel.
    seen: int | None = None
    # WAITING: a new generation begins, at `at` and with these arguments.
    again: bytes | None = None
    holds: float = 0.0  # of a run of a queue: nothing that counts begins before in its lane


class Fence(msgspec.Struct, frozen=True, gc=False):
    """What must be true of the run's row inside the commit, under its lock."""

    run: str
    token: int
    states: frozenset[State]


class Write(msgspec.Struct, frozen=True, gc=False):
    """The only way to change runs. Without a fence it may only create runs and send messages."""

    fence: Fence | None = None
    move: Move | None = None
    entries: tuple[Entry, ...] = ()
    consumed: tuple[str, ...] = ()  # messages to take from the inbox, by id, beside those of `entries`
    messages: tuple[Message, ...] = ()
    new_runs: tuple[NewRun, ...] = ()
    logs: tuple[LogLine, ...] = ()  # what the fenced run said meanwhile; the store numbers them
    rename: str = ""  # what the function of the fenced run, which nobody owns, is called from now on
    starter: str = ""  # with `rename`: the script that may attach to the run from now on; "": as before
    forget: bool = False  # a run that has ended goes, with all that is on record of it
    waits: tuple[Wait, ...] = ()  # of steps of the fenced run
    answers: tuple[Answer, ...] = ()  # to whomever
    closes: tuple[str, ...] = ()  # steps of the fenced run whose answer it does not wait for any more
    progress: tuple[StepProgress, ...] = ()  # of steps of the fenced run; the last of each is kept
    measures: tuple[Measure, ...] = ()  # by the fenced run
    chunks: tuple[StreamChunk, ...] = ()  # what the fenced run emitted meanwhile; the store numbers them
    values: tuple[PublishedValue, ...] = ()  # what it published; the last of each name is kept
    acts: tuple[AuditRow, ...] = ()  # who has decided it; on record unless nothing of it happened
    queues: tuple[QueueChange, ...] = ()  # what queues allow from now on


class StepWrite(Write, frozen=True, gc=False):
    """A Write of a fence and entries, one at least, none of which takes a message, as most are: whoever sees
    one need not look for more in it."""


class Outcome(str, Enum):
    """What became of a Write, or of one new run or message in it."""

    DONE = "done"
    REFUSED = "refused"  # the fence did not hold, or the engine has no row: nothing happened
    EXISTS = "exists"  # new run: that id is there with the same function and arguments
    # New run: that id is there with others; the rest of a fenced Write happened, of another one nothing.
    CONFLICT = "conflict"
    ATTACHED = "attached"  # new run: an orphan of the same call was found instead; see `Verdict.runs`
    GONE = "gone"  # message: its run is final or unknown; wait: the run is unknown; the rest happened
    FULL = "full"  # signal: too many lie there that nobody has taken; the rest of the Write happened
    # Answer: nobody waits for that target, or no more. Cancel by a person: its run is parked, and would not
    # see it. The rest of the Write happened.
    CLOSED = "closed"
    TAKEN = "taken"  # answer: there was another one before; the rest of the Write happened
    INVALID = "invalid"  # the store itself refused this Write's data (`detail` says why); nothing happened


class Verdict(msgspec.Struct, frozen=True, gc=False):
    """The answer to one Write. `runs`, `messages`, `waits` and `answers` follow the order of the Write's."""

    outcome: Outcome
    runs: tuple[tuple[Outcome, str], ...] = ()  # (DONE | EXISTS | CONFLICT | ATTACHED, run id)
    messages: tuple[Outcome, ...] = ()  # DONE | GONE | FULL | CLOSED
    waits: tuple[Outcome, ...] = ()  # DONE | GONE
    answers: tuple[Outcome, ...] = ()  # DONE | CLOSED | TAKEN
    detail: str = ""
    missing: str = ""  # INVALID: the file of a value that the Write names, and that is not there
    told: tuple[Message, ...] = ()  # outcomes, answers and cancels that it has sent
    taken: tuple[tuple[str, str], ...] = ()  # (run id, what that run is) for each CONFLICT


class Head(msgspec.Struct, frozen=True, gc=False):
    """A run as its owner needs it: everything but the history. Built in `podium.model.heads`."""

    id: str
    function: str
    token: int
    args: bytes
    digest: bytes
    created: float
    started: float  # first claim
    lost: int = 0  # owners that died holding it
    entries: int = 0  # length of the history
    fingerprint: str = ""
    starter: str = ""  # the script that left it behind; "" while the process that started it may be there
    ours: bool = False  # the engine that owns it has started it, or attached to it
    project: str = ""
    origin: str = ""
    parent: str = ""
    root: str = ""
    seed: str = ""
    began: float = 0.0  # where the machine's clock begins: `started`, of a copy its origin's
    copied: int = 0  # entries that came from the origin
    generation: int = 0  # rounds that this run has begun anew
    base: int = 0  # entries that belong to earlier generations
    context: str = ""
    queue: str = ""
    lane: str = ""
    messages: int = 0  # numbers that its inbox has given


class Claimed(msgspec.Struct, frozen=True, gc=False):
    """Runs now owned by the claiming engine, and when the next unowned one becomes due (None: none known)."""

    heads: tuple[Head, ...]
    next_due: float | None
