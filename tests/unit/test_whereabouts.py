"""Whether the code of a run is still there, and what it may be called now: files are read, nothing is run."""

from __future__ import annotations

import importlib
from collections.abc import Iterator, Sequence
from pathlib import Path

import pytest

from podium import App
from podium.functions import registry
from podium.inspect import WayOn, way_on
from podium.inspect.declared import declared_in
from podium.model import EngineRow, Entry, Fence, Kind, Move, NewRun, RunRow, State, Write

MAIL = """
raise SystemExit("reading a file must not run it")
from podium import task, workflow

@task
def send(to): ...

@workflow
def campaign(to):
    return send(to)
"""
OTHER = """
from podium import task, workflow
@task
def act(what): ...
@workflow
def campaign(what):
    return act(what)
"""


class Project:
    """A project whose store has a run that its script, killed after a step, has left."""

    def __init__(self, home: Path) -> None:
        self.home = home
        (home / ".podium").mkdir()
        self.app = App(home / ".podium" / "podium.db", drives="nothing", starter="")

    def write(self, file: str, text: str) -> Path:
        path = self.home / file
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
        return path

    def run(
        self,
        function: str,
        id: str = "r",
        at: float = 1.0,
        steps: Sequence[str] = ("send",),
        last: float = 0.0,
        fingerprint: str = "1234",
    ) -> RunRow:
        store, starter = self.app.store, str(self.home / "mail.py")
        engine = f"of {id}"
        store.announce(EngineRow(engine, 0, "elsewhere", 1, at))
        new = NewRun(id, function, b"{}", b"", at, owned=True, starter=starter, fingerprint=fingerprint)
        entries = tuple(
            Entry(n, Kind.TICK if step == "timer" else Kind.RESULT, max(at, last), f"/{step}#1")
            for n, step in enumerate(steps, 1)
        )
        store.commit(engine, [Write(new_runs=(new,))])
        fence = Fence(id, 1, frozenset({State.RUNNING}))
        store.commit(engine, [Write(fence, Move(State.WAITING, due=at), entries=entries)])
        return self.app.load(id)

    def way(self, row: RunRow, **offered: str) -> WayOn:
        return way_on(self.app, row, {name.replace("__", ":"): code for name, code in offered.items()})


@pytest.fixture
def project(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Project]:
    (tmp_path / "elsewhere").mkdir()
    (tmp_path / "elsewhere" / ".podium").mkdir()
    monkeypatch.chdir(tmp_path / "elsewhere")  # where one looks from must not matter
    (tmp_path / "shop").mkdir()
    project = Project(tmp_path / "shop")
    yield project
    project.app.close()


def test_code_that_is_there_is_resumed(project: Project) -> None:
    project.write("mail.py", MAIL)
    row = project.run("mail:campaign")
    assert project.way(row) == WayOn("podium resume r", "drives it here")


@pytest.mark.parametrize("to", ["post.py", "src/post.py", "shop/post/__init__.py"])
def test_a_file_that_was_renamed_is_found_by_what_it_declares(project: Project, to: str) -> None:
    project.write(to, MAIL)
    project.write("bills.py", OTHER)  # of that qualname as well, without the step on record
    row = project.run("mail:campaign")
    new = "shop.post:campaign" if to.startswith("shop") else "post:campaign"
    assert project.way(row).command == f"podium rename mail:campaign {new}"
    assert project.way(row).why == (f"nothing here declares mail:campaign any more; it may be {new} now",)


@pytest.mark.parametrize("new", ["mailing", "campaigns"])
def test_a_function_that_was_renamed_is_found_in_its_file(project: Project, new: str) -> None:
    project.write("mail.py", MAIL.replace("campaign", new) + "\n@workflow\ndef other(): ...\n")
    row = project.run("mail:campaign")
    assert project.way(row).command == f"podium rename mail:campaign mail:{new}"


def test_a_function_that_lived_beside_it_is_none(project: Project) -> None:
    """An invoice must not go on as a deletion because that has its name."""
    project.write("cleanup/main.py", OTHER)
    project.run("cleanup.main:campaign", "older", at=1.0)
    row = project.run("invoices.main:campaign", at=2.0, steps=["act"])
    assert project.way(row).command == (
        "bring invoices.main:campaign back, or: podium rename invoices.main:campaign NEW"
    )


SMALL = """
from podium import ask, sleep, task, workflow as flow
from elsewhere import upload as put

@task
def a(n): return n
@task(name="b-of-old")
def b(n): return n

def both(n):
    return STEPS[0](n) + b(n)

STEPS = [a]

@flow
def small(n):
    return a(n)
"""
TOP = """
@flow
async def top(n):
    await sleep(1)
    return both(await ask("how many?", int)) + put(n)
"""


