"""Whose runs a process drives: a script its own, a server all. Real processes."""

from __future__ import annotations

import re
import signal
import threading
from pathlib import Path

import pytest

from tests.names.support import MAIL, Place
from tests.waiting import until

# A server as uvicorn and gunicorn are ones: a command of its own that imports the program and stays.
SERVER = "import importlib, sys, threading\nimportlib.import_module(sys.argv[1])\nthreading.Event().wait()\n"


# -- scripts -----------------------------------------------------------------------------------------


@pytest.mark.parametrize("how", [signal.SIGKILL, signal.SIGINT])
def test_a_script_does_not_drive_what_an_earlier_call_left_behind(place: Place, how: int) -> None:
    place.leave("ALL-1", "ALL-2", how=how)
    place.go()
    me = place.run("mail.py", "me@test")
    assert me.stdout == "['me@test']\n"
    assert "SENT me@test" in place.sent()
    assert not {"SENT ALL-1", "SENT ALL-2"} & set(place.sent())
    assert "1 other run waits" in me.stderr
    assert "podium resume 1" in me.stderr


def test_the_same_call_goes_on(place: Place) -> None:
    place.leave("ALL-1", "ALL-2")
    place.go()
    again = place.run("mail.py", "ALL-1", "ALL-2")
    assert again.stdout == "['ALL-1', 'ALL-2']\n"
    assert "resumed" in again.stderr
    assert "other run" not in again.stderr
    assert place.states() == ["succeeded"]


def test_a_script_never_goes_on_with_another_ones_run(place: Place) -> None:
    for folder, verb in (("invoices", "BILLS"), ("cleanup", "DELETES")):
        (place.home / folder).mkdir()
        (place.home / folder / "main.py").write_text(MAIL.replace("SENT", verb))
    script = place.start("invoices/main.py", "customer-1")
    place.until("began customer-1")
    place.kill(script)
    place.go()
    other = place.run("cleanup/main.py", "customer-1")
    assert other.stdout == "['customer-1']\n"
    assert place.sent() == ["began customer-1", "began customer-1", "DELETES customer-1"]
    again = place.run("invoices/main.py", "customer-1")
    assert "resumed" in again.stderr
    assert place.sent()[3:] == ["began customer-1", "BILLS customer-1"]


def test_a_worker_never_takes_a_run_of_another_file(place: Place) -> None:
    for folder, verb in (("invoices", "BILLS"), ("cleanup", "DELETES")):
        (place.home / folder).mkdir()
        (place.home / folder / "main.py").write_text(MAIL.replace("SENT", verb))
    place.go()
    put = place.run("-m", "podium", "run", "--detach", "invoices/main.py:campaign", "--", "--people", '["a"]')
    assert put.returncode == 0, put.stderr
    place.start("-m", "podium", "worker", "cleanup/main.py")
    place.run("-m", "podium", "run", "--detach", "cleanup/main.py:campaign", "--", "--people", '["b"]')
    place.until("DELETES b")
    assert "began a" not in place.sent()
    place.start("-m", "podium", "worker", "invoices.main")
    place.until("BILLS a")


def test_a_test_touches_nothing_of_its_project(place: Place) -> None:
    place.leave("ALL-1")
    place.go()
    (place.home / "test_mail.py").write_text(
        "from mail import campaign\n\ndef test_it():\n    assert campaign(['me']) == ['me']\n"
    )
    for command in (
        ["pytest", "-q", "-p", "no:cacheprovider", "test_mail.py"],
        ["unittest", "-q", "test_unit"],
    ):
        (place.home / "test_unit.py").write_text(
            "import unittest\nfrom mail import campaign\n\nclass TestIt(unittest.TestCase):\n"
            "    def test_it(self):\n        self.assertEqual(campaign(['me']), ['me'])\n"
        )
        tested = place.run("-m", *command)
        assert tested.returncode == 0, tested.stdout + tested.stderr
    assert place.sent().count("SENT me") == 2
    assert "SENT ALL-1" not in place.sent()
    assert len(place.states()) == 1


def test_an_app_opened_on_purpose_drives_all_at_once(place: Place) -> None:
    place.leave("ALL-1")
    place.go()
    program = (
        "import threading\nfrom podium import App\nimport mail\nwith App():\n    threading.Event().wait()\n"
    )
    (place.home / "service.py").write_text(program)
    place.start("service.py")
    place.until("SENT ALL-1")


