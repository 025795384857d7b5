"""A process of the trial: `ask` begins the campaign and leaves at the question, `serve` goes on with it."""

from __future__ import annotations

import dataclasses
import json
import sys
import time

from .flow import campaign
from .trial import RUN


def main(name: str, orders: int) -> None:
    """Print the report, when there is one."""
    question = "Which kettle do we sell?"
    run = campaign.options(id=RUN).start(question, [f"order-{n}" for n in range(orders)])
    if name == "ask":
        while str(run.state) != "waiting":
            time.sleep(0.05)
    else:
        print(json.dumps(dataclasses.asdict(run.result())))


if __name__ == "__main__":
    main(sys.argv[1], int(sys.argv[2]))
