"""Values of a run by themselves, as files to keep."""

from __future__ import annotations

from ...errors import RunNotFound
from ...model import State
from ..http import Answer
from ..service import Service


def argument(service: Service, run: str) -> Answer:
    """What a run was called with, as it is on record."""
    row = service.app.load(run)
    return _file(row.args or b"{}", f"{row.id}-input.json")


def result(service: Service, run: str) -> Answer:
    """What a run returned, as it is on record. RunNotFound (404) where it has not."""
    row = service.app.load(run)
    if row.state is not State.SUCCEEDED:
        raise RunNotFound(f"run {row.id} is {row.state}: it has no result", fix=f"GET /api/runs/{row.id}/why")
    return _file(row.payload or b"null", f"{row.id}-result.json")


def _file(payload: bytes, name: str) -> Answer:
    return Answer(200, payload, headers={"content-disposition": f'attachment; filename="{name}"'})
