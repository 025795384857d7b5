"""What kind of process this is: whose runs its default app drives, and when it begins to.

The main module decides. A script, a notebook, a prompt or a test is somebody's at a keyboard: its default app
drives the runs that it starts or attaches to, and tells what else waits. Any other main module (a web
server, a task queue's worker) runs the program on somebody's behalf: there nobody calls Podium to say that an
unfinished run may go on, so it drives all runs of its functions. So does a script that has become a server.
"""

from __future__ import annotations

import functools
import os
import re
import sys
import sysconfig
import threading
from pathlib import Path
from types import FrameType
from typing import TYPE_CHECKING, Any, Literal

from ..errors import UsageError
from ..functions import registry
from ..modules import file_of, is_installed, is_standard, main_file, nearest_project, notebook
from ..opening import in_test
from ..process import frame_of, is_of_cluster, parents_store

if TYPE_CHECKING:
    from asyncio import AbstractEventLoop, Task  # `import podium` loads no asyncio

Drives = Literal["all", "own", "nothing"]

_ON, _OFF = ("on", "1", "yes", "true"), ("off", "0", "no", "false")  # what PODIUM_ENGINE may say
_OURS = __name__.partition(".")[0]
# Modules that are on the stack of a thread that serves; `socketserver` is Flask's and the library's own.
_SERVERS = frozenset(
    ["aiohttp.web", "cheroot", "gunicorn", "granian", "hypercorn", "socketserver", "uvicorn", "waitress"]
)
_executor_modules: set[str] = set()
_ENTRY = re.compile(rb"^(?:from|import) ([\w.]+)", re.MULTILINE)
_ENTRY_BYTES = 4096  # of a console script: it is a few lines long


def wants_engine() -> bool:
    """Whether processes like this one drive runs: `PODIUM_ENGINE=off` says that they only ask.

    One that runs an isolated task does not, nor a worker of a cluster: it may be ended at any time, and
    others are there to drive. Raises UsageError for a value that says neither.
    """
    told = os.environ.get("PODIUM_ENGINE") or "on"
    if told.lower() not in (*_ON, *_OFF):
        raise UsageError(
            f"PODIUM_ENGINE={told!r} says neither on nor off", fix="PODIUM_ENGINE=off, or leave it out"
        )
    return not (parents_store() or is_of_cluster()) and told.lower() in _ON


def default_drives() -> Drives:
    """What an app drives that this process opens by its first call."""
    if not wants_engine():
        return "nothing"
    return "all" if is_server() else "own"


def is_server() -> bool:
    """Whether this process serves others: by its main module, which is nobody's script, notebook, prompt or
    test, or since a script of somebody's has become a server. Known once all is declared: a command of the
    very package that declares something, or opens an `Executor`, is somebody's program."""
    if in_test() or _top_of_main() == _OURS:
        return False
    if _is_serving():
        return True
    if _is_someones_main():
        return False
    modules = {str(getattr(function.fn, "__module__", "")) for function in list(registry.values())}
    return _top_of_main() not in {module.partition(".")[0] for module in modules | _executor_modules}


def uses_executor(module: str) -> None:
    """A module that opens an `Executor`: it may be all of Podium that its program has."""
    _executor_modules.add(module)


def might_be_server() -> bool:
    """What can be told of that before anything is declared."""
    return not _is_someones_main() and _top_of_main() != _OURS


def _is_serving() -> bool:
    """Whether the main thread is inside a server's loop, as in `uvicorn.run(app)` at the end of a script.

    Only there somebody's script can be told from a server. One that serves in `asyncio.run(...)` is known by
    the tasks of that loop: while they wait, none of their frames is on the stack.
    """
    frame = frame_of(threading.main_thread().ident or 0)
    looked_at: object = None  # several frames are of one loop, which may have many tasks
    while frame is not None:
        loop = _loop_of(frame)
        if _is_of_server(frame):
            return True
        if loop is not None and loop is not looked_at:
            looked_at = loop
            if any(map(_serves, sys.modules["asyncio"].all_tasks(loop))):
                return True
        frame = frame.f_back
    return False


