"""The executors that the environment gives to every app."""

from __future__ import annotations

import os

from ..errors import UsageError
from ..executors import ExecutorFactory, endpoint


def configured_executors() -> dict[str, ExecutorFactory]:
    """`PODIUM_HTTP_URL` and `PODIUM_HTTP_KEY` give "http". Raises UsageError where they cannot."""
    url = os.environ.get("PODIUM_HTTP_URL")
    if not url:
        return {}
    key = os.environ.get("PODIUM_HTTP_KEY")
    if not key:
        raise UsageError("PODIUM_HTTP_URL is set without a key", fix="set PODIUM_HTTP_KEY, see docs/http.md")
    return {"http": endpoint(url, key=key)}
