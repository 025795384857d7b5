"""What the run of a schedule starts: the runs of its instants, and the alert for those that are late."""

from __future__ import annotations

import datetime
from collections import deque
from collections.abc import Sequence

from ..calendar import CATCH_UP_MAX, LOOK_SECONDS, LOOK_SECONDS_MIN, Standing, made_up
from ..engine import About, fingerprint
from ..errors import EngineStopped
from ..model import FINAL, NewRun, Outcome, RunRow, Write
from ..store import Store
from .schedule_record import Plan, run_id
from .session import Session


def begun_already(store: Store, plan: Plan, standing: Standing, now: float) -> list[float]:
    """Instants not handled yet, or in line, that have runs: a look was lost after it had started them."""
    new = deque(plan.schedule.between(standing.handled, now), maxlen=CATCH_UP_MAX)
    ids = {run_id(plan.name, at): at for at in (*standing.pending, *new)}
    return sorted(ids[id] for id in store.statuses(list(ids))) if ids else []


def without_made_up(store: Store, plan: Plan, standing: Standing) -> Standing:
    """Missed and skipped are the instants that have no run: those that have one since are left out."""
    ids = {run_id(plan.name, at): at for at in standing.missed_at}
    return made_up(standing, {ids[id] for id in store.statuses(list(ids))}) if ids else standing


def seconds_to_next_look(last: RunRow | None, now: float) -> float:
    """Until the next look at the last run, where others wait for its end: about as long as it takes."""
    took = LOOK_SECONDS if last is None else (last.ended or now) - last.created
    return min(LOOK_SECONDS, max(LOOK_SECONDS_MIN, took))


def start_each(session: Session, new_runs: Sequence[NewRun]) -> bool:
    """Put runs on record, those that are there already left as they are; whether others, that have their
    name, kept some away. Blocks."""
    writes = [Write(new_runs=(new,)) for new in new_runs]
    verdicts = session.store.commit(None, writes)
    for new, verdict in zip(new_runs, verdicts, strict=True):
        if verdict.outcome not in (Outcome.DONE, Outcome.CONFLICT):  # CONFLICT: there, by an older definition
            raise EngineStopped(f"run {new.id} could not be started: {verdict.outcome} {verdict.detail}")
    if session.has_engine:
        session.host.call(session.host.engine.claimer.soon)
    return any(
        outcome is Outcome.EXISTS and id != new.id
        for new, verdict in zip(new_runs, verdicts, strict=True)
        for outcome, id in verdict.runs
    )


def tell_late(session: Session, plan: Plan, standing: Standing, overdue: Sequence[float], now: float) -> None:
    """Start the alert for those of these instants whose runs have not ended: one, however many they are.
    What was started and is gone has ended, and was pruned."""
    rows = session.store.statuses([run_id(plan.name, at) for at in overdue]) if overdue else {}
    late: list[tuple[str, str]] = []
    for at in overdue:
        id = run_id(plan.name, at)
        row = rows.get(id)
        if row is None and (at > standing.handled or at in (*standing.missed_at, *standing.pending)):
            late.append(("", f"nothing was started for {_there(plan, at)}"))
        elif row is not None and row.state not in FINAL:
            late.append((id, f"the run for {_there(plan, at)} is {row.state}"))
    if not late:
        return
    run, said = late[-1]
    alike = fingerprint(plan.function, "late", plan.name)
    said = f"{said}, {plan.late_by:g} s later"
    about = About("late", plan.function, said, run, now, alike, plan.late_to, plan.project, len(late) - 1)
    start_each(session, [about.new_run(session.profile.env.new_id(), now)])


def _there(plan: Plan, at: float) -> str:
    return f"{datetime.datetime.fromtimestamp(at, plan.schedule.zone):%Y-%m-%d %H:%M:%S %Z}"
