"""Where the code of a run is: whether its function is still there, and if not, what it may be called now.

Asked for by `podium why`, by `podium resume` and by the notice at each opening, so that all say the same, and
none names a command that cannot work. Files are read and never run. What is said here is a person's to
decide: a run is given to no function that has its name, or a similar one, without `podium rename`.
"""

from __future__ import annotations

import difflib
import shlex
from collections.abc import Iterator, Mapping, Sequence
from importlib.machinery import ModuleSpec, PathFinder
from pathlib import Path
from typing import NamedTuple

from ..model import BY_ITS_PROGRAM, Query, RunRow
from ..modules import (
    NO_FILE,
    NOTEBOOK,
    find_file,
    had_name,
    is_installed,
    name_of_file,
    nearest_project,
    source_roots,
)
from ..store import project_folder
from . import history
from .declared import Declared, declared_in, files_with
from .schedule_runs import schedule_of
from .store_view import StoreView

_SHOWN = 3
_ALIKE = 0.6  # of two names, as difflib measures it


class Whereabouts(NamedTuple):
    """Of a function on record."""

    place: str  # a file, or a module that Python finds by its name; "" where neither is found
    may_be: tuple[str, ...] = ()  # names that it may have now; the likeliest first


class WayOn(NamedTuple):
    """What makes a run that nobody drives go on."""

    command: str
    effect: str = ""  # of the command, in words
    why: tuple[str, ...] = ()  # why it is not simply resumed, and what else may be
    is_gone: bool = False  # the function is not there any more
    may_be: tuple[str, ...] = ()  # what it may be called now

    @property
    def said(self) -> str:
        """The command with what it does, as a line to act on."""
        return f"{self.command}  {self.effect}" if self.effect else self.command


def way_on(view: StoreView, row: RunRow, offered: Mapping[str, str]) -> WayOn:
    """The command that makes it go on. `offered`: functions that are known to be there, with the
    fingerprints of their code."""
    function = row.function
    module = function.partition(":")[0]
    if row.project == BY_ITS_PROGRAM:
        if not row.starter:
            return WayOn(f"podium cancel {row.id}", "ends it", ("nothing tells its next execution",))
        again = row.starter if row.starter.endswith(NOTEBOOK) else f"python {shlex.quote(row.starter)}"
        return WayOn(again, "goes on with it", ("only the program that has begun it goes on with it",))
    schedule = schedule_of(row)
    if schedule is not None:
        name, started = schedule
        return WayOn(f"podium worker {started.partition(':')[0]}", f"keeps the schedule {name}")
    if module.endswith(NOTEBOOK) or module.startswith(NO_FILE):
        is_session = module.startswith(NO_FILE)
        what = "a session that no file holds" if is_session else "a notebook"
        why = f"{function} is of {what}: no other process has its code"
        if is_session:
            return WayOn(f"podium terminate {row.id}", "ends it", (why,))
        return WayOn(f"make the same call in {module}", "goes on with it", (why,))
    found = whereabouts(view, row, offered)
    if found.place:
        return WayOn(f"podium resume {row.id}", "drives it here")
    gone = f"nothing here declares {function} any more"
    if not found.may_be:
        back = f"bring {function} back, or: podium rename {function} NEW"
        return WayOn(back, why=(f"{gone}, or what looks like it",), is_gone=True)
    first, *others = (f"podium rename {function} {name}" for name in found.may_be)
    more = (f"or {name}: {command}" for name, command in zip(found.may_be[1:], others, strict=True))
    return WayOn(
        first, why=(f"{gone}; it may be {found.may_be[0]} now", *more), is_gone=True, may_be=found.may_be
    )


def whereabouts(view: StoreView, row: RunRow, offered: Mapping[str, str]) -> Whereabouts:
    """Where the function of a run is, or what it may be called now."""
    if row.function in offered:
        return Whereabouts(row.function.partition(":")[0] or row.function)
    place = find_code(row.function, row.starter, folders_of(view.url, row.starter))
    return Whereabouts(place) if place else Whereabouts("", tuple(_Lookalikes(view, row, offered).found()))


def missing_from(url: str, function: str) -> tuple[Path, list[str]] | None:
    """The file of its module where that is here and declares no such function, with those that it declares,
    the most alike first. None where it is there, or no file can tell."""
    module, _, qualname = function.rpartition(":")
    file = file_of(module, "", folders_of(url, "")) if module else None
    declared = declared_in(file) if file is not None else None
    if file is None or declared is None or qualname in declared.qualnames or function in declared.functions:
        return None
    alike = difflib.get_close_matches(function, list(declared.functions), len(declared.functions) or 1, 0.0)
    return file, alike


def starter_under(url: str, row: RunRow, function: str) -> str:
    """The script that stands for the one which started a run, where that went with the run's old name: the
    file that has the new one. "" where the old script is there, or was of another module."""
    script, module = Path(row.starter), row.function.partition(":")[0]
    if not row.starter or script.exists() or not had_name(name_of_file(script), module):
        return ""
    near = nearest_project(script.parent) or script.parent
    file = file_of(function.partition(":")[0], "", (near, *folders_of(url, row.starter)))
    return str(file) if file is not None else ""


def is_workflow(url: str, function: str, starter: str, offered: Mapping[str, str]) -> bool | None:
    """Whether a function is a workflow or a task; None where nothing here declares it."""
    if function in offered:
        return bool(offered[function])  # tasks have no fingerprint
    module = function.rpartition(":")[0]
    file = file_of(module, starter, folders_of(url, starter)) if module else None
    declared = declared_in(file) if file is not None else None
    return declared.functions.get(function) if declared is not None else None


# -- where it is -------------------------------------------------------------------------------------


