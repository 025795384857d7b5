"""`python -m examples.monitor [TABLE]`: one look at a table, or at one of our own; the same again resumes."""

from __future__ import annotations

import argparse
import os
import threading
from collections.abc import Sequence
from pathlib import Path

from . import serve
from .flow import monitor
from .readings import LIMITS


def main(arguments: Sequence[str] | None = None) -> None:
    """Print the report of one look."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("table", nargs="?", help="such as http://127.0.0.1:8001/machine/readings")
    parser.add_argument("--of", choices=LIMITS, default="machine", help="what is read there (machine)")
    parser.add_argument("--csv", type=Path, help="a file to serve, instead of two weeks of our own")
    parser.add_argument("--file", default="monitor.db", help="where readings are stored")
    given = parser.parse_args(arguments)
    os.environ |= {"MONITOR_FILE": given.file, "MONITOR_OF": given.of}
    if given.table:
        os.environ["MONITOR_URL"] = given.table
        print(monitor.run())
        return
    server = serve.serve(serve.read(given.csv) if given.csv else serve.made())
    threading.Thread(target=server.serve_forever, daemon=True).start()
    os.environ["MONITOR_URL"] = f"http://127.0.0.1:{server.server_port}{serve.TABLE}"
    print(monitor.run())
    server.shutdown()


if __name__ == "__main__":
    main()
