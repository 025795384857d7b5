"""`play`: a program runs plainly, then with a crash before and after each of its commits."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator
from contextlib import suppress
from typing import Any, Protocol

import pytest

from podium.errors import WrongState
from podium.testing import VirtualApp, crash_everywhere
from tests.patterns.steps import done


class Play(Protocol):
    """Gives what the workflow returned, or raises its failure; `talk`: signals to it, name and value."""

    def __call__(self, workflow: Any, *args: Any, talk: Iterable[tuple[str, Any]] = ()) -> Any: ...


@pytest.fixture(scope="package")
def virtual_app() -> Iterator[VirtualApp]:
    with VirtualApp() as app:
        yield app


@pytest.fixture
def play(virtual_app: VirtualApp) -> Play:
    def played(workflow: Any, *args: Any, talk: Iterable[tuple[str, Any]] = ()) -> Any:
        done.clear()
        run = workflow.start(*args)
        for name, value in talk:
            with suppress(WrongState):  # it has ended: the result tells whether it had heard enough
                run.send(name, value)
        result, failure = None, None
        try:
            result = run.result(timeout=30)
            ended = f"succeeded: {result!r}"
        except Exception as error:
            failure, ended = error, f"failed: {type(error).__name__}: {error}"
        virtual_app.advance("24h")  # what outlives it
        told = list(done)
        report = crash_everywhere(workflow, *args, effects=done, talk=talk)
        assert report.is_safe, report
        assert (report.result, report.effects) == (ended, dict(Counter(told)))
        done[:] = told
        if failure is not None:
            raise failure
        return result

    return played
