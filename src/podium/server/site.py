"""The ASGI application: who is let in, to what, and how an error is told.

Everything is refused that is not allowed: first by the address that was asked for (Host), then for want of a
token, then by the route's permission, then by where a change comes from (Origin). Only the health path needs
no token. Handlers block, so each runs in a thread, a few at a time; what only waits does so on the loop.
"""

from __future__ import annotations

import asyncio
import inspect
import logging
import typing
from collections.abc import Awaitable, Callable, Collection
from functools import partial
from typing import Any

import msgspec

from ..errors import (
    IdConflict,
    PayloadTooLarge,
    PodiumError,
    ResourceShortage,
    RunNotFound,
    StoreError,
    UsageError,
    WrongState,
)
from . import http
from .access import Caller, Permission
from .files import Files
from .http import Receive, Refused, Request, Response, Scope, Send, Streamed
from .journal import Journal
from .routes import Route, Table
from .service import Service

log = logging.getLogger("podium.server")

AT_ONCE = 8  # handlers in threads
IN_LINE = 64  # requests that wait for one; then they are sent away
WAITING_MAX = 64  # streams and waits at once
NUMBER_MAX = 2**63 - 1  # in a query string: what a store can hold

_POLICY = (
    "default-src 'none'; script-src 'self'; style-src 'self'; font-src 'self'; img-src 'self' data:; "
    "connect-src 'self'; manifest-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'; "
    "require-trusted-types-for 'script'"
)
_ALWAYS = {
    "content-security-policy": _POLICY,
    "x-content-type-options": "nosniff",
    "x-frame-options": "DENY",
    "referrer-policy": "no-referrer",
    "cross-origin-opener-policy": "same-origin",
    "cross-origin-resource-policy": "same-origin",
    "cache-control": "no-store",
}

# The first that fits.
_STATUS: tuple[tuple[type[PodiumError], int], ...] = (
    (RunNotFound, 404),
    (WrongState, 409),
    (IdConflict, 409),
    (PayloadTooLarge, 413),
    (UsageError, 400),
    (StoreError, 503),
    (ResourceShortage, 503),
)

_LOGIN = (
    "<!doctype html><html lang=en><title>Podium</title><h1>Podium</h1><p>Open the link that "
    "<code>podium up</code> has printed: it holds the token that lets this browser in.</p></html>"
)


