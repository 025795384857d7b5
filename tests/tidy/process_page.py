"""python -m tests.tidy.process_page: write the table of docs/process.md anew from the registry of changes."""

from __future__ import annotations

import importlib
import pkgutil
from pathlib import Path

import podium
from podium.changes import Change, changes

PAGE = Path(__file__).parents[2] / "docs" / "process.md"
ELSEWHERE = ("podium.executors.dask", "podium.executors.dask_plugin")  # imported by processes of Dask alone
BEGIN, END = "<!-- changes: begin -->", "<!-- changes: end -->"


def declared() -> list[Change]:
    """Every change of every module, by when it is made."""
    for module in pkgutil.walk_packages(podium.__path__, "podium."):
        if not module.name.endswith("__main__") and module.name not in ELSEWHERE:
            importlib.import_module(module.name)
    return sorted(changes(), key=lambda change: (change.when, change.names))


def table() -> str:
    """As it stands in the page."""
    lines = ["| what | when | why | until |", "|---|---|---|---|"]
    for change in declared():
        what = ", ".join(f"`{name}`" for name in change.names)
        lines.append(f"| {what} | {change.when} | {change.why} | {change.until} |")
    return "\n".join(lines)


if __name__ == "__main__":
    before, _, rest = PAGE.read_text("utf-8").partition(BEGIN)
    PAGE.write_text(f"{before}{BEGIN}\n{table()}\n{END}{rest.partition(END)[2]}", "utf-8")
