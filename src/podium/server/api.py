"""Every route of the API, with what it asks for."""

from __future__ import annotations

from .access import Permission
from .routes import Route, Table
from .views import overview, runs

_LOOK = Permission.LOOK

TABLE = Table(
    [
        Route("GET", "/health", Permission.HEALTH, overview.health),
        Route("GET", "/api/me", _LOOK, overview.me),
        Route("GET", "/api/now", _LOOK, overview.now),
        Route("GET", "/api/runs", _LOOK, runs.listed),
        Route("GET", "/api/runs/facets", _LOOK, runs.facets),
        Route("GET", "/api/runs/{run}", _LOOK, runs.one),
    ]
)
