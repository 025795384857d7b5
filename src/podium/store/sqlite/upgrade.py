"""What the migration scripts need and SQL cannot say; each function is there while its script runs.

004: a step was known as "scope/module:qualname#n" and is known as "scope/qualname#n" now, the module beside
it. `n` counts the calls of one function in its scope. Two functions of one name, from two modules, in one
scope now count together: then the order in which a run first recorded them stands for the order of the
calls, as it is in code that awaits one call after the other.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Generator, Iterator
from contextlib import contextmanager
from itertools import groupby
from typing import Any, cast

import apsw

from .payloads import blob_name
from .statements import SQL

_SHAPES = 4


@contextmanager
def functions_of(connection: apsw.Connection, version: int) -> Generator[None]:
    """The functions of the script that brings the schema to this version."""
    create = cast(Any, connection).create_scalar_function  # apsw's annotations need Buffer of Python 3.12
    named = _of_shapes(connection) if version == _SHAPES else {}
    for name, function in named.items():
        create(name, function, deterministic=True)
    try:
        yield
    finally:
        for name in named:
            create(name, None)


def _of_shapes(connection: apsw.Connection) -> dict[str, Callable[..., Any]]:
    renumbered = dict(_clashes(connection))

    def step_identity(run: int, step: str) -> str:
        scope, name, number = _split(step)
        return renumbered.get((run, step)) or f"{scope}/{_bare(name)}{number}" if "/" in step else step

    return {
        "step_identity": step_identity,
        "step_module": _module,
        "first_byte": _first_byte,
        "blob_name": blob_name,
        "tags_as_json": _tags_as_json,
        "headers_of_0_1": _headers_of_0_1,
    }


def _module(step: str) -> str:
    return _split(step)[1].rpartition(":")[0]


def _first_byte(data: bytes) -> int:
    return data[0] if data else 0


def _headers_of_0_1(function: str) -> str:
    """Its steps, and those of its retries, keep the idempotency keys that they had, with a module."""
    return json.dumps({"module": function.rpartition(":")[0]})


def _tags_as_json(tags: str) -> str:
    return json.dumps(list(dict.fromkeys(tags.split())), ensure_ascii=False)


def _split(step: str) -> tuple[str, str, str]:
    """ "1.2/shop:pay#3" -> ("1.2", "shop:pay", "#3")."""
    scope, _, rest = step.partition("/")
    name, mark, number = rest.partition("#")
    return scope, name, mark + number


def _bare(name: str) -> str:
    return name.rpartition(":")[2]


def _clashes(connection: apsw.Connection) -> Iterator[tuple[tuple[int, str], str]]:
    """((run, old identity), new identity) of steps that two modules have by one name in one scope."""
    # One by one, not by `rows`, which holds them all: this is a walk over the whole history.
    found = cast(Any, connection).execute(SQL["steps_before_004"])
    for run, steps in groupby(found, lambda row: row[0]):
        by_name: dict[tuple[str, str], dict[str, None]] = {}
        for _, step in steps:
            scope, name, _ = _split(step)
            by_name.setdefault((scope, _bare(name)), {})[step] = None
        for (scope, name), olds in by_name.items():
            if len({_split(old)[1] for old in olds}) > 1:
                for n, old in enumerate(olds):
                    yield (run, old), f"{scope}/{name}#{n}" if n else f"{scope}/{name}"
