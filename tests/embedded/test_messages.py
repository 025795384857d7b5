"""What a body waits for from outside: signals, people, other systems."""

from __future__ import annotations

import asyncio
import contextlib
import threading
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner

import podium
from podium import App, InboxFull, Options, Run, RunCancelled, UsageError, WrongState, task, workflow
from podium.cli.main import command_line
from podium.client.messages import send
from podium.engine.owned import OwnedRun
from podium.model import Kind, Message, Query, State, Write
from tests.waiting import until

QUICK = Options(poll=0.05)
EVICTING = Options(poll=0.05, evict_always=True)


@dataclass
class Approval:
    ok: bool
    note: str = ""


@task
async def label(text: str) -> str:
    return f"<{text}>"


@workflow
async def collects(n: int) -> list[int]:
    return [await podium.receive("number", int) for _ in range(n)]


@workflow
def collects_plainly(n: int) -> list[int]:
    return [podium.receive("number", int).result() for _ in range(n)]


@workflow
async def hurries(seconds: float) -> str:
    try:
        return await podium.receive("word", str, timeout=seconds)
    except TimeoutError as error:
        return str(error)


@workflow
async def approves(amount: int) -> str:
    answer = await podium.ask(f"Refund {amount}?", Approval, to="ops")
    return f"{answer.ok} {answer.note}" if answer.ok else "refused"


@workflow
async def calls_back() -> Any:
    done = podium.callback(int)
    await label(done.id)
    try:
        return await done
    except RuntimeError as error:
        return f"failed: {error}"


@pytest.mark.parametrize("options", [QUICK, EVICTING])
@pytest.mark.parametrize("body", [collects, collects_plainly])
def test_signals_come_in_order_and_once(store: Path, options: Options, body: Any) -> None:
    with App(store, options=options):
        run = body.start(4)
        for n in range(3):
            run.send("number", n, id=f"n{n}")
        run.send("number", 0, id="n0")
        run.send("number", 3)
        assert run.result(30) == [0, 1, 2, 3]
        assert {entry.kind for entry in run.history()} == {Kind.MESSAGE}
        with pytest.raises(WrongState, match="has ended"):
            run.send("number", 4)


def test_what_does_not_fit_is_set_aside_and_what_nobody_receives_stays(app: App) -> None:
    run = collects.start(1)
    run.send("other", "x")
    run.send("number", "no number")
    run.send("number", 7)
    assert run.result(30) == [7]
    kinds = [(entry.kind, entry.name) for entry in run.history()]
    assert kinds == [(Kind.SET_ASIDE, "signal:number"), (Kind.MESSAGE, "signal:number")]
    assert [message.name for message in app.store.inbox(run.id)] == ["other"]


def test_a_receive_has_a_timeout(app: App) -> None:
    assert hurries.run(0.05) == "no 'word' came within 0.05 s"
    run = hurries.start(60)
    run.send("word", "yes")
    assert run.result(30) == "yes"


@workflow
async def takes_what_is_there() -> list[Any]:
    found: list[Any] = []
    while True:
        try:
            found.append(await podium.receive("number", int, timeout=0))
        except TimeoutError as error:
            return [*found, str(error)]