def test_a_process_that_is_to_drive_nothing_drives_nothing(place: Place) -> None:
    place.leave("ALL-1")
    place.go()
    program = "from podium import App\nimport mail\nwith App() as app:\n    print(app.drives)\n"
    (place.home / "service.py").write_text(program)
    assert place.run("service.py", PODIUM_ENGINE="off").stdout == "nothing\n"


# -- servers -----------------------------------------------------------------------------------------


def test_a_server_drives_what_was_left_behind_without_being_asked(place: Place, tmp_path: Path) -> None:
    place.leave("ALL-1")
    place.go()
    (tmp_path / "elsewhere" / "server").mkdir(parents=True)
    (tmp_path / "elsewhere" / "server" / "__main__.py").write_text(SERVER)
    (tmp_path / "elsewhere" / "pyproject.toml").touch()
    place.start("-m", "server", "mail", PYTHONPATH=f"{tmp_path / 'elsewhere'}:{place.home}")
    place.until("SENT ALL-1")


SERVES = """
import mail, sys
from http.server import BaseHTTPRequestHandler, HTTPServer

if __name__ == "__main__":
    HTTPServer(("127.0.0.1", 0), BaseHTTPRequestHandler).serve_forever()
"""


ASGI = """
import mail

async def app(scope, receive, send):
    if scope["type"] == "lifespan":
        await receive()
        await send({"type": "lifespan.startup.complete"})
        await receive()
        await send({"type": "lifespan.shutdown.complete"})
"""
IN_A_TASK = """
import asyncio, uvicorn
from app import app

async def main():
    await uvicorn.Server(uvicorn.Config(app, port=0)).serve()

if __name__ == "__main__":
    asyncio.run(main())
"""
UVICORN = """
import uvicorn

if __name__ == "__main__":
    uvicorn.run("app:app", port=0, %s)
"""


@pytest.mark.parametrize(
    "script",
    [
        pytest.param(SERVES, id="http.server"),
        pytest.param(f"from podium import task\n{SERVES}", id="its-first-import-is-podium"),
        pytest.param(IN_A_TASK, id="asyncio.run"),
        pytest.param(UVICORN % "reload=True", id="reload"),
        pytest.param(UVICORN % "workers=2", id="workers"),
    ],
)
def test_a_script_that_serves_drives_what_was_left_behind_without_being_asked(
    place: Place, script: str
) -> None:
    place.leave("ALL-1")
    place.go()
    (place.home / "app.py").write_text(ASGI)
    (place.home / "web.py").write_text(script)
    server = place.start("web.py")
    place.until("SENT ALL-1")
    place.kill(server, signal.SIGINT)


def test_a_server_says_what_else_waits(place: Place) -> None:
    (place.home / "other.py").write_text(MAIL)
    script = place.start("other.py", "ALL-1")
    place.until("began ALL-1")
    place.kill(script)
    (place.home / "web.py").write_text(SERVES)
    with open(place.home / "said", "w") as said:
        server = place.start("web.py", stderr=said)
    until(lambda: "1 other run waits (other:campaign)" in (place.home / "said").read_text())
    place.kill(server)


def test_a_script_that_binds_a_socket_and_serves_nobody_drives_its_own(place: Place) -> None:
    place.leave("ALL-1")
    place.go()
    (place.home / "web.py").write_text(SERVES.replace(".serve_forever()", "; import time; time.sleep(2.5)"))
    assert place.run("web.py").returncode == 0
    assert "SENT ALL-1" not in place.sent()


@pytest.mark.parametrize("preload", [[], ["--preload"]])
def test_gunicorn_drives_what_a_killed_one_left_behind(place: Place, preload: list[str]) -> None:
    pytest.importorskip("gunicorn", reason="of the examples extra, which CI installs")
    (place.home / "web.py").write_text(
        "import mail\n\ndef app(environ, start_response):\n"
        "    start_response('200 OK', [])\n    return [b'ok']\n"
    )
    place.leave("ALL-1")
    place.go()
    log = place.home / "log"
    server = place.start(
        "-m", "gunicorn", *preload, "-b", f"unix:{place.home}/sock", "--log-file", str(log), "web:app"
    )
    place.until("SENT ALL-1")
    assert place.sent().count("SENT ALL-1") == 1
    server.terminate()
    server.communicate(timeout=60)
    assert place.states() == ["succeeded"]


