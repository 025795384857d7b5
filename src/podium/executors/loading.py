"""Modules that are only imported for what they declare; in a task's own process, whose that is."""

from __future__ import annotations

import importlib
import importlib.util
import os
import sys
from collections.abc import Generator, Sequence
from contextlib import contextmanager
from contextvars import ContextVar
from typing import TYPE_CHECKING

from ..errors import DeclarationError, PodiumError, UsageError
from ..functions import Function, registry
from ..shortage import shortage_of

if TYPE_CHECKING:
    from .wire import ModuleRef

# The module being imported, by this thread: what others do meanwhile is their own affair.
_underway: ContextVar[str] = ContextVar("podium_loading", default="")

GUARD = 'put what the script does under: if __name__ == "__main__":'


@contextmanager
def loading(module: str) -> Generator[None]:
    """While it is imported for what it declares: the runs that it starts would have nobody to drive them."""
    token = _underway.set(module)
    try:
        yield
    finally:
        _underway.reset(token)


def refuse_work_while_loading() -> None:
    """Called where a store is opened and where a run is started."""
    if module := _underway.get():
        raise UsageError(f"{module} starts runs when it is imported", fix=GUARD)


def find(name: str, import_from: Sequence[ModuleRef]) -> Function:
    """The declared task, its modules imported as far as needed. Raises DeclarationError."""
    function = registry.get(name)
    for ref in import_from:
        if function is None:
            _import(ref)
            function = registry.get(name)
    if function is None:
        shown = " and ".join(ref.module for ref in import_from)
        raise DeclarationError(
            f"importing {shown} declares no task {name!r}, so a process of its own cannot run it",
            fix="declare it at the top level of a module, not under a condition",
        )
    return function


def _import(ref: ModuleRef) -> None:
    try:
        with loading(ref.module):
            if ref.module in sys.modules:
                return
            if ref.file and not _is_found(ref):
                _import_file(ref)
            else:
                importlib.import_module(ref.module)
    except (Exception, SystemExit) as error:
        if (lack := shortage_of(error)) is not None:
            raise lack from error
        said = error.message if isinstance(error, PodiumError) else f"{type(error).__name__}: {error}"
        fix = error.fix if isinstance(error, PodiumError) else ""
        raise DeclarationError(
            f"a process of the task's own could not import {ref.module}: {said}", fix=fix
        ) from error


def _is_found(ref: ModuleRef) -> bool:
    """Whether the module's name leads to its file."""
    try:
        spec = importlib.util.find_spec(ref.module)
    except (ImportError, ValueError):
        return False
    return spec is not None and spec.origin is not None and os.path.realpath(spec.origin) == ref.file


def _import_file(ref: ModuleRef) -> None:
    spec = importlib.util.spec_from_file_location(ref.module, ref.file)
    if spec is None or spec.loader is None:
        raise ImportError(f"{ref.file} is no Python file")
    module = sys.modules[ref.module] = importlib.util.module_from_spec(spec)
    try:
        spec.loader.exec_module(module)
    except BaseException:
        del sys.modules[ref.module]
        raise
