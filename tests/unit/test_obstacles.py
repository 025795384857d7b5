"""What may hold a run up, one by one: told by the cause, and never more than that has looked at."""

from __future__ import annotations

import re
from pathlib import Path

import msgspec
import pytest

from podium import inspect
from podium.inspect import Cause, checks_of
from podium.inspect.obstacles import HELD_BY, NAMES
from podium.model import Reason, RunRow, State

NOW = 1000.0
HERE = Path(inspect.__file__).parent
# Kinds of runs that have ended, or whose state says what holds them.
BY_STATE = {"failed", "parked", "succeeded", "cancelled"}
BY_NOTHING = {"running", "due", "undoing", "cancelling", "losing", "full"}


def run(state: State, *, due: float | None = None, payload: bytes = b"") -> RunRow:
    return RunRow(
        id="r", function="a:b", state=state, token=1, owner=None, created=1.0, started=1.0, ended=None,
        due=due, args=b"{}", payload=payload, digest=b"", lost=0, entries=0, fingerprint="", starter="",
        tags=(), inbox=0,
    )  # fmt: skip


def told(row: RunRow, kind: str, what: str = "") -> dict[str, str]:
    checks = checks_of(row, Cause(kind, what), NOW)
    assert [check.name for check in checks] == list(NAMES.values())
    by_name = {name: key for key, name in NAMES.items()}
    return {by_name[check.name]: check.verdict for check in checks}


def test_no_kind_of_cause_is_forgotten() -> None:
    text = "".join(
        (HERE / f"{name}.py").read_text(encoding="utf-8") for name in ("causes", "outside", "queues")
    )
    kinds = set(re.findall(r'(?:Cause\(\s*|return |kind = )"([a-z]+(?:-[a-z]+)*)"[,\n ]', text)) | {
        "child",
        "question",
    }
    assert len(kinds) > 20
    assert kinds - BY_STATE == HELD_BY.keys() | BY_NOTHING


@pytest.mark.parametrize("kind", sorted(HELD_BY))
def test_one_thing_holds_it(kind: str) -> None:
    row = run(State.RUNNING if kind in ("orphaned", "silent", "frozen") else State.WAITING)
    verdicts = told(row, kind)
    assert [key for key, verdict in verdicts.items() if verdict == "holds"] == [HELD_BY[kind]]


def test_a_run_that_goes_on_is_held_by_nothing() -> None:
    verdicts = told(run(State.RUNNING), "running")
    assert "holds" not in verdicts.values()
    assert verdicts["owner"] == verdicts["code"] == verdicts["retry"] == "fine"
    assert verdicts["message"] == "open"  # what it waits for in memory is on no record


def test_behind_a_store_that_nobody_can_write_nothing_was_looked_at() -> None:
    verdicts = told(run(State.RUNNING), "frozen", "process 7 is stopped, and it holds the store's write lock")
    assert verdicts.pop("store") == "holds"
    assert set(verdicts.values()) == {"open"}


def test_what_is_parked_is_held_by_its_code_or_by_a_decision() -> None:
    for code, held in (("E204", "code"), ("E216", "pause")):
        row = run(State.PARKED, payload=msgspec.json.encode(Reason(what="so", code=code)))
        assert told(row, "parked")[held] == "holds"


def test_a_run_that_sleeps_has_a_timer_and_nobody_has_looked_who_will_drive_it() -> None:
    verdicts = told(run(State.WAITING, due=NOW + 60), "sleeping")
    assert (verdicts["timer"], verdicts["message"], verdicts["code"]) == ("holds", "fine", "open")


def test_a_run_that_is_due_is_past_its_timer() -> None:
    verdicts = told(run(State.WAITING, due=NOW - 1), "queue-full")
    assert (verdicts["queue"], verdicts["timer"], verdicts["owner"]) == ("holds", "fine", "open")


def test_what_has_ended_is_asked_nothing() -> None:
    assert checks_of(run(State.FAILED), Cause("failed", ""), NOW) == ()
