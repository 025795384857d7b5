"""What the history calls a message: from its entry alone a replay tells what it was, and for whom."""

from __future__ import annotations

from .records import SETTLE, Entry, Kind, Message

_BY = "\t"  # before the name of the person who has settled a step


def name_of(message: Message) -> str:
    """What the history calls a message, "kind:name", of an outcome or an answer "kind/state:name"; where a
    person has settled a step, that person's name stands behind it."""
    kind = f"{message.kind}/{message.state}" if message.state else message.kind
    by = f"{_BY}{message.sender}" if message.kind == SETTLE and message.sender else ""
    return f"{kind}:{message.name}{by}"


def name_and_person(name: str) -> tuple[str, str]:
    """A message's name, and who has settled the step that it names; "" of other messages."""
    if not name.startswith(f"{SETTLE}/"):
        return name, ""
    name, _, by = name.partition(_BY)
    return name, by


def read_name(name: str) -> tuple[str, str, str]:
    """The way back: kind, state ("" where there is none), and name."""
    kind, _, name = name_and_person(name)[0].partition(":")
    kind, _, state = kind.partition("/")
    return kind, state, name


def is_from_run(id: str) -> bool:
    """Whether a message has the id of one that a run has sent: "run:step", or "@n:…" as it ended. What people
    send has an id without a colon."""
    return ":" in id


def subject_of(entry: Entry) -> str:
    """What an entry is about: the identity of a step; of a message what it names, a step or a signal."""
    return read_name(entry.name)[2] if entry.kind is Kind.MESSAGE else entry.step