def _is_of_server(frame: FrameType) -> bool:
    module = str(frame.f_globals.get("__name__", ""))
    return module in _SERVERS or module.partition(".")[0] in _SERVERS


def _loop_of(frame: FrameType) -> AbstractEventLoop | None:
    """The event loop whose main task this frame runs; None: it runs none."""
    asyncio = sys.modules.get("asyncio")
    if asyncio is None or not str(frame.f_globals.get("__name__", "")).startswith("asyncio."):
        return None
    mains = (value for value in list(frame.f_locals.values()) if isinstance(value, asyncio.Task))
    main: Task[Any] | None = next(mains, None)
    return None if main is None else main.get_loop()


def _serves(task: Task[Any]) -> bool:
    """Whether a server's coroutine is among those that a task awaits, one inside of the other."""
    coroutine: Any = task.get_coro()
    while coroutine is not None:
        frame = getattr(coroutine, "cr_frame", None)
        if frame is not None and _is_of_server(frame):
            return True
        coroutine = getattr(coroutine, "cr_await", None)
    return False


# -- somebody at a keyboard --------------------------------------------------------------------------


def _is_someones_main() -> bool:
    main = sys.modules.get("__main__")
    file = file_of(getattr(main, "__dict__", {}))
    if not file:  # else an interpreter inside another program, such as uWSGI
        at_prompt = hasattr(sys, "ps1") or "IPython" in sys.modules
        return at_prompt or sys.argv[:1] in ([""], ["-"], ["-c"])
    launched = main_file()
    if launched != os.path.abspath(file):
        return True  # a script that a profiler or a debugger runs in its own place
    spec = getattr(main, "__spec__", None)
    if is_installed(launched):
        return is_standard(launched)  # which serves nobody, but runs tests, profiles and prompts
    if spec is not None:
        return _is_of_here(Path(os.path.realpath(launched)))
    return launched.endswith(".py") or os.path.dirname(launched) not in _script_folders()


def _is_of_here(path: Path) -> bool:
    """Whether a module that is run (`python -m`) is of the project in which it is run."""
    here = Path(os.path.realpath(os.curdir))
    project = nearest_project(path.parent)
    return path.is_relative_to(here) if project is None else project == nearest_project(here)


@functools.cache
def _script_folders() -> frozenset[str]:
    """Where installers put the commands of packages."""
    schemes = sysconfig.get_scheme_names()
    found = {sysconfig.get_path("scripts", scheme) for scheme in schemes}
    return frozenset({*found, os.path.dirname(sys.executable), "/usr/bin", "/usr/local/bin"})


def _top_of_main() -> str:
    """The package whose command, or whose module, was launched."""
    main = sys.modules.get("__main__")
    spec = getattr(main, "__spec__", None)
    if spec is not None:
        return spec.name.partition(".")[0]
    command = getattr(main, "__file__", "")
    if command.endswith(".py"):  # somebody's script, whatever it imports first
        return ""
    try:
        with open(command, "rb") as script:
            entries: list[bytes] = _ENTRY.findall(script.read(_ENTRY_BYTES))
    except OSError:
        return ""
    tops = [entry.decode().partition(".")[0] for entry in entries]
    return next((top for top in tops if top not in sys.stdlib_module_names), "")


def is_session() -> bool:
    """Whether this process goes on after an interrupted call: a prompt, a notebook's kernel."""
    return hasattr(sys, "ps1") or "ipykernel" in sys.modules


def nameless_notebook() -> bool:
    """Whether this process is the kernel of a notebook that nobody names: after a restart it begins anew."""
    return "ipykernel" in sys.modules and notebook() is None and not os.environ.get("PODIUM_NAME")
