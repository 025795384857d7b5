"""What of a run's record is still its past when it is retried: decisions alone."""

from __future__ import annotations

from collections.abc import Sequence

from ..model import ASKS, EFFECT, STARTS, UNDOES, Entry, Kind, subject_of

_OUTCOMES = (Kind.RESULT, Kind.ERROR)


def past_of_retry(entries: Sequence[Entry]) -> tuple[Sequence[Entry], frozenset[str]]:
    """The record of a run up to what its body ended with, or before what was undone first; and what was."""
    ending = next((entry for entry in entries if entry.kind is Kind.ENDING), None)
    if ending is None:
        return entries, frozenset()
    begun = [entry.name for entry in entries if entry.kind in STARTS]
    undone = frozenset(name.removeprefix(UNDOES) for name in begun if name.startswith(UNDOES))
    until = int(ending.name.rpartition(":")[2])
    past = [entry for entry in entries if entry.seq <= until]
    if "" in undone:  # something that followed from nothing on record
        return [], undone
    cut = next((n for n, entry in enumerate(past) if subject_of(entry) in undone), len(past))
    return past[:cut], undone


def uncertain(entries: Sequence[Entry]) -> frozenset[str]:
    """Steps with an effect that have begun, and whose outcome is not on record: a retry must know of them."""
    begun = {entry.step for entry in entries if entry.kind in STARTS and entry.name in (EFFECT, ASKS)}
    return frozenset(begun - {entry.step for entry in entries if entry.kind in _OUTCOMES})
