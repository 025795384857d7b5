"""What befalls a fleet: each fault begins, lasts for a while, and is mended. Nothing here waits."""

from __future__ import annotations

import os
import random
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import apsw

from tests.chaos.fleet import Fleet, Member
from tests.chaos.observer import Frozen, Observer

Mend = Callable[[], None]


class Mischief:
    """Does harm by name; `count` tells how often, `under_way` what is not mended yet."""

    def __init__(self, fleet: Fleet, observer: Observer, chance: random.Random, spared: int = 0) -> None:
        self.fleet, self.observer, self.chance = fleet, observer, chance
        self.count: Counter[str] = Counter()
        self._spared = spared  # the first so many members are never killed, so that they can be weighed
        self._mends: list[tuple[float, str, Mend]] = []
        self._clock = 0.0  # the furthest that it was set to

    @property
    def under_way(self) -> set[str]:
        return {kind for _, kind, _ in self._mends}

    def mend_due(self) -> None:
        """End what has lasted long enough."""
        now = time.monotonic()
        for mend in [mend for mend in self._mends if mend[0] <= now]:
            self._mends.remove(mend)
            mend[2]()

    def mend_all(self) -> None:
        """End everything, whatever it lasts.

        The clock ends where it was furthest: a process that has started since it was set back waits for what
        was due by the clock of before, and a storm cannot wait for so long.
        """
        while self._mends:
            self._mends.pop(0)[2]()
        self.fleet.set_clock(self._clock)

    def strike(self, kind: str) -> None:
        """Begin one of `kinds`, unless it cannot be now."""
        begin = self.kinds()[kind]
        if (kind == "freeze" or kind not in self.under_way) and begin():
            self.count[kind] += 1

    def kinds(self) -> dict[str, Callable[[], bool]]:
        """How each fault begins."""
        return {
            "kill": self._kill,
            "freeze": self._freeze,
            "nap": self._nap,
            "busy": self._busy,
            "full": self._full,
            "clock": self._set_clock,
        }

    def _last(self, kind: str, seconds: float, mend: Mend) -> bool:
        self._mends.append((time.monotonic() + seconds, kind, mend))
        return True

    def _victim(self, spare: int = 0) -> Member | None:
        able = [member for member in self.fleet.members[spare:] if member.lives and not member.frozen]
        return self.chance.choice(able) if able else None

    def _kill(self) -> bool:
        member = self._victim(self._spared)
        if member is None:
            return False
        process = member.process.pid
        member.kill()
        self.observer.orphan(process)
        return True

    def _freeze(self) -> bool:
        """For three leases, so that others take over. Not everybody: somebody must be there to do it."""
        member = self._victim()
        if (
            member is None
            or sum(other.frozen for other in self.fleet.members) >= len(self.fleet.members) // 2
        ):
            return False
        member.freeze()
        pause = Frozen(member.process.pid, time.monotonic())
        self.observer.frozen.append(pause)

        def thaw() -> None:
            pause.until = time.monotonic()
            if member.lives:
                member.thaw()

        return self._last("freeze", 3 * self.fleet.lease, thaw)

    def _busy(self) -> bool:
        """Another program, this one, holds the write lock."""
        connection = apsw.Connection(str(self.fleet.store))
        connection.config(apsw.SQLITE_DBCONFIG_NO_CKPT_ON_CLOSE, 1)
        connection.set_busy_timeout(200)
        try:
            connection.execute("BEGIN IMMEDIATE")
        except apsw.BusyError:
            connection.close()
            return False
        return self._last("busy", self.chance.uniform(0.3, 3.0) * self.fleet.lease, connection.close)

    def _full(self) -> bool:
        place = self.fleet.store.parent
        if not shrink(place):
            return False
        return self._last("full", self.chance.uniform(0.5, 2.0) * self.fleet.lease, lambda: grow(place))

    def _set_clock(self) -> bool:
        """A jump of the wall clock, back or forward; it stays there until the next one."""
        offset = self.chance.choice((-7200.0, -5.0, 0.0, 3.0, 600.0))
        self._clock = max(self._clock, offset)
        self.fleet.set_clock(offset)
        return True

    def _nap(self) -> bool:
        """The whole host sleeps for three leases, as a laptop does; nobody may be taken for dead."""
        members = [member for member in self.fleet.members if member.lives]
        if any(member.frozen for member in members):
            return False
        for member in members:
            member.freeze()
        before = self.observer.engines()

        def wake_up() -> None:
            for member in members:
                member.thaw()
            self._last("nap", 0.9 * self.fleet.lease, look_around)

        def look_around() -> None:
            living = {member.process.pid for member in members if member.lives}
            now = self.observer.engines()
            gone = [pid for pid, engine in before.items() if pid in living and now.get(pid) != engine]
            self.observer.expect("nap", not gone, f"taken for dead after a sleep of everybody: {gone}")

        return self._last("nap", 3 * self.fleet.lease, wake_up)


# -- a disk that can be full --------------------------------------------------------------------------

DISK = "4g"  # at most; it takes memory only as it is used


def is_root() -> bool:
    """Only root may mount a disk of its own."""
    return os.geteuid() == 0 and sys.platform == "linux"


@contextmanager
def small_disk(place: Path) -> Iterator[Path]:
    """A file system of its own, which `shrink` makes full."""
    place.mkdir()
    subprocess.run(["mount", "-t", "tmpfs", "-o", f"size={DISK}", "tmpfs", place], check=True)
    try:
        yield place
    finally:
        subprocess.run(["umount", "-l", place], check=True)


def shrink(place: Path) -> bool:
    """As large as what it holds, to the page; False when somebody always writes too fast for that."""
    for _ in range(20):
        disk = os.statvfs(place)
        if _resize(place, str((disk.f_blocks - disk.f_bfree) * disk.f_frsize)) == 0:
            return True
    return False


def grow(place: Path) -> None:
    """As large as it was."""
    if _resize(place, DISK) != 0:
        raise OSError(f"{place} cannot be made larger")


def _resize(place: Path, size: str) -> int:
    return subprocess.run(
        ["mount", "-o", f"remount,size={size}", place], check=False, stderr=subprocess.DEVNULL
    ).returncode
