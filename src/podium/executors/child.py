"""python -m podium.executors.child CHANNEL LIFELINE: a process that runs tasks, one at a time.

Started by `children.Child` with the two descriptors it names. It leaves when the channel is hung up. It dies
with its parent, however that dies, and so does whatever the task has started: nobody writes to the lifeline,
a pipe, and the system signals the whole process group when its other end is gone.
"""

from __future__ import annotations

import faulthandler
import functools
import io
import logging
import os
import signal
import socket
import sys
import threading
from pathlib import Path
from types import FrameType

from .. import changes, process
from ..depot import Depot
from ..env import RealEnv
from ..errors import EngineStopped, ResourceShortage
from .attempt import Attempt, Progress, Services, current_attempt
from .crashes import LACKS
from .encoded import run_order
from .forks import end_if_forked
from .loading import find
from .wire import (
    EMITTED_MAX,
    Began,
    Channel,
    Do,
    Done,
    Emitted,
    Hello,
    Load,
    Logged,
    Noted,
    Ready,
    Room,
    Started,
    Waits,
)

try:
    import fcntl
except ImportError:
    fcntl = None

NOTE_SECONDS = 0.02  # between two reports of progress
TEXT_MAX = 16 * 1024  # characters of a log record, and of its traceback
_formatter = logging.Formatter()


def main() -> None:
    """Serve until the parent hangs up."""
    descriptors = [int(text) for text in sys.argv[1:3]]
    for descriptor in descriptors:
        os.set_inheritable(descriptor, False)  # what the task starts must not hold them open
    # The parent decides when to stop, and says so by SIGINT. SIGTERM comes from a supervisor that sends it
    # to every process there is, while the parent still gives its tasks time to end.
    _IN_CHILD.install()
    _STREAMS.install()
    try:
        _die_with_parent(descriptors[1])
        _serve(Channel(socket.socket(fileno=descriptors[0])))
    except (KeyboardInterrupt, ConnectionError):
        pass  # stopped while idle, or the parent is gone
    except ResourceShortage as lack:
        sys.stderr.write(f"{lack.message}\n")
        sys.exit(LACKS)


def _prepare() -> None:
    process.handle(signal.SIGTERM, _leave_it_to_the_parent)
    signal.signal(signal.SIGINT, signal.default_int_handler)
    faulthandler.enable(all_threads=False)


_IN_CHILD = changes.declare(
    "SIGINT, SIGTERM, faulthandler",
    when=changes.CHILD,
    why="its parent decides when to stop it, by SIGINT; a crash in C shows the Python line",
    until="that process ends",
    install=_prepare,
)


def _leave_it_to_the_parent(number: int, frame: FrameType | None) -> None:
    """Not SIG_IGN, which what the task starts would inherit."""


def _die_with_parent(lifeline: int) -> None:
    RealEnv().spawn(_watch, lifeline, name="podium-lifeline")
    if fcntl is not None and hasattr(fcntl, "F_SETSIG"):
        # The thread is no match for C code that holds the GIL; the system is. Not PR_SET_PDEATHSIG, which
        # spares what the task has started, and fires when merely the parent's thread ends.
        fcntl.fcntl(lifeline, fcntl.F_SETOWN, -os.getpgrp())
        fcntl.fcntl(lifeline, fcntl.F_SETSIG, signal.SIGKILL)
        fcntl.fcntl(lifeline, fcntl.F_SETFL, fcntl.fcntl(lifeline, fcntl.F_GETFL) | os.O_ASYNC)


def _watch(lifeline: int) -> None:
    os.read(lifeline, 1)
    os.killpg(os.getpgrp(), signal.SIGKILL)


def _serve(channel: Channel) -> None:
    channel.send(Ready())
    depot: Depot | None = None
    while (frame := channel.receive()) is not None:
        match frame.message:
            case Hello() as hello:
                _LIKE_PARENT.install(hello)
                process.run_tasks_of(hello.store)
                depot = Depot(Path(hello.depot))
                _LOGS.install(_Forward(channel))
            case Load() as load:
                _preload(load)
            case Do() as do:
                process_id = os.getpid()
                done, payload, error = _do(channel, do, frame.payload, depot)
                end_if_forked(process_id, error)
                _flush()
                channel.send(done, payload)
            case _:
                pass  # what a child says, not what it hears


def _preload(load: Load) -> None:
    try:
        find(load.function, load.import_from)
    except Exception:
        pass  # whoever needs it will hear of it


def _take_after(hello: Hello) -> None:
    sys.path[:], sys.argv[:] = hello.path, hello.argv
    logging.getLogger().setLevel(hello.level)


_LIKE_PARENT = changes.declare(
    "sys.path, sys.argv, level of the root logger",
    when=changes.CHILD,
    why="its task finds, reads and logs what it would in its parent",
    until="that process ends",
    install=_take_after,
)


def _hold_less_back() -> None:
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(line_buffering=True, errors="backslashreplace")


_STREAMS = changes.declare(
    "sys.stdout, sys.stderr: by line, no encoding errors",
    when=changes.CHILD,
    why="what is printed is seen then, and survives a crash",
    until="that process ends",
    install=_hold_less_back,
)


