"""A run as a file to keep, and its values by themselves."""

from __future__ import annotations

from ...errors import RunNotFound
from ...inspect.run_page import run_page
from ...model import State
from ..http import Response
from ..service import Service


def argument(service: Service, run: str) -> Response:
    """What a run was called with, as it is on record."""
    row = service.app.load(run)
    return _file(row.args or b"{}", f"{row.id}-input.json")


def exported(service: Service, run: str) -> Response:
    """A run as one HTML file without scripts, which opens anywhere: what `podium export` writes."""
    row = service.app.load(run)
    return _file(run_page(service.app, row).encode(), f"{row.id}.html", "text/html; charset=utf-8")


def result(service: Service, run: str) -> Response:
    """What a run returned, as it is on record. RunNotFound (404) where it has not."""
    row = service.app.load(run)
    if row.state is not State.SUCCEEDED:
        raise RunNotFound(f"run {row.id} is {row.state}: it has no result", fix=f"GET /api/runs/{row.id}/why")
    return _file(row.payload or b"null", f"{row.id}-result.json")


def _file(payload: bytes, name: str, kind: str = "application/json") -> Response:
    return Response(200, payload, kind, headers={"content-disposition": f'attachment; filename="{name}"'})
