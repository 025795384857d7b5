"""A script that Ctrl-C ends while Podium does something for it: it ends as any Python script does, and shows
its own line."""

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
    main = threading.main_thread().ident
    def look():
        while True:
            frame, left = sys._current_frames()[main], set(files)
            while frame is not None:
                left -= {file for file in left if frame.f_code.co_filename.endswith(file)}
                frame = frame.f_back
            if not left:
                return Path("there").touch()
            time.sleep(0.001)
    threading.Thread(target=look, daemon=True).start()

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

if __name__ == "__main__":
    what = globals()[sys.argv[1]]
    if sys.argv[1] != "opens":
        flow(0)
    if sys.argv[1] == "naps":
        tell_when_in("machine/interpose.py")
        naps()
    Path("ready").touch()
    while not Path("go").exists():
        pass
    what()
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


@pytest.mark.parametrize("what", ["starts", "runs", "sleeps", "naps", "opens"])
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
