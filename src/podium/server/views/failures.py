"""What failed lately, gathered by what failed where."""

from __future__ import annotations

import msgspec

from ...checks import read_span
from ...inspect import FailureGroup, failure_groups
from ..http import Refused
from ..service import Service

_MOST = 5000  # runs that are looked at


class FailuresQuery(msgspec.Struct, frozen=True, kw_only=True):
    """`since`: 90s, 15m, 2h, 7d."""

    since: str = "1d"


class FailuresPage(msgspec.Struct, frozen=True, kw_only=True):
    """Groups, the most frequent first. Not `exact`: only the newest 5,000 failed runs were looked at."""

    items: list[FailureGroup]
    exact: bool
    next: None = None
    version: int = 1


def failures(service: Service, query: FailuresQuery) -> FailuresPage:
    """Failed runs by type and line."""
    seconds = read_span(query.since)
    if not seconds:
        raise Refused(400, "E100", f"since={query.since} is no span", "90s, 15m, 2h, 7d")
    groups, exact = failure_groups(service.app, seconds, _MOST)
    return FailuresPage(items=groups, exact=exact)