def test_a_receive_without_time_takes_all_that_is_there(store: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    to_send = [b"1", b'"no number"', b"2"]
    monkeypatch.setattr(OwnedRun, "deliver", lambda *_, **__: None)  # no look at other times helps
    with App(store, options=QUICK) as app:
        look = app.store.inbox

        def come_before_the_look(run: str) -> Any:
            if to_send:  # after the turn in which the body has asked, so after its time
                at = time.time()
                sent = [Message(f"{n}", run, "signal", at, text, "number") for n, text in enumerate(to_send)]
                to_send.clear()
                app.store.commit(None, [Write(messages=tuple(sent))])
            return look(run)

        monkeypatch.setattr(app.store, "inbox", come_before_the_look)
        run = takes_what_is_there.start()
        assert run.result(30) == [1, 2, "no 'number' is there"]
        kinds = [Kind.MESSAGE, Kind.SET_ASIDE, Kind.MESSAGE, Kind.TICK]
        assert [entry.kind for entry in run.history()] == kinds


def test_a_receive_without_time_ends_at_once_where_nothing_is_there(app: App) -> None:
    assert takes_what_is_there.run() == ["no 'number' is there"]


@workflow
async def hears_two() -> list[str]:
    return list(await asyncio.gather(podium.receive("word", str, timeout=600), podium.receive("end", str)))


def test_why_names_the_signals_and_until_when(store: Path) -> None:
    with App(store, options=EVICTING):
        run = hears_two.start()
        until(lambda: run.state is State.WAITING)
        said = run.why()
        assert "it waits for the signal 'word', whose time is up in 10 min" in said
        assert "and for the signal 'end'" in said
        run.send("other", "x")
        until(lambda: run.state is State.WAITING and "the signal 'word'" in run.why())
        run.send("word", "a")
        until(lambda: "it waits for the signal 'end'" in run.why() and "'word'" not in run.why())
        run.send("end", "b")
        assert run.result(20) == ["a", "b"]


@workflow
async def hears_or_rests() -> None:
    with contextlib.suppress(TimeoutError):
        await asyncio.wait_for(podium.receive("word", str), 600)


def test_why_names_the_timer_beside_a_signal(store: Path) -> None:
    with App(store, options=EVICTING):
        run = hears_or_rests.start()
        until(lambda: run.state is State.WAITING)
        said = run.why()
        assert "it waits for the signal 'word'" in said
        assert "a timer of its body fires in 10 min" in said
        run.cancel()


@workflow
async def first_of_circle() -> None:
    await second_of_circle.options(id="second").start()


@workflow
async def second_of_circle() -> None:
    await third_of_circle.options(id="third").start()


@workflow
async def third_of_circle() -> None:
    await first_of_circle.options(id="first").start()


def test_why_tells_of_runs_that_wait_for_each_other(store: Path) -> None:
    with App(store, options=EVICTING):
        run = first_of_circle.options(id="first").start()
        until(lambda: "none of them ever ends" in run.why())
        said = podium.get("second").why()
        assert "run third (third_of_circle), which waits for this run by way of first" in said
        assert "podium cancel third  ends the circle" in said
        run.cancel()
        with pytest.raises(RunCancelled):
            run.result(20)


def test_a_signal_that_came_in_time_is_received_however_late_the_run_is_driven(store: Path) -> None:
    with App(store, options=EVICTING):
        run = hurries.options(id="late").start(0.6)
        until(lambda: run.state is State.WAITING)
    with App(store, drives="nothing"):
        podium.get("late").send("word", "in time")
    threading.Event().wait(0.7)
    with App(store, options=QUICK):
        assert podium.get("late").result(10) == "in time"


def test_a_full_inbox_is_told_to_the_sender(app: App, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("podium.store.judge_inbox.SIGNALS_MAX", 2)
    monkeypatch.setattr("podium.store.sqlite.batch.SIGNALS_MAX", 2)
    run = collects.start(1)
    run.send("other", 1)
    run.send("other", 2)
    with pytest.raises(InboxFull, match="that it has not received"):
        run.send("other", 3)
    run.cancel()


@workflow
async def sends() -> list[int]:
    child = collects.start(2)
    await child.send("number", 5)
    child.send("number", 6)
    return await child


@task
def sends_from_a_task(run: str) -> str:
    podium.get(run).send("number", 8)
    podium.get(run).send("number", 9)
    return run


@workflow
def through_a_task(run: str) -> str:
    return sends_from_a_task(run)


def test_bodies_and_tasks_send(app: App) -> None:
    assert sends.run() == [5, 6]
    run = collects.start(2)
    through_a_task.run(run.id)
    assert run.result(30) == [8, 9]


@workflow
async def sends_too_late() -> str:
    child = collects.start(0)
    await child
    try:
        await child.send("number", 1)
    except WrongState:
        return "told"
    return ""


def test_a_body_is_told_that_its_signal_came_too_late(app: App) -> None:
    assert sends_too_late.run() == "told"


def podium_says(store: Path, *words: str) -> tuple[int, str]:
    done = CliRunner().invoke(command_line, [*words, "--store", str(store)], standalone_mode=False)
    if done.exception is not None:
        raise done.exception
    return done.return_value, done.output


def test_a_question_is_listed_answered_once_and_checked(store: Path) -> None:
    with App(store, options=QUICK) as app:
        run = approves.start(120)
        until(lambda: app.store.waits(run.id))
        assert f"{run.id}  Refund 120? (to ops)" in podium_says(store, "waiting")[1]
        with pytest.raises(UsageError, match="'ok' is missing"):
            run.answer({"note": "fine"})
        assert podium_says(store, "answer", run.id, '{"ok": true, "note": "fine"}', "--by", "ada")[0] == 0
        assert run.result(30) == "True fine"
        with pytest.raises(WrongState, match=r"answered already, otherwise\n.*by ada"):
            run.answer({"ok": False, "note": ""})
        with pytest.raises(WrongState, match="asks nothing"):
            run.answer(True, ask="Ship?")
        assert "Refund" not in podium_says(store, "waiting")[1]


@workflow
async def asks_and_rests() -> bool:
    answer = await podium.ask("Go?")
    await podium.receive("end")
    return answer


def test_a_second_answer_is_refused_unless_it_is_the_same(app: App) -> None:
    run = asks_and_rests.start()
    until(lambda: app.store.waits(run.id))
    run.answer(True, by="ada")
    run.answer(True, by="bob")
    with pytest.raises(WrongState, match=r"answered already, otherwise\n.*by ada"):
        run.answer(False)
    run.send("end")
    assert run.result(30) is True


def test_of_the_same_answer_again_is_said_who_gave_it_first(store: Path) -> None:
    with App(store, options=QUICK) as app:
        run = asks_and_rests.options(id="r").start()
        until(lambda: app.store.waits(run.id))
        assert podium_says(store, "answer", "r", "true", "--by", "ada") == (0, "r  answered\n")
        again = "r  answered already, the same, by ada\n"
        assert podium_says(store, "answer", "r", "true", "--by", "bob") == (0, again)
        run.send("end")
        run.result(30)
        assert podium_says(store, "answer", "r", "true", "--by", "cy") == (0, again)


def test_a_callback_completed_again_is_told_so_and_an_unknown_one_too(store: Path) -> None:
    with App(store, options=QUICK) as app:
        run = books_twice.start()
        (asked,) = until(lambda: app.store.waits(run.id))
        assert podium_says(store, "complete", asked.target, "7")[1] == f"{asked.target}  completed\n"
        again = podium_says(store, "complete", asked.target, "7", "--by", "bob")
        assert again == (0, f"{asked.target}  completed already, the same\n")
        with pytest.raises(WrongState, match="callback nonsense is unknown: no run here waits for it"):
            podium.complete("nonsense", 7)
        run.send("end")
        assert run.result(30) == 7
        assert podium_says(store, "complete", asked.target, "7") == again, "what webhooks do"
        with pytest.raises(WrongState, match="was answered already, otherwise"):
            podium.complete(asked.target, 8)


@workflow
async def books_twice() -> int:
    booked = await podium.callback(int)
    await podium.receive("end")
    return booked


@workflow
async def asks_briefly() -> str:
    try:
        await podium.ask("Now?", timeout="0.1s")
    except TimeoutError:
        await podium.receive("end")
        return "nobody"
    return "somebody"


def test_a_late_answer_is_refused(app: App) -> None:
    run = asks_briefly.start()
    until(lambda: any(entry.kind is Kind.TICK for entry in run.history()))
    with pytest.raises(WrongState, match="is closed"):
        run.answer(True)
    run.send("end")
    assert run.result(30) == "nobody"


def test_an_approval_is_answered_after_a_full_restart(store: Path) -> None:
    with App(store, options=QUICK) as app:
        run = approves.options(id="refund").start(9)
        until(lambda: app.store.waits(run.id))
    assert podium_says(store, "answer", "refund", '{"ok": true}')[0] == 0
    with App(store, options=QUICK):
        assert podium.get("refund").result(10) == "True "


@workflow
async def delegates() -> str:
    return await hears_one()


@workflow
async def hears_one() -> str:
    return await podium.receive("word", str)


def test_a_child_that_waits_is_driven_by_the_script_of_its_parent(store: Path) -> None:
    with App(store, drives="own", options=EVICTING) as app:
        run = delegates.start()
        until(lambda: [row.state for row in app.find(Query())] == [State.WAITING, State.WAITING])
        (child,) = (row for row in app.find(Query()) if row.parent == run.id)
        with App(store, drives="nothing") as other:
            send(other, child.id, "word", "go", None).result()
        assert run.result(30) == "go"


@workflow
async def naps(seconds: float) -> str:
    await asyncio.sleep(seconds)
    return "woke"


@workflow
async def waits_for_a_nap() -> str:
    return await naps(0.2)


def test_a_child_that_sleeps_is_driven_by_the_script_of_its_parent(store: Path) -> None:
    with App(store, drives="own", options=EVICTING):
        assert waits_for_a_nap.start().result(30) == "woke"


@pytest.mark.parametrize("error", [None, "no funds"])
def test_a_callback_is_completed_by_its_id(store: Path, error: str | None) -> None:
    with App(store, options=QUICK) as app:
        run: Run[Any] = calls_back.start()
        (row,) = until(lambda: app.store.waits(run.id))
        if error is None:
            with pytest.raises(UsageError, match="'x' is no integer"):
                podium.complete(row.target, "x")
            podium.complete(row.target, 5)
        else:
            podium_says(store, "complete", row.target, "--error", error)
        assert run.result(30) == (5 if error is None else "failed: no funds")


@pytest.mark.parametrize("body", [collects, approves, calls_back])
def test_a_cancel_reaches_whoever_waits(app: App, body: Any) -> None:
    run = body.start(*([] if body is calls_back else [1]))
    until(lambda: run.state in (State.RUNNING, State.WAITING))
    run.cancel()
    with pytest.raises(RunCancelled):
        run.result(30)


@pytest.mark.parametrize("verb", [podium.receive, podium.ask, podium.callback])
def test_outside_of_bodies_they_say_where_they_work(verb: Any) -> None:
    with pytest.raises(UsageError, match="in the body of a workflow"):
        verb("x")


def test_waiting_in_async_code(app: App) -> None:
    async def talk() -> list[int]:
        run = collects.start(1)
        await run.started()
        await run.send("number", 3)
        return await run

    assert asyncio.run(talk()) == [3]


@workflow
async def waits_for_a_child() -> list[int]:
    return await collects.options(id="child").start(1)


def test_why_names_what_is_waited_for(store: Path) -> None:
    with App(store, options=EVICTING) as app:
        runs = [approves.start(7), calls_back.start(), waits_for_a_child.start()]
        for run in runs:
            until(lambda run=run: run.state is State.WAITING and app.store.waits(run.id))
        asks, callback, parent = [run.why() for run in runs]
        assert "an answer to 'Refund 7?' (to ops)" in asks
        assert f"podium answer {runs[0].id} VALUE" in asks
        assert "podium complete" in callback
        assert "it waits for run child (collects), which is waiting" in parent
        for run in runs:
            run.cancel()


@workflow
async def gives_up(how: str) -> str:
    """Asks, and waits for something else in the end."""
    if how == "branch":
        asking = asyncio.ensure_future(podium.ask("still?", bool))
        await asyncio.sleep(0)
        await label("first")
        asking.cancel()
    elif how == "callback":
        waiting = asyncio.ensure_future(podium.callback(int))
        await label("first")
        waiting.cancel()
    elif how == "around":
        try:
            async with asyncio.timeout(0.05):
                await podium.ask("still?", bool)
        except TimeoutError:
            pass
    else:
        try:
            await podium.ask("still?", bool, timeout=0.05)
        except TimeoutError:
            pass
    return await podium.receive("go", str)


@pytest.mark.parametrize("how", ["branch", "around", "timeout", "callback"])
@pytest.mark.parametrize("options", [QUICK, EVICTING], ids=["resident", "evicted"])
def test_what_a_body_gives_up_is_closed(store: Path, how: str, options: Options) -> None:
    with App(store, options=options) as app:
        run = gives_up.start(how)
        (asked,) = until(lambda: app.store.waits(run.id))
        until(lambda: app.store.waits(run.id)[0].taken is not None, "it is closed")
        told = CliRunner().invoke(command_line, ["waiting", "--store", str(store)])
        assert "still?" not in told.output
        with pytest.raises(WrongState, match="is closed: nobody waits for an answer any more"):
            if how == "callback":
                podium.complete(asked.target, 7)
            else:
                run.answer(True, ask=asked.target)
        run.send("go", "on")
        assert run.result() == "on"


@workflow(queue=podium.Queue("talkers", concurrency=2))
async def talks_in_line(words: int) -> list[int]:
    run = collects.start(words)
    for word in range(words):
        await run.send("number", word)
    try:
        await run.send("number", words)
        await run  # it has ended, or takes no more
        await run.send("number", words)
    except WrongState:
        return await run
    return []


@workflow(queue="talkers")
async def meets_a_taken_id() -> str:
    try:
        return str(await collects.options(id="taken").start(2))
    except podium.IdConflict:
        return "taken"


@pytest.mark.parametrize("options", [QUICK, EVICTING])
def test_a_run_that_keeps_no_place_in_memory_hears_what_became_of_what_it_sent(
    tmp_path: Path, options: Options
) -> None:
    """It left memory with the Write that sent, and nobody told it again what the answer was: it hung."""
    with App(tmp_path / "store.db", options=options):
        assert talks_in_line.start(3).result(timeout=30) == [0, 1, 2]
        other = collects.options(id="taken").start(1)
        assert meets_a_taken_id.start().result(timeout=30) == "taken"
        other.send("number", 7)
        assert other.result(timeout=30) == [7]
