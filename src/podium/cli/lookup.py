"""Which run is meant: an id, a unique beginning or end of one, `@last`, `@failed`."""

from __future__ import annotations

import difflib
import os
import re
from collections.abc import Generator, Sequence
from contextlib import contextmanager
from pathlib import Path

import msgspec
from click.shell_completion import CompletionItem

from ..env import RealEnv
from ..errors import PodiumError, RunNotFound, UsageError
from ..inspect import RecordView, StoreReader, cause_of, living, offered, way_on
from ..inspect.undriven import undriven
from ..model import Query, RunRow, State
from ..opening import default_url, is_nothing_at, store_file, store_flag
from ..store import shown_url
from . import formatting
from .terminal import safe, tell

_NAMES = {"@last": Query(limit=100), "@failed": Query(states=frozenset({State.FAILED}), limit=100)}
_LOOKED_AT = 30_000  # runs, for one that is no child
OTHER_STORE = "another store? --store URL, or PODIUM_URL"
_COMMAND = re.compile(
    r"podium (?:answer|cancel|complete|rename|resume|retry|runs|send|settle|terminate|why|worker)"
    r" [^,;]*?(?=  |[,;]|$)"
)
PATIENCE = 5.0  # s; a person waits
_env = RealEnv()


@contextmanager
def looking(store: str | None) -> Generator[StoreReader]:
    """The store, to look at. Looking must not create one: raises RunNotFound where there is none."""
    reader = StoreReader(existing_url(store), _env, tell, PATIENCE)
    try:
        yield reader
    finally:
        reader.close()


def existing_url(store: str | None) -> str:
    """The default store, or that of `--store`. Raises RunNotFound where there is none."""
    url = store or default_url()
    file = store_file(url)
    if file is not None and is_nothing_at(file):
        raise no_store(url, file) if is_named(store) else RunNotFound(f"there are no runs yet in {file}")
    return url


def is_named(store: str | None) -> bool:
    """Whether somebody has said which store is meant: what is not there is then no empty store."""
    return bool(store or os.environ.get("PODIUM_URL"))


def no_store(url: str, file: Path) -> RunNotFound:
    """Of a store that was named and is not there."""
    there = [path.name for path in file.parent.glob("*") if path.is_file()] if file.parent.is_dir() else []
    near = difflib.get_close_matches(file.name, there, 1)
    fix = f"nearest: {file.with_name(near[0])}" if near else OTHER_STORE
    return RunNotFound(f"there is no store at {shown_url(url)}", fix=fix)


def pick(view: RecordView, wanted: str) -> RunRow:
    """The run that `wanted` means. Raises RunNotFound (with the nearest), UsageError if it is several."""
    if not wanted:
        raise UsageError("which run? its id is empty", fix="an id, or a piece of one, or @last, or @failed")
    if wanted.startswith("@"):
        return _named(view, wanted)
    row = view.store.load(wanted)
    if row is not None:
        return row
    found = view.find(Query(id_prefix=wanted, limit=4)) or view.find(Query(id_suffix=wanted, limit=4))
    if len(found) == 1:
        return found[0]
    if found:
        listed = "\n".join(described(row) for row in found[:3]) + ("\n…" if len(found) > 3 else "")
        raise UsageError(f"several runs begin or end with {wanted!r}", fix=listed)
    raise RunNotFound(
        f"no run begins or ends with {wanted!r} in {shown_url(view.url)}", fix=_nearest(view, wanted)
    )


def _named(view: RecordView, wanted: str) -> RunRow:
    """The newest such run that somebody started; only where there is none one that another has started."""
    if wanted not in _NAMES:
        near = difflib.get_close_matches(wanted, _NAMES, 1)
        fix = f"nearest: {near[0]}" if near else "@last and @failed are known"
        raise UsageError(f"there is no {wanted}", fix=fix)
    query = _NAMES[wanted]
    page = view.find(query)
    if not page:
        raise RunNotFound(f"no run is {wanted} in {shown_url(view.url)}", fix=OTHER_STORE)
    newest, looked_at = page[0], 0
    while page and looked_at < _LOOKED_AT:
        for row in page:
            if not row.parent:
                return row
        looked_at += len(page)
        page = view.find(msgspec.structs.replace(query, before=page[-1].place))
    return newest


