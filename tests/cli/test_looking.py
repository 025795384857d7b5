"""Lists, single runs, ids, help: what only looks."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import click
import pytest

from podium import App, codec
from podium.cli import runs as runs_verb
from podium.cli.main import command_line
from podium.cli.story import tree
from podium.inspect import RunProgress
from podium.model import Entry, Kind, NewRun, RunRow, State, Write
from tests.cli.support import STORE, as_json, environment, place, podium, write_app


def row(id: str, state: State, function: str = "app:wf", entries: int = 7) -> RunRow:
    return RunRow(
        id=id, function=function, state=state, token=1, owner=None, created=100.0, started=100.0, ended=103.0,
        due=None, args=b'{"city":"Oslo","days":7}', payload=b"", digest=b"", lost=0,
        entries=entries, fingerprint="", starter="", tags=(), inbox=0,
    )  # fmt: skip


def test_help_brings_neither_rich_nor_the_engine() -> None:
    code = "import atexit, sys, podium.cli as c; atexit.register(lambda: print(*sys.modules)); c.main(['-h'])"
    ran = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, env=environment(), check=True
    )
    modules = set(ran.stdout.splitlines()[-1].split())
    assert not modules & {"rich", "asyncio", "msgspec", "apsw", "podium.engine", "podium.client"}
    assert not modules & {"importlib.metadata", "tomllib", "click.shell_completion", "podium.cli.pages"}
    shown = [
        line.split()[0] for line in ran.stdout.partition("Verbs:")[2].splitlines() if line.startswith("  ")
    ]
    assert {"run", "worker", "runs", "show", "why", "watch", "doctor"} <= set(shown)
    assert max(map(len, ran.stdout.splitlines()[:-1])) <= 80


def test_every_verb_has_its_help_and_its_json_and_quiet_if_it_shows_something() -> None:
    verbs = command_line.list_commands(click.Context(command_line))
    for verb in verbs:
        command = command_line.get_command(click.Context(command_line), verb)
        assert command is not None
        options = {name for option in command.params for name in option.opts}
        assert command.help, verb
        if verb not in ("completion", "worker", "up"):  # those show nothing that ends
            assert {"--json", "--quiet", "-q"} <= options, verb


@pytest.mark.parametrize("args", [["-h"], ["runs", "-h"], ["show", "-h"], ["run", "-h"], ["why", "--help"]])
def test_help_is_everywhere(args: list[str]) -> None:
    ran = podium(*args)
    assert ran.returncode == 0
    assert ran.stdout.startswith("Usage: podium")


def test_version() -> None:
    assert podium("--version").stdout.startswith("podium ")


def test_an_unknown_verb_or_option_names_the_nearest() -> None:
    ran = podium("shwo")
    assert ran.returncode == 2
    assert "nearest: podium show" in ran.stderr
    assert podium("runs", "--stat").returncode == 2
    assert "nearest: failed" in podium("runs", "status:faild").stderr


def test_looking_creates_no_store(project: Path) -> None:
    assert "no runs yet" in podium("runs").stderr
    missing = podium("show", "@last")
    assert missing.returncode == 3
    assert list((project / ".podium").iterdir()) == []


@pytest.mark.parametrize("by", ["option", "environment"])
def test_a_store_that_was_named_and_is_not_there_is_no_empty_one(project: Path, by: str) -> None:
    write_app(project)
    podium("run", "app:adds", "-q", "--store", "runs.db", "--", "--n", "1")
    for verb in ("runs", "show"):
        words = [verb, "@last"] if verb == "show" else [verb]
        named = podium(*words, "--store", "rnus.db")
        ran = named if by == "option" else podium(*words, PODIUM_URL="rnus.db")
        assert ran.returncode == 3
        assert "there is no store at rnus.db" in ran.stderr
        assert f"nearest: {project / 'runs.db'}" in ran.stderr
    assert not (project / "rnus.db").exists()


def test_a_new_name_that_its_file_does_not_declare_is_taken_for_a_typo(project: Path) -> None:
    write_app(project)
    run = podium("run", "app:adds", "--detach", "--", "--n", "1").stdout.strip()
    ran = podium("rename", "app:adds", "app:ads", "--yes")
    assert ran.returncode == 2
    assert "app.py declares no app:ads" in ran.stderr
    assert "it has app:adds" in ran.stderr
    assert podium("rename", "app:adds", "app:effects", "--yes").returncode == 0, "that one it declares"
    assert podium("rename", "app:effects", "later:adds", "--yes").stdout.strip() == run, "no file can tell"


@pytest.fixture
def two(project: Path) -> list[str]:
    write_app(project)
    podium("run", "app:fails")
    podium("run", "app:adds", "--", "--n", "2")
    return [shown["id"] for shown in as_json("runs")["runs"]]


def test_a_script_gets_all_ids_and_a_person_the_newest_twenty_of_them(project: Path) -> None:
    ids = [f"r{n:04}" for n in range(1_200)]
    with App(STORE, drives="nothing") as app:
        new = [
            NewRun(id, "app:adds", b"{}", b"", 1.0 + n, tags=("even",) * (n % 2 == 0))
            for n, id in enumerate(ids)
        ]
        app.store.commit(None, [Write(new_runs=tuple(new))])
    ids.reverse()
    assert podium("runs", "-q").stdout.split() == ids
    assert podium("runs", "-q", "tag:even").stdout.split() == ids[1::2]
    assert podium("runs", "-q", "-tag:even").stdout.split() == ids[::2], "which no index leads to"
    assert podium("runs", "-q", "-n", "30").stdout.split() == ids[:30]
    assert podium("runs", "-q", "tag:odd").stdout == ""
    listed = podium("runs")
    assert len(listed.stdout.splitlines()) == 1 + 20
    assert "the newest 20; more: -n 200" in listed.stderr
    shown = as_json("runs", "-q")
    assert (len(shown["runs"]), shown["more"]) == (20, True)


def test_a_run_is_found_by_what_is_unique_of_its_id(two: list[str]) -> None:
    last, failed = two
    for wanted in (last, last[-6:], "@last", last[:16]):
        assert as_json("show", wanted)["id"] == last
    assert as_json("show", "@failed")["id"] == failed
    assert podium("runs", "--quiet").stdout.split() == two
    assert podium("runs", "-q", "status:failed").stdout.split() == [failed]
    assert podium("runs", "--quiet", "workflow:adds").stdout.split() == [last]
    several = podium("show", last[:3])
    assert several.returncode == 2
    assert failed in several.stderr
    unknown = podium("why", last[:-1] + "?")
    assert unknown.returncode == 3
    assert "error[E301]" in unknown.stderr
    assert "nearest: @last" in podium("show", "@lst").stderr
    assert "its id is empty" in podium("show", "").stderr
    assert f"nearest: {last} (adds, ✔ succeeded" in unknown.stderr
    assert ".podium" in unknown.stderr


def test_show_tells_the_story_and_what_to_do_next(two: list[str]) -> None:
    shown = podium("show", "@failed").stdout
    assert "✖ failed" in shown
    assert "└─ ✖ bad" in shown
    assert "1 retried" in shown
    assert place('raise ValueError(f"boom {n}")') in shown
    assert f"podium retry {two[1]}" in shown.splitlines()[-1]
    history = as_json("show", "@failed")["history"]
    assert [entry["kind"] for entry in history] == ["retry", "error"]
    assert history[1]["error"] == {
        "type": "builtins:ValueError",
        "message": "boom 3",
        "call": "bad(n=3)",
    }


@pytest.mark.parametrize("columns", [30, 50, 80, 200])
def test_a_narrow_table_drops_columns_never_characters_of_id_or_state(columns: int) -> None:
    rows = [row("r" * 18, State.SUCCEEDED), row("q" * 18, State.PARKED)]
    lines = list(runs_verb.table(rows, (), 200.0, columns))
    text = click.unstyle("\n".join(lines))
    assert "r" * 18 in text
    assert "⏸ parked" in text
    assert max(len(line) for line in text.splitlines()) <= max(columns, 33)
    assert ("input" in text) == (columns >= 80)


def entry(seq: int, step: str, kind: Kind = Kind.RESULT, payload: bytes = b"1") -> Entry:
    return Entry(seq, kind, 100.0 + seq, step, b"", payload, 99.5 + seq, 1)


def test_a_fan_out_of_any_width_is_one_line_with_its_odd_ones() -> None:
    failure = codec.encode_failure(ValueError("boom"))
    steps = [entry(i + 1, f"1.{i}/fetch") for i in range(5000)]
    steps[7] = entry(8, "1.7/fetch", Kind.ERROR, failure)
    progress = RunProgress([entry(0, "/links"), *steps, entry(5001, "/store")], branches=True)
    lines = [click.unstyle(line) for line in tree(progress, row("r", State.SUCCEEDED), 6000.0)]
    assert lines == [
        "├─ ✔ links  0.5 s",
        "├─ ✖ fetch \N{MULTIPLICATION SIGN} 5,000  0.5 s each, 0.5 s at most  1 failed",
        "│     ✖ ValueError: boom",
        "└─ ✔ store  0.5 s",
    ]


def test_branches_that_do_the_same_fold_and_others_do_not() -> None:
    alike = [entry(i, f"{i // 2 + 1}/{'fetch' if i % 2 else 'rate'}") for i in range(200)]
    odd = entry(200, "101/mail")
    progress = RunProgress([*alike, odd], branches=True)
    lines = [click.unstyle(line) for line in tree(progress, row("r", State.SUCCEEDED), 999.0)]
    assert [line.split("  0.5 s")[0] for line in lines] == [
        "├─ 100 branches",
        "│  ├─ ✔ rate \N{MULTIPLICATION SIGN} 100",
        "│  └─ ✔ fetch \N{MULTIPLICATION SIGN} 100",
        "└─ ✔ mail",
    ]


FAMILY = """
import podium
from podium import workflow

@workflow
async def child(fails: bool) -> int:
    if fails:
        raise ValueError("no")
    return 1

@workflow
async def parent(fails: bool) -> int:
    return await child(fails)
"""


def test_the_last_run_is_the_last_that_somebody_started_and_no_child(project: Path) -> None:
    write_app(project, FAMILY)
    for id, flag in (("good", "--no-fails"), ("bad", "--fails")):
        podium("run", "app:parent", "--id", id, flag)
        assert as_json("show", "@last")["id"] == id
    assert as_json("show", "@failed")["id"] == "bad"


def test_functions_that_are_called_alike_are_told_apart() -> None:
    functions = ("shop.main:main", "bank.main:main", "bank.main:pay")
    rows = [row(f"1m8{n}", State.SUCCEEDED, function) for n, function in enumerate(functions)]
    _, *lines = map(click.unstyle, runs_verb.table(rows, set(), 110.0, None))
    assert [line.split()[3] for line in lines] == ["shop.main:main", "bank.main:main", "pay"]
