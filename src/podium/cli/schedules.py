"""`podium schedules`: what starts by itself, when next, what was missed; pause, resume, fire, backfill."""

from __future__ import annotations

import datetime
from typing import Any

import click

from ..client import App, ScheduleHandle, schedule_shape
from ..client.schedules import schedules
from ..errors import RunNotFound, UsageError
from ..inspect import read_range
from . import formatting, options
from .asking import asking
from .exit_codes import FINE
from .json_answer import say_json
from .terminal import safe, say, tell

_SHOWN = 10  # instants of a preview, at each end
_ACTIONS = ("pause", "resume", "fire", "backfill")


@click.command(context_settings=options.HELP)
@click.argument("name", metavar="[NAME]", required=False)
@click.argument("action", metavar="[pause|resume|fire|backfill FROM TO]", nargs=-1)
@click.option("-y", "--yes", is_flag=True, help="Do not ask before a backfill.")
@click.option("--dry-run", is_flag=True, help="Say what a backfill would start, and start nothing.")
@options.by
@options.store
@options.as_json
@options.quiet("Names only.")
def command(
    name: str | None,
    action: tuple[str, ...],
    yes: bool,
    dry_run: bool,
    by: str | None,
    store: str | None,
    as_json: bool,
    quiet: bool,
) -> int:
    """What starts by itself: in words, the next instants, the last run, what was missed.

    podium schedules NAME pause|resume|fire; podium schedules NAME backfill 2026-11-01 2026-11-07 starts a run
    for each past instant of these days that has none. Without a zone dates are in the schedule's.
    """
    with asking(store) as app:
        found = schedules(app)
        if name is not None:
            found = [_pick(found, name)]
        if action:
            return _act(app, found[0], action, yes=yes, dry_run=dry_run, by=by, as_json=as_json)
        if as_json:
            say_json(schedules=[schedule_shape(each) for each in found])
        elif not found:
            tell('no schedules: @workflow(schedule=podium.cron("0 9 * * MON-FRI")), and podium worker MODULE')
        for each in () if as_json else found:
            for line in [safe(each.name)] if quiet else _lines(each):
                say(line)
    return FINE


def _pick(found: list[ScheduleHandle], name: str) -> ScheduleHandle:
    """By its whole name, or by its function's without the module."""
    named = [each for each in found if each.name == name]
    named = named or [each for each in found if each.name.rpartition(":")[2] == name]
    if len(named) != 1:
        names = ", ".join(each.name for each in named or found) or "podium schedules"
        raise RunNotFound(f"{len(named) or 'no'} schedules are named {name!r}", fix=names)
    return named[0]


def _lines(each: ScheduleHandle) -> list[str]:
    standing, last = each.standing, each.last
    state = each.state if each.state == "on time" else click.style(each.state, fg="yellow")
    lines = [f"{safe(each.name)}  {safe(each.words)}  {state}"]
    if held := each.held:
        lines.append(f"  {state}: {safe(held)}")
    if coming := each.next(3):
        lines.append(f"  next    {', '.join(map(_time, coming))}")
    if last is not None:
        lines.append(f"  last    {safe(last.id)}  {formatting.state(last.state)}")
    counts = f"{standing.started:,} started, {standing.missed:,} missed, {standing.skipped:,} skipped"
    lines.append(formatting.dim(f"  {counts}"))
    if missed := each.missed_at[-3:]:
        lines.append(f"  not started  {', '.join(map(_time, missed))}")
    return lines


def _time(at: datetime.datetime) -> str:
    return f"{at:%a %Y-%m-%d %H:%M:%S %Z}"


def _act(
    app: App,
    each: ScheduleHandle,
    action: tuple[str, ...],
    *,
    yes: bool,
    dry_run: bool,
    by: str | None,
    as_json: bool,
) -> int:
    verb, *rest = action
    if verb not in _ACTIONS or (verb == "backfill") != (len(rest) == 2):
        wanted = "pause, resume, fire, or backfill FROM TO"
        raise UsageError(f"podium schedules NAME {' '.join(action)}: {wanted} is needed")
    if verb == "backfill":
        return _backfill(app, each, rest, yes=yes, dry_run=dry_run, by=by, as_json=as_json)
    answer: dict[str, Any] = {"name": each.name, "done": verb}
    said = f"{safe(each.name)}: {verb}d"
    if verb == "pause":
        each.pause(by=by)
    elif verb == "resume":
        each.resume(by=by)
    else:
        answer["run"] = run = each.fire(by=by).id
        said = f"{safe(each.name)}: started {safe(run)}"
    say_json(**answer) if as_json else say(said)
    return FINE


def _backfill(
    app: App,
    each: ScheduleHandle,
    given: list[str],
    *,
    yes: bool,
    dry_run: bool,
    by: str | None,
    as_json: bool,
) -> int:
    begin, end = read_range(given[0], given[1], app.env.now(), each.schedule.zone)
    todo = each.backfill(begin, end, dry_run=True)
    if not as_json:
        said = formatting.many(len(todo), "run")
        tell(f"{safe(each.name)}: {said} to start, for instants that have none")
        shown = todo if len(todo) <= 2 * _SHOWN else [*todo[:_SHOWN], *todo[-_SHOWN:]]
        for n, at in enumerate(shown):
            if n == _SHOWN and len(todo) > len(shown):
                tell(f"  … {len(todo) - len(shown):,} more …")
            tell(f"  {_time(at)}")
    starts = bool(todo) and not dry_run and (yes or click.confirm("Start them?", err=True))
    if starts:
        each.backfill(begin, end, by=by)
    if as_json:
        instants = [at.isoformat() for at in todo]
        say_json(name=each.name, instants=instants, count=len(todo), started=starts)
    elif starts:
        say(f"started {formatting.many(len(todo), 'run')}")
    return FINE
