"""What a run says while it goes on: values that it publishes, streams that it emits."""

from __future__ import annotations

from typing import Any

from .. import codec
from ..checks import check_shown
from ..client import LOG, Done, FutureWaiting, Waiting
from ..errors import PayloadTooLarge, UsageError
from ..executors import current_attempt
from ..machine import current_machine

CHUNK_MAX = 64 * 1024  # bytes of one chunk, or of one published value
NAME_MAX = 200  # characters


def publish(name: str, value: Any) -> None:
    """Say how the run stands, in a workflow or in a task: anybody reads it by `run.value(name)`.

    Only the last value of a name is kept, 64 KiB at most; the history does not grow. It is written with what
    the run writes next: a crash before that loses it, and what is told again puts it there again. In a
    replay it does nothing, and so it does outside of runs.

    Raises UsageError for a name that is none, EncodeError, PayloadTooLarge.

    Example, in a workflow or in a task:

    >>> podium.publish("stage", "packing")
    """
    payload = _encoded("publish", name, value)
    attempt = current_attempt.get()
    if (machine := current_machine()) is not None:
        machine.verbs.publish(name, payload)
    elif attempt is not None and attempt.services.streams is not None:
        attempt.services.streams.publish(attempt, name, payload)


def emit(name: str, chunk: Any) -> Waiting[None]:
    """Add a chunk to a stream of the run, in a workflow or in a task: `run.stream(name)` reads it.

    name   of the stream; `log` is what the run prints
    chunk  any value that can be recorded, 64 KiB at most

    Chunks of one stream have numbers, from 1 on without a gap. They are written at once, many in one commit;
    the history does not grow. A replay repeats none. An attempt that is lost in a crash may leave its first
    chunks; the next attempt begins anew, and a chunk says of which attempt it is.

    In a task that runs elsewhere (behind HTTP, on a cluster, on an executor of one's own) they are there when
    its attempt has ended; 1 MiB of what it says, by `publish` too, is kept, then PayloadTooLarge is raised.

    Where the store is slower than the task, it waits for room here, 1 MiB in; in async code by
    `await podium.emit(...)`: one who does not await it is told PayloadTooLarge at 16 MiB. Nothing is let go.
    Outside of runs it does nothing. Raises UsageError for a name that is none, EncodeError, PayloadTooLarge.

    Example, in a workflow or in a task; in async code `await podium.emit(...)`:

    >>> _ = podium.emit("tokens", "Hel")
    """
    if name == LOG:
        raise UsageError(f"emit({LOG!r}, ...): that stream is what the run prints", fix="choose another name")
    payload = _encoded("emit", name, chunk)
    attempt = current_attempt.get()
    if (machine := current_machine()) is not None:
        machine.verbs.emit(name, payload)
    elif attempt is not None and attempt.services.streams is not None:
        room = attempt.services.streams.emit(attempt, name, payload)
        if room is not None:
            return FutureWaiting(room)
    return Done()


def _encoded(verb: str, name: str, value: Any) -> bytes:
    is_name = isinstance(name, str) and name.isprintable()  # pyright: ignore[reportUnnecessaryIsInstance]  # as given
    if not (is_name and 0 < len(name) <= NAME_MAX):
        raise UsageError(f"{verb}({name!r:.60}, ...): a name of 1 to {NAME_MAX} printable signs is needed")
    check_shown(f"{verb}()", name)
    payload = codec.encode(value, where=f"{verb}({name!r})")
    if len(payload) > CHUNK_MAX:
        raise PayloadTooLarge(
            f"{verb}({name!r}, ...) of {len(payload):,} bytes, and {CHUNK_MAX:,} are kept at most",
            fix="keep the large part in a file, and its path here",
        )
    return payload
