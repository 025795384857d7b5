"""Modules beside a script, which it imports by their bare names: one process has one module of each name.

Two scripts that each have a `helpers.py` of their own cannot be served by one process: the second would get
the first one's, and finish its runs with that.
"""

from __future__ import annotations

import ast
from pathlib import Path

from ..errors import UsageError

_served: dict[Path, None] = {}  # scripts that this process has been given by their path


def require_own_neighbours(script: Path, by_path: bool) -> None:
    """Raises UsageError where it and a script that is served already mean different files by one name.

    `by_path`: it is served by its path itself, so that what lies beside it is found by bare names.
    """
    script = script.resolve()
    for other in _served:
        if other.parent != script.parent:
            for name in sorted(_imported(script) | _imported(other)):
                ours, theirs = _beside(script, name), _beside(other, name)
                if ours is not None and theirs is not None and ours != theirs:
                    raise UsageError(
                        f"{script} and {other} each have a {name!r} beside them, and one process has one "
                        "module of that name: one of the two would run with the other's",
                        fix="serve each by a worker of its own, or give one of the files another name",
                    )
    if by_path:
        _served[script] = None


def _imported(script: Path) -> set[str]:
    """The modules beside a script that it imports, itself or by one of these."""
    found: set[str] = set()
    files = [script]
    while files:
        for name in _names(files.pop()) - found:
            if (file := _beside(script, name)) is not None:
                found.add(name)
                files.append(file)
    return found


def _names(file: Path) -> set[str]:
    try:
        tree = ast.parse(file.read_bytes())
    except (OSError, SyntaxError, ValueError):
        return set()  # importing it says so
    found: set[str] = set()
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            found |= {alias.name.partition(".")[0] for alias in node.names}
        elif isinstance(node, ast.ImportFrom) and not node.level and node.module:
            found.add(node.module.partition(".")[0])
    return found


def _beside(script: Path, name: str) -> Path | None:
    """The file that this name means in the script's own folder."""
    for file in (script.parent / name / "__init__.py", script.parent / f"{name}.py"):
        if file.is_file():
            return file.resolve()
    return None