def test_a_server_makes_no_store_before_there_is_something_in_it(place: Place, tmp_path: Path) -> None:
    (tmp_path / "elsewhere" / "server").mkdir(parents=True)
    (tmp_path / "elsewhere" / "server" / "__main__.py").write_text(SERVER)
    (tmp_path / "elsewhere" / "pyproject.toml").touch()
    place.go()
    place.start("-m", "server", "mail", PYTHONPATH=f"{tmp_path / 'elsewhere'}:{place.home}")
    threading.Event().wait(2.5)  # the time in which it would have made one
    assert not (place.home / ".podium").exists()
    put = place.run("-m", "podium", "run", "--detach", "mail:campaign", "--", "--people", '["a"]')
    assert put.returncode == 0, put.stderr
    place.until("SENT a")


def test_a_command_of_the_programs_own_package_is_no_server(place: Place) -> None:
    place.leave("ALL-1")
    place.go()
    (place.home / "shop").mkdir()
    (place.home / "shop" / "__init__.py").touch()
    (place.home / "shop" / "__main__.py").write_text(
        "import sys, time\nsys.path.insert(0, '.')\nimport mail\ntime.sleep(2.5)\n"
    )
    assert place.run("-m", "shop").returncode == 0
    assert "SENT ALL-1" not in place.sent()


# -- what is told ------------------------------------------------------------------------------------


def test_what_nothing_drives_is_told_wherever_one_looks(place: Place) -> None:
    place.leave("ALL-1")
    (run,) = place.run("-m", "podium", "runs", "-q").stdout.split()
    assert "running, undriven" in place.run("-m", "podium", "runs").stdout
    assert '"undriven":true' in place.run("-m", "podium", "runs", "--json").stdout.replace(" ", "")
    assert "undriven" in place.run("-m", "podium", "doctor").stdout
    assert "undriven" in place.run("-m", "podium", "why", run).stdout


def test_why_names_what_the_function_may_be_called_now(place: Place) -> None:
    place.leave("ALL-1")
    (place.home / "shop").mkdir()
    (place.home / "mail.py").rename(place.home / "shop" / "mail.py")
    place.start("-m", "podium", "worker", "shop.mail")
    (run,) = place.run("-m", "podium", "runs", "-q").stdout.split()
    until(
        lambda: (
            "podium rename mail:campaign shop.mail:campaign" in place.run("-m", "podium", "why", run).stdout
        )
    )


def test_the_command_that_is_told_moves_the_run(place: Place) -> None:
    (place.home / "mails").mkdir()
    (place.home / "mail.py").rename(place.home / "mails" / "main.py")
    script = place.start("mails/main.py", "ALL-1")
    place.until("began ALL-1")
    place.kill(script)
    place.go()
    told = place.run("mails/main.py", "me").stderr.partition("nothing drives it: podium ")[2].split()
    resumed = place.run("-m", "podium", *told)
    assert resumed.returncode == 0, resumed.stderr
    assert "SENT ALL-1" in place.sent()


def test_a_run_whose_function_was_renamed_is_told_at_every_opening(place: Place) -> None:
    place.leave("ALL-1")
    place.go()
    (place.home / "mail.py").write_text(MAIL.replace("campaign", "campaigns"))
    for opening in ("mail.py", "service.py"):
        (place.home / "service.py").write_text("from podium import App\nimport mail\nwith App():\n    pass\n")
        said = place.run(opening, "me").stderr
        assert "1 run waits for mail:campaign, which is not there any more" in said
        assert "podium rename mail:campaign mail:campaigns" in said


def test_a_renamed_functions_runs_go_on_under_its_new_name(place: Place) -> None:
    place.leave("ALL-1", "ALL-2")
    (place.home / "mail.py").write_text(MAIL.replace("campaign", "campaigns"))
    rename = ("-m", "podium", "rename", "mail:campaign", "mail:campaigns")
    (run,) = place.run(*rename, "--dry-run", "-q").stdout.split()
    refused = place.run(*rename)
    assert "nobody is there to ask" in refused.stderr
    renamed = place.run(*rename, "--yes", "--json")
    assert renamed.returncode == 0, renamed.stderr
    assert run in renamed.stdout
    place.go()
    again = place.run("mail.py", "ALL-1", "ALL-2")
    assert (again.stdout, place.states()) == ("['ALL-1', 'ALL-2']\n", ["succeeded"])
    assert f"resumed {run}" in again.stderr


