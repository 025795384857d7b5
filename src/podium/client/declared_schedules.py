"""Whether a program, or its store, has anything to do with schedules. Most have not, and load none of it."""

from __future__ import annotations

from typing import TYPE_CHECKING

from .. import late
from ..errors import StoreError
from ..model import SCHEDULE, UNFINISHED, Query
from ..store import Store
from .profile import Profile

if TYPE_CHECKING:
    from . import schedule_record
else:
    schedule_record = late.module(globals(), ".schedule_record")


def keep_schedules(store: Store, profile: Profile) -> None:
    """Put the schedules of a program's workflows on record, as this program declares them: new ones begin,
    others change, and what a workflow of its own declares no more ends. A script that drives its own alone
    keeps none, and says so. What cannot be now (the store is busy) the next opening does."""
    try:
        if any(function.schedules for function in list(profile.functions.values())) or (
            profile.drives == "all" and SCHEDULE in profile.functions and _are_on_record(store)
        ):
            schedule_record.keep_declared(store, profile)
    except StoreError:
        return


def _are_on_record(store: Store) -> bool:
    return bool(store.find(Query(function=SCHEDULE, states=UNFINISHED, limit=1)))
