"""The command line that every peer's main module understands."""

from __future__ import annotations

import argparse
from pathlib import Path

WORKLOADS = (
    "W1",
    "W1-sync",
    "W2-100",
    "W2-1000",
    "W2-long",
    "W3-gather",
    "W3-map",
    "W4",
    "W5",
    "W7",
    "W8",
    "replay",
    "workers",
)


def arguments() -> argparse.Namespace:
    """workload, data (Path: an empty directory on disk), url, scale (of the sizes), steps (of a resume)."""
    parser = argparse.ArgumentParser(description="Run one workload and print its rows as JSON lines.")
    parser.add_argument("workload", choices=(*WORKLOADS, "raw", "resume", "serve"))
    parser.add_argument(
        "--data", type=Path, required=True, help="an empty directory on the disk to be measured"
    )
    parser.add_argument("--url", default="", help="an empty database of a server, instead of an SQLite file")
    parser.add_argument("--scale", type=float, default=1.0, help="makes every size smaller, e.g. 0.1")
    parser.add_argument("--steps", type=int, default=0, help="for resume: how many steps are on record")
    return parser.parse_args()
