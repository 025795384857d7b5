"""Who changed what, and who may."""

from __future__ import annotations

from typing import Annotated

import msgspec
from msgspec import Meta

from ...inspect import iso
from ...model import AuditRow
from ..service import Service


class AuditQuery(msgspec.Struct, frozen=True, kw_only=True):
    """`after`: the `n` of the last row of the page before."""

    after: Annotated[int, Meta(ge=1)] | None = None
    limit: Annotated[int, Meta(ge=1, le=500)] = 50


class AuditItem(msgspec.Struct, frozen=True, kw_only=True):
    """A change that was asked for. `run`: the one that it is about, or ""; `outcome`: "done", or the
    code of the error; "" where it was cut off."""

    n: int
    at: str | None
    by: str
    role: str
    verb: str
    target: str
    said: str
    address: str
    outcome: str
    run: str


class AuditPage(msgspec.Struct, frozen=True, kw_only=True):
    """The newest first."""

    items: list[AuditItem]
    next: int | None
    version: int = 1


class TokenItem(msgspec.Struct, frozen=True, kw_only=True):
    """Who has a token. The token itself stands in its file alone."""

    name: str
    role: str


class TokensPage(msgspec.Struct, frozen=True, kw_only=True):
    """In the order of the file."""

    items: list[TokenItem]
    next: None = None
    version: int = 1


def audited(service: Service, query: AuditQuery) -> AuditPage:
    """Every change that was asked for: who, when, what, how it came out."""
    rows = service.app.store.audited(query.after, query.limit + 1)
    page = rows[: query.limit]
    items = [_item(row) for row in page]
    return AuditPage(items=items, next=page[-1].n if len(rows) > len(page) else None)


def _item(row: AuditRow) -> AuditItem:
    return AuditItem(
        n=row.n,
        at=iso(row.at),
        by=row.by,
        role=row.role,
        verb=row.verb,
        target=row.target,
        said=row.said,
        address=row.address,
        outcome=row.outcome,
        run=row.run,
    )


def tokens(service: Service) -> TokensPage:
    """Who has a token, and for what."""
    return TokensPage(
        items=[TokenItem(name=caller.name, role=caller.role.value) for caller in service.access.callers()]
    )
