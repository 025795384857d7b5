"""Idempotency keys of runs that Podium 0.1 began: they stay in the form that they had.

A step was known by its function's whole name then, "scope/module:qualname#n", and its key was "run:step".
Another system may have seen the key of a lost attempt, so every later attempt has the same.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable

from ..functions import Function
from ..machine import Step
from ..model import Head, lineage_of, module_before


class FormerKeys:
    """The keys of one run's steps in their old form."""

    def __init__(self, head: Head, workflow: Function, module: str) -> None:
        self._lineage = lineage_of(head)
        self._module = {workflow.module: module}  # a script was called by its file's stem
        self._occurrences: Counter[tuple[str, str]] = Counter()
        self._keys: dict[str, str] = {}

    @staticmethod
    def of_run(head: Head, workflow: Function) -> FormerKeys | None:
        """For a run of 0.1 or a retry of one; None for the others."""
        module = module_before(head) if head.context else None
        return None if module is None else FormerKeys(head, workflow, module)

    def note(self, held: Iterable[object]) -> None:
        """Take over steps in the order in which they were asked for: functions of one name, from two modules,
        were counted apart."""
        for step in held:
            if isinstance(step, Step) and step.id not in self._keys:
                scope, module = step.id.partition("/")[0], step.function.module
                module = self._module.get(module, module)
                name = f"{module}:{step.function.label}" if module else step.function.label
                number = self._occurrences[scope, name]
                self._occurrences[scope, name] += 1
                self._keys[step.id] = f"{self._lineage}:{scope}/{name}" + (f"#{number}" if number else "")

    def __getitem__(self, step: str) -> str:
        return self._keys[step]
