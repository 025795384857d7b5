"""Programs whose runs start, ask and tell others, killed in the middle and run again."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from collections import Counter
from pathlib import Path
from typing import IO

import pytest

from podium import App
from podium.client import Operator, answer, questions
from podium.client.messages import send
from podium.model import Query, State
from tests import forkserver
from tests.waiting import until

FAMILY = """
import time
from podium import task, workflow

@task
def work(n: int) -> int:
    with open("ledger", "a") as ledger:
        ledger.write(f"{n}\\n")
    time.sleep(0.05)
    return n

@workflow
def child(n: int) -> int:
    return work(n)

@workflow
def parent(n: int) -> int:
    return sum(child.map(range(n), limit=4))

if __name__ == "__main__":
    print(parent(20))
"""
MANY = """
import asyncio
from podium import workflow

LATE = 999  # the last by the order of their steps

@workflow
async def child(n: int) -> int:
    if n == LATE:
        await asyncio.sleep(5)
    return n

@workflow
async def parent(n: int) -> int:
    return sum(await child.map(range(n), limit=300))

if __name__ == "__main__":
    print(parent.run(1100))
"""
MENDED = """
import sys
import podium
from podium import task, workflow

@task
def work(n: int) -> int:
    with open("ledger", "a") as ledger:
        ledger.write(f"{n}\\n")
    return n

@workflow
async def below(n: int) -> int:
    done = work(n)
    # spoiled below
    return done

@workflow
async def child(n: int) -> int:
    return await below(n)

@workflow
async def parent(n: int) -> int:
    first, second = child.start(1), child.start(2)
    # spoiled above
    return await first + await second

if __name__ == "__main__":
    print((parent.options(id="mine") if "with an id" in sys.argv else parent).run(2))
"""
APPROVAL = """
import podium
from podium import workflow

@workflow
async def approves(amount: int) -> str:
    answer = await podium.ask("Refund?", bool, about={"amount": amount})
    word = await podium.receive("word", str)
    return f"{answer} {word}"

if __name__ == "__main__":
    print(approves.run(120))
"""


SIBLINGS = """
import asyncio, sys
from podium import workflow

@workflow
async def child(n: int) -> int:
    open("ledger").close()
    return n

@workflow
async def parent() -> int:
    return sum(await asyncio.gather(*[child.options(id=f"child-{n}").start(n) for n in range(3)]))

if __name__ == "__main__":
    if sys.argv[1] == "one":
        print(child.options(id="child-2").run(2))
    else:
        print(parent.options(id="parent").run())
