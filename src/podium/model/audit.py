"""Who changed what: a row for each change that somebody asked for over HTTP."""

from __future__ import annotations

import msgspec


class AuditRow(msgspec.Struct, frozen=True):
    """One change, put on record before it is made. Rows are only added; an outcome is set once."""

    at: float
    by: str  # the name that the token stands for
    role: str
    verb: str  # "POST /api/runs/{run}/cancel"
    target: str  # the id of a run, a query, the name of a function
    said: str = ""  # what was asked for, in a line, secrets hidden
    address: str = ""  # where it came from
    outcome: str = ""  # "done", or the code of the error; "": it was cut off
    n: int = 0  # counts from 1; the store gives it
