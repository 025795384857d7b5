"""What a workflow's body waits for from outside: signals, people, other systems."""

from __future__ import annotations

from typing import Any, TypeVar, overload

from ..checks import Span, check_text, seconds_of
from ..client import BodyWaiting, Callback, Waiting
from ..codec.schemas import schema_of
from ..errors import UsageError
from ..machine import Machine, current_machine, machine_ask, machine_callback, machine_receive

T = TypeVar("T")


def _inside_workflow(verb: str) -> Machine:
    machine = current_machine()
    if machine is None:
        raise UsageError(f"{verb}() works in the body of a workflow")
    return machine


def _seconds(verb: str, timeout: Span | None) -> float | None:
    return None if timeout is None else seconds_of(verb, "timeout", timeout)


@overload
def receive(name: str, type: type[T], *, timeout: Span | None = None) -> Waiting[T]: ...
@overload
def receive(name: str, type: Any = Any, *, timeout: Span | None = None) -> Waiting[Any]: ...
def receive(name: str, type: Any = Any, *, timeout: Span | None = None) -> Waiting[Any]:
    """The next signal of this name that somebody sends to the run by `run.send(name, value)`.

    name     what the sender calls it
    type     what the value is to be: one that is not is set aside, on record, and never seen by the body
    timeout  seconds, or "2h", after which it raises TimeoutError; a signal that came in time is taken,
             however late the run is driven again. 0 takes what is there and raises at once where nothing is

    `await` it in async code, `.result()` it in sync code. Meanwhile nothing stays in memory. A signal is
    taken in the commit that records that the body has it: a crash loses none and gives none twice. Raises
    UsageError outside of workflows.

    Example, in a workflow:

    >>> async def greets():
    ...     name = await podium.receive("name", str, timeout=86400)
    ...     return f"hello {name}"
    """
    machine = _inside_workflow("receive")
    check_text("receive", "name", name)
    return BodyWaiting(machine, machine_receive(machine, name, type, _seconds("receive", timeout)))


@overload
def ask(
    prompt: str, type: type[T], *, timeout: Span | None = None, to: str = "", about: Any = None
) -> Waiting[T]: ...
@overload
def ask(
    prompt: str, type: Any = bool, *, timeout: Span | None = None, to: str = "", about: Any = None
) -> Waiting[Any]: ...
def ask(
    prompt: str, type: Any = bool, *, timeout: Span | None = None, to: str = "", about: Any = None
) -> Waiting[Any]:
    """Ask a person, who answers by `podium answer RUN VALUE` or `run.answer(value)`.

    prompt   what is asked; `podium waiting` lists it
    type     of the answer, which is checked where it is given
    timeout  seconds, or "2h", after which it raises TimeoutError; a later answer is refused
    to       who is asked, in words
    about    what they decide on, any value that can be stored, of 64 KiB at most: it is shown with the prompt
             and recorded with the question

    `await` it in async code, `.result()` it in sync code. Meanwhile nothing stays in memory. Who answered and
    when is on record; a second answer is refused. After a crash the question stands as it was. Raises
    UsageError outside of workflows, EncodeError for an `about` that cannot be stored, PayloadTooLarge.

    Example, in a workflow:

    >>> async def approves():
    ...     order = {"id": 1042, "total": 120}
    ...     return await podium.ask("Refund?", bool, timeout=7200, to="ops", about=order)
    """
    machine = _inside_workflow("ask")
    if not prompt:
        raise UsageError('ask(""): a question has a prompt')
    check_text("ask", "prompt", prompt, most=None)
    if to:
        check_text("ask", "to", to)
    step = machine_ask(machine, prompt, type, _seconds("ask", timeout), to, schema_of(type), about)
    return BodyWaiting(machine, step)


def callback(type: type[T], *, timeout: Span | None = None) -> Callback[T]:
    """What another system answers, by `podium.complete(id, value)` in any process or `podium complete ID`.

    type     of the value, which is checked where it is given
    timeout  seconds, or "2h", after which it raises TimeoutError

    Hand its `id` to the other system, in a task; then `await` it, or `.result()` it in sync code. Raises
    UsageError outside of workflows.

    Example, in a workflow:

    >>> async def pays():
    ...     done = podium.callback(int)
    ...     await tell_the_bank(done.id)
    ...     return await done
    """
    machine = _inside_workflow("callback")
    return Callback(machine, machine_callback(machine, type, _seconds("callback", timeout), schema_of(type)))
