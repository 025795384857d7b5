"""Programs of data: cached results, values by reference, series; their worlds, and what must hold at the end.

What no single run shows `DataWorld` judges, from the store: which results stood for which calls, what lies in
the depot, which points the series have.
"""

from __future__ import annotations

import asyncio
import random
from collections import Counter
from collections.abc import Sequence
from functools import partial
from typing import Any
from unittest.mock import patch

import podium
from podium import Blob, Options, Retry, codec, task, workflow
from podium.engine import cache_lookup
from podium.executors import Attempt
from podium.functions import registry
from podium.model import CACHED, Entry, Kind, MeasureQuery, State, Verdict, Write, taken_from
from podium.store import Store
from podium.testing import Invocation, Job, Report, Setting, World, draw_weather
from podium.testing.node import Process
from tests.sim.programs import Flaky, failures, labels, number, recorded, stamped

EVER = 1e12  # a time after which nothing was put into the depot
ALL = 100_000

# -- the programs ----------------------------------------------------------------------------------------


@task(cache=True, version="1")  # its stamp is what no other call may have
async def priced(label: str) -> str:
    return stamped(label)


@workflow
async def prices(kinds: int) -> list[str]:
    one_by_one = [await priced(f"p{n}") for n in range(kinds)]
    return [*one_by_one, *await asyncio.gather(*(priced(f"p{n}") for n in range(kinds + 1)))]


@task
async def packed(label: str) -> list[Any]:
    made = stamped(label)
    return [Blob(made.encode()), made]


@task
async def opened(pair: list[Any]) -> str:
    blob, made = pair
    if bytes(blob) != made.encode():
        raise AssertionError(f"{made} came with {bytes(blob)!r}")
    return stamped(made)


@workflow
async def parcels(count: int) -> list[Any]:
    pairs = await packed.map([f"s{n}" for n in range(count)])
    return [*[await opened(pair) for pair in pairs], Blob(b"of the body"), pairs[-1][0]]


@task(retries=Retry(times=2, wait=0.5))
async def weighed(label: str) -> str:
    made = stamped(label)
    podium.measure("weight", number(made), label=label)
    if number(made) % 3 == 0:
        raise Flaky(label)
    podium.measure("weight", number(made) + 0.5, label=label)
    return made


@workflow
async def scales(count: int) -> list[str]:
    done: list[str] = []
    for n in range(count):
        podium.measure("place", n)
        try:
            done.append(await weighed(f"w{n}"))
        except Flaky:
            done.append("failed")
    podium.measure("place", count)
    return done


# -- what their answers must be --------------------------------------------------------------------------


def check_prices(args: Any, state: State, answer: Any, entries: Sequence[Entry]) -> str:
    kinds = [f"p{n}" for n in range(args[0])]
    fine = state is State.SUCCEEDED and sorted(answer) == sorted(recorded(entries))
    return "" if fine and labels(answer) == [*kinds, *kinds, f"p{args[0]}"] else f"{state} {answer!r}"


def check_parcels(args: Any, state: State, answer: Any, entries: Sequence[Entry]) -> str:
    texts = [value for value in recorded(entries) if isinstance(value, str)]
    pairs = [value for value in recorded(entries) if not isinstance(value, str)]
    fine = (
        state is State.SUCCEEDED and answer[: args[0]] == texts and answer[-1] in [pair[0] for pair in pairs]
    )
    return "" if fine and len(texts) == len(pairs) == args[0] else f"{state} {answer!r}"


def check_scales(args: Any, state: State, answer: Any, entries: Sequence[Entry]) -> str:
    found = recorded(entries)
    fine = state is State.SUCCEEDED and [value for value in answer if value != "failed"] == found
    return "" if fine and len(found) + failures(entries) == args[0] else f"{state} {answer!r}"


def data_setting(seed: int, name: str = "") -> Setting:
    """Several runs of one program, in any weather: equal calls, and values of the same content, meet."""
    chance = random.Random(f"data {seed}")
    function, check = _PROGRAMS[name or chance.choice(sorted(_PROGRAMS))]
    jobs = [
        Job(
            registry[function.name],
            (chance.randint(1, 4),),
            check,
            at=chance.choice((0.0, 1.0, 8.0)) * chance.random(),
        )
        for _ in range(chance.randint(2, 4))
    ]
    return Setting(
        jobs=jobs,
        options=Options(poll=chance.choice((1.0, 2.0)), evict_always=chance.random() < 0.4),
        weather=draw_weather(chance),
        slots=chance.choice((1, 2, 3)),
        calm_after=chance.choice((10.0, 40.0)),
    )


_PROGRAMS: dict[str, Any] = {
    "prices": (prices, check_prices), "parcels": (parcels, check_parcels), "scales": (scales, check_scales),
}  # fmt: skip

