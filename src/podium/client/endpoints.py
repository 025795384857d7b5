"""The executors that the environment gives to every app."""

from __future__ import annotations

import os

from ..errors import UsageError
from ..executors import ExecutorFactory, dask_cluster, endpoint, ray_cluster


def configured_executors() -> dict[str, ExecutorFactory]:
    """What every app has: "dask" and "ray", at `PODIUM_DASK` and `PODIUM_RAY` or made on this host when they
    are first used; "http" with `PODIUM_HTTP_URL` and `PODIUM_HTTP_KEY`. Raises UsageError for what cannot be.
    """
    found = {
        "dask": dask_cluster(os.environ.get("PODIUM_DASK", "")),
        "ray": ray_cluster(os.environ.get("PODIUM_RAY", "")),
    }
    url = os.environ.get("PODIUM_HTTP_URL")
    if not url:
        return found
    key = os.environ.get("PODIUM_HTTP_KEY")
    if not key:
        raise UsageError("PODIUM_HTTP_URL is set without a key", fix="set PODIUM_HTTP_KEY, see docs/http.md")
    return {**found, "http": endpoint(url, key=key)}
