"""A queue of a server: how full it is, what it allows; its limits set, paused, resumed."""

from __future__ import annotations

from types import EllipsisType
from typing import Any

import msgspec

from ..client import Waiting, answered
from ..env import RealEnv
from ..errors import RunNotFound
from .link import Link


class RemoteQueue:
    """A queue of a server, by its name."""

    def __init__(self, link: Link, name: str) -> None:
        self._link, self.name = link, name

    def show(self) -> dict[str, Any]:
        """How it stands, as `podium queues --json` has it: limits, what is in line, who serves it. Raises
        RunNotFound where the server has no such queue."""
        for row in rows(self._link):
            if row["name"] == self.name:
                return row
        raise RunNotFound(f"no queue is named {self.name!r}", fix="client.queues() gives all")

    def set(
        self,
        *,
        concurrency: int | EllipsisType | None = ...,
        rate: str | EllipsisType | None = ...,
        from_code: bool = False,
    ) -> Waiting[None]:
        """What it allows, for all processes, whatever code declares: so many runs at once, "100/m"; None: no
        limit; what is left out stays as it is. `from_code`: what code declares holds again.

        Raises UsageError for what cannot be, RunNotFound.
        """
        body: dict[str, Any] = {"from_code": True} if from_code else {}
        for field, given in (("concurrency", concurrency), ("rate", rate)):
            if given is not ...:
                body[field] = "none" if given is None else given
        return self._do("set", body)

    def pause(self) -> Waiting[None]:
        """Let nothing more begin there, or go on; what runs is left alone. Raises RunNotFound."""
        return self._do("pause", {})

    def resume(self) -> Waiting[None]:
        """Let it go on. Raises RunNotFound."""
        return self._do("resume", {})

    def _do(self, verb: str, body: dict[str, Any]) -> Waiting[None]:
        def ask() -> None:
            self._link.post("queues", self.name, verb, body=body)

        return answered(ask, RealEnv())

    def __repr__(self) -> str:
        return f"<RemoteQueue {self.name}>"


def rows(link: Link) -> list[dict[str, Any]]:
    """How all queues of the server stand, by name."""
    return msgspec.json.decode(link.get("queues"))["items"]
