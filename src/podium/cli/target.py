"""From `module:workflow` or `path/to/file.py:workflow` to the declared function."""

from __future__ import annotations

import difflib
import importlib
import importlib.util
import os
import sys
import traceback
from pathlib import Path
from types import ModuleType
from typing import NamedTuple

from ..declare import Durable, Workflow
from ..errors import PodiumError, RunNotFound, UsageError
from ..executors import capture
from ..functions import Function, registry
from ..inspect import Frame
from ..machine import is_user_file
from .report import frame_lines
from .terminal import safe


class BrokenModule(UsageError):
    """The user's module could not be imported."""

    code = "E120"

    def __init__(self, message: str, details: tuple[str, ...], fix: str) -> None:
        super().__init__(message, fix=fix)
        self.details = details


class TargetNotFound(RunNotFound):
    """There is no such module, or no such workflow in it."""

    code = "E121"


class Target(NamedTuple):
    function: Function
    file: str  # of its module, absolute: what identifies the starter; "" if it has none


def load(text: str) -> Target:
    """Import the module and find the workflow. Raises TargetNotFound, BrokenModule, UsageError."""
    place, _, name = text.rpartition(":") if ":" in text else (text, "", "")
    module = load_module(place)
    function = registry[_workflow(module, place, name).name]
    file = getattr(module, "__file__", None)
    return Target(function, os.path.abspath(file) if file else "")


def load_for(function: str, starter: str) -> Target:
    """The function of a run on record: from its module, or from the script that started it."""
    module = function.partition(":")[0]
    path = Path(starter)
    place = starter if path.suffix == ".py" and path.stem == module and path.exists() else module
    found = load_module(place)
    if function not in registry:
        raise TargetNotFound(
            f"{place} declares no {safe(function)} any more",
            fix="bring it back under that name, or name= it so",
        )
    file = getattr(found, "__file__", None)
    return Target(registry[function], os.path.abspath(file) if file else "")


# -- the module --------------------------------------------------------------------------------------


def load_module(place: str) -> ModuleType:
    """By dotted name from the working directory, or by path under the name that Python itself would use.

    Raises TargetNotFound, or BrokenModule; then nothing that it declared is left in the registry.
    """
    capture.stand_in()  # before it, so that the log handlers that it makes write where a live view expects it
    before = set(registry)
    try:
        if place.endswith(".py") or "/" in place or os.sep in place:
            return _by_path(Path(place))
        if not place or place.startswith("."):  # which Python would take for relative to a package
            raise _no_module(place)
        _look_in(os.getcwd())
        return importlib.import_module(place)
    except BaseException as error:
        for name in registry.keys() - before:
            if registry[name].fn.__module__ not in sys.modules:  # what it did import whole stays
                del registry[name]
        told = _told(place, error)
        if told is error:
            raise
        raise told from error


def _look_in(folder: str) -> None:
    if folder not in sys.path:
        sys.path.insert(0, folder)


def _told(place: str, error: BaseException) -> BaseException:
    """What went wrong with loading a module, as its user is told."""
    if isinstance(error, ModuleNotFoundError):
        if error.name and (place == error.name or place.startswith(f"{error.name}.")):
            return _no_module(place)
        return _broken(place, error)
    if isinstance(error, PodiumError):
        theirs = any(is_user_file(frame.filename) for frame in traceback.extract_tb(error.__traceback__))
        return _broken(place, error) if theirs else error  # ours are about where the module is
    return _broken(place, error) if isinstance(error, (Exception, SystemExit)) else error


def _by_path(path: Path) -> ModuleType:
    if path.suffix != ".py":
        path = path.with_name(f"{path.name}.py")
    if not path.is_file():
        raise _no_module(str(path))
    name, file = path.stem, str(path.absolute())
    known = sys.modules.get(name)
    if known is not None and os.path.abspath(getattr(known, "__file__", None) or "") != file:
        raise UsageError(
            f"{path} would be the module {name!r}, but another one has that name", fix="rename the file"
        )
    _look_in(str(path.absolute().parent))
    spec = importlib.util.spec_from_file_location(name, file)
    if spec is None or spec.loader is None:
        raise _no_module(str(path))
    module = sys.modules[name] = importlib.util.module_from_spec(spec)
    try:
        spec.loader.exec_module(module)
    except BaseException:
        del sys.modules[name]
        raise
    return module


def _no_module(place: str) -> TargetNotFound:
    folder = Path(place).parent if place.endswith(".py") else Path(*place.split(".")[:-1])
    there = [p.stem if p.suffix == ".py" else p.name for p in folder.iterdir()] if folder.is_dir() else []
    wanted = Path(place).stem if place.endswith(".py") else place.rpartition(".")[2]
    near = difflib.get_close_matches(wanted, there, 1)
    found = [p for p in folder.iterdir() if near and p.name in (near[0], f"{near[0]}.py")] if near else []
    fix = f"nearest: {found[0]}" if found else f"modules are looked for from {os.getcwd()}"
    return TargetNotFound(f"there is no module {place!r}", fix=fix)


def _broken(place: str, error: BaseException) -> BrokenModule:
    """The user's line first; importlib's frames and ours folded."""
    said = error.message if isinstance(error, PodiumError) else getattr(error, "msg", None) or error
    what = f"{place} cannot be loaded: {type(error).__name__}: {said}".rstrip(": ")
    frames = [
        Frame(f.filename, f.lineno or 0, f.name, f.line or "")
        for f in traceback.extract_tb(error.__traceback__)
    ]
    if isinstance(error, SyntaxError) and error.filename:
        frames.append(Frame(error.filename, error.lineno or 0, "<module>", (error.text or "").strip()))
    details = tuple(frame_lines(frames))
    fix = error.fix if isinstance(error, PodiumError) else ""
    if isinstance(error, ModuleNotFoundError):
        fix = f"install {error.name}, or run this where it can be found"
    return BrokenModule(what, details, fix)


# -- the workflow in it ------------------------------------------------------------------------------


def _workflow(module: ModuleType, place: str, name: str) -> Workflow[..., object, object]:
    found = vars(module)
    workflows: dict[str, Workflow[..., object, object]] = {
        key: value for key, value in found.items() if isinstance(value, Workflow)
    }
    if not name:
        if len(workflows) == 1:
            return next(iter(workflows.values()))
        names = "  ".join(f"{place}:{key}" for key in workflows)
        raise UsageError(f"which workflow of {place}?", fix=names or "it declares none: @workflow")
    if name in workflows:
        return workflows[name]
    value = found.get(name)
    if isinstance(value, Durable):
        raise UsageError(f"{name} is a task; only a workflow is run", fix="call it from a workflow")
    if callable(value):
        raise UsageError(f"{name} in {place} is a plain function", fix="put @workflow above it")
    near = difflib.get_close_matches(name, workflows, 1)
    fix = f"nearest: {place}:{near[0]}" if near else f"it has: {', '.join(workflows) or 'no workflows'}"
    raise TargetNotFound(f"{place} has no workflow {name!r}", fix=fix)
