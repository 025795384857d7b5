"""Hands attempts to a cluster, Dask or Ray, through a driver: a process of its own with the cluster's client.

What is lost with the driver, its scheduler or a worker has no outcome, and begins again when the cluster is
there. One thread sends, one for each driver hears what it says; the engine's never waits.
"""

from __future__ import annotations

import contextlib
import logging
import threading
from collections.abc import Callable, Iterable
from importlib.util import find_spec

from ..env import Env
from ..errors import ResourceShortage, TaskCrashed, TaskTimeout, UsageError
from ..shortage import shortage_of
from . import capture
from .attempt import Attempt, Ended, Progress
from .cluster_line import ClusterLine, Sent
from .cluster_process import DriverProcess
from .cluster_wire import (
    Down,
    Drop,
    FromDriver,
    Loss,
    Losses,
    Note,
    Notes,
    Refusals,
    Replies,
    Send,
    Up,
    Work,
    decode_note,
    decode_reply,
    encode,
)
from .encoded import failure_of, order
from .kept import take_over
from .protocol import Reactor

log = logging.getLogger("podium")

PAUSE_SECONDS, PAUSE_SECONDS_MAX = 0.5, 30.0  # while the cluster cannot be reached; twice as long each time
DEATHS_MAX = 2  # workers that a task may cost, then it has failed
PACKAGES = {"dask": "distributed", "ray": "ray"}  # what each kind imports


