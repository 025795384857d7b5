"""`python -m examples.model_deployment`: 31 batches are answered while the log is down; then it catches up.

With INPUTS_URL, MODEL_URL and LOG_URL in the environment it asks those services, and starts none.
"""

from __future__ import annotations

import argparse
import os
import tempfile
from collections.abc import Sequence
from pathlib import Path

from .client import logged
from .flow import deployment, records
from .serve import SERVICES, serving


def main(arguments: Sequence[str] | None = None) -> None:
    """Print what came of it."""
    parser = argparse.ArgumentParser(prog="python -m examples.model_deployment", description=__doc__)
    parser.add_argument("--id", help="of the run: the same one again goes on where it was")
    given = parser.parse_args(arguments)
    if all(url in os.environ for url in SERVICES.values()):
        print(recorded(answered(given.id)))
        return
    with tempfile.TemporaryDirectory() as folder, serving("inputs") as inputs, serving("model") as model:
        file = Path(folder) / "log.db"
        with serving("log", file=file) as log:
            os.environ["LOG_URL"] = log.url  # where it will be again: now it is down
        os.environ |= {"INPUTS_URL": inputs.url, "MODEL_URL": model.url}
        run = answered(given.id)
        with serving("log", at=log.url, file=file) as log:
            os.environ["LOG_URL"] = log.url  # once it is there
            print(f"the log is back, with {logged()} rows", flush=True)
            print(recorded(run))


def answered(id: str | None) -> str:
    """Print what was answered; the run that has it logged."""
    report = deployment.options(id=id).run()
    print(report, flush=True)
    return report.records


def recorded(run: str) -> str:
    """What the log has once that run has ended."""
    differs = [each for each in records.get(run).result() if each is not None]
    shadow = f"the shadow model differs in {sum(differs)}" if differs else "there was no shadow model"
    return f"{logged()} rows in the log, {shadow}"


if __name__ == "__main__":
    main()
