"""How requests to functions, and their answers, prove that they come from who has the key.

The shape is that of the Standard Webhooks: three headers, and HMAC-SHA256 over "ID.TIME.WHAT." and the body,
as "v1," and base 64. WHAT is "POST /path" of a request and "200" of an answer, so neither passes for the
other.
"""

from __future__ import annotations

import base64
import hashlib
import hmac
from collections.abc import Mapping, Sequence
from typing import Any, cast

from ..errors import UsageError

ID, TIME, SIGNATURE = "podium-id", "podium-time", "podium-signature"
WINDOW = 300.0  # seconds that a signature counts, before and after its time
KEY_MIN = 32  # characters
_VERSION = "v1,"


class NotSigned(Exception):
    """What came does not prove that it comes from who has the key."""


def read_keys(given: Any, call: str) -> tuple[bytes, ...]:
    """The keys that a user gives: text, bytes, what has them (`get()`), or several. Raises UsageError."""
    several = cast("Sequence[Any]", given) if isinstance(given, (list, tuple)) else (given,)
    return tuple(_key(each, call) for each in several)


def _key(given: Any, call: str) -> bytes:
    held = given.get() if hasattr(given, "get") else given
    key = held.encode() if isinstance(held, str) else held
    if not isinstance(key, bytes) or len(key) < KEY_MIN:
        raise UsageError(
            f"{call}(key=...): a key of {KEY_MIN} characters or more is needed",
            fix="python -c 'import secrets; print(secrets.token_urlsafe(32))'",
        )
    return key


def signed(key: bytes, id: str, now: float, what: str, body: bytes) -> dict[str, str]:
    """The headers for a request (`what`: "POST /path") or an answer ("200")."""
    at = str(int(now))
    return {ID: id, TIME: at, SIGNATURE: _signature(key, id, at, what, body)}


def check(keys: Sequence[bytes], headers: Mapping[str, str], now: float, what: str, body: bytes) -> str:
    """The id of what was signed with one of the keys within the last minutes. Raises NotSigned.

    `headers` by lower-case name. The signature is looked at first, and in the same time wherever it differs.
    """
    id, at, given = headers.get(ID, ""), headers.get(TIME, ""), headers.get(SIGNATURE, "")
    if not (id and at.isdecimal() and at.isascii() and given.isascii()):
        raise NotSigned("it is not signed")
    good = False
    for key in keys:
        good |= hmac.compare_digest(_signature(key, id, at, what, body), given)
    if not good:
        raise NotSigned("its signature is not of this key, or not of what came")
    if abs(now - int(at)) > WINDOW:
        raise NotSigned(f"it was signed {abs(now - int(at)):.0f} s from now: compare the two clocks")
    return id


def _signature(key: bytes, id: str, at: str, what: str, body: bytes) -> str:
    made = hmac.new(key, f"{id}.{at}.{what}.".encode(), hashlib.sha256)
    made.update(body)
    return _VERSION + base64.b64encode(made.digest()).decode()
