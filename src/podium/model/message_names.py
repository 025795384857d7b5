"""What the history calls a message: from its entry alone a replay tells what it was, and for whom."""

from __future__ import annotations

from .records import SETTLE, Entry, Kind, Message

_BY = "\t"  # before the name of the person who has settled a step


def name_of(message: Message) -> str:
    """What the history calls a message, "kind:name", of an outcome or an answer "kind/state:name".

    What a person has settled has that person's name behind it, where one was given.
    """
    kind = f"{message.kind}/{message.state}" if message.state else message.kind
    by = f"{_BY}{message.sender}" if message.kind == SETTLE and message.sender else ""
    return f"{kind}:{message.name}{by}"


def read_name(name: str) -> tuple[str, str, str]:
    """The way back: kind, state ("" where there is none), and name."""
    kind, _, name = name.partition(":")
    kind, _, state = kind.partition("/")
    return kind, state, name.partition(_BY)[0] if kind == SETTLE else name


def settled_by(name: str) -> str:
    """Who has settled a step, of the entry's name; "" where nobody said, and of other messages."""
    return name.partition(_BY)[2] if name.startswith(f"{SETTLE}/") else ""


def subject_of(entry: Entry) -> str:
    """What an entry is about: the identity of a step; of a message what it names, a step or a signal."""
    return read_name(entry.name)[2] if entry.kind is Kind.MESSAGE else entry.step
