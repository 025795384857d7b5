"""Looking for runs: as few conditions as were asked for, so that an index can serve them."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from typing import Any

from ...model import Place, Query, RunRow, RunStanding, State
from . import rows as records
from .reading import Reader
from .rows import FIND, FIND_STANDINGS, LOAD_STANDINGS
from .statements import SQL

_OPEN = "state IN ('queued', 'running', 'waiting', 'parked')"


class FindingReader(Reader):
    """A reader of the store that finds runs and counts them."""

    def counts(self, since: float) -> dict[State, int]:
        standing, ended = self.looks([(SQL["standing"], {}), (SQL["ended_since"], {"since": float(since)})])
        return {State(state): count for state, count in [*standing, *ended]}

    def find(self, query: Query) -> list[RunRow]:
        place = self._place(query.before)
        return [records.run_row(row) for row in self.search(*statement(query, place))] if place else []

    def standings(self, wanted: Query | Sequence[str]) -> list[RunStanding]:
        if not isinstance(wanted, Query):
            return [records.standing(row) for row in self.look(LOAD_STANDINGS, {"runs": list(wanted)})]
        place = self._place(wanted.before)
        found = self.search(*statement(wanted, place, FIND_STANDINGS)) if place else []
        return [records.standing(row) for row in found]

    def tally(self, query: Query) -> dict[tuple[State, str], int]:
        place = self._place(query.before)
        found = self.search(*statement(query, place, SQL["tally"])) if place else []
        return {(State(state), function): count for state, function, count in found}

    def functions(self, most: int) -> dict[str, int]:
        return dict(self.search(SQL["functions"], {"most": most}))

    def horizon(
        self, runs: int, before: str | Place | None = None, until: float = math.inf
    ) -> tuple[str, float] | None:
        place = self._place(before)
        if place is None:
            return None
        created, key = min(place, (float(until), -1))
        found = self.search(SQL["horizon"], {"created": created, "key": key, "behind": runs - 1})
        return found[0] if found else None

    def _place(self, before: str | Place | None) -> Place | None:
        """Where in the order of creation looking begins; None behind a run that is not there."""
        if before is None:
            return math.inf, 0
        if not isinstance(before, str):
            return before
        found = self.look(SQL["place"], {"run": before})
        return found[0] if found else None


def statement(query: Query, place: Place, text: str = FIND) -> tuple[str, dict[str, Any]]:
    """What finds the runs of a query, newest first, or another statement about them. `place`: only such as
    come behind it."""
    parts = list(_parts(query, place))
    values: dict[str, Any] = {"limit": query.limit}
    for _, given in parts:
        values |= given
    narrowed = " AND ".join([text for text, _ in parts]) or "true"
    return text.replace("{narrowed}", narrowed), values


def _parts(query: Query, place: Place) -> Iterator[tuple[str, dict[str, Any]]]:
    if place[0] < math.inf:
        yield "(created, key) < (%(place_created)b, %(place_key)b)", {
            "place_created": place[0], "place_key": place[1],
        }  # fmt: skip
    if query.states is not None:
        # In words, too: the planner proves by them that the smaller index will do.
        if all(state.value != "succeeded" for state in query.states):
            yield "state <> 'succeeded'", {}
        yield "state = ANY (%(states)b::text[])", {"states": sorted(state.value for state in query.states)}
    if query.function is not None:
        yield "function = %(function)b", {"function": query.function}
    if query.id_prefix:
        # By bytes: nothing that begins with it comes after it and the last character that there is.
        yield "id >= %(prefix)b AND id < %(prefix_end)b", {
            "prefix": query.id_prefix, "prefix_end": query.id_prefix + chr(0x10FFFF),
        }  # fmt: skip
    if query.id_suffix:
        yield "right(id, length(%(suffix)b)) = %(suffix)b", {"suffix": query.id_suffix}
    if query.functions is not None:
        yield "function = ANY (%(functions)b::text[])", {"functions": sorted(query.functions)}
    if query.any_has is not None:
        texts = " OR ".join(f"strpos({column}, %(any_has)b) > 0" for column in ("id", "function", "tags"))
        yield f"({texts})", {"any_has": query.any_has}
    if query.tag is not None:
        yield "key IN (SELECT run FROM podium.run_tags WHERE tag = %(tag)b)", {"tag": query.tag}
    if query.left_by is not None:
        yield (
            f"starter = %(left_by)b AND starter <> '' AND starter_engine IS NOT NULL AND {_OPEN}",
            {"left_by": query.left_by},
        )
    if query.roots is not None:
        yield "root <> id AND root = ANY (%(roots)b::text[])", {"roots": sorted(query.roots)}
    if query.unowned:
        yield "owner IS NULL AND due IS NOT NULL AND state IN ('queued', 'waiting')", {}
    for column, between in (("created", query.created), ("started", query.started), ("ended", query.ended)):
        if between is not None and between != (-math.inf, math.inf):
            yield f"{column} >= %({column}_from)b AND {column} < %({column}_until)b", {
                f"{column}_from": float(between[0]), f"{column}_until": float(between[1]),
            }  # fmt: skip
