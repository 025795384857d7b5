"""Health of an open store: its clock, its engines, and runs that do not move, each with what to do."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence

from ..env import is_stopped, seconds_asleep
from ..model import OWN, EngineRow, Query, RunRow, State, read_engine_info, read_reason
from ..store import Finding, lock_holder
from .causes import MORE_SLOTS, silent
from .durations import ago, span
from .engine_words import named, unblock
from .engines import full_slots
from .schedule_runs import schedule_of
from .store_view import StoreView
from .undriven import can_act, has_function, offered, undriven
from .whereabouts import way_on

_LOOKED_AT = 2000  # runs of a kind; more are said to be more
_EXAMPLES = 3
_CLOCK_SECONDS = 60.0  # hosts of one store may differ by so much


def check_runs(view: StoreView) -> Iterator[Finding]:
    """What the rows of an open store tell, and the locks of its engines."""
    engines = view.store.engines()
    yield _clock(view, engines)
    yield from _engines(view, engines)
    yield from _stuck(view, engines)


def _clock(view: StoreView, engines: Sequence[EngineRow]) -> Finding:
    now = view.env.now()
    newest = max(
        [*(row.created for row in view.store.find(Query(limit=1))), *(e.started for e in engines)],
        default=0.0,
    )
    if newest - now > _CLOCK_SECONDS:
        what = f"the newest record is {span(newest - now)} in the future: a clock is, or was, wrong"
        return Finding(
            "clock", False, what, "compare `date` on the machines of this store; let NTP keep them"
        )
    slept = seconds_asleep()
    rest = f"; this machine was asleep for {span(slept)} since it booted" if slept > _CLOCK_SECONDS else ""
    return Finding("clock", True, f"nothing on record is in the future{rest}")


def _engines(view: StoreView, engines: Sequence[EngineRow]) -> Iterator[Finding]:
    now = view.env.now()
    holder = f"{lock_holder(view.url)} "
    quiet = silent(view, [engine for engine in engines if view.is_alive(engine) is None])
    for engine in engines:
        about, alive = read_engine_info(engine.info), view.is_alive(engine)
        who = f"{about.kind} {named(engine)}, up {span(now - engine.started)}"
        if alive is False:
            yield Finding("engine", True, f"{who}: dead; the next engine that looks clears it away")
        elif alive and is_stopped(engine.pid):
            holds = f"process {engine.pid} " in holder
            what = "it holds the write lock, so nobody takes its runs over" if holds else "its lease runs out"
            yield Finding("engine", False, f"{who}: stopped, {what}", f"kill -CONT {engine.pid}")
        elif engine.id in quiet:
            yield Finding(
                "engine", False, f"{who}: silent", "look for that process there; its lease runs out"
            )
        elif about.blocked:
            yield Finding("engine", False, f"{who}: held up, {about.blocked}", unblock(about.blocked))
        elif about.full:
            yield Finding("engine", False, f"{who}: {'; '.join(full_slots(about))}", MORE_SLOTS)
        else:
            own = sum(not name.startswith(OWN) for name in engine.functions)
            offers = f"offers {own} function{'' if own == 1 else 's'}"
            yield Finding(
                "engine", True, f"{who}: alive, {f'drives {about.run} alone' if about.run else offers}"
            )
        for module, error in about.broken.items() if alive is not False else ():
            what = f"{module} could not be loaded in {named(engine)}: {error}"
            yield Finding("module", False, what, f"mend {module}: that process tries it again by itself")


def _stuck(view: StoreView, engines: Sequence[EngineRow]) -> Iterator[Finding]:
    living = [engine for engine in engines if can_act(view.is_alive, engine)]
    yield _orphans(view, engines, living)
    yield _parked(view)
    yield from _unserved(view, living)


def _rows(view: StoreView, *states: State) -> list[RunRow]:
    return view.store.find(Query(states=frozenset(states), limit=_LOOKED_AT))


def _count(rows: Sequence[RunRow]) -> str:
    more = " or more" if len(rows) >= _LOOKED_AT else ""
    return f"{len(rows):,}{more} run{'' if len(rows) == 1 else 's'}"


def _orphans(view: StoreView, engines: Sequence[EngineRow], living: Sequence[EngineRow]) -> Finding:
    """A process that is stopped, or silent elsewhere, is not gone: its engine's own line says of it."""
    alive = {engine.id for engine in engines if view.is_alive(engine) is not False}
    orphans = [row for row in _rows(view, State.RUNNING) if row.owner not in alive]
    if not orphans:
        return Finding("orphans", True, "no run is held by a process that is gone")
    what = f"{_count(orphans)} held by a process that is gone, such as {orphans[0].id}"
    left = undriven(orphans, living)
    if not left:
        return Finding("orphans", True, f"{what}; a live engine takes them over")
    way = way_on(view, left[0], offered(living))
    return Finding("orphans", False, "; ".join((f"{what}; undriven", *way.why)), way.said)


def _parked(view: StoreView) -> Finding:
    rows = _rows(view, State.PARKED)
    if not rows:
        return Finding("parked", True, "no run needs a decision")
    codes = Counter(read_reason(row.payload).code for row in rows)
    why = ", ".join(f"{count} {code}" for code, count in codes.most_common(_EXAMPLES))
    return Finding(
        "parked",
        False,
        f"{_count(rows)} {'needs' if len(rows) == 1 else 'need'} a decision ({why})",
        f"podium why {rows[0].id}",
    )


def _unserved(view: StoreView, living: Sequence[EngineRow]) -> Iterator[Finding]:
    now = view.env.now()
    rows = _rows(view, State.QUEUED, State.WAITING)
    due = [row for row in rows if row.inbox or (row.due is not None and row.due <= now)]
    left = undriven(due, living)
    lacking = Counter(row.function for row in left)
    for function, count in lacking.most_common(_EXAMPLES):
        first = next(row for row in reversed(left) if row.function == function)
        nobody = _nobody(first, living)
        is_all = len(rows) < _LOOKED_AT  # else older ones, and more, may wait behind those that were seen
        since = f", the first for {ago(first.due, now).removesuffix(' ago')}" if first.due and is_all else ""
        many = f"{count:,}{'' if is_all else ' or more'} run{'' if count == 1 and is_all else 's'}"
        what = f"{many} of {function} due{since}, undriven: {nobody}"
        way = way_on(view, first, offered(living))
        worker = f"podium worker {function.partition(':')[0]}, or drive one: {way.command}"
        is_elsewhere = bool(first.project) and any(function in engine.functions for engine in living)
        fix = way.said if way.why or is_elsewhere or schedule_of(first) else worker
        yield Finding("unserved", False, "; ".join((what, *way.why)), fix)
    if not lacking:
        yield Finding("unserved", True, "every run that is due has an engine that offers its function")


def _nobody(row: RunRow, living: Sequence[EngineRow]) -> str:
    """Why no engine takes a run."""
    if not living:
        return "no engine is alive"
    if any(has_function(engine, row) for engine in living):
        return "each engine that has it drives only what it has started"
    if any(row.function in engine.functions for engine in living):
        return f"it is of {row.project}, and what live engines have by that name is not"
    return "no live engine offers it"
