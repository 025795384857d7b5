"""Steps that no attempt ends: what ends them comes from outside of the run, as a message.

The body asks, the engine lets it go out with the run's next write (`Machine.sent`), and the step is open
until a message that names it is fed.
"""

from __future__ import annotations

from collections.abc import Mapping
from hashlib import blake2b
from typing import Any, NamedTuple, Protocol, TypeVar

from .. import codec
from ..depot import Depot
from ..env import encode_id
from ..errors import RunCancelled, UsageError
from ..functions import Function
from ..lines import line_of
from ..model import secret_of
from .branch import Timer
from .lines import caller
from .loop import Loop
from .parts import RunLoop
from .scope import Scope
from .steps import CancelStep, Step, StepOwner
from .verbs import Verbs


class ChildOptions(NamedTuple):
    """What a body may say about a run that it starts."""

    id: str | None = None  # None: one that derives from the place that asks for it
    delay: float | None = None  # seconds before it may begin
    tags: tuple[str, ...] = ()
    outlive: bool = False  # it is not asked to stop when the run that started it ends
    queue: str | None = None  # None: its function's
    key: str | None = None  # None: as the queue has it
    priority: int = 0


NO_OPTIONS = ChildOptions()
ABOUT_MAX = 65_536  # bytes of what a question is about: it stands in every list of questions


class OutsideStep(Step):
    """A step that is open without an attempt. `target` is what its outcome comes from."""

    __slots__ = ("target",)

    def __init__(
        self,
        machine: StepOwner,
        loop: RunLoop,
        id: str,
        function: Function,
        args: bytes,
        digest: bytes,
        line: tuple[str, int],
        target: str,
    ) -> None:
        super().__init__(machine, loop, id, function, args, digest, line)
        self.target = target

    def cancelled_there(self) -> BaseException:
        """What the body sees when the outcome is that it was cancelled."""
        return RunCancelled(f"{self.target} was cancelled")

    def placed(self, failure: BaseException) -> BaseException:
        """The failure that has come, with where it comes from."""
        return failure


class ChildStep(OutsideStep):
    """A run that this one has started. `target` is its id."""

    __slots__ = ("options", "queue", "lane")
    options: ChildOptions
    queue: str  # "": in none
    lane: str

    def cancelled_there(self) -> BaseException:
        return RunCancelled(f"run {self.target} of {self.function.label} was cancelled")

    def placed(self, failure: BaseException) -> BaseException:
        failure.add_note(f"in the child run {self.target} of {self.function.label}")
        return failure


class _Asked(OutsideStep):
    """One that a verb asks for, which says itself of what type the outcome is."""

    __slots__ = ("type", "timer")
    type: Any
    timer: Timer | None  # that ends it with TimeoutError

    @property
    def returns(self) -> Any:
        return self.type


class ReceiveStep(_Asked):
    """The next signal of a name, which is `target`."""

    __slots__ = ("takes_late",)
    takes_late: bool  # with no time at all: it takes what lies there when the inbox is looked into


class QuestionStep(_Asked):
    """What a person or another system is to answer; `target` is the id that the answer names."""

    __slots__ = ("prompt", "schema", "to", "due", "about")
    prompt: str  # "" of a callback
    about: bytes  # what is shown with the prompt; b"": nothing
    schema: str  # of the answer, JSON
    to: str
    due: float | None

    def cancelled_there(self) -> BaseException:
        return RunCancelled(f"{self.function.label} {self.target} was called off")


class SendStep(_Asked):
    """A signal to another run, which is `target`; its outcome is that it lies in that inbox."""

    __slots__ = ("lineage", "name", "payload")
    lineage: str  # of the run, as the body asked: by it the message is known
    name: str
    payload: bytes


def _verb(**about: Any) -> None:
    """What stands for the body of a function where a verb asks."""


_VERBS = {
    name: Function(f"podium:{name}", _verb, is_workflow=False, is_async=False)
    for name in ("receive", "ask", "callback", "send")
}


def derived_id(lineage: str, identity: str, now: float, secret: str = "") -> str:
    """An id that is the same whenever this step of this run asks for it: the machine's time, then a hash,
    by the run's secret where others must not guess it."""
    digest = blake2b(f"{lineage}/{identity}".encode(), digest_size=8, key=secret.encode()).digest()
    return encode_id(int(now * 1000), int.from_bytes(digest))


def awaiting(steps: Mapping[str, OutsideStep], name: str, is_signal: bool) -> OutsideStep | None:
    """The open step that a message ends: the one that it names, or the first that receives its name."""
    if not is_signal:
        return steps.get(name)
    receiving = (step for step in steps.values() if isinstance(step, ReceiveStep))
    return next((step for step in receiving if step.target == name), None)


_A = TypeVar("_A", bound=_Asked)


def _ask(
    machine: OutsideStepOwner, kind: type[_A], verb: str, about: dict[str, Any], type: Any, target: str = ""
) -> _A:
    """Open the step of a verb in the running branch."""
    machine.check_alive()
    loop, function = machine.loop, _VERBS[verb]
    data, digest = codec.encode_call(about, where=verb, depot=machine.depot)
    identity = loop.current_scope().identify(verb)
    if not target:
        lineage, secret = machine.verbs.lineage_at(identity), secret_of(machine.headers)
        target = derived_id(lineage, identity, loop.now, secret)
    step = kind(machine, loop, identity, function, data, digest, caller(), target)
    step.type, step.timer = type, None
    machine.open[identity] = machine.outside[identity] = step
    machine.sent[step] = None
    return step


