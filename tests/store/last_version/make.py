"""Makes `store.sql`: run once with the code of the last version (b9d7bfb, schema 3), in an empty folder.

PYTHONPATH=LAST/src:. python -m tests.store.last_version.make
"""

from __future__ import annotations

import io
import re
import socket
import subprocess
import sys
import time
from collections.abc import Mapping
from pathlib import Path

import apsw
import apsw.shell

import podium
from podium import App
from tests.store.last_version import flows

URL = "sqlite:///podium.db"


def main() -> None:
    if len(sys.argv) > 1:
        with App(URL):
            flows.dies.options(id="dies").run()
        return
    with App(URL) as app:
        flows.succeeds.options(id="succeeded", tags=["nightly"]).run(300_000)
        for name, flow in (("failed", flows.fails), ("again", flows.fails), ("parked", flows.parks)):
            try:
                flow.options(id=name).run()
            except Exception as error:
                print(name, type(error).__name__)
        for name in ("sleeping", "cancelling", "cancelled"):
            flows.sleeps.options(id=name).start(6 if name != "cancelled" else 3600)
        flows.retries.options(id="retrying").start()
        flows.clashes.options(id="clashing").start()
        print("retry", app.retry("again").id.result())
        time.sleep(2)
        app.cancel("cancelled")
        time.sleep(1)
    for _ in range(2):  # killed twice: the second time its attempt is on record before it begins
        subprocess.run([sys.executable, "-m", "tests.store.last_version.make", "dies"], check=False)
    with App(URL, engine=False) as app:
        flows.succeeds.options(id="queued", tags=["nightly", "eu"]).start(5)
        app.cancel("cancelling")
    connection = apsw.Connection("podium.db")
    said = io.StringIO()
    apsw.shell.Shell(stdout=said, db=connection).process_command(".dump")
    lines = [line for line in said.getvalue().splitlines(True) if not line.startswith("-- ")]
    places = {
        str(Path.cwd()): "/srv/shop",
        str(Path(podium.__file__).parent): "/srv/podium",
        sys.prefix: "/srv/python",
        sys.base_prefix: "/srv/python",
        socket.gethostname(): "box",
    }
    Path("store.sql").write_text(_written(_moved("".join(lines), places)))


def _moved(dump: str, places: Mapping[str, str]) -> str:
    """Without the places of the machine that made it, in text and in bytes."""
    for here, there in places.items():
        if "/" in here:
            dump = dump.replace(here, there)
            dump = dump.replace(here.encode().hex().upper(), there.encode().hex().upper())
        else:
            dump = dump.replace(f"'{here}'", f"'{there}'")
    return dump


def _written(dump: str) -> str:
    """Long rows of x are written as <number x>."""
    return re.sub("(?:78){200,}", lambda found: f"<{len(found[0]) // 2}x>", dump)


if __name__ == "__main__":
    main()
