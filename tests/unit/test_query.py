"""The query language of lists: what each word lets through, and how a wrong one is answered."""

from __future__ import annotations

import datetime
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import msgspec
import pytest

from podium import App, codec
from podium.client.steering import terminating
from podium.errors import UsageError
from podium.inspect import is_query, pages, parse, tallied
from podium.inspect.search import search
from podium.model import FINAL, UNFINISHED, Fence, NewRun, Query, State, Write

NOW = datetime.datetime(2026, 11, 25, 12, 0).timestamp()
HOUR = 3600.0


@dataclass
class Trip:
    city: str
    legs: list[dict[str, int]]


def new(id: str, hours_ago: float = 0.0, function: str = "app:daily", tags: str = "", **args: Any) -> NewRun:
    data, digest = codec.encode_call(args, where="f")
    return NewRun(id, function, data, digest, NOW - hours_ago * HOUR, tags=tuple(tags.split()))


RUNS = [
    new("aa-1", 50, "app:daily", "red nightly", city="Oslo", days=7),
    new("bb-2", 30, "app:daily_report", "blue", city="New York", days=8, when=datetime.date(2026, 11, 1)),
    new("cc-3", 3, "lib.jobs:weekly", trip=Trip("Rome", [{"km": 12}]), fast=True),
    new("dd-4", 1, "lib.jobs:hourly", city=None, tags_=("a", "b")),
]


@pytest.fixture
def app(tmp_path: Path) -> Iterator[App]:
    with App(tmp_path / "x.db", drives="nothing") as app:
        app.store.commit(None, [Write(new_runs=(run,)) for run in RUNS])
        app.store.commit(None, [terminating(app.load("aa-1"), None, NOW - 2 * HOUR)])
        yield app


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("", "dd cc bb aa"),
        ("status:queued", "dd cc bb"),
        ("STATUS:Pending", "dd cc bb"),
        ("-state:queued", "aa"),
        ("status:cancelled,queued", "dd cc bb aa"),
        ("status:open", "dd cc bb"),
        ("status:ended", "aa"),
        ("status:open status:ended", ""),
        ("workflow:daily", "aa"),
        ("workflow:app:daily", "aa"),
        ("function:daily*", "bb aa"),
        ("-workflow:daily*", "dd cc"),
        ("workflow:weekly,hourly", "dd cc"),
        ("workflow:lib.*", "dd cc"),
        ("workflow:nothing", ""),
        ("tag:red", "aa"),
        ("tag:re", ""),
        ("tag:re*", "aa"),
        ("tag:red tag:nightly", "aa"),
        ("tag:red tag:blue", ""),
        ("-tag:red", "dd cc bb"),
        ("id:bb", "bb"),
        ("id:-2", "bb"),
        ("id:b-", ""),
        ("daily", "bb aa"),
        ("nightly", "aa"),
        ("cc-", "cc"),
        ("daily -report", "aa"),
        ("'daily'", "bb aa"),
        ("created:<2h", "dd"),
        ("created:>2h", "cc bb aa"),
        ("created:1d", "dd cc"),
        ("created:>=1d5h created:<2d", "bb"),
        ("-created:<1d", "bb aa"),
        ("created:today", "dd cc"),
        ("created:yesterday", "bb"),
        ("created:2026-11-24", "bb"),
        ("created:<2026-11-24", "aa"),
        ("created:>2026-11-24", "dd cc"),
        ("created:<=2026-11-24", "bb aa"),
        ("created:>=2026-11-25T11:00", "dd"),
        ("started:<100w", ""),
        ("ended:>1h", "aa"),
        ("input.city:Oslo", "aa"),
        ("input.city:os*", ""),
        ("input.city:O*", "aa"),
        ('input.city:"New York"', "bb"),
        ("input.city:Oslo,'New York'", "bb aa"),
        ("-input.city:Oslo", "dd cc bb"),
        ("input.days:7", "aa"),
        ("input.when:2026-11-01", "bb"),
        ("input.trip.city:Rome", "cc"),
        ("input.trip.legs.0.km:12", "cc"),
        ("input.trip.legs.1.km:12", ""),
        ("input.fast:true", "cc"),
        ("input.city:null", "dd"),
        ("input.tags_.1:b", "dd"),
        ("parent:aa", ""),
        ("root:aa", "aa"),
        ("-root:aa,bb", "dd cc"),
    ],
)  # fmt: skip
def test_a_query_lets_through_what_it_says(app: App, text: str, found: str) -> None:
    rows = search(app, parse([text], NOW), 10).rows
    assert [row.id[:2] for row in rows] == found.split()


