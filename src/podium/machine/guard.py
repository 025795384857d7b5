"""The effect guard: a workflow's body may decide, but opening files, sockets, processes or threads and
sleeping belong in tasks, because the body runs again on every resume.

It is a guard, not a proof: it sees what Python announces to audit hooks, and `time.sleep` and thread
starts where older versions announce nothing. Code that reads a file as part of running Python itself
(imports, tracebacks, logging, warnings, time zones, debuggers) passes.
"""

from __future__ import annotations

import inspect
import os
import sys
from types import FrameType
from typing import Any, NoReturn, cast

from .. import audit, changes
from ..codec import SECRET_EVENT
from ..errors import EffectInWorkflow, SharedInWorkflow
from .current import turning
from .lines import outermost_caller, own_caller, user_line
from .parts import RunMachine

_EFFECTS = {
    "open": "opening {0!r}",
    "os.chdir": "changing the directory to {0!r}",
    "os.chmod": "changing the mode of {0!r}",
    "os.chown": "changing the owner of {0!r}",
    "os.exec": "running {0!r}",
    "os.fork": "forking",
    "os.forkpty": "forking",
    "os.kill": "sending a signal",
    "os.killpg": "sending a signal",
    "os.link": "linking {0!r}",
    "os.listdir": "listing {0!r}",
    "os.mkdir": "making the directory {0!r}",
    "os.posix_spawn": "running {0!r}",
    "os.putenv": "setting the environment variable {0!r}",
    "os.remove": "removing {0!r}",
    "os.rename": "renaming {0!r}",
    "os.rmdir": "removing the directory {0!r}",
    "os.scandir": "listing {0!r}",
    "os.symlink": "linking {0!r}",
    "os.system": "running {0!r}",
    "os.truncate": "truncating {0!r}",
    "os.unsetenv": "removing the environment variable {0!r}",
    "os.utime": "changing the times of {0!r}",
    "shutil.copyfile": "copying {0!r}",
    "shutil.move": "moving {0!r}",
    "shutil.rmtree": "removing the tree {0!r}",
    "signal.pthread_kill": "sending a signal",
    "socket.__new__": "opening a socket",
    "socket.bind": "binding a socket",
    "socket.connect": "connecting a socket",
    "socket.getaddrinfo": "looking up {0!r}",
    "socket.gethostbyaddr": "looking up {0!r}",
    "socket.gethostbyname": "looking up {0!r}",
    "socket.sendto": "sending to a socket",
    "sqlite3.connect": "opening the database {0!r}",
    "subprocess.Popen": "running {0!r}",
    "tempfile.mkdtemp": "making a temporary directory",
    "tempfile.mkstemp": "making a temporary file",
    "time.sleep": "time.sleep({0})",
    SECRET_EVENT: "reading the secret {0!r}",
    "urllib.Request": "requesting {0!r}",
    "webbrowser.open": "opening a browser",
    "_thread.start_joinable_thread": "starting a thread",
    "_thread.start_new_thread": "starting a thread",
}

_PASS_MODULES = frozenset(
    {
        "importlib._bootstrap",
        "importlib._bootstrap_external",
        "zipimport",
        "linecache",
        "tokenize",
        "traceback",
        "logging",
        "logging.handlers",
        "warnings",
        "zoneinfo",
        "zoneinfo._common",
        "zoneinfo._tzpath",
        "importlib.resources",
        "bdb",
        "pdb",
        "pydevd",
        "_pytest.assertion.rewrite",
        "podium.modules",  # names a class by its project's file
        "podium.depot",  # a value that the body passes on: the same content is the same file
    }
)


_MACHINE = f"{__package__}.machine"  # whose turn calls the body


def _is_pythons_own(frame: FrameType | None) -> bool:
    """Whether the effect is Python's own housekeeping: some frame on the way is one of the passed modules."""
    while frame is not None:
        module = frame.f_globals.get("__name__")
        if module in _PASS_MODULES:
            return True
        if module == _MACHINE and frame.f_code.co_name == "_turn":
            return False
        frame = frame.f_back
    return False


def refuse_effect(what: str) -> None:
    """Called where an effect is about to happen: raises if this thread is inside a workflow's body."""
    machine = turning.machine
    if machine is None or _is_pythons_own(inspect.currentframe()):
        return
    if machine.loop.discarded:
        machine.loop.refuse()
    _trouble(machine, EffectInWorkflow(what, *_lines(machine)))


def refuse_shared(thing: object) -> None:
    """Called where a lock or the like is used: raises if it was made outside of the run that uses it."""
    machine = turning.machine
    if machine is not None and getattr(thing, "_loop", None) is not machine.loop:
        if machine.loop.discarded:
            machine.loop.refuse()
        _trouble(machine, SharedInWorkflow(f"this asyncio.{type(thing).__name__}", *_lines(machine)))


def _trouble(machine: RunMachine, error: EffectInWorkflow) -> NoReturn:
    if machine.trouble is None:
        machine.trouble = error
    raise error


def _lines(machine: RunMachine) -> tuple[str, str]:
    """The user's line, also where a library does it in a branch of its own; and that of the body, where it
    is a helper of the body that does it."""
    line, by = own_caller() or machine.loop.line_outside() or user_line(), outermost_caller(_MACHINE)
    return line, "" if by == line else by


def _hook(event: str, args: tuple[Any, ...]) -> None:
    if turning.machine is not None and not (event == "open" and _is_time_zone(args[0])):
        refuse_effect(_EFFECTS[event].format(*map(_plain, args or ("",))))


def _is_time_zone(path: Any) -> bool:
    """zoneinfo in C opens its files without a frame of its own that could be seen."""
    zoneinfo = sys.modules.get("zoneinfo")
    return zoneinfo is not None and isinstance(path, str) and path.startswith(tuple(zoneinfo.TZPATH))


def _plain(argument: Any) -> Any:
    return os.fspath(cast("os.PathLike[str]", argument)) if isinstance(argument, os.PathLike) else argument


_HOOK = changes.declare(
    "sys.addaudithook (effects)",
    when=changes.DECLARED,
    why="effects in a workflow's body are refused with the line; elsewhere it returns at once",
    until=changes.NEVER,
    install=lambda: audit.listen(_EFFECTS, _hook),
)


def install() -> None:
    """Start listening. Python has no way to remove an audit hook, so once per process."""
    _HOOK.install_once()
