"""What nobody should type, but somebody does: refused in a line or two, with the place and what would do."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.cli.support import podium, put, write_app

NINES = "9" * 30
NO_TEXT = "caf\udce9"  # how Python passes on the byte E9


@pytest.fixture(autouse=True)
def _app(project: Path) -> None:
    write_app(project)
    put("one")


@pytest.mark.parametrize(
    ("query", "found"),
    [
        ("created:<9999-12-31", ["one"]),
        ("created:9999-12-31", []),
        ("created:>=9999-12-31T23:59:59-14:00", []),
        ("created:>=0001-01-01", ["one"]),
        ("created:<0001-01-01T00:00+14:00", []),
        ("-created:<=0001-01-01", ["one"]),
        (f"created:{NINES}w", ["one"]),
        (f"created:>{'9' * 500}d", []),
        (f"input.n.{'9' * 5000}:1", []),
        ("input.n.\u00b2:1", []),
    ],
)
def test_a_query_reaches_from_the_first_to_the_last_day_there_is(query: str, found: list[str]) -> None:
    ran = podium("runs", "-q", query, TZ="Asia/Tokyo")  # where the first day begins before the calendar
    assert (ran.returncode, ran.stdout.split()) == (0, found)


@pytest.mark.parametrize(
    ("words", "says"),
    [
        (("runs", "-n", NINES), "-n"),
        (("runs", "-n", "-1"), "-n"),
        (("runs", "-n", ""), "-n"),
        (("runs", NO_TEXT), "word 2 of the command, 'caf\\udce9', holds bytes that are no text"),
        (("runs", f"workflow:{NO_TEXT}"), "word 2 of the command"),
        (("show", NO_TEXT), "word 2 of the command"),
        (("logs", "one", "-n", NINES), "-n"),
        (("logs", "one", "--level", "9" * 5000), "there are: debug"),
        (("logs", "one", "--grep", "a{99999999999}"), "is no regular expression: the repetition number"),
        (("logs", "one", "--grep", "(" * 5000), "is no regular expression"),
        (("logs", "one", "--since", f"{NINES}y"), "for instance: 30s"),
        (("explain", "\u00b2"), "is no code"),
        (("watch", "one", "--wait", "1e300"), "--wait"),
        (("worker", "app", "-c", NINES), "-c"),
        (("run", "app:adds", "--", "--n", NO_TEXT), "word 5 of the command"),
        (("run", "app:adds", "--", "--n", "[" * 90_000), "adds(n=...) wants int"),
    ],
)  # fmt: skip
def test_it_is_refused_with_the_place(words: tuple[str, ...], says: str) -> None:
    ran = podium(*words)
    assert (ran.returncode, ran.stdout) == (2, "")
    assert says in ran.stderr
    assert len(ran.stderr.splitlines()) > 1  # what would do
    assert len(ran.stderr) < 4500  # however much was typed


@pytest.mark.parametrize(
    ("verb", "name"),
    [
        (("runs",), "x" * 5000),
        (("doctor",), "x" * 5000),
        (("run", "app:adds"), NO_TEXT),
        (("show", "@last"), "loop/x.db"),
    ],
)
def test_a_store_that_no_file_can_be(project: Path, verb: tuple[str, ...], name: str) -> None:
    (project / "loop").symlink_to("loop")
    ran = podium(*verb, PODIUM_URL=name)
    assert (ran.returncode, ran.stdout) == (7, "")
    assert ran.stderr.startswith("error[E502]: no store can be opened at ")
    assert "use sqlite:///path, or a plain path" in ran.stderr
    assert len(ran.stderr) < 1000


def test_a_shell_that_completes_bytes_hears_no_complaint() -> None:
    ran = podium(COMP_WORDS=f"podium show {NO_TEXT}", COMP_CWORD="2", _PODIUM_COMPLETE="bash_complete")
    assert (ran.stdout.strip(), ran.stderr) == ("", "")
