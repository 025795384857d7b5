"""`podium queues`: how full each queue is and what it allows; set its limits, pause it, let it go on."""

from __future__ import annotations

import sys
import threading
from importlib import import_module
from typing import NoReturn

import click

from ..client import App, change_queue
from ..errors import RunNotFound, UsageError
from ..inspect import QueueShape, queue_shapes
from . import formatting, options
from .asking import asking
from .exit_codes import FINE
from .json_answer import say_json
from .terminal import is_live, safe, say, tell

_ACTIONS = ("set", "pause", "resume")
_LOOK_SECONDS = 0.5  # how often a follower looks: a look counts what lies in line
_KEYS_SHOWN = 10


@click.command(context_settings=options.HELP)
@click.argument("words", metavar="[NAME] | set NAME | pause NAME | resume NAME", nargs=-1)
@click.option("--concurrency", metavar="N", help='So many runs at once; "none": any number.')
@click.option(
    "--rate", metavar="N/m", help='So many begin in a second, minute, hour or day; "none": any number.'
)
@click.option("--from-code", is_flag=True, help="What the code declares holds again.")
@click.option("-f", "--follow", is_flag=True, help="Go on, with each change, until Ctrl-C.")
@options.by
@options.store
@options.as_json
@options.quiet("Names only.")
def command(
    words: tuple[str, ...],
    concurrency: str | None,
    rate: str | None,
    from_code: bool,
    follow: bool,
    by: str | None,
    store: str | None,
    as_json: bool,
    quiet: bool,
) -> int:
    """How full each queue is, what it allows, and who serves it.

    podium queues set api --concurrency 3 holds, whatever the code declares, until podium queues set api
    --from-code. What runs already is left alone.
    """
    action = words[0] if words and words[0] in _ACTIONS else ""
    names = words[1:] if action else words
    changes = concurrency is not None or rate is not None or from_code
    if action and len(names) != 1:
        raise UsageError(f"podium queues {action}: the name of one queue is needed")
    if changes != (action == "set"):
        raise UsageError(
            "--concurrency, --rate and --from-code say what `podium queues set NAME` sets",
            fix="podium queues set api --concurrency 3",
        )
    if action and follow:
        raise UsageError(f"podium queues {action}: --follow is for looking", fix="podium queues --follow")
    with asking(store) as app:
        if action == "set":
            change_queue(app, names[0], concurrency=concurrency, rate=rate, from_code=from_code, by=by)
        elif action:
            change_queue(app, names[0], paused=action == "pause", by=by)
        found = _found(app, names)
        if not (found or as_json):
            tell('no queues: @task(queue=podium.Queue("api", concurrency=5))')
        if follow:
            _follow(app, names, found, as_json=as_json, quiet=quiet)
    if action and not found[0].declared:
        tell(f"no code has declared a queue {safe(names[0])} so far; it holds for one of that name")
    _show(found, names, as_json=as_json, quiet=quiet)
    return FINE


def _found(app: App, names: tuple[str, ...]) -> list[QueueShape]:
    found = queue_shapes(app)
    for name in names:
        if name not in (each.name for each in found):
            known = ", ".join(each.name for each in found[:10]) or "there is none"
            raise RunNotFound(f"no queue is named {name!r}", fix=safe(known))
    return [each for each in found if not names or each.name in names]


def _show(found: list[QueueShape], names: tuple[str, ...], *, as_json: bool, quiet: bool) -> None:
    if as_json:
        say_json(queues=found)
    for each in () if as_json else found:
        for line in [safe(each.name)] if quiet else _lines(each, bool(names)):
            say(line)


def _follow(
    app: App, names: tuple[str, ...], found: list[QueueShape], *, as_json: bool, quiet: bool
) -> NoReturn:
    """Show how they stand, and again when that changes, until Ctrl-C: at a terminal all of it in place,
    elsewhere the queues that have changed."""
    pause = threading.Event()  # never set: what waits for it sleeps
    shown: list[QueueShape] | None = None
    screen = None
    if is_live(sys.stdout) and not (as_json or quiet):
        # Late, because Rich costs more than the rest of the command line together.
        screen = import_module("podium.cli.live").Redrawn(sys.stdout)
    try:
        while True:
            if screen is not None:
                screen.show([line for each in found for line in _lines(each, bool(names))])
            elif found != shown:
                changed = found if as_json else [each for each in found if each not in (shown or ())]
                _show(changed, names, as_json=as_json, quiet=quiet)
            shown = found
            pause.wait(_LOOK_SECONDS)
            found = queue_shapes(app, names or None)
    finally:
        if screen is not None:
            screen.close()


def _lines(queue: QueueShape, with_lanes: bool) -> list[str]:
    slots = f"{queue.running:,} running"
    if queue.concurrency is not None and not queue.per:
        slots = f"{queue.running:,} of {queue.concurrency:,} running"
    said = [slots, f"{queue.queued:,} queued"] + ([f"{queue.waiting:,} waiting"] if queue.waiting else [])
    head = f"{safe(queue.name)}  {', '.join(said)}" + ("  paused" if queue.paused else "")
    lines = [head, formatting.dim(f"  {_limits(queue)}")]
    if not queue.workers and queue.queued + queue.waiting:
        lines.append(formatting.dim("  no live engine serves it"))
    for lane in queue.lanes[:_KEYS_SHOWN] if with_lanes else ():
        if lane.key:
            counts = f"{lane.running:,} running, {lane.queued:,} queued"
            lines.append(f"  {safe(lane.key)}  {formatting.dim(counts)}")
    if with_lanes and queue.lane_count > _KEYS_SHOWN:
        lines.append(formatting.dim(f"  … {queue.lane_count - _KEYS_SHOWN:,} more keys"))
    return lines


def _limits(queue: QueueShape) -> str:
    said = [f"{queue.concurrency:,} at once"] if queue.concurrency is not None else []
    said += [queue.rate] if queue.rate else []
    text = (", ".join(said) or "no limits") + (f", for each {safe(queue.per)}" if queue.per and said else "")
    if queue.set_by is None:
        return text
    code = f"{queue.declared_concurrency or 'any number'} at once, rate {queue.declared_rate or 'none'}"
    return f"{text}; set by {safe(queue.set_by)}" + (f", the code says {code}" if queue.declared else "")
