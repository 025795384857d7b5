"""One feed of what changes in a store, for all who follow along.

What this process's engine does is told as it happens, what others commit by a look when the store says that
something changed. An event says what has changed, never how it looks now: whoever follows reads that again,
so nothing rests on one. Events are gathered for a moment and told once, however often the same happened;
the last of them are kept, so that a stream that was cut goes on where it was.
"""

from __future__ import annotations

import math
import threading
from collections import deque
from collections.abc import Callable, Generator, Iterator, Mapping
from contextlib import contextmanager
from typing import Any, NamedTuple

import msgspec

from ..engine import Event, events
from ..errors import PodiumError
from ..model import UNFINISHED, Kind, Query, RunStanding
from .app import App

FLUSH_SECONDS = 0.1
METRICS_SECONDS = 0.5
RATE_SECONDS = 2.0  # over which rates are taken
KEPT = 2000  # events
NEWEST = 200  # runs that are looked at, beside those that were unfinished at the last look
UNFINISHED_MAX = 1000
HAPPENED_MAX = 50_000  # events of the engine between two turns; the looks tell the rest
STEPS_MAX = 20  # of a run in one event


class FeedEvent(msgspec.Struct, frozen=True):
    """Something that has changed. `topic`: run, step, engine or metrics; `data` is JSON."""

    n: int
    topic: str
    data: bytes


class Missed(NamedTuple):
    """What came after a place in the feed. `place`: where it is now; `reset`: that place is not known any
    more, so everything is to be read again."""

    events: list[FeedEvent]
    place: str
    reset: bool


class Feed:
    """Has a thread, which sleeps while nobody listens. `close` ends it, and every listener's waiting."""

    def __init__(self, app: App) -> None:
        self._app, self._env = app, app.env
        self._log = _Log(app.env.new_id())
        self._looker: _Looker | None = None
        self._happened: deque[Event] = deque(maxlen=HAPPENED_MAX)
        self._speed = _Speed()
        self._wakes: list[Callable[[], None]] = []
        self._lock = threading.Lock()
        self._is_wanted, self._has_begun, self._closed = (threading.Event() for _ in range(3))
        app.observers.append(self._observe)
        self._thread = app.env.spawn(self._serve, name="podium-feed")

    @property
    def is_closed(self) -> bool:
        """Whether nothing more will come."""
        return self._closed.is_set()

    def has_begun(self, seconds: float) -> bool:
        """Whether changes are told of from now on, after so many seconds at most. Blocks."""
        return self._has_begun.wait(seconds)

    def place(self) -> str:
        """Where the feed is now, for `after`."""
        return self._log.place()

    def after(self, place: str) -> Missed:
        """What has come since a place."""
        return self._log.after(place)

    @contextmanager
    def listening(self, wake: Callable[[], None]) -> Generator[None]:
        """Meanwhile `wake` is called, on some thread, when there is something new, or the feed was closed."""
        with self._lock:
            self._wakes.append(wake)
            self._is_wanted.set()
        try:
            yield
        finally:
            with self._lock:
                self._wakes.remove(wake)
                if not self._wakes and not self.is_closed:
                    self._is_wanted.clear()

    def close(self) -> None:
        """End it."""
        self._closed.set()
        self._is_wanted.set()
        self._wake()
        self._app.observers.remove(self._observe)
        self._thread.join()

    def _observe(self, event: Event) -> None:
        """The engine's observer: on any thread, and it must not wait for us."""
        if self._is_wanted.is_set():
            self._happened.append(event)

    # -- on its own thread ------------------------------------------------------------------------------

    def _serve(self) -> None:
        try:
            self._begin()
        except PodiumError:  # it is tried again when somebody listens
            self._drop_looker()
        while self._is_wanted.wait() and not self.is_closed:
            began = self._env.monotonic()
            try:
                self._turn()
            except PodiumError:  # the store is busy, or gone: streams stay, and say nothing
                self._drop_looker()
                self._closed.wait(1.0)
            self._closed.wait(max(0.0, FLUSH_SECONDS - (self._env.monotonic() - began)))
        self._drop_looker()

    def _turn(self) -> None:
        looker = self._looker or self._begin()
        changed = looker.wait(FLUSH_SECONDS)
        news = self._own()
        for topic, data in looker.look() if changed else ():
            if topic == "run":
                self._speed.recorded(data.pop("new"), self._env.now())
            news.append((topic, data))
        figures = self._speed.figures(self._env.now())
        if figures:
            news.append(("metrics", figures))
        if news:
            self._log.put(news)
            self._wake()

    def _begin(self) -> _Looker:
        """Remember how all stands. What changed before cannot be told of: whoever listens reads it anew."""
        looker = self._looker = _Looker(self._app.url)
        for _ in looker.look():
            pass
        self._log.renew(self._env.new_id())
        self._has_begun.set()
        return looker

    def _own(self) -> list[tuple[str, dict[str, Any]]]:
        """What the engine here has told: an event for each run."""
        steps: dict[str, _Steps] = {}
        for _ in range(len(self._happened)):
            event = self._happened.popleft()
            if isinstance(event, events.AttemptBegan):
                steps.setdefault(event.run, _Steps()).began(event.attempt.step)
            elif isinstance(event, events.AttemptRecorded):
                entry = event.entry
                steps.setdefault(event.run, _Steps()).ended(entry.step, entry.kind)
                self._speed.took(entry.at - entry.began if entry.began else 0.0, entry.kind)
        return [("step", {"run": run, **found.told()}) for run, found in steps.items()]

    def _drop_looker(self) -> None:
        if self._looker is not None:
            self._looker.close()
            self._looker = None

    def _wake(self) -> None:
        with self._lock:
            wakes = list(self._wakes)
        for wake in wakes:
            wake()