# -- what must be true of all of them --------------------------------------------------------------------


class DataWorld(World):
    """A world whose store is looked at from outside: its cached results, its depot, its series."""

    def __init__(self, seed: int, setting: Setting) -> None:
        super().__init__(seed, setting)
        self.taken = self.swept = self.points = 0  # that there was something to judge
        self._durable: dict[str, float] = {}  # by key of a call: since when its result stands
        self._troubled: dict[str, float] = {}  # by key: when a look for it went wrong
        monitor = self.monitor
        self._close_books = monitor.close_books
        monitor.on_commit = self._on_commit
        monitor.close_books = self._on_close  # pyright: ignore[reportAttributeAccessIssue]  # to look on

    def play(self) -> Report:
        look = cache_lookup._look
        with patch.object(cache_lookup, "_look", partial(self._on_look, look)):
            return super().play()

    def _on_look(self, look: Any, store: Store, function: Any, args: bytes, reads: bool) -> Any:
        found = look(store, function, args, reads)
        if found.problem is not None:
            self._troubled[found.key] = self.stage.scheduler.time
        return found

    def _on_commit(self, writes: Sequence[Write], verdicts: Sequence[Verdict]) -> None:
        for write, verdict in zip(writes, verdicts, strict=True):
            for entry in write.entries if verdict.outcome == "done" else ():
                if entry.name.startswith(CACHED) and taken_from(entry.name) is None:
                    self._durable.setdefault(entry.name.removeprefix(CACHED), self.stage.scheduler.time)

    def invoked(self, process: Process, attempt: Attempt) -> Invocation:
        """No body is called where a result stood before the call was made, unless the look for it failed."""
        if attempt.function.cache is not None and attempt.number == 1:
            key = attempt.cached.removeprefix(CACHED)
            asked = attempt.began - (process.env.now() - self.stage.scheduler.time)
            stood = self._durable.get(key, EVER) < asked and self._troubled.get(key, 0.0) < asked
            self.monitor.check("P2 a cached call is not made again", bool(key) and not stood, f"{attempt}")
        return super().invoked(process, attempt)

    def _on_close(self) -> None:
        self._close_books()
        self._check_cached()
        self._check_values()
        self._check_series()

    def _check_cached(self) -> None:
        """What was taken over is what was computed, by the same call."""
        pasts = self.monitor.pasts
        for past in pasts.values():
            for entry in past.entries:
                if (origin := taken_from(entry.name)) is not None:
                    made = pasts[origin.run].entries[origin.seq - 1]
                    same = (made.name, made.payload) == (CACHED + origin.key, entry.payload)
                    self.monitor.check("P2 a cached result is another's", same, f"{entry} of {made}")
                    self.taken += 1

    def _check_values(self) -> None:
        """The depot has, whole, what the record names, and a sweep leaves nothing else."""
        store = self._own_store
        named = {
            name
            for past in self.monitor.pasts.values()
            for payload in (past.row.args, past.row.payload, *(entry.payload for entry in past.entries))
            for name in codec.names_in(payload)
        }
        store.sweep(EVER)
        lying = {lain.name for lain in store.depot.all()}
        self.monitor.check(
            "P1 what the record names is kept, and nothing else", lying == named, f"{lying ^ named}"
        )
        damaged = [name for name in lying if not store.depot.is_sound(name)]
        self.monitor.check("P1 a value is whole", not damaged, f"{damaged}")
        self.swept += len(lying)

    def _check_series(self) -> None:
        """A point for each measure of an attempt that is on record, and of a body one however often it was
        replayed."""
        weights = Counter((each.run, each.step, each.attempt) for each in self._points("weight"))
        places = Counter((each.run, each.value) for each in self._points("place"))
        expected: Counter[Any] = Counter()
        for past in self.monitor.pasts.values():
            for entry in past.entries if past.function.name == scales.name else ():
                if entry.kind in (Kind.RESULT, Kind.ERROR, Kind.RETRY):
                    expected[past.row.id, entry.step, entry.attempt] = 1 + (entry.kind is Kind.RESULT)
        self.monitor.check(
            "P2 a measure once for each attempt", weights == expected, f"{weights} and not {expected}"
        )
        self.monitor.check("P2 a body measures once", set(places.values()) <= {1}, f"{places}")
        for past in self.monitor.pasts.values():
            if past.function.name == scales.name and past.row.state is State.SUCCEEDED:
                count = codec.decode(past.row.args)["count"]
                whole = sum(run == past.row.id for run, _ in places) == count + 1
                self.monitor.check("P2 no measure of a body is missing", whole, f"{places}")
        self.points += len(weights)

    def _points(self, series: str) -> Any:
        return self._own_store.measures(MeasureQuery(series, limit=ALL))
