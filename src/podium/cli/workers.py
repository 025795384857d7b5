"""`podium workers`: which processes drive runs, and how they are; pause, resume and drain one."""

from __future__ import annotations

import datetime
import sys
from collections.abc import Sequence

import click
import msgspec

from ..env import RealEnv
from ..errors import RunNotFound
from ..inspect import EngineShape, RecordView, ask_engine, engine_shapes
from . import formatting, options
from .columns import Column, lines_of
from .exit_codes import FINE
from .json_answer import say_json
from .lookup import looking
from .terminal import safe, say, tell, width


@click.command(context_settings=options.HELP)
@click.argument("worker", metavar="[WORKER]", required=False)
@click.argument("action", metavar="[pause|resume|drain]", required=False)
@options.store
@options.as_json
@options.quiet("Ids only.")
def command(worker: str | None, action: str | None, store: str | None, as_json: bool, quiet: bool) -> int:
    """Which processes drive runs: where, with how many slots, what they do now, when they were seen.

    podium workers WORKER pause|resume|drain, where WORKER is an id, a unique beginning or end of one, or a
    process id. Paused it takes nothing new, and ends what it has begun; drained it ends then, as by SIGTERM.
    """
    with looking(store) as view:
        found = engine_shapes(view)
        if worker is not None:
            found = [_pick(found, worker)]
        if action is not None:
            return _act(view, found[0], action, as_json=as_json)
    if as_json:
        say_json(workers=[msgspec.to_builtins(each) for each in found])
    elif quiet:
        for each in found:
            say(each.id)
    elif found:
        for line in lines_of(_columns(found), width(sys.stdout)):
            say(line)
    else:
        tell("nothing drives runs here: podium worker MODULE")
    return FINE


def _pick(found: Sequence[EngineShape], wanted: str) -> EngineShape:
    named = [each for each in found if wanted in (each.id, str(each.pid))]
    named = named or [each for each in found if each.id.startswith(wanted) or each.id.endswith(wanted)]
    if len(named) != 1:
        raise RunNotFound(
            f"{len(named) or 'no'} workers are named {wanted!r}",
            fix=", ".join(each.id for each in named or found) or "podium workers  lists them",
        )
    return named[0]


def _act(view: RecordView, each: EngineShape, action: str, *, as_json: bool) -> int:
    ask_engine(view, each, action)
    said = f"process {each.pid} on {safe(each.host)}: told to {action}"
    say_json(id=each.id, pid=each.pid, host=each.host, asked=action) if as_json else say(said)
    return FINE


def _columns(found: Sequence[EngineShape]) -> list[Column]:
    now = RealEnv().now()
    return [
        Column("id", 9, [safe(each.id) for each in found]),
        Column("host", 6, [safe(each.host) for each in found]),
        Column("pid", 8, [str(each.pid) for each in found]),
        Column("state", 7, [_state(each) for each in found]),
        Column("tasks", 5, [f"{each.tasks}/{each.slots}" if each.slots else "" for each in found]),
        Column("runs", 4, [str(each.runs) for each in found]),
        Column("queues", 4, [_queues(each) for each in found]),
        Column("seen", 3, [formatting.ago(_at(each.seen), now) if each.seen else "" for each in found]),
        Column("up", 2, [formatting.span(max(0.0, now - _at(each.started))) for each in found]),
        Column("serves", 1, [safe(", ".join(each.modules) or each.script) for each in found]),
    ]


def _queues(each: EngineShape) -> str:
    return "all" if each.queues is None else safe(", ".join(name or "(none)" for name in each.queues))


def _at(text: str | None) -> float:
    return datetime.datetime.fromisoformat(text).timestamp() if text else 0.0


def _state(each: EngineShape) -> str:
    if each.alive is False:
        return click.style("dead", fg="red")
    if each.stopped or each.blocked:
        return click.style("stopped" if each.stopped else "held up", fg="yellow")
    return each.state or (each.kind if each.kind == "pool" else "working" if each.tasks else "idle")
