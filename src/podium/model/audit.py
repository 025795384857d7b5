"""Who changed what: a row for each change that somebody asked for."""

from __future__ import annotations

import msgspec


class AuditRow(msgspec.Struct, frozen=True):
    """One change. Over HTTP it is put on record before it is made, and its outcome is set once; from the
    command line and from Python it rides in the Write that makes it. Rows are only added."""

    at: float
    by: str  # the name that the token stands for, or that was given; the login name
    role: str  # of the token; "" without one
    verb: str  # "POST /api/runs/{run}/cancel", "cancel"
    target: str  # the id of a run, a query, the name of a function
    said: str = ""  # what was asked for, in a line, secrets hidden
    address: str = ""  # where it came from
    outcome: str = ""  # "done", or the code of the error; "": it was cut off
    n: int = 0  # counts from 1; the store gives it
    run: str = ""  # the id of the one run that it is about, if it is

    @property
    def verb_of_run(self) -> str:
        """What was done to the run, in a word, by whatever way it was asked for."""
        return self.verb.rpartition("/")[2] if self.address or "/" in self.verb else self.verb

    def columns(self) -> tuple[float | str, ...]:
        """What is stored of it, in the order of `at` to `outcome`, then `run`; the store numbers it."""
        return (
            self.at, self.by, self.role, self.verb, self.target, self.said, self.address, self.outcome,
            self.run,
        )  # fmt: skip
