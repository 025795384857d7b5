"""A table served by datasette, in a process of its own: `python -m examples.monitor.table [CSV]`.

The CSV file has two columns, an instant and a number; without one it is a machine of our own.
"""

from __future__ import annotations

import argparse
import re
import sqlite3
import subprocess
import sys
import tempfile
from collections import deque
from collections.abc import Sequence
from contextlib import closing
from pathlib import Path

from . import serve

READY_LINES = 50  # of what datasette says before it serves


class Datasette:
    """A running datasette. `table` is the address of its table, `log` the file of what it was asked."""

    def __init__(self, rows: Sequence[tuple[str, float | None]], folder: Path) -> None:
        file = folder / "machine.db"
        with closing(sqlite3.connect(file)) as database, database:
            database.execute("CREATE TABLE readings (timestamp TEXT NOT NULL, value REAL)")
            database.executemany("INSERT INTO readings VALUES (?, ?)", rows)
        self.log = folder / "datasette.log"
        words = [
            "-m",
            "datasette",
            "serve",
            str(file),
            "--port",
            "0",
            "--setting",
            "sql_time_limit_ms",
            "20000",
        ]
        with self.log.open("w") as log:
            self.process = subprocess.Popen([sys.executable, *words], stdout=log, stderr=subprocess.STDOUT)
        self.table = f"{self._address()}/machine/readings"

    def _address(self) -> str:
        """When it says where it listens, it serves."""
        with self.log.open() as said:
            last = deque[str](maxlen=READY_LINES)
            while self.process.poll() is None:
                line = said.readline()
                if found := re.search(r"running on (http://[\d.:]+)", line):
                    return found[1]
                if line:
                    last.append(line)
                else:
                    self._pause()
        raise OSError(f"datasette did not start: {''.join(last)}")

    def _pause(self) -> None:
        try:
            self.process.wait(0.02)
        except subprocess.TimeoutExpired:
            pass

    def close(self) -> None:
        """End it."""
        self.process.terminate()
        self.process.wait()


def main(arguments: Sequence[str] | None = None) -> None:
    """Serve until interrupted."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("csv", nargs="?", type=Path)
    given = parser.parse_args(arguments)
    with tempfile.TemporaryDirectory() as folder:
        served = Datasette(serve.read(given.csv) if given.csv else serve.made(), Path(folder))
        print(served.table, flush=True)
        try:
            served.process.wait()
        except KeyboardInterrupt:
            served.close()
            sys.exit(130)


if __name__ == "__main__":
    main()
