"""A child process as its parent sees it. Everything here happens in the pool's thread, and nothing waits."""

from __future__ import annotations

import logging
import os
import selectors
import signal
import socket
import subprocess
import sys
from collections.abc import Callable

from ..env import Env
from .attempt import Attempt
from .descendants import MARK, kill_descendants
from .encoded import order
from .memory import resident
from .output import OutputPipe, Said
from .wire import Channel, Do, Frame, Hello, Load, ModuleRef

log = logging.getLogger("podium")

STOP_SECONDS = 1.0  # from SIGINT, or the hang-up of one that is idle, to SIGKILL
START_SECONDS = 60.0  # for the interpreter to start, and again for a task's module to be imported
BROKEN = "broke the link"
TASKS_MAX = 200  # after which a child is replaced
GROWTH_MAX = 256 * 1024 * 1024  # bytes; a child that keeps so much more and more is replaced
LEVEL_SECONDS = 0.5  # between two looks at that
FRAMES_MAX = 64  # heard at once
READS_MAX = 20  # of a pipe, for what is in it: 16 are the most that the system lets be there


class Child:
    """One process. `attempt` is what it makes now; `stop_reason` says why it is about to die, if it is."""

    def __init__(
        self,
        env: Env,
        selector: selectors.BaseSelector,
        store: str,
        heard: Callable[[Child, Frame], None],
        said: Said,
    ) -> None:
        """Start it. `heard` gets what it says, `said` what it prints. Raises OSError."""
        self._env, self._selector, self._store, self._heard = env, selector, store, heard
        self._mark = env.new_id()
        self._process, self._channel, self._lifeline = _spawn(self._mark)
        self._pipes = [
            OutputPipe(pipe, stream, said)
            for pipe, stream in ((self._process.stdout, "stdout"), (self._process.stderr, "stderr"))
            if pipe is not None
        ]
        self.attempt: Attempt | None = None
        self.started_run = False  # whether its attempt has
        self._waits = 0  # places in which the body waits for runs
        self.ready = False
        self.dead = False  # seen to be, and not buried yet
        self.stop_reason = ""
        self.has_more = False  # to hear, though its socket may have no news
        self.due: float | None = self._now() + START_SECONDS  # when what it does now has taken too long
        self.idle_since = 0.0
        self._kill_due: float | None = None
        self._loaded: set[str] = set()  # functions whose module is there
        self._served: set[str] = set()  # functions that it has run before
        self._tasks = 0
        self._level_due = 0.0
        self._level = 0  # bytes resident after the last task that it ran for the first time
        self._writing = False  # what the socket would not take waits
        self._pidfd = _open_pidfd(self.pid)
        if self._pidfd is not None:
            self._follow(self._pidfd, self._died)
        self._follow(self._channel, self._on_channel)
        for pipe in self._pipes:
            self._follow(pipe, self._on_output, pipe)

    def _now(self) -> float:
        return self._env.monotonic()

    @property
    def pid(self) -> int:
        return self._process.pid

    @property
    def has_begun(self) -> bool:
        """Whether the module of its attempt's task is there, so that the body runs."""
        return self.attempt is not None and self.knows(self.attempt)

    def knows(self, attempt: Attempt) -> bool:
        """Whether it has begun this task before."""
        return attempt.function.name in self._loaded

    @property
    def has_served(self) -> bool:
        """Whether it has made an attempt before."""
        return self._tasks > 0

    @property
    def watched(self) -> int | None:
        """The memory cap (bytes) to hold it to now."""
        return self.attempt.function.memory if self.attempt is not None and not self.stop_reason else None

    @property
    def has_slot(self) -> bool:
        """Whether its attempt counts among those at work: one that waits for runs has lent its slot."""
        return self.attempt is not None and not self._waits

    def waits(self, runs: tuple[str, ...], begins: bool) -> None:
        """The body begins to wait for these runs, or does no more."""
        self._waits += 1 if begins else -1
        if self.attempt is not None and self.attempt.awaits is not None:
            self.attempt.awaits(self.attempt, runs, begins)

    @property
    def is_free(self) -> bool:
        return self.ready and self.attempt is None and not self.stop_reason

    # -- what the pool tells it -----------------------------------------------------------------------

    def greet(self) -> None:
        """It listens: tell it where modules are."""
        self.ready, self.due, self.idle_since = True, None, self._now()
        self._send(Hello(self._store, [*map(str, sys.path)], sys.argv, logging.getLogger().level))

    def load(self, function: str, import_from: list[ModuleRef]) -> None:
        """Import a task's module before it is needed."""
        self._send(Load(function, import_from))

    def give(self, attempt: Attempt) -> None:
        """Make this attempt. Its timeout counts from when its module is there."""
        self.attempt = attempt
        for pipe in self._pipes:
            pipe.begin(attempt)
        if self.has_begun:
            self.began()
        else:
            self.due = self._now() + START_SECONDS
        self._send(order(attempt, is_known=self.has_begun), attempt.args)

    def began(self) -> None:
        """The body begins now."""
        if self.attempt is not None and not self.stop_reason:
            function = self.attempt.function
            self.attempt.handle = self
            self._loaded.add(function.name)
            self.due = None if function.timeout is None else self._now() + function.timeout

    def ended(self) -> None:
        """The attempt is over. A child that has served long, or keeps much memory, leaves."""
        self._end_output()
        is_first = self.attempt is not None and self.attempt.function.name not in self._served
        if self.attempt is not None:
            self._served.add(self.attempt.function.name)
            self.attempt.handle = None
        self.attempt = self.due = None
        self._waits = 0
        self.started_run = False
        self.idle_since = self._now()
        self._tasks += 1
        if self._tasks >= TASKS_MAX or self._has_grown(is_first):
            self.retire()

    def _has_grown(self, is_first: bool) -> bool:
        """Whether it keeps more and more. What a task's module and its first call keep, a model say, is kept
        on purpose. Looked at once in a while: a look costs as much as a small task."""
        if is_first:
            self._level, self._level_due = resident(self.pid) or 0, self._now() + LEVEL_SECONDS
        elif self._now() >= self._level_due:
            self._level_due = self._now() + LEVEL_SECONDS
            return (resident(self.pid) or 0) - self._level > GROWTH_MAX
        return False

    def _send(self, message: Hello | Load | Do, payload: bytes = b"") -> None:
        try:
            if not self._channel.send(message, payload):
                self._write_later(True)
        except OSError:
            pass  # it has died; that is noticed by itself

    def _write_later(self, later: bool) -> None:
        self._writing = later
        key = self._selector.get_key(self._channel)
        events = selectors.EVENT_READ | (selectors.EVENT_WRITE if later else 0)
        self._selector.modify(self._channel, events, key.data)

    # -- what the selector tells it -------------------------------------------------------------------

    def _follow(self, file: int | Channel | OutputPipe, act: Callable[..., None], *args: OutputPipe) -> None:
        self._selector.register(file, selectors.EVENT_READ, lambda: self._safely(file, act, *args))

    def _safely(self, file: int | Channel | OutputPipe, act: Callable[..., None], *args: OutputPipe) -> None:
        try:
            act(*args)
        except Exception:  # what it says makes no sense: that is its end, and not the pool's
            log.exception("process %d of a task is out of its mind", self.pid)
            self._forget(file)
            self.has_more = False
            self.kill(BROKEN)
            self.dead = self.dead or self._pidfd is None  # or nobody will tell

    def _on_channel(self) -> None:
        try:
            if self._writing and self._channel.flush():
                self._write_later(False)
        except OSError:
            pass
        self._hear()
        if self._channel.gone:
            self._forget(self._channel)
            if self._pidfd is None:
                self.dead = True
            elif self._kill_due is None:
                # About to die, or its task has closed all descriptors, as demons do: no use any more.
                self._kill_due = self._now() + STOP_SECONDS

    def hear_more(self) -> None:
        """What it has said already, and was not heard for want of time."""
        self._safely(self._channel, self._hear)

    def _hear(self) -> None:
        """Take what it says, so much at once that others get their turn beside one that never stops."""
        heard = 0
        while heard < FRAMES_MAX and (frame := self._channel.receive()) is not None:
            self._heard(self, frame)
            heard += 1
        self.has_more = heard == FRAMES_MAX

    def _on_output(self, pipe: OutputPipe) -> None:
        if pipe.read() is False:
            self._forget(pipe)

    def _end_output(self) -> None:
        """All it said is in the pipes by now. What it has started may go on talking, so not for ever."""
        for pipe in self._pipes:
            reads = 0
            while reads < READS_MAX and pipe.read():
                reads += 1
            pipe.end()

    def _died(self) -> None:
        self.dead = True
        if self._pidfd is not None:
            self._forget(self._pidfd)
        while self.stop_reason != BROKEN and (frame := self._channel.receive()) is not None:
            self._heard(self, frame)  # it may have ended its task before

    def _forget(self, file: int | Channel | OutputPipe) -> None:
        try:
            self._selector.unregister(file)
        except KeyError:
            pass

    # -- its end --------------------------------------------------------------------------------------

    def stop(self, why: str) -> None:
        """Interrupt the task: it may clean up, for a moment. SIGKILL takes what has not ended by then."""
        if not self.stop_reason:
            self.stop_reason, self.due = why, None
            self._kill_due = self._now() + STOP_SECONDS
            self._signal(signal.SIGINT)

    def retire(self) -> None:
        """Let an idle child leave."""
        if not self.stop_reason:
            self.stop_reason = "retired"
            self._kill_due = self._now() + STOP_SECONDS
            self._channel.hang_up()

    def kill(self, why: str) -> None:
        """At once, with all that it has started."""
        self.stop_reason = self.stop_reason or why
        self._kill_due = self.due = None
        if not self.dead:
            kill_descendants(self._mark)
        self._signal(signal.SIGKILL)

    def _signal(self, number: signal.Signals) -> None:
        try:
            os.killpg(self.pid, number)  # not waited for yet, so the number is still this group's
        except (ProcessLookupError, PermissionError):
            pass

    def tick(self, now: float) -> None:
        """Once in a while: is its time up?"""
        if self._kill_due is not None and now >= self._kill_due:
            self.kill(BROKEN)

    @property
    def next_due(self) -> float | None:
        """When `tick`, or the pool, has something to do about it."""
        return min((d for d in (self.due, self._kill_due) if d is not None), default=None)

    def bury(self) -> int:
        """It is dead: take along what it started, and give its exit code (negative: the signal)."""
        self._signal(signal.SIGKILL)
        code = self._process.wait()
        self._end_output()
        for file in (self._channel, *self._pipes):
            self._forget(file)
        self.close()
        return code

    @property
    def last_words(self) -> str:
        """The end of what its last attempt wrote to stderr."""
        return self._pipes[-1].last

    def close(self) -> None:
        """Close what is open here. In a forked process of ours this does nothing to the child."""
        self._channel.close()
        os.close(self._lifeline)
        if self._process.returncode is None:
            self._process.returncode = 0  # in a forked process: not its child, so nothing to complain of
        for pipe in self._pipes:
            pipe.close()
        if self._pidfd is not None:
            os.close(self._pidfd)


