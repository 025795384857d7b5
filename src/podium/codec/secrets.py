"""`Secret`: a value that is recorded as the place where it is found, and never as itself."""

from __future__ import annotations

import os
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any, Generic, TypeVar, cast

from ..errors import UsageError
from ..redaction import hide
from .formats import MISSING, library
from .untag import Reader, Untag
from .walk import Tree, Walk, Writer

T = TypeVar("T")

EVENT = "podium.secret"  # announced to audit hooks, so that the body of a workflow is refused


class Secret(Generic[T]):
    """A secret by reference: "env:API_KEY", "file:/run/secrets/key" or "keyring:service/name".

    Pass it to tasks, keep it in fields: the reference is what is recorded and shown. In a task `.get()` gives
    the value, as text; a process that has asked for it hides it from then on in what it prints, logs and
    raises into the record, and refuses to record a result or an argument that holds it.

    Raises UsageError for what is no such reference.

    Example:

    >>> podium.Secret[str]("env:API_KEY")
    Secret('env:API_KEY')
    """

    __slots__ = ("__orig_class__", "reference")

    def __init__(self, reference: str) -> None:
        kind, _, rest = str(reference).partition(":")
        if kind not in _SOURCES or not rest:
            raise UsageError(
                f"Secret({str(reference)[:20]!r}...): a reference is needed, not the secret itself",
                fix='"env:NAME", "file:/path" or "keyring:service/name"',
            )
        self.reference = reference

    def get(self) -> T:
        """The value. In a task: the body of a workflow is refused, with its line.

        Raises UsageError where it is not there.
        """
        sys.audit(EVENT, self.reference)
        kind, _, rest = self.reference.partition(":")
        value = _SOURCES[kind](rest)
        hide(value, self.reference)
        return cast(T, value)

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Secret) and cast("Secret[Any]", other).reference == self.reference

    def __hash__(self) -> int:
        return hash((Secret, self.reference))

    def __repr__(self) -> str:
        return f"Secret({self.reference!r})"


def _from_environment(name: str) -> str:
    value = os.environ.get(name)
    if not value:
        raise UsageError(f"Secret('env:{name}'): {name} is not set", fix=f"export {name}=… and start again")
    return value


def _from_file(path: str) -> str:
    try:
        return Path(path).read_text().rstrip("\r\n")
    except (OSError, ValueError) as error:
        why = error.strerror if isinstance(error, OSError) else "no text"
        raise UsageError(
            f"Secret('file:{path}') cannot be read ({why})", fix="mount it there, readable by this user"
        ) from None


def _from_keyring(place: str) -> str:
    service, _, name = place.rpartition("/")
    try:
        value: str | None = library("keyring").get_password(service, name)
    except MISSING:
        raise UsageError(
            f"Secret('keyring:{place}') needs the package keyring", fix="pip install keyring"
        ) from None
    if not value:
        raise UsageError(
            f"Secret('keyring:{place}') is not in the keyring", fix=f"keyring set {service} {name}"
        )
    return value


_SOURCES: dict[str, Callable[[str], str]] = {
    "env": _from_environment,
    "file": _from_file,
    "keyring": _from_keyring,
}


def _write(value: Secret[Any], walk: Walk, depth: int) -> Tree:
    walk.spend(len(value.reference))
    return {"!secret": value.reference}


def _read(payload: Any, rest: dict[str, Any], untag: Untag) -> Secret[Any]:
    return Secret(payload)


WRITERS: dict[type, Writer] = {Secret: _write}
READERS: dict[str, Reader] = {"!secret": _read}