class ClusterExecutor:
    """One cluster of a kind, for one engine. Nothing is started or connected before its first task."""

    def __init__(
        self, env: Env, reactor: Reactor, ended: Callable[[Ended], None], kind: str, address: str
    ) -> None:
        self._env, self._reactor, self._ended = env, reactor, ended
        self.kind, self._address = kind, address
        self._topic = f"podium-{env.new_id()}"
        self._changed = threading.Condition()
        self._line = ClusterLine()  # under the lock of `_changed`
        self._drops: list[str] = []
        self._driver: DriverProcess | None = None
        self._has_thread = self._closing = False
        self._pause, self._trouble = PAUSE_SECONDS, ""

    def submit(self, attempt: Attempt) -> None:
        """Put it in line. Engine thread only. Raises UsageError where the library is not installed."""
        package = PACKAGES[self.kind]
        if find_spec(package) is None:
            raise UsageError(
                f"{attempt.function.label} runs on {self.kind.title()}, and {package} is not installed",
                fix=f'pip install "podium[{self.kind}]", then: podium resume {attempt.run}',
            )
        sent = Sent(attempt, f"{attempt.run}-{self._env.new_id()}")
        with self._changed:
            if not self._has_thread:
                self._env.spawn(self._serve, name="podium-cluster")
                self._has_thread = True
            self._line.add(sent)
            self._changed.notify()

    def cancel(self, attempt: Attempt) -> None:
        """Have the cluster cancel it, as far as that can: Dask lets a body that runs go on, Ray ends it."""
        attempt.cancelled = True
        with self._changed:
            sent = self._line.cancelled(attempt)
            if sent is not None:
                self._drops.append(sent.key)
                self._changed.notify()
        if sent is not None:
            _unwatch(sent)

    def close(self) -> None:
        """Leave the cluster; one that was made here ends."""
        with self._changed:
            self._closing = True
            self._line.close()
            driver = self._driver
            self._changed.notify_all()
        if driver is not None:
            driver.end()

    # -- the thread that sends --------------------------------------------------------------------------

    def _serve(self) -> None:
        while True:
            with self._changed:
                while not (self._closing or self._drops or self._line.may_send):
                    self._changed.wait()
                if self._closing:
                    return
                if self._driver is None:
                    self._drops.clear()
            try:
                if self._driver is not None or self._connect():
                    self._send()
            except Exception as error:  # ours: nobody may wait for ever for a thread that is gone
                log.exception("sending tasks to %s failed", self._spelled)
                if (driver := self._driver) is not None:
                    driver.link.hang_up()  # who listens gives up what is open
                self._lament(repr(error))

    def _connect(self) -> bool:
        """Start a driver and wait until it has reached the cluster, or has not: then pause."""
        if not self._address and not self._trouble:
            log.warning("no %s is configured: a cluster is made on this host", f"PODIUM_{self.kind.upper()}")
        try:
            driver = DriverProcess(self.kind, self._topic, self._address)
        except OSError as error:
            self._lament(str(error))
            return False
        with self._changed:
            self._driver = driver
            if self._closing:
                driver.link.hang_up()
        try:
            self._env.spawn(self._listen, driver, name="podium-cluster-news")
        except ResourceShortage as lack:
            with self._changed:
                self._driver = None
            driver.end()
            driver.link.close()
            self._lament(str(lack))
            return False
        why = driver.arrived.get()
        if why:
            self._lament(why)
            return False
        if self._trouble:
            log.warning("%s is reached again", self._spelled)
        self._pause, self._trouble = PAUSE_SECONDS, ""
        return True

    @property
    def _spelled(self) -> str:
        return f"{self.kind.title()} at {self._address}" if self._address else f"a local {self.kind.title()}"

    def _lament(self, why: str) -> None:
        """The cluster cannot be reached: say so once, to the log and to each run that waits, and pause."""
        told = f"{self._spelled} cannot be reached: {why}"
        if self._trouble != told and not self._closing:
            log.warning("%s; its tasks begin when it can", told)
        self._trouble = told
        with self._changed:
            waiting = [sent for sent in self._line.waiting if not sent.has_told]
            for sent in waiting:
                sent.has_told = True
        for sent in waiting:
            capture.line(sent.attempt, logging.WARNING, f"{told}; it begins when it can")
        with self._changed:
            self._changed.wait_for(lambda: self._closing, timeout=self._pause)
        self._pause = min(self._pause * 2, PAUSE_SECONDS_MAX)

    def _send(self) -> None:
        with self._changed:
            driver = self._driver
            if driver is None:  # it has gone meanwhile
                return
            drops, self._drops = self._drops, []
            batch = self._line.next_batch()  # and if it goes now, they are lost with it
        try:
            if drops:
                driver.link.send(Drop(drops))
            if works := self._works(batch, driver):
                driver.link.send(Send(works))
        except OSError:
            driver.link.hang_up()  # who listens hears of it, and gives up what is open

    def _works(self, batch: Iterable[Sent], driver: DriverProcess) -> list[tuple[str, bytes]]:
        """What is sent; an attempt that cannot be holds up no other."""
        works: list[tuple[str, bytes]] = []
        for sent in batch:
            try:
                works.append((sent.key, _packed(sent, self._topic, driver.is_local)))
            except Exception as error:
                lack = shortage_of(error)
                if lack is not None:
                    self._lost(Loss(sent.key, lack.message))
                else:
                    self._refused(sent.key, f"its attempt cannot be sent: {error!r}")
        return works

    # -- the thread that hears ----------------------------------------------------------------------------

    def _listen(self, driver: DriverProcess) -> None:
        why = "its driver has ended"
        try:
            while (news := driver.link.receive_news()) is not None:
                if isinstance(news, Down):
                    why = news.why
                else:
                    self._hear(driver, news)
        except Exception as error:  # ours: what is under way is begun again by another driver
            log.exception("hearing %s failed", self._spelled)
            why = f"what it said could not be read: {error!r}"
        with self._changed:  # in one step: the next driver's are not lost with this one
            self._driver = None
            lost = self._line.lose_all()
            self._changed.notify()
        driver.arrived.put(why)
        self._lose(lost, f"{self._spelled} is gone: {why}")
        driver.end()
        driver.link.close()

    def _hear(self, driver: DriverProcess, news: FromDriver) -> None:
        match news:
            case Up():
                if news.warning:
                    log.warning("%s: %s", self._spelled, news.warning)
                driver.arrived.put("")
            case Notes():
                for packed in news.notes:
                    self._noted(decode_note(packed))
            case Replies():
                for key, packed in news.replies:
                    self._replied(key, packed)
            case Losses():
                for loss in news.losses:
                    self._lost(loss)
            case Refusals():
                for key, why in news.refusals:
                    self._refused(key, why)
            case Down():
                pass  # `_listen` has it

    def _noted(self, note: Note) -> None:
        sent = self._line.sent(note.key)
        if sent is None:
            return
        attempt = sent.attempt
        if not sent.where and sent.is_timed:
            with contextlib.suppress(RuntimeError):  # the loop has closed: nobody waits any more
                self._reactor.call_soon_threadsafe(self._watch, sent)
        if not sent.where:
            capture.line(attempt, logging.INFO, f"runs on {note.where}, of {self._spelled}")
        sent.where = note.where
        for line in note.lines:
            capture.line(attempt, line.level, line.text)
        if note.progress is not None and attempt.services.note is not None:
            attempt.said = note.said
            attempt.services.note(attempt, Progress(*note.progress))

    def _replied(self, key: str, packed: bytes) -> None:
        reply = decode_reply(packed)
        if reply.refused:
            self._refused(key, reply.refused)
            return
        sent = self._over(key)
        if sent is None:
            return
        attempt = sent.attempt
        for line in reply.lines:
            capture.line(attempt, line.level, line.text)
        attempt.said = reply.said or attempt.said
        take_over(attempt, reply.done)
        failure = failure_of(reply.done, reply.payload)
        self._ended(Ended(attempt, reply.payload, failure, reply.done.lost))

    def _over(self, key: str) -> Sent | None:
        with self._changed:
            sent = self._line.over(key)
            self._changed.notify()  # the next suspect may begin
        if sent is not None:
            _unwatch_soon(self._reactor, sent)
        return sent

    def _refused(self, key: str, why: str) -> None:
        """No worker can make it: the engine parks its run, until the deployment is mended."""
        sent = self._over(key)
        if sent is not None:
            error = UsageError(
                f"{sent.attempt.function.label} cannot run on {self._spelled}: {why}",
                fix=f"its module, and this Podium, on every worker; then: podium resume {sent.attempt.run}",
            )
            self._ended(Ended(sent.attempt, b"", error, lost=True))

    def _lost(self, loss: Loss) -> None:
        with self._changed:
            sent, deaths = self._line.lost(loss)
            if sent is not None and deaths >= DEATHS_MAX:
                self._line.absolve(sent)
            self._changed.notify()
        if sent is None:
            return
        if deaths < DEATHS_MAX:
            self._lose([sent], loss.why)
            return
        label = sent.attempt.function.label
        error = TaskCrashed(f"{label} has cost {self._spelled} {deaths} workers; of the last one: {loss.why}")
        _unwatch_soon(self._reactor, sent)
        self._ended(Ended(sent.attempt, b"", error))

    def _lose(self, lost: Iterable[Sent], why: str) -> None:
        for sent in lost:
            if not sent.attempt.cancelled:
                _unwatch_soon(self._reactor, sent)
                capture.line(sent.attempt, logging.WARNING, f"attempt {sent.attempt.number} is lost: {why}")
                self._ended(Ended(sent.attempt, b"", ResourceShortage(why), lost=True))

    # -- on the engine's thread -----------------------------------------------------------------------------

    def _watch(self, sent: Sent) -> None:
        timeout = sent.attempt.function.timeout
        if timeout is not None and sent.alarm is None and self._line.sent(sent.key):
            sent.alarm = self._reactor.call_later(timeout, self._overran, sent)

    def _overran(self, sent: Sent) -> None:
        sent.alarm = None
        with self._changed:
            if self._line.over(sent.key) is None:
                return
            self._drops.append(sent.key)
            self._changed.notify()
        label, timeout = sent.attempt.function.label, sent.attempt.function.timeout
        error = TaskTimeout(
            f"{label} took longer than its timeout of {timeout:g} s on {sent.where}",
            fix="its body may go on there: give it a deadline of its own" if self.kind == "dask" else "",
        )
        self._ended(Ended(sent.attempt, b"", error))


def _packed(sent: Sent, topic: str, is_local: bool) -> bytes:
    attempt = sent.attempt
    attempt.handle, attempt.has_begun = sent, True  # from here on nobody can tell that it has not
    services = attempt.services
    depot = str(services.depot.folder) if is_local and services.depot is not None else ""
    return encode(
        Work(
            sent.key, order(attempt, is_known=True), attempt.args, topic, depot,
            is_logged=services.open_log is not None, is_timed=sent.is_timed,
        )
    )  # fmt: skip


def _unwatch(sent: Sent) -> None:
    if sent.alarm is not None:
        sent.alarm.cancel()
        sent.alarm = None


def _unwatch_soon(reactor: Reactor, sent: Sent) -> None:
    if sent.is_timed:
        with contextlib.suppress(RuntimeError):  # the loop has closed: nobody waits any more
            reactor.call_soon_threadsafe(_unwatch, sent)
