"""`crash_everywhere`: a workflow is played once without trouble, then with a crash at each of its commits.

The engine, its recovery and its store are the real ones; processes, threads and time are simulated, so that a
world of hours takes some milliseconds. A crash is the worst there is: the process is gone without a word,
before the commit or after it, and another one takes the run over.
"""

from __future__ import annotations

import copy
from collections import Counter
from collections.abc import Callable, Iterable, Mapping, MutableSequence
from typing import Any

import msgspec

from .. import codec
from ..declare import Workflow
from ..errors import Mismatch, UsageError
from ..functions import Function, registry
from ..model import RunRow, State, read_reason
from ..options import Options
from .clients import Job
from .faults import Fault, Weather
from .world import Setting, World

_DAY = 86_400.0
# Few looks for work that is not there: a world of weeks is to take no time.
_OPTIONS = Options(poll=_DAY, lease=3 * _DAY)
_SECONDS = 1000 * _DAY  # virtual: what has not ended by then does not end
_STILL = "P7 everything comes to rest"
_ID = "crash-everywhere"


class Crash(msgspec.Struct, frozen=True, kw_only=True):
    """What one crash has changed. `at`: the commit, counted from 1, and whether it was made.

    again     steps whose bodies ran more often than without the crash: how often
    effects   what came about more often (or, below 0, less often): how much more
    result    how the run came out, where that is not as without the crash
    """

    at: str
    again: dict[str, int] = {}
    effects: dict[str, int] = {}
    result: str = ""


class CrashReport(msgspec.Struct, frozen=True, kw_only=True):
    """What the crashes have shown.

    result        how the run came out without a crash: "succeeded: 7", "failed: ValueError: boom"
    effects       what came about then: how often
    crashes       how many crashes there were
    differing     the crashes after which the run came out otherwise, or effects came otherwise often
    """

    result: str
    effects: dict[str, int]
    crashes: int
    differing: list[Crash]

    @property
    def is_safe(self) -> bool:
        """Whether no crash changes how the run comes out, or how often an effect comes about."""
        return not self.differing

    @property
    def not_idempotent(self) -> dict[str, int]:
        """The steps whose bodies ran again when an effect came more often, by name: how often, at worst."""
        worst: Counter[str] = Counter()
        for crash in self.differing:
            if crash.effects:
                worst |= Counter(crash.again)
        return dict(worst)

    def __str__(self) -> str:
        if self.is_safe:
            return f"{self.result}, whatever the {self.crashes} crashes"
        lines = [f"{self.result}; {len(self.differing)} of {self.crashes} crashes change something"]
        for crash in self.differing:
            said = [f"{what!r} {count:+} times" for what, count in crash.effects.items()]
            said += [f"{step} ran {count} times" for step, count in crash.again.items()]
            lines.append(
                f"  killed {crash.at}: " + ", ".join(([crash.result] if crash.result else []) + said)
            )
        return "\n".join(lines)


def crash_everywhere(
    workflow: Workflow[..., Any, Any],
    *args: Any,
    effects: MutableSequence[Any] | None = None,
    begin: Callable[[], object] | None = None,
    talk: Iterable[tuple[str, Any]] = (),
    answers: Mapping[str, Any] | None = None,
) -> CrashReport:
    """Kill the process at every commit of a run, before it is made and after, and compare how all comes out.

    effects  a list that the tasks, or what they call, append what they do to: what came about. It is emptied
             before each run
    begin    called before each run: puts back what else the tasks change
    talk     signals that are sent to the run when it has begun, (name, value) each, in order
    answers  by prompt: what people answer to what `podium.ask` asks, in the run and its children

    Task bodies really run, in this thread; those of async tasks in a loop of their own, where sleeping takes
    no time. Children are driven too. Alerts are not told. What a task itself asks of Podium (starting runs,
    resources) is not simulated. Raises ArgumentError for arguments that do not fit, Mismatch for a body that
    does not decide the same when it runs again, UsageError for a run that does not end or an answer that does
    not fit, and AssertionError where Podium itself breaks a promise.

    Example:

    >>> done = []
    >>> with stubbed(charge, lambda order: done.append(order)):
    ...     report = crash_everywhere(buy, "order-1", effects=done)
    >>> report.is_safe, report.not_idempotent
    (False, {'/charge': 2})
    """
    ledger: MutableSequence[Any] = [] if effects is None else effects
    function = workflow._function  # pyright: ignore[reportPrivateUsage]  # as the engine has it
    function.check(function.bind(args, {}))
    play = _Play(Job(function, args, id=_ID, signals=tuple(talk), answers=answers or {}), ledger, begin)
    whole = play.world({})
    commits = [n for n, call in enumerate(whole.calls) if call == "commit"]
    differing: list[Crash] = []
    for number, place in enumerate(commits, 1):
        for fault, when in ((Fault.KILL_BEFORE, "before"), (Fault.KILL_AFTER, "after")):
            crash = whole.compared(play.world({place: fault}), f"{when} commit {number}")
            if crash.effects or crash.result:
                differing.append(crash)
    return CrashReport(
        result=whole.result, effects=dict(whole.effects), crashes=2 * len(commits), differing=differing
    )


