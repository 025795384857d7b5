"""A script that Ctrl-C ends while Podium does something for it: it ends as any Python script does, and shows
its own line. What shows exceptions is left alone but for that."""

from __future__ import annotations

import os
import re
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import apsw
import pytest

from podium import App
from tests.waiting import until

SCRIPT = """
import sys, threading, time
from pathlib import Path
from podium import App, task, workflow

def tell_when_in(*files):
    # Once the main thread is in code of all of these, innermost or not.
    main, started = threading.main_thread().ident, threading.Event()
    def look():
        started.wait()  # to start a thread is to be in there, too
        while True:
            frame, left = sys._current_frames()[main], set(files)
            while frame is not None:
                left -= {file for file in left if frame.f_code.co_filename.endswith(file)}
                frame = frame.f_back
            if not left:
                return Path("there").touch()
            time.sleep(0.001)
    threading.Thread(target=look, daemon=True).start()
    started.set()

@task
def naps():
    time.sleep(600)

@workflow
def flow(n): ...

def starts():
    tell_when_in("client/told.py")
    return flow.start(1)  # HERE

def runs():
    tell_when_in("client/told.py")
    return flow(1)  # HERE

def sleeps():
    tell_when_in("machine/interpose.py")
    time.sleep(600)  # HERE

def opens():
    tell_when_in("client/app.py", "opening/busy_wait.py")
    with App():  # HERE
        raise AssertionError

def in_its_block():
    with App():
        flow(0)
        begin(runs)

def begin(what):
    Path("ready").touch()
    while not Path("go").exists():
        pass
    what()

if __name__ == "__main__":
    what = globals()[sys.argv[1]]
    if sys.argv[1] == "in_its_block":
        in_its_block()
    if sys.argv[1] != "opens":
        flow(0)
    if sys.argv[1] == "naps":
        tell_when_in("machine/interpose.py")
        naps()
    begin(what)
"""


@contextmanager
def locked(store: Path) -> Iterator[None]:
    """Nobody else writes to it meanwhile."""
    holder = apsw.Connection(str(store))
    holder.execute("BEGIN IMMEDIATE")
    try:
        yield
    finally:
        holder.execute("ROLLBACK")
        holder.close()


@pytest.mark.parametrize("what", ["starts", "runs", "sleeps", "naps", "opens", "in_its_block"])
def test_it_shows_the_line_of_the_script_and_nothing_of_podium(tmp_path: Path, what: str) -> None:
    store = tmp_path / "podium.db"
    (tmp_path / "script.py").write_text(SCRIPT, encoding="utf-8")
    with App(store) as app:
        assert app.host
    script = subprocess.Popen(
        [sys.executable, "script.py", what],
        cwd=tmp_path, env={**os.environ, "PODIUM_URL": str(store)}, text=True, stderr=subprocess.PIPE,
    )  # fmt: skip
    until((tmp_path / "ready").exists if what != "naps" else (tmp_path / "there").exists)
    with locked(store):
        (tmp_path / "go").touch()
        until((tmp_path / "there").exists)
        script.send_signal(signal.SIGINT)
        if what == "opens":  # it has no run to hand back, and closes nothing that is locked
            script.wait(20)
    _, said = script.communicate(timeout=30)
    assert script.returncode == -signal.SIGINT, said
    assert set(re.findall(r'File "(.+?)"', said)) == {str(tmp_path / "script.py")}, said
    assert said.count("Traceback") == 1, said
    assert "KeyboardInterrupt\n" in said
    assert ("# HERE" in said) == (what != "naps"), said


FORGETS = """
import atexit, os, signal
from podium import workflow

@workflow
def flow(n): ...

if __name__ == "__main__":
    flow(0)
    atexit.register(lambda: exec("1"))  # before ours, as a module that is loaded late
    os.kill(os.getpid(), signal.SIGINT)
"""


def test_it_ends_by_its_status_whatever_is_loaded_at_its_end(tmp_path: Path) -> None:
    (tmp_path / "script.py").write_text(FORGETS, encoding="utf-8")
    script = subprocess.run(
        [sys.executable, "script.py"], cwd=tmp_path, env={**os.environ, "PODIUM_URL": "podium.db"},
        text=True, stderr=subprocess.PIPE, timeout=60,
    )  # fmt: skip
    assert script.returncode == -signal.SIGINT, script.stderr


LOOKS = """
import code, os, sys, threading
import podium
from podium import App, workflow

PLAIN = sys.excepthook

@workflow
def flow(): ...

class Console(code.InteractiveConsole):
    shown = ""
    def write(self, data):
        self.shown += data

def is_plain():
    console = Console()
    console.runsource("1/0")
    assert (sys.excepthook is PLAIN) == (sys.excepthook is sys.__excepthook__)
    assert ("ZeroDivisionError" in console.shown) == (sys.excepthook is PLAIN)
    return sys.excepthook is PLAIN

def refused():
    try:
        App("/dev/null/no.db").store
    except podium.PodiumError:
        return
    raise AssertionError
"""


def look(tmp_path: Path, how: str) -> str:
    done = subprocess.run(
        [sys.executable, "-c", LOOKS + how], cwd=tmp_path, capture_output=True, text=True, check=False,
        env={**os.environ, "PODIUM_URL": str(tmp_path / "podium.db")},
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    return done.stdout


def test_exceptions_are_shown_as_ever_but_while_an_app_is_open(tmp_path: Path) -> None:
    said = look(
        tmp_path,
        """
print("declared", is_plain())
with App("a.db") as app:
    print("open", is_plain())
    with App("b.db"):
        pass
    print("still open", is_plain())
print("closed", is_plain())
flow()
print("default", is_plain())
""",
    )
    assert said.splitlines() == [
        "declared True", "open False", "still open False", "closed True", "default False"
    ]  # fmt: skip


def test_they_are_at_a_prompt_from_another_thread_and_where_none_was_opened(tmp_path: Path) -> None:
    said = look(
        tmp_path,
        """
refused()
print("refused", is_plain())
app = App("a.db")
thread = threading.Thread(target=lambda: app.store)
thread.start()
thread.join()
print("elsewhere", is_plain())
app.close()
sys.ps1 = ">>> "
with App("b.db"):
    print("prompt", is_plain())
""",
    )
    assert said.splitlines() == ["refused True", "elsewhere True", "prompt True"]


def test_what_others_put_there_before_and_meanwhile_stays_and_is_called(tmp_path: Path) -> None:
    said = look(
        tmp_path,
        """
def before(kind, error, found):
    print("before", kind.__name__, found is None)

def meanwhile(kind, error, found):
    inner(kind, error, None)  # it shows no frames

sys.excepthook = before
with App("a.db"):
    inner, sys.excepthook = sys.excepthook, meanwhile
print(sys.excepthook is meanwhile)
try:
    raise KeyboardInterrupt
except KeyboardInterrupt as error:
    meanwhile(type(error), error, error.__traceback__)
sys.excepthook = before
with App("b.db"):
    pass
print(sys.excepthook is before)
""",
    )
    assert said.splitlines() == ["True", "before KeyboardInterrupt True", "True"]


@pytest.mark.skipif(not hasattr(os, "fork"), reason="there is no fork here")
def test_a_forked_process_shows_them_as_ever(tmp_path: Path) -> None:
    said = look(
        tmp_path,
        """
with App("a.db"):
    child = os.fork()
    if child == 0:
        print("child", is_plain(), flush=True)
        os._exit(0)
    os.waitpid(child, 0)
    print("parent", is_plain())
""",
    )
    assert said.splitlines() == ["child True", "parent False"]
