"""`podium run`: start a workflow, follow it, say how it came out and how it goes on."""

from __future__ import annotations

import click

from ..client import App, Call
from . import options, words
from .answer import say_json
from .driving import ALONE, drive, observed_view, on_record, only_waits, open_engine, require_engine
from .flags import Flags
from .main import FINE, TIMED_OUT
from .stopping import Stopping
from .target import load
from .terminal import say, tell


@click.command(context_settings={**options.HELP, "ignore_unknown_options": True})
@click.argument("target", metavar="MODULE:WORKFLOW")
@click.argument("flags", nargs=-1, type=click.UNPROCESSED, metavar="[-- FLAGS]")
@click.option("--id", metavar="ID", help="The run's id: the same id again is the same run.")
@click.option("--detach", is_flag=True, help="Only put it in line and print its id.")
@options.wait("Leave after so long (exit code 6); it can go on.")
@options.store
@options.as_json
@options.quiet("The id only; no progress.")
def command(
    target: str,
    flags: tuple[str, ...],
    id: str | None,
    detach: bool,
    wait: float | None,
    store: str | None,
    as_json: bool,
    quiet: bool,
) -> int:
    """Run a workflow and follow it to its end.

    MODULE is a dotted name or a path/to/file.py. The workflow's own flags come from its signature:
    `podium run app:report -- --help` lists them. After a crash or Ctrl-C the same command goes on.
    """
    call = Call(id=id)
    with App(store, notice=only_waits, engine=not detach, options=ALONE) as app:
        found = load(target)
        args, kwargs = Flags(found.function).parse(flags, f"podium run {target} --")
        if not detach:
            require_engine()
        # The script stands for its module: `python app.py` and `podium run app:report` find each other's
        # runs again. What is only put in line belongs to nobody, so it attaches to nothing.
        app.starter = "" if detach else found.file
        if detach:
            run = app.start(found.function, args, kwargs, call).id.result()
            if as_json:
                say_json(id=run, function=found.function.name, state="queued")
            else:
                say(run)
            if not quiet:
                tell(words.dim(f"it begins when somebody drives it: podium resume {run}"))
            return FINE
        view = observed_view(app, found)
        open_engine(app, wait)
        with Stopping(says=not quiet) as stop:
            started = app.start(found.function, args, kwargs, call)
            view.run = on_record(started, stop, wait)
            if not view.run:
                app.close()
                if started.id.exception() is not None:
                    tell(f"{'stopped' if stop.by else 'not done yet'}: the run is not on record")
                    return stop.code if stop.by else TIMED_OUT
                view.run = started.id.result()
            return drive(app, view, stop, wait=wait, as_json=as_json, quiet=quiet)
