"""Why a run is parked, as data: what every surface shows, with the way out. `engine.reasons` writes it."""

from __future__ import annotations

import msgspec

PAUSED = "E217"


class Reason(msgspec.Struct, frozen=True):
    """The payload of a parked run (JSON)."""

    code: str
    what: str
    fix: str = ""
    line: str = ""
    expected: str = ""
    found: str = ""
    trace: str = ""
    step: str = ""  # identity of the one of which a person must say what became of it
    key: str = ""  # its idempotency key
    schema: str = ""  # of its result, JSON; "": anything fits
    undoes: bool = False  # the run has done what its cancel would undo
    at: float = 0.0  # when the run was parked, UTC seconds; 0.0: by a version that did not say
    not_before: float = 0.0  # UTC seconds, of a run that was told to begin then and has not begun

    @property
    def is_asked_for(self) -> bool:
        """Whether a person has paused the run, so that there is nothing to tell people."""
        return self.code == PAUSED


def reason_in_line(payload: bytes) -> Reason | None:
    """Of a run that has not ended: why it was parked when its parent asked it to stop; None: it was not."""
    try:
        return msgspec.json.decode(payload, type=Reason)
    except msgspec.MsgspecError:
        return None


def read_reason(payload: bytes) -> Reason:
    """The way back; of bytes that Podium never wrote, that it cannot be read."""
    return reason_in_line(payload) or Reason("E506", "the reason on record cannot be read")
