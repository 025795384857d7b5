"""What PostgreSQL's errors mean for the caller: try again, never again, opened wrong, or bad data of a Write.

By SQLSTATE, never by psycopg's class. What tells nothing is a connection that broke: if a commit was under
way, it may have happened.
"""

from __future__ import annotations

import re

import psycopg

from ...errors import StoreError, StoreFatal, StoreRefused, StoreUnavailable
from ..moving import read_fence, refusal

# Raised while values are bound, before the server sees them.
CLIENT_DATA_ERRORS = (AttributeError, OverflowError, TypeError, ValueError)

_DATA = ("22", "23", "54")  # classes: a value, a constraint, a limit of the program
_DATA_STATES = ("42804", "42846", "42883", "42P18", "42725")  # a value of another type than its column
_AGAIN = ("40001", "40P01", "23505")  # serialisation, deadlock; a row that somebody has just put there
_DAMAGE = ("XX001", "XX002", "58030")
_FENCED = "PDM01"  # of the triggers that stand around a store which has moved
_REASONS = {  # by class, or by the state itself
    "57014": "the server broke a statement off",
    "40": "transactions got in each other's way",
    "53": "the server is short of something",
    "55": "rows were locked for too long",
    "57": "the server ended the connection",
    "26": "a pooler handed the session to others",
    "42": "a pooler handed the session to others",
    "25": "the server does not take writes on this connection",
}
# A connection that is refused has no SQLSTATE. Of these no retry makes anything else; the server may say them
# in another language, and then they count as passing.
_REFUSALS = re.compile(
    r"password authentication failed|no password supplied|no pg_hba\.conf entry"
    r'|(?:database|role) ".*" does not exist|permission denied for database|invalid (?:connection|URI|port)',
)


def is_data_error(error: BaseException) -> bool:
    """Whether the data of one Write is at fault: its neighbours are innocent."""
    if isinstance(error, CLIENT_DATA_ERRORS):
        return True
    if not isinstance(error, psycopg.Error):
        return False
    state = error.sqlstate
    if state is None:
        return isinstance(error, psycopg.DataError | psycopg.ProgrammingError)
    return state[:2] in _DATA or state in _DATA_STATES


def is_passing(error: BaseException) -> bool:
    """Whether the same again, at once, may well succeed: somebody else was there at the same moment."""
    return isinstance(error, psycopg.Error) and error.sqlstate in _AGAIN


def is_forgotten(error: BaseException) -> bool:
    """Whether a statement that was prepared is not there, or is already: the session is not ours alone."""
    return isinstance(error, psycopg.Error) and error.sqlstate in ("26000", "42P05")


def may_be_judged(error: BaseException) -> bool:
    """Whether it is of a batch of which none was made, and the long way tells which of it may be."""
    return is_data_error(error) or is_passing(error) or is_forgotten(error)


def translate(error: psycopg.Error, where: str, *, is_broken: bool, committing: bool) -> StoreError:
    """The store's error for one of PostgreSQL's.

    `is_broken`: the connection is lost with it. `committing`: a COMMIT was under way. `where`: the server.
    """
    state, text = error.sqlstate or "", first_line(error)
    if state == _FENCED and (fence := read_fence(text)) is not None:
        return refusal(fence)
    if state in _DAMAGE:
        found: StoreError = StoreFatal(
            f"the data on {where} is damaged ({state}: {text})", fix="ask its owner"
        )
    elif state[:2] in ("42", "3F") and state not in ("42501", "42P05"):
        found = StoreRefused(
            f"the schema on {where} is not the one this code needs ({text})", fix="call migrate() first"
        )
    elif state == "42501":
        found = StoreRefused(
            f"{text} on {where}", fix="have the schema's owner grant it, see docs/postgres.md"
        )
    else:
        known = _REASONS.get(state) or _REASONS.get(state[:2], "PostgreSQL failed")
        reason = "the connection was lost" if is_broken else known
        found = StoreUnavailable(f"{reason} ({where}: {text})", fix="runs are safe and go on when it answers")
    found.unknown = committing and (is_broken or state in _DAMAGE)
    return found


def translate_refusal(error: psycopg.Error, where: str) -> StoreError:
    """The store's error for a connection that could not be made."""
    text = first_line(error)
    if _REFUSALS.search(str(error)):
        return StoreRefused(f"{where} refuses the connection: {text}", fix="check PODIUM_URL")
    return StoreUnavailable(
        f"no connection to {where}: {text}", fix="runs are safe and go on when it answers"
    )


def first_line(error: BaseException) -> str:
    """What an error says, without what follows of hints and places."""
    return (str(error).strip() or type(error).__name__).splitlines()[0]
