"""What of an event loop a workflow cannot have, each refused with the line and the way to do it instead."""

from __future__ import annotations

import logging
import traceback
from collections.abc import Callable
from typing import Any

from .. import codec
from ..errors import ArgumentError, UsageError
from ..lines import is_user_file, line_of
from .current import turning
from .guard import refuse_effect
from .lines import raised_at, user_line
from .parts import RunLoop

log = logging.getLogger("podium")

_OUTSIDE = "let what comes from outside be the result of a task, which is on record"
_EFFECTS = (
    "add_reader", "add_signal_handler", "add_writer", "connect_accepted_socket", "connect_read_pipe",
    "connect_write_pipe", "create_connection", "create_datagram_endpoint", "create_server",
    "create_unix_connection", "create_unix_server", "getaddrinfo", "getnameinfo", "sendfile", "sock_accept",
    "sock_connect", "sock_recv", "sock_recv_into", "sock_recvfrom", "sock_recvfrom_into", "sock_sendall",
    "sock_sendfile", "sock_sendto", "start_tls", "subprocess_exec", "subprocess_shell",
)  # fmt: skip
_NOT_THE_BODYS = {
    **dict.fromkeys(("run_forever", "run_until_complete"), "await it: the loop runs already"),
    **dict.fromkeys(("stop", "close", "shutdown_asyncgens", "shutdown_default_executor"), "return instead"),
    **dict.fromkeys(("remove_reader", "remove_writer", "remove_signal_handler"), _OUTSIDE),
    "set_default_executor": "let a @task do the work: it has an executor",
    "set_task_factory": "the run's own tasks are what a replay goes by",
}


class BareLoop(RunLoop):
    """A loop that does nothing yet but report and refuse."""

    _handler: Callable[[Any, dict[str, Any]], object] | None = None

    def __init__(self, run: str) -> None:
        self._run = run
        self.numbers = 0

    def wake(self, waiter: Any) -> None:
        if not (self.entered or self.discarded):
            raise refuse_outside("this wakes")
        self.ready.append(waiter)

    def number(self) -> int:
        self.numbers += 1
        return self.numbers

    def is_closed(self) -> bool:
        return self.discarded

    # False, said in C: asyncio asks for it as it makes each future, and a frame of ours is dearer than that.
    get_debug = bool  # pyright: ignore[reportAssignmentType]  # called without arguments: no descriptor

    def set_debug(self, enabled: bool) -> None:
        pass  # there is nothing more to tell

    def get_task_factory(self) -> None:
        return None

    def get_exception_handler(self) -> Any:
        return self._handler

    def set_exception_handler(self, handler: Any) -> None:
        self._handler = handler

    def call_exception_handler(self, context: dict[str, Any]) -> None:
        if self.discarded:
            return
        if self._handler is None:
            self.default_exception_handler(context)
        else:
            self._handler(self, context)

    def default_exception_handler(self, context: dict[str, Any]) -> None:
        """Log what went wrong where nobody looks: the run, the user's frames, and none of ours."""
        error, message = context.get("exception"), context.get("message") or "something went wrong"
        if isinstance(error, BaseException) and hasattr(future := context.get("future"), "failed_at"):
            failed_at = getattr(future, "failed_at", None)
            line = line_of(*failed_at) if failed_at is not None else raised_at(error)
            message = f"{line}: the exception of a branch was never retrieved"
        told = f": {_told(error)}" if isinstance(error, BaseException) else ""
        log.error("run %s: %s%s", self._run, message, told)

    def call_soon_threadsafe(self, callback: Any, *args: Any, context: Any = None) -> Any:
        machine = turning.machine
        if machine is None or machine.loop is not self:
            raise refuse_outside("call_soon_threadsafe wakes")
        return self.call_soon(callback, *args, context=context)

    def run_in_executor(self, executor: Any, func: Any, *args: Any) -> Any:
        what: Any = (getattr(func, "args", None) or (func,))[0]  # to_thread's is a partial, with that in it
        refuse_effect(f"running {getattr(what, '__qualname__', what)} in a thread")


def not_a_coroutine(given: object) -> ArgumentError:
    """The error for a branch that is to be made of something that it could not drive."""
    name = getattr(given, "__qualname__", "")
    what = f"the function {name}" if name else f"a {type(given).__name__}"
    if hasattr(given, "__await__"):
        fix = "what has been started goes on by itself: await it; or begin it there: create_task(f(...))"
    else:
        fix = f"call it: create_task({name}(...))" if name else "create_task(f(...)), with an async function"
    return ArgumentError(f"{user_line()}: create_task takes a coroutine, not {what}", fix=fix)


def refuse_outside(what: str) -> UsageError:
    """The error for something that reaches into a run from outside of its turn."""
    return UsageError(f"{user_line()}: {what} a workflow's loop from outside of it", fix=_OUTSIDE)


def _told(error: BaseException) -> str:
    """The error and the user's frames, as Python prints them."""
    frames = [frame for frame in traceback.extract_tb(error.__traceback__) if is_user_file(frame.filename)]
    shown = traceback.format_exception_only(error)[-1].strip()
    text = codec.recorded_traceback(error) or "".join(traceback.format_list(frames))
    return f"{shown}\n{text}".rstrip()


def _effect(name: str) -> Callable[..., Any]:
    def refused(loop: BareLoop, *_: Any, **__: Any) -> Any:
        refuse_effect(f"asyncio's {name}")

    return refused


def _not_the_bodys(name: str, instead: str) -> Callable[..., Any]:
    def refused(loop: BareLoop, *_: Any, **__: Any) -> Any:
        raise UsageError(f"{user_line()}: a workflow cannot call {name} of its event loop", fix=instead)

    return refused


for _name in _EFFECTS:
    setattr(BareLoop, _name, _effect(_name))
for _name, _instead in _NOT_THE_BODYS.items():
    setattr(BareLoop, _name, _not_the_bodys(_name, _instead))
