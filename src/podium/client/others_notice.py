"""What else waits: an app says once which runs and queues nothing drives, and the command that does."""

from __future__ import annotations

import threading
from collections.abc import Callable, Collection, Iterator, Sequence
from typing import TYPE_CHECKING

from .. import late
from ..errors import PodiumError, ResourceShortage
from ..inspect import living, offered
from ..inspect.undriven import undriven
from ..model import ALERT, EngineRow, Query, RunRow
from ..opening import store_flag
from ..store import Store
from .open_store import OpenStore
from .profile import Profile
from .project import project_in
from .queue_record import served_by

if TYPE_CHECKING:
    from ..inspect import queues, whereabouts
    from ..inspect.whereabouts import WayOn
else:
    whereabouts = late.module(globals(), "..inspect.whereabouts")
    queues = late.module(globals(), "..inspect.queues")


DELAY_SECONDS = 1.0  # after the first start: until then a script has called what it is to go on with
LOOKED_AT = 200
GONE_MAX = 3  # functions that are not there any more, each with a line of its own
_NAMED = 3


class OthersNotice:
    """Said a moment after the app has begun, or when it closes before that."""

    def __init__(self, profile: Profile, is_alive: Callable[[EngineRow], bool | None]) -> None:
        """`is_alive`: whether an engine's process lives; None where that is not known."""
        self._profile, self._is_alive = profile, is_alive
        self.has_begun = False
        self._closing = threading.Event()
        self._lock = threading.Lock()

    def begin(self, store: Store, wanted: Callable[[], Collection[str]]) -> None:
        """The app has begun. `wanted` tells which runs this process has started or waits for."""
        if not self.has_begun:
            self.has_begun = True
            try:
                self._profile.env.spawn(self._later, store, wanted, name="podium-others")
            except ResourceShortage:  # then it is said when the app closes
                pass

    def _later(self, store: Store, wanted: Callable[[], Collection[str]]) -> None:
        if not self._closing.wait(DELAY_SECONDS):
            with self._lock:
                if not self._closing.is_set():
                    self._closing.set()
                    self.say(store, wanted())

    def end(self) -> bool:
        """The app closes: what it drives, and hands back now, would soon look like others'. Whether it was
        not said yet: then `say` says it, once the engine has ended."""
        with self._lock:
            is_due = self.has_begun and not self._closing.is_set()
            self._closing.set()
            return is_due

    def say(self, store: Store, wanted: Collection[str]) -> None:
        """Say it. `wanted`: the runs that this process has started or waits for; what these have started is
        not others', either."""
        try:
            view = OpenStore(self._profile, store, self._is_alive)
            for line in (
                *queues_unserved(view, self._profile),
                *others_waiting(view, self._profile, wanted),
            ):
                self._profile.tell(line)
        except PodiumError:  # the store is in trouble, or what names the project: nothing would be certain
            return


def queues_unserved(view: OpenStore, profile: Profile) -> Iterator[str]:
    """A line about the queues of this program that its own engine leaves to workers, where none lives that
    serves them: runs there would wait without a word."""
    served = served_by(view.store, profile).queues
    if served is None or not profile.has_engine:
        return
    engines, functions = living(view), list(profile.functions.values())
    left = [
        function
        for function in functions
        if function.queue not in ("", *served)
        and not any(
            queues.serves(engine, function.queue) and function.name in engine.functions for engine in engines
        )
    ]
    if left:
        names = ", ".join(sorted({function.queue for function in left}))
        worker = f"podium worker {' '.join(sorted({function.module for function in left}))}"
        yield f"podium: no worker serves {names}: {worker}{store_flag(view.url)}"


def others_waiting(view: OpenStore, profile: Profile, wanted: Collection[str]) -> Iterator[str]:
    """Lines about the runs of a store that nothing drives, whatever file they are of: one for all, and one
    for each function of this program that has another name now."""
    engines, ours, mine = living(view), profile.functions, {*wanted}
    left = [
        row
        for row in undriven(view.store.find(Query(unowned=True, limit=LOOKED_AT)), engines)
        if not {row.id, row.parent, row.root} & mine
        and row.function != ALERT
        and not (profile.drives == "all" and _is_ours(profile, row))
    ]
    known = {**offered(engines), **{name: function.fingerprint for name, function in list(ours.items())}}
    flag = store_flag(view.url)
    modules = {name.partition(":")[0] for name in ours}
    gone: list[str] = []
    for function in dict.fromkeys(row.function for row in left):
        of_function = [row for row in left if row.function == function]
        if function in ours or len(gone) == GONE_MAX:
            continue
        way = whereabouts.way_on(view, of_function[0], known)
        is_ours = function.partition(":")[0] in modules or any(name in ours for name in way.may_be)
        if way.is_gone and (is_ours or any(row.starter == profile.starter != "" for row in of_function)):
            gone.append(function)
            yield _renamed(function, len(of_function), way, flag)
    rest = [row for row in left if row.function not in gone]
    if rest:
        others = list(dict.fromkeys(row.function for row in rest if not _is_ours(profile, row)))
        yield _waiting(rest, others, whereabouts.way_on(view, rest[-1], known), flag)


def _is_ours(profile: Profile, row: RunRow) -> bool:
    """Whether a run is of a function of this program, and not of one of that name in another project."""
    function = profile.functions.get(row.function)
    return function is not None and row.project in ("", project_in(profile.url, function))


def _waiting(rows: Sequence[RunRow], others: Sequence[str], way: WayOn, flag: str) -> str:
    """`others`: the functions of these runs that are not of this program."""
    more = ", …" if len(others) > _NAMED else ""
    of = f" ({', '.join(others[:_NAMED])}{more})" if others else ""
    if len(rows) == 1:
        return f"podium: 1 other run waits{of}, and nothing drives it: {way.command}{flag}"
    many = f"{len(rows)}{'+' if len(rows) >= LOOKED_AT else ''} other runs wait{of}"
    first = "" if way.is_gone else f"{way.command}{flag}, "
    return f"podium: {many}, and nothing drives them: {first}podium runs status:open{flag}"


def _renamed(function: str, count: int, way: WayOn, flag: str) -> str:
    runs = "1 run waits" if count == 1 else f"{count} runs wait"
    may_be = f"; it may be {' or '.join(way.may_be)} now" if len(way.may_be) > 1 else ""
    return f"podium: {runs} for {function}, which is not there any more{may_be}: {way.command}{flag}"
