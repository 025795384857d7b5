"""Two hundred calls behind HTTP, as a script that may be killed: `python -m tests.http.program`."""

from __future__ import annotations

from podium import workflow
from tests.http import served


@workflow
async def squares(count: int) -> int:
    return sum(await served.square.map(range(count), limit=20))


if __name__ == "__main__":
    print(squares.run(200))
