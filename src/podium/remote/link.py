"""One HTTP request after the other to a `podium up`, and its errors as the exceptions that they stand for."""

from __future__ import annotations

import http.client
import ssl
from typing import Any
from urllib.parse import parse_qsl, quote, urlencode, urlsplit

import msgspec

from .. import errors
from ..errors import PodiumError, StoreUnavailable, UsageError
from ..interim import Connection, SecureConnection

SECONDS = 30.0  # for an answer, beyond what the server was asked to wait


class _Problem(msgspec.Struct, frozen=True):
    code: str = ""
    message: str = ""
    fix: str = ""


class _Refusal(msgspec.Struct, frozen=True):
    error: _Problem = _Problem()


# By code; of those that are made of a message and a fix.
_KINDS: dict[str, type[PodiumError]] = {
    kind.code: kind
    for kind in (
        errors.UsageError,
        errors.ArgumentError,
        errors.RunNotFound,
        errors.IdConflict,
        errors.WrongState,
        errors.EncodeError,
        errors.PayloadTooLarge,
    )
}


class Link:
    """Where the server is, and the token. A connection is made for each request: any thread may ask."""

    def __init__(self, url: str, token: str | None) -> None:
        parts = urlsplit(url)
        if parts.scheme not in ("http", "https") or not parts.hostname:
            raise UsageError(
                f"Client({url!r}): no address of a server", fix='Client("http://127.0.0.1:7070")'
            )
        # The link that `podium up` prints holds it, too.
        self._token = token or dict(parse_qsl(parts.query)).get("token", "")
        self._host, self._port, self._is_secure = parts.hostname, parts.port, parts.scheme == "https"
        self.url = f"{parts.scheme}://{parts.netloc}"

    def get(self, *path: str, wait: float = 0.0, **query: Any) -> bytes:
        """The body of an answer."""
        said = {name: value for name, value in query.items() if value not in (None, "")}
        where = "/".join(quote(part, safe="") for part in path)
        return self._ask("GET", f"/api/{where}" + (f"?{urlencode(said)}" if said else ""), None, wait)

    def post(self, *path: str, body: Any) -> bytes:
        """The body of the answer to a change. Raises EncodeError for a body that JSON cannot hold."""
        try:
            data = msgspec.json.encode(body)
        except (TypeError, ValueError, RecursionError, msgspec.MsgspecError) as error:
            raise errors.EncodeError(f"an argument cannot be sent: {error}") from None
        return self._ask("POST", "/api/" + "/".join(quote(part, safe="") for part in path), data, 0.0)

    def _ask(self, method: str, path: str, body: bytes | None, wait: float) -> bytes:
        headers = {"Authorization": f"Bearer {self._token}", "Content-Type": "application/json"}
        connection = self._connection(wait + SECONDS)
        try:
            connection.request(method, path, body, headers)
            reply = connection.getresponse()
            data = reply.read()
        except (OSError, http.client.HTTPException) as error:
            what = f"{self.url} does not answer: {error}"
            raise _unavailable(what, "podium up, on that machine") from error
        finally:
            connection.close()
        if reply.status >= 300:
            raise _refusal(reply.status, data)
        return data

    def _connection(self, timeout: float) -> http.client.HTTPConnection:
        if self._is_secure:
            context = ssl.create_default_context()
            return SecureConnection(self._host, self._port, timeout=timeout, context=context)
        return Connection(self._host, self._port, timeout=timeout)


def _refusal(status: int, data: bytes) -> PodiumError:
    try:
        problem = msgspec.json.decode(data, type=_Refusal).error
    except msgspec.MsgspecError:
        problem = _Problem()
    message = problem.message or f"the server answered {status}"
    if status == 503:
        return _unavailable(message, problem.fix)
    return _KINDS.get(problem.code, UsageError)(message, fix=problem.fix)


def _unavailable(message: str, fix: str) -> StoreUnavailable:
    error = StoreUnavailable(message, fix=fix)
    error.elsewhere = True
    return error