class Site:
    """Serves one table of routes and one folder of files."""

    def __init__(
        self, service: Service, table: Table, files: Files, hosts: Collection[str], cookie: str
    ) -> None:
        self._service, self._table, self._files = service, table, files
        self._hosts = frozenset(host.lower() for host in hosts)
        self._origins = frozenset(
            f"{scheme}://{host}" for scheme in ("http", "https") for host in self._hosts
        )
        self._cookie = cookie
        self._journal = Journal(service.app)
        self._threads = asyncio.Semaphore(AT_ONCE)
        self._in_line = self._waiting = 0

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            raise RuntimeError(f"only HTTP is served, not {scope['type']}")
        request = Request(scope, receive)
        try:
            request.check_head()
            answer = await self._answer(request)
        except Refused as error:
            answer = http.problem(error.status, error.code, error.message, error.fix)
        except PodiumError as error:
            answer = http.problem_of(error, next((s for kind, s in _STATUS if isinstance(error, kind)), 500))
        except Exception:
            log.exception("%s %s failed", request.method, request.path)
            answer = http.problem(500, "E900", "this is Podium's fault: please report it")
        if isinstance(answer, Streamed) and request.method == "HEAD":
            answer = Response(type=answer.type)  # its body, which is not sent, would have no end
        if isinstance(answer, Streamed):
            await self._stream(send, request, answer)
        else:
            # Whoever was refused may still be sending: the connection is of no more use.
            ends = answer.status in (408, 413, 431, 503) or request.has_two_ends
            close = {"connection": "close"} if ends else {}
            await http.send_response(
                send, answer, {**_ALWAYS, **self._clock(), **close}, request.method == "HEAD"
            )

    def _clock(self) -> dict[str, str]:
        """This machine's time in milliseconds, by which a page says how long ago something was."""
        return {"date-ms": str(int(self._service.app.env.now() * 1000))}

    async def _stream(self, send: Send, request: Request, answer: Streamed) -> None:
        self._waiting += 1
        try:
            await http.send_stream(send, request, answer, _ALWAYS)
        finally:
            self._waiting -= 1

    # -- who, to what ---------------------------------------------------------------------------------

    async def _answer(self, request: Request) -> Response | Streamed:
        if request.headers.get("host", "").lower() not in self._hosts:
            raise Refused(421, "E150", "this server is not called so", "use the address that it printed")
        is_api = request.path.startswith(("/api/", "/metrics", "/health"))
        route, path, methods = self._table.match(request.method, request.path)
        if route is not None and route.permission is Permission.HEALTH:
            return await self._call(route, path, request, None)
        if not is_api and _shows_token(request):
            return await self._let_in(request)
        caller = await self._known(self._service.access.caller, request, self._cookie)
        if caller is None:
            if is_api or request.method not in ("GET", "HEAD"):
                raise Refused(
                    401, "E151", "a token is needed", "Authorization: Bearer TOKEN, see `podium up`"
                )
            return Response(401, _LOGIN.encode(), "text/html; charset=utf-8")
        if route is None:
            if methods:
                raise Refused(
                    405, "E100", f"{request.path} has no {request.method}, but {', '.join(methods)}"
                )
            if is_api or request.method not in ("GET", "HEAD"):
                raise Refused(404, "E100", f"there is no {request.path}", "GET /api/openapi.json  lists all")
            return await asyncio.to_thread(self._files.answer, request)
        if not caller.may(route.permission):
            raise Refused(
                403, "E151", f"{caller.name} is a {caller.role.value}: that may not {route.permission.value}"
            )
        if route.is_change:
            self._check_origin(request)
        return await self._call(route, path, request, caller)

    async def _known(self, look: Callable[..., Caller | None], *args: Any) -> Caller | None:
        """Who it is, by the file of tokens. Raises Refused."""
        try:
            return await asyncio.to_thread(look, *args)
        except UsageError as error:  # what is wrong with the file is not told to whoever asks
            log.error("nobody is let in: %s", error)
            raise Refused(503, "E152", "nobody can be let in", "its log says why") from None

    async def _let_in(self, request: Request) -> Response:
        """A link with a token, exchanged for a cookie; the token leaves the address bar."""
        token = request.query["token"]
        if await self._known(self._service.access.named_by, token) is None:
            return Response(401, _LOGIN.encode(), "text/html; charset=utf-8")
        cookie = f"{self._cookie}={self._service.access.cookie_for(token)}; Path=/; HttpOnly; SameSite=Strict"
        secure = "; Secure" if request.is_secure else ""
        return http.redirect(request.without("token"), {"set-cookie": f"{cookie}; Max-Age=2592000{secure}"})

    def _check_origin(self, request: Request) -> None:
        """A change comes from a page of this server, or from no page at all."""
        origin = request.headers.get("origin")
        if origin is None:
            # A browser says where a change comes from; who shows a token in a header is none.
            foreign = "authorization" not in request.headers
        else:
            foreign = origin.lower() not in self._origins
        if foreign or request.headers.get("sec-fetch-site", "same-origin") not in ("same-origin", "none"):
            raise Refused(403, "E150", "a change must come from a page of this server")

    # -- doing it -------------------------------------------------------------------------------------

    async def _call(
        self, route: Route, path: dict[str, str], request: Request, caller: Caller | None
    ) -> Response | Streamed:
        given: dict[str, Any] = {
            "service": self._service, "table": self._table, "caller": caller, "request": request, **path,
        }  # fmt: skip
        if route.query is not None:
            given["query"] = _converted(route.query, request.query)
        elif request.query:  # such as dry_run=1, where it would be done
            raise Refused(400, "E100", f"{route.method} {route.path} has no query fields")
        raw = await request.body() if route.body is not None else b""
        if route.body is not None:
            given["body"] = _decoded(route.body, request, raw)
        taken = inspect.signature(route.handler).parameters
        arguments = {name: given[name] for name in taken}
        act = partial(route.handler, **arguments)
        if route.is_async:
            value = await self._waits(act)
        elif caller is not None and route.is_change:
            value = await self._in_thread(partial(self._journal.change, route, request, caller, raw, act))
        else:
            value = await self._in_thread(act)
        return value if isinstance(value, (Response, Streamed)) else http.json_response(value)

    async def _in_thread(self, act: Callable[[], Any]) -> Any:
        if self._in_line >= IN_LINE:
            raise Refused(503, "E152", "too many requests at once", "try again in a moment")
        self._in_line += 1
        try:
            async with self._threads:
                return await asyncio.to_thread(act)
        finally:
            self._in_line -= 1

    async def _waits(self, act: Callable[[], Awaitable[Any]]) -> Any:
        if self._waiting >= WAITING_MAX:
            raise Refused(503, "E152", "too many streams at once", "close one, or try again in a moment")
        self._waiting += 1
        try:
            return await act()
        except asyncio.CancelledError:
            raise Refused(503, "E152", "the server ends", "ask again when it is back") from None
        finally:
            self._waiting -= 1


def _shows_token(request: Request) -> bool:
    """Whether it is a link that lets in. One that was cut in the middle of a character still leads to its
    page."""
    try:
        return "token" in request.query
    except Refused:
        return False


def _converted(kind: type[msgspec.Struct], fields: dict[str, str]) -> Any:
    unknown = set(fields) - {field.encode_name for field in msgspec.structs.fields(kind)}
    if unknown:
        known = ", ".join(field.encode_name for field in msgspec.structs.fields(kind))
        raise Refused(400, "E100", f"there is no query field {min(unknown)}", f"there are: {known}")
    try:
        query = msgspec.convert(fields, kind, strict=False)
    except msgspec.ValidationError as error:
        raise Refused(400, "E100", f"the query string: {error}", _choices(kind, fields)) from None
    for name, value in msgspec.structs.asdict(query).items():
        if isinstance(value, int) and abs(value) > NUMBER_MAX:
            raise Refused(400, "E100", f"the query string: {name} is not that large")
    return query


def _choices(kind: type[msgspec.Struct], fields: dict[str, str]) -> str:
    """What there is, of the first field that takes nothing but one of some words and is none of them."""
    for name, hint in typing.get_type_hints(kind).items():
        words: list[str] = [each for each in typing.get_args(hint) if each] if _is_literal(hint) else []
        if words and name in fields and fields[name] not in words:
            return f"{name}: {', '.join(words)}"
    return ""


def _is_literal(hint: Any) -> bool:
    return typing.get_origin(hint) is typing.Literal


def _decoded(kind: type[msgspec.Struct], request: Request, body: bytes) -> Any:
    if request.headers.get("content-type", "").partition(";")[0].strip().lower() != "application/json":
        raise Refused(415, "E100", "the body must be JSON", "content-type: application/json")
    try:
        return msgspec.json.decode(body or b"{}", type=kind)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        raise Refused(400, "E100", f"the body: {error}") from None