def _nearest(view: RecordView, wanted: str) -> str:
    rows = {row.id: row for row in view.find(Query(limit=200))}
    near = difflib.get_close_matches(wanted, rows, 1, cutoff=0.5)
    if not near:  # a piece of an id is not close to any whole one
        ends = {end: id for id in rows for end in (id[: len(wanted)], id[-len(wanted) :])}
        near = [ends[end] for end in difflib.get_close_matches(wanted, ends, 1, cutoff=0.5)]
    return f"nearest: {described(rows[near[0]])} · {OTHER_STORE}" if near else OTHER_STORE


def described(row: RunRow) -> str:
    """A run in a few words: "1m8a… (daily, ✖ failed, 2 h ago)"."""
    created = formatting.ago(row.created, _env.now())
    return (
        f"{safe(row.id)} ({formatting.label(row.function)}, {formatting.plain_state(row.state)}, {created})"
    )


def there(text: str, url: str) -> str:
    """A text whose commands are about runs of this store, so that they find it also where it is not the
    default one. "podium resume r  drives it here" becomes "podium resume r --store s.db  drives it here"."""
    flag = store_flag(url)
    return _COMMAND.sub(lambda found: f"{found[0]}{flag}", text) if flag else text


def tell_standing(view: RecordView, run: str, later: str = "") -> None:
    """What a run that was put in line waits for, and what moves it; `later`: when it was told to begin."""
    cause = cause_of(view, view.load(run))
    for line in (f"it {later}" if later else cause.what, *cause.details, cause.fix):
        if line:
            tell(formatting.dim(safe(there(line, view.url))))


def tell_undriven(view: RecordView, runs: Sequence[str]) -> None:
    """Of runs that were put in line, or were meant to be: that nobody drives them, and what would."""
    engines = living(view)
    rows = [row for row in map(view.store.load, runs) if row is not None]
    left = undriven(rows, engines)
    if not left:
        return
    way = way_on(view, left[0], offered(engines))
    modules = dict.fromkeys(row.function.rpartition(":")[0] for row in left)
    worker = "" if way.why or "" in modules else f"podium worker {' '.join(modules)}, or one: "
    many, them = formatting.many(len(left), "run"), "it" if len(left) == 1 else "them"
    what = "; ".join((f"{many} undriven, no live engine takes {them}", *way.why))
    text = f"{what}: {worker}{way.command}"
    tell(formatting.dim(safe(there(text, view.url))))


def complete(store: str | None, incomplete: str) -> list[CompletionItem]:
    """Ids of the newest runs that begin like that, for a shell. Never complains."""
    names = [CompletionItem(name) for name in _NAMES if name.startswith(incomplete)]
    if incomplete.startswith("@"):
        return names
    rows = _newest(store, Query(id_prefix=incomplete or None, limit=50))
    return [
        CompletionItem(row.id, help=f"{formatting.label(row.function)}, {row.state}") for row in rows
    ] + names


def complete_tag(store: str | None, incomplete: str) -> list[CompletionItem]:
    """Tags of the newest runs that begin like that, for a shell. Never complains."""
    tags = {tag for row in _newest(store, Query(limit=200)) for tag in row.tags}
    return [CompletionItem(tag) for tag in sorted(tags) if tag.startswith(incomplete)]


def _newest(store: str | None, query: Query) -> list[RunRow]:
    try:
        with looking(store) as view:
            return view.find(query)
    except (PodiumError, UnicodeEncodeError):  # the latter: of bytes that are no text
        return []
