"""Tasks that run in another process, `isolation="process"` or an executor of the user's own: what such a
process needs to know, checked at once."""

from __future__ import annotations

import inspect
import os
import re
import sys
from collections.abc import Mapping
from typing import Any, NamedTuple

from ..errors import DeclarationError, UsageError
from ..modules import MAIN, file_of, module_name
from .place import declaring_frame

MEMORY_MIN = 64 * 1024 * 1024  # bytes; an interpreter with Podium and little else needs half of that
_SIZE = re.compile(r"(\d+(?:\.\d+)?) ?([kKMGT]?)(i?)B")
_POWERS = {"": 0, "k": 1, "K": 1, "M": 2, "G": 3, "T": 4}


class ProcessSpec(NamedTuple):
    """How a task runs in another process."""

    executor: str

    memory: int | None  # bytes
    import_from: tuple[tuple[str, str], ...]  # modules that may declare it, each with its file


def elsewhere(
    fn: Any, isolation: object, memory: str | int | None, executor: str | None
) -> ProcessSpec | None:
    """How the task runs in another process; None if it does not. Raises UsageError and DeclarationError."""
    if isolation is None and memory is not None:
        raise UsageError(
            f"@task(memory={memory!r}): only a process of its own can be capped",
            fix='add isolation="process"',
        )
    if isolation is None and executor in (None, "loop", "threads"):
        return None
    if isolation is None:
        return ProcessSpec(_own_executor(executor), None, _import_from(fn))
    if isolation != "process":
        raise UsageError(f'@task(isolation={isolation!r}): "process" is all there is')
    if executor is not None:
        raise UsageError(
            f'@task(executor={executor!r}, isolation="process"): one or the other',
            fix="leave executor= out",
        )
    if "<locals>" in getattr(fn, "__qualname__", ""):
        raise DeclarationError(
            f"{fn.__qualname__} cannot run in a process of its own: that would not find it by its name",
            fix="define it at the top level of a module and pass what it needs as arguments",
        )
    return ProcessSpec("processes", _bytes(memory), _import_from(fn))


def _own_executor(name: object) -> str:
    """The name of one that an app is given."""
    if not isinstance(name, str) or not name:
        wanted = '"loop", "threads" or the name of an executor of the app is needed'
        raise UsageError(f"@task(executor={name!r}): {wanted}")
    if name == "processes":
        raise UsageError('@task(executor="processes") is no executor of an app', fix='isolation="process"')
    return name


def _bytes(memory: str | int | None) -> int | None:
    if memory is None:
        return None
    size: object = memory
    if isinstance(size, str) and (match := _SIZE.fullmatch(size.strip())):
        number, power, binary = match.groups()
        size = int(float(number) * (1024 if binary else 1000) ** _POWERS[power])
    if type(size) is not int:
        raise UsageError(f'@task(memory={memory!r}): bytes, or text such as "512 MB" or "1 GiB"')
    if size < MEMORY_MIN:
        raise UsageError(
            f"@task(memory={memory!r}): an interpreter alone needs much of that",
            fix=f"give it {MEMORY_MIN // 2**20} MiB at least",
        )
    return size


def _import_from(fn: Any) -> tuple[tuple[str, str], ...]:
    """Where the function is defined, and where it is declared: `task(requests.get)` are two modules."""
    defined, declared = getattr(fn, "__module__", None), declaring_frame().f_globals
    spaces: dict[str, Mapping[str, Any]] = {}
    if defined and defined != "functools":
        spaces[defined] = getattr(inspect.unwrap(fn), "__globals__", {})
    if name := declared.get("__name__"):
        spaces[name] = declared
    return tuple(_home(module, space) for module, space in spaces.items())


def _home(module: str, space: Mapping[str, Any]) -> tuple[str, str]:
    """The name by which a process imports it, and its file."""
    if space.get("__name__") != module:
        space = vars(sys.modules[module]) if module in sys.modules else {}
    file = file_of(space)
    if module in MAIN:
        spec = space.get("__spec__")
        if not file:
            raise DeclarationError(
                "a process of the task's own could not import it: it is declared in an interactive session",
                fix="put it into a module and import it from there",
            )
        module = spec.name if spec is not None else module_name(module, space)
    return module, os.path.realpath(file) if file else ""
