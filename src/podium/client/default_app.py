"""The app of a process that has opened none: made by the first call, or, in a server, soon after the first
declaration.

Nobody calls Podium in a web server that was killed and restarted until the next request comes, and the runs
that it left behind would stand still until then. So a process that is nobody's script (see `process.py`)
opens its default app by itself, when a second has passed without another declaration: by then the program is
imported. So does somebody's script that has bound a socket and serves. It makes no store, it waits for one
to be there; it does nothing where an app was opened on purpose; and a process that forks first, as a server
that preloads the program, leaves it to its children.
"""

from __future__ import annotations

import logging
import sys
import threading
from typing import Any

from .. import audit, changes
from ..env import RealEnv
from ..errors import PodiumError, ResourceShortage
from ..functions import registry
from ..opening import default_url, store_file
from .app import App, apps
from .process import default_drives, is_server, might_be_server, nameless_notebook, wants_engine

log = logging.getLogger("podium")

LOOKS = 30  # at a script that may become a server, a second apart: whether it serves by now
SETTLE_SECONDS = 1.0  # without a further declaration: the program is imported

NAMELESS = (
    "podium: nothing tells this notebook's file, so after a restart of the kernel its calls begin anew; "
    "PODIUM_NAME=analysis in the kernel's environment, or %env in the first cell, makes them resume"
)

_default: App | None = None
_lock = threading.Lock()


def current_app() -> App:
    """In a task the app that runs it, else that of the innermost `with App(...)`, else the default one."""
    global _default  # noqa: PLW0603  # one for the process
    app = apps.current() or _default
    if app is not None:
        return app
    with _lock:
        if _default is None:
            _default = App(drives=default_drives())
            if nameless_notebook():
                _default.tell(NAMELESS)
        return _default


def _is_helper() -> bool:
    """Whether multiprocessing has started this process: then it is loaded here, which nobody else pays."""
    multiprocessing: Any = sys.modules.get("multiprocessing.process")
    return multiprocessing is not None and multiprocessing.parent_process() is not None


class _AutoOpen:
    """Opens the default app in a server, once for each process."""

    def __init__(self, is_forked: bool = False) -> None:
        self._is_forked = is_forked
        self.is_watched = False
        self._is_watching = False
        self.is_over = False  # the app is open, or nothing will be opened
        self.called_off = threading.Event()

    def declared(self) -> None:
        """Something was declared. Cheap: asked for at each declaration."""
        if not self.is_watched:
            self.is_watched = True
            if wants_engine() and might_be_server():
                self._watch()
            elif wants_engine() and _is_helper():
                # It may serve on a socket that its parent has bound, as under `reload=True`.
                self._watch(LOOKS)
            elif wants_engine():
                _BINDING.install_once()

    def bound(self) -> None:
        """Somebody's script has bound a socket: it may be a server, as one that calls `uvicorn.run(app)`."""
        if self.is_watched and not self._is_watching:
            self._watch(LOOKS)

    def _watch(self, looks: int = 1) -> None:
        self._is_watching = True
        try:
            RealEnv().spawn(self._open_when_settled, looks, name="podium-default")
        except ResourceShortage:  # no reason for an import to fail: the next declaration tries again
            self.is_watched = self._is_watching = False

    def _open_when_settled(self, looks: int) -> None:
        known = -1
        # Where an app is open already there is nothing to do: no look then, it passes all tasks of the loop.
        while known < len(registry) or (looks > 0 and (apps.are_live() or not is_server())):
            looks -= known == len(registry)
            known = len(registry)
            if self.called_off.wait(SETTLE_SECONDS):
                return
        self.is_over = True
        helps = self._is_forked and _is_helper()  # with work that its parent gives it
        if helps or not (wants_engine() and is_server()):
            return
        try:
            while not self._is_there():
                if self.called_off.wait(SETTLE_SECONDS):
                    return
            if not apps.are_live():
                app = current_app()
                app.host.listen()
                app.session.tell_others()
        except PodiumError as error:
            log.error("the runs of this process stand still until the next call: %s", error)

    @staticmethod
    def _is_there() -> bool:
        """Whether there is a store, or an app that somebody has opened."""
        file = store_file(default_url())
        return file is None or file.exists() or apps.are_live()


_auto_open = _AutoOpen()


def _hook(event: str, args: tuple[Any, ...]) -> None:
    _auto_open.bound()


_BINDING = changes.declare(
    "sys.addaudithook (servers)",
    when=f"{changes.DECLARED}, in somebody's script",
    why="a script that binds a socket and then serves drives what was left behind, as a web server does",
    until=changes.NEVER,
    install=lambda: audit.listen(("socket.bind",), _hook),
)


def declared() -> None:
    """Called at each declaration."""
    _auto_open.declared()


def _after_fork_in_parent() -> None:
    _auto_open.called_off.set()


def _after_fork_in_child() -> None:
    global _default, _lock, _auto_open
    is_pending = _auto_open.is_watched and not _auto_open.is_over
    _default, _lock, _auto_open = None, threading.Lock(), _AutoOpen(is_forked=True)
    if is_pending:
        _auto_open.declared()


changes.at_fork(
    "default app",
    when=changes.DECLARED,
    why="a child has a default app of its own",
    in_parent=_after_fork_in_parent,
    in_child=_after_fork_in_child,
)
