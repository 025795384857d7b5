"""The modules that a worker serves: imported, or broken and tried again until somebody has mended them."""

from __future__ import annotations

import importlib
from collections.abc import Mapping, Sequence

from ..errors import PodiumError
from ..functions import Function, registry
from .target import BrokenModule, TargetNotFound, load_module
from .terminal import error, safe


class WorkerModules:
    """`functions` are those of whole modules only: a module breaks after half of it is declared."""

    def __init__(self, modules: Sequence[str]) -> None:
        self.modules = tuple(dict.fromkeys(modules))
        self.functions: dict[str, Function] = {}
        self._broken: dict[str, PodiumError] = {}
        self._left = list(self.modules)

    def load(self) -> list[str]:
        """Import what is not there yet; returns what came in. Says once what keeps the others out."""
        came: list[str] = []
        importlib.invalidate_caches()  # a file that appeared since the last try
        for module in list(self._left):
            try:
                load_module(module)
            except (BrokenModule, TargetNotFound) as trouble:
                self._report(module, trouble)
            else:
                self._left.remove(module)
                self._broken.pop(module, None)
                came.append(module)
        if came:
            self.functions.update(registry)
        return came

    def _report(self, module: str, trouble: PodiumError) -> None:
        before = self._broken.get(module)
        self._broken[module] = trouble
        if before is None or _summary(before) != _summary(trouble):
            error(trouble.code, trouble.message, *_details(trouble), trouble.fix)

    @property
    def exist(self) -> bool:
        """Whether there is anything to wait for: a module that came in, or one that somebody may mend."""
        missing = sum(isinstance(trouble, TargetNotFound) for trouble in self._broken.values())
        return missing < len(self.modules)

    @property
    def broken(self) -> Mapping[str, str]:
        """What keeps a module out, by module, in one line each."""
        return {module: _summary(trouble) for module, trouble in self._broken.items()}


def _details(trouble: PodiumError) -> tuple[str, ...]:
    return trouble.details if isinstance(trouble, BrokenModule) else ()


def _summary(trouble: PodiumError) -> str:
    """ "ImportError: no x (app.py:2)"."""
    what = trouble.message.partition(" cannot be loaded: ")[2] or trouble.message
    place = next(iter(_details(trouble)), "").partition("  ")[0]
    return safe(f"{what} ({place})" if place else what)
