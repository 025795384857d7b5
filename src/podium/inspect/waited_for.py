"""What a run that only waits is waiting for from outside: other runs, people, other systems."""

from __future__ import annotations

from ..model import OUTCOME, RunRow, WaitRow
from .store_view import StoreView

_SHOWN = 3
_LOOKED_AT = 1000


def waited_for(view: StoreView, row: RunRow) -> tuple[str, str, tuple[str, ...], str] | None:
    """Kind, sentence, details and fix of its cause; None where it waits for none of these."""
    open_ones = [wait for wait in view.store.waits(row.id, limit=_LOOKED_AT) if wait.taken is None]
    if not open_ones:
        return None
    said = [_said(view, wait) for wait in open_ones[:_SHOWN]]
    first, *others = said
    more = (f"and {len(open_ones) - _SHOWN} more",) if len(open_ones) > _SHOWN else ()
    kind = "child" if open_ones[0].kind == OUTCOME else "question"
    return kind, f"it waits for {first[0]}", (*(f"and for {what}" for what, _ in others), *more), first[1]


def _said(view: StoreView, wait: WaitRow) -> tuple[str, str]:
    if wait.kind == OUTCOME:
        found = view.store.load(wait.target)
        state = "which is not there any more" if found is None else f"which is {found.state}"
        label = "" if found is None else f" ({found.function.rpartition(':')[2]})"
        return f"run {wait.target}{label}, {state}", f"podium why {wait.target}"
    if wait.prompt:
        to = f" (to {wait.to})" if wait.to else ""
        return f"an answer to {wait.prompt!r}{to}", f"podium answer {wait.run} VALUE"
    return f"callback {wait.target}", f"podium complete {wait.target} VALUE"
