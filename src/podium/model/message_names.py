"""What the history calls a message: from its entry alone a replay tells what it was, and for whom."""

from __future__ import annotations

from .records import Entry, Kind, Message


def name_of(message: Message) -> str:
    """What the history calls a message, "kind:name", of an outcome or an answer "kind/state:name"."""
    kind = f"{message.kind}/{message.state}" if message.state else message.kind
    return f"{kind}:{message.name}"


def read_name(name: str) -> tuple[str, str, str]:
    """The way back: kind, state ("" where there is none), and name."""
    kind, _, name = name.partition(":")
    kind, _, state = kind.partition("/")
    return kind, state, name


def subject_of(entry: Entry) -> str:
    """What an entry is about: the identity of a step; of a message what it names, a step or a signal."""
    return read_name(entry.name)[2] if entry.kind is Kind.MESSAGE else entry.step
