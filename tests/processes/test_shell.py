"""The commands of a killed engine die with it, and the run goes on elsewhere."""

from __future__ import annotations

from tests.processes.support import Host
from tests.waiting import is_alive, until

MODULE = """
import podium
from podium import workflow

@workflow
def build(folder: str) -> str:
    podium.shell("sh", "-c", "echo done >> first", cwd=folder)
    # Its first attempt would stay for ever, and so would its child.
    return podium.shell(
        "sh", "-c", "[ -e pids ] && { echo built; exit; }; sleep 600 & echo $$ $! > new; mv new pids; wait",
        cwd=folder,
    )
"""


def test_a_command_and_its_children_die_with_a_killed_engine_and_the_run_goes_on(host: Host) -> None:
    host.write("building", MODULE)
    worker = host.worker("building")
    run = host.start("building:build", folder=str(host.folder))
    pids = host.folder / "pids"
    until(pids.exists)
    family = [int(pid) for pid in pids.read_text().split()]
    assert len(family) == 2
    worker.kill()
    until(lambda: not any(map(is_alive, family)))
    host.worker("building")
    assert host.ended(run) == "built\n"
    assert (host.folder / "first").read_text() == "done\n", "what is on record is not done again"