def test_a_shell_that_has_taken_the_quotes_off_does_no_harm(app: App) -> None:
    assert [row.id for row in search(app, parse(["input.city:New York"], NOW), 9).rows] == ["bb-2"]
    assert [row.id for row in search(app, parse(["workflow:daily", "-tag:blue"], NOW), 9).rows] == ["aa-1"]


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("x stauts:done", "word 2 of the query, stauts:done: there is no key stauts\n  nearest: status:done"),
        ("status:faild", "there is no state faild\n  nearest: failed"),
        ("status:qqq", "there is no state qqq\n  states: queued"),
        ("started:2x", "2x is neither a span"),
        ("started:<2026-13-01", "2026-13-01 is neither"),
        ("started:>", "nothing is neither"),
        ("status:", "nothing stands after the colon\n  such as status:failed"),
        ("tag:,", "nothing stands after the colon"),
        ("input:Oslo", "which argument?\n  such as input.city:Oslo"),
        ("status.x:failed", "status has no parts\n  nearest: status:failed"),
        ('input.city:"New', "a quote in the query is never closed"),
        ("zzz:1", "there is no key zzz\n  keys: status"),
    ],
)  # fmt: skip
def test_a_wrong_word_is_named_with_its_place_and_the_nearest(text: str, says: str) -> None:
    with pytest.raises(UsageError) as raised:
        parse([text], NOW)
    assert says in str(raised.value)


def test_every_state_has_a_word_and_the_groups_are_those_of_the_table() -> None:
    assert parse(["status:open"], NOW).query.states == UNFINISHED
    assert parse(["status:ended"], NOW).query.states == FINAL
    for state in State:
        assert parse([f"state:{state}"], NOW).query.states == {state}


def test_the_search_is_bounded_and_says_so(app: App) -> None:
    wanted = parse(["input.city:Oslo"], NOW)
    assert search(app, wanted, 1, scan_max=2) == ([], False, 2, "cc-3")
    assert [row.id for row in search(app, wanted, 1, scan_max=4).rows] == ["aa-1"]
    found = search(app, parse(["workflow:daily*"], NOW), 1, scan_max=10)
    assert ([row.id for row in found.rows], found.more, found.looked_at) == (["bb-2"], True, None)
    assert search(app, parse([], NOW), 4)[1:] == (False, None, None)
    assert search(app, parse([], NOW), 3)[1:] == (True, None, "bb-2")


def test_all_that_match_are_found_though_what_was_found_is_pruned_meanwhile(
    app: App, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sys.modules["podium.inspect.search"], "_PAGE", 1)  # a function has that name, too
    everything = [row.id for page in pages(app, parse([], NOW)) for row in page]
    found: list[str] = []
    for (row,) in pages(app, parse([], NOW)):
        found.append(row.id)
        if not row.state.is_final:
            app.store.commit(None, [terminating(row, None, NOW)])
        app.store.commit(None, [Write(Fence(row.id, row.token, FINAL), forget=True)])
    assert found == everything == ["dd-4", "cc-3", "bb-2", "aa-1"]
    assert app.find(Query()) == []


def test_what_no_index_leads_to_is_looked_for_among_the_newest_and_then_further(app: App) -> None:
    wanted = parse(["daily"], NOW)
    near = search(app, wanted, 5, horizon=2)
    assert near == ([], False, 2, "cc-3")
    further = wanted._replace(query=msgspec.structs.replace(wanted.query, before=near.after))
    assert [row.id for row in search(app, further, 5, horizon=3).rows] == ["bb-2", "aa-1"]
    assert search(app, further, 5, horizon=3).looked_at is None  # there are not so many
    assert [row.id for row in search(app, parse(["aa-1"], NOW), 5, horizon=1).rows] == ["aa-1"]  # a whole id
    assert [row.id for row in search(app, parse(["tag:nightly"], NOW), 5, horizon=1).rows] == ["aa-1"]
    assert [row.id for row in search(app, parse(["workflow:daily"], NOW), 5, horizon=1).rows] == ["aa-1"]
    before = parse(["daily", f"created:<{datetime.date.fromtimestamp(NOW)}"], NOW)
    assert search(app, before, 5, horizon=1).after == "bb-2"  # the newest of those that it asks for


def test_what_matches_is_counted_up_to_a_bound_and_says_whether_that_is_all(app: App) -> None:
    def count(text: str, most: int = 9, scan_max: int = 9, horizon: int = 9) -> tuple[int, bool]:
        tally = tallied(app, parse([text], NOW), most, scan_max, horizon)
        assert tally.total == tally.functions.total()
        return tally.total, tally.exact

    assert count("status:queued") == (3, True)
    assert count("status:queued", most=2) == (2, False)
    assert count("workflow:daily*") == (2, True)
    assert count("-workflow:daily") == (3, True)
    assert count("workflow:nothing") == (0, True)
    assert count("daily", horizon=3) == (1, False)
    assert count("input.city:Oslo") == (1, True)
    assert count("input.city:Oslo", scan_max=2) == (0, False)


def test_an_id_is_no_query_and_unreadable_arguments_match_nothing(app: App) -> None:
    assert is_query("status:failed")
    assert is_query("-input.city:x")
    assert not any(map(is_query, ("1m8a7f", "@last", "-x", "daily")))
    row = msgspec.structs.replace(app.load("aa-1"), args=b"\xff")
    assert not any(test(row) for test in parse(["input.city:Oslo"], NOW).tests)
