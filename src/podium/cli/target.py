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

from .. import changes
from ..declare import Durable, Workflow
from ..errors import PodiumError, RunNotFound, UsageError
from ..executors import capture, loading
from ..functions import Function, registry
from ..inspect import Frame, file_of, find_code, folders_of
from ..lines import is_user_file
from ..modules import NO_FILE, NOTEBOOK, name_of_file, project_of, source_roots
from .neighbours import require_own_neighbours
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


def load_for(function: str, starter: str, url: str) -> Target:
    """The function of a run on record: from its module, wherever that is in the project of its store or its
    script, or from the script itself. Raises TargetNotFound, BrokenModule."""
    module = function.partition(":")[0]
    if module.startswith(NO_FILE) or module.endswith(NOTEBOOK):
        what = "a notebook" if module.endswith(NOTEBOOK) else "a session that no file holds"
        raise TargetNotFound(
            f"{safe(function)} is of {what}: no other process has its code",
            fix="call it there again, or put it into a module",
        )
    folders = folders_of(url, starter)
    place = find_code(function, starter, folders) or file_of(module, starter, folders) or module
    found = load_module(str(place))
    if function not in registry:
        raise TargetNotFound(
            f"{shown_path(found)} declares no {safe(function)} any more",
            fix="bring it back under that name, or name= it so",
        )
    file = getattr(found, "__file__", None)
    return Target(registry[function], os.path.abspath(file) if file else "")


def shown_path(module: ModuleType) -> str:
    """A module as people find it."""
    file: str | None = getattr(module, "__file__", None)
    return os.path.relpath(file) if file else module.__name__


# -- the module --------------------------------------------------------------------------------------


def load_module(place: str) -> ModuleType:
    """By dotted name from the working directory or its project, or by path; for what it declares alone: a
    script that starts runs when it is imported, which nobody has asked for here, is broken.

    Raises TargetNotFound, or BrokenModule; then nothing that it declared is left in the registry.
    """
    capture.stand_in()  # before it, so that the log handlers that it makes write where a live view expects it
    before = set(registry)
    try:
        with loading(place):
            return _imported(place)
    except BaseException as error:
        for name in registry.keys() - before:
            if registry[name].fn.__module__ not in sys.modules:  # what it did import whole stays
                del registry[name]
        told = _told(place, error)
        if told is error:
            raise
        raise told from error


def _imported(place: str) -> ModuleType:
    if place.endswith(".py") or "/" in place or os.sep in place:
        return _by_path(Path(place))
    if not place or place.startswith("."):  # which Python would take for relative to a package
        raise _no_module(place)
    _FOLDERS.install(os.getcwd(), *map(str, source_roots(Path.cwd())))
    module = importlib.import_module(place)
    if file := getattr(module, "__file__", None):
        require_own_neighbours(Path(file), by_path=False)
    return module


def _look_in(*folders: str) -> None:
    """The first of them first."""
    for folder in reversed(folders):
        if folder not in sys.path:
            sys.path.insert(0, folder)


_FOLDERS = changes.declare(
    "sys.path",
    when=f"{changes.COMMAND} that is given a module",
    why="it is found in this folder and the source root, as by `python -m`",
    until=changes.NEVER,
    install=_look_in,
)


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
    name, file = name_of_file(path), str(path.absolute())
    project = project_of(Path(os.path.realpath(file)))
    # What lies beside it, as for a script; then what an import statement finds.
    _FOLDERS.install(os.path.dirname(file), *([str(project.root)] if project is not None else []))
    known = sys.modules.get(name)
    if known is not None:
        if os.path.realpath(getattr(known, "__file__", None) or "") == os.path.realpath(file):
            return known
        raise UsageError(
            f"{path} would be the module {name!r}, but another one has that name", fix="rename the file"
        )
    require_own_neighbours(path, by_path=True)
    if _is_of_package(name, file):
        return importlib.import_module(name)
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


def _is_of_package(name: str, file: str) -> bool:
    """Whether Python finds the file by its name, below packages that are to be imported before it."""
    package = name.rpartition(".")[0]
    if not package or not os.path.exists(os.path.join(os.path.dirname(file), "__init__.py")):
        return False
    spec = importlib.util.find_spec(name)
    return (
        spec is not None
        and spec.origin is not None
        and os.path.realpath(spec.origin) == os.path.realpath(file)
    )


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