@pytest.mark.parametrize(
    ("steps", "may_be"),
    [
        (["a"], ["top", "small"]),
        (["a", "b-of-old"], ["top"]),  # by a function that it calls, and as another name tells
        (["ask", "a", "upload"], ["top"]),
        (["small"], ["top"]),  # a child run of small; nothing else here is new
    ],
)
def test_what_calls_the_steps_on_record_is_named_and_of_several_all(
    project: Project, steps: list[str], may_be: list[str]
) -> None:
    """A command that can be copied is there only where there is one name."""
    project.write("mail.py", SMALL + TOP)
    if steps == ["small"]:
        project.run("mail:small", "child", at=2.0, steps=["a"])
    way = project.way(project.run("mail:main", at=1.0, steps=[*steps, "timer"], last=3.0))
    names = [f"mail:{name}" for name in may_be]
    assert sorted(way.may_be) == sorted(names)
    assert way.command == f"podium rename mail:main {names[0] if len(names) == 1 else 'NEW'}"
    assert way.why == (f"nothing here declares mail:main any more; it may be {' or '.join(way.may_be)} now",)


@pytest.mark.parametrize("at", [2.0, 4.0], ids=["while it went on", "since"])
def test_what_had_runs_beside_it_comes_after_all_that_is_new(project: Project, at: float) -> None:
    project.write("mail.py", SMALL + TOP)
    project.run("mail:small", "other", at=at, steps=["a"])
    row = project.run("mail:main", at=1.0, steps=["a"], last=3.0)
    assert set(project.way(row).may_be) == {"mail:top", *(["mail:small"] if at > 3.0 else [])}


HELPED = """
from podium import task, workflow

@task
def a(n): return n

def helped(n):
    "Of this file."
    return a(n)

@workflow
def small(n):
    return a(n)

@workflow
def main(n=len(str(helped))):
    "What it does."
    first: int = helped(n)  # once
    return [helped(each) for each in range(first)]
"""


def test_a_rename_alone_is_known_by_the_code(project: Project, monkeypatch: pytest.MonkeyPatch) -> None:
    """The digest that is read from the file is the one that the program itself has made."""
    project.write("mail.py", HELPED.replace("def main", "def top").replace("once", "each time"))
    (project.home / "old").mkdir()
    (project.home / "old" / "helped_flows.py").write_text(HELPED)
    monkeypatch.syspath_prepend(str(project.home / "old"))
    main = importlib.import_module("helped_flows").main
    code = registry[main.name].fingerprint
    (project.home / "old" / "helped_flows.py").unlink()
    row = project.run("mail:main", steps=["a"], fingerprint=code)
    assert project.way(row).command == "podium rename mail:main mail:top"


def test_code_that_is_the_same_to_the_letter_is_taken_alone(project: Project) -> None:
    project.write("post.py", MAIL)
    row = project.run("mail:campaign")
    offered = {"deep__campaign": "1234", "post__campaign": "5678"}
    assert project.way(row, **offered).command == "podium rename mail:campaign deep:campaign"


def test_a_name_that_was_given_is_looked_for_as_that(project: Project) -> None:
    row = project.run("nightly")
    assert "bring nightly back" in project.way(row).command
    project.write("jobs/report.py", MAIL.replace("@workflow", '@workflow(name="nightly")'))
    assert project.way(row).command == "podium resume r"


def test_what_is_installed_is_there(project: Project) -> None:
    assert project.way(project.run("json.decoder:JSONDecoder.decode")).command == "podium resume r"
    assert "any more" in project.way(project.run("json.nowhere:decode", "s")).why[0]


@pytest.mark.parametrize(
    ("module", "told"),
    [
        ("__main__@12ab", "podium terminate r  ends it"),
        ("analysis.ipynb", "make the same call in analysis.ipynb  goes on with it"),
    ],
)
def test_a_session_has_its_code_alone(project: Project, module: str, told: str) -> None:
    way = project.way(project.run(f"{module}:flow"))
    assert way.said == told
    assert "no other process has its code" in way.why[0]


@pytest.mark.parametrize(
    ("text", "functions"),
    [
        ("from podium import workflow as w\n@w\ndef f(): ...", {"m:f": True}),
        ("import podium\n@podium.task(retries=3)\nasync def f(): ...", {"m:f": False}),
        ("from podium import task\nclass A:\n    @task\n    def f(self): ...", {"m:A.f": False}),
        ("import podium as p\nagain = p.workflow(f, name='again')", {"again": True}),
        ("from x import register\n@register\ndef f(): ...\n@other.task\ndef g(): ...", {"m:g": False}),
    ],
)
def test_what_a_file_declares_is_read(tmp_path: Path, text: str, functions: dict[str, bool]) -> None:
    (tmp_path / ".git").mkdir()
    (tmp_path / "m.py").write_text(text)
    declared = declared_in(tmp_path / "m.py")
    assert declared is not None
    assert declared.functions == functions


@pytest.mark.parametrize("text", ["def f(:", "", None], ids=["broken", "empty", "none"])
def test_what_cannot_be_read_declares_nothing(tmp_path: Path, text: str | None) -> None:
    if text is not None:
        (tmp_path / "m.py").write_text(text)
    declared = declared_in(tmp_path / "m.py")
    assert declared is None if text != "" else declared is not None and not declared.functions
