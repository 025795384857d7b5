"""A store with very many runs, made by copying one: what a list over a million of them is measured on."""

from __future__ import annotations

import random
import sqlite3
from collections.abc import Iterator
from pathlib import Path
from typing import Any

_DAY = 86_400.0
_STATES = ["succeeded"] * 97 + ["failed"] * 2 + ["cancelled"]


def fill(file: Path, count: int) -> None:
    """Add so many runs to a store that has one which has succeeded: of 30 functions, over the last 30 days
    before it, one of fifty with a tag, three of a hundred failed or cancelled."""
    store = sqlite3.connect(file, isolation_level=None)
    store.row_factory = sqlite3.Row
    model: dict[str, Any] = dict(store.execute("SELECT * FROM runs WHERE state = 'succeeded'").fetchone())
    names, places = ", ".join(model), ", ".join("?" * len(model))
    store.execute("BEGIN")
    store.executemany(f"INSERT INTO runs ({names}) VALUES ({places})", _rows(model, count))
    store.execute(
        "INSERT OR IGNORE INTO run_tags SELECT value, runs.key FROM runs, json_each(tags) WHERE tags <> '[]'"
    )
    store.execute("COMMIT")
    store.close()


def _rows(model: dict[str, Any], count: int) -> Iterator[tuple[Any, ...]]:
    chance = random.Random(7)
    first = model["created"] - 30 * _DAY
    for n in range(count):
        created = first + n * 30 * _DAY / (count + 1)
        id = f"1a{n:016x}"
        row = model | {
            "key": None,
            "id": id,
            "root": id,
            "seed": id,
            "created": created,
            "began": created,
            "started": created,
            "ended": created + 5 * chance.random(),
            "state": chance.choice(_STATES),
            "function": f"shop.flows:job{min(int(chance.expovariate(0.3)), 29)}",
            "tags": "[]" if n % 50 else '["nightly"]',
        }
        yield tuple(row.values())
