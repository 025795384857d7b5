"""`Starts`: makes runs. A call is encoded, committed, and answered wherever it is waited for."""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial
from typing import Any

from ..depot import Depot
from ..engine import EngineHost
from ..executors import note_started_run, refuse_work_while_loading
from ..functions import Function
from ..model import NewRun, Outcome, Verdict, Write
from .project import project_in
from .session import Session
from .start_options import StartOptions
from .starting import Caller, EncodedCall, Start, Started, chunks, encoded, new_run, started_run
from .told import Told


class Starts:
    """Creates the runs of one app. Any thread; answers come on the engine's, if there is one."""

    def __init__(self, session: Session) -> None:
        self._session = session

    def one(
        self,
        function: Function,
        args: tuple[Any, ...],
        kwargs: dict[str, Any],
        options: StartOptions,
        watch: bool = False,
    ) -> Started:
        """Create a run; what it gives tells its id once it is durable. Bad arguments raise here, unstored."""
        call = encoded(function, args, kwargs, options, self._depot)
        self._open()
        started = Started(Told(), Told() if watch else None)
        start = self._to_start(function, call, started)
        note_started_run()
        self._send((start,))
        return started

    def awaited(
        self,
        function: Function,
        args: tuple[Any, ...],
        kwargs: dict[str, Any],
        options: StartOptions,
        caller: Caller,
    ) -> None:
        """The same for a caller who is no task of ours, and awaits the run: told of its end, too."""
        call = encoded(function, args, kwargs, options, self._depot)
        self._open()
        self._send((self._to_start(function, call, caller),))

    def _depot(self) -> Depot:
        return self._session.store.depot

    def many(self, function: Function, calls: Sequence[EncodedCall], watch: bool = False) -> list[Started]:
        """Create a run for each call, in one commit for each chunk of them."""
        self._open()
        started = [Started(Told(), Told() if watch else None) for _ in calls]
        for chunk in chunks(list(zip(calls, started, strict=True))):
            starts = [self._to_start(function, call, one) for call, one in chunk]
            note_started_run()
            self._send(starts)
        return started

    def copy(self, new: NewRun, label: str) -> Started:
        """Create a run from another one's recorded past."""
        started = Started(Told())
        note_started_run()
        self._send((Start(new, label, started),))
        return started

    def _open(self) -> None:
        """Before runs are dated: what is older than the engine was left behind, and a store has its clock."""
        refuse_work_while_loading()
        if self._session.has_engine:
            self._session.listen()
        else:
            _ = self._session.store

    def _to_start(self, function: Function, call: EncodedCall, caller: Caller) -> Start:
        profile = self._session.profile
        new = new_run(function, call, profile.env, profile.starter, project_in(profile.url, function))
        return Start(new, function.label, caller, call.options.if_exists == "reject")

    def _send(self, starts: Sequence[Start]) -> None:
        session = self._session
        if session.has_engine:
            host = session.host
            host.call(self._start_here, host, starts)
        else:
            writes = [
                Write(new_runs=(start.new,), queues=session.queue_notes.of([start.new])) for start in starts
            ]
            verdicts = session.commit(writes)
            for start, verdict in zip(starts, verdicts, strict=True):
                self._answered(start, verdict)

    def _start_here(self, host: EngineHost, starts: Sequence[Start]) -> None:
        """On the engine's thread: what is asked in one go is committed in one go."""
        clients = host.engine.clients
        for start in starts:
            clients.start(start.new, partial(self._answered, start), start.caller.watcher, start.meets)

    def _answered(self, start: Start, verdict: Verdict | BaseException) -> None:
        """Tell the caller, wherever it waits, what has become of a start. On some thread."""
        session, caller = self._session, start.caller
        has_engine = session.has_engine
        try:
            if isinstance(verdict, BaseException):
                raise verdict
            run = started_run(start.new, start.label, verdict, start.rejects)
            if verdict.runs[0][0] is Outcome.DONE:
                caller.created = start.new.at
            if has_engine:
                session.tell_others()
        except BaseException as error:  # the caller's
            caller.fail(error)
            return
        if not has_engine and (watcher := caller.watcher) is not None:
            session.watch(run, watcher, caller.created)
        if start.met:
            session.resumed.add(start.met, run, caller.tell)
        else:
            caller.tell(run)
        if not has_engine:
            session.undriven.tell(run)

    def left_by_caller(self, run: str) -> None:
        """Whoever waited for a run at a prompt has pressed Ctrl-C: say that it goes on, and how it ends."""
        session = self._session
        if session.has_engine:
            session.host.call(session.host.engine.clients.interrupted, run)
            session.profile.tell(
                f"podium: run {run} goes on in this process; podium.get({run!r}) has it: .result(), .cancel()"
            )
