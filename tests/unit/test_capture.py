"""Who is heard, and that everybody else's output goes where it always went."""

from __future__ import annotations

import asyncio
import contextlib
import contextvars
import io
import logging
import os
import sys
import threading
from collections.abc import Iterator
from typing import Any

import pytest

from podium.engine.logs import LogBuffers
from podium.executors import Attempt, Caps, Services, capture
from podium.executors.attempt import fresh_context
from podium.functions import Function
from podium.model import STDERR, STDOUT

log = logging.getLogger("tests.capture")


def nothing() -> None: ...


@contextlib.contextmanager
def terminal() -> Iterator[io.StringIO]:
    """Stands in for the terminal, beneath the tee. No fixture: pytest replaces the streams after those."""
    with contextlib.redirect_stdout(io.StringIO()) as stream, pytest.MonkeyPatch.context() as patch:
        patch.setattr(capture, "_users", 0)  # whatever other tests have left open
        capture.begin()
        try:
            yield stream
        finally:
            capture.end()


def attempt(number: int = 1) -> Attempt:
    made = Attempt("r1", "/say", Function("app:say", nothing, False, False), b"{}", number, 1)
    made.services = Services(open_log=LogBuffers(Caps(100, 10_000, 1000), lambda: 1.0).of)
    return made


def said(speaker: Attempt) -> list[tuple[int, str]]:
    return [(line.level, line.text) for line in speaker.log.take(last=True)] if speaker.log else []


def speak(speaker: Attempt, act: Any, *args: Any) -> Any:
    return fresh_context(speaker).run(act, *args)


def test_prints_of_an_attempt_are_kept_and_reach_the_terminal() -> None:
    with terminal() as out:
        speaker = attempt()
        speak(speaker, print, "hello", 1)
        speak(speaker, sys.stderr.write, "oops\n")
        assert said(speaker) == [(STDOUT, "hello 1"), (STDERR, "oops")]
        assert out.getvalue() == "hello 1\n"


def test_outside_of_an_attempt_nothing_changes() -> None:
    with terminal() as out:
        print("hello")
        assert sys.stdout.writelines(["a\n", "b\n"]) is None
        assert out.getvalue() == "hello\na\nb\n"
        assert sys.stdout.getvalue() == out.getvalue(), "what else a stream can do is there"
        assert repr(sys.stdout) == repr(out)
        with pytest.raises(TypeError):
            sys.stdout.write(b"bytes")


def test_threads_with_a_copied_context_are_heard_and_others_are_not() -> None:
    with terminal():
        speaker = attempt()

        def starts_threads() -> None:
            copied = contextvars.copy_context()
            for target, args in ((copied.run, (print, "copied")), (print, ("plain",))):
                thread = threading.Thread(target=target, args=args)
                thread.start()
                thread.join()

        speak(speaker, starts_threads)
        texts = [text for _, text in said(speaker)]
        assert "copied" in texts
        assert ("plain" in texts) == getattr(sys.flags, "thread_inherit_context", False)


def test_tasks_on_a_loop_speak_for_their_own_attempt() -> None:
    with terminal():
        first, second = attempt(1), attempt(2)

        async def says(name: str) -> None:
            for n in range(3):
                print(name, n)
                await asyncio.sleep(0)

        async def both() -> None:
            loop = asyncio.get_running_loop()
            tasks = [
                loop.create_task(says(name), context=fresh_context(speaker))
                for name, speaker in (("first", first), ("second", second))
            ]
            await asyncio.gather(*tasks)

        asyncio.run(both())
        assert said(first) == [(STDOUT, f"first {n}") for n in range(3)]
        assert said(second) == [(STDOUT, f"second {n}") for n in range(3)]


def test_an_attempt_within_an_attempt_speaks_for_itself() -> None:
    with terminal():
        outer, inner = attempt(1), attempt(2)

        def nested() -> None:
            print("outer")
            speak(inner, print, "inner")
            print("outer again")

        speak(outer, nested)
        assert said(outer) == [(STDOUT, "outer"), (STDOUT, "outer again")]
        assert said(inner) == [(STDOUT, "inner")]


def test_a_record_is_kept_once_though_its_handler_prints() -> None:
    with terminal() as out:
        speaker = attempt()
        handler = logging.StreamHandler(sys.stdout)
        log.addHandler(handler)
        try:
            speak(speaker, log.warning, "watch %s", "out")
        finally:
            log.removeHandler(handler)
        assert said(speaker) == [(logging.WARNING, "watch out")]
        assert out.getvalue() == "watch out\n"


def test_a_record_below_its_loggers_level_is_not_kept() -> None:
    with terminal():
        speaker = attempt()
        speak(speaker, log.debug, "whisper")
        assert said(speaker) == []


def test_a_loggers_filter_is_before_us() -> None:
    with terminal():
        speaker = attempt()

        def redact(record: logging.LogRecord) -> bool:
            record.msg = str(record.msg).replace("hunter2", "***")
            return "hide" not in record.msg

        log.addFilter(redact)
        try:
            speak(speaker, log.error, "password hunter2")
            speak(speaker, log.error, "hide me")
        finally:
            log.removeFilter(redact)
        assert said(speaker) == [(logging.ERROR, "password ***")]


