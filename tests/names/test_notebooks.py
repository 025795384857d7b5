"""Notebooks: a real kernel, really killed, interrupted, and told edited cells."""

from __future__ import annotations

import os
import signal
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from jupyter_client.manager import KernelManager

from podium import App
from podium.model import Query
from tests.waiting import until

SECONDS = 60.0
SETUP = """
import os, time
from podium import task, workflow
"""
STEPS = """
@task
def step(n: int) -> int:
    with open("ledger", "a") as ledger:
        ledger.write(f"{n}\\n")
    while n == 3 and not os.path.exists("go"):
        time.sleep(0.01)
    return n

@workflow
def analysis(count: int) -> int:
    return sum(step(n) for n in range(count))
"""
CALL = "print('sum', analysis(6))"


class Notebook:
    """A notebook in a project, and its kernel."""

    def __init__(self, home: Path, **env: str) -> None:
        self.home = home
        self._env = {**os.environ, **env}
        self.said = ""
        self.start()

    def start(self) -> None:
        self.manager = KernelManager()
        self.manager.start_kernel(cwd=str(self.home), env=self._env)
        self.client = self.manager.client()
        self.client.start_channels()
        self.client.wait_for_ready(timeout=SECONDS)

    def run(self, cell: str) -> str:
        """What the cell printed and raised."""
        self.send(cell)
        return self.wait()

    def send(self, cell: str) -> None:
        self.said = ""
        self._message = self.client.execute(cell)

    def wait(self) -> str:
        while True:
            message = self.client.get_iopub_msg(timeout=SECONDS)
            content = message["content"]
            if message["parent_header"].get("msg_id") != self._message:
                continue
            self.said += content.get("text", "") + "\n".join(content.get("traceback", ()))
            if message["msg_type"] == "status" and content["execution_state"] == "idle":
                return self.said

    def kill(self) -> None:
        self.manager.kernel_id  # it is there
        os.kill(self.manager.provisioner.pid, signal.SIGKILL)
        self.close()

    def close(self) -> None:
        self.client.stop_channels()
        self.manager.shutdown_kernel(now=True)

    def ledger(self) -> list[str]:
        file = self.home / "ledger"
        return file.read_text().split() if file.exists() else []

    def runs(self) -> list[str]:
        with App(self.home / ".podium" / "podium.db", drives="nothing") as app:
            return [str(row.state) for row in app.store.find(Query())]


@pytest.fixture
def notebook(tmp_path: Path) -> Iterator[Callable[..., Notebook]]:
    (tmp_path / "pyproject.toml").touch()
    (tmp_path / "analysis.ipynb").write_text("{}")
    opened: list[Notebook] = []

    def notebook(**env: str) -> Notebook:
        opened.append(Notebook(tmp_path, **env))
        return opened[-1]

    yield notebook
    for one in opened:
        one.close()


@pytest.mark.parametrize("told_by", ["JPY_SESSION_NAME", "PODIUM_NAME", "__vsc_ipynb_file__"])
def test_run_all_after_a_killed_kernel_goes_on(
    notebook: Callable[..., Notebook], tmp_path: Path, told_by: str
) -> None:
    file = str(tmp_path / "analysis.ipynb")
    env = {} if told_by.startswith("__") else {told_by: file if told_by.startswith("JPY") else "analysis"}
    first = f"{told_by} = {file!r}\n" if told_by.startswith("__") else ""
    book = notebook(**env)
    book.run(first + SETUP)
    book.run(STEPS)
    book.send(CALL)
    until(lambda: book.ledger() == ["0", "1", "2", "3"])
    book.kill()
    (tmp_path / "go").touch()
    book.start()
    book.run(first + SETUP)
    book.run(STEPS)
    said = book.run(CALL)
    assert "sum 15" in said
    assert "resumed" in said
    assert book.ledger() == ["0", "1", "2", "3", "3", "4", "5"]
    assert book.runs() == ["succeeded"]


