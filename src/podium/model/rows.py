"""What readers see of a store: rows as frozen data, and what they ask for."""

from __future__ import annotations

from collections.abc import Mapping

import msgspec

from .states import State

Place = tuple[float, int]  # in the order of `find`: `created` and `key`


class RunRow(msgspec.Struct, frozen=True):
    """A run as a reader sees it. What the fields mean is said at `NewRun` and `Head`."""

    id: str
    function: str
    state: State
    token: int
    owner: str | None
    created: float
    started: float | None
    ended: float | None
    due: float | None
    args: bytes
    payload: bytes  # result, failure or reason, by state
    digest: bytes
    lost: int
    entries: int
    fingerprint: str
    starter: str
    tags: tuple[str, ...]
    inbox: int  # messages that nobody has taken
    logs: int = 0  # lines on record, which is also the number of the last one
    project: str = ""
    unique_name: str = ""
    origin: str = ""
    parent: str = ""
    root: str = ""
    seed: str = ""
    began: float | None = None
    copied: int = 0
    generation: int = 0
    base: int = 0
    context: str = ""
    queue: str = ""
    lane: str = ""
    rank: float | None = None
    messages: int = 0
    starter_engine: str | None = None  # the engine of the process that started it, or attached to it
    key: int = 0  # its number in this store

    @property
    def place(self) -> Place:
        """Where it stands among all, for paging: holds also when it has been deleted."""
        return self.created, self.key


class RunStatus(msgspec.Struct, frozen=True, gc=False):
    """How a run stands, for those who wait for it: the least that a look at it may cost."""

    id: str
    state: State
    owner: str | None
    created: float
    payload: bytes  # of a run that is final or parked; of any other b""


class RunStanding(msgspec.Struct, frozen=True, gc=False):
    """Of a run what moves while it lives, to be compared with a later look; nothing of it is large."""

    id: str
    function: str
    state: State
    token: int
    entries: int
    logs: int
    due: float | None
    inbox: int
    created: float


WAITS_MAX = 1_000_000  # of one run, answered or not


class WaitRow(msgspec.Struct, frozen=True):
    """What a run waits for, as a reader sees it; see `Wait`. It is there until its run ends, a question's or
    callback's that was answered as long as its run is."""

    run: str
    step: str
    target: str
    kind: str
    prompt: str
    schema: str
    to: str
    due: float | None
    taken: float | None  # when it was answered
    by: str  # who has
    digest: bytes  # of the answer
    about: bytes = b""
    cancels: bool = False


class EngineRow(msgspec.Struct, frozen=True):
    """An engine that announced itself. `beat` grows with each heartbeat; nobody compares clocks.

    `info` is for readers, JSON, see `podium.model.engine_info`: {"kind": "embedded" | "worker",
    "script": ..., "version": ..., "slots": 32, "modules": [...], "broken": {"app": "ImportError: no x"}}.
    """

    id: str
    beat: int
    host: str
    pid: int
    started: float
    info: str = ""
    functions: Mapping[str, str] = {}  # what it offers: name -> fingerprint of its code


ASK_PAUSE, ASK_DRAIN = "pause", "drain"
ASKED = ("", ASK_PAUSE, ASK_DRAIN)  # of an engine: to work, to take nothing new, to do so and end


class Beat(msgspec.Struct, frozen=True, gc=False):
    """The signs of life of an engine: what others look at several times a second. See `EngineRow`."""

    id: str
    beat: int
    host: str
    pid: int
    asked: str = ""  # what a person wants of it, see `ASKED`


class Query(msgspec.Struct, frozen=True):
    """Which runs `find` returns, newest first."""

    states: frozenset[State] | None = None
    function: str | None = None
    id_prefix: str | None = None
    id_suffix: str | None = None
    functions: frozenset[str] | None = None  # one of these
    tag: str | None = None  # exactly
    any_has: str | None = None  # a piece of the id, the function's name or a tag
    # Times from (inclusive) and until (exclusive); a run without that time is in none.
    created: tuple[float, float] | None = None
    started: tuple[float, float] | None = None
    ended: tuple[float, float] | None = None
    left_by: str | None = None  # unfinished runs of `function` that this script has started
    roots: frozenset[str] | None = None  # of the family of one of these, but not itself
    unowned: bool = False  # queued or waiting, and due now or later
    before: str | Place | None = None  # keyset paging: older than this run; behind none that is not there
    limit: int = 100
