"""What of a run's record is still its past when it is retried: decisions alone."""

from __future__ import annotations

from collections.abc import Sequence

from ..model import ASKS, EFFECT, SETTLE, STARTS, UNDOES, Entry, Kind, State, read_name, subject_of


def past_of_retry(entries: Sequence[Entry]) -> tuple[Sequence[Entry], frozenset[str]]:
    """The record of a run up to what its body ended with, or before what was undone first; and what was.

    What a person has said stays as it is was not undone.
    """
    ending = next((entry for entry in entries if entry.kind is Kind.ENDING), None)
    if ending is None:
        return entries, frozenset()
    begun = {e.step: e.name for e in entries if e.kind in STARTS and e.name.startswith(UNDOES)}
    left = {subject_of(entry) for entry in entries if _is_settled(entry, State.FAILED)}
    undone = frozenset(name.removeprefix(UNDOES) for step, name in begun.items() if step not in left)
    until = int(ending.name.rpartition(":")[2])
    past = [entry for entry in entries if entry.seq <= until]
    if "" in undone:  # something that followed from nothing on record
        return [], undone
    cut = next((n for n, entry in enumerate(past) if subject_of(entry) in undone), len(past))
    return past[:cut], undone


def _is_settled(entry: Entry, state: State) -> bool:
    return entry.kind is Kind.MESSAGE and read_name(entry.name)[:2] == (SETTLE, state)


def has_happened(entry: Entry) -> bool:
    """Whether a step has its result by this entry: an attempt's, or what a person has said."""
    return entry.kind is Kind.RESULT or _is_settled(entry, State.SUCCEEDED)


def uncertain(entries: Sequence[Entry]) -> frozenset[str]:
    """Steps with an effect that have begun, and whose outcome is not on record: a retry must know of them."""
    over = {
        subject_of(entry)
        for entry in entries
        if has_happened(entry) or entry.kind is Kind.ERROR or _is_settled(entry, State.FAILED)
    }
    return _with_effects(entries) - over


def _with_effects(entries: Sequence[Entry]) -> frozenset[str]:
    return frozenset(e.step for e in entries if e.kind in STARTS and e.name in (EFFECT, ASKS))


def standing(
    entries: Sequence[Entry], keep: int, undone: frozenset[str], after: int, now: float
) -> tuple[Entry, ...]:
    """What was done outside, was not undone, and is not among the first `keep` entries, which are copied: the
    retry has it as it is. As entries of the retry, numbered after `after`."""
    effects, found = _with_effects(entries), dict[str, Entry]()
    for entry in entries[keep:]:
        step = subject_of(entry)
        if step not in undone and (entry.kind is Kind.STANDS or (step in effects and has_happened(entry))):
            found[step] = entry
    return tuple(
        Entry(seq, Kind.STANDS, now, step, entry.digest, entry.payload, module=entry.module)
        for seq, (step, entry) in enumerate(found.items(), after + 1)
    )