def test_a_notebook_without_a_known_file_says_once_that_it_begins_anew(
    notebook: Callable[..., Notebook], tmp_path: Path
) -> None:
    (tmp_path / "go").touch()
    book = notebook()
    book.run(SETUP + STEPS)
    assert "PODIUM_NAME" in book.run(CALL)
    again = book.run(CALL)
    assert "PODIUM_NAME" not in again
    assert "sum 15" in again


def test_an_edited_cell_runs_as_it_stands(notebook: Callable[..., Notebook], tmp_path: Path) -> None:
    (tmp_path / "go").touch()
    book = notebook(JPY_SESSION_NAME=str(tmp_path / "analysis.ipynb"))
    book.run(SETUP + STEPS)
    assert "sum 15" in book.run(CALL)
    edited = book.run(STEPS.replace("return n\n", "return -n\n"))
    assert edited == ""
    assert "sum -15" in book.run(CALL)


@pytest.mark.parametrize("name", ["analysis.ipynb", None])
def test_the_stop_button_says_that_the_run_goes_on_and_the_same_call_gets_it(
    notebook: Callable[..., Notebook], tmp_path: Path, name: str | None
) -> None:
    """Within one kernel, whether or not the notebook's file is known."""
    book = stopped(notebook(**{"JPY_SESSION_NAME": str(tmp_path / name)} if name else {}))
    (tmp_path / "go").touch()
    said = book.run(CALL)
    assert "sum 15" in said
    assert "went on meanwhile" in said
    assert "resumed" not in said, "it was never away"
    assert book.ledger() == ["0", "1", "2", "3", "4", "5"]
    assert book.runs() == ["succeeded"]
    assert "meanwhile" not in book.run(CALL), "the call after that is a new one"
    assert book.runs() == ["succeeded", "succeeded"]


def test_an_edited_cell_gets_no_result_of_the_former_code(
    notebook: Callable[..., Notebook], tmp_path: Path
) -> None:
    book = stopped(notebook(JPY_SESSION_NAME=str(tmp_path / "analysis.ipynb")))
    book.run(STEPS.replace("sum(", "-sum("))
    book.send(CALL)
    until(lambda: book.ledger().count("3") == 2)
    (tmp_path / "go").touch()
    said = book.wait()
    assert "sum -15" in said
    assert "goes on with the former code" in said
    assert "cancel()" in said
    assert "resumed" not in said
    until(lambda: book.runs() == ["succeeded", "succeeded"])
    assert "former" not in book.run(CALL), "it is told once"


def test_a_run_that_was_stopped_and_cancelled_is_not_what_the_same_call_gets(
    notebook: Callable[..., Notebook], tmp_path: Path
) -> None:
    book = stopped(notebook(JPY_SESSION_NAME=str(tmp_path / "analysis.ipynb")))
    book.run("import podium; [run.cancel() for run in podium.runs()]")
    (tmp_path / "go").touch()
    until(lambda: book.runs() == ["cancelled"])
    assert "sum 15" in book.run(CALL)
    assert book.runs() == ["succeeded", "cancelled"]


def stopped(book: Notebook) -> Notebook:
    """One whose call was interrupted in its fourth step."""
    book.run(SETUP + STEPS)
    book.send(CALL)
    until(lambda: book.ledger() == ["0", "1", "2", "3"])
    book.manager.interrupt_kernel()
    said = book.wait()
    assert "KeyboardInterrupt" in said
    assert "goes on" in said
    return book


def test_a_cell_may_block_for_whatever_was_asked_for(notebook: Callable[..., Notebook]) -> None:
    book = notebook(PODIUM_NAME="analysis")
    book.run(SETUP)
    book.run(STEPS)
    (book.home / "go").touch()
    book.run("import podium; run = analysis.start(5)")
    assert book.run("print(run.result(), podium.runs('').count().result())") == "10 1\n"
