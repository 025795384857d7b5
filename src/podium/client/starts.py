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
from .starting import EncodedCall, Start, Started, chunks, encoded, new_run, started_run


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
        return self._start([self._to_start(function, call, watch)])[0]

    def _depot(self) -> Depot:
        return self._session.store.depot

    def many(self, function: Function, calls: Sequence[EncodedCall], watch: bool = False) -> list[Started]:
        """Create a run for each call, in one commit for each chunk of them."""
        self._open()
        started: list[Started] = []
        for chunk in chunks(calls):
            started += self._start([self._to_start(function, call, watch) for call in chunk])
        return started

    def copy(self, new: NewRun, label: str) -> Started:
        """Create a run from another one's recorded past."""
        return self._start([Start(new, label)])[0]

    def _open(self) -> None:
        """Before runs are dated: what is older than the engine was left behind, and a store has its clock."""
        refuse_work_while_loading()
        if self._session.has_engine:
            self._session.listen()
        else:
            _ = self._session.store

    def _to_start(self, function: Function, call: EncodedCall, watch: bool) -> Start:
        profile = self._session.profile
        new = new_run(function, call, profile.env, profile.starter, project_in(profile.url, function))
        return Start(new, function.label, watch, call.options.if_exists == "reject")

    def _start(self, starts: Sequence[Start]) -> list[Started]:
        note_started_run()
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
        return [start.started for start in starts]

    def _start_here(self, host: EngineHost, starts: Sequence[Start]) -> None:
        """On the engine's thread: what is asked in one go is committed in one go."""
        clients = host.engine.clients
        for start in starts:
            watch = start.started.end.tell if start.started.end is not None else None
            clients.start(start.new, partial(self._answered, start), watch, start.meets)

    def _answered(self, start: Start, verdict: Verdict | BaseException) -> None:
        """Tell the caller, wherever it waits, what has become of a start. On some thread."""
        session, started, end = self._session, start.started, start.started.end
        has_engine = session.has_engine
        try:
            if isinstance(verdict, BaseException):
                raise verdict
            run = started_run(start.new, start.label, verdict, start.rejects)
            if verdict.runs[0][0] is Outcome.DONE:
                started.created = start.new.at
            if has_engine:
                session.tell_others()
        except BaseException as error:  # the caller's
            started.id.tell(error)
            if end is not None:
                end.tell(error)
            return
        if end is not None and not has_engine:
            session.watch(run, end.tell, started.created)
        if start.met:
            session.resumed.add(start.met, run, started.id.tell)
        else:
            started.id.tell(run)
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
