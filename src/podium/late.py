"""What is loaded when it is first asked for: names of a package, and modules that few processes need.

`docs/design.md`, "What is loaded late", says what may be late and what must not be.
"""

from __future__ import annotations

import sys
from collections.abc import Callable, Mapping
from importlib import import_module
from types import ModuleType
from typing import Any

from .shortage import shortage_of


def names(package: str, homes: Mapping[str, str]) -> Callable[[str], Any]:
    """The `__getattr__` of a package whose names bring their modules: each module, and its names.

    A name that is a module of the package as well cannot stand there: which of the two it is would depend
    on who came first.

    >>> __getattr__ = late.names(__name__, {"causes": "Cause cause_of", "records": "Records"})
    """
    home_of = {name: home for home, inside in homes.items() for name in inside.split()}

    def load(name: str) -> Any:
        if name not in home_of:
            raise AttributeError(f"module {package!r} has no attribute {name!r}")
        value = getattr(_loaded(f".{home_of[name]}", package), name)
        setattr(sys.modules[package], name, value)
        return value

    return load


class Late:
    """Stands for a module under its name in another one, and gives way to it when it is first asked."""

    __slots__ = ("_home", "_space")

    def __init__(self, space: dict[str, Any], home: str) -> None:
        self._space, self._home = space, home

    def __getattr__(self, name: str) -> Any:
        return getattr(_give_way(self, self._space, self._home), name)


_standing: dict[Late, tuple[dict[str, Any], str]] = {}  # those that have not given way


def module(space: dict[str, Any], home: str) -> Any:
    """A stand-in for a module, in the `globals()` of one that needs it seldom, under its own name.

    >>> if TYPE_CHECKING:
    ...     from ..inspect import causes
    ... else:
    ...     causes = late.module(globals(), "..inspect.causes")
    """
    stand_in = Late(space, home)
    _standing[stand_in] = space, home
    return stand_in


def load_all() -> None:
    """Load every module that something stands for, now: a process that goes on for weeks may find other files
    when it is asked at last, after an upgrade in place, or none. Raises ResourceShortage."""
    while _standing:
        _give_way(*next((late, *of) for late, of in _standing.items()))


def _give_way(stand_in: Late, space: dict[str, Any], home: str) -> ModuleType:
    loaded = _loaded(home, space["__package__"])
    for mine in [key for key, value in space.items() if value is stand_in]:
        space[mine] = loaded
    _standing.pop(stand_in, None)
    return loaded


def _loaded(home: str, package: str) -> ModuleType:
    """Raises ResourceShortage where no file can be opened for it: then whoever asked tries again."""
    try:
        return import_module(home, package)
    except (OSError, MemoryError) as error:
        if (lack := shortage_of(error)) is None:
            raise
        raise lack from error
