"""`Executor`: a thread pool's interface whose results survive the process."""

from __future__ import annotations

import atexit
import os
import sys
import threading
from collections.abc import Callable
from concurrent import futures
from types import TracebackType
from typing import Literal, ParamSpec, TypeVar

from .. import changes
from ..checks import check_type
from ..errors import EngineStopped, UsageError
from ..machine import current_machine
from ..modules import module_name
from .default_app import current_app
from .executor_block import Block, Way
from .process import uses_executor

P = ParamSpec("P")
R = TypeVar("R")


class Executor(futures.Executor):
    """A `concurrent.futures.Executor` whose block is a durable run: a result that is on record is not
    computed again.

    max_workers  calls at once; default: as `ThreadPoolExecutor` has it
    name         of the block, instead of the function that opens it
    fresh        begin anew, whatever an earlier execution has left

    A block that is left cleanly (`with`, or `shutdown`) has ended. One that is killed, interrupted or left by
    an exception is gone on with by the next execution of the same script: calls of the same function with
    equal arguments have their recorded results, failed and unfinished ones run. Arguments and results are
    copies. A closure, and what cannot be recorded, runs all the same, and again next time; a line on stderr
    says so.

    Raises ValueError for no workers. `submit` raises UsageError in a workflow and for an async function.

    Example:

    >>> with podium.Executor() as executor:
    ...     future = executor.submit(pow, 2, 8)
    >>> future.result()
    256
    """

    def __init__(
        self, max_workers: int | None = None, *, name: str | None = None, fresh: bool = False
    ) -> None:
        check_type("Executor", "max_workers", max_workers, (int,), "a number of calls at once")
        check_type("Executor", "name", name, (str,), "a word")
        if max_workers is not None and max_workers <= 0:
            raise ValueError("max_workers must be greater than 0")
        self._max_workers = max_workers or min(32, (os.cpu_count() or 1) + 4)
        self._fresh = fresh
        frame = sys._getframe(1)  # pyright: ignore[reportPrivateUsage]  # documented all the same
        self._module = module_name(str(frame.f_globals.get("__name__", "")), frame.f_globals)
        within = frame.f_code.co_qualname
        self._label = name or ("executor" if within == "<module>" else f"{within}.executor")
        self._lock = threading.Lock()
        self._block: Block | None = None
        self._is_shut = False

    def submit(self, fn: Callable[P, R], /, *args: P.args, **kwargs: P.kwargs) -> futures.Future[R]:
        """Have `fn(*args, **kwargs)` called; a future of what it comes to, once that is on disk.

        Raises RuntimeError after `shutdown`, UsageError for what no thread pool can call.

        Example:

        >>> with podium.Executor() as executor:
        ...     print(executor.submit(pow, 2, 8).result())
        256
        """
        frame = sys._getframe(1)  # pyright: ignore[reportPrivateUsage]  # as above
        if current_machine() is not None:
            raise UsageError(
                "Executor.submit(...) inside a workflow",
                fix="call a @task there: task.start(...), task.map(...)",
            )
        with self._lock:
            if self._is_shut:
                raise RuntimeError("cannot schedule new futures after shutdown")
            block = self._block or self._open()
            if isinstance(block.failure, EngineStopped):
                raise RuntimeError("cannot schedule new futures: the engine is closed") from block.failure
            if block.failure is not None:
                raise block.failure
            call = block.calls.make(fn, args, kwargs, (frame.f_code.co_filename, frame.f_lineno))
            block.submit(call)
        return call.future

    def _open(self) -> Block:
        uses_executor(self._module)
        app = current_app()
        if app.has_engine and app.host.is_own_thread():
            raise UsageError(
                "an Executor in an async task would block the engine", fix="open it in a `def` task"
            )
        name = f"{self._module}:{self._label}"
        number = _ordinals.take(name)
        numbered = name if number == 1 else f"{name}#{number}"

        def over(left: bool) -> None:
            _open_blocks.discard(block)
            if left:
                _ordinals.give_back(name, number)

        block = Block(app, numbered, self._max_workers, self._fresh, over)
        block.begin()
        _AT_EXIT.install_once()
        _open_blocks.add(block)
        self._block = block
        return block

    def shutdown(self, wait: bool = True, *, cancel_futures: bool = False) -> None:
        """Take no more calls; the block has ended when those there are have.

        wait            until then
        cancel_futures  those that have not begun

        Example:

        >>> executor = podium.Executor()
        >>> executor.shutdown()
        """
        self._leave(Way.FINISH, cancel_futures, wait)

    def _leave(self, way: Way, cancel: bool, wait: bool) -> None:
        with self._lock:
            self._is_shut, block = True, self._block
        if block is not None and block.process == os.getpid():
            block.leave(way, cancel)
            if wait:
                block.over.wait()

    def __exit__(
        self,
        exc_type: type[BaseException] | None,
        exc_val: BaseException | None,
        exc_tb: TracebackType | None,
    ) -> Literal[False]:
        if exc_type is None or (isinstance(exc_val, SystemExit) and not exc_val.code):
            self.shutdown()
        else:
            interrupted = not issubclass(exc_type, Exception)  # what runs is given the grace of the app
            self._leave(Way.LEAVE, cancel=interrupted, wait=not interrupted)
        return False


class _Ordinals:
    """Which block of its name a block is, in this process: one that was left is gone on with by the next."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._last: dict[str, int] = {}
        self._left: dict[str, list[int]] = {}

    def take(self, name: str) -> int:
        """The next one's, from 1."""
        with self._lock:
            left = self._left.get(name)
            if left:
                number = min(left)
                left.remove(number)
            else:
                number = self._last[name] = self._last.get(name, 0) + 1
            return number

    def give_back(self, name: str, number: int) -> None:
        """That block was left."""
        with self._lock:
            self._left.setdefault(name, []).append(number)


def _finish_open_blocks() -> None:
    """The program has ended: as in every executor, what was submitted is still called."""
    failed = getattr(sys, "last_type", None)
    for block in list(_open_blocks):
        if block.process == os.getpid() and not (failed and not issubclass(failed, Exception)):
            block.leave(Way.LEAVE if failed else Way.FINISH, cancel=False)
            block.over.wait()


_ordinals = _Ordinals()
_open_blocks: set[Block] = set()
_AT_EXIT = changes.declare(
    "atexit.register (executors)",
    when="an Executor is used",
    why="what was submitted to an executor that nobody has shut down is still called, as in every executor",
    until=changes.NEVER,
    install=lambda: atexit.register(_finish_open_blocks),
)