def folders_of(url: str, starter: str) -> list[Path]:
    """The projects that a run may be of: around its script, its store, and where we are."""
    found: list[Path | None] = [project_folder(url)]
    if starter:
        lone = Path(starter).parent
        found.append(nearest_project(lone) or lone)
    try:
        found.append(nearest_project(Path.cwd()) or Path.cwd())
    except OSError:  # it is gone
        pass
    return list(dict.fromkeys(folder for folder in found if folder is not None))


def find_code(function: str, starter: str, folders: Sequence[Path]) -> str:
    """The file, or the module, that declares a function by this name; "" where none does."""
    module, _, qualname = function.rpartition(":")
    if not module:
        return next((str(file) for file, declared in _naming(folders, function)
                     if function in declared.functions), "")  # fmt: skip
    file = file_of(module, starter, folders)
    if file is not None:
        declared = declared_in(file)
        return str(file) if declared is None or qualname in declared.qualnames else ""
    spec = _spec(module)
    if spec is None:
        return ""
    origin = spec.origin or ""
    if not origin.endswith(".py") or is_installed(origin):
        return module
    return module if name_of_file(origin) == module else ""


def file_of(module: str, starter: str, folders: Sequence[Path]) -> Path | None:
    """The file of a module: the script that started the run, or one of these projects."""
    script = Path(starter)
    if script.suffix == ".py" and script.exists() and had_name(name_of_file(script), module):
        return script
    return find_file(module, (root for folder in folders for root in (folder, *source_roots(folder))))


def _naming(folders: Sequence[Path], text: str) -> Iterator[tuple[Path, Declared]]:
    """The files of these projects that hold a piece of text, read."""
    for folder in folders:
        for file in files_with(folder, text):
            declared = declared_in(file)
            if declared is not None:
                yield file, declared


def _spec(module: str) -> ModuleSpec | None:
    """What an import would find, without importing anything, packages above it included."""
    path: Sequence[str] | None = None
    spec: ModuleSpec | None = None
    name = ""
    for part in module.split("."):
        name = f"{name}.{part}" if name else part
        spec = PathFinder.find_spec(name, path)
        if spec is None:
            return None
        path = list(spec.submodule_search_locations or ())
    return spec


# -- what it may be called ---------------------------------------------------------------------------


class _Lookalikes:
    """Names that a function which is gone may have now.

    Of its qualname in another file, or else what its own file declares. Code that is the same to the letter
    is taken alone, else what mentions the steps on record, else what is spelled alike, or is the only
    workflow of the file. A name that had runs before this run was started is another function's.
    """

    def __init__(self, view: StoreView, row: RunRow, offered: Mapping[str, str]) -> None:
        self._view, self._row, self._offered = view, row, offered
        self._folders = folders_of(view.url, row.starter)
        self._module, _, self._qualname = row.function.rpartition(":")
        steps = (entry.step.partition("/")[2].partition("#")[0] for entry in history.tail(view.store, row))
        self._steps = {step.rpartition(".")[2] for step in steps if step}
        # A task has neither steps nor a fingerprint, and cannot go on with what a workflow has on record.
        self._is_workflow = bool(row.fingerprint or self._steps)

    def found(self) -> list[str]:
        same = [name for name, code in self._offered.items() if code and code == self._row.fingerprint]
        if len(same) == 1:
            return same
        moved, renamed = self._of_its_kind(self._moved()), self._of_its_kind(self._renamed())
        names = {**renamed, **moved}
        fitting = [name for name, words in names.items() if self._steps and self._steps <= words]
        spelled = [name for name in renamed if len(renamed) == 1 or self._likeness(name) >= _ALIKE]
        likely = sorted(fitting or {**moved, **dict.fromkeys(spelled)}, key=self._likeness, reverse=True)
        return [name for name in likely[: 2 * _SHOWN] if not self._lived_beside(name)][:_SHOWN]

    def _moved(self) -> dict[str, frozenset[str]]:
        """Of its qualname in another module, with the words of the file."""
        if not self._module:
            return {}
        names = {name: self._words(name) for name in self._offered if self._is_same(name)}
        for _, declared in _naming(self._folders, f"def {self._qualname.rpartition('.')[2]}"):
            names |= {name: declared.words for name in declared.functions if self._is_same(name)}
        return names

    def _of_its_kind(self, names: dict[str, frozenset[str]]) -> dict[str, frozenset[str]]:
        url, starter = self._view.url, self._row.starter
        kinds = {name: is_workflow(url, name, starter, self._offered) for name in names}
        return {name: names[name] for name, kind in kinds.items() if kind in (None, self._is_workflow)}

    def _is_same(self, name: str) -> bool:
        return name.rpartition(":")[2] == self._qualname and name != self._row.function

    def _renamed(self) -> dict[str, frozenset[str]]:
        """In its own file, under another name; or, of a name that was given, one that is spelled alike."""
        file = file_of(self._module, self._row.starter, self._folders) if self._module else None
        declared = declared_in(file) if file is not None else None
        alike = difflib.get_close_matches(self._row.function, list(self._offered), _SHOWN, _ALIKE)
        names = {name: self._words(name) for name in alike}
        if declared is not None:
            names |= dict.fromkeys(declared.functions, declared.words)
        return names

    def _words(self, name: str) -> frozenset[str]:
        module = name.rpartition(":")[0]
        file = file_of(module, "", self._folders) if module else None
        declared = declared_in(file) if file is not None else None
        return declared.words if declared is not None else frozenset()

    def _likeness(self, name: str) -> float:
        return difflib.SequenceMatcher(None, self._row.function, name).ratio()

    def _lived_beside(self, name: str) -> bool:
        """Whether another function had that name before: runs of it are older."""
        until = (0.0, self._row.created)
        return bool(self._view.store.find(Query(function=name, created=until, limit=1)))
