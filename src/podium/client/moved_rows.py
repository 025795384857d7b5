"""What a move changes in rows: the names that projects have in the other store.

In a project's own file its runs have no name; on a server, and in a file elsewhere, they have the project's.
So it is wherever the name stands: in a run's column, in the arguments of a schedule, and in the unique names
of schedules, of their runs and of alerts. An alert's arguments stay: their digests are in its history, and
nothing asks them for the project once its run has begun.
"""

from __future__ import annotations

import os
from collections.abc import Sequence
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import msgspec

from .. import codec
from ..engine import name_of_alert
from ..errors import PodiumError, StoreRefused
from ..functions import registry
from ..model import ALERT, BY_ITS_PROGRAM, OWN, SCHEDULE, SCHEDULE_TASK
from ..modules import find_file, home_of_folder, is_installed, source_roots
from ..opening import is_on_server
from ..store import project_folder
from .project import label_in
from .schedule_record import Plan, name_of_its_run, name_of_schedule, read, written


class RowsOfMove:
    """What the rows of one store are in another one."""

    def __init__(self, source: str, target: str) -> None:
        folder = project_folder(source) or project_folder(target) or Path.cwd()
        self._folder, self._home = folder, home_of_folder(folder)
        self._target = target
        # On a server a project without a name has no runs.
        self._is_known = not (is_on_server(source) and os.path.isabs(self._home.label))
        self._label = label_in(source, self._home) if self._is_known else ""
        self._is_nobodys: dict[str, bool] = {}  # by module
        # Of looks at schedules that are under way: by run, the digest of the call as it was and as it is.
        self._looks: dict[Any, tuple[bytes, bytes]] = {}

    def row(self, table: str, columns: Sequence[str], row: tuple[Any, ...]) -> tuple[Any, ...]:
        """A row as it is in the target. Raises StoreRefused where its project has no name there."""
        if table not in ("runs", "history"):
            return row
        cells = dict(zip(columns, row, strict=True))
        if table == "runs":
            self._move_run(cells)
        elif cells["run"] in self._looks:
            before, after = self._looks[cells["run"]]
            if bytes(cells["digest"] or b"") == before:
                cells["digest"] = after
        return tuple(cells[name] for name in columns)

    def _move_run(self, cells: dict[str, Any]) -> None:
        function: str = cells["function"]
        if function == SCHEDULE:
            self._move_schedule(cells)
        elif function == ALERT:
            self._move_alert(cells)
        elif not function.startswith(OWN):
            before, after = cells["project"], self._name_of(function, cells["project"])
            schedule = _schedule_of(cells["context"])
            if schedule and cells["unique_name"] == name_of_its_run(before, schedule):
                cells["unique_name"] = name_of_its_run(after, schedule)
            cells["project"] = after

    def _move_schedule(self, cells: dict[str, Any]) -> None:
        try:
            given = codec.decode(cells["args"])
            plan, standing = read(given["plan"], given["standing"])
        except (PodiumError, msgspec.ValidationError, KeyError, TypeError):
            return  # nothing that Podium has written
        moved = self._plan(plan)
        if moved.project == plan.project:
            return
        arguments = written(moved, standing)
        args, digest = codec.encode_call(arguments, where="schedule")
        self._looks[cells["id"]] = (_digest_of_look(given), _digest_of_look(arguments))
        cells["args"], cells["digest"] = args, digest
        if cells["unique_name"] == name_of_schedule(plan):
            cells["unique_name"] = name_of_schedule(moved)

    def _plan(self, plan: Plan) -> Plan:
        return msgspec.structs.replace(plan, project=self._name_of(plan.function, plan.project))

    def _move_alert(self, cells: dict[str, Any]) -> None:
        try:
            about = codec.decode(cells["args"])["about"]
            function, project = str(about["function"]), str(about["project"])
            before = name_of_alert(project, str(about["fingerprint"]))
        except (PodiumError, KeyError, TypeError):
            return  # nothing that Podium has written
        if cells["unique_name"] == before:
            cells["unique_name"] = name_of_alert(self._name_of(function, project), str(about["fingerprint"]))

    def _name_of(self, function: str, project: str) -> str:
        """What the target calls the project of a function's runs, which are of `project` in the source."""
        if project == BY_ITS_PROGRAM:
            return project
        module = function.rpartition(":")[0]
        if not project and self._belongs_to_nobody(module):
            return ""
        is_ours = self._is_known and project == self._label
        name = label_in(self._target, self._home) if is_ours else project
        if is_on_server(self._target) and (not name or os.path.isabs(name)):
            raise StoreRefused(
                f"it holds runs of {project or 'a project that nothing names'}, which is not this folder's",
                fix="podium move in that project's folder, or PODIUM_PROJECT=name",
            )
        return name

    def _belongs_to_nobody(self, module: str) -> bool:
        """Whether functions of a module have no project in any store: their author has named
        them, or they are of what is installed. As far as this can be told without importing it."""
        if module not in self._is_nobodys:
            self._is_nobodys[module] = not module or (
                find_file(module, source_roots(self._folder)) is None and _is_installed(module)
            )
        return self._is_nobodys[module]


def _is_installed(module: str) -> bool:
    """By the package that it is of: to look for the module itself would import that."""
    try:
        spec = find_spec(module.partition(".")[0])
    except (ImportError, ValueError):
        return False
    places = [] if spec is None else [spec.origin, *(spec.submodule_search_locations or ())]
    return any(place is not None and is_installed(place) for place in places)


class _Context(msgspec.Struct):
    """Of a run's context what a move needs: the schedule that started it."""

    schedule: str = ""


def _schedule_of(context: str) -> str:
    """The schedule that started a run, "" if none."""
    try:
        return msgspec.json.decode(context or "{}", type=_Context).schedule
    except msgspec.DecodeError:
        return ""


def _digest_of_look(arguments: dict[str, Any]) -> bytes:
    """Of the call by which a schedule's run looks, as its history has it."""
    task = registry[SCHEDULE_TASK]
    return task.encode(task.bind((arguments["plan"], arguments["standing"]), {}), 2)[1]
