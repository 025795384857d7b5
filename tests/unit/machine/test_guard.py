"""Effects in a workflow's body are refused by name and line; what Python does for itself passes."""

from __future__ import annotations

import asyncio
import glob
import importlib
import linecache
import logging
import multiprocessing
import os
import shutil
import socket
import sqlite3
import subprocess
import sys
import tempfile
import threading
import time
import traceback
import urllib.request
import warnings
import zoneinfo
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from time import sleep as nap  # bound before podium is imported
from typing import Any

import pytest

from podium import task, workflow
from podium.errors import EffectInWorkflow
from tests.unit.machine.driver import Life


@task
def pay(n: int) -> int:
    return n


@workflow
def napper() -> None:
    nap(0.1)


EFFECTS: dict[str, Callable[[Path], Any]] = {
    "open": lambda home: open(home / "a"),  # noqa: SIM115  # refused before it opens
    "open for writing": lambda home: (home / "new").write_text("x"),
    "os.open": lambda home: os.open(home / "a", os.O_RDONLY),
    "os.remove": lambda home: os.remove(home / "a"),
    "unlink": lambda home: (home / "a").unlink(),
    "os.rename": lambda home: os.rename(home / "a", home / "b"),
    "os.mkdir": lambda home: (home / "d").mkdir(),
    "os.rmdir": lambda home: os.rmdir(home),
    "os.listdir": lambda home: os.listdir(home),
    "os.scandir": lambda home: list(os.scandir(home)),
    "glob": lambda home: glob.glob(str(home / "*")),
    "os.chmod": lambda home: os.chmod(home / "a", 0o600),
    "os.utime": lambda home: os.utime(home / "a"),
    "os.truncate": lambda home: os.truncate(home / "a", 0),
    "os.link": lambda home: os.link(home / "a", home / "c"),
    "os.symlink": lambda home: os.symlink(home / "a", home / "c"),
    "os.putenv": lambda home: os.environ.__setitem__("PODIUM_TEST", "1"),
    "os.chdir": lambda home: os.chdir(home),
    "shutil.copy": lambda home: shutil.copy(home / "a", home / "b"),
    "shutil.rmtree": lambda home: shutil.rmtree(home),
    "tempfile": lambda home: tempfile.mkdtemp(dir=home),
    "os.system": lambda home: os.system("true"),
    "os.kill": lambda home: os.kill(os.getpid(), 0),
    "os.fork": lambda home: os.fork(),
    "subprocess": lambda home: subprocess.run(["true"], check=True),
    "multiprocessing": lambda home: multiprocessing.get_context("fork").Process(target=print).start(),
    "socket": lambda home: socket.socket(),
    "socket.create_connection": lambda home: socket.create_connection(("127.0.0.1", 9)),
    "getaddrinfo": lambda home: socket.getaddrinfo("localhost", 80),
    "gethostbyname": lambda home: socket.gethostbyname("localhost"),
    "urllib": lambda home: urllib.request.urlopen("http://127.0.0.1:9/"),
    "sqlite3": lambda home: sqlite3.connect(home / "x.db"),
    "thread": lambda home: threading.Thread(target=print).start(),
    "timer thread": lambda home: threading.Timer(0, print).start(),
    "thread pool": lambda home: ThreadPoolExecutor().submit(print),
    "run_in_executor": lambda home: asyncio.get_running_loop().run_in_executor(None, print),
    "time.sleep": lambda home: time.sleep(0.001),
}


@pytest.fixture
def home(tmp_path: Path) -> Iterator[Path]:
    (tmp_path / "a").write_text("untouched")
    before = sorted(os.listdir(tmp_path)), os.getcwd()
    yield tmp_path
    assert (sorted(os.listdir(tmp_path)), os.getcwd()) == before
    assert (tmp_path / "a").read_text() == "untouched"
    assert "PODIUM_TEST" not in os.environ


@pytest.mark.parametrize("effect", EFFECTS)
def test_an_effect_is_refused_and_named_with_its_line(effect: str, home: Path) -> None:
    def body() -> None:
        EFFECTS[effect](home)

    with pytest.raises(EffectInWorkflow) as caught:
        Life(body)
    file, _, line = caught.value.line.rpartition(":")
    assert os.path.basename(file) == os.path.basename(__file__)
    assert int(line) > 0
    assert "move this into a task" in str(caught.value)


def test_of_a_helper_the_line_of_the_body_that_called_it_is_named_too() -> None:
    def body() -> None:
        helps()

    def helps() -> None:
        reads()

    def reads() -> None:
        Path(__file__).read_text()

    with pytest.raises(EffectInWorkflow) as caught:
        Life(body)
    first = body.__code__.co_firstlineno
    assert caught.value.line.endswith(f"{os.path.basename(__file__)}:{first + 7}")
    assert caught.value.by.endswith(f"{os.path.basename(__file__)}:{first + 1}")
    assert str(caught.value).startswith(f"{caught.value.line}, called at {caught.value.by}: opening ")


