"""A declared function that was pickled, found again by the place that it is imported from."""

from __future__ import annotations

import importlib
from typing import Any

from ..client import StartOptions


def looked_up(module: str, qualname: str) -> Any:
    """What this module has under that name, or None."""
    found: Any = importlib.import_module(module)
    for name in qualname.split("."):
        found = getattr(found, name, None)
    return found


def unpickled(module: str, qualname: str, call: StartOptions, bound: tuple[Any, ...]) -> Any:
    """The function that this module declares here, with the options and the object that it had."""
    found = looked_up(module, qualname)
    return found._like(call, bound) if bound or call != StartOptions() else found
