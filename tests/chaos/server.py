"""A fleet on PostgreSQL: not only workers are killed: the server restarts, stays away, is out of reach."""

from __future__ import annotations

import random
import signal
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import psycopg

from tests.chaos.fleet import Fleet, Member
from tests.chaos.mischief import Mischief
from tests.chaos.observer import Frozen, Observer
from tests.chaos.storm import Plan, Storm
from tests.fleet.proxy import Proxy
from tests.postgres import Cluster

LOOKS_SECONDS = 0.05  # between looks at the tables: each of them costs the server more than one at a file
SETTLED_SECONDS = 60.0  # from the last fault until every run has ended, at most
CUT_LEASES = 4
NO_SERVER = "no connection to PostgreSQL"  # says a worker that is started while there is none

_NEW_ENTRIES = """
SELECT 0, runs.id, seq, kind, step, e.payload FROM unnest(?::text[], ?::int8[]) AS known (id, seen)
JOIN runs ON runs.id = known.id JOIN history AS e ON e.run = runs.key AND e.seq > known.seen
UNION ALL
SELECT 0, runs.id, seq, kind, step, e.payload FROM runs JOIN history AS e ON e.run = runs.key
WHERE runs.key > ?
"""


class Tables:
    """The tables of a database, read as the observer reads those of a file."""

    def __init__(self, url: str) -> None:
        self._connection = psycopg.connect(
            url, autocommit=True, options="-c search_path=podium", connect_timeout=5
        )

    def execute(self, text: str, values: tuple[Any, ...] = ()) -> psycopg.Cursor[Any]:
        return self._connection.execute(text.replace("?", "%s").encode(), values)

    def __enter__(self) -> None:
        self._connection.execute("BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY")

    def __exit__(self, *_: object) -> None:
        if not self._connection.broken:
            self._connection.execute("ROLLBACK")

    def close(self) -> None:
        self._connection.close()


class ServerObserver(Observer):
    """An observer of a database; while the server is away it sees nothing."""

    _looked = 0.0

    def look(self) -> None:
        if time.monotonic() - self._looked < LOOKS_SECONDS:
            return
        self._looked = time.monotonic()
        try:
            super().look()
        except psycopg.OperationalError:
            self.close()

    def orphan(self, process: int) -> None:
        try:
            super().orphan(process)
        except psycopg.OperationalError:
            self.close()

    def engines(self) -> dict[int, str]:
        try:
            return super().engines()
        except psycopg.OperationalError:
            self.close()
            return {}

    def _open(self) -> Any:
        if self._connection is None:
            assert isinstance(self.store, str)
            tables = Tables(self.store)
            if tables.execute("SELECT to_regclass('podium.meta')").fetchall() == [(None,)]:
                tables.close()
                return None
            self._connection = tables
        return self._connection

    def _new_entries(self, connection: Any) -> tuple[list[Any], list[Any]]:
        known = list(self.unfinished)
        lengths = [self._lengths[run] for run in known]
        rows = connection.execute(_NEW_ENTRIES, (known, lengths, self._last_run)).fetchall()
        return [row for row in rows if row[2] > self._lengths[row[1]]], []


class ServerFleet(Fleet):
    """Workers that each reach the server through a proxy of their own."""

    def __init__(self, folder: Path, server: Cluster, plan: Plan) -> None:
        self.server = server
        self.proxies = [Proxy(server.port) for _ in range(plan.workers)]
        url = server.new_database()
        super().__init__(folder, size=plan.workers, slots=plan.slots, lease=plan.lease, store=url)

    def url_of(self, number: int) -> str:
        return super().url_of(number).replace(str(self.server.port), str(self.proxies[number].port))

    def __exit__(self, *error: object) -> None:
        super().__exit__(*error)
        for proxy in self.proxies:
            proxy.__exit__(*error)


class ServerMischief(Mischief):
    """What may also befall the server, and the way to it."""

    fleet: ServerFleet
    outage_seconds = 60.0

    def kinds(self) -> dict[str, Callable[[], bool]]:
        return {
            "kill": self._kill, "freeze": self._freeze, "nap": self._nap, "clock": self._set_clock,
            "restart": self._restart, "outage": self._outage, "cut": self._cut,
        }  # fmt: skip

    def _victim(self, spare: int = 0) -> Member | None:
        """One that is at work, while as many as half of them are: what is killed as soon as it has started up
        does nothing, and on a slow machine nobody would."""
        working = self.observer.engines()
        able = [
            member
            for member in self.fleet.members[spare:]
            if member.lives and not member.frozen and member.process.pid in working
        ]
        return self.chance.choice(able) if 2 * len(able) >= len(self.fleet.members) else None

    def _restart(self) -> bool:
        """As after a crash of the server."""
        if "outage" in self.under_way:
            return False
        self.fleet.server.stop(signal.SIGQUIT)
        self.fleet.server.start()
        return True

    def _outage(self) -> bool:
        self.fleet.server.stop(signal.SIGQUIT)

        def come_back() -> None:
            self.fleet.server.start()
            self.observer.last_line = time.monotonic()  # until now there was nothing that could go on

        return self._last("outage", self.outage_seconds, come_back)

    def _cut(self) -> bool:
        """One worker's packets get lost for four leases; then its connections are reset."""
        member = self._victim()
        if member is None:
            return False
        proxy = self.fleet.proxies[member.number]
        proxy.is_black_hole = True
        pause = Frozen(member.process.pid, time.monotonic())  # it cannot know what is on record meanwhile
        self.observer.frozen.append(pause)

        def heal() -> None:
            pause.until = time.monotonic()
            proxy.is_black_hole = False
            proxy.cut()

        return self._last("cut", CUT_LEASES * self.fleet.lease, heal)


class ServerStorm(Storm):
    """A storm on a server, which is the caller's. The weights of the plan's kinds: how often each befalls."""

    def __init__(
        self, plan: Plan, folder: Path, chance: random.Random, server: Cluster, outage_seconds: float = 60.0
    ) -> None:
        self._server, self._outage_seconds = server, outage_seconds
        super().__init__(plan, folder, chance)

    def _draw(self) -> str:
        left = {kind: count - self.mischief.count[kind] for kind, count in self.plan.kinds.items()}
        return self.chance.choices(list(left), list(left.values()))[0]

    def _staged(self) -> tuple[Fleet, Observer, Mischief]:
        fleet = self._stack.enter_context(ServerFleet(self.folder, self._server, self.plan))
        assert isinstance(fleet.store, str)
        observer = ServerObserver(fleet.store, fleet.ledger)
        mischief = ServerMischief(fleet, observer, self.chance, self.plan.spared)
        mischief.outage_seconds = self._outage_seconds
        return fleet, observer, mischief

    def _judge_end(self, member: Member) -> None:
        """One that is started while there is no server says so and ends; whoever started it does so again."""
        if member.process.returncode == 1 and NO_SERVER in member.said():
            return
        super()._judge_end(member)

    def _end(self, runs: int) -> None:
        super()._end(runs)
        self.checks["settled"] += 1
        if self.settled > SETTLED_SECONDS:
            self.violations.append(f"settled: {self.settled:.0f} s after the last fault")
