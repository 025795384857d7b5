"""The store for commands that change something in it."""

from __future__ import annotations

from collections.abc import Generator
from contextlib import contextmanager

from ..client import ELSEWHERE, App
from ..opening import WAITING
from .lookup import PATIENCE, existing_url
from .terminal import tell


def only_waits(notice: str) -> None:
    """Of an app's notices those about its store: the command says the others itself."""
    if notice.startswith((WAITING, ELSEWHERE)):
        tell(notice)


@contextmanager
def asking(store: str | None) -> Generator[App]:
    """An app that asks and drives nothing. It creates no store: raises RunNotFound where there is none."""
    app = App(existing_url(store), drives="nothing", notice=only_waits)
    app.profile.patience = PATIENCE
    try:
        yield app
    finally:
        app.close()