def test_a_run_that_somebody_drives_keeps_its_name(place: Place) -> None:
    script = place.start("mail.py", "ALL-1")
    place.until("began ALL-1")
    renamed = place.run("-m", "podium", "rename", "mail:campaign", "elsewhere:campaign", "--yes")
    assert renamed.returncode == 4
    assert "runs" in renamed.stderr
    place.go()
    assert script.communicate(timeout=60)[0] == "['ALL-1']\n"


def test_an_engine_that_drives_its_own_is_no_heir(place: Place) -> None:
    place.leave("ALL-1")
    (run,) = place.run("-m", "podium", "runs", "-q").stdout.split()
    other = place.start("mail.py", "somebody-else")  # has the function, and drives its own
    place.until("began somebody-else")
    why = place.run("-m", "podium", "why", run).stdout
    assert "undriven: mail:campaign is there, but every engine that has it drives only its own runs" in why
    assert f"podium resume {run}" in why
    assert "undriven" in place.run("-m", "podium", "doctor").stdout
    place.kill(other)


# -- a script that ends before its runs --------------------------------------------------------------


CAUGHT = """
import sys
from mail import campaign
if sys.argv[1] == "start":
    run = campaign.start(["ALL-1"])
else:
    try:
        campaign(["ALL-1"])
    except KeyboardInterrupt:
        sys.exit(9)
"""


@pytest.mark.parametrize("how", ["start", "caught"])
def test_a_script_that_ends_before_its_run_says_what_it_leaves(place: Place, how: str) -> None:
    (place.home / "script.py").write_text(CAUGHT)
    script = place.start("script.py", how)
    place.until("began ALL-1")
    if how == "caught":
        script.send_signal(signal.SIGINT)
    said = script.communicate(timeout=60)[1]
    assert script.returncode == (9 if how == "caught" else 0)
    told = r"podium: stopped run (\w+) .*go on: run the script again, or podium resume \1\n"
    assert re.search(told, said), said


def test_who_only_asks_is_told_that_nothing_drives_the_run(place: Place) -> None:
    asking = place.start("mail.py", "ALL-1", PODIUM_ENGINE="off")
    assert asking.stderr is not None
    lines = iter(asking.stderr.readline, "")
    told = next(line for line in lines if "new store" not in line)
    found = re.fullmatch(
        r"podium: run (\w+) waits, and nothing drives it: a worker of mail:campaign does, or "
        r"podium resume \1\n",
        told,
    )
    assert found, told
    place.go()
    assert place.run("-m", "podium", "resume", found[1]).returncode == 0
    assert asking.communicate(timeout=60)[0] == "['ALL-1']\n"


def test_who_only_starts_is_told_so_too_once(place: Place) -> None:
    (place.home / "script.py").write_text("from mail import campaign\ncampaign.start_many([['a'], ['b']])\n")
    said = place.run("script.py", PODIUM_ENGINE="off").stderr
    assert said.count("nothing drives it") == 1
    assert re.search(
        r"podium: run (\w+) waits, .*: a worker of mail:campaign does, or podium resume \1\n", said
    )


def test_a_setting_that_says_neither_is_refused(place: Place) -> None:
    refused = place.run("mail.py", "me", PODIUM_ENGINE="of")
    assert refused.returncode == 1
    assert "PODIUM_ENGINE='of' says neither on nor off" in refused.stderr


def test_runs_put_in_line_are_told_as_undriven_with_what_drives_them(place: Place) -> None:
    failing = MAIL.replace("    while not", "    raise ValueError(to)\n    while not")
    (place.home / "mail.py").write_text(failing)
    for person in ("a", "b"):
        place.run("mail.py", person)
    told = "2 runs undriven, no live engine takes them: podium worker mail, or one: podium resume "
    assert told in place.run("-m", "podium", "retry", "status:failed", "--yes").stderr
