"""SQL lives in .sql files, one folder per backend: `queries.sql` and numbered migrations.

In `queries.sql` a statement starts at a line `-- name: some_name` and ends where the next one starts.
Comments are for the reader of the file; they are dropped here, so that error messages and query plans show
the statement alone.
"""

from __future__ import annotations

import re
from pathlib import Path

# Not importlib.resources, whose import (zipfile and all) is a tenth of what it costs to look at a store.
_HERE = Path(__file__).parent
_NAME = re.compile(r"^-- name: (\w+)$", re.MULTILINE)
_COMMENT_LINE = re.compile(r"^\s*--.*\n?", re.MULTILINE)


def queries(backend: str) -> dict[str, str]:
    """The statements of a backend by name."""
    text = (_HERE / backend / "queries.sql").read_text("utf-8")
    _, *parts = _NAME.split(text)
    names, bodies = parts[::2], parts[1::2]
    if len(set(names)) != len(names):
        raise ValueError(f"{backend}/queries.sql has two statements of one name")
    return {name: _COMMENT_LINE.sub("", body).strip() for name, body in zip(names, bodies, strict=True)}


def migrations(backend: str) -> list[str]:
    """The migration scripts of a backend; the first one brings the schema to version 1, and so on.

    Files are called `NNN_what.sql` and counted from 001 without a gap.
    """
    found = sorted(
        (file for file in (_HERE / backend).iterdir() if file.name[:3].isdigit()),
        key=lambda file: file.name,
    )
    if [int(file.name[:3]) for file in found] != list(range(1, len(found) + 1)):
        raise ValueError(f"the migrations of {backend} are not numbered 001, 002, ...")
    return [file.read_text("utf-8") for file in found]
