"""Steps that no attempt ends: what ends them comes from outside of the run, as a message.

The body asks, the engine lets it go out with the run's next write (`Machine.sent`), and the step is open
until a message that names it is fed.
"""

from __future__ import annotations

from hashlib import blake2b
from typing import Any, NamedTuple, Protocol

from ..env import encode_id
from ..errors import RunCancelled
from ..functions import Function
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


NO_OPTIONS = ChildOptions()


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

    __slots__ = ("options",)
    options: ChildOptions

    def cancelled_there(self) -> BaseException:
        return RunCancelled(f"run {self.target} of {self.function.label} was cancelled")

    def placed(self, failure: BaseException) -> BaseException:
        failure.add_note(f"in the child run {self.target} of {self.function.label}")
        return failure


def derived_id(lineage: str, identity: str, now: float) -> str:
    """An id that is the same whenever this step of this run asks for it: the machine's time, then a hash."""
    digest = blake2b(f"{lineage}/{identity}".encode(), digest_size=8).digest()
    return encode_id(int(now * 1000), int.from_bytes(digest))


class Asking(StepOwner, Protocol):
    """The machine whose body asks."""

    loop: Loop
    verbs: Verbs
    open: dict[str, Step]
    outside: dict[str, OutsideStep]
    sent: list[OutsideStep | CancelStep]

    def check_alive(self) -> None:
        """Raise Discarded in a machine that must not act any more."""
        ...


def start_child(
    machine: Asking,
    function: Function,
    args: tuple[Any, ...],
    kwargs: dict[str, Any],
    scope: Scope | None = None,
    where: tuple[str, int] | None = None,
    options: ChildOptions = NO_OPTIONS,
) -> ChildStep:
    """Ask for a run of its own of this workflow. It is a future of its outcome.

    Raises ArgumentError and EncodeError at the caller's line.
    """
    machine.check_alive()
    loop = machine.loop
    bound = function.bind(args, kwargs)
    function.check(bound)
    data, digest = function.encode(bound, len(args))
    identity = (scope or loop.current_scope()).identify(function.label)
    target = options.id or derived_id(machine.verbs.lineage, identity, loop.now)
    line = where or caller()
    step = ChildStep(machine, loop, identity, function, data, digest, line, target)
    step.options = options
    machine.open[identity] = machine.outside[identity] = step
    machine.sent.append(step)
    return step
