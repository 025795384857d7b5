"""Stores readings in a SQLite file; the same ones again change nothing."""

from __future__ import annotations

import sqlite3
from contextlib import closing

from .readings import Reading


def store(file: str, readings: list[Reading]) -> int:
    """How many rows the file has then."""
    with closing(sqlite3.connect(file)) as database, database:
        database.execute("CREATE TABLE IF NOT EXISTS readings (at TEXT PRIMARY KEY, value REAL NOT NULL)")
        rows = [(each.at.isoformat(" "), each.value) for each in readings]
        database.executemany("INSERT OR REPLACE INTO readings VALUES (?, ?)", rows)
        return database.execute("SELECT count(*) FROM readings").fetchone()[0]
