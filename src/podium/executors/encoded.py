"""An attempt as bytes, made in another process: what crosses to a task's own process, a cluster or a function
behind HTTP, and what comes back. No pickle: that process imports the task's module by its name.

Example, on the engine's side `work = encode_attempt(attempt)`, elsewhere `outcome = run_encoded(work)`, and
back on the engine's side `ended(decode_outcome(attempt, outcome))`.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable

import msgspec

from .. import codec
from ..functions import Function
from ..sizes import spelled_size
from .attempt import Attempt, Ended, Services, fresh_context, is_loss
from .kept import Kept, take_over
from .loading import find
from .memory import capped
from .wire import Do, Done, ModuleRef


def encode_attempt(attempt: Attempt) -> bytes:
    """What `run_encoded` needs to make this attempt."""
    return msgspec.msgpack.encode((order(attempt, is_known=False), attempt.args))


def run_encoded(work: bytes) -> bytes:
    """Make an attempt here, whatever process this is, and give its outcome. Raises nothing of the task's.

    Raises msgspec.DecodeError for bytes that are not `encode_attempt`'s.
    """
    do, args = msgspec.msgpack.decode(work, type=tuple[Do, bytes])
    done, payload, _ = run_order(do, args)
    return msgspec.msgpack.encode((done, payload))


def encode_named(attempt: Attempt) -> bytes:
    """The same for a process that has the task already, and is to know nothing of where it lies here."""
    do = msgspec.structs.replace(order(attempt, is_known=True), import_from=[])
    return msgspec.msgpack.encode((do, attempt.args))


def decode_named(work: bytes) -> tuple[Do, bytes]:
    """What was encoded: for `run_named` and `await_named`. Raises msgspec.DecodeError for other bytes."""
    return msgspec.msgpack.decode(work, type=tuple[Do, bytes])


def run_named(do: Do, args: bytes, function: Function) -> bytes:
    """Make an attempt at this task here; its outcome. Raises nothing of the task's."""
    done, payload, _ = run_order(do, args, given=function)
    return msgspec.msgpack.encode((done, payload))


async def await_named(do: Do, args: bytes, function: Function) -> bytes:
    """The same of an `async def`, on this loop. Cancelled, it cancels the body."""
    kept = Kept()
    try:
        attempt = _attempt(do, args, function, kept)
        context = fresh_context(attempt)
        body = asyncio.get_running_loop().create_task(_awaited(attempt), context=context)
        payload = await body
        done = kept.done(good=True)
    except BaseException as error:
        here = asyncio.current_task()
        if here is not None and here.cancelling():
            raise  # it is not the body that has ended so
        done, payload, _ = _failed(do, error, kept)
    return msgspec.msgpack.encode((done, payload))


async def _awaited(attempt: Attempt) -> bytes:
    return attempt.encode(await attempt.call())


def decode_outcome(attempt: Attempt, outcome: bytes) -> Ended:
    """How the attempt ended, by what `run_encoded` gave. Raises msgspec.DecodeError for other bytes."""
    done, payload = msgspec.msgpack.decode(outcome, type=tuple[Done, bytes])
    take_over(attempt, done)
    return Ended(attempt, payload, failure_of(done, payload), done.lost)


def order(attempt: Attempt, is_known: bool) -> Do:
    """The attempt without its arguments. `is_known`: the process need not say that the module is there."""
    function = attempt.function
    return Do(
        function.name, modules_of(function), attempt.run, attempt.idempotency_key, attempt.step,
        attempt.number, attempt.token, function.memory, is_known, attempt.last,
        attempt.headers, attempt.since,
    )  # fmt: skip


def modules_of(function: Function) -> list[ModuleRef]:
    """Where another process finds a task."""
    return [ModuleRef(module, file) for module, file in function.import_from]


def run_order(
    do: Do,
    args: bytes,
    begin: Callable[[Attempt], None] = lambda _: None,
    given: Function | None = None,
) -> tuple[Done, bytes, BaseException | None]:
    """Make the attempt; its outcome, that encoded, and what it raised. `begin` is called before the body.
    `given`: the task, where it is not to be looked for."""
    kept = Kept()
    try:
        attempt = _attempt(do, args, given or find(do.function, do.import_from), kept)
        begin(attempt)
        with capped(do.memory):
            result = fresh_context(attempt).run(_run, attempt)
        return kept.done(good=True), result, None
    except BaseException as error:  # SystemExit too: it is the task's failure, not the process's end
        return _failed(do, error, kept)


def _attempt(do: Do, args: bytes, function: Function, kept: Kept) -> Attempt:
    attempt = Attempt(do.run, do.step, function, args, do.number, do.token)
    attempt.key, attempt.last = do.key, do.last
    attempt.headers, attempt.since = do.headers, do.since
    attempt.measures, attempt.services = kept.measures, Services(streams=kept)
    return attempt


def _failed(do: Do, error: BaseException, kept: Kept) -> tuple[Done, bytes, BaseException]:
    if isinstance(error, MemoryError) and not error.args and do.memory is not None:
        label = do.function.rpartition(":")[2]
        error.args = (f"{label} wanted more than its memory cap of {spelled_size(do.memory)}",)
    final, lost = not isinstance(error, Exception), is_loss(error)
    return kept.done(good=False, final=final, lost=lost), codec.encode_failure(error), error


def _run(attempt: Attempt) -> bytes:
    value = attempt.call()
    if attempt.function.is_async:
        value = asyncio.run(value)
    return attempt.encode(value)


def failure_of(done: Done, payload: bytes) -> BaseException | None:
    """What policies look at; None if it went well. What is final is tried again by none."""
    if done.good:
        return None
    return SystemExit() if done.final else codec.decode_failure(payload)