def test_a_records_traceback_is_kept_and_the_record_is_not_touched(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(log, "propagate", False)  # pytest's own handlers do touch it
    with terminal():
        speaker = attempt()
        seen: list[logging.LogRecord] = []

        class Keeps(logging.Handler):
            def emit(self, record: logging.LogRecord) -> None:
                seen.append(record)

        handler = Keeps()
        log.addHandler(handler)
        try:
            speak(speaker, lambda: log.error("it broke", exc_info=ValueError("boom")))
        finally:
            log.removeHandler(handler)
        ((_, text),) = said(speaker)
        assert text.splitlines()[0] == "it broke"
        assert text.splitlines()[-1] == "ValueError: boom"
        assert seen[0].exc_text is None
        assert not hasattr(seen[0], "message")


def test_a_record_whose_arguments_do_not_fit_hurts_nobody(capsys: pytest.CaptureFixture[str]) -> None:
    with terminal():
        speaker = attempt()
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(logging, "raiseExceptions", False)
            speak(speaker, log.error, "%d apples", "many")
        assert said(speaker) == [(logging.ERROR, "%d apples")]


def test_a_stream_put_in_our_place_loses_nothing_and_ours_comes_back() -> None:
    with terminal() as out:
        speaker = attempt()
        with contextlib.redirect_stdout(io.StringIO()) as theirs:
            speak(speaker, print, "theirs")
        speak(speaker, print, "ours")
        assert theirs.getvalue() == "theirs\n"
        assert out.getvalue() == "ours\n"
        assert said(speaker) == [(STDOUT, "ours")]


def test_a_stream_built_around_ours_is_heard_once_when_we_stand_in_for_it() -> None:
    with terminal() as out:
        speaker, beneath = attempt(), sys.stdout

        class Loud(io.StringIO):
            def write(self, text: str) -> int:
                return beneath.write(text.upper())

        sys.stdout = Loud()
        try:
            capture.stand_in()
            speak(speaker, print, "hello")
        finally:
            sys.stdout = beneath
        assert out.getvalue() == "HELLO\n"
        assert said(speaker) == [(STDOUT, "hello")]


def test_after_the_last_engine_each_stream_is_put_back() -> None:
    with terminal() as out:
        tee, beneath = sys.stdout, sys.stderr
        capture.begin()
        assert sys.stdout is tee, "one is enough"
        capture.end()
        assert sys.stdout is tee, "another engine is open"
        sys.stderr = io.StringIO()
        theirs = sys.stderr
        capture.end()
        try:
            assert sys.stdout is out
            assert sys.stderr is theirs, "somebody else's stays"
            speaker = attempt()
            speak(
                speaker,
                print,
                "late",
            )
            tee.write("kept by somebody\n")
            assert out.getvalue() == "late\nkept by somebody\n"
            assert said(speaker) == []
        finally:
            sys.stderr = beneath
            capture.begin()


def test_a_start_that_is_late_puts_no_tee_back_after_the_last_engine() -> None:
    streams = sys.stdout, sys.stderr
    capture.begin()
    try:
        sys.stdout = io.StringIO()
        capture.stand_in_again()
        assert isinstance(sys.stdout, capture.Tee)
        sys.stdout = streams[0]
    finally:
        capture.end()
    capture.stand_in_again()
    assert (sys.stdout, sys.stderr) == streams


def test_where_there_is_no_stream_there_is_nothing_to_stand_in_for(monkeypatch: pytest.MonkeyPatch) -> None:
    with terminal():
        monkeypatch.setattr(sys, "stdout", None)
        capture.begin()
        capture.end()
        assert sys.stdout is None


def test_a_stream_that_raises_raises() -> None:
    with terminal():
        speaker = attempt()
        broken = io.StringIO()
        broken.close()
        with contextlib.redirect_stdout(broken):
            capture.stand_in()
            with pytest.raises(ValueError, match="closed file"):
                speak(speaker, print, "into the void")


def test_an_attempt_that_nobody_listens_to_says_it_to_the_terminal_alone() -> None:
    with terminal() as out:
        speaker = attempt()
        speaker.services = Services()
        speak(speaker, print, "hello")
        speak(speaker, log.error, "hello")
        capture.line(speaker, STDOUT, "hello")
        assert speaker.log is None
        assert out.getvalue() == "hello\n"


def test_lines_that_come_from_elsewhere_are_kept() -> None:
    with terminal() as out:
        speaker = attempt()
        capture.line(speaker, logging.INFO, "from a child")
        logged = logging.LogRecord("child", logging.ERROR, "child.py", 1, "it %s", ("broke",), None)
        logged.exc_text = "Traceback: as text"  # all that comes through a pipe
        capture.record(speaker, logged)
        capture.write(speaker, STDOUT, "half ")
        capture.write(speaker, STDOUT, "a line\n")
        assert said(speaker) == [
            (logging.INFO, "from a child"),
            (logging.ERROR, "it broke\nTraceback: as text"),
            (STDOUT, "half a line"),
        ]
        assert out.getvalue() == ""


@pytest.mark.skipif(not hasattr(os, "fork"), reason="no fork here")
def test_a_forked_child_writes_to_the_terminal_and_waits_for_no_lock() -> None:
    with terminal():
        speaker = attempt()
        read, write = os.pipe()

        def forks() -> int:
            print("before")
            assert speaker.log is not None
            with speaker.log._lock:  # as another thread of this attempt might hold it
                child = os.fork()
            if child == 0:
                try:
                    threading.Thread(target=contextvars.copy_context().run, args=(log.error, "child")).start()
                    os.write(write, type(sys.stdout).__name__.encode())
                finally:
                    os._exit(0)
            return child

        child = speak(speaker, forks)
        os.close(write)
        with open(read, "rb") as pipe:
            assert pipe.read() == b"StringIO"
        assert os.waitpid(child, 0)[1] == 0
        assert said(speaker) == [(STDOUT, "before")]
