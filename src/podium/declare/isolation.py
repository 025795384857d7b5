"""`@task(isolation="process")`: what a process of the task's own needs to know, checked at once."""

from __future__ import annotations

import os
import re
import sys
from typing import Any, NamedTuple

from ..client import module_name
from ..errors import DeclarationError, UsageError

MEMORY_MIN = 64 * 1024 * 1024  # bytes; an interpreter with Podium and little else needs half of that
_SIZE = re.compile(r"(\d+(?:\.\d+)?) ?([kKMGT]?)(i?)B")
_POWERS = {"": 0, "k": 1, "K": 1, "M": 2, "G": 3, "T": 4}


class Apart(NamedTuple):
    """How a task runs in a process of its own."""

    memory: int | None  # bytes
    homes: tuple[tuple[str, str], ...]  # modules that may declare it, each with its file


def isolated(fn: Any, isolation: object, memory: str | int | None, executor: object) -> Apart | None:
    """What `isolation=` asks for; None if it does not. Raises UsageError and DeclarationError."""
    if isolation is None:
        if memory is not None:
            raise UsageError(
                f"@task(memory={memory!r}): only a process of its own can be capped",
                fix='add isolation="process"',
            )
        return None
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
    return Apart(_bytes(memory), _homes(fn))


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


def _homes(fn: Any) -> tuple[tuple[str, str], ...]:
    """Where the function is defined, and where it is declared: `task(requests.get)` are two modules."""
    frame = sys._getframe(1)  # pyright: ignore[reportPrivateUsage]  # documented all the same
    while frame.f_back is not None and frame.f_globals.get("__name__", "").startswith("podium."):
        frame = frame.f_back
    modules = {getattr(fn, "__module__", None): None, frame.f_globals.get("__name__"): None}
    return tuple(_home(module) for module in modules if module and module != "functools")


def _home(module: str) -> tuple[str, str]:
    file = getattr(sys.modules.get(module), "__file__", None) or ""
    if module != "__main__":
        return module, os.path.realpath(file) if file else ""
    spec = getattr(sys.modules["__main__"], "__spec__", None)
    if spec is not None and spec.name:
        return spec.name, os.path.realpath(file) if file else ""
    if not file:
        raise DeclarationError(
            "a process of the task's own could not import it: it is declared in an interactive session",
            fix="put it into a module and import it from there",
        )
    return module_name(module), os.path.realpath(file)