class _Outcome(msgspec.Struct, frozen=True):
    result: str
    effects: Counter[str]
    bodies: Counter[tuple[str, str]]  # by run and step: how often it ran
    calls: list[str]

    def compared(self, other: _Outcome, at: str) -> Crash:
        keys = {**self.effects, **other.effects}
        more = {key: other.effects[key] - self.effects[key] for key in keys}
        again: Counter[str] = Counter()
        for place, count in other.bodies.items():
            if count > self.bodies[place]:
                again[place[1]] = max(again[place[1]], count)
        return Crash(
            at=at,
            again=dict(again),
            effects={key: count for key, count in more.items() if count},
            result="" if other.result == self.result else other.result,
        )


class _Play:
    """One workflow in many worlds."""

    def __init__(self, job: Job, ledger: MutableSequence[Any], begin: Callable[[], object] | None) -> None:
        self._job, self._ledger, self._begin = job, ledger, begin

    def world(self, planned: dict[int, Fault]) -> _Outcome:
        self._ledger.clear()
        if self._begin is not None:
            self._begin()
        job = msgspec.structs.replace(self._job, function=_untold(self._job.function))
        world = World(
            1,
            Setting(
                [job], _OPTIONS, Weather(planned=planned), calm_after=_SECONDS,
                children=[_untold(each) for each in registry.values()], is_users=True,
            ),
        )  # fmt: skip
        report = world.play()
        if report.trouble is not None:
            if isinstance(report.trouble, Mismatch):
                report.trouble.fix = (
                    "let the body decide the same whenever it runs: move what differs into a task"
                )
            raise report.trouble
        for violation in report.violations:
            if violation.startswith(_STILL):
                raise UsageError(
                    f"{self._job.function.label} does not end within {_SECONDS / _DAY:.0f} days",
                    fix=_missing(report.unanswered),
                )
            raise AssertionError(f"Podium broke a promise, please report it: {violation}")
        ran = Counter((each.run, each.step) for each in world.monitor.ledger)
        row = world.monitor.pasts[_ID].row
        effects = Counter(str(each) for each in self._ledger)
        return _Outcome(_said(row), effects, ran, report.calls)


def _untold(function: Function) -> Function:
    """The same without its alerts. No channel is to hear of a crash that is played; and each alert is a run
    of its own, which for want of a channel would try again for days of the world's time."""
    if not function.alerts:
        return function
    found = copy.copy(function)
    found.alerts = ()
    return found


def _missing(prompts: list[str]) -> str:
    """What would let a run go on."""
    if prompts:
        return f"answer what it asks: answers={{{', '.join(f'{prompt!r}: ...' for prompt in prompts)}}}"
    return 'send it what it waits for: talk=[("name", value)]'


def _said(row: RunRow) -> str:
    """How a run came out."""
    if row.state is State.SUCCEEDED:
        return f"succeeded: {codec.preview(row.payload, 1000)}"
    if row.state is State.FAILED:
        told = codec.describe_failure(row.payload).in_a_line()
        return f"failed: {told}"
    if row.state is State.PARKED:
        return f"parked: {read_reason(row.payload).what}"
    return str(row.state)
