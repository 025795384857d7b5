"""The query language of lists, as data: `status:failed workflow:daily started:<2h tag:x input.city:Oslo`.

Words narrow each other down. `-` before one turns it round, a comma is "or", `*` at the end of a value stands
for anything, quotes keep blanks together. A word without a key is looked for in id, function and tags.

    status, state      failed · running · open (not ended) · ended · and what people say: done, paused
    workflow, function its name with or without the module
    created, started, ended   2h, <2h (within two hours) · >2h (longer ago) · <2026-11-20 (before that day)
                       >=2026-11-20T14:00 · today · yesterday; days and hours are those of this machine
    tag, id, origin, parent, root   a tag; an id, its beginning or end (the run it retries; that started it;
                       that its whole family comes from, itself too)
    input.NAME         what the run was called with; input.options.0.city reaches inside
"""

# Recorded arguments are of any shape, which strict checking calls unknown.
# pyright: reportUnknownVariableType=false, reportUnknownArgumentType=false, reportUnknownMemberType=false

from __future__ import annotations

import difflib
import re
from collections.abc import Callable, Iterator, Sequence
from typing import Any, NamedTuple

import msgspec

from .. import codec
from ..checks import check_text
from ..errors import UsageError
from ..model import FINAL, UNFINISHED, Query, RunRow, State
from .dates import ALWAYS, DATES, SPANS, Span, read_date, read_span
from .query_keys import KEY, KEYS, is_query

Test = Callable[[RunRow], bool]
NameTest = Callable[[str], bool]

_SAID: dict[str, frozenset[State]] = {
    **{str(state): frozenset({state}) for state in State},
    **dict.fromkeys(("pending", "new", "scheduled", "enqueued"), frozenset({State.QUEUED})),
    **dict.fromkeys(("active", "started", "executing"), frozenset({State.RUNNING})),
    **dict.fromkeys(("sleeping", "blocked", "suspended"), frozenset({State.WAITING})),
    **dict.fromkeys(("success", "successful", "done", "ok", "completed"), frozenset({State.SUCCEEDED})),
    **dict.fromkeys(("failure", "error", "errored", "crashed"), frozenset({State.FAILED})),
    **dict.fromkeys(("canceled", "aborted", "terminated"), frozenset({State.CANCELLED})),
    **dict.fromkeys(("paused", "stuck", "held"), frozenset({State.PARKED})),
    **dict.fromkeys(("open", "unfinished", "alive"), UNFINISHED),
    **dict.fromkeys(("ended", "final", "finished", "closed"), FINAL),
}
_POSITION = re.compile(r"\d{1,9}")
_TOKEN = re.compile(r"""(?:[^\s"']|"[^"]*"|'[^']*')+""")


class ParsedQuery(NamedTuple):
    """What a text asks for: the part that a store narrows down by, what is asked of the names of functions,
    and what is then asked of each run."""

    query: Query
    tests: tuple[Test, ...]
    text: str  # as it was typed
    names: tuple[NameTest, ...] = ()


class _Place(NamedTuple):
    """A word of the query, for errors to point at."""

    word: str
    number: int

    def wrong(self, what: str, fix: str) -> UsageError:
        return UsageError(f"word {self.number} of the query, {self.word}: {what}", fix=fix)


class _Narrowing:
    """Gathers what the words say."""

    def __init__(self, now: float) -> None:
        self.now = now
        self.states: frozenset[State] | None = None
        self.spans: dict[str, Span] = {}
        self.contained: dict[str, str] = {}  # field of Query -> text; the first that says something
        self.tests: list[Test] = []
        self.names: list[NameTest] = []

    def test(self, test: Test, negated: bool) -> None:
        self.tests.append((lambda row: not test(row)) if negated else test)

    def contain(self, field: str, patterns: Sequence[str], negated: bool) -> bool:
        """Let the store look for the text of a single pattern, if it can and does not look for another."""
        text = patterns[0].rstrip("*")
        if negated or len(patterns) != 1 or not text or field in self.contained:
            return False
        self.contained[field] = text
        return True


