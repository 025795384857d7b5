"""Who may do what: tokens with roles, in a file (0600) beside the store.

A token is 32 bytes of chance. A browser gets in by a link with the token once, and from then on shows a
cookie that is made of it but does not hold it. There is no way in without one, on loopback neither.
"""

from __future__ import annotations

import hashlib
import hmac
import os
from enum import Enum
from pathlib import Path
from typing import NamedTuple

from ..env import new_secret
from ..errors import UsageError
from .http import Request

_HEAD = "# role name token; a line each. Whoever has a token has its role.\n"


class Permission(Enum):
    """What a route asks for."""

    HEALTH = "health"  # the one path that anybody may ask
    LOOK = "look"
    STEER = "steer"  # start, cancel, retry, answer ...
    ADMINISTER = "administer"


class Role(str, Enum):
    """What a token is for."""

    VIEWER = "viewer"
    OPERATOR = "operator"
    ADMIN = "admin"


_MAY: dict[Role, frozenset[Permission]] = {
    Role.VIEWER: frozenset({Permission.LOOK}),
    Role.OPERATOR: frozenset({Permission.LOOK, Permission.STEER}),
    Role.ADMIN: frozenset({Permission.LOOK, Permission.STEER, Permission.ADMINISTER}),
}


class Caller(NamedTuple):
    """Whom a token names."""

    name: str
    role: Role

    def may(self, permission: Permission) -> bool:
        """Whether the role allows it."""
        return permission in _MAY[self.role]


class _Known(NamedTuple):
    caller: Caller
    token: str
    cookie: str  # what a browser shows


class Access:
    """The tokens of one store. With a file they are read anew when it changes."""

    def __init__(self, file: Path | None) -> None:
        self._file = file
        self._stamp: tuple[int, int, int] | None = None
        self._known: list[_Known] = []
        if file is None or not _is_there(file):
            text = f"{_HEAD}{Role.ADMIN.value} owner {new_secret()}\n"
            if file is None:
                self._known = _read(text, "")
            else:
                _create(file, text)
        self._refresh()

    @property
    def token(self) -> str:
        """Of the first admin, for the link that is printed. Raises UsageError where there is none."""
        self._refresh()
        for known in self._known:
            if known.caller.role is Role.ADMIN:
                return known.token
        raise UsageError(f"{self._file} names no admin", fix="add a line: admin NAME TOKEN")

    def caller(self, request: Request, cookie: str) -> Caller | None:
        """Who asks: by the token in the header, or by the cookie of that name. Raises UsageError."""
        scheme, _, shown = request.headers.get("authorization", "").partition(" ")
        if scheme:
            return self.named_by(shown.strip()) if scheme.lower() == "bearer" else None
        self._refresh()
        shown = request.cookie(cookie)
        return next((k.caller for k in self._known if hmac.compare_digest(k.cookie, shown)), None) \
            if shown.isascii() else None  # fmt: skip

    def named_by(self, token: str) -> Caller | None:
        """Whose token this is. Raises UsageError for a file that cannot be used."""
        self._refresh()
        if not token.isascii():
            return None
        return next((k.caller for k in self._known if hmac.compare_digest(k.token, token)), None)

    def cookie_for(self, token: str) -> str:
        """What a browser shows in place of the token."""
        return _cookie(token)

    def callers(self) -> list[Caller]:
        """All that have a token."""
        self._refresh()
        return [known.caller for known in self._known]

    def _refresh(self) -> None:
        if self._file is None:
            return
        try:
            stat = self._file.stat()
        except FileNotFoundError:  # somebody has locked everybody out
            self._known, self._stamp = [], None
            return
        stamp = (stat.st_mtime_ns, stat.st_size, stat.st_mode)
        if stamp == self._stamp:
            return
        if stat.st_mode & 0o077:
            raise UsageError(
                f"{self._file} can be read by others than its owner", fix=f"chmod 600 {self._file}"
            )
        self._known, self._stamp = _read(self._file.read_text("utf-8"), str(self._file)), stamp


def _is_there(file: Path) -> bool:
    """Without following a link: whoever put one there would read the token."""
    if file.is_symlink():
        raise UsageError(f"{file} is a link", fix="remove it; a new token is made at the next start")
    return file.exists()


def _create(file: Path, text: str) -> None:
    file.parent.mkdir(parents=True, exist_ok=True)
    try:
        handle = os.open(file, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    except FileExistsError:  # another process was quicker
        return
    with os.fdopen(handle, "w", encoding="utf-8") as opened:
        opened.write(text)


def _read(text: str, where: str) -> list[_Known]:
    known: list[_Known] = []
    for number, line in enumerate(text.splitlines(), 1):
        words = line.split()
        if not words or words[0].startswith("#"):
            continue
        if len(words) != 3 or words[0] not in {role.value for role in Role} or len(words[2]) < 32:
            raise UsageError(
                f"{where}:{number} is no line of tokens",
                fix="viewer|operator|admin NAME TOKEN, a token of 32 characters or more",
            )
        known.append(_Known(Caller(words[1], Role(words[0])), words[2], _cookie(words[2])))
    return known


def _cookie(token: str) -> str:
    return hmac.new(token.encode(), b"podium cookie", hashlib.sha256).hexdigest()
