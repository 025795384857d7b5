"""`podium doctor`, `config`, `explain` and `completion`: what is wrong is named with what to do."""

from __future__ import annotations

import json
import os
import shutil
import signal
import subprocess
import time
from pathlib import Path
from typing import Any

import pytest

from podium import App
from podium.inspect import check_runs, health
from podium.model import EngineInfo, EngineRow, NewRun, Write
from podium.opening import HostLocks, host_name
from podium.store import Finding
from tests import forkserver
from tests.cli.support import PODIUM, STORE, environment, podium, write_app
from tests.waiting import until


def problems(*args: str) -> dict[str, str]:
    """What is not well, and the fix, by name."""
    ran = podium("doctor", *args, "--json")
    shown = json.loads(ran.stdout)
    assert (shown["version"], shown["well"]) == (1, ran.returncode == 0)
    return {f["name"]: f"{f['text']} | {f['fix']}" for f in shown["findings"] if not f["is_well"]}


def test_a_store_that_is_not_there_yet_and_one_that_is_well(project: Path) -> None:
    ran = podium("doctor")
    assert ran.returncode == 0
    assert "is not there yet" in ran.stdout
    assert not (project / ".podium" / "podium.db").exists()
    write_app(project)
    podium("run", "app:adds", "--", "--n", "1")
    ran = podium("doctor")
    assert ran.returncode == 0
    assert all(line.startswith("✔ ") for line in ran.stdout.splitlines()[:-1])
    assert ran.stdout.splitlines()[-1] == "all is well"
    for name in ("file system", "free space", "log", "write lock", "version", "integrity", "clock", "parked"):
        assert f"✔ {name}: " in ran.stdout
    assert "SQLite 3." in ran.stdout
    assert "integrity" not in podium("doctor", "--quick").stdout
    assert podium("doctor", "-q").stdout == ""


def test_what_needs_somebody_is_a_problem_with_the_command_that_ends_it(project: Path) -> None:
    write_app(project)
    podium("run", "app:effects")
    queued = podium("run", "app:adds", "--detach").stdout.strip()
    parked = podium("runs", "-q", "status:parked").stdout.strip()
    found = problems()
    assert found == {
        "parked": f"1 run needs a decision (1 E130) | podium why {parked}",
        "unserved": found["unserved"],
    }
    assert found["unserved"].startswith("1 run of app:adds due, the first for ")
    assert ", undriven: no engine is alive | " in found["unserved"]
    assert found["unserved"].endswith(f"podium worker app, or drive one: podium resume {queued}")
    ran = podium("doctor", "-q")
    assert ran.returncode == 1
    assert ran.stdout.splitlines()[0] == "✖ parked: 1 run needs a decision (1 E130)"