def parse(words: Sequence[str], now: float) -> ParsedQuery:
    """What a query asks for; several texts are one query. Raises UsageError: the place, the nearest."""
    for text in words:
        check_text("runs", "query", text or " ", most=None)
    found = _Narrowing(now)
    for number, word in enumerate(_split(words), 1):
        negated = word.startswith("-") and len(word) > 1
        _take(found, _Place(word, number), word[1:] if negated else word, negated)
    query = msgspec.structs.replace(Query(states=found.states), **found.spans, **found.contained)
    return ParsedQuery(query, tuple(found.tests), " ".join(words), tuple(found.names))


def _split(texts: Sequence[str]) -> Iterator[str]:
    for text in texts:
        pieces = _TOKEN.findall(text)
        if _TOKEN.sub("", text).strip():
            raise UsageError(
                f"a quote in the query is never closed: {text}", fix="put a second quote at its end"
            )
        # A shell has taken the quotes off `input.city:"New York"` already.
        if text.removeprefix("-").startswith("input.") and not any(map(is_query, pieces[1:])):
            yield text.strip()
        else:
            yield from pieces


def _unquoted(value: str) -> str:
    return re.sub(r"\"([^\"]*)\"|'([^']*)'", lambda found: found[1] or found[2] or "", value)


def _take(found: _Narrowing, place: _Place, word: str, negated: bool) -> None:
    key = KEY.match(word)
    if key is None:
        text = _unquoted(word)
        if text.endswith("*") or not found.contain("any_has", [text], negated):
            stem = text.rstrip("*")
            found.test(lambda row: _has(row, stem), negated)
        return
    name, path, value = key[1].lower(), key[2], _unquoted(word[key.end() :])
    kind = KEYS.get(name)
    if kind is None or bool(path) != (kind == "input"):
        raise _no_key(place, name, path, word[key.end() :])
    patterns = [part for part in value.split(",") if part]
    if not patterns:
        raise place.wrong("nothing stands after the colon", f"such as {_EXAMPLES[kind]}")
    if kind == "state":
        _take_states(found, place, patterns, negated)
    elif kind in ("created", "started", "ended"):
        _take_time(found, place, kind, value, negated)
    elif kind == "input":
        found.test(_input_test(path[1:].split("."), patterns), negated)
    else:
        _take_name(found, kind, patterns, negated)


# A shell takes < and > for itself; without a sign a span means within.
_TIMES = "started:2h (within), or in quotes 'started:>2h', 'started:<2026-11-20'"
_EXAMPLES = {
    "state": "status:failed",
    "function": "workflow:daily",
    "created": _TIMES,
    "started": _TIMES,
    "ended": _TIMES,
    "tag": "tag:nightly",
    "id": "id:1m8a7f",
    "origin": "origin:1m8a7f",
    "parent": "parent:1m8a7f",
    "root": "root:1m8a7f",
    "input": "input.city:Oslo",
}


def _no_key(place: _Place, name: str, path: str, value: str) -> UsageError:
    if name == "input":
        return place.wrong("which argument?", "such as input.city:Oslo")
    near = difflib.get_close_matches(name, KEYS, 1)
    if path and near == [name]:
        return place.wrong(f"{name} has no parts", f"nearest: {name}:{value}")
    known = "keys: status workflow created started ended tag id origin parent root input.NAME"
    fix = f"nearest: {near[0]}:{value} · {known}" if near else known
    return place.wrong(f"there is no key {name}", fix)


def _take_states(found: _Narrowing, place: _Place, said: Sequence[str], negated: bool) -> None:
    states: frozenset[State] = frozenset()
    for word in said:
        meant = _SAID.get(word.lower())
        if meant is None:
            near = difflib.get_close_matches(word.lower(), _SAID, 1)
            known = "states: " + " ".join(State)
            raise place.wrong(f"there is no state {word}", f"nearest: {near[0]} · {known}" if near else known)
        states |= meant
    states = frozenset(State) - states if negated else states
    found.states = states if found.states is None else found.states & states


