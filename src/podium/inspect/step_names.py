"""How people call a step: by its identity, its function, or one call of that, with or without the module."""

from __future__ import annotations


class StepName:
    """What somebody typed for a step.

    "fetch" and "shop.flows:fetch" mean every call of the function, "fetch#2" its third one in each scope,
    "/fetch#2" and "1.2/fetch" one step. A step is known without its module (a file may move), so that
    narrows nothing.
    """

    def __init__(self, text: str) -> None:
        scope, slash, name = text.rpartition("/")
        self._text = f"{scope}{slash}{name.rpartition(':')[2]}"

    @property
    def identity(self) -> str | None:
        """The one step that it means; None if that may be several."""
        return self._text if "/" in self._text else None

    def means(self, step: str) -> bool:
        """Whether it means the step with this identity."""
        name = step.partition("/")[2]
        return self._text in (step, name, name.partition("#")[0])