def test_more_runs_than_are_looked_at_are_told_as_more(
    project: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(health, "_LOOKED_AT", 3)
    with App(STORE, drives="nothing") as app:
        told: list[str] = []
        for n in range(3):
            app.store.commit(None, [Write(new_runs=(NewRun(f"r{n}", "app:adds", b"{}", b"", 1.0 + n),))])
            told += [one.text for one in check_runs(app) if one.name == "unserved"]
    assert told[1].startswith("2 runs of app:adds due, the first for ")
    assert told[2].startswith("3 or more runs of app:adds due, undriven: "), "the first may not be among them"


@pytest.mark.skipif(not Path("/proc/locks").exists(), reason="only there the system tells")
def test_a_stopped_process_and_one_that_is_gone(project: Path) -> None:
    write_app(project)
    process = forkserver.Popen([*PODIUM, "run", "app:hangs", "-q"], env=environment())
    try:
        until((project / "ledger").exists)
        assert problems("--quick") == {}
        process.send_signal(signal.SIGSTOP)
        found = problems("--quick")
        assert found["engine"].endswith(f"stopped, its lease runs out | kill -CONT {process.pid}")
    finally:
        process.kill()
        process.wait()
    run = podium("runs", "-q").stdout.strip()
    what = (
        f"1 run held by a process that is gone, such as {run}; undriven | podium resume {run}  drives it here"
    )
    assert problems("--quick") == {"orphans": what}


def test_engines_say_what_they_cannot_load_and_clocks_are_compared(project: Path) -> None:
    with App(STORE, drives="nothing") as app:
        locks = HostLocks(project / ".podium" / "podium.db-locks")
        locks.hold("e1")
        about = EngineInfo(
            "worker", modules=("sales",), broken={"sales": "ImportError: no polars (sales.py:2)"}
        )
        app.store.announce(EngineRow("e1", 0, host_name(), os.getpid(), time.time(), about.written()))
        new = NewRun("late", "app:adds", b"{}", b"d", time.time() + 7200, due=time.time() + 7200)
        app.store.commit(None, [Write(new_runs=(new,))])
        found = {finding.name: finding for finding in check_runs(app) if not finding.is_well}
        locks.free()
    assert set(found) == {"module", "clock"}
    assert found["module"].text.startswith("sales could not be loaded in process ")
    assert found["module"].text.endswith(": ImportError: no polars (sales.py:2)")
    assert found["module"].fix == "mend sales: that process tries it again by itself"
    assert found["clock"].text.startswith("the newest record is ")
    assert found["clock"].text.endswith(" in the future: a clock is, or was, wrong")


def test_an_engine_offers_what_its_program_declares(project: Path) -> None:
    with App(STORE, drives="nothing") as app:
        locks = HostLocks(project / ".podium" / "podium.db-locks")
        locks.hold("e1")
        offered = {"app:adds": "1", "podium:schedule": "2", "podium:alert": "3"}
        about = EngineInfo("worker", modules=("app",)).written()
        row = EngineRow("e1", 0, host_name(), os.getpid(), time.time(), about, functions=offered)
        app.store.announce(row)
        (engine,) = (finding for finding in check_runs(app) if finding.name == "engine")
        locks.free()
    assert engine.text.endswith(": alive, offers 1 function")


def test_a_machine_that_was_asleep_says_so(project: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with App(STORE, drives="nothing") as app:
        monkeypatch.setattr("podium.inspect.health.seconds_asleep", lambda: 3 * 3600.0)
        (clock,) = (finding for finding in check_runs(app) if finding.name == "clock")
    assert clock.is_well
    assert clock.text.endswith("; this machine was asleep for 3 h since it booted")


def test_a_damaged_store_is_told_from_one_that_cannot_be_reached(project: Path) -> None:
    (project / "bad.db").write_bytes(b"SQLite format 3\0" + b"\xff" * 5000)
    found = problems("--store", "bad.db")
    assert "integrity" in found
    assert found["opening"].startswith("E502: ")
    assert podium("doctor", "--store", "nosuch://x").returncode in (1, 7)


def test_a_place_where_no_store_can_be_is_named_with_what_is_in_the_way(project: Path) -> None:
    (project / "full").mkdir()
    (project / "text").write_text("")
    other = "name another file: --store URL, or PODIUM_URL"
    for store, found in {
        "full": f"{project}/full is a directory | name a file in it: {project}/full/podium.db",
        "text/a.db": f"{project}/text/a.db cannot be made: {project}/text is no directory | {other}",
        "text/b/a.db": f"{project}/text/b/a.db cannot be made: {project}/text is no directory | {other}",
        "/dev/null": f"/dev/null is no regular file | {other}",
    }.items():
        assert problems("--store", store) == {"file": found}
    assert problems("--store", "to/be/made/a.db") == {}, "the first run makes the directories, too"
    assert not (project / "to").exists()


def test_a_setting_that_is_none_is_named_with_the_nearest() -> None:
    ran = podium("config", PODIUM_TRACEE="1")
    assert ran.returncode == 7
    assert ran.stderr.splitlines()[-2:] == [
        "error[E100]: PODIUM_TRACEE is set, but there is no such setting",
        "  nearest: PODIUM_TRACE",
    ]
    ran = podium("doctor", "-q", PODIUM_TRACEE="1")
    assert ran.returncode == 1
    assert ran.stdout.splitlines()[0] == "✖ settings: PODIUM_TRACEE is set, but there is no such setting"


def test_config_shows_value_origin_and_default(project: Path) -> None:
    shown: dict[str, Any] = json.loads(podium("config", "--json", PODIUM_URL="sqlite:///x.db").stdout)
    url, engine, *_ = shown["settings"]
    assert (url["name"], url["value"], url["origin"]) == ("PODIUM_URL", "sqlite:///x.db", "environment")
    assert (engine["value"], engine["origin"]) == ("on", "default")
    assert {"name": "lease", "default": 10.0} in shown["options"]
    assert shown["unknown"] == []
    text = podium("config", PODIUM_URL="sqlite:///x.db").stdout
    assert "PODIUM_URL = sqlite:///x.db  (environment; default .podium/podium.db of the project)" in text
    assert f"PODIUM_URL=sqlite:///{project}/.podium/podium.db" in podium("config", "-q").stdout


@pytest.mark.parametrize("code", ["E204", "e204", "204", "Mismatch", "mismatch"])
def test_a_code_is_explained_offline(code: str) -> None:
    ran = podium("explain", code)
    assert ran.returncode == 0
    assert ran.stdout.splitlines()[0] == "E204  Mismatch  who can act: author"
    assert "  What to do: bring back the code" in ran.stdout
    assert "    podium why RUN" in ran.stdout
    assert max(map(len, ran.stdout.splitlines())) <= 90
    assert json.loads(podium("explain", code, "--json").stdout)["codes"][0]["code"] == "E204"


def test_an_unknown_code_names_the_nearest() -> None:
    ran = podium("explain", "E298")
    assert (ran.returncode, ran.stderr) == (
        3,
        "error[E100]: there is no code E298\n  nearest: E301 (RunNotFound)\n",
    )
    assert podium("explain", "mishmash").returncode == 2
    assert podium("explain", "-q").stdout.split()[:2] == ["E000", "E100"]


@pytest.mark.parametrize("shell", ["bash", "zsh", "fish"])
def test_the_shells_own_parser_takes_the_script(shell: str, project: Path) -> None:
    ran = podium("completion", shell)
    assert ran.returncode == 0
    assert "_PODIUM_COMPLETE" in ran.stdout
    found = shutil.which(shell)
    if found is not None:
        (project / "script").write_text(ran.stdout)
        subprocess.run([found, "-n", "script"], check=True)
    assert podium("completion", SHELL=f"/bin/{shell}").stdout == ran.stdout
    assert podium("completion", SHELL="/bin/tcsh").returncode == 2


def complete(*words: str) -> list[str]:
    """What a shell would offer for the last word."""
    line = {"COMP_WORDS": " ".join(("podium", *words)), "COMP_CWORD": str(len(words))}
    ran = podium(_PODIUM_COMPLETE="bash_complete", **line)
    assert ran.stderr == ""
    return [line.partition(",")[2] for line in ran.stdout.splitlines() if line]


def test_verbs_options_and_ids_are_completed(project: Path) -> None:
    write_app(project)
    assert complete("re") == ["resume", "retry", "rename"]
    assert "--store" in complete("show", "--s")
    assert complete("show", "1m") == [], "there is no store yet, and none is made"
    ids = [podium("run", "app:adds", "--detach").stdout.strip() for _ in range(2)]
    assert complete("show", ids[0][:9]) == [run for run in reversed(ids) if run.startswith(ids[0][:9])]
    assert complete("cancel", "@l") == ["@last"]
    assert complete("explain", "E20")[0] == "E200"
    assert not list((project / ".podium").glob("*-locks/*.lock"))


def test_a_finding_that_is_not_well_has_a_fix(project: Path) -> None:
    write_app(project)
    podium("run", "app:effects")
    shown = json.loads(podium("doctor", "--json").stdout)
    assert all(Finding(**found).fix for found in shown["findings"] if not found["is_well"])


@pytest.mark.parametrize(
    "words", [("doctor",), ("doctor", "--json"), ("config",), ("config", "--json"), ("runs",), ("show", "x")]
)
def test_nothing_shows_the_password_of_a_url(project: Path, words: tuple[str, ...]) -> None:
    write_app(project)
    url = "mysql://me:hunter2@db/podium"
    flag = () if words[0] == "config" else ("--store", url)
    for ran in (podium(*words, PODIUM_URL=url), podium(*words, *flag, PODIUM_URL=url)):
        assert "me:***@db" in ran.stdout + ran.stderr
        assert "hunter2" not in ran.stdout + ran.stderr


def test_nor_does_what_is_said_of_a_server_that_is_not_there(project: Path) -> None:
    write_app(project)
    ran = podium("doctor", PODIUM_URL="postgresql://me:hunter2@127.0.0.1:1/podium")
    assert "me:***@127.0.0.1" in ran.stdout + ran.stderr
    assert "hunter2" not in ran.stdout + ran.stderr