def _take_name(found: _Narrowing, kind: str, patterns: Sequence[str], negated: bool) -> None:
    if kind == "function":
        found.names.append(lambda name: negated != _any(patterns, name, name.rpartition(":")[2]))
    elif kind == "tag":
        has_star = any(pattern.endswith("*") for pattern in patterns)
        if has_star or not found.contain("tag", patterns, negated):
            found.test(lambda row: _any(patterns, *row.tags), negated)
    elif kind == "id":
        found.contain("any_has", patterns, negated)
        found.test(lambda row: any(_is_id(row.id, pattern) for pattern in patterns), negated)
    elif kind == "origin":
        found.test(lambda row: any(row.origin and _is_id(row.origin, p) for p in patterns), negated)
    elif kind == "parent":
        found.test(lambda row: any(row.parent and _is_id(row.parent, p) for p in patterns), negated)
    else:  # a run that nothing has started is the root of its family
        found.test(lambda row: any(_is_id(row.root or row.id, p) for p in patterns), negated)


def _has(row: RunRow, stem: str) -> bool:
    return stem in row.id or stem in row.function or any(stem in tag for tag in row.tags)


def _is_id(id: str, pattern: str) -> bool:
    return id.startswith(pattern.rstrip("*")) or id.endswith(pattern)


def _any(patterns: Sequence[str], *texts: str) -> bool:
    return any(_fits(pattern, text) for pattern in patterns for text in texts)


def _fits(pattern: str, text: str) -> bool:
    return text.startswith(pattern[:-1]) if pattern.endswith("*") else text == pattern


# -- times -----------------------------------------------------------------------------------------------


def _take_time(found: _Narrowing, place: _Place, kind: str, value: str, negated: bool) -> None:
    low, high = _span(place, value, found.now)
    if negated:

        def outside(row: RunRow) -> bool:
            at: float | None = getattr(row, kind)
            return at is None or not low <= at < high

        found.tests.append(outside)
        return
    before = found.spans.get(kind, ALWAYS)
    found.spans[kind] = (max(low, before[0]), min(high, before[1]))


def _span(place: _Place, value: str, now: float) -> Span:
    text = value.lstrip("<>=")
    sign = value[: len(value) - len(text)]
    if sign not in ("", "<", ">", "<=", ">="):
        raise place.wrong(f"{sign} compares nothing", f"such as {_TIMES}")
    age = read_span(text)
    if age is not None:
        # ">2h" is longer ago than two hours; without a sign it is within them.
        return (ALWAYS[0], now - age) if sign.startswith(">") else (now - age, ALWAYS[1])
    date = read_date(text, now)
    if date is None:
        raise place.wrong(f"{text or 'nothing'} is neither {SPANS} nor {DATES}", f"such as {_TIMES}")
    begin, end = date
    if not sign:
        return begin, end
    if sign.startswith("<"):
        return ALWAYS[0], end if sign == "<=" else begin
    return (begin if sign == ">=" else end), ALWAYS[1]


# -- arguments -------------------------------------------------------------------------------------------


def _input_test(path: Sequence[str], patterns: Sequence[str]) -> Test:
    def test(row: RunRow) -> bool:
        try:
            value: Any = msgspec.json.decode(row.args)
        except msgspec.DecodeError:
            return False
        for part in path:
            value = _inside(value, part)
        return value is not None and _any(patterns, *_spellings(value))

    return test


_NULL = {"!null": "None"}  # stands for a recorded None, which is something, unlike what is not there


def _inside(value: Any, part: str) -> Any:
    """A part of a value as the codec wrote it (see `podium.codec`): a field, a key, a position."""
    value = _bare(value)
    if isinstance(value, list) and _POSITION.fullmatch(part) and int(part) < len(value):
        value = value[int(part)]
    elif isinstance(value, dict) and part in value:
        value = value[part]
    else:
        return None
    return _NULL if value is None else value


def _bare(value: Any) -> Any:
    """Without the tag of a container."""
    if not isinstance(value, dict) or len(value) != 1:
        return value
    tag, inner = next(iter(value.items()))
    if tag == "!as_is":
        return _bare(inner)
    if tag in ("!dict", "!OrderedDict", "!Counter"):
        return {str(key): item for key, item in inner if isinstance(key, (str, int))}
    return inner if tag.startswith("!") else value


def _spellings(value: Any) -> Iterator[str]:
    """How people may write it: as text, as JSON has it, as Python shows it."""
    inner = _bare(value)
    if isinstance(inner, (str, int, float)):
        yield str(inner)
    encoded = msgspec.json.encode(value)
    yield encoded.decode()
    yield codec.preview(encoded, hide=False)
    if value is _NULL:
        yield from ("null", "none")
