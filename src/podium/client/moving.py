"""Moving all runs of one store to another, see `podium.store.moving`."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import closing
from typing import NamedTuple

from ..env import Env, RealEnv
from ..errors import StoreRefused, StoreUnavailable, UsageError, WrongState
from ..inspect import silent
from ..model import EngineRow
from ..opening import settled_url
from ..store import MoveFence, Side, copy_rows, refusal, shown_url, side_of_move
from .app import App
from .moved_rows import RowsOfMove


class Moved(NamedTuple):
    """What a move came to."""

    source: str
    target: str
    runs: int
    rows: int
    values: int


def move(source_url: str, target_url: str) -> Moved:
    """Move everything in a store to another one: runs in whatever state, timers, schedules, messages, logs,
    series and values by reference. Afterwards the source refuses every use and says where its runs are.

    Killed in the middle, the same call goes on; nothing is there twice, and at no moment may both be used.
    Where it fails, the source is as it was.

    Raises WrongState while an engine lives on the source, StoreRefused where the target is not empty or
    cannot hold what is in the source, StoreUnavailable.

    Example:

    >>> move("sqlite:///shop.db", "postgresql://db/shop")
    Moved(source='sqlite:////srv/shop.db', target='postgresql://db/shop', runs=412, rows=9310, values=0)
    """
    source_url, target_url = settled_url(source_url), settled_url(target_url)
    env = RealEnv()
    with closing(side_of_move(source_url)) as source, closing(side_of_move(target_url)) as target:
        if source.id == target.id:
            raise UsageError("the two stores are one and the same")
        moving = _Moving(source, target, source_url, target_url, env)
        moved = moving.begun() or moving.anew()
        moving.finish()
    return moved


def give_up_move(url: str) -> None:
    """Use a store again whose move was begun and cannot end. Raises WrongState where there is none, or it
    has gone for good."""
    with closing(side_of_move(settled_url(url))) as source:
        fence = source.fence()
        if fence is None or fence.phase == "arriving":
            raise WrongState("this store is not being moved elsewhere")
        if fence.phase == "left":
            raise WrongState(
                f"the runs of this store are in {fence.url}, and go on there",
                fix=f"podium move {fence.url} {shown_url(url)}  moves them back",
            )
        source.open_up()


class _Moving:
    """One call: two stores, and how far the move is."""

    def __init__(self, source: Side, target: Side, source_url: str, target_url: str, env: Env) -> None:
        self._source, self._target = source, target
        self._urls = source_url, target_url
        self._shown = shown_url(source_url), shown_url(target_url)
        self._env = env
        self._move = ""

    def begun(self) -> Moved | None:
        """Of a move whose rows have arrived; None of any other, which begins anew."""
        fence, there = self._source.fence(), self._target.fence()
        if fence is None:
            return None
        if fence.phase == "arriving" or fence.store != self._target.id:
            raise refusal(fence)
        self._move = fence.move
        if there is not None and there.phase == "arriving" and there.move == fence.move:
            return self._moved()
        if fence.phase == "left":
            raise refusal(fence)
        return None

    def anew(self) -> Moved:
        """Fence the source, and have its rows in the target."""
        self._require_room()
        rows = RowsOfMove(*self._urls)
        if not self._move:
            self._move = self._env.new_id()
            self._close_off()
        try:
            self._take_values()
            with self._target.receiving(self._fence("arriving")):
                copy_rows(self._source, self._target, rows.row)
        except BaseException:
            # The target may have it all the same, where its commit is in doubt: it stays fenced, and is
            # written anew by whatever is moved there next.
            self._source.open_up()
            raise
        return self._moved()

    def finish(self) -> None:
        """The source has left; after that the target may be used."""
        self._source.replace_fence(self._fence("left"))
        self._target.open_up()

    def _fence(self, phase: str) -> MoveFence:
        is_target = phase == "arriving"
        return MoveFence(
            move=self._move,
            phase="arriving" if is_target else "left" if phase == "left" else "leaving",
            url=self._shown[0 if is_target else 1],
            store=(self._source if is_target else self._target).id,
            at=self._env.now(),
        )

    def _require_room(self) -> None:
        there = self._target.fence()
        if there is not None:
            # What is only arriving is nobody's yet. What left for the source comes back with it.
            came_back = there.phase == "left" and there.move == self._source.came_by()
            if there.phase != "arriving" and not came_back:
                raise refusal(there)
        elif not self._target.is_empty():
            raise StoreRefused(
                f"{self._shown[1]} is not empty: a move fills a store, and mixes none",
                fix="name a new file, or a new database",
            )
        names = self._source.value_names()
        if names and not (self._source.depot.keeps and self._target.depot.keeps):
            raise StoreRefused(
                f"{len(names):,} values are kept by reference, in files that all hosts must see",
                fix="PODIUM_VALUES=/a/folder/that/all/share, here and on each host",
            )

    def _close_off(self) -> None:
        url = self._urls[0]
        with closing(App(url, drives="nothing", starter="", notice=_say_nothing)) as app:
            _free_of_engines(app)
            if not self._source.close_off(self._fence("leaving")):
                raise _in_use(app, app.store.engines())

    def _take_values(self) -> None:
        names = self._source.value_names()
        if not names:
            return
        here, there = self._source.depot, self._target.depot
        with here.staying():
            for name in names:
                there.take(here, name)
                if here.holds(name) and not there.holds(name):
                    raise StoreUnavailable(f"the value {name} could not be copied to {there.folder}")

    def _moved(self) -> Moved:
        counts = self._target.counts()
        return Moved(*self._shown, counts["runs"], sum(counts.values()), len(self._target.value_names()))


def _say_nothing(_: str) -> None:
    pass


def _free_of_engines(app: App) -> None:
    """Free the runs of engines that are dead. Raises WrongState while one lives."""
    engines = app.store.engines()
    quiet = silent(app, [engine for engine in engines if app.is_alive(engine) is None])
    dead = {e.id: e.beat for e in engines if e.id in quiet or app.is_alive(e) is False}
    living = [engine for engine in engines if engine.id not in dead]
    if living:
        raise _in_use(app, living)
    app.store.release(dead, app.env.now())


def _in_use(app: App, engines: Sequence[EngineRow]) -> WrongState:
    who = ", ".join(f"process {engine.pid} on {engine.host}" for engine in engines[:3])
    more = f" and {len(engines) - 3} more" if len(engines) > 3 else ""
    return WrongState(
        f"{shown_url(app.url)} is in use by {who}{more}",
        fix="stop them first: what they run goes on in the new place",
    )
