"""`podium run --at` and `--tag`: what `options(delay=, tags=)` does in code."""

from __future__ import annotations

import datetime
import time
from pathlib import Path

import pytest

from tests.cli.support import Terminal, as_json, began, podium, write_app

# Two days ahead in UTC: to come in every zone, at whatever hour this runs. Tomorrow's midnight in Tokyo has
# passed by 15:00 UTC.
TO_COME = (datetime.datetime.fromtimestamp(time.time(), datetime.UTC) + datetime.timedelta(days=2)).date()


@pytest.fixture(autouse=True)
def _app(project: Path) -> None:
    write_app(project)


def since_creation(run: str) -> float:
    """Seconds from its creation to its begin."""
    shown = as_json("show", run)
    begun, created = (datetime.datetime.fromisoformat(shown[key]) for key in ("started", "created"))
    return (begun - created).total_seconds()


def test_it_waits_until_it_is_due_and_is_followed_to_its_end() -> None:
    ran = podium("run", "app:adds", "--at", "2s", "--", "--n", "2")
    assert (ran.returncode, ran.stdout) == (0, "1\n")
    assert "adds(n=2)  begins in " in ran.stderr.splitlines()[0]
    assert since_creation("@last") > 0.5  # loading the module is part of the two seconds


def test_a_terminal_shows_when_it_begins() -> None:
    terminal = Terminal("run", "app:adds", "--at", "2s", "--", "--n", "2")
    terminal.until("◌ begins in ")
    terminal.until("succeeded")
    assert terminal.end() == 0


@pytest.mark.parametrize(
    ("when", "due"),
    [
        (f"{TO_COME}", f"{TO_COME}T00:00:00+09:00"),
        (f"{TO_COME} 08:00", f"{TO_COME}T08:00:00+09:00"),
        (f"{TO_COME}T08:00:30", f"{TO_COME}T08:00:30+09:00"),
        (f"{TO_COME}T23:00Z", f"{TO_COME}T23:00:00+00:00"),
        (f"{TO_COME} 23:00-03:00", f"{TO_COME}T23:00:00-03:00"),
    ],
)
def test_a_time_without_a_zone_is_that_of_this_machine(when: str, due: str) -> None:
    ran = podium("run", "app:adds", "--at", when, "--detach", TZ="Asia/Tokyo")
    assert "JST)" in ran.stderr
    recorded = datetime.datetime.fromisoformat(as_json("show", ran.stdout.strip())["due"])
    assert abs((recorded - datetime.datetime.fromisoformat(due)).total_seconds()) < 0.01


def test_detached_it_is_in_line_until_then_and_whoever_resumes_it_waits_for_that() -> None:
    later = as_json("run", "app:adds", "--detach", "--at", "1h")
    assert (later["state"], later["due"]) == ("queued", as_json("show", later["id"])["due"])
    assert "it was told to begin in" in podium("why", later["id"]).stdout
    run = podium("run", "app:shows", "--detach", "--at", "2s").stdout.strip()
    assert podium("resume", run).stdout.endswith("7\n")
    assert since_creation(run) > 0.5


def test_left_before_it_is_due_it_goes_on_by_its_id() -> None:
    ran = podium("run", "app:adds", "--at", "1h", "--wait", "0.2")
    run = as_json("show", "@last")["id"]
    assert ran.returncode == 6
    assert ran.stderr.splitlines()[-1] == f"go on: podium resume {run}"


@pytest.mark.parametrize(
    ("options", "says"),
    [
        (("--at", "2020-01-01"), "--at '2020-01-01' was "),
        (("--at", "today"), "give a time to come"),
        (("--at", "9999-12-31"), "thirty years ahead is the most"),
        (("--at", "9" * 400 + "w"), "thirty years ahead is the most"),
        (("--at", ""), "--at '' is neither a span (90s, 15m, 2h, 3d, 1w) nor a time"),
        (("--at", "soon"), "such as --at 2h, or --at '"),
        (("--at=-5m",), "--at '-5m' is neither"),
        (("--tag", ""), "--tag '' is no word"),
        (("--tag", "a b"), "--tag a --tag b"),
        (("--tag", "a\nb"), "is no word"),
    ],
)
def test_what_is_no_time_to_come_and_no_word_stores_nothing(
    project: Path, options: tuple[str, ...], says: str
) -> None:
    ran = podium("run", "app:adds", *options)
    assert (ran.returncode, ran.stdout) == (2, "")
    assert says in ran.stderr
    assert not list((project / ".podium").iterdir())
    assert began(project) == []


def test_tags_find_the_run_again_and_are_completed() -> None:
    podium("run", "app:adds", "--id", "one", "--tag", "nightly", "--tag", "new", "--detach")
    podium("run", "app:adds", "--id", "two", "--tag", "other", "--detach")
    assert podium("runs", "-q", "tag:nightly", "tag:new").stdout == "one\n"
    assert as_json("show", "one")["tags"] == ["nightly", "new"]
    line = {"COMP_WORDS": "podium run app:adds --tag n", "COMP_CWORD": "4"}
    offered = podium(_PODIUM_COMPLETE="bash_complete", **line).stdout.splitlines()
    assert offered == ["plain,new", "plain,nightly"]
