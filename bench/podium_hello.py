"""Hello world on Podium: one run of one step. `python -m bench.podium_hello FILE`."""

import os
import sys

from podium import task, workflow


@task
def inc(x: int) -> int:
    return x + 1


@workflow
def hello(x: int) -> int:
    return inc(x)


if __name__ == "__main__":
    os.environ["PODIUM_URL"] = f"sqlite:///{sys.argv[1]}"
    print(hello(1))
