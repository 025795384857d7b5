"""Every route of the API, with what it asks for."""

from __future__ import annotations

from .access import Permission
from .routes import Route, Table
from .views import (
    asks,
    audit,
    description,
    failures,
    grids,
    live,
    machinery,
    metrics,
    overview,
    record,
    runs,
    schedules,
    series,
    steering,
    values,
    workflows,
)

_LOOK, _STEER, _ADMIN = Permission.LOOK, Permission.STEER, Permission.ADMINISTER

TABLE = Table(
    [
        Route("GET", "/health", Permission.HEALTH, overview.health),
        Route("GET", "/api/me", _LOOK, overview.me),
        Route("GET", "/api/now", _LOOK, overview.now),
        Route("GET", "/api/runs", _LOOK, runs.listed),
        Route("GET", "/api/runs/facets", _LOOK, runs.facets),
        Route("GET", "/api/runs/grid", _LOOK, grids.grids),
        Route("GET", "/api/runs/preview", _LOOK, steering.preview),
        Route("POST", "/api/runs", _STEER, workflows.start),
        Route("POST", "/api/runs/{verb}", _STEER, steering.bulk),
        Route("GET", "/api/runs/{run}", _LOOK, runs.one),
        Route("GET", "/api/events", _LOOK, live.events),
        Route("GET", "/api/runs/{run}/wait", _LOOK, live.wait),
        Route("GET", "/api/runs/{run}/why", _LOOK, record.why),
        Route("GET", "/api/runs/{run}/steps", _LOOK, record.steps),
        Route("GET", "/api/runs/{run}/history", _LOOK, record.entries),
        Route("GET", "/api/runs/{run}/logs", _LOOK, record.lines),
        Route("GET", "/api/runs/{run}/timeline", _LOOK, record.over_time),
        Route("GET", "/api/runs/{run}/graph", _LOOK, record.drawn),
        Route("GET", "/api/runs/{run}/data", _LOOK, record.data),
        Route("GET", "/api/runs/{run}/input", _LOOK, values.argument),
        Route("GET", "/api/runs/{run}/result", _LOOK, values.result),
        Route("POST", "/api/runs/{run}/cancel", _STEER, steering.cancel),
        Route("POST", "/api/runs/{run}/retry", _STEER, steering.retry),
        Route("POST", "/api/runs/{run}/resume", _STEER, steering.resume),
        Route("POST", "/api/runs/{run}/settle", _STEER, steering.settle),
        Route("POST", "/api/runs/{run}/terminate", _STEER, steering.terminate),
        Route("GET", "/api/openapi.json", _LOOK, description.openapi),
        Route("GET", "/metrics", _LOOK, metrics.metrics),
        Route("GET", "/api/failures", _LOOK, failures.failures),
        Route("GET", "/api/workflows", _LOOK, workflows.workflows),
        Route("GET", "/api/asks", _LOOK, asks.listed),
        Route("POST", "/api/runs/{run}/answer", _STEER, asks.give),
        Route("GET", "/api/schedules", _LOOK, schedules.listed),
        Route("GET", "/api/schedules/{name}/backfill", _LOOK, schedules.backfill_preview),
        Route("POST", "/api/schedules/{name}/backfill", _STEER, schedules.backfill),
        Route("POST", "/api/schedules/{name}/pause", _STEER, schedules.pause),
        Route("POST", "/api/schedules/{name}/resume", _STEER, schedules.resume),
        Route("POST", "/api/schedules/{name}/fire", _STEER, schedules.fire),
        Route("GET", "/api/series", _LOOK, series.listed),
        Route("GET", "/api/series/{name}", _LOOK, series.one),
        Route("GET", "/api/engines", _LOOK, machinery.engines),
        Route("GET", "/api/config", _LOOK, machinery.config),
        Route("GET", "/api/audit", _ADMIN, audit.audited),
        Route("GET", "/api/tokens", _ADMIN, audit.tokens),
        Route("GET", "/api/doctor", _LOOK, machinery.doctor),
    ]
)
