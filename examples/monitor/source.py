"""Retrieves readings from a JSON API with pages, as datasette serves any table. Knows HTTP alone."""

from __future__ import annotations

import json
import urllib.error
import urllib.request
from dataclasses import dataclass

PAGE = 1000  # rows
TIMEOUT = 20.0  # s


class Unavailable(Exception):
    """The source did not answer, or not now: worth another try."""


@dataclass(frozen=True)
class Page:
    """Rows as they came, and the address of the next page."""

    rows: list[tuple[str, float | None]]  # when, and what was read: None, nothing
    next: str | None


def first_page(table: str) -> str:
    """The address of a table's first page: "http://host/database/table"."""
    return f"{table}.json?_shape=objects&_size={PAGE}"


def retrieve(address: str) -> Page:
    """One page. Raises Unavailable, ValueError for an answer that is no table."""
    try:
        with urllib.request.urlopen(address, timeout=TIMEOUT) as answer:
            found = json.load(answer)
    except urllib.error.HTTPError as error:
        error.close()  # it holds the connection, for as long as anybody has the error
        if error.code < 500 and error.code != 429:
            raise ValueError(f"{address}: {error.code} {error.reason}") from error
        raise Unavailable(f"{address}: {error.code}") from error
    except OSError as error:
        raise Unavailable(f"{address}: {error}") from error
    rows = [
        (row["timestamp"], None if row["value"] is None else float(row["value"])) for row in found["rows"]
    ]
    return Page(rows, found.get("next_url"))
