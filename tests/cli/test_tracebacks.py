"""A script that fails in `f.run(...)` prints what Python would have printed without Podium."""

from __future__ import annotations

import os
import subprocess
import sys
import traceback
from pathlib import Path

import pytest

from podium.inspect import recorded_frames, with_recorded_frames
from tests.cli.support import APP, environment, place, write_app


@pytest.mark.parametrize("call", ["fails.run(3)", "fails(3)", "fails.start(3).result()"])
def test_the_users_lines_are_all_there_is(project: Path, call: str) -> None:
    write_app(project, f"{APP}\nif __name__ == '__main__':\n    {call}\n")
    ran = subprocess.run(
        [sys.executable, "app.py"], capture_output=True, text=True, env=environment(), check=False
    )
    first, *lines = ran.stderr.splitlines()
    assert first == f"podium: new store {project / '.podium' / 'podium.db'}"
    assert lines[0] == "Traceback (most recent call last):"
    names = [line.rpartition(" in ")[2] for line in lines if line.startswith("  File")]
    assert names == ["<module>", "fails", "bad", "helper"]
    assert '    raise ValueError(f"boom {n}")' in lines
    assert lines[-2:] == ["ValueError: boom 3", "in bad(n=3)"]


def test_on_request_our_frames_stay(project: Path) -> None:
    write_app(project, f"{APP}\nif __name__ == '__main__':\n    fails.run(3)\n")
    ran = subprocess.run(
        [sys.executable, "app.py"],
        capture_output=True,
        text=True,
        env=environment(PODIUM_TRACE="1"),
        check=False,
    )
    assert f"client{os.sep}run.py" in ran.stderr


def test_causes_get_their_frames_too_and_names_are_made_harmless() -> None:
    error, cause = ValueError("outer"), KeyError("inner")
    error.__cause__ = cause
    error.__dict__["__podium_traceback__"] = (
        'Traceback\n  File "a\x1b.py", line 3, in f\n    f()\nValueError: outer'
    )
    cause.__dict__["__podium_traceback__"] = 'Traceback\n  File "b.py", line 4, in g\nKeyError: inner'
    printed = "".join(traceback.format_exception(with_recorded_frames(error)))
    assert 'File "a?.py", line 3, in f' in printed
    assert 'File "b.py", line 4, in g' in printed
    assert "\x1b" not in printed


def test_members_of_a_group_get_theirs(project: Path) -> None:
    source = """
import asyncio
from podium import workflow

async def bad():
    raise ValueError("boom")

@workflow
async def gathers() -> None:
    async with asyncio.TaskGroup() as group:
        group.create_task(bad())

if __name__ == "__main__":
    gathers.run()
"""
    write_app(project, source)
    ran = subprocess.run(
        [sys.executable, "app.py"], capture_output=True, text=True, env=environment(), check=False
    )
    number = place('raise ValueError("boom")', source).partition(":")[2]
    assert f'app.py", line {number}, in bad' in ran.stderr
    assert "ValueError: boom" in ran.stderr
    assert "asyncio" not in ran.stderr.replace("async with asyncio.TaskGroup", "")


def test_text_that_is_no_traceback_has_no_frames() -> None:
    assert recorded_frames("") == []
    assert recorded_frames('  File "x", line 99999999999999999999, in f\nboom') == []
