"""`podium.shell`: a command as a task."""

from __future__ import annotations

import asyncio
import os
import shlex
import signal
from collections.abc import Callable, Coroutine, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any, ParamSpec, TypeVar, cast

from .. import late
from ..checks import Span, seconds_of
from ..client import in_event_loop
from ..env import new_secret
from ..errors import CommandFailed, TaskTimeout, UsageError
from ..functions import Function, registry
from ..machine import current_machine
from .callables import Task

if TYPE_CHECKING:
    from ..executors import command as commands
else:
    commands = late.module(globals(), "..executors.command")


P = ParamSpec("P")
R = TypeVar("R")

STDERR_LINES = 10  # the last ones, in the story of a failure


class _ShellFunction(Function):
    """Looks at its arguments where the call is made."""

    def bind(self, args: tuple[Any, ...], kwargs: Mapping[str, Any]) -> dict[str, Any]:
        bound = super().bind(args, kwargs)
        _check(bound.get("command", ()), bound.get("env"), bound.get("timeout"))
        return bound


class Shell(Task[P, R, R]):
    """The task `podium.shell`. Its calls wait in plain `def` manner, also in the body of an `async def`."""

    def __call__(self, /, *command: P.args, **options: P.kwargs) -> R:
        if current_machine() is not None:
            return super().__call__(*command, **options)
        if in_event_loop():
            raise UsageError(
                "podium.shell(...) would hold up this event loop",
                fix="await asyncio.to_thread(podium.shell, ...)",
            )
        self._function.bind(command, options)
        ended: Any = asyncio.run(cast(Any, self._function.fn)(*command, **options))
        return ended


def _declared(fn: Callable[P, Coroutine[Any, Any, R]]) -> Shell[P, R]:
    # The body is a coroutine, so that it can be ended; calls of it are plain, so that both colours have them.
    function = _ShellFunction("podium:shell", fn, is_workflow=False, is_async=False, executor="loop")
    registry.add(function)
    return Shell(function)


@_declared
async def shell(
    *command: str | Path,
    cwd: str | Path | None = None,
    env: Mapping[str, str] | None = None,
    timeout: Span | None = None,
) -> str:
    """Run a command as a task, without a shell, and return what it wrote to stdout.

    command  the program and each of its arguments by itself: `podium.shell("git", "clone", url)`
    cwd      the folder it runs in
    env      variables that are added to this process's own; they are recorded with the call
    timeout  seconds, or "10m", after which it is ended: TaskTimeout

    A step in a workflow; elsewhere a plain call that blocks. What it writes is passed on line by line and
    kept in the run's log, within the log's caps. The result is stdout as text, up to 1 MiB; where it wrote
    more, the last line says how much was left out. At its timeout, and when the run is cancelled, it is ended
    with all that it has started (SIGTERM, 3 s later SIGKILL). With the process of its engine it dies at once,
    so the attempt after a crash meets nothing of the one before. What it leaves running in its process group
    when it ends is ended with it.

    Raises CommandFailed, with the end of stderr, where it exits with another code than 0; OSError where it
    cannot begin; UsageError. Not retried: wrap it in a task of your own, which has `retries=`.

    Example:

    >>> podium.shell("expr", "6", "*", "7")
    42
    '42\\n'
    """
    seconds = None if timeout is None else seconds_of("shell", "timeout", timeout, zero=False)
    words = [os.fspath(word) for word in command]
    shown = shlex.join(words)
    folder = None if cwd is None else os.fspath(cwd)
    try:
        end = await commands.run_command(words, folder, env or {}, seconds, mark=new_secret())
    except TimeoutError as error:
        raise TaskTimeout(
            f"{shown} took longer than its timeout of {seconds:g} s", fix="it was ended"
        ) from error
    except FileNotFoundError as error:
        if len(words) == 1 and " " in words[0]:
            error.add_note("there is no shell: give each argument by itself, shell('ls', '-l')")
        raise
    if end.code != 0:
        raise CommandFailed(f"{shown}: {_how(end.code)}{_tail(end.stderr)}", end.code, end.stderr)
    return end.stdout + (f"\n… {end.left_out:,} more bytes were left out" if end.left_out else "")


def _check(command: tuple[Any, ...], env: Any, timeout: Any) -> None:
    """Raises UsageError for what cannot be run."""
    if not command:
        raise UsageError("podium.shell() has no command", fix='podium.shell("ls", "-l")')
    for word in command:
        if not isinstance(word, (str, Path)):
            raise UsageError(
                f"podium.shell(... {word!r} ...): text or a path is needed", fix=f"str({word!r})"
            )
    if timeout is not None:
        seconds_of("shell", "timeout", timeout, zero=False)
    variables: dict[Any, Any] = env or {}
    for name, value in variables.items():
        if not (isinstance(name, str) and isinstance(value, str)):
            raise UsageError(f"podium.shell(env={{{name!r}: ...}}): names and values are text")


def _how(code: int) -> str:
    if code > 0:
        return f"exited with code {code}"
    try:
        return f"killed by {signal.Signals(-code).name}"
    except ValueError:
        return f"killed by signal {-code}"


def _tail(stderr: str) -> str:
    lines = stderr.strip().splitlines()[-STDERR_LINES:]
    return "".join(f"\n  {line}" for line in lines)
