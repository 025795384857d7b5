"""Errors that a group gathered are told by what they are and where, as if no group had been in between."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

import pytest

from tests.cli.support import as_json, place, podium, write_app

GROUPS = """
import asyncio
from podium import Retry, task, workflow

async def bad() -> None:
    raise ValueError("boom")

async def missing(n: int) -> None:
    raise KeyError(n)

async def inner() -> None:
    async with asyncio.TaskGroup() as inside:
        inside.create_task(bad())

@task
async def step() -> None:
    raise OSError("no route")

@task(retries=Retry(times=5, wait=0.01))
async def fetch() -> None:
    async with asyncio.TaskGroup() as fetching:
        fetching.create_task(bad())

@task(isolation="process")
async def apart() -> None:
    async with asyncio.TaskGroup() as there:
        there.create_task(bad())
        there.create_task(missing(1))

@task
async def halts() -> None:
    raise BaseExceptionGroup("halted", [SystemExit(3), KeyError("k")])

@task
async def interrupted() -> None:
    raise KeyboardInterrupt

@workflow
async def in_body() -> None:
    async with asyncio.TaskGroup() as one:
        one.create_task(bad())

@workflow
async def nested() -> None:
    async with asyncio.TaskGroup() as outer:
        outer.create_task(inner())

@workflow
async def of_a_step() -> None:
    async with asyncio.TaskGroup() as steps:
        steps.create_task(step())

@workflow
async def of_an_interrupt() -> None:
    async with asyncio.TaskGroup() as stopped:
        stopped.create_task(interrupted())

@workflow
async def in_a_task() -> None:
    await fetch()

@workflow
async def apart_from_here() -> None:
    await apart()

@workflow
async def halting() -> None:
    await halts()

@workflow
async def several() -> None:
    async with asyncio.TaskGroup() as many:
        many.create_task(bad())
        for n in range(4):
            many.create_task(missing(n))

@workflow
async def by_hand() -> None:
    try:
        await step()
    except OSError as error:
        raise ExceptionGroup("1 of 9 mirrors failed", [error])

@workflow
async def with_cause() -> None:
    try:
        await inner()
    except ExceptionGroup as error:
        raise RuntimeError("no data") from error
"""

BAD = 'raise ValueError("boom")'


@pytest.fixture(autouse=True)
def _app(project: Path) -> None:
    write_app(project, GROUPS)


def at(source: str) -> str:
    return place(source, GROUPS)


def line(source: str) -> str:
    return f"  {at(source)}  {source}"


def group(name: str) -> str:
    return f"  through a TaskGroup at {at(f'async with asyncio.TaskGroup() as {name}:')}"


def reports(workflow: str) -> list[list[str]]:
    """What `run`, `show` and `why` say from the headline on, without podium's frames and what follows."""
    ran = podium("run", f"app:{workflow}").stderr.splitlines()
    assert len(ran) <= 12
    said = [ran, *(podium(verb, "@last").stdout.splitlines() for verb in ("show", "why"))]
    return [_report(lines) for lines in said]


def _report(lines: list[str]) -> list[str]:
    begin = next(n for n, text in enumerate(lines) if text.startswith("✖ ") and " failed" in text[2:40])
    if lines[begin].startswith("✖ failed"):  # the state, in the headers of `show` and `why`
        return _report(lines[begin + 1 :])
    told = [lines[begin]]
    for text in lines[begin + 1 :]:
        if not text.startswith("  "):
            break
        told += [text] if "PODIUM_TRACE" not in text else []
    return told


