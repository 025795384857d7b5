"""What is kept of what an attempt says, and what a cap leaves out."""

from __future__ import annotations

import itertools
import logging
import threading
from collections.abc import Iterator

import pytest

from podium.executors import Caps, LogBuffer
from podium.model import STDERR, STDOUT


def transcript(lines: int = 1000, bytes: int = 100_000, line: int = 100) -> LogBuffer:
    clock: Iterator[int] = itertools.count(1)
    return LogBuffer("/say", 1, Caps(lines, bytes, line), lambda: float(next(clock)))


def texts(spoken: LogBuffer, last: bool = True) -> list[str]:
    return [line.text for line in spoken.take(last)]


@pytest.mark.parametrize(
    ("pieces", "lines"),
    [
        (["one\n"], ["one"]),
        (["o", "n", "e", "\n", "tw", "o\n"], ["one", "two"]),
        (["one\ntwo\n\nfour"], ["one", "two", "", "four"]),
        (["no end"], ["no end"]),
        (["\n"], [""]),
        ([""], []),
        (["dos\r\n", "lines\r", "\n"], ["dos", "lines"]),
        (["10 %\r20 %\r100 %\n"], ["100 %"]),
        (["\r10 %", "\r20 %", "\r100 %", "\n"], ["100 %"]),
        (["10 %\r", "20 %\r", "100 %\r"], ["100 %"]),
        (["\r\r\r\n"], [""]),
        (["a\0b \x1b[31mred\x1b[0m\n"], ["a\0b \x1b[31mred\x1b[0m"]),
        (["lone \udcff surrogate\n"], ["lone \\udcff surrogate"]),
        (["na\u00efve \N{PARTY POPPER}\u2028still one\n"], ["na\u00efve \N{PARTY POPPER}\u2028still one"]),
    ],
)
def test_pieces_become_lines(pieces: list[str], lines: list[str]) -> None:
    spoken = transcript()
    for piece in pieces:
        spoken.write(STDOUT, piece)
    assert texts(spoken) == lines


def test_a_line_that_has_not_ended_waits_for_its_end() -> None:
    spoken = transcript()
    spoken.write(STDOUT, "one\ntw")
    assert texts(spoken, last=False) == ["one"]
    spoken.write(STDOUT, "o\n")
    assert texts(spoken, last=False) == ["two"]
    assert texts(spoken) == []


def test_two_streams_do_not_mix_in_a_line() -> None:
    spoken = transcript()
    for text in ("out", "err"):
        spoken.write(STDOUT if text == "out" else STDERR, text)
    spoken.write(STDOUT, "!\n")
    spoken.write(STDERR, "!\n")
    assert [(line.level, line.text) for line in spoken.take()] == [(STDOUT, "out!"), (STDERR, "err!")]


def test_a_record_keeps_its_level_and_all_its_lines() -> None:
    spoken = transcript()
    spoken.line(logging.ERROR, lambda: "boom\n  at line 1")
    (line,) = spoken.take()
    assert (line.level, line.text, line.step, line.attempt, line.at, line.n) == (
        logging.ERROR, "boom\n  at line 1", "/say", 1, 1.0, 0,
    )  # fmt: skip


@pytest.mark.parametrize("sizes", [[250], [100, 150], [99, 1, 150], [10] * 25])
def test_a_long_line_is_cut_and_says_by_how_much(sizes: list[int]) -> None:
    spoken = transcript()
    for size in sizes:
        spoken.write(STDOUT, "x" * size)
    spoken.write(STDOUT, "\nnext\n")
    assert texts(spoken) == ["x" * 100 + " … (150 more characters)", "next"]


def test_no_level_is_too_high_for_a_store() -> None:
    spoken = transcript()
    for level in (10**30, -(10**30), 35):
        spoken.line(level, lambda: "x")
    assert [line.level for line in spoken.take()] == [1_000_000, -1_000_000, 35]


