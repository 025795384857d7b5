"""python -m examples.hello_orchestrator [--tasks 5] [--seconds 1] [--workers N] [--die-after N]"""

from __future__ import annotations

import argparse
import os
import signal

from .orchestrator import orchestrate


def main() -> None:
    """Run the program; with --die-after, be killed on the way: the same command then goes on."""
    parser = argparse.ArgumentParser(prog="python -m examples.hello_orchestrator", description=main.__doc__)
    parser.add_argument("--tasks", type=int, default=5, help="how many (5)")
    parser.add_argument("--seconds", type=float, default=1.0, help="that each takes (1)")
    parser.add_argument("--workers", type=int, help="tasks at once (as a thread pool has it)")
    parser.add_argument("--die-after", type=int, help="be killed when so many results have come")
    options = parser.parse_args()
    came = 0

    def show(line: str) -> None:
        nonlocal came
        print(line, flush=True)
        came += 1
        if came == options.die_after:
            os.kill(os.getpid(), signal.SIGKILL)

    orchestrate(range(1, options.tasks + 1), options.seconds, options.workers, show)


if __name__ == "__main__":
    main()
