"""`Starts`: makes runs. A call is encoded, committed, and answered wherever it is waited for."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from ..depot import Depot
from ..engine import EngineHost, Met, Start
from ..executors import note_started_run, refuse_work_while_loading
from ..functions import Function
from ..model import NewRun, Outcome, Verdict, Write
from .project import project_in
from .session import Session
from .start_options import StartOptions
from .starting import Caller, EncodedCall, Started, chunks, encoded, new_run, started_run
from .told import Told


class _CallStart(Start):
    """A start to be made, and who is told of it. `rejects`: a run that is there already is an error."""

    __slots__ = ("_caller", "_label", "_meets", "_rejects", "_session")

    def __init__(
        self, session: Session, new: NewRun, label: str, caller: Caller, rejects: bool = False
    ) -> None:
        super().__init__(new, caller.watcher)
        self._session, self._caller = session, caller
        self._label, self._rejects = label, rejects  # the label is for errors
        self._meets: Sequence[tuple[str, Met]] = ()  # runs of the same call

    def met(self, run: str, how: Met) -> None:
        self._meets = (*self._meets, (run, how))

    def tell(self, answer: Verdict | BaseException) -> None:
        """Tell the caller, wherever it waits, what has become of it. On some thread."""
        session, caller, new = self._session, self._caller, self.new
        has_engine = session.has_engine
        try:
            if isinstance(answer, BaseException):
                raise answer
            run = started_run(new, self._label, answer, self._rejects)
            if answer.runs[0][0] is Outcome.DONE:
                caller.created = new.at
            if has_engine:
                session.tell_others()
        except BaseException as error:  # the caller's
            caller.fail(error)
            return
        if not has_engine and self.watch is not None:
            session.watch(run, self.watch, caller.created)
        if self._meets:
            session.resumed.add(self._meets, run, caller.tell)
        else:
            caller.tell(run)
        if not has_engine:
            session.undriven.tell(run)


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
        host = self._open()
        started = Started(Told(), Told() if watch else None)
        start = self._to_start(function, call, started)
        note_started_run()
        self._send((start,), host)
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
        host = self._open()
        self._send((self._to_start(function, call, caller),), host)

    def _depot(self) -> Depot:
        return self._session.store.depot

    def many(self, function: Function, calls: Sequence[EncodedCall], watch: bool = False) -> list[Started]:
        """Create a run for each call, in one commit for each chunk of them."""
        host = self._open()
        started = [Started(Told(), Told() if watch else None) for _ in calls]
        for chunk in chunks(list(zip(calls, started, strict=True))):
            starts = [self._to_start(function, call, one) for call, one in chunk]
            note_started_run()
            self._send(starts, host)
        return started

    def copy(self, new: NewRun, label: str) -> Started:
        """Create a run from another one's recorded past."""
        started = Started(Told())
        note_started_run()
        host = self._session.host if self._session.has_engine else None
        self._send((_CallStart(self._session, new, label, started),), host)
        return started

    def _open(self) -> EngineHost | None:
        """The engine, if there is to be one. Before runs are dated: what is older than that was left behind,
        and a store has its clock."""
        refuse_work_while_loading()
        if self._session.has_engine:
            return self._session.listen()
        _ = self._session.store
        return None

    def _to_start(self, function: Function, call: EncodedCall, caller: Caller) -> _CallStart:
        profile = self._session.profile
        new = new_run(function, call, profile.env, profile.starter, project_in(profile.url, function))
        return _CallStart(self._session, new, function.label, caller, call.options.if_exists == "reject")

    def _send(self, starts: Sequence[_CallStart], host: EngineHost | None) -> None:
        session = self._session
        if host is not None:
            host.call(host.engine.clients.begin, starts)
        else:
            writes = [
                Write(new_runs=(start.new,), queues=session.queue_notes.of([start.new])) for start in starts
            ]
            verdicts = session.commit(writes)
            for start, verdict in zip(starts, verdicts, strict=True):
                start.tell(verdict)

    def left_by_caller(self, run: str) -> None:
        """Whoever waited for a run at a prompt has pressed Ctrl-C: say that it goes on, and how it ends."""
        session = self._session
        if session.has_engine:
            session.host.call(session.host.engine.clients.interrupted, run)
            session.profile.tell(
                f"podium: run {run} goes on in this process; podium.get({run!r}) has it: .result(), .cancel()"
            )