def test_a_long_record_is_cut_too() -> None:
    spoken = transcript()
    spoken.line(logging.INFO, lambda: "x" * 101)
    assert texts(spoken) == ["x" * 100 + " … (1 more characters)"]


def test_what_is_overwritten_is_not_counted_as_cut() -> None:
    spoken = transcript()
    spoken.write(STDOUT, "y" * 500 + "\r" + "x" * 20)
    spoken.write(STDOUT, "\r" + "x" * 30 + "\n")
    assert texts(spoken) == ["x" * 30]


def test_over_the_cap_of_lines_one_line_says_how_much_is_missing() -> None:
    spoken = transcript(lines=3)
    for n in range(10):
        spoken.write(STDOUT, f"line {n}\n")
    kept = spoken.take(last=True)
    assert [line.text for line in kept[:3]] == ["line 0", "line 1", "line 2"]
    (notice,) = kept[3:]
    assert notice.text.startswith("… 7 more lines (")
    assert "log_lines=3" in notice.text
    assert notice.level == logging.WARNING


def test_over_the_cap_of_bytes_too() -> None:
    spoken = transcript(bytes=100)
    for _ in range(5):
        spoken.write(STDOUT, "\u00e9" * 20 + "\n")  # forty bytes
    *kept, notice = texts(spoken)
    assert kept == ["\u00e9" * 20] * 2
    assert notice.startswith("… 3 more lines (")


def test_while_it_runs_on_the_notice_comes_once_and_the_count_at_its_end() -> None:
    spoken = transcript(lines=1)
    spoken.write(STDOUT, "a\nb\n")
    assert [text[:5] for text in texts(spoken, last=False)] == ["a", "… the"]
    spoken.line(logging.INFO, lambda: "c")
    assert texts(spoken, last=False) == []
    assert [text[:16] for text in texts(spoken)] == ["… 2 more lines ("]


def test_a_record_over_the_cap_is_not_even_formatted() -> None:
    spoken = transcript(lines=1)
    spoken.write(STDOUT, "a\nb\n")

    def expensive() -> str:
        raise AssertionError("formatted")

    spoken.line(logging.INFO, expensive)
    assert texts(spoken)[-1].startswith("… 2 more lines")


def test_one_piece_of_many_megabytes_costs_what_is_kept() -> None:
    spoken = transcript(lines=10)
    spoken.write(STDOUT, "abcdefg\n" * 1_000_000)
    spoken.write(STDOUT, "z" * 5_000_000)
    *kept, notice = texts(spoken)
    assert kept == ["abcdefg"] * 10
    assert notice.startswith("… 999,990 more lines (12,99")


def test_after_the_end_nothing_is_kept() -> None:
    spoken = transcript()
    spoken.write(STDOUT, "before\n")
    assert texts(spoken) == ["before"]
    spoken.write(STDOUT, "after\n")
    spoken.line(logging.INFO, lambda: "after")
    assert texts(spoken) == texts(spoken, last=False) == []


def test_many_threads_lose_and_tear_no_line() -> None:
    spoken = transcript(lines=500)

    def speak(name: int) -> None:
        for n in range(200):
            spoken.write(STDOUT, f"{name}-{n}\n")

    threads = [threading.Thread(target=speak, args=(name,)) for name in range(4)]
    taken: list[str] = []
    for thread in threads:
        thread.start()
    while any(thread.is_alive() for thread in threads):
        taken += texts(spoken, last=False)
    *rest, notice = texts(spoken)
    said = {f"{name}-{n}" for name in range(4) for n in range(200)}
    kept = [text for text in [*taken, *rest] if not text.startswith("… ")]
    assert len(kept) == len(set(kept)) == 500
    assert set(kept) <= said
    assert notice.startswith("… 300 more lines")


def test_a_finalizer_that_prints_in_the_middle_does_not_lock_up() -> None:
    spoken = transcript()

    def formats() -> str:
        spoken.write(STDOUT, "inner\n")
        return "outer"

    spoken.line(logging.INFO, formats)
    assert texts(spoken) == ["inner", "outer"]
