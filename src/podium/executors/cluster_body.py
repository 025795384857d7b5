"""What runs on a worker of a cluster: the body of one attempt, found by its name; and what it says."""

from __future__ import annotations

import functools
import threading
from collections.abc import Callable
from importlib import import_module
from pathlib import Path
from typing import Any

from msgspec.structs import replace

from ..depot import Depot
from ..env import RealEnv
from ..errors import DeclarationError
from ..functions import Function
from ..model import LogLine
from ..process import run_bodies
from . import capture
from .attempt import Attempt, Progress
from .cluster_wire import Note, Reply, Work, decode_work, encode
from .encoded import run_order
from .loading import find
from .log_buffer import Caps, LogBuffer
from .wire import Done

CAPS = Caps(lines=1000, bytes=262_144, line=8192)  # of one attempt; the engine has caps of its own
NOTE_SECONDS = 0.25  # between two notes of one attempt

Tell = Callable[[bytes], object]


def on_dask(packed: bytes) -> bytes:
    """Make an attempt on a worker of Dask: `Work` in, `Reply` out. Raises nothing of the task's."""
    worker: Any = import_module("distributed").get_worker()
    work = decode_work(packed)
    return make(work, str(worker.address), functools.partial(worker.log_event, work.topic))


def on_ray(packed: bytes, courier: Any) -> bytes:
    """Make an attempt on a worker of Ray. `courier`: the actor that takes notes."""
    context: Any = import_module("ray").get_runtime_context()
    where = f"ray worker {context.get_worker_id()[:8]} on node {context.get_node_id()[:8]}"
    return make(decode_work(packed), where, courier.take.remote)


def make(work: Work, where: str, tell: Tell) -> bytes:
    """Make the attempt here; what became of it, encoded."""
    run_bodies()  # before anything is declared here: that may begin to drive runs, as in a server
    try:
        function = _found(work)
    except DeclarationError as error:
        return encode(Reply(where, Done(good=False, lost=True), b"", refused=f"{where}: {error.message}"))
    saying = _Saying(work, where, tell)
    if work.is_timed:
        saying.flush(is_first=True)
    _reporter.add(saying)
    try:
        done, payload, _ = run_order(work.do, work.args, saying.begin, given=function)
    finally:
        _reporter.remove(saying)
    return encode(Reply(where, done, payload, saying.said, saying.rest()))


_importing = threading.Lock()  # a module that another thread is half through has not declared its tasks yet


def _found(work: Work) -> Function:
    with _importing:
        return find(work.do.function, work.do.import_from)


class _Saying:
    """What one body says: begun, progress, output; sent when it is due."""

    def __init__(self, work: Work, where: str, tell: Tell) -> None:
        self._work, self._where, self._tell = work, where, tell
        self._lock = threading.Lock()
        self._progress: Progress | None = None
        self._has_told = False
        self._log: LogBuffer | None = None
        self.said = b""

    def begin(self, attempt: Attempt) -> None:
        """The body is about to begin in this process."""
        if self._work.is_logged:
            _hear()
        attempt.services = replace(
            attempt.services,
            note=self._noted,
            open_log=self._opened if self._work.is_logged else None,
            depot=Depot(Path(self._work.depot)) if self._work.depot else None,
        )

    def _opened(self, attempt: Attempt) -> LogBuffer:
        with self._lock:
            if self._log is None:
                self._log = LogBuffer(attempt.step, attempt.number, CAPS, RealEnv().now)
            attempt.log = self._log
            return self._log

    def _noted(self, attempt: Attempt, progress: Progress) -> None:
        with self._lock:
            self._progress, self.said = progress, attempt.said

    def flush(self, is_first: bool = False) -> None:
        """Tell what has not been told; `is_first`: even where that is no more than that it has begun."""
        with self._lock:
            progress, self._progress = self._progress, None
            lines = self._log.take() if self._log is not None else []
            if not (is_first or progress or lines or not self._has_told):
                return
            self._has_told = True
            shown = None if progress is None else (progress.done, progress.total, progress.text)
            note = Note(self._work.key, self._where, shown, self.said, lines)
        self._tell(encode(note))

    def rest(self) -> list[LogLine]:
        """The lines that have not been told; what is said later is not kept."""
        return self._log.take(last=True) if self._log is not None else []


class _Reporter:
    """Sends the notes of all bodies of this process, from a thread that sleeps while there are none."""

    def __init__(self) -> None:
        self._changed = threading.Condition()
        self._pause = threading.Event()  # never set: what waits for it sleeps
        self._saying: dict[_Saying, None] = {}
        self._runs = False

    def add(self, saying: _Saying) -> None:
        """A body begins."""
        with self._changed:
            self._saying[saying] = None
            if not self._runs:
                self._runs = True
                RealEnv().spawn(self._serve, name="podium-notes")
            self._changed.notify()

    def remove(self, saying: _Saying) -> None:
        """It has ended."""
        with self._changed:
            del self._saying[saying]

    def _serve(self) -> None:
        while True:
            with self._changed:
                while not self._saying:
                    self._changed.wait()
            self._pause.wait(NOTE_SECONDS)
            with self._changed:
                due = list(self._saying)
            for saying in due:
                saying.flush()


_reporter = _Reporter()


@functools.cache
def _hear() -> None:
    """From now on this process hears what tasks print and log."""
    capture.begin()
