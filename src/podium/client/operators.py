"""Who decides about a run, for the record."""

from __future__ import annotations

import getpass
import os
from typing import NamedTuple

from ..checks import check_text
from ..executors import current_attempt
from ..model import AuditRow


class Operator(NamedTuple):
    """Somebody who decides, by name. `is_recorded`: the audit has a row of it already, as over HTTP."""

    name: str
    is_recorded: bool = False

    def acts(self, verb: str, run: str, at: float, said: str = "") -> tuple[AuditRow, ...]:
        """The row that rides in the Write of the decision."""
        if self.is_recorded:
            return ()
        return (
            AuditRow(at=at, by=self.name, role="", verb=verb, target=run, said=said, outcome="done", run=run),
        )


def operator(by: str | None = None) -> Operator:
    """Who it is: as was said, else in a task the run that it is of, else the login name."""
    if by:
        check_text("…", "by", by)
        return Operator(by)
    attempt = current_attempt.get()
    return Operator(_user() if attempt is None else f"run {attempt.run}")


def _user() -> str:
    try:
        return getpass.getuser()
    except (OSError, KeyError):  # no such user on record, as in some containers
        return f"uid {os.getuid()}"
