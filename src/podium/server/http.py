"""Requests and answers of HTTP, as small as the API needs them, over ASGI."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping, MutableMapping
from dataclasses import dataclass, field
from http.cookies import CookieError, SimpleCookie
from typing import Any
from urllib.parse import parse_qsl, quote, urlencode

import msgspec

from ..errors import PodiumError

BODY_MAX = 1_000_000  # bytes of a request
HEAD_MAX = 16_384  # of its path, query and headers
BODY_SECONDS = 10.0  # within which all of it must have come
FIELDS_MAX = 50  # of a query string

Scope = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[MutableMapping[str, Any]]]
Send = Callable[[MutableMapping[str, Any]], Awaitable[None]]


class Refused(Exception):
    """A request that is answered with an error."""

    def __init__(self, status: int, code: str, message: str, fix: str = "") -> None:
        super().__init__(message)
        self.status, self.code, self.message, self.fix = status, code, message, fix


class Undecided(Refused):
    """A change of which it is not known whether it will be made: its idempotency key stays used."""

    def __init__(self, message: str) -> None:
        super().__init__(503, "E501", message, "look whether it was made before asking again")


class Problem(msgspec.Struct, frozen=True):
    """What went wrong: `code` is stable, `fix` is one line to act on."""

    code: str
    message: str
    fix: str = ""


class ProblemAnswer(msgspec.Struct, frozen=True):
    """The body of every answer that is an error."""

    error: Problem
    version: int = 1


@dataclass(frozen=True)
class Response:
    """A whole response."""

    status: int = 200
    body: bytes = b""
    type: str = "application/json"
    headers: Mapping[str, str] = field(default_factory=dict[str, str])


@dataclass(frozen=True)
class Streamed:
    """A response that is made as it is sent; each piece is sent whole before the next is asked for."""

    pieces: AsyncIterator[bytes]
    type: str


class Request:
    """What came in. The body is read when it is asked for."""

    def __init__(self, scope: Scope, receive: Receive) -> None:
        self._receive = receive
        self.method: str = scope["method"]
        self.path: str = scope["path"]
        self.is_secure = scope.get("scheme") == "https"
        client: tuple[str, int] | None = scope.get("client")
        self.address = client[0] if client else ""
        self._query: bytes = scope.get("query_string", b"")
        self.headers: dict[str, str] = {}
        self._head = len(self.path) + len(self._query)  # bytes
        for name, value in scope["headers"]:
            self._head += len(name) + len(value)
            key = name.decode("latin-1").lower()
            # Two of a kind are two opinions on who asks: neither is believed.
            self.headers[key] = "" if key in self.headers else value.decode("latin-1")

    def check_head(self) -> None:
        """Raises Refused where path, query and headers are larger than any client of ours makes them, or
        where two headers say where the body ends: a proxy in front may believe the other one."""
        if self._head > HEAD_MAX:
            raise Refused(431, "E113", f"a request's head holds {HEAD_MAX:,} bytes at most")
        if self.has_two_ends:
            raise Refused(400, "E100", "a body has a length or it has chunks, not both")

    @property
    def has_two_ends(self) -> bool:
        """Whether both Content-Length and Transfer-Encoding are said: then the connection is not kept."""
        return "content-length" in self.headers and "transfer-encoding" in self.headers

    @property
    def query(self) -> dict[str, str]:
        """The fields of the query string. Raises Refused where a field is there twice, or is no text."""
        try:
            pairs = parse_qsl(self._query.decode("ascii"), keep_blank_values=True, max_num_fields=FIELDS_MAX,
                              errors="strict")  # fmt: skip
        except ValueError:
            raise Refused(400, "E100", "the query string cannot be read") from None
        fields = dict(pairs)
        if len(fields) < len(pairs):
            raise Refused(400, "E100", "the query string has a field twice")
        return fields

    def without(self, field: str) -> str:
        """This path and query without one field, as a place on this server: `//host/` would be another."""
        rest = urlencode({name: value for name, value in self.query.items() if name != field})
        path = f"/{quote(self.path.lstrip('/'))}"
        return f"{path}?{rest}" if rest else path

    def cookie(self, name: str) -> str:
        """A cookie, or ""."""
        try:
            found = SimpleCookie(self.headers.get("cookie", "")).get(name)
        except CookieError:
            return ""
        return found.value if found else ""

    async def body(self) -> bytes:
        """All of it. Raises Refused: too much, or too slow."""
        declared = self.headers.get("content-length", "0")
        if declared.isdecimal() and int(declared[:12]) > BODY_MAX:
            raise _too_large()
        parts = bytearray()
        try:
            async with asyncio.timeout(BODY_SECONDS):
                while True:
                    message = await self._receive()
                    if message["type"] == "http.disconnect":
                        raise Refused(400, "E100", "the request ended before its body did")
                    parts += message.get("body", b"")
                    if len(parts) > BODY_MAX:
                        raise _too_large()
                    if not message.get("more_body", False):
                        return bytes(parts)
        except TimeoutError:
            raise Refused(408, "E100", f"the body did not come within {BODY_SECONDS:g} s") from None

    async def gone(self) -> None:
        """Returns when the client has left."""
        while (await self._receive())["type"] != "http.disconnect":
            pass


def _too_large() -> Refused:
    return Refused(413, "E113", f"a request holds {BODY_MAX:,} bytes at most")


def json_response(value: Any, status: int = 200) -> Response:
    """A value of the shapes as JSON."""
    return Response(status, msgspec.json.encode(value))


def problem(status: int, code: str, message: str, fix: str = "") -> Response:
    """An error as an answer."""
    return json_response(ProblemAnswer(Problem(code, message, fix)), status)


def redirect(to: str, headers: Mapping[str, str]) -> Response:
    """To another path of this server, by GET."""
    return Response(303, headers={"location": to, **headers})


def problem_of(error: PodiumError, status: int) -> Response:
    """One of Podium's own errors as an answer."""
    return problem(status, error.code, error.message, error.fix)


async def send_response(send: Send, response: Response, headers: Mapping[str, str], head_only: bool) -> None:
    """A whole response."""
    await send({"type": "http.response.start", "status": response.status, "headers": _encoded({
        "content-type": response.type, "content-length": str(len(response.body)),
        **headers, **response.headers,
    })})  # fmt: skip
    await send({"type": "http.response.body", "body": b"" if head_only else response.body})


async def send_stream(send: Send, request: Request, stream: Streamed, headers: Mapping[str, str]) -> None:
    """A response as it is made, until the client leaves."""
    await send({"type": "http.response.start", "status": 200,
                "headers": _encoded({"content-type": stream.type, **headers})})  # fmt: skip

    async def pass_on() -> None:
        async for piece in stream.pieces:
            await send({"type": "http.response.body", "body": piece, "more_body": True})
        await send({"type": "http.response.body", "body": b""})

    sending = asyncio.ensure_future(pass_on())
    leaving = asyncio.ensure_future(request.gone())
    try:
        await asyncio.wait((sending, leaving), return_when=asyncio.FIRST_COMPLETED)
    finally:
        for task in (sending, leaving):
            task.cancel()
        await asyncio.gather(sending, leaving, return_exceptions=True)


def _encoded(headers: Mapping[str, str]) -> list[tuple[bytes, bytes]]:
    return [(name.encode("latin-1"), value.encode("latin-1")) for name, value in headers.items()]
