"""Where the code of a run is: whether its function is still there, and if not, what it may be called now.

Asked for by `podium why`, by `podium resume` and by the notice at each opening, so that all say the same, and
none names a command that cannot work. Files are read and never run. What is said here is a person's to
decide: a run is given to no function that has its name, or a similar one, without `podium rename`.
"""

from __future__ import annotations

import difflib
import functools
import shlex
from collections.abc import Iterable, Iterator, Mapping, Sequence
from importlib.machinery import ModuleSpec, PathFinder
from pathlib import Path
from typing import NamedTuple

from ..model import BY_ITS_PROGRAM, Kind, Query, RunRow, is_undo, label_of
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
from .bodies import Body
from .declared import Declared, declared_in, files_with, step_of
from .schedule_runs import schedule_of
from .store_view import StoreView

_SHOWN = 3
_ALIKE = 0.6  # of two names, as difflib measures it
# What stands for a step that the body has asked for; time passes by itself.
_ASKED = frozenset({Kind.RESULT, Kind.ERROR, Kind.MESSAGE, Kind.SENT})
_NEW, _BESIDE, _OLDER = range(3)


class Whereabouts(NamedTuple):
    """Of a function on record."""

    place: str  # a file, or a module that Python finds by its name; "" where neither is found
    may_be: tuple[str, ...] = ()  # names that it may have now, of which none is likelier than the others


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
    names = " or ".join(found.may_be)
    # Between several only a person can tell: no command that somebody would copy.
    new = found.may_be[0] if len(found.may_be) == 1 else "NEW"
    return WayOn(
        f"podium rename {function} {new}",
        why=(f"{gone}; it may be {names} now",),
        is_gone=True,
        may_be=found.may_be,
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
    is taken before what calls the steps on record, that before what has its qualname in a file that mentions
    them, that before what is spelled alike, or is the only new workflow of the file. What had runs when this
    one still went on is another function: it comes after all that is new, and not at all where its runs are
    older than this one.
    """

    def __init__(self, view: StoreView, row: RunRow, offered: Mapping[str, str]) -> None:
        self._view, self._row, self._offered = view, row, offered
        self._folders = folders_of(view.url, row.starter)
        self._module, _, self._qualname = row.function.rpartition(":")
        entries = history.tail(view.store, row)
        asked = [entry.step for entry in entries if entry.kind in _ASKED and not is_undo(entry.step)]
        self._steps = {step_of(label) for step in asked if (label := label_of(step))}
        self._last = max([row.created, *(entry.at for entry in entries)])
        # A task has neither steps nor a fingerprint, and cannot go on with what a workflow has on record.
        self._is_workflow = bool(row.fingerprint or self._steps)

    def found(self) -> list[str]:
        moved, renamed = self._of_its_kind(self._moved()), self._of_its_kind(self._renamed())
        names = {**renamed, **moved}
        same = [name for name, code in self._offered.items() if code and code == self._row.fingerprint]
        same = list(dict.fromkeys((*same, *filter(self._is_same_code, names))))
        if len(same) == 1:
            return same
        tiers = (
            same,
            [name for name in names if self._calls_what_is_on_record(name)],
            [name for name, words in moved.items() if self._steps and self._steps <= words],
        )
        age = functools.cache(self._age)
        for wanted in (_NEW, _BESIDE):
            for tier in tiers:
                if fitting := [name for name in tier if age(name) == wanted]:
                    return self._likeliest(fitting)
            alike = [name for name in renamed if self._likeness(name) >= _ALIKE and age(name) == wanted]
            alone = [name for name in renamed if age(name) == wanted]
            elsewhere = [name for name in moved if age(name) == wanted]
            if likely := {*elsewhere, *alike, *(alone if len(alone) == 1 else ())}:
                return self._likeliest(likely)
        return []

    def _likeliest(self, names: Iterable[str]) -> list[str]:
        return sorted(names, key=self._likeness, reverse=True)[:_SHOWN]

    def _age(self, name: str) -> int:
        """Whether it has come up since, was there beside the other one, or before that."""
        if not self._had_runs(name, self._last):
            return _NEW
        return _OLDER if self._had_runs(name, self._row.created) else _BESIDE

    def _moved(self) -> dict[str, frozenset[str]]:
        """Of its qualname in another module, with the words of the file."""
        if not self._module:
            return {}
        names = {name: self._words(name) for name in self._offered if self._is_same(name)}
        for _, declared in _naming(self._folders, f"def {self._qualname.rpartition('.')[2]}"):
            kinds = declared.functions.items()
            names |= {
                n: declared.words for n, kind in kinds if kind is self._is_workflow and self._is_same(n)
            }
        return names

    def _of_its_kind(self, names: dict[str, frozenset[str]]) -> dict[str, frozenset[str]]:
        url, starter = self._view.url, self._row.starter
        kinds = {name: is_workflow(url, name, starter, self._offered) for name in names}
        return {name: names[name] for name, kind in kinds.items() if kind in (None, self._is_workflow)}

    def _is_same(self, name: str) -> bool:
        return name.rpartition(":")[2] == self._qualname and name != self._row.function

    def _renamed(self) -> dict[str, frozenset[str]]:
        """In its own file, under another name; or, of a name that was given, one that is spelled alike."""
        declared = self._declared(f"{self._module}:") if self._module else None
        alike = difflib.get_close_matches(self._row.function, list(self._offered), _SHOWN, _ALIKE)
        names = {name: self._words(name) for name in alike}
        if declared is not None:
            kinds = declared.functions.items()
            names |= {name: declared.words for name, kind in kinds if kind is self._is_workflow}
        return names

    def _declared(self, name: str) -> Declared | None:
        module = name.rpartition(":")[0]
        starter = self._row.starter if module == self._module else ""
        file = file_of(module, starter, self._folders) if module else None
        return declared_in(file) if file is not None else None

    def _words(self, name: str) -> frozenset[str]:
        declared = self._declared(name)
        return declared.words if declared is not None else frozenset()

    def _body(self, name: str) -> Body | None:
        declared = self._declared(name)
        return declared.bodies.get(name) if declared is not None else None

    def _is_same_code(self, name: str) -> bool:
        """To the letter, but for its name."""
        body, former = self._body(name), self._qualname.rpartition(".")[2] if self._module else ""
        return body is not None and self._row.fingerprint in (body.digest(former), body.digest(""))

    def _calls_what_is_on_record(self, name: str) -> bool:
        body = self._body(name)
        return body is not None and bool(self._steps) and self._steps <= body.words

    def _likeness(self, name: str) -> float:
        """Of the names alone where the module is the same, which would make all of one alike."""
        ours, theirs = self._row.function, name
        if name.rpartition(":")[0] == self._module:
            ours, theirs = self._qualname, name.rpartition(":")[2]
        return difflib.SequenceMatcher(None, ours, theirs).ratio()

    def _had_runs(self, name: str, before: float) -> bool:
        return bool(self._view.store.find(Query(function=name, created=(0.0, before), limit=1)))