def _add(handler: _Forward) -> None:
    logging.getLogger().addHandler(handler)
    _forwarding.append(handler)


def _leave_link() -> None:
    """In a fork of the task's: two processes that talk into one socket are not to be understood."""
    while _forwarding:
        handler = _forwarding.pop()
        logging.getLogger().removeHandler(handler)
        handler.channel.close()


_forwarding: list[_Forward] = []
_LOGS = changes.declare(
    "a handler of the root logger",
    when=changes.CHILD,
    why="what its task logs is kept with the run",
    until="that process ends; not in what it forks",
    install=_add,
)
changes.at_fork(
    "log records",
    when=changes.CHILD,
    why="what an isolated task forks must not talk into the link to Podium",
    in_child=_leave_link,
)


class _Forward(logging.Handler):
    """Hands log records to the parent, where the program has set up what becomes of them."""

    def __init__(self, channel: Channel) -> None:
        super().__init__()
        self.channel = channel

    def emit(self, record: logging.LogRecord) -> None:
        if current_attempt.get() is None or self._is_handled(record):
            return
        try:
            trace = record.exc_text or (
                _formatter.formatException(record.exc_info) if record.exc_info else ""
            )
            logged = Logged(
                record.name, record.levelno, record.getMessage()[:TEXT_MAX], trace[-TEXT_MAX:],
                record.pathname, record.lineno, record.funcName or "",
            )  # fmt: skip
            self.channel.send(logged)
        except Exception:
            self.handleError(record)

    def _is_handled(self, record: logging.LogRecord) -> bool:
        """Whether the task's module has set up a handler of its own, which the parent has, too."""
        logger: logging.Logger | None = logging.getLogger(record.name)
        while logger is not None:
            if any(handler is not self for handler in logger.handlers):
                return True
            logger = logger.parent if logger.propagate else None
        return False


class _Notes:
    """Sends what the body says of its progress: so often that people can follow, and always the last."""

    def __init__(self, channel: Channel) -> None:
        self.channel, self._env = channel, RealEnv()
        self._sent = 0.0
        self._waiting: Progress | None = None
        self._said = b""

    def __call__(self, attempt: Attempt, progress: Progress) -> None:
        self._waiting, self._said = progress, attempt.said
        now = self._env.monotonic()
        if now - self._sent >= NOTE_SECONDS:
            self._sent = now
            self.flush()

    def flush(self) -> None:
        """Send the last one, if it was not."""
        note, self._waiting = self._waiting, None
        if note is not None:
            try:
                self.channel.send(Noted(note.done, note.total, note.text), self._said)
            except OSError:
                pass  # in a process that the task has forked


class _Emissions:
    """Sends what the body emits and publishes, and waits where the parent has no room for more: whoever waits
    reads the channel, which has nothing else to say to a body that runs."""

    def __init__(self, channel: Channel) -> None:
        self._channel = channel
        self._lock = threading.Lock()
        self._waiting = 0  # bytes of which the parent has not said that they wait no more

    def emit(self, attempt: Attempt, name: str, payload: bytes) -> None:
        """Send a chunk."""
        with self._lock:
            while self._waiting > EMITTED_MAX:
                frame = self._channel.receive()
                if frame is None:
                    raise EngineStopped("the process that started this task is gone")
                if isinstance(frame.message, Room):
                    self._waiting -= frame.message.bytes
            self._waiting += len(payload)
            self._channel.send(Emitted(name, is_value=False), payload)

    def publish(self, attempt: Attempt, name: str, payload: bytes) -> None:
        """Send a value."""
        self._channel.send(Emitted(name, is_value=True), payload)


class _ParentsSlots:
    """The slots are the parent's, which learns by `awaits` who waits."""

    def __init__(self, channel: Channel) -> None:
        self.channel = channel

    def lend(self, attempt: Attempt) -> None:
        pass

    def restore(self, attempt: Attempt) -> None:
        pass

    def started_run(self, attempt: Attempt) -> None:
        try:
            self.channel.send(Started())
        except OSError:
            pass  # in a process that the task has forked


def _tell_waits(channel: Channel, _: Attempt, runs: tuple[str, ...], begins: bool) -> None:
    try:
        channel.send(Waits(runs, begins))
    except OSError:
        pass  # in a process that the task has forked


def _do(
    channel: Channel, do: Do, args: bytes, depot: Depot | None
) -> tuple[Done, bytes, BaseException | None]:
    notes = _Notes(channel)

    def begin(attempt: Attempt) -> None:
        if not do.is_known:
            channel.send(Began())
        attempt.services = Services(
            note=notes,
            depot=depot,
            awaits=functools.partial(_tell_waits, channel),
            streams=_Emissions(channel),
        )
        attempt.slots = _ParentsSlots(channel)

    try:
        return run_order(do, args, begin)
    finally:
        notes.flush()


def _flush() -> None:
    """What the task printed is on its way before its outcome is."""
    for stream in (sys.stdout, sys.stderr):
        try:
            stream.flush()
        except (OSError, ValueError, AttributeError):
            pass  # the task has closed it or put something else in its place


if __name__ == "__main__":
    main()
