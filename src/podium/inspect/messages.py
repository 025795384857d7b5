"""Messages on record, in words."""

from __future__ import annotations

from ..model import AGAIN, SETTLE, Entry, State, name_and_person, read_name

_SAID = {State.SUCCEEDED.value: "happened", State.FAILED.value: "failed", AGAIN: "to begin again"}


def message_words(entry: Entry) -> str:
    """What a message was: "settled /ship: happened, by ada", "signal go", "answer /ask", "cancel"."""
    kind, state, name = read_name(entry.name)
    if kind != SETTLE:
        return f"{kind} {name}".strip()
    by = name_and_person(entry.name)[1]
    return f"settled {name}: {_SAID.get(state, state)}" + (f", by {by}" if by else "")