class _Log:
    """The last events, by number. Any thread."""

    def __init__(self, epoch: str) -> None:
        self._epoch, self._n = epoch, 0
        self._events: deque[FeedEvent] = deque(maxlen=KEPT)
        self._lock = threading.Lock()

    def renew(self, epoch: str) -> None:
        """Places up to now are not known any more."""
        with self._lock:
            self._epoch, self._n = epoch, 0
            self._events.clear()

    def put(self, news: list[tuple[str, dict[str, Any]]]) -> None:
        with self._lock:
            for topic, data in news:
                self._n += 1
                self._events.append(FeedEvent(self._n, topic, msgspec.json.encode(data)))

    def place(self) -> str:
        with self._lock:
            return f"{self._epoch}.{self._n}"

    def after(self, place: str) -> Missed:
        epoch, _, text = place.rpartition(".")
        number = int(text) if text.isascii() and text.isdigit() and len(text) <= 18 else -1
        with self._lock:
            now = f"{self._epoch}.{self._n}"
            if epoch != self._epoch or not self._n - len(self._events) <= number <= self._n:
                return Missed([], now, True)
            return Missed([event for event in self._events if event.n > number], now, False)


class _Looker:
    """Looks at a store by a handle of its own: a wait on the engine's would take the rings meant for it."""

    def __init__(self, url: str) -> None:
        self._app = App(url, drives="nothing", functions={}, starter="", notice=_say_nothing)
        self._known: dict[str, RunStanding] | None = None
        self._unfinished: set[str] = set()
        self._engines: list[tuple[str, str]] = []

    def wait(self, seconds: float) -> bool:
        """Whether something was committed, at once or within so many seconds."""
        return self._app.store.wait(seconds, changes=True)

    def look(self) -> Iterator[tuple[str, dict[str, Any]]]:
        """What has changed since the last look: nothing at the first."""
        store = self._app.store
        if self._known is None:
            old = store.standings(Query(states=UNFINISHED, limit=UNFINISHED_MAX))
            self._unfinished = {row.id for row in old}
        newest = store.standings(Query(limit=NEWEST))
        since = newest[-1].created if len(newest) == NEWEST else -math.inf  # behind it nobody has looked
        rows = {row.id: row for row in newest}
        rows |= {row.id: row for row in store.standings(list(self._unfinished - rows.keys()))}
        known, self._known = self._known, rows
        pruned = {id for id, row in (known or {}).items() if row.created > since and id not in rows}
        gone = pruned | (self._unfinished - rows.keys())
        self._unfinished = {row.id for row in rows.values() if row.state in UNFINISHED}
        engines = [(engine.id, engine.info) for engine in store.engines()]
        moved, self._engines = engines != self._engines, engines
        if known is None:
            return
        for row in rows.values():
            before = known.get(row.id)
            if before != row:
                yield "run", _told(row, before)
        yield from (("run", {"id": run, "state": "gone", "new": 0}) for run in gone)
        if moved:
            yield "engine", {"engines": len(engines)}

    def close(self) -> None:
        self._app.close()


def _say_nothing(_: str) -> None:
    """What there is to say the app that is followed has said."""


def _told(row: RunStanding, before: RunStanding | None) -> dict[str, Any]:
    return {
        "id": row.id,
        "state": str(row.state),
        "function": row.function,
        "entries": row.entries,
        "logs": row.logs,
        "new": row.entries - (before.entries if before else 0),
    }


class _Steps:
    """What happened to the steps of one run since the last turn."""

    def __init__(self) -> None:
        self._began = self._ended = 0
        self._steps: dict[str, str] = {}

    def began(self, step: str) -> None:
        self._began += 1
        self._note(step, "running")

    def ended(self, step: str, kind: Kind) -> None:
        self._ended += 1
        self._note(step, {Kind.RESULT: "succeeded", Kind.ERROR: "failed"}.get(kind, "retrying"))

    def _note(self, step: str, state: str) -> None:
        if step in self._steps or len(self._steps) < STEPS_MAX:
            self._steps[step] = state

    def told(self) -> Mapping[str, Any]:
        return {"began": self._began, "ended": self._ended, "steps": self._steps}


class _Speed:
    """Entries per second of the whole store, and how long attempts of this process take, lately."""

    def __init__(self) -> None:
        self._entries: deque[tuple[float, int]] = deque()
        self._seconds: deque[float] = deque(maxlen=500)
        self._failed = 0
        self._next = 0.0

    def recorded(self, entries: int, now: float) -> None:
        self._entries.append((now, entries))

    def took(self, seconds: float, kind: Kind) -> None:
        self._seconds.append(seconds)
        self._failed += kind is Kind.ERROR

    def figures(self, now: float) -> dict[str, Any]:
        """Every half second; {} meanwhile."""
        if now < self._next:
            return {}
        self._next = now + METRICS_SECONDS
        while self._entries and self._entries[0][0] < now - RATE_SECONDS:
            self._entries.popleft()
        ordered = sorted(self._seconds)
        failed, self._failed = self._failed, 0
        return {
            "at": now,
            "steps_s": sum(count for _, count in self._entries) / RATE_SECONDS,
            "failed_s": failed / METRICS_SECONDS,
            "p50": ordered[len(ordered) // 2] if ordered else None,
            "p95": ordered[len(ordered) * 95 // 100] if ordered else None,
        }