def test_a_body_cannot_hide_it() -> None:
    async def body() -> int:
        try:
            open("/nonexistent")  # noqa: SIM115  # refused before it opens
        except BaseException:
            pass
        return 1

    with pytest.raises(EffectInWorkflow, match="nonexistent"):
        Life(body)


def test_neither_can_a_branch_or_a_callback() -> None:
    async def branch() -> None:
        await asyncio.sleep(1)
        time.sleep(1)

    async def body() -> int:
        await asyncio.gather(branch(), return_exceptions=True)
        return 1

    life = Life(body)
    with pytest.raises(EffectInWorkflow, match="sleep"):
        life.tick()


def test_to_thread_is_refused_too() -> None:
    async def body() -> None:
        await asyncio.to_thread(print, 1)

    with pytest.raises(EffectInWorkflow, match="running print in a thread"):
        Life(body)


@pytest.mark.parametrize("opens", ["open_connection", "start_server", "create_subprocess_exec"])
def test_asyncios_own_effects(opens: str) -> None:
    arguments: dict[str, tuple[Any, ...]] = {
        "open_connection": ("127.0.0.1", 9),
        "start_server": (print, "127.0.0.1", 0),
        "create_subprocess_exec": ("true",),
    }

    async def body() -> None:
        await getattr(asyncio, opens)(*arguments[opens])

    with pytest.raises(EffectInWorkflow):
        Life(body)


def test_an_own_event_loop_is_refused() -> None:
    def body() -> None:
        nap = asyncio.sleep(0)
        try:
            asyncio.run(nap)
        finally:
            nap.close()

    with pytest.raises(RuntimeError, match="running event loop"):
        Life(body).value()


def test_sleep_bound_by_name_before_podium_was_imported() -> None:
    with pytest.raises(EffectInWorkflow, match="sleep"):
        Life(napper.fn)


def test_outside_of_workflows_nothing_is_guarded(home: Path) -> None:
    def body() -> int:
        return pay(1)

    life = Life(body)
    assert (home / "a").read_text() == "untouched"  # between two turns of a run in memory
    nap(0)
    thread = threading.Thread(target=time.sleep, args=(0,))
    thread.start()
    thread.join()
    assert life.run().value() == 1


def test_another_thread_is_not_inside_while_a_turn_is_under_way(home: Path) -> None:
    inside, outside = threading.Event(), threading.Event()
    read: list[str] = []

    def reader() -> None:
        inside.wait(10)
        read.append((home / "a").read_text())
        outside.set()

    def body() -> None:
        inside.set()
        outside.wait(10)

    thread = threading.Thread(target=reader)
    thread.start()
    Life(body)
    thread.join()
    assert read == ["untouched"]


# -- what passes -----------------------------------------------------------------------------------------


def test_imports_pass(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "imported_by_a_workflow.py").write_text("VALUE = 7\n")
    monkeypatch.syspath_prepend(tmp_path)
    importlib.invalidate_caches()

    def body() -> int:
        return importlib.import_module("imported_by_a_workflow").VALUE

    assert Life(body).value() == 7
    sys.modules.pop("imported_by_a_workflow")


def test_tracebacks_pass() -> None:
    def body() -> bool:
        linecache.clearcache()
        try:
            raise ValueError("shown")
        except ValueError:
            return "raise ValueError" in traceback.format_exc()

    assert Life(body).value()


def test_warnings_pass() -> None:
    def body() -> int:
        linecache.clearcache()
        warnings.warn("careful", UserWarning, stacklevel=1)
        return 1

    with pytest.warns(UserWarning, match="careful"):
        assert Life(body).value() == 1


def test_time_zones_pass() -> None:
    def body() -> str:
        zoneinfo.ZoneInfo.clear_cache()
        return str(zoneinfo.ZoneInfo("Europe/Oslo"))

    try:
        zoneinfo.ZoneInfo("Europe/Oslo")
    except zoneinfo.ZoneInfoNotFoundError:
        pytest.skip("no time zones on this system")
    assert Life(body).value() == "Europe/Oslo"


def test_logging_to_a_file_passes(tmp_path: Path) -> None:
    log = logging.getLogger("shop.file")
    handler = logging.FileHandler(tmp_path / "log", delay=True)
    log.addHandler(handler)

    def body() -> int:
        log.warning("hello")
        return 1

    try:
        assert Life(body).value() == 1
        assert (tmp_path / "log").read_text() == "hello\n"
    finally:
        log.removeHandler(handler)
        handler.close()


def test_a_body_may_compute_with_whatever_does_not_act() -> None:
    def body() -> list[Any]:
        path = Path("a") / "b"
        return [str(path), path.suffix, os.path.join("a", "b"), time.strftime("%Y", time.gmtime(0))]

    assert Life(body).value() == ["a/b", "", "a/b", "1970"]
