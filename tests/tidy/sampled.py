"""What the examples in docstrings are about: two tasks, and workflows that end well, fail once, or rest."""

from __future__ import annotations

import doctest
from pathlib import Path

import podium
from podium import task, workflow


@task
async def fetch(url: str) -> str:
    return f"page {url}"


@task
def written(city: str) -> str:
    return f"report of {city}"


@task
def doubled(n: int) -> int:
    return 2 * n


@workflow
def adds(n: int) -> int:
    return doubled(n) + 3


@task(queue=podium.Queue("letters", concurrency=2))
def posts(letter: str) -> str:
    return letter


@workflow
def report(city: str) -> str:
    return written(city)


@workflow
def rests() -> None:
    podium.sleep(3600)


@workflow
def greets() -> str:
    return f"hello {podium.receive('name', str).result()}"


@task
def counting(n: int) -> int:
    for number in range(n):
        podium.emit("numbers", number)
        podium.publish("last", number)
    return n


@workflow
def counts(n: int) -> int:
    return counting(n)


@workflow
def counts_down(n: int) -> str:
    return counts_down.again(n - 1) if n else "done"


@task
def fails_once() -> str:
    flag = Path("flag")
    if not flag.exists():
        flag.touch()
        raise ValueError("not yet")
    return "done"


@workflow
def breaks_once() -> str:
    return fails_once()


@task
def runs_in_a_task(name: str) -> list[str]:
    """What went wrong with the examples of one of Podium's verbs."""
    return failures(name, getattr(podium, name).__doc__, {})


@workflow
def in_a_task(name: str) -> list[str]:
    return runs_in_a_task(name)


def failures(name: str, doc: str, given: dict[str, object]) -> list[str]:
    """The reports of the examples in a docstring that do not come out as it says."""
    names = {
        "podium": podium,
        "adds": adds,
        "report": report,
        "rests": rests,
        "fetch": fetch,
        "breaks_once": breaks_once,
        "counts": counts,
        "counts_down": counts_down,
        "greets": greets,
    }
    test = doctest.DocTestParser().get_doctest(doc, {**names, **given}, name, None, 0)
    said: list[str] = []
    runner = doctest.DocTestRunner(optionflags=doctest.ELLIPSIS | doctest.IGNORE_EXCEPTION_DETAIL)
    runner.run(test, out=said.append)
    return said
