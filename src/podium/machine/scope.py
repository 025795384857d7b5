"""Identity of what a workflow does, stable under everything but a change of the code.

A scope is one line of execution: the body, each task it creates, each map. Its path is made of ordinals
("", "1", "1.2": the second task created by the first one), so it does not depend on timing. A step's
identity is its scope, its function's name without the module (a file may move), and how many times that scope
has called a function of that name before.
"""

from __future__ import annotations


class Scope:
    """One line of execution and its counters."""

    __slots__ = ("path", "_children", "_counts")

    def __init__(self, path: str = "") -> None:
        self.path = path
        self._children = 0
        self._counts: dict[str, int] = {}

    def child(self) -> Scope:
        """Open the next scope below this one."""
        self._children = ordinal = self._children + 1
        return Scope(f"{self.path}.{ordinal}" if self.path else str(ordinal))

    def identify(self, name: str) -> str:
        """The identity of the next occurrence of `name` here: "path/name", "path/name#1", ..."""
        counts = self._counts
        occurrence = counts.get(name, 0)
        counts[name] = occurrence + 1
        return f"{self.path}/{name}#{occurrence}" if occurrence else f"{self.path}/{name}"