def _open_pidfd(process: int) -> int | None:
    """A descriptor that tells when the process is dead; None where the system has none."""
    try:
        return os.pidfd_open(process)
    except (AttributeError, OSError):
        return None


def _spawn(mark: str) -> tuple[subprocess.Popen[bytes], Channel, int]:
    ours, theirs = socket.socketpair()
    lifeline, our_end = os.pipe()
    # As this interpreter itself was started (-O, -X utf8); private, but the standard library's own way. And
    # -P, or a file in the working directory could stand in the way of a module of ours.
    flags: list[str] = getattr(subprocess, "_args_from_interpreter_flags", list)()
    program = ["-m", "podium.executors.child", str(theirs.fileno()), str(lifeline)]
    try:
        # Spawned, not forked: a fork of a process with threads inherits their locks, held for ever.
        process = subprocess.Popen(
            [sys.executable, *flags, "-P", *program],
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            pass_fds=(theirs.fileno(), lifeline),
            env={**os.environ, MARK: mark},
            start_new_session=True,  # a Ctrl-C in the terminal is for the parent, which then decides
        )
    except BaseException:
        ours.close()
        os.close(our_end)
        raise
    finally:
        theirs.close()
        os.close(lifeline)
    ours.setblocking(False)
    return process, Channel(ours), our_end
