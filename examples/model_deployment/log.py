"""The service that logs, into an SQLite file: `python -m examples.model_deployment.log --file FILE`."""

from __future__ import annotations

import json
import sqlite3
import threading
from typing import Any

from .server import Answer, Service, arguments, serve


def log(file: str) -> Service:
    """`/rows`: post some; the same image again changes nothing. `/count`: of rows."""
    lock = threading.Lock()
    rows = sqlite3.connect(file, check_same_thread=False, isolation_level=None)
    rows.execute("create table if not exists row(image integer primary key, said text) strict")

    def service(_: str, posted: Any) -> Answer:
        with lock:
            if posted is not None:
                found = [(row["image"], json.dumps(row)) for row in posted]
                rows.execute("begin")
                rows.executemany("insert into row values (?, ?) on conflict do nothing", found)
                rows.execute("commit")
            return 200, rows.execute("select count(*) from row").fetchone()[0]

    return service


if __name__ == "__main__":
    given = arguments(__doc__)
    serve(log(given.file), given)