def receive(machine: OutsideStepOwner, name: str, type: Any, timeout: float | None) -> ReceiveStep:
    """Ask for the next signal of this name."""
    step = _ask(machine, ReceiveStep, "receive", {"name": name}, type, name)
    step.takes_late = timeout == 0
    missing = f"no {name!r} is there" if step.takes_late else f"no {name!r} came within {timeout} s"
    return _expiring(machine, step, timeout, missing)


def ask(
    machine: OutsideStepOwner, prompt: str, type: Any, timeout: float | None, to: str, schema: str, about: Any
) -> QuestionStep:
    """Ask a person. Raises EncodeError for what cannot be shown."""
    shown, said = b"", {"prompt": prompt}
    if about is not None:  # left out where there is nothing: such calls are on record without it
        shown = codec.encode(about, where="ask(about=)", limit=ABOUT_MAX, depot=machine.depot)
        said = {"prompt": prompt, "about": about}
    step = _ask(machine, QuestionStep, "ask", said, type)
    step.prompt, step.schema, step.to, step.about = prompt, schema, to, shown
    step.due = None if timeout is None else machine.loop.now + timeout
    return _expiring(machine, step, timeout, f"nobody answered {prompt!r} within {timeout} s")


def callback(machine: OutsideStepOwner, type: Any, timeout: float | None, schema: str) -> QuestionStep:
    """Ask for what another system will answer."""
    step = _ask(machine, QuestionStep, "callback", {}, type)
    step.prompt, step.schema, step.to, step.about = "", schema, "", b""
    step.due = None if timeout is None else machine.loop.now + timeout
    return _expiring(machine, step, timeout, f"nobody completed {step.target} within {timeout} s")


def send(machine: OutsideStepOwner, run: str, name: str, payload: bytes) -> SendStep:
    """Ask that a signal goes to another run."""
    step = _ask(machine, SendStep, "send", {"run": run, "name": name, "value": payload}, None, run)
    step.lineage, step.name, step.payload = machine.verbs.lineage, name, payload
    return step


def _expiring(machine: OutsideStepOwner, step: _A, timeout: float | None, what: str) -> _A:
    """Let it fail with TimeoutError when the time is up, unless it is answered before."""
    if timeout is not None:

        def expire() -> None:
            if not step.done():
                machine.step_cancelled(step)
                step.set_exception(TimeoutError(what))
                step._log_traceback = False  # nobody has to look at it

        step.timer = timer = machine.loop.call_later(timeout, expire)
        step.add_done_callback(lambda _: timer.cancel())
    return step


class OutsideStepOwner(StepOwner, Protocol):
    """The machine whose body asks."""

    run: str
    loop: Loop
    headers: str
    verbs: Verbs
    open: dict[str, Step]
    outside: dict[str, OutsideStep]
    sent: dict[OutsideStep | CancelStep, None]
    depot: Depot

    def check_alive(self) -> None:
        """Raise Discarded in a machine that must not act any more."""
        ...


def start_child(
    machine: OutsideStepOwner,
    function: Function,
    args: tuple[Any, ...],
    kwargs: dict[str, Any],
    scope: Scope | None = None,
    where: tuple[str, int] | None = None,
    options: ChildOptions = NO_OPTIONS,
) -> ChildStep:
    """Ask for a run of its own of this workflow, or queued task. It is a future of its outcome.

    Raises ArgumentError, EncodeError and UsageError at the caller's line.
    """
    machine.check_alive()
    loop = machine.loop
    bound = function.bind(args, kwargs)
    function.check(bound)
    place = function.place(bound, options.queue, options.key)
    data, digest = function.encode(bound, len(args), machine.depot)
    identity = (scope or loop.current_scope()).identify(function.label)
    target = options.id or derived_id(machine.verbs.lineage_at(identity), identity, loop.now)
    line = where or caller()
    if target == machine.run:
        raise UsageError(
            f"{line_of(*line)}: {function.label} is started with id={target!r}, which is the id of this run: "
            "it would wait for its own end",
            fix="choose another id",
        )
    step = ChildStep(machine, loop, identity, function, data, digest, line, target)
    step.options = options
    step.queue, step.lane = place
    step.is_effect = False  # if at all, in the run that it is
    machine.open[identity] = machine.outside[identity] = step
    machine.sent[step] = None
    return step


def once_more(machine: OutsideStepOwner, failed: ChildStep) -> ChildStep:
    """Ask again for a run that has failed: the engine knows which one it is now."""
    step = ChildStep(
        machine, machine.loop, failed.id, failed.function, failed.args, failed.digest, failed.line,
        failed.target,
    )  # fmt: skip
    step.options, step.queue, step.lane, step.is_effect = failed.options, failed.queue, failed.lane, False
    step.context, step.item = failed.context, failed.item
    machine.open[step.id] = machine.outside[step.id] = step
    machine.sent[step] = None
    return step
