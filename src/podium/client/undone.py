"""What of a run's record is still its past when it is retried: decisions alone."""

from __future__ import annotations

from collections.abc import Collection, Sequence

from ..model import (
    ANSWER,
    ASKS,
    CANCEL,
    EFFECT,
    OUTCOME,
    SETTLE,
    SIGNAL,
    STARTS,
    UNDOES,
    Entry,
    Kind,
    Message,
    State,
    read_name,
    subject_of,
)


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


def has_come(entry: Entry) -> bool:
    """Whether it is a signal, an answer or the result of a child run that came; no cancel, and no failure."""
    kind, state, _ = read_name(entry.name) if entry.kind is Kind.MESSAGE else ("", "", "")
    return kind == SIGNAL or (kind in (ANSWER, OUTCOME) and state in ("", State.SUCCEEDED))


def has_failed(entry: Entry) -> bool:
    """Whether it is the failure of a task or of a child run."""
    kind, state, _ = read_name(entry.name) if entry.kind is Kind.MESSAGE else ("", "", "")
    return entry.kind is Kind.ERROR or (kind == OUTCOME and state == State.FAILED)


def is_from_people(entry: Entry) -> bool:
    """Whether it is a signal or an answer."""
    return entry.kind is Kind.MESSAGE and read_name(entry.name)[0] in (SIGNAL, ANSWER)


def is_from_canceller(entry: Entry) -> bool:
    """Whether it asked the run to stop."""
    return entry.kind is Kind.MESSAGE and read_name(entry.name)[0] == CANCEL


def children_left(entries: Sequence[Entry], keep: int, undone: Collection[str]) -> dict[str, Entry]:
    """By step: the entry that names the run that was started there, if the first `keep` have no result."""
    came = {subject_of(entry) for entry in entries[:keep] if has_come(entry)} - set(undone)
    return {e.step: e for e in entries if e.kind in (Kind.SENT, Kind.CHILD) and e.step not in came}


def answers_left(
    entries: Sequence[Entry], keep: int, undone: Collection[str], inbox: Sequence[Message], now: float
) -> list[Entry]:
    """What was answered, but not in the first `keep` entries, which are copied: its body has not heard of it.
    The retry has it, so that nobody is asked twice."""
    asked = {entry.step: entry for entry in entries if entry.kind is Kind.SENT}
    came = {subject_of(entry) for entry in entries[:keep] if has_come(entry) or has_happened(entry)}
    said = (ANSWER, State.SUCCEEDED)
    stop = next((n for n, entry in enumerate(entries) if is_from_canceller(entry)), len(entries))
    too_late = [e for n, e in enumerate(entries) if e.kind is Kind.SET_ASIDE or n > stop]
    given = {read_name(e.name)[2]: e.payload for e in too_late if e.payload and read_name(e.name)[:2] == said}
    given |= {each.name: each.payload for each in inbox if (each.kind, each.state) == said}
    return [
        Entry(0, Kind.STANDS, now, step, asked[step].digest, payload, module=asked[step].module)
        for step, payload in given.items()
        if step in asked and step not in came and step not in undone and "" not in undone
    ]


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
    entries: Sequence[Entry], keep: int, well: int, undone: frozenset[str], after: int, now: float
) -> tuple[Entry, ...]:
    """What was done, was not undone, and is not among the first `keep` entries, which are copied: the retry
    has it as it is; of what was not done outside, what is among the first `well`. As entries of the retry,
    numbered after `after`; `name` says which was done outside."""
    effects, found = _with_effects(entries), dict[str, Entry]()
    for n, entry in enumerate(entries[keep:], keep):
        step = subject_of(entry)
        is_done = has_happened(entry) and (n < well or step in effects)
        if step not in undone and (entry.kind is Kind.STANDS or is_done):
            found[step] = entry
    return tuple(
        Entry(
            seq, Kind.STANDS, now, step, entry.digest, entry.payload, module=entry.module,
            name=entry.name if entry.kind is Kind.STANDS else EFFECT if step in effects else "",
        )
        for seq, (step, entry) in enumerate(found.items(), after + 1)
    )  # fmt: skip