@pytest.mark.parametrize(
    ("workflow", "told"),
    [
        (
            "in_body",
            ["✖ the workflow's body failed: ValueError: boom", line(BAD), group("one")],
        ),
        (
            "nested",
            ["✖ the workflow's body failed: ValueError: boom", line(BAD), group("inside"), group("outer")],
        ),
        (
            "of_a_step",
            ["✖ step failed: OSError: no route", line('raise OSError("no route")'), group("steps")],
        ),
        (
            "of_an_interrupt",
            ["✖ interrupted failed: KeyboardInterrupt", line("raise KeyboardInterrupt"), group("stopped")],
        ),
        (
            "in_a_task",
            [
                "✖ fetch failed after 6 tries: ValueError: boom",
                line(BAD),
                group("fetching"),
                line("await fetch()"),
                "  try 1 ValueError: boom · try 2 same · … 3 more · try 6 same · not tried again",
            ],
        ),
        (
            "by_hand",
            [
                "✖ step failed: OSError: no route",
                line('raise OSError("no route")'),
                line("await step()"),
                "  through ExceptionGroup '1 of 9 mirrors failed' at "
                + at('raise ExceptionGroup("1 of 9 mirrors failed", [error])'),
            ],
        ),
        (
            "with_cause",
            [
                "✖ the workflow's body failed: RuntimeError: no data",
                line('raise RuntimeError("no data") from error'),
                "  because of ValueError: boom",
            ],
        ),
    ],
)
def test_a_group_of_one_is_told_as_that_one(workflow: str, told: list[str]) -> None:
    for report in reports(workflow):
        assert report == told


def test_of_several_each_is_told_with_its_line() -> None:
    for report in reports("several"):
        assert report == [
            "✖ the workflow's body failed: ExceptionGroup: unhandled errors in a TaskGroup (5 errors)",
            f"  ValueError: boom{line(BAD)}",
            f"  KeyError: 0{line('raise KeyError(n)')}",
            f"  KeyError: 1{line('raise KeyError(n)')}",
            "  … and 2 more",
            group("many"),
        ]


def test_several_of_a_task_in_its_own_process() -> None:
    for report in reports("apart_from_here"):
        assert report == [
            "✖ apart failed: ExceptionGroup: unhandled errors in a TaskGroup (2 errors)",
            f"  ValueError: boom{line(BAD)}",
            f"  KeyError: 1{line('raise KeyError(n)')}",
            group("there"),
            line("await apart()"),
        ]


def test_a_group_that_cannot_be_raised_again_is_told_from_the_record_of_its_step() -> None:
    for report in reports("halting"):
        assert report[:3] == [
            "✖ halts failed: BaseExceptionGroup: halted (2 errors)",
            "  SystemExit: 3",
            "  KeyError: 'k'",
        ]


def leaves(error: dict[str, Any]) -> list[dict[str, Any]]:
    members = error.get("members")
    return [leaf for member in members for leaf in leaves(member)] if members else [error]


@pytest.mark.parametrize("workflow", ["in_body", "nested", "in_a_task"])
def test_programs_are_told_too(workflow: str) -> None:
    podium("run", f"app:{workflow}")
    shown = as_json("show", "@last")
    (leaf,) = leaves(shown["error"])
    assert (leaf["type"], leaf["message"]) == ("builtins:ValueError", "boom")
    assert BAD in leaf["traceback"]
    for entry in shown["history"]:
        (leaf,) = leaves(entry["error"])
        assert (leaf["type"], leaf["message"]) == ("builtins:ValueError", "boom")
    assert as_json("why", "@last")["what"] == "it failed: ValueError: boom"


def test_why_names_the_first_of_several() -> None:
    podium("run", "app:several")
    assert as_json("why", "@last")["what"] == (
        "it failed: ExceptionGroup: unhandled errors in a TaskGroup"
        " (5 errors: ValueError: boom, KeyError: 0, KeyError: 1, …)"
    )


def test_on_request_every_traceback_is_shown() -> None:
    podium("run", "app:several")
    told = podium("why", "@last", PODIUM_TRACE="1").stdout
    assert all(f"  KeyError: {n}\n" in told for n in range(4))
    # The frames of how the group ended, too: Python's own from 3.13 on, and ours in its place before.
    ends = "leave_group" if sys.version_info < (3, 13) else "__aexit__"
    _, _, end = told.partition(f", in {ends}\n")
    assert end.lstrip().startswith(("raise BaseExceptionGroup(", "raise me from None\n"))
