"""Changes over HTTP: each is on record before it is made, and one that is asked for twice is made once."""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable
from concurrent.futures import Future
from typing import Any

import msgspec

from .. import codec
from ..client import App
from ..errors import PodiumError, StoreError
from ..model import AuditRow
from .access import Caller
from .http import Refused, Request, Undecided
from .routes import Route

KEPT_SECONDS = 600.0  # for which the answer to a key is known
KEPT = 1000
KEY_MAX = 200  # characters
_SAID_MAX = 500

_log = logging.getLogger("podium.server")


class _Known(msgspec.Struct):
    at: float
    body: bytes
    answer: Future[Any]


class Journal:
    """Handlers of changes are called through it, in threads."""

    def __init__(self, app: App) -> None:
        self._app = app
        self._lock = threading.Lock()
        self._known: dict[tuple[str, str, str], _Known] = {}  # the oldest first

    def change(
        self, route: Route, request: Request, caller: Caller, body: bytes, act: Callable[[], Any]
    ) -> Any:
        """What the handler gives; where its key is known, what it gave. Raises what it raises."""
        key = request.headers.get("idempotency-key", "")
        if len(key) > KEY_MAX:
            raise Refused(400, "E100", f"an idempotency-key has {KEY_MAX} characters at most")
        if not key:
            return self._made(route, request, caller, body, act)
        name, now = (caller.name, request.path, key), self._app.env.monotonic()
        fresh = _Known(now, body, Future())
        with self._lock:
            self._forget(now)
            known = self._known.setdefault(name, fresh)  # one of two at once wins
        if known is not fresh:
            if known.body != body:
                raise Refused(
                    409, "E302", "this idempotency-key was used for another body", "use a fresh one"
                )
            return known.answer.result()
        try:
            fresh.answer.set_result(self._made(route, request, caller, body, act))
        except BaseException as error:
            fresh.answer.set_exception(error)
            if not _is_undecided(error):
                with self._lock:
                    self._known.pop(name, None)  # what has failed may be tried again
        return fresh.answer.result()

    def _made(
        self, route: Route, request: Request, caller: Caller, body: bytes, act: Callable[[], Any]
    ) -> Any:
        place = route.pattern.fullmatch(request.path)
        n = self._app.store.audit(
            AuditRow(
                at=self._app.env.now(),
                by=caller.name,
                role=caller.role.value,
                verb=f"{route.method} {route.path}",
                target=request.path.removeprefix("/api/"),
                said=codec.preview(body, _SAID_MAX) if body else "",
                address=request.address,
                run=place.groupdict().get("run", "") if place is not None else "",
            )
        )
        outcome = "E900"
        try:
            value = act()
            outcome = "done"
            return value
        except (PodiumError, Refused) as error:
            outcome = error.code
            raise
        finally:
            self._end(n, outcome)

    def _end(self, n: int, outcome: str) -> None:
        """What the store says here must not hide what the change came to: a caller who is told of trouble
        does it again. A row without an outcome reads as cut off."""
        try:
            self._app.store.audit_outcome(n, outcome)
        except StoreError as trouble:
            _log.warning("the outcome %s of change %d is not on record: %s", outcome, n, trouble)

    def _forget(self, now: float) -> None:
        for name in list(self._known):
            if len(self._known) <= KEPT and self._known[name].at > now - KEPT_SECONDS:
                return
            del self._known[name]


def _is_undecided(error: BaseException) -> bool:
    """Whether the change may have been made all the same."""
    return isinstance(error, Undecided) or (isinstance(error, StoreError) and error.unknown)