"""


def started(
    folder: Path, text: str, *words: str, stderr: int | IO[str] = subprocess.PIPE
) -> subprocess.Popen[str]:
    """A script with this text, on a store of that folder."""
    (folder / "script.py").write_text(text, encoding="utf-8")
    return forkserver.Popen(
        [sys.executable, "script.py", *words], cwd=folder, text=True,
        stdout=subprocess.PIPE, stderr=stderr,
        env=os.environ | {"PODIUM_URL": f"sqlite:///{folder / 'podium.db'}"},
    )  # fmt: skip


def killed(process: subprocess.Popen[str]) -> None:
    process.send_signal(signal.SIGKILL)
    process.communicate()


def test_a_parent_killed_while_its_children_run_goes_on_with_them(tmp_path: Path) -> None:
    ledger = tmp_path / "ledger"
    first = started(tmp_path, FAMILY)
    until(lambda: ledger.exists() and len(ledger.read_text().split()) >= 6)
    killed(first)
    out, said = started(tmp_path, FAMILY).communicate(timeout=60)
    assert out.strip() == str(sum(range(20))), said
    counts = Counter(ledger.read_text().split())
    assert len(counts) == 20
    assert counts.total() <= 20 + 4, "what was not on record, and that is no more than ran at once"
    with App(f"sqlite:///{tmp_path / 'podium.db'}", drives="nothing") as app:
        rows = app.find(Query(limit=100))
    assert len(rows) == 21, "no child was started twice"
    assert {row.state for row in rows} == {State.SUCCEEDED}


@pytest.mark.slow
def test_a_child_is_driven_on_however_many_its_parent_has_heard_of(tmp_path: Path) -> None:
    store = tmp_path / "podium.db"
    first = started(tmp_path, MANY)
    until(store.exists)
    with App(f"sqlite:///{store}", drives="nothing") as app:

        def left_memory() -> bool:
            rows = app.find(Query(states=frozenset({State.WAITING}), limit=5))
            return len(rows) == 2 and all(row.owner is None for row in rows)

        until(left_memory, "the parent and its last child are out of memory")
        assert len(app.store.open_waits()) == 1
        killed(first)
    out, said = started(tmp_path, MANY).communicate(timeout=60)
    assert out.strip() == str(sum(range(1100))), said


def test_an_answer_survives_the_death_of_who_waits_for_it(tmp_path: Path) -> None:
    store = tmp_path / "podium.db"
    first = started(tmp_path, APPROVAL)
    until(store.exists)
    with App(f"sqlite:///{store}", drives="nothing") as app:
        (asked,) = until(lambda: questions(app))
        first.send_signal(signal.SIGSTOP)  # it does not hear of what comes now
        answer(app, asked.run, True, None, Operator("ada")).result()
        send(app, asked.run, "word", "then", None).result()
        killed(first)
        assert app.load(asked.run).inbox == 2
        assert asked.about == b'{"amount":120}'
    out, said = started(tmp_path, APPROVAL).communicate(timeout=60)
    assert out.strip() == "True then", said


@pytest.mark.parametrize("how", ["by its call", "with an id"])
@pytest.mark.parametrize("spoiled", ["below", "below and above"])
def test_a_mended_script_goes_on_with_what_is_parked_below_its_run(
    tmp_path: Path, spoiled: str, how: str
) -> None:
    """A run that waits for one that is parked would wait for ever, and so would the script."""
    text = MENDED.replace("# spoiled below", "open('ledger').close()")
    if spoiled == "below and above":
        text = text.replace("# spoiled above", "work(0)\n    open('ledger').close()")
    first = started(tmp_path, text, how)
    store = tmp_path / "podium.db"
    until(store.exists)
    with App(f"sqlite:///{store}", drives="nothing") as app:
        parked = Query(states=frozenset({State.PARKED}))
        until(lambda: len(app.find(parked)) == (2 if spoiled == "below" else 3))
        first.terminate()
        _, said = first.communicate(timeout=60)
        assert said.count("has started, is parked: ") == 2, said
        assert "see: podium why" in said
        again = started(tmp_path, text.replace("open('ledger').close()", "pass"), how)
        out, said = again.communicate(timeout=60)
        assert out.strip() == "3", said
        assert app.find(parked) == []
        rows = app.find(Query())
    assert [row.state for row in rows] == [State.SUCCEEDED] * 5


@pytest.mark.parametrize("how", ["by its call", "with an id"])
def test_a_script_that_is_run_again_unmended_says_what_it_waits_for_as_the_first_did(
    tmp_path: Path, how: str
) -> None:
    text = MENDED.replace("# spoiled below", "open('ledger').close()")
    text = text.replace("first, second = child.start(1), child.start(2)", "runs = map(child.start, range(5))")
    text = text.replace("await first + await second", "sum([await run for run in [*runs]])")
    store, told = tmp_path / "podium.db", tmp_path / "told"
    first = started(tmp_path, text, how)
    until(store.exists)
    with App(f"sqlite:///{store}", drives="nothing") as app:
        parked = Query(states=frozenset({State.PARKED}))
        until(lambda: len(app.find(parked)) == 5)
        first.terminate()
        _, said = first.communicate(timeout=60)
        assert said.count("has started, is parked: ") == 3, said
        assert said.count("more runs of below are parked; see: podium runs status:parked") == 1
        for _ in range(2):
            with told.open("w") as stderr:
                again = started(tmp_path, text, how, stderr=stderr)
            try:
                until(lambda: "more runs are parked" in told.read_text(), "it says so")
            finally:
                killed(again)
            said = told.read_text()
            assert said.count("has started, is parked: ") == 3, said
            assert "opening 'ledger'" in said
            (top,) = (row.id for row in app.find(Query()) if not row.parent)
            assert f"2 more runs are parked; see: podium runs root:{top} status:parked" in said
            assert len(app.find(Query(states=parked.states, roots=frozenset({top})))) == 5


def test_who_comes_to_a_child_by_its_id_takes_up_that_and_not_its_family(tmp_path: Path) -> None:
    first = started(tmp_path, SIBLINGS, "all")
    store = tmp_path / "podium.db"
    until(store.exists)
    with App(f"sqlite:///{store}", drives="nothing") as app:
        parked = Query(states=frozenset({State.PARKED}))
        until(lambda: len(app.find(parked)) == 3)
        killed(first)
        mended = SIBLINGS.replace('open("ledger").close()', "pass")
        out, said = started(tmp_path, mended, "one").communicate(timeout=60)
        assert out.strip() == "2", said
        assert {row.id for row in app.find(parked)} == {"child-0", "child-1"}, said
        out, said = started(tmp_path, mended, "all").communicate(timeout=60)
        assert out.strip() == "3", said
