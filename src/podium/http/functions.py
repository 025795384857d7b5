"""`podium.http.functions`: tasks as an ASGI application. No store, no engine: it may scale to zero."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable, Mapping, MutableMapping
from typing import Any, cast

import msgspec

from ..codec import MAX_PAYLOAD
from ..declare import Task
from ..env import RealEnv
from ..errors import UsageError
from ..executors.encoded import await_named, decode_named, run_named
from ..executors.signing import WINDOW, NotSigned, check, read_keys, signed
from ..functions import Function, registry

log = logging.getLogger("podium")

Scope = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[MutableMapping[str, Any]]]
Send = Callable[[MutableMapping[str, Any]], Awaitable[None]]

BODY_MAX = MAX_PAYLOAD + 1024 * 1024  # bytes
BODY_SECONDS = 60.0  # within which all of it must have come


class Functions:
    """The ASGI application that `functions` makes."""

    def __init__(self, tasks: Mapping[str, Function], keys: tuple[bytes, ...]) -> None:
        self._tasks, self._keys, self._now = tasks, keys, RealEnv().now
        # Ids that were made, each with when it may be forgotten; oldest first.
        self._seen: dict[str, float] = {}

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "lifespan":
            await _live(receive, send)
        elif scope["type"] == "http":
            try:
                body, id = await self._asked(scope, receive)
                outcome = await _or_hung_up(self._made(body), receive)
            except _Refused as error:
                if error.status != 405:  # by which platforms ask whether it lives
                    log.warning("a request is refused: %d %s", error.status, error)
                await _answer(send, error.status, f"{error}\n".encode(), {})
                return
            if outcome is not None:
                headers = signed(self._keys[0], id, self._now(), "200", outcome)
                await _answer(send, 200, outcome, headers)

    def __repr__(self) -> str:
        return f"<functions: {', '.join(each.label for each in self._tasks.values())}>"

    async def _asked(self, scope: Scope, receive: Receive) -> tuple[bytes, str]:
        """The body of a request that is signed and new, and its id. Raises _Refused."""
        if scope["method"] != "POST":
            raise _Refused(405, "only POST is answered here")
        headers: dict[str, str] = {}
        for name, value in scope["headers"]:
            key = name.decode("latin-1").lower()
            headers[key] = "" if key in headers else value.decode("latin-1")  # two opinions are none
        body, now = await _body(receive), self._now()
        try:
            id = check(self._keys, headers, now, f"POST {_path(scope)}", body)
        except NotSigned as error:
            raise _Refused(401, str(error)) from None
        while self._seen and next(iter(self._seen.values())) < now:
            del self._seen[next(iter(self._seen))]
        if id in self._seen:
            raise _Refused(409, "this very request was answered before")
        self._seen[id] = now + 2 * WINDOW  # it may be signed for as long as a clock may be ahead
        return body, id

    async def _made(self, body: bytes) -> bytes:
        try:
            do, args = decode_named(body)
        except msgspec.DecodeError as error:
            raise _Refused(400, f"it cannot be read: {error}") from None
        task = self._tasks.get(do.function)
        if task is None:
            raise _Refused(404, f"there is no task {do.function!r} here")
        if task.is_async:
            return await await_named(do, args, task)
        return await asyncio.to_thread(run_named, do, args, task)


def functions(*tasks: Any, key: Any) -> Functions:
    """An ASGI application that makes these tasks for engines elsewhere: serve it by uvicorn, or mount it.

    key  what both sides know, 32 characters or more: text, bytes, or a `Secret`; or several while it is
         changed, of which the first signs the answers

    It answers requests that are signed with the key, made within five minutes, and not answered before by
    this process; others are refused (401, 409). It keeps nothing. Raises UsageError.

    Example:

    >>> functions(report_task, key="k" * 32)
    <functions: report_task>
    """
    if not tasks:
        raise UsageError("functions() has no task", fix="functions(task, key=...)")
    found: dict[str, Function] = {}
    for each in tasks:
        if not isinstance(each, Task):
            raise UsageError(f"functions({each!r}): a @task is needed")
        name = cast("Task[..., Any, Any]", each).name
        found[name] = registry[name]
    return Functions(found, read_keys(key, "functions"))


class _Refused(Exception):
    def __init__(self, status: int, why: str) -> None:
        super().__init__(why)
        self.status = status


def _path(scope: Scope) -> str:
    """As the request has it, before a server or a mount has looked at it."""
    raw: bytes | None = scope.get("raw_path")
    return raw.decode("latin-1") if raw else scope["path"]


async def _body(receive: Receive) -> bytes:
    parts = bytearray()
    try:
        async with asyncio.timeout(BODY_SECONDS):
            while True:
                message = await receive()
                if message["type"] == "http.disconnect":
                    raise _Refused(400, "it ended before its body did")
                parts += message.get("body", b"")
                if len(parts) > BODY_MAX:
                    raise _Refused(413, f"it holds more than {BODY_MAX:,} bytes")
                if not message.get("more_body", False):
                    return bytes(parts)
    except TimeoutError:
        raise _Refused(408, f"its body did not come within {BODY_SECONDS:g} s") from None


async def _or_hung_up(work: Awaitable[bytes], receive: Receive) -> bytes | None:
    """The outcome; None where the engine has hung up, which wants none any more: a coroutine is cancelled."""
    working = asyncio.ensure_future(work)
    leaving = asyncio.ensure_future(_gone(receive))
    try:
        await asyncio.wait((working, leaving), return_when=asyncio.FIRST_COMPLETED)
        return working.result() if working.done() else None
    finally:
        working.cancel()
        leaving.cancel()
        await asyncio.gather(working, leaving, return_exceptions=True)


async def _gone(receive: Receive) -> None:
    while (await receive())["type"] != "http.disconnect":
        pass


async def _answer(send: Send, status: int, body: bytes, headers: Mapping[str, str]) -> None:
    kind = "application/msgpack" if status == 200 else "text/plain; charset=utf-8"
    sent = {"content-type": kind, "content-length": str(len(body)), **headers}
    await send({
        "type": "http.response.start", "status": status,
        "headers": [(name.encode(), value.encode()) for name, value in sent.items()],
    })  # fmt: skip
    await send({"type": "http.response.body", "body": body})


async def _live(receive: Receive, send: Send) -> None:
    while True:
        what = (await receive())["type"].removeprefix("lifespan.")
        await send({"type": f"lifespan.{what}.complete"})
        if what == "shutdown":
            return
