"""How a command ends, as a number. Part of the surface: scripts branch on them."""

from __future__ import annotations

from enum import IntEnum


class ExitCode(IntEnum):
    """Every code that `podium` ends with; docs/reference.md has a line for each, which a test holds."""

    FINE = 0
    FAILED = 1  # the run failed, was cancelled or is parked; doctor found something; stdout is gone
    USAGE = 2
    NOT_FOUND = 3
    NOT_ALLOWED = 4  # in the state in which the run is
    UNREACHABLE = 5  # the store; or the system lacks threads, memory, files
    TIMED_OUT = 6  # --wait is over
    CONFIGURATION = 7
    WOULD_PARK = 8  # `podium check`: a run would not go on with the code at hand
    INTERRUPTED = 130
    TERMINATED = 143  # as the signal makes it: `Stopping.code`, and `client.signals`


FINE, FAILED, USAGE, NOT_FOUND, NOT_ALLOWED = (
    ExitCode.FINE, ExitCode.FAILED, ExitCode.USAGE, ExitCode.NOT_FOUND, ExitCode.NOT_ALLOWED,
)  # fmt: skip
UNREACHABLE, TIMED_OUT, CONFIGURATION, WOULD_PARK, INTERRUPTED = (
    ExitCode.UNREACHABLE, ExitCode.TIMED_OUT, ExitCode.CONFIGURATION, ExitCode.WOULD_PARK,
    ExitCode.INTERRUPTED,
)  # fmt: skip
