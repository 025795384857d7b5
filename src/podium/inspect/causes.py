"""Why a run stands where it stands: one true cause, and what would move it. Every surface asks here.

Nothing is guessed. Who holds the store, who is alive by its lock, what is on record and what live engines say
they offer are looked at, in the order in which they hold a run up; the first that does is the cause.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path

import msgspec

from .. import codec
from ..env import is_stopped
from ..errors import DecodeError
from ..model import (
    BY_ITS_PROGRAM,
    EngineRow,
    Entry,
    Message,
    Query,
    RunRow,
    State,
    label_of,
    read_engine_info,
    read_reason,
)
from ..store import lock_holder
from . import history
from .durations import ago, span
from .engine_words import lacks, named, project_on, script_words, unblock
from .engines import full_slots
from .held_slots import held_by_circle, waits_in_tasks
from .outside import outside_cause, outside_waits
from .parked import beside, command_for, difference, pausing_words
from .progress import RunProgress
from .retries import way_after_failure
from .store_view import StoreView
from .undriven import can_act, hindrance, living, offered, would_take
from .whereabouts import WayOn, way_on

MORE_SLOTS = (
    "more slots: podium worker -c N, or Options(thread_slots=N); or wait by run.result() or `await run`, "
    "which lends the slot"
)
BY_WRITE_LOCK = "holds the store's write lock"  # of two kinds of causes
_OUTSIDE = ("message", "question")  # kinds of causes
_SHOWN = 3
_LOOK_SECONDS = 0.25
_LATE_SECONDS = 3.0
_RUNNING = Query(states=frozenset({State.RUNNING}), limit=1000)


class Cause(msgspec.Struct, frozen=True):
    """`kind` is stable, for programs. The texts may hold what users wrote: make them safe before printing."""

    kind: str
    what: str  # a sentence
    details: tuple[str, ...] = ()
    fix: str = ""  # what moves it, such as a command; "" where waiting is right


def cause_of(view: StoreView, row: RunRow) -> Cause:
    """The cause, by a look at the store, the engines' locks and the machine. Takes milliseconds, except for
    a run on another host, whose heartbeat is watched for a few seconds."""
    if row.state in (State.SUCCEEDED, State.CANCELLED) and row.ended is not None:
        return Cause(str(row.state), f"it {row.state if row.state is State.SUCCEEDED else 'was cancelled'} "
                     f"{ago(row.ended, view.env.now())}; nothing more will happen to it")  # fmt: skip
    if row.state is State.FAILED:
        call = failed_call(row.payload)
        return Cause(
            "failed",
            f"it failed: {_failure(row.payload)}",
            (f"in {call}",) if call else (),
            way_after_failure(view.store, row),
        )
    if row.state is State.PARKED:
        reason = read_reason(row.payload)
        way = way_on(view, row, offered(living(view)))
        command = command_for(row)
        fix = f"{way.command}, then: {command}" if way.why else command
        details = (*difference(reason), *beside(view.store, row, view.env.now()), *way.why)
        return Cause("parked", f"{reason.code}: {reason.what}", details, fix)
    return _Unfinished(view, row).cause()


def _failure(payload: bytes) -> str:
    try:
        found = codec.describe_failure(payload)
    except DecodeError:
        return codec.preview(payload)
    leaves = found.leaves()
    if len(leaves) > 1 or not leaves[0].message:
        return found.in_a_line()
    return f"{codec.class_name(leaves[0].type)}: {leaves[0].message}"  # all its lines, unlike in a line


def failed_call(payload: bytes) -> str:
    """What the step was called with that failed so: "convert(path='bad.csv'), item 17 of the map"; of several
    the first that is on record, or ""."""
    try:
        failure = codec.describe_failure(payload)
    except DecodeError:
        return ""
    return next((leaf.call for leaf in failure.leaves() if leaf.call), failure.call)


def _idle_beside(view: StoreView, row: RunRow, owner: EngineRow, alive: Sequence[EngineRow]) -> Iterator[str]:
    """Whether somebody may wonder why others do not help."""
    busy = {run.owner for run in view.store.find(_RUNNING)}
    idle = sum(e.id not in busy and would_take(e, row) for e in alive if e is not owner)
    if idle:
        others = "another engine that serves it has" if idle == 1 else f"{idle} engines that serve it have"
        yield f"{others} nothing to do: a run's tasks run in the one process that drives it"


class _Unfinished:
    """A run that has not ended, and everything that may hold it up."""

    def __init__(self, view: StoreView, row: RunRow) -> None:
        self.view, self.row = view, row
        self.now = view.env.now()
        self.engines = view.store.engines()
        self.inbox = view.store.inbox(row.id)
        self.progress = RunProgress(history.tail(view.store, row))
        self.module = row.function.partition(":")[0]

    def cause(self) -> Cause:
        busy = self._busy()
        if busy is not None:
            return busy
        found = self._owned() if self.row.state is State.RUNNING else self._unowned()
        return msgspec.structs.replace(found, details=(*self._under_way(found), *found.details))

    def _under_way(self, found: Cause) -> Iterator[str]:
        """What it is at, or about to do, as soon as somebody drives it."""
        if self.progress.undoes and "undoing" not in found.what:
            yield "it is undoing what it has done"
        yield from pausing_words(self.inbox, self.now)
        if found.kind not in _OUTSIDE:
            said = " ".join((found.what, *found.details))
            more = (each for each in outside_waits(self.view, self.row) if each.what not in said)
            yield from (f"it waits for {each.what}: {each.command}" for each in more)

    def _busy(self) -> Cause | None:
        """A process that is stopped, or is no engine, holds the store's write lock: nobody can write."""
        who = lock_holder(self.view.url)
        if who is None:
            return None
        self.view.store.wait(_LOOK_SECONDS)
        if lock_holder(self.view.url) != who:  # for a moment anybody may have it
            return None
        if is_stopped(who.pid):
            return Cause(
                "frozen",
                f"{who} is stopped (by SIGSTOP or a debugger), and it {BY_WRITE_LOCK}",
                ("until it goes on or ends nothing is written, and no other engine can take runs over",),
                f"kill -CONT {who.pid}",
            )
        if any(engine.pid == who.pid for engine in self.engines):
            return None
        return Cause(
            "store-busy",
            f"{who} {BY_WRITE_LOCK}: nothing can be written until it lets go",
            fix=f"wait for it, or end it: kill {who.pid}",
        )

    # -- somebody drives it ---------------------------------------------------------------------------

    def _owned(self) -> Cause:
        row = self.row
        owner = next((engine for engine in self.engines if engine.id == row.owner), None)
        if owner is None:
            return self._orphaned("its process is gone")
        where = f"process {owner.pid} on {owner.host}"
        alive = self.view.is_alive(owner)
        if alive is False:
            return self._orphaned(f"its {where} is dead")
        lease = f"{self.view.options.lease:g} s"
        if alive and is_stopped(owner.pid):
            what = f"its {where} is stopped (by SIGSTOP or a debugger)"
            heir = f"if it stays so for its lease of {lease}, another engine takes the run over"
            return Cause("frozen", what, (heir, *self._heirs(owner)), f"kill -CONT {owner.pid}")
        if alive is None and silent(self.view, [owner]):
            what = f"its {where} is silent: another engine takes it over within {lease}"
            heirs = self._heirs(owner)
            return Cause("silent", what, heirs, "" if heirs else self._way().said)
        blocked = read_engine_info(owner.info).blocked
        if blocked:
            until = "nothing else goes on in that process until it returns"
            return Cause("blocked", f"its {where} is held up: {blocked}", (until,), unblock(blocked))
        asked = self._cancel_asked()
        if asked:
            what = f"cancel was asked for {asked}; its {where} stops it at the next step"
            return Cause("cancelling", what, self._steps())
        up = f"up {span(self.now - owner.started)}{script_words(owner)}"
        if self.progress.undoes and not self.progress.retrying:
            return Cause("undoing", f"undoing what it has done, in {where}, {up}", self._steps())
        if self.progress.retrying:
            where = f"in {where}, {up}"
            return Cause("retrying", self._tries(self.progress.retrying[0]), (where, *self._more_tries()))
        info = read_engine_info(owner.info)
        if loss := info.losing.get(self.row.id):
            what = f"its attempts come to nothing, and begin again: {loss}"
            said = history.last_said(self.view.store, self.row, self.now)
            return Cause("losing", what, (f"in {where}, {up}", *self._steps(), *said))
        if found := waits_in_tasks(self.view, row, self._living(), f"in {where}, {up}"):
            return Cause(*found)
        if info.full:
            idle = _idle_beside(self.view, self.row, owner, self._living())
            details = (*self._steps(), *full_slots(info), *idle)
            return Cause("full", f"it runs in {where}, {up}", details, MORE_SLOTS)
        details = (
            *self._steps(),
            *history.last_said(self.view.store, self.row, self.now),
            *_crowd(self.view, owner),
            *_idle_beside(self.view, self.row, owner, self._living()),
        )
        return Cause("running", f"it runs in {where}, {up}", details)

    def _orphaned(self, what: str) -> Cause:
        heirs = self._heirs(None)
        if heirs:
            return Cause("orphaned", f"{what}; the next engine that looks takes it over", heirs)
        way = self._way()
        return Cause("orphaned", f"undriven: {what}, and no live engine takes it", way.why, way.said)

    def _heirs(self, owner: EngineRow | None) -> tuple[str, ...]:
        offering = [e for e in self._living() if e is not owner and would_take(e, self.row)]
        return tuple(f"{named(e)} can take it" for e in offering[:_SHOWN])

    def _way(self) -> WayOn:
        return way_on(self.view, self.row, offered(self._living()))

    def _steps(self) -> tuple[str, ...]:
        """What it is at, as far as that is on record."""
        begun = self.progress.begun
        said = [f"{label_of(each.step)}: try {each.attempt} began {ago(each.at, self.now)}" for each in begun]
        last = self.progress.last
        if not said and last is not None:
            said = [f"last on record: {label_of(last.step) or str(last.kind)}, {ago(last.at, self.now)}"]
        elif not said:
            said = ["nothing is on record yet: it is at its first steps"]
        more = len(said) - _SHOWN
        return (*said[:_SHOWN], *((f"… {more} more steps have begun",) if more > 0 else ()))

    # -- nobody drives it -----------------------------------------------------------------------------

    def _unowned(self) -> Cause:
        row = self.row
        if row.due is None or row.due > self.now:
            return self._resting()
        taker = Cause(*held) if (held := held_by_circle(self.view, row, self._living())) else self._taker()
        asked = self._cancel_asked()
        if asked:
            what = f"cancel was asked for {asked}; whoever drives it next stops it"
            return Cause("cancelling", what, (taker.what, *taker.details), taker.fix)
        tried = map(self._tries, self.progress.retrying[:1])  # the next try is due: why there is one at all
        return msgspec.structs.replace(taker, details=(*tried, *self._more_tries(), *taker.details))

    def _resting(self) -> Cause:
        row = self.row
        if found := outside_cause(self.view, row, signals=not self.progress.retrying):
            if not (way := self._way()).is_gone:
                return Cause(*found)
            return Cause(self._taker().kind, way.why[0], way.why[1:], way.said)
        end = f"podium cancel {row.id}  ends it"
        if row.due is None:
            return Cause("message", "it waits for a message that has not come", fix=end)
        when = f"in {span(row.due - self.now)}"
        there, fix = self._by_then()
        if row.started is None:
            return Cause("delayed", f"it was told to begin {when}", there, fix)
        if self.progress.retrying:
            details = (*self._more_tries(), *there)
            return Cause("retrying", self._tries(self.progress.retrying[0]), details, fix)
        return Cause("sleeping", f"it sleeps, or waits with a deadline, that is over {when}", there, fix)

    def _by_then(self) -> tuple[tuple[str, ...], str]:
        """Whether somebody will be there when it is due, and what to do if not."""
        way = self._taker()
        return ((), "") if way.kind == "due" else ((f"by then: {way.what}", *way.details), way.fix)

    def _taker(self) -> Cause:
        """Who takes it now, or why nobody does."""
        row, alive = self.row, self._living()
        if row.project == BY_ITS_PROGRAM:
            way = self._way()
            return Cause(
                "left", "its program has left it, and goes on with it when it is run again", way.why, way.said
            )
        if not alive:
            way = self._way()
            what = f"undriven: no engine is alive; whoever drives it needs {row.function}"
            return Cause("no-engine", what, way.why, way.said)
        offering = [engine for engine in alive if would_take(engine, row)]
        if not offering:
            return self._not_offered(alive)
        same = [e for e in offering if row.fingerprint in ("", e.functions[row.function])]
        if not same:
            what = f"{row.function} is offered only with other code than the run was driven by"
            will = "the next engine that looks replays it: it goes on there, or is parked with the difference"
            return Cause("other-code", what, (*map(named, offering[:_SHOWN]), will), "bring back its code")
        # 0: at once, and nobody knows since when.
        since = f", due {ago(row.due, self.now)}" if row.due else ""
        held = [(engine, hindrance(engine)) for engine in same]
        names = tuple(
            f"{named(engine)} {hindered or self._welcome(engine)}" for engine, hindered in held[:_SHOWN]
        )
        if all(hindered for _, hindered in held):
            infos = {engine.id: read_engine_info(engine.info) for engine in same}
            paused = [id for id, info in infos.items() if info.state == "paused"]
            fix = f"podium workers {paused[0]} resume" if paused else unblock(infos[same[0].id].blocked)
            return Cause("blocked", f"whoever would take it is held up{since}", names, fix)
        return Cause("due", f"it is ready to be taken{since}", names)

    def _welcome(self, engine: EngineRow) -> str:
        if read_engine_info(engine.info).kind == "pool":
            return "starts a worker for it where it has room for one"
        return f"takes it as soon as it has room{self._load(engine)}"

    def _load(self, engine: EngineRow) -> str:
        """What an engine has to do, where a run has been left lying for longer than a look takes."""
        if not self.row.due or self.now - self.row.due < _LATE_SECONDS:
            return ""
        slots = read_engine_info(engine.info).slots
        with_slots = f" with {_many(slots, 'slot')}" if slots else ""
        return f": it drives {_many(_driven_by(self.view, engine), 'run')}{with_slots}"

    def _not_offered(self, alive: Sequence[EngineRow]) -> Cause:
        for engine in alive:
            for module, error in read_engine_info(engine.info).broken.items():
                if self.module in (module, Path(module).stem):  # a worker may be given files, too
                    what = f"{module} could not be loaded in {named(engine)}: {error}"
                    return Cause(
                        "broken-module", what, fix=f"mend {module}: that process tries it again by itself"
                    )
        function = self.row.function
        names = tuple(f"{named(engine)} {lacks(engine, self.row)}" for engine in alive[:_SHOWN])
        more = (f"… nor have {len(alive) - _SHOWN} more",) if len(alive) > _SHOWN else ()
        having = [engine for engine in alive if function in engine.functions]
        way = self._way()
        if having and self.row.project and all(project_on(e, function) != self.row.project for e in having):
            what = (
                f"undriven: the run is of {function} in {self.row.project}, and no live engine has that one"
            )
            return Cause("no-offer", what, (*names, *more), way.said)
        if having:
            what = f"undriven: {function} is there, but every engine that has it drives only its own runs"
            return Cause("no-offer", what, (*names, *more), way.said)
        what = f"undriven: no live engine offers {function}"
        return Cause("no-offer", what, (*names, *more, *way.why), way.said)

    # -- the parts ------------------------------------------------------------------------------------

    def _living(self) -> list[EngineRow]:
        return [engine for engine in self.engines if can_act(self.view.is_alive, engine)]

    def _cancel_asked(self) -> str:
        asked: Message | None = next((m for m in self.inbox if m.kind == "cancel"), None)
        return ago(asked.at, self.now) if asked else ""

    def _tries(self, entry: Entry) -> str:
        due = (entry.due or self.now) - self.now
        when = f"in {span(due)}" if due > 0 else "now"
        called = failed_call(entry.payload) or label_of(entry.step)
        undoing = "undoing what it has done; " if self.progress.undoes else ""
        return f"{undoing}{called}: try {entry.attempt + 1} {when}, after {_failure(entry.payload)}"

    def _more_tries(self) -> Iterator[str]:
        yield from map(self._tries, self.progress.retrying[1:_SHOWN])
        if len(self.progress.retrying) > _SHOWN:
            yield f"… {len(self.progress.retrying) - _SHOWN} more steps will be tried again"


def _driven_by(view: StoreView, engine: EngineRow) -> int:
    return sum(run.owner == engine.id for run in view.store.find(_RUNNING))


def _crowd(view: StoreView, engine: EngineRow) -> Iterator[str]:
    """Whether steps may wait for a slot of their engine, which knows that but has no place to say it."""
    driven, slots = _driven_by(view, engine), read_engine_info(engine.info).slots
    if 0 < slots < driven:
        yield f"that process drives {_many(driven, 'run')} with {_many(slots, 'slot')}: steps wait in line"


def _many(count: int, one: str) -> str:
    return f"{count} {one}{'' if count == 1 else 's'}"


def silent(view: StoreView, engines: Sequence[EngineRow]) -> set[str]:
    """Which of them do not renew within the third of a lease in which they should, and a bit."""
    quiet = {engine.id: engine.beat for engine in engines}
    until = view.env.monotonic() + view.options.lease / 3 + 1.0
    while quiet and view.env.monotonic() < until:
        view.store.wait(_LOOK_SECONDS)
        found = {engine.id: engine.beat for engine in view.store.engines()}
        quiet = {id: beat for id, beat in quiet.items() if found.get(id, beat) == beat}
    return set(quiet)
