"""`podium up`: worker, API and dashboard in one process, on one port of this machine."""

from __future__ import annotations

import webbrowser
from contextlib import closing
from pathlib import Path

import click

from .. import __version__
from ..client import App
from ..opening import store_file
from ..server import Access, Binding, Listener, Service
from . import formatting, options
from .exit_codes import CONFIGURATION, FINE
from .stop import Stop
from .terminal import say, tell
from .worker import TICK_SECONDS, engine_options, notice, serve
from .worker_modules import WorkerModules


@click.command(context_settings=options.HELP)
@click.argument("modules", nargs=-1, metavar="[MODULE...]")
@click.option("--port", type=click.IntRange(0, 65_535), metavar="PORT",
              help="Default: 7070, or the next that is free; 0: any.")  # fmt: skip
@click.option("--host", default="127.0.0.1", show_default=True, metavar="ADDRESS",
              help="Beyond this machine only with TLS, or behind a proxy.")  # fmt: skip
@click.option("--tls-cert", metavar="FILE", help="PEM.")
@click.option("--tls-key", metavar="FILE", help="PEM.")
@click.option("--behind-proxy", is_flag=True, help="A proxy in front of it does TLS.")
@click.option(
    "--name", "names", multiple=True, metavar="HOST", help="What browsers call it, such as a proxy's name."
)
@click.option("--no-open", is_flag=True, help="Only print the link.")
@click.option(
    "-c", "slots", type=click.IntRange(1, options.COUNT_MAX), metavar="SLOTS", help="Tasks at once."
)
@click.option(
    "--grace", type=options.SECONDS, metavar="SECONDS", help="For running tasks to end. Default: 5."
)
@options.store
@options.quiet("The link only.")
def command(
    modules: tuple[str, ...],
    port: int | None,
    host: str,
    tls_cert: str | None,
    tls_key: str | None,
    behind_proxy: bool,
    names: tuple[str, ...],
    no_open: bool,
    slots: int | None,
    grace: float | None,
    store: str | None,
    quiet: bool,
) -> int:
    """Drive the runs of these modules, serve the API and the dashboard, print the link.

    MODULE is a dotted name or a path/to/file.py; without one nothing is driven here. The link holds a token,
    made on first start and kept beside the store (0600). Ctrl-C or SIGTERM: running tasks end within the
    grace time or are handed back.
    """
    stop = Stop()
    served = WorkerModules(modules)
    binding = Binding(host, port, tls_cert, tls_key, behind_proxy, names)
    with closing(App(
        store, drives="all" if modules else "nothing", options=engine_options(slots, grace, None),
        functions=served.functions, starter="", notice=notice,
    )) as app:  # fmt: skip
        app.enter()
        served.load()
        if modules and not served.exist:
            tell("  none of these modules exists, so there is nothing to serve")
            return CONFIGURATION
        access = Access(_token_file(app.url))
        with closing(
            Listener(
                Service(app, access, __version__, served.modules, lambda: served.broken), binding, app.env
            )
        ) as listener:
            app.store.wait(0.0)  # open it: who follows the link wants to see runs
            listener.start()
            link = f"{listener.url}?token={access.token}"
            say(link)
            if not quiet:
                tell(formatting.dim("this link lets you in; Ctrl-C stops"))
            if not no_open and not quiet:
                webbrowser.open(link)
            if modules:
                serve(app, served, stop)
            while not stop.within(TICK_SECONDS):
                pass
            tell(formatting.dim("stopping; again ends it at once"))
    return FINE


def _token_file(url: str) -> Path | None:
    file = store_file(url)
    return Path(f"{file}-token") if file else None
